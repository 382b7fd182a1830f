// This file keeps one worker going: every request has an id and a promise, and
// a worker that stops, runs out of memory or does not answer is replaced.

import { CacheCare } from './cache-care.ts';
import {
  NexxoError,
  bystander,
  deadlineExceeded,
  disposed,
  outOfMemory,
  problemOf,
  stackExhausted,
  trapped,
  workerUnavailable,
} from './error.ts';
import type { Contents } from './files.ts';
import type { PluginSet } from './plugins.ts';
import { Project } from './project.ts';
import { sampleFiles, sampleOptions } from './sample.ts';
import type {
  CacheSettings,
  Diagnostic,
  ExplainEvent,
  FaultKind,
  FromWorker,
  Pong,
  Started,
  ToWorker,
  TransformRequest,
  TransformResult,
} from './protocol.ts';

/** A worker as its client sees it: a thread of the browser or of Node. */
export interface Port {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Ends it at once, whatever it does. */
  terminate(): void;
  /** Says whether an answer is awaited, for which Node keeps the process alive. */
  hold(awaited: boolean): void;
}

export interface PortEvents {
  message(message: FromWorker): void;
  /** It did not start, or something in it failed that it could not report itself. */
  failed(problem: string): void;
}

export type OpenPort = (events: PortEvents) => Port;

/** What the instance is made of: an address, bytes, or the module compiled before. */
export type WasmSource = string | WebAssembly.Module | ArrayBuffer | undefined;

/** A worker was replaced. Sources and contexts are written to the new one when they are next needed. */
export interface RestartEvent {
  type: 'restart';
  /** Why, and what the open requests were rejected with. */
  error: NexxoError;
}

/** A request on its way: what the caller gets, and when the worker is through with it. */
export interface Flight<Value> {
  result: Promise<Value>;
  /** Fulfilled later than `result` where an abort rejected that at once; never rejected. */
  landed: Promise<void>;
}

/** @internal */
export interface SendOptions {
  signal?: AbortSignal | undefined;
  deadlineMs?: number | undefined;
  onEvent?: ((event: ExplainEvent) => void) | undefined;
  /** Called by the worker under this request's id, until the plugins are dropped. */
  plugins?: PluginSet | undefined;
}

interface Request {
  id: number;
  deadlineMs: number;
  timer?: ReturnType<typeof setTimeout>;
  onEvent?: ((event: ExplainEvent) => void) | undefined;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  land(): void;
}

/** By then most of what a build needs is compiled; measured in docs/design/tab.md. */
const warmUpRounds = 3;
const defaultDeadlineMs = 30_000;
/** For the engine to notice the deadline itself, which costs nothing; then the worker is replaced. */
const graceMs = 1_000;
/** Timers wait no longer than this; a longer deadline is none. */
const longestTimerMs = 2 ** 31 - 1;

// Used by the tests only: breaks the instance, where the engine was built to be breakable.
const fault: unique symbol = Symbol.for('nexxo.fault');

/** A handle on the engine, which runs in a worker of its own. */
export class Nexxo {
  /** Fulfilled when the engine is there; rejected with why it could not be started. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** The engine's version; empty until it is there. */
  get version(): string {
    return this.#version;
  }

  /** What is kept between visits. */
  readonly cache: CacheCare = new CacheCare((action) => this.send<never>((id) => ({ type: 'care', id, action }), {}).result);

  readonly #openPort: OpenPort;
  readonly #cache: CacheSettings | undefined;
  readonly #webWasm: string | undefined;
  #wasm: WasmSource;
  #version = '';
  #ready: Promise<void> = Promise.resolve();
  #port: Port | undefined;
  /** Whether the worker of now has answered `start`. */
  #started = false;
  #disposed = false;
  #lastId = 0;
  readonly #requests = new Map<number, Request>();
  readonly #plugins = new Map<number, PluginSet>();
  readonly #projects = new Set<Project>();
  readonly #listeners = new Set<(event: RestartEvent) => void>();
  /** Ends a warm-up that is under way. */
  #warmUp: AbortController | undefined;

