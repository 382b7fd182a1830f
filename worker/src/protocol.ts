// This file lists every value that crosses between the engine and those who
// use it: what a build is asked for, what it gives back, and what it says on
// the way. `crates/nexxo/src/protocol.rs` lists the same in Rust, in the same
// order; a test compares the two.

/** What a build is asked for. Names and meaning follow Rolldown's and Rollup's options. */
export interface BuildOptions {
  /** The entry modules: one, several, or by chunk name. */
  input?: string | string[] | Record<string, string>;
  /** The folder that relative paths start from and module ids are relative to. Default `/`. */
  cwd?: string;
  /** Default `browser`. Sets resolve conditions, main fields and how Node's built-ins are treated. */
  platform?: Platform;
  /** `import` specifiers left as they are: exact, with one `*`, or a regular expression between slashes. */
  external?: string[];
  resolve?: ResolveOptions;
  transform?: TransformOptions;
  /** `false` keeps unused code. Default `true`. */
  treeshake?: boolean | TreeshakeOptions;
  /** What a file extension (with its dot) holds. */
  moduleTypes?: Record<string, ModuleType>;
  /** `true` finds the nearest `tsconfig.json` of each module, a path names one. Default `true`. */
  tsconfig?: boolean | string;
  /** Give missing exports the value `undefined` instead of an error. Default `false`. */
  shimMissingExports?: boolean;
  preserveEntrySignatures?: PreserveEntrySignatures;
  /** The value of `this` at the top level of a module. Default `undefined`. */
  context?: string;
  output?: OutputOptions;
  /** Which `.env.[mode]` files are read: `production`, or `development` with `dev`. With one, `import.meta.env` is the app's own, as for pages and with `dev`. */
  mode?: string;
  /** What names have to begin with to be seen by the app. Default `VITE_`. */
  envPrefix?: string | string[];
  /** Where the output is served: `/`, `/app/`, `https://cdn.example/`; `./` for relative addresses. Default `/`. */
  base?: string;
  /** Assets of up to so many bytes are part of the module that imports them. Default 4096. */
  assetsInlineLimit?: number;
  /** What else is an asset, as patterns of paths such as `**\/*.glsl`. */
  assetsInclude?: string[];
  css?: CssOptions;
  html?: HtmlOptions;
  /** Which files each entry needs, for servers: a file `manifest.json`, or another name. Default `false`. */
  manifest?: boolean | string;
  /** Which files each module needs, for servers that render: a file `ssr-manifest.json`, or another name. Default `false`. */
  ssrManifest?: boolean | string;
  /** The licences of the packages that are in the output: a file `license.md`, or another name. Default `false`. */
  license?: boolean | string;
  /** What the output is made of, as a page: a file `report.html`, or another name. Default `false`. */
  report?: boolean | string;
  /** What the output may weigh. More is an error. */
  budgets?: Budget[];
  library?: LibraryOptions;
  /** The output is for development: its modules can be replaced while it runs. */
  dev?: DevOptions;
  /** Report inputs, outputs, and who imports whom. Default `false`. */
  metafile?: boolean;
  /** Report every decision, not only the stages. Default `false`. */
  explain?: boolean;
  limits?: Limits;
}

export type Platform = 'browser' | 'node' | 'neutral';

export type ModuleType =
  | 'js'
  | 'jsx'
  | 'ts'
  | 'tsx'
  | 'json'
  | 'text'
  | 'base64'
  | 'dataurl'
  | 'binary'
  | 'empty';

export type PreserveEntrySignatures = 'strict' | 'allow-extension' | 'exports-only' | 'false';

/** Style sheets. */
export interface CssOptions {
  modules?: CssModulesOptions;
  /** By extension: `scss`, `sass`. */
  preprocessorOptions?: Record<string, PreprocessorOptions>;
  /** Say where rules were written, while one develops. Default `false`. */
  devSourcemap?: boolean;
  /** Scripts put their style sheets into the page themselves, and there are no files of them. Default `false`. */
  inject?: boolean;
}

/** How the names of modules of classes are made. */
export interface CssModulesOptions {
  /** With `[name]`, `[local]`, `[hash]` and `[content-hash]`. Default `[local]_[hash]`. */
  pattern?: string;
  /** Custom properties and other dashed names are the file's own as well. Default `false`. */
  dashedIdents?: boolean;
}

export interface PreprocessorOptions {
  /** Stands before the text of each file that a script or a page imports. */
  additionalData?: string;
}

