// This file runs the packed package in Chromium, on a plain http page with a
// strict policy and without isolation headers: builds, hooks, messages while a
// build runs, and each way in which the engine can fail.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, serve, unpack } from './harness.mjs';

const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'";

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

async function openPage(headers) {
  const folders = { '/nexxo/': packageDir, '/': fileURLToPath(new URL('./page/', import.meta.url)) };
  server = await serve(folders, headers);
  server.answers.set('/favicon.svg', { body: '<svg xmlns="http://www.w3.org/2000/svg"/>' });
  opened = await open(browser, `${server.url}/`);
  page = opened.page;
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
}

beforeEach(() => openPage({ 'Content-Security-Policy': policy }));
afterEach(async () => {
  await opened?.close();
  await server?.close();
});

/** Waits until that many workers are left. Chromium tells of a worker's end a little later. */
async function workersBecome(count) {
  for (let tries = 0; page.workers().length !== count && tries < 200; tries += 1) await page.waitForTimeout(25);
  assert.equal(page.workers().length, count);
}

/** Lets the page import built files from its own origin, and gives what the first one exports. */
async function run(files) {
  for (const { fileName, text } of files) server.answers.set(`/out/${fileName}`, { body: text });
  return page.evaluate(async (path) => ({ ...(await import(path)) }), `/out/${files[0].fileName}`);
}

test('a project is built and its output runs, without isolation and within the policy', async () => {
  assert.equal(await page.evaluate(() => crossOriginIsolated), false);
  assert.equal(await page.evaluate(() => typeof SharedArrayBuffer), 'undefined');
  const result = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    const project = engine.createProject({
      files: {
        'package.json': '{ "type": "module" }',
        'src/main.tsx': `
          import { add } from 'sums';
          import data from './data.json';
          import type { Unused } from './types';
          const h = (name: string, _: unknown, ...children: string[]) => \`<\${name}>\${children.join('')}</\${name}>\`;
          export const sum: number = add(data.one, 2);
          export const element = <b>{String(sum)}</b>;
          export const later = await import('./later.cjs').then((later) => later.default.word);
        `,
        'src/data.json': '{ "one": 1 }',
        'src/later.cjs': `module.exports = { word: require('./word') };`,
        'src/word.js': 'export default "later"; export { x as "module.exports" }; const x = "later";',
        'node_modules/sums/package.json': '{ "name": "sums", "exports": { "import": "./esm.js" }, "sideEffects": false }',
        'node_modules/sums/esm.js': 'export const add = (a, b) => a + b; export const unused = "not here";',
      },
    });
    const built = await project.build({
      input: { main: 'src/main.tsx' },
      transform: { jsx: { runtime: 'classic', pragma: 'h' } },
      output: { sourcemap: true },
    });
    const { ok, diagnostics } = built;
    return { ok, diagnostics, files: built.outputFiles.map(({ fileName, type, text }) => ({ fileName, type, text })) };
  });
  assert.deepEqual(result.diagnostics, []);
  assert.equal(result.ok, true);
  const isMain = ({ fileName }) => fileName === 'main.js';
  const files = [result.files.find(isMain), ...result.files.filter((file) => !isMain(file))];
  assert.ok(!files.some(({ type, text }) => type === 'chunk' && text.includes('not here')), 'unused code is gone');
  assert.ok(files.some(({ type }) => type === 'sourcemap'));
  assert.deepEqual(await run(files), { sum: 3, element: '<b>3</b>', later: 'later' });
  assert.deepEqual(opened.complaints, []);
});

test('the engine is fetched once, from where the caller says, whatever type the server gives it', async () => {
  const body = readFileSync(join(packageDir, 'nexxo.wasm'));
  server.answers.set('/elsewhere/engine.bin', { body, type: 'application/octet-stream' });
  const outputs = await page.evaluate(async () => {
    const transformed = async (wasm) => {
      const engine = await nexxo.createNexxo({ wasm });
      const { code } = await engine.transform('export const a: number = 1', { fileName: 'a.ts' });
      engine.dispose();
      return code.trim();
    };
    const bytes = await (await fetch('/elsewhere/engine.bin')).arrayBuffer();
    return [
      await transformed('/elsewhere/engine.bin'),
      await transformed(new URL('/elsewhere/engine.bin', location.href)),
      await transformed(bytes),
      await transformed(new Uint8Array(bytes)),
      await transformed(await WebAssembly.compile(bytes)),
    ];
  });
  assert.deepEqual(new Set(outputs), new Set(['export const a = 1;']));
  const fetched = server.requests.filter((path) => /\.(wasm|bin)$/.test(path));
  assert.deepEqual(fetched, Array(3).fill('/elsewhere/engine.bin'));
});

