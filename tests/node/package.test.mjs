// This file uses the package under Node, through its real worker thread and the
// real engine: builds, hooks, cancelling, several projects, and each way in
// which the engine can fail.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fault, importFile, packageDir } from './package-under-test.mjs';

const { createNexxo, NexxoError } = await importFile('node.js');

let nexxo;
const restarts = [];
before(async () => {
  nexxo = await createNexxo();
  nexxo.on('restart', ({ error }) => restarts.push(error));
});
after(() => nexxo?.dispose());
// Whatever the tests do to the shared engine, it has to come through by itself.
afterEach(() => assert.deepEqual(restarts.splice(0), []));

const withCode = (code) => (error) => error instanceof NexxoError && error.code === code;
const texts = (result) => {
  assert.deepEqual(result.diagnostics.filter(({ severity }) => severity === 'error'), []);
  return result.outputFiles.map(({ text }) => text);
};
/** A plugin that keeps a build open, and a promise that it does. */
function holding() {
  let inHook;
  const reached = new Promise((resolve) => (inHook = resolve));
  return { reached, plugins: [{ name: 'holding', transform: () => (inHook(), new Promise(() => {})) }] };
}
const run = async (text) => ({ ...(await import(`data:text/javascript,${encodeURIComponent(text)}`)) });

test('the package says which version it is, and takes all that it exports along', () => {
  const manifest = JSON.parse(readFileSync(`${packageDir}/package.json`, 'utf8'));
  assert.equal(nexxo.version, manifest.version);
  const named = JSON.stringify(manifest.exports).match(/\.\/[\w.-]+\.(?:json|js|d\.ts|wasm)/g);
  for (const name of [...named, './node-worker.js', './README.md']) assert.ok(readFileSync(`${packageDir}/${name}`).length > 0);
});

