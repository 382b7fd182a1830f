// This file has the cases about names that say what is in a file: when they have to change, and
// when they may not.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashed, need } from '../project.mjs';

const digest = (contents) => createHash('sha256').update(contents).digest('hex').slice(0, 8);

/** Every script has a digest, entries too. */
const digests = { output: { entryFileNames: '[name]-[hash].js' } };

/** The names of two builds: before an edit of some files, and after it. */
async function twice(project, edit) {
  const before = await project.build();
  project.write(edit);
  const after = await project.build();
  return { before, after };
}

/** That the names of these files are other ones after the edit. */
function changed({ before, after }, names) {
  for (const name of names) {
    need(
      before.of(name) !== after.of(name),
      `\`${after.of(name)}\` has the same name with other contents.`,
    );
    need(hashed(after.of(name)), `\`${after.of(name)}\` has no digest.`);
  }
}

export default [
  {
    id: 'hashing/asset-cascade',
    title: 'Asset hash cascading',
    asks: 'When an asset changes, the script that has its address gets another name as well.',
    expected: 'pass',
    how:
      "A digest is of the file's contents, and of those of the files it names. Assets and " +
      'chunks have one by default, entries with `output.entryFileNames`.',
    files: {
      'main.js': `import address from './dot.png';\nconsole.log(address);\n`,
      'dot.png': 'one',
    },
    options: { input: 'main.js', assetsInlineLimit: 0, ...digests },
    async check(project) {
      const builds = await twice(project, { 'dot.png': 'two' });
      changed(builds, ['dot.png', 'main.js']);
      const [line] = await builds.after.run(builds.after.of('main.js'));
      need(builds.after.text(builds.after.named(line)) === 'two', 'The script has an old address.');
    },
    contrary: { options: { output: { entryFileNames: '[name].js' } } },
  },
  {
    id: 'hashing/asset-of-asset-cascade-css',
    title: 'Sub-resource hash cascading: CSS',
    asks: 'When an image changes, the style sheet that shows it gets another name as well.',
    expected: 'pass',
    how:
      "`url()` in style sheets is an asset; a style sheet's digest is that of what comes out, " +
      'addresses included.',
    files: {
      'index.html': '<!doctype html>\n<link rel="stylesheet" href="./page.css">\n',
      'page.css': 'body { background: url(./dot.png) }\n',
      'dot.png': 'one',
    },
    options: { assetsInlineLimit: 0 },
    async check(project) {
      const { before, after } = await twice(project, { 'dot.png': 'two' });
      const [one, two] = [before, after].map((output) => output.loads('index.html').styles[0]);
      changed({ before, after }, ['dot.png']);
      need(one !== two, `\`${two}\` has the same name with another address in it.`);
      need(after.text(two).includes(after.of('dot.png')), 'The style sheet has an old address.');
    },
    contrary: { options: { output: { assetFileNames: 'assets/[name][extname]' } } },
  },
  {
    id: 'hashing/asset-of-asset-cascade-svg',
    title: 'Sub-resource hash cascading: SVG',
    asks: 'When an image changes, the SVG file that shows it gets another name as well.',
    expected: 'no',
    why:
      'An SVG file is an asset like any other: its bytes are not read, so what it refers to ' +
      'is not part of the output.',
    missing: /files in the output are `photo\.jpg`/,
    files: {
      'main.js': `import address from './drawing.svg';\nconsole.log(address);\n`,
      'drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg"><image href="photo.jpg"/></svg>\n',
      'photo.jpg': 'one',
    },
    options: { input: 'main.js', assetsInlineLimit: 0 },
    async check(project) {
      const builds = await twice(project, { 'photo.jpg': 'two' });
      changed(builds, ['photo.jpg', 'drawing.svg']);
      const { after } = builds;
      const svg = after.text(after.of('drawing.svg'));
      need(
        svg.includes(after.of('photo.jpg').split('/').at(-1)),
        'The SVG file has an old address.',
      );
    },
    contrary: {
      after(folder, root) {
        const assets = join(folder, 'assets');
        const old = readdirSync(assets).find((name) => name.startsWith('drawing-'));
        const photo = readFileSync(join(root, 'photo.jpg'));
        const svg = readFileSync(join(assets, old), 'utf8').replace(
          'photo',
          `photo-${digest(photo)}`,
        );
        const name = `drawing-${digest(svg)}.svg`;
        rmSync(join(assets, old));
        writeFileSync(join(assets, `photo-${digest(photo)}.jpg`), photo);
        writeFileSync(join(assets, name), svg);
        const main = readFileSync(join(folder, 'main.js'), 'utf8');
        writeFileSync(join(folder, 'main.js'), main.replace(old, name));
      },
    },
  },
  {
    id: 'hashing/avoid-cascade',
    title: 'Avoid cascading hash changes',
    asks:
      'When a chunk changes, the scripts that import it keep their names, because its address ' +
      'is kept in one place such as an import map.',
    expected: 'no',
    why:
      'Scripts name each other by file. There is no import map and no other table of ' +
      'addresses that the page would hold.',
    missing: /changes its name only for an address/,
    files: {
      'index.html': '<!doctype html>\n<script type="module" src="./main.js"></script>\n',
      'main.js': `import('./late.js').then(({ late }) => late());\n`,
      'late.js': `export const late = () => console.log('one');\n`,
    },
    async check(project) {
      const edit = { 'late.js': `export const late = () => console.log('two');\n` };
      const { before, after } = await twice(project, edit);
      changed({ before, after }, ['late.js']);
      const [one, two] = [before, after].map((output) => output.loads('index.html').scripts[0]);
      need(hashed(two), `\`${two}\` has no digest.`);
      need(one === two, `\`${two}\` changes its name only for an address.`);
      const late = after.of('late.js').split('/').at(-1);
      const stable = after.names.filter((name) => !hashed(name));
      need(
        stable.some((name) => after.text(name).includes(late)),
        'Nothing says where the chunk is.',
      );
    },
    contrary: {
      after(folder) {
        const assets = join(folder, 'assets');
        const [late, old] = ['late-', 'index-'].map((start) =>
          readdirSync(assets).find((name) => name.startsWith(start)),
        );
        const main = readFileSync(join(assets, old), 'utf8').replace(`./${late}`, 'late');
        const name = `index-${digest(main)}.js`;
        rmSync(join(assets, old));
        writeFileSync(join(assets, name), main);
        const map = `<script type="importmap">{"imports":{"late":"/assets/${late}"}}</script>\n`;
        const html = readFileSync(join(folder, 'index.html'), 'utf8').replace(old, name);
        writeFileSync(join(folder, 'index.html'), html.replace('\n', `\n${map}`));
      },
    },
  },
  {
    id: 'hashing/avoid-hash',
    title: 'Avoiding hashing for a particular resource',
    asks:
      'In one build, one asset, one entry and one chunk have a digest in their name, and ' +
      'another of each has none.',
    expected: 'no',
    why:
      '`entryFileNames`, `chunkFileNames` and `assetFileNames` are each one pattern for all. ' +
      'Only files of `public/`, pages and service workers keep their names whatever the ' +
      'patterns say.',
    missing: /`[^`]*plain-[^`]*` has a digest/,
    files: {
      'index.html': '<!doctype html>\n<script type="module" src="./main.js"></script>\n',
      'main.js': `import hashedAsset from './logo.txt?url';
console.log('asset', hashedAsset);
console.log('asset', new URL('/robots.txt', 'file:').pathname);
import('./late.js');
import('./fixed.js');
`,
      'late.js': `console.log('late-mark');\n`,
      'fixed.js': `console.log('fixed-mark');\n`,
      'plain.js': `console.log('plain-mark');\n`,
      'logo.txt': 'logo',
      'public/robots.txt': 'robots',
    },
    options: { input: ['index.html', 'plain.js', 'fixed.js'], assetsInlineLimit: 0 },
    async check(project) {
      const output = await project.build();
      const [main] = output.loads('index.html').scripts;
      const lines = await output.run(main);
      const [logo, robots] = lines
        .filter((line) => line.startsWith('asset '))
        .map((line) => output.named(line.slice(6)));
      const one = (mark) => output.having(mark).join();
      for (const name of [main, logo, one('late-mark')])
        need(hashed(name), `\`${name}\` has no digest.`);
      for (const name of [robots, one('plain-mark'), one('fixed-mark')]) {
        need(!hashed(name), `\`${name}\` has a digest.`);
      }
      need(lines.includes('late-mark') && lines.includes('fixed-mark'), 'A chunk does not run.');
    },
    contrary: {
      after(folder) {
        const assets = join(folder, 'assets');
        const at = (start) => readdirSync(assets).find((name) => name.startsWith(start));
        const [main, fixed, plain] = ['index-', 'fixed-', 'plain-'].map(at);
        const text = readFileSync(join(assets, main), 'utf8').replace(fixed, 'fixed.js');
        writeFileSync(join(assets, main), text);
        renameSync(join(assets, fixed), join(assets, 'fixed.js'));
        renameSync(join(assets, plain), join(assets, 'plain.js'));
      },
    },
  },
  {
    id: 'hashing/basic-js',
    title: 'Basic JavaScript hashing',
    asks: 'The name of a script changes when its contents do, and only then.',
    expected: 'pass',
    how: '`output.entryFileNames: "[name]-[hash].js"`; scripts of pages have a digest by default.',
    files: { 'main.js': `console.log('one');\n` },
    options: { input: 'main.js', ...digests },
    async check(project) {
      const { before, after } = await twice(project, {});
      need(before.names.join() === after.names.join(), 'The same source has two names.');
      changed(await twice(project, { 'main.js': `console.log('two');\n` }), ['main.js']);
    },
    contrary: { options: { output: { entryFileNames: '[name].js' } } },
  },
  {
    id: 'hashing/hash-ignores-parent-dirs',
    title: 'Hash ignores parent directories',
    asks:
      'Names stay the same when the project, or the folder its sources are in, is called ' +
      'otherwise.',
    expected: 'pass',
    how:
      'Nothing of the machine is in an output. Where it is not minified, comments name each ' +
      'module by its path in the project, which is then part of the contents.',
    files: {
      'src/main.js': `import('./late.js').then(({ late }) => late());\n`,
      'src/late.js': `export const late = () => console.log('late');\n`,
    },
    options: { input: 'src/main.js', output: { ...digests.output, minify: true } },
    async check(project) {
      const here = await project.build();
      need(
        here.scripts.length === 2 && here.scripts.every(hashed),
        `Not two digests: ${here.scripts}`,
      );
      const moved = project.again();
      try {
        const there = await moved.build();
        need(
          here.names.join() === there.names.join(),
          "The project's folder is part of the digests.",
        );
      } finally {
        moved.remove();
      }
      const renamed = Object.entries(project.files).flatMap(([name, contents]) => [
        [name, null],
        [name.replace('src/', 'app/'), contents],
      ]);
      project.write(Object.fromEntries(renamed));
      const again = await project.build({ input: 'app/main.js' });
      need(
        here.names.join() === again.names.join(),
        'The folder of the sources is part of the digests.',
      );
    },
    contrary: { options: { output: { minify: false } } },
  },
  {
    id: 'hashing/hash-on-final-content',
    title: 'Hash on final file content',
    asks: 'A comment that minification removes does not change the name.',
    expected: 'pass',
    how: 'The digest is of what is written, after `output.minify`.',
    files: { 'main.js': `/* one */\nconsole.log('text');\n` },
    options: { input: 'main.js', output: { ...digests.output, minify: true } },
    async check(project) {
      const { before, after } = await twice(project, {
        'main.js': `/* two */\nconsole.log('text');\n`,
      });
      need(before.names.join() === after.names.join(), 'A comment changes the name.');
      changed(await twice(project, { 'main.js': `console.log('other');\n` }), ['main.js']);
    },
    // A legal comment stays.
    contrary: { files: { 'main.js': `/*! one */\nconsole.log('text');\n` } },
  },
  {
    id: 'hashing/js-entry-cascade',
    title: 'JS entry-point hash cascading',
    asks:
      'When a chunk that two entries share changes, both entries name it by its new name, and ' +
      'get another name themselves.',
    expected: 'pass',
    how: "A digest is of the file's contents, and of those of the files it names.",
    files: {
      'main.js': `import { say } from './say.js';\nsay('main');\n`,
      'other.js': `import { say } from './say.js';\nsay('other');\n`,
      'say.js': `export const say = (text) => console.log(text, 'one');\n`,
    },
    options: { input: ['main.js', 'other.js'], ...digests },
    async check(project) {
      const edit = { 'say.js': `export const say = (text) => console.log(text, 'two');\n` };
      const builds = await twice(project, edit);
      need(builds.after.scripts.length === 3, 'The entries share no chunk.');
      changed(builds, ['say.js', 'main.js', 'other.js']);
      const lines = await builds.after.run(
        ['main.js', 'other.js'].map((name) => builds.after.of(name)),
      );
      need(lines.join() === 'main two,other two', `The entries print: ${lines}`);
    },
    contrary: { options: { output: { entryFileNames: '[name].js' } } },
  },
  {
    id: 'hashing/js-import-cascade',
    title: 'JS import() hash cascading',
    asks:
      'When a chunk that is imported dynamically changes, its importer names it by its new ' +
      'name, and gets another name itself.',
    expected: 'pass',
    how: "A digest is of the file's contents, and of those of the files it names.",
    files: {
      'main.js': `import('./late.js').then(({ late }) => late());\n`,
      'late.js': `export const late = () => console.log('one');\n`,
    },
    options: { input: 'main.js', ...digests },
    async check(project) {
      const builds = await twice(project, {
        'late.js': `export const late = () => console.log('two');\n`,
      });
      changed(builds, ['late.js', 'main.js']);
      const lines = await builds.after.run(builds.after.of('main.js'));
      need(lines.join() === 'two', `The program prints: ${lines}`);
    },
    contrary: {
      // The chunk has another name, its importer the one it had.
      after(folder) {
        const main = readdirSync(folder).find((name) => name.startsWith('main-'));
        renameSync(join(folder, main), join(folder, 'main-00000000.js'));
      },
    },
  },
];
