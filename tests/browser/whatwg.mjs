// Plays the scenarios of whatwg.txt in a browser and with tests/browser/whatwg.rs, against the same
// server, and compares what the two saw and what they sent, line by line. Started by .ci/browser:
// node whatwg.mjs OUT EXAMPLE

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [out, example] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(out), 'whatwg.mjs'))('playwright-core');

const PATIENCE = 10_000;
const PAUSE = 100;

const FREE_REASON = 'RFC 6455, 7.1.7, leaves the reason of a failure open; each tells it in its own words';
const CODE_1002 = 'and it fails all with 1002, where 7.4.1 has 1007 for what is not UTF-8';
const NOT_UTF8 = '1007 "text is not valid UTF-8"';
const LOST = 'RFC 6455, 7.2.1, has the client fail when the transport is lost; '
  + 'the browser calls it closed, not failed, and fires no error';
const LOST_LINES = {
  core: ['   error: state 3', '   close: 1006 "" false, state 3'],
  browser: ['   close: 1006 "" false, state 3'],
  why: LOST,
};
const told = (ours, theirs, why = FREE_REASON) =>
  [{ core: [`   sent close: ${ours}`], browser: [`   sent close: ${theirs}`], why }];

/**
 * Where Chromium does otherwise than the standards, or as they let it: lines of ours, its lines
 * instead, and why. One that is not needed fails, too.
 */
const liberties = {
  '17: a code with a fraction': [{
    core: ['close 999.5 first -> state 2, buffered 0', 'close 3000 second -> state 2, buffered 0',
      '   close: 1000 "first" true, state 3'],
    browser: ['close 999.5 first -> InvalidAccessError, state 1, buffered 0',
      'close 3000 second -> state 2, buffered 0', '   close: 3000 "second" true, state 3'],
    why: 'WebIDL rounds a clamped number to the nearest integer, a half to the even one; the browser '
      + 'cuts the fraction off. In Rust a code is a u16',
  }, {
    core: ['   sent close: 1000 "first"'],
    browser: ['   sent close: 3000 "second"'],
    why: 'what came of that',
  }],
  '22: close() with a reason alone': [{
    core: ['close - bye -> state 2, buffered 0', 'close -> state 2, buffered 0',
      '   close: 1000 "bye" true, state 3'],
    browser: ['close - bye -> InvalidAccessError, state 1, buffered 0', 'close -> state 2, buffered 0',
      '   close: 1005 "" true, state 3'],
    why: 'WebIDL takes undefined for an argument that was not given; the browser takes it for 0',
  }, {
    core: ['   sent close: 1000 "bye"'],
    browser: ['   sent close: empty'],
    why: 'what came of that',
  }],
  '31: a Close with a code that is never on the wire':
    told('1002 "close code 1005 is not allowed"', '1002 ""'),
  '31: a Close with a body of one byte': told('1002 "close frame with a body of one byte"', '1002 ""'),
  '32: a reserved opcode': told('1002 "reserved opcode 3"', '1002 "Unknown opcode"'),
  '32: a reserved bit': told('1002 "reserved bits 0x40 set without an extension"', '1002 "Invalid reserved bit"'),
  '32: a masked frame': told('1002 "frame from a server is masked"', '1002 "Masked frame from server"'),
  '32: text that is not UTF-8':
    told(NOT_UTF8, '1002 "Invalid UTF-8 in text frame"', `${FREE_REASON}, ${CODE_1002}`),
  '32: a reason that is not UTF-8':
    told(NOT_UTF8, '1002 "Invalid UTF-8 in Close frame"', `${FREE_REASON}, ${CODE_1002}`),
  '32: a continuation of nothing': told('1002 "continuation frame without a message to continue"', '1002 "Unexpected continuation"'),
  '32: a Ping of 126 bytes': told('1002 "control frame with opcode 9 has more than 125 bytes"', '1002 "WebSocket Protocol Error"'),
  "35: what follows the server's Close is discarded": [{
    core: ['   close: 1000 "" true, state 3'],
    browser: ['   error: state 3', '   close: 1006 "" false, state 3'],
    why: 'RFC 6455, 1.4: "a peer discards any further data received"; the browser fails by it',
  }],
  '36: the server ends the stream without a Close': [LOST_LINES],
  '36: the server resets the connection': [LOST_LINES],
  '36: the server ends the stream instead of answering a Close': [LOST_LINES],
  '36: the stream ends inside a frame': [LOST_LINES],
};

