// Heartbeats and deadlines over real sockets. Started by .ci/network: node checks.mjs OUT PEER [NAME...]
//
// PEER is tests/network/peer/, whose servers and clients are put through what networks and people do
// to them. Times are in milliseconds. A deadline never passes early, and late by less than PATIENCE.

import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  MIB, PATIENCE, Peer, WebSocket, answers, between, chromium, clean, counts, equal, freePort, hosts, memory,
  message, mib, out, rawClient, serve, slowClient, start, wanted, within,
} from './world.mjs';

/** What rounding and printing may take from a time. */
const EARLY = 20;
/** How long a Ping may have been on its way when the peer went. */
const UNDER_WAY = 500;
const PING = 1000;
/** How long an address is tried before the next. */
const ALONE = 300;
const PONG = 2000;
const HEARTBEAT = ['--ping', PING, '--pong', PONG];
const SILENT = ['--ping', 0];
const GIB = 1 << 30;
/** What a server sends at a time. */
const MESSAGE = 64 << 10;
const ADAPTERS = ['tokio', 'blocking'];
const NO_ROOM = 'not sent command refused: N bytes wait to be written, at the limit of 1048576 bytes '
  + '(Config::max_buffered): send again when some of them are written';

/** What mostly waits, all at once; then what needs the machine for itself, one after the other. */
const patient = [];
const busy = [];

// ---- a peer that vanishes or is stopped -------------------------------------------------------

for (const adapter of ADAPTERS) {
  for (const [how, vanish] of Object.entries({
    'whose packets are dropped': (far) => far.drop(),
    'whose interface goes down': (far) => far.down(),
    'that is stopped': (far, process) => process.kill('SIGSTOP'),
  })) {
    for (const finder of ['server', 'client']) {
      const lost = finder === 'server' ? 'client' : 'server';
      patient.push([`${adapter} ${finder}: a ${lost} ${how} is found`, async () => {
        const [near, far] = hosts();
        const [serverHost, clientHost] = finder === 'server' ? [near, far] : [far, near];
        const settings = (role) => role === finder ? HEARTBEAT : SILENT;
        const server = new Peer('serve', `${serverHost.address}:9000`,
          ['--adapter', adapter, ...settings('server')], serverHost);
        await server.said(/^listening/);
        const client = new Peer('connect', `ws://${serverHost.address}:9000/`,
          ['--adapter', adapter, ...settings('client')], clientHost);
        const [here, there] = finder === 'server' ? [server, client] : [client, server];
        await here.said(/^open/);
        await sleep(2.5 * PING);
        const gone = Date.now();
        vanish(far, there);
        const end = await here.said(/^(failed|closed) .*/, PING + PONG + PATIENCE);
        equal(end.what, 'failed PongTimeout { limit: 2s }');
        const [beat] = here.all(/^rtt (\d+)/).slice(-1);
        if (beat) {
          // The Ping behind the last one that was answered is the one that counts.
          const pinged = beat.at - Number(beat.match[1]) / 1000;
          between(end.at - pinged, PING + PONG - EARLY, PING + PONG + PATIENCE);
        }
        return between(end.at - gone, PONG - UNDER_WAY, PING + PONG + PATIENCE);
      }]);
    }
  }
}

for (const adapter of ADAPTERS) {
  busy.push([`${adapter} server: a client that vanishes while it is sent to is found`, async () => {
    const [near, far] = hosts();
    const server = new Peer('serve', `${near.address}:9000`,
      ['--adapter', adapter, ...HEARTBEAT, '--flood', 1024 * GIB, '--flood-by', 'feed'], near);
    await server.said(/^listening/);
    const client = new Peer('connect', `ws://${near.address}:9000/`, ['--adapter', adapter, ...SILENT], far);
    await client.said(/^open/);
    await sleep(2.5 * PING);
    const gone = Date.now();
    far.drop();
    const refused = await server.said(/^not sent .*/, PING + PONG + PATIENCE);
    equal(refused.what.replace(/\d+/, 'N'), NO_ROOM);
    equal((await server.said(/^(failed|closed) .*/)).what, 'failed PongTimeout { limit: 2s }');
    return between(refused.at - gone, PONG - UNDER_WAY, PING + PONG + PATIENCE);
  }]);
}

// ---- a host with an address that leads nowhere -------------------------------------------------