test('the worker comes from where the caller says, or from the caller', async () => {
  for (const name of ['worker.js', 'nexxo.wasm']) {
    server.answers.set(`/elsewhere/${name}`, { body: readFileSync(join(packageDir, name)) });
  }
  const codes = await page.evaluate(async () => {
    const transformed = async (worker) => {
      const engine = await nexxo.createNexxo({ worker });
      const { code } = await engine.transform('let a: 1', { fileName: 'a.ts' });
      engine.dispose();
      return code.trim();
    };
    return [
      await transformed('/elsewhere/worker.js'),
      await transformed(() => new Worker('/elsewhere/worker.js', { type: 'module' })),
    ];
  });
  assert.deepEqual(codes, ['let a;', 'let a;']);
  assert.ok(!server.requests.includes('/nexxo/worker.js') && !server.requests.includes('/nexxo/nexxo.wasm'));
});

test('an engine or a worker that is not there rejects with what to do', async () => {
  server.answers.set('/page.wasm', { body: '<!doctype html>', type: 'text/html' });
  for (const wasm of ['/missing.wasm', '/page.wasm']) {
    const reason = await page.evaluate((wasm) => rejection(nexxo.createNexxo({ wasm })), wasm);
    assert.equal(reason.isNexxoError, true);
    assert.equal(reason.code, 'WASM_UNAVAILABLE');
    assert.ok(reason.message.includes(`${server.url}${wasm}`), reason.message);
    assert.match(reason.diagnostic.hint, /createNexxo\({ wasm }\)/);
  }
  const reason = await page.evaluate(() => rejection(nexxo.createNexxo({ worker: '/missing.js' })));
  assert.equal(reason.code, 'WORKER_UNAVAILABLE');
  await workersBecome(0);
});

test('a policy without `wasm-unsafe-eval` is named as the cause', async () => {
  await opened.close();
  await server.close();
  await openPage({ 'Content-Security-Policy': policy.replace(" 'wasm-unsafe-eval'", '') });
  const reason = await page.evaluate(() => rejection(nexxo.createNexxo()));
  assert.equal(reason.code, 'WASM_UNAVAILABLE');
  assert.match(reason.message, /Content Security Policy/);
  assert.match(reason.diagnostic.hint, /wasm-unsafe-eval/);
});

test('a source that nests deeper than the stack goes is told of, the next build works, and a lower limit names the place', async () => {
  const answers = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    const levels = 450;
    const deep = `x = ${'(class { a = '.repeat(levels)}1${'})'.repeat(levels)};`;
    const project = engine.createProject({ files: { 'deep.js': deep, 'main.js': 'console.log(1);' } });
    const options = { transform: { target: 'es2015' }, output: { minify: true, sourcemap: true } };
    const build = (input, limits) =>
      project.build({ input, ...options, limits }).then(
        ({ ok, diagnostics }) => [ok, ...diagnostics.map(({ code, file }) => [code, file])],
        ({ code }) => code,
      );
    return [await build('deep.js'), await build('main.js'), await build('deep.js', { maxNesting: 100 })];
  });
  assert.deepEqual(answers, ['STACK_EXHAUSTED', [true], [false, ['NESTING_TOO_DEEP', 'deep.js']]]);
});

test('a chain of 10,000 CommonJS modules builds', async () => {
  const result = await page.evaluate(async () => {
    const files = { 'm10000.js': 'exports.last = true;' };
    for (let index = 0; index < 10_000; index += 1) files[`m${index}.js`] = `exports.next = () => require('./m${index + 1}.js');`;
    const engine = await nexxo.createNexxo();
    const built = await engine.createProject({ files }).build({ input: 'm0.js', limits: { deadlineMs: 300_000 } });
    return { ok: built.ok, modules: built.outputFiles[0].text.match(/__commonJS/g).length };
  });
  assert.equal(result.ok, true);
  assert.ok(result.modules > 10_000);
});

