// This file times development servers: from their start to the painted page, from
// an edit on the disk to the message in the page and to the painted frame, and
// what memory the server takes. `cargo xtask bench dev`.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { chromium } from 'playwright-core';
import { chromiumArgs, circumstances, firstLine, flags, here, packageVersion } from './common.mjs';
import { hotApp, writeApp } from './corpus.mjs';
import { devReport } from './report.mjs';

const usage = `Usage: node dev.mjs [options]

  --quick                Few edits of small apps, to see that everything runs
  --only <count,…>       Numbers of components; default 10,1000,5000,10000
  --contenders <name,…>  Of nexxo, vite, vite-bundled, rsbuild and next
  --samples <n>          Servers of each kind and size; default 3
  --out <folder>         Where results go; default benches/results

NEXXO_BIN names the command, NEXXO_CHROMIUM the browser.`;

const options = flags(usage);
const executablePath = process.env.NEXXO_CHROMIUM ?? '/usr/bin/chromium';
const sizes = (options.only ?? (options.quick ? ['10', '100'] : ['10', '1000', '5000', '10000'])).map(Number);
const rounds = options.samples ?? (options.quick ? 1 : 3);
const EDITS = options.quick ? 6 : 20;

/** Where the packages of servers that are only timed are. */
const servers = join(here, 'servers/node_modules');

const viteConfig = (/** @type {boolean} */ bundled) =>
  `import react from ${JSON.stringify(join(here, 'node_modules/@vitejs/plugin-react/dist/index.js'))};\nexport default { plugins: [react()], logLevel: 'silent', experimental: { bundledDev: ${bundled} } };\n`;

const rsbuildConfig = `import { pluginReact } from ${JSON.stringify(join(servers, '@rsbuild/plugin-react/dist/index.js'))};\nexport default { plugins: [pluginReact()], source: { entry: { index: './src/main.tsx' } }, logLevel: 'error', performance: { buildCache: false } };\n`;

/** How each is started in a folder, with the port that it has to take. @type {Record<string, (folder: string, port: number) => string[]>} */
const commands = {
  nexxo: (folder, port) => [process.env.NEXXO_BIN ?? 'nexxo', 'dev', folder, '--port', String(port)],
  vite: (folder, port) => [process.execPath, join(here, 'node_modules/vite/bin/vite.js'), folder, '--port', String(port), '--strictPort', '--config', join(folder, 'vite.config.mjs')],
  'vite-bundled': (folder, port) => [process.execPath, join(here, 'node_modules/vite/bin/vite.js'), folder, '--port', String(port), '--strictPort', '--config', join(folder, 'vite.bundled.config.mjs')],
  rsbuild: (folder, port) => [process.execPath, join(servers, '@rsbuild/core/bin/rsbuild.js'), 'dev', '--root', folder, '--port', String(port)],
  next: (folder, port) => [process.execPath, join(servers, 'next/dist/bin/next'), 'dev', folder, '--turbopack', '--port', String(port)],
};
/** What each keeps of a run, below its folder. */
const kept = ['node_modules/.vite', 'node_modules/.cache', '.next', 'dist'];
const contenders = options.contenders ?? Object.keys(commands);