for (const adapter of ['tokio', 'futures-io', 'blocking']) {
  busy.push([`${adapter} client: a dead first address costs less than half a second`, async () => {
    const [near, far] = hosts();
    const dead = '198.51.100.1';
    near.swallow(dead);
    far.reach(dead);
    const server = new Peer('serve', `${near.address}:9000`, [...SILENT], near);
    await server.said(/^listening/);
    const client = new Peer('connect', 'ws://two.invalid:9000/', ['--adapter', adapter, ...SILENT,
      '--stay', 1, '--addresses', `${dead}:9000,${near.address}:9000`], far);
    const began = await client.said(/^connecting/);
    const open = await client.said(/^open/);
    await client.said(/^echo/);
    return between(open.at - began.at, ALONE - EARLY, 500);
  }]);
}

// ---- behind nginx -----------------------------------------------------------------------------

let nginx;

for (const adapter of ADAPTERS) {
  patient.push([`nginx: the ${adapter} client stays for 30 s with the server's heartbeats`, async () => {
    const client = new Peer('connect', `ws://${await nginx}/${adapter}`,
      ['--adapter', adapter, ...SILENT, '--stay', 30_000]);
    const open = await client.said(/^open/);
    const echo = await client.said(/^(echo|failed).*/, 30_000 + PATIENCE);
    equal(echo.what, 'echo');
    return between(echo.at - open.at, 30_000 - EARLY, 30_000 + PATIENCE);
  }]);

  patient.push([`nginx: ws stays for 30 s with the heartbeats of the ${adapter} server`, async () => {
    const socket = new WebSocket(`ws://${await nginx}/${adapter}`);
    let pings = 0;
    socket.on('ping', () => pings += 1);
    await once(socket, 'open');
    await sleep(30_000);
    socket.send('are you there?');
    equal(await message(socket), 'are you there?');
    socket.close(1000);
    equal((await within(PATIENCE, once(socket, 'close')))[0], 1000);
    return `${between(pings, 15, 40)} Pings`;
  }]);

  patient.push([`nginx: the ${adapter} client is cut off without heartbeats`, async () => {
    const client = new Peer('connect', `ws://${await nginx}/silent`,
      ['--adapter', adapter, ...SILENT, '--stay', 30_000]);
    const open = await client.said(/^open/);
    const end = await client.said(/^(echo|failed).*/, 30_000 + PATIENCE);
    equal(end.what, 'failed UnexpectedEof');
    return between(end.at - open.at, 3000 - UNDER_WAY, 3000 + PATIENCE);
  }]);
}

patient.push(['nginx: ws is cut off without heartbeats', async () => {
  const socket = new WebSocket(`ws://${await nginx}/silent`);
  await once(socket, 'open');
  const open = Date.now();
  equal((await within(3000 + PATIENCE, once(socket, 'close')))[0], 1006);
  return between(Date.now() - open, 3000 - UNDER_WAY, 3000 + PATIENCE);
}]);

/** Starts nginx before servers with heartbeats and one without, as people configure it. */
async function startNginx() {
  const servers = {
    tokio: await serve('tokio', ...HEARTBEAT),
    blocking: await serve('blocking', ...HEARTBEAT),
    silent: await serve('tokio', ...SILENT),
  };
  const address = `127.0.0.1:${await freePort()}`;
  const locations = Object.entries(servers).map(([name, server]) => `
      location /${name} {
        proxy_pass http://${server.address};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 3s;
      }`);
  const folder = join(out, 'nginx');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'nginx.conf'), `
    daemon off;
    user root;
    pid ${folder}/nginx.pid;
    events { worker_connections 256; }
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server {
        listen ${address};${locations.join('')}
      }
    }\n`);
  start('nginx', 'nginx', ['-e', join(out, 'nginx.log'), '-c', join(folder, 'nginx.conf')]);
  for (let tries = 0; !await answers(address); tries += 1) {
    if (tries === 100) throw new Error('nginx does not answer');
    await sleep(100);
  }
  return address;
}

// ---- a client that does not read --------------------------------------------------------------

