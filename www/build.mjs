// This file makes the playground's page: it bundles `src/` with Nexxo itself,
// copies the package beside it, and packs the examples with their packages.
//
//     node www/build.mjs --pkg pkg --out www/dist

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const www = dirname(fileURLToPath(import.meta.url));
const root = dirname(www);

/** The projects that the page can open, with the file it shows first. */
const examples = [{ folder: 'react-ts', open: 'src/App.tsx' }];

/** Of an example's packages, what no build for the browser can load: half of React's megabytes. */
const unpacked = [
  /\.map$/,
  /\.d\.[cm]?ts$/,
  /\.flow$/,
  /\/umd\//,
  /\/node_modules\/\.bin\//,
  /\/react-dom\/cjs\/react-dom-(server|profiling)/,
  /\/scheduler\/cjs\/scheduler(\.native|-unstable)/,
];

const { values: flags } = parseArgs({
  options: {
    pkg: { type: 'string', default: join(root, 'pkg') },
    out: { type: 'string', default: join(www, 'dist') },
  },
});
const [pkg, out] = [resolve(flags.pkg), resolve(flags.out)];

if (!existsSync(join(pkg, 'node.js'))) {
  console.error(`There is no built package in ${pkg}: it has no node.js. Run \`cargo xtask pkg\` first, or name another folder with --pkg.`);
  process.exit(1);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const engine = copyPackage();
const packed = examples.map(packExample);
const bundles = await bundlePage();
writePages();
writeLicenses();
printSizes();

/** The package's files for the browser, in a folder named after what is in them. */
function copyPackage() {
  const files = readdirSync(pkg)
    .filter((name) => /\.(js|wasm)$/.test(name) && !/^node/.test(name))
    .sort();
  const folder = `nexxo-${hash(files.map((name) => readFileSync(join(pkg, name))))}`;
  mkdirSync(join(out, folder));
  for (const name of files) cpSync(join(pkg, name), join(out, folder, name));
  // What the origins of previews serve; see `serve.mjs`.
  cpSync(join(pkg, 'preview'), join(out, 'preview'), { recursive: true });
  return folder;
}

/** One file with the example's sources and the packages that its build may read. */
function packExample({ folder, open }) {
  const base = join(root, 'examples', folder);
  if (!existsSync(join(base, 'node_modules'))) {
    console.log(`Installing the packages of examples/${folder}, which the page shows and bundles, by its lock file.`);
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: base, stdio: 'inherit' });
  }
  const { name } = readJson(join(base, 'package.json'));
  const files = {};
  for (const path of filesBelow(base, (path) => !/^(node_modules|dist)$/.test(path) && !path.startsWith('.'))) {
    if (path !== 'package-lock.json') files[path] = readText(join(base, path));
  }
  const packages = {};
  for (const path of productionPackages(base)) {
    for (const file of filesBelow(join(base, path), (part) => part !== 'node_modules')) {
      const at = `${path}/${file}`;
      if (!unpacked.some((pattern) => pattern.test(`/${at}`))) packages[at] = readText(join(base, at));
    }
  }
  const text = JSON.stringify({ name, open, files, packages });
  const fileName = `examples/${folder}-${hash([text])}.json`;
  mkdirSync(join(out, 'examples'), { recursive: true });
  writeFileSync(join(out, fileName), text);
  return fileName;
}

/** The folders of what is installed for more than development, as the lock file lists them. */
function productionPackages(base) {
  const { packages } = readJson(join(base, 'package-lock.json'));
  return Object.keys(packages)
    .filter((path) => path !== '' && packages[path].dev !== true && existsSync(join(base, path)))
    .sort();
}

async function bundlePage() {
  const { createNexxo } = await import(pathToFileURL(join(pkg, 'node.js')).href);
  const nexxo = await createNexxo();
  try {
    const project = nexxo.createProject({ files: pageSources() });
    const common = { tsconfig: false, output: { minify: true, legalComments: 'none' } };
    // The package stays a file of its own: it finds its worker and its wasm by its own address.
    const packageBeside = {
      name: 'package-beside',
      resolveId: {
        filter: /^nexxo(\/preview)?$/,
        handler: (specifier) => ({ id: `./${engine}/${specifier === 'nexxo' ? 'index' : 'preview'}.js`, external: true }),
      },
    };
    const page = await project.build(
      {
        ...common,
        input: { main: 'www/src/main.ts' },
        transform: { define: { EXAMPLE_URL: JSON.stringify(packed[0]) } },
        output: { ...common.output, format: 'esm', entryFileNames: '[name]-[hash].js', codeSplitting: false },
      },
      { plugins: [packageBeside] },
    );
    return { main: onlyFile(page) };
  } finally {
    nexxo.dispose();
  }
}

