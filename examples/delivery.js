// The client's end of `sanswire.delivery.v1` (docs/delivery.md): messages arrive once and in order,
// also across reconnects. When to connect, and again, is the caller's business:
//
//   const session = new Delivery({ onmessage: console.log, onlost: console.warn });
//   const connect = () => session.attach(new WebSocket(url, Delivery.protocol));
//   session.onclose = () => setTimeout(connect, 1000 + 4000 * Math.random());
//   connect();
//   session.send("hello"); // false: as much waits to be acknowledged as may
const u64 = (number) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(number));
  return new Uint8Array(view.buffer);
};
const same = (one, two) => one.every((byte, index) => byte === two[index]);
const check = (holds, what) => { if (!holds) throw new Error(what); };

export class Delivery {
  static protocol = "sanswire.delivery.v1";
  id = crypto.getRandomValues(new Uint8Array(16));
  peer = new Uint8Array(16); // zeros: none yet
  expected = 0; told = 0; // from the peer: the next number, and the one that it was told last
  first = 0; next = 0; sent = 0; // to the peer: unacknowledged; next on this socket; end of all sent
  queue = []; bytes = 0; open = false; maxMessages = 1024; maxBytes = 1 << 20;

  // onmessage(string or Uint8Array), onlost({ sent, unsent }), onclose(event)
  constructor(handlers) { Object.assign(this, handlers); }

  attach(socket) {
    if (this.socket) this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    Object.assign(this, { socket, open: false });
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.transmit(0, [...this.id, ...this.peer, ...u64(this.expected)]);
    socket.onclose = (event) => { this.open = false; this.onclose?.(event); };
    socket.onmessage = ({ data }) => {
      let report;
      try { report = this.receive(data); } catch (error) {
        this.open = false;
        socket.onmessage = null;
        return socket.close(4002, error.message);
      }
      report?.();
      if (this.expected - this.told >= 64) this.flush(true);
      else this.timer ??= setTimeout(() => { this.timer = null; this.flush(true); }, 50);
    };
  }

  send(data) { // a string or a Uint8Array
    const kind = typeof data === "string" ? 2 : 3;
    const payload = kind === 2 ? new TextEncoder().encode(data) : data.slice();
    if (this.queue.length >= this.maxMessages || this.bytes + payload.length > this.maxBytes) return false;
    this.queue.push({ kind, payload, data: kind === 2 ? data : payload });
    this.bytes += payload.length;
    this.flush();
    return true;
  }

  receive(data) { // returns what to tell the application
    check(data instanceof ArrayBuffer, "text message");
    const bytes = new Uint8Array(data), number = (at) => Number(new DataView(data).getBigUint64(at));
    const [kind] = bytes, { length } = bytes;
    check(kind < 2 ? length === [41, 9][kind] : kind < 4 && length >= 17, "malformed");
    check(this.open === (kind > 0), "hello missing or repeated");
    if (kind === 0) return this.meet(bytes.slice(1, 17), bytes.slice(17, 33), number(33));
    this.acknowledged(number(1), this.next);
    if (kind === 1 || number(9) < this.expected) return;
    check(number(9) === this.expected, "gap");
    const payload = bytes.slice(17);
    const message = kind === 3 ? payload : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
    this.expected += 1;
    return () => this.onmessage?.(message);
  }

  meet(from, to, expected) { // the cases are those of the specification
    const known = this.peer.some(Boolean), met = same(from, this.peer);
    let lost = !known && to.some(Boolean) && !same(to, this.id) ? { sent: [], unsent: [] } : null;
    check(from.some(Boolean) && !same(from, this.id), "id");
    if (same(to, this.id) && (met || !known)) {
      check(expected >= this.first, "acknowledgement taken back");
      this.acknowledged(expected, this.sent);
    } else if (known && !(met && this.first + this.expected === 0)) {
      const all = this.queue.map(({ data }) => data), count = this.sent - this.first;
      lost = { sent: all.slice(0, count), unsent: all.slice(count) };
      Object.assign(this, { expected: 0, told: 0, first: 0, sent: 0, queue: [], bytes: 0 });
    }
    Object.assign(this, { peer: from, next: this.first, open: true });
    this.flush();
    return lost && (() => this.onlost?.(lost));
  }

  acknowledged(expected, end) {
    check(expected <= end, "acknowledgement of what was not sent");
    for (; this.first < expected; this.first += 1) this.bytes -= this.queue.shift().payload.length;
  }

  flush(due = false) { // all that waits; where nothing carries an acknowledgement that is due, it goes alone
    if (!this.open || this.socket.readyState !== 1) return;
    for (let item; (item = this.queue[this.next - this.first]); this.next += 1) {
      this.transmit(item.kind, [...u64(this.expected), ...u64(this.next)], item.payload);
    }
    this.sent = Math.max(this.sent, this.next);
    if (due && this.told < this.expected) this.transmit(1, u64(this.expected));
  }

  transmit(kind, head, payload = []) {
    const bytes = new Uint8Array(1 + head.length + payload.length);
    bytes.set([kind, ...head]);
    bytes.set(payload, 1 + head.length);
    this.socket.send(bytes);
    this.told = this.expected;
  }
}
