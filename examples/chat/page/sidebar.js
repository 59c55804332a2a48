// The lists beside the messages: rooms, private messages, people. It knows the client's state, and
// tells what was chosen.
import { $, avatar, countOf, element, reconcile, setAttribute, setText } from "./dom.js";

const MORE = 6; // rooms to join; the others by the dialog
const { compare } = new Intl.Collator(undefined, { numeric: true });

export class Sidebar {
  constructor(client, choose) {
    Object.assign(this, { client, choose, rows: new Map(), others: new Map(), persons: new Map() });
    for (const list of [$("rooms"), $("more-rooms"), $("directs"), $("people-list")]) {
      list.addEventListener("keydown", (event) => move(list, event));
      list.addEventListener("click", ({ target }) => {
        const button = target.closest("[data-room]");
        if (button) choose(button.dataset.room);
      });
    }
  }

  render(current) {
    const { client } = this;
    const rooms = [...client.rooms.values()];
    const show = (room) => this.#row(room, room === current);
    reconcile($("rooms"), rooms.filter(({ isDirect }) => !isDirect).map(show));
    this.#more();
    reconcile($("directs"), rooms.filter(({ isDirect }) => isDirect).map(show));
    $("no-directs").hidden = rooms.some(({ isDirect }) => isDirect);
    for (const name of this.rows.keys()) if (!client.rooms.has(name)) this.rows.delete(name);
    if (current) this.#people(current);
  }

  // Rooms that one is not in, the busiest first.
  #more() {
    const { client, others } = this;
    const open = [...client.known]
      .filter(([name]) => !client.rooms.has(name))
      .sort((one, two) => two[1] - one[1] || compare(one[0], two[0]))
      .slice(0, MORE);
    $("more").hidden = open.length === 0;
    reconcile(
      $("more-rooms"),
      open.map(([name, people]) => {
        if (!others.has(name)) others.set(name, makeRow({ name }));
        const row = others.get(name);
        setText(row.querySelector(".count"), people > 0 ? String(people) : "");
        setText(row.querySelector(".more"), `${countOf(people, "person", "people")}, join`);
        return row;
      }),
    );
    for (const name of others.keys()) if (client.rooms.has(name)) others.delete(name);
  }

  #row(room, isCurrent) {
    const { client, rows } = this;
    if (!rows.has(room.name)) rows.set(room.name, makeRow(room));
    const row = rows.get(room.name);
    const [button] = row.children;
    const unread = room.unread(client.name);
    const person = room.name.slice(1);
    const isHere = room.isDirect && client.isHere(person);
    setAttribute(button, "aria-current", isCurrent ? "page" : null);
    setAttribute(
      button,
      "class",
      [unread > 0 && "unread", room.isMuted && "muted"].filter(Boolean).join(" ") || null,
    );
    row.querySelector(".presence")?.classList.toggle("here", isHere);
    setText(
      row.querySelector(".more"),
      [unread > 0 && `${unread} unread`, room.isMuted && "muted", isHere && "here"]
        .filter(Boolean)
        .join(", "),
    );
    const badge = row.querySelector(".badge");
    badge.hidden = unread === 0;
    setText(badge, unread > 99 ? "99+" : String(unread));
    const people = room.people.size;
    setText(
      row.querySelector(".count"),
      room.isDirect || unread > 0 || !client.isOnline || !people ? "" : String(people),
    );
    return row;
  }

  #people(room) {
    const { client, persons } = this;
    const names = [...room.people].sort(compare);
    if (room.isDirect)
      for (const name of [client.name, room.name.slice(1)])
        if (!names.includes(name)) names.push(name);
    names.sort((one, two) => (two === client.name) - (one === client.name));
    reconcile(
      $("people-list"),
      names.map((name) => {
        if (!persons.has(name)) persons.set(name, makePerson(name, client.name));
        const person = persons.get(name);
        person.querySelector(".presence").classList.toggle("here", client.isHere(name));
        return person;
      }),
    );
    for (const name of persons.keys()) if (!names.includes(name)) persons.delete(name);
    const count = room.people.size;
    setText($("people-title"), countOf(names.length, "person", "people"));
    setText($("people-count"), room.isDirect || count === 0 ? "" : String(count));
    setAttribute($("show-people"), "aria-label", count > 0 ? `People: ${count}` : "People");
    setAttribute($("show-people"), "title", "People");
    setText($("leave"), room.isDirect ? `Close ${room.name}` : `Leave ${room.name}`);
    $("leave").hidden = room.name === "#lobby";
  }
}

function makeRow(room) {
  const name = room.name.slice(1);
  const sign = room.isDirect
    ? element("span", { class: "presence" }, avatar(name))
    : element("span", { class: "hash", "aria-hidden": "true" }, "#");
  return element(
    "li",
    {},
    element(
      "button",
      { "data-room": room.name },
      sign,
      element("span", { class: "label" }, name),
      element("span", { class: "hidden more" }),
      element("span", { class: "count", "aria-hidden": "true" }),
      element("span", { class: "badge", "aria-hidden": "true", hidden: true }),
    ),
  );
}

function makePerson(name, me) {
  const face = element("span", { class: "presence" }, avatar(name));
  if (name === me) {
    return element(
      "li",
      {},
      element("span", { class: "you" }, face, element("span", { class: "label" }, `${name} (you)`)),
    );
  }
  return element(
    "li",
    {},
    element(
      "button",
      { "data-room": `@${name}`, title: `Write to ${name}` },
      face,
      element("span", { class: "label" }, name),
      element("span", { class: "hidden" }, "private message"),
    ),
  );
}

// The arrows move within a list; Tab goes through it as ever.
function move(list, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const buttons = [...list.querySelectorAll("button")];
  const index = buttons.indexOf(document.activeElement);
  const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: buttons.length - 1 }[
    event.key
  ];
  if (to === undefined || index < 0) return;
  event.preventDefault();
  buttons[Math.min(Math.max(to, 0), buttons.length - 1)].focus();
}
