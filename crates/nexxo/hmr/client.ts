// This file is the client of hot module replacement: it runs inside the app,
// after rolldown's module runtime, and replaces modules while their state stays.
//
// The engine sends which modules changed and the code that can run them again.
// What that means is decided here, in the page that knows which modules have run
// and what they accept: how far up a change goes, what is replaced, or that only
// a reload will do. Every update is answered with what came of it.

import type { Boundary, FromPage, ToPage } from '../../../worker/src/protocol.ts';

/** rolldown's registry of modules: a store and an executor, which decides nothing. */
declare class DevRuntime {
  constructor(clientId: string);
  hooks: { createModuleHotContext(id: string): HotContext; onModuleCacheRemoval(id: string): void } | null;
  staticImports: Map<string, { edges: string[] }>;
  dynamicImports: Map<string, { edges: string[] }>;
  getImporters(id: string): string[];
  getImportedBindings(importer: string, id: string): string[] | undefined;
  isExecuted(id: string): boolean;
  hasFactory(id: string): boolean;
  removeModuleCache(id: string): void;
  initModule(id: string): Namespace;
  loadExports(id: string): Namespace;
}

type Namespace = Record<string, unknown>;
type Callback = (module: Namespace | undefined) => void;
type ListCallback = (modules: (Namespace | undefined)[]) => void;
type Listener = (payload: unknown) => void;

/** A way to whoever has the engine. A page sets it before the app starts; without one, nothing is replaced. */
interface Transport {
  send(message: FromPage): void;
  /** Called once; messages that came before are handed over then. */
  listen(receive: (message: ToPage) => void): void;
  /** Loads the page again, where `location.reload()` would not do. */
  reload?(reason: string): void;
  /** Runs the code of a module; by default as a module of a blob's address. */
  run?(code: string, name: string): Promise<unknown>;
}

/** What a walk up the importers found, or why only a reload will do. */
type Walk = { boundaries: Boundary[]; outdated: string[] } | { reload: string };

class HotContext {
  readonly id: string;
  /** Callbacks by the modules that they accept; the module itself among them. */
  readonly accepted: { modules: string[]; callback: ListCallback }[] = [];
  /** The exports that are accepted, where only some are. */
  exports: Set<string> | undefined;
  readonly disposers: ((data: Namespace) => void)[] = [];
  readonly pruners: ((data: Namespace) => void)[] = [];
  /** What this run of the module listens to, which ends with it. */
  readonly listeners: [event: string, listener: Listener][] = [];

  constructor(id: string) {
    this.id = id;
  }

  /** Kept over all runs of the module. */
  get data(): Namespace {
    return dataOf(this.id);
  }

  accept(modules?: string | string[] | Callback, callback?: Callback | ListCallback): void {
    if (typeof modules === 'string') {
      this.accepted.push({ modules: [modules], callback: ([module]) => (callback as Callback | undefined)?.(module) });
    } else if (Array.isArray(modules)) {
      this.accepted.push({ modules, callback: (list) => (callback as ListCallback | undefined)?.(list) });
    } else {
      this.accepted.push({ modules: [this.id], callback: ([module]) => modules?.(module) });
    }
  }

  acceptExports(names: string | string[], callback?: Callback): void {
    this.exports ??= new Set();
    for (const name of [names].flat()) this.exports.add(name);
    if (callback !== undefined) this.accepted.push({ modules: [], callback: ([module]) => callback(module) });
  }

  dispose(callback: (data: Namespace) => void): void {
    this.disposers.push(callback);
  }

  prune(callback: (data: Namespace) => void): void {
    this.pruners.push(callback);
  }

  /** Without effect, as in Vite: what is not accepted is not replaced anyway. */
  decline(): void {}

  invalidate(message?: string): void {
    invalidate(this.id, message);
  }

  on(event: string, listener: Listener): void {
    this.listeners.push([event, listener]);
    listenersOf(event).add(listener);
  }

  off(event: string, listener: Listener): void {
    listenersOf(event).delete(listener);
  }

  send(event: string, data?: unknown): void {
    transport?.send({ type: 'custom', event, data });
  }

