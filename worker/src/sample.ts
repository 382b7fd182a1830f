// This file makes the project that an engine is warmed with: small modules of
// every kind a page has, so that a browser meets most of the engine's code.

import type { BuildOptions } from './types.ts';

/** Enough for a browser to find what is hot; more would only take longer. */
const components = 48;

export const sampleOptions: BuildOptions = {
  input: 'main.tsx',
  external: ['react', 'react/*'],
  transform: { jsx: 'automatic', target: 'es2020', define: { 'process.env.NODE_ENV': '"production"' } },
  output: { format: 'esm' },
};

/** The sample's files, by path. */
export function sampleFiles(): Record<string, string> {
  const files: Record<string, string> = {
    'package.json': '{ "name": "sample", "sideEffects": false }',
    'tsconfig.json': '{ "compilerOptions": { "jsx": "react-jsx" } }',
    'data.json': '{ "title": "Sample", "list": [1, 2, 3] }',
    'node_modules/old/package.json': '{ "name": "old", "main": "index.js" }',
    'node_modules/old/index.js': `'use strict'; if (process.env.NODE_ENV === 'production') module.exports = require('./lib/code.js'); else module.exports = {};`,
    'node_modules/old/lib/code.js': commonJs(),
    'node_modules/new/package.json': '{ "name": "new", "exports": { ".": { "import": "./index.mjs" } }, "sideEffects": false }',
    'node_modules/new/index.mjs': `export * from './a.mjs'; export { default as b } from './b.mjs';`,
    'node_modules/new/a.mjs': 'export const a = (x) => ({ ...x, a: x?.a ?? 0 }); export class Unused { #private = 1; static make() { return new Unused(); } }',
    'node_modules/new/b.mjs': 'export default async function* b(list) { for await (const item of list) yield item ** 2; }',
  };
  let main = `import old, { keys } from 'old';\nimport { a, b } from 'new';\nimport data from './data.json';\n`;
  for (let index = 0; index < components; index += 1) {
    files[`src/Part${index}.tsx`] = component(index);
    main += `import { Part${index} } from './src/Part${index}';\n`;
  }
  main += `export const all = [${Array.from({ length: components }, (_, index) => `Part${index}`).join(', ')}];\n`;
  files['main.tsx'] = `${main}export const later = () => import('./src/Part0');\nconsole.log(old, keys(data), a(data), b);\n`;
  return files;
}

function component(index: number): string {
  const child = index === 0 ? '' : `import { Part${index - 1}, sum as sumOf } from './Part${index - 1}';\n`;
  return `import { useCallback, useMemo, useState, type ReactNode } from 'react';
${child}
interface Props<T extends string = 'a'> { label?: T; items: readonly number[]; children?: ReactNode }
type Kind = 'one' | 'two';
enum Level { Low, High = 4 }
/** A sum. */
export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) { if (value % 2 === 0) continue; total += value; }
  try { return total * ${index + 1}; } finally { total = 0; }
}
class Counter<T> { private count = 0; constructor(readonly start: T) { this.count += 1; } get value(): number { return this.count; } }
const kinds: Record<Kind, string> = { one: 'first', two: \`second-\${Level.High}\` };
const unused = (text: string) => text.replace(/[a-z]+/g, (word) => word.toUpperCase());
export function Part${index}({ label = 'a', items, children, ...rest }: Props) {
  const [count, setCount] = useState<number>(0);
  const total = useMemo(() => sum(items.map((item) => item + count)), [items, count]);
  const onClick = useCallback(() => setCount((before) => before + new Counter(before).value), []);
  if (items.length === 0 && !children) return null;
  return (
    <section className={\`part \${kinds.one}\`} {...rest}>
      <h2 style={{ color: count > 3 ? 'red' : 'blue' }}>{label} – {total}</h2>
      {items.filter(Boolean).map((item, key) => <button key={key} onClick={onClick}>{item as number}</button>)}
      <>{children ?? ${index === 0 ? "'none'" : `<Part${index - 1} items={items} label={label}>{sumOf(items)}</Part${index - 1}>`}}</>
    </section>
  );
}
`;
}

function commonJs(): string {
  let code = `'use strict';\nObject.defineProperty(exports, '__esModule', { value: true });\nvar has = Object.prototype.hasOwnProperty;\n`;
  for (let index = 0; index < 40; index += 1) {
    code += `function step${index}(input, output) {
  var result = output || {}, key, i = 0;
  for (key in input) if (has.call(input, key)) { result[key] = typeof input[key] === 'function' ? input[key].bind(null) : input[key]; i++; }
  switch (i % 3) { case 0: return result; case 1: do { i--; } while (i > ${index}); break; default: if (i !== 2) throw new Error('Step ' + i); }
  return i < 2 ? [result, arguments.length, !0, void 0] : (result.last = i, step${(index * 7) % 40}(result));
}
`;
  }
  return `${code}exports.keys = function (value) { return Object.keys(step0(value)); };\nexports.default = step1;\n`;
}