for (const [kind, code] of [['trap', 'WORKER_TRAPPED'], ['memory', 'OUT_OF_MEMORY'], ['hang', 'DEADLINE_EXCEEDED']]) {
  test(`after "${kind}" what was open rejects, the sources are intact, and the next build is right`, async () => {
    const seen = await page.evaluate(async (kind) => {
      const engine = await nexxo.createNexxo();
      const restarts = [];
      engine.on('restart', ({ error }) => restarts.push(error.code));
      const bytes = new Uint8Array([0, 255, 128]);
      const project = engine.createProject({
        files: { 'main.js': 'export { default as bytes } from "./data.bin"; export const text = "before";', 'data.bin': bytes },
      });
      const options = { input: 'main.js', moduleTypes: { '.bin': 'base64' }, limits: { deadlineMs: 500 } };
      const context = project.context(options);
      const before = await context.rebuild();
      // The build is held open by a hook, so that it is there when the engine fails.
      let inHook;
      const reached = new Promise((resolve) => (inHook = resolve));
      const holding = { name: 'holding', transform: () => (inHook(), new Promise(() => {})) };
      const open = rejection(project.build(options, { plugins: [holding] }));
      await reached;
      const broken = rejection(engine[fault](kind, 500));
      const reasons = [await open, await broken];
      const files = project.list();
      project.write('main.js', 'export { default as bytes } from "./data.bin"; export const text = "after";');
      const builds = [await project.build(options), await context.rebuild()];
      return {
        before: before.outputFiles[0].text,
        reasons,
        restarts,
        files,
        data: [...project.read('data.bin')],
        after: builds.map(({ outputFiles: [file] }) => file.text),
      };
    }, kind);
    assert.match(seen.before, /"before"/);
    for (const reason of seen.reasons) {
      assert.equal(reason.isNexxoError, true);
      assert.equal(reason.code, code);
      assert.equal(reason.diagnostic.severity, 'error');
      assert.match(reason.diagnostic.hint, /sources are intact/);
    }
    assert.deepEqual(seen.restarts, [code]);
    assert.deepEqual(seen.files, ['/data.bin', '/main.js']);
    assert.deepEqual(seen.data, [0, 255, 128]);
    for (const text of seen.after) {
      assert.equal(text, seen.before.replace('"before"', '"after"'));
      assert.match(text, /AP\+A/);
    }
    await workersBecome(1);
    assert.equal(server.requests.filter((path) => path === '/nexxo/nexxo.wasm').length, 1, 'the module was kept');
  });
}

test('messages are answered while a build runs', async () => {
  const { pongs, memoryBytes, ok } = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    const project = engine.createProject();
    const count = 1500;
    for (let n = 0; n < count; n += 1) {
      project.write(`m${n}.ts`, `${n + 1 < count ? `import './m${n + 1}';` : ''} export const value${n}: number = ${n}; console.log(value${n});`);
    }
    let running = true;
    const build = project.build({ input: 'm0.ts' }).finally(() => (running = false));
    let pongs = 0;
    let memoryBytes = 0;
    while (running) {
      ({ memoryBytes } = await engine.ping());
      if (running) pongs += 1;
    }
    return { pongs, memoryBytes, ok: (await build).ok };
  });
  assert.equal(ok, true);
  assert.ok(pongs >= 2, `${pongs} answers came before the build was done`);
  assert.ok(memoryBytes > 0);
});

