// This file compares what a page looks like with its style sheets bundled and
// unbundled. The oracle is the browser: it loads the sources as they are, with
// each style sheet as a `<link>` or put into the page when its module runs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, serve, temporaryFolder } from './harness.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const folders = temporaryFolder();
let projects = 0;

function project(files) {
  const folder = join(folders, String(projects++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function build(folder, ...args) {
  return execFileSync(process.env.NEXXO_BIN, ['build', ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}

// --- The cases of css-import-tests, in our words ---------------------------------
//
// Each has a sheet `style.css` and what it imports. All set the colour of `.box`,
// and what a browser makes of it decides.

const red = '.box { color: rgb(255, 0, 0) }';
const green = '.box { color: rgb(0, 128, 0) }';
const blue = '.box { color: rgb(0, 0, 255) }';
const data = (text) => `data:text/css,${encodeURIComponent(text)}`;

const cases = {
  'a string': { 'style.css': '@import "a.css";', 'a.css': green },
  'a url without quotes': { 'style.css': '@import url(a.css);', 'a.css': green },
  'a url with quotes': { 'style.css': "@import url('./a.css');", 'a.css': green },
  'own rules come after': { 'style.css': `@import './a.css'; ${green}`, 'a.css': red },
  'the later import comes later': { 'style.css': "@import './a.css'; @import './b.css';", 'a.css': red, 'b.css': green },
  'an import of an import': { 'style.css': "@import './a.css';", 'a.css': "@import './b/c.css';", 'b/c.css': green },
  'paths start from the importer': { 'style.css': "@import './b/a.css';", 'b/a.css': "@import '../c.css'; @import './d.css';", 'c.css': red, 'b/d.css': green },
  'the same twice: the last counts': { 'style.css': "@import './a.css'; @import './b.css'; @import './a.css';", 'a.css': green, 'b.css': red },
  'the same by two ways': { 'style.css': "@import './a.css'; @import './b.css';", 'a.css': "@import './c.css'; .box { color: rgb(255, 0, 0) }", 'b.css': "@import './c.css';", 'c.css': green },
  'a cycle of itself': { 'style.css': `@import './style.css'; ${green}` },
  'a cycle of two': { 'style.css': `@import './a.css'; ${green}`, 'a.css': `@import './style.css'; ${red}` },
  'a cycle of three': { 'style.css': "@import './a.css';", 'a.css': `@import './b.css'; ${green}`, 'b.css': `@import './c.css'; ${red}`, 'c.css': `@import './a.css'; ${blue}` },
  'an import after a rule counts for nothing': { 'style.css': `${green} @import './a.css';`, 'a.css': red },
  'an import after a charset': { 'style.css': '@charset "utf-8"; @import "a.css";', 'a.css': green },
  'an import after a layer statement': { 'style.css': "@layer one, two; @import './a.css' layer(two); @import './b.css' layer(one);", 'a.css': green, 'b.css': red },
  'layers between imports': { 'style.css': "@import './a.css' layer(one); @layer two; @import './b.css' layer(one);", 'a.css': red, 'b.css': green },
  'media that holds': { 'style.css': "@import './a.css' screen;", 'a.css': green },
  'media that does not': { 'style.css': `@import './a.css'; @import './b.css' print;`, 'a.css': green, 'b.css': red },
  'a list of media': { 'style.css': "@import './a.css' print, screen;", 'a.css': green },
  'a width': { 'style.css': "@import './a.css' (min-width: 10px); @import './b.css' (max-width: 10px);", 'a.css': green, 'b.css': red },
  'media within media': { 'style.css': "@import './a.css' screen;", 'a.css': "@import './b.css' (min-width: 10px); @import './c.css' print;", 'b.css': green, 'c.css': red },
  'media within media with lists': { 'style.css': "@import './a.css' screen, print;", 'a.css': "@import './b.css' (min-width: 10px), (max-width: 5px);", 'b.css': green },
  'the same with other media': { 'style.css': "@import './a.css' screen; @import './b.css'; @import './a.css' print;", 'a.css': red, 'b.css': green },
  'supports that holds': { 'style.css': "@import './a.css' supports(display: flex);", 'a.css': green },
  'supports that does not': { 'style.css': "@import './a.css'; @import './b.css' supports(display: nothing);", 'a.css': green, 'b.css': red },
  'supports with a condition': { 'style.css': "@import './a.css' supports((display: flex) and (not (display: nothing)));", 'a.css': green },
  'supports and media': { 'style.css': "@import './a.css' supports(display: flex) screen;", 'a.css': green },
  'an anonymous layer': { 'style.css': `@import './a.css' layer; ${''}@layer { }`, 'a.css': green },
  'two anonymous layers are two': { 'style.css': "@import './a.css' layer; @import './b.css' layer;", 'a.css': red, 'b.css': green },
  'a layer loses to none': { 'style.css': "@import './a.css'; @import './b.css' layer(one);", 'a.css': green, 'b.css': red },
  'layers in their first order': { 'style.css': "@import './a.css' layer(one); @import './b.css' layer(two); @import './c.css' layer(one);", 'a.css': red, 'b.css': green, 'c.css': red },
  'a layer in a layer': { 'style.css': "@import './a.css' layer(one); @import './c.css' layer(one.sub);", 'a.css': "@import './b.css' layer(sub);", 'b.css': red, 'c.css': green },
  'a layer with dots': { 'style.css': "@import './a.css' layer(one.two); @import './b.css' layer(one);", 'a.css': red, 'b.css': green },
  'layer, supports and media': { 'style.css': "@import './a.css' layer(one) supports(display: flex) screen;", 'a.css': green },
  'a layer within media': { 'style.css': "@import './a.css' screen; @import './c.css' layer(one);", 'a.css': "@import './b.css' layer(one);", 'b.css': red, 'c.css': green },
  'an important rule in a layer': { 'style.css': `@import './a.css' layer(one); ${red}`, 'a.css': '.box { color: rgb(0, 128, 0) !important }' },
  'an empty import': { 'style.css': `@import './a.css'; ${green}`, 'a.css': '' },
  'a comment before an import': { 'style.css': "/* a */ @import './a.css'; /* b */", 'a.css': green },
  'a comment within an import': { 'style.css': "@import /* a */ './a.css' /* b */ screen /* c */;", 'a.css': green },
  'capital letters': { 'style.css': "@IMPORT './a.css' SCREEN;", 'a.css': green },
  'escapes in the name': { 'style.css': "@import './a\\ b.css';", 'a b.css': green },
  'a namespace': { 'style.css': "@import './a.css'; @namespace svg url(http://www.w3.org/2000/svg); svg|a { color: red }", 'a.css': green },
  'a data address': { 'style.css': `@import "${data(green)}";` },
  'a data address before a file': { 'style.css': `@import "${data(red)}"; @import './a.css';`, 'a.css': green },
  'a data address with media': { 'style.css': `@import "${data(red)}" print; @import "${data(green)}" screen;` },
  'variables across files': { 'style.css': "@import './a.css'; .box { color: var(--c) }", 'a.css': ':root { --c: rgb(0, 128, 0) }' },
  'a scope': { 'style.css': "@import './a.css';", 'a.css': '@scope (body) { .box { color: rgb(0, 128, 0) } }' },
  'a container': { 'style.css': "@import './a.css';", 'a.css': 'body { container-type: inline-size } @container (min-width: 1px) { .box { color: rgb(0, 128, 0) } }' },
  'nesting across files': { 'style.css': "@import './a.css'; body { .box { color: rgb(0, 128, 0) } }", 'a.css': 'body { .box { color: rgb(255, 0, 0) } }' },
  'a tree of the same': { 'style.css': "@import './a.css'; @import './b.css'; @import './c.css';", 'a.css': "@import './c.css'; @import './b.css';", 'b.css': "@import './c.css'; " + red, 'c.css': green },
};

const color = (page) => page.evaluate(() => getComputedStyle(document.querySelector('.box')).color);

test('imports of style sheets give what the browser makes of them', async (context) => {
  for (const [name, files] of Object.entries(cases)) {
    await context.test(name, async () => {
      const html = (link) => `<!doctype html><link rel="stylesheet" href="${link}"><p class="box">box</p>`;
      const folder = project({ ...files, 'index.html': html('/style.css') });
      build(folder);
      const server = await serve({ '/': folder });
      const { page, close } = await open(browser, `${server.url}/index.html`);
      const expected = await color(page);
      // Its addresses begin at the root.
      const built = await serve({ '/': join(folder, 'dist') });
      await page.goto(`${built.url}/index.html`);
      assert.equal(await color(page), expected);
      await close();
      await Promise.all([server.close(), built.close()]);
    });
  }
});

// --- Modules with style sheets, at random -----------------------------------------

/** Numbers that are the same for the same seed. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Pages, modules and style sheets; `keys` are the properties that tell which sheets came last. */
function generate(seed) {
  const next = random(seed);
  const [modules, sheets, pages] = [4 + next(10), 3 + next(8), 1 + next(3)];
  const keys = Array.from({ length: 12 }, (_, at) => `--k${at}`);
  const files = {};
  for (let at = 0; at < sheets; at++) {
    const rules = keys.filter(() => next(3) === 0).map((key) => `${key}: s${at};`);
    const imports = at > 0 && next(4) === 0 ? `@import './s${next(at)}.css';\n` : '';
    files[`src/s${at}.css`] = `${imports}body { ${rules.join(' ')} }\n`;
  }
  for (let at = 0; at < modules; at++) {
    const lines = [];
    for (let count = next(5); count > 0; count--) {
      // Modules import only later ones: cycles have tests of their own.
      const to = at + 1 + next(Math.max(1, modules - at - 1));
      const what = next(3);
      if (what === 0) lines.push(`import './s${next(sheets)}.css';`);
      else if (to < modules) lines.push(what === 1 ? `import './m${to}.js';` : `globalThis.later.push(() => import('./m${to}.js'));`);
    }
    files[`src/m${at}.js`] = `${lines.join('\n')}\nglobalThis.count = (globalThis.count ?? 0) + 1;\n`;
  }
  for (let at = 0; at < pages; at++) {
    files[`p${at}.html`] = `<!doctype html><script>globalThis.later = []</script><script type="module">import '/src/m${next(Math.min(3, modules))}.js'; globalThis.ran = true;</script><body></body>`;
  }
  return { files, keys, pages: Array.from({ length: pages }, (_, at) => `p${at}.html`) };
}

/** The values of the keys, after the page has run and after each import that it does later. */
async function look(page, address, keys) {
  await page.goto(address);
  await page.waitForFunction(() => globalThis.ran === true && [...document.querySelectorAll('link[rel=stylesheet]')].every((link) => link.sheet));
  return page.evaluate(async (keys) => {
    const seen = [];
    const see = () => seen.push(keys.map((key) => getComputedStyle(document.body).getPropertyValue(key)).join());
    see();
    for (let at = 0; at < globalThis.later.length && at < 20; at++) {
      await globalThis.later[at]();
      see();
    }
    return seen;
  }, keys);
}

const count = Number(process.env.NEXXO_ROUNDS ?? 25);

test(`pages of ${count} random projects have their rules in the order of unbundled modules`, async () => {
  for (let seed = 1; seed <= count; seed++) {
    const { files, keys, pages } = generate(seed);
    const folder = project({ ...files, 'nexxo.config.json': JSON.stringify({ input: pages, output: { minify: seed % 2 === 0 } }) });
    build(folder);
    const sources = await serve({ '/raw/': folder, '/': folder });
    // A style sheet that is imported puts itself into the page when it runs.
    for (const name of Object.keys(files).filter((name) => name.endsWith('.css'))) {
      const body = `const sheet = document.createElement('link');\nsheet.rel = 'stylesheet';\nsheet.href = '/raw/${name}';\nawait new Promise((done) => { sheet.onload = done; document.head.append(sheet); });\n`;
      sources.answers.set(`/${name}`, { body, type: 'text/javascript' });
    }
    const built = await serve({ '/': join(folder, 'dist') });
    const { page, close } = await open(browser, 'about:blank');
    for (const name of pages) {
      const expected = await look(page, `${sources.url}/${name}`, keys);
      const actual = await look(page, `${built.url}/${name}`, keys);
      assert.deepEqual(actual, expected, `seed ${seed}, ${name}: ${folder}\n${readFileSync(join(folder, 'dist', name), 'utf8')}`);
    }
    await close();
    await Promise.all([sources.close(), built.close()]);
  }
});
