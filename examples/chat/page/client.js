// The page's end of the application's protocol (version 1): logs in, joins, says, and keeps the
// rooms of room.js true. It does not know the document's elements: `change` events say that there is
// something to show.
//
// Two layers keep messages. `Delivery` carries everything once and in order while both ends live.
// Where one has lost its state, each room is joined again from where it was seen, and what was not
// confirmed is said again with the same id, which a log takes once.
import { Connection } from "./connection.js";
import { Delivery } from "./delivery.js";
import { Room } from "./room.js";
import { load, outbox, rooms as roomStore, save, secret } from "./storage.js";

const VERSION = 1;
const LOBBY = "#lobby";
const MARGIN = 0.9; // of what the server allows, that is sent
const BURST = 4; // times what it allows in a second, at once
const TYPING_SHOWN = 4_000;
const TYPING_TOLD = 2_000;
const MOST_TYPISTS = 20; // a room
const MOST_JOINING = 16; // rooms at a time: the server counts commands, too

// Close codes after which it is no use to try again by itself.
export const CLOSED = { elsewhere: 1008, version: 4100, badName: 4101, taken: 4102, flood: 4104 };
const FINAL = new Set(Object.values(CLOSED));

export class Client extends EventTarget {
  name = null; // who is logged in, or about to be
  isWelcome = false; // the server has welcomed this name, on this page or an earlier one
  rooms = new Map(); // by name, in the order of the list
  known = new Map(); // all public rooms of the server → how many people
  // The user's messages that are not in the log for good, oldest first.
  pending = [];
  limits = { text: 2000, name: 24, room: 32, rate: 5 };
  store = null;
  roundTrip = null; // milliseconds
  roundTrips = []; // the latest ones
  #session;
  #ping = null;
  #tokens = Infinity;
  #filled = Date.now();
  #pumping = null;
  #typed = 0;
  #lastSaid = 0;
  #saving = null;
  #touched = new Set();

  constructor(url) {
    super();
    this.connection = new Connection({
      dial: () => {
        const socket = new WebSocket(url, Delivery.protocol);
        const login = JSON.stringify({ chat: VERSION, name: this.name, key: secret() });
        this.#session.attach(socket, login);
        return socket;
      },
      probe: () => this.ping(),
      isFinal: (code) => FINAL.has(code),
    });
    this.connection.addEventListener("change", () => this.#connectionChanged());
    addEventListener("pagehide", () => this.#save());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#save();
    });
    addEventListener("storage", ({ newValue }) => {
      if (newValue === null) this.#dropConfirmed();
      else this.#readElsewhere();
    });
  }

  get isOnline() {
    return this.connection.state === "open";
  }

