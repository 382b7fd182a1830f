//! rolldown's options, made from ours: the one place where the two meet.
//!
//! A bundler is made over a guarded view, which it reads through for as long
//! as it lives.

use std::{
  path::{Path, PathBuf},
  sync::Arc,
};

use rolldown::{Bundler, BundlerOptions};
use rolldown_common::{
  AddonOutputOption, BundlerTransformOptions, ChecksOptions, CodeSplittingMode, DevModeOptions,
  Either, EsModuleFlag, ExperimentalOptions, GlobalsOutputOption, InjectImport, InnerOptions,
  InputItem, IsExternal, ManualCodeSplittingOptions, MatchGroup, MatchGroupName, MatchGroupTest,
  ModuleSideEffects, ModuleType as RolldownModuleType, OutputExports, OutputFormat,
  PropertyReadSideEffects, RawMinifyOptions, SourceMapType, TreeshakeOptions as RolldownTreeshake,
  TsConfig,
};
use rolldown_error::BuildResult;
use rolldown_fs::with_view;
use rolldown_utils::{js_regex::HybridRegex, pattern_filter::StringOrRegex};

use crate::{
  diagnostic::{duplicate_entry, invalid_option, invalid_path, missing_input},
  hmr,
  hooks::Plugins,
  protocol::{
    self, Alias, BuildOptions, ChunkGroup, CodeSplitting, CodeSplittingOptions, DevOptions,
    Diagnostic, EsModule, Exports, Format, HashCharacters, Inject, Input, Jsx, JsxMode, JsxOptions,
    JsxRuntime, LegalComments, Minify, ModuleType, OutputOptions, Platform,
    PreserveEntrySignatures, ResolveOptions, Sourcemap, SourcemapKind, Target, TransformOptions,
    Treeshake, Tsconfig,
  },
  snapshot::{GuardedView, normalize_path},
  web::{self, Web},
};

/// What a build needs to know of its options, checked.
#[derive(Debug)]
pub(crate) struct Prepared {
  pub(crate) options: BundlerOptions,
  pub(crate) cwd: PathBuf,
  /// `DUPLICATE_ENTRY` and the like.
  pub(crate) warnings: Vec<Diagnostic>,
}