test("the browser's files import nothing, and reach for nothing that a strict page has not", async () => {
  for (const name of ['index.js', 'worker.js']) {
    const text = readFileSync(`${packageDir}/${name}`, 'utf8');
    // The engine reads it, as their texts speak of imports too.
    const project = nexxo.createProject({ files: { [name]: text } });
    const { metafile } = await project.build({ input: name, external: ['*'], metafile: true });
    project.dispose();
    const imports = metafile.inputs[name].imports.filter(({ kind }) => kind !== 'new-url');
    assert.deepEqual(imports, [], name);
    assert.doesNotMatch(text, /\bwindow\b|\bdocument\b|\beval\(|new Function|SharedArrayBuffer|createObjectURL/, name);
  }
  const index = readFileSync(`${packageDir}/index.js`, 'utf8');
  assert.match(index, /new Worker\(new URL\(["'`]\.\/worker\.js["'`], ?import\.meta\.url\)/, 'in the form that bundlers see');
  assert.match(readFileSync(`${packageDir}/worker.js`, 'utf8'), /new URL\(["'`]\.\/nexxo\.wasm["'`], ?import\.meta\.url\)/);
});

test('a project of several kinds of files is built and runs', async () => {
  const project = nexxo.createProject({
    files: {
      'src/main.ts': 'import { a } from "./a"; import b from "./b.cjs"; import c from "./c.json"; import d from "./d.txt"; export const all: unknown[] = [a, b.b, c.c, d];',
      'src/a.ts': 'export const a: string = "a"; export const unused = 1;',
      'src/b.cjs': 'exports.b = "b";',
      'src/c.json': '{ "c": "c" }',
      'src/d.txt': new TextEncoder().encode('d é'),
    },
  });
  const events = [];
  const result = await project.build({ input: 'src/main.ts' }, { onEvent: (event) => events.push(event) });
  const [text] = texts(result);
  assert.deepEqual(await run(text), { all: ['a', 'b', 'c', 'd é'] });
  const stages = events.filter(({ type }) => type === 'stage').map(({ stage }) => stage);
  assert.deepEqual(stages, ['init', 'graph', 'plan', 'check', 'execute', 'emit']);
  assert.deepEqual(result.stages.map(({ stage }) => stage), stages);
});

test('mistakes in sources and options are part of the result', async () => {
  const project = nexxo.createProject({ files: { 'main.ts': 'import "./missing";\nlet a = ;' } });
  const broken = await project.build({ input: 'main.ts' });
  assert.equal(broken.ok, false);
  assert.deepEqual(broken.outputFiles, []);
  assert.ok(broken.diagnostics.some(({ code, file, range }) => code === 'PARSE_ERROR' && file === 'main.ts' && range.start.line === 2));
  const unknown = await project.build({ input: 'main.ts', outptu: {} });
  assert.equal(unknown.ok, false);
  assert.equal(unknown.diagnostics[0].code, 'UNKNOWN_OPTION');
  assert.match(unknown.diagnostics[0].hint, /`output`/);
});

test('edits, removals and moves reach the next build', async () => {
  const project = nexxo.createProject({ files: { 'main.js': 'export * from "./lib/a.js"', 'lib/a.js': 'export const a = 1' } });
  const build = async () => run(texts(await project.build({ input: 'main.js' }))[0]);
  assert.deepEqual(await build(), { a: 1 });
  project.write('lib/a.js', 'export const a = 2');
  assert.deepEqual(await build(), { a: 2 });
  project.rename('lib', 'other');
  project.write('main.js', 'export * from "./other/a.js"');
  assert.deepEqual(await build(), { a: 2 });
  project.remove('other');
  assert.equal((await project.build({ input: 'main.js' })).ok, false);
  assert.throws(() => project.write('../x', ''), withCode('INVALID_PATH'));
});

test('a context sees the edits between its rebuilds', async () => {
  const project = nexxo.createProject({ files: { 'main.js': 'export * from "./a.js"', 'a.js': 'export const a = 1' } });
  const transformed = [];
  const plugins = [{ name: 'watching', transform: { filter: /\.js$/, handler: (code, id) => void transformed.push(id) } }];
  const context = project.context({ input: 'main.js' }, { plugins });
  assert.deepEqual(await run(texts(await context.rebuild())[0]), { a: 1 });
  assert.equal(transformed.length, 2);
  project.write('a.js', 'export const a = 2; export const b = 3');
  const [text] = texts(await context.rebuild());
  assert.deepEqual(await run(text), { a: 2, b: 3 });
  assert.equal(texts(await project.build({ input: 'main.js' }))[0], text, 'a rebuild gives the bytes of a build');
  context.dispose();
  await assert.rejects(context.rebuild(), withCode('DISPOSED'));
});

test('one file is transformed without a project', async () => {
  const result = await nexxo.transform('export const a: number = <b>1</b>;', {
    fileName: 'a.tsx',
    transform: { jsx: { runtime: 'classic', pragma: 'h' } },
    sourcemap: true,
  });
  assert.match(result.code, /export const a = .*h\("b", null, "1"\)/);
  assert.equal(JSON.parse(result.map).version, 3);
  const broken = await nexxo.transform('let = ;', { fileName: 'a.js' });
  assert.equal(broken.ok, false);
  assert.equal(broken.code, '');
  assert.equal(broken.diagnostics[0].code, 'PARSE_ERROR');
});

test('hooks work at once or later, in order, and only where their filter matches', async () => {
  const project = nexxo.createProject({
    files: { 'main.js': 'import a from "virtual:a"; import { b } from "./b.js"; export { a, b }', 'b.js': 'export const b = "B"' },
  });
  const calls = [];
  const plugins = [
    {
      name: 'virtual',
      resolveId: { filter: /^virtual:/, handler: (specifier) => ({ id: specifier }) },
      load: { filter: { id: /^virtual:/ }, handler: async (id) => (calls.push(id), { code: `export default ${JSON.stringify(id)} as string`, moduleType: 'ts' }) },
    },
    // Rust has no look-ahead, so this one is checked on this side.
    { name: 'first', transform: { filter: /b(?=\.js)/, handler: (code) => code.replace('B', 'first') } },
    { name: 'second', transform: async (code) => (code.includes('first') ? { code: code.replace('first', 'first second') } : undefined) },
  ];
  assert.deepEqual(await run(texts(await project.build({ input: 'main.js' }, { plugins }))[0]), { a: 'virtual:a', b: 'first second' });
  assert.deepEqual(calls, ['virtual:a']);
});

for (const [how, plugin] of [
  ['throws', { name: 'culprit', load() { throw new Error('on purpose'); } }],
  ['rejects', { name: 'culprit', transform: async () => { throw new Error('on purpose'); } }],
  ['gives nonsense', { name: 'culprit', resolveId: () => 42 }],
]) {
  test(`a hook that ${how} fails the build with its plugin's name, and no other build`, async () => {
    const project = nexxo.createProject({ files: { 'main.js': 'export default 1' } });
    const { ok, diagnostics } = await project.build({ input: 'main.js' }, { plugins: [plugin] });
    assert.equal(ok, false);
    const text = JSON.stringify(diagnostics);
    assert.ok(text.includes('culprit') && /on purpose|gave a number/.test(text), text);
    assert.equal((await project.build({ input: 'main.js' })).ok, true);
  });
}

test('a build can be aborted, and the next one is not in its way', async () => {
  const project = nexxo.createProject({ files: { 'main.js': 'export default 1' } });
  const { reached, plugins } = holding();
  const abort = new AbortController();
  const aborted = project.build({ input: 'main.js' }, { plugins, signal: abort.signal });
  await reached;
  const reason = new Error('enough');
  abort.abort(reason);
  await assert.rejects(aborted, (error) => error === reason);
  assert.equal((await project.build({ input: 'main.js' })).ok, true);
});

test('a waiting build gives way to a newer one', async () => {
  const project = nexxo.createProject({ files: { 'main.js': 'export default 1' } });
  const builds = ['first', 'second', 'third'].map((banner) => project.build({ input: 'main.js', output: { banner: `/* ${banner} */` } }));
  await assert.rejects(builds[1], withCode('SUPERSEDED'));
  assert.match(texts(await builds[0])[0], /first/);
  assert.match(texts(await builds[2])[0], /third/);
});

test('a hook that never answers ends in the deadline, and leaves the engine usable', async () => {
  const project = nexxo.createProject({ files: { 'main.js': 'export default 1' } });
  const { plugins } = holding();
  const build = project.build({ input: 'main.js', limits: { deadlineMs: 200 } }, { plugins });
  await assert.rejects(build, withCode('DEADLINE_EXCEEDED'));
  assert.equal((await project.build({ input: 'main.js' })).ok, true);
});

test('projects do not see each other', async () => {
  const projects = ['one', 'two'].map((name) => nexxo.createProject({ files: { 'main.js': `export default "${name}"`, [`${name}.js`]: '' } }));
  const built = await Promise.all(projects.map((project) => project.build({ input: 'main.js' })));
  assert.deepEqual(await Promise.all(built.map((result) => run(texts(result)[0]))), [{ default: 'one' }, { default: 'two' }]);
  projects[0].dispose();
  await assert.rejects(projects[0].build({ input: 'main.js' }), withCode('DISPOSED'));
  projects[1].write('main.js', 'import "./one.js"');
  assert.equal((await projects[1].build({ input: 'main.js' })).ok, false);
});

for (const [kind, code] of [['trap', 'WORKER_TRAPPED'], ['memory', 'OUT_OF_MEMORY'], ['hang', 'DEADLINE_EXCEEDED']]) {
  test(`after "${kind}" what was open rejects, the sources are intact, and the next build is right`, async () => {
    const engine = await createNexxo();
    try {
      const seen = [];
      engine.on('restart', ({ error }) => seen.push(error.code));
      const project = engine.createProject({ files: { 'main.js': 'export * from "./a.js"', 'a.js': 'export const a = 1' } });
      const options = { input: 'main.js', limits: { deadlineMs: 300 } };
      const context = project.context(options);
      const before = texts(await context.rebuild());
      const { reached, plugins } = holding();
      const open = project.build({ ...options, limits: { deadlineMs: 60_000 } }, { plugins });
      await reached;
      const broken = engine[fault](kind, 300);
      for (const promise of [broken, open]) await assert.rejects(promise, withCode(code));
      assert.deepEqual(seen, [code]);
      assert.deepEqual(texts(await project.build(options)), before);
      project.write('a.js', 'export const a = 2');
      assert.deepEqual(await run(texts(await context.rebuild())[0]), { a: 2 });
    } finally {
      engine.dispose();
    }
  });
}

test('the engine can be named by path, by address, and given as bytes or module', async () => {
  const path = `${packageDir}/nexxo.wasm`;
  const bytes = readFileSync(path);
  for (const wasm of [path, pathToFileURL(path), bytes, await WebAssembly.compile(bytes)]) {
    const engine = await createNexxo({ wasm });
    assert.equal(engine.version, nexxo.version);
    engine.dispose();
  }
  await assert.rejects(createNexxo({ wasm: `${packageDir}/missing.wasm` }), withCode('WASM_UNAVAILABLE'));
  await assert.rejects(createNexxo({ wasm: new Uint8Array(8) }), withCode('WASM_UNAVAILABLE'));
  await assert.rejects(createNexxo({ worker: `${packageDir}/missing.js` }), withCode('WORKER_UNAVAILABLE'));
});

test('a handle that nobody waits for lets the process end', () => {
  const script = `
    import { createNexxo } from ${JSON.stringify(pathToFileURL(`${packageDir}/node.js`).href)};
    const nexxo = await createNexxo();
    const result = await nexxo.createProject({ files: { a: 'export default 1' } }).build({ input: 'a', moduleTypes: { '': 'js' } });
    console.log(nexxo.version, typeof result.ok);
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(output.trim(), `${nexxo.version} boolean`);
});