  acceptsItself(): boolean {
    return this.accepts(this.id);
  }

  accepts(module: string): boolean {
    return this.accepted.some(({ modules }) => modules.includes(module));
  }

  /** Ends this run of the module, for another or for good. */
  end(): void {
    for (const [event, listener] of this.listeners) listenersOf(event).delete(listener);
  }
}

/** What an adapter for a framework adds: see `react.ts`. */
const afterUpdates: (() => void)[] = [];

const contexts = new Map<string, HotContext>();
const data = new Map<string, Namespace>();
const events = new Map<string, Set<Listener>>();

const runtime = new DevRuntime('');
runtime.hooks = {
  createModuleHotContext(id) {
    const context = new HotContext(id);
    contexts.set(id, context);
    return context;
  },
  onModuleCacheRemoval() {},
};
(globalThis as { __rolldown_runtime__?: DevRuntime }).__rolldown_runtime__ = runtime;

const transport = (globalThis as { __nexxo_hmr__?: Transport }).__nexxo_hmr__;

/** Updates are applied one after the other, whatever their callbacks wait for. */
let queue: Promise<void> = Promise.resolve();
let lastSeq = 0;
let reloading = false;
let lastRequest = 0;
const requests = new Map<number, () => void>();
/** The modules that asked to be given up, with why, until their importers are dealt with. */
let invalidated: { id: string; message: string | undefined }[] = [];
let isUpdating = false;

if (transport !== undefined) {
  transport.listen(receive);
  transport.send({ type: 'hello' });
}

function receive(message: ToPage): void {
  switch (message.type) {
    case 'update':
      enqueue(() => update(message));
      return;
    case 'factories': {
      // Within an update that waits for them, so not after it.
      const done = requests.get(message.request);
      requests.delete(message.request);
      void run(message.code, `factories-${message.request}.js`).then(done, (error: unknown) => fail(error));
      return;
    }
    case 'reload':
      enqueue(() => reload(message.reason));
      return;
    case 'error':
      notify('vite:error', { type: 'error', err: message.diagnostics });
      return;
    case 'assets':
      enqueue(() => refreshAssets(message.paths));
      return;
    case 'custom':
      notify(message.event, message.data);
      return;
  }
}

function enqueue(work: () => Promise<void> | void): void {
  queue = queue.then(work).catch(fail);
}

function fail(error: unknown): void {
  console.error('[nexxo]', error);
  reload(error instanceof Error ? error.message : String(error));
}

function reload(reason: string): void {
  if (reloading) return;
  reloading = true;
  notify('vite:beforeFullReload', { type: 'full-reload' });
  transport?.send({ type: 'reloading', reason });
  if (transport?.reload !== undefined) transport.reload(reason);
  else (globalThis as { location?: { reload(): void } }).location?.reload();
}

async function update({ seq, changed, code, files }: ToPage & { type: 'update' }): Promise<void> {
  if (reloading) return;
  if (seq !== lastSeq + 1) return reload(`update ${seq} came after ${lastSeq}`);
  lastSeq = seq;
  const before = new Map(changed.map((id) => [id, edgesOf(id)]));
  // Tells what the modules import now, and how they are run; runs none of them.
  await run(code, `update-${seq}.js`);
  const executed = changed.filter((id) => runtime.isExecuted(id));
  const walk = walkFrom(executed, (id, found) => climb(id, found));
  const applied = await apply(walk);
  if (applied === undefined) return;
  prune(changed.flatMap((id) => before.get(id) ?? []));
  transport?.send({ type: 'updated', seq, files, ...applied });
}