const browser = await chromium.launch({ executablePath, args: chromiumArgs });
const folders = new Map();
const samples = [];
/** @type {string[]} */
const failures = [];
try {
  for (const size of sizes) folders.set(size, await project(size));
  for (let round = 0; round < rounds; round += 1) {
    for (const size of sizes) {
      for (const contender of contenders) {
        const sample = await measure(contender, size).catch((error) => String(error).split('\n')[0]);
        if (typeof sample === 'string') {
          // Not in the tables, but told of.
          failures.push(`${contender}, ${size} components, round ${round + 1}: ${sample}`);
          console.log(failures.at(-1));
          continue;
        }
        samples.push({ contender, size, round, ...sample });
        const middle = (/** @type {number[]} */ values) => [...values].sort((a, b) => a - b)[values.length >> 1]?.toFixed(1);
        console.log(`${contender}, ${size} components, ${round + 1} of ${rounds}: page ${sample.startMs.toFixed(0)} ms, message ${middle(sample.messageMs)} ms, paint ${middle(sample.paintMs)} ms, ${(sample.peakBytes / 2 ** 20).toFixed(0)} MiB`);
      }
    }
  }
} finally {
  await browser.close();
  for (const { folders: made } of folders.values()) for (const folder of Object.values(made)) await rm(folder, { recursive: true, force: true });
}
const versions = { nexxo: firstLine(process.env.NEXXO_BIN ?? 'nexxo', ['--version']).split(' ').at(-1) ?? '', vite: packageVersion('vite'), rsbuild: packageVersion('@rsbuild/core', servers), next: packageVersion('next', servers) };
await mkdir(options.out, { recursive: true });
const result = { ...circumstances(versions), browser: firstLine(executablePath, ['--version']).replace(/ built on.*/, ''), contenders, failures, samples };
await writeFile(join(options.out, 'dev.json'), `${JSON.stringify(result, null, 1)}\n`);
await devReport(options.out);

/** Folders with the app, as each of the tools expects it. @param {number} size */
async function project(size) {
  const app = hotApp(size);
  const folder = await mkdtemp(join(tmpdir(), 'nexxo-bench-'));
  await writeApp(app, folder);
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>bench</title><div id="root"></div><script type="module" src="/src/main.tsx"></script>');
  await writeFile(join(folder, 'vite.config.mjs'), viteConfig(false));
  await writeFile(join(folder, 'vite.bundled.config.mjs'), viteConfig(true));
  await writeFile(join(folder, 'rsbuild.config.mjs'), rsbuildConfig);
  if (!contenders.includes('next')) return { app, folders: { all: folder } };
  // It wants its packages above the app, pages in a folder of their own, and to render on the server what is no client's.
  const next = await mkdtemp(join(here, 'servers/app-'));
  for (const [path, contents] of Object.entries(app.files)) {
    if (!path.startsWith('src/') || path === 'src/main.tsx') continue;
    await mkdir(dirname(join(next, path)), { recursive: true });
    await writeFile(join(next, path), contents);
  }
  const root = relative('src', app.edits.root.path).replace(/\.tsx$/, '');
  const name = /export function (\w+)/.exec(app.files[app.edits.root.path])?.[1];
  await mkdir(join(next, 'app'));
  await writeFile(join(next, 'app/layout.tsx'), 'export default function Layout({ children }: { children: any }) {\n  return <html><body>{children}</body></html>;\n}\n');
  await writeFile(join(next, 'app/page.tsx'), `'use client';\nimport { ${name} } from '../src/${root}';\nexport default function Page() {\n  return <${name} depth={0} />;\n}\n`);
  await writeFile(join(next, 'package.json'), '{ "private": true }\n');
  await writeFile(join(next, 'next.config.mjs'), 'export default { typescript: { ignoreBuildErrors: true } };\n');
  await writeFile(join(next, 'tsconfig.json'), '{ "compilerOptions": { "jsx": "react-jsx", "strict": false, "allowJs": true, "noEmit": true, "incremental": true, "module": "esnext", "esModuleInterop": true, "moduleResolution": "bundler", "resolveJsonModule": true, "isolatedModules": true, "plugins": [{ "name": "next" }] }, "include": ["app", "src"] }\n');
  return { app, folders: { all: folder, next } };
}

