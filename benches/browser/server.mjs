// This file serves the pages, the contenders and the apps on loopback: bytes held
// in memory, uncompressed, cacheable, the same for every contender.

import { createServer } from 'node:http';
import { extname } from 'node:path';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/**
 * @param {(path: string) => Promise<string | Uint8Array | undefined>} find What is at a path of the site.
 * @returns {Promise<{ origin: string, held: Map<string, Uint8Array>, loaded: Map<string, number>, close(): void }>} `loaded` counts
 *   the bytes sent, by path, until it is cleared.
 */
export async function serve(find) {
  /** @type {Map<string, Uint8Array>} */
  const held = new Map();
  /** @type {Map<string, number>} */
  const loaded = new Map();
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    try {
      let body = held.get(path);
      if (!body) {
        const found = await find(path);
        if (found === undefined) return response.writeHead(404).end();
        body = Buffer.from(found);
        held.set(path, body);
      }
      loaded.set(path, body.length);
      response.writeHead(200, {
        'content-type': types[extname(path)] ?? 'application/octet-stream',
        'content-length': body.length,
        'cache-control': path.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable',
        // Only the contender that shares memory between threads asks for isolation.
        ...(/^\/page\/rolldown/.test(path) || path.startsWith('/contender/')
          ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
          : {}),
      });
      response.end(body);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { origin: `http://localhost:${address.port}`, held, loaded, close: () => server.close() };
}
