// This file makes the apps that every contender is timed on. The same name
// gives the same bytes on every machine: what looks random comes from a seed.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} App
 * @property {string} name
 * @property {string} title For tables.
 * @property {string} entry Path of the entry module inside the app.
 * @property {Record<string, string>} files The app's own files, by path relative to its root.
 * @property {string[]} packages Names of the npm packages it imports, with what those import.
 * @property {number} modules How many modules of its own it has.
 * @property {{ path: string, line: (value: number) => string }} edit The one line that a rebuild changes.
 * @property {(value: number) => number} checksum What `globalThis.benchChecksum` is once the bundle
 *   has run, given the number that the edited line holds. It is made from every module,
 *   so a bundle that lost one or linked one wrongly gives another number.
 */

const here = dirname(fileURLToPath(import.meta.url));

/** The number on the edited line before the first edit. */
export const INITIAL_VALUE = 1;

/** @type {Record<string, () => App>} */
const apps = {
  react: reactApp,
  'components-100': () => componentsApp(100),
  'components-1000': () => componentsApp(1000),
  'components-5000': () => componentsApp(5000),
  lodash: lodashApp,
};

export const appNames = Object.keys(apps);

/** @param {string} name @returns {App} */
export function app(name) {
  const make = apps[name];
  if (!make) throw new Error(`There is no app \`${name}\`; there are ${appNames.join(', ')}.`);
  return make();
}

/** Replaces the edited line's number. @param {App} app @param {number} value @returns {string} The whole file. */
export function edited(app, value) {
  const before = app.edit.line(INITIAL_VALUE);
  const source = app.files[app.edit.path];
  if (source.split(before).length !== 2) throw new Error(`\`${before}\` is not once in ${app.edit.path}.`);
  return source.replace(before, app.edit.line(value));
}

/**
 * The app's files and its packages' files as one map.
 * @param {App} app @returns {Promise<Record<string, string>>}
 */
export async function fileMap(app) {
  const files = { ...app.files };
  for (const name of app.packages) Object.assign(files, await packageFiles(name));
  return files;
}

/**
 * Writes the app below `root`, its packages included.
 * @param {App} app @param {string} root
 */
export async function writeApp(app, root) {
  const files = await fileMap(app);
  const made = new Set();
  for (const [path, contents] of Object.entries(files)) {
    const target = join(root, path);
    const folder = dirname(target);
    if (!made.has(folder)) {
      await mkdir(folder, { recursive: true });
      made.add(folder);
    }
    await writeFile(target, contents);
  }
}

/**
 * The JavaScript and the manifest of one installed package. What only a server,
 * a profiler or a test runner loads is left out: no contender would read it,
 * and a playground that fetches packages would not hand it over either.
 * @param {string} name @returns {Promise<Record<string, string>>}
 */
async function packageFiles(name) {
  const root = join(here, 'node_modules', name);
  /** @type {Record<string, string>} */
  const files = {};
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .filter((path) => /\.(m?js|cjs|json)$/.test(path) && !/server|static|profiling|test-utils|unstable_/.test(path))
    .sort();
  for (const path of paths) files[`node_modules/${name}/${path}`] = await readFile(join(root, path), 'utf8');
  return files;
}

// ---------------------------------------------------------------------------
// The apps.

const reactPackages = ['react', 'react-dom', 'scheduler'];

/** What the tools that read the folder need to agree with those that get options. */
const tsconfig = `${JSON.stringify(
  { compilerOptions: { target: 'esnext', module: 'esnext', moduleResolution: 'bundler', jsx: 'react-jsx', strict: true } },
  null,
  2,
)}\n`;

const indexHtml = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>bench</title></head>
  <body><div id="root"></div><script type="module" src="/src/main.tsx"></script></body>
</html>
`;

/** Ends an entry: the sum is there before anything is drawn, and without a document nothing is. */
const mount = `
const root = typeof document === 'undefined' ? null : document.getElementById('root');
if (root) createRoot(root).render(<App />);
`;

/** A small app as people start with: four files of their own. @returns {App} */
function reactApp() {
  return {
    name: 'react',
    title: 'Small React app',
    entry: 'src/main.tsx',
    modules: 4,
    packages: reactPackages,
    edit: { path: 'src/store.ts', line: (value) => `export const revision: number = ${value};` },
    checksum: (value) => 6 + value,
    files: {
      'index.html': indexHtml,
      'tsconfig.json': tsconfig,
      'package.json': '{ "name": "bench-app", "private": true, "type": "module" }\n',
      'src/main.tsx': `import { createRoot } from 'react-dom/client';
import { App } from './App';
import { initialTodos, remaining, revision } from './store';

Object.assign(globalThis, { benchChecksum: remaining(initialTodos) + initialTodos.length + revision });
${mount}`,
      'src/App.tsx': `import { useMemo, useReducer, useState } from 'react';
import { TodoList } from './TodoList';
import { initialTodos, reduce, remaining, revision, type Filter } from './store';

const filters: Filter[] = ['all', 'open', 'done'];

