// Uses the pages of examples/chat in Chromium against the real server: what survival.mjs has.
//
//   node tests/chat/live.mjs OUT SERVER [--redis] [--long] [WORD…]
//
// OUT has node_modules with playwright-core; SERVER is the program. Needs nginx and openssl, and
// with --redis, which adds what several servers do, redis-server. --long adds what takes its time. With
// WORDs, only checks whose name has one of them are done. Ends with `live: N passed, N failed`.

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { Person } from './person.mjs';
import { assert } from './stage.mjs';
import { checks, shared, slow } from './survival.mjs';
import { Link, Nginx, Redis, selfMade, Server } from './world.mjs';

const [out, program, ...rest] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(out), 'live.mjs'))('playwright-core');
const words = rest.filter((word) => !word.startsWith('--'));
const certificate = selfMade(resolve(out));

/** What one check uses, and leaves. */
class Scene {
  people = [];
  #parts = [];

  constructor(browser) {
    this.browser = browser;
  }

  async #add(part, ...args) {
    this.#parts.push(part);
    return part.start(...args);
  }

  /** Starts a server, and what is between it and people. */
  settle = async ({ isProxied = false, isSecure = false, path = '' } = {}) => {
    const link = await this.#add(new Link());
    const scheme = isSecure ? 'https' : 'http';
    const origin = `${scheme}://127.0.0.1:${link.port}`;
    const { file, key } = certificate;
    const secure = isProxied ? ['--origin', origin] : ['--tls', file, key];
    const server = await this.#add(new Server(program, isSecure ? secure : []));
    link.to = server.port;
    if (isProxied)
      link.to = (await this.#add(new Nginx(), resolve(out), certificate, server.port))[scheme];
    const url = `${origin}/${path}`;
    return { ...this, server, link, url, enter: this.#enter(url), detour: this.#detour(link.to) };
  };

  /** Starts servers on one Redis, each with a network of its own. */
  share = async (count) => {
    const redis = await this.#add(new Redis());
    const places = [];
    for (let number = 0; number < count; number += 1) {
      const server = await this.#add(new Server(program, ['--redis', redis.url]));
      places.push({ server, ...(await this.#detour(server.port)()) });
    }
    return { redis, places };
  };

  /** Another network to the same place. */
  #detour = (port) => async () => {
    const link = await this.#add(new Link());
    link.to = port;
    return { link, url: `http://127.0.0.1:${link.port}/` };
  };

  #enter =
    (place) =>
    async (name, { url = place, server: _server, link: _link, ...options } = {}) => {
      const person = await new Person().open(this.browser, url, name, options);
      this.people.push(person);
      return person;
    };

  async close() {
    for (const { context } of this.people) await context.close();
    for (const part of this.#parts.reverse()) await part.close();
  }
}

const isAsked = (option) => rest.includes(option);
const all = {
  ...checks,
  ...(isAsked('--redis') && shared),
  ...(isAsked('--long') && slow),
};
let [passed, failed] = [0, 0];
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const [name, check] of Object.entries(all)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  const start = Date.now();
  const scene = new Scene(browser);
  try {
    await check(await scene.settle());
    for (const { errors } of scene.people) assert(errors, []);
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message}`);
  } finally {
    await scene.close();
  }
}
await browser.close();
console.log(`live: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
