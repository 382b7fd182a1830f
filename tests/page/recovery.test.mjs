// This file breaks the engine under the built page: its worker fails, hangs, or
// cannot be started at all, and the page says so and goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countBuilds, example, goToLine, newContext, openPage, preview, rewrite, row, screenshot, site, until } from './harness.mjs';

const evening = (text) => text.replace('Good morning', 'Good evening');

test('an engine that breaks while nothing is built is replaced, and shows that it is well', async () => {
  const { page } = await openPage();
  const builds = await countBuilds(page);
  const [before] = page.workers();
  await before.evaluate(() => {
    setTimeout(() => {
      throw new Error('broken by a test');
    });
  });
  const status = page.locator('#status');
  await until(page, 'it builds again', async () => (await builds()) === 1);
  await status.getByText(/^Engine restarted\. Built in/).waitFor();
  await page.getByText('No problems.').waitFor();
  await until(page, 'another worker has taken its place', () => page.workers().length === 1 && page.workers()[0] !== before);
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await until(page, 'a screen reader hears of it', async () => /restarted/.test(await page.locator('#announcement').textContent()));

  await rewrite(page, 'src/App.tsx', evening(example.files['src/App.tsx']));
  await preview(page).getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  await status.getByText(/^1 module replaced in/).waitFor();
});

test('an engine that breaks in a build is replaced, and builds the edited files when it is asked again', async () => {
  const { page } = await openPage();
  // In development the page loads again, and with that asks by itself.
  await page.getByRole('radio', { name: 'Production' }).check({ force: true });
  await page.locator('#status').getByText(/kB$/).waitFor();
  await page.workers()[0].evaluate(() => {
    const post = self.postMessage;
    self.postMessage = (message, transfer) => {
      if (message.type === 'settled') throw new Error('broken by a test');
      post.call(self, message, transfer);
    };
  });
  await rewrite(page, 'src/App.tsx', evening(example.files['src/App.tsx']));
  const status = page.locator('#status');
  await status.getByText(/^Engine restarted\. Failed after .*, 1 problem$/).waitFor();
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('listitem');
  await problem.getByText('WORKER_TRAPPED').waitFor();
  assert.match(await problem.innerText(), /sources are intact/);
  await page.locator('#preview-note').getByText('last good build').waitFor();
  await screenshot(page, 'restarted');

  await page.getByRole('button', { name: 'Build again' }).click();
  await preview(page).getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  await page.getByText('No problems.').waitFor();
  assert.equal(await page.locator('#preview-note').isVisible(), false);
});

test('an engine that hangs is replaced at the deadline that the project sets', async () => {
  const { page } = await openPage();
  const config = JSON.parse(example.files['nexxo.config.json']);
  config.output.entryFileNames = 'late.js';
  await rewrite(page, 'nexxo.config.json', JSON.stringify({ ...config, limits: { deadlineMs: 10_000 } }, null, 2));
  await page.locator('#panel-output').getByText('late.js', { exact: true }).waitFor({ state: 'attached' });
  const [before] = page.workers();
  await before.evaluate(() => {
    const post = self.postMessage;
    self.postMessage = (message, transfer) => {
      post.call(self, message, transfer);
      if (message.type === 'began') for (;;);
    };
  });
  await row(page, 'src/App.tsx').click();
  await goToLine(page, '<h1>Good morning, windowsill</h1>');
  for (const _ of '</h1>') await page.keyboard.press('ArrowLeft');
  await page.keyboard.type('!');
  await page.locator('.problem-code', { hasText: 'DEADLINE_EXCEEDED' }).waitFor();
  await page.locator('#status').getByText(/^Engine restarted\. Failed after/).waitFor();
  await until(page, 'the worker that hung is gone', () => page.workers().length === 1 && page.workers()[0] !== before);
  await page.keyboard.press('ControlOrMeta+S');
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill!' }).waitFor();
  await page.getByText('No problems.').waitFor();
});

for (const [file, code] of [
  ['nexxo.wasm', 'WASM_UNAVAILABLE'],
  ['worker.js', 'WORKER_UNAVAILABLE'],
]) {
  test(`without ${file} the page says what is wrong, and the files can be read`, async () => {
    const { context } = await newContext();
    await context.route(`**/${file}`, (route) => route.fulfill({ status: 404, body: '' }));
    const page = await context.newPage();
    await page.goto(site.url);
    await page.locator('#status').getByText('The engine could not start').waitFor();
    await page.locator('.problem-code', { hasText: code }).waitFor();
    await page.locator('.problem-hint').waitFor();
    await page.getByText('There is no preview without the engine.').waitFor();
    await row(page, 'src/plant.ts').click();
    await page.locator('#editor .cm-content[aria-label="Editor: src/plant.ts"]').getByText('isThirsty').first().waitFor();
    if (file === 'nexxo.wasm') await screenshot(page, 'without-engine');
  });
}

test('without the example the page says that it could not start', async () => {
  const { context } = await newContext();
  await context.route('**/examples/*.json', (route) => route.fulfill({ status: 503, body: '' }));
  const page = await context.newPage();
  await page.goto(site.url);
  await page.locator('#status').getByText('The page could not start').waitFor();
  await page.getByRole('alert').getByText('503').waitFor();
});

test('options that cannot be read are a problem at their place', async () => {
  const { page } = await openPage();
  await rewrite(page, 'nexxo.config.json', '{\n  "input": "src/main.tsx",\n  oops\n}\n');
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('listitem');
  await problem.getByText('INVALID_JSON').waitFor();
  assert.match(await problem.locator('.problem-location').innerText(), /^nexxo\.config\.json:3:\d+$/);
  await rewrite(page, 'nexxo.config.json', JSON.stringify({ ...JSON.parse(example.files['nexxo.config.json']), inptu: 1 }));
  await problem.getByText('UNKNOWN_OPTION').waitFor();
  assert.match(await problem.innerText(), /inptu[^]*input/);
  await rewrite(page, 'nexxo.config.json', example.files['nexxo.config.json']);
  await page.getByText('No problems.').waitFor();
});
