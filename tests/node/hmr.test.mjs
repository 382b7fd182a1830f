// This file replaces modules in running pages, through the package under Node:
// where a change ends, what is kept, and when only a reload will do.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { openPage } from './hmr-page.mjs';
import { importFile } from './package-under-test.mjs';

const { createNexxo } = await importFile('node.js');

let nexxo;
const open = [];
before(async () => {
  nexxo = await createNexxo();
});
after(() => nexxo?.dispose());
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await (thing.close?.() ?? thing.dispose());
});

/** A project with one page on it. `edit` gives what came of an edit: the result, the page's report, and what the app said. */
async function start(files, options = {}) {
  const project = nexxo.createProject({ files });
  const dev = project.dev({ input: 'main.js', ...options });
  open.push(project, dev);
  const reports = [];
  dev.on('report', (report) => reports.push(report));
  const page = await openPage(dev);
  open.push(page);
  const took = () => page.log.splice(0);
  return {
    project,
    dev,
    page,
    reports,
    first: took(),
    async edit(changes) {
      for (const [path, contents] of Object.entries(changes)) {
        if (contents === null) project.remove(path);
        else project.write(path, contents);
      }
      const result = await dev.update();
      const patch = result.patches.find((one) => one.page === page.id);
      if (patch !== undefined || result.reload !== undefined) {
        await page.until('the report', () => reports.some((report) => report.page === page.id));
      }
      // What the callbacks put off comes in the same order through the same port.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { result, report: reports.splice(0)[0], log: took() };
    },
  };
}

const codes = ({ diagnostics }) => diagnostics.map(({ code }) => code);

test('a module that accepts itself runs again alone, and hands its state on', async () => {
  const module = (word) => `
    log('${word}', import.meta.hot.data.count ?? 'new');
    import.meta.hot.dispose((data) => { data.count = (data.count ?? 0) + 1; log('dispose ${word}'); });
    import.meta.hot.accept((next) => log('accept', next.word));
    export const word = '${word}';
  `;
  const { first, edit } = await start({ 'main.js': `import './a.js'; log('main');`, 'a.js': module('one') });
  assert.deepEqual(first, ['one new', 'main']);
  const second = await edit({ 'a.js': module('two') });
  assert.deepEqual(second.log, ['dispose one', 'two 1', 'accept two']);
  assert.deepEqual(second.report.boundaries, [{ module: 'a.js', accepted: 'a.js' }]);
  assert.deepEqual(second.report.replaced, ['a.js']);
  assert.deepEqual(second.report.files, ['a.js']);
  const third = await edit({ 'a.js': module('three') });
  assert.deepEqual(third.log, ['dispose two', 'three 2', 'accept three']);
});

test('an importer that accepts a module gets its new exports and does not run again; those between do', async () => {
  const { first, edit } = await start({
    'main.js': `import { b } from './b.js'; log('main', b); import.meta.hot.accept('./b.js', (next) => log('got', next.b));`,
    'b.js': `import { a } from './a.js'; log('b'); export const b = 'b' + a;`,
    'a.js': `log('a'); export const a = 1;`,
  });
  assert.deepEqual(first, ['a', 'b', 'main b1']);
  const { log, report } = await edit({ 'a.js': `log('a'); export const a = 2;` });
  assert.deepEqual(log, ['a', 'b', 'got b2']);
  assert.deepEqual(report.boundaries, [{ module: 'main.js', accepted: 'b.js' }]);
  assert.deepEqual(report.replaced, ['a.js', 'b.js']);
});

test('several modules can be accepted together: those that did not change are left out', async () => {
  const { edit } = await start({
    'main.js': `import './a.js'; import './b.js'; import.meta.hot.accept(['./a.js', './b.js'], ([a, b]) => log(a?.name, b?.name));`,
    'a.js': `export const name = 'a1';`,
    'b.js': `export const name = 'b1';`,
  });
  assert.deepEqual((await edit({ 'b.js': `export const name = 'b2';` })).log, ['undefined b2']);
  assert.deepEqual((await edit({ 'a.js': `export const name = 'a2';` })).log, ['a2 undefined']);
});

test('where nothing accepts a change, the page loads again and says why', async () => {
  const { dev, page, edit } = await start({ 'main.js': `import { a } from './a.js'; log(a);`, 'a.js': 'export const a = 1;' });
  const { report } = await edit({ 'a.js': 'export const a = 2;' });
  assert.equal(report.type, 'reload');
  assert.equal(report.reason, 'nothing accepts `a.js` on the way up to `main.js`');
  await page.close();
  const again = await openPage(dev);
  open.push(again);
  assert.deepEqual(again.log, ['2']);
});

