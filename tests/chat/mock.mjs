// A chat server for the tests of the page: speaks the server's side of version 1 and of
// `sanswire.delivery.v2` as simply as can be, and does what a real one does seldom: forgets, dies,
// refuses, is slow. It keeps everything in memory, and checks little of what it is told.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';

const PAGES = new URL('../../examples/chat/page/', import.meta.url);
const DELIVERY = new URL('../../examples/delivery.js', import.meta.url);
const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const u64 = (number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
};
const CHUNK = 100;

export class Mock {
  rooms = new Map(); // name of the log → { epoch, next, messages, dropped }
  owners = new Map(); // name → key
  sessions = new Set();
  connections = new Set();
  present = new Map(); // room → names that are there besides the connected ones
  store = 'local';
  closeNext = null; // [code, reason] for the next logins
  refuse = null; // (command) → why
  pace = 0; // milliseconds between two chunks of history
  delay = 0; // milliseconds before the first
  joining = 0; // histories that are not sent yet
  mostJoining = 0;
  isMute = false; // accepts, and never answers
  isAlone = false; // what is said gets no offset
  isDown = false; // serves the pages, and no socket
  logins = 0;
  tokens = 20; // messages that may be said now, 5 more a second
  filled = Date.now();
  hasty = 0; // messages that came too soon
  strict = 0; // of the next messages, so many come too soon in any case

  constructor(WebSocketServer) {
    this.WebSocketServer = WebSocketServer;
  }

