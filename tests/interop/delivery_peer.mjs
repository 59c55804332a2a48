// Tests examples/delivery.js: by literal bytes, and against examples/delivery_server.rs, which is
// restarted under it. Started by .ci/interop: node delivery_peer.mjs OUT SERVER

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { finish, listen, run, ws } from './peers.mjs';

const [serverExample] = process.argv.slice(3);
// As browsers have it, if this version of Node.js does.
const WebSocket = globalThis.WebSocket ?? ws.WebSocket;

// The example is a module for pages: its name does not tell Node.js so.
const source = await readFile(new URL('../../examples/delivery.js', import.meta.url));
const { Delivery } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

const PATIENCE = 30_000; // for one check
const u64 = (number) => [...new Uint8Array(new BigUint64Array([BigInt(number)]).buffer)].reverse();
const id = (byte) => Array(16).fill(byte);
const SERVER = id(0xbb);
const ascii = (text) => [...Buffer.from(text)];

// ---- the protocol, by its bytes ---------------------------------------------------------------

/** A socket whose other end is the check. */
class Socket {
  readyState = 1;
  sent = [];

  send(data) { this.sent.push(typeof data === 'string' ? data : [...data]); }

  close(code, reason) { this.closed = [code, reason]; }

  /** Delivers a message of these bytes. */
  receive(...bytes) { this.onmessage?.({ data: new Uint8Array(bytes.flat()).buffer }); }

  /** Returns what was sent since the last call. */
  take() { return this.sent.splice(0); }
}

/** A session on a socket that has just opened. */
function attach(session = new Delivery(), ...first) {
  const socket = new Socket();
  session.attach(socket, ...first);
  socket.onopen();
  return { session, socket };
}

/** A session whose server has said Hello. */
function open() {
  const { session, socket } = attach();
  socket.receive(0, SERVER, [...session.id], u64(0));
  socket.take();
  const received = [];
  session.onmessage = (data) => received.push(typeof data === 'string' ? data : [...data]);
  session.onlost = (lost) => received.push({ lost });
  return { session, socket, received };
}

