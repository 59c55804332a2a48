// Uses examples/echo.html as a person would, then asks the browser's own WebSocket for what the
// WHATWG standard promises. Started by .ci/browser: node echo.mjs OUT NAME=URL...

import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const [out, ...servers] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(out), 'echo.mjs'))('playwright-core');

const PATIENCE = 10_000; // for one step; a check has three times as long
const END = Date.now() + 300_000;
const MIB = 1 << 20;

/** What a person does: through labels, buttons and what the page then shows. */
const person = {
  async 'the page loads and its connection opens'(page) {
    assert(await page.title(), 'sanswire echo');
    await state(page, 1);
    assert(await page.locator('.states .now').textContent(), '1OPEN');
  },

  async 'text with emoji comes back unchanged'(page) {
    const greeting = 'Grüße, 😀 👩‍👩‍👧 and 日本語';
    await page.getByLabel('Text', { exact: true }).fill(greeting);
    await page.getByLabel('Text', { exact: true }).press('Enter');
    const row = await echoed(page, 'text', new TextEncoder().encode(greeting).length);
    assert(await row.locator('.body').textContent(), greeting);
    assert(await page.getByLabel('Text', { exact: true }).inputValue(), '');
  },

  async 'markup is shown, not obeyed'(page) {
    const markup = '<img src=x onerror="document.title=1"><b>bold</b>';
    await page.getByLabel('Text', { exact: true }).fill(markup);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const row = await echoed(page, 'text', markup.length);
    assert(await row.locator('.body').textContent(), markup);
    assert(await page.locator('#log img, #log b').count(), 0);
  },

  async 'an empty text message comes back'(page) {
    await page.getByLabel('Text', { exact: true }).press('Enter');
    await echoed(page, 'text', 0);
  },

  async 'bytes given in hex come back'(page) {
    await page.getByLabel('Bytes in hex').fill('00 01 ff');
    await page.getByLabel('Bytes in hex').press('Enter');
    const row = await echoed(page, 'binary', 3);
    assert(await row.locator('.body').textContent(), '00 01 ff');
  },

  async 'half a byte is refused beside its field'(page) {
    const before = await page.locator('#log li').count();
    await page.getByLabel('Bytes in hex').fill('00 f');
    await page.getByRole('button', { name: 'Send bytes' }).click();
    await refused(page, 'Bytes in hex', '3 digits', '00 01 ff');
    assert(await page.locator('#log li').count(), before);
  },

  async 'a stray letter among the bytes is named'(page) {
    await page.getByLabel('Bytes in hex').fill('00 g1');
    await page.getByRole('button', { name: 'Send bytes' }).click();
    await refused(page, 'Bytes in hex', '“g”', '00 01 ff');
  },

  async 'the next key takes the complaint away'(page) {
    await page.keyboard.press('Backspace');
    await page.locator('#hex:not([aria-invalid])').waitFor();
    assert(await page.getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },

  async 'each row says whether it was sent, and what became of it'(page) {
    await page.getByLabel('Text', { exact: true }).fill('for a screen reader');
    await page.getByLabel('Text', { exact: true }).press('Enter');
    const row = await echoed(page, 'text', 19);
    await row.getByRole('img', { name: 'received', exact: true }).waitFor();
    await row.getByText('same').waitFor();
    await page.locator('#log li:nth-last-child(2)').getByRole('img', { name: 'sent', exact: true }).waitFor();
    await page.getByText('compared with the one that was sent').waitFor();
  },

  async 'a long text is shown in part, and whole when asked'(page) {
    // The cut would be between the halves of an emoji.
    const long = `${'x'.repeat(399)}${'😀 '.repeat(700)}`;
    await page.getByLabel('Text', { exact: true }).fill(long);
    await page.getByLabel('Text', { exact: true }).press('Enter');
    const body = (await echoed(page, 'text', 3899)).locator('.body');
    const part = await body.textContent();
    assert(part.startsWith(`${'x'.repeat(399)} …`), true);
    await body.getByRole('button', { name: 'Show all 3,899 B' }).click();
    assert(await body.textContent(), long);
    assert(await body.evaluate((whole) => whole === document.activeElement), true);
  },

  async 'random bytes of every size come back'(page) {
    const sizes = await page.getByLabel('Random bytes').locator('option')
      .evaluateAll((options) => options.map((option) => Number(option.value)));
    assert(sizes.at(-1), 16 * MIB);
    for (const size of sizes) {
      await page.getByLabel('Random bytes').selectOption(String(size));
      await page.getByRole('button', { name: 'Send random' }).click();
      await echoed(page, 'binary', size);
    }
    assert(await page.locator('#tally').getAttribute('data-differs'), '0');
  },

  async 'the plot shows round-trip times'(page) {
    await until(page, () => Number(document.querySelector('#rtt-plot').dataset.points) >= 5);
    for (const figure of ['current', 'median', 'max']) {
      assert(Number(await value(page, `rtt-${figure}`)) > 0, true);
    }
    assert(await page.locator('#log').getByText('rtt ').count(), 0);
  },

  async 'probes stop when they are switched off'(page) {
    await page.getByRole('switch', { name: 'Probe' }).uncheck();
    const probes = () => page.locator('#rtt-plot').getAttribute('data-probes');
    const before = await probes();
    await page.waitForTimeout(600);
    assert(await probes(), before);
    await page.getByRole('switch', { name: 'Probe' }).check();
  },

  async 'the server closes with 4001 when asked'(page) {
    await page.getByLabel('Text', { exact: true }).fill('!close 4001 bye');
    await page.getByLabel('Text', { exact: true }).press('Enter');
    await closed(page, '4001', 'bye');
  },

  async 'a clean close is not red, and says which end began'(page) {
    assert(await red(page, '.states .now'), false);
    assert(await red(page, '#log li:last-child .body'), false);
    await page.getByText('The server closed').waitFor();
  },

  async 'sending while closed is refused with a word of help'(page) {
    await page.getByLabel('Text', { exact: true }).fill('too late');
    await page.getByLabel('Text', { exact: true }).press('Enter');
    await beside(page, 'Text', 'not open', 'Press Connect');
    assert(await page.locator('#text[aria-invalid]').count(), 0);
  },

  async 'chat is chosen of chat, superchat'(page) {
    await page.getByLabel('Subprotocols').fill('chat, superchat');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await state(page, 1);
    assert(await value(page, 'protocol'), 'chat');
  },

  async 'once connected, what was refused can be sent'(page) {
    assert(await page.getByRole('alert').filter({ hasText: /./ }).count(), 0);
    await page.getByLabel('Text', { exact: true }).press('Enter');
    const row = await echoed(page, 'text', 8);
    assert(await row.locator('.body').textContent(), 'too late');
  },

  async 'disconnecting with 3001 is clean'(page) {
    await page.getByLabel('Code').fill('3001');
    await page.getByLabel('Reason').fill('enough');
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await closed(page, '3001', 'enough');
  },

  async 'an unused subprotocol field offers none'(page) {
    await page.getByLabel('Subprotocols').fill('');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await state(page, 1);
    assert(await value(page, 'protocol'), '');
  },

  async 'the button asks the server to close'(page) {
    await page.getByLabel('Code').fill('1011');
    await page.getByLabel('Reason').fill('as you wish');
    await page.getByRole('button', { name: 'Ask the server' }).click();
    await closed(page, '1011', 'as you wish');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await state(page, 1);
  },

  async 'a code that no page may send is refused in words'(page) {
    const words = {
      1001: ['going away', 'when you leave the page'],
      1002: ['protocol error', 'breaks the protocol'],
      1003: ['unsupported data', 'kind of data'],
      1005: ['nobody sends it', 'leave the field empty'],
      1006: ['nobody sends it', 'broke off'],
      1007: ['not UTF-8'],
      1011: ['internal error', 'for servers'],
      1015: ['nobody sends it', 'TLS'],
      2999: ['reserved'],
      999: ['not a close code'],
      5000: ['not a close code'],
    };
    for (const [code, why] of Object.entries(words)) {
      await page.getByLabel('Code').fill(code);
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await refused(page, 'Code', code, '1000', '3000 to 4999', ...why);
    }
    await page.getByLabel('Code').fill('bye');
    await page.getByLabel('Code').press('Enter');
    await refused(page, 'Code', '“bye” is not a close code');
    assert(await value(page, 'ready-state'), '1');
  },

  async 'a reason without a code, or too long, is refused'(page) {
    await page.getByLabel('Code').fill('');
    await page.getByLabel('Reason').fill('because');
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await refused(page, 'Code', 'behind a code');
    await page.getByLabel('Code').fill('1000');
    await page.getByLabel('Reason').fill('é'.repeat(62));
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await refused(page, 'Reason', '123 bytes', '124');
    assert(await value(page, 'ready-state'), '1');
  },

  async 'what the server refuses stands beside the field, too'(page) {
    await page.getByLabel('Code').fill('999');
    await page.getByLabel('Reason').fill('');
    await page.getByRole('button', { name: 'Ask the server' }).click();
    await refused(page, 'Code', 'The server answers', '999');
    assert(await page.locator('#log li:last-child').getAttribute('data-echo'), 'answer');
    assert(await page.locator('#tally').getAttribute('data-differs'), '0');
  },

  async 'a subprotocol that cannot be one leaves the connection open'(page) {
    for (const [offer, ...words] of [['chat, a b', '“a b”', 'comma'], ['chat, chat', '“chat”', 'twice']]) {
      await page.getByLabel('Subprotocols').fill(offer);
      await page.getByLabel('Subprotocols').press('Enter');
      await refused(page, 'Subprotocols', ...words);
    }
    assert(await value(page, 'ready-state'), '1');
  },

  async 'the keyboard reaches every control in the order of the page'(page) {
    await page.locator('#protocols').focus();
    const order = [];
    while (order.length < 15) {
      order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.role));
      if (order.at(-1) === 'server-close') break;
      await page.keyboard.press('Tab');
      while (await page.evaluate(() => document.activeElement.className === 'all')) await page.keyboard.press('Tab');
    }
    assert(order.join(' '), 'protocols connect text send-text hex send-hex random-size send-random clear log ' +
      'probe close-code close-reason disconnect server-close');
  },

  async 'reconnecting closes the old connection first'(page) {
    await page.getByLabel('Subprotocols').fill('superchat, chat');
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await until(page, () => document.querySelector('#protocol').dataset.value === 'superchat');
    await closed(page, '1000', 'reconnect', 1);
  },

  async 'a reload connects again'(page) {
    await page.reload();
    await state(page, 1);
  },
};

