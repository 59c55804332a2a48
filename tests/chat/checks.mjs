// What a person does with the pages, and what must come of it: one check each, on a stage of its own.

import { assert, holds, until } from './stage.mjs';

export const checks = {
  async 'a message that is said is shown once, and the server has it'(stage) {
    await stage.signIn();
    await stage.say('Hello, <b>world</b>\nagain 👋');
    await stage.shows(['Hello, <b>world</b>\nagain 👋']);
    await stage.has(['Hello, <b>world</b>\nagain 👋']);
    assert(await stage.page.locator('.said b').count(), 0);
    assert(await stage.page.locator('.note-line').count(), 0, 'it is confirmed');
  },

  async 'a name that is taken, or not valid, is refused at the form'(stage) {
    const { mock, page } = stage;
    mock.owners.set('Bob', 'somebody');
    await page.goto(mock.url);
    const name = page.getByLabel('Your name');
    for (const [typed, error] of [
      ['', 'A name has at least one character.'],
      ['<b>', 'A name has none of # @ | < > & " \' ` \\.'],
      ['x'.repeat(25), 'A name has at most 24 characters; this one has 25.'],
      ['Bob', 'The name Bob is taken.'],
    ]) {
      await name.fill(typed);
      await name.press('Enter');
      await until(async () => (await page.locator('#name-error').textContent()) === error, error);
      assert(await name.getAttribute('aria-invalid'), 'true');
      assert(await page.evaluate(() => document.activeElement.id), 'name');
    }
    await name.fill('Ann');
    await name.press('Enter');
    await page.locator('#app').waitFor();
  },

  async 'what is written offline is marked, kept, and sent once and in order'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    await mock.kill();
    await page.locator('#app:not([data-state=open])').waitFor();
    for (const text of ['one', 'two', 'three']) await stage.say(text);
    await page.locator('#banner').waitFor();
    assert(await page.getByText('Waiting for the connection').count(), 3);
    await mock.restart();
    await stage.shows(['one', 'two', 'three']);
    await stage.has(['one', 'two', 'three']);
  },

  async 'what was sent into a dead network is marked, until it is confirmed'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    // The server does not get it, and the page does not know.
    mock.isMute = true;
    await stage.say('in a tunnel');
    await stage.shows(['in a tunnel']);
    assert(await page.locator('.note-line').count(), 0);
    mock.isDown = true;
    mock.cut();
    await page.getByText('Waiting for the connection').waitFor();
    await stage.banner('No connection.');
    assert(await page.locator('#banner-text').textContent(), '1 message will be sent later.');
    // It may have arrived: it cannot be taken back.
    assert(await page.getByRole('button', { name: 'Edit' }).count(), 0);
    Object.assign(mock, { isMute: false, isDown: false });
    await stage.has(['in a tunnel']);
    await stage.shows(['in a tunnel']);
  },

  async 'what waits outlives a reload, and so do the messages'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', 'before');
    await stage.shows(['before']);
    mock.isDown = true;
    mock.cut();
    await stage.say('later');
    await page.reload();
    await stage.shows(['before', 'later']);
    mock.isDown = false;
    mock.say('#lobby', 'Bob', 'meanwhile');
    await page.locator('#app[data-state=open]').waitFor();
    await stage.shows(['before', 'meanwhile', 'later']);
    await stage.has(['before', 'meanwhile', 'later']);
  },

  async 'what was written at one moment stays in its order after a reload'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.isDown = true;
    mock.cut();
    await page.locator('#app:not([data-state=open])').waitFor();
    const texts = Array.from({ length: 15 }, (_, number) => `number ${number}`);
    await page.evaluate((all) => {
      for (const text of all) {
        document.querySelector('#text').value = text;
        document.querySelector('#composer').requestSubmit();
      }
    }, texts);
    await page.reload();
    await stage.shows(texts);
    mock.isDown = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await stage.has(texts);
  },

  async 'half of a character is replaced, and sent'(stage) {
    await stage.signIn();
    await stage.page.evaluate(() => {
      document.querySelector('#text').value = 'cut off: \ud83d';
      document.querySelector('#composer').requestSubmit();
    });
    await stage.has(['cut off: \ufffd']);
  },

  async 'many conversations are joined some at a time, and all'(stage) {
    const { mock, page } = stage;
    mock.delay = 5;
    for (let number = 0; number < 60; number += 1)
      mock.say(`@Ann|Bob ${number}`, `Bob ${number}`, `psst ${number}`);
    await stage.signIn();
    const joined = () => [...mock.sessions].at(-1).joined.size;
    await until(() => joined() === 61, 'all are joined');
    await until(() => mock.joining === 0, 'all histories are sent');
    holds(mock.mostJoining <= 16, `${mock.mostJoining} at a time`);
    await page.getByRole('button', { name: /^Bob 59 1 unread/ }).click();
    await stage.shows(['psst 59']);
  },

  async 'a connection that breaks goes on with its session: nothing lost, nothing twice'(stage) {
    const { mock } = stage;
    await stage.signIn();
    const expected = [];
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 20; count += 1) {
        expected.push(`${round}/${count}`);
        mock.say('#lobby', 'Bob', `${round}/${count}`);
        if (count === 10) mock.cut();
      }
      await stage.shows(expected);
    }
    assert(mock.sessions.size, 1);
  },

  async 'a server that has lost its sessions is told from where to go on'(stage) {
    const { mock } = stage;
    await stage.signIn();
    const expected = [];
    for (let round = 0; round < 3; round += 1) {
      mock.say('#lobby', 'Bob', `heard ${round}`);
      await stage.shows([...expected, `heard ${round}`]);
      await mock.kill();
      await stage.say(`mine ${round}`);
      for (const text of [`away ${round}`, `away too ${round}`])
        mock.say('#lobby', 'Bob', text, { silent: true });
      await mock.restart();
      expected.push(`heard ${round}`, `away ${round}`, `away too ${round}`, `mine ${round}`);
      await stage.shows(expected);
    }
    await stage.has(expected);
  },

  async 'a say whose confirmation was lost is not shown twice'(stage) {
    const { mock } = stage;
    await stage.signIn();
    const say = mock.say;
    mock.say = (room, from, text, options) => {
      // It is in the log, and nobody is told.
      say.call(mock, room, from, text, { ...options, silent: true });
      mock.forgetSessions();
      mock.cut();
      mock.say = say;
    };
    await stage.say('once');
    await until(() => stage.texts().length === 1, 'it is in the log');
    await until(
      async () =>
        (await stage.page.locator('.note-line').count()) === 0 && (await stage.said()).length === 1,
      'confirmed',
    );
    await stage.say('twice');
    await stage.shows(['once', 'twice']);
    await stage.has(['once', 'twice']);
  },

  async 'a thousand messages: all of them, in order, 500 in the document'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    for (let count = 0; count < 1000; count += 1) {
      mock.say('#lobby', 'Bob', `${count}`);
      if (count === 600) mock.cut();
    }
    await until(async () => (await stage.said()).at(-1) === '999', 'the last is shown');
    assert(
      await stage.said(),
      Array.from({ length: 500 }, (_, index) => `${500 + index}`),
    );
    await page.getByRole('button', { name: 'Show earlier (500)' }).click();
    assert(
      await stage.said(),
      Array.from({ length: 1000 }, (_, index) => `${index}`),
    );
  },

  async 'what is gone is declared: how many, or that the room began anew'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', 'first');
    await stage.shows(['first']);
    await mock.kill();
    for (let count = 1; count <= 15; count += 1)
      mock.say('#lobby', 'Bob', `${count}`, { silent: true });
    mock.trim('#lobby', 3);
    await mock.restart();
    await stage.shows(['first', '13', '14', '15']);
    assert(await page.locator('.mark-line b').allTextContents(), ['12 messages are gone.']);
    await mock.kill();
    mock.forgetLog('#lobby');
    mock.say('#lobby', 'Bob', 'new', { silent: true });
    await mock.restart();
    await stage.shows(['first', '13', '14', '15', 'new']);
    assert(await page.locator('.mark-line b').allTextContents(), [
      '12 messages are gone.',
      'This room began anew.',
    ]);
  },

  async 'a history in pieces is whole, also when it breaks between them'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', '0');
    await stage.shows(['0']);
    await mock.kill();
    for (let count = 1; count < 450; count += 1)
      mock.say('#lobby', 'Bob', `${count}`, { silent: true });
    mock.pace = 600_000; // It stops after the first.
    await mock.restart();
    await page.locator('#catching').waitFor();
    mock.say('#lobby', 'Bob', '450');
    mock.forgetSessions();
    mock.cut();
    mock.pace = 0;
    await stage.shows(Array.from({ length: 451 }, (_, index) => `${index}`));
  },

  async 'a refused message says why, and can be edited and sent again'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.refuse = () => 'links are not allowed here';
    await stage.say('see https://example.com');
    await page.getByText('Not sent: Links are not allowed here.').waitFor();
    await page.reload();
    await page.getByText('Not sent: Links are not allowed here.').waitFor();
    mock.refuse = null;
    await page.getByRole('button', { name: 'Edit' }).click();
    assert(await page.locator('#text').inputValue(), 'see https://example.com');
    await page.locator('#text').fill('see below');
    await page.keyboard.press('Enter');
    await stage.shows(['see below']);
    await stage.has(['see below']);
  },

  async 'a message that is too long is counted, and not sent'(stage) {
    const { page } = stage;
    await stage.signIn();
    await page.locator('#text').fill('😀'.repeat(2003));
    await page.getByText('3 characters too long').waitFor();
    await page.keyboard.press('Enter');
    assert(await page.locator('#text').inputValue(), '😀'.repeat(2003));
    await page.locator('#text').fill('😀'.repeat(1990));
    await page.getByText('10 characters left').waitFor();
    await page.keyboard.press('Enter');
    await stage.shows(['😀'.repeat(1990)]);
  },

  async 'a burst waits its turn, and arrives in order'(stage) {
    await stage.signIn();
    const texts = Array.from({ length: 24 }, (_, index) => `${index}`);
    await stage.page.evaluate((all) => {
      for (const text of all) {
        document.querySelector('#text').value = text;
        document.querySelector('#composer').requestSubmit();
      }
    }, texts);
    await until(() => stage.texts().length === 24, 'all are sent');
    await stage.has(texts);
    assert(stage.mock.hasty, 0);
    // A server that allows less says so, and nothing is lost.
    stage.mock.strict = 3;
    for (const text of ['not so', 'fast']) await stage.say(text);
    await until(() => stage.texts().length === 26, 'they are sent again');
    assert(stage.mock.hasty, 3, 'they came too soon');
    await until(async () => (await stage.page.locator('.note-line').count()) === 0, 'confirmed');
  },

  async 'two tabs of a user both work'(stage) {
    const { page } = stage;
    await stage.signIn();
    const other = await stage.newPage();
    await other.goto(stage.mock.url);
    await other.locator('#app[data-state=open]').waitFor();
    await stage.say('from one');
    await stage.shows(['from one'], other);
    await stage.say('from the other', other);
    await stage.shows(['from one', 'from the other'], page);
    await stage.has(['from one', 'from the other']);
  },

  async 'unread messages are marked in the list, the title and the icon, until they are seen'(
    stage,
  ) {
    const { mock, page } = stage;
    await stage.signIn();
    const icon = await page.locator('#favicon').getAttribute('href');
    await page.locator('#join').click();
    await page.keyboard.type('rust');
    await page.keyboard.press('Enter');
    await until(() => mock.people('#rust').includes('Ann'), 'in #rust');
    for (const text of ['one', 'two']) mock.say('#lobby', 'Bob', text);
    mock.say('@Ann|Eve', 'Eve', 'psst');
    await until(
      async () => (await page.title()) === '(3) #rust · Sanswire Chat',
      'the title says 3',
    );
    holds((await page.locator('#favicon').getAttribute('href')) !== icon, 'another icon');
    await page.getByRole('button', { name: 'lobby 2 unread' }).click();
    assert(await page.locator('#messages .new').count(), 1);
    await until(async () => (await page.title()) === '(1) #lobby · Sanswire Chat', 'two are seen');
    await page.getByRole('button', { name: 'Eve 1 unread' }).click();
    await stage.shows(['psst']);
    await until(async () => (await page.title()) === '@Eve · Sanswire Chat', 'all are seen');
    assert(await page.locator('#favicon').getAttribute('href'), icon);
  },

  async 'everything goes by keyboard'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', 'copy me');
    mock.present.set('#lobby', ['Bob']);
    await stage.shows(['copy me']);
    // Join a room, and say something in it.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('#Big room');
    await page.keyboard.press('Enter');
    await page.keyboard.type('anybody?');
    await page.keyboard.press('Enter');
    await stage.shows(['anybody?']);
    await stage.has(['anybody?'], '#big-room');
    // A private message.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('@Bob');
    await page.keyboard.press('Enter');
    await page.keyboard.type('hi');
    await page.keyboard.press('Enter');
    await stage.shows(['hi']);
    await stage.has(['hi'], '@Ann|Bob');
    // Back to the lobby, up to the message, copy it.
    await page.keyboard.press('Alt+ArrowDown');
    await stage.shows(['copy me']);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('c');
    await page.locator('#toast.shown').waitFor();
    assert(await page.evaluate(() => navigator.clipboard.readText()), 'copy me');
    // The keys, and out again.
    await page.keyboard.press('?');
    await page.locator('#keys[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#keys[open]').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    assert(await page.evaluate(() => document.activeElement.id), 'text');
    // Notifications, people, the connection.
    await page.keyboard.press('Alt+m');
    await until(
      async () => (await page.locator('#bell').getAttribute('aria-pressed')) === 'false',
      'muted',
    );
    await page.keyboard.press('Alt+p');
    assert(await page.locator('#people').isVisible(), false);
    await page.keyboard.press('Alt+i');
    await page.getByRole('dialog', { name: 'Connection' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Connection' }).waitFor({ state: 'hidden' });
    assert(await page.evaluate(() => document.activeElement.id), 'text');
  },

  async 'on a phone, the rooms and the messages take turns'(stage) {
    const { mock, page } = stage;
    mock.present.set('#rust', ['Bob']);
    await page.setViewportSize({ width: 390, height: 700 });
    await stage.signIn();
    const focus = () => page.evaluate(() => document.activeElement.id);
    assert(await page.locator('#sidebar').isVisible(), false);
    assert(await focus(), 'room-name');
    await page.getByRole('button', { name: 'All rooms' }).click();
    assert(await page.locator('#room').isVisible(), false);
    mock.say('#lobby', 'Bob', 'not seen');
    await page.getByRole('button', { name: 'lobby 1 unread' }).waitFor();
    await page.getByRole('button', { name: 'rust 1 person, join' }).click();
    await until(() => mock.people('#rust').includes('Ann'), 'in #rust');
    assert(await focus(), 'room-name');
    assert(await page.locator('#sidebar').isVisible(), false);
    await page.getByRole('button', { name: 'All rooms, 1 unread elsewhere' }).waitFor();
    await page.locator('#show-people').click();
    assert(await focus(), 'hide-people');
    await page.keyboard.press('Escape');
    assert(await focus(), 'show-people');
    await page.locator('#show-people').click();
    await page.getByRole('button', { name: 'Leave #rust' }).click();
    await page.getByRole('button', { name: 'Leave', exact: true }).click();
    await stage.shows(['not seen']);
    await until(() => !mock.people('#rust').includes('Ann'), 'out of #rust');
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, textarea')]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 1)
        .map((one) => [one.id, one.getBoundingClientRect()])
        .filter(([, { width, height }]) => Math.min(width, height) < 40)
        .map(([id, { width, height }]) => `${id} ${width}×${height}`),
    );
    assert(small, [], 'targets under 40 pixels');
  },

  async 'somebody signs out, and in by another name'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    await stage.say('as Ann');
    await stage.shows(['as Ann']);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.locator('#confirm-yes').click();
    await until(() => mock.connections.size === 0, 'the connection is closed');
    await page.getByLabel('Your name').fill('Bea');
    await page.keyboard.press('Enter');
    await page.locator('#app[data-state=open]').waitFor();
    await stage.say('as Bea');
    await stage.shows(['as Ann', 'as Bea']);
    assert(await page.locator('.own .said').allTextContents(), ['as Bea']);
    await page.reload();
    await stage.shows(['as Ann', 'as Bea']);
    assert(await page.locator('#me').textContent(), 'Bea');
  },

  async 'every control is reached by Tab, and shows it'(stage) {
    const { page } = stage;
    await stage.signIn();
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press('Tab');
      const { name, isMarked } = await page.evaluate(() => {
        const { activeElement: active } = document,
          style = getComputedStyle(active);
        const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
        return { name: active.id || active.textContent.trim() || active.ariaLabel, isMarked };
      });
      if (name === '' || reached.has(name)) continue;
      reached.add(name);
      holds(isMarked || name.startsWith('Sanswire'), `the focus of ${name} is seen`);
    }
    for (const name of [
      'go',
      'join',
      'write',
      'show-keys',
      'sign-out',
      'status',
      'bell',
      'show-people',
      'text',
      'send',
    ]) {
      holds(reached.has(name), `${name} is reached, of ${[...reached].join(', ')}`);
    }
  },

  async 'notifications are asked for by the bell only, and never shown for what is seen'(stage) {
    const { context, mock, page } = stage;
    await context.addInitScript(() => {
      globalThis.shown = [];
      globalThis.asked = 0;
      globalThis.Notification = class {
        static permission = 'default';
        static async requestPermission() {
          globalThis.asked += 1;
          return (this.permission = 'granted');
        }
        constructor(title, { body }) {
          globalThis.shown.push(`${title}: ${body}`);
        }
        close() {}
      };
    });
    await stage.signIn();
    assert(await page.evaluate(() => globalThis.asked), 0);
    await page.locator('#bell').click();
    assert(await page.evaluate(() => globalThis.asked), 1);
    mock.say('#lobby', 'Bob', 'seen');
    mock.say('@Ann|Eve', 'Eve', 'not seen');
    await until(
      async () => (await page.evaluate(() => globalThis.shown)).length > 0,
      'a notification',
    );
    await stage.shows(['seen']);
    assert(await page.evaluate(() => globalThis.shown), ['Eve: not seen']);
  },

  async 'a login that is refused for good is not tried again by itself'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    for (const [code, reason, title, button] of [
      [
        4100,
        'this server speaks version 2: reload the page',
        'This page is out of date.',
        'Reload',
      ],
      [4104, 'too many messages at once', 'You were disconnected.', 'Reconnect'],
      [1008, '', 'The server has closed the connection.', 'Reconnect'],
    ]) {
      mock.closeNext = [code, reason];
      mock.cut();
      await stage.banner(title);
      const { logins } = mock;
      assert(await page.locator('#banner-button').textContent(), button);
      mock.closeNext = null;
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      assert(mock.logins, logins);
      await page.locator('#banner-button').click();
      await page.locator('#app[data-state=open]').waitFor();
    }
  },

  async 'one attempt at a time, and no more than the limit; then the button'(stage) {
    const { context, mock, page } = stage;
    await context.addInitScript(() => {
      globalThis.most = 0;
      globalThis.made = 0;
      const sockets = new Set();
      globalThis.WebSocket = class extends WebSocket {
        constructor(...rest) {
          super(...rest);
          sockets.add(this);
          globalThis.made += 1;
          const alive = [...sockets].filter(({ readyState }) => readyState < 2);
          globalThis.most = Math.max(globalThis.most, alive.length);
        }
      };
    });
    await page.clock.install();
    await stage.signIn();
    // The first attempt may be made as soon as the connection is gone.
    const before = await page.evaluate(() => globalThis.made);
    mock.isDown = true;
    mock.cut();
    await until(async () => {
      await page.clock.runFor(31_000);
      return (await page.locator('#app').getAttribute('data-state')) === 'stopped';
    }, 'it gives up');
    await stage.banner('No connection, and no more attempts.');
    assert((await page.evaluate(() => globalThis.made)) - before, 16);
    assert(await page.evaluate(() => globalThis.most), 1);
    await page.clock.runFor(300_000);
    assert((await page.evaluate(() => globalThis.made)) - before, 16);
    mock.isDown = false;
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await page.locator('#app[data-state=open]').waitFor();
    assert(await page.evaluate(() => globalThis.most), 1);
  },

  async 'a server that has fallen silent is left after a ping without an answer'(stage) {
    const { mock, page } = stage;
    await page.clock.install();
    await stage.signIn();
    await page.clock.pauseAt(Date.now() + 1_000);
    mock.isMute = true;
    await page.clock.runFor(20_000);
    assert(await page.locator('#app').getAttribute('data-state'), 'open');
    await page.clock.runFor(8_000);
    await page.locator('#app:not([data-state=open])').waitFor();
    mock.isMute = false;
    await until(async () => {
      await page.clock.runFor(2_000);
      return (await page.locator('#app').getAttribute('data-state')) === 'open';
    }, 'it is connected again');
  },

  async 'a network that the browser misses is asked for 2 s only'(stage) {
    const { mock, page } = stage;
    await page.clock.install();
    await stage.signIn();
    await page.clock.pauseAt(Date.now() + 1_000);
    // An answer comes: the server is on this machine, or the browser errs.
    await page.evaluate(() => dispatchEvent(new Event('offline')));
    await until(async () => {
      await page.clock.runFor(100);
      return (await page.locator('#status-text').textContent()).endsWith('ms');
    }, 'an answer');
    await page.clock.runFor(3_000);
    assert(await page.locator('#app').getAttribute('data-state'), 'open');
    mock.isMute = true;
    await page.evaluate(() => dispatchEvent(new Event('offline')));
    await page.clock.runFor(2_500);
    await page.locator('#app:not([data-state=open])').waitFor({ timeout: 1_000 });
  },

  async 'a network that is back, and a page that is seen, do not wait for the timer'(stage) {
    const { mock, page } = stage;
    await page.clock.install();
    await stage.signIn();
    for (const event of ['online', 'visibilitychange']) {
      mock.isDown = true;
      mock.cut();
      await page.locator('#app[data-state=waiting]').waitFor();
      mock.isDown = false;
      await page.evaluate(
        (type) => (type === 'online' ? window : document).dispatchEvent(new Event(type)),
        event,
      );
      await page.locator('#app[data-state=open]').waitFor();
    }
    // And the button, while the time stands still.
    await page.clock.pauseAt(Date.now() + 1_000);
    mock.isDown = true;
    mock.cut();
    await until(async () => {
      await page.clock.runFor(1_000);
      return page.getByRole('button', { name: 'Try now', disabled: false }).isVisible();
    }, 'the button');
    mock.isDown = false;
    const { logins } = mock;
    await page.getByRole('button', { name: 'Try now' }).click();
    await until(() => mock.logins > logins, 'an attempt');
  },

  async 'a page in the back/forward cache has no connection, and comes back'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    await page.evaluate(() =>
      dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })),
    );
    await until(() => mock.connections.size === 0, 'the connection is closed');
    mock.say('#lobby', 'Bob', 'while you were away');
    await page.evaluate(() =>
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })),
    );
    await stage.shows(['while you were away']);
    assert(mock.sessions.size, 1);
  },

  async 'a provisional message moves to its place, and is shown once'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', 'provisional', { id: 'p', isProvisional: true });
    await page.getByText('On this server only, so far').waitFor();
    mock.say('#lobby', 'Eve', 'from elsewhere');
    await stage.shows(['from elsewhere', 'provisional']);
    mock.say('#lobby', 'Bob', 'provisional', { id: 'p' });
    mock.say('#lobby', 'Eve', 'last');
    await stage.shows(['from elsewhere', 'provisional', 'last']);
    assert(await page.getByText('On this server only, so far').count(), 0);
  },

  async 'what is said to a server that is alone and dies is said again'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.isAlone = true;
    await stage.say('to whom?');
    await page.getByText('On this server only, so far').waitFor();
    await stage.shows(['to whom?']);
    await mock.kill();
    mock.isAlone = false;
    await mock.restart();
    await stage.has(['to whom?']);
    await stage.shows(['to whom?']);
    await page.reload();
    await stage.shows(['to whom?']);
    assert(await page.locator('.note-line').count(), 0);
  },

  async 'what a slow reader missed is told'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.broadcast({ t: 'missed', room: '#lobby', count: 3 });
    const { epoch } = mock.log('#lobby');
    const messages = [1, 2, 3].map((offset) => ({
      offset,
      id: `m${offset}`,
      from: 'Bob',
      text: `${offset}`,
      at: Date.now(),
    }));
    mock.broadcast({
      t: 'history',
      room: '#lobby',
      epoch,
      messages,
      last: 3,
      gap: null,
      people: ['Ann'],
    });
    await stage.shows(['1', '2', '3']);
    assert(await page.locator('.mark-line b').allTextContents(), ['3 messages came late.']);
  },

  async 'the prices count what is skipped, break the line, and reconnect'(stage) {
    const { mock, page } = stage;
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size === 1, 'connected');
    mock.tickPrices(7, [
      ['ABC', 100],
      ['XYZ', 5],
    ]);
    mock.tickPrices(8, [
      ['ABC', 101],
      ['XYZ', 5],
    ]);
    mock.tickPrices(12, [
      ['ABC', 102],
      ['XYZ', 4],
    ]);
    await until(
      async () => (await page.locator('#skipped').textContent()) === '3',
      'three are skipped',
    );
    const cells = await page
      .locator('#rows tr')
      .evaluateAll((rows) => rows.map((row) => row.innerText.replace(/\s+/g, ' ').trim()));
    assert(cells, ['ABC 102.00 ▲ +2.00 %', 'XYZ 4.00 ▼ −20.00 %']);
    mock.cut();
    let number = 90;
    await until(() => {
      mock.tickPrices((number += 1), [
        ['ABC', 103],
        ['XYZ', 4],
      ]);
      return page.getByText('103.00').count();
    }, 'ticks again');
    assert(await page.locator('#skipped').textContent(), '3');
    assert(await page.locator('#reconnected').textContent(), '1 time');
  },
};