const literal = {
  'the first message is a Hello, the others wait for the answer'() {
    const session = new Delivery();
    session.send('ä');
    const { socket } = attach(session);
    assert.deepEqual(socket.take(), [[0, ...session.id, ...id(0), ...u64(0)]]);
    session.send(Uint8Array.of(1, 2));
    assert.deepEqual(socket.take(), []);
    socket.receive(0, SERVER, [...session.id], u64(0));
    assert.deepEqual(socket.take(), [
      [0, ...session.id, ...SERVER, ...u64(0)],
      [2, ...u64(0), ...u64(0), 0xc3, 0xa4],
      [3, ...u64(0), ...u64(1), 1, 2],
    ]);
  },

  'what the server must have first leaves before the Hello, on each socket'() {
    const session = new Delivery();
    for (const token of ['token 1', 'token 2']) {
      const { socket } = attach(session, token, 'subscribe');
      const [first, second, [kind, ...hello]] = socket.take();
      assert.deepEqual([first, second, kind, hello.length], [token, 'subscribe', 0, 40]);
    }
  },

  async 'messages are taken once, and acknowledged by the next one'() {
    const { session, socket, received } = open();
    socket.receive(2, u64(0), u64(0), ascii('\ufeffhi'));
    socket.receive(3, u64(0), u64(1), 7);
    socket.receive(2, u64(0), u64(0), ascii('\ufeffhi'));
    session.send('');
    assert.deepEqual(socket.take(), [[2, ...u64(2), ...u64(0)]]);
    await null;
    assert.deepEqual(received, ['\ufeffhi', [7]]);
  },

  async 'an acknowledgement goes alone within 100 ms, and is not acknowledged'() {
    const { socket } = open();
    socket.receive(2, u64(0), u64(0));
    socket.receive(1, u64(0));
    assert.deepEqual(socket.take(), []);
    await new Promise((done) => { setTimeout(done, 100); });
    assert.deepEqual(socket.take(), [[1, ...u64(1)]]);
  },

  'an acknowledgement goes at once after 64 messages or 64 KiB'() {
    const { socket } = open();
    for (let number = 0; number < 64; number += 1) socket.receive(2, u64(0), u64(number));
    assert.equal(socket.take().length, 1);
    socket.receive(3, u64(0), u64(64), Array(65_536).fill(0));
    assert.deepEqual(socket.take(), [[1, ...u64(65)]]);
  },

  'numbers of 53 bits are written whole'() {
    const { session, socket } = open();
    Object.assign(session, { first: 2 ** 53 - 2, next: 2 ** 53 - 2, expected: 2 ** 40 + 255 });
    session.send('');
    assert.deepEqual(socket.take(), [[2, ...u64(2 ** 40 + 255), ...u64(2 ** 53 - 2)]]);
  },

  'what was not acknowledged is sent again'() {
    const { session, socket } = open();
    for (const text of ['a', 'b', 'c']) session.send(text);
    socket.receive(1, u64(1));
    socket.onclose();
    session.send('d');
    const next = attach(session).socket;
    assert.deepEqual(next.take(), [[0, ...session.id, ...SERVER, ...u64(0)]]);
    next.receive(0, SERVER, [...session.id], u64(2));
    assert.deepEqual(next.take(), ['c', 'd'].map((text, index) =>
      [2, ...u64(0), ...u64(2 + index), ...ascii(text)]));
    assert.equal(socket.onmessage, null, 'the old socket is heard no more');
    assert.ok(socket.closed, 'and closed');
  },

  async 'a server that lost its state begins anew, and the application is told'() {
    const { session, socket, received } = open();
    socket.receive(2, u64(0), u64(0), ascii('x'));
    session.send('a');
    session.send(Uint8Array.of(9));
    const next = attach(session).socket;
    next.receive(0, id(0xcc), [...session.id], u64(0));
    assert.deepEqual(next.take(), [
      [0, ...session.id, ...SERVER, ...u64(1)],
      [0, ...session.id, ...id(0xcc), ...u64(0)],
    ]);
    await null;
    assert.deepEqual(received, ['x', { lost: ['a', Uint8Array.of(9)] }]);
    session.send('b');
    assert.deepEqual(next.take(), [[2, ...u64(0), ...u64(0), ...ascii('b')]]);
  },

  async 'the application is told that the session begins, goes on, and begins anew'() {
    const session = new Delivery();
    const told = [];
    session.onopen = (isResumed) => told.push(isResumed ? 'resumed' : 'begun');
    session.onlost = () => told.push('lost');
    for (const from of [SERVER, SERVER, id(0xcc)]) {
      attach(session).socket.receive(0, from, [...session.id], u64(0));
      await null;
    }
    assert.deepEqual(told, ['begun', 'resumed', 'lost', 'begun']);
  },

  'a page whose proof was lost says it again, and loses nothing'() {
    const { session } = open();
    session.send('a');
    const { socket } = attach(session);
    socket.receive(0, SERVER, [...session.id], u64(0));
    assert.deepEqual(socket.take(), [
      [0, ...session.id, ...SERVER, ...u64(0)],
      [2, ...u64(0), ...u64(0), ...ascii('a')],
    ]);
  },

  'what breaks the rules closes the connection, and changes nothing'() {
    const broken = {
      'a kind that is not defined': [4, u64(0), u64(0)],
      'a Hello that is repeated': [0, SERVER, id(0), u64(0)],
      'an acknowledgement that is too long': [1, u64(0), 0],
      'a message that is too short': [2, u64(0), [0, 0, 0]],
      'nothing': [],
      'text that is not UTF-8': [2, u64(0), u64(0), 0xff],
      'a gap': [2, u64(0), u64(1)],
      'an acknowledgement of what was not sent': [1, u64(1)],
    };
    for (const [what, bytes] of Object.entries(broken)) {
      const { session, socket } = open();
      socket.receive(...bytes);
      assert.equal(socket.closed?.[0], 4002, what);
      assert.equal(session.expected, 0, what);
      session.send('later');
      assert.deepEqual(socket.take(), [], what);
    }
    const hellos = {
      'a message before the Hello': [1, u64(0)],
      'a Hello without an id': (session) => [0, id(0), [...session.id], u64(0)],
      'a Hello with the own id': (session) => [0, [...session.id], [...session.id], u64(0)],
      'a Hello that answers nothing': [0, SERVER, id(0), u64(0)],
      'a Hello to another': [0, SERVER, id(0xdd), u64(0)],
      'a Hello that expects what was not sent': (session) => [0, SERVER, [...session.id], u64(1)],
    };
    for (const [what, bytes] of Object.entries(hellos)) {
      const { session, socket } = attach();
      socket.receive(...(typeof bytes === 'function' ? bytes(session) : bytes));
      assert.equal(socket.closed?.[0], 4002, what);
    }
    const { socket } = attach();
    socket.onmessage({ data: 'text' });
    assert.equal(socket.closed[0], 4002);
  },

  'what waits is bounded in messages and in bytes'() {
    const session = new Delivery();
    let taken = 0;
    while (session.send('')) taken += 1;
    assert.equal(taken, 2048);
    const other = new Delivery();
    assert.equal(other.send('x'.repeat(2 << 20)), false);
    assert.equal(other.send('x'.repeat(1 << 20)), true);
    assert.equal(other.send('x'.repeat(1 << 20)), false);
  },
};

