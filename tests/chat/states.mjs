// The states of the pages that are looked at: each brings a stage into one.

import { until } from './stage.mjs';

const MINUTE = 60_000;

const TALK = [
  ['Bob', 'Good morning! Did the deploy go through?', 26 * 60],
  ['Chloé', 'It did, at 7:40. Graphs look calm.', 26 * 60 - 1],
  [
    'Chloé',
    'I left the old replicas up until noon, just in case: https://example.com/runs/4411.',
    26 * 60 - 2,
  ],
  ['Bob', 'Thanks 🙏', 25 * 60],
  ['Dmitri', 'Is anybody else seeing slow joins from the Frankfurt region?', 90],
  [
    'Bob',
    'Yes, about 400 ms. It began with the change of the load balancer.\nI will roll it back if nobody objects.',
    88,
  ],
  ['Ann', 'No objection here.', 86],
  ['Bob', 'Done.', 15],
  ['Bob', 'Back to 30 ms.', 14],
  ['Chloé', 'Lovely.', 13],
  ['ياسمين', 'صباح الخير! كل شيء يعمل هنا أيضًا.', 8],
  ['Ann', 'Wonderful, thank you all. I will write it up for the log of the week.', 3],
];

function fill(mock) {
  const now = Date.now();
  for (const [from, text, minutes] of TALK)
    mock.say('#lobby', from, text, { at: now - minutes * MINUTE });
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
  for (const text of ['edition 2024 is out', 'at last', '🦀'])
    stage.mock.say('#rust', 'Ferris', text);
  await stage.shows(['edition 2024 is out', 'at last', '🦀']);
  await stage.page.evaluate(() => document.activeElement.blur());
  await stage.page.keyboard.press('Alt+ArrowUp');
  await until(async () => (await stage.said()).length >= 12, 'the lobby is shown');
}

const LONG = 'Donaudampfschifffahrtsgesellschaft'.repeat(12);
const CROWD_TALK = [
  ['WWWWWWWWWWWWWWWWWWWWWWWW', 'My name is as wide as a name can be.'],
  ['Bob', LONG],
  ['Bob', `https://example.com/${'a-path-without-an-end/'.repeat(14)}?q=1`],
  ['Eve', '<script>alert(1)</script> & <b>bold</b> &amp; "quoted"'],
  ['Ferris', '🦀🦀🦀 👩‍👩‍👧‍👦 🏳️‍🌈 é̂̃'],
  ['ياسمين', 'مرحبا https://example.com/a?b=c ثم كلام آخر، 123.'],
  ['שרה', 'שלום, world! (1 + 2) = 3'],
  ['Bob', 'fn main() {\n    println!("indented");\n}'],
  ['Ann', LONG],
  ['Ann', 'A paragraph of my own, with a link to https://example.com/runs/4411 and more. '.repeat(6)],
  ['李小龍', '這是一個沒有空格的長句子，看看它會不會在正確的地方換行，而不是跑出畫面之外。'],
];

/** More rooms and people than fit, and texts that are hard to set. */
async function crowd(stage) {
  const { mock } = stage;
  for (const [index, [from, text]] of CROWD_TALK.entries())
    mock.say('#lobby', from, text, { at: Date.now() - (20 - index) * MINUTE });
  const names = CROWD_TALK.map(([from]) => from).filter((name) => name !== 'Ann');
  const guests = Array.from({ length: 120 }, (_, index) => `Guest ${index + 1}`);
  mock.present.set('#lobby', [...new Set([...names, ...guests])]);
  for (let index = 0; index < 30; index += 1) mock.present.set(`#room-${index}`, ['Eve']);
  await stage.signIn();
  for (const name of names.slice(0, 4)) mock.say(`@Ann|${name}`, name, 'psst');
  await stage.page.getByRole('button', { name: /^Ferris/ }).first().waitFor();
  await until(async () => (await stage.said()).length === CROWD_TALK.length, 'all is shown');
}

const prices = (mock, from, count) => {
  const names = [
    'ALDER',
    'BIRCH',
    'CEDAR',
    'ELM',
    'FIR',
    'HAZEL',
    'LARCH',
    'MAPLE',
    'OAK',
    'PINE',
    'ROWAN',
    'WILLOW',
  ];
  for (let number = from; number < from + count; number += 1) {
    mock.tickPrices(
      number,
      names.map((name, index) => [
        name,
        20 *
          (index + 1) *
          (1 +
            0.03 * Math.sin(number / (19 + index * 9)) +
            0.012 * Math.sin(number / (5.3 + index)) +
            0.002 * Math.sin(number * 1.7)),
      ]),
      1_764_400_000_000 + number * 100,
    );
  }
};

/** The list goes with the width. */
const showPeople =
  ({ page }) =>
  async () => {
    // The page has seen its new width.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    if (!(await page.locator('#people').isVisible())) await page.locator('#show-people').click();
  };