  get waitingBytes() {
    return (this.connection.socket?.bufferedAmount ?? 0) + (this.#session?.bytes ?? 0);
  }

  // ---- the user ---------------------------------------------------------------------------------

  // The name that this browser has used before.
  remembered() {
    return load("name");
  }

  signIn(name) {
    this.name = name;
    this.isWelcome = load("name") === name;
    for (const stored of roomStore.all(name))
      this.#room(stored.name, stored);
    const order = roomStore.order(name);
    for (const room of [LOBBY, ...order]) this.#room(room);
    this.rooms = new Map([LOBBY, ...order].map((room) => [room, this.rooms.get(room)]));
    this.pending = outbox
      .all(name)
      .map((message) => ({ ...message, state: message.why ? "refused" : "waiting" }));
    for (const { room } of this.pending) this.#room(room);
    this.#lastSaid = this.pending.at(-1)?.at ?? 0;
    this.#begin();
  }

  signOut() {
    this.#save();
    save("name", null);
    this.#forget();
  }

  // The session was closed for good: a new one goes on with the same rooms.
  begin() {
    this.#begin();
  }

  join(name) {
    const isNew = !this.rooms.has(name);
    const room = this.#room(name);
    if (isNew) this.#saveOrder();
    if (!room.isJoined && this.isOnline) this.#join(room);
    this.#changed();
  }

  leave(name) {
    this.#command({ t: "leave", room: name });
    for (const { id } of this.pending.filter(({ room }) => room === name)) this.discard(id);
    this.rooms.delete(name);
    roomStore.remove(this.name, name);
    this.#saveOrder();
    this.#changed();
  }

  say(room, said) {
    // After a reload, they are sent in the order of their times. Half of a character is not JSON.
    const at = Math.max(Date.now(), this.#lastSaid + 1);
    this.#lastSaid = at;
    const text = said.toWellFormed?.() ?? said;
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const message = { id: `${at.toString(36)}-${random}`, room, text, at };
    outbox.add(this.name, message);
    this.pending.push({ ...message, state: "waiting" });
    this.#typed = 0;
    this.#pump();
    this.#changed();
  }

  // Takes a message back that was refused, or has not left. Returns its text.
  discard(id) {
    const message = this.pending.find((one) => one.id === id);
    this.#confirm(id);
    this.#changed();
    return message?.text ?? "";
  }

  typing(room) {
    if (!this.isOnline || Date.now() - this.#typed < TYPING_TOLD) return;
    this.#typed = Date.now();
    this.#command({ t: "typing", room });
  }

  ping() {
    this.#ping = { at: Date.now(), sent: performance.now() };
    this.#command({ t: "ping", at: this.#ping.at });
  }

  markRead(name) {
    const room = this.rooms.get(name);
    if (!room?.markRead()) return;
    this.#touch(room);
    roomStore.saveRead(this.name, room);
    this.#changed();
  }

  mute(name, isMuted) {
    const room = this.rooms.get(name);
    room.isMuted = isMuted;
    roomStore.saveMuted(this.name, room);
    this.#changed();
  }

  keepDraft(name, text) {
    const room = this.rooms.get(name);
    if (!room || room.draft === text) return;
    room.draft = text;
    roomStore.saveDraft(this.name, room);
  }

  isHere(name) {
    return this.isOnline && [...this.rooms.values()].some(({ people }) => people.has(name));
  }

  // ---- the connection ---------------------------------------------------------------------------

  #begin() {
    const session = new Delivery();
    this.#session = session;
    this.#unjoin();
    session.onmessage = (data) => this.#handle(JSON.parse(data));
    session.onopen = (isResumed) => {
      if (!isResumed) this.#unjoin();
      this.connection.established();
      this.ping();
      this.#pump();
    };
    this.connection.start();
  }

  // The server knows nothing of this page.
  #unjoin() {
    for (const room of this.rooms.values()) room.unjoined();
    for (const message of this.pending) if (message.state === "sent") message.state = "waiting";
  }

  #connectionChanged() {
    const { state, reason } = this.connection;
    if (state !== "open") this.#ping = this.roundTrip = null;
    const isRefused = state === "stopped" && [CLOSED.badName, CLOSED.taken].includes(reason?.code);
    if (isRefused && this.name !== null) {
      this.#forget();
      this.dispatchEvent(new CustomEvent("denied", { detail: reason.reason }));
    }
    this.#changed();
  }