for (const adapter of ADAPTERS) {
  for (const [by, bound] of Object.entries({ send: MESSAGE, feed: MIB + MESSAGE })) {
    patient.push([`${adapter} server: ${by} of 1 GiB to clients that do not read takes no memory`, async () => {
      const server = await serve(adapter, ...SILENT, '--write', 3000, '--flood', GIB, '--flood-by', by);
      const before = memory(server);
      const clients = 8;
      const sockets = [];
      for (let i = 0; i < clients; i += 1) sockets.push(await rawClient(server));
      const late = [];
      for (let number = 1; number <= clients; number += 1) {
        const { at } = await server.said(/^open/, PATIENCE, number);
        const refused = await server.said(/^not sent .*/, 3000 + PATIENCE, number);
        const end = await server.said(/^(failed|closed) .*/, PATIENCE, number);
        // What is fed comes back; what is sent was queued, and is stuck there.
        equal(refused.what.replace(/\d+/, 'N'), by === 'feed' ? NO_ROOM : 'not sent Deadline');
        equal(end.what, 'failed WriteTimeout { limit: 3s }');
        late.push(between(refused.at - at, 3000 - EARLY, 3000 + PATIENCE));
      }
      const most = memory(server).peak - before.now;
      between(most, 0, clients * bound + 4 * MIB);
      for (const { socket } of sockets) socket.destroy();
      await sleep(500);
      const left = memory(server).now - before.now;
      between(left, -MIB, 4 * MIB);
      return `${clients} cut after ${Math.max(...late)} ms; ${mib(most)} at most, ${mib(left)} left`;
    }]);
  }

  busy.push([`${adapter} server: 1 GiB arrives at a client that begins to read late`, async () => {
    const server = await serve(adapter, '--write', 10_000, '--flood', GIB);
    const before = memory(server);
    const { socket, rest } = await rawClient(server);
    await sleep(2000);
    let received = rest.length;
    socket.on('data', (data) => received += data.length).resume();
    const start = Date.now();
    // Each message has a header of 10 bytes.
    const whole = GIB / MESSAGE * (MESSAGE + 10);
    while (received < whole && Date.now() - start < 30_000) await sleep(20);
    const took = Date.now() - start;
    socket.destroy();
    between(received, whole, whole + 1000);
    const most = between(memory(server).peak - before.now, 0, 4 * MIB);
    return `in ${took} ms; ${mib(most)} at most`;
  }]);
}

// ---- handshakes that come byte by byte --------------------------------------------------------

for (const adapter of ADAPTERS) {
  busy.push([`${adapter} server: 2,000 slow handshakes are cut off, and others served`, async () => {
    const server = await serve(adapter, '--handshake', 5000);
    const idle = counts(server);
    const clients = [];
    while (clients.length < 2000) {
      clients.push(slowClient(server));
      // A listener's queue is short: what overflows it would wait for the kernel, not for the server.
      if (clients.length % 50 === 0) await sleep(20);
    }
    const request = `GET / HTTP/1.1\r\nHost: ${'a'.repeat(100)}`;
    let at = 0;
    const writing = setInterval(() => {
      for (const { socket } of clients) if (socket.writable) socket.write(request[at]);
      at += 1;
    }, 1000);
    let slowest = 0;
    let echoes = 0;
    let most = 0;
    let attacked = true;
    const ended = Promise.all(clients.map((client) => client.ended)).then(() => attacked = false);
    while (attacked) {
      const start = Date.now();
      most = Math.max(most, counts(server).files - idle.files);
      const socket = new WebSocket(`ws://${server.address}/`);
      await within(2 * PATIENCE, once(socket, 'open'));
      socket.send('hello');
      equal(await message(socket), 'hello');
      slowest = Math.max(slowest, Date.now() - start);
      socket.close();
      echoes += 1;
      await Promise.race([sleep(100), ended]);
      if (at > 15) break;
    }
    clearInterval(writing);
    const wrong = clients.filter(({ answer }) => !answer.startsWith('HTTP/1.1 408 '));
    for (const { socket } of clients) socket.destroy();
    equal(wrong.map(({ answer, error }) => error ?? answer).slice(0, 3).join(), '');
    const times = clients.map(({ after }) => after);
    const [first, last] = [Math.min(...times), Math.max(...times)];
    between(first, 5000 - EARLY, Infinity);
    between(last, 0, 5000 + PATIENCE);
    between(slowest, 0, 2000);
    between(echoes, 5, Infinity);
    between(most, 2000, 2100);
    // All is given back.
    for (let tries = 0; counts(server).files > idle.files + 2; tries += 1) {
      if (tries === 50) throw new Error(`${counts(server).files} files are still open`);
      await sleep(100);
    }
    return `408 after ${first} to ${last} ms; ${echoes} echoes meanwhile, in ${slowest} ms at most`;
  }]);
}

