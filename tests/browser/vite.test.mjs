// This file installs the packed package into a Vite app, as a stranger would,
// and runs the app in Chromium: built and served as files, and by Vite's own server.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, serve, tarball, temporaryFolder } from './harness.mjs';

let app;
let browser;

before(async () => {
  app = join(temporaryFolder(), 'app');
  const source = fileURLToPath(new URL('./vite-app/', import.meta.url));
  cpSync(source, app, { recursive: true, filter: (path) => !/node_modules|dist/.test(path.slice(source.length)) });
  const npm = (...args) => execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: app });
  npm('ci');
  npm('install', '--no-save', tarball());
  browser = await launch();
});
after(() => browser?.close());

async function shows(url) {
  const { page, complaints, close } = await open(browser, url);
  const result = page.locator('#result');
  try {
    await result.filter({ hasText: /./ }).waitFor({ timeout: 60_000 });
  } catch {
    assert.fail(`The page shows nothing. It said:\n${complaints.join('\n')}`);
  }
  assert.equal(await result.textContent(), 'Hello, Vite!');
  assert.deepEqual(complaints, []);
  await close();
}

const vite = (...args) => [join(app, 'node_modules/vite/bin/vite.js'), ...args];

test('an app built by Vite runs Nexxo from static files', async () => {
  execFileSync(process.execPath, vite('build'), { cwd: app, stdio: ['ignore', 'pipe', 'inherit'] });
  const server = await serve({ '/': join(app, 'dist') });
  try {
    await shows(`${server.url}/`);
    // The engine is a file of its own, next to the app's.
    assert.ok(server.requests.some((path) => /^\/assets\/nexxo-[\w-]+\.wasm$/.test(path)), server.requests.join(' '));
  } finally {
    await server.close();
  }
});

test("an app in Vite's development server runs Nexxo", async () => {
  const server = spawn(process.execPath, vite('--host', 'localhost', '--port', '0'), {
    cwd: app,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await shows(await addressOf(server));
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await ended;
  }
});

function addressOf(server) {
  return new Promise((resolve, reject) => {
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const address = /http:\/\/localhost:\d+\//.exec(said)?.[0];
      if (address !== undefined) resolve(address);
    });
    server.once('exit', (code) => reject(new Error(`Vite ended with code ${code}:\n${said}`)));
  });
}
