// This file is the package's main entry, the page's side in a browser: it
// starts the engine in a worker and hands out what talks to it.

import { Nexxo, wasmSource } from './nexxo.ts';
import type { OpenPort } from './nexxo.ts';
import type { FromWorker } from './protocol.ts';

export { NexxoError } from './error.ts';
export type * from './types.ts';

export interface CreateOptions {
  /** The engine: an address relative to the page, a compiled module or its bytes. Default `nexxo.wasm` beside the worker. */
  wasm?: URL | string | WebAssembly.Module | BufferSource;
  /** The worker: an address, or a function that starts one. Default `worker.js` beside this file. */
  worker?: URL | string | (() => Worker);
  /** Aborting it gives up the start. */
  signal?: AbortSignal;
}

/** Starts an engine in a worker of its own. Rejects with `WASM_UNAVAILABLE` or `WORKER_UNAVAILABLE`. */
export async function createNexxo(options: CreateOptions = {}): Promise<Nexxo> {
  const nexxo = new Nexxo(portOpener(options.worker), wasmSource(options.wasm, addressOf));
  await nexxo.start(options.signal);
  return nexxo;
}

/** Made whole here, as the worker has another address to resolve against. */
function addressOf(place: URL | string): URL {
  return new URL(place, globalThis.location?.href);
}

function portOpener(worker: CreateOptions['worker']): OpenPort {
  return ({ message, failed }) => {
    const thread = startWorker(worker);
    thread.addEventListener('message', (event: MessageEvent<FromWorker>) => message(event.data));
    thread.addEventListener('messageerror', () => failed('an answer could not be read'));
    thread.addEventListener('error', (event) => {
      event.preventDefault();
      failed(event.message || 'its script could not be loaded or run');
    });
    return {
      post: (data, transfer) => thread.postMessage(data, transfer),
      terminate: () => thread.terminate(),
      hold: () => {},
    };
  };
}

function startWorker(worker: CreateOptions['worker']): Worker {
  if (typeof worker === 'function') return worker();
  if (worker !== undefined) return new Worker(worker, { type: 'module', name: 'nexxo' });
  // Written out in this form, bundlers see the worker and take it along.
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'nexxo' });
}