// ---- messages that come slowly ----------------------------------------------------------------

for (const adapter of ADAPTERS) {
  for (const [name, settings, first, every, bytes, due, error, reason] of [
    ['a message that takes memory and does not go on is cut off', ['--ping', 0, '--hold', 500], 8000, 1000, 1, 20_000,
      /^failed MessageTooSlow \{ held: 80\d\d, limit: 500ms \}$/, /^message arrives too slowly for the 80\d\d bytes that are held of it$/],
    ['a message that does not end is cut off by the time', ['--hold', 0, '--message', 3000], 0, 200, 200, 3000,
      /^failed MessageTimeout \{ limit: 3s \}$/, /^message not whole within 3s$/],
  ]) {
    patient.push([`${adapter} server: ${name}`, async () => {
      const server = await serve(adapter, ...settings);
      const { socket, rest } = await rawClient(server);
      const began = Date.now();
      // 64 KiB of binary, masked by zeros.
      socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      socket.write(Buffer.alloc(first));
      const writing = setInterval(() => socket.write(Buffer.alloc(bytes)), every);
      const chunks = [rest];
      socket.on('data', (data) => chunks.push(data)).on('error', () => {}).resume();
      await within(due + PATIENCE, once(socket, 'end'));
      const took = Date.now() - began;
      clearInterval(writing);
      const { what } = await server.said(/^(failed|closed) .*/);
      if (!error.test(what)) throw new Error(what);
      // One Close frame with 1011, and in words why.
      const close = Buffer.concat(chunks);
      equal(close.subarray(0, 4).toString('hex'), `88${(close.length - 2).toString(16).padStart(2, '0')}03f3`);
      if (!reason.test(close.subarray(4))) throw new Error(`the reason is "${close.subarray(4)}"`);
      return between(took, due - EARLY, due + PATIENCE);
    }]);
  }

  patient.push([`${adapter} server: a message that pays for what it takes is not cut off`, async () => {
    const server = await serve(adapter, '--ping', 0, '--hold', 20_000);
    const { socket, rest } = await rawClient(server);
    const chunks = [rest];
    socket.on('data', (data) => chunks.push(data)).resume();
    // 10,000 bytes of text, masked by zeros.
    socket.write(Buffer.from([0x81, 0xfe, 0x27, 0x10, 0, 0, 0, 0]));
    for (let i = 0; i < 50; i += 1) {
      await sleep(500);
      socket.write(Buffer.alloc(200, 'x'));
    }
    await sleep(1000);
    equal(Buffer.concat(chunks).length, 10_004);
    socket.destroy();
    return 'whole after 25 s';
  }]);
}

// ---- pages ------------------------------------------------------------------------------------

let browser;
const heartbeat = () => `data:text/javascript,${encodeURIComponent(readFileSync('examples/heartbeat.js', 'utf8'))}`;
const QUICK = { interval: PING, timeout: PONG, longest: 2000 };

for (const adapter of ADAPTERS) {
  patient.push([`${adapter} server: Chromium answers Pings for a page that is silent, and one that hangs`, async () => {
    const server = await serve(adapter, ...HEARTBEAT);
    const page = await openPage(server);
    await page.evaluate(async () => {
      const socket = globalThis.socket = new WebSocket(location.href.replace('http', 'ws'));
      await new Promise((done) => socket.onopen = done);
    });
    await sleep(8000);
    const { at, number } = await server.said(/^open/);
    const silent = server.all(/^rtt (\d+)/).length;
    await page.evaluate(hangFor, 6000);
    equal(await page.evaluate(() => globalThis.socket.readyState), 1);
    const times = server.all(/^rtt (\d+)/).map(({ match }) => Number(match[1]));
    between(silent, 5, 20);
    between(times.length - silent, 3, 20);
    await page.close();
    const end = await server.said(/^(closed|failed) .*/, PATIENCE, number);
    return `${times.length} Pongs in ${end.at - at} ms, ${Math.min(...times)} to ${Math.max(...times)} µs`;
  }]);

  patient.push([`${adapter} server: a page finds it dead, and comes back to it`, async () => {
    const server = await serve(adapter, ...HEARTBEAT);
    const page = await openPage(server);
    await page.evaluate(async (times) => {
      const { connect } = await import('/heartbeat.js');
      globalThis.events = [];
      const note = (what) => globalThis.events.push({ what, at: Date.now() });
      globalThis.live = connect(location.href.replace('http', 'ws'), {
        onopen: () => note('open'),
        onlost: () => note('lost'),
        onmessage: ({ data }) => note(data),
      }, times);
    }, QUICK);
    const events = () => page.evaluate(() => globalThis.events);
    const echo = (text) => page.evaluate((text) => globalThis.live.send(text), text);
    const hang = (time) => page.evaluate(hangFor, time);
    const found = await deadAndAlive(server, events, echo, hang);
    await page.close();
    return found;
  }]);
}