/// Checks the options and gives them rolldown's shape.
///
/// # Errors
/// What is wrong with them, one diagnostic for each mistake.
pub(crate) fn prepare(
  options: &BuildOptions,
  incremental: bool,
) -> Result<Prepared, Vec<Diagnostic>> {
  let mut mistakes = Vec::new();
  let mut warnings = Vec::new();
  let cwd = match normalize_path(options.cwd.as_deref().unwrap_or("/")) {
    Ok(path) => PathBuf::from(path),
    Err(mistake) => {
      mistakes.push(mistake);
      PathBuf::from("/")
    }
  };
  let input = input_items(options.input.as_ref(), &cwd, &mut mistakes, &mut warnings);
  if let Some(Tsconfig::Path(path)) = &options.tsconfig {
    mistakes.extend(outside(path, &cwd));
  }
  check_texts(options, &mut mistakes);
  let Externals(external) =
    Externals::read(options.external.as_deref().unwrap_or_default(), &mut mistakes);
  let output = options.output.clone().unwrap_or_default();
  let transform = options.transform.clone().unwrap_or_default();
  let code_splitting =
    output.code_splitting.as_ref().and_then(|given| code_splitting(given, &mut mistakes));
  let mut raw_transform = transform_options(&transform);
  if let Some(dev) = &options.dev {
    for_development(&mut raw_transform, dev);
  }
  if !mistakes.is_empty() {
    return Err(mistakes);
  }
  let OutputOptions {
    format,
    dir,
    name,
    entry_file_names,
    chunk_file_names,
    asset_file_names,
    globals,
    exports,
    banner,
    footer,
    intro,
    outro,
    sourcemap,
    sourcemap_exclude_sources,
    minify,
    code_splitting: _,
    hash_characters,
    legal_comments,
    keep_names,
    es_module,
    extend,
    preserve_modules,
    preserve_modules_root,
  } = output;
  let wraps = matches!(format, Some(Format::Iife | Format::Umd));
  // Pages say where their scripts are, so that these can be kept by browsers for ever.
  let has_pages = options.dev.is_none() && inputs(options).into_iter().any(web::is_page);
  let hashed = || has_pages.then(|| "assets/[name]-[hash].js".to_owned());
  let (entry_file_names, chunk_file_names) =
    (entry_file_names.or_else(hashed), chunk_file_names.or_else(hashed));
  let options = BundlerOptions {
    input: Some(input),
    cwd: Some(cwd.clone()),
    external: (!external.is_empty()).then_some(IsExternal::StringOrRegex(external)),
    platform: options.platform.map(platform),
    shim_missing_exports: options.shim_missing_exports,
    name,
    entry_filenames: entry_file_names.map(Into::into),
    chunk_filenames: chunk_file_names.map(Into::into),
    asset_filenames: asset_file_names.map(Into::into),
    dir: Some(dir.unwrap_or_else(|| "dist".to_owned())),
    format: Some(output_format(format.unwrap_or_default())),
    exports: exports.map(output_exports),
    globals: globals.map(|globals| GlobalsOutputOption::FxHashMap(globals.into_iter().collect())),
    sourcemap: sourcemap.and_then(source_map_type),
    es_module: es_module.map(|flag| match flag {
      EsModule::Enabled(enabled) => EsModuleFlag::from(enabled),
      EsModule::Kind(protocol::EsModuleKind::IfDefaultProp) => EsModuleFlag::IfDefaultProp,
    }),
    drop_labels: transform.drop_labels,
    hash_characters: hash_characters.map(|characters| match characters {
      HashCharacters::Base64 => rolldown::HashCharacters::Base64,
      HashCharacters::Base36 => rolldown::HashCharacters::Base36,
      HashCharacters::Hex => rolldown::HashCharacters::Hex,
    }),
    // After the passes that remove dead code, which would take them for such.
    post_banner: joined(banner, intro.clone().filter(|_| !wraps)).map(addon),
    post_footer: joined(outro.clone().filter(|_| !wraps), footer).map(addon),
    intro: intro.filter(|_| wraps).map(addon),
    outro: outro.filter(|_| wraps).map(addon),
    sourcemap_exclude_sources,
    module_types: options.module_types.as_ref().map(|types| {
      types.iter().map(|(extension, kind)| (extension.clone(), module_type(*kind))).collect()
    }),
    resolve: options.resolve.as_ref().map(|resolve| resolve_options(resolve, &cwd)),
    treeshake: treeshake(options.treeshake.as_ref()),
    experimental: Some(ExperimentalOptions {
      incremental_build: incremental.then_some(true),
      dev_mode: options.dev.as_ref().map(|dev| DevModeOptions {
        implement: Some(hmr::runtime(dev)),
        ..DevModeOptions::default()
      }),
      ..ExperimentalOptions::default()
    }),
    // While one develops, parsing the whole output again to remove dead code costs more than all
    // else of a rebuild.
    minify: minify.or(options.dev.as_ref().map(|_| Minify::Enabled(false))).map(|minify| {
      match minify {
        Minify::Enabled(enabled) => RawMinifyOptions::Bool(enabled),
        Minify::Kind(protocol::MinifyKind::DceOnly) => RawMinifyOptions::DeadCodeEliminationOnly,
      }
    }),
    define: transform.define.map(|define| define.into_iter().collect()),
    extend,
    keep_names,
    inject: transform.inject.map(|inject| inject.into_iter().map(inject_import).collect()),
    code_splitting,
    transform: Some(raw_transform),
    legal_comments: legal_comments.map(|comments| match comments {
      LegalComments::Inline => rolldown::LegalComments::Inline,
      LegalComments::None => rolldown::LegalComments::None,
    }),
    preserve_modules,
    preserve_modules_root,
    preserve_entry_signatures: options.preserve_entry_signatures.map(
      |signatures| match signatures {
        PreserveEntrySignatures::Strict => rolldown::PreserveEntrySignatures::Strict,
        PreserveEntrySignatures::AllowExtension => {
          rolldown::PreserveEntrySignatures::AllowExtension
        }
        PreserveEntrySignatures::ExportsOnly => rolldown::PreserveEntrySignatures::ExportsOnly,
        PreserveEntrySignatures::False => rolldown::PreserveEntrySignatures::False,
      },
    ),
    context: options.context.clone(),
    tsconfig: Some(match &options.tsconfig {
      None => TsConfig::Auto(true),
      Some(Tsconfig::Auto(auto)) => TsConfig::Auto(*auto),
      Some(Tsconfig::Path(path)) => TsConfig::Manual(cwd.join(path)),
    }),
    // Ours reports cycles where they hurt, and tells of no setting of rolldown's own.
    checks: Some(ChecksOptions {
      circular_dependency: Some(false),
      prefer_builtin_feature: Some(false),
      bundler_timings: Some(false),
      ..ChecksOptions::default()
    }),
    ..BundlerOptions::default()
  };
  Ok(Prepared { options, cwd, warnings })
}

