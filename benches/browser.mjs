// This file times Nexxo beside esbuild-wasm and @rolldown/browser in one headless
// Chromium: a fresh page in a fresh profile for every sample, and the contenders
// one after the other in every round, so that whatever drifts hits all of them.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build as bundlePeers } from 'esbuild';
import { chromium } from 'playwright-core';
import { chromiumArgs, circumstances, firstLine, flags, here, packageFolder, packageVersion } from './common.mjs';
import { app as makeApp, appNames, edited, fileMap } from './corpus.mjs';
import { browserReport } from './report.mjs';
import { serve } from './browser/server.mjs';

const usage = `Usage: node browser.mjs [options]

  --quick                Few samples of small apps, to see that everything runs
  --only <app,…>         ${appNames.join(', ')}, \`ready\` for engine start and download, \`visits\` for first and second visits
  --contenders <name,…>  nexxo, esbuild, rolldown, rolldown-volume
  --samples <n>          Rounds per app
  --out <folder>         Where results go; default benches/results

NEXXO_PKG_DIR names the folder of a built package (default pkg), NEXXO_CHROMIUM the browser.`;

const options = flags(usage);
const executablePath = process.env.NEXXO_CHROMIUM ?? '/usr/bin/chromium';

/** Rounds, and what happens in one, by app: what is slow is also what varies least. */
const plans = {
  react: { samples: 7, warm: 3, rebuilds: 5, minify: [false, true] },
  'components-100': { samples: 5, warm: 3, rebuilds: 5, minify: [false] },
  lodash: { samples: 5, warm: 3, rebuilds: 5, minify: [false, true] },
  'components-1000': { samples: 5, warm: 2, rebuilds: 5, minify: [false, true] },
  'components-5000': { samples: 3, warm: 1, rebuilds: 3, minify: [false] },
};
const READY_SAMPLES = 7;
const VISITS_SAMPLES = 5;
const visitedApps = options.quick ? ['components-100'] : ['react', 'components-1000', 'lodash'];

const chosenApps = options.only ?? (options.quick ? ['ready', 'react', 'components-100'] : ['ready', 'visits', 'react', 'components-1000', 'components-5000', 'lodash']);
for (const name of chosenApps) {
  if (name !== 'ready' && name !== 'visits' && !(name in plans)) fail(`There is no app \`${name}\`.`);
}
const hasNexxo = existsSync(join(packageFolder, 'index.js'));
const contenders = options.contenders ?? [...(hasNexxo ? ['nexxo'] : []), 'esbuild', 'rolldown'];
for (const name of contenders) {
  if (!['nexxo', 'esbuild', 'rolldown', 'rolldown-volume'].includes(name)) fail(`There is no contender \`${name}\`.`);
}
if (contenders.includes('nexxo') && !hasNexxo) fail(`There is no built package in ${packageFolder}: run \`cargo xtask pkg\`.`);
if (!hasNexxo) console.warn('The package is not built: only the peers are timed. `cargo xtask pkg` builds it.');

/** @type {any[]} One entry per sample; what the report is made from. */
const samples = [];
const site = await openSite();
const browser = await chromium.launch({ executablePath, args: chromiumArgs });
const cdp = await browser.newBrowserCDPSession();
const failures = [];
let turn = 0;
try {
  for (const name of chosenApps) {
    if (name === 'ready') {
      await rounds(options.samples ?? (options.quick ? 2 : READY_SAMPLES), 'engine ready', sampleReady);
      continue;
    }
    if (name === 'visits') {
      for (const app of visitedApps) await rounds(options.samples ?? (options.quick ? 2 : VISITS_SAMPLES), `visits, ${app}`, (contender, round) => sampleVisits(contender, round, app));
      continue;
    }
    const plan = plans[name];
    for (const minify of plan.minify) {
      await rounds(options.samples ?? (options.quick ? 2 : plan.samples), `${name}${minify ? ', minified' : ''}`, (contender, round) =>
        sampleApp(contender, round, name, minify, plan),
      );
    }
  }
} finally {
  await browser.close();
  site.close();
}