  /** @internal */
  constructor(openPort: OpenPort, wasm: WasmSource, cache?: CacheSettings, webWasm?: string) {
    this.#openPort = openPort;
    this.#cache = cache;
    this.#webWasm = webWasm;
    this.#wasm = wasm;
  }

  /** @internal */
  start(signal: AbortSignal | undefined): Promise<void> {
    this.#ready = this.#start(signal);
    // Who does not wait for it is told by the builds.
    this.#ready.catch(() => {});
    return this.#ready;
  }

  /** Waits for the engine. Without one, there is no handle. @internal */
  async readyOrGone(): Promise<void> {
    try {
      await this.#ready;
    } catch (reason) {
      this.dispose();
      throw reason;
    }
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const abort = (): void => this.dispose();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#launch();
    } catch (reason) {
      throw signal?.aborted === true ? signal.reason : reason;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Creates a project: a tree of files with builds over it. Projects know nothing of each other. */
  createProject(options: { files?: Record<string, Contents> } = {}): Project {
    this.#throwIfDisposed();
    const project = new Project(this, this.newId(), () => this.#projects.delete(project));
    if (options.files !== undefined) project.writeAll(options.files);
    this.#projects.add(project);
    return project;
  }

  /** Transforms one file, without a project. */
  transform(
    code: string,
    request: TransformRequest = {},
    options: { signal?: AbortSignal } = {},
  ): Promise<TransformResult> {
    return this.send<TransformResult>((id) => ({ type: 'transform', id, code, request }), options).result;
  }

  /**
   * Builds a small sample, so that the browser has compiled the engine when the first build comes: that one then
   * takes about a third less. For the time in which sources are fetched or the user looks. Any other request ends it.
   */
  async warmUp(): Promise<void> {
    if (this.#warmUp !== undefined || this.#requests.size > 0) return;
    const project = this.createProject({ files: sampleFiles() });
    const controller = new AbortController();
    try {
      for (let round = 0; round < warmUpRounds && this.#requests.size === 0; round += 1) {
        const built = project.build(sampleOptions, { signal: controller.signal, cache: false });
        // Only now, as this build is a request too.
        this.#warmUp = controller;
        await built;
        this.#warmUp = undefined;
      }
    } catch {
      // Nobody asked for its result, and what goes wrong is told to the request that comes next.
    } finally {
      this.#warmUp = undefined;
      project.dispose();
    }
  }

  /** Asks the worker whether it answers, and how much memory the engine holds. */
  ping(): Promise<Pong> {
    return this.send<Pong>((id) => ({ type: 'ping', id }), {}).result;
  }

  /** Calls the listener whenever the worker was replaced. Gives a function that ends this. */
  on(type: 'restart', listener: (event: RestartEvent) => void): () => void {
    if (type !== 'restart') throw new TypeError(`There is no event \`${String(type)}\`. The one event is \`restart\`.`);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends the worker, which gives its memory back, and rejects what is open. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const diagnostic = disposed('This `Nexxo`');
    const open = this.#dropPort();
    for (const project of [...this.#projects]) project.end(diagnostic);
    this.#rejectAll(open, () => diagnostic);
    this.#listeners.clear();
  }

  /** @internal */
  [fault](kind: FaultKind, deadlineMs?: number): Promise<unknown> {
    return this.send((id) => ({ type: 'fault', id, kind }), { deadlineMs }).result;
  }

  /** @internal */
  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Posts a message that has no answer. Starts a worker if there is none. @internal */
  post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#throwIfDisposed();
    if (this.#port === undefined) this.#launch().catch(() => {});
    this.#port?.post(message, transfer);
  }

  /** Sends a request. @internal */
  send<Value>(message: (id: number) => ToWorker, options: SendOptions): Flight<Value> {
    const { signal, plugins } = options;
    if (signal?.aborted === true) return { result: Promise.reject(signal.reason), landed: Promise.resolve() };
    this.#warmUp?.abort();
    const id = this.newId();
    const { request, flight } = newRequest<Value>(id, options);
    this.#requests.set(id, request);
    if (plugins !== undefined) this.#plugins.set(id, plugins);
    try {
      this.post(message(id));
      this.#port?.hold(true);
    } catch (thrown) {
      this.dropPlugins(id);
      this.#settle(id)?.reject(thrown);
      return flight;
    }
    if (signal !== undefined) {
      const abort = (): void => {
        request.reject(signal.reason);
        if (this.#requests.get(id) === request) this.#port?.post({ type: 'cancel', id }, []);
      };
      signal.addEventListener('abort', abort, { once: true });
      void flight.landed.then(() => signal.removeEventListener('abort', abort));
    }
    return flight;
  }

  /** @internal */
  dropPlugins(id: number): void {
    this.#plugins.delete(id);
  }

  /** Starts a worker; rejects where it cannot be started. Whatever is posted meanwhile, it handles then. */
  #launch(): Promise<void> {
    this.#started = false;
    let port: Port;
    try {
      port = this.#openPort({
        message: (message) => {
          if (this.#port === port) this.#receive(port, message);
        },
        failed: (problem) => {
          if (this.#port === port) this.#lose(trapped(problem), problem);
        },
      });
    } catch (thrown) {
      throw new NexxoError(workerUnavailable(problemOf(thrown)), { cause: thrown });
    }
    this.#port = port;
    const started = this.send<Started>((id) => this.#startMessage(id), {}).result;
    return started.then(
      ({ version, module }) => {
        this.#version = version;
        this.#wasm = module ?? this.#wasm;
        this.#started = true;
      },
      (reason: unknown) => {
        if (this.#port === port && reason instanceof NexxoError) this.#fail(reason.diagnostic);
        throw reason;
      },
    );
  }

  #startMessage(id: number): ToWorker {
    const wasm = this.#wasm;
    const [cache, webWasm] = [this.#cache, this.#webWasm];
    return { type: 'start', id, ...(wasm === undefined ? {} : { wasm }), ...(webWasm === undefined ? {} : { webWasm }), ...(cache === undefined ? {} : { cache }) };
  }

  #receive(port: Port, message: FromWorker): void {
    switch (message.type) {
      case 'began':
        this.#watch(this.#requests.get(message.id));
        return;
      case 'settled':
        if (message.ok && message.goesOn === true) this.#requests.get(message.id)?.resolve(message.value);
        else if (message.ok) this.#settle(message.id)?.resolve(message.value);
        else this.#settle(message.id)?.reject(new NexxoError(message.diagnostic));
        return;
      case 'events':
        this.#report(message.id, message.events);
        return;
      case 'hook':
        void this.#callHook(port, message);
        return;
      case 'trapped': {
        const causes = { trap: trapped, memory: outOfMemory, stack: stackExhausted };
        this.#lose(causes[message.kind](message.message), message.message);
        return;
      }
    }
  }

  async #callHook(port: Port, message: FromWorker & { type: 'hook' }): Promise<void> {
    const { call } = message;
    let answer: ToWorker;
    try {
      const value = await this.#plugins.get(message.id)?.call(message.plugin, message.hook, message.args);
      answer = { type: 'hook-done', call, ok: true, value: value ?? null };
    } catch (thrown) {
      answer = { type: 'hook-done', call, ok: false, message: problemOf(thrown) };
    }
    // A worker that took its place has no such call.
    if (this.#port === port) port.post(answer, []);
  }

  #report(id: number, events: ExplainEvent[]): void {
    const { onEvent } = this.#requests.get(id) ?? {};
    if (onEvent !== undefined) for (const event of events) callListener(onEvent, event);
  }

  #watch(request: Request | undefined): void {
    if (request === undefined || request.deadlineMs > longestTimerMs - graceMs) return;
    request.timer = setTimeout(() => {
      // A second timer instead of a longer first one: where the page itself was
      // frozen, the answers that came in meanwhile are read before it is over.
      request.timer = setTimeout(() => this.#replace(deadlineExceeded(request.deadlineMs), request), graceMs);
    }, request.deadlineMs);
  }

  #settle(id: number): Request | undefined {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    this.#requests.delete(id);
    if (this.#requests.size === 0) this.#port?.hold(false);
    request.land();
    return request;
  }

  /** The worker is gone. One that never started is not started again by itself, or it might go on forever. */
  #lose(diagnostic: Diagnostic, problem: string): void {
    if (this.#started) this.#replace(diagnostic);
    else this.#fail(workerUnavailable(problem));
  }

  /** The next request starts another worker. */
  #fail(diagnostic: Diagnostic): void {
    this.#rejectAll(this.#dropPort(), () => diagnostic);
  }

  #replace(diagnostic: Diagnostic, culprit?: Request): void {
    const open = this.#dropPort();
    try {
      this.#launch().catch(() => {});
    } catch {
      // The next request tries again, and tells its caller.
    }
    this.#rejectAll(open, (request) =>
      culprit === undefined || culprit === request ? diagnostic : bystander(diagnostic),
    );
    const event: RestartEvent = { type: 'restart', error: new NexxoError(diagnostic) };
    for (const listener of [...this.#listeners]) callListener(listener, event);
  }

  /** Ends the worker, forgets what it knew, and gives the requests that it leaves open. */
  #dropPort(): Request[] {
    this.#port?.terminate();
    this.#port = undefined;
    this.#started = false;
    const open = [...this.#requests.values()];
    this.#requests.clear();
    this.#plugins.clear();
    for (const project of this.#projects) project.forgetWorker();
    return open;
  }

  #rejectAll(requests: Request[], diagnosticOf: (request: Request) => Diagnostic): void {
    for (const request of requests) {
      request.reject(new NexxoError(diagnosticOf(request)));
      request.land();
    }
  }

  #throwIfDisposed(): void {
    if (this.#disposed) throw new NexxoError(disposed('This `Nexxo`'));
  }
}

/** The engine as the caller names or gives it, in a form that can be sent. */
export function wasmSource(
  wasm: URL | string | WebAssembly.Module | BufferSource | undefined,
  addressOf: (place: URL | string) => URL,
): WasmSource {
  if (wasm === undefined || wasm instanceof WebAssembly.Module || wasm instanceof ArrayBuffer) return wasm;
  if (typeof wasm === 'string' || wasm instanceof URL) return addressOf(wasm).href;
  return new Uint8Array(wasm.buffer, wasm.byteOffset, wasm.byteLength).slice().buffer;
}

function newRequest<Value>(id: number, options: SendOptions): { request: Request; flight: Flight<Value> } {
  const { deadlineMs, onEvent } = options;
  let land = (): void => {};
  let resolve = (_: Value): void => {};
  let reject = (_: unknown): void => {};
  const landed = new Promise<void>((fulfil) => (land = fulfil));
  const result = new Promise<Value>((fulfil, refuse) => ([resolve, reject] = [fulfil, refuse]));
  const request: Request = {
    id,
    deadlineMs: typeof deadlineMs === 'number' && deadlineMs >= 0 ? deadlineMs : defaultDeadlineMs,
    onEvent,
    resolve: (value) => resolve(value as Value),
    reject,
    land() {
      clearTimeout(request.timer);
      land();
    },
  };
  return { request, flight: { result, landed } };
}

/** A listener that throws is its owner's concern: it is reported as any uncaught error, and nothing stops. */
function callListener<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
