// The field that messages are written in: it grows, counts what is too long, keeps a draft for each
// room, says that somebody types. It does not know how a message is sent.
import { $, countOf, setAttribute, setText } from "./dom.js";

const NEAR_LIMIT = 200; // characters that are left when the counter appears

export class Composer {
  // `actions`: say(text), typing(), keepDraft(text), up()
  constructor(actions) {
    Object.assign(this, { actions, limit: 2000, isOnline: false });
    this.field = $("text");
    $("composer").onsubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
    this.field.onkeydown = (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        this.#send();
      }
      if (event.key === "ArrowUp" && this.field.value === "") {
        event.preventDefault();
        actions.up();
      }
    };
    this.field.oninput = () => {
      this.#grow();
      this.render();
      actions.keepDraft(this.field.value);
      if (this.field.value.trim() !== "") actions.typing();
    };
  }

  open(room, label) {
    this.field.value = room.draft;
    setText($("text-label"), label);
    setAttribute(this.field, "placeholder", label);
    this.#grow();
    this.render();
  }

  // Puts text before what is there: an earlier message that is to be changed.
  put(text) {
    this.field.value = this.field.value.trim() === "" ? text : `${text}\n${this.field.value}`;
    this.field.oninput();
    this.field.focus();
  }

  render() {
    const length = this.#length();
    const left = this.limit - length;
    const isLong = left < 0;
    setAttribute(this.field, "aria-invalid", isLong ? "true" : null);
    setAttribute($("send"), "aria-disabled", isLong || length === 0 ? "true" : null);
    $("text-note").className = isLong ? "note bad" : "note";
    const note = isLong
      ? `${countOf(-left, "character")} too long`
      : left <= NEAR_LIMIT
        ? `${countOf(left, "character")} left`
        : this.isOnline || length === 0
          ? ""
          : "It will wait for the connection.";
    setText($("text-note"), note);
  }

  // As the server counts: Unicode scalar values of the trimmed text.
  #length() {
    return [...this.field.value.trim()].length;
  }

  #send() {
    const text = this.field.value.trim();
    const length = this.#length();
    if (length === 0 || length > this.limit) return;
    this.field.value = "";
    this.#grow();
    this.actions.keepDraft("");
    this.actions.say(text);
    this.render();
    this.field.focus();
  }

  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight + 2}px`;
  }
}
