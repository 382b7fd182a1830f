// This file comes back to a page with the packed package in Chromium: what was
// built on one visit is there on the next, before the engine is; and whatever
// happens to the database between, builds are right.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

test('tabs that are killed while they build and keep lose nothing for the others', async () => {
  const texts = new Map();
  const others = page.context();
  const work = async (own) => {
    const tab = await others.newPage();
    await tab.goto(`${server.url}/`);
    await tab.locator('html[data-ready]').waitFor({ state: 'attached' });
    const done = tab.evaluate(async ({ files, options, own, rounds }) => {
      const engine = await nexxo.createNexxo();
      const project = engine.createProject({ files });
      const seen = [];
      for (let round = 0; round < rounds; round += 1) {
        const variant = (own + round) % 4;
        project.write('src/part0.tsx', `export const part0 = ${variant} as number;`);
        seen.push([variant, (await project.build(options)).outputFiles[0].text]);
      }
      engine.dispose();
      return seen;
    }, { files, options, own, rounds: Number(process.env.NEXXO_ROUNDS ?? 12) });
    return { tab, done };
  };
  const take = (seen) => {
    for (const [variant, text] of seen) {
      if (!texts.has(variant)) texts.set(variant, text);
      assert.equal(text, texts.get(variant), `variant ${variant}`);
    }
  };
  const tabs = await Promise.all(Array.from({ length: 8 }, (_, own) => work(own)));
  for (let kill = 0; kill < 6; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    const [{ tab, done }] = tabs.splice(0, 1);
    done.catch(() => {});
    await tab.close({ runBeforeUnload: false });
    tabs.push(await work(kill));
  }
  for (const { done, tab } of tabs) {
    take(await done);
    await tab.close();
  }
  assert.equal(texts.size, 4);
  const damaged = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    return engine.cache.verify();
  });
  assert.ok(damaged.records >= 9, 'each variant, what leads to it and its contents');
  assert.equal(damaged.damaged, 0);
});

test('what is kept can be looked at, checked, thinned, cleared and carried over', async () => {
  const first = await build();
  const seen = await page.evaluate(async ({ files, options }) => {
    const engine = await nexxo.createNexxo({ wait: false });
    const project = engine.createProject({ files });
    await project.build(options);
    const stat = await engine.cache.stat();
    const verified = await engine.cache.verify();
    const archive = await engine.cache.export();
    const cleared = await engine.cache.clear();
    const empty = await engine.cache.stat();
    // One bit of the last record.
    const damaged = archive.slice();
    damaged[damaged.length - 1] ^= 1;
    const taken = [await engine.cache.import(damaged), await engine.cache.import(archive)];
    const problem = await rejection(engine.cache.import(new Uint8Array([1, 2, 3])));
    const cut = await rejection(engine.cache.import(archive.slice(0, -1)));
    const thinned = await engine.cache.gc(10);
    await engine.cache.import(archive);
    engine.dispose();
    const none = await nexxo.createNexxo({ cache: false });
    const nothing = await none.cache.stat();
    none.dispose();
    return { stat, verified, cleared, empty, taken, problem, cut, thinned, nothing };
  }, { files, options });
  assert.equal(seen.stat.isKept, true);
  assert.deepEqual([seen.stat.hits, seen.stat.misses], [1, 0]);
  assert.ok(seen.stat.savedMs > 0);
  assert.deepEqual(seen.stat.families.map(({ name, records }) => [name, records]), [['ways', 2], ['contents', 1]]);
  assert.deepEqual(seen.verified, { records: 3, damaged: 0 });
  assert.deepEqual([seen.cleared.leftBytes, seen.empty.bytes], [0, 0]);
  assert.equal(seen.cleared.freedBytes, seen.stat.bytes);
  assert.deepEqual(seen.taken, [{ records: 2 }, { records: 3 }]);
  assert.equal(seen.problem.code, 'CACHE_UNUSABLE');
  assert.equal(seen.cut.code, 'CACHE_UNUSABLE');
  assert.ok(seen.thinned.leftBytes <= 10);
  assert.deepEqual([seen.nothing.isKept, seen.nothing.bytes], [false, 0]);
  await comeBack();
  const again = await build();
  assert.deepEqual(outcomes(again), ['hit']);
  assert.deepEqual(again.results, first.results);
});

test('a first visit finds what the command has built, without the engine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexxo-seed-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, 'app', path)), { recursive: true });
      writeFileSync(join(folder, 'app', path), text);
    }
    writeFileSync(join(folder, 'app/nexxo.config.json'), JSON.stringify(options));
    const command = (...args) => {
      const { status, stderr, stdout } = spawnSync(process.env.NEXXO_BIN, [...args, '--cache-dir', join(folder, 'cache')], { encoding: 'utf8' });
      assert.equal(status, 0, stderr + stdout);
    };
    command('build', join(folder, 'app'), '--workspace-root', join(folder, 'app'));
    command('cache', 'export', join(folder, 'seed.nxc'));
    server.answers.set('/seed.nxc', { body: readFileSync(join(folder, 'seed.nxc')) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const made = await build({ create: { cache: false } });
  await page.route('**/nexxo.wasm', (route) => route.abort());
  // The configuration is one of the project's files for the command, and is read by no module.
  const seeded = await build({ create: { cache: { seed: '/seed.nxc' } } });
  assert.deepEqual(outcomes(seeded), ['hit']);
  assert.deepEqual(seeded.results, made.results);
  await page.unroute('**/nexxo.wasm');

  // A seed that is none, or not there, costs a line in the console.
  server.answers.set('/nonsense.nxc', { body: 'nonsense' });
  for (const seed of ['/nonsense.nxc', '/missing.nxc']) {
    await page.evaluate(() => new Promise((done) => (indexedDB.deleteDatabase('nexxo-cache-1').onsuccess = done)));
    await comeBack();
    const unseeded = await build({ create: { cache: { seed } } });
    assert.deepEqual(outcomes(unseeded), ['miss'], seed);
    assert.deepEqual(unseeded.results, made.results);
  }
});
