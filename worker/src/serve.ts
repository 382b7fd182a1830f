// This file is the worker's side: it owns the engine's instance and nothing
// else, and answers messages while builds run. Browsers and Node share it.

import init, * as wasm from './nexxo_wasm.js';
import { canBeKept } from './cache.ts';
import { care, imported } from './care.ts';
import type { Cache, Found, Missed } from './cache.ts';
import { cacheUnusable, faultUnavailable, notOpen, problemOf, wasmUnavailable } from './error.ts';
import type { BuildOptions, BuildResult, CacheEvent, CacheSettings, CacheStat, CareAction, Diagnostic, ExplainEvent, FaultKind, FromWorker, Pong, Started, ToWorker } from './protocol.ts';
import { digest } from './records.ts';
import { Web } from './web.ts';
import type { Digest } from './records.ts';

/** What a worker's thread has to offer. */
export interface Scope {
  post(message: FromWorker, transfer: ArrayBuffer[]): void;
  /** Where the engine's WebAssembly is, unless the page says otherwise. */
  readonly defaultWasm: string;
  /** Where the WebAssembly for style sheets and pages is. */
  readonly webWasm: string;
  compile(address: string): Promise<WebAssembly.Module>;
  /** Where results are kept between visits; nothing where there is no such place. */
  openCache(settings: CacheSettings): Cache | undefined;
  /** Ends the thread. */
  close(): void;
}

interface OpenProject {
  engine: wasm.Engine;
  contexts: Map<number, OpenContext>;
  /** Why a file could not be taken. Its builds are told, as writing has no answer. */
  refused?: Diagnostic;
  running: Set<Running>;
}

interface OpenContext {
  /** The context, or why there is none. */
  made: wasm.Context | Diagnostic;
  running: Set<Running>;
}

/** What is known of a project without the engine: its files' digests, and the contexts that have built nothing yet. */
interface Ledger {
  files: Map<string, Promise<Digest>>;
  /** Counts what was done to the files: a search is about those of one moment. */
  revision: number;
  fresh: Map<number, BuildOptions>;
}

interface Search {
  ended: Promise<Found | Missed>;
  found?: Found | Missed;
  /** Whether the files are still those that it was about. */
  isOfNow(): boolean;
}

interface Running {
  cancel: wasm.CancelToken;
  done: Promise<void>;
}

/** Events go to the page in messages of up to this many: a message costs more than an event. */
const eventsPerMessage = 256;

/** How long the engine's compilation waits for who might be served without it. */
const headStartMs = 150;

/** What the engine beside the worker is made of; written in when the package is made. */
declare const __NEXXO_ENGINE__: string;
export const engineId = __NEXXO_ENGINE__;

const encoder = new TextEncoder();

/** The answers of no cache at all. */
const nothingKept = { bytes: 0, families: [], records: 0, damaged: 0, freedBytes: 0, leftBytes: 0 };