test('some exports can be accepted: importers of others still follow', async () => {
  const module = (value) => `export const value = ${value}; export const other = 1; log('a', value); import.meta.hot.acceptExports(['value'], (next) => log('got', next.value));`;
  const only = await start({ 'main.js': `import { value } from './a.js'; log('main', value);`, 'a.js': module(1) });
  assert.deepEqual((await only.edit({ 'a.js': module(2) })).log, ['a 2', 'got 2']);
  const both = await start({ 'main.js': `import { value, other } from './a.js'; log('main', value, other);`, 'a.js': module(1) });
  assert.equal((await both.edit({ 'a.js': module(2) })).report.type, 'reload');
});

test('a module can be given up, and its importers follow', async () => {
  const { edit } = await start({
    'main.js': `import './b.js';`,
    'b.js': `import { a } from './a.js'; log('b', a); import.meta.hot.accept(() => log('accepted b'));`,
    'a.js': `export const a = 1; import.meta.hot.accept(() => import.meta.hot.invalidate('not this way'));`,
  });
  const { log, report } = await edit({ 'a.js': `export const a = 2; import.meta.hot.accept(() => import.meta.hot.invalidate('not this way'));` });
  assert.deepEqual(log, ['b 2', 'accepted b']);
  assert.deepEqual(report.boundaries, [{ module: 'a.js', accepted: 'a.js' }, { module: 'b.js', accepted: 'b.js' }]);
});

test('a module that is given up with nobody above it makes the page load again, with its reason', async () => {
  const text = (value) => `export const a = ${value}; import.meta.hot.accept(() => import.meta.hot.invalidate('not this way'));`;
  const { edit } = await start({ 'main.js': text(1) });
  const { report } = await edit({ 'main.js': text(2) });
  assert.equal(report.type, 'reload');
  assert.match(report.reason, /nothing accepts `main.js` \(not this way\)/);
});

test('a circle of imports ends at what accepts it', async () => {
  const { edit } = await start({
    'main.js': `import { a } from './a.js'; log(a()); import.meta.hot.accept('./a.js', (next) => log('got', next.a()));`,
    'a.js': `import { b } from './b.js'; export const name = 'a'; export const a = () => b();`,
    'b.js': `import { name } from './a.js'; export const b = () => name + 1;`,
  });
  const { log, report } = await edit({ 'b.js': `import { name } from './a.js'; export const b = () => name + 2;` });
  assert.deepEqual(log, ['got a2']);
  assert.deepEqual(report.replaced, ['b.js', 'a.js']);
});

test('what is imported no longer is pruned, and runs anew when it is imported again', async () => {
  const main = (imports) => `${imports} log('main'); import.meta.hot.accept();`;
  const { edit } = await start({
    'main.js': main(`import './a.js';`),
    'a.js': `log('a'); import.meta.hot.prune(() => log('prune a'));`,
  });
  assert.deepEqual((await edit({ 'main.js': main('') })).log, ['main', 'prune a']);
  assert.deepEqual((await edit({ 'main.js': main(`import './a.js'; `) })).log, ['a', 'main']);
});

test('a mistake is told and changes nothing; its correction goes on from there, also where it takes it back', async () => {
  const module = (text) => `export const a = ${text}; import.meta.hot.accept((next) => log('got', next.a));`;
  const { edit, page } = await start({ 'main.js': `import { a } from './a.js'; log(a);`, 'a.js': module('1') });
  const broken = await edit({ 'a.js': module('(') });
  assert.equal(broken.result.ok, false);
  assert.deepEqual(codes(broken.result), ['PARSE_ERROR']);
  assert.deepEqual(broken.result.patches, []);
  assert.equal(page.sent.at(-1).type, 'error');
  assert.equal(page.sent.at(-1).diagnostics[0].file, 'a.js');
  assert.deepEqual((await edit({ 'a.js': module('2') })).log, ['got 2']);
  await edit({ 'a.js': module('(') });
  assert.deepEqual((await edit({ 'a.js': module('2') })).log, ['got 2'], 'the page is told that the mistake is gone');
});

test('a package or file that is missing is told, and comes with the edit that brings it', async () => {
  const { edit } = await start({ 'main.js': `import { a } from './a.js'; log(a); import.meta.hot.accept('./a.js', (next) => log('got', next.a));`, 'a.js': 'export const a = 1;' });
  assert.deepEqual(codes((await edit({ 'a.js': `import 'nowhere'; export const a = 2;` })).result), ['MISSING_PACKAGE']);
  assert.deepEqual(codes((await edit({ 'a.js': `import { b } from './b.js'; export const a = b;` })).result), ['UNRESOLVED_IMPORT']);
  assert.deepEqual((await edit({ 'b.js': 'export const b = 3;' })).log, ['got 3']);
});

