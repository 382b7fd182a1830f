// This file builds the project whenever it changes. It is the only one that
// talks to the engine, and it does so as any user of the package would.

import { createNexxo, NexxoError } from 'nexxo';
import type { BuildOptions, BuildResult, Context, Dev, DevReport, Diagnostic, ExplainEvent, Nexxo, PagePort, Project, StageEvent } from 'nexxo';
import type { PreviewSource } from 'nexxo/preview';
import { Topic } from './topic.ts';
import type { Change, Workspace } from './workspace.ts';

export type Mode = 'development' | 'production';

/** Where the build is, for the status line and everyone who shows a result. */
export interface BuildState {
  phase: 'initializing' | 'building' | 'done' | 'stopped';
  /** Of the last build that ended. */
  diagnostics: Diagnostic[];
  /** The last build that had no errors, which is what the preview shows. */
  lastGood: GoodBuild | undefined;
  /** Whether the last build had no errors. */
  ok: boolean;
  /** From the edit's arrival at the engine to the result. */
  durationMs: number;
  /** Whether no file changed since the last build began, so that its ranges fit the text. */
  current: boolean;
  /** Whether the engine stopped and was replaced since the last change. */
  restarted: boolean;
  /** What the last change came to in the running app, where its modules were replaced. */
  replaced: Replaced | undefined;
}

export interface GoodBuild {
  result: BuildResult;
  options: BuildOptions;
  /** The page that is to run it, in a development build. Where it is the one that runs already, it stays as it is. */
  page: string | undefined;
  /** Whether a page that loads asked for it, and so has it. */
  wasAskedFor: boolean;
}

/** What a page that loads is given. */
interface Opened {
  id?: string;
  result: BuildResult;
}

export interface Replaced {
  modules: number;
  /** The modules that took the change on. */
  boundaries: string[];
}

/** The stages of the build that runs, or ran last, as they come in. */
export interface Timeline {
  stages: StageEvent[];
  /** Why files were read again, where the engine says so. */
  reason: string | undefined;
  running: boolean;
}

/** Starts the engine, which is fetched and compiled while the page does other things. */
export function startEngine(): Promise<Nexxo> {
  // What was built on an earlier visit is there before the engine is.
  const engine = createNexxo({ wait: false });
  // Whoever waits for it hears of a failure; nobody may be waiting yet.
  engine.catch(() => {});
  return engine;
}

const configPath = 'nexxo.config.json';

/** Long enough for a burst of keys, short enough not to be noticed. */
const debounceMs = 60;
/** Modules are replaced at once; the whole output is of interest when the typing stops. */
const outputDebounceMs = 600;

const nothingBuilt: BuildState = {
  phase: 'initializing',
  diagnostics: [],
  lastGood: undefined,
  ok: true,
  durationMs: 0,
  current: false,
  restarted: false,
  replaced: undefined,
};

export class Builder implements PreviewSource {
  readonly state = new Topic<BuildState>(nothingBuilt);
  readonly timeline = new Topic<Timeline>({ stages: [], reason: undefined, running: false });
  /** The engine's; empty until it is there. */
  readonly version = new Topic('');
  readonly #workspace: Workspace;
  #mode: Mode;
  #project: Project | undefined;
  /** Kept as long as the options are the same, because it knows what was built before. */
  #context: Context | undefined;
  /** The same for development: it keeps the app running while its modules are replaced. */
  #dev: Dev | undefined;
  #page: string | undefined;
  #options: BuildOptions = {};
  #optionsText = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts the changes; a result fits the files when none came after it was asked for. */
  #revision = 0;
  #lastBuild = 0;
  /** The last build for a page, until a page takes it. */
  #ready: { opened: Opened; revision: number } | undefined;
  /** Pages that wait for a build. */
  #asked = 0;
  readonly #updateListeners = new Set<(paths: string[]) => void>();
  #begin: () => void = () => {};
  readonly #begun = new Promise<void>((resolve) => (this.#begin = resolve));

