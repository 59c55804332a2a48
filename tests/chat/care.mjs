// What people need who use a keyboard, a screen reader, a phone or two tabs: one check each, on a
// stage of its own.

import { assert, holds, until } from './stage.mjs';

const focused = (page) => page.evaluate(() => document.activeElement.id);

export const care = {
  async 'a draft and a muted room are not undone by another tab'(stage) {
    const { mock, page } = stage;
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
};
