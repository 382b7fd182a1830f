// This file prints the sizes of a folder's files, as they are and as a host sends
// them: `node xtask/sizes.mjs <folder>`.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const folder = process.argv[2];
const rows = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((path) => !path.includes('node_modules') && statSync(join(folder, path)).isFile())
  .sort()
  .map((path) => {
    const contents = readFileSync(join(folder, path));
    const brotli = brotliCompressSync(contents, {
      params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length, [constants.BROTLI_PARAM_LGWIN]: 24 },
    });
    return [path.split(sep).join('/'), contents.length, gzipSync(contents, { level: 9 }).length, brotli.length];
  });
const total = ['total', ...[1, 2, 3].map((column) => rows.reduce((sum, row) => sum + row[column], 0))];
const table = [['file', 'raw', 'gzip', 'brotli'], ...[...rows, total].map(([name, ...sizes]) => [name, ...sizes.map((size) => size.toLocaleString('en'))])];
const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
for (const [name, ...sizes] of table) {
  console.log(`  ${name.padEnd(widths[0])}${sizes.map((size, column) => size.padStart(widths[column + 1] + 2)).join('')}`);
}
