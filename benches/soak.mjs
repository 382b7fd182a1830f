// This file edits an app two thousand times, with mistakes, renames and
// deletions among the edits, and looks at the memory meanwhile: of the engine in
// WebAssembly, and of `nexxo dev` with a page. `cargo xtask bench soak`.

import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rename, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { chromiumArgs, circumstances, flags, packageFolder } from './common.mjs';
import { fileMap, hotApp, writeApp } from './corpus.mjs';
import { soakReport } from './report.mjs';

const usage = `Usage: node soak.mjs [options]

  --quick                A tenth of the edits
  --contenders <name,…>  Of wasm and native
  --out <folder>         Where results go; default benches/results

NEXXO_PKG_DIR, NEXXO_BIN and NEXXO_CHROMIUM name what is tried.`;

const options = flags(usage);
const EDITS = options.quick ? 200 : 2_000;
const SIZE = 200;
const contenders = options.contenders ?? ['wasm', 'native'];

const samples = [];
if (contenders.includes('wasm')) await inWasm();
if (contenders.includes('native')) await natively();
await mkdir(options.out, { recursive: true });
const version = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).version;
await writeFile(join(options.out, 'soak.json'), `${JSON.stringify({ ...circumstances({ nexxo: version }), edits: EDITS, size: SIZE, samples }, null, 1)}\n`);
await soakReport(options.out);

/** What happens at an edit: the same each time. @param {ReturnType<typeof hotApp>} app @param {number} at */
function editAt(app, at) {
  const { path, texts } = app.edits.leaf;
  const source = app.files[path];
  switch (at % 10) {
    case 3:
      return { write: { [path]: `${source}\nconst = ;\n` } };
    case 5:
      return { write: { [`src/extra-${at}.ts`]: `export const extra = ${at};\n`, [path]: `import { extra } from '${'../'.repeat(path.split('/').length - 2)}extra-${at}.ts';\n${source}\nconsole.log(extra);\n` } };
    case 6:
      return { rename: [`src/extra-${at - 1}.ts`, `src/moved-${at - 1}.ts`], write: { [path]: source } };
    case 7:
      return { remove: [`src/moved-${at - 2}.ts`] };
    default:
      return { write: { [path]: at % 2 === 0 ? source : source.replace(texts[0], texts[1]) } };
  }
}

async function inWasm() {
  const { createNexxo } = await import(pathToFileURL(join(packageFolder, 'node.js')).href);
  const app = hotApp(SIZE);
  const nexxo = await createNexxo();
  const project = nexxo.createProject({ files: await fileMap(app) });
  const dev = project.dev({ input: app.entry, output: { legalComments: 'none' } });
  const { id } = await dev.open();
  dev.attach(id, { postMessage() {}, onmessage: null });
  for (let at = 0; at < EDITS; at += 1) {
    const { write = {}, rename: moved, remove = [] } = editAt(app, at);
    if (moved !== undefined) project.rename(moved[0], moved[1]);
    for (const path of remove) project.remove(path);
    for (const [path, text] of Object.entries(write)) project.write(path, text);
    await dev.update();
    if (at % 50 === 49) await dev.build();
    if (at % 20 === 19) samples.push({ contender: 'wasm', at: at + 1, bytes: (await nexxo.ping()).memoryBytes });
  }
  nexxo.dispose();
}

async function natively() {
  const app = hotApp(SIZE);
  const folder = await mkdtemp(join(tmpdir(), 'nexxo-soak-'));
  await writeApp(app, folder);
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>soak</title><div id="root"></div><script type="module" src="/src/main.tsx"></script>');
  const server = spawn(process.env.NEXXO_BIN ?? 'nexxo', ['dev', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-10_000)));
  const browser = await chromium.launch({ executablePath: process.env.NEXXO_CHROMIUM ?? '/usr/bin/chromium', args: chromiumArgs });
  try {
    let url;
    while (url === undefined) {
      await pause(50);
      url = /http:\S+/.exec(said)?.[0];
    }
    const page = await browser.newPage();
    await page.goto(url);
    for (let at = 0; at < EDITS; at += 1) {
      const { write = {}, rename: moved, remove = [] } = editAt(app, at);
      if (moved !== undefined) await rename(join(folder, moved[0]), join(folder, moved[1])).catch(() => {});
      for (const path of remove) await unlink(join(folder, path)).catch(() => {});
      for (const [path, text] of Object.entries(write)) await writeFile(join(folder, path), text);
      await pause(30);
      if (at % 50 === 49) await page.reload();
      if (at % 20 === 19) samples.push({ contender: 'native', at: at + 1, bytes: resident(server.pid), handles: readdirSync(`/proc/${server.pid}/fd`).length });
    }
  } finally {
    await browser.close();
    server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/** @param {number | undefined} pid */
function resident(pid) {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}
