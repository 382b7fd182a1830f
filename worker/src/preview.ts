// This file shows a project running: on an origin of its own, where a service
// worker asks for everything here, or in a frame of opaque origin where there is
// none. The app gets no hold on the page that embeds it: all it has is messages,
// which are read with suspicion and counted.

import { lookup } from 'mrmime';
import { runnable } from './chunks.ts';
import type { DevPage, PagePort } from './dev.ts';
import { previewFlooded, previewUnavailable } from './error.ts';
import { htmlPage, pageCandidates } from './html.ts';
import { isFromApp, isFromShell, mostLines } from './preview-protocol.ts';
import type { Answer, AppRequest, FromApp, FromShell, Hello, Line, RunMessage, ToApp, ToShell, Welcome } from './preview-protocol.ts';
import type { BuildResult } from './project.ts';
import type { Diagnostic, FromPage, ToPage, UpdateResult } from './protocol.ts';

/** Where a preview's output comes from. A `Dev` is one; any object with `open` is. */
export interface PreviewSource {
  /** Builds what a page is to run, as the files are now: called for every page that loads. Without an `id`, its modules are not replaced. */
  open(): Promise<Pick<DevPage, 'result'> & { id?: string }>;
  /** Connects the page that `open` built for. */
  attach?(id: string, port: PagePort): void;
  /** Forgets a page that is left. */
  detach?(id: string): void;
  /** Brings the pages up to date after an edit. */
  update?(): Promise<UpdateResult>;
}

export interface PreviewOptions {
  /** Gets the frame as its child. */
  host: HTMLElement;
  source: PreviewSource;
  /** A file of the project, for pages (`index.html`) and the folder `public/`. `project` itself will do. */
  files: { read(path: string): string | Uint8Array | undefined };
  /**
   * The origin that serves the package's folder `preview`, such as `https://preview.example`. A `*` in it
   * stands for a name of its own: `http://*.localhost:4173`. Without one the app runs inline.
   */
  origin?: string;
  /** What takes the place of `*`, the first time. By default a random name. */
  name?: string;
  /** The address of `inline.html`, for previews without an origin or without a service worker. Default: beside this file. */
  inline?: string | URL;
  /** What the app may do besides running scripts, forms and downloads, as tokens of `iframe.sandbox`: `allow-popups`, `allow-modals`. */
  sandbox?: readonly string[];
  /** The frame's accessible name. */
  title?: string;
}

/** What a preview tells. */
export interface PreviewEvents {
  /** The app is about to load, and how it is served. Where it could not be served, `reason` says why it runs inline. */
  ready: { mode: 'served' | 'inline'; reason?: Diagnostic };
  /** A page of the app is there; its scripts run next. */
  load: object;
  /** A page's scripts have run. */
  ran: object;
  /** What the app printed. */
  print: { lines: Line[] };
  /** An error that nobody caught, with its place in the sources. */
  error: { diagnostic: Diagnostic };
  /** A page was asked for while the build has errors. */
  broken: { result: BuildResult };
  location: { path: string; title: string };
  /** A place in a source was chosen in the overlay. */
  open: { file: string; line: number; column: number };
  /** The frame was removed: by `stop`, or as the app sent messages without end. */
  stopped: { reason?: Diagnostic };
}

type Listeners = { [Name in keyof PreviewEvents]: Set<(event: PreviewEvents[Name]) => void> };

/** What a shell takes to answer on a slow machine; then the app runs inline. */
const patienceMs = 10_000;
/** Messages in a second that no app sends without meaning to. */
const mostMessages = 5_000;
/** Codes of updates that are kept, for the stacks of errors in them. */
const mostCodes = 200;
/** Pages that may be on their way at once. */
const mostExpected = 16;

/** Starts a preview. */
export function createPreview(options: PreviewOptions): Preview {
  return new Preview(options);
}

