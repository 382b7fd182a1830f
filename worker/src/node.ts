// This file is the package's entry under Node: the same engine and the same
// client over a worker thread.

import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Nexxo, wasmSource } from './nexxo.ts';
import type { OpenPort } from './nexxo.ts';
import type { FromWorker } from './protocol.ts';

export { NexxoError } from './error.ts';
export type * from './types.ts';

export interface CreateOptions {
  /** The engine: an address, a path, a compiled module or its bytes. Default `nexxo.wasm` beside this file. */
  wasm?: URL | string | WebAssembly.Module | BufferSource;
  /** The worker thread's script: an address or a path. Default `node-worker.js` beside this file. */
  worker?: URL | string;
  /** Aborting it gives up the start. */
  signal?: AbortSignal;
}

/** Starts an engine in a thread of its own. A handle keeps the process alive only while an answer is awaited. */
export async function createNexxo(options: CreateOptions = {}): Promise<Nexxo> {
  const nexxo = new Nexxo(portOpener(options.worker), wasmSource(options.wasm, addressOf));
  void nexxo.start(options.signal);
  await nexxo.readyOrGone();
  return nexxo;
}

function portOpener(worker: CreateOptions['worker']): OpenPort {
  return ({ message, failed }) => {
    const script = worker === undefined ? new URL('./node-worker.js', import.meta.url) : addressOf(worker);
    // What the process was started with, such as a test runner's flags, is not meant for the thread.
    const thread = new Worker(script, { name: 'nexxo', execArgv: [] });
    thread.on('message', (data: FromWorker) => message(data));
    thread.on('messageerror', (error) => failed(error.message));
    thread.on('error', (error) => failed(error.message));
    thread.on('exit', (code) => failed(`the thread ended with code ${code}`));
    return {
      post: (data, transfer) => thread.postMessage(data, transfer),
      terminate: () => void thread.terminate(),
      hold: (awaited) => (awaited ? thread.ref() : thread.unref()),
    };
  };
}

function addressOf(place: URL | string): URL {
  const text = String(place);
  return /^(file|https?):/.test(text) ? new URL(text) : pathToFileURL(text);
}
