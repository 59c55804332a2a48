// Somebody with a browser of their own, who uses the chat.

import { until } from './stage.mjs';

export const PATIENCE = 20_000; // for one step

export class Person {
  errors = [];

  /** `hasClock`: the page's time can be moved. */
  async open(browser, url, name, { hasClock = false, ...options } = {}) {
    this.context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      ignoreHTTPSErrors: true,
      ...options,
    });
    this.context.setDefaultTimeout(PATIENCE);
    this.page = await this.context.newPage();
    this.page.on('pageerror', (error) => this.errors.push(error.stack));
    this.page.on('console', (message) => {
      const isOfNetwork = /WebSocket connection|Failed to load|ERR_/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) this.errors.push(message.text());
    });
    if (hasClock) await this.page.clock.install();
    await this.page.goto(url);
    await this.page.getByLabel('Your name').fill(name);
    await this.page.keyboard.press('Enter');
    return this;
  }

  async isOnline() {
    await this.page.locator('#app[data-state=open]').waitFor();
  }

  async isOffline() {
    await this.page.locator('#app:not([data-state=open])').waitFor();
  }

  async say(text) {
    await this.page.locator('#text').fill(text);
    await this.page.locator('#text').press('Enter');
  }

  /** Says `count` things as if typed, through the field, and as fast as the page takes them. */
  pour(name, count) {
    return this.page.evaluate(
      async ([who, all]) => {
        const field = document.querySelector('#text'),
          form = document.querySelector('#composer');
        for (let number = 0; number < all; number += 1) {
          field.value = `${who} ${number}`;
          form.requestSubmit();
          if (number % 10 === 0)
            await new Promise((done) => {
              setTimeout(done, 10);
            });
        }
      },
      [name, count],
    );
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

  /** Waits until the room has so many messages, and all are confirmed. Returns them. */
  async all(count) {
    const isWhole = async () => {
      const older = this.page.locator('#show-older');
      if (await older.isVisible()) await older.click();
      const isConfirmed = (await this.page.locator('.note-line').count()) === 0;
      return isConfirmed && (await this.said()).length >= count;
    };
    await until(isWhole, `${count} messages`, 3 * PATIENCE).catch(async (error) => {
      throw new Error(`${error.message}; but ${(await this.said()).length}`);
    });
    return this.said();
  }

  /** Waits until the card of the connection says so. */
  async showsStatus(row, value) {
    await this.page.keyboard.press('Alt+i');
    const said = this.page.locator(`#status-list dt:text-is("${row}") + dd`, { hasText: value });
    await said.waitFor();
    await this.page.keyboard.press('Escape');
    await said.waitFor({ state: 'hidden' });
  }
}
