// This file is esbuild-wasm as a page uses it: in its own worker, with a plugin
// that resolves specifiers as Node does, since esbuild has no files in a tab.

import * as esbuild from 'esbuild-wasm';
import { createResolver } from './resolve.js';

export async function start() {
  await esbuild.initialize({ wasmURL: new URL('/peers/esbuild.wasm', location.href).href, worker: true });
  return {
    async tiny() {
      return (await esbuild.transform('export const answer: number = 42', { loader: 'ts' })).code;
    },
    open,
  };
}

/** @param {{ files: Record<string, string>, entry: string, minify: boolean }} request */
async function open({ files, entry, minify }) {
  const sources = new Map(Object.entries(files).map(([path, contents]) => [`/${path}`, contents]));
  const resolve = createResolver(sources, ['browser', 'import', 'default']);
  const resolveForRequire = createResolver(sources, ['browser', 'require', 'default']);
  /** @type {import('esbuild-wasm').BuildOptions} */
  const options = {
    entryPoints: [`/${entry}`],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'esnext',
    jsx: 'automatic',
    minify,
    sourcemap: false,
    legalComments: 'none',
    logLevel: 'silent',
    outfile: '/dist/main.js',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [
      {
        name: 'files',
        setup(build) {
          build.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
            const pick = kind === 'require-call' || kind === 'require-resolve' ? resolveForRequire : resolve;
            const resolved = pick(path, importer || '/');
            return resolved ? { path: resolved, namespace: 'files' } : undefined;
          });
          build.onLoad({ filter: /.*/, namespace: 'files' }, ({ path }) => ({
            contents: sources.get(path),
            loader: loaderOf(path),
          }));
        },
      },
    ],
  };
  /** @type {import('esbuild-wasm').BuildContext | undefined} */
  let context;
  const outputs = (result) => result.outputFiles.map((file) => ({ name: file.path, contents: file.contents }));
  return {
    async build() {
      return outputs(await esbuild.build(options));
    },
    async prepareRebuilds() {
      context = await esbuild.context(options);
      await context.rebuild();
    },
    async rebuild(path, contents) {
      sources.set(`/${path}`, contents);
      return outputs(await context.rebuild());
    },
    async close() {
      await context?.dispose();
    },
  };
}

/** @param {string} path */
function loaderOf(path) {
  const extension = path.slice(path.lastIndexOf('.') + 1);
  return extension === 'mjs' || extension === 'cjs' ? 'js' : extension;
}
