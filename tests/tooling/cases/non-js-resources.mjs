// This file has the cases about what is not JavaScript: bytes, style sheets, images, pages, and the
// service worker that knows of them all.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashed, need } from '../project.mjs';

/** Bytes that are more than become part of a script by default. */
const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) % 256));

/** That a style sheet is as small as whitespace lets it be. */
const isSmall = (text) => !/\n.|[:;{}] |  | [{}]/.test(text.trim());

const page = (...lines) => `<!doctype html>\n${lines.join('\n')}\n`;
const script = (address) => `<script type="module" src="${address}"></script>`;

/** The file whose address the program prints, which has a digest. */
async function printed(output, entry) {
  const [line] = await output.run(entry);
  need(line, 'The program prints no address.');
  const name = output.named(line);
  need(hashed(name), `\`${name}\` has no digest.`);
  return name;
}

/** The addresses in a style sheet. */
const addresses = (text) =>
  [...text.matchAll(/url\(["']?([^"')]+)["']?\)/g)].map((match) => match[1]);

export default [
  {
    id: 'non-js-resources/binary-arraybuffer',
    title: 'Binary: array buffer',
    asks: 'A binary file is imported as its bytes, which are part of the script.',
    expected: 'pass',
    how: '`"moduleTypes": { ".bin": "binary" }` gives a `Uint8Array`, kept as base64.',
    files: {
      'main.js': `import data from './data.bin';
const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
console.log(buffer instanceof ArrayBuffer, buffer.byteLength, new Uint8Array(buffer).at(-1));
`,
      'data.bin': bytes,
    },
    options: { input: 'main.js', moduleTypes: { '.bin': 'binary' } },
    async check(project) {
      const output = await project.build();
      need(output.names.join() === 'main.js', `The output is: ${output.names}`);
      const [line] = await output.run('main.js');
      need(line === `true 5000 ${bytes.at(-1)}`, `The program prints: ${line}`);
      need(output.text('main.js').includes(bytes.toString('base64')), 'The bytes are not base64.');
    },
    contrary: { options: { moduleTypes: undefined } },
  },
  {
    id: 'non-js-resources/binary-url',
    title: 'Binary: URL',
    asks: 'A binary file is imported as the address of a copy that has a digest.',
    expected: 'pass',
    how: '`?url`, with any file; without it by its extension, which `assetsInclude` adds to.',
    files: {
      'main.js': `import address from './data.bin?url';\nconsole.log(address);\n`,
      'data.bin': bytes,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      const name = await printed(output, 'main.js');
      need(output.bytes(name).equals(bytes), 'The copy has other bytes.');
    },
    contrary: {
      files: { 'main.js': `import address from './data.bin?inline';\nconsole.log(address);\n` },
    },
  },
  {
    id: 'non-js-resources/css-module',
    title: 'CSS: module',
    asks:
      'A style sheet is imported as an object of class names that are its own, and is ' +
      'minified.',
    expected: 'pass',
    how: '`.module.css`; `output.minify` minifies style sheets with the scripts.',
    files: {
      'main.js': `import styles, { second } from './card.module.css';
console.log(styles.first, second, styles.second === second);
`,
      'card.module.css': '.first {\n  color: green;\n}\n\n.second {\n  background: green;\n}\n',
    },
    options: { input: 'main.js', output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const [line] = await output.run('main.js');
      const [first, second, same] = line.split(' ');
      need(same === 'true' && first !== 'first' && second !== 'second', `The classes are: ${line}`);
      need(output.styles.length === 1, `The style sheets are: ${output.styles}`);
      const text = output.text(output.styles[0]);
      for (const name of [first, second]) {
        need(new RegExp(`\\.${name}\\s*{`).test(text), `The style sheet is: ${text}`);
      }
      need(isSmall(text), 'The style sheet is not minified.');
    },
    contrary: { options: { output: { minify: false } } },
  },
  {
    id: 'non-js-resources/css-source',
    title: 'CSS: source',
    asks: 'A style sheet is imported as its text, minified.',
    expected: 'pass',
    how: '`?inline`; `output.minify` minifies it.',
    files: {
      'main.js': `import text from './page.css?inline';\nconsole.log(JSON.stringify(text));\n`,
      'page.css': 'html {\n  background: green;\n}\n\nh1 {\n  color: red;\n}\n',
    },
    options: { input: 'main.js', output: { minify: true } },
    async check(project) {
      const output = await project.build();
      need(output.names.join() === 'main.js', `The output is: ${output.names}`);
      const [line] = await output.run('main.js');
      const text = JSON.parse(line);
      need(/^html\s*{/.test(text) && /h1\s*{\s*color:\s*red/.test(text), `The text is: ${text}`);
      need(isSmall(text), 'The text is not minified.');
    },
    contrary: { options: { output: { minify: false } } },
  },
  {
    id: 'non-js-resources/css-url',
    title: 'CSS: URL',
    asks: 'A style sheet is imported as its address, compiled and minified.',
    expected: 'pass',
    how: '`?url`; `output.minify` minifies it.',
    files: {
      'main.js': `import address from './page.css?url';\nconsole.log(address);\n`,
      'page.css': 'html {\n  background: green;\n}\n\nh1 {\n  color: red;\n}\n',
    },
    options: { input: 'main.js', output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const text = output.text(await printed(output, 'main.js'));
      need(/^html\s*{/.test(text) && /h1\s*{\s*color:\s*red/.test(text), `The text is: ${text}`);
      need(isSmall(text), 'The style sheet is not minified.');
    },
    contrary: { options: { output: { minify: false } } },
  },
  {
    id: 'non-js-resources/custom',
    title: 'Custom type',
    asks:
      "A kind of file that is the project's own is imported as an instance of the project's " +
      "own class, by code that is part of the build's configuration.",
    expected: 'no',
    why:
      'The command has no plugins yet: options are data. (In a tab there are.) `moduleTypes` ' +
      'maps an extension to the kinds that there are, not to a new one.',
    missing: /MISSING_PACKAGE: .*shape:/,
    files: {
      'main.js': `import { Shape } from './shape.js';
import shape from 'shape:./square.bin';
console.log(shape instanceof Shape, shape.bytes.byteLength);
`,
      'shape.js': 'export class Shape { constructor(bytes) { this.bytes = bytes; } }\n',
      'square.bin': bytes,
    },
    options: { input: 'main.js', moduleTypes: { '.bin': 'binary' } },
    async check(project) {
      const output = await project.build();
      const [line] = await output.run('main.js');
      need(line === 'true 5000', `The program prints: ${line}`);
    },
    // What a plugin would have written, as a module by hand.
    contrary: {
      files: {
        'main.js': `import { Shape } from './shape.js';
import shape from './square.js';
console.log(shape instanceof Shape, shape.bytes.byteLength);
`,
        'square.js': `import { Shape } from './shape.js';
import bytes from './square.bin';
export default new Shape(bytes);
`,
      },
    },
  },
  {
    id: 'non-js-resources/dependencies-basic',
    title: 'CSS dependencies: basic',
    asks:
      'Images and fonts of a style sheet become part of the output, and the style sheet has ' +
      'their addresses.',
    expected: 'pass',
    how: '`url()` is an asset; `@import` is put in place.',
    files: {
      'index.html': page('<link rel="stylesheet" href="./css/page.css">'),
      'css/page.css': `@import './more.css';
@font-face { src: url('./type.ttf'); font-family: 'type' }
`,
      'css/more.css': `body { background: url('../img/dot.png') }\n`,
      'css/type.ttf': `type ${bytes}`,
      'img/dot.png': bytes,
    },
    async check(project) {
      const output = await project.build();
      const { styles } = output.loads('index.html');
      const names = styles.flatMap((name) =>
        addresses(output.text(name)).map((address) => output.named(address, name)),
      );
      const expected = [output.of('dot.png'), output.of('type.ttf')];
      need(names.sort().join() === expected.join(), `The style sheet has the addresses: ${names}`);
      need(names.every(hashed), `Not all have a digest: ${names}`);
      need(output.bytes(output.of('dot.png')).equals(bytes), 'The image has other bytes.');
    },
    contrary: { options: { output: { assetFileNames: 'assets/[name][extname]' } } },
  },
  {
    id: 'non-js-resources/dependencies-deduping',
    title: 'CSS dependencies: deduping',
    asks:
      'An image and a font that a script and a style sheet both use are there once, with one ' +
      'address.',
    expected: 'pass',
    how: 'Assets are one file for each contents and name, whoever refers to them.',
    files: {
      'main.js': `import sheet from './page.css?url';
import dot from './dot.png';
import type from './type.ttf';
console.log(JSON.stringify([sheet, dot, type]));
`,
      'page.css': `@font-face { src: url('./type.ttf'); font-family: 'type' }
body { background: url('./dot.png') }
`,
      'dot.png': bytes,
      'type.ttf': `type ${bytes}`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      const [line] = await output.run('main.js');
      const [sheet, ...own] = JSON.parse(line).map((address) => output.named(address));
      const names = addresses(output.text(sheet)).map((address) => output.named(address, sheet));
      need(
        own.sort().join() === names.sort().join(),
        `The script has ${own}, the style sheet ${names}.`,
      );
      need(output.names.length === 4, `The output is: ${output.names}`);
    },
    contrary: {
      files: {
        'main.js': `import sheet from './page.css?url';
import dot from './dot.png?inline';
import type from './type.ttf';
console.log(JSON.stringify([sheet, dot, type]));
`,
      },
    },
  },
  {
    id: 'non-js-resources/entry',
    title: 'Entry points',
    asks:
      'A page is the entry: its scripts are bundled, its style sheets compiled, all have ' +
      'digests, and the page has their addresses.',
    expected: 'pass',
    how: '`index.html` is the entry where there is one, any page by `input`.',
    files: {
      'index.html': page(
        '<link rel="stylesheet" href="./page.css">',
        script('./main.js'),
        script('./say.js'),
      ),
      'main.js': `import { say } from './say.js';\nsay('hello');\n`,
      'say.js': `export const say = (text) => console.log('said', text);\n`,
      'page.css': 'html {\n  background: green;\n}\n',
    },
    options: { output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const { scripts, styles } = output.loads('index.html');
      need(
        styles.length === 1 && [...scripts, ...styles].every(hashed),
        `It loads: ${scripts} ${styles}`,
      );
      need(isSmall(output.text(styles[0])), 'The style sheet is not compiled.');
      need(output.having('said').length === 1, 'A script is there twice.');
      need((await output.run(scripts)).join() === 'said hello', 'The page does not run.');
    },
    contrary: { options: { output: { entryFileNames: 'assets/[name].js' } } },
  },
  {
    id: 'non-js-resources/html-inlining-scripts',
    title: 'HTML: inlining scripts',
    asks: 'One page has all code that it needs in itself, while another page loads files.',
    expected: 'no',
    why:
      'There is no option that puts a script into its page: scripts of pages are files, those ' +
      'with their code in the page included.',
    missing: /`index\.html` loads scripts/,
    files: {
      'index.html': page(script('./main.js')),
      'profile.html': page(script('./profile.js')),
      'main.js': `import { say } from './say.js';\nsay('index');\n`,
      'profile.js': `import { say } from './say.js';\nsay('profile');\n`,
      'say.js': `export const say = (text) => console.log('said', text);\n`,
    },
    options: { input: ['index.html', 'profile.html'], output: { minify: false } },
    async check(project) {
      const output = await project.build();
      const { scripts } = output.loads('profile.html');
      need(
        (await output.run(scripts)).join() === 'said profile',
        'The page that loads files does not run.',
      );
      need(output.loads('index.html').scripts.length === 0, '`index.html` loads scripts.');
      const code = output
        .tags('index.html', 'script')
        .map((tag) => tag.text)
        .join('\n');
      need(
        (await output.run([], code)).join() === 'said index',
        'The code in the page does not run.',
      );
    },
    contrary: {
      after(folder) {
        const assets = join(folder, 'assets');
        const [say, main] = ['say-', 'index-'].map((start) =>
          readFileSync(
            join(
              assets,
              readdirSync(assets).find((name) => name.startsWith(start)),
            ),
            'utf8',
          ),
        );
        const code = `${say}\n${main}`.replace(/^(?:import|export) .*$/gm, '');
        writeFileSync(join(folder, 'index.html'), page(`<script type="module">${code}</script>`));
      },
    },
  },
  {
    id: 'non-js-resources/html-loading-scripts',
    title: 'HTML: loading scripts',
    asks: 'The page that comes out has the addresses of its scripts as they came out.',
    expected: 'pass',
    how: 'Module scripts of the page, also those with their code in it.',
    files: {
      'index.html': page(
        script('./main.js'),
        '<script type="module">console.log("in-page");</script>',
      ),
      'main.js': `console.log('main-mark');\n`,
    },
    async check(project) {
      const output = await project.build();
      const { scripts } = output.loads('index.html');
      need(scripts.every(hashed), `Not all have a digest: ${scripts}`);
      need((await output.run(scripts)).join() === 'main-mark,in-page', `It loads: ${scripts}`);
    },
    contrary: { options: { output: { entryFileNames: '[name].js' } } },
  },
  {
    id: 'non-js-resources/html-preload-assets',
    title: 'HTML: preloading assets',
    asks:
      'The page has `<link rel="preload">` for a font and an image of its style sheet, with ' +
      'their addresses as they came out, and the right `as`.',
    expected: 'pass',
    how:
      'The page says so itself, by the paths of the sources; they become the addresses that ' +
      'the style sheet has. None is added that the page does not ask for.',
    files: {
      'index.html': page(
        '<link rel="preload" as="font" type="font/ttf" crossorigin href="./type.ttf">',
        '<link rel="preload" as="image" href="./dot.png">',
        script('./main.js'),
      ),
      'main.js': `import './page.css';\nconsole.log('main');\n`,
      'page.css': `@font-face { src: url('./type.ttf'); font-family: 'type' }
body { background: url('./dot.png') }
`,
      'dot.png': bytes,
      'type.ttf': `type ${bytes}`,
    },
    async check(project) {
      const output = await project.build();
      const links = output
        .tags('index.html', 'link')
        .filter((link) => link.rel === 'preload')
        .map((link) => `${link.as} ${output.named(link.href, 'index.html')}`);
      const expected = [`font ${output.of('type.ttf')}`, `image ${output.of('dot.png')}`];
      need(links.sort().join() === expected.join(), `The page preloads: ${links}`);
      need(expected.every(hashed), `Not all have a digest: ${expected}`);
      const [sheet] = output.loads('index.html').styles;
      const names = addresses(output.text(sheet)).map((address) => output.named(address, sheet));
      need(
        names.every((name) => links.some((link) => link.endsWith(` ${name}`))),
        `Not preloaded: ${names}`,
      );
    },
    contrary: { files: { 'index.html': page(script('./main.js')) } },
  },
  {
    id: 'non-js-resources/html-preloading-script-deps',
    title: 'HTML: preloading script dependencies',
    asks:
      'Each page preloads the chunks that its script imports, also those that a chunk ' +
      'imports, but none that is imported later.',
    expected: 'pass',
    how:
      '`<link rel="modulepreload">`, by itself. `output.codeSplitting.groups` keeps modules ' +
      'in chunks of their own here.',
    files: {
      'index.html': page(script('./index.js')),
      'profile.html': page(script('./profile.js')),
      'help.html': page(script('./help.js')),
      'index.js': `import { say } from './say.js';
say('index');
setTimeout(async () => say((await import('./late.js')).late()), 10_000);
`,
      'profile.js': `import { star } from './star.js';\nconsole.log(star('profile'));\n`,
      'help.js': `import { say } from './say.js';\nsay('help');\n`,
      'say.js': `import { star } from './star.js';
export const say = (text) => console.log(star(text), 'said');
`,
      'star.js': `export const star = (text) => '*' + text;\n`,
      'late.js': `export const late = () => 'late';\n`,
    },
    options: {
      input: ['index.html', 'profile.html', 'help.html'],
      output: {
        codeSplitting: {
          groups: [
            { name: 'say', test: 'say\\.js$' },
            { name: 'star', test: 'star\\.js$', priority: 1 },
          ],
        },
      },
    },
    async check(project) {
      const output = await project.build();
      const expected = {
        'index.html': 'say,star',
        'profile.html': 'star',
        'help.html': 'say,star',
      };
      output.of('late.js');
      for (const [name, chunks] of Object.entries(expected)) {
        const preloaded = output
          .tags(name, 'link')
          .filter((link) => /preload$/.test(link.rel))
          .map((link) => output.named(link.href, name));
        const wanted = chunks.split(',').map((chunk) => output.of(`${chunk}.js`));
        need(preloaded.sort().join() === wanted.join(), `\`${name}\` preloads: ${preloaded}`);
        const [own] = output.loads(name).scripts;
        const closure = [...output.closure(own)].filter((one) => one !== own).sort();
        need(closure.join() === wanted.join(), `\`${name}\` imports: ${closure}`);
      }
    },
    contrary: {
      after(folder) {
        const html = readFileSync(join(folder, 'help.html'), 'utf8');
        writeFileSync(
          join(folder, 'help.html'),
          html.replace(/<link rel="modulepreload"[^>]*>/, ''),
        );
      },
    },
  },
  {
    id: 'non-js-resources/image-data-url',
    title: 'Image: data URL',
    asks: 'An image is imported as a `data:` address.',
    expected: 'pass',
    how: '`?inline`; without it, up to `assetsInlineLimit` bytes.',
    files: {
      'main.js': `import dot from './dot.png?inline';\nconsole.log(dot);\n`,
      'dot.png': bytes,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      need(output.names.join() === 'main.js', `The output is: ${output.names}`);
      const [line] = await output.run('main.js');
      const data = 'data:image/png;base64,';
      need(line.startsWith(data), `The program prints: ${line.slice(0, 40)}`);
      need(
        Buffer.from(line.slice(data.length), 'base64').equals(bytes),
        'The image has other bytes.',
      );
    },
    contrary: { files: { 'main.js': `import dot from './dot.png';\nconsole.log(dot);\n` } },
  },
  {
    id: 'non-js-resources/image-url',
    title: 'Image: URL',
    asks: 'An image is imported as the address of a copy that has a digest.',
    expected: 'pass',
    how: 'By its extension; `?no-inline` however small it is.',
    files: {
      'main.js': `import dot from './dot.png?no-inline';\nconsole.log(dot);\n`,
      'dot.png': bytes.subarray(0, 40),
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      const name = await printed(output, 'main.js');
      need(output.bytes(name).equals(bytes.subarray(0, 40)), 'The copy has other bytes.');
    },
    contrary: { files: { 'main.js': `import dot from './dot.png';\nconsole.log(dot);\n` } },
  },
  {
    id: 'non-js-resources/service-worker',
    title: 'Service worker',
    asks:
      'The service worker has no digest, knows the final addresses of the script, the style ' +
      'sheet, the image and the page, and has a version that changes with any of them.',
    expected: 'no',
    why:
      "`register(new URL('./sw.js', import.meta.url))` bundles it by its own name at the " +
      'root, but it cannot ask for the list of what came out, nor for a digest of it.',
    missing: /The service worker does not know/,
    files: {
      'index.html': page(script('./main.js')),
      'main.js': `import './page.css';
navigator.serviceWorker.register(new URL('./sw.js', import.meta.url));
`,
      'sw.js': `self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(version).then((cache) => cache.addAll(files)));
});
`,
      'page.css': `body { background: url('./dot.png') }\n`,
      'dot.png': bytes,
    },
    async check(project) {
      const before = await project.build();
      project.write({ 'dot.png': Buffer.concat([bytes, bytes]) });
      const after = await project.build();
      const { scripts, styles } = after.loads('index.html');
      for (const name of [...scripts, ...styles, after.of('dot.png')]) {
        need(hashed(name), `\`${name}\` has no digest.`);
        need(after.text('sw.js').includes(name), `The service worker does not know \`${name}\`.`);
      }
      need(
        after.text('sw.js').includes('index.html'),
        'The service worker does not know the page.',
      );
      need(
        before.text('sw.js') !== after.text('sw.js'),
        'The service worker is the same as before.',
      );
    },
    contrary: {
      after(folder) {
        const files = readdirSync(folder, { recursive: true }).filter((name) =>
          /\.\w+$/.test(name),
        );
        const list = files.filter((name) => name !== 'sw.js').map((name) => `/${name}`);
        const worker = readFileSync(join(folder, 'sw.js'), 'utf8');
        const known = `const files = ${JSON.stringify(list)}, version = files.join();\n`;
        writeFileSync(join(folder, 'sw.js'), known + worker);
      },
    },
  },
];
