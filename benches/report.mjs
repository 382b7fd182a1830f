// This file turns the samples of a run into Markdown tables and charts. Run by
// itself it does so again from the samples that are there: nothing in a result
// is edited by hand.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { barChart } from './chart.mjs';
import { here, spread } from './common.mjs';
import { app as makeApp } from './corpus.mjs';

/** Names as readers know them. @type {Record<string, string>} */
const titles = {
  nexxo: 'Nexxo',
  esbuild: 'esbuild-wasm',
  rolldown: '@rolldown/browser',
  'rolldown-volume': '@rolldown/browser (volume)',
};

const ms = (/** @type {number} */ value) => (value >= 9950 ? `${(value / 1000).toFixed(1)} s` : value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`);
const mib = (/** @type {number} */ value) => `${(value / 2 ** 20).toFixed(value < 100 * 2 ** 20 ? 1 : 0)} MiB`;
const mb = (/** @type {number} */ value) => `${(value / 1e6).toFixed(2)} MB`;

/** Writes `browser.md` and its charts from `browser.json`. @param {string} folder */
export async function browserReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'browser.json'), 'utf8'));
  const { contenders } = run;
  const name = (/** @type {string} */ contender) => titles[contender] ?? contender;
  const lines = ['# In the browser', '', ...header(run, { Browser: run.browser }), ''];
  lines.push(
    'Every sample is a fresh page in a fresh profile; contenders take turns in every round. A value is the median, in brackets the least and the most. ' +
      '“×” is the median over the rounds of a contender’s time divided by Nexxo’s in the same round. Every timed bundle is run and has to leave the number ' +
      'that all the app’s modules add up to. All get the same sources and options: ES module, no source map, production React.',
    '',
    'esbuild-wasm runs in its own worker with a plugin that resolves over a map of files; @rolldown/browser runs in a worker with the same plugin, ' +
      'the fastest way found (its in-memory volume is the slower “volume”), on an isolated page, which it needs and the others do not. ' +
      'Rebuilds use what each offers for them: `context.rebuild()` of Nexxo and esbuild, a new build for @rolldown/browser, whose watch mode has no files to watch in a tab.',
    '',
  );

  /** @type {{ file: string, title: string, groups: import('./chart.mjs').Group[], format: (value: number) => string }[]} */
  const charts = [];
  /** @param {string} file @param {string} title @param {string} what @param {any[][]} rows @param {(value: number) => string} format */
  const section = (file, title, what, rows, format) => {
    const those = contenders.filter((/** @type {string} */ of) => rows.some(([, valuesOf]) => flat(valuesOf(of)).length > 0));
    if (those.length === 0) return;
    lines.push(`## ${title}`, '', what, '', `![${title}](${file}.svg)`, '');
    const ratios = those.includes('nexxo') ? those.filter((/** @type {string} */ of) => of !== 'nexxo').map((/** @type {string} */ of) => `${name(of)} ×`) : [];
    lines.push(...table(['', ...those.map(name), ...ratios], rows.map(([label, valuesOf]) => rowOf(label, valuesOf, those, format))), '');
    charts.push({
      file,
      title,
      format,
      groups: rows.map(([label, valuesOf]) => ({
        label,
        bars: those.flatMap((/** @type {string} */ of) => {
          const found = spread(flat(valuesOf(of)));
          return found ? [{ name: name(of), spread: found }] : [];
        }),
      })),
    });
  };

  const ready = run.samples.filter((/** @type {any} */ sample) => sample.kind === 'ready');
  const byRound = (/** @type {any[]} */ samples, /** @type {string} */ key) => (/** @type {string} */ contender) =>
    samples.filter((sample) => sample.contender === contender && sample[key] !== undefined).map((sample) => ({ round: sample.round, values: [sample[key]].flat() }));
  if (ready.length > 0) {
    section(
      'browser-ready',
      'Engine ready',
      'From the start of the navigation until a one-line module has been through the engine; from loopback, so without a network’s time. “Returning” is the same profile in another run of the browser: files in the HTTP cache, compiled code in the code cache where the browser keeps it.',
      [
        ['first visit', byRound(ready, 'coldMs')],
        ['returning', byRound(ready, 'warmMs')],
      ],
      ms,
    );
    section(
      'browser-visits',
      'First bundle, not on the first moment of a first visit',
      '1,000 TSX components. “Engine at hand”: the engine has started before the clock does, and Nexxo’s has been warmed with `warmUp()`, as a page can do while it fetches the sources or the user looks; the peers have nothing of the kind. “Returning”: from nothing, engine included, on a later visit.',
      [
        ['engine at hand', byRound(ready, 'aheadFirstMs')],
        ['returning', byRound(ready, 'returningFirstMs')],
      ],
      ms,
    );
  }

  const visits = run.samples.filter((/** @type {any} */ sample) => sample.kind === 'visits');
  if (visits.length > 0) {
    section(
      'browser-second-visit',
      'First and second visit',
      'From the moment the page asks for the engine until the output is there, on a first visit and on a second one of the same browser’s profile, with all that is kept between them: files and compiled code by the browser, and the result by Nexxo’s cache, which has it before the engine is there. The files are the same on both.',
      [...new Set(visits.map((/** @type {any} */ sample) => sample.app))].flatMap((app) => {
        const of = visits.filter((/** @type {any} */ sample) => sample.app === app);
        const { title } = makeApp(String(app));
        return /** @type {[string, any][]} */ ([
          [`${title}, first visit`, byRound(of, 'firstMs')],
          [`${title}, second visit`, byRound(of, 'secondMs')],
        ]);
      }),
      ms,
    );
  }

  const apps = run.samples.filter((/** @type {any} */ sample) => sample.kind === 'app');
  const cases = [...new Set(apps.map((/** @type {any} */ sample) => `${sample.app}\0${sample.minify}`))].map((key) => {
    const [app, minify] = String(key).split('\0');
    return {
      label: `${makeApp(app).title}${minify === 'true' ? ', minified' : ''}`,
      samples: apps.filter((/** @type {any} */ sample) => sample.app === app && String(sample.minify) === minify),
    };
  });
  const rows = (/** @type {string} */ key) => cases.map(({ label, samples }) => [label, byRound(samples, key)]);
  section('browser-first', 'First bundle', 'From the moment the page asks for the engine until the output is there: download from loopback, compilation, start, handing over the sources, bundle. The sources are in the page before.', rows('firstMs'), ms);
  section('browser-rebuild', 'Rebuild after a one-line edit', 'A number in one module in the middle of the tree changes; until the whole new output is there.', rows('rebuildMs'), ms);
  section('browser-warm', 'Warm bundle', 'The whole bundle again in the same instance, with nothing remembered on purpose.', rows('warmMs'), ms);
  section('browser-memory', 'Peak memory', 'The most that the page’s process, workers included, ever held (VmHWM as the kernel counts it) over all builds of a sample. The page itself, with its sources, is in it.', rows('peakBytes'), mib);
  section('browser-wasm-memory', 'WebAssembly memory after the first bundle', 'Size of the engine’s memory, as it tells itself. The peers do not tell theirs.', rows('firstWasmBytes'), mib);

  if (run.downloads.length > 0) {
    lines.push('## Download', '', 'Every file that a page loads to use the contender, compressed one by one (gzip -9, brotli 11).', '');
    lines.push(
      ...table(
        ['', 'raw', 'gzip', 'brotli', 'files'],
        run.downloads
          .sort((/** @type {any} */ a, /** @type {any} */ b) => contenders.indexOf(a.contender) - contenders.indexOf(b.contender))
          .map((/** @type {any} */ download) => {
            const sum = (/** @type {string} */ key) => download.files.reduce((/** @type {number} */ total, /** @type {any} */ file) => total + file[key], 0);
            return [name(download.contender), mb(sum('raw')), mb(sum('gzip')), mb(sum('brotli')), String(download.files.length)];
          }),
      ),
      '',
    );
  }
  lines.push('Samples: [browser.json](browser.json).', '');
  await write(folder, 'browser.md', lines, charts);
}

