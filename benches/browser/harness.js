// This file runs inside the page: it loads one contender, times what it is told
// to time, and runs the bundles to see that they are right. Only time between
// `performance.now()` calls of the page counts, never the driver's round trips.

/**
 * What `esbuild.js`, `rolldown.js` and `nexxo.js` beside this file export:
 * @typedef {{ start(): Promise<Engine> }} Contender
 * @typedef {{ tiny(): Promise<string>, open(request: Request): Promise<Project>, memoryBytes?(): Promise<number>, warmUp?(): Promise<void> }} Engine
 * @typedef {{ files: Record<string, string>, entry: string, minify: boolean }} Request
 * @typedef {{ name: string, contents: string | Uint8Array }} Output
 * @typedef {{
 *   build(): Promise<Output[]>,
 *   prepareRebuilds(): Promise<void>,
 *   rebuild(path: string, contents: string): Promise<Output[]>,
 *   close(): Promise<void>,
 * }} Project
 */

/** @type {Engine} */
let engine;
/** @type {Project} */
let project;
/** @type {{ files: Record<string, string>, entry: string, edit: { path: string, versions: string[] }, checksums: number[] }} */
let app;
let edits = 0;

const bench = {
  /** Loads and starts the contender; milliseconds since the navigation began. @param {string} contender */
  async ready(contender) {
    engine = await (await import(`/contender/${contender}.js`)).start();
    const handleMs = performance.now();
    const code = await engine.tiny();
    if (!code.includes('42')) throw new Error(`The tiny module became ${code}`);
    return { handleMs, readyMs: performance.now() };
  },

  /** Has the app's sources in the page before any clock runs. @param {string} name */
  async load(name) {
    app = await (await fetch(`/app/${name}.json`)).json();
    await idle();
  },

  /** What a page can do before it knows its sources: nothing, or what the contender has for it. */
  async ahead() {
    await engine.warmUp?.();
    await idle();
  },

  /** From nothing, engine included unless it is there already, to the output. @param {string} contender @param {boolean} minify */
  async first(contender, minify) {
    const start = performance.now();
    if (!engine) engine = await (await import(`/contender/${contender}.js`)).start();
    const startedMs = performance.now() - start;
    project = await engine.open({ files: app.files, entry: app.entry, minify });
    const outputs = await project.build();
    const firstMs = performance.now() - start;
    await check(outputs, 0);
    return { startedMs, firstMs, bytes: size(outputs) };
  },

  /** The whole bundle again, nothing changed, nothing asked to be remembered. */
  async warm() {
    await idle();
    const start = performance.now();
    const outputs = await project.build();
    const warmMs = performance.now() - start;
    await check(outputs, 0);
    return { warmMs };
  },

  async prepareRebuilds() {
    await project.prepareRebuilds();
    await idle();
  },

  /** One line changes; until the new output is there. */
  async rebuild() {
    edits += 1;
    const version = edits % app.edit.versions.length;
    await idle();
    const start = performance.now();
    const outputs = await project.rebuild(app.edit.path, app.edit.versions[version]);
    const rebuildMs = performance.now() - start;
    await check(outputs, version);
    return { rebuildMs };
  },

  /** The engine's own WebAssembly memory, where it tells. Looking for it in the heaps of others crashes Chromium now and then. */
  async memoryBytes() {
    return engine.memoryBytes?.();
  },

  async close() {
    await project?.close();
  },
};

/** Lets what the last step left behind (garbage, timers) end before the next clock starts. */
const idle = () => new Promise((resolve) => setTimeout(resolve, 50));

/** @param {Output[]} outputs */
const size = (outputs) =>
  outputs.reduce((sum, { contents }) => sum + (typeof contents === 'string' ? new TextEncoder().encode(contents).length : contents.length), 0);

/** Runs the bundle and compares the number it leaves. @param {Output[]} outputs @param {number} version */
async function check(outputs, version) {
  if (outputs.length !== 1) throw new Error(`One file was expected, not ${outputs.map((output) => output.name).join(', ')}.`);
  globalThis.benchChecksum = undefined;
  const url = URL.createObjectURL(new Blob([outputs[0].contents], { type: 'text/javascript' }));
  await import(url);
  URL.revokeObjectURL(url);
  if (globalThis.benchChecksum !== app.checksums[version]) {
    throw new Error(`The bundle gives ${globalThis.benchChecksum}, not ${app.checksums[version]}: it is not the app.`);
  }
}

globalThis.bench = bench;