  constructor(workspace: Workspace, mode: Mode) {
    this.#workspace = workspace;
    this.#mode = mode;
    workspace.onChange((changes) => this.#changed(changes));
  }

  /** Builds for the first time, as soon as the engine is there. */
  async start(engine: Promise<Nexxo>): Promise<void> {
    try {
      const nexxo = await engine;
      const stopped = (thrown: unknown): void => {
        this.#project = undefined;
        this.#report({ phase: 'stopped', diagnostics: [diagnosticOf(thrown)], ok: false });
      };
      nexxo.ready.then(() => (this.version.value = nexxo.version), stopped);
      nexxo.on('restart', () => this.#restarted());
      this.#project = nexxo.createProject({ files: this.#workspace.all() });
      await this.build();
    } catch (thrown) {
      this.#report({ phase: 'stopped', diagnostics: [diagnosticOf(thrown)], ok: false });
    }
    this.#begin();
  }

  set mode(mode: Mode) {
    this.#mode = mode;
    this.#report({ restarted: false });
    void this.build();
  }

  /** Connects the frame in which a page of a development build runs. */
  attach(page: string, port: PagePort): void {
    this.#dev?.attach(page, port);
  }

  /** Forgets the page of a frame that is gone. */
  detach(page: string): void {
    this.#dev?.detach(page);
    if (page === this.#page) this.#page = undefined;
  }

  /** What a page that loads is to run: the last build where it is of now, or one that is made for it. */
  async open(): Promise<Opened> {
    this.#asked += 1;
    try {
      await this.#begun;
      const ready = this.#ready;
      this.#ready = undefined;
      if (ready !== undefined && ready.revision === this.#revision) return ready.opened;
      await this.build();
      // Where a newer build took its place, that is the one to wait for.
      if (this.#ready === undefined) await this.#settled();
      const made = this.#ready as { opened: Opened } | undefined;
      this.#ready = undefined;
      if (made === undefined) throw new Error('There is no build for this page.');
      return made.opened;
    } finally {
      this.#asked -= 1;
    }
  }

  /** Tells of changed files that running pages were not loaded again for. */
  onUpdate(listener: (paths: string[]) => void): void {
    this.#updateListeners.add(listener);
  }

  /** Builds now, for an app that starts anew. A newer call takes the place of one that still waits. */
  build(): Promise<void> {
    return this.#work(async (project, options) => {
      if (this.#mode === 'production') return { result: await this.#contextFor(project, options).rebuild() };
      const { id, result } = await this.#devFor(project, options).open();
      if (!result.ok) return { result };
      this.#page = id;
      return { id, result };
    });
  }

  /** Brings the running app up to date; without one, builds. */
  async #update(): Promise<void> {
    const revision = this.#revision;
    if (this.#dev === undefined || this.#page === undefined || this.#mode === 'production' || !this.#sameOptions()) return this.build();
    const started = performance.now();
    this.#report({ phase: 'building', replaced: undefined });
    try {
      const { ok, diagnostics, reload, changed } = await this.#dev.update();
      // The pages load again by themselves, and then ask for their build.
      if (reload !== undefined) return;
      if (ok) for (const listener of this.#updateListeners) listener(changed);
      this.#report({ phase: 'done', ok, diagnostics, durationMs: performance.now() - started, current: revision === this.#revision });
    } catch (thrown) {
      this.#report({ phase: 'done', ok: false, diagnostics: [diagnosticOf(thrown)], current: revision === this.#revision });
    }
    // A newer change has set the timer for itself.
    if (revision === this.#revision) this.#timer = setTimeout(() => void this.#refresh(), outputDebounceMs);
  }

  /** The whole output again, beside an app that is up to date already. */
  async #refresh(): Promise<void> {
    const [dev, page, revision] = [this.#dev, this.#page, this.#revision];
    if (dev === undefined || page === undefined) return;
    try {
      const options = this.#readOptions();
      const result = await dev.build();
      if (page !== this.#page || revision !== this.#revision) return;
      const { ok, diagnostics } = result;
      this.#report({ ok, diagnostics, ...(ok ? { lastGood: { result, options, page, wasAskedFor: false } } : {}) });
    } catch {
      // Nobody waits for it, and what is wrong the next edit tells.
    }
  }

  async #work(make: (project: Project, options: BuildOptions) => Promise<Opened>): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#project === undefined) return;
    const build = (this.#lastBuild += 1);
    const revision = this.#revision;
    const started = performance.now();
    this.#report({ phase: 'building', replaced: undefined });
    let done: Partial<BuildState>;
    try {
      const options = this.#readOptions();
      const opened = await make(this.#project, options);
      const { id: page, result } = opened;
      const durationMs = performance.now() - started;
      this.#ready = { opened, revision };
      done = { diagnostics: result.diagnostics, ok: result.ok, durationMs };
      if (result.ok) done.lastGood = { result, options, page, wasAskedFor: this.#asked > 0 };
    } catch (thrown) {
      if (thrown instanceof NexxoError && (thrown.code === 'SUPERSEDED' || thrown.code === 'CANCELLED')) return;
      // That there is no engine was said.
      if (this.state.value.phase === 'stopped') return;
      done = { diagnostics: [diagnosticOf(thrown)], ok: false, durationMs: performance.now() - started };
    }
    this.#report({
      ...done,
      // A newer build may run already. Its predecessor's result is shown all the same: it is the newest there is.
      phase: build === this.#lastBuild ? 'done' : 'building',
      current: revision === this.#revision,
    });
    if (build === this.#lastBuild) this.timeline.value = { ...this.timeline.value, running: false };
  }

  /** Resolves when no build runs. */
  #settled(): Promise<void> {
    return new Promise((resolve) => {
      const end = this.state.watch(({ phase }) => {
        if (phase !== 'done' && phase !== 'stopped') return;
        // The first call comes before there is anything to end.
        queueMicrotask(() => end());
        resolve();
      });
    });
  }

  #changed(changes: Change[]): void {
    this.#revision += 1;
    if (this.state.value.restarted) this.#report({ restarted: false });
    for (const { path, contents } of changes) {
      // A rename may turn a file into a folder: what is gone makes room first.
      if (contents === undefined) this.#project?.remove(path);
    }
    for (const { path, contents } of changes) {
      if (contents !== undefined) this.#project?.write(path, contents);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#update(), debounceMs);
  }

  #heard(report: DevReport): void {
    if (report.type === 'updated') {
      const boundaries = [...new Set(report.boundaries.map(({ module }) => module))];
      this.#report({ replaced: { modules: report.replaced.length, boundaries } });
    } else if (report.type === 'reload' && report.page === this.#page) {
      // It asks for its build when it is there again.
      this.#page = undefined;
    }
  }

  #restarted(): void {
    // A build under way is rejected with the reason, and might well break the new instance too.
    // Without one the engine broke by itself: the new instance shows whether it is well again.
    const idle = this.state.value.phase !== 'building';
    this.#page = undefined;
    this.#report({ restarted: true });
    if (idle) void this.build();
  }

  #report(changes: Partial<BuildState>): void {
    this.state.value = { ...this.state.value, ...changes };
  }

  #contextFor(project: Project, options: BuildOptions): Context {
    this.#forgetOther(options);
    this.#context ??= project.context(options, { onEvent: (event) => this.#hear(event) });
    return this.#context;
  }

  #devFor(project: Project, options: BuildOptions): Dev {
    this.#forgetOther(options);
    if (this.#dev === undefined) {
      this.#dev = project.dev(options, { onEvent: (event) => this.#hear(event) });
      this.#dev.on('report', (report) => this.#heard(report));
    }
    return this.#dev;
  }

  #sameOptions(): boolean {
    try {
      return JSON.stringify(this.#readOptions()) === this.#optionsText;
    } catch {
      // What is wrong with them, the build tells.
      return false;
    }
  }

  /** Disposes of what was made for other options. */
  #forgetOther(options: BuildOptions): void {
    const text = JSON.stringify(options);
    if (text === this.#optionsText) return;
    this.#context?.dispose();
    this.#dev?.dispose();
    this.#context = this.#dev = this.#page = undefined;
    this.#optionsText = text;
  }

  /** The project's own options, with the defines and the minifier of the chosen mode. */
  #readOptions(): BuildOptions {
    const text = this.#workspace.read(configPath);
    if (text === undefined) throw new NexxoError(configMissing());
    let own: BuildOptions;
    try {
      own = JSON.parse(text) as BuildOptions;
    } catch (thrown) {
      throw new NexxoError(configUnreadable(text, thrown));
    }
    const define = { ...own.transform?.define, 'process.env.NODE_ENV': JSON.stringify(this.#mode) };
    const isDevelopment = this.#mode === 'development';
    this.#options = {
      ...own,
      transform: { ...own.transform, define },
      // Errors of the app are shown where they are in the sources.
      output: { ...own.output, minify: !isDevelopment, ...(isDevelopment ? { sourcemap: true } : {}) },
    };
    return this.#options;
  }

  #hear(event: ExplainEvent): void {
    const { stages, reason } = this.timeline.value;
    if (event.type === 'stage') {
      const fresh = event.stage === 'init';
      this.timeline.value = {
        stages: fresh ? [event] : [...stages, event],
        reason: fresh ? undefined : reason,
        running: event.stage !== 'emit',
      };
    } else if (event.type === 'rebuild') {
      this.timeline.value = { ...this.timeline.value, reason: event.reason };
    }
  }
}

function diagnosticOf(thrown: unknown): Diagnostic {
  if (thrown instanceof NexxoError) return thrown.diagnostic;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'INTERNAL', severity: 'error', message, hint: 'Reload the page.', notes: [] };
}

function configMissing(): Diagnostic {
  return {
    code: 'CONFIG_MISSING',
    severity: 'error',
    message: `The project has no \`${configPath}\`.`,
    hint: `Create it with at least \`{ "input": "src/main.tsx" }\`, or reset the project.`,
    notes: [],
  };
}

function configUnreadable(text: string, thrown: unknown): Diagnostic {
  const problem = thrown instanceof Error ? thrown.message : String(thrown);
  const diagnostic: Diagnostic = {
    code: 'INVALID_JSON',
    severity: 'error',
    message: `\`${configPath}\` is no valid JSON.`,
    file: configPath,
    hint: 'Look for a missing comma or quote at this place.',
    notes: [problem],
  };
  const at = /position (\d+)/.exec(problem)?.[1];
  const offset = at === undefined ? text.length : Math.min(Number(at), text.length);
  const before = text.slice(0, offset).split('\n');
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, offset };
  return { ...diagnostic, range: { start: place, end: place } };
}