/** What needs a page of its own: a server that is not as it should be. */
const trouble = {
  async 'a changed echo says where it differs'(browser, url) {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.routeWebSocket('**', (socket) => {
      const server = socket.connectToServer();
      server.onMessage((data) => socket.send(
        typeof data === 'string' ? data.replace('cat', 'cow') : data.subarray(0, 3)));
    });
    await page.goto(url);
    await state(page, 1);
    const changed = async (label, text, ...words) => {
      await page.getByLabel(label, { exact: true }).fill(text);
      await page.getByLabel(label, { exact: true }).press('Enter');
      const row = page.locator('#log li:last-child[data-from=received][data-echo=differs]');
      for (const word of ['changed', ...words]) await row.getByText(word).waitFor();
      return (await row.locator('mark').allTextContents()).join();
    };
    assert(await changed('Text', '😀 The cat sat', 'from character 8 on'), 'at,ow');
    assert(await changed('Bytes in hex', '00 01 ff 02 03', 'from byte 4 on', '5 were sent, 3 came back'), '02 03,∅');
    await page.getByLabel('Text', { exact: true }).fill('dog');
    await page.getByLabel('Text', { exact: true }).press('Enter');
    await echoed(page, 'text', 3);
    assert(await page.locator('#tally').textContent(), '1 came back the same, 2 changed.');
    await page.close();
  },

  async 'the page waits for a server that is gone'(browser, url) {
    const relay = await startRelay(url);
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(relay.url);
    await state(page, 1);
    relay.stop();
    await state(page, 3);
    await page.getByRole('status').filter({ hasText: 'Trying again' }).waitFor();
    await until(page, () => Number(document.querySelector('#lost').dataset.tries) >= 3);
    assert(await red(page, '.states .now'), true);
    await page.getByText('could not be opened').waitFor();
    assert(await page.locator('#log li[data-kind=close]').count(), 1);
    relay.resume();
    await state(page, 1);
    await page.locator('#lost').waitFor({ state: 'hidden' });
    await page.getByLabel('Text', { exact: true }).fill('back');
    await page.getByLabel('Text', { exact: true }).press('Enter');
    await echoed(page, 'text', 4);

    relay.stop();
    await page.getByRole('status').filter({ hasText: 'Trying again' }).waitFor();
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.locator('#lost').waitFor({ state: 'hidden' });
    await page.locator('#disconnect[aria-disabled=true]').waitFor();
    assert(await red(page, '.states .now'), false);
    relay.resume();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await state(page, 1);
    await page.close();
    relay.stop();
  },
};

