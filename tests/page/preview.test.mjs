// This file runs projects in previews, as the package shows them to any page that
// embeds it: what an app can do there, and what comes back from it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { example, newContext, openPage, preview, previewFrame, rewrite, row, running, screenshot, site, until } from './harness.mjs';
import { appFrame, embed } from './embed.mjs';

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

test('the page is under a strict policy, and the file for inline previews alone runs nothing', async () => {
  const { context, complaints } = await newContext();
  const page = await context.newPage();
  const response = await page.goto(site.url);
  const policy = (await response.allHeaders())['content-security-policy'];
  assert.match(policy, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
  assert.doesNotMatch(policy, /script-src[^;]*('unsafe-inline'|'unsafe-eval'|blob:|data:)/);
  await running(page);
  assert.deepEqual(complaints, []);

  const alone = await context.newPage();
  await alone.goto(`${site.url}preview/__nexxo/inline.html#guessed`);
  assert.equal(await alone.evaluate(() => self.origin), 'null');
  await alone.evaluate(() => {
    const [one, two] = [new MessageChannel(), new MessageChannel()];
    postMessage({ type: 'nexxo:run', nonce: 'guessed', page: '', scripts: [{ fileName: 'x.js', code: 'globalThis.ran = true', isEntry: true }] }, '*', [one.port1, two.port1]);
  });
  await until(alone, 'the message was delivered', () => alone.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100, true))));
  assert.equal(await alone.evaluate(() => globalThis.ran), undefined);
});

/** The smallest module of WebAssembly there is. */
const wasm = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const files = {
  'index.html': '<!doctype html><title>One</title><a id="two" href="/two">two</a><a id="hash" href="#there">hash</a><a id="save" href="/note.txt" download>save</a><div id="root"></div><script type="module" src="/src/main.ts"></script>',
  'two.html': '<!doctype html><title>Two</title><div id="root"></div><script type="module" src="./src/two.ts"></script>',
  'src/main.ts': `import { word } from './word.ts'; document.querySelector('#root')!.textContent = word + ' at ' + location.pathname; console.log('started', { at: [1, 2] });`,
  'src/word.ts': `export const word: string = 'one';`,
  'src/two.ts': `document.querySelector('#root')!.textContent = 'two';`,
  'src/lazy.ts': `export const lazy = 'lazy';`,
  'public/note.txt': 'a note',
  'public/logo.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'public/worker.js': 'postMessage("from the worker")',
  'public/empty.wasm': wasm,
};
const options = { input: ['src/main.ts', 'src/two.ts'], output: { sourcemap: true } };

test('an app has its own origin, routes, pages, files, workers, WebAssembly, history and downloads', async () => {
  const { page, took } = await embed(files, options);
  const app = await appFrame(page, 'one at /');
  assert.notEqual(new URL(app.url()).origin, new URL(page.url()).origin);
  assert.match(new URL(app.url()).hostname, /^[\w-]+\.localhost$/);
  const found = await app.evaluate(async () => {
    const get = async (path, init) => {
      const response = await fetch(path, init);
      return [response.status, response.headers.get('content-type'), (await response.text()).slice(0, 30)];
    };
    const worker = new Promise((resolve) => (new Worker('/worker.js').onmessage = ({ data }) => resolve(data)));
    return {
      note: await get('/note.txt?query'),
      image: await get('/logo.svg'),
      missing: await get('/missing.png'),
      source: await get('/src/word.ts'),
      posted: await get('/note.txt', { method: 'POST' }),
      head: await get('/note.txt', { method: 'HEAD' }),
      wasm: (await WebAssembly.instantiateStreaming(fetch('/empty.wasm'))).instance instanceof WebAssembly.Instance,
      worker: await worker,
      secure: isSecureContext,
      storage: (localStorage.setItem('a', '1'), localStorage.getItem('a')),
    };
  });
  assert.deepEqual(found.note, [200, 'text/plain; charset=utf-8', 'a note']);
  assert.deepEqual(found.image.slice(0, 2), [200, 'image/svg+xml; charset=utf-8']);
  assert.deepEqual([found.missing[0], found.source[0], found.posted[0]], [404, 404, 405]);
  assert.deepEqual(found.head, [200, 'text/plain; charset=utf-8', '']);
  assert.deepEqual([found.wasm, found.worker, found.secure, found.storage], [true, 'from the worker', true, '1']);

  // A route of the app's own, reloaded there; then another page, and back.
  await app.evaluate(() => history.pushState(null, '', '/deep/route?x=1'));
  await until(page, 'the place is told', async () => (await took()).some(({ path }) => path === '/deep/route?x=1'));
  await app.evaluate(() => location.reload());
  await appFrame(page, 'one at /deep/route');
  await (await appFrame(page)).locator('#hash').click();
  assert.equal(await (await appFrame(page)).evaluate(() => location.hash), '#there');
  await (await appFrame(page)).locator('#two').click();
  await appFrame(page, 'two');
  assert.equal(await (await appFrame(page)).evaluate(() => document.title), 'Two');
  await page.evaluate(() => window.preview.go(-1));
  await appFrame(page, 'one at /deep/route');
  await page.evaluate(() => window.preview.navigate('/'));
  await appFrame(page, 'one at /');
  const [download] = await Promise.all([page.waitForEvent('download'), (await appFrame(page)).locator('#save').click()]);
  assert.equal(download.suggestedFilename(), 'note.txt');
});

