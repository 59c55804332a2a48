// What people need who use a keyboard, a screen reader, a phone or two tabs: one check each, on a
// stage of its own.

import { assert, holds, until } from './stage.mjs';

const focused = (page) => page.evaluate(() => document.activeElement.id);

/** Writes down what a screen reader is told to read, as it is told. */
const listen = (context) =>
  context.addInitScript(() => {
    globalThis.heard = [];
    document.addEventListener('DOMContentLoaded', () => {
      const log = document.querySelector('#log');
      const announcer = document.querySelector('#announcer');
      new MutationObserver((changes) => {
        if (log.ariaLive === 'off') return;
        for (const { addedNodes } of changes)
          for (const node of addedNodes) globalThis.heard.push(node.textContent);
      }).observe(document.querySelector('#messages'), { childList: true });
      new MutationObserver(() => {
        if (announcer.textContent !== '') globalThis.heard.push(announcer.textContent);
      }).observe(announcer, { childList: true });
    });
  });

export const care = {
  async 'a draft and a muted room are not undone by another tab'(stage) {
    const { context, mock, page } = stage;
    // Firefox would wait for somebody to answer.
    await context.addInitScript(() => {
      Notification.requestPermission = async () => 'denied';
    });
    await stage.signIn();
    const other = await stage.newPage();
    await other.goto(mock.url);
    await other.locator('#app[data-state=open]').waitFor();
    await page.locator('#text').fill('half a thought');
    await page.keyboard.press('Alt+m');
    await other.getByRole('button', { name: 'lobby muted' }).waitFor();
    mock.say('#lobby', 'Bob', 'meanwhile');
    await stage.shows(['meanwhile'], other);
    // It keeps what it knows when it goes.
    await other.goto('about:blank');
    await page.reload();
    await page.locator('#app[data-state=open]').waitFor();
    assert(await page.locator('#text').inputValue(), 'half a thought');
    await page.getByRole('button', { name: 'lobby muted' }).waitFor();
    await stage.say('a whole one');
    await page.reload();
    await stage.shows(['meanwhile', 'a whole one']);
    assert(await page.locator('#text').inputValue(), '');
  },

  async 'the focus, and what is typed, stay when the connection breaks and comes back'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    await page.locator('#text').fill('half a thought');
    const kept = async () => {
      assert(await focused(page), 'text');
      assert(await page.locator('#text').inputValue(), 'half a thought');
    };
    mock.isDown = true;
    mock.cut();
    await page.locator('#banner').waitFor();
    await kept();
    // The button keeps the focus while it cannot be used.
    mock.isDown = false;
    mock.isMute = true;
    await page.locator('#banner-button').focus();
    await page.keyboard.press('Enter');
    await stage.banner('Reconnecting…');
    assert(await focused(page), 'banner-button');
    mock.isMute = false;
    mock.cut();
    await page.locator('#app[data-state=open]').waitFor();
    await page.locator('#banner').waitFor({ state: 'hidden' });
    await kept();
  },

  async 'the notice of the prices stays while an attempt is made'(stage) {
    const { mock, page } = stage;
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size === 1, 'connected');
    mock.tickPrices(1, [['ABC', 100]]);
    await page.getByText('Live', { exact: true }).waitFor();
    mock.isDown = true;
    mock.cut();
    await page.locator('#banner').waitFor();
    await page.locator('#retry').focus();
    mock.isDown = false;
    // It is accepted, and no price comes.
    await until(() => mock.prices.clients.size === 1, 'an attempt');
    await page.getByText('Reconnecting…').waitFor();
    assert(await focused(page), 'retry');
    mock.tickPrices(2, [['ABC', 101]]);
    await page.locator('#banner').waitFor({ state: 'hidden' });
    assert(await focused(page), 'pause');
  },

  async 'the newest message stays in sight when the window changes'(stage) {
    const { mock, page } = stage;
    await stage.signIn();
    for (let count = 0; count < 60; count += 1)
      mock.say('#lobby', 'Bob', `${count}: ${'some words that wrap on a phone. '.repeat(4)}`);
    await page.getByText(/^59:/).waitFor();
    const isAtEnd = () =>
      page.evaluate(() => {
        const { scrollTop, scrollHeight, clientHeight } = document.querySelector('#scroller');
        return scrollHeight - scrollTop - clientHeight < 2;
      });
    for (const [width, height] of [
      [390, 844],
      [390, 400],
      [844, 390],
      [320, 568],
      [640, 400],
      [1280, 800],
    ]) {
      await page.setViewportSize({ width, height });
      await until(isAtEnd, `the end is in sight at ${width} × ${height}`);
      assert(await page.locator('#jump').isVisible(), false);
    }
    // Also where the browser tells first that it has scrolled.
    await page.locator('#scroller').evaluate((scroller) => {
      Object.assign(scroller.style, { flex: 'none', height: '200px' });
      scroller.dispatchEvent(new Event('scroll'));
    });
    assert(await isAtEnd(), true);
    assert(await page.locator('#jump').isVisible(), false);
    // Behind a change that moved nothing, one leap is enough to leave the end.
    await page.setViewportSize({ width: 1284, height: 800 });
    await page.locator('#scroller').evaluate(async (scroller) => {
      const frames = async () => {
        for (let count = 0; count < 3; count += 1)
          await new Promise((resolve) => requestAnimationFrame(resolve));
      };
      await frames();
      scroller.scrollTop = 0;
      await frames();
    });
    assert(await isAtEnd(), false);
    assert(await page.locator('#jump').isVisible(), true);
  },

  async 'a keyboard that covers the page leaves the field in sight'(stage) {
    const { context, page } = stage;
    await context.addInitScript(() => {
      const view = Object.assign(new EventTarget(), { scale: 1, height: 844 });
      Object.defineProperty(globalThis, 'visualViewport', { value: view });
    });
    await page.setViewportSize({ width: 390, height: 844 });
    await stage.signIn();
    const bottom = (height, scale = 1) =>
      page.evaluate(
        (seen) => {
          Object.assign(globalThis.visualViewport, seen).dispatchEvent(new Event('resize'));
          return document.querySelector('#app').getBoundingClientRect().bottom;
        },
        { height, scale },
      );
    assert(await bottom(508), 508);
    const { y, height } = await page.locator('#text').boundingBox();
    holds(y + height < 508, 'the field is above the keyboard');
    assert(await bottom(844), 844);
    assert(await bottom(422, 2), 844, 'somebody only looks closer');
    assert(await bottom(790), 844, 'a bar of the browser');
  },

  async 'nothing is beneath a notch'(stage) {
    const { context, page } = stage;
    await page.setViewportSize({ width: 844, height: 390 });
    await stage.signIn();
    const session = await context.newCDPSession(page);
    const insets = { top: 20, left: 47, right: 47, bottom: 21 };
    await session.send('Emulation.setSafeAreaInsetsOverride', { insets });
    const isInside = (selector) =>
      page.locator(selector).evaluate((one, { top, left, right, bottom }) => {
        const box = one.getBoundingClientRect();
        return (
          box.top >= top &&
          box.left >= left &&
          box.right <= innerWidth - right &&
          box.bottom <= innerHeight - bottom
        );
      }, insets);
    for (const selector of ['#go', '#me', '#status', '#text', '#show-people'])
      holds(await isInside(selector), `${selector} is inside`);
    await page.locator('#show-people').click();
    holds(await isInside('#hide-people'), '#hide-people is inside');
    await page.goto(`${stage.mock.url}prices`);
    holds(await isInside('.top .brand'), 'the brand is inside');
    holds(await isInside('#pause'), '#pause is inside');
  },

  async 'new messages are read out, and history is not'(stage) {
    const { context, mock, page } = stage;
    await listen(context);
    for (let count = 0; count < 40; count += 1) mock.say('#lobby', 'Bob', `old ${count}`);
    mock.present.set('#rust', ['Eve']);
    for (let count = 0; count < 5; count += 1) mock.say('#rust', 'Eve', `older ${count}`);
    await stage.signIn();
    await until(async () => (await stage.said()).length === 40, 'the history');
    const heard = async (expected, what) => {
      await until(
        async () => {
          const all = await page.evaluate(() => globalThis.heard);
          return all.length === expected.length && all.every((one, at) => expected[at].test(one));
        },
        `${what}: ${expected}, rather than`,
      ).catch(async ({ message }) => {
        throw new Error(`${message} ${await page.evaluate(() => globalThis.heard)}`);
      });
      await page.evaluate(() => {
        globalThis.heard = [];
      });
    };
    // The history is quiet for a moment.
    const isLoud = () => page.evaluate(() => document.querySelector('#log').ariaLive === 'polite');
    await until(isLoud, 'the log is live');
    mock.say('#lobby', 'Bob', 'fresh');
    await stage.page.getByText('fresh').waitFor();
    await heard([/fresh/], 'one message');
    // A small room, too: it is shown, not said.
    await page.getByRole('button', { name: /^rust/ }).click();
    await page.getByText('older 4').waitFor();
    await until(isLoud, 'the log is live');
    mock.say('#rust', 'Eve', 'news');
    await page.getByText('news').waitFor();
    await heard([/news/], 'after a change of the room');
    // A broken connection is told once, however long it counts down.
    await page.clock.install();
    mock.isDown = true;
    mock.cut();
    await until(async () => {
      await page.clock.runFor(500);
      return /\d/.test(await page.locator('#banner-count').textContent());
    }, 'a countdown');
    await page.clock.runFor(900);
    mock.isDown = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await page.locator('#app[data-state=open]').waitFor();
    await until(
      async () => (await page.evaluate(() => globalThis.heard)).includes('Connected again.'),
      'it says that it is connected',
    );
    const said = await page.evaluate(() => globalThis.heard);
    assert(new Set(said).size, said.length, `nothing is said twice: ${said}`);
    holds(said.length <= 3, `few words: ${said}`);
    holds(!said.some((text) => /\d s/.test(text)), `no countdown: ${said}`);
  },

  async 'each control has a name, a role and its state in the accessibility tree'(stage) {
    const { context, mock, page } = stage;
    mock.say('#lobby', 'Bob', 'hello');
    await stage.signIn();
    await stage.shows(['hello']);
    const session = await context.newCDPSession(page);
    const tree = async () => {
      const { nodes } = await session.send('Accessibility.getFullAXTree');
      return nodes
        .filter(({ ignored }) => !ignored)
        .map(({ role, name, properties }) => ({
          role: role.value,
          name: name?.value ?? '',
          ...Object.fromEntries(properties.map((one) => [one.name, one.value.value])),
        }));
    };
    const NAMED = ['button', 'link', 'textbox', 'combobox', 'checkbox', 'option', 'dialog', 'log'];
    const isNamed = (nodes) => {
      const nameless = nodes.filter(({ role, name }) => NAMED.includes(role) && name === '');
      assert(nameless, []);
      return nodes;
    };
    const find = (nodes, role, pattern) =>
      nodes.find((node) => node.role === role && pattern.test(node.name)) ?? {};
    let nodes = isNamed(await tree());
    assert(find(nodes, 'textbox', /^Message to #lobby$/).focused, true);
    assert(find(nodes, 'button', /^Notifications of #lobby$/).pressed, 'false');
    assert(find(nodes, 'button', /^People: 1$/).expanded, true);
    assert(find(nodes, 'button', /^Send$/).disabled, true);
    assert(find(nodes, 'log', /^Messages$/).role, 'log');
    const row = page.getByRole('button', { name: 'lobby', exact: true });
    assert(await row.getAttribute('aria-current'), 'page');
    await page.locator('#text').fill('x'.repeat(2001));
    await page.getByText('1 character too long').waitFor();
    nodes = isNamed(await tree());
    assert(find(nodes, 'textbox', /^Message to #lobby$/).invalid, 'true');
    await page.keyboard.press('Control+k');
    nodes = isNamed(await tree());
    assert(find(nodes, 'dialog', /^Go to$/).modal, true);
    assert(find(nodes, 'combobox', /^Room or person$/).focused, true);
    assert(find(nodes, 'option', /^lobby$/).selected, true);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+/');
    nodes = isNamed(await tree());
    assert(find(nodes, 'checkbox', /^Use the single keys/).checked, 'true');
  },

  async 'the focus goes back to where a dialog was opened, and no trap is left'(stage) {
    const { page } = stage;
    await stage.signIn();
    for (const [id, dialog] of [
      ['go', '#switcher'],
      ['join', '#switcher'],
      ['write', '#switcher'],
      ['show-keys', '#keys'],
      ['sign-out', '#confirm'],
      ['status', '#status-card'],
    ]) {
      await page.locator(`#${id}`).focus();
      await page.keyboard.press('Enter');
      await page.locator(dialog).waitFor();
      await page.keyboard.press('Escape');
      await page.locator(dialog).waitFor({ state: 'hidden' });
      assert(await focused(page), id);
    }
    // By Tab through the whole page, and round again, in both directions.
    for (const key of ['Tab', 'Shift+Tab']) {
      const seen = [];
      const isRound = () => seen.length > 1 && seen.at(-1) === seen[0];
      for (let count = 0; count < 60 && !isRound(); count += 1) {
        await page.keyboard.press(key);
        seen.push(await page.evaluate(() => document.activeElement.outerHTML.slice(0, 300)));
      }
      holds(isRound(), `${key} comes round`);
      holds(seen.length > 12, `all is on the way of ${key}: ${seen.length}`);
    }
  },

  async 'on a phone, the list of people is all that is in reach, and goes by a tap'(stage) {
    const { mock, page } = stage;
    mock.present.set('#lobby', ['Bob', 'Guest 10', 'Guest 9']);
    await page.setViewportSize({ width: 390, height: 844 });
    await stage.signIn();
    await page.locator('#show-people').click();
    assert(await page.locator('#people-list li').allTextContents(), [
      'AAnn (you)',
      'BBobprivate message',
      'G9Guest 9private message',
      'G1Guest 10private message',
    ]);
    for (let count = 0; count < 8; count += 1) {
      await page.keyboard.press('Tab');
      const isThere = await page.evaluate(
        () =>
          document.activeElement === document.body ||
          document.querySelector('#people').contains(document.activeElement),
      );
      holds(isThere, `${await focused(page)} is behind the list`);
    }
    await page.mouse.click(20, 500);
    await page.locator('#people').waitFor({ state: 'hidden' });
    assert(await page.evaluate(() => document.querySelector('#room').inert), false);
    await page.locator('#show-people').click();
    await page.getByRole('button', { name: /^Bob/ }).click();
    await page.locator('#room-name', { hasText: 'Bob' }).waitFor();
    assert(await focused(page), 'room-name');
  },

  async 'the prices and the events of a room are found from the chat'(stage) {
    const { page } = stage;
    await stage.signIn();
    await page.locator('#join').click();
    await page.keyboard.type('größe');
    await page.keyboard.press('Enter');
    await page.locator('#room-name', { hasText: '#größe' }).waitFor();
    await page.keyboard.press('Alt+i');
    const events = page.getByRole('link', { name: 'Events of #größe' });
    assert(await events.getAttribute('href'), 'rooms/gr%C3%B6%C3%9Fe/events');
    await page.keyboard.press('Escape');
    await page.locator('#sidebar').getByRole('link', { name: 'Live prices' }).click();
    await page.waitForURL(`${stage.mock.url}prices`);
  },
};
