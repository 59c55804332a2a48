// Uses the pages of examples/chat as a person would, in Chromium, against mock.mjs; then looks at each
// of their states at 390 and 1280 pixels, light and dark: a screenshot, and axe-core.
//
//   node tests/chat/page.mjs OUT [WORD…]
//
// OUT has node_modules with playwright-core, axe-core and ws, and gets the screenshots; with WORDs,
// only checks and states whose name has one of them are done. Ends with `page: N passed, N failed`.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { Mock } from './mock.mjs';

const [out, ...words] = process.argv.slice(2);
const require = createRequire(join(resolve(out), 'page.mjs'));
const { chromium } = require('playwright-core');
const { WebSocketServer } = require('ws');
const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
await mkdir(out, { recursive: true });

const PATIENCE = 10_000; // for one step
const SIZES = { 390: { width: 390, height: 844 }, 1280: { width: 1280, height: 800 } };
const MINUTE = 60_000;

// ---- help ---------------------------------------------------------------------------------------

function assert(actual, expected, what = '') {
  const [one, two] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== two) throw new Error(`${what ? `${what}: ` : ''}expected ${two}, got ${one}`);
}

const holds = (value, what) => { if (!value) throw new Error(what); };

/** Waits until `test` returns something true; it is asked again and again. */
async function until(test, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((done) => { setTimeout(done, 25); });
  }
}

/** A browser's profile with one page, and a server for it. */
class Stage {
  errors = [];

  async open(browser, options = {}) {
    this.mock = await new Mock(WebSocketServer).start();
    this.context = await browser.newContext({ viewport: SIZES[1280], locale: 'en-GB', ...options });
    this.context.setDefaultTimeout(PATIENCE);
    this.page = await this.newPage();
    return this;
  }

  async newPage() {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.errors.push(error.stack));
    page.on('console', (message) => {
      const isOfNetwork = /WebSocket connection|Failed to load resource|ERR_/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) this.errors.push(message.text());
    });
    return page;
  }

  async signIn(name = 'Ann', page = this.page) {
    await page.goto(this.mock.url);
    await page.getByLabel('Your name').fill(name);
    await page.keyboard.press('Enter');
    await page.locator('#app[data-state=open]').waitFor();
    await until(() => this.mock.people('#lobby').includes(name), `${name} is in the lobby`);
  }

  async say(text, page = this.page) {
    await page.locator('#text').fill(text);
    await page.locator('#text').press('Enter');
  }

  /** What the room shows, in order. */
  said(page = this.page) { return page.locator('.said').allTextContents(); }

  banner(title) { return this.page.locator('#banner-title', { hasText: title }).waitFor(); }

  async shows(texts, page = this.page) {
    await until(async () => JSON.stringify(await this.said(page)) === JSON.stringify(texts),
      `the page shows ${JSON.stringify(texts)}, rather than ${JSON.stringify(await this.said(page))}`);
  }

  texts(room = '#lobby') { return this.mock.log(room).messages.map(({ text }) => text); }

  async close() {
    clearInterval(this.ticking);
    await this.context.close();
    await this.mock.kill();
  }
}

// ---- what a person does -------------------------------------------------------------------------

