// This file edits the example in the built page and sees what follows: a new
// build, a new preview, problems where there are any, files and their sizes,
// the stages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countBuilds, example, goToLine, openPage, preview, rewrite, row, screenshot, until } from './harness.mjs';

const bytes = (text) => {
  const [, number, unit] = /^([\d.]+) (B|kB|MB)$/.exec(text) ?? assert.fail(`\`${text}\` is no size.`);
  return Number(number) * { B: 1, kB: 1e3, MB: 1e6 }[unit];
};

test('the example is built, and its app runs in the preview', async () => {
  const { page, complaints } = await openPage();
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await preview(page).getByText('Fenna is thirsty.').waitFor();
  await preview(page).getByRole('button', { name: 'Water all' }).click();
  await preview(page).getByText('All 6 plants are happy.').waitFor();
  assert.match(await page.locator('#status').innerText(), /^Built in [\d.]+ m?s\s+\d+ modules, [\d.]+ MB$/);
  assert.match(await page.locator('#version').innerText(), /^(nexxo )?\d+\.\d+\.\d+/);
  await page.getByRole('tab', { name: 'Console' }).click();
  await page.getByRole('list', { name: 'Console' }).getByText('Watered everyone.').waitFor();
  assert.deepEqual(complaints, []);
});

test('an edit is built, and the preview shows it', async () => {
  const { page, complaints } = await openPage();
  await goToLine(page, '<h1>Good morning, windowsill</h1>');
  for (const _ of '</h1>') await page.keyboard.press('ArrowLeft');
  await page.keyboard.type(' of mine');
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill of mine', exact: true }).waitFor();
  assert.equal(await page.locator('#preview-note').isVisible(), false);
  assert.deepEqual(complaints, []);
});

test('a mistake is told in the list, in the editor and in the tree, and the last good preview stays until it is mended', async () => {
  const { page, complaints } = await openPage();
  await goToLine(page, 'const [onlyThirsty, setOnlyThirsty]');
  await page.keyboard.insertText(' const = 3;');

  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('listitem');
  await problem.first().waitFor();
  await until(page, 'the mistake is marked in the editor', () => page.locator('#editor .cm-lintRange-error').count());
  assert.equal(await problem.count(), 1);
  const place = problem.locator('.problem-location');
  assert.match(await place.innerText(), /^src\/App\.tsx:9:\d+$/);
  assert.match(await problem.locator('.problem-code').innerText(), /^[A-Z_]+$/);
  assert.match(await problem.locator('pre').innerText(), /const = 3;/);
  assert.equal(await page.locator('#problems-badge').innerText(), '1');
  assert.equal(await page.locator('#editor .cm-lint-marker-error').count(), 1);
  assert.equal(await row(page, 'src/App.tsx').locator('.problem-count').innerText(), '1');
  assert.match(await page.locator('#status').innerText(), /^Failed after [\d.]+ m?s, 1 problem$/);
  await page.locator('#preview-note').getByText('last good build').waitFor();
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await screenshot(page, 'mistake');

  // From the list one gets to the place, from wherever one is.
  await row(page, 'src/main.tsx').click();
  await problem.getByRole('button').first().click();
  await page.locator('#editor .cm-content[aria-label="Editor: src/App.tsx"]:focus').waitFor();
  assert.equal(await page.locator('#editor .cm-lineNumbers .cm-activeLineGutter').innerText(), '9');

  await page.keyboard.press('ControlOrMeta+Z');
  await page.getByText('No problems.').waitFor();
  await until(page, 'no mark is left', async () => (await page.locator('#editor .cm-lintRange-error').count()) === 0);
  assert.equal(await page.locator('#preview-note').isVisible(), false);
  assert.equal(await row(page, 'src/App.tsx').locator('.problem-count').count(), 0);
  // The app tells what it replaced after the engine has told that it is done.
  await page.locator('#status').getByText(/^1 module replaced in/).waitFor();
  assert.deepEqual(complaints, []);
});

test('an import that leads nowhere is told with what to do about it', async () => {
  const { page } = await openPage();
  await rewrite(page, 'src/App.tsx', `import './components/Plnat.tsx';\n${example.files['src/App.tsx']}`);
  const problem = page.getByRole('list', { name: 'Problems' }).getByRole('listitem').first();
  await problem.getByText('UNRESOLVED_IMPORT').waitFor();
  assert.match(await problem.innerText(), /Plnat\.tsx/);
  assert.match(await problem.locator('.problem-location').innerText(), /^src\/App\.tsx:1:\d+$/);
  assert.ok((await problem.locator('.problem-hint').innerText()).length > 10);
});

test('what the app fails with is in the console', async () => {
  const { page } = await openPage();
  await rewrite(page, 'src/main.tsx', `${example.files['src/main.tsx']}\nsetTimeout(() => { throw new Error('wilted'); });\nconsole.warn('dry', { days: [1, 2] });`);
  const lines = page.getByRole('list', { name: 'Console' });
  await until(page, 'the error is counted', async () => (await page.locator('#console-badge').textContent()) === '1');
  await page.getByRole('tab', { name: 'Console' }).click();
  await lines.getByText(/^Error: .*wilted/).waitFor();
  await lines.getByText('Warning: dry { days: [1, 2] }').waitFor();
});