/** Writes `hmr.md` from `hmr.json`. @param {string} folder */
export async function hmrReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'hmr.json'), 'utf8'));
  const lines = ['# Edits of a running app, in the browser', '', ...header(run, { Browser: run.browser }), ''];
  lines.push(
    'All components are on the page, in a frame, with React’s development build. An edit changes the text of one component, of the root or of a leaf, back and forth. ' +
      'Times are from the moment the page hands the new text over: until the patch is back in the page, until the module has run again, and until the frame has painted. ' +
      '“p95” is what 95 of 100 edits stay below. The whole output is built beside, after some of the edits.',
    '',
  );
  const sizes = [...new Set(run.samples.map((/** @type {any} */ sample) => sample.size))];
  const cell = (/** @type {number[]} */ values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const p95 = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
    return sorted.length === 0 ? '–' : `**${ms(spread(sorted)?.median ?? 0)}** (p95 ${ms(p95)}; n ${sorted.length})`;
  };
  const rows = sizes.flatMap((size) =>
    ['leaf', 'root'].map((place) => {
      const of = (/** @type {string} */ key) => run.samples.filter((/** @type {any} */ sample) => sample.size === size && sample.place === place).flatMap((/** @type {any} */ sample) => sample[key]);
      return [`${Number(size).toLocaleString('en')}, ${place}`, cell(of('patchMs')), cell(of('evaluatedMs')), cell(of('paintMs')), cell(of('outputMs'))];
    }),
  );
  lines.push(...table(['components, edit', 'patch ready', 'evaluated', 'painted', 'whole output'], rows), '', 'Samples: [hmr.json](hmr.json).', '');
  await write(folder, 'hmr.md', lines, []);
}

