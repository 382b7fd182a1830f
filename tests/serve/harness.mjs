// This file serves copies of the example with `nexxo dev`, and shows them in
// Chromium.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from '../browser/harness.mjs';

if (!process.env.NEXXO_BIN) throw new Error('NEXXO_BIN has to name the command that is tested.');
export const command = resolve(process.env.NEXXO_BIN);
export const example = fileURLToPath(new URL('../../examples/react-ts', import.meta.url));
assert.ok(existsSync(join(example, 'node_modules')), 'The packages of examples/react-ts are installed.');

let browser;
/** What is to be ended after the test, the last first. */
export const open = [];
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end();
});

/** A folder that is gone after the test. */
export function folderFor(what) {
  const folder = mkdtempSync(join(tmpdir(), `nexxo-${what}-`));
  open.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A copy of an example in a folder of its own. */
export function copyExample(from = example) {
  const folder = folderFor('dev');
  cpSync(from, folder, { recursive: true });
  return folder;
}

/** Shows an address in Chromium. */
export async function show(url) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  open.push(() => context.close());
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !message.location().url.endsWith('/favicon.ico') && complaints.push(message.text()));
  await page.goto(url);
  return { page, context, complaints };
}

/** Serves a copy of an example; `page` shows it. */
export async function start({ args = [], prepare = () => {}, from = example } = {}) {
  const folder = copyExample(from);
  prepare(folder);
  const server = spawn(command, ['dev', folder, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const ended = new Promise((done) => server.once('exit', done));
  open.push(() => {
    server.kill('SIGTERM');
    return ended;
  });
  const url = await until('the address', () => /https?:\/\/\S+/.exec(said)?.[0]);
  const { page, context, complaints } = await show(url);
  const file = (path) => join(folder, path);
  return {
    page,
    complaints,
    context,
    url,
    said: () => said,
    read: (path) => readFileSync(file(path), 'utf8'),
    write: (path, text) => writeFileSync(file(path), text),
    /** As editors save: a new file takes the place of the old one. */
    save(path, text) {
      writeFileSync(file(`${path}.tmp~`), text);
      renameSync(file(`${path}.tmp~`), file(path));
    },
    server,
    ended,
    folder,
  };
}

export async function until(what, look) {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`It never came to ${what}.`);
}
