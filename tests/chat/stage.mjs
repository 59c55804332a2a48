// What the checks and the states of the pages have in common: a browser's profile with a page, and a
// server for it; waiting and asserting.

import { Mock } from './mock.mjs';

export const SIZES = { 390: { width: 390, height: 844 }, 1280: { width: 1280, height: 800 } };
const PATIENCE = 10_000; // for one step

/** What is not part of this repository; page.mjs sets it. */
export const modules = { WebSocketServer: null };

export function assert(actual, expected, what = '') {
  const [one, two] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== two) throw new Error(`${what ? `${what}: ` : ''}expected ${two}, got ${one}`);
}

export const holds = (value, what) => {
  if (!value) throw new Error(what);
};

/** Waits until `test` returns something true; it is asked again and again. */
export async function until(test, what, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((done) => {
      setTimeout(done, 25);
    });
  }
}

/** A browser's profile with one page, and a server for it. */
export class Stage {
  errors = [];

  async open(browser, options = {}) {
    this.mock = await new Mock(modules.WebSocketServer).start();
    this.context = await browser.newContext({ viewport: SIZES[1280], locale: 'en-GB', ...options });
    this.context.setDefaultTimeout(PATIENCE);
    this.page = await this.newPage();
    return this;
  }

  async newPage() {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => {
      // Firefox reports a connection that fails as an error of the page.
      const isOfNetwork = /connection to (the server at )?ws:/.test(error.message);
      if (!isOfNetwork) this.errors.push(error.stack);
    });
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
  said(page = this.page) {
    return page.locator('.said').allTextContents();
  }

  banner(title) {
    return this.page.locator('#banner-title', { hasText: title }).waitFor();
  }

  async shows(texts, page = this.page) {
    await until(
      async () => JSON.stringify(await this.said(page)) === JSON.stringify(texts),
      `the page shows ${JSON.stringify(texts)}, rather than ${JSON.stringify(await this.said(page))}`,
    );
  }

  texts(room = '#lobby') {
    return this.mock.log(room).messages.map(({ text }) => text);
  }

  /** Waits until the server has these messages, and no others, and the page knows. */
  async has(texts, room = '#lobby') {
    await until(
      () => JSON.stringify(this.texts(room)) === JSON.stringify(texts),
      `the server has ${JSON.stringify(texts)}, rather than ${JSON.stringify(this.texts(room))}`,
    );
    await this.page.locator('.note-line').first().waitFor({ state: 'detached' });
  }

  async close() {
    clearInterval(this.ticking);
    await this.context.close();
    await this.mock.kill();
  }
}
