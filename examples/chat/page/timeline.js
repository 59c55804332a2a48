// The messages of the room that is shown: grouped by author and day, with marks where something is
// gone, the user's own waiting ones at the end. It does not know the connection.
import {
  $,
  countOf,
  dayName,
  element,
  isSameDay,
  reconcile,
  setAttribute,
  setText,
} from "./dom.js";
import { makeDay, makeMark, makeMessage, makeNote } from "./message.js";

const PAGE = 500; // messages in the document; earlier ones by the button
const GROUP = 5 * 60_000; // between two messages of one author that are shown as one group
const NEAR = 80; // pixels from the end that count as the end

export class Timeline {
  // `actions`: copy(text), edit(id), retry(id), discard(id), read(), singleKeys()
  constructor(client, actions) {
    Object.assign(this, { client, actions, room: null, shown: PAGE, isAtEnd: true, missed: 0, size: "" });
    this.nodes = new Map(); // key → element
    this.scroller = $("scroller");
    this.list = $("messages");
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => {
      this.#isResized(); // The next scroll event is the user's, not the window's.
      if (this.isAtEnd) this.toEnd();
    }).observe(this.scroller);
    $("jump").onclick = () => {
      this.toEnd();
      $("text").focus();
    };
    $("show-older").onclick = () => this.#showOlder();
    this.list.addEventListener("keydown", (event) => this.#key(event));
    // The buttons of a message are in reach of Tab while the focus is in it.
    for (const type of ["focusin", "focusout"]) {
      this.list.addEventListener(type, ({ target }) => {
        const copy = target.closest(".message")?.querySelector("[data-action=copy]");
        if (copy) copy.tabIndex = type === "focusin" ? 0 : -1;
      });
    }
    this.list.addEventListener("click", (event) => this.#click(event));
  }

  // Where the unread ones begin is kept as it was when the room was opened.
  open(room) {
    Object.assign(this, { room, shown: PAGE, isAtEnd: true, missed: 0, newest: null });
    this.nodes.clear();
    this.boundary =
      room && room.unread(this.client.name) > 0 ? { era: room.era, offset: room.read } : null;
    this.#quietly(() => {
      this.list.replaceChildren();
      this.render();
    });
  }

  render() {
    const { room, client } = this;
    if (!room) return;
    const pending = client.pending.filter(
      (message) => message.room === room.name && !room.has(client.name, message.id),
    );
    const items = room.items.slice(-this.shown);
    const wasAtEnd = this.isAtEnd;
    const added = this.#countNew(room.items);
    const rows = this.#rows(items, pending);
    const isBulk = rows.filter((row) => !row.isConnected).length > 10 || room.catching !== null;
    const update = () => reconcile(this.list, rows);
    if (isBulk) this.#quietly(update);
    else update();
    const keys = new Set(rows.map(({ dataset }) => dataset.key));
    for (const key of this.nodes.keys()) if (!keys.has(key)) this.nodes.delete(key);
    $("older").hidden = room.items.length <= this.shown;
    setText(
      $("show-older"),
      `Show earlier (${(room.items.length - items.length).toLocaleString("en")})`,
    );
    this.#empty(rows.length === 0);
    if (wasAtEnd) this.toEnd();
    else this.missed += added;
    this.#jump();
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.isAtEnd = true;
    this.missed = 0;
    this.#jump();
    this.actions.read();
  }

  focusLast() {
    [...this.list.querySelectorAll(".message")].at(-1)?.focus();
  }

  // ---- rows -------------------------------------------------------------------------------------

  #rows(items, pending) {
    const rows = [];
    const { boundary, client } = this;
    let before = null; // the message above, of the same group
    let isNewShown = false;
    for (const item of items) {
      if (item.kind !== "message") {
        rows.push(this.#node(item.key, () => makeMark(item)));
        before = null;
        continue;
      }
      if (!before || !isSameDay(before.at, item.at)) {
        const isFirstOfDay = !rows.some(({ dataset }) => dataset.key === `day ${dayName(item.at)}`);
        if (isFirstOfDay) rows.push(this.#node(`day ${dayName(item.at)}`, () => makeDay(item.at)));
        before = null;
      }
      const isUnread =
        boundary &&
        !isNewShown &&
        item.from !== client.name &&
        (item.era > boundary.era || item.offset > boundary.offset);
      if (isUnread) {
        rows.push(
          this.#node("new", () => element("li", { class: "new" }, element("span", {}, "New"))),
        );
        isNewShown = true;
        before = null;
      }
      const isFirst = before?.from !== item.from || item.at - before.at > GROUP;
      rows.push(
        this.#message(item, isFirst, Number.isFinite(item.offset) ? "sent" : "provisional"),
      );
      before = item;
    }
    for (const { id, text, at, state, why } of pending) {
      const item = { key: `${client.name} ${id}`, id, text, at, from: client.name };
      const isFirst = before?.from !== item.from || at - before.at > GROUP;
      // Without a connection, nobody knows whether it has arrived.
      const shown = state === "sent" && !client.isOnline ? "unconfirmed" : state;
      rows.push(this.#message(item, isFirst, shown, why));
      before = item;
    }
    return rows;
  }

  #node(key, make) {
    let node = this.nodes.get(key);
    if (!node) {
      node = make();
      node.dataset.key = key;
      this.nodes.set(key, node);
    }
    return node;
  }

  #message(item, isFirst, state, why = "") {
    const isOwn = item.from === this.client.name;
    const node = this.#node(item.key, () => makeMessage(item, isOwn));
    const name = [
      "message",
      isOwn && "own",
      isFirst && "first",
      state !== "sent" || isOwn ? state : null,
    ];
    setAttribute(node, "class", name.filter(Boolean).join(" "));
    const shows = `${state} ${this.client.isOnline} ${why}`;
    if (node.dataset.shows !== shows) {
      node.dataset.shows = shows;
      node.querySelector(".note-line")?.remove();
      const note = makeNote(state, why, this.client.isOnline);
      if (note) node.querySelector(".body").append(note);
    }
    return node;
  }

  #empty(isEmpty) {
    const { room, client } = this;
    $("empty").hidden = !isEmpty;
    $("log").hidden = isEmpty;
    if (!isEmpty) return;
    const isLoading = room.catching !== null || (!room.isJoined && room.epoch === null);
    setText(
      $("empty-title"),
      isLoading
        ? room.name
        : room.isDirect
          ? `You and ${room.name.slice(1)}`
          : `${room.name} is quiet`,
    );
    setText(
      $("empty-text"),
      isLoading
        ? client.isOnline
          ? "Fetching the messages…"
          : "Its messages come with the connection. You can write already."
        : room.isDirect
          ? "Only the two of you can read what is said here."
          : "Nobody has said anything yet. Be the first.",
    );
  }

  // ---- scrolling --------------------------------------------------------------------------------

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // A window that changes, or a keyboard that comes, scrolls too: nobody wanted to leave the end.
    if (this.#isResized() && this.isAtEnd) {
      this.toEnd();
      return;
    }
    const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (isAtEnd && !this.isAtEnd) {
      this.missed = 0;
      this.actions.read();
    }
    this.isAtEnd = isAtEnd;
    this.#jump();
  }

  // Since the last call.
  #isResized() {
    const { clientHeight, clientWidth } = this.scroller;
    const before = this.size;
    this.size = `${clientWidth} ${clientHeight}`;
    return this.size !== before;
  }

  #jump() {
    $("jump").hidden = this.isAtEnd;
    setText(
      $("jump-text"),
      this.missed > 0 ? countOf(this.missed, "new message") : "To the newest",
    );
  }

  #countNew(items) {
    const previous = this.newest;
    this.newest = items.at(-1) ?? null;
    if (!previous) return 0;
    return items.length - 1 - items.lastIndexOf(previous);
  }

  #showOlder() {
    const { scroller } = this;
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    const first = this.list.querySelector(".message");
    this.shown += PAGE;
    this.isAtEnd = false;
    this.#quietly(() => this.render());
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
    first?.focus({ preventScroll: true });
  }

  // What is not new is not read aloud.
  #quietly(update) {
    setAttribute($("log"), "aria-live", "off");
    update();
    setTimeout(() => setAttribute($("log"), "aria-live", "polite"), 300);
  }

  // ---- keys and buttons -------------------------------------------------------------------------

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const current = event.target.closest(".message");
    if (!current || event.target.closest("button")) return;
    const all = [...this.list.querySelectorAll(".message")];
    const index = all.indexOf(current);
    const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: all.length - 1 }[
      event.key
    ];
    if (to !== undefined) {
      event.preventDefault();
      if (to >= all.length) $("text").focus();
      else all[Math.max(0, to)].focus();
    }
    if (!this.actions.singleKeys()) return;
    if (event.key === "c") this.#act("copy", current);
    if (event.key === "e" && current.querySelector("[data-action=edit]")) {
      event.preventDefault();
      this.#act("edit", current);
    }
  }

  #click(event) {
    const button = event.target.closest("[data-action]");
    if (button) this.#act(button.dataset.action, button.closest(".message"));
  }

  #act(action, message) {
    if (action === "copy") this.actions.copy(message.querySelector(".said").textContent);
    else this.actions[action](message.dataset.id);
  }
}