// ---- the server -------------------------------------------------------------------------------

async function startServer() {
  const { child, url } = await listen('delivery-server', serverExample, '127.0.0.1:0');
  return { url, restart: (how = '') => child.stdin.write(`${how}\n`) };
}

/** A session that comes back, as a page would have it, only sooner. */
function connect(url, session) {
  let [connections, stopped] = [0, false];
  const again = () => {
    if (stopped) return;
    connections += 1;
    session.attach(new WebSocket(url, Delivery.protocol));
    session.socket.onerror = () => {}; // A close follows.
  };
  session.onclose = () => setTimeout(again, 10 * Math.random());
  again();
  return {
    connections: () => connections,
    stop() { stopped = true; session.socket.close(); },
  };
}

const served = {
  async '10,000 messages come back once and in order over ten restarts'() {
    const { url, restart } = await startServer();
    const session = new Delivery();
    const message = (number) => {
      const text = `${number} ${'x'.repeat(number % 50 === 49 ? 20_000 : number % 50)}`;
      return number % 3 ? text : new TextEncoder().encode(text);
    };
    const total = 10_000;
    // In each tenth, at a random moment.
    const restarts = Array.from({ length: 10 }, (_, i) => (i + Math.random()) * total / 10);
    let [sent, received] = [0, 0];
    // No more than the server keeps for a client that does not take its answers.
    const fill = () => {
      while (sent < total && sent < received + 100 && session.send(message(sent))) sent += 1;
    };
    const client = await new Promise((done, fail) => {
      const connected = connect(url, session);
      session.onlost = () => fail(new Error('a state was lost'));
      session.onmessage = (data) => {
        try { assert.deepEqual(data, message(received)); } catch (error) { fail(error); }
        if (received >= restarts[0]) {
          restarts.shift();
          restart();
        }
        received += 1;
        fill();
        if (received === total) done(connected);
      };
      fill();
    });
    assert.ok(client.connections() > 1);
    client.stop();
  },

  async 'a server that forgets begins anew, and gives back what it has not acknowledged'() {
    const { url, restart } = await startServer();
    const session = new Delivery();
    const received = [];
    const next = (name) => new Promise((done) => {
      session[name] = (data) => { received.push(data); done(data); };
    });
    const [first, lost] = [next('onmessage'), next('onlost')];
    session.send('first');
    const client = connect(url, session);
    assert.equal(await first, 'first');
    const { onclose } = session;
    session.onclose = (event) => {
      session.send('offline');
      session.onclose = onclose;
      onclose(event);
    };
    restart('forget');
    assert.equal((await lost).at(-1), 'offline');
    const again = next('onmessage');
    session.send('again');
    assert.equal(await again, 'again');
    client.stop();
  },

  async 'a connection that is left behind is closed with 1001, though it says nothing'() {
    const { url } = await startServer();
    const session = new Delivery();
    const echo = () => new Promise((done) => { session.onmessage = done; });
    for (const text of ['one', 'two', 'three']) {
      const old = session.socket;
      session.socket = null; // It stays open, as after a change of networks.
      const closed = new Promise((done) => { if (old) old.onclose = done; else done({ code: 1001 }); });
      const echoed = echo();
      session.attach(new WebSocket(url, Delivery.protocol));
      session.send(text);
      assert.equal(await echoed, text);
      assert.equal((await closed).code, 1001);
    }
    session.socket.close();
  },

  async 'a page that forgets, and keeps its id, begins anew'() {
    const { url } = await startServer();
    let id;
    for (const text of ['one', 'two']) {
      const session = new Delivery();
      if (id) session.id = id;
      id = session.id;
      const echo = new Promise((done) => { session.onmessage = done; });
      session.send(text);
      const client = connect(url, session);
      assert.equal(await echo, text);
      client.stop();
    }
  },
};

// ---- running ----------------------------------------------------------------------------------

for (const [name, check] of Object.entries({ ...literal, ...served })) {
  await run(`delivery.js: ${name}`, check, PATIENCE);
}
finish();