/** Serves one page by one instance, until that breaks. */
export class Server {
  readonly #scope: Scope;
  #state: 'new' | 'starting' | 'serving' | 'broken' = 'new';
  /** What came in before the instance was there. */
  #early: ToWorker[] = [];
  #cache: Cache | undefined;
  readonly #ledgers = new Map<number, Ledger>();
  #cacheSettings: CacheSettings | undefined;
  /** What searches came to. */
  readonly #found = { hits: 0, misses: 0, savedMs: 0 };
  /** Fulfilled when what a first visit brings along is there, or when nothing is to be gained by it any more. */
  #seeded: Promise<unknown> = Promise.resolve();
  #endSeeding: () => void = () => {};
  /** Searches for results, by the id of who asked. */
  readonly #searches = new Map<number, Search>();
  /** Fulfilled when a search has ended. */
  #endFirstSearch: () => void = () => {};
  readonly #firstSearch = new Promise<void>((resolve) => (this.#endFirstSearch = resolve));
  /** Builds that have their answer, and are through with it. */
  readonly #answered = new Set<number>();
  readonly #projects = new Map<number, OpenProject>();
  readonly #cancels = new Map<number, wasm.CancelToken>();
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  #lastCall = 0;
  /** What the engine said of its own panic, which the trap that follows does not tell. */
  #panic: string | undefined;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  receive(message: ToWorker): void {
    if (this.#state === 'broken') return;
    if (this.#cache !== undefined) this.#note(this.#cache, message);
    // It needs no engine.
    if (message.type === 'care' && this.#state !== 'new') void this.#care(message);
    else if (this.#state === 'serving') {
      this.#guard(() => this.#handle(message));
    } else if (message.type === 'start' && this.#state === 'new') {
      this.#state = 'starting';
      void this.#start(message);
    } else {
      this.#early.push(message);
    }
  }

  /** Something failed outside of any call from here: in a timer or a promise of the engine's own. */
  fail(thrown: unknown): void {
    if (this.#state === 'broken') return;
    this.#state = 'broken';
    const message = this.#panic ?? problemOf(thrown);
    const kind = isOutOfMemory(message) ? 'memory' : isStackExhausted(message) ? 'stack' : 'trap';
    this.#scope.post({ type: 'trapped', kind, message }, []);
    this.#scope.close();
  }

  async #start({ id, wasm: source, webWasm = this.#scope.webWasm, cache }: ToWorker & { type: 'start' }): Promise<void> {
    let module: WebAssembly.Module;
    this.#cacheSettings = cache;
    if (cache !== undefined) this.#cache = this.#scope.openCache(cache);
    if (cache?.seed !== undefined && this.#cache !== undefined) {
      const seeded = this.#seed(this.#cache, cache.seed);
      this.#seeded = Promise.race([seeded, new Promise<void>((resolve) => (this.#endSeeding = resolve))]);
    }
    // To compile takes all processors there are, and what was kept is worth more.
    const hasSome = cache?.seed !== undefined || (cache?.comesFirst === true && (await this.#cache?.isNew()) === false);
    if (cache?.comesFirst === true && hasSome) await Promise.race([this.#firstSearch, pause(headStartMs)]);
    try {
      if (source instanceof WebAssembly.Module) module = source;
      else if (source instanceof ArrayBuffer) module = await WebAssembly.compile(source);
      else module = await this.#scope.compile(source ?? this.#scope.defaultWasm);
      this.#listenForPanics();
      this.#endSeeding();
      // An instance takes this thread for a while: whoever waits for what may be kept is served first.
      await this.#searched();
      await init({ module_or_path: module });
      const web = new Web(() => this.#scope.compile(webWasm));
      wasm.setWeb((request) => web.answer(request));
    } catch (thrown) {
      // What was found needs no engine, and neither does what can still come.
      await Promise.all([this.#seeded, this.#searched()]);
      const from = typeof source === 'string' ? source : source === undefined ? this.#scope.defaultWasm : undefined;
      const where = from === undefined ? 'what was given' : `\`${from}\``;
      this.#scope.post({ type: 'settled', id, ok: false, diagnostic: wasmUnavailable(where, problemOf(thrown)) }, []);
      this.#scope.close();
      return;
    }
    this.#state = 'serving';
    // Another engine was given than the one that results are kept of.
    if (wasm.engineId() !== engineId) this.#cache = undefined;
    this.#guard(() => this.#greet(id, module));
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#guard(() => this.#handle(message));
  }

  /** Takes over an archive where there cannot be anything yet. Whatever is wrong with it, builds are made. */
  async #seed(cache: Cache, seed: string): Promise<void> {
    try {
      if (!(await cache.isNew())) return;
      const response = await fetch(seed);
      if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
      await imported(cache.store, new Uint8Array(await response.arrayBuffer()));
    } catch (thrown) {
      console.warn(cacheUnusable(`The seed \`${seed}\``, problemOf(thrown)).message);
    }
  }

  async #care({ id, action }: { id: number; action: CareAction }): Promise<void> {
    const store = this.#cache?.store;
    const none = store === undefined;
    try {
      // Where there is no place, there is nothing in it.
      const value = none ? nothingKept : ((await care(store, action)) as object);
      if (action.do === 'export') return this.#settle(id, none ? new Uint8Array() : value);
      const about: Omit<CacheStat, 'bytes' | 'families'> = { isKept: !none, maxBytes: this.#cacheSettings?.maxBytes ?? 0, ...this.#found };
      this.#settle(id, action.do === 'stat' ? { ...about, ...value } : value);
    } catch (thrown) {
      this.#refuse(id, cacheUnusable(action.do === 'import' ? 'The archive' : 'What is kept', problemOf(thrown)));
    }
  }

  /** Waits for the searches that are under way. */
  async #searched(): Promise<void> {
    await Promise.allSettled([...this.#searches.values()].map(({ ended }) => ended));
  }

  /** Sends the compiled module along: with it, a worker that takes this one's place starts in no time. */
  #greet(id: number, module: WebAssembly.Module): void {
    const version = wasm.version();
    const started: Started = { version, module };
    try {
      this.#scope.post({ type: 'settled', id, ok: true, value: started }, []);
    } catch {
      // Where modules cannot be sent, the next worker compiles it again.
      this.#scope.post({ type: 'settled', id, ok: true, value: { version } satisfies Started }, []);
    }
  }

  /** The engine writes its panics to the console, and then traps. */
  #listenForPanics(): void {
    const log = console.error;
    console.error = (...data: unknown[]) => {
      const [first] = data;
      if (typeof first === 'string' && first.includes('panicked at')) this.#panic ??= first.split('\n\nStack:')[0];
      log.apply(console, data);
    };
  }

  #guard(run: () => void): void {
    if (this.#state === 'broken') return;
    try {
      run();
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** Takes note of what a search needs to know, and begins it: a result that is found needs no engine. */
  #note(cache: Cache, message: ToWorker): void {
    if (message.type === 'open') this.#ledgers.set(message.project, { files: new Map(), revision: 0, fresh: new Map() });
    if (!('project' in message)) return;
    const ledger = this.#ledgers.get(message.project);
    if (ledger === undefined) return;
    switch (message.type) {
      case 'write':
        ledger.revision += 1;
        for (const file of message.files) {
          // Encoded once, for the digest and for the engine.
          const contents = typeof file[1] === 'string' ? encoder.encode(file[1]) : file[1];
          file[1] = contents;
          ledger.files.set(file[0], digest(contents));
        }
        return;
      case 'remove':
        ledger.revision += 1;
        for (const path of message.paths) ledger.files.delete(path);
        return;
      case 'close':
        this.#ledgers.delete(message.project);
        return;
      case 'context':
        if (message.cache && canBeKept(message.options, message.hooks)) ledger.fresh.set(message.context, message.options);
        return;
      case 'build':
        if (message.cache && canBeKept(message.options, message.hooks)) this.#search(cache, message, message.options, ledger);
        return;
      case 'rebuild': {
        const options = ledger.fresh.get(message.context);
        ledger.fresh.delete(message.context);
        if (options !== undefined) this.#search(cache, message, options, ledger);
        return;
      }
    }
  }

  #search(cache: Cache, message: ToWorker & { type: 'build' | 'rebuild' }, options: BuildOptions, ledger: Ledger): void {
    const { id } = message;
    const { revision } = ledger;
    const files = new Map(ledger.files);
    const since = performance.now();
    const search: Search = { ended: this.#seeded.then(() => cache.lookUp(options, files)), isOfNow: () => ledger.revision === revision };
    this.#searches.set(id, search);
    void search.ended.then((found) => {
      search.found = found;
      this.#endFirstSearch();
      if (!('result' in found) || this.#state === 'broken' || this.#searches.get(id) !== search) return;
      // Whoever goes on from it would never hear of what was written meanwhile.
      if (!search.isOfNow()) return void this.#searches.delete(id);
      this.#found.hits += 1;
      this.#found.savedMs += Math.max(found.costMs - (performance.now() - since), 0);
      this.#tellOfCache(message, { type: 'cache', outcome: 'hit', bytes: found.bytes, savedMs: found.costMs });
      const { result: value } = found;
      const goesOn = message.type === 'rebuild';
      if (!goesOn) this.#answered.add(id);
      this.#scope.post({ type: 'settled', id, ok: true, value, goesOn }, buffersOf(value));
    });
  }

  #tellOfCache({ id, events }: { id: number; events: boolean }, event: CacheEvent): void {
    if (events) this.#scope.post({ type: 'events', id, events: [event] }, []);
  }

  /** Runs a build unless its result was found; what is made instead may be kept. `goesOn` is whether more builds follow in the same context. */
  #makeOrFind(
    message: { id: number; events: boolean },
    owners: Set<Running>[],
    goesOn: boolean,
    build: (cancel: wasm.CancelToken, onEvent: (event: ExplainEvent) => void, isWatched: boolean) => Promise<BuildResult>,
  ): void {
    const { id, events } = message;
    const [cache, search] = [this.#cache, this.#searches.get(id)];
    if (cache === undefined || search === undefined) {
      this.#began(id);
      return this.#run(id, events, owners, (cancel, onEvent) => build(cancel, onEvent, false));
    }
    this.#run(id, events, owners, async (cancel, onEvent): Promise<BuildResult | undefined> => {
      // Without waiting where that is known, so that nothing gets in between.
      const found = search.found ?? (await search.ended);
      const isCurrent = this.#searches.get(id) === search;
      // A search is no work of the engine's, whose deadline begins now.
      this.#began(id);
      this.#searches.delete(id);
      if ('result' in found && isCurrent) {
        // The page has it. Whoever goes on from it needs the engine to have made it as well.
        if (goesOn) await build(cancel, () => {}, false);
        return undefined;
      }
      // What is built now has to be what was searched for, or it would be kept as another's.
      if ('result' in found || !search.isOfNow()) return build(cancel, onEvent, false);
      this.#found.misses += 1;
      onEvent({ type: 'cache', outcome: 'miss', reason: found.reason, bytes: 0, savedMs: 0 });
      const since = performance.now();
      const { questions, ...result } = (await build(cancel, onEvent, true)) as BuildResult & { questions?: string };
      const asked = questions?.split('\0').slice(0, -1);
      if (asked !== undefined) {
        // After the answer, which takes the contents with it.
        const kept = { ...result, outputFiles: result.outputFiles.map((file) => ({ ...file, contents: file.contents.slice() })) };
        const costMs = performance.now() - since;
        setTimeout(() => void cache.publish(found, kept, asked, costMs).catch(() => {}));
      }
      return result;
    });
  }

  #handle(message: ToWorker): void {
    switch (message.type) {
      case 'start':
        return;
      case 'open':
        this.#projects.set(message.project, { engine: new wasm.Engine(), contexts: new Map(), running: new Set() });
        return;
      case 'write':
        this.#write(message);
        return;
      case 'remove':
        for (const path of message.paths) this.#projects.get(message.project)?.engine.remove(path);
        return;
      case 'close':
        this.#close(message.project);
        return;
      case 'build':
        this.#build(message);
        return;
      case 'context':
        this.#createContext(message);
        return;
      case 'rebuild':
        this.#rebuild(message);
        return;
      case 'update':
        this.#ask(message, false, (context, cancel) => context.update(cancel));
        return;
      case 'factories':
        this.#ask(message, false, (context, cancel) => context.factories(message.page, message.modules, cancel));
        return;
      case 'connect':
        this.#context(message)?.connect(message.page);
        return;
      case 'disconnect':
        this.#context(message)?.disconnect(message.page);
        return;
      case 'forget':
        this.#forget(this.#projects.get(message.project), message.context);
        return;
      case 'transform':
        this.#began(message.id);
        this.#answer(message.id, () => wasm.transform(message.code, message.request));
        return;
      case 'cancel':
        this.#cancels.get(message.id)?.cancel();
        return;
      case 'hook-done': {
        const call = this.#calls.get(message.call);
        this.#calls.delete(message.call);
        if (message.ok) call?.resolve(message.value);
        else call?.reject(new Error(message.message));
        return;
      }
      case 'ping':
        this.#settle(message.id, { memoryBytes: wasm.memoryBytes() } satisfies Pong);
        return;
      case 'fault':
        this.#fault(message);
        return;
      case 'care':
        // Is answered as it comes in.
        return;
    }
  }

  #write(message: ToWorker & { type: 'write' }): void {
    const project = this.#projects.get(message.project);
    if (project === undefined) return;
    for (const [path, contents] of message.files) {
      try {
        project.engine.write(path, typeof contents === 'string' ? encoder.encode(contents) : contents);
      } catch (thrown) {
        if (!isDiagnostic(thrown)) throw thrown;
        project.refused ??= thrown;
      }
    }
  }

  #build(message: ToWorker & { type: 'build' }): void {
    const { id, options, hooks } = message;
    const project = this.#projects.get(message.project);
    const refusal = project === undefined ? notOpen('project') : project.refused;
    if (project === undefined || refusal !== undefined) return this.#refuse(id, refusal);
    this.#makeOrFind(message, [project.running], false, (cancel, onEvent, isWatched) =>
      project.engine.build(options, hooks, this.#hookCaller(id), cancel, onEvent, isWatched),
    );
  }

  #createContext(message: ToWorker & { type: 'context' }): void {
    const { id, options, hooks } = message;
    this.#began(id);
    const project = this.#projects.get(message.project);
    if (project === undefined) return this.#refuse(id, notOpen('project'));
    const context: OpenContext = { made: notOpen('context'), running: new Set() };
    project.contexts.set(message.context, context);
    this.#answer(id, () => {
      try {
        context.made = project.engine.createContext(options, hooks, this.#hookCaller(id));
      } catch (thrown) {
        if (isDiagnostic(thrown)) context.made = thrown;
        throw thrown;
      }
    });
  }

  #rebuild(message: ToWorker & { type: 'rebuild' }): void {
    const reached = this.#reach(message);
    if (reached === undefined) return;
    const { made, owners } = reached;
    this.#makeOrFind(message, owners, true, (cancel, onEvent, isWatched) => made.rebuild(cancel, onEvent, isWatched));
  }

