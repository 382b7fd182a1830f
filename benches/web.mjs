// This file times builds of what pages have beside scripts, as whole processes:
// style sheets, modules of classes and Sass, then workers and WebAssembly, beside
// Vite and, where it can, esbuild. Contenders take turns in every round.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { circumstances, firstLine, flags, here, packageVersion, spread } from './common.mjs';

const usage = `Usage: node web.mjs [options]

  --quick                Few samples of small apps, to see that everything runs
  --only <app,…>         styles, workers
  --contenders <name,…>  nexxo, vite, esbuild
  --samples <n>          Rounds per app; default 7
  --out <folder>         Where results go; default benches/results

NEXXO_BIN names the native command (default target/release/nexxo).`;

const options = flags(usage);
const run = promisify(execFile);
const nexxo = process.env.NEXXO_BIN ?? join(here, '..', 'target', 'release', 'nexxo');
const bin = (/** @type {string} */ name) => join(here, 'node_modules', '.bin', name);

/** A WebAssembly that adds, with a section of its own size. */
const add = Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABw0CA2FkZAAAA2EtYgAACgkBBwAgACABags=', 'base64');

/** The sources of an app, by path. */
const apps = {
  /** A third each of style sheets, modules of classes, and Sass with a partial that all use. */
  styles(/** @type {number} */ count) {
    const files = /** @type {Record<string, string>} */ ({ 'src/_theme.scss': '$ink: #123456;\n@mixin edge($width) { border: $width solid $ink; }\n' });
    let main = '';
    for (let at = 0; at < count; at++) {
      const rules = `{ color: rgb(${at % 256} 10 20); padding: ${at % 9}px; &:hover { color: red } }`;
      if (at % 3 === 0) {
        files[`src/plain${at}.css`] = `.plain${at} ${rules}\n@media (min-width: ${at}px) { .plain${at} { display: grid } }\n`;
        main += `import './plain${at}.css';\n`;
      } else if (at % 3 === 1) {
        files[`src/part${at}.module.css`] = `.box ${rules}\n.text { composes: box; font-weight: 700 }\n`;
        main += `import part${at} from './part${at}.module.css';\nconsole.log(part${at}.text);\n`;
      } else {
        files[`src/sheet${at}.scss`] = `@use './theme' as *;\n.sheet${at} { @include edge(${at % 5}px); .inner { color: $ink; } }\n`;
        main += `import './sheet${at}.scss';\n`;
      }
    }
    return { ...files, 'src/main.js': main };
  },
  /** Workers that share a module, and WebAssembly. */
  workers(/** @type {number} */ count) {
    const files = /** @type {Record<string, string | Buffer>} */ ({});
    let main = '';
    for (let at = 0; at < 200; at++) files[`src/shared${at}.js`] = `export const value${at} = [${at}, ${at + 1}].map((number) => number * ${at});\n`;
    const shared = Array.from({ length: 200 }, (_, at) => `import { value${at} } from './shared${at}.js';`).join('\n');
    files['src/shared.js'] = `${shared}\nexport const all = [${Array.from({ length: 200 }, (_, at) => `value${at}`).join()}];\n`;
    for (let at = 0; at < count; at++) {
      files[`src/worker${at}.js`] = `import { all } from './shared.js';\npostMessage([${at}, all]);\n`;
      main += `new Worker(new URL('./worker${at}.js', import.meta.url), { type: 'module' });\n`;
    }
    for (let at = 0; at < count / 5; at++) {
      files[`src/add${at}.wasm`] = add;
      main += `import init${at} from './add${at}.wasm?init';\ninit${at}();\n`;
    }
    return { ...files, 'src/main.js': main };
  },
};

const sizes = options.quick ? { styles: 60, workers: 10 } : { styles: 2000, workers: 50 };
const chosen = /** @type {(keyof typeof apps)[]} */ (options.only ?? Object.keys(apps));
const samples = options.samples ?? (options.quick ? 2 : 7);

/** What each contender is started with. All minify, and write no source map. */
const contenders = {
  nexxo: {
    version: firstLine(nexxo, ['--version']),
    can: () => true,
    start: (/** @type {string} */ folder) => run(nexxo, ['build', '--no-cache', '--minify', '--out-dir', 'out-nexxo'], { cwd: folder }),
  },
  vite: {
    version: packageVersion('vite'),
    can: () => true,
    start: (/** @type {string} */ folder) => run(bin('vite'), ['build', '--outDir', 'out-vite', '--logLevel', 'error'], { cwd: folder }),
  },
  esbuild: {
    version: packageVersion('esbuild'),
    // It has no Sass, and takes workers and pages for files.
    can: (/** @type {string} */ app) => app === 'styles-css',
    start: (/** @type {string} */ folder) =>
      run(bin('esbuild'), ['src/main.js', '--bundle', '--minify', '--format=esm', '--outdir=out-esbuild', '--log-level=error'], { cwd: folder }),
  },
};