  #forget() {
    this.name = null;
    this.isWelcome = false;
    this.rooms.clear();
    this.known.clear();
    this.pending = [];
    this.connection.stop();
    this.#changed();
  }

  #command(command) {
    return this.isOnline && this.#session.send(JSON.stringify(command));
  }

  // Joins what is not joined, some at a time. The next ones follow when these have their history.
  #joinMore() {
    const rooms = [...this.rooms.values()];
    const joining = rooms.filter(({ isJoined, catching }) => isJoined && catching !== null).length;
    const left = rooms.filter(({ isJoined, isRefused }) => !isJoined && !isRefused);
    for (const room of left.slice(0, Math.max(0, MOST_JOINING - joining))) this.#join(room);
  }

  #join(room) {
    if (this.#command({ t: "join", room: room.name, since: room.since })) room.joining();
  }

  // Sends what waits, no faster than the server takes it; what is left follows by a timer.
  #pump() {
    clearTimeout(this.#pumping);
    if (!this.isOnline || this.store === null) return;
    const now = Date.now();
    const rate = this.limits.rate * MARGIN;
    const refilled = this.#tokens + (Math.max(0, now - this.#filled) / 1000) * rate;
    this.#tokens = Math.min(rate * BURST, refilled);
    this.#filled = now;
    for (const message of this.pending) {
      if (message.state !== "waiting" || !this.rooms.get(message.room)?.isJoined) continue;
      const { id, room, text } = message;
      if (this.#tokens < 1 || !this.#command({ t: "say", room, id, text })) {
        this.#pumping = setTimeout(() => this.#pump(), 1000 / rate);
        return;
      }
      this.#tokens -= 1;
      message.state = "sent";
      this.#changed();
    }
  }

  // ---- events of the server ---------------------------------------------------------------------

  #handle(event) {
    const room = this.rooms.get(event.room) ?? this.#respelt(event.room);
    switch (event.t) {
      case "welcome":
        this.#welcome(event);
        break;
      case "history": {
        if (!room) break;
        const fresh = room.history(event, this.name);
        for (const { from, id, offset } of event.messages) {
          if (from === this.name && offset !== null) this.#confirm(id);
        }
        this.#touch(room);
        this.#tell(room, fresh);
        if (room.catching === null) this.#joinMore();
        break;
      }
      case "message":
        this.#message(event);
        break;
      case "joined":
        room?.people.add(event.name);
        break;
      case "left":
        room?.people.delete(event.name);
        room?.typing.delete(event.name);
        break;
      case "typing":
        if (room && (room.typing.size < MOST_TYPISTS || room.typing.has(event.name))) {
          room.typing.set(event.name, Date.now() + TYPING_SHOWN);
          setTimeout(() => this.#changed(), TYPING_SHOWN + 50);
        }
        break;
      case "room":
        this.known.set(event.room, event.people);
        break;
      case "refused":
        this.#refused(event);
        break;
      case "missed":
        room?.missed(event.count);
        break;
      case "pong":
        if (event.at !== this.#ping?.at) break;
        this.roundTrip = performance.now() - this.#ping.sent;
        this.roundTrips = [...this.roundTrips, this.roundTrip].slice(-30);
        this.#ping = null;
        break;
      case "store":
        this.store = event.state;
        break;
      default: // of a later version
    }
    this.#changed();
  }

  #welcome({ name, rooms, directs, limits, store }) {
    this.name = name; // as it was spelt at first
    save("name", name);
    this.isWelcome = true;
    Object.assign(this, { store, limits: { ...this.limits, ...limits } });
    this.known = new Map(rooms.map(({ room, people }) => [room, people]));
    for (const direct of directs) this.#room(direct);
    this.#saveOrder();
    this.#joinMore();
    this.#pump();
  }

  #message(event) {
    const isKnown = this.rooms.has(event.room);
    if (!isKnown && event.room.startsWith("#")) {
      // It was left while there was no connection.
      this.#command({ t: "leave", room: event.room });
      return;
    }
    const room = this.#room(event.room);
    if (!isKnown) room.read = (event.offset ?? 0) - 1;
    const since = room.since;
    const isForeign = room.epoch !== null && event.epoch !== room.epoch;
    if (event.from === this.name && event.offset !== null) this.#confirm(event.id);
    const isNew = room.message(event, event.epoch);
    // Somebody's first private message, or the log has become another one: ask for the rest.
    if (!isKnown || isForeign) {
      if (!isKnown) this.#saveOrder();
      if (this.#command({ t: "join", room: room.name, since })) room.joining();
    }
    this.#touch(room);
    if (isNew) this.#tell(room, [event]);
  }

  // A private room that was joined by another spelling of the name.
  #respelt(name) {
    if (!name?.startsWith("@")) return undefined;
    const isSame = (other) => other.toLowerCase() === name.toLowerCase();
    const room = [...this.rooms.values()].find((one) => isSame(one.name));
    if (!room) return undefined;
    for (const message of this.pending.filter((one) => one.room === room.name)) {
      const { id, text, at, why } = Object.assign(message, { room: name });
      outbox.add(this.name, { id, room: name, text, at, why });
    }
    roomStore.remove(this.name, room.name);
    room.name = name;
    roomStore.saveDraft(this.name, room);
    roomStore.saveMuted(this.name, room);
    this.rooms = new Map([...this.rooms.values()].map((one) => [one.name, one]));
    this.#saveOrder();
    return room;
  }

  #refused({ id, room, why, retry }) {
    const message = this.pending.find((one) => one.id === id);
    if (message && retry !== undefined) {
      // Too soon: it waits, and the others behind it.
      message.state = "waiting";
      this.#tokens = 0;
      this.#filled = Math.max(this.#filled, Date.now() + retry);
      this.#pump();
    } else if (message) {
      outbox.add(this.name, { id, room: message.room, text: message.text, at: message.at, why });
      Object.assign(message, { state: "refused", why });
    } else if (retry !== undefined) {
      const later = this.rooms.get(room);
      const again = () => {
        if (later.catching && this.rooms.has(later.name)) this.#join(later);
      };
      if (later) setTimeout(again, retry);
    } else {
      this.rooms.get(room)?.refused();
      if (this.rooms.get(room)?.epoch === null) this.#unfounded(room, why);
      this.#joinMore();
      this.dispatchEvent(new CustomEvent("refused", { detail: { room, why } }));
    }
  }

  // There is no such room. What was to be said there is given back.
  #unfounded(room, why) {
    const lost = this.pending.filter((message) => message.room === room);
    for (const { id } of lost) this.#refused({ id, room, why });
    if (lost.length > 0) return;
    this.rooms.delete(room);
    this.#saveOrder();
  }

  #tell(room, messages) {
    const others = messages.filter(({ from }) => from !== this.name);
    if (others.length === 0) return;
    this.dispatchEvent(new CustomEvent("heard", { detail: { room, messages: others } }));
  }

  #confirm(id) {
    const index = this.pending.findIndex((message) => message.id === id);
    if (index >= 0) this.pending.splice(index, 1);
    outbox.remove(this.name, id);
  }

  // Another tab has seen some confirmed. Only what this page has sent nothing of may go.
  #dropConfirmed() {
    if (this.name === null) return;
    const left = new Set(outbox.all(this.name).map(({ id }) => id));
    this.pending = this.pending.filter(
      ({ id, room, state }) =>
        state !== "waiting" || left.has(id) || !this.rooms.get(room)?.has(this.name, id),
    );
    this.#changed();
  }

  #readElsewhere() {
    if (this.name === null) return;
    let isChanged = false;
    for (const room of this.rooms.values()) {
      const isMuted = roomStore.muted(this.name, room.name);
      const isRead = room.readUpTo(roomStore.read(this.name, room));
      isChanged ||= isRead || isMuted !== room.isMuted;
      room.isMuted = isMuted;
    }
    if (isChanged) this.#changed();
  }

  // ---- keeping ----------------------------------------------------------------------------------

  #room(name, stored = null) {
    if (!this.rooms.has(name)) {
      const room = new Room(name, stored);
      room.draft = roomStore.draft(this.name, name);
      room.isMuted = roomStore.muted(this.name, name);
      this.rooms.set(name, room);
    }
    return this.rooms.get(name);
  }

  #saveOrder() {
    roomStore.saveOrder(
      this.name,
      [...this.rooms.keys()].filter((name) => name !== LOBBY),
    );
  }

  #touch(room) {
    this.#touched.add(room);
    this.#saving ??= setTimeout(() => this.#save(), 500);
  }

  #save() {
    clearTimeout(this.#saving);
    this.#saving = null;
    if (this.name === null) return;
    for (const room of this.#touched) {
      if (this.rooms.get(room.name) === room) roomStore.save(this.name, room.stored());
    }
    this.#touched.clear();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