const checks = {
  async 'a message that is said is shown once, and the server has it'(stage) {
    await stage.signIn();
    await stage.say('Hello, <b>world</b>\nagain 👋');
    await stage.shows(['Hello, <b>world</b>\nagain 👋']);
    assert(stage.texts(), ['Hello, <b>world</b>\nagain 👋']);
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
      await until(async () => await page.locator('#name-error').textContent() === error, error);
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
    await page.locator('#banner-button').click();
    await page.locator('#app[data-state=open]').waitFor();
    await until(() => stage.texts().length === 3, 'all are sent');
    await until(async () => await page.locator('.note-line').count() === 0, 'all are confirmed');
    await stage.shows(['one', 'two', 'three']);
    assert(stage.texts(), ['one', 'two', 'three']);
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
    assert(stage.texts(), ['before', 'meanwhile', 'later']);
  },

  async 'a connection that breaks goes on with its session: nothing lost, nothing twice'(stage) {
    const { mock } = stage;
    await stage.signIn();
    const expected = [];
    for (let round = 0; round < 5; round += 1) {
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
      for (const text of [`away ${round}`, `away too ${round}`]) mock.say('#lobby', 'Bob', text, { silent: true });
      await mock.restart();
      expected.push(`heard ${round}`, `away ${round}`, `away too ${round}`, `mine ${round}`);
      await stage.shows(expected);
    }
    assert(stage.texts(), expected);
  },

  async 'a say whose confirmation was lost is not shown twice'(stage) {
    const { mock } = stage;
    await stage.signIn();
    const say = mock.say;
    mock.say = (room, from, text, options) => { // It is in the log, and nobody is told.
      say.call(mock, room, from, text, { ...options, silent: true });
      mock.forgetSessions();
      mock.cut();
      mock.say = say;
    };
    await stage.say('once');
    await until(() => stage.texts().length === 1, 'it is in the log');
    await until(async () => await stage.page.locator('.note-line').count() === 0 && (await stage.said()).length === 1, 'confirmed');
    await stage.say('twice');
    await stage.shows(['once', 'twice']);
    assert(stage.texts(), ['once', 'twice']);
  },

  async 'a thousand messages: all of them, in order, 500 in the document'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    for (let count = 0; count < 1000; count += 1) {
      mock.say('#lobby', 'Bob', `${count}`);
      if (count === 600) mock.cut();
    }
    await until(async () => (await stage.said()).at(-1) === '999', 'the last is shown');
    assert(await stage.said(), Array.from({ length: 500 }, (_, index) => `${500 + index}`));
    await page.getByRole('button', { name: 'Show earlier (500)' }).click();
    assert(await stage.said(), Array.from({ length: 1000 }, (_, index) => `${index}`));
  },

  async 'what is gone is declared: how many, or that the room began anew'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', 'first');
    await stage.shows(['first']);
    await mock.kill();
    for (let count = 1; count <= 15; count += 1) mock.say('#lobby', 'Bob', `${count}`, { silent: true });
    mock.trim('#lobby', 3);
    await mock.restart();
    await stage.shows(['first', '13', '14', '15']);
    assert(await page.locator('.mark-line b').allTextContents(), ['12 messages are gone.']);
    await mock.kill();
    mock.forgetLog('#lobby');
    mock.say('#lobby', 'Bob', 'new', { silent: true });
    await mock.restart();
    await stage.shows(['first', '13', '14', '15', 'new']);
    assert(await page.locator('.mark-line b').allTextContents(), ['12 messages are gone.', 'This room began anew.']);
  },

  async 'a history in pieces is whole, also when it breaks between them'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.say('#lobby', 'Bob', '0');
    await stage.shows(['0']);
    await mock.kill();
    for (let count = 1; count < 450; count += 1) mock.say('#lobby', 'Bob', `${count}`, { silent: true });
    mock.pace = 400;
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
    assert(stage.texts(), ['see below']);
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
    for (const text of texts) await stage.say(text);
    await until(() => stage.texts().length === 24, 'all are sent');
    assert(stage.texts(), texts);
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
    assert(stage.texts(), ['from one', 'from the other']);
  },

  async 'unread messages are marked in the list, the title and the icon, until they are seen'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    const icon = await page.locator('#favicon').getAttribute('href');
    await page.locator('#join').click();
    await page.keyboard.type('rust');
    await page.keyboard.press('Enter');
    await until(() => mock.people('#rust').includes('Ann'), 'in #rust');
    for (const text of ['one', 'two']) mock.say('#lobby', 'Bob', text);
    mock.say('@Ann|Eve', 'Eve', 'psst');
    await until(async () => await page.title() === '(3) #rust · Sanswire Chat', 'the title says 3');
    holds(await page.locator('#favicon').getAttribute('href') !== icon, 'another icon');
    await page.getByRole('button', { name: 'lobby 2 unread' }).click();
    assert(await page.locator('#messages .new').count(), 1);
    await until(async () => await page.title() === '(1) #lobby · Sanswire Chat', 'two are seen');
    await page.getByRole('button', { name: 'Eve 1 unread' }).click();
    await stage.shows(['psst']);
    await until(async () => await page.title() === '@Eve · Sanswire Chat', 'all are seen');
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
    assert(stage.texts('#big-room'), ['anybody?']);
    // A private message.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('@Bob');
    await page.keyboard.press('Enter');
    await page.keyboard.type('hi');
    await page.keyboard.press('Enter');
    await stage.shows(['hi']);
    assert(stage.texts('@Ann|Bob'), ['hi']);
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
    await until(async () => await page.locator('#bell').getAttribute('aria-pressed') === 'false', 'muted');
    await page.keyboard.press('Alt+p');
    assert(await page.locator('#people').isVisible(), false);
    await page.keyboard.press('Alt+i');
    await page.getByRole('dialog', { name: 'Connection' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Connection' }).waitFor({ state: 'hidden' });
    assert(await page.evaluate(() => document.activeElement.id), 'text');
  },

  async 'every control is reached by Tab, and shows it'(stage) {
    const { page } = stage;
    await stage.signIn();
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press('Tab');
      const { name, isMarked } = await page.evaluate(() => {
        const { activeElement: active } = document, style = getComputedStyle(active);
        const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
        return { name: active.id || active.textContent.trim() || active.ariaLabel, isMarked };
      });
      if (name === '' || reached.has(name)) continue;
      reached.add(name);
      holds(isMarked || name.startsWith('Sanswire'), `the focus of ${name} is seen`);
    }
    for (const name of ['go', 'join', 'write', 'show-keys', 'sign-out', 'status', 'bell', 'show-people', 'text', 'send']) {
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
        static async requestPermission() { globalThis.asked += 1; return (this.permission = 'granted'); }
        constructor(title, { body }) { globalThis.shown.push(`${title}: ${body}`); }
        close() {}
      };
    });
    await stage.signIn();
    assert(await page.evaluate(() => globalThis.asked), 0);
    await page.locator('#bell').click();
    assert(await page.evaluate(() => globalThis.asked), 1);
    mock.say('#lobby', 'Bob', 'seen');
    mock.say('@Ann|Eve', 'Eve', 'not seen');
    await until(async () => (await page.evaluate(() => globalThis.shown)).length > 0, 'a notification');
    await stage.shows(['seen']);
    assert(await page.evaluate(() => globalThis.shown), ['Eve: not seen']);
  },

  async 'a login that is refused for good is not tried again by itself'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    for (const [code, reason, title, button] of [
      [4100, 'this server speaks version 2: reload the page', 'This page is out of date.', 'Reload'],
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
    mock.isDown = true;
    mock.cut();
    await page.locator('#app[data-state=waiting]').waitFor();
    const before = await page.evaluate(() => globalThis.made);
    await until(async () => {
      await page.clock.runFor(31_000);
      return await page.locator('#app').getAttribute('data-state') === 'stopped';
    }, 'it gives up');
    await stage.banner('No connection, and no more attempts.');
    assert(await page.evaluate(() => globalThis.made) - before, 16);
    assert(await page.evaluate(() => globalThis.most), 1);
    await page.clock.runFor(300_000);
    assert(await page.evaluate(() => globalThis.made) - before, 16);
    mock.isDown = false;
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await page.locator('#app[data-state=open]').waitFor();
    assert(await page.evaluate(() => globalThis.most), 1);
  },

  async 'a server that has fallen silent is left after a ping without an answer'(stage) {
    const { mock, page } = stage;
    await page.clock.install();
    await stage.signIn();
    await page.clock.runFor(1_000);
    mock.isMute = true;
    await page.clock.runFor(20_000);
    assert(await page.locator('#app').getAttribute('data-state'), 'open');
    await page.clock.runFor(8_000);
    await page.locator('#app:not([data-state=open])').waitFor();
    mock.isMute = false;
    await until(async () => {
      await page.clock.runFor(2_000);
      return await page.locator('#app').getAttribute('data-state') === 'open';
    }, 'it is connected again');
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
      await page.evaluate((type) => (type === 'online' ? window : document).dispatchEvent(new Event(type)), event);
      await page.locator('#app[data-state=open]').waitFor();
    }
  },

  async 'a page in the back/forward cache has no connection, and comes back'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    await until(() => mock.connections.size === 0, 'the connection is closed');
    mock.say('#lobby', 'Bob', 'while you were away');
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
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

  async 'what a slow reader missed is told'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    mock.broadcast({ t: 'missed', room: '#lobby', count: 3 });
    const { epoch } = mock.log('#lobby');
    const messages = [1, 2, 3].map((offset) => ({ offset, id: `m${offset}`, from: 'Bob', text: `${offset}`, at: Date.now() }));
    mock.broadcast({ t: 'history', room: '#lobby', epoch, messages, last: 3, gap: null, people: ['Ann'] });
    await stage.shows(['1', '2', '3']);
    assert(await page.locator('.mark-line b').allTextContents(), ['3 messages came late.']);
  },

  async 'the prices count what is skipped, break the line, and reconnect'(stage) {
    const { mock, page } = stage;
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size === 1, 'connected');
    mock.tickPrices(7, [['ABC', 100], ['XYZ', 5]]);
    mock.tickPrices(8, [['ABC', 101], ['XYZ', 5]]);
    mock.tickPrices(12, [['ABC', 102], ['XYZ', 4]]);
    await until(async () => await page.locator('#skipped').textContent() === '3', 'three are skipped');
    const cells = await page.locator('#rows tr').evaluateAll((rows) => rows.map((row) => row.innerText.replace(/\s+/g, ' ').trim()));
    assert(cells, ['ABC 102.00 ▲ +2.00 %', 'XYZ 4.00 ▼ −20.00 %']);
    mock.cut();
    let number = 90;
    await until(() => {
      mock.tickPrices(number += 1, [['ABC', 103], ['XYZ', 4]]);
      return page.getByText('103.00').count();
    }, 'ticks again');
    assert(await page.locator('#skipped').textContent(), '3');
    assert(await page.locator('#reconnected').textContent(), '1 time');
  },
};

