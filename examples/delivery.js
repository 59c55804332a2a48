// The client's end of `sanswire.delivery.v2` (docs/delivery.md): messages arrive once and in order,
// also across reconnects. When to connect, and again, is the caller's business:
//
//   const session = new Delivery();
//   const connect = () => session.attach(new WebSocket(url, Delivery.protocol));
//   session.onmessage = (data) => …; // a string or a Uint8Array
//   session.onopen = (isResumed) => …; // whether it goes on, or begins, at first or anew
//   session.onlost = (unacknowledged) => …; // the server has lost its state: send them again?
//   session.onclose = () => setTimeout(connect, 5000 * Math.random());
//   connect();
//   session.send("hello"); // false: as much waits to be acknowledged as may
//
// What a server must have before all else, such as a token, goes with the socket:
// session.attach(socket, token).
const same = (one, two) => one.every((byte, index) => byte === two[index]);
const check = (holds, what) => { if (!holds) throw new Error(what); };
const byteOf = (number, index) => Math.floor(number / 256 ** (7 - index)) % 256;
const u64 = (number) => Array.from({ length: 8 }, (_, index) => byteOf(number, index));
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const decode = ({ kind, payload }) => (kind === 2 ? utf8.decode(payload) : payload);
const OVERHEAD = 1024; // what a message counts besides its bytes, so that one limit bounds both

export class Delivery {
  static protocol = "sanswire.delivery.v2";
  id = crypto.getRandomValues(new Uint8Array(16));
  peer = new Uint8Array(16); // zeros: none yet
  open = false; // whether the peer has said Hello on this socket
  expected = 0; owed = 0; // the number of the peer's next message; bytes that it was not told of
  queue = []; bytes = 0; // what the peer has not acknowledged, to 2 MiB at most
  first = 0; next = 0; sent = 0; // numbers: of queue[0], next on this socket, behind all ever sent

  attach(socket, ...first) {
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
    }
    Object.assign(this, { socket, open: false });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      for (const message of first) socket.send(message);
      this.greet(this.peer);
    };
    socket.onclose = (event) => { this.open = false; this.onclose?.(event); };
    socket.onmessage = ({ data }) => {
      try { this.receive(data); } catch (error) {
        this.open = false;
        socket.onmessage = null;
        socket.close(4002, error.message);
      }
    };
  }

  send(data) { // a string or a Uint8Array
    const isText = typeof data === "string";
    const payload = isText ? new TextEncoder().encode(data) : data.slice();
    if (this.bytes + OVERHEAD + payload.length > (2 << 20)) return false;
    this.queue.push({ kind: isText ? 2 : 3, payload });
    this.bytes += OVERHEAD + payload.length;
    this.flush();
    return true;
  }

  receive(data) { // The application is told later: what it throws is not the peer's fault.
    check(data instanceof ArrayBuffer, "text message");
    const bytes = new Uint8Array(data), [kind] = bytes, { length } = bytes;
    const number = (at) => Number(new DataView(data).getBigUint64(at));
    check([length === 41, length === 9, length >= 17, length >= 17][kind], "malformed");
    check(this.open === (kind > 0), "hello missing or repeated");
    if (kind === 0) return this.meet(bytes.slice(1, 17), bytes.slice(17, 33), number(33));
    this.acknowledged(number(1), this.next);
    if (kind === 1 || number(9) < this.expected) return;
    check(number(9) === this.expected, "gap");
    const message = decode({ kind, payload: bytes.slice(17) });
    queueMicrotask(() => this.onmessage?.(message));
    this.expected += 1;
    this.owed += OVERHEAD + length;
    if (this.owed >= 64 * OVERHEAD) this.flush(true);
    this.timer ??= setTimeout(() => { this.timer = null; this.flush(true); }, 50);
  }

  greet(peer) { this.transmit(0, [...this.id, ...peer, ...u64(this.expected)]); }

  meet(from, to, expected) { // The server has heard this end's Hello: its own must answer it.
    const known = this.peer.some(Boolean), met = same(from, this.peer);
    check(from.some(Boolean) && !same(from, this.id) && same(to, this.id), "id");
    if (met || !known) {
      check(expected >= this.first, "acknowledgement taken back");
      this.acknowledged(expected, this.sent);
    } else {
      const lost = this.queue.splice(0).map(decode);
      Object.assign(this, { expected: 0, owed: 0, first: 0, sent: 0, bytes: 0 });
      queueMicrotask(() => this.onlost?.(lost));
    }
    if (!met) this.greet(from); // It proves that both ids are known here.
    Object.assign(this, { peer: from, next: this.first, open: true });
    queueMicrotask(() => this.onopen?.(met));
    this.flush();
  }

  acknowledged(expected, end) {
    check(expected <= end, "acknowledgement of what was not sent");
    for (; this.first < expected; this.first += 1) {
      this.bytes -= OVERHEAD + this.queue.shift().payload.length;
    }
  }

  flush(due = false) { // An acknowledgement that is due goes alone if no message carries it.
    if (!this.open || this.socket.readyState !== 1) return;
    for (let item; (item = this.queue[this.next - this.first]); this.next += 1) {
      this.transmit(item.kind, [...u64(this.expected), ...u64(this.next)], item.payload);
    }
    this.sent = Math.max(this.sent, this.next);
    if (due && this.owed > 0) this.transmit(1, u64(this.expected));
  }

  transmit(kind, head, payload = []) {
    this.socket.send(Uint8Array.from([kind, ...head, ...payload]));
    this.owed = 0; // Every form says what is expected.
  }
}
