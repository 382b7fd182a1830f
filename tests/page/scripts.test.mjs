// This file develops an app with workers, WebAssembly and globs in a preview:
// they run, and an edit of what a worker is made from starts it anew.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFrame, embed } from './embed.mjs';
import { until } from './harness.mjs';

const add = [...Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABw0CA2FkZAAAA2EtYgAACgkBBwAgACABags=', 'base64')];

const files = {
  'package.json': '{ "type": "module" }',
  'src/main.ts': `import { start } from './start';
import init from './add.wasm?init';
import { add } from './add.wasm';
import Inline from './inline?worker&inline';
const pages = import.meta.glob('./pages/*.ts', { import: 'title', eager: true });
document.body.innerHTML = '<h1>Scripts</h1><button>0</button><ul></ul>';
const list = document.querySelector('ul')!;
export const show = (name: string, value: unknown) => {
  let item = list.querySelector(\`[data-name=\${name}]\`);
  if (!item) list.append(item = document.createElement('li')), item.setAttribute('data-name', name);
  item.textContent = String(value);
};
const button = document.querySelector('button')!;
button.onclick = () => (button.textContent = String(Number(button.textContent) + 1));
start(show);
show('pages', Object.values(pages).join());
show('wasm', add(1, 2));
init().then(({ exports }: any) => show('init', exports.add(3, 4)));
new Inline().onmessage = ({ data }: MessageEvent) => show('inline', data);
import(\`./pages/\${'a'}.ts\`).then(({ title }) => show('named', title));
`,
  'src/start.ts': `type Show = (name: string, value: unknown) => void;
export const start = (show: Show) => {
  if (import.meta.hot) import.meta.hot.data.show = show;
  const module = new Worker(new URL('./module.ts', import.meta.url), { type: 'module' });
  module.onmessage = ({ data }) => show('module', data);
  const classic = new Worker(new URL('./classic.js', import.meta.url));
  classic.onmessage = ({ data }) => show('classic', data);
};
if (import.meta.hot) {
  import.meta.hot.accept();
  // Runs again with what it had.
  if (import.meta.hot.data.show) start(import.meta.hot.data.show);
}
`,
  'src/module.ts': "import { text } from './text';\nconst worker = new Worker(new URL('./nested.ts', import.meta.url), { type: 'module' });\nworker.onmessage = ({ data }) => postMessage(`module ${text} ${data}`);\n",
  'src/nested.ts': "import { text } from './text';\npostMessage(`nested ${text}`);\n",
  'src/classic.js': "import { text } from './text';\npostMessage(`classic ${text}`);\n",
  'src/inline.ts': "import { text } from './text';\npostMessage(`inline ${text}`);\n",
  'src/text.ts': "export const text: string = 'one';\n",
  'src/pages/a.ts': "export const title = 'A';\n",
  'src/add.wasm': add,
};

async function running(page) {
  let frame;
  await until(page, 'the app runs', async () => {
    frame = await appFrame(page);
    return frame.evaluate(() => document.querySelector('h1')?.textContent === 'Scripts').catch(() => false);
  });
  return frame;
}

const shows = (page, frame, name, value) =>
  until(page, `${name} is ${value}`, async () => (await frame.evaluate((name) => document.querySelector(`[data-name=${name}]`)?.textContent, name)) === value);

test('workers of all kinds, WebAssembly and globs run in a preview', async () => {
  const { page, took } = await embed(files, { input: 'src/main.ts' });
  const frame = await running(page);
  for (const [name, value] of Object.entries({
    module: 'module one nested one',
    classic: 'classic one',
    inline: 'inline one',
    wasm: '3',
    init: '7',
    pages: 'A',
    named: 'A',
  })) {
    await shows(page, frame, name, value);
  }
  assert.deepEqual((await took()).filter(({ name }) => name === 'error' || name === 'broken'), []);
});

test('an edit of what a worker is made from starts it anew, and the page keeps its state', async () => {
  const own = { ...files, 'src/main.ts': files['src/main.ts'].replace("import Inline from './inline?worker&inline';\n", '').replace(/new Inline.*\n/, '') };
  const { page, write } = await embed(own, { input: 'src/main.ts' });
  const frame = await running(page);
  await shows(page, frame, 'module', 'module one nested one');
  await frame.locator('button').click();
  await frame.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  const lines = [];
  page.on('console', (message) => lines.push(message.text()));
  await write({ 'src/text.ts': "export const text: string = 'two';\n" });
  await shows(page, frame, 'module', 'module two nested two');
  await shows(page, frame, 'classic', 'classic two');
  assert.equal(await frame.locator('button').textContent(), '1');
  assert.equal(await frame.evaluate(() => document.documentElement.dataset.mark), 'same');
  await until(page, 'it says why', () => lines.some((line) => line.includes('changed') && line.includes('1 running with it ended')));
});

test('a file that comes is part of a glob', async () => {
  const { page, write } = await embed(files, { input: 'src/main.ts' });
  await shows(page, await running(page), 'pages', 'A');
  await write({ 'src/pages/b.ts': "export const title = 'B';\n" });
  await until(page, 'both are there', async () => {
    const frame = await appFrame(page);
    return frame.evaluate(() => document.querySelector('[data-name=pages]')?.textContent === 'A,B').catch(() => false);
  });
});
