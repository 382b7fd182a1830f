// This file times the native command beside the commands of its peers, as whole
// processes, and Nexxo in WebAssembly beside Nexxo native on one thread.
// Contenders take turns in every round, so that whatever drifts hits all of them.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { circumstances, firstLine, flags, here, packageFolder, packageVersion } from './common.mjs';
import { INITIAL_VALUE, app as makeApp, appNames, writeApp } from './corpus.mjs';
import { nativeReport } from './report.mjs';

const usage = `Usage: node native.mjs [options]

  --quick                Few samples of small apps, to see that everything runs
  --only <app,…>         ${appNames.join(', ')}
  --parts <part,…>       build, thread, transform
  --contenders <name,…>  nexxo, rolldown, esbuild, vite: of the part \`build\`
  --samples <n>          Rounds per app
  --out <folder>         Where results go; default benches/results

NEXXO_BIN names the native command (default target/release/nexxo), NEXXO_BENCH_BIN
the folder of this crate's commands (default the one of NEXXO_BIN), NEXXO_PKG_DIR
the folder of a built package (default pkg).`;

const parts = ['build', 'thread', 'transform'];
const options = flags(usage, { parts: { type: 'string' } });
const run = promisify(execFile);
const nexxo = process.env.NEXXO_BIN ?? join(here, '..', 'target', 'release', 'nexxo');
const ownFolder = process.env.NEXXO_BENCH_BIN ?? dirname(nexxo);
const [measure, warm] = [join(ownFolder, 'measure'), join(ownFolder, 'warm')];

/** Rounds by app: what is slow is also what varies least. */
const plans = {
  react: { samples: 15, minify: [false, true] },
  'components-100': { samples: 7, minify: [false] },
  lodash: { samples: 11, minify: [false, true] },
  'components-1000': { samples: 11, minify: [false, true] },
  'components-5000': { samples: 7, minify: [false, true] },
};

/** Warm builds in one process: these pass unmeasured, and these many are measured. */
const warmUp = { builds: 3, ms: 3000 };
const WARM_BUILDS = 5;

/** The app whose modules are transformed one by one. */
const transformApp = options.quick ? 'components-100' : 'components-5000';
const TRANSFORM_SAMPLES = 5;

const chosenApps = options.only ?? (options.quick ? ['react', 'components-100'] : ['react', 'lodash', 'components-1000', 'components-5000']);
for (const name of chosenApps) if (!(name in plans)) fail(`There is no app \`${name}\`.`);
const chosenParts = options.values.parts?.split(',') ?? parts;
for (const part of chosenParts) if (!parts.includes(part)) fail(`There is no part \`${part}\`.`);
if (!existsSync(measure)) fail(`There is no ${measure}: run \`cargo build --release -p nexxo_benches\`, or name its folder in NEXXO_BENCH_BIN.`);

/**
 * What every contender is started with. All get the same: an ES module in one
 * file, no source map, production React, no comments, nothing printed.
 * @typedef {{ root: string, out: string, entry: string, minify: boolean }} Task
 * @type {Record<string, (task: Task) => [program: string, ...args: string[]]>}
 */
const commands = {
  nexxo: ({ root, out, minify }) => [nexxo, 'build', root, '--quiet', '--no-cache', '--out-dir', out, ...(minify ? ['--minify'] : [])],
  rolldown: ({ out, entry, minify }) => [
    process.execPath,
    bin('rolldown', 'bin', 'cli.mjs'),
    entry,
    ...['--dir', out, '--format', 'esm', '--platform', 'browser', '--legalComments', 'none', '--logLevel', 'silent'],
    ...['--transform.define', `process.env.NODE_ENV:${production}`],
    ...(minify ? ['--minify'] : []),
  ],
  esbuild: ({ out, entry, minify }) => [
    // Without the package's install script, which does the same, its command is a Node script that starts this one.
    bin('@esbuild', `${process.platform}-${process.arch}`, 'bin', 'esbuild'),
    entry,
    ...[`--outdir=${out}`, '--bundle', '--format=esm', '--platform=browser', '--legal-comments=none', '--log-level=error'],
    `--define:process.env.NODE_ENV=${production}`,
    ...(minify ? ['--minify'] : []),
  ],
  vite: ({ out, minify }) => [
    process.execPath,
    bin('vite', 'bin', 'vite.js'),
    ...['build', '--outDir', out, '--logLevel', 'error', '--minify', minify ? 'oxc' : 'false'],
  ],
};

const production = '"production"';

/** @param {string[]} names */
const bin = (...names) => join(here, 'node_modules', ...names);