/** Pages. */
export interface HtmlOptions {
  /** The `nonce` of all scripts and styles: what a server replaces in each answer. */
  cspNonce?: string;
  /** Give scripts and styles of the output their digests. Default `false`. */
  integrity?: boolean;
}

/** What a library has beside its scripts. */
export interface LibraryOptions {
  /** The formats that it comes in, each with names of its own. Default: `output.format`. */
  formats?: Format[];
  /** Declarations of its types, beside the scripts. Exports say their types for that. Default `true` where an entry is TypeScript. */
  declarations?: boolean;
  /** The packages of `package.json`, but for `devDependencies`, stay imports. Default `true`. */
  externalPackages?: boolean;
  /** Whether `package.json` names only files that are there. Default `true`. */
  checkExports?: boolean;
}

/** What an output may weigh. */
export interface Budget {
  kind?: BudgetKind;
  /** A pattern of the names of the files, or of the entries, that are meant. Default: all. */
  files?: string;
  /** In bytes, before compression. */
  maxSize: number;
}

/** `file`: each by itself, the default. `entry`: with the scripts and style sheets that load before it runs. `all`: all together. */
export type BudgetKind = 'file' | 'entry' | 'all';

/** How specifiers become files. Names follow oxc_resolver's and Rolldown's. */
export interface ResolveOptions {
  /** Specifier, or its first segments, to what stands for it; `false` for an empty module. */
  alias?: Record<string, string | false>;
  /** Conditions of `exports` and `imports` besides `import`/`require` and `default`. */
  conditionNames?: string[];
  extensions?: string[];
  /** `.js` to the extensions tried in its place. */
  extensionAlias?: Record<string, string[]>;
  mainFields?: string[];
  mainFiles?: string[];
  /** Folder names searched for packages. Default `node_modules`. */
  modules?: string[];
  /** Follow symbolic links to the real path. Default `true`. */
  symlinks?: boolean;
}

/** How one module's syntax is changed. */
export interface TransformOptions {
  /** `es2015` to `es2024`, `esnext`, or engines such as `chrome100`. Default `esnext`. */
  target?: string | string[];
  jsx?: 'automatic' | 'classic' | 'preserve' | JsxOptions;
  /** Global identifiers or member paths to the expression that replaces them. */
  define?: Record<string, string>;
  /** Globals to the module whose default export they are, or to `[module, export]`; `*` for all exports. */
  inject?: Record<string, string | [string, string]>;
  dropLabels?: string[];
  decorator?: DecoratorOptions;
}

export interface JsxOptions {
  runtime?: 'automatic' | 'classic';
  development?: boolean;
  importSource?: string;
  pragma?: string;
  pragmaFrag?: string;
  pure?: boolean;
}

export interface DecoratorOptions {
  legacy?: boolean;
  emitDecoratorMetadata?: boolean;
}

export interface TreeshakeOptions {
  /** `false` treats every module without used exports as free of side effects. Default `true`. */
  moduleSideEffects?: boolean;
  annotations?: boolean;
  propertyReadSideEffects?: boolean;
  unknownGlobalSideEffects?: boolean;
}

/** What the output files look like. */
export interface OutputOptions {
  /** Default `esm`. */
  format?: Format;
  /** The folder the native command writes to; part of no output byte. Default `dist`. */
  dir?: string;
  /** The global that an `iife` or `umd` entry's exports are put on. */
  name?: string;
  entryFileNames?: string;
  chunkFileNames?: string;
  assetFileNames?: string;
  /** External specifier to the global that holds it, for `iife` and `umd`. */
  globals?: Record<string, string>;
  exports?: 'auto' | 'default' | 'named' | 'none';
  banner?: string;
  footer?: string;
  intro?: string;
  outro?: string;
  /** `true` for a file beside the chunk. Default `false`. */
  sourcemap?: boolean | 'inline' | 'hidden';
  /** Leave `sourcesContent` out of source maps. Default `false`. */
  sourcemapExcludeSources?: boolean;
  /** `dce-only` removes dead code and nothing else. Default `dce-only`, and `false` with `dev`. */
  minify?: boolean | 'dce-only';
  /** `false` puts dynamic imports into their importers' chunk. Default `true`. */
  codeSplitting?: boolean | CodeSplittingOptions;
  /** Length of no hash but which characters it has. Default `base64`. */
  hashCharacters?: 'base64' | 'base36' | 'hex';
  legalComments?: 'inline' | 'none';
  keepNames?: boolean;
  esModule?: boolean | 'if-default-prop';
  extend?: boolean;
  /** One chunk per module. Default `false`. */
  preserveModules?: boolean;
  preserveModulesRoot?: string;
}

