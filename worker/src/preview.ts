// This file shows a project running: on an origin of its own, where a service
// worker asks for everything here, or in a frame of opaque origin where there is
// none. The app gets no hold on the page that embeds it: all it has is messages,
// which are read with suspicion and counted.

import { lookup } from 'mrmime';
import { runnable } from './chunks.ts';
import type { DevPage, PagePort } from './dev.ts';
import { inlineUnavailable, previewFlooded, previewUnavailable, uncaught } from './error.ts';
import { htmlPage, pageCandidates } from './html.ts';
import type { HtmlSource } from './html.ts';
import { isFromApp, isFromShell, mostLines } from './preview-protocol.ts';
import type { Answer, AppRequest, FromApp, FromShell, Hello, Line, Return, RunMessage, ToApp, ToShell, Welcome } from './preview-protocol.ts';
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
  /** An edit or a request to load came, and the app has been doing something else for seconds: it hangs. `restart` helps. */
  hung: object;
  /** The frame was removed: by `stop`, or as the app sent messages without end, or as nothing could be shown in it. */
  stopped: { reason?: Diagnostic };
}

type Listeners = { [Name in keyof PreviewEvents]: Set<(event: PreviewEvents[Name]) => void> };

/** What a shell takes to answer on a slow machine; then the app runs inline. */
const patienceMs = 10_000;
/** What an app may ask of this page: over a while, so many messages, and so much of its time. */
const whileMs = 2_000;
const mostMessages = 10_000;
/** A message to this window counts as many: only a shell that introduces itself has anything to say here. */
const strayWeight = 20;
/** How long what an app sent before it was ended may still arrive; it is not held against the next. */
const leftoverMs = 10_000;
const mostSpentMs = 1_000;
/** Builds for pages that may wait for one another. */
const mostOpening = 16;
/** What a script may run before the app counts as hung. */
const hangsMs = 4_000;
/** How often tabs are asked whether they are still there, and how many times in a row they may not be. */
const askTabsMs = 1_000;
const mostUnanswered = 20;
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
  /** Whether the shell that was there went away. */
  isLost: boolean;
  /** `null` for an opaque origin. */
  origin: string;
  port: MessagePort | undefined;
  path: string;
  pages: Page[];
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Runs from a question whether the app hangs, until it is answered. */
  question: ReturnType<typeof setTimeout> | undefined;
  /** How many times in a row a tab did not say that it is there. */
  unanswered: number;
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
    ready: new Set(), load: new Set(), ran: new Set(), print: new Set(), error: new Set(), broken: new Set(),
    location: new Set(), open: new Set(), hung: new Set(), stopped: new Set(),
  };
  #frame: HTMLIFrameElement | undefined;
  /** The frame's. */
  #session: Session | undefined;
  #tabs: Session[] = [];
  #asking: ReturnType<typeof setInterval> | undefined;
  /** Where the frame is, or was when it was removed. */
  #path = '/';
  /** Counts the frames that were given up, each with an origin of its own. */
  #generation = 0;
  readonly #name: string;
  /** Why the app runs inline, where it was meant to be served. */
  #reason: Diagnostic | undefined;
  /** What the pages that load now run. */
  #result: BuildResult | undefined;
  /** Pages that were answered and have not joined yet. */
  readonly #expected = new Map<string, Page>();
  #lastBroken = 0;
  #isBroken = false;
  #opening = 0;
  /** What was served, ready to be handed over without a copy. */
  /** What patches show by its address, the newest first. */
  readonly #patched: { fileName: string; contents: Uint8Array }[] = [];
  readonly #bodies = new Map<string, { contents: Uint8Array | string; body: Blob }>();
  #messages = 0;
  #spentMs = 0;
  /** When an app was last ended, as `performance.now()` counts. */
  #removed = -Infinity;
  #since = 0;
  readonly #hear = (event: MessageEvent<unknown>): void => this.#heard(event);

  /** @internal */
  constructor(options: PreviewOptions) {
    if (options.origin !== undefined) checkOrigin(options.origin);
    const escape = options.sandbox?.find((token) => /^allow-top-navigation/.test(token));
    if (escape !== undefined) throw new TypeError(`\`${escape}\` cannot be allowed: the app could lead this page elsewhere.`);
    this.#options = options;
    this.#name = options.name ?? `p${crypto.randomUUID().slice(0, 8)}`;
    addEventListener('message', this.#hear);
    this.#start();
  }

  /** The origin of the frame of now; nothing where the app runs inline. */
  get origin(): string | undefined {
    const { origin } = this.#options;
    if (origin === undefined || this.#reason !== undefined) return undefined;
    return origin.replace(/\/$/, '').replace('*', this.#generation === 0 ? this.#name : `${this.#name}-${this.#generation}`);
  }

  /** How the app is served. */
  get mode(): 'served' | 'inline' {
    return this.origin === undefined ? 'inline' : 'served';
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
    this.#patched.unshift(...result.outputFiles);
    if (result.ok) this.refresh(result.changed);
    return result;
  }

  /** Shows files anew that are no modules: pages and what is in `public/`. `update` does this by itself. */
  refresh(changed: readonly string[]): void {
    this.#bodies.clear();
    // A page that shows what is wrong has no app in it that could be updated.
    if (this.#isBroken || changed.some((path) => path.endsWith('.html'))) this.reload();
    const paths = changed.filter((path) => path.startsWith('public/')).map((path) => path.slice('public'.length));
    if (paths.length === 0) return;
    for (const { ports } of this.#pages()) ports[0]?.postMessage({ type: 'assets', paths } satisfies ToPage);
  }

  /** Loads the page of now again, or the app anew where it was stopped. */
  reload(): void {
    this.navigate(this.#path);
  }

  /** Goes to a path of the app. */
  navigate(path: string): void {
    this.#path = ownPath(path);
    const session = this.#session;
    // A frame of opaque origin cannot load anything again; one that lost its shell has nobody to do it.
    if (session === undefined || this.mode === 'inline' || session.isLost) this.#start();
    else {
      this.#show(session, this.#path);
      this.#askIfItHangs();
    }
  }

  /** Goes through the app's history, as the browser's own buttons do. */
  go(delta: number): void {
    this.#session?.port?.postMessage({ type: 'history', delta } satisfies ToShell);
  }

  /** Shows the app in a tab of its own, as long as this page is open. Has to be called as a person's act; says whether the browser allowed it. */
  openInNewTab(path = this.#path): boolean {
    const { origin } = this;
    if (origin === undefined) return false;
    const session = newSession(origin, ownPath(path));
    session.window = open(shellAddress(session), '_blank');
    if (session.window === null) return false;
    this.#tabs.push(session);
    this.#asking ??= setInterval(() => this.#askTabs(), askTabsMs);
    return true;
  }

  /** Removes the frame, and with it whatever the app is doing, be it an endless loop. */
  stop(): void {
    this.#stop({});
  }

  /** As `stop` and then `reload`: for an app that hangs. */
  restart(): void {
    this.#remove();
    this.#start();
  }

  /** Shows diagnostics over the app; none takes them away. */
  show(diagnostics: Diagnostic[]): void {
    for (const { ports } of this.#pages()) ports[1]?.postMessage({ type: 'show', diagnostics } satisfies ToApp);
  }

  /** Ends the preview for good. Safe to call twice. */
  dispose(): void {
    removeEventListener('message', this.#hear);
    this.#drop();
    for (const listeners of Object.values(this.#listeners)) listeners.clear();
  }

  *#sessions(): Iterable<Session> {
    if (this.#session !== undefined) yield this.#session;
    yield* this.#tabs;
  }

  *#pages(): Iterable<Page> {
    for (const { pages } of this.#sessions()) yield* pages;
  }

  #stop(event: PreviewEvents['stopped']): void {
    if (this.#frame === undefined) return;
    this.#remove();
    this.#tell('stopped', event);
  }

  #remove(): void {
    this.#drop();
    // An app that hangs keeps its process for a while: the next one gets another site.
    this.#generation += 1;
    // What kept it from being served may be over, and the next app has done nothing yet.
    this.#reason = undefined;
    this.#removed = performance.now();
    [this.#since, this.#messages, this.#spentMs] = [this.#removed, 0, 0];
  }

  #drop(): void {
    this.#frame?.remove();
    this.#frame = undefined;
    for (const session of this.#sessions()) this.#end(session);
    this.#session = undefined;
    this.#tabs = [];
    this.#stopAskingTabs();
    for (const id of [...this.#expected.keys()]) this.#forget(id);
  }

  #end(session: Session): void {
    this.#part(session);
    session.window = null;
  }

  /** What was agreed on with a shell ends with it. */
  #part(session: Session): void {
    clearTimeout(session.timer);
    clearTimeout(session.question);
    session.question = undefined;
    session.port?.close();
    session.port = undefined;
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

  #start(): void {
    const [old, oldFrame] = [this.#session, this.#frame];
    // It would have this page's own rights there.
    if (this.origin === location.origin) this.#reason = previewUnavailable(location.origin, "it is this page's own origin");
    const { origin } = this;
    const session = newSession(origin ?? 'null', this.#path);
    const frame = document.createElement('iframe');
    frame.className = 'nexxo-preview';
    frame.title = this.#options.title ?? 'Preview';
    frame.referrerPolicy = 'no-referrer';
    frame.allow = '';
    const more = this.#options.sandbox ?? [];
    if (origin !== undefined) {
      frame.sandbox.add('allow-scripts', 'allow-same-origin', 'allow-forms', 'allow-downloads', ...more);
      frame.src = shellAddress(session);
      session.timer = setTimeout(() => this.#unavailable('nothing answered there'), patienceMs);
    } else {
      frame.sandbox.add('allow-scripts', ...more.filter((token) => token !== 'allow-same-origin'));
      const address = new URL(this.#options.inline ?? new URL('./preview/__nexxo/inline.html', import.meta.url), location.href);
      session.timer = setTimeout(() => this.#stop({ reason: inlineUnavailable(address.href.split('#', 1)[0]!) }), patienceMs);
      address.hash = session.nonce;
      frame.src = address.href;
    }
    let isLoaded = false;
    frame.addEventListener('load', () => {
      if (isLoaded && session === this.#session && origin !== undefined) this.#lost(session);
      isLoaded = true;
    });
    this.#options.host.append(frame);
    session.window = frame.contentWindow;
    this.#frame = frame;
    // The one that is seen stays until the new one runs.
    if (oldFrame !== undefined && origin === undefined) {
      frame.style.visibility = 'hidden';
      const done = this.on('ran', () => {
        done();
        frame.style.visibility = '';
        oldFrame.remove();
      });
    } else oldFrame?.remove();
    if (old !== undefined) this.#end(old);
    this.#session = session;
  }

  /** The shell was loaded again, as the app can, or led elsewhere. If it is there, it may introduce itself once more. */
  #lost(session: Session): void {
    this.#part(session);
    session.isLost = true;
    this.#invite(session);
  }

  #invite(session: Session): void {
    if (session.nonce === '') session.nonce = crypto.randomUUID();
    session.window?.postMessage({ type: 'nexxo:return', nonce: session.nonce } satisfies Return, session.origin);
  }

  /** A tab may be loaded again by who looks at it, may be led elsewhere, or closed; nothing tells. */
  #askTabs(): void {
    for (const session of this.#tabs) {
      session.unanswered += 1;
      if (session.window?.closed !== false || session.unanswered > mostUnanswered) this.#end(session);
      // It may just be busy: what there is stays until a shell says hello.
      else if (session.unanswered > 1 && session.port !== undefined) this.#invite(session);
      session.port?.postMessage({ type: 'ping' } satisfies ToShell);
    }
    this.#tabs = this.#tabs.filter(({ window }) => window !== null);
    if (this.#tabs.length === 0) this.#stopAskingTabs();
  }

  #stopAskingTabs(): void {
    clearInterval(this.#asking);
    this.#asking = undefined;
  }

  #heard(event: MessageEvent<unknown>): void {
    const { source, origin } = event;
    let session: Session | undefined;
    for (const candidate of this.#sessions()) if (candidate.window !== null && candidate.window === source) session = candidate;
    // From elsewhere, or from another origin that the frame was led to.
    if (session === undefined || origin !== session.origin) {
      if (this.#isWithin(source)) this.#count(strayWeight);
      return;
    }
    const hello = this.#read(event, isHello);
    if (hello === undefined || hello.nonce !== session.nonce || event.ports.length > 0) return;
    // Once: a repetition, whoever it is from, finds another nonce.
    session.nonce = '';
    session.isLost = false;
    clearTimeout(session.timer);
    if (this.mode === 'inline') void this.#runInline(session, hello.nonce);
    else this.#welcome(session, hello.nonce);
  }

  /** Whether a message came from a frame within the app, however deep, or from one that is gone already. */
  #isWithin(source: MessageEventSource | null): boolean {
    // Of a frame that is gone: of the app that was ended a moment ago, or one that this app took away.
    if (source === null) return performance.now() - this.#removed > leftoverMs;
    for (let at = source as Window; ; at = at.parent) {
      for (const { window } of this.#sessions()) if (window === at) return true;
      if (at === at.parent || at.parent === undefined) return false;
    }
  }

  #welcome(session: Session, nonce: string): void {
    this.#part(session);
    const { port1, port2 } = new MessageChannel();
    const isTab = session !== this.#session;
    session.port = port1;
    if (!isTab) session.timer = setTimeout(() => this.#unavailable('its service worker does not start'), patienceMs);
    port1.onmessage = (event: MessageEvent<unknown>) => {
      const message = this.#read(event, isFromShell);
      if (message !== undefined) this.#fromShell(session, message, event.ports);
    };
    session.window?.postMessage({ type: 'nexxo:welcome', nonce } satisfies Welcome, session.origin, [port2]);
  }

  #fromShell(session: Session, message: FromShell, ports: readonly MessagePort[]): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(session.timer);
        if (session === this.#session) this.#tell('ready', { mode: 'served' });
        this.#show(session, session.path);
        return;
      case 'unavailable':
        clearTimeout(session.timer);
        if (session === this.#session) this.#unavailable(message.reason);
        return;
      case 'fetch':
        void this.#answer(session, message, ports[0]);
        return;
      case 'page':
        this.#joined(session, message.page, ports);
        return;
      case 'loaded':
        if (message.path !== '') this.#isAt(session, message.path);
        return;
      case 'pong':
        clearTimeout(session.question);
        session.question = undefined;
        session.unanswered = 0;
        return;
    }
  }

  #show(session: Session, path: string): void {
    session.path = path;
    session.port?.postMessage({ type: 'show', path } satisfies ToShell);
  }

  #isAt(session: Session, path: string): void {
    session.path = ownPath(path);
    if (session === this.#session) this.#path = session.path;
  }

  /** The shell runs where the app does. */
  #askIfItHangs(): void {
    const session = this.#session;
    if (session?.port === undefined || session.question !== undefined) return;
    session.port.postMessage({ type: 'ping' } satisfies ToShell);
    session.question = setTimeout(() => {
      session.question = undefined;
      this.#tell('hung', {});
    }, hangsMs);
  }

  /** The app runs all the same, in the frame that needs nothing. */
  #unavailable(reason: string): void {
    const { origin } = this;
    if (origin === undefined) return;
    this.#reason = previewUnavailable(origin, reason);
    this.#drop();
    this.#start();
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
    this.#spend(() => port.postMessage(answer));
    port.close();
  }

  async #answerTo(session: Session, { method, path, isNavigation }: AppRequest): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are answered here.');
    // A path is what it says: nothing in it is to be resolved, least of all out of `public/`.
    if (/\/\.{0,2}\/|\/\.{1,2}$|[\\\0]/.test(path)) return plain(404, 'There is no such file.');
    const file = this.#fileAt(path);
    if (file !== undefined) return found(path, this.#bodyOf(path, file));
    const page = isNavigation ? this.#pageAt(path) : undefined;
    if (page === undefined) return plain(404, 'There is no such file.');
    if (this.#opening >= mostOpening) return plain(429, 'Too many pages load at once.');
    return html(await this.#load(session, page));
  }

  #fileAt(path: string): Uint8Array | string | undefined {
    const isIt = ({ fileName }: { fileName: string }): boolean => `/${fileName}` === path;
    const output = this.#result?.outputFiles.find(isIt) ?? this.#patched.find(isIt);
    return output?.contents ?? this.#source(`public${path}`);
  }

  /** Made once, however often it is asked for: this page has other things to do than to copy. */
  #bodyOf(path: string, contents: Uint8Array | string): Blob {
    const made = this.#bodies.get(path);
    if (made?.contents === contents) return made.body;
    const body = new Blob([contents as Uint8Array<ArrayBuffer> | string]);
    this.#bodies.set(path, { contents, body });
    return body;
  }

  #pageAt(path: string): HtmlSource | undefined {
    for (const at of pageCandidates(path)) {
      const text = this.#source(at);
      if (text !== undefined) return { at, text: typeof text === 'string' ? text : new TextDecoder().decode(text) };
    }
    // Routes are the app's own; what looks like a file is not one.
    const isFile = /\.\w{1,5}$/.test(path) && !path.endsWith('.html');
    return isFile ? undefined : { at: 'index.html', text: undefined };
  }

  #source(path: string): string | Uint8Array | undefined {
    try {
      return this.#options.files.read(path);
    } catch {
      // It can be no path.
      return undefined;
    }
  }

  /** Builds for a page that loads, and gives its HTML. */
  async #load(session: Session, source: HtmlSource): Promise<string> {
    const page = await this.#open();
    session.pages.push(page);
    const result = page.problems === undefined ? this.#result : undefined;
    return this.#spend(() => htmlPage(source, result?.outputFiles ?? [], page.id));
  }

  async #open(): Promise<Page> {
    this.#opening += 1;
    const { id, result } = await this.#options.source.open().finally(() => (this.#opening -= 1));
    this.#isBroken = !result.ok;
    const page: Page = { id: id ?? '', ports: [], lines: 0, codes: new Map(), problems: undefined };
    if (result.ok) {
      if (result !== this.#result) this.#bodies.clear();
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
    // Whoever has the engine was told of what it failed with.
    const page = await this.#open().catch(() => undefined);
    if (page === undefined || session.window === null || this.#session !== session) return;
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
    if (session === this.#session) this.#tell('load', {});
    rest.onmessage = (event: MessageEvent<unknown>) => {
      const message = this.#read(event, isFromApp);
      if (message !== undefined) this.#fromApp(session, page, message);
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
        if (message.type === 'update' || message.type === 'reload') this.#askIfItHangs();
      },
      close: () => port.close(),
    };
    port.onmessage = (event: MessageEvent<unknown>) => {
      const message = this.#read(event, isObject);
      if (message === undefined) return;
      wire.onmessage?.(event);
      // A frame of opaque origin cannot load itself again.
      if (this.mode === 'inline' && message.type === 'reloading') this.reload();
    };
    return wire;
  }

  #fromApp(session: Session, page: Page, message: FromApp): void {
    switch (message.type) {
      case 'ran':
        if (session === this.#session) this.#tell('ran', {});
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
        if (session.origin !== 'null') this.#isAt(session, message.path);
        if (session === this.#session) this.#tell('location', { path: message.path, title: message.title });
        return;
      case 'open':
        this.#tell('open', { file: message.file, line: message.line, column: message.column });
        return;
    }
  }

  async #explain(session: Session, page: Page, { error }: FromApp & { type: 'uncaught' }): Promise<void> {
    const output = this.#result?.outputFiles ?? [];
    const prefix = session.origin === 'null' ? '' : `${session.origin}/`;
    const textOf = (name: string): string | undefined => output.find(({ fileName }) => fileName === name)?.text;
    let diagnostic: Diagnostic;
    try {
      const { explain } = (await import(/* @vite-ignore */ new URL('./stacks.js', import.meta.url).href)) as typeof import('./stacks.ts');
      diagnostic = this.#spend(() =>
        explain(error, (address) => {
          const name = address.startsWith(prefix) ? address.slice(prefix.length).split('?', 1)[0]! : address;
          const code = page.codes.get(name) ?? textOf(name);
          return code === undefined ? undefined : { code, map: textOf(`${name}.map`) };
        }),
      );
    } catch {
      // That file could not be fetched: better without a place than not at all.
      diagnostic = uncaught(error.kind, error.message, error.stack.split('\n').slice(1, 20).map((line) => line.trim()));
    }
    this.#tell('error', { diagnostic });
    page.ports[1]?.postMessage({ type: 'show', diagnostics: [diagnostic] } satisfies ToApp);
  }

  /** What a message says, if it is what it has to be. To read one takes time too: it may be large. */
  #read<Message>(event: MessageEvent<unknown>, is: (data: unknown) => data is Message): Message | undefined {
    if (!this.#count()) return undefined;
    return this.#spend(() => {
      const { data } = event;
      return is(data) ? data : undefined;
    });
  }

  #count(weight = 1): boolean {
    this.#messages += weight;
    return this.#isWithinBounds();
  }

  /** Does what the app asks for, on its account. */
  #spend<Value>(work: () => Value): Value {
    const started = performance.now();
    try {
      return work();
    } finally {
      this.#spentMs += performance.now() - started;
      this.#isWithinBounds();
    }
  }

  /** An app that takes more than its share is stopped: this page has other things to do. */
  #isWithinBounds(): boolean {
    const now = performance.now();
    if (now - this.#since > whileMs) [this.#since, this.#messages, this.#spentMs] = [now, Math.min(this.#messages, 1), 0];
    // One large thing may be meant; many are not.
    if (this.#messages <= mostMessages && (this.#spentMs <= mostSpentMs || this.#messages < 4)) return true;
    this.#stop({ reason: previewFlooded() });
    return false;
  }

  #tell<Name extends keyof PreviewEvents>(name: Name, event: PreviewEvents[Name]): void {
    for (const listener of [...this.#listeners[name]]) listener(event);
  }
}

/** Says at once what would otherwise show as a frame that stays empty. */
function checkOrigin(origin: string): void {
  const named = origin.replace(/\/$/, '').replace('*', 'name');
  if (URL.canParse(named) && new URL(named).origin === named) return;
  throw new TypeError(`\`${origin}\` is no origin of previews. It has to be as in \`https://preview.example\` or \`https://*.preview.example\`.`);
}

function newSession(origin: string, path: string): Session {
  return { window: null, nonce: crypto.randomUUID(), isLost: false, origin, port: undefined, path, pages: [], timer: undefined, question: undefined, unanswered: 0 };
}

/** Two slashes at the start would lead to another host. */
function ownPath(path: string): string {
  return `/${path.replace(/^[/\\]+/, '')}`;
}

function shellAddress({ origin, nonce }: Session): string {
  return `${origin}/__nexxo/#${encodeURIComponent(`${nonce},${location.origin}`)}`;
}

function isHello(data: unknown): data is Hello {
  return typeof data === 'object' && data !== null && (data as Partial<Hello>).type === 'nexxo:hello' && typeof (data as Partial<Hello>).nonce === 'string' && (data as Hello).nonce !== '';
}

function isObject(data: unknown): data is Partial<FromPage> {
  return typeof data === 'object' && data !== null;
}

function found(path: string, body: Blob): Answer {
  const type = lookup(path) ?? 'application/octet-stream';
  const isText = /^(?:text\/|application\/(?:json|javascript|xml))|\+xml$|\+json$/.test(type);
  return { status: 200, headers: { ...always, 'accept-ranges': 'bytes', 'content-type': isText ? `${type}; charset=utf-8` : type }, body };
}

function html(body: string): Answer {
  return { status: 200, headers: { ...always, 'content-type': 'text/html; charset=utf-8' }, body };
}

function plain(status: number, body: string): Answer {
  return { status, headers: { ...always, 'content-type': 'text/plain; charset=utf-8' }, body };
}

const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
