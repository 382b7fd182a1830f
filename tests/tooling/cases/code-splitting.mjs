// This file has the cases about which code comes to be in which file.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashed, need } from '../project.mjs';

const page = (script) => `<!doctype html>\n<script type="module" src="${script}"></script>\n`;

/** A module that others share. Its mark says where it came to be. */
const shout = `export function shout(text) { console.log(text.toUpperCase(), 'shout-mark'); }\n`;

/** What has a part of a browser's names. It tells of the links that are put into the document. */
const browser = `
globalThis.document = {
  querySelector: () => null,
  querySelectorAll: () => [],
  getElementsByTagName: () => [],
  createElement: () => ({ relList: { supports: () => true }, setAttribute() {} }),
  head: { append: (link) => console.log('link', link.rel, link.href) },
};
document.head.appendChild = document.head.append;
globalThis.Worker = class { constructor(address) { console.log('worker', String(address)); } };
globalThis.startHouse = (address) => console.log('house', String(address));
`;

/** That a context of another kind got the address of its script, and shares code with the page. */
async function sharesWithContext(project, context) {
  const output = await project.build();
  const { scripts } = output.loads('index.html');
  const lines = await output.run(scripts, browser);
  const address = lines.find((line) => line.startsWith(`${context} `))?.slice(context.length + 1);
  need(address, `No address for the ${context} comes out.`);
  const script = output.named(address);
  need(hashed(script), `\`${script}\` has no digest.`);
  need(output.having('shout-mark').length === 1, 'The shared module is there more than once.');
  need(!scripts.includes(script), 'The page and the other context have one script.');
  const inside = await output.run(script, browser);
  need(inside.includes('INSIDE shout-mark'), `The script of the ${context} prints: ${inside}`);
  return output;
}

