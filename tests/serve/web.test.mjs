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