patient.push(['the page\'s script finds a dead server in Node.js, too', async () => {
  // As in a browser, nothing is thrown where nobody listens for errors.
  globalThis.WebSocket = class extends WebSocket {
    constructor(url) {
      super(url);
      this.on('error', () => {});
    }
  };
  const { connect } = await import(heartbeat());
  const server = await serve('tokio', ...HEARTBEAT);
  const events = [];
  const note = (what) => events.push({ what, at: Date.now() });
  const live = connect(`ws://${server.address}/`, {
    onopen: () => note('open'),
    onlost: () => note('lost'),
    onmessage: ({ data }) => note(data),
  }, QUICK);
  const found = await deadAndAlive(server, async () => events, async (text) => live.send(text), sleep);
  live.close();
  const before = events.length;
  await sleep(PING + PONG + QUICK.longest);
  equal(events.length, before);
  return found;
}]);

/** Stops a server and has it go on, then kills it and starts it anew: what does the page see? */
async function deadAndAlive(server, events, echo, hang) {
  const since = async (time, what, limit) => {
    const end = Date.now() + limit;
    for (;;) {
      const event = (await events()).find((event) => event.what === what && event.at >= time);
      if (event) return event.at - time;
      if (Date.now() > end) throw new Error(`no ${what} in ${limit} ms`);
      await sleep(50);
    }
  };
  const comesBack = async (time) => {
    const took = await since(time, 'open', 4000 + PATIENCE);
    equal(await echo(`echo ${time}`), true);
    await since(time, `echo ${time}`, PATIENCE);
    return took;
  };
  await since(0, 'open', PATIENCE);
  // Silence is not death, and nor is a hanging page: heartbeats are answered.
  await sleep(4000);
  await hang(4000);
  await sleep(4000);
  equal((await events()).filter(({ what }) => what === 'lost').length, 0);

  const stopped = Date.now();
  server.kill('SIGSTOP');
  const late = PING + PONG + PATIENCE;
  const found = between(await since(stopped, 'lost', late), PONG - UNDER_WAY, late);
  await sleep(5000);
  const continued = Date.now();
  server.kill('SIGCONT');
  const back = await comesBack(continued);

  server.kill('SIGKILL');
  const killed = Date.now();
  const noticed = await since(killed, 'lost', PATIENCE);
  await sleep(3000);
  const again = Date.now();
  await server.again();
  return `stopped: found in ${found} ms, back ${back} ms after it went on; `
    + `killed: found in ${noticed} ms, back ${await comesBack(again)} ms after its start`;
}

/** What a page that hangs does. */
const hangFor = (time) => {
  const end = Date.now() + time;
  while (Date.now() < end);
};

async function openPage(server) {
  const page = await (await browser).newPage();
  await page.goto(`http://${server.address}/`);
  return page;
}

// ---- the run ----------------------------------------------------------------------------------

let passed = 0;
let failed = 0;

async function run([name, check]) {
  try {
    const found = await within(60_000, check());
    passed += 1;
    console.log(`ok      ${name}: ${typeof found === 'number' ? `${found} ms` : found}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message.split('\n').slice(0, 4).join('\n        ')}`);
  }
}

process.on('SIGTERM', () => process.exit(1));
process.on('SIGINT', () => process.exit(1));
process.on('exit', clean);

const chosen = (checks) => checks
  .filter(([name]) => wanted.length === 0 || wanted.some((part) => name.includes(part)));

nginx = startNginx();
browser = chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
// Whoever waits for them is told; nobody may.
nginx.catch(() => {});
browser.catch(() => {});

await Promise.all(chosen(patient).map(run));
await browser.then((browser) => within(PATIENCE, browser.close())).catch(() => {});
for (const check of chosen(busy)) await run(check);

console.log(`network: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