// ---- what there is to see -----------------------------------------------------------------------

const TALK = [
  ['Bob', 'Good morning! Did the deploy go through?', 26 * 60], ['Chloé', 'It did, at 7:40. Graphs look calm.', 26 * 60 - 1],
  ['Chloé', 'I left the old replicas up until noon, just in case: https://example.com/runs/4411.', 26 * 60 - 2],
  ['Bob', 'Thanks 🙏', 25 * 60], ['Dmitri', 'Is anybody else seeing slow joins from the Frankfurt region?', 90],
  ['Bob', 'Yes, about 400 ms. It began with the change of the load balancer.\nI will roll it back if nobody objects.', 88],
  ['Ann', 'No objection here.', 86], ['Bob', 'Done.', 15], ['Bob', 'Back to 30 ms.', 14], ['Chloé', 'Lovely.', 13],
  ['ياسمين', 'صباح الخير! كل شيء يعمل هنا أيضًا.', 8], ['Ann', 'Wonderful, thank you all. I will write it up for the log of the week.', 3],
];

function fill(mock) {
  const now = Date.now();
  for (const [from, text, minutes] of TALK) mock.say('#lobby', from, text, { at: now - minutes * MINUTE });
  mock.present.set('#lobby', ['Bob', 'Chloé', 'Dmitri', 'ياسمين', 'a very long name of 24 c']);
  mock.present.set('#rust', ['Bob', 'Eve', 'Ferris']);
  mock.present.set('#music', ['Chloé']);
  mock.present.set('#a-room-with-a-rather-long-name-xx', ['Eve']);
  mock.say('@Ann|Bob', 'Ann', 'Lunch at one?', { at: now - 40 * MINUTE });
  mock.say('@Ann|Bob', 'Bob', 'Gladly. The usual place?', { at: now - 2 * MINUTE });
}