/// Components as React's refresh runtime has to know them, and with their places.
fn for_development(transform: &mut BundlerTransformOptions, dev: &DevOptions) {
  if dev.react == Some(false) {
    return;
  }
  let jsx = transform.jsx.take().unwrap_or_else(|| Either::Right(Default::default()));
  transform.jsx = Some(jsx.map_right(|jsx| rolldown_common::JsxOptions {
    development: jsx.development.or(Some(true)),
    refresh: Some(Either::Left(true)),
    ..jsx
  }));
}

/// Makes a bundler that reads through the view.
///
/// # Errors
/// What rolldown finds wrong with the options.
pub(crate) fn create(
  options: BundlerOptions,
  plugins: &Plugins,
  dev: Option<&DevOptions>,
  view: &Arc<GuardedView>,
  web: &Arc<Web>,
) -> BuildResult<Bundler> {
  let shared = Arc::clone(view);
  let mut all = plugins.bridges(view);
  all.push(web.plugin());
  all.extend(dev.into_iter().flat_map(hmr::plugins));
  with_view(shared, || Bundler::with_plugins(options, all))
}

/// The entries as the options name them.
pub(crate) fn inputs(options: &BuildOptions) -> Vec<&str> {
  named_inputs(options.input.as_ref()).into_iter().map(|(_, path)| path).collect()
}

fn named_inputs(input: Option<&Input>) -> Vec<(Option<&str>, &str)> {
  match input {
    None => Vec::new(),
    Some(Input::One(path)) => vec![(None, path)],
    Some(Input::Many(paths)) => paths.iter().map(|path| (None, path.as_str())).collect(),
    Some(Input::Named(named)) => {
      named.iter().map(|(name, path)| (Some(name.as_str()), path.as_str())).collect()
    }
  }
}

fn input_items(
  input: Option<&Input>,
  cwd: &Path,
  mistakes: &mut Vec<Diagnostic>,
  warnings: &mut Vec<Diagnostic>,
) -> Vec<InputItem> {
  let pairs = named_inputs(input);
  if pairs.is_empty() {
    mistakes.push(missing_input());
  }
  let mut items: Vec<InputItem> = Vec::with_capacity(pairs.len());
  for (name, path) in pairs {
    if path.is_empty() || path.contains('\0') {
      mistakes.push(invalid_option("input", "an entry is a path that is not empty"));
    } else if let Some(mistake) = outside(path, cwd) {
      mistakes.push(mistake);
    } else if items.iter().any(|item| same_path(&item.import, path) && item.name.as_deref() == name)
    {
      warnings.push(duplicate_entry(path));
    } else {
      items.push(InputItem { name: name.map(str::to_owned), import: path.to_owned() });
    }
  }
  items
}

/// What the options say is external: `react`, `@scope/*` or `/^node:/`.
pub(crate) struct Externals(Vec<StringOrRegex>);

impl Externals {
  pub(crate) fn new(options: &BuildOptions) -> Self {
    Self::read(options.external.as_deref().unwrap_or_default(), &mut Vec::new())
  }