/** Writes `soak.md` from `soak.json`. @param {string} folder */
export async function soakReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'soak.json'), 'utf8'));
  const lines = ['# Two thousand edits', '', ...header(run, {}), ''];
  lines.push(
    `An app of ${run.size} components is edited ${run.edits.toLocaleString('en')} times; of ten edits one is a mistake, one adds a file, one renames it and one removes it, and every fifty there is a whole output, or the page loads again. ` +
      'The slope is that of a straight line through the second half of the samples.',
    '',
  );
  const rows = ['wasm', 'native'].flatMap((contender) => {
    const found = run.samples.filter((/** @type {any} */ sample) => sample.contender === contender);
    if (found.length === 0) return [];
    const late = found.slice(found.length >> 1);
    const handles = found.filter((/** @type {any} */ sample) => sample.handles !== undefined);
    const named = contender === 'wasm' ? 'in WebAssembly' : '`nexxo dev`, with a page';
    return [[named, mib(late[0].bytes), mib(late.at(-1).bytes), `${(slope(late) / 2 ** 10).toFixed(2)} KiB an edit`, handles.length === 0 ? '–' : `${handles[0].handles} to ${handles.at(-1).handles}`]];
  });
  lines.push(...table(['', 'memory half way', 'at the end', 'slope', 'open files'], rows), '', 'Samples: [soak.json](soak.json).', '');
  await write(folder, 'soak.md', lines, []);
}

/** Bytes per edit. @param {{ at: number, bytes: number }[]} samples */
function slope(samples) {
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({ at }) => at)), mean(samples.map(({ bytes }) => bytes))];
  return samples.reduce((sum, { at, bytes }) => sum + (at - x) * (bytes - y), 0) / samples.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
}