/** A frame or tab in which the app runs, as long as it is the same one. */
interface Session {
  window: Window | null;
  nonce: string;
  /** `null` for an opaque origin. */
  origin: string;
  port: MessagePort | undefined;
  path: string;
  pages: Page[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** One load of a page of the app. */
interface Page {
  id: string;
  ports: MessagePort[];
  lines: number;
  codes: Map<string, string>;
  /** What its overlay shows from the start. */
  problems: Diagnostic[] | undefined;
}

export class Preview {
  readonly #options: PreviewOptions;
  readonly #listeners: Listeners = {
    ready: new Set(), load: new Set(), ran: new Set(), print: new Set(), error: new Set(), broken: new Set(), location: new Set(), open: new Set(), stopped: new Set(),
  };
  #frame: HTMLIFrameElement | undefined;
  /** The frame's, and those of tabs. */
  #sessions: Session[] = [];
  /** Counts the frames that were given up, each with an origin of its own. */
  #generation = 0;
  readonly #name: string;
  #mode: 'served' | 'inline';
  /** Why the app is not served, where it was meant to be. */
  #reason: Diagnostic | undefined;
  /** What the pages that load now run. */
  #result: BuildResult | undefined;
  /** Pages that were answered and have not joined yet. */
  readonly #expected = new Map<string, Page>();
  #lastBroken = 0;
  #isBroken = false;
  #messages = 0;
  #since = 0;
  readonly #hear = (event: MessageEvent<unknown>): void => this.#heard(event);

  /** @internal */
  constructor(options: PreviewOptions) {
    this.#options = options;
    this.#name = options.name ?? `p${crypto.randomUUID().slice(0, 8)}`;
    this.#mode = options.origin === undefined ? 'inline' : 'served';
    addEventListener('message', this.#hear);
    this.#start('/');
  }

  /** The origin of the frame of now; nothing where the app runs inline. */
  get origin(): string | undefined {
    const { origin } = this.#options;
    if (origin === undefined || this.#mode === 'inline') return undefined;
    return origin.replace('*', this.#generation === 0 ? this.#name : `${this.#name}-${this.#generation}`);
  }

  /** How the app is served. */
  get mode(): 'served' | 'inline' {
    return this.#mode;
  }

  /** Calls the listener with what happens. Gives a function that ends this. */
  on<Name extends keyof PreviewEvents>(name: Name, listener: (event: PreviewEvents[Name]) => void): () => void {
    const listeners = this.#listeners[name];
    if (listeners === undefined) throw new TypeError(`There is no event \`${name}\`. There are ${Object.keys(this.#listeners).join(', ')}.`);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Brings the running pages up to date after an edit; those that cannot be load again. */
  async update(): Promise<UpdateResult | undefined> {
    const { source } = this.#options;
    if (source.update === undefined) {
      this.reload();
      return undefined;
    }
    const result = await source.update();
    if (result.ok) this.refresh(result.changed);
    return result;
  }

  /** Shows files anew that are no modules: pages and what is in `public/`. `update` does this by itself. */
  refresh(changed: readonly string[]): void {
    // A page that shows what is wrong has no app in it that could be updated.
    if (this.#isBroken || changed.some((path) => path.endsWith('.html'))) this.reload();
    const paths = changed.filter((path) => path.startsWith('public/')).map((path) => path.slice('public'.length));
    if (paths.length > 0) this.#toPages({ type: 'assets', paths });
  }

  /** Loads the page of now again, or the app anew where it was stopped. */
  reload(): void {
    const [session] = this.#sessions;
    if (session === undefined || this.#frame === undefined || this.#mode === 'inline') this.#start(session?.path ?? '/');
    else this.#show(session, session.path);
  }

  /** Goes to a path of the app. */
  navigate(path: string): void {
    const [session] = this.#sessions;
    if (session === undefined || this.#mode === 'inline') this.#start(path);
    else this.#show(session, path);
  }

  /** Goes through the app's history, as the browser's own buttons do. */
  go(delta: number): void {
    this.#sessions[0]?.port?.postMessage({ type: 'history', delta } satisfies ToShell);
  }

  /** Shows the app in a tab of its own, as long as this page is open. Has to be called as a person's act; says whether the browser allowed it. */
  openInNewTab(path = this.#sessions[0]?.path ?? '/'): boolean {
    const { origin } = this;
    if (origin === undefined) return false;
    const session = newSession(origin, path);
    session.window = open(shellAddress(session), '_blank');
    if (session.window === null) return false;
    this.#sessions.push(session);
    return true;
  }

  /** Removes the frame, and with it whatever the app is doing, be it an endless loop. */
  stop(): void {
    this.#stop({});
  }

  /** Shows diagnostics over the app; none takes them away. */
  show(diagnostics: Diagnostic[]): void {
    this.#toPages({ type: 'error', diagnostics });
  }

  /** Ends the preview for good. Safe to call twice. */
  dispose(): void {
    removeEventListener('message', this.#hear);
    this.#drop();
    for (const listeners of Object.values(this.#listeners)) listeners.clear();
  }

  #stop(event: PreviewEvents['stopped']): void {
    if (this.#frame === undefined) return;
    this.#drop();
    // An app that hangs keeps its process for a while: the next one gets another site.
    this.#generation += 1;
    this.#tell('stopped', event);
  }

  #drop(): void {
    this.#frame?.remove();
    this.#frame = undefined;
    for (const session of this.#sessions.splice(0)) this.#end(session);
    for (const id of [...this.#expected.keys()]) this.#forget(id);
  }

  #end(session: Session): void {
    clearTimeout(session.timer);
    session.port?.close();
    session.window = null;
    for (const page of session.pages.splice(0)) this.#leave(page);
  }

  #leave({ id, ports }: Page): void {
    for (const port of ports) port.close();
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#expected.delete(id);
    if (id !== '') this.#options.source.detach?.(id);
  }

  #start(path: string): void {
    const [old] = this.#sessions;
    const oldFrame = this.#frame;
    const { origin } = this;
    const session = newSession(origin ?? 'null', path);
    const frame = document.createElement('iframe');
    frame.className = 'nexxo-preview';
    frame.title = this.#options.title ?? 'Preview';
    frame.referrerPolicy = 'no-referrer';
    frame.allow = '';
    const more = this.#options.sandbox ?? [];
    // With an origin of its own, and never this page's: that would be no sandbox at all.
    if (origin !== undefined && origin !== location.origin) {
      frame.sandbox.add('allow-scripts', 'allow-same-origin', 'allow-forms', 'allow-downloads', ...more);
      frame.src = shellAddress(session);
      session.timer = setTimeout(() => this.#unavailable('nothing answered there'), patienceMs);
    } else {
      frame.sandbox.add('allow-scripts', ...more.filter((token) => token !== 'allow-same-origin'));
      const address = new URL(this.#options.inline ?? new URL('./preview/__nexxo/inline.html', import.meta.url), location.href);
      address.hash = session.nonce;
      frame.src = address.href;
    }
    this.#options.host.append(frame);
    session.window = frame.contentWindow;
    this.#frame = frame;
    // The one that is seen stays until the new one runs.
    if (oldFrame !== undefined && this.#mode === 'inline') {
      frame.style.visibility = 'hidden';
      const done = this.on('ran', () => {
        done();
        frame.style.visibility = '';
        oldFrame.remove();
      });
    } else oldFrame?.remove();
    if (old !== undefined) this.#end(old);
    this.#sessions = [session, ...this.#sessions.slice(1)];
  }

  #heard({ source, origin, data, ports }: MessageEvent<unknown>): void {
    const session = this.#sessions.find((candidate) => candidate.window !== null && candidate.window === source);
    // From elsewhere, or from another origin that the frame was led to.
    if (session === undefined || origin !== session.origin) {
      if (this.#sessions.some((candidate) => candidate.origin === origin && origin !== 'null')) this.#count();
      return;
    }
    if (!this.#count() || !isHello(data) || data.nonce !== session.nonce || ports.length > 0) return;
    // Once: a repetition, whoever it is from, finds another nonce.
    session.nonce = '';
    clearTimeout(session.timer);
    if (this.#mode === 'inline') void this.#runInline(session, data.nonce);
    else this.#welcome(session, data.nonce);
  }

  #welcome(session: Session, nonce: string): void {
    const { port1, port2 } = new MessageChannel();
    session.port = port1;
    session.timer = setTimeout(() => this.#unavailable('its service worker does not start'), patienceMs);
    port1.onmessage = ({ data, ports }: MessageEvent<unknown>) => {
      if (this.#count() && isFromShell(data)) this.#fromShell(session, data, ports);
    };
    session.window?.postMessage({ type: 'nexxo:welcome', nonce } satisfies Welcome, session.origin, [port2]);
  }

  #fromShell(session: Session, message: FromShell, ports: readonly MessagePort[]): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(session.timer);
        if (session === this.#sessions[0]) this.#tell('ready', { mode: 'served' });
        this.#show(session, session.path);
        return;
      case 'unavailable':
        clearTimeout(session.timer);
        if (session === this.#sessions[0]) this.#unavailable(message.reason);
        return;
      case 'fetch':
        void this.#answer(session, message, ports[0]);
        return;
      case 'page':
        this.#joined(session, message.page, ports);
        return;
      case 'loaded':
        if (message.path !== '') session.path = message.path;
        return;
    }
  }

  #show(session: Session, path: string): void {
    session.path = path.startsWith('/') ? path : `/${path}`;
    session.port?.postMessage({ type: 'show', path: session.path } satisfies ToShell);
  }

  /** The app runs all the same, in the frame that needs nothing. */
  #unavailable(reason: string): void {
    const { origin } = this;
    if (origin === undefined) return;
    this.#mode = 'inline';
    this.#reason = previewUnavailable(origin, reason);
    this.#drop();
    this.#start('/');
  }

  async #answer(session: Session, request: AppRequest, port: MessagePort | undefined): Promise<void> {
    if (port === undefined) return;
    let answer: Answer;
    try {
      answer = await this.#answerTo(session, request);
    } catch {
      // Whoever has the engine was told.
      answer = plain(500, 'The build did not come through.');
    }
    const { body } = answer;
    port.postMessage(answer, typeof body === 'string' ? [] : [body.buffer]);
    port.close();
  }

  async #answerTo(session: Session, { method, path, isNavigation }: AppRequest): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are answered here.');
    // A path is what it says: nothing in it is to be resolved, least of all out of `public/`.
    if (/\/\.{0,2}\/|\/\.{1,2}$|[\\\0]/.test(path)) return plain(404, 'There is no such file.');
    const file = this.#fileAt(path);
    if (file !== undefined) return found(path, file);
    const page = isNavigation ? this.#pageAt(path) : undefined;
    if (page === undefined) return plain(404, 'There is no such file.');
    return html(await this.#load(session, page.text));
  }

  #fileAt(path: string): Uint8Array | string | undefined {
    const output = this.#result?.outputFiles.find(({ fileName }) => `/${fileName}` === path);
    return output?.contents ?? this.#read(`public${path}`);
  }

  #pageAt(path: string): { text: string | undefined } | undefined {
    for (const candidate of pageCandidates(path)) {
      const text = this.#read(candidate);
      if (text !== undefined) return { text: typeof text === 'string' ? text : new TextDecoder().decode(text) };
    }
    // Routes are the app's own; what looks like a file is not one.
    const isFile = /\.\w{1,5}$/.test(path) && !path.endsWith('.html');
    return isFile ? undefined : { text: undefined };
  }

  #read(path: string): string | Uint8Array | undefined {
    try {
      return this.#options.files.read(path);
    } catch {
      // It can be no path.
      return undefined;
    }
  }

  /** Builds for a page that loads, and gives its HTML. */
  async #load(session: Session, text: string | undefined): Promise<string> {
    const page = await this.#open();
    session.pages.push(page);
    const result = page.problems === undefined ? this.#result : undefined;
    return htmlPage(text, result?.outputFiles ?? [], page.id);
  }

  async #open(): Promise<Page> {
    const { id, result } = await this.#options.source.open();
    this.#isBroken = !result.ok;
    const page: Page = { id: id ?? '', ports: [], lines: 0, codes: new Map(), problems: undefined };
    if (result.ok) {
      this.#result = result;
    } else {
      this.#lastBroken += 1;
      page.id = `broken-${this.#lastBroken}`;
      page.problems = result.diagnostics;
      this.#tell('broken', { result });
    }
    // Pages that never come: a frame within the app, a tab that was closed while it loaded.
    for (const oldest of this.#expected.keys()) {
      if (this.#expected.size < mostExpected) break;
      this.#forget(oldest);
    }
    this.#expected.set(page.id, page);
    return page;
  }

  async #runInline(session: Session, nonce: string): Promise<void> {
    const page = await this.#open();
    if (session.window === null || this.#sessions[0] !== session) return;
    session.pages.push(page);
    const channels = [new MessageChannel(), new MessageChannel()] as const;
    const files = page.problems === undefined ? (this.#result?.outputFiles ?? []) : [];
    const message: RunMessage = { type: 'nexxo:run', nonce, page: page.id, html: this.#pageAt(session.path)?.text, scripts: runnable(files) };
    // An opaque origin cannot be named. None of the project's code has run in the frame yet: who listens there is ours.
    session.window.postMessage(message, '*', channels.map(({ port2 }) => port2));
    this.#joined(session, page.id, channels.map(({ port1 }) => port1));
    this.#tell('ready', { mode: 'inline', ...(this.#reason === undefined ? {} : { reason: this.#reason }) });
  }

  #joined(session: Session, id: string, [modules, rest]: readonly MessagePort[]): void {
    const page = this.#expected.get(id);
    if (page === undefined || modules === undefined || rest === undefined) return;
    this.#expected.delete(id);
    // It took the place of the pages before it.
    for (const left of session.pages.filter((other) => other !== page && !this.#expected.has(other.id))) this.#leave(left);
    session.pages = session.pages.filter((other) => other === page || this.#expected.has(other.id));
    page.ports = [modules, rest];
    this.#tell('load', {});
    rest.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.#count() && isFromApp(data)) this.#fromApp(session, page, data);
    };
    if (page.problems !== undefined) rest.postMessage({ type: 'show', diagnostics: page.problems } satisfies ToApp);
    else if (id !== '') this.#options.source.attach?.(id, this.#wire(page, modules));
  }

  /** The page's port as the source sees it: what code goes through is kept for the stacks of errors in it. */
  #wire(page: Page, port: MessagePort): PagePort {
    const wire: PagePort = {
      onmessage: null,
      postMessage: (message: ToPage) => {
        if (message.type === 'update') page.codes.set(`update-${message.seq}.js`, message.code);
        else if (message.type === 'factories') page.codes.set(`factories-${message.request}.js`, message.code);
        for (const [oldest] of page.codes) {
          if (page.codes.size <= mostCodes) break;
          page.codes.delete(oldest);
        }
        port.postMessage(message);
      },
      close: () => port.close(),
    };
    port.onmessage = (event: MessageEvent<Partial<FromPage> | null>) => {
      if (!this.#count()) return;
      wire.onmessage?.(event);
      // A frame of opaque origin cannot load itself again.
      if (this.#mode === 'inline' && event.data?.type === 'reloading') this.reload();
    };
    return wire;
  }

  #fromApp(session: Session, page: Page, message: FromApp): void {
    switch (message.type) {
      case 'ran':
        this.#tell('ran', {});
        return;
      case 'print': {
        page.lines += message.lines.length;
        if (page.lines <= mostLines + 1) this.#tell('print', { lines: message.lines });
        return;
      }
      case 'uncaught':
        page.lines += 1;
        if (page.lines <= mostLines + 1) void this.#explain(session, page, message);
        return;
      case 'location':
        if (session.origin !== 'null') session.path = message.path;
        this.#tell('location', { path: message.path, title: message.title });
        return;
      case 'open':
        this.#tell('open', { file: message.file, line: message.line, column: message.column });
        return;
    }
  }

  async #explain(session: Session, page: Page, { error }: FromApp & { type: 'uncaught' }): Promise<void> {
    const { explain } = (await import(/* @vite-ignore */ new URL('./stacks.js', import.meta.url).href)) as typeof import('./stacks.ts');
    const output = new Map(this.#result?.outputFiles.map(({ fileName, text }) => [fileName, text]));
    const prefix = session.origin === 'null' ? '' : `${session.origin}/`;
    const diagnostic = explain(error, (address) => {
      const name = address.startsWith(prefix) ? address.slice(prefix.length).split('?', 1)[0]! : address;
      const code = page.codes.get(name) ?? output.get(name);
      return code === undefined ? undefined : { code, map: output.get(`${name}.map`) };
    });
    this.#tell('error', { diagnostic });
    page.ports[1]?.postMessage({ type: 'show', diagnostics: [diagnostic] } satisfies ToApp);
  }

  #toPages(message: ToPage): void {
    for (const { pages } of this.#sessions) for (const { ports } of pages) ports[0]?.postMessage(message);
  }

  /** Counts a message. An app that sends them without end is stopped: this page has other things to do. */
  #count(): boolean {
    const now = performance.now();
    if (now - this.#since > 1_000) [this.#since, this.#messages] = [now, 0];
    this.#messages += 1;
    if (this.#messages <= mostMessages) return true;
    this.#stop({ reason: previewFlooded() });
    return false;
  }

  #tell<Name extends keyof PreviewEvents>(name: Name, event: PreviewEvents[Name]): void {
    for (const listener of [...this.#listeners[name]]) listener(event);
  }
}

function newSession(origin: string, path: string): Session {
  return { window: null, nonce: crypto.randomUUID(), origin, port: undefined, path, pages: [], timer: undefined };
}

function shellAddress({ origin, nonce }: Session): string {
  return `${origin}/__nexxo/#${encodeURIComponent(`${nonce},${location.origin}`)}`;
}

function isHello(data: unknown): data is Hello {
  return typeof data === 'object' && data !== null && (data as Partial<Hello>).type === 'nexxo:hello' && typeof (data as Partial<Hello>).nonce === 'string' && (data as Hello).nonce !== '';
}

function found(path: string, contents: Uint8Array | string): Answer {
  const type = lookup(path) ?? 'application/octet-stream';
  const isText = /^(?:text\/|application\/(?:json|javascript|xml))|\+xml$|\+json$/.test(type);
  // A copy, because it is handed over.
  const body = typeof contents === 'string' ? contents : contents.slice();
  return { status: 200, headers: { ...always, 'content-type': isText ? `${type}; charset=utf-8` : type }, body };
}

function html(body: string): Answer {
  return { status: 200, headers: { ...always, 'content-type': 'text/html; charset=utf-8' }, body };
}

function plain(status: number, body: string): Answer {
  return { status, headers: { ...always, 'content-type': 'text/plain; charset=utf-8' }, body };
}

const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