  fn read(given: &[String], mistakes: &mut Vec<Diagnostic>) -> Self {
    let mut external = Vec::with_capacity(given.len());
    for (index, pattern) in given.iter().enumerate() {
      let is_regex = pattern.len() > 2 && pattern.starts_with('/') && pattern.ends_with('/');
      let source = if is_regex {
        pattern[1..pattern.len() - 1].to_owned()
      } else if let Some((before, after)) = pattern.split_once('*') {
        format!("^{}.*{}$", escape(before), escape(after))
      } else {
        external.push(StringOrRegex::String(pattern.clone()));
        continue;
      };
      match HybridRegex::new(&source) {
        Ok(regex) => external.push(StringOrRegex::Regex(regex)),
        Err(_) => mistakes.push(invalid_option(
          &format!("external[{index}]"),
          &format!("`{pattern}` is no regular expression"),
        )),
      }
    }
    Self(external)
  }

  pub(crate) fn matches(&self, specifier: &str) -> bool {
    self.0.iter().any(|pattern| match pattern {
      StringOrRegex::String(text) => text == specifier,
      StringOrRegex::Regex(regex) => regex.matches(specifier),
    })
  }
}

/// Why a path cannot be one of the project's, if it is a relative one that leaves it.
fn outside(path: &str, cwd: &Path) -> Option<Diagnostic> {
  let joined = if path.starts_with('.') { cwd.join(path) } else { return None };
  normalize_path(&joined.to_string_lossy())
    .err()
    .map(|_| invalid_path(path, "it leaves the project's root"))
}

fn same_path(a: &str, b: &str) -> bool {
  a.trim_start_matches("./") == b.trim_start_matches("./")
}

/// Texts that have a grammar, and that rolldown takes as they are.
fn check_texts(options: &BuildOptions, mistakes: &mut Vec<Diagnostic>) {
  for extension in options.module_types.iter().flat_map(|types| types.keys()) {
    if !extension.is_empty() && !extension.starts_with('.') {
      let problem = format!("an extension starts with its dot: `.{extension}`");
      mistakes.push(invalid_option(&format!("moduleTypes.{extension}"), &problem));
    }
  }
  if let Some(Input::Named(named)) = &options.input
    && named.keys().any(String::is_empty)
  {
    mistakes.push(invalid_option("input", "a name is empty"));
  }
  if let Some(TransformOptions { jsx: Some(Jsx::Options(jsx)), .. }) = &options.transform {
    for (name, text) in [("pragma", &jsx.pragma), ("pragmaFrag", &jsx.pragma_frag)] {
      if text.as_ref().is_some_and(|text| !is_member_path(text)) {
        let problem = "it is no identifier or member path";
        mistakes.push(invalid_option(&format!("transform.jsx.{name}"), problem));
      }
    }
  }
  let Some(output) = &options.output else { return };
  let patterns = [
    ("entryFileNames", &output.entry_file_names),
    ("chunkFileNames", &output.chunk_file_names),
    ("assetFileNames", &output.asset_file_names),
  ];
  for (name, pattern) in patterns {
    if pattern.as_deref() == Some("") {
      mistakes.push(invalid_option(&format!("output.{name}"), "it is empty"));
    }
    for placeholder in pattern.iter().flat_map(|pattern| placeholders(pattern)) {
      let known = ["name", "hash", "format", "ext", "extname", "chunkhash"];
      let word = placeholder.split(':').next().unwrap_or_default();
      if !known.contains(&word) {
        let problem = format!("there is no placeholder `[{placeholder}]`");
        mistakes.push(invalid_option(&format!("output.{name}"), &problem));
      }
    }
  }
}

/// `h`, `React.createElement`.
fn is_member_path(text: &str) -> bool {
  let is_name = |name: &str| {
    !name.is_empty()
      && !name.starts_with(|c: char| c.is_ascii_digit())
      && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
  };
  text.split('.').all(is_name)
}

/// What stands between brackets in a file name pattern.
fn placeholders(pattern: &str) -> impl Iterator<Item = &str> {
  pattern.split('[').skip(1).filter_map(|rest| rest.split_once(']').map(|(name, _)| name))
}