function onlyFile({ ok, diagnostics, outputFiles }) {
  for (const { severity, code, message, file, range, frame, hint } of diagnostics) {
    const place = file === undefined ? '' : ` (${file}${range === undefined ? '' : `:${range.start.line}:${range.start.column}`})`;
    console.error([`${severity} ${code}: ${message}${place}`, frame, hint].filter(Boolean).join('\n'));
  }
  if (!ok || outputFiles.length !== 1) {
    console.error(`The page could not be bundled${ok ? `: one file was expected, not ${outputFiles.length}` : ''}.`);
    process.exit(1);
  }
  return outputFiles[0];
}

/** The page's own sources and the packages that they import. */
function pageSources() {
  const files = {};
  for (const path of filesBelow(join(www, 'src'))) files[`www/src/${path}`] = readFileSync(join(www, 'src', path));
  for (const folder of editorPackages()) {
    for (const path of filesBelow(join(root, folder), (part) => part !== 'node_modules')) {
      if (/(^package\.json|\.m?js)$/.test(path)) files[`${folder}/${path}`] = readFileSync(join(root, folder, path));
    }
  }
  return files;
}

/** The packages that the sources import, and what these depend on, as folders below the root. */
function editorPackages() {
  const wanted = new Set();
  for (const path of filesBelow(join(www, 'src'))) {
    for (const [, name] of readText(join(www, 'src', path)).matchAll(/ from '((?:@[\w-]+\/)?[\w-]+)[^']*';/g)) {
      if (!/^nexxo(\/|$)/.test(name)) wanted.add(name);
    }
  }
  // The set grows while it is walked.
  for (const name of wanted) {
    const manifest = join(root, 'node_modules', name, 'package.json');
    if (!existsSync(manifest)) {
      console.error(`The package ${name} is not installed. Run \`npm ci\` in ${root}.`);
      process.exit(1);
    }
    for (const dependency of Object.keys(readJson(manifest).dependencies ?? {})) wanted.add(dependency);
  }
  return [...wanted].sort().map((name) => `node_modules/${name}`);
}

function writePages() {
  const { main } = bundles;
  const styles = readText(join(www, 'styles.css'));
  const stylesName = `styles-${hash([styles])}.css`;
  writeFileSync(join(out, main.fileName), main.contents);
  writeFileSync(join(out, stylesName), styles);
  cpSync(join(www, 'icon.svg'), join(out, 'icon.svg'));
  const preloads = [
    `<link rel="modulepreload" href="${engine}/index.js" />`,
    `<link rel="modulepreload" href="${engine}/preview.js" />`,
    `<link rel="preload" href="${packed[0]}" as="fetch" crossorigin />`,
  ].join('\n    ');
  const page = replaced(readText(join(www, 'index.html')), [
    ['<!-- preloads -->', preloads],
    ['src/main.ts', main.fileName],
    ['styles.css', stylesName],
  ]);
  writeFileSync(join(out, 'index.html'), page);
}

function replaced(text, replacements) {
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`The page has no \`${from}\` to replace.`);
    // A function, because a string would be searched for `$&` and the like.
    text = text.replace(from, () => to);
  }
  return text;
}

/** The licences of what is bundled into the page, as they ask for. */
function writeLicenses() {
  const parts = editorPackages().map((folder) => {
    const { name, version, license } = readJson(join(root, folder, 'package.json'));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file === undefined ? '' : readText(join(root, folder, file)).trim()}\n`;
  });
  writeFileSync(join(out, 'licenses.txt'), parts.join(`\n${'-'.repeat(72)}\n\n`));
}

function printSizes() {
  const rows = filesBelow(out).map((path) => {
    const contents = readFileSync(join(out, path));
    // The best quality takes a minute for megabytes, and saves a few per cent.
    const quality = contents.length > 1_000_000 ? 9 : 11;
    const brotli = brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
    return [path, contents.length, gzipSync(contents).length, brotli.length];
  });
  const total = ['total', ...[1, 2, 3].map((column) => rows.reduce((sum, row) => sum + row[column], 0))];
  const width = Math.max(...rows.map(([path]) => path.length));
  const line = (cells) => `  ${String(cells[0]).padEnd(width)}${cells.slice(1).map((cell) => String(cell).padStart(12)).join('')}`;
  const size = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(`\n${line(['file', 'raw', 'gzip', 'brotli'])}`);
  for (const [path, ...sizes] of [...rows, total]) console.log(line([path, ...sizes.map(size)]));
}

/** The paths of all files below a folder, `/`-separated and sorted; `enter` says which names to look at. */
function filesBelow(folder, enter = () => true) {
  const found = [];
  const walk = (at) => {
    for (const name of readdirSync(at).sort()) {
      if (!enter(name)) continue;
      const path = join(at, name);
      if (statSync(path).isDirectory()) walk(path);
      else found.push(relative(folder, path).split(sep).join('/'));
    }
  };
  walk(folder);
  return found.sort();
}

function readText(path) {
  // What is no text must be noticed here, not be damaged on the way.
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
}

function readJson(path) {
  return JSON.parse(readText(path));
}

function hash(parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex').slice(0, 10);
}