/** Writes `dev.md` from `dev.json`. @param {string} folder */
export async function devReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'dev.json'), 'utf8'));
  const lines = ['# Development servers', '', ...header(run, { Browser: run.browser }), ''];
  lines.push(
    'Servers take turns in every round, each started cold: nothing of an earlier run is kept. All components are on the page. “page” is from the start of the process to the painted app in Chromium. ' +
      'An edit writes the text of one leaf component to the disk, back and forth; “message” is when the server’s word of it is in the page – for Nexxo with the new code in it, for the others mostly with the address to fetch –, ' +
      '“painted” when the new text is on the page. Next renders the page on the server as well, which is its way. Memory is that of the server’s processes together, sampled every 50 ms. Values are medians, with what 95 of 100 stay below; “×” is the median over the rounds of a server’s value divided by Nexxo’s.',
    '',
  );
  const names = /** @type {Record<string, string>} */ ({ nexxo: 'Nexxo', vite: 'Vite', 'vite-bundled': 'Vite, bundled', rsbuild: 'Rsbuild', next: 'Next, Turbopack' });
  const sizes = [...new Set(run.samples.map((/** @type {any} */ sample) => sample.size))];
  const of = (/** @type {any} */ size, /** @type {string} */ contender) => run.samples.filter((/** @type {any} */ sample) => sample.size === size && sample.contender === contender);
  const values = (/** @type {any[]} */ found, /** @type {string} */ key) => found.flatMap((sample) => sample[key]);
  const cell = (/** @type {number[]} */ all, /** @type {(value: number) => string} */ format) => {
    const sorted = [...all].sort((a, b) => a - b);
    if (sorted.length === 0) return '–';
    const p95 = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
    return `**${format(spread(sorted)?.median ?? 0)}** (p95 ${format(p95)})`;
  };
  for (const [title, key, format] of /** @type {[string, string, (value: number) => string][]} */ ([
    ['Start to painted page', 'startMs', ms],
    ['Edit to message', 'messageMs', ms],
    ['Edit to paint', 'paintMs', ms],
    ['Memory, at most', 'peakBytes', mib],
  ])) {
    const rows = sizes.map((size) => {
      const base = spread(values(of(size, 'nexxo'), key))?.median;
      return [
        `${Number(size).toLocaleString('en')} components`,
        ...run.contenders.map((/** @type {string} */ contender) => cell(values(of(size, contender), key), format)),
        ...run.contenders.filter((/** @type {string} */ contender) => contender !== 'nexxo').map((/** @type {string} */ contender) => {
          const median = spread(values(of(size, contender), key))?.median;
          return median === undefined || !base ? '–' : `${(median / base).toFixed(1)}`;
        }),
      ];
    });
    const others = run.contenders.filter((/** @type {string} */ contender) => contender !== 'nexxo').map((/** @type {string} */ contender) => `${names[contender] ?? contender} ×`);
    lines.push(`## ${title}`, '', ...table(['', ...run.contenders.map((/** @type {string} */ contender) => names[contender] ?? contender), ...others], rows), '');
  }
  if (run.failures?.length > 0) lines.push('## Not shown within two minutes, or ended', '', ...run.failures.map((/** @type {string} */ line) => `- ${line}`), '');
  lines.push('Samples: [dev.json](dev.json).', '');
  await write(folder, 'dev.md', lines, []);
}