/// A text as the regular expression that matches just it.
fn escape(text: &str) -> String {
  let mut escaped = String::with_capacity(text.len() + 4);
  for character in text.chars() {
    if "\\.+*?()|[]{}^$/".contains(character) {
      escaped.push('\\');
    }
    escaped.push(character);
  }
  escaped
}

fn code_splitting(
  given: &CodeSplitting,
  mistakes: &mut Vec<Diagnostic>,
) -> Option<CodeSplittingMode> {
  let CodeSplittingOptions { min_size, max_size, min_share_count, groups } = match given {
    CodeSplitting::Enabled(enabled) => return Some(CodeSplittingMode::Bool(*enabled)),
    CodeSplitting::Options(options) => options.clone(),
  };
  let groups = groups.map(|groups| {
    let mut made = Vec::with_capacity(groups.len());
    for (index, group) in groups.into_iter().enumerate() {
      let ChunkGroup { name, test, priority, min_size, max_size, min_share_count } = group;
      let test = match test.as_deref().map(HybridRegex::new).transpose() {
        Ok(test) => test.map(MatchGroupTest::Regex),
        Err(_) => {
          mistakes.push(invalid_option(
            &format!("output.codeSplitting.groups[{index}].test"),
            "it is no regular expression",
          ));
          None
        }
      };
      made.push(MatchGroup {
        name: MatchGroupName::Static(name),
        test,
        priority,
        min_size,
        max_size,
        min_share_count,
        ..MatchGroup::default()
      });
    }
    made
  });
  Some(CodeSplittingMode::Advanced(ManualCodeSplittingOptions {
    min_share_count,
    min_size,
    max_size,
    groups,
    ..ManualCodeSplittingOptions::default()
  }))
}

fn resolve_options(given: &ResolveOptions, cwd: &std::path::Path) -> rolldown::ResolveOptions {
  let ResolveOptions {
    alias,
    condition_names,
    extensions,
    extension_alias,
    main_fields,
    main_files,
    modules,
    symlinks,
  } = given.clone();
  let target = |target: Alias| match target {
    Alias::Ignore(_) => vec![None],
    // Where an alias leads does not depend on who imports it.
    Alias::To(path) if path.starts_with("./") || path.starts_with("../") => {
      let joined = cwd.join(&path).to_string_lossy().into_owned();
      vec![Some(normalize_path(&joined).unwrap_or(joined))]
    }
    Alias::To(path) => vec![Some(path)],
  };
  rolldown::ResolveOptions {
    alias: alias
      .map(|alias| alias.into_iter().map(|(specifier, to)| (specifier, target(to))).collect()),
    condition_names,
    extensions,
    extension_alias: extension_alias.map(|alias| alias.into_iter().collect()),
    main_fields,
    main_files,
    modules,
    symlinks,
    ..rolldown::ResolveOptions::default()
  }
}

pub(crate) fn transform_options(given: &TransformOptions) -> BundlerTransformOptions {
  BundlerTransformOptions {
    jsx: given.jsx.as_ref().map(jsx),
    target: given.target.as_ref().map(|target| match target {
      Target::One(target) => Either::Left(target.clone()),
      Target::Many(targets) => Either::Right(targets.clone()),
    }),
    decorator: given.decorator.as_ref().map(|decorator| rolldown_common::DecoratorOptions {
      legacy: decorator.legacy,
      emit_decorator_metadata: decorator.emit_decorator_metadata,
      strict_null_checks: None,
    }),
    ..BundlerTransformOptions::default()
  }
}

fn jsx(given: &Jsx) -> Either<String, rolldown_common::JsxOptions> {
  let runtime = |runtime: JsxRuntime| match runtime {
    JsxRuntime::Automatic => "automatic".to_owned(),
    JsxRuntime::Classic => "classic".to_owned(),
  };
  match given {
    Jsx::Mode(JsxMode::Preserve) => Either::Left("preserve".to_owned()),
    Jsx::Mode(mode) => Either::Right(rolldown_common::JsxOptions {
      runtime: Some(runtime(match mode {
        JsxMode::Classic => JsxRuntime::Classic,
        _ => JsxRuntime::Automatic,
      })),
      ..rolldown_common::JsxOptions::default()
    }),
    Jsx::Options(JsxOptions {
      runtime: given,
      development,
      import_source,
      pragma,
      pragma_frag,
      pure,
    }) => Either::Right(rolldown_common::JsxOptions {
      runtime: given.map(runtime),
      development: *development,
      import_source: import_source.clone(),
      pragma: pragma.clone(),
      pragma_frag: pragma_frag.clone(),
      pure: *pure,
      ..rolldown_common::JsxOptions::default()
    }),
  }
}