test('files are added, renamed and removed', async () => {
  const main = (name) => `import { a } from './${name}.js'; log('main', a); import.meta.hot.accept();`;
  const { edit, dev, project } = await start({ 'main.js': main('a'), 'a.js': `export const a = 'a';` });
  assert.deepEqual((await edit({ 'main.js': main('b'), 'b.js': `export const a = 'b';`, 'a.js': null })).log, ['main b']);
  const gone = await edit({ 'b.js': null });
  assert.deepEqual(codes(gone.result), ['UNRESOLVED_IMPORT']);
  assert.deepEqual((await edit({ 'b.js': `export const a = 'again';` })).log, ['main again']);
  const now = await dev.open();
  const clean = nexxo.createProject({ files: Object.fromEntries(project.list().map((path) => [path, project.read(path)])) });
  open.push(clean);
  const built = await clean.build({ input: 'main.js', dev: {} });
  assert.deepEqual(now.result.outputFiles.map(({ text }) => text), built.outputFiles.map(({ text }) => text));
});

test('a file that steers resolution makes all pages load again', async () => {
  const { edit } = await start({ 'main.js': `log('main'); import.meta.hot.accept();`, 'package.json': '{}' });
  const { result, report } = await edit({ 'package.json': '{ "type": "module" }' });
  assert.equal(result.reload, 'a file that steers resolution changed');
  assert.equal(report.type, 'reload');
});

test('a file that no module is made of changes nothing', async () => {
  const { edit } = await start({ 'main.js': `log('main');`, 'notes.txt': 'a' });
  const { result, report } = await edit({ 'notes.txt': 'b' });
  assert.deepEqual([result.ok, result.patches, report], [true, [], undefined]);
});

test('pages get what they have not seen, each for itself, and one that opens between edits is right', async () => {
  const module = (value) => `export const a = ${value}; import.meta.hot.accept((next) => log('got', next.a));`;
  const { dev, page, edit } = await start({ 'main.js': `import { a } from './a.js'; import './b.js'; log('main', a);`, 'a.js': module(1), 'b.js': `import.meta.hot.accept(() => log('b'));` });
  assert.deepEqual((await edit({ 'a.js': module(2) })).log, ['got 2']);
  const late = await openPage(dev);
  open.push(late);
  assert.deepEqual(late.log.splice(0), ['main 2']);
  const { result, log } = await edit({ 'a.js': module(3) });
  await late.until('its update', () => late.log.length > 0);
  assert.deepEqual([log, late.log.splice(0)], [['got 3'], ['got 3']]);
  assert.deepEqual(result.patches.map(({ page: id, seq }) => [id, seq]), [[page.id, 2], [late.id, 1]]);
});

test('what an app sends that is no message is dropped, and a page that is detached is sent nothing', async () => {
  const module = (value) => `log(${value}); import.meta.hot.accept();`;
  const { page, dev, edit, reports } = await start({ 'main.js': module(1) });
  const odd = [null, 1, 'updated', {}, { type: 'updated' }, { type: 'updated', files: [], replaced: [], boundaries: [null] }, { type: 'factories', request: 1, modules: [{}] }, { type: 'reloading', reason: {} }, { type: 'constructor' }];
  for (const data of odd) page.port.onmessage({ data });
  assert.deepEqual(reports, []);
  assert.deepEqual((await edit({ 'main.js': module(2) })).log, ['2']);
  dev.detach(page.id);
  assert.deepEqual((await edit({ 'main.js': module(3) })).result.patches, []);
});

test('code that is not to be had makes the page load again, before anything is replaced', async () => {
  const text = (value) => `export const a = ${value}; import.meta.hot.accept(() => import.meta.hot.invalidate());`;
  const { page, edit } = await start({ 'main.js': `import './a.js'; log('main'); import.meta.hot.accept();`, 'a.js': text(1) });
  const { worker } = page;
  const post = worker.postMessage.bind(worker);
  worker.postMessage = (message) => post(message.toPage?.type === 'factories' ? { toPage: { ...message.toPage, code: '' } } : message);
  const { report, log } = await edit({ 'a.js': text(2) });
  assert.deepEqual([report.type, report.reason, log], ['reload', 'the code of `main.js` is not there any more', []]);
});