const result = {
  ...circumstances({
    nexxo: hasNexxo ? JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')).version : 'not built',
    'esbuild-wasm': packageVersion('esbuild-wasm'),
    '@rolldown/browser': packageVersion('@rolldown/browser'),
  }),
  browser: firstLine(executablePath, ['--version']).replace(/ built on.*/, '') || browser.version(),
  contenders,
  samples,
  downloads: site.downloads(),
};
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, 'browser.json'), `${JSON.stringify(result, null, 1)}\n`);
await browserReport(options.out);
if (failures.length > 0) fail(`${failures.length} samples failed:\n${failures.join('\n')}`);

/**
 * Every round has each contender once, starting with another one each time.
 * @param {number} count @param {string} title
 * @param {(contender: string, round: number) => Promise<object>} sample
 */
async function rounds(count, title, sample) {
  for (let round = 0; round < count; round += 1) {
    turn += 1;
    for (let index = 0; index < contenders.length; index += 1) {
      const contender = contenders[(index + turn) % contenders.length];
      try {
        const values = await sample(contender, round);
        samples.push(values);
        console.log(`${title}, round ${round + 1} of ${count}: ${contender} ${summary(values)}`);
      } catch (error) {
        const message = `${title}, round ${round + 1}: ${contender}: ${/** @type {Error} */ (error).message}`;
        failures.push(message);
        console.error(message);
      }
    }
  }
}

/**
 * Engine ready on a first visit, and a large app's first bundle in two situations
 * that are not the first moment of a first visit: the engine was asked for while
 * the page did something else, and the visitor comes back.
 * @param {string} contender @param {number} round
 */
async function sampleReady(contender, round) {
  const app = options.quick ? 'react' : 'components-1000';
  const times = await inFreshProfile(contender, async (open) => {
    site.forget();
    const page = await open();
    const { readyMs, handleMs } = await page.evaluate((name) => bench.ready(name), contender);
    site.note(contender);
    await page.evaluate((name) => bench.load(name), app);
    await page.evaluate(() => bench.ahead());
    const ahead = await page.evaluate((name) => bench.first(name, false), contender);
    return { coldMs: readyMs, coldHandleMs: handleMs, aheadFirstMs: ahead.firstMs };
  });
  return { kind: 'ready', contender, round, ...times, ...(await sampleReturn(contender, app)) };
}

/**
 * A first visit and a second one, with all that is kept between them: by the browser, and by Nexxo’s cache.
 * @param {string} contender @param {number} round @param {string} app
 */
async function sampleVisits(contender, round, app) {
  const kept = contender === 'nexxo' ? 'nexxo-kept' : contender;
  const { visitMs, returningFirstMs } = await sampleReturn(kept, app);
  return { kind: 'visits', app, contender, round, firstMs: visitMs, secondMs: returningFirstMs };
}

/**
 * The same profile on disk in two runs of the browser: on the second visit the
 * HTTP cache is filled, and compiled code is cached if the browser did so.
 * @param {string} contender @param {string} app
 */