/** Writes `native.md` and its charts from `native.json`. @param {string} folder */
export async function nativeReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'native.json'), 'utf8'));
  const lines = ['# On the command line', '', ...header(run, {}), ''];
  lines.push(
    'A value is the median, in brackets the least and the most. Contenders take turns in every round; “×” is the median over the rounds ' +
      'of a contender’s value divided by Nexxo’s in the same round, in brackets the least and the most. ' +
      'Every bundle is run and has to leave the number that all the app’s modules add up to.',
    '',
    'Commands are whole processes, started by the tool’s own file without a package manager between and with an empty output folder: ' +
      'rolldown and Vite by Node, esbuild and Nexxo by themselves. All get the same sources and options: one ES module, no source map, ' +
      'production React, no comments, nothing printed.',
    '',
  );
  /** @type {any[]} */
  const charts = [];
  /** @param {string} kind @param {string} key @param {string} base @param {(value: number) => string} format @param {{ file: string, title: string, what: string }} words */
  const section = (kind, key, base, format, { file, title, what }) => {
    const samples = run.samples.filter((/** @type {any} */ sample) => sample.kind === kind);
    if (samples.length === 0) return;
    const known = [base, ...run.contenders, ...samples.map((/** @type {any} */ sample) => sample.contender)];
    const names = [...new Set(known)].filter((of) => samples.some((/** @type {any} */ sample) => sample.contender === of));
    const name = (/** @type {string} */ of) => nativeTitles[of] ?? of;
    /** @type {[string, (contender: string) => Rounds][]} */
    const rows = [...new Set(samples.map((/** @type {any} */ sample) => sample.case))].map((one) => [
      String(one),
      (contender) =>
        samples
          .filter((/** @type {any} */ sample) => sample.case === one && sample.contender === contender)
          .map((/** @type {any} */ sample) => ({ round: sample.round, values: [sample[key]].flat() })),
    ]);
    const ratios = names.includes(base) ? names.filter((of) => of !== base).map((of) => `${name(of)} ×`) : [];
    lines.push(`## ${title}`, '', what, '', `![${title}](${file}.svg)`, '');
    lines.push(...table(['', ...names.map(name), ...ratios], rows.map(([label, valuesOf]) => rowOf(label, valuesOf, names, format, base))), '');
    charts.push({
      file,
      title,
      format,
      groups: rows.map(([label, valuesOf]) => ({
        label,
        bars: names.flatMap((of) => {
          const found = spread(flat(valuesOf(of)));
          return found ? [{ name: name(of), spread: found }] : [];
        }),
      })),
    });
  };

  section('build', 'wallMs', 'nexxo', ms, { file: 'native-wall', title: 'Wall time', what: 'From the start of the process to its end.' });
  section('build', 'cpuMs', 'nexxo', ms, { file: 'native-cpu', title: 'Processor time', what: 'User and system time of the process and of those that it started.' });
  section('build', 'peakBytes', 'nexxo', mib, {
    file: 'native-memory',
    title: 'Peak memory',
    what: 'The largest resident set, as the kernel counts it (`ru_maxrss`). Node’s own 40 MiB are in it where the tool runs on Node.',
  });
  section('build', 'bytes', 'nexxo', mb, { file: 'native-bytes', title: 'Output', what: 'The bundle’s size, uncompressed: who writes less has not always worked less.' });
  section('thread', 'wallMs', 'native', ms, {
    file: 'native-thread',
    title: 'WebAssembly beside native on one thread',
    what:
      'The same engine with the same sources in memory, warm: after builds that do not count, each build from the call to the whole output. ' +
      'Native with one thread for tasks and one for data; WebAssembly in the package under Node, the message from its worker included. Both give the same bytes.',
  });
  section('transform', 'wallMs', 'nexxo', ms, {
    file: 'native-transform',
    title: 'Transform',
    what: 'Every TypeScript module of the app parsed, transformed and printed, each by itself, natively with all cores: in memory and in one process.',
  });
  lines.push('Samples: [native.json](native.json).', '');
  await write(folder, 'native.md', lines, charts);
}