async function busy(stage) {
  fill(stage.mock);
  await stage.signIn();
  await stage.page.getByRole('button', { name: /^rust/ }).click();
  await until(() => stage.mock.people('#rust').includes('Ann'), 'in #rust');
  for (const text of ['edition 2024 is out', 'at last', '🦀']) stage.mock.say('#rust', 'Ferris', text);
  await stage.shows(['edition 2024 is out', 'at last', '🦀']);
  await stage.page.evaluate(() => document.activeElement.blur());
  await stage.page.keyboard.press('Alt+ArrowUp');
  await until(async () => (await stage.said()).length >= 12, 'the lobby is shown');
}

const prices = (mock, from, count) => {
  const names = ['ALDER', 'BIRCH', 'CEDAR', 'ELM', 'FIR', 'HAZEL', 'LARCH', 'MAPLE', 'OAK', 'PINE', 'ROWAN', 'WILLOW'];
  for (let number = from; number < from + count; number += 1) {
    mock.tickPrices(number, names.map((name, index) => [name,
      20 * (index + 1) * (1 + 0.03 * Math.sin(number / (9 + index * 2)) + 0.006 * Math.sin(number * (1.3 + index)))]));
  }
};

// Each brings the page into a state. What depends on the width, it does again for each: `again`.
const states = {
  'sign-in': async ({ mock, page }) => { await page.goto(mock.url); await page.getByLabel('Your name').waitFor(); },
  'sign-in-taken': async ({ mock, page }) => {
    mock.owners.set('Bob', 'somebody');
    await page.goto(mock.url);
    await page.getByLabel('Your name').fill('Bob');
    await page.keyboard.press('Enter');
    await page.getByText('The name Bob is taken.').waitFor();
  },
  'sign-in-unreachable': async ({ mock, page }) => {
    mock.isDown = true;
    await page.goto(mock.url);
    await page.getByLabel('Your name').fill('Ann');
    await page.keyboard.press('Enter');
    await page.getByText(/cannot be reached/).waitFor();
  },
  empty: async (stage) => {
    await stage.signIn();
    await stage.page.getByText('#lobby is quiet').waitFor();
  },
  busy: async (stage) => {
    await busy(stage);
    for (const name of ['Dmitri', 'Bob']) stage.mock.broadcast({ t: 'typing', room: '#lobby', name });
    stage.mock.say('#rust', 'Eve', 'has anybody tried it?');
    await stage.page.clock.install();
    await stage.page.getByText('Dmitri and Bob are typing').waitFor();
  },
  unread: async (stage) => {
    await busy(stage);
    for (const text of ['New clippy lints', 'and a faster linker']) stage.mock.say('#rust', 'Ferris', text);
    await stage.page.getByRole('button', { name: 'rust 2 unread' }).click();
    await stage.page.locator('.new').waitFor();
  },
  rooms: async (stage) => {
    await busy(stage);
    stage.mock.say('#rust', 'Eve', 'has anybody tried it?');
    await stage.page.getByRole('button', { name: 'rust 1 unread' }).waitFor();
    await stage.page.evaluate(() => { document.querySelector('#app').dataset.pane = 'rooms'; });
  },
  people: async (stage) => {
    await busy(stage);
    stage.again = async () => { if (!await stage.page.locator('#people').isVisible()) await stage.page.locator('#show-people').click(); };
  },
  private: async (stage) => {
    await busy(stage);
    await stage.page.getByRole('button', { name: /^Bob 1 unread/ }).first().click();
    await stage.say('See you there. I bring the papers, you bring the appetite!');
    await until(() => stage.texts('@Ann|Bob').length === 3, 'it is said');
  },
  switcher: async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Control+k');
    await stage.page.keyboard.type('r');
  },
  'switcher-wrong': async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Control+k');
    await stage.page.keyboard.type('#what?');
    await stage.page.keyboard.press('Enter');
  },
  keys: async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Control+/');
  },
  leave: async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Alt+ArrowDown');
    await stage.page.locator('#leave').click();
  },
  status: async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Alt+i');
    await until(async () => (await stage.page.locator('#trips rect').count()) >= 3, 'three round trips');
  },
  'message-focus': async (stage) => {
    await busy(stage);
    await stage.page.locator('#text').press('ArrowUp');
    await stage.page.keyboard.press('ArrowUp');
    await stage.page.keyboard.press('ArrowUp');
  },
  offline: async (stage) => {
    await busy(stage);
    stage.mock.isDown = true;
    stage.mock.cut();
    await stage.page.locator('#app[data-state=waiting]').waitFor();
    await stage.say('I am writing this in a tunnel.');
    await stage.say('It will be sent when we are out of it.');
    await stage.page.clock.install();
    await until(async () => {
      await stage.page.clock.runFor(500);
      const text = await stage.page.locator('#banner-count').textContent();
      return Number(/\d+/.exec(text)?.[0]) > 4;
    }, 'a countdown');
  },
  'no-network': async (stage) => {
    await busy(stage);
    stage.mock.isDown = true;
    await stage.context.setOffline(true);
    stage.mock.cut();
    await stage.banner('You are offline.');
  },
  'gave-up': async (stage) => {
    await stage.page.clock.install();
    await busy(stage);
    stage.mock.isDown = true;
    stage.mock.cut();
    await until(async () => {
      await stage.page.clock.runFor(31_000);
      return await stage.page.locator('#app').getAttribute('data-state') === 'stopped';
    }, 'it gives up');
  },
  reconnecting: async (stage) => {
    await busy(stage);
    stage.mock.isMute = true;
    stage.mock.cut();
    await stage.banner('Reconnecting…');
  },
  'catching-up': async (stage) => {
    await busy(stage);
    await stage.mock.kill();
    for (let count = 1; count <= 400; count += 1) {
      stage.mock.say('#lobby', ['Bob', 'Chloé'][count % 3 ? 0 : 1], `Report ${count}: all is well, ${400 - count} to go.`, { silent: true });
    }
    stage.mock.pace = 600_000;
    await stage.mock.restart();
    await stage.page.locator('#catching').waitFor();
  },
  gap: async (stage) => {
    await busy(stage);
    await stage.mock.kill();
    for (let count = 1; count <= 14; count += 1) stage.mock.say('#lobby', 'Bob', 'lost', { silent: true });
    for (const text of ['And that was all.', 'Shall we go on?']) stage.mock.say('#lobby', 'Chloé', text, { silent: true });
    stage.mock.trim('#lobby', 2);
    await stage.mock.restart();
    await stage.page.getByText('14 messages are gone.').waitFor();
  },
  anew: async (stage) => {
    await busy(stage);
    await stage.mock.kill();
    stage.mock.forgetLog('#lobby');
    stage.mock.say('#lobby', 'Bob', 'Hello? Is this the same room?', { silent: true });
    await stage.mock.restart();
    await stage.page.getByText('This room began anew.').waitFor();
  },
  missed: async (stage) => {
    await busy(stage);
    stage.mock.broadcast({ t: 'missed', room: '#lobby', count: 312 });
    const { epoch, next } = stage.mock.log('#lobby');
    const messages = [0, 1].map((index) => ({ offset: next + index, id: `m${index}`, from: 'Bob', text: 'A word among many.', at: Date.now() }));
    stage.mock.broadcast({ t: 'history', room: '#lobby', epoch, messages, last: next + 1, gap: null, people: ['Ann', 'Bob'] });
    await stage.page.getByText('312 messages came late.').waitFor();
  },
  refused: async (stage) => {
    await busy(stage);
    stage.mock.refuse = () => 'this room is read-only until noon';
    await stage.say('May I say something?');
    await stage.page.getByText(/read-only until noon/).waitFor();
  },
  'too-long': async (stage) => {
    await busy(stage);
    await stage.page.locator('#text').fill('A long story, which goes on and on, and has no end. '.repeat(39));
    await stage.page.getByText(/too long/).waitFor();
  },
  alone: async (stage) => {
    await busy(stage);
    stage.mock.broadcast({ t: 'store', state: 'alone' });
    stage.mock.say('#lobby', 'Bob', 'Can the others hear us?', { isProvisional: true });
    await stage.page.getByText('On this server only, so far').waitFor();
  },
  version: async (stage) => {
    await busy(stage);
    stage.mock.closeNext = [4100, 'this server speaks version 2: reload the page'];
    stage.mock.cut();
    await stage.banner('This page is out of date.');
  },
  kicked: async (stage) => {
    await busy(stage);
    stage.mock.closeNext = [1008, ''];
    stage.mock.cut();
    await stage.banner('The server has closed the connection.');
  },
  flood: async (stage) => {
    await busy(stage);
    stage.mock.closeNext = [4104, 'too many messages at once, in spite of warnings'];
    stage.mock.cut();
    await stage.banner('You were disconnected.');
  },
  jump: async (stage) => {
    await busy(stage);
    for (let count = 1; count <= 40; count += 1) stage.mock.say('#lobby', 'Bob', `Line ${count}`);
    await stage.page.getByText('Line 40').waitFor();
    stage.again = async () => {
      await stage.page.evaluate(() => { document.querySelector('#scroller').scrollTop = 100; });
      await stage.page.waitForFunction(() => !document.querySelector('#jump').hidden);
      stage.mock.say('#lobby', 'Chloé', 'And one more.');
      await stage.page.getByText(/new message/).waitFor();
    };
  },
  'prices-empty': async ({ mock, page }) => { await page.goto(`${mock.url}prices`); await until(() => mock.prices.clients.size, 'connected'); },
  prices: async (stage) => {
    const { mock, page } = stage;
    await page.clock.install();
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size, 'connected');
    let number = 0;
    for (; number < 300; number += 1) {
      prices(mock, number, 1);
      await page.clock.runFor(200);
    }
    stage.ticking = setInterval(() => { prices(mock, number, 1); number += 1; }, 100);
    await page.getByText('Live', { exact: true }).waitFor();
  },
  'prices-offline': async (stage) => {
    await states.prices(stage);
    clearInterval(stage.ticking);
    stage.mock.isDown = true;
    stage.mock.cut();
    await until(async () => {
      await stage.page.clock.runFor(500);
      return Number(/\d+/.exec(await stage.page.locator('#banner-count').textContent())?.[0]) > 3;
    }, 'a countdown');
  },
};