fn inject_import((name, from): (String, Inject)) -> InjectImport {
  match from {
    Inject::Default(module) => InjectImport::default(name, module),
    Inject::Named([module, export]) if export == "*" => InjectImport::namespace(name, module),
    Inject::Named([module, export]) => InjectImport::named(export, Some(name), module),
  }
}

fn treeshake(given: Option<&Treeshake>) -> RolldownTreeshake {
  match given {
    None | Some(Treeshake::Enabled(true)) => RolldownTreeshake::default(),
    Some(Treeshake::Enabled(false)) => RolldownTreeshake::Boolean(false),
    Some(Treeshake::Options(options)) => RolldownTreeshake::Option(InnerOptions {
      module_side_effects: ModuleSideEffects::Boolean(options.module_side_effects.unwrap_or(true)),
      annotations: Some(options.annotations.unwrap_or(true)),
      property_read_side_effects: options.property_read_side_effects.map(|has| {
        if has { PropertyReadSideEffects::Always } else { PropertyReadSideEffects::False }
      }),
      unknown_global_side_effects: options.unknown_global_side_effects,
      ..InnerOptions::default()
    }),
  }
}

fn source_map_type(sourcemap: Sourcemap) -> Option<SourceMapType> {
  match sourcemap {
    Sourcemap::Enabled(enabled) => enabled.then_some(SourceMapType::File),
    Sourcemap::Kind(SourcemapKind::Inline) => Some(SourceMapType::Inline),
    Sourcemap::Kind(SourcemapKind::Hidden) => Some(SourceMapType::Hidden),
  }
}

/// Two texts below each other, of which either may be absent.
fn joined(first: Option<String>, second: Option<String>) -> Option<String> {
  match (first, second) {
    (Some(first), Some(second)) => Some(format!("{first}\n{second}")),
    (first, second) => first.or(second),
  }
}

fn addon(text: String) -> AddonOutputOption {
  AddonOutputOption::String(Some(text))
}

fn output_format(format: Format) -> OutputFormat {
  match format {
    Format::Esm => OutputFormat::Esm,
    Format::Cjs => OutputFormat::Cjs,
    Format::Iife => OutputFormat::Iife,
    Format::Umd => OutputFormat::Umd,
  }
}

fn output_exports(exports: Exports) -> OutputExports {
  match exports {
    Exports::Auto => OutputExports::Auto,
    Exports::Default => OutputExports::Default,
    Exports::Named => OutputExports::Named,
    Exports::None => OutputExports::None,
  }
}

fn platform(platform: Platform) -> rolldown::Platform {
  match platform {
    Platform::Browser => rolldown::Platform::Browser,
    Platform::Node => rolldown::Platform::Node,
    Platform::Neutral => rolldown::Platform::Neutral,
  }
}

pub(crate) fn module_type(kind: ModuleType) -> RolldownModuleType {
  match kind {
    ModuleType::Js => RolldownModuleType::Js,
    ModuleType::Jsx => RolldownModuleType::Jsx,
    ModuleType::Ts => RolldownModuleType::Ts,
    ModuleType::Tsx => RolldownModuleType::Tsx,
    ModuleType::Json => RolldownModuleType::Json,
    ModuleType::Text => RolldownModuleType::Text,
    ModuleType::Base64 => RolldownModuleType::Base64,
    ModuleType::Dataurl => RolldownModuleType::Dataurl,
    ModuleType::Binary => RolldownModuleType::Binary,
    ModuleType::Empty => RolldownModuleType::Empty,
  }
}
