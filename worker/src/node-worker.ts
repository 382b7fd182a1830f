// This file is the worker under Node: it connects the other thread's messages
// to the server, and reads the engine from disk.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parentPort } from 'node:worker_threads';
import type { ToWorker } from './protocol.ts';
import { Server } from './serve.ts';

const port = parentPort;
if (port === null) throw new Error('`node-worker.js` is started by `nexxo`, as a worker thread.');

const server = new Server({
  post: (message, transfer) => port.postMessage(message, transfer),
  defaultWasm: new URL('./nexxo.wasm', import.meta.url).href,
  webWasm: new URL('./nexxo-web.wasm', import.meta.url).href,
  compile,
  // A process ends; the command has a cache on the disk.
  openCache: () => undefined,
  // The other thread ends this one. Ending it here might overtake the last message.
  close: () => port.removeAllListeners('message'),
});

port.on('message', (message: ToWorker) => server.receive(message));
port.on('messageerror', (error) => server.fail(error));
process.on('uncaughtException', (error) => server.fail(error));

async function compile(address: string): Promise<WebAssembly.Module> {
  if (address.startsWith('file:')) return WebAssembly.compile(await readFile(fileURLToPath(address)));
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