  #context({ project, context }: { project: number; context: number }): wasm.Context | undefined {
    const made = this.#projects.get(project)?.contexts.get(context)?.made;
    return made === undefined || isDiagnostic(made) ? undefined : made;
  }

  /** Asks a context for something that can be cancelled, and answers with it. */
  #ask(
    message: { id: number; project: number; context: number },
    wantsEvents: boolean,
    ask: (context: wasm.Context, cancel: wasm.CancelToken, onEvent: (event: ExplainEvent) => void) => Promise<unknown>,
  ): void {
    const reached = this.#reach(message);
    if (reached === undefined) return;
    this.#began(message.id);
    this.#run(message.id, wantsEvents, reached.owners, (cancel, onEvent) => ask(reached.made, cancel, onEvent));
  }

  /** The context that is asked for something, and who owns what runs; refuses where there is none. */
  #reach(message: { id: number; project: number; context: number }): { made: wasm.Context; owners: Set<Running>[] } | undefined {
    const { id } = message;
    const project = this.#projects.get(message.project);
    const context = project?.contexts.get(message.context);
    const made = context?.made;
    if (project === undefined || context === undefined || made === undefined) this.#refuse(id, notOpen('context'));
    else if (isDiagnostic(made)) this.#refuse(id, made);
    else if (project.refused !== undefined) this.#refuse(id, project.refused);
    else return { made, owners: [project.running, context.running] };
    return undefined;
  }

  /** Runs a build that can be cancelled, and answers when it is done. */
  #run(
    id: number,
    wantsEvents: boolean,
    owners: Set<Running>[],
    build: (cancel: wasm.CancelToken, onEvent: (event: ExplainEvent) => void) => Promise<unknown>,
  ): void {
    const cancel = new wasm.CancelToken();
    let events: ExplainEvent[] = [];
    const flush = (): void => {
      if (events.length > 0) this.#scope.post({ type: 'events', id, events }, []);
      events = [];
    };
    const onEvent = (event: ExplainEvent): void => {
      if (!wantsEvents || this.#state === 'broken') return;
      events.push(event);
      if (event.type === 'stage' || events.length === eventsPerMessage) flush();
    };
    this.#cancels.set(id, cancel);
    const settled = build(cancel, onEvent).then(
      (value) => {
        flush();
        if (!this.#answered.delete(id)) this.#settle(id, value);
      },
      (thrown: unknown) => {
        if (!isDiagnostic(thrown)) throw thrown;
        flush();
        this.#refuse(id, thrown);
      },
    );
    const running: Running = {
      cancel,
      done: settled
        .then(() => {
          this.#cancels.delete(id);
          for (const owner of owners) owner.delete(running);
          cancel.free();
        })
        .catch((thrown: unknown) => this.fail(thrown)),
    };
    for (const owner of owners) owner.add(running);
  }

  /** What the engine calls a hook with: a message to the page, and its answer. */
  #hookCaller(id: number): wasm.CallHook {
    return (plugin, hook, args) =>
      new Promise((resolve, reject) => {
        this.#lastCall += 1;
        const call = this.#lastCall;
        this.#calls.set(call, { resolve, reject });
        this.#scope.post({ type: 'hook', call, id, plugin, hook, args }, []);
      });
  }

  #close(number: number): void {
    const project = this.#projects.get(number);
    if (project === undefined) return;
    this.#projects.delete(number);
    for (const context of [...project.contexts.keys()]) this.#forget(project, context);
    this.#free(project.engine, project.running);
  }

  #forget(project: OpenProject | undefined, number: number): void {
    const context = project?.contexts.get(number);
    if (project === undefined || context === undefined) return;
    project.contexts.delete(number);
    if (!isDiagnostic(context.made)) this.#free(context.made, context.running);
  }

  /** Cancels what runs, and frees only then: the engine holds what it works on. */
  #free(owner: wasm.Engine | wasm.Context, running: Set<Running>): void {
    const all = [...running];
    for (const { cancel } of all) cancel.cancel();
    void Promise.all(all.map(({ done }) => done)).then(() => {
      if (this.#state === 'serving') this.#guard(() => owner.free());
    });
  }

  #fault({ id, kind }: ToWorker & { type: 'fault' }): void {
    this.#began(id);
    // Only the tests' build of the engine has it, so it cannot be imported by name.
    const fault: unknown = Reflect.get(wasm, 'fault');
    if (typeof fault !== 'function') return this.#refuse(id, faultUnavailable());
    this.#answer(id, () => (fault as (kind: FaultKind) => void)(kind));
  }

  #began(id: number): void {
    if (this.#answered.has(id)) return;
    this.#scope.post({ type: 'began', id }, []);
  }

  #answer(id: number, run: () => unknown): void {
    let value: unknown;
    try {
      value = run();
    } catch (thrown) {
      if (!isDiagnostic(thrown)) throw thrown;
      this.#refuse(id, thrown);
      return;
    }
    this.#settle(id, value);
  }

  #settle(id: number, value: unknown): void {
    this.#scope.post({ type: 'settled', id, ok: true, value }, buffersOf(value));
  }

  #refuse(id: number, diagnostic: Diagnostic = notOpen('project')): void {
    if (this.#answered.delete(id)) return;
    this.#scope.post({ type: 'settled', id, ok: false, diagnostic }, []);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The engine rejects with plain objects; all that is an `Error` comes from a broken instance. */
function isDiagnostic(value: unknown): value is Diagnostic {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Error) &&
    'code' in value &&
    typeof value.code === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

/** The buffers of a build's output files. They are the worker's own copies, so they can move to the page. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null || !('outputFiles' in value)) return [];
  if (!Array.isArray(value.outputFiles)) return [];
  const buffers = new Set<ArrayBuffer>();
  for (const file of value.outputFiles as { contents?: unknown }[]) {
    const { contents } = file;
    if (!(contents instanceof Uint8Array) || !(contents.buffer instanceof ArrayBuffer)) continue;
    if (contents.byteLength === contents.buffer.byteLength && contents.byteLength > 0) buffers.add(contents.buffer);
  }
  return [...buffers];
}

function isOutOfMemory(problem: string): boolean {
  return /out of memory|memory allocation|allocation failed|memory exhausted|could not allocate/i.test(problem);
}

/** V8's, JavaScriptCore's and SpiderMonkey's words, and the engine's own guard at the end of its memory's stack. */
function isStackExhausted(problem: string): boolean {
  return /call stack size|too much recursion|stack overflow/i.test(problem);
}
