// Stops examples/echo_server.rs while it has a thousand clients, by SIGTERM as service managers do:
// each gets 1001, and the process ends in time and with status 0, also when some do not answer.
// Started by .ci/interop: node shutdown_peer.mjs OUT ECHO_SERVER

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';

import { finish, listen, run, ws } from './peers.mjs';

const { WebSocket } = ws;
const [echoServer] = process.argv.slice(3);

const CLIENTS = 1000;
const SILENT = 100;
const LIMIT = 5_000; // of the server, for clients to answer
const LATE = 4_000; // the machine may be busy
const PATIENCE = 40_000; // for one check

/** Connects, a hundred at a time: the system's queue may be short. */
async function connect(count, open) {
  const all = [];
  while (all.length < count) {
    all.push(...await Promise.all(Array.from({ length: Math.min(100, count - all.length) }, open)));
  }
  return all;
}

/** A client that answers a Close. */
async function answering(url) {
  const client = new WebSocket(url);
  await once(client, 'open');
  return client;
}

/** A client that reads all and answers nothing. */
async function silent(url) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(port, hostname);
  socket.on('error', () => {});
  socket.received = '';
  socket.setEncoding('latin1').on('data', (data) => { socket.received += data; });
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n');
  while (!socket.received.includes('\r\n\r\n')) await once(socket, 'data');
  return socket;
}

/** Stops a server with so many clients; returns how long it took and what it said. */
async function stop(clients, silentClients) {
  const { child: server, lines, url } = await listen('shutdown-example', echoServer, '127.0.0.1:0');
  const said = once(lines, 'line');
  const [open, mute] = [
    await connect(clients, () => answering(url)),
    await connect(silentClients, () => silent(url)),
  ];
  const closes = Promise.all(open.map((client) => once(client, 'close')));
  const begin = Date.now();
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  for (const [code] of await closes) assert.equal(code, 1001);
  const [status, signal] = await exited;
  const took = Date.now() - begin;
  assert.deepEqual([status, signal], [0, null]);
  for (const socket of mute) {
    if (!socket.closed) await once(socket, 'close');
    assert(socket.received.endsWith('\x88\x02\x03\xe9'), 'no Close 1001');
  }
  await assert.rejects(answering(url));
  return { took, said: (await said)[0] };
}

const checks = {
  async 'a thousand clients get 1001, and the server is gone'() {
    const { took, said } = await stop(CLIENTS, 0);
    assert.equal(said, `${CLIENTS} connections closed, 0 failed, 0 dropped`);
    assert(took < LIMIT, `${took} ms`);
  },

  async 'a thousand clients get 1001, and those that do not answer are dropped in time'() {
    const { took, said } = await stop(CLIENTS - SILENT, SILENT);
    assert.equal(said, `${CLIENTS - SILENT} connections closed, 0 failed, ${SILENT} dropped`);
    assert(took >= LIMIT - 100 && took < LIMIT + LATE, `${took} ms`);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await run(`shutdown: ${name}`, check, PATIENCE);
}
finish();
