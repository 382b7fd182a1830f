// This file builds one app over and over in the package under Node, as
// `src/bin/warm.rs` does natively, and prints milliseconds per build as JSON.
// `native.mjs` runs it with the task as its one argument.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFolder } from './common.mjs';

const { root, out, options, warmUpBuilds, warmUpMs, builds } = JSON.parse(process.argv[2]);
const { createNexxo } = await import(pathToFileURL(join(packageFolder, 'node.js')).href);

const nexxo = await createNexxo();
const project = nexxo.createProject({ files: await filesBelow(root) });

const start = performance.now();
let result = await build();
for (let count = 1; count < warmUpBuilds || performance.now() - start < warmUpMs; count += 1) result = await build();

const ms = [];
for (let count = 0; count < builds; count += 1) {
  const before = performance.now();
  result = await build();
  ms.push(performance.now() - before);
}
for (const { fileName, contents } of result.outputFiles) {
  await mkdir(dirname(join(out, fileName)), { recursive: true });
  await writeFile(join(out, fileName), contents);
}
console.log(JSON.stringify({ ms }));
nexxo.dispose();

async function build() {
  const built = await project.build(options);
  if (!built.ok) throw new Error(built.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  return built;
}

/** @param {string} folder @returns {Promise<Record<string, Uint8Array>>} */
async function filesBelow(folder) {
  /** @type {Record<string, Uint8Array>} */
  const files = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    files[path.slice(folder.length + 1)] = new Uint8Array(await readFile(path));
  }
  return files;
}