export type Format = 'esm' | 'cjs' | 'iife' | 'umd';

export interface CodeSplittingOptions {
  /** Bytes. */
  minSize?: number;
  /** Bytes. */
  maxSize?: number;
  minShareCount?: number;
  groups?: ChunkGroup[];
}

/** Modules that go to a chunk of their own. */
export interface ChunkGroup {
  name: string;
  /** Regular expression that the module's id has to match. Default: all. */
  test?: string;
  /** The highest wins. Default 0. */
  priority?: number;
  /** Bytes. */
  minSize?: number;
  /** Bytes. */
  maxSize?: number;
  minShareCount?: number;
}

/** The output is for development: its modules can be replaced while it runs. */
export interface DevOptions {
  /** React components keep their state (Fast Refresh). Default `true`; without React it costs nothing but its runtime. */
  react?: boolean;
}

/** Bounds that end in a diagnostic, not in a hang or a crash. */
export interface Limits {
  /** Milliseconds from the start of the build. Default 30,000. */
  deadlineMs?: number;
  /** Bytes of one source file. Default 32 MiB. */
  maxFileSize?: number;
  /** Levels of brackets in one source file. Default 1,000. */
  maxNesting?: number;
}

/** What a build gives back. It has errors exactly when `ok` is `false`; then `outputFiles` is empty. */
export interface BuildResult {
  ok: boolean;
  outputFiles: OutputFile[];
  diagnostics: Diagnostic[];
  metafile?: Metafile;
  stages: StageEvent[];
}

/** What the pages that run an earlier state need. It has errors exactly when `ok` is `false`; then no page is sent anything. */
export interface UpdateResult {
  ok: boolean;
  /** The files that differ from the last update, relative to `cwd`. */
  changed: string[];
  /** At most one for each page. */
  patches: Patch[];
  /** Why all pages have to load again, where that is so: no patch can do. */
  reload?: string;
  /** What the patches show by its address. */
  outputFiles: OutputFile[];
  diagnostics: Diagnostic[];
  /** Milliseconds. */
  durationMs: number;
}

/** What one page is sent. */
export interface Patch {
  page: string;
  /** From 1, for each page. A page that misses one has to load again. */
  seq: number;
  /** The modules that changed. */
  changedIds: string[];
  /** The modules whose code it has: those, and what may have to run again with them. */
  moduleIds: string[];
  /** An ES module. It registers what it has, and runs nothing of it. */
  code: string;
  /** JSON text of the source map. */
  map?: string;
}

/** A file of the output. */
export interface OutputFile {
  type: 'chunk' | 'asset' | 'sourcemap';
  /** Relative to the output folder, `/`-separated. */
  fileName: string;
  contents: Uint8Array;
  /** The chunk's name, before patterns and hash. */
  name?: string;
  isEntry: boolean;
  isDynamicEntry: boolean;
  /** The module whose exports an entry chunk has. */
  facadeModuleId?: string;
  /** File names of the chunks this one imports. */
  imports: string[];
  dynamicImports: string[];
  exports: string[];
  /** In the order of execution. */
  moduleIds: string[];
  /** The style sheets that a page needs with a chunk and those that it imports, in their order. */
  styles: string[];
}

/** What went wrong or deserves a look, where, and what to do about it. */
export interface Diagnostic {
  /** Stable, upper case, such as `UNRESOLVED_IMPORT`. `docs/diagnostics.md` lists them. */
  code: string;
  severity: Severity;
  /** One sentence. */
  message: string;
  /** Module id: relative to `cwd`, `/`-separated. */
  file?: string;
  range?: Range;
  /** The lines around the range with the place marked, plain text. */
  frame?: string;
  /** What to do next. */
  hint?: string;
  notes: string[];
}

export type Severity = 'error' | 'warning' | 'info';

export interface Range {
  start: Position;
  end: Position;
}

export interface Position {
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 code units, as editors count. */
  column: number;
  /** From 0, in UTF-16 code units from the start of the file. */
  offset: number;
}

