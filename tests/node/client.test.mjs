// This file tests the client's own logic, with a double in the worker's place
// that answers when a test says so: what is sent, in which order, and what
// becomes of requests that are replaced, aborted or left without an answer.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { importFile } from './package-under-test.mjs';

const { createNexxo, NexxoError } = await importFile('index.js');

/** Takes messages like a worker, and says only what a test makes it say. */
class WorkerDouble {
  static all = [];
  /** Whether `start` is answered by itself. */
  static starts = true;
  sent = [];
  terminated = false;
  #listeners = { message: [], messageerror: [], error: [] };

  constructor() {
    WorkerDouble.all.push(this);
  }

  addEventListener(type, listener) {
    this.#listeners[type].push(listener);
  }

  postMessage(message, transfer) {
    assert.ok(!this.terminated, 'a message went to a worker that was terminated');
    this.sent.push(structuredClone(message, { transfer }));
    if (message.type === 'start' && WorkerDouble.starts) {
      queueMicrotask(() => this.settle(message.id, { version: '9.9.9' }));
    }
  }

  terminate() {
    this.terminated = true;
  }

  emit(type, event) {
    for (const listener of this.#listeners[type]) listener({ preventDefault() {}, ...event });
  }

  say(data) {
    this.emit('message', { data });
  }

  settle(id, value) {
    this.say({ type: 'settled', id, ok: true, value });
  }

  refuse(id, diagnostic) {
    this.say({ type: 'settled', id, ok: false, diagnostic });
  }

  /** The messages of one type. */
  of(type) {
    return this.sent.filter((message) => message.type === type);
  }

  types() {
    return this.sent.map(({ type }) => type);
  }
}

const current = () => WorkerDouble.all.at(-1);
const start = (options) => createNexxo({ worker: () => new WorkerDouble(), ...options });
const built = (text = '') => ({
  ok: true,
  outputFiles: [{ type: 'chunk', fileName: 'main.js', contents: new TextEncoder().encode(text) }],
  diagnostics: [],
  stages: [],
});
/** Lets promises that can settle do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));
const withCode = (code) => (error) => error instanceof NexxoError && error.code === code && error.diagnostic.code === code;

beforeEach(() => {
  WorkerDouble.all = [];
  WorkerDouble.starts = true;
  mock.timers.enable({ apis: ['setTimeout'] });
});
afterEach(() => mock.timers.reset());

test('the handle knows the version that the worker tells', async () => {
  const nexxo = await start();
  assert.equal(nexxo.version, '9.9.9');
  assert.deepEqual(current().types(), ['start']);
});

test('edits are sent together, before the build that needs them, and only once', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { 'a.js': '1', '/b.js': '2' } });
  project.write('a.js', '3');
  project.write('c.js', '4');
  project.remove('c.js');
  assert.deepEqual(current().types(), ['start'], 'edits alone send nothing');
  const first = project.build({ input: 'a.js' });
  assert.deepEqual(current().types(), ['start', 'open', 'remove', 'write', 'build']);
  assert.deepEqual(current().of('write')[0].files, [['/a.js', '3'], ['/b.js', '2']]);
  current().settle(current().of('build')[0].id, built('x'));
  assert.equal((await first).outputFiles[0].text, 'x');

  project.write('b.js', '5');
  void project.build({ input: 'a.js' }).catch(() => {});
  assert.deepEqual(current().types().slice(5), ['write', 'build']);
  assert.deepEqual(current().of('write')[1].files, [['/b.js', '5']]);
});

test('a folder in the place of a file is sent after the file is gone', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { x: 'file' } });
  const first = project.build({});
  current().settle(current().of('build')[0].id, built());
  await first;
  project.remove('x');
  project.write('x/y', 'below');
  void project.build({}).catch(() => {});
  assert.deepEqual(current().types().slice(4), ['remove', 'write', 'build']);
});

test('bytes stay with their owner, and a part of a buffer is sent without the rest', async () => {
  const nexxo = await start();
  const whole = new Uint8Array([1, 2, 3]);
  const large = new Uint8Array(1000).fill(7);
  const pooled = Buffer.from('pooled');
  const project = nexxo.createProject({ files: { whole, part: large.subarray(10, 14), pooled } });
  void project.build({}).catch(() => {});
  const sent = Object.fromEntries(current().of('write')[0].files);
  assert.deepEqual([...sent['/whole']], [1, 2, 3]);
  assert.deepEqual([...sent['/part']], [7, 7, 7, 7]);
  assert.equal(sent['/part'].buffer.byteLength, 4);
  assert.equal(new TextDecoder().decode(sent['/pooled']), 'pooled');
  assert.deepEqual([whole.length, large.length, pooled.length], [3, 1000, 6], 'nothing was taken away');
  assert.equal(project.read('whole'), whole, 'what is read is what was written');
});

test('many bytes go in several messages', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  for (let n = 0; n < 6; n += 1) project.write(`${n}`, new Uint8Array(2 * 1024 * 1024));
  void project.build({}).catch(() => {});
  assert.deepEqual(current().of('write').map(({ files }) => files.length), [2, 2, 2]);
});

test('one build runs, one waits, and the newest takes the waiting one\'s place', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { a: '1' } });
  const first = project.build({ input: 'first' });
  const second = project.build({ input: 'second' });
  const third = project.build({ input: 'third' });
  await assert.rejects(second, withCode('SUPERSEDED'));
  assert.equal(current().of('build').length, 1, 'what waits is not sent');
  project.write('a', '2');
  current().settle(current().of('build')[0].id, built('first'));
  assert.equal((await first).outputFiles[0].text, 'first');
  await settle();
  assert.deepEqual(current().of('build').map(({ options }) => options.input), ['first', 'third']);
  assert.deepEqual(current().of('write')[1].files, [['/a', '2']], 'a build sees the files as they are when it begins');
  current().settle(current().of('build')[1].id, built('third'));
  assert.equal((await third).outputFiles[0].text, 'third');
});

test('projects and contexts do not wait for each other', async () => {
  const nexxo = await start();
  const [one, two] = [nexxo.createProject(), nexxo.createProject()];
  const context = one.context({ input: 'c' });
  for (const promise of [one.build({}), two.build({}), context.rebuild()]) promise.catch(() => {});
  assert.equal(current().of('build').length, 2);
  assert.equal(current().of('rebuild').length, 1);
  assert.notEqual(current().of('build')[0].project, current().of('build')[1].project);
});

test('a build that waits has the options it was called with', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  void project.build({}).catch(() => {});
  const options = { input: 'before' };
  void project.build(options).catch(() => {});
  options.input = 'after';
  current().settle(current().of('build')[0].id, built());
  await settle();
  assert.equal(current().of('build')[1].options.input, 'before');
});

test('options that are no data are refused before anything is sent', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  await assert.rejects(project.build({ external: () => true }), withCode('INVALID_OPTION'));
  assert.throws(() => project.context({ external: () => true }), withCode('INVALID_OPTION'));
  assert.deepEqual(current().types(), ['start']);
});

test('an abort rejects at once with its reason, tells the worker, and the next build waits for it to land', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  const abort = new AbortController();
  const first = project.build({ input: 'first' }, { signal: abort.signal });
  const reason = new Error('changed my mind');
  abort.abort(reason);
  await assert.rejects(first, (error) => error === reason);
  const { id } = current().of('build')[0];
  assert.deepEqual(current().of('cancel'), [{ type: 'cancel', id }]);
  const second = project.build({ input: 'second' });
  assert.equal(current().of('build').length, 1);
  current().refuse(id, { code: 'CANCELLED', severity: 'error', message: '', notes: [] });
  await settle();
  current().settle(current().of('build')[1].id, built('second'));
  assert.equal((await second).outputFiles[0].text, 'second');
});

test('an abort while waiting gives the place back', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  const first = project.build({});
  const abort = new AbortController();
  const second = project.build({}, { signal: abort.signal });
  abort.abort();
  await assert.rejects(second, { name: 'AbortError' });
  assert.deepEqual(current().of('cancel'), [], 'the worker never heard of it');
  current().settle(current().of('build')[0].id, built());
  await first;
  await settle();
  assert.equal(current().of('build').length, 1);
});

test('a signal that is aborted already sends nothing', async () => {
  const nexxo = await start();
  const signal = AbortSignal.abort();
  await assert.rejects(nexxo.createProject().build({}, { signal }), { name: 'AbortError' });
  await assert.rejects(nexxo.transform('', {}, { signal }), { name: 'AbortError' });
  await assert.rejects(createNexxo({ worker: () => new WorkerDouble(), signal }), { name: 'AbortError' });
  assert.deepEqual(current().types(), ['start']);
});

for (const [kind, code] of [['trap', 'WORKER_TRAPPED'], ['memory', 'OUT_OF_MEMORY'], ['stack', 'STACK_EXHAUSTED']]) {
  test(`after "${kind}" the open requests reject, and a new worker gets sources and contexts when they are needed`, async () => {
    const nexxo = await start();
    const restarts = [];
    nexxo.on('restart', (event) => restarts.push(event));
    const project = nexxo.createProject({ files: { a: '1', b: '2' } });
    const context = project.context({ input: 'a' }, { plugins: [{ name: 'p', load: () => 'loaded' }] });
    const open = [project.build({}), context.rebuild(), nexxo.transform('x')];
    const broken = current();
    broken.say({ type: 'trapped', kind, message: 'it broke' });
    for (const promise of open) await assert.rejects(promise, withCode(code));
    assert.ok(broken.terminated);
    assert.equal(WorkerDouble.all.length, 2);
    assert.deepEqual(restarts.map(({ type, error }) => [type, error.code]), [['restart', code]]);
    assert.deepEqual(current().types(), ['start'], 'nothing is written before it is needed');

    project.write('b', '3');
    const again = context.rebuild();
    assert.deepEqual(current().types(), ['start', 'open', 'write', 'context', 'rebuild']);
    assert.deepEqual(current().of('write')[0].files, [['/a', '1'], ['/b', '3']]);
    const { id } = current().of('context')[0];
    current().say({ type: 'hook', call: 1, id, plugin: 0, hook: 'load', args: ['/a'] });
    await settle();
    assert.deepEqual(current().of('hook-done'), [{ type: 'hook-done', call: 1, ok: true, value: 'loaded' }]);
    current().settle(current().of('rebuild')[0].id, built('again'));
    assert.equal((await again).outputFiles[0].text, 'again');

    // What the broken one may still say is nobody's business.
    broken.say({ type: 'trapped', kind, message: 'again' });
    assert.equal(WorkerDouble.all.length, 2);
  });
}

test('a warm-up builds in its own project, and ends at the next request', async () => {
  const nexxo = await start();
  const warm = nexxo.warmUp();
  assert.deepEqual(current().types(), ['start', 'open', 'write', 'build']);
  const { id, project } = current().of('build')[0];
  const transformed = nexxo.transform('x');
  assert.deepEqual(current().of('cancel'), [{ type: 'cancel', id }]);
  await warm;
  assert.deepEqual(current().of('close').map((message) => message.project), [project]);
  current().settle(current().of('transform')[0].id, { code: 'x' });
  assert.equal((await transformed).code, 'x');
});

test('a warm-up that nothing ends builds a few times, and one does not begin while requests are open', async () => {
  const nexxo = await start();
  const open = nexxo.transform('x');
  await nexxo.warmUp();
  assert.deepEqual(current().types(), ['start', 'transform']);
  current().settle(current().of('transform')[0].id, { code: 'x' });
  await open;
  const warm = nexxo.warmUp();
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(current().of('build').length, round);
    current().settle(current().of('build').at(-1).id, built('sample'));
    await settle();
  }
  await warm;
  assert.equal(current().of('build').length, 3);
});

test('a build that waited while the worker broke runs on the new one', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { a: '1' } });
  const first = project.build({ input: 'first' });
  const second = project.build({ input: 'second' });
  current().say({ type: 'trapped', kind: 'trap', message: 'it broke' });
  await assert.rejects(first, withCode('WORKER_TRAPPED'));
  assert.deepEqual(current().types(), ['start', 'open', 'write', 'build']);
  current().settle(current().of('build')[0].id, built('second'));
  assert.equal((await second).outputFiles[0].text, 'second');
});

for (const [type, event] of [['error', { message: 'boom' }], ['messageerror', {}]]) {
  test(`a worker's "${type}" event counts as a trap`, async () => {
    const nexxo = await start();
    const open = nexxo.transform('x');
    current().emit(type, event);
    await assert.rejects(open, withCode('WORKER_TRAPPED'));
    assert.equal(WorkerDouble.all.length, 2);
  });
}

test('the deadline counts from when the worker begins, and then has a second of grace', async () => {
  const nexxo = await start();
  const slow = nexxo.createProject();
  const other = nexxo.createProject();
  const hung = slow.build({ limits: { deadlineMs: 200 } });
  const bystander = other.build({});
  mock.timers.tick(100_000);
  assert.equal(WorkerDouble.all.length, 1, 'what has not begun is not late');
  current().say({ type: 'began', id: current().of('build')[0].id });
  mock.timers.tick(200);
  mock.timers.tick(999);
  assert.equal(WorkerDouble.all.length, 1);
  mock.timers.tick(1);
  await assert.rejects(hung, (error) => withCode('DEADLINE_EXCEEDED')(error) && error.diagnostic.notes.length === 0);
  await assert.rejects(bystander, (error) => withCode('DEADLINE_EXCEEDED')(error) && error.diagnostic.notes.length === 1);
  assert.ok(WorkerDouble.all[0].terminated);
  assert.equal(WorkerDouble.all.length, 2);
});

test('without a limit the deadline is 30 seconds, and an answer in time ends it', async () => {
  const nexxo = await start();
  const first = nexxo.transform('x');
  const [{ id }] = current().of('transform');
  current().say({ type: 'began', id });
  mock.timers.tick(30_000);
  mock.timers.tick(500);
  current().settle(id, { ok: true, code: 'x', diagnostics: [] });
  assert.equal((await first).code, 'x');
  mock.timers.tick(100_000);
  assert.equal(WorkerDouble.all.length, 1);
});

test('a worker that breaks before it started is not started again until it is needed', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { a: '1' } });
  WorkerDouble.starts = false;
  current().say({ type: 'trapped', kind: 'trap', message: 'it broke' });
  const early = project.build({});
  current().emit('error', { message: 'no script' });
  await assert.rejects(early, withCode('WORKER_UNAVAILABLE'));
  assert.equal(WorkerDouble.all.length, 2);
  WorkerDouble.starts = true;
  const next = project.build({});
  assert.equal(WorkerDouble.all.length, 3);
  assert.deepEqual(current().types(), ['start', 'open', 'write', 'build']);
  current().settle(current().of('build')[0].id, built('up again'));
  assert.equal((await next).outputFiles[0].text, 'up again');
});

test('a replacement is started from the module that the first one compiled', async () => {
  WorkerDouble.starts = false;
  const starting = start();
  const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  const [first] = current().sent;
  assert.equal('wasm' in first, false);
  current().settle(first.id, { version: '1', module });
  await starting;
  // `structuredClone` cannot copy a module, so this double only looks at it.
  let seen;
  mock.method(WorkerDouble.prototype, 'postMessage', (message) => (seen = message));
  WorkerDouble.all[0].say({ type: 'trapped', kind: 'trap', message: '' });
  mock.restoreAll();
  assert.equal(seen.wasm, module);
});

test('what cannot be started rejects with a diagnostic that says what to do', async () => {
  WorkerDouble.starts = false;
  const refused = start();
  const diagnostic = { code: 'WASM_UNAVAILABLE', severity: 'error', message: 'no', hint: 'do', notes: [] };
  current().refuse(current().sent[0].id, diagnostic);
  await assert.rejects(refused, withCode('WASM_UNAVAILABLE'));
  assert.ok(current().terminated);
  const silent = start();
  current().emit('error', {});
  await assert.rejects(silent, (error) => withCode('WORKER_UNAVAILABLE')(error) && error.diagnostic.hint !== '');
  const forbidden = createNexxo({
    worker() {
      throw new Error('forbidden');
    },
  });
  await assert.rejects(forbidden, (error) => withCode('WORKER_UNAVAILABLE')(error) && /forbidden/.test(error.message));
});

test('hooks are declared, called, and their answers sent as plain data', async () => {
  const nexxo = await start();
  const calls = [];
  const plugin = {
    name: 'p',
    answer: 'this works',
    resolveId: { filter: /^virtual:/, handler: async (...args) => (calls.push(args), { id: args[0], external: 1, extra() {} }) },
    load: { filter: { id: /\.(?=txt)/ }, handler: () => ({ code: 'c', moduleType: 'js', map: { version: 3 } }) },
    transform(code) {
      calls.push([code, this.answer]);
    },
  };
  void nexxo.createProject().build({}, { plugins: [plugin] }).catch(() => {});
  const [{ id, hooks }] = current().of('build');
  assert.deepEqual(hooks, [
    { name: 'p', hooks: [{ hook: 'resolveId', filter: '^virtual:' }, { hook: 'load' }, { hook: 'transform' }] },
  ]);
  const ask = async (hook, ...args) => {
    current().say({ type: 'hook', call: 1, id, plugin: 0, hook, args });
    await settle();
    const { value, message } = current().of('hook-done').at(-1);
    return message ?? value;
  };
  assert.deepEqual(await ask('resolveId', 'virtual:x', undefined), { id: 'virtual:x', external: true });
  assert.equal(await ask('resolveId', 'other', '/a'), null, 'the page checks the filter too');
  assert.deepEqual(await ask('load', '/a.txt'), { code: 'c', moduleType: 'js', map: '{"version":3}' });
  assert.equal(await ask('load', '/a.js'), null);
  assert.equal(await ask('transform', 'code', '/a.js'), null);
  assert.deepEqual(calls, [['virtual:x', undefined], ['code', 'this works']]);
});

test('a hook that throws, rejects or gives nonsense tells so', async () => {
  const nexxo = await start();
  const plugin = {
    name: 'p',
    resolveId: () => { throw new Error('thrown'); },
    load: () => Promise.reject(new Error('rejected')),
    transform: () => 42,
  };
  void nexxo.createProject().build({}, { plugins: [plugin] }).catch(() => {});
  const [{ id }] = current().of('build');
  for (const hook of ['resolveId', 'load', 'transform']) {
    current().say({ type: 'hook', call: 1, id, plugin: 0, hook, args: ['x', 'y'] });
  }
  await settle();
  const messages = current().of('hook-done').map(({ ok, message }) => [ok, message]).sort();
  assert.deepEqual(messages, [
    [false, '`transform` gave a number, not a string, an object or nothing'],
    [false, 'rejected'],
    [false, 'thrown'],
  ]);
});

test('a plugin of the wrong shape is refused', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  for (const plugin of [null, { name: 'p', load: 'x' }, { name: 'p', load: { filter: 'x', handler() {} } }]) {
    await assert.rejects(project.build({}, { plugins: [plugin] }), withCode('INVALID_PLUGIN'));
  }
});

test('only filters that Rust reads as JavaScript does go to the engine', async () => {
  const nexxo = await start();
  const sent = [];
  for (const filter of [
    /\.vue$/, /\.[jt]sx?$/i, /^[^?]+\/x{1,3}(?:a|b)$/s, /(?<name>\d)\/\w+/g, /\u{1f600}/u,
    /(?!a)/, /(?<=a)b/, /(a)\1/, /[^]/, /\bx/, /\W/, /[^\d]/, /^a$/m, /[[]/, /x{/, /[a&&b]/, /[^a]/i,
  ]) {
    const project = nexxo.createProject();
    void project.build({}, { plugins: [{ name: 'p', load: { filter, handler() {} } }] }).catch(() => {});
    sent.push(current().of('build').at(-1).hooks[0].hooks[0].filter);
  }
  assert.deepEqual(sent.slice(0, 5), ['\\.vue$', '(?i)\\.[jt]sx?$', '(?s)^[^?]+\\/x{1,3}(?:a|b)$', '(?<name>\\d)\\/\\w+', '\\u{1f600}']);
  assert.deepEqual(sent.slice(5), Array(12).fill(undefined));
});

test('events arrive in order, and a listener that throws stops nothing', async (t) => {
  const nexxo = await start();
  const seen = [];
  // What is thrown in a microtask is an uncaught error, which would end this process.
  const uncaught = [];
  t.mock.method(globalThis, 'queueMicrotask', (run) => uncaught.push(run));
  const onEvent = (event) => {
    seen.push(event.type);
    if (seen.length === 1) throw new Error('from the listener');
  };
  const result = nexxo.createProject().build({}, { onEvent });
  const [{ id, events }] = current().of('build');
  assert.equal(events, true);
  current().say({ type: 'events', id, events: [{ type: 'resolve' }, { type: 'stage' }] });
  current().settle(id, built());
  await result;
  assert.deepEqual(seen, ['resolve', 'stage']);
  assert.equal(uncaught.length, 1);
  assert.throws(uncaught[0], { message: 'from the listener' });
  void nexxo.createProject().build({}).catch(() => {});
  assert.equal(current().of('build')[1].events, false, 'nobody listens');
});

test('the text of an output file is decoded on demand, byte order mark and all', async () => {
  const nexxo = await start();
  const result = nexxo.createProject().build({});
  current().settle(current().of('build')[0].id, built('\ufeffé'));
  const [file] = (await result).outputFiles;
  assert.equal(file.text, '\ufeffé');
  assert.equal(file.fileName, 'main.js');
});

test('dispose ends the worker and rejects what is open and what comes after', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  const context = project.context({});
  const open = [project.build({}), project.build({}), context.rebuild(), nexxo.transform('x')];
  nexxo.dispose();
  nexxo.dispose();
  for (const promise of open) await assert.rejects(promise, withCode('DISPOSED'));
  assert.ok(current().terminated);
  await assert.rejects(nexxo.transform('x'), withCode('DISPOSED'));
  await assert.rejects(project.build({}), withCode('DISPOSED'));
  await assert.rejects(context.rebuild(), withCode('DISPOSED'));
  assert.throws(() => nexxo.createProject(), withCode('DISPOSED'));
  assert.throws(() => project.write('a', ''), withCode('DISPOSED'));
  assert.equal(WorkerDouble.all.length, 1);
});

test('disposing a project or a context ends only that', async () => {
  const nexxo = await start();
  const [one, two] = [nexxo.createProject(), nexxo.createProject()];
  const context = one.context({});
  const rebuild = context.rebuild();
  context.dispose();
  await assert.rejects(rebuild, withCode('CANCELLED'));
  assert.equal(current().of('forget').length, 1);
  const build = one.build({});
  const other = two.build({});
  one.dispose();
  await assert.rejects(build, withCode('CANCELLED'));
  assert.equal(current().of('close').length, 1);
  current().settle(current().of('build')[1].id, built('other'));
  assert.equal((await other).outputFiles[0].text, 'other');
});

test('paths have one form, and those that cannot be are refused', async () => {
  const nexxo = await start();
  const project = nexxo.createProject();
  project.writeAll({ './src//a.ts': 'a', 'src/x/../b.ts': 'b', '/é/__proto__': 'c' });
  assert.deepEqual(project.list(), ['/src/a.ts', '/src/b.ts', '/é/__proto__']);
  assert.deepEqual(project.list('src'), ['/src/a.ts', '/src/b.ts']);
  assert.equal(project.read('/src/b.ts'), 'b');
  for (const path of ['', '..', 'a/../../b', '/..', 'a\\b', 'a\0b', '/', 'src', 'src/a.ts/below', 'x'.repeat(256), 'é'.repeat(128), 7]) {
    assert.throws(() => project.write(path, ''), withCode('INVALID_PATH'), JSON.stringify(path));
  }
  project.write(`x/${'é'.repeat(127)}`, '');
  assert.throws(() => project.write('a', 1), withCode('INVALID_CONTENTS'));
});

test('files and folders are moved and removed whole', async () => {
  const nexxo = await start();
  const project = nexxo.createProject({ files: { 'a/1': '1', 'a/b/2': '2', 'c': '3' } });
  assert.equal(project.rename('a', 'd/e'), true);
  assert.deepEqual(project.list(), ['/c', '/d/e/1', '/d/e/b/2']);
  assert.equal(project.read('d/e/b/2'), '2');
  assert.equal(project.rename('nowhere', 'x'), false);
  assert.throws(() => project.rename('d/e', 'c/below'), withCode('INVALID_PATH'));
  assert.deepEqual(project.list(), ['/c', '/d/e/1', '/d/e/b/2'], 'a move that cannot be leaves all as it was');
  project.writeAll({ 'f/1': 'old', 'f/b/2/x': 'in the way' });
  assert.throws(() => project.rename('d/e', 'f'), withCode('INVALID_PATH'));
  assert.equal(project.read('f/1'), 'old', 'also where it fails half way');
  assert.equal(project.read('d/e/1'), '1');
  assert.equal(project.remove('f'), true);
  assert.equal(project.remove('f'), false);
  project.write('f', 'a file now');
  assert.equal(project.rename('c', 'c'), true);
  assert.equal(project.rename('c', 'f'), true);
  assert.equal(project.read('f'), '3');
  assert.equal(project.remove('/'), true);
  assert.deepEqual(project.list(), []);
});
