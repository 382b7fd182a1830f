// This file looks at the built page in light and dark, wide and narrow: contrast
// and roles by axe, what is in reach of the keyboard, what fits.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { goToLine, openPage, preview, previewFrame, row, screenshot, until } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const narrow = { width: 390, height: 780 };

/** Asserts that axe finds nothing in the page, nor in the app that the example is. */
async function check(page, where) {
  for (const [what, frame] of [['page', page], ['app', await previewFrame(page)]]) {
    const violations = await frame.evaluate(async (source) => {
      if (!globalThis.axe) return ['axe is not there'];
      const { violations } = await axe.run(document, { iframes: false, resultTypes: ['violations'] });
      return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`));
    });
    // A frame is a part of a page, which has the landmarks and the title.
    const ours = what === 'page' ? violations : violations.filter((text) => !/^(region|page-has-heading-one|landmark)/.test(text));
    assert.deepEqual(ours, [], `${what}: ${where}`);
  }
}

const openChecked = (options) => openPage({ ...options, initScript: axe });

for (const colorScheme of ['light', 'dark']) {
  test(`everything can be read in ${colorScheme}`, async () => {
    const { page, complaints } = await openChecked({ colorScheme });
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
    // The app asks for what the page has, too.
    assert.equal(await (await previewFrame(page)).evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches), colorScheme === 'dark');
    await check(page, 'at first');
    await screenshot(page, `${colorScheme}`);
    for (const name of ['Console', 'Output', 'Timeline']) {
      await page.getByRole('tab', { name }).click();
      if (name === 'Output') await page.locator('.output-viewer .cm-line').first().waitFor();
      await check(page, name);
    }
    await page.getByRole('tab', { name: 'Problems' }).click();
    await goToLine(page, 'const [onlyThirsty, setOnlyThirsty]');
    await page.keyboard.insertText(' const = 3;');
    await page.locator('.problem').first().waitFor();
    await page.locator('#editor .cm-lintRange-error').first().waitFor();
    await check(page, 'with a problem');
    await page.locator('#editor .cm-lint-marker-error').hover();
    await page.locator('.cm-tooltip-lint, .cm-tooltip .cm-diagnostic').first().waitFor();
    await check(page, 'with the problem’s tooltip');
    await page.keyboard.press('ControlOrMeta+F');
    await page.locator('.cm-search').waitFor();
    await check(page, 'with the search');
    await screenshot(page, `${colorScheme}-problem`);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByRole('dialog').waitFor();
    await check(page, 'with a question');
    await page.keyboard.press('Escape');
    for (const path of ['package.json', 'index.html', 'README.md', 'src/styles.ts', 'src/data/plants.json']) {
      await row(page, path).click();
      await page.locator(`#editor .cm-content[aria-label="Editor: ${path}"]`).waitFor();
      await check(page, path);
    }
    await page.getByRole('button', { name: 'New file' }).click();
    await page.keyboard.type('../x');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').first().waitFor();
    await check(page, 'with a name that cannot be');
    assert.deepEqual(complaints, []);
  });

  test(`everything fits into a narrow window in ${colorScheme}`, async () => {
    const { page, complaints } = await openChecked({ colorScheme, viewport: narrow });
    const views = page.getByRole('navigation', { name: 'Views' });
    for (const [name, within] of [['Files', '#tree'], ['Editor', '#editor-host'], ['Preview', '#preview-host'], ['Build', '#dock']]) {
      await views.getByRole('button', { name }).click();
      await page.locator(within).waitFor();
      assert.equal(await views.locator('[aria-current=true]').innerText(), name);
      await screenshot(page, `narrow-${colorScheme}-${name.toLowerCase()}`);
      await check(page, name);
      const outside = await page.evaluate(() =>
        [...document.querySelectorAll('header *, nav *, .pane-head *, [role=tab], #status')]
          .filter((element) => element.checkVisibility() && !element.closest('.visually-hidden'))
          .map((element) => [element.id || element.className || element.tagName, element.getBoundingClientRect()])
          .filter(([, box]) => box.width > 1 && (box.left < 0 || box.right > innerWidth + 0.5))
          .map(([name]) => String(name)),
      );
      assert.deepEqual(outside, [], name);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, name);
    }
    for (const name of ['Problems', 'Console', 'Output', 'Timeline']) {
      await page.getByRole('tab', { name }).click();
      await check(page, name);
    }

    await views.getByRole('button', { name: 'Editor' }).click();
    await goToLine(page, 'const [onlyThirsty, setOnlyThirsty]');
    await page.keyboard.insertText(' const = 3;');
    await page.locator('#status').getByText(/1 problem/).waitFor();
    await views.getByRole('button', { name: 'Build' }).click();
    await page.getByRole('tab', { name: 'Problems' }).click();
    await page.locator('.problem-place').first().click();
    // The place is in another view, which comes to the front.
    await page.locator('#editor .cm-content:focus').waitFor();
    assert.equal(await views.locator('[aria-current=true]').innerText(), 'Editor');
    await page.keyboard.press('ControlOrMeta+Z');
    await views.getByRole('button', { name: 'Preview' }).click();
    await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
    assert.deepEqual(complaints, []);
  });
}

test('the theme follows the system until somebody chooses, and the choice is kept', async () => {
  const { page } = await openPage({ colorScheme: 'light' });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), 'light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await until(page, 'the page is dark', async () => (await theme()) === 'dark');
  await page.getByRole('button', { name: 'Use the light theme' }).click();
  assert.equal(await theme(), 'light');
  await page.reload();
  await page.locator('#status[data-phase=done]').waitFor();
  assert.equal(await theme(), 'light');
  await page.getByRole('button', { name: 'Use the dark theme' }).waitFor();
});

test('the keyboard gets everywhere, and out of the editor again', async () => {
  const { page } = await openPage();
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the editor');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'editor');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Editor: src/App.tsx');
  // In the editor Tab indents, unless Escape came before.
  const text = await page.locator('#editor .cm-content').innerText();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'border-preview');
  assert.equal(await page.locator('#editor .cm-content').innerText(), text);

  const width = () => page.locator('#preview').evaluate((pane) => pane.getBoundingClientRect().width);
  const before = await width();
  await page.keyboard.press('ArrowLeft');
  assert.ok((await width()) > before);
  await page.keyboard.press('ArrowRight');
  assert.equal(await width(), before);

  await page.locator('#tab-problems').focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-console');
  await page.locator('#panel-console').waitFor();
  await page.keyboard.press('End');
  assert.equal(await focused(), 'tab-timeline');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-problems');

  // Every stop of the Tab key shows where it is.
  const plain = await page.evaluate(async () => {
    const stops = [...document.querySelectorAll('button, input, [tabindex="0"]')].filter((stop) => stop.checkVisibility() && !stop.disabled);
    const unmarked = [];
    for (const stop of stops) {
      stop.focus({ focusVisible: true });
      if (document.activeElement !== stop) continue;
      const marks = [stop, stop.nextElementSibling].filter(Boolean).map((element) => getComputedStyle(element).outlineStyle);
      const host = stop.closest('.editor-host, .output-viewer');
      if (marks.every((style) => style === 'none') && !(host && getComputedStyle(host, '::after').borderTopStyle === 'solid')) {
        unmarked.push(stop.outerHTML.slice(0, 120));
      }
    }
    return unmarked;
  });
  assert.deepEqual(plain, []);
});
