// This file has the cases about the formats that scripts can come out in.

import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Script, createContext, runInContext } from 'node:vm';
import { need, Unmet } from '../project.mjs';

const files = {
  'main.js': `import { shout } from './shout.js';
async function main() {
  const { more } = await import('./more.js');
  shout(more('main'));
}
main();
`,
  'shout.js': `export function shout(text) { console.log(text.toUpperCase(), 'shout-mark'); }\n`,
  'more.js': `export const more = (text) => text + ' more-mark';\n`,
};

/** Whether a text is a script for any browser: no statement or expression of modules is in it. */
function isPlain(text) {
  try {
    new Script(text);
    return !/\bimport\s*\(|\brequire\s*\(/.test(text);
  } catch {
    return false;
  }
}

/** The lines of a script and of those that it puts into its document, as a browser runs them. */
async function runPlain(output, entry) {
  const lines = [];
  const load = (address) => runInContext(output.text(posix.basename(address)), context);
  const head = {
    append(element) {
      queueMicrotask(() => {
        load(element.src);
        element.onload?.();
      });
    },
  };
  const context = createContext({
    console: { log: (...words) => lines.push(words.join(' ')) },
    document: { head, createElement: () => ({}) },
  });
  load(entry);
  await new Promise((done) => setTimeout(done, 20));
  return lines;
}

export default [
  {
    id: 'output-module-formats/commonjs',
    title: 'CommonJS',
    asks:
      'Two files in the format of CommonJS; the first loads the second with `require` when it ' +
      'needs it.',
    expected: 'pass',
    how: '`output.format: "cjs"`.',
    files,
    options: {
      input: 'main.js',
      output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs' },
    },
    async check(project) {
      const output = await project.build();
      need(output.names.join() === 'main.cjs,more.cjs', `The output is: ${output.names}`);
      need(
        /require\(["']\.\/more\.cjs["']\)/.test(output.text('main.cjs')),
        'There is no `require`.',
      );
      need(
        !/^\s*(import|export)\b|\bimport\(/m.test(output.text('main.cjs')),
        'Words of ES modules are left.',
      );
      const lines = await output.run('main.cjs');
      need(lines.join() === 'MAIN MORE-MARK shout-mark', `The program prints: ${lines}`);
    },
    contrary: { options: { output: { format: 'esm' } } },
  },
  {
    id: 'output-module-formats/custom-browser',
    title: 'Custom browser-compatible format',
    asks:
      'Two files for browsers without ES modules; a loader that comes with the first fetches ' +
      'the second when it is needed.',
    expected: 'no',
    why:
      '`iife` and `umd` run in any browser, but are one file each: there is no loader such as ' +
      'SystemJS or AMD for the second, so dynamic imports become part of the first.',
    missing: /No format gives plain scripts that load each other/,
    files,
    options: { input: 'main.js' },
    async check(project) {
      const found = [];
      for (const format of ['iife', 'umd', 'system', 'systemjs', 'amd']) {
        try {
          const output = await project.build({ output: { format } });
          const splits =
            output.scripts.length === 2 && !output.text('main.js').includes('more-mark');
          const isForAll = output.scripts.every((name) => isPlain(output.text(name)));
          if (splits && isForAll) found.push(await runPlain(output, 'main.js'));
        } catch (error) {
          // A format that does not exist is refused.
          if (!(error instanceof Unmet)) throw error;
        }
      }
      need(found.length > 0, 'No format gives plain scripts that load each other.');
      need(found[0].join() === 'MAIN MORE-MARK shout-mark', `The page prints: ${found[0]}`);
    },
    contrary: {
      after(folder) {
        writeFileSync(join(folder, 'more.js'), `more = (text) => text + ' more-mark';\n`);
        writeFileSync(
          join(folder, 'main.js'),
          `var more, element = document.createElement('script');
element.src = '/more.js';
element.onload = () => console.log(more('main').toUpperCase(), 'shout-mark');
document.head.append(element);
`,
        );
      },
    },
  },
  {
    id: 'output-module-formats/es-modules',
    title: 'ECMAScript modules',
    asks:
      'Four ES modules of two entries: both, what they share, and what is imported ' +
      'dynamically.',
    expected: 'pass',
    how: 'The default, `output.format: "esm"`.',
    files: { ...files, 'other.js': `import { shout } from './shout.js';\nshout('other');\n` },
    options: { input: ['main.js', 'other.js'] },
    async check(project) {
      const output = await project.build();
      need(output.scripts.length === 4, `The output is: ${output.names}`);
      const [shared] = output.having('shout-mark');
      const [more] = output.having('more-mark');
      for (const entry of ['main.js', 'other.js']) {
        need(
          [...output.closure(entry)].sort().join() === [entry, shared].sort().join(),
          `\`${entry}\` is not split.`,
        );
      }
      need(
        /\bimport\(/.test(output.text('main.js')) && /^export\b/m.test(output.text(more)),
        'It is not ESM.',
      );
      const lines = await output.run(['main.js', 'other.js']);
      need(
        lines.sort().join() === 'MAIN MORE-MARK shout-mark,OTHER shout-mark',
        `It prints: ${lines}`,
      );
    },
    contrary: { options: { input: 'main.js', output: { format: 'iife' } } },
  },
];
