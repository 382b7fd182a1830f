// This file develops, builds and serves an app with style sheets, images and two
// pages, as its author would.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command, folderFor, open, show, start, until } from './harness.mjs';

const app = fileURLToPath(new URL('../../examples/vanilla-ts', import.meta.url));
const style = (page, selector, property) => page.evaluate(([selector, property]) => getComputedStyle(document.querySelector(selector))[property], [selector, property]);
const shows = (page, selector, property, value) => until(`${property} ${value}`, async () => (await style(page, selector, property)) === value);

test('what style sheets, Sass and pages become is shown, and an edit of a style sheet keeps the state', async () => {
  const { page, url, complaints, read, write } = await start({ from: app });
  await page.getByRole('heading', { name: 'Tide table' }).waitFor();
  await shows(page, 'body', 'backgroundColor', 'rgb(246, 241, 231)');
  assert.equal(await style(page, 'ul', 'paddingTop'), '12px');
  assert.equal(await style(page, 'li', 'display'), 'grid');
  await until('the image', () => page.evaluate(() => document.querySelector('img').naturalWidth > 0));
  if (process.env.NEXXO_SCREENSHOTS) await page.screenshot({ path: join(process.env.NEXXO_SCREENSHOTS, 'tides.png') });

  await page.getByRole('button', { name: 'Look again' }).click();
  await page.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  write('src/theme.css', read('src/theme.css').replace('#f6f1e7', 'rgb(1, 2, 3)'));
  await shows(page, 'body', 'backgroundColor', 'rgb(1, 2, 3)');
  write('src/theme.css', 'oops {');
  write('src/theme.css', read('src/theme.css').replace('oops {', ':root { --sand: rgb(4, 5, 6) }'));
  await shows(page, 'body', 'backgroundColor', 'rgb(4, 5, 6)');
  assert.equal(await page.locator('output').textContent(), '1');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mark), 'same');

  await page.getByRole('button', { name: 'Chart' }).click();
  await page.locator('.chart').waitFor();
  assert.equal(await style(page, '.chart', 'display'), 'flex');

  await page.goto(`${url}about.html`);
  await page.getByRole('heading', { name: 'About' }).waitFor();
  await shows(page, 'body', 'backgroundColor', 'rgb(4, 5, 6)');
  assert.deepEqual(complaints, []);
});

test('a worker is there while one develops, and an edit of what it is made from starts it anew', async () => {
  const { page, complaints, read, write } = await start({ from: app });
  await page.getByText('The next spring tide is in').waitFor();
  write('src/tides.ts', read('src/tides.ts').replace('4.2', '5'));
  await page.getByText('at 6.0 m').waitFor();
  assert.deepEqual(complaints, []);
});

test('a server renders what the client takes over', async () => {
  const folder = folderFor('rendered');
  cpSync(fileURLToPath(new URL('../../examples/server-rendered', import.meta.url)), folder, { recursive: true });
  for (const config of ['nexxo.config.json', 'nexxo.server.json']) {
    execFileSync(command, ['build', folder, '--no-cache', '--config', join(folder, config)], { stdio: 'pipe' });
  }
  const server = spawn(process.execPath, [join(folder, 'dist/server/server.js')], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PORT: '0' } });
  let said = '';
  server.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  open.push(() => server.kill('SIGTERM'));
  const url = await until('the address', () => /http:\/\/\S+/.exec(said)?.[0]);
  assert.match(await (await fetch(url)).text(), /<li>Ada<\/li><li>Grace<\/li>/, 'it is there without a script');
  const { page, complaints } = await show(url);
  await shows(page, 'section', 'backgroundColor', 'rgb(253, 246, 227)');
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await page.getByRole('textbox').fill('Katherine');
  await page.getByRole('button', { name: 'Sign' }).click();
  assert.deepEqual(await page.locator('li').allTextContents(), ['Ada', 'Grace', 'Katherine']);
  assert.deepEqual(complaints, []);
});

test('a library is imported and required as it was built', () => {
  const folder = folderFor('library');
  cpSync(fileURLToPath(new URL('../../examples/library', import.meta.url)), join(folder, 'node_modules/stepper'), { recursive: true });
  execFileSync(command, ['build', join(folder, 'node_modules/stepper'), '--no-cache'], { stdio: 'pipe' });
  const use = "const { history } = X; const h = history(1); h.set(2); h.undo(); console.log(h.get());";
  writeFileSync(join(folder, 'a.mjs'), `import * as X from 'stepper/history';\n${use}`);
  writeFileSync(join(folder, 'b.cjs'), `const X = require('stepper/history');\n${use}`);
  for (const name of ['a.mjs', 'b.cjs']) {
    assert.equal(execFileSync(process.execPath, [join(folder, name)], { encoding: 'utf8' }), '1\n', name);
  }
  const types = readFileSync(join(folder, 'node_modules/stepper/dist/history.d.ts'), 'utf8');
  assert.match(types, /from "\.\/types\.js"/);
});

test('what is built is served whole, and style sheets come before what is loaded later', async () => {
  const folder = folderFor('web');
  cpSync(app, folder, { recursive: true });
  execFileSync(command, ['build', folder, '--no-cache'], { stdio: 'pipe' });
  const names = readdirSync(join(folder, 'dist'), { recursive: true }).map(String);
  for (const name of ['index.html', 'about.html', 'icon.svg']) assert.ok(names.includes(name), names.join());
  const server = spawn(command, ['preview', folder], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  open.push(() => server.kill('SIGTERM'));
  const url = await until('the address', () => /https?:\/\/\S+/.exec(said)?.[0]);
  const { page, complaints } = await show(url);
  await page.getByRole('heading', { name: 'Tide table' }).waitFor();
  assert.equal(await style(page, 'body', 'backgroundColor'), 'rgb(246, 241, 231)');
  assert.equal(await style(page, 'li', 'display'), 'grid');
  await page.getByRole('button', { name: 'Chart' }).click();
  await page.locator('.chart').waitFor();
  assert.equal(await style(page, '.chart', 'display'), 'flex');
  await page.getByRole('link', { name: 'About this page' }).click();
  await page.getByRole('heading', { name: 'About' }).waitFor();
  assert.equal(await style(page, 'body', 'backgroundColor'), 'rgb(246, 241, 231)');
  assert.deepEqual(complaints, []);
  assert.match(readFileSync(join(folder, 'dist/index.html'), 'utf8'), /<link rel="stylesheet" crossorigin href="\/assets\/[\w-]+\.css">/);
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="/src/none.ts"></script>');
  assert.throws(() => execFileSync(command, ['build', folder, '--no-cache'], { stdio: 'pipe' }), /UNRESOLVED_IMPORT/);
});
