// What outlives the page, in localStorage: who the user is, rooms as they were last seen, messages
// that the server has not confirmed. Full or forbidden storage costs only that.
const PREFIX = "sanswire-chat:";
const KEPT = 100; // messages of a room
const KEPT_BYTES = 64 << 10;

export function load(key, otherwise = null) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function save(key, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function keys(prefix) {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX + prefix))
      .map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}

// Case does not tell names apart.
const owned = (kind, name, rest = "") =>
  `${kind}:${encodeURIComponent(name.toLowerCase())}:${rest}`;

// ---- the user -----------------------------------------------------------------------------------

let key = null; // also where it cannot be stored

// The secret by which the server knows this browser again: 32 characters of base64url.
export function secret() {
  key ??= load("key");
  if (typeof key !== "string" || !/^[\w-]{22,}$/.test(key)) {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    key = btoa(String.fromCharCode(...bytes))
      .replaceAll("+", "-")
      .replaceAll("/", "_");
    save("key", key);
  }
  return key;
}

// ---- messages on their way ----------------------------------------------------------------------

// One entry for each, because several tabs of a user keep theirs side by side. A tab that begins
// takes over all that wait: the server appends an id once, however often it is sent.
export const outbox = {
  add: (name, message) => save(owned("outbox", name, message.id), message),
  remove: (name, id) => save(owned("outbox", name, id), null),
  all: (name) =>
    keys(owned("outbox", name))
      .map((key) => load(key))
      .filter(Boolean)
      .sort((one, two) => one.at - two.at || (one.id < two.id ? -1 : 1)),
};

// ---- rooms --------------------------------------------------------------------------------------

// A room without its messages is of no use after a reload: then nothing is kept of it, and the
// server sends the newest.
export const rooms = {
  save(name, room) {
    let bytes = 0;
    const items = room.items.slice(-KEPT);
    let start = items.length;
    while (start > 0 && (bytes += (items[start - 1].text?.length ?? 0) * 2 + 100) < KEPT_BYTES) {
      start -= 1;
    }
    const key = owned("room", name, room.name);
    return (
      save(key, { ...room, items: items.slice(start) }) ||
      save(key, { ...room, epoch: null, seen: null, items: [] })
    );
  },
  remove: (name, room) =>
    ["room", "read", "draft", "muted"].map((kind) => save(owned(kind, name, room), null)),
  all: (name) =>
    keys(owned("room", name))
      .map((key) => load(key))
      .filter(Boolean),
  // Up to where it was read, for the other tabs.
  saveRead: (name, { name: room, epoch, read }) => save(owned("read", name, room), { epoch, read }),
  read: (name, { name: room }) => load(owned("read", name, room)),
  // By themselves: another tab, which saves the room, knows nothing of them.
  saveDraft: (name, { name: room, draft }) => save(owned("draft", name, room), draft || null),
  draft: (name, room) => load(owned("draft", name, room), ""),
  saveMuted: (name, { name: room, isMuted }) => save(owned("muted", name, room), isMuted),
  muted: (name, room) => load(owned("muted", name, room), false),
  order: (name) => load(owned("rooms", name), []),
  saveOrder: (name, order) => save(owned("rooms", name), order),
};
