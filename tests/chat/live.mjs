// Uses the pages of examples/chat in Chromium against the real server, which is killed and started
// again under them: nothing that was said may be lost, or be there twice, or in another order.
//
//   node tests/chat/live.mjs OUT SERVER [WORD…]
//
// OUT has node_modules with playwright-core; SERVER is the program. With WORDs, only checks whose
// name has one of them are done. Ends with `live: N passed, N failed`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { assert, holds, until } from './stage.mjs';

const [out, program, ...words] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(out), 'live.mjs'))('playwright-core');
const PATIENCE = 20_000; // for one step
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
process.on('SIGTERM', () => process.exit(1));

/** A server with a directory of its own, which survives it. */
class Server {
  async start(rate = 500) {
    this.data ??= await mkdtemp(join(tmpdir(), 'chat-'));
    const listen = `127.0.0.1:${this.port ?? 0}`;
    const options = ['--listen', listen, '--data', this.data, '--rate', `${rate}`];
    this.child = spawn(program, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(this.child);
    for await (const line of createInterface({ input: this.child.stdout })) {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (!port) continue;
      this.port = port;
      this.url = `http://127.0.0.1:${port}/`;
      return this;
    }
    throw new Error('the server did not say where it listens');
  }

  async kill() {
    children.delete(this.child);
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  async close() {
    await this.kill();
    await rm(this.data, { recursive: true });
  }
}

/** Somebody with a browser of their own. */
class Person {
  errors = [];

  async open(browser, server, name) {
    this.context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    this.context.setDefaultTimeout(PATIENCE);
    this.page = await this.context.newPage();
    this.page.on('pageerror', (error) => this.errors.push(error.stack));
    this.page.on('console', (message) => {
      const isOfNetwork = /WebSocket connection|Failed to load|ERR_/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) this.errors.push(message.text());
    });
    await this.page.goto(server.url);
    await this.page.getByLabel('Your name').fill(name);
    await this.page.keyboard.press('Enter');
    return this;
  }

  async isOnline() {
    await this.page.locator('#app[data-state=open]').waitFor();
  }

  async say(text) {
    await this.page.locator('#text').fill(text);
    await this.page.locator('#text').press('Enter');
  }

  async goTo(room) {
    await this.page.keyboard.press('Control+k');
    await this.page.keyboard.type(room);
    await this.page.keyboard.press('Enter');
  }

  said() {
    return this.page.locator('.said').allTextContents();
  }

  async shows(texts) {
    await until(
      async () => JSON.stringify(await this.said()) === JSON.stringify(texts),
      `shown: ${texts.join(', ').slice(0, 300)}`,
      PATIENCE,
    ).catch(async (error) => {
      throw new Error(`${error.message}; but ${(await this.said()).join(', ').slice(-300)}`);
    });
  }
}

const checks = {
  async 'two people talk in a room and in private'({ server, enter }) {
    const ann = await enter('Ann'),
      bob = await enter('Bob');
    await ann.say('Hello, Bob');
    await bob.shows(['Hello, Bob']);
    await bob.say('Hello, Ann');
    await ann.shows(['Hello, Bob', 'Hello, Ann']);
    await ann.goTo('@bob');
    await ann.say('between us');
    await bob.page.getByRole('button', { name: /^Ann 1 unread/ }).click();
    await bob.shows(['between us']);
    assert(await ann.page.locator('#room-name').textContent(), 'Bob');
    await ann.shows(['between us']);
    await ann.goTo('@nobody');
    await ann.page.getByText('@nobody: nobody has this name').first().waitFor();
    const eve = await enter('Eve');
    await eve.shows(['Hello, Bob', 'Hello, Ann']);
    assert(await eve.page.locator('#directs li').count(), 0);
    holds(server.child.exitCode === null, 'the server lives');
  },

  async 'a name belongs to the first browser'({ enter }) {
    await (await enter('Ann')).isOnline();
    const other = await enter('ann');
    await other.page.getByText('This name belongs to somebody else.').waitFor();
  },

  async 'the server is killed while they talk: nothing lost, nothing twice'({ server, enter }) {
    const ann = await enter('Ann'),
      bob = await enter('Bob');
    await ann.isOnline();
    await bob.isOnline();
    const mine = { Ann: [], Bob: [] };
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 20; count += 1) {
        for (const [name, person] of [
          ['Ann', ann],
          ['Bob', bob],
        ]) {
          const text = `${name} ${round}/${count}`;
          mine[name].push(text);
          await person.say(text);
        }
        if (count === 8) await server.kill();
        if (count === 14) await server.start();
      }
      await until(
        async () => (await ann.said()).length === 40 * (round + 1),
        'all of them',
        PATIENCE,
      );
    }
    const all = await ann.said();
    await bob.shows(all);
    for (const name of ['Ann', 'Bob']) {
      assert(
        all.filter((text) => text.startsWith(name)),
        mine[name],
        name,
      );
    }
    await (await enter('Eve')).isOnline();
  },

  async 'a thousand messages of two, with a kill among them, in the same order'({ server, enter }) {
    const ann = await enter('Ann'),
      bob = await enter('Bob');
    await ann.isOnline();
    await bob.isOnline();
    // As if typed: through the field, and as fast as the page takes it.
    const pour = (person, name) =>
      person.page.evaluate(async (who) => {
        const field = document.querySelector('#text'),
          form = document.querySelector('#composer');
        for (let count = 0; count < 500; count += 1) {
          field.value = `${who} ${count}`;
          form.requestSubmit();
          if (count % 10 === 0)
            await new Promise((done) => {
              setTimeout(done, 10);
            });
        }
      }, name);
    const poured = Promise.all([pour(ann, 'Ann'), pour(bob, 'Bob')]);
    await until(async () => (await bob.said()).length > 100, 'some have come', PATIENCE);
    await server.kill();
    await server.start();
    await poured;
    const isWhole = async (person) => {
      const more = person.page.locator('#show-older');
      if (await more.isVisible()) await more.click();
      return (
        (await person.said()).length === 1000 &&
        (await person.page.locator('.note-line').count()) === 0
      );
    };
    for (const person of [ann, bob])
      await until(() => isWhole(person), 'all of them', 3 * PATIENCE);
    const all = await ann.said();
    assert(await bob.said(), all);
    for (const name of ['Ann', 'Bob']) {
      const expected = Array.from({ length: 500 }, (_, count) => `${name} ${count}`);
      assert(
        all.filter((text) => text.startsWith(name)),
        expected,
        name,
      );
    }
  },

  async 'what is written without a server is sent after a reload, and once'({ server, enter }) {
    const ann = await enter('Ann');
    await ann.isOnline();
    await ann.say('before');
    await ann.shows(['before']);
    await ann.page.locator('.note-line').waitFor({ state: 'detached' });
    await server.kill();
    await ann.say('meanwhile');
    await ann.page.getByText('Waiting for the connection').waitFor();
    await ann.page.goto('about:blank');
    await server.start();
    await ann.page.goto(server.url);
    await ann.shows(['before', 'meanwhile']);
    const bob = await enter('Bob');
    await bob.shows(['before', 'meanwhile']);
  },

  async 'the prices are live, and come back'({ server, enter }) {
    const ann = await enter('Ann');
    await ann.page.goto(`${server.url}prices`);
    const ticks = async () =>
      Number((await ann.page.locator('#ticks').textContent()).replace(',', ''));
    await until(async () => (await ticks()) > 5, 'ticks', PATIENCE);
    await server.kill();
    await ann.page.locator('#banner').waitFor();
    const before = await ticks();
    await server.start();
    await until(async () => (await ticks()) > before, 'ticks again', PATIENCE);
    assert(await ann.page.locator('#reconnected').textContent(), '1 time');
    assert(await ann.page.locator('#rows tr').count(), 10);
  },
};

let [passed, failed] = [0, 0];
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const [name, check] of Object.entries(checks)) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  const start = Date.now();
  const server = await new Server().start();
  const people = [];
  const enter = async (person) => {
    const entered = await new Person().open(browser, server, person);
    people.push(entered);
    return entered;
  };
  try {
    await check({ server, enter });
    for (const { errors } of people) assert(errors, []);
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message}`);
  } finally {
    for (const { context } of people) await context.close();
    await server.close();
  }
}
await browser.close();
console.log(`live: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