/** Bytes of scripts and style sheets, and after gzip. */
async function weigh(/** @type {string} */ folder) {
  let [bytes, gzip] = [0, 0];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.(js|css)$/.test(name)) continue;
    const contents = await readFile(join(folder, name));
    bytes += contents.length;
    gzip += gzipSync(contents).length;
  }
  return { bytes, gzip };
}

const names = (options.contenders ?? Object.keys(contenders)).filter((name) => name in contenders);
const root = await mkdtemp(join(tmpdir(), 'nexxo-bench-web-'));
const results = [];
try {
  const wanted = chosen.flatMap((name) => (name === 'styles' ? ['styles', 'styles-css'] : [name]));
  for (const name of wanted) {
    const kind = /** @type {keyof typeof apps} */ (name.split('-')[0]);
    const folder = join(root, name);
    let files = /** @type {Record<string, string | Buffer>} */ (apps[kind](sizes[kind]));
    if (name === 'styles-css') {
      // The same without Sass, for those who have none.
      files = Object.fromEntries(Object.entries(files).filter(([path]) => !path.endsWith('.scss')));
      files['src/main.js'] = String(files['src/main.js']).replace(/import '.*\.scss';\n/g, '');
    }
    files['index.html'] = '<!doctype html><html><head></head><body><script type="module" src="/src/main.js"></script></body></html>';
    files['package.json'] = '{ "type": "module" }';
    files['vite.config.js'] = "export default { build: { reportCompressedSize: false, cssMinify: 'lightningcss' }, worker: { format: 'es' } };\n";
    for (const [path, contents] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), contents);
    }
    const running = names.filter((contender) => contenders[/** @type {keyof typeof contenders} */ (contender)].can(name));
    const times = /** @type {Record<string, number[]>} */ (Object.fromEntries(running.map((contender) => [contender, []])));
    for (let round = -1; round < samples; round++) {
      for (const contender of running) {
        const since = performance.now();
        await contenders[/** @type {keyof typeof contenders} */ (contender)].start(folder);
        // The first round only warms the disk's cache.
        if (round >= 0) times[contender].push(performance.now() - since);
      }
    }
    for (const contender of running) {
      const ratios = times.vite?.map((vite, at) => times[contender][at] / vite);
      results.push({ app: name, contender, ms: spread(times[contender]), ofVite: ratios && spread(ratios), ...(await weigh(join(folder, `out-${contender}`))) });
    }
  }
} finally {
  await rm(root, { recursive: true, force: true });
}

const versions = Object.fromEntries(names.map((name) => [name, contenders[/** @type {keyof typeof contenders} */ (name)].version]));
const about = circumstances(versions);
const number = (/** @type {number} */ value, digits = 0) => value.toFixed(digits);
const rows = results.map(({ app, contender, ms, ofVite, bytes, gzip }) => {
  const time = ms ? `${number(ms.median)} (${number(ms.low)}–${number(ms.high)})` : '';
  const ratio = ofVite ? `${number(ofVite.median, 2)} (${number(ofVite.low, 2)}–${number(ofVite.high, 2)})` : '';
  return `| ${app} | ${contender} | ${time} | ${ratio} | ${bytes.toLocaleString('en')} | ${gzip.toLocaleString('en')} |`;
});
const page = `# Style sheets, workers and WebAssembly

${about.date}, ${about.cpu}, ${about.memory}, ${about.os}, Node ${about.node}. ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.

\`styles\`: ${sizes.styles} style sheets, a third each plain, modules of classes and Sass; \`styles-css\`: those without Sass; \`workers\`: ${sizes.workers} module workers and ${sizes.workers / 5} WebAssembly files. Whole processes, minified, medians with quartiles of ${samples} rounds; the ratio is that of each round.

| app | | ms | of Vite's | bytes | gzip |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, 'web.json'), `${JSON.stringify({ about, results }, null, 2)}\n`);
await writeFile(join(options.out, 'web.md'), page);
console.log(page);