/** What a build is asked for, in Nexxo's words: of the command by a file, of the others by call. @param {string} entry @param {boolean} minify */
function nexxoOptions(entry, minify) {
  return {
    input: entry,
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': production } },
    output: { format: 'esm', minify: minify || 'dce-only', legalComments: 'none' },
    // A slow machine is to give a slow figure, not an error.
    limits: { deadlineMs: 600_000 },
  };
}

/** @param {string} entry */
const viteConfig = (entry) => `export default {
  publicDir: false,
  build: {
    target: 'esnext',
    reportCompressedSize: false,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: '${entry}', output: { format: 'esm', comments: { legal: false } } },
  },
};
`;

const hasNexxo = existsSync(nexxo);
if (!hasNexxo) console.warn(`There is no ${nexxo}: only the peers are timed. \`cargo build --release\` builds it.`);
const contenders = options.contenders ?? Object.keys(commands).filter((name) => name !== 'nexxo' || hasNexxo);
for (const name of contenders) if (!(name in commands)) fail(`There is no contender \`${name}\`.`);
if (contenders.includes('nexxo') && !hasNexxo) fail(`There is no ${nexxo}.`);

/** @type {any[]} One entry per sample; what the report is made from. */
const samples = [];
/** @type {string[]} */
const failures = [];
const scratch = await mkdtemp(join(tmpdir(), 'nexxo-bench-'));
let turn = 0;
try {
  for (const name of chosenApps) {
    const root = await prepare(name);
    for (const minify of plans[name].minify) {
      const title = `${makeApp(name).title}${minify ? ', minified' : ''}`;
      const count = options.samples ?? (options.quick ? 2 : plans[name].samples);
      if (chosenParts.includes('build')) {
        // The first run of each reads from the disk what the others find in memory.
        for (const contender of contenders) await attempt(`${title}, first: ${contender}`, () => sampleBuild(contender, name, root, minify));
        await rounds('build', title, count, contenders, (contender) => sampleBuild(contender, name, root, minify));
      }
      if (chosenParts.includes('thread') && has(warm, 'the part `thread`') && has(join(packageFolder, 'node.js'), 'the part `thread`')) {
        await rounds('thread', title, Math.ceil(count / 3), ['native', 'wasm'], (contender) => sampleWarm(contender, name, root, minify));
        await sameBytes(name, title);
      }
    }
    await rm(root, { recursive: true, force: true });
  }
  if (chosenParts.includes('transform') && has(warm, 'the part `transform`')) {
    const root = await prepare(transformApp);
    await rounds('transform', makeApp(transformApp).title, options.samples ?? (options.quick ? 2 : TRANSFORM_SAMPLES), ['nexxo'], () => sampleTransform(root));
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

const result = {
  ...circumstances({
    nexxo: hasNexxo ? firstLine(nexxo, ['--version']).replace(/^nexxo /, '') : 'not built',
    rolldown: packageVersion('rolldown'),
    esbuild: packageVersion('esbuild'),
    vite: `${packageVersion('vite')} (with rolldown ${packageVersion(existsSync(bin('vite', 'node_modules', 'rolldown')) ? 'vite/node_modules/rolldown' : 'rolldown')})`,
  }),
  contenders,
  samples,
};
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, 'native.json'), `${JSON.stringify(result, null, 1)}\n`);
await nativeReport(options.out);
if (failures.length > 0) fail(`${failures.length} samples failed:\n${failures.join('\n')}`);

/**
 * Every round has each contender once, starting with another one each time.
 * @param {string} kind @param {string} title @param {number} count @param {string[]} names
 * @param {(contender: string) => Promise<object>} sample
 */
async function rounds(kind, title, count, names, sample) {
  for (let round = 0; round < count; round += 1) {
    turn += 1;
    for (let index = 0; index < names.length; index += 1) {
      const contender = names[(index + turn) % names.length];
      const values = await attempt(`${title}, round ${round + 1} of ${count}: ${contender}`, () => sample(contender));
      if (values) samples.push({ kind, case: title, contender, round, ...values });
    }
  }
}

/** @template T @param {string} what @param {() => Promise<T>} sample @returns {Promise<T | undefined>} */
async function attempt(what, sample) {
  try {
    const values = await sample();
    console.log(`${what} ${summary(values)}`);
    return values;
  } catch (error) {
    const { message, stderr } = /** @type {Error & { stderr?: string }} */ (error);
    failures.push(`${what}: ${message}`);
    console.error(`${what}: ${message}${stderr && !message.includes(stderr) ? `\n${stderr}` : ''}`);
    return undefined;
  }
}