test('an edit is in the running page, files of public/ are shown anew, and a page in a tab of its own follows', async () => {
  const { page, context, write } = await embed({ ...files, 'src/main.ts': `${files['src/main.ts']}\nif (import.meta.hot) import.meta.hot.accept();` }, options);
  const app = await appFrame(page, 'one at /');
  await app.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  const [tab] = await Promise.all([context.waitForEvent('page'), page.evaluate(() => window.preview.openInNewTab('/'))]);
  const inTab = await appFrame(tab, 'one at /', '');
  assert.equal(await tab.evaluate(() => opener), null);
  assert.equal(await inTab.evaluate(() => parent.opener), null);
  await write({ 'src/word.ts': `export const word = 'more';` });
  await appFrame(page, 'more at /');
  await appFrame(tab, 'more at /', '');
  assert.equal(await (await appFrame(page)).evaluate(() => document.documentElement.dataset.mark), 'same');
  await (await appFrame(page)).evaluate(() => document.body.append(Object.assign(new Image(), { id: 'logo', src: '/logo.svg' })));
  await write({ 'public/logo.svg': '<svg xmlns="http://www.w3.org/2000/svg" id="new"/>' });
  await until(page, 'the image is fetched again', async () => /\?t=\d+$/.test(await (await appFrame(page)).locator('#logo').getAttribute('src')));
  await write({ 'index.html': files['index.html'].replace('One', 'Uno') });
  await until(page, 'the page is another', async () => (await (await appFrame(page)).evaluate(() => document.title).catch(() => '')) === 'Uno');
});

