// This file comes back to a page with the packed package in Chromium: what was
// built on one visit is there on the next, before the engine is; and whatever
// happens to the database between, builds are right.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, serve, unpack } from './harness.mjs';

let browser;
let packageDir;
let server;
let opened;
let page;

before(async () => {
  packageDir = unpack();
  browser = await launch();
});
after(() => browser?.close());

beforeEach(async () => {
  server = await serve({ '/nexxo/': packageDir, '/': fileURLToPath(new URL('./page/', import.meta.url)) });
  server.answers.set('/favicon.svg', { body: '<svg xmlns="http://www.w3.org/2000/svg"/>' });
  opened = await open(browser, `${server.url}/`);
  page = opened.page;
  await ready();
});
afterEach(async () => {
  await opened?.close();
  await server?.close();
});

const ready = () => page.locator('html[data-ready]').waitFor({ state: 'attached' });

/** Leaves, and comes back. */
async function comeBack() {
  await page.reload();
  await ready();
}

/** A project that takes long enough to be worth keeping. */
const files = { 'src/main.tsx': '', 'package.json': '{ "type": "module" }' };
for (let at = 0; at < 150; at += 1) {
  files[`src/part${at}.tsx`] = `export interface Props { label: string }
export const part${at} = ({ label }: Props) => <b title={label}>{label + ${at}}</b>;
export function more${at}(list: number[]): number { return list.reduce((sum, item) => sum + item * ${at}, 0); }
`;
  files['src/main.tsx'] += `export * from './part${at}';\n`;
}
const options = { input: 'src/main.tsx', transform: { jsx: { runtime: 'classic', pragma: 'h' } }, output: { minify: true }, metafile: true };

/** Builds on this visit; what it gives, and what was said of the cache. */
function build({ edit = {}, remove = [], options: own = options, create = {}, times = 1, context = false } = {}) {
  return page.evaluate(
    async ({ files, own, create, times, context }) => {
      const engine = await nexxo.createNexxo({ wait: false, ...create });
      const project = engine.createProject({ files });
      const events = [];
      const request = { onEvent: (event) => event.type === 'cache' && events.push(event) };
      const held = context ? project.context(own, request) : undefined;
      const results = [];
      for (let round = 0; round < times; round += 1) {
        const result = held === undefined ? await project.build(own, request) : await held.rebuild();
        results.push({ ok: result.ok, files: result.outputFiles.map(({ fileName, text, isEntry, exports }) => ({ fileName, text, isEntry, exports })), metafile: JSON.stringify(result.metafile), diagnostics: result.diagnostics });
        if (context) project.write('src/part7.tsx', `export const part7 = ${round} as number;\nexport function more7(): number { return ${round}; }\n`);
      }
      // Keeping comes after the answer.
      await new Promise((done) => setTimeout(done, 300));
      engine.dispose();
      return { results, events };
    },
    { files: Object.fromEntries(Object.entries({ ...files, ...edit }).filter(([path]) => !remove.includes(path))), own, create, times, context },
  );
}

const outcomes = ({ events }) => events.map(({ outcome }) => outcome);

test('what was built is there on the next visit, without the engine', async () => {
  const first = await build();
  assert.deepEqual(outcomes(first), ['miss']);
  assert.equal(first.results[0].ok, true);
  await comeBack();
  // The engine cannot even be fetched.
  await page.route('**/nexxo.wasm', (route) => route.abort());
  const second = await build();
  assert.deepEqual(outcomes(second), ['hit']);
  assert.deepEqual(second.results, first.results);
  assert.ok(second.events[0].bytes > 1_000 && second.events[0].savedMs > 0);
});

