// Small helpers of the views: elements, lists that keep their elements, times. Nothing of the chat.

export const $ = (id) => document.getElementById(id);

// `element("li", { class: "message", "aria-label": "…", onclick }, "text", child)`; null is left out.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === false) continue;
    if (typeof value === "function") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// Sets only what differs, so that nothing is announced, or loses the focus, without a reason.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Makes `nodes` the children of `parent`, and moves no more than it must.
export function reconcile(parent, nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

// Runs `action` soon, however often it is asked: with the next frame, or later in a hidden page.
export function schedule(action) {
  let isDue = false;
  const run = () => {
    isDue = false;
    action();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    if (document.hidden) setTimeout(run, 200);
    else requestAnimationFrame(run);
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const dateOfYear = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "long",
  year: "numeric",
});
const dayOf = (at) => new Date(at).setHours(0, 0, 0, 0);

export const timeOf = (at) => clock.format(at);
export const isSameDay = (one, two) => dayOf(one) === dayOf(two);

export function dayName(at, now = Date.now()) {
  if (isSameDay(at, now)) return "Today";
  if (isSameDay(at, dayOf(now) - 3_600_000)) return "Yesterday";
  return (now - at < 300 * 86_400_000 ? date : dateOfYear).format(at);
}

export function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

export const countOf = (count, one, many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// A reason of the server, which begins small and has no full stop, as a sentence.
export const sentence = (text) =>
  text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// The colour of a name, the same on every page: one of 12 hues.
export function hueOf(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return (hash % 12) * 30 + 15;
}

export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  return [...(words.length > 1 ? words[0][0] + words.at(-1)[0] : name)]
    .slice(0, words.length > 1 ? 2 : 1)
    .join("")
    .toUpperCase();
}

export function avatar(name) {
  const made = element("span", { class: "avatar", "aria-hidden": "true" }, initials(name));
  made.style.setProperty("--hue", hueOf(name));
  return made;
}
