// What people must find when servers and networks die under them, and where the chat is served: one
// check each, with servers of its own. Nothing that was said may be lost, or be there twice, or in
// another order.

import { PATIENCE } from './person.mjs';
import { assert, holds, until } from './stage.mjs';

// Ways to the server.
const PLACES = {
  'as it is': {},
  'with its own TLS': { isSecure: true },
  'behind nginx': { isProxied: true },
  'behind nginx with TLS': { isProxied: true, isSecure: true },
  'behind nginx under a path': { isProxied: true, path: 'talk/' },
};

/** Everybody sees the same, and what each has said in the order in which it was said. */
function isInOrder(seen, others, counts) {
  for (const other of others) assert(other, seen);
  for (const [name, count] of Object.entries(counts)) {
    assert(
      seen.filter((text) => text.startsWith(`${name} `)),
      Array.from({ length: count }, (_, number) => `${name} ${number}`),
      name,
    );
  }
}

async function story({ server, link, enter }) {
  const ann = await enter('Ann'),
    bob = await enter('Bob');
  await ann.say('Hello, Bob');
  await bob.shows(['Hello, Bob']);
  await ann.goTo('@bob');
  await ann.say('between us');
  await bob.page.getByRole('button', { name: /^Ann 1 unread/ }).click();
  await bob.shows(['between us']);
  link.cut();
  await ann.say('again');
  await bob.shows(['between us', 'again']);
  await server.kill();
  await bob.isOffline();
  await bob.say('and without a server');
  await server.start();
  for (const person of [ann, bob]) {
    await person.shows(['between us', 'again', 'and without a server']);
    await person.goTo('#lobby');
    await person.shows(['Hello, Bob']);
  }
  const poured = Promise.all([ann.pour('Ann', 500), bob.pour('Bob', 500)]);
  const some = (count) =>
    until(async () => (await bob.said()).length > count, 'some have come', PATIENCE);
  await some(50);
  link.cut();
  await some(100);
  await server.kill();
  await server.start();
  await poured;
  const seen = await ann.all(1001);
  isInOrder(seen, [await bob.all(1001)], { Ann: 500, Bob: 500 });
  assert(seen.length, 1001);
}

/** Somebody types while the network passes nothing, and tells nobody. */
const away = (options, pass) =>
  async function check({ detour, enter }) {
    const own = await detour();
    const ann = await enter('Ann', { url: own.url, ...options }),
      bob = await enter('Bob');
    await ann.isOnline();
    await bob.say('before');
    await ann.shows(['before']);
    own.link.fallSilent();
    const texts = ['one', 'two', 'three'];
    for (const text of texts) {
      await ann.say(text);
      await pass(ann, 10_000);
    }
    await ann.page.locator('#banner').waitFor();
    await bob.say('meanwhile');
    await bob.shows(['before', 'meanwhile']);
    await ann.shows(['before', ...texts]);
    own.link.goOn();
    for (const person of [ann, bob]) await person.shows(['before', 'meanwhile', ...texts]);
    assert(await ann.page.locator('.note-line').count(), 0, 'all are confirmed');
  };

