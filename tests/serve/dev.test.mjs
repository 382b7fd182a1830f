// This file edits the example while `nexxo dev` serves it to Chromium: what is
// typed shows, and what the app knew it still knows.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command, example, folderFor, open, start, until } from './harness.mjs';

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
  const again = spawn(command, ['dev', folder, '--port', '5391'], { stdio: 'ignore' });
  open.push(() => {
    again.kill('SIGTERM');
    return new Promise((done) => again.once('exit', done));
  });
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(page.url(), url);
});

test('encrypted, with a certificate of its own', async () => {
  const cache = folderFor('cache');
  process.env.XDG_CACHE_HOME = cache;
  const { page, url, read, write } = await start({ args: ['--https'] });
  assert.match(url, /^https:/);
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  write('src/App.tsx', read('src/App.tsx').replace('Good morning', 'Good evening'));
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
});

const shows = (page, word) => page.getByRole('heading', { name: `${word}, windowsill` }).waitFor();

test('thousands of files at once, and a tree that is checked out anew, are one edit each', async () => {
  const { page, folder, read, write, said } = await start();
  await shows(page, 'Good morning');
  const app = read('src/App.tsx');
  mkdirSync(join(folder, 'src/many'));
  for (let at = 0; at < 5_000; at += 1) writeFileSync(join(folder, `src/many/m${at}.ts`), `export const m${at} = ${at};\n`);
  write('src/App.tsx', app.replace('Good morning', 'Good noon').replace("import { useState } from 'react';", "import { useState } from 'react';\nimport { m4999 } from './many/m4999.ts';\nconsole.log(m4999);"));
  await shows(page, 'Good noon');
  // As git does it: what differs is removed, then made.
  cpSync(join(folder, 'src'), join(folder, 'other'), { recursive: true });
  writeFileSync(join(folder, 'other/App.tsx'), app.replace('Good morning', 'Good night'));
  rmSync(join(folder, 'src'), { recursive: true });
  renameSync(join(folder, 'other'), join(folder, 'src'));
  await shows(page, 'Good night');
  write('src/App.tsx', app.replace('Good morning', 'Good evening'));
  await shows(page, 'Good evening');
  assert.doesNotMatch(said(), /panicked|INTERNAL/);
});

test('a package of the workspace, behind a link, is edited like any other file', async () => {
  const { page, folder, read, write } = await start({
    prepare(folder) {
      mkdirSync(join(folder, 'packages/greet'), { recursive: true });
      writeFileSync(join(folder, 'packages/greet/package.json'), '{ "name": "greet", "type": "module", "exports": "./index.ts" }');
      writeFileSync(join(folder, 'packages/greet/index.ts'), `export const word: string = 'Good morning';\n`);
      symlinkSync('../packages/greet', join(folder, 'node_modules/greet'));
      const app = readFileSync(join(folder, 'src/App.tsx'), 'utf8');
      writeFileSync(join(folder, 'src/App.tsx'), `import { word } from 'greet';\n${app.replace('<h1>Good morning,', '<h1>{word},')}`);
    },
  });
  await shows(page, 'Good morning');
  await page.getByRole('checkbox').check();
  write('packages/greet/index.ts', read('packages/greet/index.ts').replace('morning', 'evening'));
  await shows(page, 'Good evening');
  assert.ok(folder);
});

test('two servers on one folder follow both, and a build beside them is no edit', async () => {
  const first = await start();
  await shows(first.page, 'Good morning');
  const second = spawn(command, ['dev', first.folder], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  let said = '';
  second.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  open.push(() => {
    second.kill('SIGTERM');
    return new Promise((done) => second.once('exit', done));
  });
  const url = await until('the second address', () => /http:\S+/.exec(said)?.[0]);
  assert.notEqual(url, first.url);
  const page = await first.context.newPage();
  await page.goto(url);
  await shows(page, 'Good morning');
  const before = first.said();
  execFileSync(command, ['build', first.folder], { stdio: 'ignore' });
  execFileSync(command, ['build', first.folder, '--minify=false'], { stdio: 'ignore' });
  first.write('src/App.tsx', first.read('src/App.tsx').replace('Good morning', 'Good evening'));
  for (const one of [first.page, page]) await shows(one, 'Good evening');
  assert.equal(first.said().slice(before.length).match(/sent in/g)?.length, 1);
});

test('a folder that goes away is no end, and the app is there when it comes back', async () => {
  const { page, folder, said, server } = await start();
  await shows(page, 'Good morning');
  renameSync(join(folder, 'src'), join(folder, 'gone'));
  await page.locator('nexxo-overlay').waitFor({ state: 'attached' });
  renameSync(join(folder, 'gone'), join(folder, 'src'));
  await shows(page, 'Good morning');
  await page.locator('nexxo-overlay').waitFor({ state: 'detached' });
  assert.equal(server.exitCode, null);
  assert.doesNotMatch(said(), /panicked|INTERNAL/);
});
