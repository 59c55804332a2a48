// Keeps one WebSocket connected: when to dial, when a silent server is dead, when to dial again,
// when to give up. It does not know what is said on the socket, nor how it is shown.
//
//   const connection = new Connection({ dial: () => new WebSocket(url), probe: () => ask() });
//   connection.addEventListener("change", () => show(connection.state));
//   connection.start();
//
// The owner calls `established` when the server has answered; until then the attempt may time out.
// There is at most one socket, one attempt and one timer at a time.
export class Connection extends EventTarget {
  state = "stopped"; // or "connecting", "open", "waiting", "asleep": the page is frozen
  reason = null; // why the last one ended: { code, reason }
  gaveUp = false; // stopped by the limit of attempts
  failures = 0; // in a row
  opened = 0; // connections that were established
  since = 0; // when the present one was
  until = 0; // when the next attempt is due
  #socket = null;
  #heard = 0;
  #timer;
  #listening;
  #options;

  // Times in milliseconds. `dial` makes a socket; `probe` asks the server for any sign of life;
  // `isFinal` says of a close code that it is no use to try again.
  constructor({ dial, probe = null, isFinal = () => false, ...times }) {
    super();
    this.#options = {
      dial,
      probe,
      isFinal,
      interval: 15_000,
      timeout: 10_000,
      impatience: 2_000, // instead, where the browser says that there is no network
      shortest: 500,
      longest: 30_000,
      attempts: 16,
      settled: 5_000,
      ...times,
    };
    addEventListener("online", () => this.retry());
    addEventListener("offline", () => {
      if (this.state === "open") this.#ask(true, this.#options.impatience);
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retry();
    });
    document.addEventListener("resume", () => this.retry());
    // A page in the back/forward cache may keep no socket, and one that goes away needs none.
    addEventListener("pagehide", () => {
      if (this.state === "stopped") return;
      this.#drop();
      this.#enter("asleep");
    });
    addEventListener("pageshow", () => {
      if (this.state === "asleep") this.#dial();
    });
  }

  get socket() {
    return this.#socket;
  }

  start() {
    Object.assign(this, { failures: 0, reason: null });
    this.#dial();
  }

  stop() {
    this.#drop();
    this.gaveUp = false;
    this.#enter("stopped");
  }

  // Does not wait for the timer: dials, or asks whether the open connection still lives.
  retry() {
    if (this.state === "open") this.#ask();
    if (this.gaveUp) this.failures = 0;
    if (this.state === "waiting" || this.gaveUp) this.#dial();
  }

  established() {
    if (this.state !== "connecting") return;
    this.opened += 1;
    this.since = Date.now();
    this.#watch();
    this.#enter("open");
  }

  #dial() {
    this.#drop();
    this.gaveUp = false;
    this.#enter("connecting");
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#socket = this.#options.dial();
    this.#socket.addEventListener(
      "message",
      () => {
        this.#heard = Date.now();
      },
      { signal },
    );
    this.#socket.addEventListener("close", ({ code, reason }) => this.#lost(code, reason), {
      signal,
    });
    this.#wait(this.#options.timeout, () => this.#lost(1006, "no answer"));
  }

  // A hidden page asks rarely: its timers are late anyway, and the server asks by itself.
  #watch() {
    this.#wait(this.#options.interval * (document.hidden ? 4 : 1), () => this.#ask());
  }

  // Where this page's timer is late, the answer may wait behind it: ask once more.
  #ask(isLast = false, timeout = this.#options.timeout) {
    const { probe, interval } = this.#options;
    if (probe === null) {
      // The server talks by itself, and more often than this.
      if (Date.now() - this.#heard < interval || document.hidden) return this.#watch();
    } else {
      probe();
    }
    const asked = Date.now();
    this.#wait(timeout, () => {
      if (this.#heard >= asked) this.#watch();
      else if (Date.now() - asked < timeout + 1000 || isLast) this.#lost(1006, "no answer");
      else this.#ask(true);
    });
  }

  #lost(code, reason) {
    const { isFinal, shortest, longest, attempts, settled } = this.#options;
    // Not sooner: a server may accept, and fail then.
    if (this.state === "open" && Date.now() - this.since >= settled) this.failures = 0;
    this.#drop();
    this.failures += 1;
    this.reason = { code, reason };
    this.gaveUp = this.failures > attempts;
    if (isFinal(code) || this.gaveUp) return this.#enter("stopped");
    // Not all clients at once, and ever more rarely; nobody watches a hidden page.
    const ceiling = Math.min(longest, shortest * 2 ** (this.failures - 1));
    const delay = Math.random() * ceiling + (document.hidden ? shortest * 4 : 0);
    this.until = Date.now() + delay;
    this.#wait(delay, () => this.#dial());
    this.#enter("waiting");
  }

  // Does not wait for the closing handshake: a dead server would take its time.
  #drop() {
    clearTimeout(this.#timer);
    this.#listening?.abort();
    this.#socket?.close();
    this.#socket = null;
  }

  #wait(time, then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, time);
  }

  #enter(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