/** Replaces what a walk found; the callbacks may ask for more, which is replaced as well. */
async function apply(walk: Walk): Promise<{ boundaries: Boundary[]; replaced: string[] } | undefined> {
  const applied = { boundaries: [] as Boundary[], replaced: [] as string[] };
  const chain = new Set<string>();
  let next: Walk = walk;
  isUpdating = true;
  try {
    for (;;) {
      if ('reload' in next) {
        reload(next.reload);
        return undefined;
      }
      const missing = await fetchFactories(next.outdated);
      if (missing.length > 0) {
        reload(`the code of \`${missing[0]}\` is not there any more`);
        return undefined;
      }
      const payload = { type: 'update', updates: next.boundaries.map(({ module, accepted }) => ({ type: 'js-update', path: module, acceptedPath: accepted })) };
      notify('vite:beforeUpdate', payload);
      replace(next);
      for (const after of afterUpdates) after();
      notify('vite:afterUpdate', payload);
      applied.boundaries.push(...next.boundaries);
      applied.replaced.push(...next.outdated);
      if (invalidated.length === 0) return applied;
      const given = invalidated;
      invalidated = [];
      const again = given.find(({ id }) => chain.has(id));
      if (again !== undefined) {
        reload(`\`${again.id}\` was given up twice in one update`);
        return undefined;
      }
      for (const { id } of given) chain.add(id);
      next = walkFrom(given.map(({ id }) => id), (id, found) => climbImporters(id, found, [id], given.find((one) => one.id === id)?.message));
    }
  } finally {
    isUpdating = false;
  }
}

interface Found {
  boundaries: Boundary[];
  outdated: Set<string>;
  visited: Set<string>;
}

function walkFrom(ids: string[], step: (id: string, found: Found) => string | undefined): Walk {
  const found: Found = { boundaries: [], outdated: new Set(), visited: new Set() };
  for (const id of ids) {
    const problem = step(id, found);
    if (problem !== undefined) return { reload: problem };
  }
  return { boundaries: found.boundaries, outdated: [...found.outdated] };
}

/** Goes up from a module that has to run again. Gives the reason where it leads past every boundary. */
function climb(id: string, found: Found, path: string[] = []): string | undefined {
  if (found.visited.has(id)) return undefined;
  found.visited.add(id);
  found.outdated.add(id);
  const context = contexts.get(id);
  if (context?.acceptsItself() === true) {
    addBoundary(found, id, id);
    return undefined;
  }
  // Those importers that use other exports have to follow; see below.
  if (context?.exports !== undefined) addBoundary(found, id, id);
  return climbImporters(id, found, [...path, id]);
}

