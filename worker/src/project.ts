// This file is a project on the page's side: its sources, which outlive every
// worker, and its builds, of which one runs and at most one waits.

import { Dev } from './dev.ts';
import { NexxoError, cancelled, disposed, problemOf, superseded, unclonableOptions } from './error.ts';
import { Files, normalizePath } from './files.ts';
import type { Contents } from './files.ts';
import type { Flight, Nexxo } from './nexxo.ts';
import { PluginSet } from './plugins.ts';
import type { Plugin } from './plugins.ts';
import type * as protocol from './protocol.ts';

/** A file of the output, with its text. */
export interface OutputFile extends protocol.OutputFile {
  /** The contents as text, decoded when first asked for. */
  readonly text: string;
}

/** What a build gives back. It has errors exactly when `ok` is `false`; then `outputFiles` is empty. */
export interface BuildResult extends protocol.BuildResult {
  outputFiles: OutputFile[];
}

export interface BuildRequest {
  /** Aborting it rejects the build at once with the signal's reason. */
  signal?: AbortSignal;
  /** Told what the build does, in order. `options.explain` asks for every decision. */
  onEvent?: (event: protocol.ExplainEvent) => void;
  plugins?: readonly Plugin[];
  /** `false` neither looks for a result of an earlier visit, nor keeps one. */
  cache?: boolean;
}

export type ContextRequest = Omit<BuildRequest, 'signal'>;
export type RebuildRequest = Pick<BuildRequest, 'signal'>;

/** Sources go to the worker in messages of about this many bytes, so that it takes one in while the next is copied. */
const messageBytes = 4 * 1024 * 1024;

/** A tree of files with builds over it. */
export class Project {
  readonly #nexxo: Nexxo;
  readonly #number: number;
  readonly #onDispose: () => void;
  readonly #files = new Files();
  /** The paths in which the worker's files differ from these. */
  #changed = new Set<string>();
  /** Whether the worker of now knows this project. */
  #open = false;
  #disposed = false;
  readonly #builds = new Lane();
  readonly #contexts = new Set<Context>();

  /** @internal */
  constructor(nexxo: Nexxo, number: number, onDispose: () => void) {
    this.#nexxo = nexxo;
    this.#number = number;
    this.#onDispose = onDispose;
  }

  /** Creates or replaces a file. Bytes are kept as given, not copied: do not change them afterwards. */
  write(path: string, contents: Contents): void {
    this.#throwIfDisposed();
    this.#changed.add(this.#files.write(path, contents));
  }

  /** Creates or replaces several files. */
  writeAll(files: Record<string, Contents>): void {
    for (const [path, contents] of Object.entries(files)) this.write(path, contents);
  }

  /** The contents of a file as they were given, or nothing where there is none. */
  read(path: string): Contents | undefined {
    return this.#files.read(path);
  }

  /** Removes a file, or a folder with all below it. Says whether there was one. */
  remove(path: string): boolean {
    this.#throwIfDisposed();
    const removed = this.#files.remove(path);
    for (const file of removed) this.#changed.add(file);
    return removed.length > 0;
  }

  /** Moves a file, or a folder with all below it, over what was there. Says whether there was one to move. */
  rename(from: string, to: string): boolean {
    this.#throwIfDisposed();
    const [source, target] = [normalizePath(from), normalizePath(to)];
    const moved = this.#files.at(source).map((path): [string, Contents | undefined] => [path, this.#files.get(path)]);
    if (source === target || moved.length === 0) return moved.length > 0;
    this.remove(source);
    const replaced: typeof moved = [];
    try {
      for (const [path, contents] of moved) {
        const there = target + path.slice(source.length);
        const before = this.#files.get(there);
        this.#put(there, contents);
        replaced.push([there, before]);
      }
    } catch (thrown) {
      // Something in the target's way cannot be replaced: all is as it was.
      for (const [path, before] of [...replaced.reverse(), ...moved]) this.#put(path, before);
      throw thrown;
    }
    return true;
  }

  /** The paths of all files, or of those in a folder, sorted. */
  list(folder = '/'): string[] {
    return this.#files.at(folder).sort();
  }

