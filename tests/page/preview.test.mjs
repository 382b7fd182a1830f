// This file tries to get out of the preview's frame, as code that somebody
// pastes into the playground might.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example, newContext, openPage, preview, previewFrame, rewrite, running, site, until } from './harness.mjs';

test('the frame has an opaque origin: no parent, no storage, no cookies, no network', async () => {
  const { page } = await openPage();
  await page.evaluate(() => {
    localStorage.setItem('secret', 'of the page');
    document.cookie = 'secret=of-the-page';
  });
  // The server's policy has the same sandbox, but a host may send no policy.
  assert.equal(await page.locator('iframe.preview-frame').getAttribute('sandbox'), 'allow-scripts');
  const frame = await previewFrame(page);
  const found = await frame.evaluate(async (url) => {
    const attempt = async (run) => {
      try {
        return `worked: ${await run()}`;
      } catch (thrown) {
        return thrown.name;
      }
    };
    return {
      origin: self.origin,
      parent: await attempt(() => parent.document.title),
      frameElement: await attempt(() => String(self.frameElement)),
      localStorage: await attempt(() => localStorage.length),
      sessionStorage: await attempt(() => sessionStorage.length),
      cookie: await attempt(() => document.cookie),
      indexedDB: await attempt(() => new Promise((resolve, reject) => {
        const request = indexedDB.open('x');
        request.onsuccess = resolve;
        request.onerror = () => reject(request.error);
      })),
      caches: await attempt(() => caches.open('x')),
      serviceWorker: await attempt(() => navigator.serviceWorker.register('/sw.js')),
      fetch: await attempt(() => fetch(url)),
      image: await attempt(() => new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = resolve;
        image.onerror = () => reject(new DOMException('', 'NetworkError'));
        image.src = `${url}icon.svg`;
      })),
      top: await attempt(() => {
        top.location.href = 'about:blank';
      }),
      popup: await attempt(() => String(open('about:blank'))),
    };
  }, site.url);
  assert.equal(found.origin, 'null');
  for (const barred of ['parent', 'localStorage', 'sessionStorage', 'cookie', 'indexedDB', 'caches', 'serviceWorker']) {
    assert.match(found[barred], /^(SecurityError|TypeError|NotSupportedError)$/, `${barred} ${found[barred]}`);
  }
  assert.equal(found.frameElement, 'worked: null');
  assert.equal(found.fetch, 'TypeError');
  assert.equal(found.image, 'NetworkError');
  assert.equal(found.top, 'SecurityError');
  assert.equal(found.popup, 'worked: null');
  assert.equal(page.url().startsWith(site.url), true);
});

test('the project cannot speak for the page: messages of another run or shape are ignored', async () => {
  const { page, complaints } = await openPage();
  await rewrite(
    page,
    'src/main.tsx',
    `${example.files['src/main.tsx']}
for (const message of [
  { type: 'print', nonce: 'guessed', lines: [{ level: 'error', text: 'forged' }] },
  { type: 'print', lines: [{ level: 'error', text: 'forged' }] },
  { type: 'print', nonce: location.hash.slice(1), lines: [{ level: 'fatal', text: 'forged' }] },
  { type: 'print', nonce: location.hash.slice(1), lines: { length: 1e9 } },
  null,
  'forged',
]) parent.postMessage(message, '*');
console.log('<img src=x onerror=alert(1)>');
`,
  );
  await page.getByRole('tab', { name: 'Console' }).click();
  const lines = page.getByRole('list', { name: 'Console' });
  await lines.getByText('<img src=x onerror=alert(1)>').waitFor();
  assert.equal(await page.locator('#panel-console img').count(), 0);
  assert.equal(await lines.getByText('forged').count(), 0);
  assert.deepEqual(complaints, []);
});

test('a project that prints without end leaves the page usable', async () => {
  const { page } = await openPage();
  await rewrite(page, 'src/main.tsx', `for (let line = 0; line < 6_000; line += 1) console.log('line', line);\n${example.files['src/main.tsx']}`);
  await page.getByRole('tab', { name: 'Console' }).click();
  await page.getByRole('list', { name: 'Console' }).getByText(/has printed 5000 lines/).waitFor();
  assert.ok((await page.locator('#panel-console li').count()) <= 500);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('Nothing was printed.').waitFor();
});

test('the preview is stopped, and runs again', async () => {
  const { page, complaints } = await openPage();
  await page.getByRole('button', { name: 'Stop the preview' }).click();
  await page.getByText('The preview is stopped.').waitFor();
  assert.equal(await page.locator('iframe').count(), 0);
  await page.getByRole('button', { name: 'Run the preview again' }).click();
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  assert.equal(await page.getByText('The preview is stopped.').count(), 0);
  assert.deepEqual(complaints, []);
});

test('the page is under a strict policy, and the frame’s file alone runs nothing', async () => {
  const { context, complaints } = await newContext();
  const page = await context.newPage();
  const response = await page.goto(site.url);
  const policy = (await response.allHeaders())['content-security-policy'];
  assert.match(policy, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
  assert.doesNotMatch(policy, /script-src[^;]*('unsafe-inline'|'unsafe-eval'|blob:|data:)/);
  await running(page);
  assert.deepEqual(complaints, []);

  const alone = await context.newPage();
  await alone.goto(`${site.url}preview.html#guessed`);
  assert.equal(await alone.evaluate(() => self.origin), 'null');
  await alone.evaluate(() => postMessage({ type: 'run', nonce: 'guessed', scripts: [{ fileName: 'x.js', code: 'globalThis.ran = true', isEntry: true, isModule: true }] }, '*'));
  await until(alone, 'the message was delivered', () => alone.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100, true))));
  assert.equal(await alone.evaluate(() => globalThis.ran), undefined);
});