function climbImporters(id: string, found: Found, path: string[], message?: string): string | undefined {
  const accepted = contexts.get(id)?.exports;
  const importers = runtime.getImporters(id).filter((importer) => runtime.isExecuted(importer));
  if (importers.length === 0 && accepted === undefined) {
    const said = message === undefined ? '' : ` (${message})`;
    return path.length === 1 && path[0] === id ? `nothing accepts \`${id}\`${said}` : `nothing accepts \`${path[0]}\` on the way up to \`${id}\`${said}`;
  }
  for (const importer of importers) {
    if (contexts.get(importer)?.accepts(id) === true) {
      addBoundary(found, importer, id);
      continue;
    }
    if (accepted !== undefined) {
      const names = runtime.getImportedBindings(importer, id) ?? ['*'];
      if (names.every((name) => accepted.has(name))) continue;
    }
    // A circle is entered again from where it was entered first.
    if (path.includes(importer)) continue;
    const problem = climb(importer, found, path);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function addBoundary(found: Found, module: string, accepted: string): void {
  if (found.boundaries.some((one) => one.module === module && one.accepted === accepted)) return;
  found.boundaries.push({ module, accepted });
}

/**
 * Asks for the code of modules that this page has never been sent on their own:
 * those that run again, and what they import that has not run yet or was pruned.
 * Gives those that it could not get.
 */
async function fetchFactories(modules: string[]): Promise<string[]> {
  const needed = new Set(modules);
  for (const id of needed) {
    const imported = [...edgesOf(id), ...(runtime.dynamicImports.get(id)?.edges ?? [])];
    for (const target of imported) if (!runtime.isExecuted(target)) needed.add(target);
  }
  const missing = [...needed].filter((id) => !runtime.hasFactory(id));
  if (missing.length === 0 || transport === undefined) return missing;
  lastRequest += 1;
  const request = lastRequest;
  const came = new Promise<void>((resolve) => requests.set(request, resolve));
  transport.send({ type: 'factories', request, modules: missing });
  await came;
  return missing.filter((id) => !runtime.hasFactory(id));
}

function replace({ boundaries, outdated }: { boundaries: Boundary[]; outdated: string[] }): void {
  const callbacks = boundaries.map(({ module, accepted }) => ({
    accepted,
    // Of the run that is about to end: the next one makes its own.
    found: (contexts.get(module)?.accepted ?? []).filter(({ modules }) => modules.includes(accepted) || (module === accepted && modules.length === 0)),
  }));
  for (const id of outdated) {
    const context = contexts.get(id);
    for (const dispose of context?.disposers ?? []) guard(() => dispose(dataOf(id)));
    context?.end();
    // A context of an earlier run must not accept for the next one.
    contexts.delete(id);
    runtime.removeModuleCache(id);
  }
  for (const { accepted, found } of callbacks) {
    let module: Namespace | undefined;
    try {
      module = runtime.initModule(accepted);
    } catch (error) {
      console.error(`[nexxo] \`${accepted}\` failed to run again.`, error);
    }
    for (const { modules, callback } of found) {
      const list = modules.length === 0 ? [module] : modules.map((id) => (id === accepted ? module : undefined));
      guard(() => callback(list));
    }
  }
}

/** Ends the modules that nothing imports any more. */
function prune(candidates: string[]): void {
  const pruned = [...new Set(candidates)].filter(
    (id) => runtime.isExecuted(id) && !runtime.getImporters(id).some((importer) => runtime.isExecuted(importer)),
  );
  if (pruned.length === 0) return;
  notify('vite:beforePrune', { type: 'prune', paths: pruned });
  for (const id of pruned) {
    const context = contexts.get(id);
    for (const end of [...(context?.disposers ?? []), ...(context?.pruners ?? [])]) guard(() => end(dataOf(id)));
    context?.end();
    contexts.delete(id);
    data.delete(id);
    runtime.removeModuleCache(id);
  }
}

function invalidate(id: string, message: string | undefined): void {
  notify('vite:invalidate', { path: id, message, firstInvalidatedBy: id });
  invalidated.push({ id, message });
  if (isUpdating) return;
  enqueue(async () => {
    const given = invalidated;
    invalidated = [];
    const walk = walkFrom(given.map((one) => one.id), (one, found) => climbImporters(one, found, [one], message));
    await apply(walk);
  });
}

/** The style sheets that modules put into the page, by the modules' ids. An update changes the text in its place: nothing flashes, and the order stays. */
const sheets = new Map<string, HTMLStyleElement>();
(globalThis as { __nexxo_styles__?: unknown }).__nexxo_styles__ = {
  set(id: string, text: string): void {
    const { document } = globalThis;
    if (document === undefined) return;
    let sheet = sheets.get(id);
    if (sheet === undefined) {
      sheet = document.createElement('style');
      sheet.dataset['nexxo'] = id;
      const nonce = document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce;
      if (nonce) sheet.nonce = nonce;
      sheets.set(id, sheet);
      document.head.append(sheet);
    }
    sheet.textContent = text;
  },
  remove(id: string): void {
    sheets.get(id)?.remove();
    sheets.delete(id);
  },
};

/** Shows files anew that are shown by their address. The rest of the page does not notice. */
function refreshAssets(paths: string[]): void {
  const { document } = globalThis;
  if (document === undefined) return;
  const stamp = `t=${Date.now()}`;
  /** The address under which a changed file is fetched again; nothing for other files. */
  const renewed = (address: string, base: string): string | undefined => {
    if (!URL.canParse(address, base)) return undefined;
    const url = new URL(address, base);
    if (url.origin !== location.origin || !paths.includes(decodeURI(url.pathname))) return undefined;
    const query = [...url.search.slice(1).split('&').filter((part) => part !== '' && !/^t=\d+$/.test(part)), stamp];
    return `${url.pathname}?${query.join('&')}${url.hash}`;
  };
  const updates = paths.map((path) => ({ type: path.endsWith('.css') ? 'css-update' : 'asset-update', path, acceptedPath: path }));
  notify('vite:beforeUpdate', { type: 'update', updates });
  for (const link of document.querySelectorAll<HTMLLinkElement>('link[href]')) {
    const address = renewed(link.href, document.baseURI) ?? (imports(link.sheet, renewed) ? link.href : undefined);
    if (address === undefined) continue;
    if (link.relList.contains('stylesheet')) swap(link, address);
    else link.href = address;
  }
  for (const name of ['src', 'srcset', 'poster', 'data', 'href']) {
    for (const element of document.querySelectorAll(`[${name}]:not(link, script, a, area, base, iframe)`)) {
      const old = element.getAttribute(name) ?? '';
      const value = name === 'srcset' ? old.replaceAll(/[^\s,]+/g, (part) => renewed(part, document.baseURI) ?? part) : (renewed(old, document.baseURI) ?? old);
      if (value !== old) element.setAttribute(name, value);
    }
  }
  for (const sheet of [...document.styleSheets, ...document.adoptedStyleSheets]) renewRules(sheet, sheet.href ?? document.baseURI, renewed);
  notify('vite:afterUpdate', { type: 'update', updates });
  transport?.send({ type: 'updated', seq: lastSeq, files: paths, boundaries: [], replaced: [] });
}

type Renewed = (address: string, base: string) => string | undefined;

/** The old style sheet stays until the new one is there: nothing flashes. */
function swap(link: HTMLLinkElement, address: string): void {
  const next = link.cloneNode() as HTMLLinkElement;
  next.href = address;
  next.addEventListener('load', () => link.remove(), { once: true });
  next.addEventListener('error', () => next.remove(), { once: true });
  link.after(next);
}

/** Whether a style sheet imports a changed file, at any depth. */
function imports(sheet: CSSStyleSheet | null, renewed: Renewed): boolean {
  return rulesOf(sheet).some(
    (rule) => rule instanceof CSSImportRule && (renewed(rule.href, sheet?.href ?? document.baseURI) !== undefined || imports(rule.styleSheet, renewed)),
  );
}

/** Renews the addresses within style rules. */
function renewRules(within: CSSStyleSheet | CSSGroupingRule, base: string, renewed: Renewed): void {
  for (const rule of rulesOf(within)) {
    const { style } = rule as CSSStyleRule;
    for (const property of style ?? []) {
      const old = style.getPropertyValue(property);
      if (!old.includes('url(')) continue;
      const value = old.replaceAll(/url\((["']?)(.*?)\1\)/g, (whole, _, address: string) => {
        const url = renewed(address, base);
        return url === undefined ? whole : `url(${JSON.stringify(url)})`;
      });
      if (value !== old) style.setProperty(property, value, style.getPropertyPriority(property));
    }
    if ('cssRules' in rule) renewRules(rule as CSSGroupingRule, base, renewed);
  }
}

function rulesOf(within: CSSStyleSheet | CSSGroupingRule | null): CSSRule[] {
  try {
    return [...(within?.cssRules ?? [])];
  } catch {
    // The rules of another origin are not to be seen.
    return [];
  }
}

function edgesOf(id: string): string[] {
  return runtime.staticImports.get(id)?.edges ?? [];
}

function dataOf(id: string): Namespace {
  let value = data.get(id);
  if (value === undefined) data.set(id, (value = {}));
  return value;
}

function listenersOf(event: string): Set<Listener> {
  let value = events.get(event);
  if (value === undefined) events.set(event, (value = new Set()));
  return value;
}

function notify(event: string, payload: unknown): void {
  for (const listener of [...listenersOf(event)]) guard(() => listener(payload));
}

/** A mistake of the app's own is told, and keeps nothing else from happening. */
function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    console.error('[nexxo]', error);
  }
}

function run(code: string, name: string): Promise<unknown> {
  if (transport?.run !== undefined) return transport.run(code, name);
  const address = URL.createObjectURL(new Blob([`${code}\n//# sourceURL=${name}`], { type: 'text/javascript' }));
  return import(address).finally(() => URL.revokeObjectURL(address));
}