/** Takes the screenshots of a state, and lets axe look at each. */
async function look(name, bring, browser) {
  const stage = await new Stage().open(browser, { reducedMotion: 'reduce' });
  const found = [];
  try {
    await bring(stage);
    for (const [width, size] of Object.entries(SIZES)) {
      await stage.page.setViewportSize(size);
      await stage.again?.();
      for (const colorScheme of ['light', 'dark']) {
        await stage.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await stage.page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`) });
        const overflow = await stage.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) found.push(`${width}: ${overflow} pixels too wide`);
        await stage.page.evaluate(`if (!globalThis.axe) { ${axe} }`);
        const { violations } = await stage.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
        for (const { id, impact, nodes } of violations) {
          const line = `${name} ${width} ${colorScheme}: ${impact} ${id}: ${nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ''}`).join(' | ')}`;
          if (['serious', 'critical'].includes(impact)) found.push(line); else notes.add(line);
        }
      }
    }
    found.push(...stage.errors);
  } finally {
    await stage.close();
  }
  if (found.length > 0) throw new Error([...new Set(found)].join('\n        '));
}

// ---- running ------------------------------------------------------------------------------------

const notes = new Set(); // what axe found that is not serious
let [passed, failed] = [0, 0];

async function run(name, action) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) return;
  const start = Date.now();
  try {
    await action();
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message}`);
  }
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, check] of Object.entries(checks)) {
  await run(name, async () => {
    const stage = await new Stage().open(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
    try {
      await check(stage);
      assert(stage.errors, []);
    } finally {
      await stage.close();
    }
  });
}
for (const [name, bring] of Object.entries(states)) await run(`state ${name}`, () => look(name, bring, browser));
await browser.close();
for (const note of notes) console.log(`note    ${note}`);
console.log(`page: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