const file = new URL('whatwg.txt', import.meta.url);
const scenarios = readFileSync(file, 'utf8').split('\n== ').slice(1).map((text) => {
  const [name, ...lines] = text.split('\n').filter((line) => line);
  const actions = lines.filter((line) => line.startsWith('server ')).map((line) => line.slice(7));
  const steps = lines.filter((line) => !line.startsWith('server '));
  return { name, script: (actions[0] ?? 'end').split('; ').map(expand), steps };
});

function expand(line) {
  return line
    .replace(/\\u\{([0-9a-f]+)\}/g, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
    .replace(/(\S)\*(\d+)/gu, (_, character, count) => character.repeat(count));
}

/** Writes a text so that it is the same in all languages. */
function quote(text) {
  const escape = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;
  return `"${text.replace(/[^ -~]/gu, escape)}"`;
}

const pause = (time) => new Promise((done) => setTimeout(done, time));

/** What clients sent: `core/7` -> lines. */
const sent = new Map();

/** The bytes and the end of a client, one frame at a time. */
class Peer {
  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.arrived = () => {};
    this.frames = [];
    this.lines = [];
    socket.on('data', (bytes) => {
      this.bytes = Buffer.concat([this.bytes, bytes]);
      this.take();
      this.arrived();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.ended = true;
        this.arrived();
      });
    }
  }

  async until(ready) {
    while (!ready() && !this.ended) await new Promise((done) => { this.arrived = done; });
    return ready();
  }

  async request() {
    const end = () => this.bytes.indexOf('\r\n\r\n');
    if (this.upgraded || !await this.until(() => end() >= 0)) return null;
    const head = this.bytes.subarray(0, end()).toString('latin1');
    this.bytes = this.bytes.subarray(end() + 4);
    const header = (name) => head.match(new RegExp(`^${name}: *(.*)$`, 'im'))?.[1];
    this.upgraded = header('upgrade') !== undefined;
    return { path: head.split(' ')[1], key: header('sec-websocket-key') };
  }

  /** Takes whole frames, of which the scenarios have only short ones. */
  take() {
    while (this.upgraded && this.bytes.length >= 2) {
      const [first, second] = this.bytes;
      const long = (second & 0x7f) === 126;
      if (this.bytes.length < (long ? 8 : 6)) return;
      const length = long ? this.bytes.readUInt16BE(2) : second & 0x7f;
      const start = long ? 8 : 6;
      if (this.bytes.length < start + length) return;
      const key = this.bytes.subarray(start - 4, start);
      const payload = this.bytes.subarray(start, start + length).map((byte, i) => byte ^ key[i % 4]);
      this.bytes = this.bytes.subarray(start + length);
      const kind = { 0x81: 'text', 0x82: 'binary', 0x88: 'close', 0x89: 'ping', 0x8a: 'pong' }[first];
      const body = Buffer.from(payload);
      let what = quote(body.toString());
      if (kind === 'binary') what = `${length} bytes`;
      if (kind === 'close') what = length ? `${body.readUInt16BE()} ${quote(body.toString('utf8', 2))}` : 'empty';
      this.frames.push({ first, payload: body });
      this.lines.push(`   sent ${kind ?? first.toString(16)}${second & 0x80 ? '' : ', not masked'}: ${what}`);
    }
  }

  write(first, payload) {
    this.socket.write(Buffer.concat([Buffer.from([first, payload.length]), payload]));
  }
}