test('output files are listed with their sizes, which fall when they are minified', async () => {
  const { page, complaints } = await openPage();
  await page.getByRole('tab', { name: 'Output' }).click();
  await page.getByRole('radio', { name: 'Production' }).check({ force: true });
  const table = page.getByRole('table', { name: 'Output files' });
  const cells = async () => (await table.locator('tbody tr').first().locator('td').allInnerTexts()).map((text) => text.trim());
  await until(page, 'the production build is there', async () => (await table.locator('tbody tr').count()) === 1 && /\d/.test((await cells())[1]));
  assert.match(await table.locator('tbody th').innerText(), /^main\.js\s*entry$/);
  const [raw, gzip] = (await cells()).map(bytes);
  assert.ok(raw > 150_000 && raw < 400_000, `React and the app are ${raw} bytes.`);
  assert.ok(gzip > 30_000 && gzip < raw / 2, `${gzip} bytes compressed.`);
  await page.locator('.output-viewer .cm-content').getByText('function').first().waitFor();
  await screenshot(page, 'output');

  await page.getByRole('radio', { name: 'Development' }).check({ force: true });
  await until(page, 'the development build is larger', async () => bytes((await cells())[0]) > 2 * raw);
  assert.deepEqual(complaints, []);
});

test('chunks that are loaded on demand are listed and run', async () => {
  const { page, complaints } = await openPage();
  const later = `import { createElement } from 'react';\nexport const Later = () => createElement('p', { id: 'later' }, 'loaded on demand');\n`;
  await row(page, 'src').focus();
  await page.getByRole('button', { name: 'New file' }).click();
  await page.getByRole('textbox', { name: 'Path of the new file' }).fill('src/Later.ts');
  await page.keyboard.press('Enter');
  await rewrite(page, 'src/Later.ts', later);
  await rewrite(
    page,
    'src/main.tsx',
    example.files['src/main.tsx'] +
      `\nconst { Later } = await import('./Later.ts');\nconst place = document.createElement('div');\ndocument.body.append(place);\ncreateRoot(place).render(<Later />);\n`,
  );
  await preview(page).locator('#later').getByText('loaded on demand').waitFor();
  await page.getByRole('tab', { name: 'Output' }).click();
  const files = page.getByRole('table', { name: 'Output files' }).locator('tbody tr');
  await files.filter({ hasText: 'on demand' }).waitFor();
  const names = await files.getByRole('button').allInnerTexts();
  assert.ok(names.includes('main.js') && names.length >= 2, String(names));
  assert.match(await page.getByRole('table', { name: 'Output files' }).locator('tfoot').innerText(), new RegExp(`^${names.length} files`));
  assert.deepEqual(complaints, []);
});

test('the timeline has the six stages in their order', async () => {
  const { page } = await openPage();
  await page.getByRole('tab', { name: 'Timeline' }).click();
  const rows = page.getByRole('table', { name: 'Stages of the last build' }).locator('tbody tr');
  await rows.last().waitFor();
  const cells = await rows.evaluateAll((found) => found.map((one) => [...one.cells].map((cell) => cell.innerText.trim())));
  assert.deepEqual(cells.map(([stage]) => stage), ['init', 'graph', 'plan', 'check', 'execute', 'emit']);
  for (const [stage, time] of cells) assert.match(time, /^[\d.]+ m?s$/, stage);
  assert.match(cells[1][3], /\d+ modules/);
  assert.match(cells[5][3], /2 files, [\d.]+ MB/);
  const bars = await rows.locator('.bar').evaluateAll((found) =>
    found.map((bar) => [bar.getBoundingClientRect(), bar.parentElement.getBoundingClientRect()].map(({ left, right }) => [left, right])),
  );
  bars.reduce((before, [[left, right], [from, to]], at) => {
    assert.ok(left >= from - 2 && right <= to + 3, `the bar of ${cells[at][0]} leaves its track`);
    assert.ok(left >= before - 2, `${cells[at][0]} begins before the stage before it`);
    return left;
  }, 0);
  await screenshot(page, 'timeline');

  // A build that ends early says how far it got.
  await page.getByRole('radio', { name: 'Production' }).check({ force: true });
  await rows.last().getByText(/1 file, /).waitFor();
  await goToLine(page, 'const [onlyThirsty, setOnlyThirsty]');
  await page.keyboard.insertText(' const = 3;');
  await rows.filter({ hasText: 'not reached' }).first().waitFor();
  assert.match(await rows.last().innerText(), /^emit\s+–/);
});

test('the keys that save a page build instead', async () => {
  const { page } = await openPage();
  const builds = await countBuilds(page);
  await page.keyboard.press('ControlOrMeta+S');
  await until(page, 'it builds', async () => (await builds()) === 1);
  await page.locator('#status[data-phase=done]').waitFor();
  await page.getByRole('button', { name: 'Build again' }).click();
  await until(page, 'it builds once more', async () => (await builds()) === 2);
  await page.locator('#status[data-phase=done][data-ok=true]').waitFor();
});
