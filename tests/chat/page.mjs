// Uses the pages of examples/chat as a person would, in Chromium, against mock.mjs; then looks at
// each of their states on each of its faces: phones and desktops, light and dark, zoomed, in forced
// colours. For each it takes a screenshot, asks axe-core, and measures overflow and targets.
//
//   node tests/chat/page.mjs OUT [--short] [--firefox] [WORD…]
//
// OUT has node_modules with playwright-core, axe-core and ws, and gets the screenshots. With --short,
// each state is looked at on one face, taken in turns; with --firefox, the checks are done in
// Firefox, and no states; with WORDs, only checks and states whose name has one of them are done.
// Ends with `page: N passed, N failed`.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { care } from './care.mjs';
import { checks } from './checks.mjs';
import { assert, modules, SIZES, Stage } from './stage.mjs';
import { states } from './states.mjs';

const [out, ...rest] = process.argv.slice(2);
const isShort = rest.includes('--short');
const isFirefox = rest.includes('--firefox');
const words = rest.filter((word) => !word.startsWith('--'));
const require = createRequire(join(resolve(out), 'page.mjs'));
const { chromium, firefox } = require('playwright-core');
modules.WebSocketServer = require('ws').WebSocketServer;
const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
await mkdir(out, { recursive: true });
const LEAST = 44; // pixels of what a finger hits

/** Faces of the pages: a window of 1280 pixels at a zoom of 200 % is one of 640. */
const FACES = {
  '390-light': { size: SIZES[390], colorScheme: 'light' },
  '390-dark': { size: SIZES[390], colorScheme: 'dark' },
  '1280-light': { size: SIZES[1280], colorScheme: 'light' },
  '1280-dark': { size: SIZES[1280], colorScheme: 'dark' },
  '320-light': { size: { width: 320, height: 568 }, colorScheme: 'light' },
  '640-dark': { size: { width: 640, height: 400 }, colorScheme: 'dark' },
  '1280-forced': { size: SIZES[1280], colorScheme: 'dark', forcedColors: 'active' },
};

/** In the page: what is wider than the window, and on a phone, what a finger would miss. */
function measure(least) {
  const found = [];
  const overflow = document.documentElement.scrollWidth - innerWidth;
  if (overflow > 0) found.push(`${overflow} pixels too wide`);
  if (innerWidth > 600) return found;
  const isHit = (one, across = 0, down = 0) => {
    const { left, top, width, height } = one.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2 + across, top + height / 2 + down);
    return hit !== null && one.contains(hit);
  };
  const isLarge = (one) => {
    const { width, height } = one.getBoundingClientRect();
    if (Math.min(width, height) >= least - 0.1) return true;
    // It may take what is beside it.
    const far = least / 2 - 1;
    return [-far, far].every((by) => isHit(one, by, 0) && isHit(one, 0, by));
  };
  for (const one of document.querySelectorAll('a, button, input, textarea, [role=option]')) {
    // A box to tick is hit by its label, too; a link in a sentence is as high as its line.
    const target = one.type === 'checkbox' ? one.closest('.check') : one;
    if (one.closest('.said') || !one.checkVisibility() || !isHit(one) || isLarge(target)) continue;
    const { width, height } = target.getBoundingClientRect();
    const name = one.id || one.ariaLabel || one.textContent.trim();
    found.push(`${name} is ${width.toFixed(0)} × ${height.toFixed(0)} pixels`);
  }
  return found;
}

/** Takes the screenshots of a state, and lets axe look at each. */
async function look(name, bring, browser, faces) {
  const stage = await new Stage().open(browser, { reducedMotion: 'reduce' });
  const found = [];
  try {
    await bring(stage);
    for (const [face, { size, ...media }] of faces) {
      await stage.page.setViewportSize(size);
      await stage.again?.();
      await stage.page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'none', ...media });
      await stage.page.screenshot({ path: join(out, `${name}-${face}.png`) });
      const wrong = await stage.page.evaluate(measure, LEAST);
      found.push(...wrong.map((what) => `${face}: ${what}`));
      await stage.page.evaluate(`if (!globalThis.axe) { ${axe} }`);
      const { violations } = await stage.page.evaluate(() =>
        globalThis.axe.run(document, { resultTypes: ['violations'] }),
      );
      for (const { id, impact, nodes } of violations) {
        const where = nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ''}`);
        const line = `${name} ${face}: ${impact} ${id}: ${where.join(' | ')}`;
        if (['serious', 'critical'].includes(impact)) found.push(line);
        else notes.add(line);
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

const browser = isFirefox
  ? await firefox.launch({ executablePath: '/usr/bin/firefox-esr', channel: 'moz-firefox' })
  : await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, check] of Object.entries({ ...checks, ...care })) {
  await run(name, async () => {
    const stage = await new Stage().open(browser, {
      permissions: isFirefox ? [] : ['clipboard-read', 'clipboard-write'],
    });
    try {
      await check(stage);
      assert(stage.errors, []);
    } finally {
      await stage.close();
    }
  });
}
for (const [index, [name, bring]] of Object.entries(isFirefox ? {} : states).entries()) {
  const all = Object.entries(FACES);
  const faces = isShort ? [all[index % all.length]] : all;
  await run(`state ${name}`, () => look(name, bring, browser, faces));
}
await browser.close();
for (const note of notes) console.log(`note    ${note}`);
console.log(`page: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
