// What the peers in Node.js have in common: `ws`, processes and checks. The first argument of each
// of them is the directory with `ws`, which is that of the logs, too.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const out = resolve(process.argv[2]);
export const ws = createRequire(join(out, 'peer.mjs'))('ws');

const children = new Set();
let failures = 0;

/** Starts a process. It ends with the check that starts it, or with all of them. */
export function start(program, parameters, stderr = 'pipe') {
  const child = spawn(program, parameters, { stdio: ['pipe', 'pipe', stderr] });
  children.add(child);
  child.on('close', () => children.delete(child));
  return child;
}

/** Starts a program that says where it listens, and returns that with the lines that follow. */
export async function listen(name, program, ...parameters) {
  const child = start(program, parameters, openSync(join(out, `${name}.log`), 'a'));
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line');
  return { child, lines, url: line.replace('listening on ', '') };
}

/** Makes a check, and prints what came of it. */
export async function run(name, check, patience = 20_000) {
  const [begin, others] = [Date.now(), new Set(children)];
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not done after ${patience} ms`)), patience);
  });
  try {
    await Promise.race([check(), late]);
    console.log(`ok      ${name} (${Date.now() - begin} ms)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${name}\n        ${error.stack ?? error}`);
  } finally {
    clearTimeout(timer);
    for (const child of children) if (!others.has(child)) child.kill('SIGKILL');
  }
}

/** Ends the peer. */
export const finish = () => process.exit(failures === 0 ? 0 : 1);

process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });
process.on('SIGTERM', () => process.exit(1));
