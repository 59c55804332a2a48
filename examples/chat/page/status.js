// What the page says of its connection: the banner, the pill in the head, the card behind it, and
// the progress while a room catches up. It knows the client's state and changes nothing.
import { $, countOf, duration, element, sentence, setAttribute, setText } from "./dom.js";
import { CLOSED } from "./client.js";

const PATIENCE = 1_200; // A connection that comes sooner needs no banner.
const BARS = 30;
const SVG = "http://www.w3.org/2000/svg";

export class Status {
  // `actions`: reload, retry, begin, signIn
  constructor(client, actions) {
    Object.assign(this, { client, actions, troubled: 0, ticking: null });
    $("banner-button").onclick = () => this.act?.();
    $("status-card").addEventListener("toggle", ({ newState }) => {
      clearInterval(this.ticking);
      if (newState !== "open") return;
      this.#card();
      let count = 0;
      this.ticking = setInterval(() => {
        if (document.hidden) return;
        if (client.isOnline && (count += 1) % 4 === 0) client.ping();
        this.#card();
      }, 500);
    });
  }

  render(room) {
    const { client } = this;
    const { state } = client.connection;
    setAttribute($("app"), "data-state", state);
    const word = {
      open: client.roundTrip === null ? "Online" : milliseconds(client.roundTrip),
      connecting: "Connecting",
      waiting: "Offline",
      stopped: "Offline",
      asleep: "Offline",
    }[state];
    setText($("status-text"), word);
    setAttribute($("status"), "aria-label", `Connection: ${word}`);
    this.#banner();
    this.#events(room);
    $("alone").hidden = !(client.isOnline && client.store === "alone");
    this.#catching(room);
  }

  #banner() {
    const { connection } = this.client;
    clearTimeout(this.later);
    if (connection.state === "open" || this.client.name === null) {
      this.troubled = 0;
      this.#say(null);
      this.#hide();
      return;
    }
    this.troubled ||= Date.now();
    const wait = this.troubled + PATIENCE - Date.now();
    if (connection.state !== "stopped" && wait > 0 && navigator.onLine) {
      this.later = setTimeout(() => this.#banner(), wait);
      return;
    }
    const [title, text, label, act, kind = ""] = this.#trouble();
    $("banner").hidden = false;
    $("banner").className = `banner ${kind}`;
    setText($("banner-title"), title);
    setText($("banner-text"), text);
    // While it cannot be used it stays where it is, with the focus that it may have.
    setText($("banner-button"), label);
    setAttribute($("banner-button"), "aria-disabled", act === null ? "true" : null);
    this.act = act;
    // Attempts come and go: for the ear, the trouble begins once, and ends once.
    if (!this.said || connection.state === "stopped") this.#say(`${title} ${text}`);
    this.#count();
  }

