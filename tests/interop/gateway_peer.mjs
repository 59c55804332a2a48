// Puts examples/gateway.rs between two ends of `ws`: whatever ends one connection ends the other,
// with the same code and reason. Started by .ci/interop: node gateway_peer.mjs OUT GATEWAY

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { finish, listen, run, ws } from './peers.mjs';

const { WebSocket, WebSocketServer } = ws;
const [gatewayExample] = process.argv.slice(3);

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(server, 'listening');
const { url } = await listen(
  'gateway-example', gatewayExample, '127.0.0.1:0', `127.0.0.1:${server.address().port}`,
);

/** Connects through the gateway, and returns both ends. */
async function connect() {
  const accepted = once(server, 'connection');
  const client = new WebSocket(url);
  const [[backend]] = await Promise.all([accepted, once(client, 'open')]);
  return { client, backend };
}

/** How an end was closed. */
async function closed(end) {
  const [code, reason] = await once(end, 'close');
  return [code, reason.toString()];
}

const CLOSES = [[1000, 'bye'], [1001, ''], [1011, 'db down'], [4001, 'Grüße'], [3000, '']];

const checks = {
  async 'messages pass both ways, in order'() {
    const { client, backend } = await connect();
    const sent = ['text', '', 'Grüße, 😀', Buffer.alloc(70_000, 7)];
    for (const [from, to] of [[client, backend], [backend, client]]) {
      const got = [];
      to.on('message', (data, isBinary) => got.push(isBinary ? data : data.toString()));
      for (const message of sent) from.send(message);
      while (got.length < sent.length) await sleep(5);
      assert.deepEqual(got, sent);
    }
    client.close();
    await Promise.all([closed(client), closed(backend)]);
  },

  async 'a close of the client reaches the backend as it is'() {
    for (const [code, reason] of CLOSES) {
      const { client, backend } = await connect();
      client.close(code, reason);
      assert.deepEqual(await closed(backend), [code, reason]);
    }
  },

  async 'a close of the backend reaches the client as it is'() {
    for (const [code, reason] of [...CLOSES, [1012, 'restart'], [1013, '']]) {
      const { client, backend } = await connect();
      backend.close(code, reason);
      assert.deepEqual(await closed(client), [code, reason]);
    }
  },

  async 'a close without a code has none on the other side'() {
    for (const side of ['client', 'backend']) {
      const ends = await connect();
      const other = closed(side === 'client' ? ends.backend : ends.client);
      ends[side].close();
      assert.deepEqual(await other, [1005, '']);
    }
  },

  async 'an end that vanishes ends the other'() {
    for (const side of ['client', 'backend']) {
      const ends = await connect();
      const other = closed(side === 'client' ? ends.backend : ends.client);
      ends[side].terminate();
      const [code] = await other;
      assert.notEqual(code, 1000);
    }
  },

  async 'no connection to the backend is left'() {
    while (server.clients.size > 0) await sleep(5);
  },

  async 'a client whose backend is gone is told so by HTTP'() {
    server.close();
    await once(server, 'close');
    const client = new WebSocket(url);
    client.on('error', () => {});
    const [, response] = await once(client, 'unexpected-response');
    assert.equal(response.statusCode, 502);
    client.terminate();
  },
};

for (const [name, check] of Object.entries(checks)) await run(`gateway: ${name}`, check);
finish();