const actions = {
  accept(peer, rest, { key }) {
    const wanted = Object.fromEntries(rest.split(' ').filter(Boolean).map((word) => word.split('=')));
    const salt = wanted.key ?? '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const accept = createHash('sha1').update(key + salt).digest('base64');
    peer.socket.write([
      'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      ...(wanted.protocol ? [`Sec-WebSocket-Protocol: ${wanted.protocol}`] : []),
      ...(wanted.extensions ? [`Sec-WebSocket-Extensions: ${wanted.extensions}`] : []),
      '', '',
    ].join('\r\n'));
  },
  status(peer, status) {
    const location = status === '302' ? 'Location: /elsewhere\r\n' : '';
    peer.socket.end(`HTTP/1.1 ${status} No\r\n${location}Content-Length: 2\r\n\r\nno`);
  },
  text: (peer, text) => peer.write(0x81, Buffer.from(text)),
  bytes: (peer, hex) => peer.socket.write(Buffer.from(hex, 'hex')),
  close(peer, rest) {
    const [, code, reason = ''] = rest.match(/^(\d*) ?(.*)$/u);
    const body = Buffer.from(`\0\0${reason}`);
    body.writeUInt16BE(Number(code));
    peer.write(0x88, code ? body : Buffer.alloc(0));
  },
  async read(peer, count) {
    const all = (peer.taken ?? 0) + Number(count || 1);
    if (await peer.until(() => peer.frames.length >= all)) peer.taken = all;
  },
  answer(peer) {
    const { first, payload } = peer.frames.at(-1);
    peer.write(first, payload);
  },
  end: (peer) => peer.socket.end(),
  reset: (peer) => peer.socket.resetAndDestroy(),
  pause: () => pause(PAUSE),
  hold: (peer) => peer.until(() => false),
};

async function serve(socket) {
  socket.setNoDelay(true);
  const peer = new Peer(socket);
  const request = await peer.request();
  const index = request?.path.match(/^\/(?:core|browser)\/(\d+)$/)?.[1];
  if (index === undefined) {
    socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html>');
    return;
  }
  sent.set(request.path.slice(1), peer.lines);
  for (const action of scenarios[index].script) {
    const [, verb, rest] = action.match(/^(\S+) ?(.*)$/u);
    await actions[verb](peer, rest, request);
    if (socket.destroyed) return;
  }
  await peer.until(() => false);
  socket.end();
}

const listen = async (server) => {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server.address().port;
};
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  serve(socket).catch((error) => {
    console.error(error);
    socket.destroy();
  });
});
const address = `127.0.0.1:${await listen(server)}`;
const unused = createServer();
const closed = String(await listen(unused));
await new Promise((done) => unused.close(done));

/** Plays one scenario; evaluated in the page. */
async function play({ steps, url, closed, time }) {
  const trace = [];
  const fired = [];
  let socket = null;
  let arrived = () => {};
  const escape = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;
  const quote = (text) => `"${text.replace(/[^ -~]/gu, escape)}"`;
  const expand = (line) => line
    .replace(/\\u\{([0-9a-f]+)\}/g, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
    .replace(/(\S)\*(\d+)/gu, (_, character, count) => character.repeat(count));
  const pause = () => new Promise((done) => setTimeout(done, time.pause));
  const details = {
    open: () => ` protocol ${quote(socket.protocol)}, extensions ${quote(socket.extensions)},`,
    message({ data }) {
      if (typeof data === 'string') return ` text ${quote(data)},`;
      const hex = [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, '0'));
      return ` bytes [${hex.join(', ')}],`;
    },
    error: () => '',
    close: ({ code, reason, wasClean }) => ` ${code} ${quote(reason)} ${wasClean},`,
  };
  const thrown = (action) => {
    try {
      action();
      return '';
    } catch ({ name }) {
      return ` ${name},`;
    }
  };
  const wait = (type) => new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`no ${type} after ${trace.join('\n')}`)), time.patience);
    arrived = () => {
      const position = fired.indexOf(type);
      if (position < 0) return;
      fired.splice(0, position + 1);
      clearTimeout(late);
      arrived = () => {};
      done();
    };
    arrived();
  });
  const verbs = {
    new(rest) {
      const [given, ...protocols] = rest.replace('$closed', closed).split(' ');
      const threw = thrown(() => { socket = new WebSocket(given === '/' ? url : given, protocols); });
      if (threw) return threw;
      socket.binaryType = 'arraybuffer';
      for (const type of Object.keys(details)) {
        socket.addEventListener(type, (event) => {
          trace.push(`   ${type}:${details[type](event)} state ${socket.readyState}`);
          fired.push(type);
          arrived();
        });
      }
      return given === '/' ? '' : ` ${socket.url},`;
    },
    send: (rest) => thrown(() => socket.send(rest)),
    'send-bytes': (rest) => thrown(() => socket.send(new Uint8Array(Number(rest)))),
    close(rest) {
      const [, code, reason] = rest.match(/^(\S*)(?: (.*))?$/u);
      const given = code === '-' ? undefined : Number(code);
      if (reason !== undefined) return thrown(() => socket.close(given, reason));
      return thrown(() => code ? socket.close(given) : socket.close());
    },
    wait: (rest) => wait(rest).then(() => ''),
    pause: () => pause().then(() => ''),
  };
  for (const step of steps) {
    const [, verb, rest] = expand(step).match(/^(\S+) ?(.*)$/u);
    // Not `await` for all: what stands between two waits is one task.
    let result = verbs[verb](rest);
    if (typeof result !== 'string') result = await result;
    const state = socket ? ` state ${socket.readyState}, buffered ${socket.bufferedAmount}` : '';
    trace.push(`${step} ->${socket ? result : result.replace(',', '')}${state}`);
  }
  await pause();
  return trace;
}

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.goto(`http://${address}/`);
const inBrowser = await Promise.all(scenarios.map(({ steps }, index) =>
  page.evaluate(play, {
    steps, closed, url: `ws://${address}/browser/${index}`, time: { pause: PAUSE, patience: PATIENCE },
  }).catch((error) => [error.message.split('\n').slice(0, 20).join(' | ')])));
