// This file has the cases about the kinds of modules that can be imported.

import { need } from '../project.mjs';

/** That all is in one script, which prints these lines. */
async function prints(project, expected) {
  const output = await project.build();
  need(output.names.join() === 'main.js', `The output is: ${output.names}`);
  const lines = await output.run('main.js');
  need(lines.join() === expected, `The program prints: ${lines}`);
  return output.text('main.js');
}

export default [
  {
    id: 'importing-modules/commonjs',
    title: 'CommonJS',
    asks: 'An entry that calls `require` for another CommonJS module becomes one script that runs.',
    expected: 'pass',
    how: 'By itself, also mixed with ES modules.',
    files: {
      'main.js': `const word = require('./word.js');
console.log(word.text, word === require('./word.js'));
`,
      'word.js': `exports.text = 'a word';\n`,
    },
    options: { input: 'main.js' },
    check: (project) => prints(project, 'a word true'),
    contrary: { options: { external: ['./word.js'] } },
  },
  {
    id: 'importing-modules/es-modules',
    title: 'ECMAScript modules',
    asks:
      'ES modules become one script that runs: names, defaults, namespaces, what is passed ' +
      'on, and bindings that stay live.',
    expected: 'pass',
    how: 'By itself, each in its place in one scope.',
    files: {
      'main.js': `import word, { count, next } from './word.js';
import * as all from './all.js';
next();
console.log(word, count, all.count, Object.keys(all).join('+'));
`,
      'word.js': `export default 'a word';
export let count = 0;
export const next = () => { count += 1; };
`,
      'all.js': `export * from './word.js';\nexport { default as again } from './word.js';\n`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const text = await prints(project, 'a word 1 1 again+count+next');
      need(!/^\s*(import|export)\b/m.test(text), 'Statements of modules are left.');
    },
    contrary: { options: { external: ['./word.js'] } },
  },
  {
    id: 'importing-modules/node-modules',
    title: 'Import from `node_modules`',
    asks:
      'A package is found by its name, its ES module is taken where it has both kinds, and ' +
      'what is not used of it is left out.',
    expected: 'pass',
    how:
      'By `exports`, `module`, `browser` and `main`, as `resolve.conditionNames` and ' +
      '`resolve.mainFields` say.',
    files: {
      'main.js': `import { used } from 'parcel-of-words';\nconsole.log(used());\n`,
      'node_modules/parcel-of-words/package.json':
        '{ "name": "parcel-of-words", "main": "./old.js", "module": "./new.mjs" }\n',
      'node_modules/parcel-of-words/old.js': `exports.used = () => 'used-old';
exports.unused = () => 'unused-old';
`,
      'node_modules/parcel-of-words/new.mjs': `export const used = () => 'used-new';
export const unused = () => 'unused-new';
`,
    },
    options: { input: 'main.js' },
    async check(project) {
      const text = await prints(project, 'used-new');
      need(!text.includes('unused'), 'What is not used of the package is there.');
    },
    contrary: { options: { resolve: { mainFields: ['main'] } } },
  },
];