export function App() {
  const [todos, dispatch] = useReducer(reduce, initialTodos);
  const [filter, setFilter] = useState<Filter>('all');
  const [draft, setDraft] = useState('');
  const open = useMemo(() => remaining(todos), [todos]);
  return (
    <main data-revision={revision}>
      <h1>{open === 0 ? 'All done' : \`\${open} to do\`}</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (draft.trim()) dispatch({ type: 'add', title: draft.trim() });
          setDraft('');
        }}
      >
        <input aria-label="New entry" value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button type="submit">Add</button>
      </form>
      <nav>
        {filters.map((name) => (
          <button key={name} aria-pressed={name === filter} onClick={() => setFilter(name)}>
            {name}
          </button>
        ))}
      </nav>
      <TodoList todos={todos} filter={filter} onToggle={(id) => dispatch({ type: 'toggle', id })} />
    </main>
  );
}
`,
      'src/TodoList.tsx': `import { memo } from 'react';
import type { Filter, Todo } from './store';

interface Props {
  todos: readonly Todo[];
  filter: Filter;
  onToggle(id: number): void;
}

export const TodoList = memo(function TodoList({ todos, filter, onToggle }: Props) {
  const shown = todos.filter((todo) => filter === 'all' || (filter === 'done') === todo.done);
  if (shown.length === 0) return <p>Nothing here.</p>;
  return (
    <ul>
      {shown.map((todo) => (
        <li key={todo.id}>
          <label>
            <input type="checkbox" checked={todo.done} onChange={() => onToggle(todo.id)} /> {todo.title}
          </label>
        </li>
      ))}
    </ul>
  );
});
`,
      'src/store.ts': `export interface Todo {
  readonly id: number;
  readonly title: string;
  readonly done: boolean;
}

export type Filter = 'all' | 'open' | 'done';
export type Action = { type: 'add'; title: string } | { type: 'toggle'; id: number };

export const revision: number = ${INITIAL_VALUE};

export const initialTodos: readonly Todo[] = ['Read', 'Write', 'Rest', 'Repeat'].map(
  (title, id): Todo => ({ id, title, done: id % 2 === 1 }),
);

export function reduce(todos: readonly Todo[], action: Action): readonly Todo[] {
  switch (action.type) {
    case 'add':
      return [...todos, { id: todos.length, title: action.title, done: false }];
    case 'toggle':
      return todos.map((todo) => (todo.id === action.id ? { ...todo, done: !todo.done } : todo));
  }
}

export const remaining = (todos: readonly Todo[]): number => todos.filter((todo) => !todo.done).length;
`,
    },
  };
}

/** All of lodash, each function a module of its own, and nothing that may be dropped. @returns {App} */
function lodashApp() {
  return {
    name: 'lodash',
    title: 'lodash-es, all of it',
    entry: 'src/main.tsx',
    modules: 1,
    packages: ['lodash-es'],
    edit: { path: 'src/main.tsx', line: (value) => `const revision: number = ${value};` },
    checksum: (value) => 4950 + value,
    files: {
      'index.html': indexHtml,
      'tsconfig.json': tsconfig,
      'package.json': '{ "name": "bench-app", "private": true, "type": "module" }\n',
      'src/main.tsx': `import * as lodash from 'lodash-es';
export * from 'lodash-es';

const revision: number = ${INITIAL_VALUE};
const { chunk, flatten, range, sum } = lodash;
Object.assign(globalThis, { lodash, benchChecksum: sum(flatten(chunk(range(100), 7))) + revision });
`,
    },
  };
}

/** How many modules one module of a generated app imports. */
const CHILDREN = 5;

/**
 * `count` TSX modules of about 1.4 KB that import one another as a tree, each
 * with a component, a class and a helper.
 * @param {number} count @returns {App}
 */
function componentsApp(count) {
  const random = mulberry32(count);
  /** @type {Record<string, string>} */
  const files = {
    'index.html': indexHtml,
    'tsconfig.json': tsconfig,
    'package.json': '{ "name": "bench-app", "private": true, "type": "module" }\n',
  };
  let sum = 0;
  const middle = count >> 1;
  for (let index = 0; index < count; index += 1) {
    const weight = index === middle ? INITIAL_VALUE : 1 + Math.floor(random() * 1000);
    if (index !== middle) sum += weight;
    const children = [];
    for (let child = CHILDREN * index + 1; child <= CHILDREN * index + CHILDREN && child < count; child += 1) children.push(child);
    files[componentPath(index)] = componentSource(index, children, weight, random);
  }
  files['src/main.tsx'] = `import { createRoot } from 'react-dom/client';
import { ${componentName(0)}, total${digits(0)} } from './${componentPath(0).slice('src/'.length, -'.tsx'.length)}';

Object.assign(globalThis, { benchChecksum: total${digits(0)}() });
const App = () => <${componentName(0)} depth={0} />;
${mount}`;
  return {
    name: `components-${count}`,
    title: `${count.toLocaleString('en')} TSX components`,
    entry: 'src/main.tsx',
    modules: count + 1,
    packages: reactPackages,
    edit: { path: componentPath(middle), line: (value) => `const weight${digits(middle)}: number = ${value};` },
    checksum: (value) => sum + value,
    files,
  };
}

