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
  /** What compiles style sheets and reads pages, fetched with the first of them: an address. Default `nexxo-web.wasm` beside the worker. */
  webWasm?: URL | string;
  /** The worker: an address, or a function that starts one. Default `worker.js` beside this file. */
  worker?: URL | string | (() => Worker);
  /**
   * Keeps results of builds in the origin's IndexedDB, so that a build whose files are as they were needs no engine.
   * Default `true`; `false` for none, or the most bytes to keep, default 256 MiB. `seed` is the address of an archive
   * (of `nexxo.cache.export()` or the command's `nexxo cache export`), which a first visit takes over: what was built
   * elsewhere by the same engine from the same files need not be built here.
   */
  cache?: boolean | { maxBytes?: number; seed?: URL | string };
  /** Whether to wait for the engine. Without it, builds wait, unless their results were kept. Default `true`. */
  wait?: boolean;
  /** Aborting it gives up the start. */
  signal?: AbortSignal;
}

const defaultCacheBytes = 256 * 2 ** 20;

/** Starts an engine in a worker of its own. Unless it does not wait, it rejects with `WASM_UNAVAILABLE` or `WORKER_UNAVAILABLE`. */
export async function createNexxo(options: CreateOptions = {}): Promise<Nexxo> {
  const { cache = true, wait = true } = options;
  const { maxBytes = defaultCacheBytes, seed } = typeof cache === 'object' ? cache : {};
  const seeding = seed === undefined ? {} : { seed: addressOf(seed).href };
  const settings = cache === false ? undefined : { maxBytes, comesFirst: !wait, ...seeding };
  const webWasm = options.webWasm === undefined ? undefined : addressOf(options.webWasm).href;
  const nexxo = new Nexxo(portOpener(options.worker), wasmSource(options.wasm, addressOf), settings, webWasm);
  void nexxo.start(options.signal);
  if (wait) await nexxo.readyOrGone();
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