export const checks = {
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
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 20; count += 1) {
        await ann.say(`Ann ${20 * round + count}`);
        await bob.say(`Bob ${20 * round + count}`);
        if (count === 8) await server.kill();
        if (count === 14) await server.start();
      }
      await ann.all(40 * (round + 1));
    }
    isInOrder(await ann.all(120), [await bob.all(120)], { Ann: 60, Bob: 60 });
    await (await enter('Eve')).isOnline();
  },

  async 'what is written without a server is sent after a reload, once'({ server, url, enter }) {
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
    await ann.page.goto(url);
    await ann.shows(['before', 'meanwhile']);
    const bob = await enter('Bob');
    await bob.shows(['before', 'meanwhile']);
  },

  async 'a server that is asked to stop says so, and loses nothing'({ server, enter }) {
    const ann = await enter('Ann'),
      bob = await enter('Bob');
    await ann.isOnline();
    await bob.isOnline();
    const poured = Promise.all([ann.pour('Ann', 200), bob.pour('Bob', 200)]);
    await until(async () => (await bob.said()).length > 20, 'some have come', PATIENCE);
    assert(await server.terminate(), 0);
    await bob.isOffline();
    await bob.showsStatus('Last close', '1001 the server stops');
    await server.start();
    await poured;
    isInOrder(await ann.all(400), [await bob.all(400)], { Ann: 200, Bob: 200 });
    assert((await ann.said()).length, 400);
    await bob.showsStatus('Reconnected', '1 time');
  },

  'the network is away for 30 s of the page while somebody types': away(
    { hasClock: true },
    ({ page }, time) => page.clock.runFor(time),
  ),

  async 'the prices are live, and come back'({ server, url, enter }) {
    const ann = await enter('Ann');
    await ann.page.goto(`${url}prices`);
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

  async 'behind nginx under a path: prices, events and links'({ settle }) {
    const { url, enter } = await settle({ isProxied: true, path: 'talk/' });
    const ann = await enter('Ann');
    await ann.isOnline();
    const events = await fetch(`${url}rooms/lobby/events`);
    const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
    await ann.say('to all who read');
    let read = '';
    while (!read.includes('to all who read')) {
      const { value, done } = await reader.read();
      holds(!done, 'the events go on');
      read += value;
    }
    await reader.cancel();
    assert(read.startsWith('event: message'), true, 'at once, and not with the next comment');
    await ann.page.keyboard.press('Alt+i');
    const card = ann.page.locator('#status-card');
    await card.getByRole('link', { name: 'Live prices' }).click();
    await ann.page.getByText('Live', { exact: true }).waitFor();
    assert(ann.page.url(), `${url}prices`);
    await ann.page.getByRole('link', { name: 'Chat' }).click();
    await ann.shows(['to all who read']);
  },
};

for (const [name, place] of Object.entries(PLACES)) {
  checks[`two people, breaks, kills and 1,000 messages: ${name}`] = async ({ settle }) =>
    story(await settle(place));
}

/** With Redis. */
export const shared = {
  async 'of two servers one is killed: its people go on with the other'({ share, enter }) {
    const { places } = await share(2);
    const [one, two] = places;
    const ann = await enter('Ann', one),
      bob = await enter('Bob', two);
    await ann.say('Hello, Bob');
    await bob.shows(['Hello, Bob']);
    await bob.say('Hello, Ann');
    await ann.shows(['Hello, Bob', 'Hello, Ann']);
    const poured = Promise.all([ann.pour('Ann', 500), bob.pour('Bob', 500)]);
    await until(async () => (await bob.said()).length > 100, 'some have come', PATIENCE);
    one.link.to = two.server.port;
    await one.server.kill();
    await poured;
    const seen = await ann.all(1002);
    isInOrder(seen, [await bob.all(1002)], { Ann: 500, Bob: 500 });
    assert(seen.length, 1002);
    // And back.
    await one.server.start();
    one.link.to = one.server.port;
    one.link.cut();
    await ann.goTo('@bob');
    await ann.say('between us');
    await bob.page.getByRole('button', { name: /^Ann 1 unread/ }).click();
    await bob.shows(['between us']);
  },

  async 'Redis is away: each server goes on by itself, then all is caught up'({ share, enter }) {
    const { redis, places } = await share(2);
    const ann = await enter('Ann', places[0]),
      bob = await enter('Bob', places[1]),
      eve = await enter('Eve', places[0]);
    await ann.say('before');
    for (const person of [bob, eve]) await person.shows(['before']);
    await redis.kill();
    await ann.say('meanwhile');
    await eve.shows(['before', 'meanwhile']);
    for (const person of [ann, bob, eve]) await person.page.locator('#alone').waitFor();
    await redis.start();
    for (const person of [ann, bob, eve]) {
      await person.page.locator('#alone').waitFor({ state: 'hidden' });
      await person.shows(['before', 'meanwhile']);
    }
    await bob.say('after');
    for (const person of [ann, bob, eve]) await person.shows(['before', 'meanwhile', 'after']);
  },
};

const sleep = (time) =>
  new Promise((done) => {
    setTimeout(done, time);
  });

/** What takes its time. */
export const slow = {
  'the network is away for 30 s while somebody types': away({}, (_, time) => sleep(time)),

  async 'nginx leaves a connection alone that nobody uses'({ settle }) {
    const { enter } = await settle({ isProxied: true });
    const ann = await enter('Ann', { hasClock: true });
    await ann.isOnline();
    // The page's own pings stop: the server's are left.
    await ann.page.clock.pauseAt(Date.now() + 2_000);
    await sleep(75_000);
    await ann.page.clock.resume();
    await ann.say('still here');
    await (await enter('Bob')).shows(['still here']);
    await ann.showsStatus('Reconnected', '0 times');
  },
};
