// WebSockets of Chromium and Firefox over HTTP/2 and HTTP/1.1, directly and behind proxies. Started by
// .ci/web: node checks.mjs OUT SERVER [FRONT...]
//
// SERVER is tests/web/server.rs. No check measures a time: what outlives a timeout is compared with
// what does not.

import { readFileSync, readdirSync } from 'node:fs';
import http2 from 'node:http2';

import { chromium, firefox } from './browsers.mjs';
import { folder, fronts } from './fronts.mjs';
import { WebSocket, between, clean, equal, wanted, within } from '../network/world.mjs';

/** How long a check may take on a busy machine. */
const PATIENCE = 30_000;

const HELD_UP = 'a socket that is not read holds up no other';

/** What a page does; evaluated in the browser. One returns what the server told of its sockets. */
const page = {
  async 'text and bytes come back, compressed'() {
    const { socket } = await open('/echo', ['nonsense', 'chat']);
    check(socket.protocol, 'chat');
    check(socket.extensions.split(';')[0], 'permessage-deflate');
    for (const data of ['', 'Grüße, 😀', 'x'.repeat(70_000), new Uint8Array(0), new Uint8Array([0, 1, 255])]) {
      await echo(socket, data);
    }
    await close(socket);
  },

  async '1 MiB goes both ways, as text and as bytes'() {
    const { socket } = await open('/echo');
    await echo(socket, random(1 << 20));
    await echo(socket, 'zwölf Bytes '.repeat((1 << 20) / 12));
    await close(socket);
  },

  async 'a message in fragments arrives whole'() {
    const { socket, next } = await open('/fragments');
    check(await next(), Array.from({ length: 100 }, (_, i) => `fragment ${i}, `).join(''));
    await close(socket);
  },

  async 'close codes of the server arrive'() {
    for (const [code, reason] of [[1000, ''], [1001, 'going'], [1012, ''], [4321, 'grün']]) {
      const { socket } = await open(`/close/${code}/${encodeURIComponent(reason)}`);
      const { wasClean, code: found, reason: why } = await event(socket, 'close');
      check(`${found} ${why} ${wasClean}`, `${code} ${encodeURIComponent(reason)} true`);
    }
  },

  async '50 sockets at once, in both directions'() {
    const opened = [];
    // Chromium delays a page that opens more than 16 at a time.
    while (opened.length < 50) {
      opened.push(...await Promise.all(Array.from({ length: 10 }, () => open('/echo'))));
    }
    await Promise.all(opened.map(({ socket }, i) => echo(socket, `${i} ${'.'.repeat(i * 100)}`)));
    await Promise.all(opened.map(({ socket }) => close(socket)));
    return opened.map(({ told }) => told);
  },

  async [HELD_UP]() {
    const bytes = random(4 << 20);
    const stuck = await open('/stuck');
    stuck.socket.send(bytes);
    const { socket } = await open('/echo');
    await echo(socket, random(1 << 20));
    await close(socket);
    const free = await open(`/free/${stuck.told.socket}`);
    check(same(bytes, await stuck.next()), true);
    await close(free.socket);
    await close(stuck.socket);
  },

  async 'a refusal is an error event'() {
    await refused(location.origin.replace('http', 'ws') + '/refused');
  },
};

/** Two sockets without heartbeats are cut off, one after the other; one with heartbeats is not. */
const patience = async () => {
  const { socket } = await open('/echo');
  for (let round = 0; round < 2; round += 1) {
    const silent = await open('/silent');
    check((await event(silent.socket, 'close')).wasClean, false, 'silent');
  }
  await echo(socket, 'still here');
  await close(socket);
};