export default [
  {
    id: 'code-splitting/between-new-worker-type',
    title: 'Between a new type of worker',
    asks: 'The address of a bundled script for a context that the build tool has never heard of.',
    expected: 'pass',
    how:
      "`import address from './x.js?worker&url'` bundles a module for another context, with " +
      'the chunks it shares with the page, and is the address of its script.',
    files: {
      'index.html': page('./main.js'),
      'main.js': `import address from './house.js?worker&url';
import { shout } from './shout.js';
startHouse(address);
shout('page');
`,
      'house.js': `import { shout } from './shout.js';\nshout('inside');\n`,
      'shout.js': shout,
    },
    check: (project) => sharesWithContext(project, 'house'),
    // As a mere file it is not bundled, and its import leads nowhere.
    contrary: {
      files: {
        'main.js': `import address from './house.js?url';
import { shout } from './shout.js';
startHouse(address);
shout('page');
`,
      },
    },
  },
  {
    id: 'code-splitting/between-workers',
    title: 'Between workers',
    asks:
      'Code that the page and a worker share is in a file of its own, and the worker has a ' +
      'digest.',
    expected: 'pass',
    how:
      "`new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`; the worker " +
      'is an entry of the same build. Only classic workers are one file each.',
    files: {
      'index.html': page('./main.js'),
      'main.js': `import { shout } from './shout.js';
new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
shout('page');
`,
      'worker.js': `import { shout } from './shout.js';\nshout('inside');\n`,
      'shout.js': shout,
    },
    async check(project) {
      const output = await sharesWithContext(project, 'worker');
      need(output.scripts.length === 3, `There are ${output.scripts.length} scripts, not 3.`);
    },
    // A classic worker holds all that it needs.
    contrary: {
      files: {
        'main.js': `import { shout } from './shout.js';
new Worker(new URL('./worker.js', import.meta.url));
shout('page');
`,
      },
    },
  },
  {
    id: 'code-splitting/dynamic-import',
    title: 'Dynamic import',
    asks: '`import()` makes a second file, which the first can run without.',
    expected: 'pass',
    how: 'By itself; `output.codeSplitting: false` turns it off.',
    files: {
      'main.js': `console.log('first');
import('./late.js').then(({ late }) => late());
`,
      'late.js': `export const late = () => console.log('late-mark');\n`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      need(output.scripts.length === 2, `There are ${output.scripts.length} scripts, not 2.`);
      const [late] = output.having('late-mark');
      need(!output.closure('main.js').has(late), 'The first script waits for the second.');
      const lines = await output.run('main.js');
      need(lines.join() === 'first,late-mark', `The program prints: ${lines}`);
    },
    contrary: { options: { output: { codeSplitting: false } } },
  },
  {
    id: 'code-splitting/dynamic-import-preloading',
    title: 'Dynamic import preloading',
    asks:
      'What a dynamically imported chunk imports is fetched along with it, and not once it ' +
      'has arrived.',
    expected: 'pass',
    how:
      'In builds of pages: what an `import()` needs, scripts and style sheets, is fetched at ' +
      'once with it.',
    files: {
      'index.html': page('./main.js'),
      'main.js': `import('./red.js').then(({ red }) => red());
if (globalThis.never) import('./blue.js').then(({ blue }) => blue());
`,
      'red.js': `import { paint } from './paint.js';
export const red = () => console.log(paint('red'));
`,
      'blue.js': `import { paint } from './paint.js';
export const blue = () => console.log(paint('blue'));
`,
      'paint.js': `console.log('paint-mark');\nexport const paint = (name) => 'painted ' + name;\n`,
    },
    async check(project) {
      const output = await project.build();
      need(output.scripts.length === 4, `There are ${output.scripts.length} scripts, not 4.`);
      const [paint] = output.having('paint-mark');
      const { scripts } = output.loads('index.html');
      const lines = await output.run(scripts, browser);
      need(lines.at(-1) === 'painted red', `The program prints: ${lines}`);
      const ahead = lines.slice(0, lines.indexOf('paint-mark'));
      const links = output
        .tags('index.html', 'link')
        .map((link) => `link ${link.rel} ${link.href}`);
      const names = [...ahead, ...links]
        .filter((line) => /^link (?:module)?preload /.test(line))
        .map((line) => output.named(line.split(' ')[2]));
      need(names.includes(paint), `\`${paint}\` is not fetched ahead.`);
    },
    // Without a page, whoever uses the output has ways of their own.
    contrary: {
      after(folder) {
        const name = readdirSync(join(folder, 'assets')).find((name) => name.startsWith('index-'));
        const code = readFileSync(join(folder, 'assets', name), 'utf8');
        const bare = code.replace(/__nexxo_styles\(\[[^\]]*\], import\.meta\.url, /g, '(');
        writeFileSync(join(folder, 'assets', name), bare.replace(/\(\(\) => (import\([^)]*\))\)/g, '$1'));
      },
    },
  },
  {
    id: 'code-splitting/multi-entry',
    title: 'Multiple entry points per page',
    asks: 'A module that two entries of one page import runs once, and both have the same object.',
    expected: 'pass',
    how: '`input` names several entries; what they share is a chunk that both import.',
    files: {
      'one.js': `import tally from './tally.js';\nconsole.log('one', ++tally.count);\n`,
      'two.js': `import tally from './tally.js';\nconsole.log('two', ++tally.count);\n`,
      'tally.js': 'export default { count: 0 };\n',
    },
    options: { input: ['one.js', 'two.js'] },
    async check(project) {
      const output = await project.build();
      const lines = await output.run(['one.js', 'two.js']);
      need(lines.join() === 'one 1,two 2', `The page prints: ${lines}`);
    },
    contrary: {
      files: {
        'two.js': `import tally from './copy.js';\nconsole.log('two', ++tally.count);\n`,
        'copy.js': 'export default { count: 0 };\n',
      },
    },
  },
  {
    id: 'code-splitting/multi-pages',
    title: 'One entry point per page',
    asks:
      'What the scripts of two pages have in common is a third file, and what only one needs ' +
      'is not in it.',
    expected: 'pass',
    how:
      '`input` names the pages; what they share is a chunk, whatever its size, unless ' +
      '`output.codeSplitting` sets limits.',
    files: {
      'index.html': page('./main.js'),
      'profile.html': page('./profile.js'),
      'main.js': `import { shout } from './shout.js';
import { more } from './more.js';
shout(more('page'));
`,
      'profile.js': `import { shout } from './shout.js';\nshout('profile');\n`,
      'shout.js': shout,
      'more.js': `export const more = (text) => text + ' more-mark';\n`,
    },
    options: { input: ['index.html', 'profile.html'] },
    async check(project) {
      const output = await project.build();
      need(output.scripts.length === 3, `There are ${output.scripts.length} scripts, not 3.`);
      const shared = output.having('shout-mark');
      need(shared.length === 1, 'The shared module is there more than once.');
      for (const name of ['index.html', 'profile.html']) {
        const [script] = output.loads(name).scripts;
        need(
          script !== shared[0] && output.closure(script).has(shared[0]),
          `\`${name}\` shares nothing.`,
        );
      }
      const [profile] = output.loads('profile.html').scripts;
      const [more] = output.having('more-mark');
      need(!output.closure(profile).has(more), 'A page loads what only the other needs.');
      need((await output.run(profile)).join() === 'PROFILE shout-mark', 'The page does not run.');
    },
    contrary: {
      files: {
        'profile.js': `import { shout } from './copy.js';\nshout('profile');\n`,
        'copy.js': shout,
      },
    },
  },
  {
    id: 'code-splitting/splitting-modules-dynamic-import',
    title: 'Splitting modules between dynamic imports',
    asks:
      'Of one module, the page gets the export that it uses, and the chunk imported later the ' +
      'other.',
    expected: 'no',
    why:
      'A module is in one chunk as a whole, with all exports that anything uses. A module ' +
      'that only passes on exports of others is taken apart.',
    missing: /The page loads what only the later chunk uses/,
    files: {
      'main.js': `import { first } from './things.js';
console.log(first.name);
import('./late.js');
`,
      'late.js': `import { second } from './things.js';\nconsole.log(second.name);\n`,
      'things.js': `export const first = { name: 'first-mark' };
export const second = { name: 'second-mark' };
`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      const lines = await output.run('main.js');
      need(lines.join() === 'first-mark,second-mark', `The program prints: ${lines}`);
      const ahead = [...output.closure('main.js')];
      const [second] = output.having('second-mark');
      need(!ahead.includes(second), 'The page loads what only the later chunk uses.');
    },
    // What passes on exports of others is taken apart.
    contrary: {
      files: {
        'first.js': `export const first = { name: 'first-mark' };\n`,
        'second.js': `export const second = { name: 'second-mark' };\n`,
        'things.js': `export { first } from './first.js';\nexport { second } from './second.js';\n`,
      },
    },
  },
  {
    id: 'code-splitting/splitting-modules-multi-entry',
    title: 'Splitting modules between multiple entries',
    asks:
      'Of one module, each entry loads only the exports that it uses; an export that two use ' +
      'is in a file that both load.',
    expected: 'no',
    why:
      'A module is in one chunk as a whole, with all exports that anything uses. A module ' +
      'that only passes on exports of others is taken apart.',
    missing: /`one\.js` loads what it does not use/,
    files: {
      'one.js': `import { first } from './things.js';\nconsole.log(first.name);\n`,
      'two.js': `import { second } from './things.js';\nconsole.log(second.name);\n`,
      'three.js': `import { second } from './things.js';\nconsole.log(second.name, 3);\n`,
      'things.js': `export const first = { name: 'first-mark' };
export const second = { name: 'second-mark' };
`,
    },
    options: { input: ['one.js', 'two.js', 'three.js'] },
    async check(project) {
      const output = await project.build();
      const lines = await output.run(['one.js', 'two.js', 'three.js']);
      need(lines.join() === 'first-mark,second-mark,second-mark 3', `The entries print: ${lines}`);
      need(output.having('second-mark').length === 1, 'The shared export is there more than once.');
      const unused = { 'one.js': 'second-mark', 'two.js': 'first-mark', 'three.js': 'first-mark' };
      for (const [entry, mark] of Object.entries(unused)) {
        const [file] = output.having(mark);
        need(!output.closure(entry).has(file), `\`${entry}\` loads what it does not use.`);
      }
    },
    // What passes on exports of others is taken apart.
    contrary: {
      files: {
        'first.js': `export const first = { name: 'first-mark' };\n`,
        'second.js': `export const second = { name: 'second-mark' };\n`,
        'things.js': `export { first } from './first.js';\nexport { second } from './second.js';\n`,
      },
    },
  },
];
