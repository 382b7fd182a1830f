//! Every value that crosses between the engine and those who use it: what a
//! build is asked for, what it gives back, and what it says on the way.
//!
//! `worker/src/protocol.ts` lists the same in TypeScript, in the same order,
//! with the documentation of each field; a test compares the two. Options are
//! read here and nowhere else, whether they come from a page, a configuration
//! file or a flag, so that one mistake has one message.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::cache::{Word, maybe_word, word};

/// What a build is asked for. Names and meaning follow Rolldown's and Rollup's options.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BuildOptions {
  pub input: Option<Input>,
  pub cwd: Option<String>,
  pub platform: Option<Platform>,
  pub external: Option<Vec<String>>,
  pub resolve: Option<ResolveOptions>,
  pub transform: Option<TransformOptions>,
  pub treeshake: Option<Treeshake>,
  pub module_types: Option<IndexMap<String, ModuleType>>,
  pub tsconfig: Option<Tsconfig>,
  pub shim_missing_exports: Option<bool>,
  pub preserve_entry_signatures: Option<PreserveEntrySignatures>,
  pub context: Option<String>,
  pub output: Option<OutputOptions>,
  /// Which `.env.[mode]` files are read. With one, `import.meta.env` is the app's own, as for pages and
  /// while one develops.
  pub mode: Option<String>,
  /// What names have to begin with to be seen by the app. Default `VITE_`.
  pub env_prefix: Option<EnvPrefix>,
  /// Where the output is served: `/`, `/app/`, `https://cdn.example/`; `./` for relative addresses.
  pub base: Option<String>,
  /// Assets of up to so many bytes are part of the module that imports them.
  pub assets_inline_limit: Option<u64>,
  /// What else is an asset, as patterns of paths: `**/*.glsl`.
  pub assets_include: Option<Vec<String>>,
  pub css: Option<CssOptions>,
  pub html: Option<HtmlOptions>,
  /// What files each entry needs, for servers: `manifest.json`, or a name.
  pub manifest: Option<NamedFile>,
  /// What files each module needs, for servers that render: `ssr-manifest.json`, or a name.
  pub ssr_manifest: Option<NamedFile>,
  /// The licences of the packages in the output: `license.md`, or a name.
  pub license: Option<NamedFile>,
  /// What the output is made of, as a page: `report.html`, or a name.
  pub report: Option<NamedFile>,
  pub budgets: Option<Vec<Budget>>,
  pub library: Option<LibraryOptions>,
  pub dev: Option<DevOptions>,
  pub metafile: Option<bool>,
  pub explain: Option<bool>,
  pub limits: Option<Limits>,
}

/// The entry modules: one, several, or by chunk name.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
  One(String),
  Many(Vec<String>),
  Named(IndexMap<String, String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
  Browser,
  Node,
  Neutral,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleType {
  Js,
  Jsx,
  Ts,
  Tsx,
  Json,
  Text,
  Base64,
  Dataurl,
  Binary,
  Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreserveEntrySignatures {
  Strict,
  AllowExtension,
  ExportsOnly,
  False,
}

/// `true` finds the nearest `tsconfig.json` of each module, a path names one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected true, false or a path")]
pub enum Tsconfig {
  Auto(bool),
  Path(String),
}

/// `true` for the usual name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected true, false or a name")]
pub enum NamedFile {
  Enabled(bool),
  Name(String),
}

/// Style sheets.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CssOptions {
  pub modules: Option<CssModulesOptions>,
  pub preprocessor_options: Option<IndexMap<String, PreprocessorOptions>>,
  pub dev_sourcemap: Option<bool>,
  /// Scripts put their style sheets into the page themselves.
  pub inject: Option<bool>,
}

/// How names of modules of classes are made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CssModulesOptions {
  pub pattern: Option<String>,
  pub dashed_idents: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PreprocessorOptions {
  pub additional_data: Option<String>,
}

/// Pages.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HtmlOptions {
  pub csp_nonce: Option<String>,
  pub integrity: Option<bool>,
}

/// What a library has beside its scripts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LibraryOptions {
  pub formats: Option<Vec<Format>>,
  pub declarations: Option<bool>,
  pub external_packages: Option<bool>,
  pub check_exports: Option<bool>,
}

/// What an output may weigh.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Budget {
  pub kind: Option<BudgetKind>,
  pub files: Option<String>,
  pub max_size: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetKind {
  /// Each file by itself.
  #[default]
  File,
  /// Each entry, with the scripts and style sheets that it loads before it runs.
  Entry,
  /// All files together.
  All,
}

/// How specifiers become files.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResolveOptions {
  pub alias: Option<IndexMap<String, Alias>>,
  pub condition_names: Option<Vec<String>>,
  pub extensions: Option<Vec<String>>,
  pub extension_alias: Option<IndexMap<String, Vec<String>>>,
  pub main_fields: Option<Vec<String>>,
  pub main_files: Option<Vec<String>>,
  pub modules: Option<Vec<String>>,
  pub symlinks: Option<bool>,
}

