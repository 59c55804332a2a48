// What a name and a room may be, as the server's names.rs has it: the page says so sooner. The
// server has the last word.
const RESERVED = /[#@|<>&"'`\\]/u;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}\u2800]/u;
const lengthOf = (text) => [...text].length;

// A name in the one spelling that the server knows.
export const spelt = (name) =>
  name.replaceAll("\ufe0f", "").normalize("NFKC").trim().replace(/ {2,}/g, " ");

// Returns the rule that a name breaks, or "".
export function wrongName(name, most) {
  if (name === "") return "A name has at least one character.";
  if (lengthOf(name) > most)
    return `A name has at most ${most} characters; this one has ${lengthOf(name)}.`;
  if (RESERVED.test(name)) return "A name has none of # @ | < > & \" ' ` \\.";
  if (INVISIBLE.test(name)) return "A name has no invisible characters.";
  if (!/[\p{L}\p{N}]/u.test(name)) return "A name has a letter or a digit.";
  if (/\p{M}{4}/u.test(name)) return "A name has at most three marks on a letter.";
  return "";
}

// The room or person that is meant by what was typed; `sign` where it has none of its own.
export function goalOf(typed, sign) {
  const text = typed.trim();
  const goal = /^[#@]/.test(text) ? text : (sign || "#") + text;
  if (goal.startsWith("@")) return `@${spelt(goal.slice(1))}`;
  return goal.normalize("NFKC").toLowerCase().replace(/\s+/gu, "-");
}

// Returns the rule that a room breaks, or "".
export function wrongRoom(room, { me, limits }) {
  const name = room.slice(1);
  if (room.startsWith("@")) return name === me ? "That is you." : wrongName(name, limits.name);
  if (name === "") return "A room has at least one character.";
  if (lengthOf(name) > limits.room)
    return `A room has at most ${limits.room} characters; this one has ${lengthOf(name)}.`;
  return /^[\p{L}\p{N}_-]+$/u.test(name) ? "" : "A room has letters, digits, - and _ only.";
}
