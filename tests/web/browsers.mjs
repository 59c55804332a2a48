// Chromium and Firefox as Debian has them, without windows, and what they write down of their
// connections. Knows no checks.

import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { WebSocket, chromium as playwright, out, start } from '../network/world.mjs';

/** How long a browser may take to start, or to close. */
const PATIENCE = 60_000;

/** Runs Chromium, which accepts every certificate. */
export async function chromium() {
  const log = join(out, 'chromium-net-log.json');
  rmSync(log, { force: true });
  const browser = await playwright.launch({
    executablePath: '/usr/bin/chromium',
    timeout: PATIENCE,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--ignore-certificate-errors', `--log-net-log=${log}`, '--net-log-capture-mode=IncludeSensitive',
    ],
  });
  return {
    name: 'chromium',
    version: `Chromium ${browser.version()}`,
    /** How it opens a WebSocket where HTTP/2 is to be had, but it has no connection yet. */
    beforeConnection: 'HTTP/1.1',
    async page(url) {
      const page = await browser.newPage();
      await page.goto(url);
      return { evaluate: (expression) => page.evaluate(expression), close: () => page.close() };
    },
    close: () => browser.close(),
    /** How many WebSockets it asked an authority for, by version of HTTP. */
    sockets() {
      const { constants, events } = JSON.parse(readFileSync(log, 'utf8'));
      const heads = (type) => events
        .filter((event) => event.type === constants.logEventTypes[type] && event.params?.headers)
        .map(({ params }) => params.headers);
      const connects = heads('HTTP2_SESSION_SEND_HEADERS')
        .filter((head) => head.includes(':protocol: websocket'));
      const upgrades = heads('HTTP_TRANSACTION_SEND_REQUEST_HEADERS')
        .filter((head) => head.includes('Upgrade: websocket'));
      return (authority) => ({
        'HTTP/1.1': upgrades.filter((head) => head.includes(`Host: ${authority}`)).length,
        'HTTP/2.0': connects.filter((head) => head.includes(`:authority: ${authority}`)).length,
      });
    },
  };
}

/** Runs Firefox by WebDriver BiDi, which every Firefox speaks. */
export async function firefox() {
  const profile = join(out, 'firefox');
  rmSync(profile, { recursive: true, force: true });
  mkdirSync(profile);
  const preferences = {
    'app.normandy.enabled': false,
    'browser.safebrowsing.update.enabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'toolkit.telemetry.enabled': false,
  };
  writeFileSync(join(profile, 'user.js'), Object.entries(preferences)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const log = join(profile, 'network');
  process.env.MOZ_LOG = 'nsHttp:3';
  process.env.MOZ_LOG_FILE = log;
  const child = start('firefox', 'firefox-esr',
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', 0, 'about:blank']);
  const address = await new Promise((done, fail) => {
    let said = '';
    child.stderr.on('data', (data) => {
      said += data;
      const listening = said.match(/WebDriver BiDi listening on (\S+)\n/);
      if (listening) done(listening[1]);
    });
    child.on('exit', () => fail(new Error(`Firefox ended: ${said}`)));
    setTimeout(() => fail(new Error(`Firefox does not start: ${said}`)), PATIENCE).unref();
  });
  const socket = new WebSocket(`${address}/session`);
  const waiting = new Map();
  socket.on('message', (data) => {
    const { type, id, result, error, message } = JSON.parse(data);
    if (type === 'success') waiting.get(id).done(result);
    if (type === 'error') waiting.get(id).fail(new Error(`${error}: ${message}`));
  });
  await once(socket, 'open');
  const command = (method, params) => new Promise((done, fail) => {
    const id = waiting.size;
    waiting.set(id, { done, fail });
    socket.send(JSON.stringify({ id, method, params }));
  });
  const { capabilities } = await command('session.new',
    { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  return {
    name: 'firefox',
    version: `Firefox ${capabilities.browserVersion}`,
    beforeConnection: 'HTTP/2.0',
    async page(url) {
      const { context } = await command('browsingContext.create', { type: 'tab' });
      await command('browsingContext.navigate', { context, url, wait: 'complete' });
      return {
        async evaluate(expression) {
          const { type, result, exceptionDetails } = await command('script.evaluate',
            { expression, awaitPromise: true, target: { context } });
          if (type === 'exception') throw new Error(exceptionDetails.text);
          return result.value;
        },
        close: () => command('browsingContext.close', { context }),
      };
    },
    async close() {
      const ended = once(child, 'exit');
      await command('browser.close', {});
      await ended;
    },
    sockets() {
      const text = readdirSync(profile).filter((name) => name.startsWith('network'))
        .map((name) => readFileSync(join(profile, name), 'latin1')).join('');
      // The head is written before the version is known; of HTTP/2, the stream is, too.
      const heads = text.split('http request [').slice(1)
        .map((rest) => rest.slice(0, rest.indexOf(' ]\n')))
        .filter((head) => head.includes('Upgrade: websocket\n'));
      const streams = [...text.matchAll(/Http2StreamWebSocket \w+ Stream ID \w+ .* for (\S+)/g)];
      return (authority) => {
        const http2 = streams.filter((stream) => stream[1] === authority).length;
        const all = heads.filter((head) => head.includes(`Host: ${authority}\n`)).length;
        return { 'HTTP/1.1': all - http2, 'HTTP/2.0': http2 };
      };
    },
  };
}