/** Writes `cache.md` from `cache.json`. @param {string} folder */
export async function cacheReport(folder) {
  const run = JSON.parse(await readFile(join(folder, 'cache.json'), 'utf8'));
  const lines = ['# The command’s cache', '', ...header(run, {}), ''];
  lines.push(
    'Whole processes of `nexxo build`, one after the other in every round. “Off” is `--no-cache`; “first” has an empty cache, and keeps its result; “edited” differs from it by one line of one module; “back” is the first state again; ' +
      '“from Redis” is another clone in another folder with nothing of its own, and a Redis on loopback that has the result. A value is the median, in brackets the least and the most; “×” is the median over the rounds of a value divided by that of the build without a cache.',
    '',
  );
  const columns = /** @type {[string, string][]} */ ([['off', 'off'], ['first', 'first'], ['unchanged', 'unchanged'], ['edited', 'edited'], ['back', 'back'], ['remote', 'from Redis']]);
  const rows = [...new Set(run.samples.map((/** @type {any} */ sample) => sample.app))].map((app) => {
    const found = run.samples.filter((/** @type {any} */ sample) => sample.app === app);
    const cell = (/** @type {string} */ key) => {
      const values = spread(found.map((/** @type {any} */ sample) => sample[key]));
      const ratio = spread(found.map((/** @type {any} */ sample) => sample[key] / sample.off));
      if (!values || !ratio) return '–';
      return `**${ms(values.median)}** (${ms(values.min)} – ${ms(values.max)})${key === 'off' ? '' : ` × ${ratio.median.toFixed(2)}`}`;
    };
    return [makeApp(String(app)).title, ...columns.map(([key]) => cell(key))];
  });
  lines.push(...table(['', ...columns.map(([, title]) => title)], rows), '', 'Samples: [cache.json](cache.json).', '');
  await write(folder, 'cache.md', lines, []);
}

/** @type {Record<string, string>} */
const nativeTitles = { nexxo: 'Nexxo', vite: 'Vite', native: 'native', wasm: 'WebAssembly' };

/** @typedef {{ round: number, values: number[] }[]} Rounds */

/** @param {Rounds} rounds */
const flat = (rounds) => rounds.flatMap((round) => round.values);

/**
 * @param {string} label @param {(contender: string) => Rounds} valuesOf @param {string[]} contenders
 * @param {(value: number) => string} format @param {string} [base] Whose values divide the others'.
 */
function rowOf(label, valuesOf, contenders, format, base = 'nexxo') {
  const cells = contenders.map((contender) => {
    const found = spread(flat(valuesOf(contender)));
    if (!found) return '–';
    return `**${format(found.median)}** (${format(found.min)} – ${format(found.max)}; n ${found.count})`;
  });
  if (!contenders.includes(base)) return [label, ...cells];
  const ours = new Map(valuesOf(base).map((round) => [round.round, spread(round.values)?.median]));
  const ratios = contenders
    .filter((contender) => contender !== base)
    .map((contender) => {
      const paired = valuesOf(contender).flatMap((round) => {
        const own = ours.get(round.round);
        const theirs = spread(round.values)?.median;
        return own && theirs ? [theirs / own] : [];
      });
      const found = spread(paired);
      return found ? `${found.median.toFixed(2)} (${found.min.toFixed(2)} – ${found.max.toFixed(2)})` : '–';
    });
  return [label, ...cells, ...ratios];
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  return [`| ${head.join(' | ')} |`, `|${head.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)];
}

/** @param {any} run @param {Record<string, string>} more */
function header(run, more) {
  const facts = { Date: run.date, Command: `\`${run.command}\``, Processor: run.cpu, Memory: run.memory, System: run.os, Node: run.node, ...more };
  return [
    ...Object.entries(facts).map(([key, value]) => `- ${key}: ${value}`),
    `- Versions: ${Object.entries(run.versions).map(([key, value]) => `${key} ${value}`).join(', ')}`,
  ];
}

/** @param {string} folder @param {string} file @param {string[]} lines @param {any[]} charts */
async function write(folder, file, lines, charts) {
  for (const chart of charts) await writeFile(join(folder, `${chart.file}.svg`), barChart(chart));
  await writeFile(join(folder, file), lines.join('\n'));
  console.log(`Wrote ${join(folder, file)} and ${charts.length} charts.`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const folder = process.argv[2] ?? join(here, 'results');
  if (existsSync(join(folder, 'browser.json'))) await browserReport(folder);
  if (existsSync(join(folder, 'native.json'))) await nativeReport(folder);
  if (existsSync(join(folder, 'hmr.json'))) await hmrReport(folder);
  if (existsSync(join(folder, 'dev.json'))) await devReport(folder);
  if (existsSync(join(folder, 'soak.json'))) await soakReport(folder);
}
