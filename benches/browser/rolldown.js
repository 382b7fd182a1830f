// This file is @rolldown/browser as a page uses it: in a worker, as its threads
// wait with `Atomics.wait`, which the page's own thread may not do.

/** @param {string} [way] What `rolldown-worker.js` is told: how the sources reach rolldown. */
export async function start(way = 'plugin') {
  const worker = new Worker(new URL(`/contender/rolldown-worker.js?${way}`, location.href), { type: 'module' });
  /** @type {Map<number, { resolve(value: any): void, reject(error: Error): void }>} */
  const open = new Map();
  let last = 0;
  worker.onmessage = ({ data: { id, value, error } }) => {
    const promise = open.get(id);
    open.delete(id);
    if (error === undefined) promise?.resolve(value);
    else promise?.reject(new Error(error));
  };
  worker.onerror = ({ message }) => {
    for (const promise of open.values()) promise.reject(new Error(message));
    open.clear();
  };
  /** @param {string} operation @param {unknown} [argument] @returns {Promise<any>} */
  const call = (operation, argument) =>
    new Promise((resolve, reject) => {
      last += 1;
      open.set(last, { resolve, reject });
      worker.postMessage({ id: last, operation, argument });
    });
  await call('start');
  return {
    tiny: () => call('tiny'),
    /** @param {{ files: Record<string, string>, entry: string, minify: boolean }} request */
    async open(request) {
      await call('open', request);
      return {
        build: () => call('build'),
        async prepareRebuilds() {},
        /** @param {string} path @param {string} contents */
        async rebuild(path, contents) {
          await call('write', { path, contents });
          return call('build');
        },
        async close() {},
      };
    },
  };
}
