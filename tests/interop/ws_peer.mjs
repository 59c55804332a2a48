// Lets `ws` of Node.js talk to both examples: as a client to examples/echo_server.rs, as a server
// to examples/client.rs. Started by .ci/interop: node ws_peer.mjs OUT CLIENT NAME=URL...

import { once } from 'node:events';
import { createInterface } from 'node:readline';

import * as peers from './peers.mjs';

const [clientExample, ...servers] = process.argv.slice(3);
const { WebSocket, WebSocketServer } = peers.ws;

const END = Date.now() + 105_000;
const MIB = 1 << 20;
const SIZES = [0, 1, 125, 126, 65_535, 65_536, MIB];
const EMOJI = 'Grüße, 😀 👩‍👩‍👧 𝄞 and 日本語';
const both = 'server_no_context_takeover; client_no_context_takeover';

/** What `ws` offers, and what the echo server must answer. */
const OFFERS = {
  'nothing': [false, undefined],
  'defaults': [{}, ''],
  'a threshold of 1024': [{ threshold: 1024 }, ''],
  'client bits not negotiable': [{ clientMaxWindowBits: false }, ''],
  'no server takeover': [{ serverNoContextTakeover: true }, 'server_no_context_takeover'],
  'no client takeover': [{ clientNoContextTakeover: true }, 'client_no_context_takeover'],
  'no takeover': [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, both],
  'server bits 8': [{ serverMaxWindowBits: 8 }, undefined],
  ...Object.fromEntries([9, 10, 11, 12, 13, 14, 15].flatMap((bits) => [
    [`server bits ${bits}`, [{ serverMaxWindowBits: bits }, `server_max_window_bits=${bits}`]],
    [`client bits ${bits}`,
      [{ clientMaxWindowBits: bits }, bits < 15 ? `client_max_window_bits=${bits}` : '']],
  ])),
  'bits 9 and 9, no takeover': [
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9, serverNoContextTakeover: true, clientNoContextTakeover: true },
    `${both}; server_max_window_bits=9; client_max_window_bits=9`,
  ],
};

/** What `ws` answers to the offer of the client example, and what that must make of it. */
const ANSWERS = {
  'nothing': [false, undefined],
  'defaults': [{}, ''],
  'no server takeover': [{ serverNoContextTakeover: true }, 'server_no_context_takeover'],
  'no client takeover': [{ clientNoContextTakeover: true }, 'client_no_context_takeover'],
  'no takeover': [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, both],
  ...Object.fromEntries([8, 9, 10, 11, 12, 13, 14, 15].flatMap((bits) => [
    [`server bits ${bits}`, [{ serverMaxWindowBits: bits }, `server_max_window_bits=${bits}`]],
    [`client bits ${bits}`, [{ clientMaxWindowBits: bits }, `client_max_window_bits=${bits}`]],
  ])),
  'bits 9 and 9, no takeover': [
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9, serverNoContextTakeover: true, clientNoContextTakeover: true },
    `${both}; server_max_window_bits=9; client_max_window_bits=9`,
  ],
};

// ---- our server -------------------------------------------------------------------------------

/** With every set of parameters. */
const exchanges = {
  async 'sizes from 0 to 1 MiB and emoji come back'(open) {
    const peer = await open();
    for (const size of SIZES) {
      await peer.echo(noise(size));
      await peer.echo(prose(size));
      await peer.echo('é'.repeat(size / 2) + 'x'.repeat(size % 2));
    }
    await peer.echo(EMOJI);
    await peer.echo(EMOJI.repeat(500));
    await peer.close();
  },

  async 'fragments come back whole, Pings between them answered'(open) {
    const peer = await open();
    for (const [pieces, whole] of fragmented()) {
      for (const [i, piece] of pieces.entries()) {
        const fin = i === pieces.length - 1;
        peer.socket.send(piece, { binary: typeof whole !== 'string', fin });
        if (!fin) peer.socket.ping(`after piece ${i}`);
      }
      for (let i = 0; i < pieces.length - 1; i += 1) {
        equal((await peer.pongs.next()).toString(), `after piece ${i}`);
      }
      equal(await peer.messages.next(), whole);
    }
    await peer.close();
  },

  async '500 random messages in a row come back in order'(open) {
    const peer = await open();
    const sent = mixture(500);
    for (const message of sent) peer.socket.send(message);
    for (const [i, message] of sent.entries()) {
      equal(await peer.messages.next(), message, `message ${i}`);
    }
    await peer.close();
  },

  async 'plain messages between compressed ones come back'(open) {
    const peer = await open();
    const sent = mixture(60);
    for (const [i, message] of sent.entries()) peer.socket.send(message, { compress: i % 3 !== 1 });
    for (const message of sent) equal(await peer.messages.next(), message);
    await peer.close();
  },

  async 'messages that resemble each other shrink as agreed'(open, agreed) {
    const peer = await open();
    const sent = ticks(200);
    const before = peer.tcp.bytesRead;
    for (const message of sent) await peer.echo(message);
    shrunk(sent, peer.tcp.bytesRead - before, agreed, 'server_no_context_takeover');
    await peer.close();
  },
};

