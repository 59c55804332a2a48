// What the checks of checks.mjs happen in: processes, hosts, sockets. Knows none of them.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [outArgument, peer, ...names] = process.argv.slice(2);

/** Where logs are left, and npm's packages are. */
export const out = resolve(outArgument);
/** What is tested. */
export const program = peer;
/** Parts of the names of checks; none is all. */
export const wanted = names;
const require = createRequire(join(out, 'world.mjs'));
export const { WebSocket } = require('ws');
export const { chromium } = require('playwright-core');

/** How late something may be: the machine may be busy. */
export const PATIENCE = 4000;
export const MIB = 1 << 20;

const children = [];
const namespaces = [];

export function start(name, command, parameters) {
  const child = spawn(command, parameters.map(String), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // What is freed goes back to the system at once, so that resident memory shows what is held.
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: 16_384, MALLOC_TRIM_THRESHOLD_: 16_384 },
  });
  const log = createWriteStream(join(out, `${name}.log`), { flags: 'a' });
  log.write(`${[command, ...parameters].join(' ')}\n`);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.on('error', (error) => log.write(`${error}\n`));
  children.push(child);
  return child;
}

let peers = 0;

/** A server or client of ours, and what it said. */
export class Peer {
  lines = [];

  constructor(role, place, settings, host) {
    this.parameters = [role, place, ...settings];
    this.host = host;
    this.name = `${String(peers++).padStart(2, '0')}-${role}`;
    this.run();
  }

  run() {
    const prefix = this.host ? ['ip', 'netns', 'exec', this.host.name] : [];
    const [command, ...parameters] = [...prefix, peer, ...this.parameters];
    this.child = start(this.name, command, parameters);
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const [, at, number, what] = line.match(/^(\d+) (\d+) (.*)$/);
      this.lines.push({ at: Number(at), number: Number(number), what });
    });
  }

  /** All lines so far that match, possibly of one connection only. */
  all(pattern, wanted) {
    return this.lines
      .filter(({ number }) => wanted === undefined || wanted === number)
      .map((line) => ({ ...line, match: line.what.match(pattern) }))
      .filter(({ match }) => match);
  }

  async said(pattern, limit = PATIENCE, number = undefined) {
    for (const end = Date.now() + limit; Date.now() < end; await sleep(10)) {
      const [line] = this.all(pattern, number);
      if (line) return line;
    }
    throw new Error(`${this.name} did not say ${pattern} in ${limit} ms; see its log`);
  }

  kill(signal) {
    this.child.kill(signal);
  }

  /** Runs it again, at the same address. */
  async again() {
    this.parameters[1] = this.address;
    this.lines = [];
    this.run();
    await this.said(/^listening/);
  }
}

/** A server on a free port of the loopback. */
export async function serve(adapter, ...settings) {
  const server = new Peer('serve', '127.0.0.1:0', ['--adapter', adapter, ...settings]);
  server.address = (await server.said(/^listening on (.*)/)).match[1];
  return server;
}

/** Two hosts that are joined by a cable and nothing else: namespaces, with addresses for documentation. */
export function hosts() {
  const pair = [1, 2].map((number) => {
    const name = `sanswire-${process.pid}-${namespaces.length}`;
    ip('netns', 'add', name);
    namespaces.push(name);
    return {
      name,
      address: `192.0.2.${number}`,
      drop() {
        for (const chain of ['INPUT', 'OUTPUT']) {
          execFileSync('ip', ['netns', 'exec', name, 'iptables', '-P', chain, 'DROP']);
        }
      },
      down: () => ip('-n', name, 'link', 'set', 'cable', 'down'),
      /** Takes one more address, at which nothing answers. */
      swallow(address) {
        ip('-n', name, 'addr', 'add', `${address}/32`, 'dev', 'cable');
        execFileSync('ip', ['netns', 'exec', name, 'iptables', '-A', 'INPUT', '-d', address, '-j', 'DROP']);
      },
      /** Reaches an address by the cable. */
      reach: (address) => ip('-n', name, 'route', 'add', `${address}/32`, 'dev', 'cable'),
    };
  });
  ip('link', 'add', 'cable', 'netns', pair[0].name, 'type', 'veth', 'peer', 'name', 'cable', 'netns', pair[1].name);
  for (const { name, address } of pair) {
    ip('-n', name, 'addr', 'add', `${address}/30`, 'dev', 'cable');
    ip('-n', name, 'link', 'set', 'cable', 'up');
  }
  return pair;
}

function ip(...parameters) {
  execFileSync('ip', parameters, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A client that is connected and reads nothing but the response, and how much came behind that. */
export async function rawClient(server) {
  const [host, port] = server.address.split(':');
  const socket = net.connect(port, host);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n');
  let head = Buffer.alloc(0);
  while (!head.includes('\r\n\r\n')) {
    const [data] = await within(PATIENCE, once(socket, 'data'));
    socket.pause();
    head = Buffer.concat([head, data]);
    if (!head.includes('\r\n\r\n')) socket.resume();
  }
  equal(head.toString('latin1', 0, 12), 'HTTP/1.1 101');
  return { socket, rest: head.subarray(head.indexOf('\r\n\r\n') + 4) };
}

/** The next message of a client of `ws`. */
export async function message(socket) {
  const [data] = await within(PATIENCE, once(socket, 'message'));
  return String(data);
}

/** A client whose handshake is to be written, and what it gets for that. */
export function slowClient(server) {
  const began = Date.now();
  const [host, port] = server.address.split(':');
  const client = { socket: net.connect(port, host), answer: '' };
  client.ended = new Promise((done) => client.socket
    .on('data', (data) => {
      client.after ??= Date.now() - began;
      client.answer += data;
    })
    .on('error', (error) => client.error = error.code)
    .on('close', done));
  return client;
}

export async function answers(address) {
  const [host, port] = address.split(':');
  const socket = net.connect(port, host);
  const connected = await once(socket, 'connect').then(() => true, () => false);
  socket.destroy();
  return connected;
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Resident bytes of a process: now, and the most that there ever were. */
export function memory({ child }) {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const bytes = (field) => Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))[1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}

export function counts({ child }) {
  return { files: readdirSync(`/proc/${child.pid}/fd`).length };
}

export const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;

/** Leaves neither processes nor hosts behind. */
export function clean() {
  // These have children of their own, which they end.
  const parents = ['apache2', 'nginx'];
  for (const child of children) child.kill(parents.includes(child.spawnfile) ? 'SIGTERM' : 'SIGKILL');
  for (const name of namespaces) ip('netns', 'del', name);
}

// ---- what is expected -------------------------------------------------------------------------

export function equal(found, expected) {
  if (found !== expected) throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
}

export function between(found, least, most) {
  if (!(found >= least && found <= most)) throw new Error(`found ${found}, not ${least} to ${most}`);
  return found;
}

export function within(limit, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not done after ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
