// This file is the worker's side of `rolldown.js`. The query says how sources
// reach rolldown: `plugin` hands over each one that is asked for, with the
// resolver that esbuild-wasm gets too, the fastest way that was found; `volume`
// puts them into the in-memory file system that the package exports for this
// purpose, whose every call its threads send to this one and wait for.

import { createResolver } from './resolve.js';

const way = location.search.slice(1);

// The package starts its threads when it is imported. Imported below and not
// above, no message is lost while it does.
const loading = Promise.all([import('@rolldown/browser'), import('@rolldown/browser/experimental')]);

/** @type {Map<string, string>} */
let sources;
/** @type {import('@rolldown/browser').InputOptions} */
let input;
/** @type {import('@rolldown/browser').OutputOptions} */
let output;

/** @type {Record<string, (argument: any) => unknown>} */
const operations = {
  start() {},

  async tiny() {
    const [{ rolldown }] = await loading;
    const bundle = await rolldown({
      input: '/tiny.ts',
      cwd: '/',
      tsconfig: false,
      plugins: [
        {
          name: 'tiny',
          resolveId: { filter: { id: /^\/tiny/ }, handler: (id) => id },
          load: { filter: { id: /^\/tiny/ }, handler: () => 'export const answer: number = 42' },
        },
      ],
    });
    const result = await bundle.generate({ format: 'esm' });
    await bundle.close();
    return result.output[0].code;
  },

  /** @param {{ files: Record<string, string>, entry: string, minify: boolean }} request */
  async open({ files, entry, minify }) {
    const [, { memfs }] = await loading;
    sources = new Map(Object.entries(files).map(([path, contents]) => [`/app/${path}`, contents]));
    if (way === 'volume') memfs?.volume.fromJSON(files, '/app');
    input = {
      input: `/app/${entry}`,
      cwd: '/app',
      platform: 'browser',
      tsconfig: false,
      transform: { jsx: 'react-jsx', target: 'esnext', define: { 'process.env.NODE_ENV': '"production"' } },
      plugins: way === 'volume' ? [] : [filesPlugin()],
      onLog() {},
    };
    output = { format: 'esm', minify, sourcemap: false, comments: { legal: false } };
  },

  /** @param {{ path: string, contents: string }} file */
  async write({ path, contents }) {
    const [, { memfs }] = await loading;
    sources.set(`/app/${path}`, contents);
    if (way === 'volume') memfs?.fs.writeFileSync(`/app/${path}`, contents);
  },

  async build() {
    const [{ rolldown }] = await loading;
    const bundle = await rolldown(input);
    const result = await bundle.generate(output);
    const outputs = result.output.map((file) => ({
      name: file.fileName,
      contents: file.type === 'chunk' ? file.code : file.source,
    }));
    await bundle.close();
    return outputs;
  },
};

/** @returns {import('@rolldown/browser').Plugin} */
function filesPlugin() {
  const resolveImport = createResolver(sources, ['browser', 'import', 'default']);
  const resolveRequire = createResolver(sources, ['browser', 'require', 'default']);
  return {
    name: 'files',
    resolveId: {
      // Names that start with a null byte are other plugins' own.
      filter: { id: /^[^\0]/ },
      handler(specifier, importer, { kind }) {
        return (kind === 'require-call' ? resolveRequire : resolveImport)(specifier, importer ?? '/app/') ?? null;
      },
    },
    load: { filter: { id: /^\/app\// }, handler: (id) => sources.get(id) ?? null },
  };
}

onmessage = async ({ data: { id, operation, argument } }) => {
  try {
    await loading;
    postMessage({ id, value: await operations[operation](argument) });
  } catch (error) {
    postMessage({ id, error: String(error?.stack ?? error) });
  }
};
