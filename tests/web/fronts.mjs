// The server, directly and behind each proxy, whose settings are the files of proxies/. Knows no
// browsers and no checks.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Peer, answers, freePort, out, program, start } from '../network/world.mjs';

/** The settings of proxies. */
export const folder = new URL('./proxies/', import.meta.url);
/** What the settings say in seconds, and what is enough for a test. */
const TIMEOUT = 2;

/** Certificate and key of `localhost`. */
const pem = join(out, 'example.com.pem');

/** Starts all of them. */
export async function fronts() {
  execFileSync(program, ['certificate', out]);
  writeFileSync(pem, readFileSync(join(out, 'cert.pem')) + readFileSync(join(out, 'key.pem')));
  const direct = await server('--tls', out);
  const closed = await server('--tls', out, '--http1');
  const plain = await server();
  // The version of HTTP that the browser uses for WebSockets, and the one that comes to us.
  const [http1, http2] = ['HTTP/1.1', 'HTTP/2.0'];
  const behindHaproxy = (front, backend) => haproxy(front, backend, plain, direct);
  const all = await Promise.all([
    // `alpn` is what was agreed with us.
    { name: 'direct', server: direct, port: port(direct), from: http2, to: http2, alpn: 'h2' },
    { name: 'direct-http1', server: closed, port: port(closed), from: http1, to: http1, alpn: 'http/1.1' },
    // With HTTP/2 on its side of the browser, haproxy 2.6 reads no stream while another is stuck.
    behindHaproxy({
      name: 'haproxy-h2-to-h1', server: plain, from: http2, to: http1, health: 'HTTP/1.0', holdsUp: true,
    }, 'app'),
    behindHaproxy({ name: 'haproxy-h1-to-h2', server: plain, from: http1, to: http2, health: http2 }, 'app_http2'),
    behindHaproxy({
      name: 'haproxy-h2-to-h2', server: direct, from: http2, to: http2, alpn: 'h2', health: 'HTTP/1.0', holdsUp: true,
    }, 'app_http2_tls'),
    nginx({ name: 'nginx', server: plain, from: http1, to: http1 }),
    apache({ name: 'apache', server: plain, from: http1, to: http1 }),
    caddy({ name: 'caddy', server: plain, from: http1, to: http1 }),
  ]);
  // Pages of another origin.
  return all.map((front) => ({ ...front, elsewhere: `http://${plain.address}` }));
}

async function server(...options) {
  const started = new Peer('serve', '127.0.0.1:0', ['--ping', TIMEOUT * 1000 / 8, ...options]);
  started.address = (await started.said(/^listening on (.*)/)).match[1];
  return started;
}

const port = ({ address }) => address.split(':')[1];

const proxied = async (front) =>
  ({ alpn: '', proxied: true, timeout: true, port: await freePort(), ...front });

async function haproxy(front, backend, plain, secure) {
  const way = await proxied(front);
  const file = settings(way.name, 'haproxy.cfg', {
    'bind :443 ': `bind 127.0.0.1:${way.port} `,
    '/etc/ssl/example.com.pem': pem,
    '/etc/ssl/app.pem': join(out, 'cert.pem'),
    ' 60s': ` ${TIMEOUT}s`,
    '127.0.0.1:9001': plain.address,
    '127.0.0.1:9443': secure.address,
    'default_backend app': `default_backend ${backend}`,
    ...front.from === 'HTTP/1.1' && { 'alpn h2,http/1.1': 'alpn http/1.1' },
  });
  start(way.name, 'haproxy', ['-db', '-f', file]);
  return listening(way);
}

async function nginx(front) {
  const way = await proxied(front);
  const inner = settings(way.name, 'nginx.conf', {
    'listen 443 ': `listen 127.0.0.1:${way.port} `,
    '/etc/ssl/example.com.pem': pem,
    ' 60s': ` ${TIMEOUT}s`,
    '127.0.0.1:9001': front.server.address,
  });
  const home = join(out, way.name);
  mkdirSync(home, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${home}/${kind};`);
  const file = join(home, 'main.conf');
  writeFileSync(file, `daemon off;\nuser root;\npid ${home}/nginx.pid;\nevents {}\n`
    + `http {\naccess_log off;\n${temporary.join('\n')}\ninclude ${inner};\n}\n`);
  start(way.name, 'nginx', ['-e', join(out, 'nginx.log'), '-c', file]);
  return listening(way);
}

async function apache(front) {
  const way = await proxied(front);
  const inner = settings(way.name, 'apache.conf', {
    '*:443': `127.0.0.1:${way.port}`,
    '/etc/ssl/example.com.pem': pem,
    'TimeOut 60': `TimeOut ${TIMEOUT}`,
    '127.0.0.1:9001': front.server.address,
  });
  const modules = ['mpm_event', 'authz_core', 'headers', 'http2', 'proxy', 'proxy_http', 'ssl']
    .map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so\n`);
  const file = join(out, 'apache.main.conf');
  writeFileSync(file, `${modules.join('')}ServerName localhost\nUser www-data\nGroup www-data\n`
    + `Listen 127.0.0.1:${way.port}\nDefaultRuntimeDir "${out}"\nPidFile "${out}/apache.pid"\n`
    + `ErrorLog "${out}/apache.error.log"\nInclude "${inner}"\n`);
  start(way.name, 'apache2', ['-D', 'FOREGROUND', '-f', file]);
  return listening(way);
}

async function caddy(front) {
  // It has no timeout that a WebSocket could pass.
  const way = { ...await proxied(front), timeout: false };
  const file = settings(way.name, 'Caddyfile', {
    'example.com {': `{\n    admin off\n}\nhttps://localhost:${way.port} {\n    bind 127.0.0.1\n    tls ${pem} ${pem}`,
    '127.0.0.1:9001': front.server.address,
  });
  const homes = [`XDG_CONFIG_HOME=${out}`, `XDG_DATA_HOME=${out}`];
  start(way.name, 'env', [...homes, 'caddy', 'run', '--adapter', 'caddyfile', '--config', file]);
  return listening(way);
}

/** Leaves the settings of a proxy in a file, with what the machine of a test has. */
function settings(name, source, replacements) {
  let text = readFileSync(new URL(source, folder), 'utf8');
  for (const [shown, tested] of Object.entries(replacements)) {
    if (!text.includes(shown)) throw new Error(`${source} has no ${shown}`);
    text = text.replaceAll(shown, tested);
  }
  const file = join(out, `${name}.conf`);
  writeFileSync(file, text);
  return file;
}

async function listening(front) {
  for (let tries = 0; !await answers(`127.0.0.1:${front.port}`); tries += 1) {
    if (tries === 200) throw new Error(`${front.name} does not answer; see its log`);
    await sleep(50);
  }
  return front;
}