/** @param {number} index */
const digits = (index) => String(index).padStart(4, '0');
/** @param {number} index */
const componentName = (index) => `Component${digits(index)}`;
/** @param {number} index */
const componentPath = (index) => `src/group${String(Math.floor(index / 50)).padStart(3, '0')}/${componentName(index)}.tsx`;

const words = 'amber birch cedar delta ember fjord grove heron inlet juniper kelp linden maple north olive pine quartz river slate thyme umber vale willow yarrow zephyr'.split(' ');
const tags = ['section', 'article', 'aside', 'div', 'header', 'footer'];

/**
 * @param {number} index @param {number[]} children @param {number} weight @param {() => number} random
 */
function componentSource(index, children, weight, random) {
  const id = digits(index);
  const name = componentName(index);
  const pick = () => words[Math.floor(random() * words.length)];
  const tag = tags[Math.floor(random() * tags.length)];
  const [first, second, third] = [pick(), pick(), pick()];
  const imports = children
    .map((child) => `import { ${componentName(child)}, total${digits(child)} } from '../${componentPath(child).slice('src/'.length, -'.tsx'.length)}';\n`)
    .join('');
  const childTotals = children.map((child) => ` + total${digits(child)}()`).join('');
  const childElements = children.map((child) => `\n      {open && <${componentName(child)} depth={depth + 1} />}`).join('');
  return `import { useCallback, useMemo, useState } from 'react';
${imports}
export interface ${name}Props {
  depth: number;
  label?: string;
  onSelect?: (id: string, value: number) => void;
}

const weight${id}: number = ${weight};

enum Tone${id} {
  Quiet = 'quiet',
  Loud = 'loud',
}

class Model${id}<T extends { value: number }> {
  #items: T[] = [];
  private readonly limit: number = ${10 + Math.floor(random() * 90)};

  add(item: T): this {
    if (this.#items.length < this.limit) this.#items.push(item);
    return this;
  }

  get sum(): number {
    return this.#items.reduce((sum, item) => sum + (item?.value ?? 0), 0);
  }
}

/** Adds up this component's ${first} and those below it. */
export function total${id}(): number {
  const model = new Model${id}<{ value: number }>().add({ value: weight${id} });
  return model.sum${childTotals};
}

export function ${name}({ depth, label = '${first} ${second}', onSelect }: ${name}Props) {
  const [open, setOpen] = useState<boolean>(depth < ${2 + Math.floor(random() * 3)});
  const total = useMemo(() => total${id}(), []);
  const toggle = useCallback(() => {
    setOpen((value) => !value);
    onSelect?.('${third}-${id}', total);
  }, [onSelect, total]);
  return (
    <${tag} className={\`${third} \${open ? Tone${id}.Loud : Tone${id}.Quiet}\`} data-depth={depth}>
      <button type="button" onClick={toggle} aria-expanded={open}>
        {label}: {total.toFixed(0)}
      </button>${childElements}
    </${tag}>
  );
}
`;
}

/**
 * An app of components that are all on the page and can all be replaced, with the
 * text of one at the root and of one far below that an edit changes.
 * @param {number} count
 */
export function hotApp(count) {
  /** @type {Record<string, string>} */
  const files = { 'tsconfig.json': tsconfig, 'package.json': '{ "name": "bench-app", "private": true, "type": "module" }\n' };
  const text = (/** @type {number} */ index) => `text-${digits(index)}-a`;
  for (let index = 0; index < count; index += 1) {
    const children = [];
    for (let child = CHILDREN * index + 1; child <= CHILDREN * index + CHILDREN && child < count; child += 1) children.push(child);
    const imports = children.map((child) => `import { ${componentName(child)} } from '../${componentPath(child).slice('src/'.length)}';\n`).join('');
    const elements = children.map((child) => `\n      <${componentName(child)} depth={depth + 1} />`).join('');
    files[componentPath(index)] = `import { useCallback, useState } from 'react';
${imports}
interface Props {
  depth: number;
  label?: string;
}

export function ${componentName(index)}({ depth, label = '${text(index)}' }: Props) {
  const [count, setCount] = useState<number>(0);
  const add = useCallback(() => setCount((value) => value + 1), []);
  return (
    <div className="part" data-depth={depth}>
      <button type="button" onClick={add}>
        {label}: {count}
      </button>${elements}
    </div>
  );
}
`;
  }
  files['src/main.tsx'] = `import { createRoot } from 'react-dom/client';
import { ${componentName(0)} } from './${componentPath(0).slice('src/'.length)}';

createRoot(document.getElementById('root')!).render(<${componentName(0)} depth={0} />);
`;
  const edit = (/** @type {number} */ index) => ({ path: componentPath(index), texts: [text(index), text(index).replace(/a$/, 'b')] });
  return {
    name: `hot-${count}`,
    title: `${count.toLocaleString('en')} components on the page`,
    entry: 'src/main.tsx',
    packages: reactPackages,
    edits: { leaf: edit(count - 1), root: edit(0) },
    files,
  };
}

/** A small generator of numbers in [0, 1) that is the same everywhere. @param {number} seed */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