/** Once for each adapter. */
const conduct = {
  async 'Pings are answered with their payload'(open) {
    const peer = await open();
    for (const payload of [Buffer.alloc(0), Buffer.from('hi'), noise(125)]) {
      peer.socket.ping(payload);
      equal(await peer.pongs.next(), payload);
    }
    peer.socket.pong('nobody asked');
    await peer.echo('still here');
    await peer.close();
  },

  async 'a Close is answered with its code and reason'(open) {
    const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
    for (const code of codes) {
      const reason = code % 2 ? 'é'.repeat(61) + '!' : '';
      equal((await (await open()).close(code, reason)).join(), [code, reason].join());
    }
  },

  async 'a Close without a code is answered with none'(open) {
    const peer = await open();
    peer.socket.close();
    equal((await peer.closed).join(), '1005,');
  },

  async 'a Close by the server shows its code and reason'(open) {
    for (const [code, reason] of [[1000, ''], [1001, 'away'], [1011, 'é'.repeat(61) + '!'], [3000, '😀'], [4999, 'a b']]) {
      const peer = await open();
      peer.socket.send(`!close ${code} ${reason}`.trimEnd());
      equal((await peer.closed).join(), [code, reason].join());
    }
    const peer = await open();
    peer.socket.send('!close');
    equal((await peer.closed).join(), '1005,');
  },

  async 'what is under way comes back before the Close is answered'(open) {
    const peer = await open({});
    const sent = ticks(100);
    for (const message of sent) peer.socket.send(message);
    peer.socket.close(1000);
    equal((await peer.closed)[0], 1000);
    for (const message of sent) equal(await peer.messages.next(), message);
  },

  async 'the first subprotocol offered is chosen'(open) {
    for (const offer of [['chat'], ['superchat', 'chat'], ['v2.example', 'v1.example', 'a']]) {
      const peer = await open(false, offer);
      equal(peer.socket.protocol, offer[0]);
      await peer.close();
    }
  },

  async '32 MiB to a peer that pauses come back in order'(open) {
    for (const deflate of [false, { threshold: 0 }]) {
      const peer = await open(deflate);
      const sent = Array.from({ length: 32 }, (_, i) => (i % 2 ? noise(MIB) : prose(MIB)));
      peer.socket.pause();
      for (const message of sent) peer.socket.send(message);
      await new Promise((done) => setTimeout(done, 300));
      peer.socket.resume();
      for (const message of sent) equal(await peer.messages.next(), message);
      await peer.close();
    }
  },

  async 'a message over 32 MiB is refused with 1009'(open) {
    for (const deflate of [false, { threshold: 0 }]) {
      const peer = await open(deflate);
      sendTooMuch(peer);
      equal((await peer.closed)[0], 1009);
    }
  },

  async 'text that is not UTF-8 is refused with 1007'(open) {
    for (const deflate of [false, { threshold: 0 }]) {
      const peer = await open(deflate);
      peer.socket.send(Buffer.from('fine \xff not', 'latin1'), { binary: false });
      equal((await peer.closed)[0], 1007);
    }
  },

  async 'fifty connections at once do not mix'(open) {
    await Promise.all(Array.from({ length: 50 }, async (_, number) => {
      const peer = await open(number % 2 ? {} : false);
      for (let i = 0; i < 20; i += 1) await peer.echo(`${number} ${i} ${'.'.repeat(i * 9)}`);
      await peer.close();
    }));
  },

  async 'a peer that vanishes does no harm'(open) {
    const [gone, stays] = [await open({}), await open({})];
    gone.socket.send(prose(MIB));
    gone.socket.send('begun', { fin: false });
    gone.socket.terminate();
    await gone.closed;
    await stays.echo('still here');
    await stays.close();
  },
};

