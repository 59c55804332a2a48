// Keeps a page connected: finds out that the server is dead, which a WebSocket does not tell it,
// and connects again. The server sends the text "pong" to the text "ping" (docs/guide/heartbeats.md).
//
//   const live = connect("wss://example.com/", { onmessage: ({ data }) => console.log(data) });
//   live.send("hello"); // false: there is no connection, or not any more
//
// Times in milliseconds. A dead server is known `interval` + `timeout` after it was last heard.
export function connect(url, handlers = {}, { interval = 20_000, timeout = 10_000, longest = 60_000 } = {}) {
  let socket, timer, failures = 0, ended = false;
  const wait = (time, then) => { clearTimeout(timer); timer = setTimeout(then, time); };
  const probe = (isLast = false) => {
    if (socket.readyState === WebSocket.OPEN) socket.send("ping");
    const due = Date.now() + timeout;
    // Where the timer is late, the answer may be, too, and come behind it: ask once more.
    wait(timeout, () => (Date.now() < due + 1000 || isLast ? lost() : probe(true)));
  };
  const drop = () => {
    // The closing handshake with a dead server would take its time: do not wait for `onclose`.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  };
  const lost = () => {
    drop();
    // Not all clients at once, and ever more rarely.
    wait(Math.random() * Math.min(longest, 1000 * 2 ** failures++), open);
    handlers.onlost?.();
  };
  const open = () => {
    socket = new WebSocket(url);
    socket.onopen = () => { wait(interval, probe); handlers.onopen?.(); };
    socket.onmessage = (event) => {
      failures = 0; // Not sooner: a server may accept, and fail then.
      wait(interval, probe); // Whatever arrives is a sign of life.
      if (event.data !== "pong") handlers.onmessage?.(event);
    };
    socket.onclose = lost;
    wait(timeout, lost); // A half-dead server accepts and never answers.
  };
  // A page that is seen again, or a network that is back, does not wait for a timer.
  const now = () => {
    if (ended) return;
    if (socket.readyState === WebSocket.OPEN) probe();
    if (socket.readyState > WebSocket.OPEN) wait(0, open);
  };
  globalThis.document?.addEventListener("visibilitychange", now);
  globalThis.addEventListener?.("online", now);
  open();
  return {
    send: (data) => socket.readyState === WebSocket.OPEN && (socket.send(data), true),
    close: () => { ended = true; clearTimeout(timer); drop(); },
  };
}
