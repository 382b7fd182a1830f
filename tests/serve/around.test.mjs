// This file tries what is around the app while `nexxo dev` serves it: other
// servers behind it, another base, the terminal, and a machine that sleeps.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { command, copyExample, folderFor, open, start, until } from './harness.mjs';

/** Adds to the configuration of a project. */
function configure(folder, more) {
  const path = join(folder, 'nexxo.config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...more }));
}

/** A server that says what it was asked, and repeats what comes through its sockets. */
async function backend() {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => response.end(JSON.stringify({ url: request.url, method: request.method, host: request.headers.host, forwarded: request.headers['x-forwarded-host'], body })));
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-asked: ${request.url}\r\n\r\n`);
    socket.pipe(socket);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return server.address().port;
}

/** What a server answers to an upgrade, and to what is sent after it. */
function upgrade(url, path, headers) {
  return new Promise((done, failed) => {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    let heard = '';
    const lines = [`GET ${path} HTTP/1.1`, `host: ${host}`, 'connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', ...headers];
    socket.on('error', failed);
    socket.on('connect', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
    socket.setEncoding('latin1').on('data', (text) => {
      if (heard === '' && text.startsWith('HTTP/1.1 101')) socket.write('are you there?');
      heard += text;
      if (heard.endsWith('are you there?')) socket.end();
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => done(heard));
  });
}

test('requests go on to other servers, plain and encrypted, and so do sockets of the own pages', async () => {
  const plain = await backend();
  const closed = await backend();
  await open.pop()();
  process.env.XDG_CACHE_HOME = folderFor('cache');
  const encrypted = await start({ args: ['--https'] });
  const { page, url } = await start({
    prepare: (folder) =>
      configure(folder, {
        server: {
          proxy: {
            '/api': `http://127.0.0.1:${plain}`,
            '/api/inner': { target: `http://127.0.0.1:${plain}/deep`, stripPrefix: true, changeOrigin: true },
            '/socket': { target: `ws://127.0.0.1:${plain}`, ws: true },
            '/secret': { target: encrypted.url, stripPrefix: true, secure: false },
            '/doubtful': { target: encrypted.url, stripPrefix: true },
            '/gone': `http://127.0.0.1:${closed}`,
          },
        },
      }),
  });
  const { host } = new URL(url);
  const asked = (path, init) => page.evaluate(async ([path, init]) => (await fetch(path, init)).json(), [path, init]);
  assert.deepEqual(await asked('/api/users?of=1%202', { method: 'PUT', body: 'some' }), {
    url: '/api/users?of=1%202',
    method: 'PUT',
    host,
    forwarded: host,
    body: 'some',
  });
  assert.deepEqual(await asked('/api/inner/x/'), { url: '/deep/x/', method: 'GET', host: `127.0.0.1:${plain}`, forwarded: host, body: '' });
  const status = (path) => page.evaluate(async (path) => (await fetch(path, { headers: { accept: 'text/html' } })).status, path);
  assert.equal(await status('/secret/'), 200);
  // Nobody vouches for the certificate.
  assert.equal(await status('/doubtful/'), 502);
  assert.equal(await status('/gone/'), 502);
  // Only whole names are meant.
  assert.equal(await status('/apix'), 404);

  const own = await upgrade(url, '/socket/room?a', [`origin: ${new URL(url).origin}`]);
  assert.match(own, /^HTTP\/1\.1 101 [\s\S]*x-asked: \/socket\/room\?a\r\n[\s\S]*are you there\?$/);
  assert.match(await upgrade(url, '/socket/room', ['origin: http://evil.example']), /^HTTP\/1\.1 403 /);
});

test('all that is served is below the base, and edits arrive there', async () => {
  const { page, url, complaints, read, write } = await start({ prepare: (folder) => configure(folder, { base: '/garden' }) });
  assert.match(url, /:\d+\/garden\/$/);
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await page.getByRole('checkbox').check();
  write('src/App.tsx', read('src/App.tsx').replace('Good morning', 'Good evening'));
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal(await page.getByRole('checkbox').isChecked(), true);
  // A page of one of the app's own routes is the same app.
  await page.goto(`${url}somewhere/else`);
  await page.getByRole('heading', { name: 'Good evening, windowsill' }).waitFor();
  assert.equal((await page.request.get(new URL('/', url).href)).status(), 404);
  assert.deepEqual(complaints, []);
});

test('a machine that slept goes on where it was', async () => {
  const { page, server, read, write } = await start();
  await page.getByRole('heading', { name: 'Good morning, windowsill' }).waitFor();
  await page.getByRole('checkbox').check();
  server.kill('SIGSTOP');
  write('src/App.tsx', read('src/App.tsx').replace('Good morning', 'Good night'));
  await new Promise((done) => setTimeout(done, 1_500));
  server.kill('SIGCONT');
  await page.getByRole('heading', { name: 'Good night, windowsill' }).waitFor();
  assert.equal(await page.getByRole('checkbox').isChecked(), true);
});

test('on a terminal, letters restart it, open the page, show the address, clear and quit', async () => {
  const folder = copyExample();
  // In the place of whatever opens pages here.
  const programs = folderFor('bin');
  const opened = join(programs, 'opened');
  for (const name of ['xdg-open', 'gio', 'gnome-open', 'kde-open', 'wslview', 'open']) {
    writeFileSync(join(programs, name), `#!/bin/sh\necho "$@" >> '${opened}'\n`);
    chmodSync(join(programs, name), 0o755);
  }
  const { PATH, CI: _, NO_COLOR: _1, ...env } = process.env;
  const terminal = spawn('script', ['--quiet', '--return', '--command', `'${command}' dev '${folder}' --port 5397`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...env, PATH: `${programs}:${PATH}`, TERM: 'xterm' },
  });
  open.push(() => terminal.kill('SIGKILL'));
  const ended = new Promise((done) => terminal.once('exit', done));
  let said = '';
  terminal.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  const says = async (what, pattern) => {
    await until(what, () => pattern.test(said));
    said = '';
  };
  await says('the keys', /r restarts, o opens/);
  terminal.stdin.write('u\n');
  await says('the address', /The page is at[\s\S]*http:\/\/localhost:5397\//);
  terminal.stdin.write('x\n');
  await says('what keys there are', /`x` is no key here/);
  terminal.stdin.write('c\n');
  await says('an empty screen', /\u001b\[2J/);
  terminal.stdin.write('o\n');
  await until('an opened page', () => existsSync(opened) && /^http:\/\/localhost:5397\/$/m.test(readFileSync(opened, 'utf8')));
  terminal.stdin.write('r\n');
  await says('a new start', /Restarting[\s\S]*Ready in[\s\S]*http:\/\/localhost:5397\/[\s\S]*r restarts/);
  terminal.stdin.write('q\n');
  assert.equal(await ended, 0);
});

test('a disk that is full is a sentence', async () => {
  // The certificate is all that a development server writes.
  const cache = folderFor('cache');
  mkdirSync(join(cache, 'nexxo'));
  symlinkSync('/dev/full', join(cache, 'nexxo', 'localhost.key'));
  const server = spawn(command, ['dev', copyExample(), '--https'], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, XDG_CACHE_HOME: cache, NO_COLOR: '1' } });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const status = await new Promise((done) => server.once('exit', done));
  assert.equal(status, 2);
  assert.match(said, /CERTIFICATE_NOT_MADE[\s\S]*(full|space)/i);
});