/** Inputs, outputs, and who imports whom. The shape is esbuild's, so that its analysers read it. */
export interface Metafile {
  inputs: Record<string, MetafileInput>;
  outputs: Record<string, MetafileOutput>;
}

export interface MetafileInput {
  bytes: number;
  imports: MetafileImport[];
  format?: 'esm' | 'cjs';
}

export interface MetafileOutput {
  bytes: number;
  inputs: Record<string, MetafileContribution>;
  imports: MetafileImport[];
  exports: string[];
  entryPoint?: string;
}

export interface MetafileContribution {
  bytesInOutput: number;
}

export interface MetafileImport {
  path: string;
  kind: ImportKind;
  external?: boolean;
  /** The specifier as written. */
  original?: string;
}

export type ImportKind =
  | 'import-statement'
  | 'dynamic-import'
  | 'require-call'
  | 'new-url'
  | 'import-rule'
  | 'url-token'
  | 'hot-accept';

/** What a build says on the way, in order. */
export type ExplainEvent =
  | StageEvent
  | ResolveEvent
  | ModuleEvent
  | ChunkEvent
  | RebuildEvent
  | CacheEvent;

/** A stage is done. */
export interface StageEvent {
  type: 'stage';
  stage: Stage;
  /** Milliseconds. The one thing that differs from run to run. */
  durationMs: number;
  /** What the stage made, by name: `modules`, `chunks`, `bytes`, … */
  counts: Record<string, number>;
}

export type Stage = 'init' | 'graph' | 'plan' | 'check' | 'execute' | 'emit';

/** Where a specifier led. */
export interface ResolveEvent {
  type: 'resolve';
  importer: string;
  specifier: string;
  kind: ImportKind;
  /** Module id; absent where the import is external or unresolved. */
  id?: string;
  external: boolean;
}

/** Why a module is in the graph or was processed again. */
export interface ModuleEvent {
  type: 'module';
  id: string;
  reason: ModuleReason;
  /** The first importer, in the order of execution. */
  importer?: string;
}

export type ModuleReason = 'entry' | 'imported' | 'dynamically-imported' | 'changed';

/** Why a chunk exists. */
export interface ChunkEvent {
  type: 'chunk';
  fileName: string;
  reason: ChunkReason;
  modules: number;
  bytes: number;
}

export type ChunkReason = 'entry' | 'dynamic-entry' | 'shared' | 'group';

/** How much of the graph a rebuild read again, and why. */
export interface RebuildEvent {
  type: 'rebuild';
  scope: 'full' | 'partial' | 'none';
  reason: string;
  changed: string[];
}

/** What a search in the cache came to. */
export interface CacheEvent {
  type: 'cache';
  outcome: CacheOutcome;
  /** Why it was no hit. */
  reason?: string;
  /** What was read of the cache. */
  bytes: number;
  /** What the build took that the result is of, less the search where that is known. */
  savedMs: number;
}

export type CacheOutcome = 'hit' | 'miss' | 'off';

/** What one file is transformed with. */
export interface TransformRequest {
  /** Says what the code holds, by its extension, and names it in diagnostics. Default `input.tsx`. */
  fileName?: string;
  moduleType?: ModuleType;
  transform?: TransformOptions;
  sourcemap?: boolean;
  minify?: boolean;
}

/** One transformed file. It has errors exactly when `ok` is `false`; then `code` is empty. */
export interface TransformResult {
  ok: boolean;
  code: string;
  /** JSON text of the source map. */
  map?: string;
  diagnostics: Diagnostic[];
}

// ---------------------------------------------------------------------------
// Messages between the page's side and the worker. They exist in TypeScript
// only: the worker takes them apart before it calls the engine.

/**
 * From the page to the worker, handled in order. Every one with an `id`, but
 * for `cancel`, which names another's, is answered by `settled`.
 */
