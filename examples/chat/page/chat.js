// The chat page: puts the client and the views together, and knows the keys.
import { Attention } from "./attention.js";
import { Client } from "./client.js";
import { Composer } from "./composer.js";
import { $, avatar, countOf, schedule, setAttribute, setText } from "./dom.js";
import { SignIn } from "./sign-in.js";
import { Sidebar } from "./sidebar.js";
import { Status } from "./status.js";
import { load, save } from "./storage.js";
import { Switcher } from "./switcher.js";
import { Timeline } from "./timeline.js";

const client = new Client(new URL("chat", location.href).href.replace(/^http/, "ws"));
const wide = matchMedia("(min-width: 68.01rem)");
const narrow = matchMedia("(max-width: 44rem)");
const KEYBOARD = 100; // pixels; bars of the browser take less
let current = null; // the room that is shown
let hasEntered = false; // the views of the chat are shown, not the sign-in

const announce = (text) => {
  $("announcer").textContent = "";
  requestAnimationFrame(() => {
    $("announcer").textContent = text;
  });
};
const singleKeys = () => $("single-keys").checked;
const isLookedAt = (room) =>
  room === current &&
  document.visibilityState === "visible" &&
  document.hasFocus() &&
  timeline.isAtEnd &&
  isRoomShown();
const isRoomShown = () => !narrow.matches || $("app").dataset.pane === "room";

// ---- the parts ----------------------------------------------------------------------------------

const timeline = new Timeline(client, {
  copy: async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch {
      toast("The browser does not allow to copy.");
    }
  },
  edit: (id) => composer.put(client.discard(id)),
  retry: (id) => {
    client.say(current.name, client.discard(id));
    $("text").focus();
  },
  discard: (id) => {
    client.discard(id);
    $("text").focus();
  },
  read: () => {
    if (!current || !isLookedAt(current)) return;
    client.markRead(current.name);
    attention.seen(current);
  },
  singleKeys,
});
const composer = new Composer({
  say: (text) => {
    client.say(current.name, text);
    timeline.boundary = null;
    timeline.toEnd();
  },
  typing: () => client.typing(current.name),
  keepDraft: (text) => client.keepDraft(current.name, text),
  up: () => timeline.focusLast(),
});
const sidebar = new Sidebar(client, (name) => {
  client.join(name);
  show(name);
});
const switcher = new Switcher(client, (name) => {
  client.join(name);
  show(name);
});
const attention = new Attention(
  client,
  (name) => show(name),
  (text) => toast(text),
);
const status = new Status(client, {
  reload: () => location.reload(),
  retry: () => client.connection.retry(),
  begin: () => client.begin(),
});

const signIn = new SignIn(client, out);

const render = schedule(() => {
  const isIn = client.name !== null && (client.isWelcome || hasEntered);
  if (isIn && !hasEntered) enter();
  if (!isIn) return;
  if (!client.rooms.has(current?.name)) show("#lobby", { withFocus: false });
  Object.assign(composer, { limit: client.limits.text, isOnline: client.isOnline });
  composer.render();
  timeline.render();
  sidebar.render(current);
  switcher.render();
  status.render(current);
  attention.render(current);
  const typists = current.typists(Date.now(), client.name);
  $("typing").classList.toggle("shown", typists.length > 0);
  setText($("typing-text"), typing(typists));
  setText($("room-sub"), subtitle(current));
  if (isLookedAt(current) && client.rooms.get(current.name).unread(client.name) > 0)
    timeline.actions.read();
});
client.addEventListener("change", render);
client.addEventListener("heard", ({ detail: { room, messages } }) => {
  attention.notify(room, messages, isLookedAt(room));
});
client.addEventListener("refused", ({ detail: { room, why } }) =>
  toast(room ? `${room}: ${why}` : why),
);
for (const event of ["focus", "visibilitychange"]) {
  addEventListener(
    event,
    () => {
      timeline.actions.read();
      render();
    },
    true,
  );
}

