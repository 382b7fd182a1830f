// This file serves the built page the way a careful host does: under the strict
// policy of the playground on localhost, and the folder `preview` on every name
// below localhost, each of which is an origin of its own.
//
//     node www/serve.mjs <folder> [--port <n>]

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

export const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "frame-src 'self' http://*.localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The sandbox holds even where somebody opens the file as a page of its own. */
const inlinePolicy = "sandbox allow-scripts; frame-ancestors 'self'";

/** Of previews: only pages of this machine may embed them. The app within has whatever policy it brings. */
const previewPolicy = "frame-ancestors http://localhost:* http://127.0.0.1:* 'self'";

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** Where to look for a free port when none is asked for. */
const FIRST_PORT = 4173;

/** Serves a folder to this machine alone, on the port, or on a free one. */
export async function serve(folder, port = 0) {
  const server = createServer((request, response) => {
    answer(folder, request, response).catch(() => response.destroy());
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://localhost:${server.address().port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(folder, request, response) {
  const isPreview = /^[\w-]+\.localhost(:\d+)?$/.test(request.headers.host ?? '');
  const path = pathOf(request.url);
  const file = path === undefined ? undefined : join(folder, isPreview ? 'preview' : '', path);
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-length': found.size,
    'content-security-policy': isPreview ? previewPolicy : path === '/preview/__nexxo/inline.html' ? inlinePolicy : policy,
    'x-content-type-options': 'nosniff',
    // What is built next must be seen after a reload.
    'cache-control': 'no-cache',
  });
  createReadStream(file).on('error', () => response.destroy()).pipe(response);
}

/** The path that is asked for below the folder: the URL's own normal form has no `..` that leads out of it. */
function pathOf(url) {
  try {
    const path = normalize(decodeURIComponent(new URL(url ?? '/', 'http://localhost').pathname));
    return path.includes('\0') ? undefined : path.endsWith('/') ? `${path}index.html` : path;
  } catch {
    return undefined;
  }
}

async function command() {
  const { values, positionals } = parseArgs({ options: { port: { type: 'string' } }, allowPositionals: true });
  const folder = positionals[0];
  if (folder === undefined) {
    console.error('Say what to serve: `node www/serve.mjs <folder> [--port <n>]`.');
    process.exit(2);
  }
  const wanted = values.port === undefined ? undefined : Number(values.port);
  for (let port = wanted ?? FIRST_PORT; ; port += 1) {
    try {
      const { url } = await serve(folder, port);
      console.log(`\nThe playground is at ${url} (Ctrl+C ends it)`);
      return;
    } catch (error) {
      if (error.code === 'EADDRINUSE' && wanted === undefined && port < FIRST_PORT + 100) continue;
      const reason = error.code === 'EADDRINUSE' ? 'something else is served there' : error.message;
      console.error(`Port ${port} cannot be used: ${reason}. Choose another by --port.`);
      process.exit(1);
    }
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await command();
