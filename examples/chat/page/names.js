// What a name and a room may be, as the server's names.rs has it: the page says so sooner. The
// server has the last word.
const RESERVED = /[#@|<>&"'`\\]/u;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const lengthOf = (text) => [...text].length;

// Returns the rule that a name breaks, or "".
export function wrongName(name, most) {
  if (name === "") return "A name has at least one character.";
  if (lengthOf(name) > most)
    return `A name has at most ${most} characters; this one has ${lengthOf(name)}.`;
  if (RESERVED.test(name)) return "A name has none of # @ | < > & \" ' ` \\.";
  if (INVISIBLE.test(name)) return "A name has no invisible characters.";
  if (!/[\p{L}\p{N}]/u.test(name)) return "A name has a letter or a digit.";
  return "";
}

// The room or person that is meant by what was typed; `sign` where it has none of its own.
export function goalOf(typed, sign) {
  const text = typed.trim();
  const goal = /^[#@]/.test(text) ? text : (sign || "#") + text;
  return goal.startsWith("@") ? goal : goal.toLowerCase().replace(/\s+/gu, "-");
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