test('what the app prints and fails with comes back, with its place in the sources', async () => {
  const { page, took, write } = await embed({ ...files, 'src/main.ts': `${files['src/main.ts']}\nif (import.meta.hot) import.meta.hot.accept();` }, options);
  await appFrame(page, 'one at /');
  await until(page, 'the line is there', async () => (await took()).some(({ lines }) => lines?.[0]?.text === 'started { at: [1, 2] }'));
  await write({ 'src/word.ts': `// moved\n// down\nfunction fail(): never { throw new Error('out of words'); }\nexport const word: string = 'late';\nsetTimeout(() => fail());` });
  const error = await until(page, 'the error is there', async () => (await took()).find(({ name, diagnostic }) => name === 'error' && diagnostic.code === 'UNCAUGHT_ERROR')?.diagnostic);
  assert.equal(error.message, 'Error: out of words');
  assert.deepEqual([error.file, error.range.start.line, error.range.start.column], ['src/word.ts', 3, 32]);
  assert.match(error.frame, /> 3 \| function fail\(\): never \{ throw new Error/);
  assert.match(error.notes[0], /src\/word\.ts:3:32/);
  await (await appFrame(page)).locator('nexxo-overlay').waitFor({ state: 'attached' });
  await (await appFrame(page)).evaluate(() => void Promise.reject(new TypeError('not kept')));
  const rejection = await until(page, 'the rejection is there', async () => (await took()).find(({ diagnostic }) => diagnostic?.code === 'UNHANDLED_REJECTION')?.diagnostic);
  assert.equal(rejection.message, 'TypeError: not kept');
});

test('a build that fails is shown in the preview and told, and the app comes when it is mended', async () => {
  const { page, took, write } = await embed({ ...files, 'src/word.ts': 'const = ;' }, options);
  await (await appFrame(page)).locator('nexxo-overlay').waitFor({ state: 'attached' });
  assert.ok((await took()).some(({ name, result }) => name === 'broken' && result.diagnostics[0].code === 'PARSE_ERROR'));
  await write({ 'src/word.ts': files['src/word.ts'] });
  await appFrame(page, 'one at /');
});

test('where there is no service worker, the app runs inline, with its modules replaced all the same', async () => {
  const { page, took, write } = await embed({ ...files, 'src/main.ts': `${files['src/main.ts'].replace('location.pathname', '1')}\nif (import.meta.hot) import.meta.hot.accept();` }, options, { serviceWorkers: 'block' });
  await appFrame(page, 'one at 1');
  const ready = await until(page, 'the mode is told', async () => (await took()).find(({ name }) => name === 'ready'));
  assert.deepEqual([ready.mode, ready.reason.code], ['inline', 'PREVIEW_UNAVAILABLE']);
  assert.equal(await (await appFrame(page)).evaluate(() => self.origin), 'null');
  await write({ 'src/word.ts': `export const word = 'more';` });
  await appFrame(page, 'more at 1');
  await page.evaluate(() => window.preview.reload());
  await until(page, 'the app runs anew', async () => page.frames().length === 2);
  await appFrame(page, 'more at 1');
});

test('the service worker may be ended at any time, and an app that has been loaded needs no network', async () => {
  const { page, context, write } = await embed({ ...files, 'src/main.ts': `${files['src/main.ts']}\nif (import.meta.hot) import.meta.hot.accept();` }, options);
  const app = await appFrame(page, 'one at /');
  const session = await context.newCDPSession(page);
  await session.send('ServiceWorker.enable');
  const note = () => app.evaluate(() => fetch('/note.txt').then((response) => response.text()));
  await context.setOffline(true);
  assert.equal(await note(), 'a note');
  await session.send('ServiceWorker.stopAllWorkers');
  assert.equal(await note(), 'a note');
  await write({ 'src/word.ts': `export const word = 'offline';` });
  await appFrame(page, 'offline at /');
  await session.send('ServiceWorker.stopAllWorkers');
  await page.evaluate(() => window.preview.navigate('/route'));
  await appFrame(page, 'offline at /route');
});

test('a tab is loaded again where it is, follows edits then, and is forgotten when it is closed', async () => {
  const { page, context, write } = await embed({ ...files, 'src/main.ts': `${files['src/main.ts']}\nif (import.meta.hot) import.meta.hot.accept();` }, options);
  await appFrame(page, 'one at /');
  const [tab] = await Promise.all([context.waitForEvent('page'), page.evaluate(() => window.preview.openInNewTab('/'))]);
  await (await appFrame(tab, 'one at /', '')).evaluate(() => history.pushState(null, '', '/there'));
  await tab.waitForTimeout(300);
  await tab.reload();
  const again = await appFrame(tab, 'one at /there', '');
  assert.equal(await again.evaluate(() => parent.opener), null);
  await write({ 'src/word.ts': `export const word = 'more';` });
  await appFrame(tab, 'more at /there', '');
  await page.evaluate(() => {
    const { dev } = window;
    window.left = [];
    const detach = dev.detach.bind(dev);
    dev.detach = (id) => (window.left.push(id), detach(id));
  });
  await tab.close();
  await until(page, 'its page is forgotten', async () => (await page.evaluate(() => window.left)).length > 0);
  await appFrame(page, 'more at /');
});

test('parts of files are served, scripts are found from where their page is, and a page without scripts runs none', async () => {
  const { page } = await embed({ ...files, 'docs/index.html': '<!doctype html><title>Docs</title><div id="root"></div><script type="module" src="../src/two.ts"></script>', 'plain.html': '<!doctype html><title>Plain</title><div id="root">plain</div>' }, options);
  const app = await appFrame(page, 'one at /');
  const parts = await app.evaluate(async () => {
    const found = [];
    for (const range of ['bytes=2-3', 'bytes=-4', 'bytes=3-', 'bytes=99-', 'bytes=0-1,2-3']) {
      const response = await fetch('/note.txt', { headers: { range } });
      found.push([response.status, response.headers.get('content-range'), await response.text()]);
    }
    return found;
  });
  assert.deepEqual(parts, [[206, 'bytes 2-3/6', 'no'], [206, 'bytes 2-5/6', 'note'], [206, 'bytes 3-5/6', 'ote'], [416, 'bytes */6', ''], [200, null, 'a note']]);
  await page.evaluate(() => window.preview.navigate('/docs/'));
  await appFrame(page, 'two');
  await page.evaluate(() => window.preview.navigate('/plain'));
  const plain = await appFrame(page, 'plain');
  await page.waitForTimeout(300);
  assert.deepEqual(await plain.evaluate(() => [document.title, document.scripts.length]), ['Plain', 1]);
});

test('an app that hangs is told of at the next edit, and starts anew', async () => {
  const { page, took, write } = await embed(files, options);
  const app = await appFrame(page, 'one at /');
  void app.evaluate(() => setTimeout(() => { for (;;); })).catch(() => {});
  await page.waitForTimeout(300);
  await write({ 'src/word.ts': `export const word = 'mended';` });
  await until(page, 'it is told', async () => (await took()).some(({ name }) => name === 'hung'));
  await page.evaluate(() => window.preview.restart());
  await appFrame(page, 'mended at /');
  assert.equal((await took()).filter(({ name }) => name === 'hung').length, 1);
});

test('in the playground, an endless loop goes away with its correction', async () => {
  const { page } = await openPage();
  await rewrite(page, 'src/main.tsx', 'for (;;);\n');
  await page.waitForTimeout(1_500);
  await rewrite(page, 'src/main.tsx', example.files['src/main.tsx']);
  await preview(page).getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
});

test('an error is told even where the file that finds its place cannot be fetched', async () => {
  const { page, context, took } = await embed(files, options);
  await context.route('**/stacks.js', (route) => route.abort());
  const app = await appFrame(page, 'one at /');
  await app.evaluate(() => void Promise.reject(new TypeError('not kept')));
  const { diagnostic } = await until(page, 'the rejection is there', async () => (await took()).find(({ name }) => name === 'error'));
  assert.deepEqual([diagnostic.code, diagnostic.message, diagnostic.file], ['UNHANDLED_REJECTION', 'TypeError: not kept', undefined]);
});

test('where nothing is served at the origin the app runs inline; where there is no page for that either, the preview says so', async () => {
  const unserved = await embed({ ...files, 'src/main.ts': `document.querySelector('#root')!.textContent = 'inline';` }, options, {}, { origin: 'http://*.localhost:9' });
  await appFrame(unserved.page, 'inline');
  const ready = (await unserved.took()).find(({ name }) => name === 'ready');
  assert.deepEqual([ready.mode, ready.reason.code], ['inline', 'PREVIEW_UNAVAILABLE']);
  const missing = await embed(files, options, {}, { origin: undefined, inline: '/missing.html' });
  const stopped = await until(missing.page, 'it is told', async () => (await missing.took()).find(({ name }) => name === 'stopped'));
  assert.equal(stopped.reason.code, 'PREVIEW_UNAVAILABLE');
  assert.match(stopped.reason.message, /nothing answered at http:\/\/localhost:\d+\/missing\.html/);
  assert.equal(await missing.page.locator('iframe').count(), 0);
});

test('a place in the overlay opens the editor there, and diagnostics that are shown can be taken away', async () => {
  const { page } = await openPage();
  await rewrite(page, 'src/main.tsx', `${example.files['src/main.tsx']}\nsetTimeout(() => {\n  throw new Error('of the app');\n});\n`);
  await preview(page).locator('nexxo-overlay').waitFor({ state: 'attached' });
  await row(page, 'src/App.tsx').click();
  const overlay = await (await previewFrame(page)).$('nexxo-overlay');
  const box = await overlay.boundingBox();
  await screenshot(page, 'uncaught');
  // Its root is closed: the place is found by the keyboard, as a person would.
  await page.mouse.click(box.x + box.width / 2, box.y + 60);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('#editor .cm-content[aria-label="Editor: src/main.tsx"]').waitFor();
  await page.locator('#editor .cm-activeLine', { hasText: 'throw new Error' }).waitFor();
  const { page: embedder } = await embed(files, options);
  const app = await appFrame(embedder, 'one at /');
  const overlays = (count) => until(embedder, `there are ${count} overlays`, async () => (await app.locator('nexxo-overlay').count()) === count);
  await embedder.evaluate(() => window.preview.show([{ code: 'X', severity: 'error', message: 'shown', notes: [] }]));
  await overlays(1);
  await embedder.evaluate(() => window.preview.show([]));
  await overlays(0);
});

test('the lines of docs/dev.md show an app, follow its edits and tell what is wrong', async () => {
  const text = readFileSync(new URL('../../docs/dev.md', import.meta.url), 'utf8');
  const code = /```js\n(.*?)```/s.exec(text)?.[1];
  assert.ok(code !== undefined && code.trim().split('\n').length < 40);
  const { context } = await newContext();
  const page = await context.newPage();
  await page.goto(site.url);
  const index = `/${await page.locator('link[rel=modulepreload]').first().getAttribute('href')}`;
  const replaced = [
    [`from 'nexxo';`, `from '${index}';`],
    [`from 'nexxo/preview';`, `from '${index.replace('index.js', 'preview.js')}';`],
    [`'https://*.preview.example'`, '`http://*.localhost:${location.port}`'],
  ].reduce((text, [from, to]) => (assert.ok(text.includes(from), from), text.replace(from, () => to)), code);
  // What the page of an IDE has already. Imports come first, wherever they stand.
  const body = `const { files, editor, status, showProblems } = window.ide;\n${replaced}\nwindow.ide.started();`;
  await context.route('**/ide.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
  await page.evaluate(async () => {
    document.body.innerHTML = '<div id="preview"></div>';
    const ide = { problems: [], said: [], files: {
      'src/main.tsx': `import { word } from './word'; document.querySelector('#root')!.textContent = word; if (import.meta.hot) import.meta.hot.accept();`,
      'src/word.ts': `export const word = 'one';`,
    } };
    ide.editor = { onChange: (listener) => (ide.edit = listener) };
    ide.status = (text) => ide.said.push(text);
    ide.showProblems = (problems) => ide.problems.push(...problems);
    window.ide = ide;
    await new Promise((resolve, reject) => {
      ide.started = resolve;
      import('/ide.js').catch(reject);
    });
  });
  await appFrame(page, 'one');
  await page.evaluate(() => window.ide.edit('src/word.ts', 'export const word = ;'));
  await until(page, 'the mistake is told', () => page.evaluate(() => window.ide.problems.some(({ code }) => code === 'PARSE_ERROR')));
  await page.evaluate(() => window.ide.edit('src/word.ts', `export const word = 'two'; setTimeout(() => { throw new Error('late'); });`));
  await appFrame(page, 'two');
  await until(page, 'the error is told with its place', () => page.evaluate(() => window.ide.problems.some(({ code, file }) => code === 'UNCAUGHT_ERROR' && file === 'src/word.ts')));
  assert.ok((await page.evaluate(() => window.ide.said)).length > 0);
});
