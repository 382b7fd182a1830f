// This file has the cases about making what comes out smaller, or fit for other browsers.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, deflateSync } from 'node:zlib';
import { need } from '../project.mjs';

/** A grey image of 64 by 64, whose data is compressed this much. */
function image(level) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 64, 0, 0, 0, 64, 8, 0, 0, 0, 0]);
  const rows = deflateSync(Buffer.alloc(64 * 65), { level });
  const start = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const parts = [
    ['IHDR', header],
    ['IDAT', rows],
    ['IEND', Buffer.alloc(0)],
  ];
  return Buffer.concat([start, ...parts.map(([type, data]) => chunk(type, data))]);
}

/** The checksum of PNG; older releases of Node have no `crc32`. */
function checksum(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">
  <!-- A comment that nobody sees. -->
  <g>
    <rect x="0" y="0" width="10.0000" height="10.0000" />
  </g>
</svg>
`;

/** Edits the one file of the output with this extension. */
function edit(folder, extension, change) {
  const name = readdirSync(folder, { recursive: true }).find((one) => one.endsWith(extension));
  writeFileSync(join(folder, name), change(readFileSync(join(folder, name))));
}

/** Words and signs that ES5 does not have, as the project of the case uses them. */
const newer = /\b(?:async|await|let|const|yield|class)\b|=>|function\s*\*|\.\.\.|`|\bof\b|\{\s*\[/;

export default [
  {
    id: 'transformations/brotli',
    title: 'Brotli',
    asks:
      'Beside the files of the output are copies that are compressed with Brotli, ending in ' +
      '`.br`.',
    expected: 'no',
    why:
      'Nexxo compresses only to tell sizes (`--compressed-sizes`); it writes no compressed ' +
      'copies, which are left to the host or to a tool after the build.',
    missing: /There is no file `main\.js\.br`/,
    files: { 'main.js': `console.log('${'text '.repeat(1000)}');\n` },
    options: { input: 'main.js', output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const copy = output.bytes('main.js.br');
      need(
        brotliDecompressSync(copy).equals(output.bytes('main.js')),
        'The copy has other contents.',
      );
    },
    contrary: {
      after(folder) {
        writeFileSync(
          join(folder, 'main.js.br'),
          brotliCompressSync(readFileSync(join(folder, 'main.js'))),
        );
      },
    },
  },
  {
    id: 'transformations/compress-images',
    title: 'Compress images',
    asks: 'An imported image comes out smaller than it was.',
    expected: 'no',
    why:
      'Images come out as they are. There is no option that compresses them, and no plugin ' +
      'that could.',
    missing: /The image has as many bytes as it had/,
    files: {
      'main.js': `import dot from './dot.png';\nconsole.log(dot);\n`,
      'dot.png': image(0),
    },
    options: { input: 'main.js', assetsInlineLimit: 0, output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const png = output.bytes(output.of('dot.png'));
      need(png.subarray(1, 4).toString() === 'PNG', 'The image is no PNG.');
      need(png.length < project.files['dot.png'].length, 'The image has as many bytes as it had.');
    },
    contrary: { after: (folder) => edit(folder, '.png', () => image(9)) },
  },
  {
    id: 'transformations/compress-svg',
    title: 'Compress SVG',
    asks:
      'An SVG file comes out smaller than it was: without comments, and what else is not ' +
      'needed.',
    expected: 'no',
    why:
      'SVG files come out as they are, also as `data:`. There is no option that minifies ' +
      'them, and no plugin that could.',
    missing: /The drawing has as many bytes as it had/,
    files: {
      'main.js': `import drawing from './drawing.svg';\nconsole.log(drawing);\n`,
      'drawing.svg': drawing,
    },
    options: { input: 'main.js', assetsInlineLimit: 0, output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const svg = output.text(output.of('drawing.svg'));
      need(/^<svg [^]*<rect /.test(svg), 'The drawing is no SVG.');
      need(svg.length < drawing.length, 'The drawing has as many bytes as it had.');
      need(!svg.includes('<!--'), 'The drawing has its comments.');
    },
    contrary: {
      after: (folder) => edit(folder, '.svg', (svg) => String(svg).replace(/<!--.*-->|\n\s*/g, '')),
    },
  },
  {
    id: 'transformations/dead-code',
    title: 'Dead code elimination',
    asks: 'A function that nothing calls is left out, in the entry and in what it imports.',
    expected: 'pass',
    how: 'By itself; `treeshake` has the details.',
    files: {
      'main.js': `import { say } from './say.js';
say('main');
function unused() { console.log('unused-mark'); }
`,
      'say.js': `export const say = (text) => console.log('said', text);
export const neither = () => 'neither-mark';
`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      need((await output.run('main.js')).join() === 'said main', 'The program does not run.');
      need(!/unused|neither/.test(output.text('main.js')), 'What is not used is there.');
    },
    contrary: { options: { treeshake: false, output: { minify: false } } },
  },
  {
    id: 'transformations/dead-code-dynamic',
    title: 'Dead imported code',
    asks: 'An export of a dynamically imported module that nothing uses is left out.',
    expected: 'pass',
    how:
      'By itself, where the importer takes names of the module: `const { a } = await ' +
      'import(…)`.',
    files: {
      'main.js': `(async () => {
  const { say } = await import('./say.js');
  say('main');
})();
`,
      'say.js': `export const say = (text) => console.log('said', text);
export const neither = () => 'neither-mark';
`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const output = await project.build();
      need(output.scripts.length === 2, `The output is: ${output.names}`);
      need((await output.run('main.js')).join() === 'said main', 'The program does not run.');
      need(output.having('neither').length === 0, 'What is not used is there.');
    },
    contrary: { options: { treeshake: false, output: { minify: false } } },
  },
  {
    id: 'transformations/flags',
    title: 'Flags',
    asks: 'A name becomes a constant, and the branch that is then never taken is left out.',
    expected: 'pass',
    how: '`transform.define`.',
    files: {
      'main.js': `if (ON_SERVER) {
  console.log('server-mark');
} else {
  console.log('client-mark');
}
`,
    },
    options: { input: 'main.js', transform: { define: { ON_SERVER: 'false' } } },
    async check(project) {
      const output = await project.build();
      const text = output.text('main.js');
      need(!/server-mark|ON_SERVER|\bif\b/.test(text), `The script is: ${text}`);
      need((await output.run('main.js')).join() === 'client-mark', 'The program does not run.');
    },
    contrary: { options: { transform: { define: undefined } } },
  },
  {
    id: 'transformations/minify-js',
    title: 'Minify JS',
    asks: 'Modules become one script that is as short as can be.',
    expected: 'pass',
    how:
      '`output.minify`: names, syntax and whitespace. It calls the functions where the ' +
      'shortest script would have what they do in their place.',
    files: {
      'main.js': `import { shout } from './shout.js';
import { more } from './more.js';

// What a reader needs, a browser does not.
shout(more('main'));
`,
      'shout.js': `export function shout(someText) {
  console.log(someText.toUpperCase());
}
`,
      'more.js': `export function more(someText) {
  return someText + '!';
}
`,
    },
    options: { input: 'main.js', output: { minify: true } },
    async check(project) {
      const output = await project.build();
      const text = output.text('main.js').trim();
      need((await output.run('main.js')).join() === 'MAIN!', 'The program does not run.');
      need(!/\n|\/\/|someText|  /.test(text), `The script is: ${text}`);
      need(text.length < 100, `The script has ${text.length} characters.`);
    },
    contrary: { options: { output: { minify: 'dce-only' } } },
  },
  {
    id: 'transformations/transpile-js',
    title: 'Transpile JS',
    asks: 'Async generators, `for await`, spread and block scopes become ES5.',
    expected: 'no',
    why:
      "`transform.target` begins with `es2015`: async functions, spread and classes' fields " +
      'are lowered, but arrow functions, `let` and generators stay.',
    missing: /INVALID_OPTION: .*es5/,
    files: {
      'main.js': `async function* numbers() {
  yield 1;
  yield 2;
}
(async () => {
  let found = {};
  for await (const number of numbers()) found = { ...found, [number]: 'yes' };
  console.log(Object.keys(found).join('+'));
})();
`,
    },
    options: { input: 'main.js', transform: { target: 'es5' } },
    async check(project) {
      const output = await project.build();
      const lines = await output.run('main.js');
      need(lines.join() === '1+2', `The program prints: ${lines}`);
      const found = newer.exec(output.text('main.js').replace(/\/\/.*|\/\*[^]*?\*\//g, ''));
      need(!found, `\`${found?.[0]}\` is left.`);
    },
    contrary: {
      options: { transform: { target: 'es2015' } },
      after: (folder) =>
        edit(
          folder,
          '.js',
          () => `var found = {}, number;
for (number = 1; number < 3; number += 1) found[number] = 'yes';
console.log(Object.keys(found).join('+'));
`,
        ),
    },
  },
];
