// This file holds what the benches share: flags, statistics, and what is said
// about the machine on top of every result.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const here = dirname(fileURLToPath(import.meta.url));

/** Where a build of the npm package is. */
export const packageFolder = process.env.NEXXO_PKG_DIR ?? join(here, '..', 'pkg');

/** How Chromium is started: without what would take time of its own. */
export const chromiumArgs = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * @typedef {object} Flags
 * @property {boolean} quick Few samples and small apps, to see that everything runs.
 * @property {string[] | undefined} only Names of apps.
 * @property {string[] | undefined} contenders
 * @property {number | undefined} samples
 * @property {string} out The folder for results.
 * @property {Record<string, any>} values All that was given, with the flags that only one bench has.
 */

/** @param {string} usage @param {Record<string, { type: 'string' | 'boolean' }>} [more] @returns {Flags} */
export function flags(usage, more = {}) {
  const options = /** @type {const} */ ({
    ...more,
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    contenders: { type: 'string' },
    samples: { type: 'string' },
    out: { type: 'string', default: join(here, 'results') },
    help: { type: 'boolean', short: 'h', default: false },
  });
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${usage}`);
    process.exit(2);
  }
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const samples = values.samples === undefined ? undefined : Number(values.samples);
  if (samples !== undefined && !(samples >= 1)) {
    console.error(`--samples takes a number of 1 or more.\n\n${usage}`);
    process.exit(2);
  }
  return {
    quick: values.quick,
    only: values.only?.flatMap((names) => names.split(',')),
    contenders: values.contenders?.split(','),
    samples,
    out: values.out,
    values,
  };
}

/**
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} low The lower quartile.
 * @property {number} high The upper quartile.
 * @property {number} min
 * @property {number} max
 * @property {number} count
 */

/** @param {number[]} values @returns {Spread | undefined} */
export function spread(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)];
    return below + (sorted[Math.ceil(place)] - below) * (place - Math.floor(place));
  };
  return {
    median: at(0.5),
    low: at(0.25),
    high: at(0.75),
    min: sorted[0],
    max: sorted[sorted.length - 1],
    count: sorted.length,
  };
}

/**
 * What a result must say to be repeated: the machine, the versions, the command.
 * @param {Record<string, string>} versions Contender to version.
 */
export function circumstances(versions) {
  const osRelease = read('/etc/os-release');
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    command: ['node', ...process.argv.slice(1).map((word) => word.replace(`${join(here, '..')}/`, ''))]
      .map((word) => (word.includes('/') && word.startsWith('/') ? '…' : word))
      .join(' '),
    cpu: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    os: `${/PRETTY_NAME="(.*)"/.exec(osRelease)?.[1] ?? process.platform}, kernel ${release()}`,
    node: process.version,
    versions,
  };
}

/** Version of an installed npm package. @param {string} name */
export function packageVersion(name, folder = join(here, 'node_modules')) {
  return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version;
}

/** @param {string} command @param {string[]} args @returns {string} Its first line, or nothing when it cannot run. */
export function firstLine(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n')[0];
  } catch {
    return '';
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