test('hooks may be asynchronous, see only what their filter matches, and may fail', async () => {
  const seen = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    const project = engine.createProject({
      files: { 'main.js': 'import a from "virtual:a"; import "./other.js"; export { a };', 'other.js': 'export {}' },
    });
    const later = (value) => new Promise((resolve) => setTimeout(() => resolve(value), 5));
    const calls = [];
    const virtual = {
      name: 'virtual',
      resolveId: { filter: /^virtual:/, handler: (specifier, importer) => (calls.push(`resolveId ${specifier} ${importer}`), later({ id: specifier })) },
      load: { filter: /^virtual:/, handler: (id) => (calls.push(`load ${id}`), later('export default "loaded"')) },
      transform: { filter: { id: /other/ }, handler: (code, id) => (calls.push(`transform ${id}`), later('globalThis.transformed = true;')) },
    };
    const good = await project.build({ input: 'main.js' }, { plugins: [virtual] });
    const failing = [
      { name: 'throwing', load() { throw new Error('thrown on purpose'); } },
      { name: 'rejecting', transform: () => Promise.reject(new Error('rejected on purpose')) },
    ];
    const bad = [];
    for (const plugin of failing) {
      const { ok, diagnostics } = await project.build({ input: 'other.js' }, { plugins: [plugin] });
      bad.push({ ok, diagnostics });
    }
    const again = await project.build({ input: 'other.js' });
    return { calls, text: good.outputFiles[0]?.text, diagnostics: good.diagnostics, bad, again: again.ok };
  });
  assert.deepEqual(seen.diagnostics, []);
  assert.match(seen.text, /"loaded"/);
  assert.match(seen.text, /globalThis\.transformed = true/);
  assert.equal(seen.calls.length, 3, seen.calls.join('\n'));
  assert.match(seen.calls.find((call) => call.startsWith('resolveId')), /^resolveId virtual:a \/?main\.js$/);
  for (const [{ ok, diagnostics }, name, message] of [
    [seen.bad[0], 'throwing', 'thrown on purpose'],
    [seen.bad[1], 'rejecting', 'rejected on purpose'],
  ]) {
    assert.equal(ok, false);
    const text = JSON.stringify(diagnostics);
    assert.ok(text.includes(message) && text.includes(name), text);
  }
  assert.equal(seen.again, true);
});

test('two projects share a worker and nothing else', async () => {
  const texts = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    const projects = ['one', 'two'].map((name) => engine.createProject({ files: { 'main.js': `export default "${name}"` } }));
    const built = await Promise.all(projects.map((project) => project.build({ input: 'main.js' })));
    projects[0].dispose();
    built.push(await projects[1].build({ input: 'main.js' }));
    return built.map(({ outputFiles: [file] }) => file.text);
  });
  assert.match(texts[0], /"one"/);
  assert.match(texts[1], /"two"/);
  assert.match(texts[2], /"two"/);
  assert.equal(page.workers().length, 1);
});

test('several handles have a worker each, and dispose ends it', async () => {
  await page.evaluate(async () => {
    globalThis.engines = [await nexxo.createNexxo(), await nexxo.createNexxo()];
  });
  assert.equal(page.workers().length, 2);
  const reason = await page.evaluate(async () => {
    const [one] = globalThis.engines;
    const open = rejection(one.createProject({ files: { a: '' } }).build({ input: 'a' }));
    one.dispose();
    return open;
  });
  assert.equal(reason.code, 'DISPOSED');
  await workersBecome(1);
  assert.match(await page.evaluate(async () => (await globalThis.engines[1].transform('let a: 1', { fileName: 'a.ts' })).code), /let a;/);
});

test('a build can be aborted, and is replaced by a newer one while it waits', async () => {
  const seen = await page.evaluate(async () => {
    const engine = await nexxo.createNexxo();
    let restarts = 0;
    engine.on('restart', () => (restarts += 1));
    const project = engine.createProject({ files: { 'main.js': 'export default 1' } });
    const abort = new AbortController();
    let inHook;
    const reached = new Promise((resolve) => (inHook = resolve));
    const holding = { name: 'holding', transform: () => (inHook(), new Promise(() => {})) };
    const first = rejection(project.build({ input: 'main.js' }, { plugins: [holding], signal: abort.signal }));
    await reached;
    const second = rejection(project.build({ input: 'main.js' }));
    const third = project.build({ input: 'main.js' });
    abort.abort();
    return { first: await first, second: await second, third: (await third).ok, restarts };
  });
  assert.equal(seen.restarts, 0, 'the engine itself stops an aborted build, also in a hook');
  assert.equal(seen.first.name, 'AbortError');
  assert.equal(seen.second.code, 'SUPERSEDED');
  assert.equal(seen.third, true);
});