/** Stands between page and server, and breaks off what it carries when it is stopped. */
async function startRelay(url) {
  const carried = new Set();
  let stopped = false;
  const relay = createServer((near) => {
    if (stopped) return near.destroy();
    const far = connect(new URL(url).port, new URL(url).hostname);
    for (const end of [near, far]) {
      carried.add(end);
      end.on('error', () => {});
      end.on('close', () => carried.delete(end));
    }
    near.pipe(far).pipe(near);
  });
  relay.unref();
  await new Promise((done) => relay.listen(0, '127.0.0.1', done));
  return {
    url: `${new URL(url).protocol}//127.0.0.1:${relay.address().port}`,
    stop() {
      stopped = true;
      for (const end of carried) end.destroy();
    },
    resume() {
      stopped = false;
    },
  };
}

/** Runs in the page, which offers `open(protocols)`, `echo(socket, data)`, `same(a, b)`, … */
const whatwg = {
  async 'a new socket has the initial values'() {
    const socket = new WebSocket(url);
    check(socket.readyState, 0);
    check(socket.bufferedAmount, 0);
    check(socket.protocol + socket.extensions, '');
    check(socket.binaryType, 'blob');
    check(thrown(() => socket.send('early')), 'InvalidStateError');
    await event(socket, 'open');
    check(socket.readyState, 1);
    await close(socket);
    check(socket.readyState, 3);
  },

  async 'bufferedAmount counts payload bytes, then falls to zero'() {
    const socket = await open();
    socket.send('é😀');
    check(socket.bufferedAmount, 6);
    socket.send(new Uint8Array(1 << 20));
    check(socket.bufferedAmount, 6 + (1 << 20));
    await received(socket, 2);
    check(socket.bufferedAmount, 0);
    await close(socket);
  },

  async 'close() takes 1000 and 3000 to 4999 and is clean'() {
    for (const code of [1000, 3000, 3999, 4000, 4999]) {
      const socket = await open();
      const closing = event(socket, 'close');
      socket.close(code, `code ${code}`);
      check(socket.readyState, 2);
      const { code: echoed, reason, wasClean } = await closing;
      check([echoed, reason, wasClean].join(), [code, `code ${code}`, true].join());
    }
  },

  async 'close() refuses other codes and long reasons'() {
    const socket = await open();
    for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, 70_000]) {
      check(thrown(() => socket.close(code)), 'InvalidAccessError');
    }
    check(thrown(() => socket.close(1000, 'é'.repeat(62))), 'SyntaxError');
    check(socket.readyState, 1);
    await close(socket, 1000, 'é'.repeat(61) + '!');
  },

  async 'close() without a code shows 1005 and is clean'() {
    const { code, reason, wasClean } = await close(await open());
    check([code, reason, wasClean].join(), '1005,,true');
  },

  async 'a close by the server shows its code and reason'() {
    const reasons = { 1000: '', 1001: 'away', 1011: 'é'.repeat(61) + '!', 3000: '😀', 4999: 'a b  c' };
    for (const [wanted, phrase] of Object.entries(reasons)) {
      const socket = await open();
      const closing = event(socket, 'close');
      socket.send(`!close ${wanted} ${phrase}`.trimEnd());
      const { code, reason, wasClean } = await closing;
      check([code, reason, wasClean].join(), [wanted, phrase, true].join());
    }
  },

  async 'after close() nothing is sent and nothing delivered'() {
    const socket = await open();
    let late = 0;
    socket.onmessage = () => { late += 1; };
    socket.send('queued');
    const closing = event(socket, 'close');
    socket.close();
    const before = socket.bufferedAmount;
    socket.send('dropped');
    check(socket.bufferedAmount, before + 7);
    check((await closing).wasClean, true);
    check(socket.readyState, 3);
    socket.send(new Uint8Array(3));
    check(socket.bufferedAmount >= 10, true);
    check(late, 0);
  },

  async 'events come as open, messages, close, each once'() {
    const socket = new WebSocket(url);
    const order = [];
    for (const type of ['open', 'message', 'error', 'close']) {
      socket.addEventListener(type, () => order.push(type));
    }
    await event(socket, 'open');
    socket.send('one');
    socket.send('two');
    const closing = event(socket, 'close');
    socket.send('!close 1000');
    await closing;
    await new Promise((done) => setTimeout(done, 50));
    check(order.join(), 'open,message,message,close');
  },

  async 'the first subprotocol offered is chosen'() {
    for (const offer of ['chat', ['superchat', 'chat'], ['v2.example', 'v1.example']]) {
      const socket = await open(offer);
      check(socket.protocol, [offer].flat()[0]);
      await close(socket);
    }
    check(thrown(() => new WebSocket(url, ['chat', 'chat'])), 'SyntaxError');
  },

  async '1,000 messages of both kinds keep their order'() {
    const socket = await open();
    const sent = Array.from({ length: 1000 }, (_, i) =>
      i % 3 ? `${i} ${'x'.repeat(i % 200)}` : new Uint8Array(1 + i % 300).fill(i));
    for (const data of sent) socket.send(data);
    const back = await received(socket, sent.length);
    sent.forEach((data, i) => check(same(data, back[i]), true, `message ${i}`));
    await close(socket);
  },

  async 'lengths at the edges of each length field come back'() {
    const socket = await open();
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 65_537]) {
      await echo(socket, random(length));
      await echo(socket, 'é'.repeat(length / 2) + 'x'.repeat(length % 2));
    }
    await close(socket);
  },

  async 'a Blob comes back as binaryType says'() {
    const socket = await open();
    const bytes = random(5000);
    socket.send(new Blob([bytes]));
    check(same(bytes, (await received(socket, 1))[0]), true);
    socket.binaryType = 'blob';
    const message = event(socket, 'message');
    socket.send(bytes);
    const { data } = await message;
    check(data instanceof Blob, true);
    check(same(bytes, await data.arrayBuffer()), true);
    await close(socket);
  },

  async 'two connections at once do not mix'() {
    const pair = await Promise.all([open('left'), open('right')]);
    const back = pair.map((socket) => received(socket, 200));
    for (let i = 0; i < 200; i += 1) {
      for (const socket of pair) socket.send(`${socket.protocol} ${i} ${'.'.repeat(i * 7)}`);
    }
    for (const [side, socket] of pair.entries()) {
      (await back[side]).forEach((text, i) =>
        check(text, `${socket.protocol} ${i} ${'.'.repeat(i * 7)}`));
    }
    await close(pair[0]);
    await echo(pair[1], 'still here');
    await close(pair[1]);
  },

  async 'twenty connections at once open, answer and close'() {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const socket = await open();
      await echo(socket, `connection ${i}`);
      check((await close(socket, 1000)).wasClean, true);
    }));
  },

  async 'a message of 8 MiB comes back, binary and text'() {
    const socket = await open();
    await echo(socket, random(8 << 20));
    await echo(socket, 'zwölf Bytes '.repeat((8 << 20) / 16));
    await close(socket);
  },

  async '16 MiB on their way at once come back in order'() {
    const socket = await open();
    const sent = Array.from({ length: 64 }, () => random(1 << 18));
    for (const data of sent) socket.send(data);
    const back = await received(socket, sent.length);
    sent.forEach((data, i) => check(same(data, back[i]), true, `message ${i}`));
    await close(socket);
  },

  async 'the page itself is HTML in UTF-8'() {
    const response = await fetch('/', { cache: 'no-store' });
    check(response.status, 200);
    check(/^text\/html; ?charset=utf-8$/i.test(response.headers.get('content-type')), true);
    check((await response.text()).includes('sanswire'), true);
  },
};

