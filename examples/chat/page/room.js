// One room as this page knows it: messages in order and once, who is there, what is unread, and
// from where to go on. It does not know the connection, nor the document.
//
// An item is a message, `{ kind: "message", key, id, from, text, at, offset, era }`, or a mark
// between messages: `{ kind: "gap" | "anew" | "missed", … }`. A log that begins anew begins another
// era.
const HELD = 5_000; // items; older ones are let go
const PROVISIONAL = Infinity; // the place of what has no offset yet

const keyOf = (from, id) => `${from} ${id}`;

export class Room {
  epoch = null;
  seen = null; // everything up to this offset was received, or declared gone
  era = 0;
  read = null; // up to this offset of the present era it was read
  isMuted = false;
  isJoined = false; // in the present session of the server
  isRefused = false; // in the present session of the server
  catching = null; // until the history is complete: { from, to, at, count }
  draft = "";
  people = new Set();
  typing = new Map(); // name → until when it counts
  items = [];
  #byKey = new Map();

  constructor(name, stored = null) {
    this.name = name;
    if (!stored) return;
    const { epoch, seen, read, items } = stored;
    Object.assign(this, { epoch, seen, read });
    this.items = items.map((item) => ({ ...item, era: 0, offset: item.offset ?? PROVISIONAL }));
    for (const item of this.items) if (item.kind === "message") this.#byKey.set(item.key, item);
  }

  get isDirect() {
    return this.name.startsWith("@");
  }

  // Offsets begin with 1.
  get since() {
    return this.epoch === null ? null : { epoch: this.epoch, offset: Math.max(0, this.seen ?? 0) };
  }

  // What is kept across a reload. Nothing beyond `seen`: it comes again.
  stored() {
    const { name, epoch, seen, read } = this;
    const items = this.items.filter(({ era, offset }) => era === this.era && offset <= seen);
    return { name, epoch, seen, read, items };
  }

  // ---- from the server --------------------------------------------------------------------------

  unjoined() {
    this.isJoined = false;
    this.isRefused = false;
  }

  // It is not to be joined.
  refused() {
    Object.assign(this, { isJoined: false, isRefused: true, catching: null });
  }

  joining() {
    this.isJoined = true;
    this.isRefused = false;
    this.catching = { from: this.seen, to: null, at: this.seen, count: 0 };
  }

  // Returns the messages that are new here.
  history({ epoch, messages, last, gap, people, more }, me) {
    const isFirst = this.epoch === null;
    const isAnew = !isFirst && epoch !== this.epoch;
    if (isAnew) this.#beginEra();
    this.epoch = epoch;
    this.catching ??= { from: this.seen, to: null, at: this.seen, count: 0 };
    if (!isAnew && gap?.missed > 0) {
      const next = messages[0]?.offset ?? last + 1;
      this.#place({
        kind: "gap",
        key: `gap ${this.era} ${next}`,
        count: gap.missed,
        offset: next - 0.5,
      });
    }
    const fresh = messages.filter((message) => this.#receive(message));
    if (people) this.people = new Set(people);
    const end = messages.at(-1)?.offset ?? null;
    if (end !== null) this.#see(end);
    Object.assign(this.catching, { to: last, at: end ?? this.catching.at });
    this.catching.count += messages.length;
    if (more) return fresh;
    this.catching = null;
    this.#see(last);
    this.#see(this.#newest());
    // Of a room that is new to this browser, nothing is unread; of a private one, what came after
    // the user's own last word.
    if (isFirst && this.read === null) {
      const own = this.items.findLast(({ kind, from }) => kind === "message" && from === me);
      this.read = this.isDirect ? (own?.offset ?? -1) : this.seen;
    }
    return fresh;
  }

  // Returns whether it is new here. Until the history is complete, `seen` stays behind.
  message(message, epoch) {
    if (this.epoch !== null && epoch !== this.epoch) this.#beginEra();
    this.epoch = epoch;
    this.typing.delete(message.from);
    const isNew = this.#receive(message);
    if (this.catching === null && message.offset !== null) this.#see(message.offset);
    return isNew;
  }

  // A history follows, and fills what was left out.
  missed(count) {
    const next = this.seen === null ? -0.5 : this.seen + 0.25;
    this.#place({ kind: "missed", key: `missed ${this.era} ${next}`, count, offset: next });
    this.catching = { from: this.seen, to: null, at: this.seen, count: 0 };
  }

  // ---- from the user ----------------------------------------------------------------------------

  // Returns whether that changed anything.
  markRead() {
    const newest = this.#newest();
    if (newest === null || (this.read !== null && newest <= this.read)) return false;
    this.read = newest;
    return true;
  }

  // What another tab has shown. Returns whether that changed anything.
  readUpTo(elsewhere) {
    if (elsewhere?.epoch !== this.epoch || this.read === null || elsewhere.read <= this.read)
      return false;
    this.read = elsewhere.read;
    return true;
  }

  unread(me) {
    if (this.read === null) return 0;
    let count = 0;
    for (let index = this.items.length - 1; index >= 0; index -= 1) {
      const { kind, offset, from, era } = this.items[index];
      if (era < this.era || offset <= this.read) break;
      if (kind === "message" && offset !== PROVISIONAL && from !== me) count += 1;
    }
    return count;
  }

  has(from, id) {
    return this.#byKey.has(keyOf(from, id));
  }

  typists(now, me) {
    for (const [name, until] of this.typing) if (until <= now) this.typing.delete(name);
    return [...this.typing.keys()].filter((name) => name !== me);
  }

  // ---- private ----------------------------------------------------------------------------------

  #see(offset) {
    if (offset !== null && (this.seen === null || offset > this.seen)) this.seen = offset;
  }

  #newest() {
    const last = this.items.findLast(
      ({ era, offset }) => era === this.era && offset !== PROVISIONAL,
    );
    return last ? Math.floor(last.offset) : null;
  }

  #beginEra() {
    this.era += 1;
    Object.assign(this, { seen: null, read: -1 });
    if (this.catching) this.catching = { from: null, to: null, at: null, count: 0 };
    if (this.items.length > 0) this.#place({ kind: "anew", key: `anew ${this.era}`, offset: -1 });
  }

  #receive({ id, from, text, at, offset }) {
    const key = keyOf(from, id);
    const known = this.#byKey.get(key);
    if (known && (known.offset !== PROVISIONAL || offset === null)) return false;
    // It was provisional, and has its place now.
    if (known) this.items.splice(this.items.indexOf(known), 1);
    const item = { kind: "message", key, id, from, text, at, offset: offset ?? PROVISIONAL };
    this.#byKey.set(key, item);
    this.#place(item);
    return !known;
  }

  #place(item) {
    item.era = this.era;
    if (item.kind !== "message") {
      item.at = Date.now();
      if (this.items.some(({ key }) => key === item.key)) return;
    }
    let index = this.items.length;
    while (index > 0) {
      const { era, offset } = this.items[index - 1];
      if (era < item.era || (era === item.era && offset <= item.offset)) break;
      index -= 1;
    }
    this.items.splice(index, 0, item);
    while (this.items.length > HELD) this.#byKey.delete(this.items.shift().key);
  }
}
