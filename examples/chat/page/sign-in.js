// The form that asks for a name, and says why it cannot be used. It does not know what follows.
import { $, sentence, setAttribute, setText } from "./dom.js";
import { spelt, wrongName } from "./names.js";

const UNREACHABLE = "the server cannot be reached";

export class SignIn {
  // `out` takes away what is shown to those who are in.
  constructor(client, out) {
    Object.assign(this, { client, out, isBusy: false });
    $("name-form").onsubmit = (event) => {
      event.preventDefault();
      if (!this.isBusy) this.#submit(spelt($("name").value));
    };
    client.connection.addEventListener("change", () => this.#connectionChanged());
    client.addEventListener("denied", ({ detail }) => {
      this.show(sentence(detail || "this name cannot be used"));
    });
  }

  show(error = "") {
    this.out();
    $("sign-in").hidden = false;
    document.title = "Sanswire Chat";
    setAttribute($("name"), "aria-invalid", error !== "" ? "true" : null);
    setText($("name-error"), error);
    this.#setBusy(false);
    $("name").focus();
    if (error !== "") $("name").select();
  }

  hide() {
    this.#setBusy(false);
    $("sign-in").hidden = true;
  }

  #submit(name) {
    const { client } = this;
    const why = wrongName(name, client.limits.name);
    this.show(why);
    if (why !== "") return;
    this.#setBusy(true);
    client.signIn(name);
  }

  // A server that is not there: says so, and goes on trying.
  #connectionChanged() {
    const { state, reason, gaveUp } = this.client.connection;
    if (!this.isBusy) return;
    const why = sentence((!gaveUp && reason?.reason) || UNREACHABLE);
    if (state === "waiting") setText($("name-error"), `${why} Trying again…`);
    if (state !== "stopped" || this.client.name === null) return;
    this.client.signOut();
    this.show(gaveUp ? `${why} Try again later.` : why);
  }

  #setBusy(isBusy) {
    this.isBusy = isBusy;
    setAttribute($("enter"), "aria-disabled", isBusy ? "true" : null);
    setText($("enter"), isBusy ? "Connecting…" : "Enter");
  }
}
