// What lives around the pages in live.mjs, and can be killed: servers, nginx, Redis, the network.
// It does not know what people say.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { until } from './stage.mjs';

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
process.on('SIGTERM', () => process.exit(1));

function start(program, args, output = 'inherit') {
  const child = spawn(program, args, { stdio: ['ignore', output, 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.once('error', (error) => {
    children.delete(child);
    console.log(`${program}: ${error.message}`);
  });
  return child;
}

async function stop(child, signal) {
  if (!children.has(child)) return child.exitCode;
  const exit = once(child, 'exit');
  child.kill(signal);
  return (await exit)[0];
}

/** A server with a directory of its own, which survives it. */
export class Server {
  /** `options` are more of the program's. */
  constructor(program, options = []) {
    Object.assign(this, { program, options });
  }

  async start() {
    this.data ??= await mkdtemp(join(tmpdir(), 'chat-'));
    const listen = `127.0.0.1:${this.port ?? 0}`;
    const options = ['--listen', listen, '--data', this.data, '--rate', '500', ...this.options];
    this.child = start(this.program, options, 'pipe');
    for await (const line of createInterface({ input: this.child.stdout })) {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (!port) continue;
      this.port = Number(port);
      return this;
    }
    throw new Error('the server did not say where it listens');
  }

  kill() {
    return stop(this.child, 'SIGKILL');
  }

  /** Lets it say goodbye. Returns its status. */
  terminate() {
    return stop(this.child, 'SIGTERM');
  }

  async close() {
    await this.kill();
    await rm(this.data, { recursive: true });
  }
}

/** The network between pages and what they talk to: it can break, fall silent, lead elsewhere. */
export class Link {
  #pairs = new Set();
  #isSilent = false;
  #listener;

  async start() {
    this.#listener = createServer((near) => this.#accept(near));
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.port = this.#listener.address().port;
    return this;
  }

  #accept(near) {
    const pair = { near, far: null };
    this.#pairs.add(pair);
    near.on('error', () => {});
    near.on('close', () => {
      this.#pairs.delete(pair);
      pair.far?.destroy();
    });
    if (!this.#isSilent) this.#carry(pair);
  }

  #carry(pair) {
    const { near } = pair;
    if (pair.far === null) {
      pair.far = connect(this.to, '127.0.0.1');
      pair.far.on('error', () => {});
      pair.far.on('close', () => near.destroy());
    }
    near.pipe(pair.far);
    pair.far.pipe(near);
  }

  /** Breaks all connections. */
  cut() {
    for (const { near } of this.#pairs) near.destroy();
  }

  /** Nothing passes any more, and nobody is told. What is sent waits, as TCP sends it again. */
  fallSilent() {
    this.#isSilent = true;
    for (const { near, far } of this.#pairs) {
      near.unpipe();
      far?.unpipe();
    }
  }

  goOn() {
    this.#isSilent = false;
    for (const pair of this.#pairs) this.#carry(pair);
  }

  close() {
    this.cut();
    this.#listener.close();
  }
}

/** nginx as nginx.conf.template has it, before a port. */
export class Nginx {
  async start(out, certificate, server) {
    const [http, https] = [await freePort(), await freePort()];
    Object.assign(this, { http, https });
    const folder = join(out, 'nginx');
    await mkdir(folder, { recursive: true });
    const template = await readFile(new URL('nginx.conf.template', import.meta.url), 'utf8');
    const values = {
      CHAT_SERVER: `127.0.0.1:${server}`,
      CHAT_HTTP: `127.0.0.1:${http}`,
      CHAT_HTTPS: `127.0.0.1:${https}`,
      CHAT_CERTIFICATE: certificate.file,
      CHAT_KEY: certificate.key,
    };
    const site = template.replace(/\$\{(\w+)\}/g, (_, name) => values[name]);
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const places = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
    const config = join(folder, 'nginx.conf');
    await writeFile(join(folder, 'chat.conf'), site);
    await writeFile(
      config,
      `daemon off;
      pid ${folder}/nginx.pid;
      events {}
      http {
        access_log off;
        ${places}
        include ${folder}/chat.conf;
      }`,
    );
    this.child = start('nginx', ['-e', join(folder, 'error.log'), '-c', config]);
    await answers(http);
    return this;
  }

  close() {
    return stop(this.child, 'SIGTERM');
  }
}

/** A Redis with a directory of its own, which survives it. */
export class Redis {
  async start() {
    this.port ??= await freePort();
    this.data ??= await mkdtemp(join(tmpdir(), 'chat-redis-'));
    const listen = ['--port', `${this.port}`, '--bind', '127.0.0.1'];
    const kept = ['--dir', this.data, '--appendonly', 'yes', '--appendfsync', 'always'];
    this.child = start('redis-server', [...listen, ...kept], 'ignore');
    this.url = `redis://127.0.0.1:${this.port}/`;
    await answers(this.port);
    return this;
  }

  kill() {
    return stop(this.child, 'SIGKILL');
  }

  async close() {
    await this.kill();
    await rm(this.data, { recursive: true });
  }
}

/** A certificate for 127.0.0.1 that nobody vouches for, and its key: two files. */
export function selfMade(out) {
  const [file, key] = [join(out, 'certificate.pem'), join(out, 'key.pem')];
  const names = ['-subj', '/CN=chat', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
  const files = ['-keyout', key, '-out', file, '-days', '30'];
  execFileSync('openssl', ['req', ...kind, ...names, ...files], { stdio: 'pipe' });
  return { file, key };
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

function answers(port) {
  const asked = () =>
    new Promise((done) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => done(true)).on('error', () => done(false));
      socket.on('connect', () => socket.destroy());
    });
  return until(asked, `an answer on port ${port}`, 20_000);
}