  async start(port = 0) {
    this.http = createServer((request, response) => this.#serve(request, response));
    this.chat = new this.WebSocketServer({ noServer: true });
    this.prices = new this.WebSocketServer({ noServer: true });
    this.http.on('upgrade', (request, socket, head) => {
      const server = { '/chat': this.chat, '/prices/live': this.prices }[request.url];
      if (!server) return socket.destroy();
      if (this.isDown) return socket.destroy();
      server.handleUpgrade(request, socket, head, (connected) =>
        server.emit('connection', connected),
      );
    });
    this.chat.on('connection', (socket) => this.#connected(socket));
    this.http.listen(port, '127.0.0.1');
    await once(this.http, 'listening');
    this.port = this.http.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  /** As SIGKILL does; what is in memory stays, until it is told to forget. */
  async kill() {
    for (const server of [this.chat, this.prices])
      for (const one of server.clients) one.terminate();
    this.connections.clear();
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, 'close');
  }

  async restart() {
    this.forgetSessions();
    await this.start(this.port);
  }

  forgetSessions() {
    this.sessions.clear();
  }

  forgetLog(room) {
    this.rooms.delete(room);
  }

  /** Keeps only the newest `count`. */
  trim(room, count) {
    const log = this.log(room);
    log.messages.splice(0, log.messages.length - count);
  }

  log(room) {
    if (!this.rooms.has(room))
      this.rooms.set(room, { epoch: randomBytes(6).toString('hex'), next: 1, messages: [] });
    return this.rooms.get(room);
  }

  /** Appends, and tells those who are there. `silent`: they are not told. */
  say(
    room,
    from,
    text,
    {
      at = Date.now(),
      id = randomBytes(8).toString('hex'),
      silent = false,
      isProvisional = false,
    } = {},
  ) {
    const log = this.log(room);
    const known = log.messages.find((message) => message.id === id && message.from === from);
    const message = known ?? { offset: isProvisional ? null : log.next, id, from, text, at };
    if (!known && !isProvisional) {
      log.next += 1;
      log.messages.push(message);
    }
    if (!silent)
      this.#toRoom(room, (name) => ({ t: 'message', room: name, epoch: log.epoch, ...message }));
    return message;
  }

  /** Cuts all connections, as a network does. */
  cut() {
    for (const { socket } of this.connections) socket.terminate();
    for (const socket of this.prices.clients) socket.terminate();
  }

  /** One tick of prices to all; `number` is as the server counts. */
  tickPrices(tick, prices, at = Date.now()) {
    for (const socket of this.prices.clients) socket.send(JSON.stringify({ at, tick, prices }));
  }

  broadcast(event) {
    for (const session of this.sessions) this.#send(session, event);
  }

  people(room) {
    const names = new Set(this.present.get(room));
    for (const { session } of this.connections)
      if (session?.joined.has(room)) names.add(session.name);
    return [...names];
  }

  // ---- HTTP -------------------------------------------------------------------------------------

  async #serve(request, response) {
    const path = new URL(request.url, this.url).pathname;
    const name = { '/': 'chat.html', '/prices': 'prices.html' }[path] ?? path.slice(1);
    try {
      const body = await readFile(name === 'delivery.js' ? DELIVERY : new URL(name, PAGES));
      response.writeHead(200, {
        'content-type': TYPES[extname(name)],
        'content-security-policy': POLICY,
        'cache-control': 'no-store',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  // ---- delivery ---------------------------------------------------------------------------------

  #connected(socket) {
    const connection = { socket, session: null, login: null };
    this.connections.add(connection);
    socket.on('close', () => {
      this.connections.delete(connection);
      if (connection.session?.connection === connection) this.#gone(connection.session);
    });
    socket.on('message', (data, isBinary) => {
      if (this.isMute) return;
      if (!isBinary) this.#login(connection, JSON.parse(data));
      else if (data[0] === 0) this.#hello(connection, data);
      else this.#receive(connection.session, data);
    });
  }

  #login(connection, { chat, name, key }) {
    this.logins += 1;
    const { socket } = connection;
    if (this.closeNext) return socket.close(...this.closeNext);
    if (chat !== 1) return socket.close(4100, 'this server speaks version 1: reload the page');
    if ((this.owners.get(name) ?? key) !== key)
      return socket.close(4102, `the name ${name} is taken`);
    this.owners.set(name, key);
    connection.login = name;
  }

  #hello(connection, data) {
    const from = data.subarray(1, 17),
      to = data.subarray(17, 33);
    const expected = Number(data.readBigUInt64BE(33));
    if (!connection.login) return;
    let session = [...this.sessions].find((one) => one.id.equals(to) && one.client.equals(from));
    const isNew = !session;
    if (isNew) {
      session = {
        id: randomBytes(16),
        client: Buffer.from(from),
        name: connection.login,
        joined: new Set(),
        expected: 0,
        first: 0,
        next: 0,
        queue: [],
        isProven: false,
        connection: null,
      };
      this.sessions.add(session);
    }
    const isAnswer = connection.session === session;
    connection.session = session;
    session.connection = connection;
    if (!isAnswer)
      this.#transmit(
        session,
        Buffer.concat([
          Buffer.of(0),
          session.id,
          session.client,
          u64(isNew ? 0 : session.expected),
        ]),
      );
    if (isNew) return;
    this.#acknowledged(session, expected);
    session.next = session.first;
    if (!session.isProven) {
      session.isProven = true;
      this.#welcome(session);
    }
    this.#flush(session);
  }

  #receive(session, data) {
    this.#acknowledged(session, Number(data.readBigUInt64BE(1)));
    if (data[0] === 1 || Number(data.readBigUInt64BE(9)) !== session.expected) return;
    session.expected += 1;
    this.#handle(session, JSON.parse(data.subarray(17)));
    this.#transmit(session, Buffer.concat([Buffer.of(1), u64(session.expected)]));
  }

