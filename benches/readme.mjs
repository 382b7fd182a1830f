// This file writes the figures of the README from the results that are committed:
// `node benches/readme.mjs`. With `--check` it only says whether they agree.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { here, spread } from './common.mjs';

const readme = join(here, '..', 'README.md');
const [start, end] = ['<!-- figures -->', '<!-- /figures -->'];
const load = (/** @type {string} */ name) => (existsSync(join(here, 'results', name)) ? JSON.parse(readFileSync(join(here, 'results', name), 'utf8')) : undefined);

const browser = load('browser.json');
const native = load('native.json');
const hmr = load('hmr.json');
const visits = load('visits/browser.json');
const cache = load('cache.json');
const time = (/** @type {number | undefined} */ ms) => (ms === undefined ? '–' : ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 20 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`);
const median = (/** @type {any[]} */ samples, /** @type {string} */ key) => spread(samples.flatMap((sample) => sample[key] ?? []))?.median;

/** @type {string[]} */
const lines = [];
if (browser) {
  const of = (/** @type {string} */ contender, /** @type {string} */ app, /** @type {string} */ key) =>
    median(browser.samples.filter((/** @type {any} */ sample) => sample.contender === contender && (app === 'ready' ? sample.kind === 'ready' : sample.app === app && !sample.minify)), key);
  const names = { nexxo: 'Nexxo', rolldown: '@rolldown/browser', esbuild: 'esbuild-wasm' };
  const row = (/** @type {string} */ label, /** @type {string} */ app, /** @type {string} */ key) => `| ${label} | ${Object.keys(names).map((name) => time(of(name, app, key))).join(' | ')} |`;
  // Of the package as it is now; the peers do not change between runs.
  const own = Number(/^together.*?([\d,]+)$/m.exec(readFileSync(join(here, 'sizes.snap'), 'utf8'))?.[1].replaceAll(',', ''));
  const bytes = Object.keys(names).map((name) => {
    if (name === 'nexxo') return `${(own / 1e6).toFixed(2)} MB`;
    const found = browser.downloads.find((/** @type {any} */ download) => download.contender === name);
    return found ? `${(found.files.reduce((/** @type {number} */ sum, /** @type {any} */ file) => sum + file.brotli, 0) / 1e6).toFixed(2)} MB` : '–';
  });
  lines.push(
    `In the tab (${browser.browser}, ${browser.cpu}, ${browser.date.slice(0, 10)}; medians, the spread is in [the results](benches/results/browser.md)):`,
    '',
    `| | ${Object.values(names).join(' | ')} |`,
    '|---|---:|---:|---:|',
    row('first bundle of 1,000 components, engine included', 'components-1000', 'firstMs'),
    row('rebuild after a one-line edit, 1,000 components', 'components-1000', 'rebuildMs'),
    row('rebuild after a one-line edit, 5,000 components', 'components-5000', 'rebuildMs'),
    row('small React app, rebuild', 'react', 'rebuildMs'),
    `| download, brotli | ${bytes.join(' | ')} |`,
    '',
  );
}
if (visits) {
  const names = { nexxo: 'Nexxo', rolldown: '@rolldown/browser', esbuild: 'esbuild-wasm' };
  const apps = { react: 'Small React app', 'components-1000': '1,000 components', lodash: 'lodash-es' };
  const of = (/** @type {string} */ app, /** @type {string} */ contender, /** @type {string} */ key) =>
    time(median(visits.samples.filter((/** @type {any} */ sample) => sample.app === app && sample.contender === contender), key));
  lines.push(
    'The first bundle of a visit, engine included, and that of the next visit with the same files ([results](benches/results/visits/browser.md)):',
    '',
    `| | ${Object.values(names).join(' | ')} |`,
    '|---|---:|---:|---:|',
    ...Object.entries(apps).map(([app, title]) => `| ${title} | ${Object.keys(names).map((name) => `${of(app, name, 'firstMs')}, then ${of(app, name, 'secondMs')}`).join(' | ')} |`),
    '',
  );
}
if (hmr) {
  const sizes = [...new Set(hmr.samples.map((/** @type {any} */ sample) => sample.size))];
  const of = (/** @type {unknown} */ size, /** @type {string} */ place, /** @type {string} */ key) =>
    time(median(hmr.samples.filter((/** @type {any} */ sample) => sample.size === size && sample.place === place), key));
  lines.push(
    `An edit of a running React app, in the same browser ([results](benches/results/hmr.md)):`,
    '',
    '| components on the page | leaf edited: patch ready | painted | root edited: patch ready | painted |',
    '|---|---:|---:|---:|---:|',
    ...sizes.map((size) => `| ${Number(size).toLocaleString('en')} | ${['leaf', 'root'].map((place) => `${of(size, place, 'patchMs')} | ${of(size, place, 'paintMs')}`).join(' | ')} |`),
    '',
  );
}
if (native) {
  const names = ['nexxo', 'rolldown', 'esbuild', 'vite'];
  const wall = (/** @type {string} */ title) => names.map((name) => time(median(native.samples.filter((/** @type {any} */ sample) => sample.kind === 'build' && sample.case === title && sample.contender === name), 'wallMs')));
  const titles = [...new Set(native.samples.filter((/** @type {any} */ sample) => sample.kind === 'build').map((/** @type {any} */ sample) => sample.case))];
  lines.push(
    `The command (same machine, whole processes; [results](benches/results/native.md)):`,
    '',
    '| | nexxo | rolldown | esbuild | vite |',
    '|---|---:|---:|---:|---:|',
    ...titles.map((title) => `| ${title} | ${wall(title).join(' | ')} |`),
    '',
  );
}
if (cache) {
  const titles = { react: 'Small React app', 'components-1000': '1,000 TSX components', 'components-5000': '5,000 TSX components', lodash: 'lodash-es' };
  const of = (/** @type {string} */ app, /** @type {string} */ key) => time(median(cache.samples.filter((/** @type {any} */ sample) => sample.app === app), key));
  lines.push(
    'The command with its cache ([results](benches/results/cache.md)):',
    '',
    '| | without | nothing changed | one line changed | a fresh clone, from Redis |',
    '|---|---:|---:|---:|---:|',
    ...Object.entries(titles).map(([app, title]) => `| ${title} | ${['off', 'unchanged', 'edited', 'remote'].map((key) => of(app, key)).join(' | ')} |`),
    '',
  );
}
const text = readFileSync(readme, 'utf8');
const [from, to] = [text.indexOf(start), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`README.md has no ${start} … ${end}.`);
const updated = `${text.slice(0, from + start.length)}\n${lines.join('\n')}${text.slice(to)}`;
if (process.argv.includes('--check')) {
  if (updated !== text) {
    console.error('The figures of README.md are not those of benches/results: run `node benches/readme.mjs`.');
    process.exit(1);
  }
} else {
  writeFileSync(readme, updated);
}