/** @param {string} contender @param {number} size */
async function measure(contender, size) {
  const { app, folders: made } = folders.get(size);
  const folder = made[contender] ?? made.all;
  // What an earlier run kept is not a cold start.
  for (const path of kept) await rm(join(folder, path), { recursive: true, force: true });
  for (const { path, texts } of Object.values(app.edits)) await put(folder, path, texts[1], texts[0]);
  const port = await freePort();
  const [program, ...args] = commands[contender](folder, port);
  const context = await browser.newContext();
  const page = await context.newPage();
  const messages = [];
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  cdp.on('Network.webSocketFrameReceived', ({ response }) => messages.push({ at: performance.now(), text: response.payloadData }));
  let seen;
  await page.exposeFunction('benchSaw', () => seen?.(performance.now()));

  const start = performance.now();
  const server = spawn(program, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, NODE_ENV: undefined, NEXT_TELEMETRY_DISABLED: '1' } });
  const memory = { bytes: [] };
  const sampler = setInterval(() => memory.bytes.push(treeBytes(server.pid ?? 0)), 50);
  try {
    await reach(page, port);
    await page.waitForFunction((text) => document.body?.textContent?.includes(text), app.edits.leaf.texts[0], { timeout: 120_000, polling: 'raf' });
    const startMs = performance.now() - start;
    await new Promise((done) => setTimeout(done, 500));
    const values = { messageMs: [], paintMs: [] };
    for (let turn = -2; turn < EDITS; turn += 1) {
      const { path, texts } = app.edits.leaf;
      const [before, text] = turn % 2 === 0 ? texts : [texts[1], texts[0]];
      await page.evaluate((text) => {
        const look = () => {
          if (!document.body.textContent.includes(text)) return false;
          requestAnimationFrame(() => setTimeout(() => globalThis.benchSaw()));
          return true;
        };
        if (look()) throw new Error('It was there before.');
        const observer = new MutationObserver(() => look() && observer.disconnect());
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
      }, text);
      await new Promise((done) => setTimeout(done, 150));
      const painted = new Promise((done, fail) => {
        seen = done;
        setTimeout(fail, 60_000, new Error(`${contender} did not show an edit.`));
      });
      messages.length = 0;
      const at = performance.now();
      await put(folder, path, before, text);
      const paintedAt = await painted;
      if (turn < 0) continue;
      const message = messages.find(({ text: said }) => /update|"type":"ok"|turbopack-message/.test(said));
      if (message !== undefined) values.messageMs.push(message.at - at);
      values.paintMs.push(paintedAt - at);
    }
    return { startMs, ...values, peakBytes: Math.max(...memory.bytes), restBytes: memory.bytes.at(-1) ?? 0 };
  } finally {
    clearInterval(sampler);
    await context.close();
    server.kill('SIGTERM');
    await new Promise((done) => server.once('exit', done));
  }
}

/** Replaces a text in a file, as an editor does that writes in place. @param {string} folder @param {string} path @param {string} before @param {string} after */
async function put(folder, path, before, after) {
  const file = join(folder, path);
  const source = await readFile(file, 'utf8');
  if (source.includes(before)) await writeFile(file, source.replace(before, after));
}

/** Goes to an address as soon as somebody listens there. @param {import('playwright-core').Page} page @param {number} port */
async function reach(page, port) {
  const end = performance.now() + 60_000;
  while (!(await listens(port)) && performance.now() < end) await new Promise((done) => setTimeout(done, 2));
  for (;;) {
    try {
      await page.goto(`http://localhost:${port}/`, { waitUntil: 'commit', timeout: 120_000 });
      return;
    } catch (error) {
      // Some listen on one of localhost's addresses before the other.
      if (performance.now() > end || !/ERR_CONNECTION_REFUSED|interrupted/.test(String(error))) throw error;
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function listens(port) {
  return new Promise((done) => {
    const socket = connect({ port, host: 'localhost' });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

/** A port that nobody uses. @returns {Promise<number>} */
function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => done(port));
    });
  });
}

/** The resident memory of a process and all below it. @param {number} root */
function treeBytes(root) {
  const pages = (/** @type {number} */ pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
    } catch {
      return 0;
    }
  };
  const children = (/** @type {number} */ pid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  let bytes = 0;
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    bytes += pages(pid);
    waiting.push(...children(pid));
  }
  return bytes;
}
