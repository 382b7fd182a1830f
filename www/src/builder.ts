// This file builds the project whenever it changes. It is the only one that
// talks to the engine, and it does so as any user of the package would.

import { createNexxo, NexxoError } from 'nexxo';
import type { BuildOptions, BuildResult, Context, Dev, DevReport, Diagnostic, ExplainEvent, Nexxo, PagePort, Project, StageEvent } from 'nexxo';
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
  const engine = createNexxo();
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

export class Builder {
  readonly state = new Topic<BuildState>(nothingBuilt);
  readonly timeline = new Topic<Timeline>({ stages: [], reason: undefined, running: false });
  readonly #workspace: Workspace;
  #mode: Mode;
  #nexxo: Nexxo | undefined;
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

  constructor(workspace: Workspace, mode: Mode) {
    this.#workspace = workspace;
    this.#mode = mode;
    workspace.onChange((changes) => this.#changed(changes));
  }

  /** Builds for the first time, as soon as the engine is there. */
  async start(engine: Promise<Nexxo>): Promise<void> {
    try {
      const nexxo = await engine;
      nexxo.on('restart', () => this.#restarted());
      this.#nexxo = nexxo;
      this.#project = nexxo.createProject({ files: this.#workspace.all() });
      await this.build();
    } catch (thrown) {
      this.#report({ phase: 'stopped', diagnostics: [diagnosticOf(thrown)], ok: false });
    }
  }

  get version(): string {
    return this.#nexxo?.version ?? '';
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

  /** Builds now, for an app that starts anew. A newer call takes the place of one that still waits. */
  build(): Promise<void> {
    return this.#work(async (project, options) => {
      if (this.#mode === 'production') {
        const result = await this.#contextFor(project, options).rebuild();
        return { result, good: { result, options, page: undefined } };
      }
      const dev = this.#devFor(project, options);
      const { id, result } = await dev.open();
      if (result.ok) {
        // Its frame goes when the new one shows; until then it need not follow.
        if (this.#page !== undefined) dev.detach(this.#page);
        this.#page = id;
      }
      return { result, good: { result, options, page: id } };
    });
  }

  /** Brings the running app up to date; without one, builds. */
  async #update(): Promise<void> {
    const revision = this.#revision;
    if (this.#dev === undefined || this.#page === undefined || this.#mode === 'production' || !this.#sameOptions()) return this.build();
    const started = performance.now();
    this.#report({ phase: 'building', replaced: undefined });
    try {
      const { ok, diagnostics, reload } = await this.#dev.update();
      if (reload !== undefined) return;
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
      this.#report({ ok, diagnostics, ...(ok ? { lastGood: { result, options, page } } : {}) });
    } catch {
      // Nobody waits for it, and what is wrong the next edit tells.
    }
  }

  async #work(make: (project: Project, options: BuildOptions) => Promise<{ result: BuildResult; good: GoodBuild }>): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#project === undefined) return;
    const build = (this.#lastBuild += 1);
    const revision = this.#revision;
    const started = performance.now();
    this.#report({ phase: 'building', replaced: undefined });
    let done: Partial<BuildState>;
    try {
      const { result, good } = await make(this.#project, this.#readOptions());
      const durationMs = performance.now() - started;
      done = { diagnostics: result.diagnostics, ok: result.ok, durationMs };
      if (result.ok) done.lastGood = good;
    } catch (thrown) {
      if (thrown instanceof NexxoError && (thrown.code === 'SUPERSEDED' || thrown.code === 'CANCELLED')) return;
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
      // An app that asks for this again and again gets it no faster than a person types.
      this.#page = undefined;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.build(), debounceMs);
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
    this.#options = {
      ...own,
      transform: { ...own.transform, define },
      output: { ...own.output, minify: this.#mode === 'production' },
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
