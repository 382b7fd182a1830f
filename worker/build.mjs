// This file makes the npm package's files: it bundles the TypeScript by Nexxo
// itself, from the very WebAssembly that goes into the package, and writes the
// types. `node worker/build.mjs --glue <folder> --out <folder> [--minify]`, where
// the glue folder has what wasm-bindgen wrote.

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** Each is a file of its own, without chunks, so that a page can serve just those it needs. */
const entries = [
  { name: 'index', source: 'src/client.ts', platform: 'browser' },
  { name: 'worker', source: 'src/worker.ts', platform: 'browser' },
  { name: 'preview', source: 'src/preview.ts', platform: 'browser' },
  { name: 'stacks', source: 'src/stacks.ts', platform: 'browser' },
  { name: 'node', source: 'src/node.ts', platform: 'node' },
  { name: 'node-worker', source: 'src/node-worker.ts', platform: 'node' },
  // Classic scripts of the folder that a preview's origin serves.
  { name: 'preview/__nexxo/shell', source: 'preview/shell.ts', format: 'iife' },
  { name: 'preview/__nexxo/page', source: 'preview/page.ts', format: 'iife' },
  { name: 'preview/__nexxo-sw', source: 'preview/service-worker.ts', format: 'iife' },
  // Its place is in `inline.html`.
  { name: 'inline', source: 'preview/inline.ts', format: 'iife', isInline: true },
];

/** The entries that can be imported, with the module that has their types. */
const typed = { index: 'client', worker: 'worker', preview: 'preview', node: 'node' };

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: { glue: { type: 'string' }, out: { type: 'string' }, minify: { type: 'boolean', default: false } },
});
if (values.glue === undefined || values.out === undefined) {
  fail('Say where the wasm-bindgen output is and where the package goes: `--glue <folder> --out <folder>`.');
}
const glue = resolve(values.glue);
const out = resolve(values.out);
const scratch = mkdtempSync(join(tmpdir(), 'nexxo-build-'));
try {
  mkdirSync(out, { recursive: true });
  await bundle();
  copyFileSync(join(glue, 'nexxo_wasm_bg.wasm'), join(out, 'nexxo.wasm'));
  copyFileSync(join(glue, 'nexxo_web_bg.wasm'), join(out, 'nexxo-web.wasm'));
  copyFileSync(join(here, '../LICENSE'), join(out, 'LICENSE'));
  writeTypes();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function bundle() {
  // Node takes a `.js` file for a module only where a `package.json` says so.
  const engineFolder = join(scratch, 'engine');
  cpSync(glue, engineFolder, { recursive: true });
  writeFileSync(join(engineFolder, 'package.json'), '{ "type": "module" }');
  const wasm = await import(pathToFileURL(join(engineFolder, 'nexxo_wasm.js')).href);
  wasm.initSync({ module: readFileSync(join(glue, 'nexxo_wasm_bg.wasm')) });

  const engine = new wasm.Engine();
  const root = join(here, '..');
  for (const [folder, pattern, place = folder] of [
    ['worker', /(?<!\.d)\.ts$/],
    ['crates/nexxo/hmr', /\.ts$/],
    ['node_modules/mrmime', /\.m?js$|package\.json$/],
    ['node_modules/error-stack-parser-es', /\.mjs$|package\.json$/],
    ['node_modules/@jridgewell', /\.m?js$|package\.json$/],
    [glue, /\.js$/, 'worker/src'],
  ]) {
    for (const name of readdirSync(resolve(root, folder), { recursive: true })) {
      const path = `/${place}/${name.replaceAll('\\', '/')}`;
      if (pattern.test(name)) engine.write(path, readFileSync(join(resolve(root, folder), name)));
    }
  }

  for (const { name, source, platform = 'browser', format = 'esm', isInline = false } of entries) {
    const result = await engine.build(
      {
        input: { [name]: `/worker/${source}` },
        platform,
        external: ['node:*'],
        tsconfig: false,
        // The glue looks for its global object by every name; a worker has no `window`.
        transform: { target: 'es2022', define: { window: 'undefined', __NEXXO_ENGINE__: JSON.stringify(wasm.engineId()) } },
        output: {
          format,
          entryFileNames: '[name].js',
          codeSplitting: false,
          minify: values.minify ? true : 'dce-only',
        },
      },
      [],
      () => null,
      new wasm.CancelToken(),
      () => {},
    );
    for (const { severity, code, message, frame, hint } of result.diagnostics) {
      console.error([`${severity} ${code}: ${message}`, frame, hint].filter(Boolean).join('\n'));
    }
    const [file, ...others] = result.outputFiles;
    if (!result.ok || file === undefined) fail(`\`${source}\` could not be bundled.`);
    if (others.length > 0) fail(`\`${source}\` became ${1 + others.length} files, where one was meant.`);
    if (isInline) writeInline(file.contents);
    else write(file.fileName, file.contents);
    console.log(`${file.fileName}  ${file.contents.length.toLocaleString('en')} bytes`);
  }
  for (const page of ['index.html', '404.html']) copyFileSync(join(here, 'preview', page), join(out, 'preview', page));
  copyFileSync(join(here, 'preview/shell.html'), join(out, 'preview/__nexxo/index.html'));
}

function write(name, contents) {
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), contents);
}

/** The page for an opaque origin, with its script in it: such a page can load none of its own. */
function writeInline(contents) {
  const page = readFileSync(join(here, 'preview/inline.html'), 'utf8');
  const place = '<!-- inline.ts -->';
  if (!page.includes(place)) fail(`\`inline.html\` has no \`${place}\`.`);
  // In a script element only these two letter sequences could end or bend the script.
  const code = new TextDecoder().decode(contents).replaceAll(/<(?=\/script|!--)/gi, '\\x3c');
  write('preview/__nexxo/inline.html', page.replace(place, () => `<script>${code}</script>`));
}

function writeTypes() {
  const emitted = join(scratch, 'types');
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  for (const config of ['tsconfig.json', 'tsconfig.node.json']) {
    const args = [join(typescript, 'bin', 'tsc'), '-p', join(here, config), '--outDir', emitted];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0) fail(`The TypeScript of \`${config}\` has errors.`);
  }

  const folder = join(out, 'types');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const waiting = Object.values(typed);
  const written = new Set();
  // Only what the entries' types lead to: the rest is nobody's business.
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (written.has(name)) continue;
    written.add(name);
    const text = readFileSync(join(emitted, `${name}.d.ts`), 'utf8').replace(
      /(from '\.\/)([\w-]+)\.ts'/g,
      (_, start, module) => {
        waiting.push(module);
        return `${start}${module}.js'`;
      },
    );
    writeFileSync(join(folder, `${name}.d.ts`), text);
  }
  for (const [name, module] of Object.entries(typed)) {
    writeFileSync(join(out, `${name}.d.ts`), `export * from './types/${module}.js';\n`);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