/// What stands for a specifier; `false` for an empty module.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a specifier or false")]
pub enum Alias {
  To(String),
  Ignore(bool),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a prefix, or a list of them")]
pub enum EnvPrefix {
  One(String),
  Many(Vec<String>),
}

/// How one module's syntax is changed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TransformOptions {
  pub target: Option<Target>,
  pub jsx: Option<Jsx>,
  pub define: Option<IndexMap<String, String>>,
  pub inject: Option<IndexMap<String, Inject>>,
  pub drop_labels: Option<Vec<String>>,
  pub decorator: Option<DecoratorOptions>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a target such as \"es2020\", or a list of them")]
pub enum Target {
  One(String),
  Many(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Jsx {
  Mode(JsxMode),
  Options(JsxOptions),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsxMode {
  Automatic,
  Classic,
  Preserve,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a module, or [module, export]")]
pub enum Inject {
  Default(String),
  Named([String; 2]),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JsxOptions {
  pub runtime: Option<JsxRuntime>,
  pub development: Option<bool>,
  pub import_source: Option<String>,
  pub pragma: Option<String>,
  pub pragma_frag: Option<String>,
  pub pure: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsxRuntime {
  Automatic,
  Classic,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DecoratorOptions {
  pub legacy: Option<bool>,
  pub emit_decorator_metadata: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Treeshake {
  Enabled(bool),
  Options(TreeshakeOptions),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TreeshakeOptions {
  pub module_side_effects: Option<bool>,
  pub annotations: Option<bool>,
  pub property_read_side_effects: Option<bool>,
  pub unknown_global_side_effects: Option<bool>,
}

/// What the output files look like.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OutputOptions {
  pub format: Option<Format>,
  pub dir: Option<String>,
  pub name: Option<String>,
  pub entry_file_names: Option<String>,
  pub chunk_file_names: Option<String>,
  pub asset_file_names: Option<String>,
  pub globals: Option<IndexMap<String, String>>,
  pub exports: Option<Exports>,
  pub banner: Option<String>,
  pub footer: Option<String>,
  pub intro: Option<String>,
  pub outro: Option<String>,
  pub sourcemap: Option<Sourcemap>,
  pub sourcemap_exclude_sources: Option<bool>,
  pub minify: Option<Minify>,
  pub code_splitting: Option<CodeSplitting>,
  pub hash_characters: Option<HashCharacters>,
  pub legal_comments: Option<LegalComments>,
  pub keep_names: Option<bool>,
  pub es_module: Option<EsModule>,
  pub extend: Option<bool>,
  pub preserve_modules: Option<bool>,
  pub preserve_modules_root: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
  /// `es` is Rollup's name for it.
  #[default]
  #[serde(alias = "es")]
  Esm,
  Cjs,
  Iife,
  Umd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exports {
  Auto,
  Default,
  Named,
  None,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected true, false, \"inline\" or \"hidden\"")]
pub enum Sourcemap {
  Enabled(bool),
  Kind(SourcemapKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourcemapKind {
  Inline,
  Hidden,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"dce-only\"")]
pub enum Minify {
  Enabled(bool),
  Kind(MinifyKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MinifyKind {
  DceOnly,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CodeSplitting {
  Enabled(bool),
  Options(CodeSplittingOptions),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashCharacters {
  Base64,
  Base36,
  Hex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LegalComments {
  Inline,
  None,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"if-default-prop\"")]
pub enum EsModule {
  Enabled(bool),
  Kind(EsModuleKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EsModuleKind {
  IfDefaultProp,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CodeSplittingOptions {
  pub min_size: Option<f64>,
  pub max_size: Option<f64>,
  pub min_share_count: Option<u32>,
  pub groups: Option<Vec<ChunkGroup>>,
}

/// Modules that go to a chunk of their own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkGroup {
  pub name: String,
  pub test: Option<String>,
  pub priority: Option<u32>,
  pub min_size: Option<f64>,
  pub max_size: Option<f64>,
  pub min_share_count: Option<u32>,
}

/// The output is for development: its modules can be replaced while it runs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DevOptions {
  pub react: Option<bool>,
}

/// Bounds that end in a diagnostic, not in a hang or a crash.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
  pub deadline_ms: Option<u64>,
  pub max_file_size: Option<u64>,
  pub max_nesting: Option<u32>,
}

/// What a build gives back. It has errors exactly when `ok` is `false`; then `output_files` is empty.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildResult {
  pub ok: bool,
  pub output_files: Vec<OutputFile>,
  pub diagnostics: Vec<Diagnostic>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub metafile: Option<Metafile>,
  pub stages: Vec<StageEvent>,
}

/// What the pages that run an earlier state need. It has errors exactly when `ok` is `false`; then no page is sent anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateResult {
  pub ok: bool,
  pub changed: Vec<String>,
  pub patches: Vec<Patch>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub reload: Option<String>,
  /// What the patches show by its address.
  pub output_files: Vec<OutputFile>,
  pub diagnostics: Vec<Diagnostic>,
  pub duration_ms: f64,
}

/// What one page is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
  pub page: String,
  pub seq: u32,
  pub changed_ids: Vec<String>,
  pub module_ids: Vec<String>,
  pub code: String,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub map: Option<String>,
}

/// A file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputFile {
  #[serde(rename = "type")]
  pub kind: OutputKind,
  pub file_name: String,
  #[serde(with = "serde_bytes")]
  pub contents: Vec<u8>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub name: Option<String>,
  pub is_entry: bool,
  pub is_dynamic_entry: bool,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub facade_module_id: Option<String>,
  pub imports: Vec<String>,
  pub dynamic_imports: Vec<String>,
  pub exports: Vec<String>,
  pub module_ids: Vec<String>,
  /// The style sheets that a page needs with a chunk and those that it imports, in their order.
  #[serde(default)]
  pub styles: Vec<String>,
}

impl OutputFile {
  /// A file that is no chunk.
  pub fn asset(file_name: String, contents: Vec<u8>) -> Self {
    Self {
      kind: OutputKind::Asset,
      file_name,
      contents,
      name: None,
      is_entry: false,
      is_dynamic_entry: false,
      facade_module_id: None,
      imports: Vec::new(),
      dynamic_imports: Vec::new(),
      exports: Vec::new(),
      module_ids: Vec::new(),
      styles: Vec::new(),
    }
  }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
  Chunk,
  Asset,
  Sourcemap,
}

/// What went wrong or deserves a look, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
  #[serde(deserialize_with = "word")]
  pub code: Word,
  pub severity: Severity,
  pub message: String,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub file: Option<String>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub range: Option<Range>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub frame: Option<String>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub hint: Option<String>,
  pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
  Error,
  Warning,
  Info,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
  pub start: Position,
  pub end: Position,
}

/// `line` and `column` from 1, `offset` from 0, all in UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
  pub line: u32,
  pub column: u32,
  pub offset: u32,
}

/// Inputs, outputs, and who imports whom. The shape is esbuild's, so that its analysers read it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metafile {
  pub inputs: IndexMap<String, MetafileInput>,
  pub outputs: IndexMap<String, MetafileOutput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetafileInput {
  pub bytes: usize,
  pub imports: Vec<MetafileImport>,
  #[serde(default, deserialize_with = "maybe_word", skip_serializing_if = "Option::is_none")]
  pub format: Option<Word>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetafileOutput {
  pub bytes: usize,
  pub inputs: IndexMap<String, MetafileContribution>,
  pub imports: Vec<MetafileImport>,
  pub exports: Vec<String>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub entry_point: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetafileContribution {
  pub bytes_in_output: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetafileImport {
  pub path: String,
  pub kind: ImportKind,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub external: Option<bool>,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub original: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportKind {
  ImportStatement,
  DynamicImport,
  RequireCall,
  NewUrl,
  ImportRule,
  UrlToken,
  HotAccept,
}

/// What a build says on the way, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExplainEvent {
  Stage(StageEvent),
  Resolve(ResolveEvent),
  Module(ModuleEvent),
  Chunk(ChunkEvent),
  Rebuild(RebuildEvent),
  Cache(CacheEvent),
}

/// A stage is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "stage", rename_all = "camelCase")]
pub struct StageEvent {
  pub stage: Stage,
  pub duration_ms: f64,
  pub counts: IndexMap<&'static str, usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
  Init,
  Graph,
  Plan,
  Check,
  Execute,
  Emit,
}

/// Where a specifier led.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "resolve")]
pub struct ResolveEvent {
  pub importer: String,
  pub specifier: String,
  pub kind: ImportKind,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub id: Option<String>,
  pub external: bool,
}

/// Why a module is in the graph or was processed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "module")]
pub struct ModuleEvent {
  pub id: String,
  pub reason: ModuleReason,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub importer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleReason {
  Entry,
  Imported,
  DynamicallyImported,
  Changed,
}

/// Why a chunk exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "chunk", rename_all = "camelCase")]
pub struct ChunkEvent {
  pub file_name: String,
  pub reason: ChunkReason,
  pub modules: usize,
  pub bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkReason {
  Entry,
  DynamicEntry,
  Shared,
  Group,
}

/// How much of the graph a rebuild read again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "rebuild")]
pub struct RebuildEvent {
  pub scope: RebuildScope,
  pub reason: String,
  pub changed: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RebuildScope {
  Full,
  Partial,
  None,
}

/// What a search in the cache came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "cache", rename_all = "camelCase")]
pub struct CacheEvent {
  pub outcome: CacheOutcome,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub reason: Option<String>,
  pub bytes: u64,
  pub saved_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheOutcome {
  Hit,
  Miss,
  Off,
}

/// What one file is transformed with.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TransformRequest {
  pub file_name: Option<String>,
  pub module_type: Option<ModuleType>,
  pub transform: Option<TransformOptions>,
  pub sourcemap: Option<bool>,
  pub minify: Option<bool>,
}

/// One transformed file. It has errors exactly when `ok` is `false`; then `code` is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TransformResult {
  pub ok: bool,
  pub code: String,
  #[serde(skip_serializing_if = "Option::is_none")]
  pub map: Option<String>,
  pub diagnostics: Vec<Diagnostic>,
}
