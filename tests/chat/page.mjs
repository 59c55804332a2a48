// Uses the pages of examples/chat as a person would, in Chromium, against mock.mjs; then looks at
// each of their states at 390 and 1280 pixels, light and dark: a screenshot, and axe-core.
//
//   node tests/chat/page.mjs OUT [--short] [WORD…]
//
// OUT has node_modules with playwright-core, axe-core and ws, and gets the screenshots; with --short,
// each state is looked at in one size and one scheme, taken in turns; with WORDs, only checks and
// states whose name has one of them are done. Ends with `page: N passed, N failed`.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { care } from './care.mjs';
import { checks } from './checks.mjs';
import { assert, modules, SIZES, Stage } from './stage.mjs';
import { states } from './states.mjs';

const [out, ...rest] = process.argv.slice(2);
const isShort = rest.includes('--short');
const words = rest.filter((word) => word !== '--short');
const require = createRequire(join(resolve(out), 'page.mjs'));
const { chromium } = require('playwright-core');
modules.WebSocketServer = require('ws').WebSocketServer;
const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
await mkdir(out, { recursive: true });
const FACES = Object.entries(SIZES).flatMap(([width, size]) =>
  ['light', 'dark'].map((colorScheme) => ({ width, size, colorScheme })),
);

/** Takes the screenshots of a state, and lets axe look at each. */
async function look(name, bring, browser, faces) {
  const stage = await new Stage().open(browser, { reducedMotion: 'reduce' });
  const found = [];
  try {
    await bring(stage);
    for (const { width, size, colorScheme } of faces) {
      await stage.page.setViewportSize(size);
      await stage.again?.();
      await stage.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await stage.page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`) });
      const overflow = await stage.page.evaluate(
        () => document.documentElement.scrollWidth - innerWidth,
      );
      if (overflow > 0) found.push(`${width}: ${overflow} pixels too wide`);
      await stage.page.evaluate(`if (!globalThis.axe) { ${axe} }`);
      const { violations } = await stage.page.evaluate(() =>
        globalThis.axe.run(document, { resultTypes: ['violations'] }),
      );
      for (const { id, impact, nodes } of violations) {
        const where = nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ''}`);
        const line = `${name} ${width} ${colorScheme}: ${impact} ${id}: ${where.join(' | ')}`;
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

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const [name, check] of Object.entries({ ...checks, ...care })) {
  await run(name, async () => {
    const stage = await new Stage().open(browser, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    try {
      await check(stage);
      assert(stage.errors, []);
    } finally {
      await stage.close();
    }
  });
}
for (const [index, [name, bring]] of Object.entries(states).entries()) {
  const faces = isShort ? [FACES[index % FACES.length]] : FACES;
  await run(`state ${name}`, () => look(name, bring, browser, faces));
}
await browser.close();
for (const note of notes) console.log(`note    ${note}`);
console.log(`page: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