async function sampleReturn(contender, app) {
  const profile = await mkdtemp(join(tmpdir(), 'nexxo-bench-profile-'));
  /** @template T @param {(page: import('playwright-core').Page) => Promise<T>} body */
  const visit = async (body) => {
    const context = await chromium.launchPersistentContext(profile, { executablePath, args: chromiumArgs });
    context.setDefaultTimeout(0);
    try {
      const page = await context.newPage();
      await page.goto(`${site.origin}/page/${contender}.html`);
      return await Promise.race([body(page), timeout(300_000, () => '')]);
    } finally {
      await context.close();
    }
  };
  try {
    const first = await visit(async (page) => {
      await page.evaluate((name) => bench.load(name), app);
      const first = await page.evaluate((name) => bench.first(name, false), contender);
      for (let index = 0; index < 3; index += 1) await page.evaluate(() => bench.warm());
      // Chromium writes compiled WebAssembly to its cache some seconds after it is made.
      await page.waitForTimeout(5000);
      return first;
    });
    const { readyMs } = await visit((page) => page.evaluate((name) => bench.ready(name), contender));
    const { firstMs } = await visit(async (page) => {
      await page.evaluate((name) => bench.load(name), app);
      return page.evaluate((name) => bench.first(name, false), contender);
    });
    return { warmMs: readyMs, visitMs: first.firstMs, returningFirstMs: firstMs };
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * @param {string} contender @param {number} round @param {string} name @param {boolean} minify
 * @param {{ warm: number, rebuilds: number }} plan
 */
async function sampleApp(contender, round, name, minify, plan) {
  return inFreshProfile(contender, async (open) => {
    const page = await open();
    await page.evaluate((app) => bench.load(app), name);
    const before = await rendererPeak();
    const first = await page.evaluate(([of, small]) => bench.first(of, small), /** @type {[string, boolean]} */ ([contender, minify]));
    const afterFirst = await rendererPeak();
    const firstWasm = await page.evaluate(() => bench.memoryBytes());
    const warm = [];
    for (let index = 0; index < plan.warm; index += 1) warm.push((await page.evaluate(() => bench.warm())).warmMs);
    await page.evaluate(() => bench.prepareRebuilds());
    const rebuild = [];
    for (let index = 0; index < plan.rebuilds; index += 1) rebuild.push((await page.evaluate(() => bench.rebuild())).rebuildMs);
    const peak = await rendererPeak();
    const wasm = await page.evaluate(() => bench.memoryBytes());
    await page.evaluate(() => bench.close());
    return {
      kind: 'app',
      app: name,
      minify,
      contender,
      round,
      startedMs: first.startedMs,
      firstMs: first.firstMs,
      bytes: first.bytes,
      warmMs: warm,
      rebuildMs: rebuild,
      pageBytes: before,
      firstPeakBytes: afterFirst,
      peakBytes: peak,
      firstWasmBytes: firstWasm,
      wasmBytes: wasm,
    };
  });
}

/**
 * @template T
 * @param {string} contender
 * @param {(open: () => Promise<import('playwright-core').Page>) => Promise<T>} body
 * @returns {Promise<T>}
 */
async function inFreshProfile(contender, body) {
  // The renderers of the last sample take a moment to end, and would be mistaken for this one's.
  for (let tries = 0; tries < 50 && (await rendererPeak()) > 150 * 2 ** 20; tries += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  const context = await browser.newContext();
  context.setDefaultTimeout(0);
  try {
    /** @type {string[]} */
    const errors = [];
    const result = await Promise.race([
      body(async () => {
        const page = await context.newPage();
        page.on('pageerror', (error) => errors.push(error.message));
        page.on('crash', () => errors.push('the page crashed'));
        await page.goto(`${site.origin}/page/${contender}.html`);
        return page;
      }),
      timeout(300_000, () => errors.join('; ')),
    ]);
    return result;
  } finally {
    await context.close();
  }
}

/** @param {number} ms @param {() => string} why @returns {Promise<never>} */
function timeout(ms, why) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s. ${why()}`)), ms).unref();
  });
}

/** The most memory that the page's process, its workers among it, ever had at once: the kernel's own mark. */
async function rendererPeak() {
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  let peak = 0;
  for (const { id, type } of processInfo) {
    if (type !== 'renderer') continue;
    const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }
  return peak;
}

/** The pages, the contenders ready to load, and the apps. */
async function openSite() {
  const from = (/** @type {string[]} */ ...names) => join(here, ...names);
  // The peers are bundled with their glue as their users do it: their files have
  // bare specifiers, which a page cannot load. Nexxo's package is served as it is.
  const { outputFiles } = await bundlePeers({
    entryPoints: {
      esbuild: from('browser', 'esbuild.js'),
      rolldown: from('browser', 'rolldown.js'),
      'rolldown-volume': from('browser', 'rolldown-volume.js'),
      'rolldown-worker': from('browser', 'rolldown-worker.js'),
      'wasi-worker-browser': from('node_modules', '@rolldown', 'browser', 'dist', 'wasi-worker-browser.mjs'),
    },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    platform: 'browser',
    outdir: '/',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const scripts = new Map(outputFiles.map((file) => [`/contender${file.path}`, file.contents]));
  scripts.set('/contender/wasi-worker-browser.mjs', scripts.get('/contender/wasi-worker-browser.js') ?? new Uint8Array());
  for (const name of ['nexxo.js', 'nexxo-kept.js']) scripts.set(`/contender/${name}`, await readFile(from('browser', name)));
  scripts.set('/harness.js', await readFile(from('browser', 'harness.js')));
  const page = '<!doctype html><html lang="en"><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,"><div id="root"></div><script src="/harness.js"></script></html>';

  const server = await serve(async (path) => {
    const script = scripts.get(path);
    if (script) return script;
    if (path.startsWith('/page/')) return page;
    if (path.startsWith('/app/')) return appJson(path.slice('/app/'.length, -'.json'.length));
    if (path === '/peers/esbuild.wasm') return readFile(from('node_modules', 'esbuild-wasm', 'esbuild.wasm'));
    if (path === '/contender/rolldown-binding.wasm32-wasi.wasm') {
      return readFile(from('node_modules', '@rolldown', 'browser', 'dist', 'rolldown-binding.wasm32-wasi.wasm'));
    }
    if (path.startsWith('/nexxo/')) {
      const file = new URL(path.slice('/nexxo/'.length), pathToFileURL(`${packageFolder}/`));
      return readFile(file).catch(() => undefined);
    }
    return undefined;
  });

  /** @type {Map<string, string[]>} */
  const loadedBy = new Map();
  /** @type {Map<string, Uint8Array>} */
  const bodies = new Map();
  return {
    origin: server.origin,
    close: server.close,
    /** Forgets what was loaded before. */
    forget: () => server.loaded.clear(),
    /** Notes what was loaded for a contender. @param {string} contender */
    note(contender) {
      if (loadedBy.has(contender)) return;
      const ours = /^\/(harness\.js|page\/|app\/|contender\/nexxo\.js)/;
      const paths = [...server.loaded.keys()].filter((path) => !ours.test(path)).sort();
      loadedBy.set(contender, paths);
      for (const path of paths) bodies.set(path, server.held.get(path) ?? new Uint8Array());
    },
    downloads() {
      return [...loadedBy].map(([contender, paths]) => ({
        contender,
        files: paths.map((path) => {
          const body = bodies.get(path) ?? new Uint8Array();
          return {
            path,
            raw: body.length,
            gzip: gzipSync(body, { level: 9 }).length,
            brotli: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }).length,
          };
        }),
      }));
    },
  };
}

/** @param {string} name */
async function appJson(name) {
  const app = makeApp(name);
  const values = [1, 2, 3, 4];
  return JSON.stringify({
    files: await fileMap(app),
    entry: app.entry,
    edit: { path: app.edit.path, versions: values.map((value) => edited(app, value)) },
    checksums: values.map((value) => app.checksum(value)),
  });
}

/** @param {any} values */
function summary(values) {
  const round = (/** @type {any} */ value) => (Array.isArray(value) ? value.map(Math.round).join(' ') : Math.round(value));
  if (values.kind === 'visits') return `first ${round(values.firstMs)} ms, second ${round(values.secondMs)} ms`;
  if (values.kind === 'ready') return `ready ${round(values.coldMs)} ms, on return ${round(values.warmMs)} ms, first bundle with an engine at hand ${round(values.aheadFirstMs)} ms, on return ${round(values.returningFirstMs)} ms`;
  const mib = (/** @type {number | undefined} */ bytes) => (bytes === undefined ? '?' : Math.round(bytes / 2 ** 20));
  return `first ${round(values.firstMs)} ms, warm ${round(values.warmMs)} ms, rebuild ${round(values.rebuildMs)} ms, peak ${mib(values.peakBytes)} MiB, wasm ${mib(values.firstWasmBytes)}/${mib(values.wasmBytes)} MiB`;
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
