// This file is the worker in a browser: it connects the page's messages to the
// server, and fetches the engine. It takes part in no page and imports nothing.

import { Cache } from './cache.ts';
import { problemOf } from './error.ts';
import { IndexedDbStore } from './indexeddb.ts';
import type { ToWorker } from './protocol.ts';
import { Server, engineId } from './serve.ts';

/** What a dedicated worker's global object has, of which the page's types know nothing. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<ToWorker>) => void): void;
  addEventListener(type: 'messageerror', listener: () => void): void;
  addEventListener(type: 'error', listener: (event: ErrorEvent) => void): void;
  addEventListener(type: 'unhandledrejection', listener: (event: PromiseRejectionEvent) => void): void;
}

const scope = globalThis as unknown as WorkerScope;

const server = new Server({
  post: (message, transfer) => scope.postMessage(message, transfer),
  defaultWasm: new URL('./nexxo.wasm', import.meta.url).href,
  webWasm: new URL('./nexxo-web.wasm', import.meta.url).href,
  compile,
  openCache: ({ maxBytes }) =>
    // Neither is there on a page that is not secure.
    globalThis.crypto?.subtle === undefined || globalThis.indexedDB === undefined ? undefined : new Cache(new IndexedDbStore(maxBytes), engineId),
  close: () => scope.close(),
});

scope.addEventListener('message', ({ data }) => server.receive(data));
scope.addEventListener('messageerror', () => server.fail(new Error('a message could not be read')));
scope.addEventListener('error', (event) => {
  event.preventDefault();
  server.fail(event.error ?? event.message);
});
scope.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  server.fail(event.reason);
});

async function compile(address: string): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(address);
  } catch (thrown) {
    throw new Error(`it could not be fetched (${problemOf(thrown)})`, { cause: thrown });
  }
  if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
  // A browser compiles while it downloads, but only what says that it is WebAssembly.
  const type = response.headers.get('Content-Type')?.trim().toLowerCase();
  if (type === 'application/wasm') return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