/** What the checks of `whatwg` use; evaluated in the page. */
const helpers = () => {
  const url = location.origin.replace('http', 'ws') + '/';
  const check = (found, wanted, what = '') => {
    if (found !== wanted) {
      throw new Error(`${what} found ${String(found).slice(0, 200)}, wanted ${String(wanted).slice(0, 200)}`);
    }
  };
  const event = (socket, type) => new Promise((done, fail) => {
    socket.addEventListener(type, done, { once: true });
    if (type !== 'close') {
      socket.addEventListener('close', ({ code, reason }) =>
        fail(new Error(`closed with ${code} ${reason} while waiting for ${type}`)), { once: true });
    }
  });
  const open = async (protocols = []) => {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = 'arraybuffer';
    await event(socket, 'open');
    return socket;
  };
  const received = (socket, count) => new Promise((done, fail) => {
    const messages = [];
    socket.onclose = ({ code, reason }) =>
      fail(new Error(`closed with ${code} ${reason} after ${messages.length} of ${count}`));
    socket.onmessage = ({ data }) => {
      messages.push(data);
      if (messages.length < count) return;
      socket.onmessage = socket.onclose = null;
      done(messages);
    };
  });
  const close = (socket, ...parameters) => {
    const closing = event(socket, 'close');
    socket.close(...parameters);
    return closing;
  };
  const same = (a, b) => {
    if (typeof a === 'string' || typeof b === 'string') return a === b;
    const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
    return left.length === right.length && left.every((byte, i) => byte === right[i]);
  };
  const echo = async (socket, data) => {
    const message = received(socket, 1);
    socket.send(data);
    check(same(data, (await message)[0]), true, `echo of ${data.length}`);
  };
  const random = (length) => {
    const bytes = new Uint8Array(length);
    // One call gives at most 65,536 bytes.
    for (let i = 0; i < length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
    return bytes;
  };
  const thrown = (action) => {
    try {
      action();
    } catch (error) {
      return error.name;
    }
    return 'nothing';
  };
  return { url, check, event, open, received, close, same, echo, random, thrown };
};

function assert(found, wanted) {
  if (found !== wanted) throw new Error(`found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

const value = (page, id) => page.locator(`#${id}`).getAttribute('data-value');
const state = (page, number) => page.locator(`#ready-state[data-value="${number}"]`).waitFor();

/** The newest row, once it is the echo of a message of this kind and size. */
async function echoed(page, kind, bytes) {
  const row = page.locator('#log li:last-child');
  await page.locator(`#log li:last-child[data-from=received][data-kind=${kind}][data-bytes="${bytes}"]`)
    .waitFor();
  assert(await row.getAttribute('data-echo'), 'equal');
  return row;
}

/** A complaint under the field, read with it. */
async function beside(page, label, ...words) {
  const field = page.getByLabel(label, { exact: label === 'Text' });
  const described = (await field.getAttribute('aria-describedby') ?? '').split(' ');
  let alert = page.locator(`[role=alert]#${described[0] || 'none'}`);
  for (const word of words) alert = alert.filter({ hasText: word });
  await alert.waitFor();
  const [above, below] = [await field.boundingBox(), await alert.boundingBox()];
  const gap = below.y - above.y - above.height;
  if (gap < 0 || gap > 20) throw new Error(`the complaint stands ${gap} px below its field`);
  return alert;
}

/** The same for a fault of the field: it has the focus. */
async function refused(page, label, ...words) {
  await beside(page, label, ...words);
  const field = page.getByLabel(label, { exact: label === 'Text' });
  assert(await field.getAttribute('aria-invalid'), 'true');
  assert(await field.evaluate((input) => input === document.activeElement), true);
}

const red = (page, selector) => page.locator(selector).evaluate((node) => {
  const [r, g, b] = getComputedStyle(node).color.match(/[\d.]+/g).map(Number);
  return r > g + 60 && r > b + 60;
});

async function closed(page, code, reason, then = 3) {
  await state(page, then);
  assert(await value(page, 'event-code'), code);
  assert(await value(page, 'event-reason'), reason);
  assert(await value(page, 'event-clean'), 'true');
  assert(await value(page, 'event-errors'), '0');
}

// Not page.waitForFunction: its polling needs eval, which the page's policy forbids.
async function until(page, condition) {
  const end = Date.now() + PATIENCE;
  while (!await page.evaluate(condition)) {
    if (Date.now() > end) throw new Error(`never came true: ${condition}`);
    await page.waitForTimeout(50);
  }
}

function within(limit, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not done after ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

let passed = 0;
let failed = 0;

async function run(name, action) {
  const start = Date.now();
  try {
    if (start > END) throw new Error('no time left');
    await within(3 * PATIENCE, action());
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${headline(error)}`);
  }
}

const headline = (error) => stripVTControlCharacters(error.message).split('\n').slice(0, 4).join('\n        ');

/** Leaves something to see in the log and the plot, then takes a picture. */
async function picture(browser, server, url, colorScheme, shape) {
  const viewport = shape === 'wide' ? { width: 1280, height: 900 } : { width: 360, height: 740 };
  const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: 1.5 });
  page.setDefaultTimeout(PATIENCE);
  await page.goto(url);
  await state(page, 1);
  await page.getByLabel('Code').fill('4001');
  await page.getByLabel('Reason').fill('see you');
  await page.getByRole('button', { name: 'Ask the server' }).click();
  await closed(page, '4001', 'see you');
  await page.getByLabel('Subprotocols').fill('chat, superchat');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await state(page, 1);
  await page.getByLabel('Text', { exact: true }).fill('Grüße aus dem Browser 😀');
  await page.getByLabel('Text', { exact: true }).press('Enter');
  await page.waitForTimeout(1500);
  await page.getByLabel('Bytes in hex').fill('00 01 ff');
  await page.getByRole('button', { name: 'Send bytes' }).click();
  await page.getByLabel('Random bytes').selectOption(String(MIB));
  await page.getByRole('button', { name: 'Send random' }).click();
  await echoed(page, 'binary', MIB);
  await page.waitForTimeout(4000);
  await page.screenshot({ path: join(out, `echo-${server}-${colorScheme}-${shape}.png`), fullPage: true });
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert(await fits(), true);

  await page.getByLabel('Text', { exact: true }).fill('unbroken'.repeat(80));
  await page.getByLabel('Text', { exact: true }).press('Enter');
  await page.getByLabel('Text', { exact: true }).fill('unbroken'.repeat(40));
  await page.getByLabel('Bytes in hex').fill('00 f');
  await page.getByLabel('Bytes in hex').press('Enter');
  await page.getByLabel('Subprotocols').fill(`${'unbroken'.repeat(20)}@`);
  await page.getByLabel('Subprotocols').press('Enter');
  await page.getByLabel('Code').fill('1001');
  await page.getByLabel('Code').press('Enter');
  await refused(page, 'Code', 'leave the page');
  await page.screenshot({ path: join(out, `echo-${server}-${colorScheme}-${shape}-errors.png`), fullPage: true });
  assert(await fits(), true);
  await page.close();
}

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--ignore-certificate-errors', // the server's own, over TLS
  ],
});
for (const argument of servers) {
  const [, server, url] = argument.match(/^(.+?)=(.+)$/);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on('console', (message) => {
    // Chromium's remark on what 'after close() nothing is sent' does on purpose.
    const expected = message.text().startsWith('WebSocket is already in CLOSING');
    if (message.type() === 'error' && !expected) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure().errorText}`));

  await run(`${server}: GET / answers with the page`, () => page.goto(url));
  for (const [name, check] of Object.entries(person)) {
    await run(`${server}: ${name}`, () => check(page));
  }
  for (const [name, check] of Object.entries(whatwg)) {
    const body = check.toString().replace(/^async '[^']*'\(\)/, 'async () =>');
    const names = '{ url, check, event, open, received, close, same, echo, random, thrown }';
    await run(`${server}: ${name}`, () =>
      page.evaluate(`(async () => { const ${names} = (${helpers})(); await (${body})(); })()`));
  }
  await run(`${server}: the page's own connection is still open`, () => state(page, 1));
  await run(`${server}: the console shows no errors`, async () => assert(complaints.join('\n'), ''));
  await page.close();
  for (const [name, check] of Object.entries(trouble)) {
    await run(`${server}: ${name}`, () => check(browser, url));
  }
  for (const scheme of ['light', 'dark']) {
    for (const shape of ['wide', 'narrow']) {
      await run(`${server}: ${scheme} and ${shape}, nothing sticks out`, () =>
        picture(browser, server, url, scheme, shape));
    }
  }
}
await within(PATIENCE, browser.close()).catch(() => {});

console.log(`browser: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