test('a file that is another, that is new or that is gone is built, and an older state is found again', async () => {
  const first = await build();
  const edit = { 'src/part3.tsx': 'export const part3 = 3 as number;' };
  for (const [change, expected] of [
    [{ edit }, 'miss'],
    [{ edit }, 'hit'],
    [{}, 'hit'],
    [{ edit: { 'README.md': 'nobody reads it' } }, 'hit'],
    // Looked for only where there is no `.tsx` file of the same name.
    [{ edit: { 'src/part5.ts': 'export const part5 = "another";' } }, 'hit'],
    [{ edit: { 'src/part5.ts': 'export const part5 = "another";' }, remove: ['src/part5.tsx'] }, 'miss'],
    [{ edit: { 'tsconfig.json': '{ "compilerOptions": { "jsx": "react" } }' } }, 'miss'],
    [{ options: { ...options, output: { minify: false } } }, 'miss'],
    [{ options: { ...options, limits: { deadlineMs: 20_000 } } }, 'hit'],
  ]) {
    await comeBack();
    const kept = await build(change);
    const made = await build({ ...change, create: { cache: false } });
    assert.deepEqual(outcomes(kept), [expected], JSON.stringify(change).slice(0, 200));
    assert.deepEqual(outcomes(made), []);
    assert.deepEqual(kept.results, made.results);
  }
  assert.equal(first.results[0].ok, true);
});

test('a context goes on from what was found', async () => {
  await build({ context: true, times: 3 });
  await comeBack();
  const again = await build({ context: true, times: 3 });
  assert.deepEqual(outcomes(again), ['hit']);
  const made = await build({ context: true, times: 3, create: { cache: false } });
  assert.deepEqual(again.results, made.results);
});

test('files that are written while a result is searched for are not kept as another’s', async () => {
  const edit = { 'src/part7.tsx': 'export const part7 = "while it was searched";' };
  const cold = await build({ create: { cache: false } });
  const edited = await build({ edit, create: { cache: false } });
  for (let visit = 0; visit < 3; visit += 1) {
    const followed = await page.evaluate(async ({ files, edit, options, visit }) => {
      const engine = await nexxo.createNexxo({ wait: visit === 1 });
      const project = engine.createProject({ files });
      const context = project.context(options);
      const first = project.build(options);
      // Goes to the worker with the rebuild, and so while the build still looks for its result.
      project.writeAll(edit);
      const second = await context.rebuild();
      await first;
      await new Promise((done) => setTimeout(done, 500));
      engine.dispose();
      return second.outputFiles[0].text;
    }, { files, edit, options, visit });
    assert.equal(followed, edited.results[0].files[0].text);
    await comeBack();
    assert.deepEqual((await build()).results, cold.results);
    assert.deepEqual((await build({ edit })).results, edited.results);
    await comeBack();
  }
});

test('hooks and failures are not kept', async () => {
  const broken = { edit: { 'src/part9.tsx': 'const = 1;' } };
  for (let visit = 0; visit < 2; visit += 1) {
    const { results, events } = await build(broken);
    assert.equal(results[0].ok, false);
    assert.deepEqual(events.map(({ outcome }) => outcome), ['miss']);
    await comeBack();
  }
});

/** Does something to every record of the database. */
const damage = (how) =>
  page.evaluate(async (how) => {
    const request = indexedDB.open('nexxo-cache-1', 1);
    const database = await new Promise((done, failed) => ((request.onsuccess = () => done(request.result)), (request.onerror = failed)));
    let count = 0;
    for (const name of ['ways', 'contents']) {
      const transaction = database.transaction([name], 'readwrite');
      const store = transaction.objectStore(name);
      const keys = await new Promise((done) => (store.getAllKeys().onsuccess = ({ target }) => done(target.result)));
      const values = await new Promise((done) => (store.getAll().onsuccess = ({ target }) => done(target.result)));
      keys.forEach((key, at) => {
        const bytes = values[at].slice();
        count += 1;
        if (how === 'delete') store.delete(key);
        else if (how === 'truncate') store.put(bytes.slice(0, bytes.length >> 1), key);
        else if (how === 'zero') store.put(new Uint8Array(bytes.length), key);
        else if (how === 'flip') store.put(((bytes[(count * 7919) % bytes.length] ^= 1 << count % 8), bytes), key);
        else if (how === 'swap') store.put(values[(at + 1) % values.length], key);
        else store.put({ nonsense: true }, key);
      });
      await new Promise((done) => (transaction.oncomplete = done));
    }
    database.close();
    return count;
  }, how);

