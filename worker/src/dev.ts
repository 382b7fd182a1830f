// This file keeps running pages up to date: it opens them with the output of
// now, and sends each what it needs to become what the files have become.

import { NexxoError } from './error.ts';
import type { BuildResult, Context } from './project.ts';
import type { Boundary, FromPage, ToPage, UpdateResult } from './protocol.ts';

/** How messages reach a page: a `MessagePort`, or anything with its two halves. */
export interface PagePort {
  postMessage(message: ToPage): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close?(): void;
}

/** A page that is about to load. */
export interface DevPage {
  /** What `attach` knows it by. */
  id: string;
  /** The output that it is to run. Where it is not `ok`, there is no page yet. */
  result: BuildResult;
}

/** What came of an update in a page. */
export type DevReport =
  | { type: 'updated'; page: string; files: string[]; boundaries: Boundary[]; replaced: string[] }
  /** The page loads again, and asks for that by `open`. */
  | { type: 'reload'; page: string; reason: string }
  | { type: 'custom'; page: string; event: string; data: unknown };

interface OpenPage {
  port: PagePort | undefined;
  /** What was said before the page's port was there. */
  early: ToPage[];
  /** Whether it waits for factories. It waits for one answer at a time; what asks for more is no client of ours. */
  isAsking: boolean;
}

/** Builds for development: pages stay as they are while their modules are replaced. */
export class Dev {
  readonly #context: Context;
  readonly #pages = new Map<string, OpenPage>();
  readonly #listeners = new Set<(report: DevReport) => void>();
  #lastPage = 0;
  /** One after the other: a page that opens sees all or nothing of an update. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
  }

  /** Builds what a page is to run, as the files are now. */
  open(): Promise<DevPage> {
    return this.#next(async () => {
      const result = await this.#context.rebuild();
      this.#lastPage += 1;
      const id = `page-${this.#lastPage}`;
      if (result.ok) {
        this.#context.connect(id);
        this.#pages.set(id, { port: undefined, early: [], isAsking: false });
      }
      return { id, result };
    });
  }

  /** Builds the output as the files are now, for no page. */
  build(): Promise<BuildResult> {
    return this.#next(() => this.#context.rebuild());
  }

  /** Connects a page that `open` built for. Its app finds the other end in `globalThis.__nexxo_hmr__`. */
  attach(id: string, port: PagePort): void {
    const page = this.#pages.get(id);
    if (page === undefined) {
      port.postMessage({ type: 'reload', reason: 'the page is not known any more' });
      return;
    }
    page.port = port;
    port.onmessage = ({ data }: { data: unknown }) => {
      // The app may send what it likes.
      if (isFromPage(data)) this.#receive(id, page, data);
    };
  }

  /** Forgets a page. */
  detach(id: string): void {
    const page = this.#pages.get(id);
    if (page === undefined) return;
    this.#pages.delete(id);
    this.#context.disconnect(id);
    page.port?.close?.();
  }

  /** Sends every page what it needs of what changed. Mistakes go to the pages too, which stay as they are. */
  update(): Promise<UpdateResult> {
    return this.#next(async () => {
      let result: UpdateResult;
      try {
        result = await this.#context.update();
      } catch (thrown) {
        // What the pages missed nobody knows now: the engine gave up half way, or is another one.
        if (thrown instanceof NexxoError) this.#reloadAll(thrown.message);
        throw thrown;
      }
      if (!result.ok) this.#say({ type: 'error', diagnostics: result.diagnostics });
      else if (result.reload !== undefined) this.#reloadAll(result.reload);
      for (const { page, seq, changedIds, code } of result.patches) {
        this.#tell(this.#pages.get(page), { type: 'update', seq, changed: changedIds, code, files: result.changed });
      }
      return result;
    });
  }

  /** Sends a custom event to every page, as `import.meta.hot.on` hears it. */
  send(event: string, data?: unknown): void {
    this.#say({ type: 'custom', event, data });
  }

  /** Calls the listener with what comes of updates. Gives a function that ends this. */
  on(type: 'report', listener: (report: DevReport) => void): () => void {
    if (type !== 'report') throw new TypeError(`There is no event \`${String(type)}\`. The one event is \`report\`.`);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets all pages and what was built. Safe to call twice. */
  dispose(): void {
    for (const id of [...this.#pages.keys()]) this.detach(id);
    this.#listeners.clear();
    this.#context.dispose();
  }

  #receive(id: string, page: OpenPage, message: FromPage): void {
    switch (message.type) {
      case 'hello':
        for (const early of page.early.splice(0)) page.port?.postMessage(early);
        return;
      case 'factories':
        void this.#sendFactories(id, page, message.request, message.modules);
        return;
      case 'updated': {
        const { files, boundaries, replaced } = message;
        this.#report({ type: 'updated', page: id, files, boundaries, replaced });
        return;
      }
      case 'reloading':
        this.detach(id);
        this.#report({ type: 'reload', page: id, reason: message.reason });
        return;
      case 'custom':
        this.#report({ type: 'custom', page: id, event: message.event, data: message.data });
        return;
    }
  }

  async #sendFactories(id: string, page: OpenPage, request: number, modules: string[]): Promise<void> {
    if (page.isAsking) return;
    page.isAsking = true;
    try {
      this.#tell(page, { type: 'factories', request, code: await this.#context.factories(id, modules) });
    } catch (thrown) {
      this.#tell(page, { type: 'reload', reason: String(thrown) });
    }
    page.isAsking = false;
  }

  #reloadAll(reason: string): void {
    this.#say({ type: 'reload', reason });
  }

  #say(message: ToPage): void {
    for (const page of this.#pages.values()) this.#tell(page, message);
  }

  #tell(page: OpenPage | undefined, message: ToPage): void {
    if (page?.port === undefined) page?.early.push(message);
    else page.port.postMessage(message);
  }

  #report(report: DevReport): void {
    for (const listener of [...this.#listeners]) listener(report);
  }

  #next<Value>(work: () => Promise<Value>): Promise<Value> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }
}

function isFromPage(data: unknown): data is FromPage {
  if (typeof data !== 'object' || data === null) return false;
  const { type, request, modules, files, boundaries, replaced, reason, event } = data as Record<string, unknown>;
  switch (type) {
    case 'hello':
      return true;
    case 'factories':
      return typeof request === 'number' && areStrings(modules);
    case 'updated':
      return areStrings(files) && areStrings(replaced) && Array.isArray(boundaries) && boundaries.every(isBoundary);
    case 'reloading':
      return typeof reason === 'string';
    case 'custom':
      return typeof event === 'string';
    default:
      return false;
  }
}

function areStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isBoundary(value: unknown): value is Boundary {
  if (typeof value !== 'object' || value === null) return false;
  const { module, accepted } = value as Record<string, unknown>;
  return typeof module === 'string' && typeof accepted === 'string';
}
