// This file develops an app with style sheets and images in a preview: they show,
// and their edits show in the running app.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFrame, embed } from './embed.mjs';
import { until } from './harness.mjs';

/** Noise, so that it is no small file: 24-bit BMP of 64 by 64. */
const image = (() => {
  const head = Buffer.alloc(54);
  head.write('BM');
  head.writeUInt32LE(54 + 64 * 64 * 3, 2);
  head.writeUInt32LE(54, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(64, 18);
  head.writeInt32LE(64, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  return [...Buffer.concat([head, Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, at) => (at * 7919) % 251))])];
})();

const files = {
  'package.json': '{ "type": "module" }',
  'src/main.ts': `import './main.css';
import './look.scss';
import { card } from './card.module.css';
import image from './image.bmp';
let count = 0;
document.body.innerHTML = \`<div class="\${card}"><h1 class="title">Styled</h1><img src="\${image}" alt="noise"><button>0</button></div>\`;
const button = document.querySelector('button')!;
button.onclick = () => (button.textContent = String(++count));
const open = document.createElement('a');
open.textContent = 'more';
open.onclick = () => void import('./lazy').then(({ lazy }) => document.body.append(lazy));
document.body.append(open);
`,
  'src/lazy.ts': "import './lazy.css';\nexport const lazy = 'lazily loaded';\n",
  'src/main.css': "@import './colors.css';\n.title { color: var(--title) }\n",
  'src/colors.css': ':root { --title: rgb(1, 2, 3) }\n',
  'src/look.scss': '$space: 3px;\nbody { h1 { margin: $space * 2 } }\n',
  'src/card.module.css': '.card { padding: 11px; background: url(./image.bmp) }\n',
  'src/lazy.css': 'body { outline: 5px solid rgb(4, 5, 6) }\n',
  'src/image.bmp': image,
};

/** The frame that the app runs in. */
async function running(page) {
  let frame;
  await until(page, 'the app runs', async () => {
    frame = await appFrame(page);
    return frame.evaluate(() => document.querySelector('.title')?.textContent === 'Styled').catch(() => false);
  });
  return frame;
}

const style = (frame, selector, property) => frame.evaluate(([selector, property]) => getComputedStyle(document.querySelector(selector))[property], [selector, property]);
const shows = (page, frame, selector, property, value) => until(page, `${property} of ${selector} is ${value}`, async () => (await style(frame, selector, property)) === value);

test('style sheets, modules of classes, Sass and images show, and an edit keeps the state', async () => {
  const { page, write, took } = await embed(files, { input: 'src/main.ts' });
  const frame = await running(page);
  await shows(page, frame, '.title', 'color', 'rgb(1, 2, 3)');
  assert.equal(await style(frame, '.title', 'marginTop'), '6px');
  assert.equal(await style(frame, 'div', 'paddingTop'), '11px');
  await until(page, 'the image is there', () => frame.evaluate(() => document.querySelector('img').naturalWidth === 64));
  const background = await style(frame, 'div', 'backgroundImage');
  assert.match(background, /assets\/image-[\w-]{8}\.bmp/);

  await frame.locator('button').click();
  await frame.evaluate(() => (document.documentElement.dataset.mark = 'same'));
  const sheets = await frame.evaluate(() => document.querySelectorAll('style[data-nexxo]').length);
  assert.equal(sheets, 3);
  // Of a file that a style sheet imports, of Sass, and of the sheet itself.
  await write({ 'src/colors.css': ':root { --title: rgb(7, 8, 9) }\n' });
  await shows(page, frame, '.title', 'color', 'rgb(7, 8, 9)');
  await write({ 'src/look.scss': '$space: 5px;\nbody { h1 { margin: $space * 2 } }\n' });
  await shows(page, frame, '.title', 'marginTop', '10px');
  await write({ 'src/main.css': '.title { color: rgb(10, 11, 12) }\n' });
  await shows(page, frame, '.title', 'color', 'rgb(10, 11, 12)');
  assert.equal(await frame.locator('button').textContent(), '1');
  assert.equal(await frame.evaluate(() => document.documentElement.dataset.mark), 'same');
  assert.equal(await frame.evaluate(() => document.querySelectorAll('style[data-nexxo]').length), 3);

  // A mistake keeps what is shown; its correction goes on with it.
  await write({ 'src/look.scss': 'body { h1 { margin: $none } }\n' });
  assert.equal(await style(frame, '.title', 'marginTop'), '10px');
  await write({ 'src/look.scss': 'body { h1 { margin: 1px } }\n' });
  await shows(page, frame, '.title', 'marginTop', '1px');
  assert.equal(await frame.locator('button').textContent(), '1');

  await frame.locator('a').click();
  await until(page, 'the rest is loaded', async () => (await frame.locator('body').textContent()).includes('lazily loaded'));
  assert.equal(await style(frame, 'body', 'outlineColor'), 'rgb(4, 5, 6)');
  assert.deepEqual((await took()).filter(({ name }) => name === 'error'), []);
});

test('a page as the entry starts its modules and has its style sheets', async () => {
  const page = { 'index.html': '<!doctype html><title>%VITE_NAME%</title><link rel="stylesheet" href="/src/page.css"><script type="module" src="/src/main.ts"></script>', 'src/page.css': 'body { margin: 17px }\n', '.env': 'VITE_NAME=Named\n' };
  const { page: outer, write, took } = await embed({ ...files, ...page }, { input: 'index.html' });
  const frame = await running(outer);
  await shows(outer, frame, 'body', 'marginTop', '17px');
  await shows(outer, frame, '.title', 'color', 'rgb(1, 2, 3)');
  assert.equal(await frame.title(), 'Named');
  await write({ 'src/page.css': 'body { margin: 19px }\n' });
  await shows(outer, frame, 'body', 'marginTop', '19px');
  // Another environment starts the app anew.
  await write({ '.env': 'VITE_NAME=Renamed\n' });
  await until(outer, 'the title is another', async () => (await (await running(outer)).title()) === 'Renamed');
  assert.deepEqual((await took()).filter(({ name }) => name === 'error' || name === 'broken'), []);
});

test('an image that is changed, and one that an edit brings in, are fetched', async () => {
  const { page, write } = await embed(files, { input: 'src/main.ts' });
  const frame = await running(page);
  await until(page, 'the image is there', () => frame.evaluate(() => document.querySelector('img').naturalWidth === 64));
  const before = await style(frame, 'div', 'backgroundImage');
  const other = image.map((byte, at) => (at < 54 ? byte : 255 - byte));
  await page.evaluate((other) => window.project.write('src/other.bmp', new Uint8Array(other)), other);
  await write({ 'src/main.css': '.title { color: rgb(1, 1, 1); background: url(./other.bmp) }\n' });
  await shows(page, frame, '.title', 'color', 'rgb(1, 1, 1)');
  const address = await style(frame, '.title', 'backgroundImage');
  assert.match(address, /assets\/other-[\w-]{8}\.bmp/);
  const status = await frame.evaluate((address) => fetch(address).then((response) => response.status), address.slice(5, -2));
  assert.equal(status, 200);
  await page.evaluate((other) => window.project.write('src/image.bmp', new Uint8Array(other)), other);
  await write({});
  await until(page, 'the image is another', async () => {
    const next = await running(page);
    return (await style(next, 'div', 'backgroundImage')) !== before;
  });
});