/** A connection to our server. */
async function connect(url, deflate, subprotocols = []) {
  const options = deflate && { threshold: 0, ...deflate };
  const socket = new WebSocket(url, subprotocols, { perMessageDeflate: options });
  const upgraded = once(socket, 'upgrade');
  const peer = observed(socket);
  await Promise.race([once(socket, 'open'), peer.broken]);
  const [response] = await upgraded;
  peer.extensions = response.headers['sec-websocket-extensions'];
  peer.tcp = response.socket;
  return peer;
}

function observed(socket) {
  const [messages, pings, pongs] = [queue(), queue(), queue()];
  const errors = [];
  const broken = new Promise((_, fail) => {
    socket.on('error', (error) => {
      errors.push(error.message);
      fail(error);
    });
  });
  broken.catch(() => {});
  const closed = new Promise((done) => {
    socket.on('close', (code, reason) => {
      done([code, reason.toString()]);
      for (const each of [messages, pings, pongs]) {
        each.fail(new Error(`closed with ${code} ${reason} ${errors.join()}`));
      }
    });
  });
  socket.on('message', (data, isBinary) => messages.push(isBinary ? data : data.toString()));
  socket.on('ping', pings.push);
  socket.on('pong', pongs.push);
  return {
    socket, messages, pings, pongs, broken, closed, errors,
    async echo(message) {
      socket.send(message);
      equal(await messages.next(), message, `echo of ${message.length}`);
    },
    async close(code = 1000, reason = '') {
      socket.close(code, reason);
      const found = await closed;
      equal(found.join(), [code, reason].join());
      equal(errors.join(), '');
      return found;
    },
  };
}

async function testServer(adapter, url) {
  for (const [offer, [options, params]] of Object.entries(OFFERS)) {
    const agreed = params === undefined ? undefined : ['permessage-deflate', params].filter(Boolean).join('; ');
    const open = async () => {
      const peer = await connect(url, options);
      equal(peer.extensions, agreed);
      return peer;
    };
    for (const [name, exchange] of Object.entries(exchanges)) {
      await run(`${adapter} server, ws offers ${offer}: ${name}`, () => exchange(open, agreed));
    }
  }
  const open = (deflate = false, subprotocols = []) => connect(url, deflate, subprotocols);
  for (const [name, check] of Object.entries(conduct)) {
    await run(`${adapter} server, ws: ${name}`, () => check(open));
  }
}

// ---- our client -------------------------------------------------------------------------------

/** With every set of parameters. `talk` starts the client and a server that sends back. */
const talks = {
  async 'sizes from 0 to 1 MiB and emoji come back'(talk) {
    const messages = SIZES.flatMap((size) => [noise(size), prose(size)]);
    await talk([...messages, EMOJI, EMOJI.repeat(500)]);
  },

  async '500 random messages in a row come back in order'(talk) {
    await talk(mixture(500));
  },

  async 'fragments of the server arrive whole'(talk) {
    const messages = fragmented();
    await talk([], messages.map(([, whole]) => whole), ({ socket }) => {
      for (const [pieces, whole] of messages) {
        for (const [i, piece] of pieces.entries()) {
          socket.send(piece, { binary: typeof whole !== 'string', fin: i === pieces.length - 1 });
          socket.ping();
        }
      }
    });
  },

  async 'messages that resemble each other shrink as agreed'(talk, agreed) {
    const sent = ticks(200);
    const { peer, before } = await talk(sent);
    shrunk(sent, peer.tcp.bytesRead - before, agreed, 'client_no_context_takeover');
  },
};

