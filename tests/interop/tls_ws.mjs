// `ws` of Node.js over TLS, for tls_peer.py: node tls_ws.mjs OUT serve CERT KEY | talk CA URL

import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:https';

import { ws } from './peers.mjs';

const [mode, ...rest] = process.argv.slice(3);
const { WebSocket, WebSocketServer } = ws;

if (mode === 'serve') {
  const [cert, key] = rest.map((path) => readFileSync(path));
  const server = createServer({ cert, key });
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  server.listen(0, '127.0.0.1', () => {
    console.log(`listening on wss://127.0.0.1:${server.address().port}`);
  });
} else {
  const [ca, url] = rest;
  const socket = new WebSocket(url, { ca: readFileSync(ca) });
  await once(socket, 'open');
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
    const sent = Buffer.alloc(size, size);
    socket.send(sent);
    const [received] = await once(socket, 'message');
    if (!sent.equals(received)) throw new Error(`${size} bytes came back otherwise`);
  }
  socket.close(1000);
  const [code] = await once(socket, 'close');
  if (code !== 1000) throw new Error(`closed with ${code}`);
}
