// This file keeps the package's download sizes as committed text, so that a
// change of size is seen where the change that caused it is reviewed.
//
//     node sizes.mjs            compares the built package with sizes.snap
//     node sizes.mjs --update   writes sizes.snap

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { here, packageFolder } from './common.mjs';

/** What a page loads; the rest of the package is for Node, for editors and for people. */
const names = ['nexxo.wasm', 'index.js', 'worker.js'];
/** What a page is to cost over the network at most, brotli-compressed. A goal: growth is what fails. */
const GOAL_BYTES = 2_000_000;
/** The same sources give other bytes with another toolchain; what is smaller than this is no news. */
const TOLERANCE = 0.01;

const { values } = parseArgs({ options: { update: { type: 'boolean', default: false } } });
const snapshot = join(here, 'sizes.snap');

const rows = [];
for (const name of names) {
  const body = await readFile(join(packageFolder, name)).catch(() => undefined);
  if (!body) fail(`There is no ${name} in ${packageFolder}: run \`cargo xtask pkg\`, or name the package's folder in NEXXO_PKG_DIR.`);
  rows.push({
    name,
    raw: body.length,
    gzip: gzipSync(body, { level: 9 }).length,
    brotli: brotliCompressSync(body, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
    }).length,
  });
}
const sum = (/** @type {'raw' | 'gzip' | 'brotli'} */ key) => rows.reduce((total, row) => total + row[key], 0);
const total = sum('brotli');
rows.push({ name: 'together', raw: sum('raw'), gzip: sum('gzip'), brotli: total });

const text = `${[
  ['', 'raw', 'gzip -9', 'brotli 11'],
  ...rows.map(({ name, raw, gzip, brotli }) => [name, ...[raw, gzip, brotli].map((bytes) => bytes.toLocaleString('en'))]),
]
  .map(([name, ...cells]) => name.padEnd(12) + cells.map((cell) => cell.padStart(14)).join(''))
  .join('\n')}\n`;
console.log(text);

if (values.update) {
  await writeFile(snapshot, text);
  console.log(`Wrote ${snapshot}.`);
} else {
  const before = await readFile(snapshot, 'utf8').catch(() => undefined);
  if (before === undefined) fail(`There is no ${snapshot} to compare with: write it with \`node sizes.mjs --update\`.`);
  const changed = rows.flatMap((row) => compare(row, before));
  if (changed.length > 0) fail(`${changed.join('\n')}\nIf that is meant, write it down with \`node sizes.mjs --update\`.`);
  console.log('The sizes are those of sizes.snap.');
}
if (total > GOAL_BYTES) console.warn(`A page loads ${total.toLocaleString('en')} bytes; the goal is ${GOAL_BYTES.toLocaleString('en')}.`);

/** @param {{ name: string, raw: number, gzip: number, brotli: number }} row @param {string} before */
function compare({ name, raw, gzip, brotli }, before) {
  const line = before.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  const known = line?.slice(name.length).trim().split(/\s+/).map((cell) => Number(cell.replaceAll(',', '')));
  if (known?.length !== 3) return [`${name} is not in sizes.snap.`];
  return ['raw', 'gzip', 'brotli'].flatMap((label, index) => {
    const [now, then] = [[raw, gzip, brotli][index], known[index]];
    if (Math.abs(now - then) <= TOLERANCE * then) return [];
    const share = `${now > then ? '+' : ''}${(((now - then) / then) * 100).toFixed(1)} %`;
    return [`${name}, ${label}: ${then.toLocaleString('en')} became ${now.toLocaleString('en')} bytes (${share}).`];
  });
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