const clients = {
  async 'messages that look like commands are escaped both ways'() {
    const { peer, client } = await pair({}, ['--deflate']);
    client.write('\\\\b 00', '\\\\\\c', '\\x', '\\b', '\\b 00 fF');
    for (const text of ['\\b 00', '\\\\c', '\\x']) equal(await peer.messages.next(), text);
    equal(await peer.messages.next(), Buffer.alloc(0));
    equal(await peer.messages.next(), Buffer.from([0, 255]));
    for (const line of ['\\\\b 00', '\\\\\\c', '\\x', '\\b ', '\\b 00ff']) {
      equal(await client.lines.next(), line);
    }
    await finish(client, peer);
  },

  async 'Pings go both ways'() {
    const { peer, client } = await pair(false);
    client.write('\\p are you there?');
    equal((await peer.pings.next()).toString(), 'are you there?');
    const payload = noise(125);
    peer.socket.ping(payload);
    equal(await peer.pongs.next(), payload);
    await finish(client, peer);
  },

  async 'the end of the input closes with 1000, echoes still arrive'() {
    const { peer, client } = await pair({}, ['--deflate']);
    const sent = ticks(100);
    client.write(...sent);
    client.end();
    for (const line of sent) equal(await client.lines.next(), line);
    await finish(client, peer);
  },

  async 'it closes with the code and reason it is told'() {
    for (const [code, reason] of [[1000, ''], [1001, 'é'.repeat(61) + '!'], [3000, '😀'], [4999, 'a b']]) {
      const { peer, client } = await pair(false);
      client.write(`\\c ${code} ${reason}`.trimEnd());
      await finish(client, peer, [code, reason], () => {});
    }
  },

  async 'it shows the code and reason the server closes with'() {
    for (const [code, reason] of [[4000, 'go away'], [1000, ''], [1001, ''], [1012, 'é'.repeat(61) + '!'], [4999, '😀']]) {
      const { peer, client } = await pair({}, ['--deflate']);
      client.write('one');
      equal(await client.lines.next(), 'one');
      peer.socket.close(code, reason);
      await finish(client, peer, [code, reason], () => {});
    }
  },

  async 'it shows a Close without a code'() {
    const { peer, client } = await pair(false);
    peer.socket.close();
    await finish(client, peer, [1005, ''], () => {});
  },

  async 'a connection that breaks is an error'() {
    const { peer, client } = await pair(false);
    client.write('one');
    equal(await client.lines.next(), 'one');
    peer.socket.terminate();
    await fails(client, /closing handshake|reset|closed|ended/i);
  },

  async 'a message over 32 MiB is refused with 1009'() {
    for (const [deflate, ...options] of [[false], [{ threshold: 0 }, '--deflate']]) {
      const { peer, client } = await pair(deflate, options);
      sendTooMuch(peer);
      equal((await peer.closed)[0], 1009);
      await fails(client, /33554432/);
    }
  },

  async 'text that is not UTF-8 is refused with 1007'() {
    const { peer, client } = await pair({ threshold: 0 }, ['--deflate']);
    peer.socket.send(Buffer.from('fine \xff not', 'latin1'), { binary: false });
    equal((await peer.closed)[0], 1007);
    await fails(client, /UTF-8/);
  },

  async 'a subprotocol it offers can be chosen, or none'() {
    for (const chosen of ['chat', false]) {
      const { peer, client } = await pair({ handleProtocols: () => chosen }, [], ['chat']);
      equal(peer.socket.protocol, chosen || '');
      await finish(client, peer);
    }
  },

  async 'a subprotocol it did not offer is refused'() {
    await refused({ handleProtocols: () => 'other' }, [], ['chat'], /subprotocol/i);
    await refused({ extra: 'Sec-WebSocket-Protocol: chat' }, [], [], /subprotocol/i);
  },

  async 'an extension it did not offer is refused'() {
    for (const [options, answer] of [
      [[], 'permessage-deflate'],
      [['--deflate'], 'permessage-gzip'],
      [['--deflate'], 'permessage-deflate, permessage-deflate'],
      [['--deflate'], 'permessage-deflate; client_max_window_bits'],
      [['--deflate'], 'permessage-deflate; server_max_window_bits=16'],
      [['--deflate'], 'permessage-deflate; server_max_window_bits=09'],
      [['--deflate'], 'permessage-deflate; window_bits=9'],
    ]) {
      await refused({ extra: `Sec-WebSocket-Extensions: ${answer}` }, options, [], /extension|permessage|window_bits/i);
    }
  },

  async 'a wrong Sec-WebSocket-Accept is refused'() {
    const spoil = (headers) => {
      const index = headers.findIndex((line) => line.startsWith('Sec-WebSocket-Accept'));
      headers[index] = 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=';
    };
    await refused({ spoil }, [], [], /accept/i);
  },

  async 'a refusal is shown with its status and body'() {
    const verifyClient = (_, done) => done(false, 403, 'members only: ask at the door', {});
    await refused({ verifyClient }, [], [], /403 Forbidden\nmembers only: ask at the door/);
    await refused({ path: '/elsewhere' }, [], [], /400/);
  },

  async 'nobody listens'() {
    const { server, url } = await listen(false);
    server.close();
    await once(server, 'close');
    await fails(startClient([url]), /refused/i);
  },
};

