// This file has what the page's tests share: the built page on a server with the
// playground's policy, and a Chromium in which every complaint fails the test.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../www/serve.mjs';
import { launch } from '../browser/harness.mjs';

/** The built page: the folder that `cargo xtask test` names, or `www/dist`. */
const dist = resolve(process.env.NEXXO_WWW_DIST || fileURLToPath(new URL('../../www/dist/', import.meta.url)));

/** A build of the first example takes seconds on a slow machine; what never happens should still fail. */
const patienceMs = Number(process.env.NEXXO_PATIENCE_MS || 60_000);

/** The example as the page gets it. */
export const example = existsSync(join(dist, 'examples'))
  ? JSON.parse(readFileSync(join(dist, 'examples', readdirSync(join(dist, 'examples'))[0]), 'utf8'))
  : undefined;

/** The only thing that the page's tests of one file have in common. */
export const site = { url: '', browser: undefined };
const opened = [];

before(async () => {
  assert.ok(example, `There is no built page in ${dist}. Build it with \`node www/build.mjs --out ${dist}\`.`);
  const { url, close } = await serve(dist);
  Object.assign(site, { url, close, browser: await launch() });
});
after(async () => {
  await site.browser?.close();
  await site.close?.();
});
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});

/** Opens a browser of its own, with a script in every document before its own ones where `initScript` is one. `complaints` collects console errors, uncaught errors and violations of the policy. */
export async function newContext({ initScript, ...options } = {}) {
  const context = await site.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(patienceMs);
  const complaints = [];
  opened.push({ context });
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`violates ${event.effectiveDirective}: ${event.blockedURI || event.sample}`);
    });
  });
  if (initScript !== undefined) await context.addInitScript(initScript);
  context.on('page', (page) => {
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  });
  return { context, complaints };
}

/** Opens the page and waits until the example runs. `what` is `{ hash, …context options }`. */
export async function openPage({ hash = '', ...options } = {}) {
  const { context, complaints } = await newContext(options);
  const page = await context.newPage();
  await page.goto(site.url + hash);
  await running(page);
  return { page, context, complaints };
}

/** Waits until a build is through and its preview is shown. */
export async function running(page) {
  await page.locator('#status[data-phase=done]').waitFor();
  await preview(page).locator('#root > *').first().waitFor({ state: 'attached' });
}

/** What is inside the preview's frame. */
export function preview(page) {
  return page.frameLocator('iframe.nexxo-preview').frameLocator('iframe.shown');
}

/** The frame itself, to run code in. */
export async function previewFrame(page) {
  const handle = await page.frameLocator('iframe.nexxo-preview').locator('iframe.shown').elementHandle();
  return handle.contentFrame();
}

export function row(page, path) {
  return page.locator(`#tree [data-path="${path}"]`);
}

/** Puts the cursor at the end of the line that has the text. */
export async function goToLine(page, text) {
  await page.locator('#editor .cm-line', { hasText: text }).first().click();
  await page.keyboard.press('End');
}

/** Chooses a file in the tree and gives it other contents, as by pasting over everything. */
export async function rewrite(page, path, contents) {
  await row(page, path).click();
  await page.locator(`#editor .cm-content[aria-label="Editor: ${path}"]`).focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(contents);
}

/** Counts the builds that begin from now on; gives a function that tells how many. */
export async function countBuilds(page) {
  await page.evaluate(() => {
    const status = document.querySelector('#status');
    let before = status.dataset.phase;
    window.builds = 0;
    new MutationObserver(() => {
      if (status.dataset.phase === 'building' && before !== 'building') window.builds += 1;
      before = status.dataset.phase;
    }).observe(status, { attributes: true, attributeFilter: ['data-phase'] });
  });
  return () => page.evaluate(() => window.builds);
}

/** Keeps a picture of the page where `NEXXO_SCREENSHOTS` names a folder. */
export async function screenshot(page, name) {
  const folder = process.env.NEXXO_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}

/** Waits until a function that looks at the page gives something true, and gives that. */
export async function until(page, what, look) {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await page.waitForTimeout(50);
  }
  const status = await page.locator("#status").textContent({ timeout: 1_000 }).catch(() => "none");
  throw new Error(`It never happened that ${what}. The status was: ${status}`);
}
