// Calls for attention outside of the room that is shown: the title, the icon, notifications. Asks
// for permission only when the user has pressed the bell.
import { $, countOf, icon, setAttribute } from "./dom.js";

const WAVES = `<circle cx="11" cy="21" r="3" fill="#fff"/>
  <path d="M11 14a7 7 0 0 1 7 7M11 8a13 13 0 0 1 13 13" fill="none" stroke="#fff"
    stroke-width="2.6" stroke-linecap="round"/>`;
const MARK = `<circle cx="25" cy="7" r="7" fill="#f26b21" stroke="#fff" stroke-width="2"/>`;

function iconOf(isMarked) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <rect width="32" height="32" rx="8" fill="#0b6655"/>${WAVES}${isMarked ? MARK : ""}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

const PATIENCE = 300; // milliseconds
const isSupported = "Notification" in globalThis;

export class Attention {
  #icons = null;
  #notes = new Map();

  constructor(client, choose, announce) {
    Object.assign(this, { client, choose, announce });
  }

  render(room) {
    const { client } = this;
    let unread = 0;
    for (const one of client.rooms.values()) if (!one.isMuted) unread += one.unread(client.name);
    const title = `${unread > 0 ? `(${unread}) ` : ""}${room ? `${room.name} · ` : ""}Sanswire Chat`;
    if (document.title !== title) document.title = title;
    if (this.#icons !== unread > 0) {
      this.#icons = unread > 0;
      $("favicon").href = iconOf(this.#icons);
    }
    if (!room) return;
    const elsewhere = unread - (room.isMuted ? 0 : room.unread(client.name));
    $("back-badge").hidden = elsewhere === 0;
    $("back-badge").textContent = elsewhere > 99 ? "99+" : elsewhere;
    setAttribute(
      $("back"),
      "aria-label",
      elsewhere > 0 ? `All rooms, ${elsewhere} unread elsewhere` : "All rooms",
    );
    const isOn = isSupported && Notification.permission === "granted" && !room.isMuted;
    const label = `Notifications of ${room.name}`;
    setAttribute($("bell"), "aria-label", label);
    setAttribute($("bell"), "title", `${label}: ${isOn ? "on" : "off"}`);
    setAttribute($("bell"), "aria-pressed", String(isOn));
    const shown = isOn ? "bell" : "bell-off";
    if ($("bell").dataset.icon !== shown) {
      $("bell").dataset.icon = shown;
      $("bell").replaceChildren(icon(shown));
    }
  }

  async toggle(room) {
    const { client } = this;
    if (!isSupported) return this.announce("This browser cannot show notifications.");
    if (Notification.permission === "granted") {
      client.mute(room.name, !room.isMuted);
      return this.announce(`Notifications of ${room.name} are ${room.isMuted ? "off" : "on"}.`);
    }
    // Unread marks of a muted room are quiet; that needs no permission.
    const answer =
      Notification.permission === "denied" ? "denied" : await Notification.requestPermission();
    if (answer !== "granted") {
      client.mute(room.name, !room.isMuted);
      const instead = room.isMuted ? "muted" : "marked when unread";
      return this.announce(`The browser does not allow notifications. ${room.name} is ${instead}.`);
    }
    client.mute(room.name, false);
    return this.announce("Notifications are on, except for the room that you look at.");
  }

  // Never for what is being looked at; another tab that shows it says so meanwhile.
  async notify(room, messages, isVisible) {
    if (!isSupported || Notification.permission !== "granted" || room.isMuted || isVisible) return;
    const { from, text, offset } = messages.at(-1);
    await new Promise((done) => {
      setTimeout(done, PATIENCE);
    });
    if (offset !== null && room.read !== null && offset <= room.read) return;
    const title = room.isDirect ? from : `${from} in ${room.name}`;
    const more = messages.length > 1 ? `${countOf(messages.length, "message")}, at last: ` : "";
    try {
      const note = new Notification(title, {
        body: more + text.slice(0, 200),
        tag: room.name,
        icon: iconOf(false),
      });
      note.onclick = () => {
        focus();
        this.choose(room.name);
        note.close();
      };
      this.#notes.set(room.name, note);
    } catch {
      /* Some phones allow them to service workers only. */
    }
  }

  seen(room) {
    this.#notes.get(room.name)?.close();
    this.#notes.delete(room.name);
  }
}
