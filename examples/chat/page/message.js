// What a room shows, each as an element of its own: a message, what there is to say of it, a mark, a
// day. It does not know the room, nor where they stand.
import { avatar, countOf, dayName, element, hueOf, icon, sentence, timeOf } from "./dom.js";

const MARKS = {
  gap: ({ count }) => [
    `${countOf(count, "message")} ${count === 1 ? "is" : "are"} gone.`,
    " The server no longer has what was said here meanwhile.",
  ],
  anew: () => ["This room began anew.", " What is above is no longer on the server."],
  missed: ({ count }) => [
    `${countOf(count, "message")} came late.`,
    " This connection was too slow for them; they follow here.",
  ],
};

export function makeMessage({ id, from, text, at }, isOwn) {
  const author = element("span", { class: "author" }, from);
  author.style.setProperty("--hue", hueOf(from));
  const said = element("p", { class: "said", dir: "auto" });
  said.append(...linked(text));
  const time = element(
    "time",
    { datetime: new Date(at).toISOString(), title: new Date(at).toLocaleString() },
    timeOf(at),
  );
  const copy = element(
    "button",
    { "data-action": "copy", "aria-label": "Copy", title: "Copy (C)", tabindex: -1 },
    icon("copy"),
  );
  return element(
    "li",
    { class: "message", tabindex: -1, "data-id": id, "data-from": from },
    isOwn ? null : avatar(from),
    element(
      "p",
      { class: "by" },
      isOwn ? element("span", { class: "hidden" }, "You") : null,
      author,
      time,
    ),
    element("div", { class: "body" }, said),
    element("div", { class: "tools" }, copy),
  );
}

// What is to be said of a message that is not simply there, or null.
export function makeNote(state, why, isOnline) {
  const line = (name, text, ...rest) =>
    element(
      "p",
      { class: "note-line" },
      element("span", { class: "why" }, icon(name), element("span", {}, text)),
      ...rest,
    );
  const buttons = (actions) =>
    element(
      "span",
      { class: "actions" },
      ...Object.entries(actions).map(([action, label]) =>
        element("button", { "data-action": action }, label),
      ),
    );
  if (state === "refused") {
    return line(
      "warn",
      `Not sent: ${sentence(why)}`,
      buttons({ edit: "Edit", retry: "Send again", discard: "Discard" }),
    );
  }
  if (state === "waiting") {
    return line(
      "clock",
      isOnline ? "Waiting its turn" : "Waiting for the connection",
      buttons({ edit: "Edit" }),
    );
  }
  if (state === "unconfirmed") return line("clock", "Waiting for the connection");
  if (state === "provisional") return line("clock", "On this server only, so far");
  return null;
}

export function makeMark(item) {
  const [title, text] = MARKS[item.kind](item);
  const isSoft = item.kind === "missed";
  return element(
    "li",
    { class: isSoft ? "mark-line soft" : "mark-line" },
    element("span", {}, element("b", {}, title), text),
  );
}

export function makeDay(at) {
  return element(
    "li",
    { class: "day" },
    element("time", { datetime: new Date(at).toISOString().slice(0, 10) }, dayName(at)),
  );
}

// Text, with its addresses as links.
function linked(text) {
  const parts = text.split(/(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}])/u);
  return parts.map((part, index) =>
    index % 2 === 0
      ? part
      : element("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part),
  );
}