// Each brings the page into a state. What depends on the width, it does again for each: `again`.
export const states = {
  'sign-in': async ({ mock, page }) => {
    await page.goto(mock.url);
    await page.getByLabel('Your name').waitFor();
  },
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
    stage.mock.say('#rust', 'Eve', 'has anybody tried it?');
    // It is said for a few seconds only, which a busy machine may need to look.
    await until(() => {
      for (const name of ['Dmitri', 'Bob'])
        stage.mock.broadcast({ t: 'typing', room: '#lobby', name });
      return stage.page.getByText('Dmitri and Bob are typing').isVisible();
    }, 'who is typing is shown');
    await stage.page.clock.install();
  },
  crowd: async (stage) => {
    await crowd(stage);
    for (const name of ['WWWWWWWWWWWWWWWWWWWWWWWW', 'a very long name of 24 c', 'Bob'])
      stage.mock.broadcast({ t: 'typing', room: '#lobby', name });
    await stage.page.clock.install();
  },
  'crowd-top': async (stage) => {
    await crowd(stage);
    stage.again = () =>
      stage.page.evaluate(() => {
        document.querySelector('#scroller').scrollTop = 0;
      });
  },
  'crowd-rooms': async (stage) => {
    await crowd(stage);
    await stage.page.evaluate(() => {
      document.querySelector('#app').dataset.pane = 'rooms';
    });
  },
  'crowd-people': async (stage) => {
    await crowd(stage);
    stage.again = showPeople(stage);
  },
  muted: async (stage) => {
    await busy(stage);
    await stage.page.keyboard.press('Alt+ArrowDown');
    await stage.page.keyboard.press('Alt+m');
    await stage.page.keyboard.press('Alt+ArrowUp');
    stage.mock.say('#rust', 'Eve', 'has anybody tried it?');
    await stage.page.getByRole('button', { name: 'rust 1 unread, muted' }).waitFor({ state: 'attached' });
  },
  turns: async (stage) => {
    await busy(stage);
    stage.mock.strict = 1000;
    for (const text of ['one', 'two', 'three']) await stage.say(text);
    await stage.page.getByText('Waiting its turn').nth(2).waitFor();
  },
  unread: async (stage) => {
    await busy(stage);
    for (const text of ['New clippy lints', 'and a faster linker'])
      stage.mock.say('#rust', 'Ferris', text);
    await stage.page.getByRole('button', { name: 'rust 2 unread' }).click();
    await stage.page.locator('.new').waitFor();
  },
  rooms: async (stage) => {
    await busy(stage);
    stage.mock.say('#rust', 'Eve', 'has anybody tried it?');
    await stage.page.getByRole('button', { name: 'rust 1 unread' }).waitFor();
    await stage.page.evaluate(() => {
      document.querySelector('#app').dataset.pane = 'rooms';
    });
  },
  people: async (stage) => {
    await busy(stage);
    stage.again = showPeople(stage);
  },
  private: async (stage) => {
    await busy(stage);
    await stage.page
      .getByRole('button', { name: /^Bob 1 unread/ })
      .first()
      .click();
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
    await until(
      async () => (await stage.page.locator('#trips rect:not(.none)').count()) >= 3,
      'three round trips',
    );
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
      return (await stage.page.locator('#app').getAttribute('data-state')) === 'stopped';
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
      stage.mock.say(
        '#lobby',
        ['Bob', 'Chloé'][count % 3 ? 0 : 1],
        `Report ${count}: all is well, ${400 - count} to go.`,
        { silent: true },
      );
    }
    stage.mock.pace = 600_000;
    await stage.mock.restart();
    await stage.page.locator('#catching').waitFor();
  },
  gap: async (stage) => {
    await busy(stage);
    await stage.mock.kill();
    for (let count = 1; count <= 14; count += 1)
      stage.mock.say('#lobby', 'Bob', 'lost', { silent: true });
    for (const text of ['And that was all.', 'Shall we go on?'])
      stage.mock.say('#lobby', 'Chloé', text, { silent: true });
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
    const messages = [0, 1].map((index) => ({
      offset: next + index,
      id: `m${index}`,
      from: 'Bob',
      text: 'A word among many.',
      at: Date.now(),
    }));
    stage.mock.broadcast({
      t: 'history',
      room: '#lobby',
      epoch,
      messages,
      last: next + 1,
      gap: null,
      people: ['Ann', 'Bob'],
    });
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
    await stage.page
      .locator('#text')
      .fill('A long story, which goes on and on, and has no end. '.repeat(39));
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
      // Nobody scrolls in the moment in which a window changes.
      await stage.page.evaluate(async () => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        await frame();
        await frame();
        document.querySelector('#scroller').scrollTop = 100;
      });
      await stage.page.waitForFunction(() => !document.querySelector('#jump').hidden);
      stage.mock.say('#lobby', 'Chloé', 'And one more.');
      await stage.page.getByText(/new message/).waitFor();
    };
  },
  'prices-empty': async ({ mock, page }) => {
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size, 'connected');
  },
  prices: async (stage) => {
    const { mock, page } = stage;
    await page.goto(`${mock.url}prices`);
    await until(() => mock.prices.clients.size, 'connected');
    let number = 700;
    prices(mock, 0, number);
    stage.ticking = setInterval(() => {
      prices(mock, number, 1);
      number += 1;
    }, 100);
    await page.getByText('Live', { exact: true }).waitFor();
  },
  'prices-offline': async (stage) => {
    await stage.page.clock.install();
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