  /**
   * Builds. While a build runs, one more waits; a newer one takes the waiting
   * one's place, which rejects with `SUPERSEDED`. A build sees the files as they
   * are when it begins.
   */
  build(options: protocol.BuildOptions, request: BuildRequest = {}): Promise<BuildResult> {
    return attempt(() => {
      this.#throwIfDisposed();
      const plugins = new PluginSet(request.plugins);
      const sent = plainOptions(options);
      return this.#builds.run(() => this.#startBuild(sent, plugins, request), request.signal);
    });
  }

  /** Keeps what a build found out, for the builds after it. */
  context(options: protocol.BuildOptions, request: ContextRequest = {}): Context {
    this.#throwIfDisposed();
    const plugins = new PluginSet(request.plugins);
    const context = new Context(this.#nexxo, this, this.#number, plainOptions(options), plugins, request, () => this.#contexts.delete(context));
    this.#contexts.add(context);
    return context;
  }

  /** Builds for development: the pages that run the output are kept up to date. */
  dev(options: protocol.BuildOptions, request: ContextRequest = {}): Dev {
    return new Dev(this.context({ ...options, dev: options.dev ?? {} }, request));
  }

  /** Forgets the files, here and in the worker, and rejects what is open. Safe to call twice. */
  dispose(): void {
    this.end(cancelled('its project'));
  }

  /** Disposes, and says why to those who wait for a build. @internal */
  end(diagnostic: protocol.Diagnostic): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const context of [...this.#contexts]) context.end(diagnostic);
    this.#builds.close(new NexxoError(diagnostic));
    if (this.#open) this.#nexxo.post({ type: 'close', project: this.#number });
    this.#open = false;
    this.#files.remove('/');
    this.#onDispose();
  }

  /** Brings the worker's files up to date. @internal */
  sync(): void {
    const project = this.#number;
    if (!this.#open) {
      this.#nexxo.post({ type: 'open', project });
      this.#open = true;
    }
    const removed: string[] = [];
    let batch = new Batch();
    const batches = [batch];
    for (const path of this.#changed) {
      const contents = this.#files.get(path);
      if (contents === undefined) {
        removed.push(path);
        continue;
      }
      if (batch.bytes >= messageBytes) batches.push((batch = new Batch()));
      batch.add(path, contents);
    }
    this.#changed = new Set();
    // Removals go first: where a folder took the place of a file, the file has to make room.
    if (removed.length > 0) this.#nexxo.post({ type: 'remove', project, paths: removed });
    for (const { files, transfer } of batches) {
      if (files.length > 0) this.#nexxo.post({ type: 'write', project, files }, transfer);
    }
  }

  /** The worker is gone: a new one knows nothing of this project. @internal */
  forgetWorker(): void {
    this.#open = false;
    this.#changed = new Set(this.#files.paths());
    for (const context of this.#contexts) context.forgetWorker();
  }

  #startBuild(options: protocol.BuildOptions, plugins: PluginSet, request: BuildRequest): Flight<BuildResult> {
    this.sync();
    const { signal, onEvent } = request;
    let sent = 0;
    const flight = this.#nexxo.send<protocol.BuildResult>(
      (id) => {
        sent = id;
        const hooks = plugins.declarations;
        const cache = request.cache !== false;
        return { type: 'build', id, project: this.#number, options, hooks, cache, events: onEvent !== undefined };
      },
      { signal, onEvent, plugins, deadlineMs: options.limits?.deadlineMs },
    );
    void flight.landed.then(() => this.#nexxo.dropPlugins(sent));
    return { result: flight.result.then(withText), landed: flight.landed };
  }

  #put(path: string, contents: Contents | undefined): void {
    if (contents === undefined) this.remove(path);
    else this.write(path, contents);
  }

  #throwIfDisposed(): void {
    if (this.#disposed) throw new NexxoError(disposed('This project'));
  }
}

/** A build that can be repeated, and then does only what changed. */
export class Context {
  readonly #nexxo: Nexxo;
  readonly #project: Project;
  readonly #projectNumber: number;
  readonly #options: protocol.BuildOptions;
  readonly #plugins: PluginSet;
  readonly #onEvent: ((event: protocol.ExplainEvent) => void) | undefined;
  readonly #usesCache: boolean;
  readonly #onDispose: () => void;
  readonly #number: number;
  /** The id under which the worker of now knows this context's plugins, if it knows the context. */
  #createdAs: number | undefined;
  #disposed = false;
  readonly #rebuilds = new Lane();

  /** @internal */
  constructor(
    nexxo: Nexxo,
    project: Project,
    projectNumber: number,
    options: protocol.BuildOptions,
    plugins: PluginSet,
    { onEvent, cache }: ContextRequest,
    onDispose: () => void,
  ) {
    this.#nexxo = nexxo;
    this.#usesCache = cache !== false;
    this.#project = project;
    this.#projectNumber = projectNumber;
    this.#options = options;
    this.#plugins = plugins;
    this.#onEvent = onEvent;
    this.#onDispose = onDispose;
    this.#number = nexxo.newId();
  }

  /** Builds again. One runs and at most one waits, as with `Project.build`. */
  rebuild(request: RebuildRequest = {}): Promise<BuildResult> {
    return attempt(() => {
      if (this.#disposed) throw new NexxoError(disposed('This context'));
      return this.#rebuilds.run(() => this.#startRebuild(request.signal), request.signal);
    });
  }

  /**
   * Makes what the connected pages need to become what the files are now, and builds no output: for contexts with
   * the option `dev`. `Dev` does this and all that belongs to it.
   */
  update(request: RebuildRequest = {}): Promise<protocol.UpdateResult> {
    return this.#ask((id) => ({ type: 'update', id, ...this.#address() }), request.signal);
  }

  /** The code of modules that a page has only as part of a chunk. @internal */
  factories(page: string, modules: string[]): Promise<string> {
    return this.#ask((id) => ({ type: 'factories', id, ...this.#address(), page, modules }), undefined);
  }

  /** A page loads what the last rebuild gave: from now on, updates have patches for it. @internal */
  connect(page: string): void {
    if (!this.#disposed && this.#createdAs !== undefined) this.#nexxo.post({ type: 'connect', ...this.#address(), page });
  }

  /** @internal */
  disconnect(page: string): void {
    if (!this.#disposed && this.#createdAs !== undefined) this.#nexxo.post({ type: 'disconnect', ...this.#address(), page });
  }

  /** Forgets what was kept, and rejects what is open. Safe to call twice. */
  dispose(): void {
    this.end(cancelled('its context'));
  }

  /** Disposes, and says why to those who wait for a build. @internal */
  end(diagnostic: protocol.Diagnostic): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#rebuilds.close(new NexxoError(diagnostic));
    if (this.#createdAs !== undefined) {
      this.#nexxo.dropPlugins(this.#createdAs);
      this.#nexxo.post({ type: 'forget', project: this.#projectNumber, context: this.#number });
    }
    this.#onDispose();
  }

  /** @internal */
  forgetWorker(): void {
    this.#createdAs = undefined;
  }

  #startRebuild(signal: AbortSignal | undefined): Flight<BuildResult> {
    this.#reach();
    const onEvent = this.#onEvent;
    const flight = this.#nexxo.send<protocol.BuildResult>(
      (id) => ({ type: 'rebuild', id, ...this.#address(), events: onEvent !== undefined }),
      { signal, onEvent, deadlineMs: this.#options.limits?.deadlineMs },
    );
    return { result: flight.result.then(withText), landed: flight.landed };
  }

  #ask<Value>(message: (id: number) => protocol.ToWorker, signal: AbortSignal | undefined): Promise<Value> {
    return attempt(() => {
      if (this.#disposed) throw new NexxoError(disposed('This context'));
      this.#reach();
      return this.#nexxo.send<Value>(message, { signal, deadlineMs: this.#options.limits?.deadlineMs }).result;
    });
  }

  #address(): { project: number; context: number } {
    return { project: this.#projectNumber, context: this.#number };
  }

  /** Sees that the worker has the files as they are, and this context. */
  #reach(): void {
    this.#project.sync();
    if (this.#createdAs !== undefined) return;
    const created = this.#nexxo.send(
      (id) => {
        this.#createdAs = id;
        const { declarations: hooks } = this.#plugins;
        return { type: 'context', id, ...this.#address(), options: this.#options, hooks, cache: this.#usesCache };
      },
      { plugins: this.#plugins, deadlineMs: this.#options.limits?.deadlineMs },
    );
    // Why there is no context, its rebuild tells.
    created.result.catch(() => {});
  }
}

interface Waiting {
  start(): void;
  reject(reason: unknown): void;
}

/** Where one flight is under way and at most one waits, the newest. */
class Lane {
  /** Rejects the one under way for its caller; it lands all the same. */
  #stop: ((reason: NexxoError) => void) | undefined;
  #waiting: Waiting | undefined;

  run<Value>(launch: () => Flight<Value>, signal: AbortSignal | undefined): Promise<Value> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#stop === undefined) return this.#start(launch);
    this.#waiting?.reject(new NexxoError(superseded()));
    return new Promise((resolve, reject) => {
      const abort = (): void => waiting.reject(signal?.reason);
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        if (this.#waiting === waiting) this.#waiting = undefined;
      };
      const waiting: Waiting = {
        start: () => {
          leave();
          resolve(this.#start(launch));
        },
        reject: (reason) => {
          leave();
          reject(reason);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting = waiting;
    });
  }

  /** Rejects what runs and what waits. */
  close(reason: NexxoError): void {
    this.#waiting?.reject(reason);
    this.#stop?.(reason);
  }

  #start<Value>(launch: () => Flight<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#stop = reject;
      let flight: Flight<Value>;
      try {
        flight = launch();
      } catch (thrown) {
        flight = { result: Promise.reject(thrown), landed: Promise.resolve() };
      }
      flight.result.then(resolve, reject);
      void flight.landed.then(() => {
        this.#stop = undefined;
        this.#waiting?.start();
      });
    });
  }
}

/** Files on their way to the worker. */
class Batch {
  readonly files: [path: string, contents: Contents][] = [];
  readonly transfer: ArrayBuffer[] = [];
  bytes = 0;

  add(path: string, contents: Contents): void {
    this.bytes += contents.length;
    if (typeof contents === 'string' || contents.byteLength === contents.buffer.byteLength) {
      this.files.push([path, contents]);
      return;
    }
    // Sending a part of a buffer would copy all of it. The part's own copy is
    // ours, so it need not be copied again. (`slice` would not do: on Node's
    // `Buffer` it makes no copy.)
    const copy = new Uint8Array(contents);
    this.files.push([path, copy]);
    this.transfer.push(copy.buffer);
  }
}

class BuiltFile implements OutputFile {
  declare readonly type: OutputFile['type'];
  declare readonly fileName: string;
  declare readonly contents: Uint8Array;
  declare readonly name?: string;
  declare readonly isEntry: boolean;
  declare readonly isDynamicEntry: boolean;
  declare readonly facadeModuleId?: string;
  declare readonly imports: string[];
  declare readonly dynamicImports: string[];
  declare readonly exports: string[];
  declare readonly moduleIds: string[];
  declare readonly styles: string[];
  #text: string | undefined;

  constructor(file: protocol.OutputFile) {
    Object.assign(this, file);
  }

  get text(): string {
    // `ignoreBOM` keeps a byte order mark that the output has.
    this.#text ??= new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.contents);
    return this.#text;
  }
}

function withText(result: protocol.BuildResult): BuildResult {
  return { ...result, outputFiles: result.outputFiles.map((file) => new BuiltFile(file)) };
}

/** A copy, so that a build which waits has the options of its call; and an early word on what cannot be sent. */
function plainOptions(options: protocol.BuildOptions): protocol.BuildOptions {
  try {
    return structuredClone(options);
  } catch (thrown) {
    throw new NexxoError(unclonableOptions(problemOf(thrown)), { cause: thrown });
  }
}

/** Rejects where the function throws: who awaits a promise looks for errors in one place. */
function attempt<Value>(run: () => Promise<Value>): Promise<Value> {
  try {
    return run();
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}