function typing(names) {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing`;
  if (names.length > 3) return `${names.length} people are typing`;
  return `${new Intl.ListFormat("en").format(names)} are typing`;
}

function subtitle(room) {
  if (!room.isDirect)
    return client.isOnline && room.people.size > 0
      ? `${countOf(room.people.size, "person", "people")} here`
      : "Public room";
  return client.isHere(room.name.slice(1)) ? "Here now · private" : "Private, for you two";
}

// ---- rooms --------------------------------------------------------------------------------------

function show(name, { withFocus = true } = {}) {
  const room = client.rooms.get(name);
  if (!room) return;
  if (room !== current) {
    current = room;
    save(`current:${client.name}`, name);
    timeline.open(room);
    composer.open(
      room,
      room.isDirect ? `Private message to ${room.name.slice(1)}` : `Message to ${room.name}`,
    );
    setText($("room-name"), room.isDirect ? room.name.slice(1) : room.name);
  }
  if (!wide.matches) people(false);
  $("app").dataset.pane = "room";
  render();
  // On a phone the keyboard would cover what one came to read.
  if (withFocus) (narrow.matches ? $("room-name") : $("text")).focus();
  timeline.toEnd();
}

function step(by, isUnread = false) {
  const rooms = [...client.rooms.values()];
  const ordered = [
    ...rooms.filter(({ isDirect }) => !isDirect),
    ...rooms.filter(({ isDirect }) => isDirect),
  ];
  for (let count = 1; count <= ordered.length; count += 1) {
    const index = ordered.indexOf(current) + by * count + ordered.length * count;
    const room = ordered[index % ordered.length];
    if (!isUnread || room.unread(client.name) > 0) return show(room.name);
  }
  return announce("Nothing is unread.");
}

function people(isShown) {
  const hadFocus = $("people").contains(document.activeElement);
  $("people").hidden = !isShown;
  // Over the messages it is the only thing in reach.
  for (const part of $("app").children)
    if (part !== $("people")) part.inert = isShown && !wide.matches;
  setAttribute($("show-people"), "aria-expanded", String(isShown));
  if (isShown && !wide.matches) $("hide-people").focus();
  if (!isShown && hadFocus) $("show-people").focus();
}

async function ask(title, text, yes) {
  setText($("confirm-title"), title);
  setText($("confirm-text"), text);
  setText($("confirm-yes"), yes);
  $("confirm").returnValue = "no";
  $("confirm").showModal();
  return new Promise((done) => {
    $("confirm").addEventListener("close", () => done($("confirm").returnValue === "yes"), {
      once: true,
    });
  });
}

let toasting;
function toast(text) {
  announce(text);
  clearTimeout(toasting);
  setText($("toast"), text);
  $("toast").classList.add("shown");
  toasting = setTimeout(() => $("toast").classList.remove("shown"), 3_000);
}

$("back").onclick = () => {
  $("app").dataset.pane = "rooms";
  ($("sidebar").querySelector("[aria-current]") ?? $("go")).focus();
};
$("go").onclick = () => switcher.show();
$("join").onclick = () => switcher.show("#");
$("write").onclick = () => switcher.show("@");
$("bell").onclick = () => attention.toggle(current);
$("show-people").onclick = () => people($("people").hidden);
$("hide-people").onclick = () => people(false);
// Beside the list, where nothing else is in reach.
$("app").onclick = ({ target }) => {
  if (target === $("app") && !wide.matches) people(false);
};
$("show-keys").onclick = () => $("keys").showModal();
$("leave").onclick = async () => {
  const waiting = client.pending.filter(({ room }) => room === current.name).length;
  const text =
    waiting > 0
      ? `You would lose ${countOf(waiting, "message")} that waited to be sent.`
      : current.isDirect
        ? "It comes back with the next message."
        : "You can join it again at any time.";
  if (
    !(await ask(
      `${current.isDirect ? "Close" : "Leave"} ${current.name}?`,
      text,
      current.isDirect ? "Close" : "Leave",
    ))
  )
    return;
  client.leave(current.name);
  show("#lobby");
};
$("sign-out").onclick = async () => {
  if (
    !(await ask(
      "Sign out?",
      "Your name stays yours in this browser. Messages that wait are kept.",
      "Sign out",
    ))
  )
    return;
  client.signOut();
  signIn.show();
};
$("single-keys").checked = load("single-keys", true);
$("single-keys").onchange = () => save("single-keys", singleKeys());
wide.addEventListener("change", () => people(wide.matches));

// Where the keyboard covers the page rather than makes it smaller, as on iOS.
const view = globalThis.visualViewport;
view?.addEventListener("resize", () => {
  const { style } = document.documentElement;
  const isCovered = view.scale < 1.01 && innerHeight - view.height > KEYBOARD;
  if (!isCovered) return style.removeProperty("--height");
  style.setProperty("--height", `${view.height}px`);
  return scrollTo(0, 0);
});

// ---- keys ---------------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  if (!hasEntered || event.isComposing || document.querySelector("dialog[open]")) return;
  const isField = event.target.closest("input, textarea") !== null;
  const command = event.ctrlKey || event.metaKey;
  const key = [command && "Ctrl", event.altKey && "Alt", event.shiftKey && "Shift", event.code]
    .filter(Boolean)
    .join("+");
  const actions = {
    "Ctrl+KeyK": () => switcher.show(),
    "Alt+ArrowUp": () => step(-1),
    "Alt+ArrowDown": () => step(1),
    "Alt+Shift+ArrowUp": () => step(-1, true),
    "Alt+Shift+ArrowDown": () => step(1, true),
    PageUp: () => $("scroller").scrollBy({ top: -$("scroller").clientHeight * 0.9 }),
    PageDown: () => $("scroller").scrollBy({ top: $("scroller").clientHeight * 0.9 }),
    "Alt+KeyM": () => attention.toggle(current),
    "Alt+KeyP": () => people($("people").hidden),
    "Alt+KeyI": () => $("status-card").togglePopover(),
    Escape: () => {
      if ($("status-card").matches(":popover-open")) return;
      if (!$("people").hidden && !wide.matches) return people(false);
      timeline.toEnd();
      $("text").focus();
    },
  };
  const isHelp = (event.key === "?" && !isField && singleKeys()) || (command && event.key === "/");
  const action = isHelp ? () => $("keys").showModal() : actions[key];
  if (!action) return;
  if (key !== "Escape") event.preventDefault();
  action();
});

// ---- signing in and out -------------------------------------------------------------------------

function enter() {
  hasEntered = true;
  signIn.hide();
  $("app").hidden = false;
  setText($("me"), client.name);
  $("me-avatar").replaceChildren(avatar(client.name));
  people(wide.matches);
  const last = load(`current:${client.name}`, "#lobby");
  show(client.rooms.has(last) ? last : "#lobby");
}

function out() {
  hasEntered = false;
  current = null;
  $("app").hidden = true;
}

const remembered = client.remembered();
if (remembered) {
  client.signIn(remembered);
  render();
} else {
  signIn.show();
}
