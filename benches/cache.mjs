// This file times the command with its cache: with nothing kept, with everything
// as it was, after an edit, and in a fresh clone that has only a Redis to ask.
// `cargo xtask bench cache`.

import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { circumstances, firstLine, flags } from './common.mjs';
import { INITIAL_VALUE, app as makeApp, edited, writeApp } from './corpus.mjs';
import { cacheReport } from './report.mjs';

const usage = `Usage: node cache.mjs [options]

  --quick        Few samples of a small app, to see that everything runs
  --only <app,…> Default react,components-1000,components-5000,lodash
  --samples <n>  Rounds per app; default 7
  --out <folder> Where results go; default benches/results

NEXXO_BIN names the command. \`redis-server\` has to be on the PATH.`;

const options = flags(usage);
const command = process.env.NEXXO_BIN ?? 'nexxo';
const names = options.only ?? (options.quick ? ['components-100'] : ['react', 'components-1000', 'components-5000', 'lodash']);
const rounds = options.samples ?? (options.quick ? 2 : 7);

const scratch = await mkdtemp(join(tmpdir(), 'nexxo-bench-'));
const port = await freePort();
const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--dir', scratch], { stdio: 'ignore' });
await new Promise((done, failed) => {
  redis.once('error', failed);
  setTimeout(done, 500);
});
/** @type {any[]} */
const samples = [];
try {
  for (const name of names) {
    const app = makeApp(name);
    const [here, elsewhere] = [join(scratch, name, 'here'), join(scratch, name, 'elsewhere', 'clone')];
    for (const root of [here, elsewhere]) {
      await writeApp(app, root);
      const config = { input: app.entry, platform: 'browser', transform: { jsx: 'automatic', define: { 'process.env.NODE_ENV': '"production"' } } };
      await writeFile(join(root, 'nexxo.config.json'), JSON.stringify(config));
    }
    for (let round = 0; round < rounds; round += 1) {
      const cache = join(scratch, 'cache');
      await rm(cache, { recursive: true, force: true });
      const edit = (/** @type {number} */ value) => writeFile(join(here, app.edit.path), edited(app, value));
      await edit(INITIAL_VALUE);
      const sample = {
        app: name,
        round,
        off: build(here, cache, ['--no-cache']),
        first: build(here, cache, []),
        unchanged: build(here, cache, []),
        edited: 0,
        back: 0,
        remote: 0,
      };
      await edit(INITIAL_VALUE + 1 + round);
      sample.edited = build(here, cache, []);
      await edit(INITIAL_VALUE);
      sample.back = build(here, cache, []);
      const url = ['--remote-cache', `redis://127.0.0.1:${port}`];
      await rm(cache, { recursive: true, force: true });
      build(here, cache, url);
      await rm(cache, { recursive: true, force: true });
      sample.remote = build(elsewhere, cache, url);
      samples.push(sample);
      console.log(`${name}, ${round + 1} of ${rounds}: ${Object.entries(sample).slice(2).map(([what, ms]) => `${what} ${Number(ms).toFixed(0)} ms`).join(', ')}`);
    }
    await rm(join(scratch, name), { recursive: true, force: true });
  }
} finally {
  redis.kill();
  await rm(scratch, { recursive: true, force: true });
}
await mkdir(options.out, { recursive: true });
const versions = { nexxo: firstLine(command, ['--version']).split(' ').at(-1) ?? '', redis: /v=(\S+)/.exec(firstLine('redis-server', ['--version']))?.[1] ?? '' };
await writeFile(join(options.out, 'cache.json'), `${JSON.stringify({ ...circumstances(versions), samples }, null, 1)}\n`);
await cacheReport(options.out);

/** A whole process, in milliseconds. @param {string} root @param {string} cache @param {string[]} more */
function build(root, cache, more) {
  const start = performance.now();
  execFileSync(command, ['build', root, '--quiet', ...more], { env: { ...process.env, NEXXO_CACHE_DIR: cache }, stdio: ['ignore', 'ignore', 'inherit'] });
  return performance.now() - start;
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