test('a damaged record is a miss, never another result, and is replaced', async () => {
  const first = await build();
  for (const how of ['delete', 'truncate', 'zero', 'flip', 'swap', 'nonsense']) {
    await comeBack();
    assert.ok((await damage(how)) >= 3, how);
    const second = await build();
    assert.deepEqual(outcomes(second), ['miss'], how);
    assert.deepEqual(second.results, first.results, how);
    await comeBack();
    // What is in the way at the first look is gone at the next.
    for (let visit = 0; visit < 3 && outcomes(await build())[0] !== 'hit'; visit += 1) await comeBack();
    const healed = await build();
    assert.deepEqual(outcomes(healed), ['hit'], how);
    assert.deepEqual(healed.results, first.results, how);
  }
});

test('a database that is deleted while it is used, or that cannot be had, stops no build', async () => {
  const first = await build();
  const seen = await page.evaluate(async ({ files, options }) => {
    const engine = await nexxo.createNexxo();
    const project = engine.createProject({ files });
    const texts = [(await project.build(options)).outputFiles[0].text];
    const deleted = await new Promise((done) => {
      const request = indexedDB.deleteDatabase('nexxo-cache-1');
      request.onsuccess = () => done('deleted');
      request.onerror = () => done('failed');
    });
    texts.push((await project.build(options)).outputFiles[0].text);
    await new Promise((done) => setTimeout(done, 300));
    texts.push((await project.build(options)).outputFiles[0].text);
    engine.dispose();
    return { deleted, texts };
  }, { files, options });
  assert.equal(seen.deleted, 'deleted');
  assert.deepEqual(seen.texts, seen.texts.map(() => first.results[0].files[0].text));

  // No room at all: `Storage.overrideQuotaForOrigin` is what a full disk looks like.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: 1 });
  const full = await build({ edit: { 'src/part3.tsx': 'export const part3 = 33;' } });
  assert.equal(full.results[0].ok, true);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.url });
  await comeBack();
  const healed = await build({ edit: { 'src/part3.tsx': 'export const part3 = 33;' } });
  assert.deepEqual(healed.results, full.results);
});

test('the budget holds, and what was used last stays', async () => {
  const create = { cache: { maxBytes: 60_000 } };
  for (let at = 0; at < 4; at += 1) await build({ edit: { 'src/part0.tsx': `export const part0 = ${at} as number;` }, create });
  const bytes = await page.evaluate(async () => {
    const request = indexedDB.open('nexxo-cache-1', 1);
    const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
    let sum = 0;
    for (const name of ['ways', 'contents']) {
      const values = await new Promise((done) => (database.transaction([name]).objectStore(name).getAll().onsuccess = ({ target }) => done(target.result)));
      for (const value of values) sum += value.length;
    }
    database.close();
    return sum;
  });
  assert.ok(bytes > 0 && bytes <= 60_000, `${bytes} bytes`);
});

test('several tabs share it', async () => {
  const tabs = await Promise.all(Array.from({ length: 4 }, async () => {
    const tab = await page.context().newPage();
    await tab.goto(`${server.url}/`);
    await tab.locator('html[data-ready]').waitFor({ state: 'attached' });
    return tab;
  }));
  const rounds = await Promise.all(
    tabs.map((tab, own) =>
      tab.evaluate(async ({ files, options, own }) => {
        const engine = await nexxo.createNexxo();
        const texts = {};
        for (let round = 0; round < 6; round += 1) {
          const variant = (own + round) % 3;
          const project = engine.createProject({ files: { ...files, 'src/part0.tsx': `export const part0 = ${variant} as number;` } });
          const result = await project.build(options);
          const text = result.outputFiles[0].text;
          texts[variant] ??= text;
          if (texts[variant] !== text) throw new Error(`Another result for ${variant}.`);
          project.dispose();
        }
        engine.dispose();
        return texts;
      }, { files, options, own }),
    ),
  );
  for (const texts of rounds) assert.deepEqual(texts, rounds[0]);
});