  #acknowledged(session, expected) {
    session.queue.splice(0, expected - session.first);
    session.first = Math.max(session.first, expected);
  }

  #send(session, event) {
    session.queue.push(Buffer.from(JSON.stringify(event)));
    this.#flush(session);
  }

  #flush(session) {
    if (!session.isProven || !this.connections.has(session.connection)) return;
    for (; session.next - session.first < session.queue.length; session.next += 1) {
      this.#transmit(
        session,
        Buffer.concat([
          Buffer.of(2),
          u64(session.expected),
          u64(session.next),
          session.queue[session.next - session.first],
        ]),
      );
    }
  }

  #transmit(session, bytes) {
    const { socket } = session.connection;
    if (socket.readyState === 1) socket.send(bytes);
  }

  // ---- the application --------------------------------------------------------------------------

  #welcome(session) {
    const rooms = new Set(
      [...this.rooms.keys(), ...this.present.keys()].filter((room) => room.startsWith('#')),
    );
    const directs = [...this.rooms.keys()]
      .filter((room) => room.startsWith('@'))
      .map((room) => room.slice(1).split('|'))
      .filter((names) => names.includes(session.name))
      .map((names) => `@${names.find((name) => name !== session.name)}`);
    this.#send(session, {
      t: 'welcome',
      name: session.name,
      directs,
      store: this.store,
      limits: { text: 2000, name: 24, room: 32 },
      rooms: [...rooms].map((room) => ({ room, people: this.people(room).length })),
    });
  }

  #handle(session, command) {
    const { t, room } = command;
    const log = room && canonical(session.name, room);
    if (t === 'ping') return this.#send(session, { t: 'pong', at: command.at });
    if (t === 'join') {
      session.joined.add(log);
      this.#toRoom(log, (name) => ({ t: 'joined', room: name, name: session.name }), session);
      return void this.#history(session, room, log, command.since);
    }
    if (t === 'leave') {
      session.joined.delete(log);
      return this.#toRoom(log, (name) => ({ t: 'left', room: name, name: session.name }));
    }
    if (t === 'typing')
      return this.#toRoom(
        log,
        (name) => ({ t: 'typing', room: name, name: session.name }),
        session,
      );
    if (!this.#mayMore()) {
      this.hasty += 1;
      const { id } = command;
      return this.#send(session, { t: 'refused', id, room, why: 'slow down', retry: 200 });
    }
    const why = this.refuse?.(command);
    if (why) return this.#send(session, { t: 'refused', id: command.id, room, why });
    const { isAlone: isProvisional } = this;
    return this.say(log, session.name, command.text, { id: command.id, isProvisional });
  }

  #mayMore() {
    const now = Date.now();
    this.tokens = Math.min(20, this.tokens + ((now - this.filled) / 1000) * 5);
    this.filled = now;
    if (this.strict > 0) {
      this.strict -= 1;
      return false;
    }
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  async #history(session, room, name, since) {
    this.joining += 1;
    this.mostJoining = Math.max(this.mostJoining, this.joining);
    if (this.delay)
      await new Promise((done) => {
        setTimeout(done, this.delay);
      });
    this.joining -= 1;
    const log = this.log(name);
    const isSame = since?.epoch === log.epoch;
    let gap = null;
    let messages = log.messages;
    if (isSame) {
      const oldest = messages[0]?.offset ?? log.next;
      if (since.offset + 1 < oldest) gap = { missed: oldest - since.offset - 1 };
      messages = messages.filter(({ offset }) => offset > since.offset);
    } else {
      if (since) gap = { epoch: true };
      messages = messages.slice(-50);
    }
    messages = [...messages];
    do {
      const chunk = messages.splice(0, CHUNK);
      this.#send(session, {
        t: 'history',
        room,
        epoch: log.epoch,
        messages: chunk,
        last: log.next - 1,
        gap,
        people: this.people(name),
        ...(messages.length > 0 && { more: true }),
      });
      gap = null;
      if (this.pace && messages.length > 0)
        await new Promise((done) => {
          setTimeout(done, this.pace);
        });
    } while (messages.length > 0);
  }

  #gone(session) {
    for (const room of session.joined) {
      this.#toRoom(room, (name) => ({ t: 'left', room: name, name: session.name }), session);
    }
  }

  #toRoom(log, event, except = null) {
    for (const session of this.sessions) {
      const isFor = log.startsWith('#')
        ? session.joined.has(log)
        : log.slice(1).split('|').includes(session.name);
      if (session === except || !isFor) continue;
      const other = log
        .slice(1)
        .split('|')
        .find((name) => name !== session.name);
      this.#send(session, event(log.startsWith('#') ? log : `@${other}`));
    }
  }
}

/** A private log's own name. */
function canonical(me, room) {
  return room.startsWith('#') ? room : `@${[me, room.slice(1)].sort().join('|')}`;
}
