// This file edits the app while it runs: what is typed shows, and what the app
// knew it still knows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example, openPage, preview, rewrite, screenshot, until } from './harness.mjs';

const app = example?.files['src/App.tsx'];
/** Says which frame runs: another one has no such mark. */
const mark = (page) => preview(page).locator('html').evaluate((root) => void (root.dataset.mark = 'same'));
const marked = (page) => preview(page).locator('html').evaluate((root) => root.dataset.mark);

test('an edit of a component shows at once, and its state stays', async () => {
  const { page, complaints } = await openPage();
  await mark(page);
  await preview(page).getByRole('checkbox').check();
  await rewrite(page, 'src/App.tsx', app.replace('Good morning, windowsill', 'Good evening, windowsill'));
  await preview(page).getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(await preview(page).getByRole('checkbox').isChecked(), true);
  assert.equal(await marked(page), 'same');
  await page.locator('#status').getByText(/module replaced in .* at src\/App\.tsx/).waitFor();
  await screenshot(page, 'hmr');
  assert.deepEqual(complaints, []);
});

/** How many records the page's cache has that lead to a result. Two are one whole way. */
async function keptRecords() {
  const request = indexedDB.open('nexxo-cache-1', 1);
  const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
  const count = await new Promise((done) => (database.transaction(['ways']).objectStore('ways').count().onsuccess = ({ target }) => done(target.result)));
  database.close();
  return count >= 2;
}

test('on the next visit the result is there before the engine, and edits go on from it', async () => {
  const { page, complaints } = await openPage();
  await until(page, 'the result is kept', () => page.evaluate(keptRecords));
  let open;
  const held = new Promise((done) => (open = done));
  await page.route('**/nexxo.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await page.addInitScript(() => {
    globalThis.said = [];
    new MutationObserver(() => globalThis.said.push(document.querySelector('#status')?.textContent ?? '')).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.reload();
  await until(page, 'there is a result without the engine', () => page.evaluate(() => globalThis.said.some((text) => text.startsWith('Built in'))));
  open();
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await preview(page).getByRole('checkbox').check();
  await mark(page);
  await rewrite(page, 'src/App.tsx', app.replace('Good morning, windowsill', 'Good evening, windowsill'));
  await preview(page).getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(await preview(page).getByRole('checkbox').isChecked(), true);
  assert.equal(await marked(page), 'same');
  assert.deepEqual(complaints, []);
});

test('an edit of a hook runs its components again, and one of a plain module goes up to them', async () => {
  const { page, complaints } = await openPage();
  await mark(page);
  const plant = example.files['src/plant.ts'];
  await rewrite(page, 'src/plant.ts', `${plant}\nexport const added = 1;\n`);
  await page.locator('#status').getByText(/replaced in/).waitFor();
  assert.equal(await marked(page), 'same');
  assert.deepEqual(complaints, []);
});

test('a mistake keeps the app as it is, and its correction goes on with it', async () => {
  const { page } = await openPage();
  await mark(page);
  await preview(page).getByRole('checkbox').check();
  await rewrite(page, 'src/App.tsx', app.replace('<header>', '<header'));
  await page.getByRole('list', { name: 'Problems' }).getByText('PARSE_ERROR').first().waitFor();
  assert.equal(await preview(page).getByRole('checkbox').isChecked(), true);
  await rewrite(page, 'src/App.tsx', app.replace('Water all', 'Water every one'));
  await preview(page).getByRole('button', { name: 'Water every one' }).waitFor();
  assert.equal(await preview(page).getByRole('checkbox').isChecked(), true);
  assert.equal(await marked(page), 'same');
});

test('where nothing takes a change on, the app starts anew', async () => {
  const { page, complaints } = await openPage();
  await mark(page);
  await rewrite(page, 'src/main.tsx', `${example.files['src/main.tsx']}\ndocument.body.dataset.edited = 'yes';\n`);
  await until(page, 'the app runs anew', async () => (await preview(page).locator('body').getAttribute('data-edited')) === 'yes');
  await preview(page).locator('#root > *').first().waitFor();
  assert.equal(await marked(page), undefined);
  assert.deepEqual(complaints, []);
});