await browser.close();

const arguments_ = [address, closed, fileURLToPath(file)];
const { stdout } = await promisify(execFile)(resolve(example), arguments_, { timeout: 120_000 })
  .catch((error) => ({ stdout: `${error.stdout}${error.message}` }));
const inCore = stdout.split(/^== /m).slice(1).map((text) => text.split('\n').slice(1).filter(Boolean));
server.close();

/** Puts `theirs` where `ours` stands in `lines`. Returns whether it stands there. */
function replace(lines, ours, theirs) {
  const at = lines.findIndex((_, start) => ours.every((line, i) => lines[start + i] === line));
  if (at >= 0) lines.splice(at, ours.length, ...theirs);
  return at >= 0;
}

let passed = 0;
let failed = 0;
let taken = 0;
const known = new Set(scenarios.map(({ name }) => name));
const report = Object.keys(liberties).filter((name) => !known.has(name))
  .map((name) => `FAILED  whatwg: a liberty in a scenario that is none: ${name}`);
failed += report.length;
for (const [index, { name }] of scenarios.entries()) {
  const ours = [...(inCore[index] ?? ['not played']), ...(sent.get(`core/${index}`) ?? [])];
  const theirs = [...inBrowser[index], ...(sent.get(`browser/${index}`) ?? [])];
  const trace = ours.map((line) => `        ${line}`);
  const complaints = [];
  const remarks = [];
  for (const { core, browser, why } of liberties[name] ?? []) {
    taken += 1;
    remarks.push(`        the browser: ${browser.map((line) => line.trim()).join(' | ')}`, `        (${why})`);
    if (!replace(ours, core, browser)) complaints.push(`        not seen here: ${core.join(' | ')}`);
  }
  for (let line = 0; line < Math.max(ours.length, theirs.length); line += 1) {
    if (ours[line] === theirs[line]) continue;
    complaints.push(`        core:    ${ours[line]}`, `        browser: ${theirs[line]}`);
  }
  if (complaints.length) failed += 1;
  else passed += 1;
  const verdict = `${complaints.length ? 'FAILED' : 'ok    '}  whatwg: ${name}`;
  console.log([verdict, ...remarks, ...complaints].join('\n'));
  report.push(verdict, ...trace, ...remarks, ...complaints);
}
writeFileSync(join(out, 'whatwg.txt'), `${report.join('\n')}\n`);
console.log(`${scenarios.length} scenarios, ${taken} liberties of the browser`);
console.log(`whatwg: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