  #trouble() {
    const {
      actions,
      client: { connection, pending },
    } = this;
    const { state, reason, gaveUp } = connection;
    const unsent = pending.filter((message) => message.state !== "refused").length;
    const kept =
      unsent > 0
        ? `${countOf(unsent, "message")} will be sent later.`
        : "What you write is sent later.";
    if (state === "stopped") {
      switch (reason?.code) {
        case CLOSED.version:
          return [
            "This page is out of date.",
            sentence(reason.reason || "the server speaks another version"),
            "Reload",
            actions.reload,
            "bad",
          ];
        case CLOSED.elsewhere:
          return [
            "The server has closed the connection.",
            sentence(reason.reason || "this session belongs to somebody else"),
            "Reconnect",
            actions.begin,
          ];
        case CLOSED.flood:
          return [
            "You were disconnected.",
            sentence(reason.reason || "too many messages at once"),
            "Reconnect",
            actions.begin,
            "bad",
          ];
        default:
          return [
            gaveUp ? "No connection, and no more attempts." : "Not connected.",
            kept,
            "Reconnect",
            gaveUp ? actions.retry : actions.begin,
            "bad",
          ];
      }
    }
    if (!navigator.onLine) return ["You are offline.", kept, "Try now", actions.retry];
    const why =
      reason?.code === 1013 ? sentence(reason.reason || "the server is full") : "No connection.";
    if (state === "connecting")
      return [
        connection.opened > 0 || reason ? "Reconnecting…" : "Connecting…",
        kept,
        "Try now",
        null,
        "calm",
      ];
    return [why, kept, "Try now", actions.retry];
  }

  // The countdown is for the eye: it would be read aloud each second.
  #count() {
    clearTimeout(this.counting);
    const { connection } = this.client;
    const seconds = Math.ceil((connection.until - Date.now()) / 1000);
    const isCounting = connection.state === "waiting" && seconds > 0;
    setText($("banner-count"), isCounting ? `Next attempt in ${seconds} s.` : "");
    if (isCounting && !document.hidden) this.counting = setTimeout(() => this.#count(), 250);
  }

  #hide() {
    clearTimeout(this.counting);
    // A button that goes must not take the focus with it.
    if ($("banner").contains(document.activeElement)) $("text").focus();
    $("banner").hidden = true;
  }

  #say(text) {
    if (text === null && this.said) text = "Connected again.";
    if (text === null || text === this.said) return;
    setText($("announcer"), text);
    this.said = text === "Connected again." ? null : text;
  }

  #events(room) {
    $("events").hidden = room.isDirect;
    if (room.isDirect) return;
    setText($("events"), `Events of ${room.name}`);
    setAttribute($("events"), "href", `rooms/${encodeURIComponent(room.name.slice(1))}/events`);
  }

  #catching(room) {
    const catching = room?.catching;
    const isLong = catching && catching.count > 0 && catching.to !== null;
    $("catching").hidden = !isLong;
    if (!isLong) return;
    const all = catching.from === null ? null : catching.to - catching.from;
    const count = catching.count.toLocaleString("en");
    const text = all ? `${count} of ${countOf(all, "message")}` : count;
    setText($("catching-text"), `Catching up: ${text}`);
    if (all) {
      $("catching-bar").max = all;
      $("catching-bar").value = catching.at - catching.from;
    } else $("catching-bar").removeAttribute("value");
  }

  #card() {
    const { client } = this;
    const { connection } = client;
    const { reason } = connection;
    setText($("trip"), client.roundTrip === null ? "–" : milliseconds(client.roundTrip));
    const most = Math.max(...client.roundTrips, 1);
    const none = Array.from({ length: BARS - client.roundTrips.length }, () => 0);
    $("trips").replaceChildren(
      ...[...none, ...client.roundTrips].map((trip, index) => {
        const rect = document.createElementNS(SVG, "rect");
        const height = Math.max(1.5, (trip / most) * 32);
        const place = {
          x: index * 4,
          y: 32 - height,
          width: 3,
          height,
          class: trip === 0 ? "none" : "",
        };
        for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
        return rect;
      }),
    );
    const states = {
      open: "connected",
      connecting: "connecting",
      waiting: "waiting to reconnect",
      stopped: "stopped",
      asleep: "asleep",
    };
    const stores = {
      local: "on this server",
      shared: "shared by all servers",
      alone: "this server alone",
    };
    const rows = {
      State: states[connection.state],
      Server: location.host,
      "Connected for": connection.state === "open" ? duration(Date.now() - connection.since) : "–",
      Reconnected: countOf(Math.max(0, connection.opened - 1), "time"),
      "Waiting to be sent": `${client.waitingBytes.toLocaleString("en")} bytes`,
      Unconfirmed: countOf(client.pending.length, "message"),
      History: stores[client.store] ?? "–",
      ...(reason && { "Last close": `${reason.code} ${reason.reason}`.trim() }),
    };
    const list = $("status-list");
    const isSame = list.children.length === Object.keys(rows).length * 2;
    if (!isSame)
      list.replaceChildren(
        ...Object.keys(rows).flatMap((name) => [element("dt", {}, name), element("dd")]),
      );
    Object.values(rows).forEach((value, index) => setText(list.children[index * 2 + 1], value));
  }
}

function milliseconds(time) {
  return `${time < 10 ? time.toFixed(1) : Math.round(time).toLocaleString("en")} ms`;
}
