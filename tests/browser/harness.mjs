// This file has what the browser tests share: the packed package, a server that
// sends the headers a test asks for, and a Chromium whose complaints are kept.

import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const mediaTypes = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** A folder that is gone when the test process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'nexxo-browser-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The packed package: the one that `cargo xtask test` names, or `pkg/` packed now. */
export function tarball() {
  const { NEXXO_TARBALL, NEXXO_PKG_DIR } = process.env;
  if (NEXXO_TARBALL) return resolve(NEXXO_TARBALL);
  const folder = temporaryFolder();
  const packageDir = NEXXO_PKG_DIR ? resolve(NEXXO_PKG_DIR) : fileURLToPath(new URL('../../pkg/', import.meta.url));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: packageDir });
  return join(folder, readdirSync(folder)[0]);
}

/** Unpacks the package as npm would, and gives its folder. */
export function unpack() {
  const folder = temporaryFolder();
  execFileSync('tar', ['-xzf', tarball(), '-C', folder]);
  return join(folder, 'package');
}

/**
 * Serves folders by path prefix, on plain http. `answers` has what a test makes
 * up, by path: `{ body, type?, headers?, status? }`. `requests` lists the paths asked for.
 */
export async function serve(folders, headers = {}) {
  const answers = new Map();
  const requests = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    requests.push(path);
    const made = answers.get(path);
    const file = made === undefined ? find(folders, path) : undefined;
    if (made === undefined && file === undefined) {
      response.writeHead(404, headers).end();
      return;
    }
    const { status = 200, type = mediaTypes[extname(file ?? path)] ?? 'application/octet-stream' } = made ?? {};
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', ...headers, ...made?.headers });
    response.end(made === undefined ? readFileSync(file) : made.body);
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return {
    url: `http://localhost:${server.address().port}`,
    answers,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function find(folders, path) {
  for (const [prefix, folder] of Object.entries(folders)) {
    if (!path.startsWith(prefix)) continue;
    const rest = path.slice(prefix.length);
    const file = resolve(folder, rest === '' || rest.endsWith('/') ? `${rest}index.html` : rest);
    if (file.startsWith(resolve(folder) + sep) && statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  return undefined;
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.NEXXO_CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // The driver's own list has partitioned storage in it, which every browser has by now, and
      // without which a frame of another site has no service worker. The last list counts.
      '--disable-features=HttpsUpgrades,MediaRouter,PaintHolding',
    ],
  });
}

/** Opens a page in a context of its own. `complaints` collects what it logs as an error or leaves uncaught. */
export async function open(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}
