// The dialog that goes to a room or a person, joins a room, or starts a private message: a field
// with a list of what fits. It knows the names that the client knows, and tells what was chosen.
import { $, avatar, countOf, element, setAttribute, setText } from "./dom.js";
import { goalOf, wrongRoom } from "./names.js";

const MOST = 40;
const { compare } = new Intl.Collator(undefined, { numeric: true });

export class Switcher {
  constructor(client, choose) {
    Object.assign(this, { client, choose, options: [], index: 0 });
    $("goal").oninput = () => {
      this.index = 0;
      this.render();
    };
    $("goal").onkeydown = (event) => this.#key(event);
    $("goals").onclick = ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#take(option.dataset.room);
    };
    $("switcher").onclick = ({ target }) => {
      if (target === $("switcher")) $("switcher").close();
    };
  }

  // `sign` is "#" to join, "@" to write, or "" for everything.
  show(sign = "") {
    const titles = { "#": "Join a room", "@": "Start a private message", "": "Go to" };
    const labels = {
      "#": "Name of the room, new or not",
      "@": "Name of the person",
      "": "Room or person",
    };
    this.sign = sign;
    this.index = 0;
    setText($("switcher-title"), titles[sign]);
    setText($("goal-label"), labels[sign]);
    setAttribute(
      $("goal"),
      "placeholder",
      { "#": "#room", "@": "@name", "": "#room or @name" }[sign],
    );
    $("goal").value = "";
    $("goal-error").textContent = "";
    $("goal").removeAttribute("aria-invalid");
    $("switcher").showModal();
    $("goal").focus();
    this.render();
  }

  render() {
    if (!$("switcher").open) return;
    this.options = this.#fitting();
    this.index = Math.max(0, Math.min(this.index, this.options.length - 1));
    $("goals").replaceChildren(
      ...this.options.map(({ room, note, isNew }, index) => {
        const name = room.slice(1);
        return element(
          "li",
          {
            role: "option",
            id: `goal-${index}`,
            "aria-selected": String(index === this.index),
            "data-room": room,
          },
          room.startsWith("@")
            ? avatar(name)
            : element("span", { class: "hash", "aria-hidden": "true" }, "#"),
          element(
            "span",
            {},
            isNew ? `${room.startsWith("@") ? "Write to" : "Join"} ${room}` : name,
          ),
          element("span", { class: "note-of" }, note),
        );
      }),
    );
    setAttribute(
      $("goal"),
      "aria-activedescendant",
      this.options.length > 0 ? `goal-${this.index}` : null,
    );
    setAttribute($("goal"), "aria-expanded", String(this.options.length > 0));
    $("goals").children[this.index]?.scrollIntoView({ block: "nearest" });
  }

  #fitting() {
    const { client } = this;
    const typed = $("goal").value.trim();
    const wanted = /^[#@]/.test(typed) ? typed : this.sign + typed;
    const sought = wanted.toLowerCase();
    const options = new Map();
    const add = (room, note, rank) => {
      if (!options.has(room)) options.set(room, { room, note, rank });
    };
    for (const room of client.rooms.values()) {
      const unread = room.unread(client.name);
      add(room.name, unread > 0 ? `${unread} unread` : "", unread > 0 ? 0 : 1);
    }
    for (const [room, people] of client.known) add(room, countOf(people, "person", "people"), 2);
    for (const { people } of client.rooms.values()) {
      for (const name of people) if (name !== client.name) add(`@${name}`, "here", 3);
    }
    const fits = ({ room }) =>
      /^[#@]/.test(sought)
        ? room.toLowerCase().startsWith(sought)
        : room.toLowerCase().includes(sought);
    const found = [...options.values()]
      .filter(fits)
      .sort((one, two) => one.rank - two.rank || compare(one.room, two.room))
      .slice(0, MOST);
    const isWhole = typed !== "" && !/^[#@]?$/.test(typed);
    const goal = goalOf(typed, this.sign);
    if (isWhole && !found.some(({ room }) => room.toLowerCase() === goal.toLowerCase())) {
      found.push({ room: goal, note: "", isNew: true });
    }
    return found;
  }

  #key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && this.options.length > 0) {
      event.preventDefault();
      this.index = (this.index + by + this.options.length) % this.options.length;
      this.render();
    }
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      const option = this.options[this.index];
      if (option) this.#take(option.room);
    }
  }

  #take(room) {
    const { limits, name } = this.client;
    const why = wrongRoom(room, { me: name, limits });
    setText($("goal-error"), why);
    setAttribute($("goal"), "aria-invalid", why !== "" ? "true" : null);
    if (why !== "") return;
    $("switcher").close();
    this.choose(room);
  }
}