export type ToWorker =
  | { type: 'start'; id: number; wasm?: string | WebAssembly.Module | ArrayBuffer; webWasm?: string; cache?: CacheSettings }
  | { type: 'open'; project: number }
  | { type: 'write'; project: number; files: [path: string, contents: Uint8Array | string][] }
  | { type: 'remove'; project: number; paths: string[] }
  | { type: 'close'; project: number }
  | { type: 'build'; id: number; project: number; options: BuildOptions; hooks: HookDeclaration[]; cache: boolean; events: boolean }
  | { type: 'context'; id: number; project: number; context: number; options: BuildOptions; hooks: HookDeclaration[]; cache: boolean }
  | { type: 'rebuild'; id: number; project: number; context: number; events: boolean }
  | { type: 'update'; id: number; project: number; context: number }
  | { type: 'factories'; id: number; project: number; context: number; page: string; modules: string[] }
  | { type: 'connect'; project: number; context: number; page: string }
  | { type: 'disconnect'; project: number; context: number; page: string }
  | { type: 'forget'; project: number; context: number }
  | { type: 'transform'; id: number; code: string; request: TransformRequest }
  | { type: 'cancel'; id: number }
  | { type: 'hook-done'; call: number; ok: true; value: unknown }
  | { type: 'hook-done'; call: number; ok: false; message: string }
  | { type: 'ping'; id: number }
  | { type: 'care'; id: number; action: CareAction }
  | { type: 'fault'; id: number; kind: FaultKind };

/** From the worker to the page. */
export type FromWorker =
  /** The engine works on it from now on: its deadline counts from here. */
  | { type: 'began'; id: number }
  /** Where it `goesOn`, the engine is not through with it, and says so by another one. */
  | { type: 'settled'; id: number; ok: true; value: unknown; goesOn?: boolean }
  | { type: 'settled'; id: number; ok: false; diagnostic: Diagnostic }
  | { type: 'events'; id: number; events: ExplainEvent[] }
  /** `id` is that of the `build` or `context` that declared the plugin. */
  | { type: 'hook'; call: number; id: number; plugin: number; hook: HookName; args: unknown[] }
  /** The instance is broken. It is the last message of its worker. */
  | { type: 'trapped'; kind: 'trap' | 'memory' | 'stack'; message: string };

/** How results are kept between visits. */
export interface CacheSettings {
  maxBytes: number;
  /** Whether builds are asked for before the engine is there: then the cache is asked before the engine is compiled. */
  comesFirst: boolean;
  /** Where an archive is that is taken over on a first visit. */
  seed?: string;
}

/** What is done about what is kept. */
export type CareAction =
  | { do: 'stat' | 'verify' | 'clear' | 'export' }
  | { do: 'gc'; maxBytes: number }
  | { do: 'import'; archive: Uint8Array };

/** What is kept between visits, and what came of it since the worker was started. */
export interface CacheStat {
  /** Whether there is a place for it: none under Node, in a page that is not secure, and with `cache: false`. */
  isKept: boolean;
  bytes: number;
  maxBytes: number;
  /** `ways` lead to results, `contents` are those of output files. */
  families: { name: 'ways' | 'contents'; records: number; bytes: number }[];
  hits: number;
  misses: number;
  /** What the builds took whose results were found, less the searches, in milliseconds. */
  savedMs: number;
}

/** What `start` is answered with: the compiled module, where it can be sent. */
export interface Started {
  version: string;
  module?: WebAssembly.Module;
}

/** What `ping` is answered with. */
export interface Pong {
  /** Bytes of the engine's memory. It grows with need and shrinks only with a new worker. */
  memoryBytes: number;
}

/** The ways in which tests break an instance. */
export type FaultKind = 'trap' | 'memory' | 'hang';

export type HookName = 'resolveId' | 'load' | 'transform';

/** A plugin as the worker needs to know it: which hooks it has, and for which ids they are called. */
export interface HookDeclaration {
  name: string;
  hooks: { hook: HookName; filter?: string }[];
}

// ---------------------------------------------------------------------------
// Messages between the client of hot module replacement, which runs in the app,
// and whoever has the engine. They too exist in TypeScript only.

/** To the app. */
export type ToPage =
  | { type: 'update'; seq: number; changed: string[]; code: string; files: string[] }
  | { type: 'factories'; request: number; code: string }
  | { type: 'reload'; reason: string }
  | { type: 'error'; diagnostics: Diagnostic[] }
  /** Files that the page may show by their address, as paths from the root of its origin. */
  | { type: 'assets'; paths: string[] }
  | { type: 'custom'; event: string; data: unknown };

/** From the app. */
export type FromPage =
  | { type: 'hello' }
  | { type: 'factories'; request: number; modules: string[] }
  | { type: 'updated'; seq: number; files: string[]; boundaries: Boundary[]; replaced: string[] }
  | { type: 'reloading'; reason: string }
  | { type: 'custom'; event: string; data: unknown };

/** Where a change ends: `accepted` is the module that is run again there. */
export interface Boundary {
  module: string;
  accepted: string;
}