/** Writes an app with what the contenders read beside it. @param {string} name */
async function prepare(name) {
  const root = join(scratch, name);
  const { entry } = makeApp(name);
  await writeApp(makeApp(name), root);
  await writeFile(join(root, 'nexxo.config.json'), JSON.stringify(nexxoOptions(entry, false), null, 2));
  await writeFile(join(root, 'vite.config.mjs'), viteConfig(entry));
  return root;
}

/** One process from start to end. @param {string} contender @param {string} name @param {string} root @param {boolean} minify */
async function sampleBuild(contender, name, root, minify) {
  const out = join(root, 'out');
  const command = commands[contender]({ root, out, entry: makeApp(name).entry, minify });
  const { stdout, stderr } = await run(measure, command, { cwd: root, maxBuffer: 2 ** 26 });
  const { code, ...usage } = JSON.parse(stdout);
  if (code !== 0) throw new Error(`exit code ${code}\n${stderr}`);
  const bytes = await check(name, out);
  await rm(out, { recursive: true });
  return { ...usage, bytes };
}

/** Builds in one process that have run the same code before. @param {string} contender @param {string} name @param {string} root @param {boolean} minify */
async function sampleWarm(contender, name, root, minify) {
  const out = join(scratch, `warm-${contender}-${name}`);
  await rm(out, { recursive: true, force: true });
  await mkdir(out);
  const task = JSON.stringify({
    root,
    out,
    options: { ...nexxoOptions(makeApp(name).entry, minify), cwd: '/' },
    warmUpBuilds: options.quick ? 1 : warmUp.builds,
    warmUpMs: options.quick ? 0 : warmUp.ms,
    builds: WARM_BUILDS,
  });
  const command = contender === 'native' ? [warm, 'build', task] : [process.execPath, join(here, 'warm.mjs'), task];
  const { stdout } = await run(command[0], command.slice(1), { env: { ...process.env, NEXXO_PKG_DIR: packageFolder } });
  return { wallMs: JSON.parse(stdout).ms, bytes: await check(name, out) };
}

/** @param {string} root */
async function sampleTransform(root) {
  const task = JSON.stringify({ root: join(root, 'src'), warmUpMs: options.quick ? 0 : warmUp.ms, rounds: WARM_BUILDS });
  const { stdout } = await run(warm, ['transform', task]);
  const { ms, firstMs, modules, bytes } = JSON.parse(stdout);
  if (!(modules >= 100 && bytes > 100 * modules)) throw new Error(`only ${bytes} bytes came of ${modules} modules`);
  return { wallMs: ms, firstMs, modules };
}

/** The two worlds promise the same bytes; figures of two different programs would say nothing. @param {string} name @param {string} title */
async function sameBytes(name, title) {
  const read = (/** @type {string} */ contender) => readFile(join(scratch, `warm-${contender}-${name}`, 'main.js')).catch(() => undefined);
  const [native, wasm] = [await read('native'), await read('wasm')];
  if (native && wasm && !native.equals(wasm)) failures.push(`${title}: native and wasm give different bytes`);
}

/** Runs the bundle under Node and compares the number it leaves. @param {string} name @param {string} out @returns {Promise<number>} Its size. */
async function check(name, out) {
  const scripts = (await readdir(out, { recursive: true })).filter((path) => /\.m?js$/.test(path));
  if (scripts.length !== 1) throw new Error(`One script was expected, not ${scripts.join(', ') || 'none'}.`);
  // A copy with a name that Node takes for a module whatever the folder says.
  const text = await readFile(join(out, scripts[0]));
  const script = join(scratch, 'check.mjs');
  await writeFile(script, text);
  const code = 'import(process.argv[1]).then(() => { console.log(globalThis.benchChecksum); process.exit(); })';
  const { stdout } = await run(process.execPath, ['-e', code, script]);
  const wanted = makeApp(name).checksum(INITIAL_VALUE);
  if (Number(stdout) !== wanted) throw new Error(`The bundle gives ${stdout.trim()}, not ${wanted}: it is not the app.`);
  return text.length;
}

/** @param {string} path @param {string} what */
function has(path, what) {
  if (existsSync(path)) return true;
  console.warn(`There is no ${path}: ${what} is left out.`);
  return false;
}

/** @param {any} values */
function summary({ wallMs, cpuMs, peakBytes }) {
  const times = [wallMs].flat().map(Math.round).join(' ');
  return cpuMs === undefined ? `${times} ms` : `${times} ms, ${Math.round(cpuMs)} ms of processor time, ${Math.round(peakBytes / 2 ** 20)} MiB`;
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