/** A server, our client and the connection between them. `options` may be those of deflate. */
async function pair(options, argumentsBefore = [], argumentsBehind = []) {
  const { server, url } = await listen(options);
  const connected = once(server, 'connection');
  const client = startClient([...argumentsBefore, url, ...argumentsBehind]);
  const [socket, request] = await Promise.race([connected, client.died]);
  const peer = observed(socket);
  peer.tcp = request.socket;
  peer.offered = request.headers['sec-websocket-extensions'];
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  server.close();
  return { peer, client };
}

/** Expects the client not to connect. */
async function refused(options, argumentsBefore, argumentsBehind, complaint) {
  const { server, url } = await listen(options);
  server.on('connection', (socket) => socket.on('error', () => {}));
  const client = startClient([...argumentsBefore, url, ...argumentsBehind]);
  await fails(client, complaint);
  server.close();
}

async function listen(options) {
  const { handleProtocols, verifyClient, path, extra, spoil, ...deflate } = options || {};
  const isDeflate = options && !handleProtocols && !verifyClient && !path && !extra && !spoil;
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, maxPayload: 0, handleProtocols, verifyClient, path,
    perMessageDeflate: isDeflate && { threshold: 0, ...deflate },
  });
  server.on('headers', (headers) => {
    if (extra) headers.push(extra);
    if (spoil) spoil(headers);
  });
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${server.address().port}/` };
}

function startClient(parameters) {
  const child = peers.start(clientExample, parameters);
  const lines = queue();
  let stderr = '';
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', lines.push);
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
  const exited = new Promise((done) => {
    child.on('close', (code, signal) => {
      lines.fail(new Error(`the client exited with ${code ?? signal}: ${stderr}`));
      done({ code, stderr });
    });
  });
  const died = exited.then(({ code }) => { throw new Error(`the client exited with ${code}: ${stderr}`); });
  died.catch(() => {});
  return {
    lines, exited, died,
    write: (...texts) => texts.forEach((text) => child.stdin.write(`${text}\n`)),
    end: () => child.stdin.end(),
  };
}

/** Ends the client's input, by default, and expects a clean end on both sides. */
async function finish(client, peer, [code, reason] = [1000, ''], begin = client.end) {
  begin();
  equal(await client.lines.next(), `\\c ${code} ${reason}`.trimEnd());
  equal((await peer.closed).join(), [code, reason].join());
  const { code: status, stderr } = await client.exited;
  equal(status, 0);
  equal(peer.errors.join(), '');
  return stderr;
}

async function fails(client, complaint) {
  const { code, stderr } = await client.exited;
  equal(code, 1);
  if (!complaint.test(stderr)) throw new Error(`complains ${JSON.stringify(stderr)}`);
}

async function testClient() {
  for (const [answer, [options, params]] of Object.entries(ANSWERS)) {
    for (const isOffered of params === undefined || params === '' ? [true, false] : [true]) {
      const agreed = params === undefined || !isOffered
        ? undefined
        : ['permessage-deflate', params].filter(Boolean).join('; ');
      const talk = async (sent, wanted = sent, action = () => {}) => {
        const { peer, client } = await pair(options, isOffered ? ['--deflate'] : []);
        equal(peer.offered, isOffered ? 'permessage-deflate; client_max_window_bits' : undefined);
        const before = peer.tcp.bytesRead;
        client.write(...sent.map(lineOf));
        action(peer);
        for (const [i, message] of wanted.entries()) {
          equal(await client.lines.next(), lineOf(message), `message ${i}`);
        }
        const said = await finish(client, peer);
        if (isOffered) {
          const verdict = agreed ? `negotiated ${agreed}` : 'no compression: the server declined it';
          equal(ordered(said.trim()), ordered(verdict));
        } else {
          equal(said, '');
        }
        return { peer, before };
      };
      const flag = isOffered ? 'client --deflate' : 'client';
      for (const [name, check] of Object.entries(talks)) {
        await run(`${flag}, ws answers ${answer}: ${name}`, () => check(talk, agreed));
      }
    }
  }
  for (const [name, check] of Object.entries(clients)) {
    await run(`client, ws: ${name}`, check);
  }
}

const lineOf = (message) =>
  typeof message === 'string' ? message : `\\b ${message.toString('hex')}`;

/** Parameters may stand in any order. */
const ordered = (text) => text.split('; ').sort().join('; ');

// ---- data -------------------------------------------------------------------------------------

// The same in every run: xorshift32.
let state = 0x9e3779b9;
function below(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

/** Bytes that do not shrink. */
function noise(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i += 1) bytes[i] = below(256);
  return bytes;
}

/** ASCII that shrinks, with matches near and far. */
function prose(size) {
  const words = Array.from({ length: 400 }, () => below(1 << 30).toString(36));
  const text = [];
  for (let length = 0; length < size;) {
    const word = words[below(words.length)];
    text.push(word);
    length += word.length + 1;
  }
  return text.join(' ').padEnd(size, '.').slice(0, size);
}

/** Messages of both kinds and all sorts; some repeat what was sent long before. */
function mixture(count) {
  const messages = [];
  for (let i = 0; i < count; i += 1) {
    const size = below(1 << below(13));
    switch (below(5)) {
      case 0: messages.push(noise(size)); break;
      case 1: messages.push(Buffer.from(prose(size))); break;
      case 2: messages.push(prose(size)); break;
      case 3: messages.push(EMOJI.repeat(1 + below(20))); break;
      default: messages.push(messages[below(messages.length + 1)] ?? '');
    }
  }
  return messages;
}

/** Small messages that differ in a few digits. */
function ticks(count) {
  return Array.from({ length: count }, (_, i) => JSON.stringify({
    type: 'tick', number: i, price: 100 + below(1000) / 100, volume: below(1000), venue: 'somewhere far away', halted: false,
  }));
}

/** Messages in pieces, also empty ones and such as end within a character. */
function fragmented() {
  const emoji = Buffer.from(EMOJI);
  const bytes = noise(70_000);
  const text = prose(70_000);
  return [
    [['one ', 'two ', 'three'], 'one two three'],
    [['', '', ''], ''],
    [['', 'x', ''], 'x'],
    [[...emoji].map((byte) => Buffer.from([byte])), EMOJI],
    [[bytes.subarray(0, 1), bytes.subarray(1, 126), bytes.subarray(126)], bytes],
    [[text.slice(0, 200), text.slice(200, 66_000), text.slice(66_000)], text],
  ];
}

/** Nearly all of it is taken, so that little is under way when the rest is refused. */
function sendTooMuch({ socket }) {
  socket.send(Buffer.alloc(31 * MIB), { fin: false });
  socket.send(Buffer.alloc(2 * MIB));
}

/** Compares what arrived on the wire with what was sent. */
function shrunk(messages, wire, agreed, reset) {
  const plain = messages.reduce((sum, message) => sum + message.length, 0);
  const percent = 100 * wire / plain;
  let [least, most] = [5, 40];
  if (!agreed || /client_max_window_bits=8/.test(agreed)) [least, most] = [100, 110];
  else if (agreed.includes(reset)) [least, most] = [85, 99];
  if (percent < least || percent > most) {
    throw new Error(`${plain} bytes of messages took ${wire} on the wire, ${percent.toFixed(1)} %`);
  }
}

// ---- running ----------------------------------------------------------------------------------

/** Waits for what comes one by one. */
function queue() {
  const [items, waiting] = [[], []];
  let failure;
  return {
    push(item) {
      if (waiting.length) waiting.shift().done(item);
      else items.push(item);
    },
    fail(error) {
      failure = error;
      for (const { fail } of waiting.splice(0)) fail(error);
    },
    next: () => new Promise((done, fail) => {
      if (items.length) done(items.shift());
      else if (failure) fail(failure);
      else waiting.push({ done, fail });
    }),
  };
}

function equal(found, wanted, what = '') {
  const same = Buffer.isBuffer(wanted)
    ? Buffer.isBuffer(found) && wanted.equals(found)
    : found === wanted;
  if (!same) throw new Error(`${what} found ${shown(found)}, wanted ${shown(wanted)}`);
}

const shown = (value) =>
  `${Buffer.isBuffer(value) ? value.subarray(0, 60).toString('hex') : JSON.stringify(value)?.slice(0, 200)}`
    + (value?.length > 60 ? `… (${value.length})` : '');

const run = (name, check) => peers.run(name, async () => {
  if (Date.now() > END) throw new Error('no time left');
  await check();
});

for (const argument of servers) {
  const [, adapter, url] = argument.match(/^(.+?)=(.+)$/);
  await testServer(adapter, url);
}
await testClient();

peers.finish();