const helpers = () => {
  const check = (found, wanted, what = '') => {
    if (found !== wanted) {
      throw new Error(`${what} found ${String(found).slice(0, 200)}, wanted ${String(wanted).slice(0, 200)}`);
    }
  };
  const event = (socket, type) => new Promise((done, fail) => {
    socket.addEventListener(type, done, { once: true });
    if (type !== 'close') {
      socket.addEventListener('close', ({ code, reason }) =>
        fail(new Error(`closed with ${code} ${reason} while waiting for ${type}`)), { once: true });
    }
  });
  /** An open socket, and what the server told of it. Later messages are not lost. */
  const open = async (path, protocols = []) => {
    const socket = new WebSocket(location.origin.replace('http', 'ws') + path, protocols);
    socket.binaryType = 'arraybuffer';
    const messages = [];
    socket.addEventListener('message', ({ data }) => messages.push(data));
    const next = async () => {
      if (messages.length === 0) await event(socket, 'message');
      return messages.shift();
    };
    Object.assign(socket, { next });
    return { socket, next, told: JSON.parse(await next()) };
  };
  const refused = async (url) => {
    const socket = new WebSocket(url);
    const events = [];
    for (const type of ['open', 'message', 'error']) socket.addEventListener(type, () => events.push(type));
    const { code, wasClean } = await new Promise((done) => socket.onclose = done);
    check(`${events} ${code} ${wasClean}`, 'error 1006 false');
  };
  const close = async (socket, ...parameters) => {
    const closing = event(socket, 'close');
    socket.close(...parameters);
    check((await closing).wasClean, true, 'clean');
  };
  const same = (a, b) => {
    if (typeof a === 'string' || typeof b === 'string') return a === b;
    const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
    return left.length === right.length && left.every((byte, i) => byte === right[i]);
  };
  const echo = async (socket, data) => {
    socket.send(data);
    check(same(data, await socket.next()), true, `echo of ${data.length}`);
  };
  const random = (length) => {
    const bytes = new Uint8Array(length);
    // One call gives at most 65,536 bytes.
    for (let i = 0; i < length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
    return bytes;
  };
  return { check, event, open, refused, close, echo, random, same };
};

/** Has a page do something, and returns what it returns. */
async function evaluate(tab, action) {
  const body = action.toString().replace(/^async [['][^\]']*[\]']\(\) \{/, 'async () => {');
  return JSON.parse(await tab.evaluate(`(async () => {
    const { check, event, open, refused, close, echo, random, same } = (${helpers})();
    return JSON.stringify(await (${body})() ?? null);
  })()`));
}

// ---- a browser in front of one server or proxy -------------------------------------------------

async function visit(browser, front) {
  const { name, server, to, proxied } = front;
  const origin = `https://localhost:${front.port}`;
  let tab;
  const named = (what) => `${browser.version} ${name}: ${what}`;
  await run(named('a page of another origin is refused'), async () => {
    const other = await browser.page(front.elsewhere);
    const path = `/elsewhere/${browser.name}-${name}`;
    await evaluate(other, `async () => await refused('wss://localhost:${front.port}${path}')`);
    await other.close();
    return (await server.said(new RegExp(`^refused ${path} over .* origin .* is not allowed`), PATIENCE)).what;
  });
  await run(named('the page comes'), async () => {
    tab = await browser.page(`${origin}/`);
    return tab.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol");
  });
  if (!tab) return;
  await run(named(`the server is told ${to}, and by whom it is asked`), async () => {
    const told = await evaluate(tab, async () => {
      const { socket, told } = await open('/echo');
      await close(socket, 3000, 'told');
      return told;
    });
    equal(told.version, to);
    equal(told.alpn, front.alpn);
    equal(told.headers.origin, origin);
    if (proxied) {
      equal(told.headers['x-forwarded-for'], '127.0.0.1');
      equal(told.headers['x-forwarded-proto'], 'https');
    }
    await server.said(/^closed 3000 told$/, PATIENCE, told.socket);
  });
  for (const [what, check] of Object.entries(page)) {
    if (what === HELD_UP && front.holdsUp) continue;
    await run(named(what), async () => {
      const all = await evaluate(tab, check);
      if (!all) return '';
      for (const { version } of all) equal(version, to);
      const connections = new Set(all.map(({ connection }) => connection)).size;
      if (!proxied) equal(connections, to === 'HTTP/2.0' ? 1 : all.length);
      return `${connections} connections to us`;
    });
  }
  await tab.close();
}

async function wait(browser, { name, port }) {
  await run(`${browser.version} ${name}: heartbeats outlive the timeout of the proxy`, async () => {
    const tab = await browser.page(`https://localhost:${port}/`);
    await evaluate(tab, patience);
    await tab.close();
  });
}

async function browse(launch, fronts) {
  let browser;
  await run(`${launch.name} starts`, async () => {
    browser = await launch();
    return browser.version;
  });
  if (!browser) return;
  for (const front of fronts) await visit(browser, front);
  await Promise.all(fronts.filter(({ timeout }) => timeout).map((front) => wait(browser, front)));
  await run(`${browser.version} ends`, () => browser.close());
  const sockets = browser.sockets();
  for (const { name, port, from } of fronts) {
    await run(`${browser.version} ${name}: its own log has WebSockets over ${from}`, () => {
      const { 'HTTP/1.1': http1, 'HTTP/2.0': http2 } = sockets(`localhost:${port}`);
      if (from === 'HTTP/2.0') {
        equal(http1, browser.beforeConnection === 'HTTP/1.1' ? 1 : 0);
        between(http2, 50, Infinity);
      } else {
        between(http1, 50, Infinity);
        equal(http2, 0);
      }
      return `${http1} and ${http2} over HTTP/2`;
    });
  }
}

// ---- clients that are programs -----------------------------------------------------------------

const INSECURE = { rejectUnauthorized: false };

async function programs({ name, server, port, from }) {
  const url = `localhost:${port}/echo`;
  await run(`${name}: the death of a client over HTTP/1.1 is seen`, async () => {
    const socket = new WebSocket(`wss://${url}`, INSECURE);
    const told = await new Promise((done, fail) => socket.on('message', done).on('error', fail));
    socket.terminate();
    return (await server.said(/^failed .*/, PATIENCE, JSON.parse(told).socket)).what;
  });
  await run(`${name}: 7 KiB of cookies arrive`, async () => {
    const cookie = `a=${'x'.repeat(7 << 10)}`;
    const socket = new WebSocket(`wss://${url}`, { ...INSECURE, headers: { cookie } });
    const told = await new Promise((done, fail) => socket.on('message', done).on('error', fail));
    equal(JSON.parse(told).headers.cookie, cookie);
    socket.terminate();
  });
  if (from !== 'HTTP/2.0') return;
  for (const [how, die] of Object.entries({
    'reset of a stream': (stream) => stream.close(http2.constants.NGHTTP2_CANCEL),
    'death of a client': (stream) => stream.session.destroy(),
  })) {
    await run(`${name}: the ${how} over HTTP/2 is seen`, async () => {
      const session = http2.connect(`https://${url}`, INSECURE);
      await new Promise((done, fail) => session.on('remoteSettings', done).on('error', fail));
      equal(session.remoteSettings.enableConnectProtocol, true);
      const stream = session.request({
        ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', 'sec-websocket-version': 13,
      });
      const frame = await new Promise((done, fail) => stream.on('data', done).on('error', fail));
      die(stream);
      const { socket } = JSON.parse(frame.subarray(frame.indexOf('{')));
      const { what } = await server.said(/^failed .*/, PATIENCE, socket);
      session.destroy();
      return what;
    });
  }
}

// ---- the page about it ---------------------------------------------------------------------------

/** Compares the settings on the page with the files that the proxies of the checks run with. */
function shown() {
  const text = readFileSync(new URL('../../docs/http-servers.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^```(?:apache|caddyfile|haproxy|nginx)\n(.*?)^```$/gms)].map(([, block]) => block);
  const files = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  equal(blocks.length, files.length);
  for (const file of files) {
    if (!blocks.includes(file)) throw new Error(`the page does not have this:\n${file}`);
  }
  return `${blocks.length} files`;
}

// ---- the run ----------------------------------------------------------------------------------

let passed = 0;
let failed = 0;

async function run(name, check) {
  const began = Date.now();
  try {
    const found = await within(PATIENCE, (async () => check())());
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - began} ms)${found ? `: ${found}` : ''}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message.split('\n').slice(0, 4).join('\n        ')}`);
  }
}

process.on('SIGTERM', () => process.exit(1));
process.on('SIGINT', () => process.exit(1));
process.on('exit', clean);

await run('docs/http-servers.md shows the settings that are tested here', shown);
const all = await fronts();
const chosen = all.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
await Promise.all([chromium, firefox].map((launch) => browse(launch, chosen)));
for (const front of chosen) await programs(front);
for (const { name, server, health } of chosen.filter(({ health }) => health)) {
  await run(`${name}: asks over ${health} whether the server is well`, () =>
    server.said(new RegExp(`^health ${health}$`), PATIENCE).then(() => ''));
}

console.log(`web: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
