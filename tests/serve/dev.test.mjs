// This file edits the example while `nexxo dev` serves it to Chromium: what is
// typed shows, and what the app knew it still knows.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from '../browser/harness.mjs';

const command = process.env.NEXXO_BIN;
if (!command) throw new Error('NEXXO_BIN has to name the command that is tested.');
const example = fileURLToPath(new URL('../../examples/react-ts', import.meta.url));
assert.ok(existsSync(join(example, 'node_modules')), 'The packages of examples/react-ts are installed.');

let browser;
const open = [];
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end();
});

/** Serves a copy of the example; `page` shows it. */
async function start({ args = [], prepare = () => {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'nexxo-dev-'));
  open.push(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(example, folder, { recursive: true });
  prepare(folder);
  const server = spawn(resolve(command), ['dev', folder, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const ended = new Promise((done) => server.once('exit', done));
  open.push(() => {
    server.kill('SIGTERM');
    return ended;
  });
  const url = await until('the address', () => /https?:\/\/\S+/.exec(said)?.[0]);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  open.push(() => context.close());
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !message.location().url.endsWith('/favicon.ico') && complaints.push(message.text()));
  await page.goto(url);
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

async function until(what, look) {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`It never came to ${what}.`);
}

test('an edit of a component shows, its state stays, a mistake is shown over the app, and its correction goes on', async () => {
  const { page, complaints, read, write, save, said } = await start();
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await page.getByRole('checkbox').check();
  await page.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  const app = read('src/App.tsx');
  write('src/App.tsx', app.replace('Good morning', 'Good evening'));
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(await page.getByRole('checkbox').isChecked(), true);

  save('src/App.tsx', app.replace('Good morning', 'Good night'));
  await page.getByRole('heading', { name: 'Good night, windowsill' }).waitFor();

  write('src/App.tsx', app.replace('<header>', '<header'));
  await page.locator('nexxo-overlay').waitFor({ state: 'attached' });
  if (process.env.NEXXO_SCREENSHOTS) await page.screenshot({ path: join(process.env.NEXXO_SCREENSHOTS, 'overlay.png') });
  assert.equal(await page.getByRole('checkbox').isChecked(), true);

  write('src/App.tsx', app);
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await page.locator('nexxo-overlay').waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('checkbox').isChecked(), true);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mark), 'same');
  await until('an explanation', () => /src\/App\.tsx: 1 module replaced, at src\/App\.tsx/.test(said()));
  assert.deepEqual(complaints, []);
});

test('a build that fails is a page that says so, and the app comes when it is mended', async () => {
  const { page, read, write } = await start({
    prepare: (folder) => writeFileSync(join(folder, 'src/plant.ts'), 'const = ;'),
  });
  await page.locator('nexxo-overlay').waitFor({ state: 'attached' });
  assert.equal(await page.locator('#root').count(), 0);
  write('src/plant.ts', readFileSync(join(example, 'src/plant.ts'), 'utf8'));
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  assert.ok(read('src/plant.ts').length > 20);
});

test('two pages follow, and one that opens in between is right', async () => {
  const { page, context, url, read, write } = await start();
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  const app = read('src/App.tsx');
  write('src/App.tsx', app.replace('Good morning', 'Good evening'));
  const second = await context.newPage();
  await second.goto(url);
  for (const one of [page, second]) await one.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  write('src/App.tsx', app.replace('Good morning', 'Good night'));
  for (const one of [page, second]) await one.getByRole('heading', { name: 'Good night, windowsill' }).waitFor();
});

test('files of public/ are shown anew in place, and a page that changed loads again', async () => {
  const { page, read, write, complaints } = await start({
    prepare(folder) {
      cpSync(join(example, 'index.html'), join(folder, 'index.html'));
      const html = readFileSync(join(folder, 'index.html'), 'utf8');
      rmSync(join(folder, 'public'), { recursive: true, force: true });
      cpSync(fileURLToPath(new URL('../../www/icon.svg', import.meta.url)), join(folder, 'public/icon.svg'), { recursive: true });
      writeFileSync(join(folder, 'public/extra.css'), ':root { --seen: one; background: url(icon.svg); }');
      writeFileSync(join(folder, 'index.html'), html.replace('</head>', '<link rel="stylesheet" href="/extra.css"></head>').replace('<body>', '<body><img id="logo" src="/icon.svg" alt="">'));
    },
  });
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await page.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  const seen = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--seen').trim());
  assert.equal(await seen(), 'one');
  write('public/extra.css', ':root { --seen: two; }');
  await until('the new style', async () => (await seen()) === 'two');
  assert.equal(await page.locator('link[href*="extra.css"]').count(), 1);
  write('public/icon.svg', read('public/icon.svg').replace('<svg', '<svg data-new="1"'));
  await until('the new image', () => page.evaluate(() => /\?t=\d+$/.test(document.querySelector('#logo').src)));
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mark), 'same');
  write('index.html', read('index.html').replace('</title>', ' two</title>'));
  await until('the new page', async () => (await page.title()).endsWith(' two'));
  assert.deepEqual(complaints, []);
});

test('a server that is started anew has its pages back', async () => {
  const { page, server, ended, folder, url, write, read } = await start({ args: ['--port', '5391'] });
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  server.kill('SIGTERM');
  await ended;
  write('src/App.tsx', read('src/App.tsx').replace('Good morning', 'Good evening'));
  const again = spawn(resolve(command), ['dev', folder, '--port', '5391'], { stdio: 'ignore' });
  open.push(() => {
    again.kill('SIGTERM');
    return new Promise((done) => again.once('exit', done));
  });
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(page.url(), url);
});

test('encrypted, with a certificate of its own', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'nexxo-cache-'));
  open.push(() => rmSync(cache, { recursive: true, force: true }));
  process.env.XDG_CACHE_HOME = cache;
  const { page, url, read, write } = await start({ args: ['--https'] });
  assert.match(url, /^https:/);
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  write('src/App.tsx', read('src/App.tsx').replace('Good morning', 'Good evening'));
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
});
