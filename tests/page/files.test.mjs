// This file works on the project's files in the built page by keyboard: it makes,
// renames and deletes some, and sees that edits outlive a reload.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example, goToLine, openPage, preview, rewrite, row, running, screenshot, until } from './harness.mjs';

const focusedPath = (page) => page.evaluate(() => document.activeElement?.dataset.path);
const draft = (page) => page.locator('#tree input');

test('files are made, renamed and deleted by keyboard', async () => {
  const { page, complaints } = await openPage();
  // The tree is one stop of the Tab key; the tools are before it.
  await page.getByRole('button', { name: 'New file' }).focus();
  await page.keyboard.press('Enter');
  await draft(page).waitFor();
  // The file that is shown is in `src`, so that is where the new one goes.
  assert.equal(await draft(page).inputValue(), 'src/');
  await page.keyboard.type('words.ts');
  await page.keyboard.press('Enter');
  await row(page, 'src/words.ts').and(page.locator('[aria-selected=true]')).waitFor();
  await page.locator('#editor .cm-content[aria-label="Editor: src/words.ts"]').waitFor();
  assert.equal(await focusedPath(page), 'src/words.ts');

  // Enter goes on to the editor.
  await page.keyboard.press('Enter');
  await page.locator('#editor .cm-content:focus').waitFor();
  await page.keyboard.insertText(`export const greeting: string = 'Good evening';\n`);
  const app = example.files['src/App.tsx'];
  await rewrite(page, 'src/App.tsx', `import { greeting } from './words.ts';\n${app.replace('Good morning,', '{greeting},')}`);
  await preview(page).getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();

  await row(page, 'src/words.ts').focus();
  await page.keyboard.press('F2');
  await draft(page).waitFor();
  // The name without its extension is selected, so typing replaces that.
  await page.keyboard.type('phrases');
  await page.keyboard.press('Enter');
  await row(page, 'src/phrases.ts').waitFor();
  assert.equal(await row(page, 'src/words.ts').count(), 0);
  assert.equal(await focusedPath(page), 'src/phrases.ts');
  await page.locator('.problem-code', { hasText: 'UNRESOLVED_IMPORT' }).first().waitFor();
  await page.keyboard.press('F2');
  await draft(page).fill('src/words.ts');
  await page.keyboard.press('Enter');
  await page.getByText('No problems.').waitFor();

  await row(page, 'src/words.ts').focus();
  await page.keyboard.press('Delete');
  const dialog = page.getByRole('dialog', { name: 'Delete src/words.ts?' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await focusedPath(page), 'src/words.ts');
  await page.keyboard.press('Delete');
  await dialog.waitFor();
  await screenshot(page, 'delete');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Delete');
  await page.keyboard.press('Enter');
  await until(page, 'the file is gone', async () => (await row(page, 'src/words.ts').count()) === 0);
  await page.locator('.problem-code', { hasText: 'UNRESOLVED_IMPORT' }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test('a folder is renamed with all that is in it', async () => {
  const { page } = await openPage();
  await row(page, 'src/components').focus();
  await page.keyboard.press('F2');
  await draft(page).fill('src/parts');
  await page.keyboard.press('Enter');
  await row(page, 'src/parts/Plant.tsx').waitFor();
  assert.equal(await row(page, 'src/components').count(), 0);
  await page.locator('.problem-code', { hasText: 'UNRESOLVED_IMPORT' }).first().waitFor();
  await rewrite(page, 'src/App.tsx', example.files['src/App.tsx'].replaceAll('./components/', './parts/'));
  await page.getByText('No problems.').waitFor();
});

test('names that cannot be are refused with a reason, and packages can only be read', async () => {
  const { page } = await openPage();
  for (const [name, reason] of [
    ['src/../../x.ts', 'A path has no . and no ...'],
    ['src/App.tsx', 'There is a file src/App.tsx already.'],
    ['src/App.tsx/x.ts', 'src/App.tsx is a file, not a folder.'],
    ['node_modules/react/x.js', 'Packages cannot be changed here.'],
  ]) {
    await page.getByRole('button', { name: 'New file' }).click();
    await draft(page).fill(name);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText(reason, { exact: true }).waitFor();
    assert.equal(await draft(page).getAttribute('aria-invalid'), 'true');
    await page.keyboard.press('Escape');
    await draft(page).waitFor({ state: 'detached' });
  }

  await row(page, 'node_modules').focus();
  await page.keyboard.press('ArrowRight');
  await row(page, 'node_modules/react').focus();
  await page.keyboard.press('ArrowRight');
  await row(page, 'node_modules/react/index.js').click();
  const editor = page.locator('#editor .cm-content[aria-label="Editor: node_modules/react/index.js, read-only"]');
  await editor.waitFor();
  const before = await editor.innerText();
  await editor.click();
  await page.keyboard.type('broken(');
  assert.equal(await editor.innerText(), before);
  await row(page, 'node_modules/react/index.js').focus();
  await page.keyboard.press('F2');
  await page.keyboard.press('Delete');
  assert.equal(await draft(page).count(), 0);
  assert.equal(await page.getByRole('dialog').count(), 0);
  for (const name of ['Rename', 'Delete']) assert.ok(await page.getByRole('button', { name, exact: true }).isDisabled());
});

test('arrows, Home, End and letters move through the tree', async () => {
  const { page } = await openPage();
  await row(page, 'src/App.tsx').focus();
  const presses = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    return focusedPath(page);
  };
  assert.equal(await presses('ArrowDown'), 'src/main.tsx');
  assert.equal(await presses('ArrowLeft'), 'src');
  assert.equal(await presses('ArrowLeft'), 'src');
  assert.equal(await row(page, 'src').getAttribute('aria-expanded'), 'false');
  assert.equal(await row(page, 'src/App.tsx').count(), 0);
  assert.equal(await presses('ArrowRight', 'ArrowRight'), 'src/components');
  assert.equal(await presses('End'), 'node_modules');
  assert.equal(await presses('Home'), 'src');
  assert.equal(await presses('i'), 'index.html');
  assert.equal(await page.locator('#tree [tabindex="0"]').count(), 1);
});

test('edits outlive a reload, belong to one tab, and can be given up', async () => {
  const { page, context, complaints } = await openPage();
  await goToLine(page, '<h1>Good morning, windowsill</h1>');
  for (const _ of '</h1>') await page.keyboard.press('ArrowLeft');
  await page.keyboard.type('!');
  const edited = { name: 'Good morning, windowsill!' };
  await preview(page).getByRole('heading', edited).waitFor();
  assert.match(page.url(), /#file=src\/App\.tsx$/);
  await row(page, 'src/plant.ts').click();
  await page.reload();
  await running(page);
  await preview(page).getByRole('heading', edited).waitFor();
  // The file that was looked at is looked at again.
  await page.locator('#editor .cm-content[aria-label="Editor: src/plant.ts"]').waitFor();

  const other = await context.newPage();
  await other.goto(page.url());
  await running(other);
  await preview(other).getByRole('heading', { name: 'Good morning, windowsill', exact: true }).waitFor();
  assert.ok(await other.getByRole('button', { name: 'Reset' }).isDisabled());
  await other.close();

  await page.getByRole('button', { name: 'Reset' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reset' }).click();
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill', exact: true }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Reset' }).isDisabled());
  assert.deepEqual(complaints, []);
});
