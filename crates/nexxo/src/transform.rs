//! One file's syntax changed, without a project: parsed, transformed, printed,
//! and minified where that is asked for.

use std::path::Path;

use oxc::{
  allocator::Allocator,
  codegen::{Codegen, CodegenOptions},
  minifier::{CompressOptions, Minifier, MinifierOptions},
  parser::Parser,
  span::SourceType,
};
use rolldown_common::{Either, EnhancedTransformOptions, TsconfigOption, enhanced_transform};
use rolldown_sourcemap::{SourceMap, collapse_sourcemaps};

use crate::{
  bundler::transform_options,
  diagnostic::{from_rolldown, internal, invalid_option, nesting_too_deep},
  nesting,
  protocol::{Diagnostic, Inject, Limits, ModuleType, TransformRequest, TransformResult},
  snapshot::{Sources, normalize_path},
};

/// Transforms one file. Every mistake is part of the result.
pub fn transform(code: &str, request: &TransformRequest) -> TransformResult {
  match try_transform(code, request) {
    Ok(result) => result,
    Err(diagnostics) => TransformResult { diagnostics, ..TransformResult::default() },
  }
}

fn try_transform(
  code: &str,
  request: &TransformRequest,
) -> Result<TransformResult, Vec<Diagnostic>> {
  let file_name = request.file_name.as_deref().unwrap_or("input.tsx");
  let path = normalize_path(file_name).map_err(|diagnostic| vec![diagnostic])?;
  let source_type =
    source_type(&path, request.module_type).map_err(|diagnostic| vec![diagnostic])?;
  if let Some(offset) = nesting::deeper_than(code, Limits::MAX_NESTING) {
    return Err(vec![nesting_too_deep(file_name, code, offset, Limits::MAX_NESTING)]);
  }
  let given = request.transform.clone().unwrap_or_default();
  if given.drop_labels.is_some() {
    return Err(vec![invalid_option("transform.dropLabels", "labels are dropped in builds only")]);
  }
  let wants_map = request.sourcemap == Some(true);
  let inject = given.inject.clone().map(|inject| {
    let pair = |(name, from)| match from {
      Inject::Default(module) => (name, Either::Right(vec![module, "default".to_owned()])),
      Inject::Named([module, export]) if export == "*" => (name, Either::Left(module)),
      Inject::Named(pair) => (name, Either::Right(pair.to_vec())),
    };
    inject.into_iter().map(pair).collect()
  });
  let options = EnhancedTransformOptions::from_transform_options(
    transform_options(&given),
    None,
    Some(source_type),
    Some(TsconfigOption::Disabled),
    wants_map,
    None,
    given.define.clone().map(|define| define.into_iter().collect()),
    inject,
  );
  // Without its slash, so that what the code says of its file is what a build would.
  let transformed = enhanced_transform(&path[1..], code, options, false);
  // Only where there is something to tell, its place has to be looked up in the file.
  let told = |messages: &[rolldown_error::BuildDiagnostic]| -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    if messages.is_empty() || sources.write(&path, code.as_bytes()).is_err() {
      return Vec::new();
    }
    let snapshot = sources.snapshot();
    messages.iter().map(|message| from_rolldown(message, Path::new("/"), &snapshot)).collect()
  };
  let mut diagnostics = told(&transformed.errors);
  diagnostics.extend(told(&transformed.warnings));
  if diagnostics.iter().any(Diagnostic::is_error) {
    return Err(diagnostics);
  }
  let (mut code, mut map) = (transformed.code, transformed.map);
  if request.minify == Some(true) {
    (code, map) =
      minify(&code, source_type, map, wants_map).map_err(|problem| vec![internal(&problem)])?;
  }
  Ok(TransformResult { ok: true, code, map: map.map(|map| named(map, &path[1..])), diagnostics })
}

/// A source map that names its source as the request does.
fn named(mut map: SourceMap, name: &str) -> String {
  map.set_sources(vec![name]);
  map.to_json_string()
}

fn source_type(path: &str, module_type: Option<ModuleType>) -> Result<SourceType, Diagnostic> {
  Ok(match module_type {
    None if Path::new(path).extension().is_none() => SourceType::tsx(),
    None => SourceType::from_path(Path::new(path)).map_err(|_| {
      invalid_option("fileName", "one file is transformed as `js`, `jsx`, `ts` or `tsx`")
    })?,
    Some(ModuleType::Js) => SourceType::mjs(),
    Some(ModuleType::Jsx) => SourceType::jsx(),
    Some(ModuleType::Ts) => SourceType::ts(),
    Some(ModuleType::Tsx) => SourceType::tsx(),
    Some(_) => {
      let problem = "one file is transformed as `js`, `jsx`, `ts` or `tsx`";
      return Err(invalid_option("moduleType", problem));
    }
  })
}

/// Minifies code that the transformer has printed, in which JSX may be left.
///
/// # Errors
/// What the parser has against it, which would be a defect of the printer.
fn minify(
  code: &str,
  source_type: SourceType,
  map: Option<SourceMap>,
  wants_map: bool,
) -> Result<(String, Option<SourceMap>), String> {
  let allocator = Allocator::default();
  let source_type = source_type.with_javascript(true).with_jsx(true);
  let parsed = Parser::new(&allocator, code, source_type).parse();
  if let Some(problem) = parsed.diagnostics.first() {
    return Err(format!("what was printed cannot be read again: {}", problem.message));
  }
  let mut program = parsed.program;
  let options =
    MinifierOptions { compress: Some(CompressOptions::smallest()), ..Default::default() };
  let minified = Minifier::new(options).minify(&allocator, &mut program);
  let printed = Codegen::new()
    .with_options(CodegenOptions {
      source_map_path: wants_map.then(|| "minified.js".into()),
      ..CodegenOptions::minify()
    })
    .with_scoping(minified.scoping)
    .with_private_member_mappings(minified.class_private_mappings)
    .build(&program);
  let map = match (map, printed.map) {
    (Some(first), Some(second)) => Some(collapse_sourcemaps(&[&first, &second])),
    _ => None,
  };
  Ok((printed.code, map))
}