test('an update that goes missing makes the page load again', async () => {
  const module = (value) => `log(${value}); import.meta.hot.accept();`;
  const { page, dev, reports, project } = await start({ 'main.js': module(1) });
  const { worker } = page;
  const post = worker.postMessage.bind(worker);
  worker.postMessage = (message) => message.toPage?.seq === 1 || post(message);
  project.write('main.js', module(2));
  await dev.update();
  project.write('main.js', module(3));
  await dev.update();
  await page.until('the reload', () => reports.length > 0);
  assert.deepEqual(reports.map(({ type, reason }) => [type, reason]), [['reload', 'update 2 came after 0']]);
});

test('a module that is loaded on demand is loaded as it is now, before and after its importer is replaced', async () => {
  const main = (word) => `globalThis.load = () => import('./later.js').then((later) => log('${word}', later.value)); import.meta.hot.accept();`;
  const { page, edit } = await start({ 'main.js': main('one'), 'later.js': 'export const value = 1;' }, { output: { codeSplitting: false } });
  const load = async () => {
    page.worker.postMessage({ ask: 'load()' });
    await page.until('it is loaded', () => page.log.length > 0);
    return page.log.splice(0);
  };
  await edit({ 'main.js': main('two') });
  assert.deepEqual(await load(), ['two 1']);
  const { report } = await edit({ 'later.js': 'export const value = 2;' });
  assert.deepEqual(report.boundaries, [{ module: 'main.js', accepted: 'main.js' }]);
  assert.deepEqual(await load(), ['two 2']);
});

test('events reach the app by name, those of the client in order, and the app can send its own', async () => {
  const text = (value) => `
    log(${value});
    for (const name of ['vite:beforeUpdate', 'vite:afterUpdate', 'vite:error', 'mine']) import.meta.hot.on(name, (data) => log(name, data?.word ?? data?.type ?? ''));
    import.meta.hot.accept();
  `;
  const { dev, page, edit, reports } = await start({ 'main.js': text(1) });
  assert.deepEqual((await edit({ 'main.js': text(2) })).log, ['vite:beforeUpdate update', '2', 'vite:afterUpdate update']);
  dev.send('mine', { word: 'hello' });
  await page.until('the event', () => page.log.length > 0);
  assert.deepEqual(page.log.splice(0), ['mine hello']);
  assert.deepEqual((await edit({ 'main.js': text('(') })).log, ['vite:error error']);
  page.worker.postMessage({ ask: '__rolldown_runtime__.hooks.createModuleHotContext("x").send("up", 1)' });
  await page.until('the event of the app', () => reports.length > 0);
  assert.deepEqual(reports.splice(0), [{ type: 'custom', page: page.id, event: 'up', data: 1 }]);
});

test('a module that throws when it runs again is told, and the next edit goes on', async () => {
  const text = (body) => `${body}; import.meta.hot.accept((next) => log('got', next?.a));`;
  const { edit } = await start({ 'main.js': `import './a.js';`, 'a.js': text('export const a = 1') });
  const { log } = await edit({ 'a.js': text('export const a = 1; throw new Error("no")') });
  assert.equal(log.length, 2);
  assert.match(log[0], /^console: .*`a.js` failed to run again\. no$/);
  assert.equal(log[1], 'got undefined');
});

test('a module that awaits at its top cannot run again: the page loads again, and is told why', async () => {
  const { edit } = await start({ 'main.js': `import './a.js'; log('main');`, 'a.js': `log('one'); import.meta.hot.accept();` });
  const { result, report } = await edit({ 'a.js': `log(await 'two'); import.meta.hot.accept();` });
  assert.equal(result.reload, '`a.js` has a top-level `await`, which cannot run again');
  assert.deepEqual([report.type, report.reason], ['reload', result.reload]);
});

test('a patch has its source map in it, where there are source maps', async () => {
  const { page, edit } = await start({ 'main.js': `import './a.js';`, 'a.js': `import.meta.hot.accept();` }, { output: { sourcemap: true } });
  await edit({ 'a.js': `import.meta.hot.accept();\n\nlog('two');` });
  const { code } = page.sent.find(({ type }) => type === 'update');
  const comments = code.match(/^\/\/# sourceMappingURL=.*$/gm);
  assert.equal(comments.length, 1);
  const map = JSON.parse(Buffer.from(comments[0].split('base64,')[1], 'base64').toString());
  assert.deepEqual(map.sources.map((source) => source.split('/').at(-1)), ['a.js']);
  assert.match(map.sourcesContent[0], /log\('two'\)/);
});

test('files that are shown by their address are of no interest to a page without a document', async () => {
  const { page, edit, dev } = await start({ 'main.js': `import.meta.hot.accept(); log('main');` });
  page.port.postMessage({ type: 'assets', paths: ['/logo.svg'] });
  const { log } = await edit({ 'main.js': `import.meta.hot.accept(); log('again');` });
  assert.deepEqual(log, ['again']);
  assert.ok(dev);
});
