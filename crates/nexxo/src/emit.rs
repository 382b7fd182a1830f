//! Stage emit: output files in their final order, with the metafile and the
//! events that tell why each chunk is there.

use std::{
  collections::{BTreeSet, HashSet},
  path::Path,
};

use indexmap::IndexMap;
use rolldown::BundleOutput;
use rolldown_common::{Output, OutputChunk};

use crate::{
  describe,
  diagnostic::{output_conflict, output_outside, shown_id},
  graph::{Graph, Import, Module},
  protocol::{
    BuildOptions, ChunkEvent, ChunkReason, CodeSplitting, Diagnostic, ExplainEvent, ImportKind,
    Metafile, MetafileContribution, MetafileImport, MetafileInput, MetafileOutput, OutputFile,
    OutputKind,
  },
  snapshot::Snapshot,
  web::{self, Web},
};

/// What a build hands over.
pub(crate) struct Emitted {
  pub(crate) files: Vec<OutputFile>,
  pub(crate) metafile: Option<Metafile>,
  pub(crate) events: Vec<ExplainEvent>,
  pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Takes rolldown's output apart.
pub(crate) fn emit(
  output: BundleOutput,
  graph: &Graph,
  options: &BuildOptions,
  cwd: &Path,
  snapshot: &Snapshot,
  web: &Web,
) -> Emitted {
  let mut beside = web::style_files(web, &output.assets, graph);
  let chunk_names: HashSet<String> = output
    .assets
    .iter()
    .filter(|asset| matches!(asset, Output::Chunk(_)) && !beside.bare.contains(asset.filename()))
    .map(|asset| asset.filename().to_owned())
    .collect();
  let source_maps: HashSet<String> = output
    .assets
    .iter()
    .filter_map(|asset| match asset {
      Output::Chunk(chunk) => chunk.sourcemap_filename.clone(),
      Output::Asset(_) => None,
    })
    .collect();
  let metafile = (options.metafile == Some(true) || describe::needs_metafile(options))
    .then(|| metafile(&output, &beside, graph, cwd, &chunk_names, snapshot));
  let groups = group_names(options);
  let mut events = Vec::new();
  let mut files: Vec<OutputFile> = Vec::with_capacity(output.assets.len());
  for asset in output.assets {
    let name = asset.filename();
    if beside.bare.contains(name.strip_suffix(".map").unwrap_or(name)) {
      continue;
    }
    match asset {
      Output::Chunk(chunk) => {
        let mut file = chunk_file(chunk, cwd, &chunk_names);
        file.styles = beside.styles.remove(&file.file_name).unwrap_or_default();
        events.push(ExplainEvent::Chunk(ChunkEvent {
          file_name: file.file_name.clone(),
          reason: reason_of(&file, &groups),
          modules: file.module_ids.len(),
          bytes: file.contents.len(),
        }));
        files.push(file);
      }
      Output::Asset(asset) => {
        let is_map = source_maps.contains(asset.filename.as_str());
        files.push(OutputFile {
          kind: if is_map { OutputKind::Sourcemap } else { OutputKind::Asset },
          name: asset.names.first().cloned().filter(|_| !is_map),
          ..OutputFile::asset(asset.filename.to_string(), asset.source.as_bytes().to_vec())
        });
      }
    }
  }
  files.extend(beside.files.into_iter().map(|(name, contents)| OutputFile::asset(name, contents)));
  let mut emitted = Emitted { files, metafile, events, diagnostics: Vec::new() };
  put_in_order(&mut emitted);
  emitted
}

/// Adds files that are made of those that there are.
pub(crate) fn add(emitted: &mut Emitted, files: Vec<OutputFile>) {
  if let Some(metafile) = &mut emitted.metafile {
    for file in &files {
      let described = MetafileOutput { bytes: file.contents.len(), ..MetafileOutput::default() };
      metafile.outputs.insert(file.file_name.clone(), described);
    }
    metafile.outputs.sort_unstable_keys();
  }
  emitted.files.extend(files);
  put_in_order(emitted);
}

fn put_in_order(emitted: &mut Emitted) {
  // Entries stand in the order of the input, as rolldown has them; all else by name.
  emitted.files.sort_by(|a, b| {
    let class = |file: &OutputFile| (!file.is_entry, file.kind);
    let name = |file: &OutputFile| (!file.is_entry).then(|| file.file_name.clone());
    class(a).cmp(&class(b)).then_with(|| name(a).cmp(&name(b)))
  });
  emitted.diagnostics = check_names(&emitted.files);
  if emitted.diagnostics.iter().any(Diagnostic::is_error) {
    emitted.files.clear();
  }
}

fn chunk_file(
  chunk: std::sync::Arc<OutputChunk>,
  cwd: &Path,
  chunk_names: &HashSet<String>,
) -> OutputFile {
  let own = |names: &[arcstr::ArcStr]| -> Vec<String> {
    let mut seen = HashSet::new();
    names
      .iter()
      .filter(|name| chunk_names.contains(name.as_str()) && seen.insert(name.as_str()))
      .map(ToString::to_string)
      .collect()
  };
  let mut exports: Vec<String> = chunk.exports.iter().map(ToString::to_string).collect();
  exports.sort_unstable();
  let file = OutputFile {
    styles: Vec::new(),
    kind: OutputKind::Chunk,
    file_name: chunk.filename.to_string(),
    contents: Vec::new(),
    name: Some(chunk.name.to_string()),
    is_entry: chunk.is_entry,
    is_dynamic_entry: chunk.is_dynamic_entry,
    facade_module_id: chunk.facade_module_id.as_ref().map(|id| shown_id(id, cwd)),
    imports: own(&chunk.imports),
    dynamic_imports: own(&chunk.dynamic_imports),
    exports,
    module_ids: chunk
      .module_ids
      .iter()
      .filter(|id| !id.starts_with('\0'))
      .map(|id| shown_id(id, cwd))
      .collect(),
  };
  // The code is the largest thing there is: move it where nobody else holds it.
  let code = match std::sync::Arc::try_unwrap(chunk) {
    Ok(chunk) => chunk.code,
    Err(shared) => shared.code.clone(),
  };
  OutputFile { contents: code.into_bytes(), ..file }
}

fn group_names(options: &BuildOptions) -> BTreeSet<String> {
  let splitting = options.output.as_ref().and_then(|output| output.code_splitting.as_ref());
  match splitting {
    Some(CodeSplitting::Options(options)) => {
      options.groups.iter().flatten().map(|group| group.name.clone()).collect()
    }
    _ => BTreeSet::new(),
  }
}

fn reason_of(file: &OutputFile, groups: &BTreeSet<String>) -> ChunkReason {
  if file.is_entry {
    ChunkReason::Entry
  } else if file.is_dynamic_entry {
    ChunkReason::DynamicEntry
  } else if file.name.as_ref().is_some_and(|name| groups.contains(name)) {
    ChunkReason::Group
  } else {
    ChunkReason::Shared
  }
}

/// Names come from patterns and plugins; none may leave the output folder or meet another.
fn check_names(files: &[OutputFile]) -> Vec<Diagnostic> {
  let mut seen = HashSet::new();
  let mut diagnostics = Vec::new();
  for OutputFile { file_name, .. } in files {
    let is_inside = !file_name.starts_with('/')
      && !file_name.contains(['\\', '\0'])
      && file_name.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    if !is_inside {
      diagnostics.push(output_outside(file_name));
    } else if !seen.insert(file_name) {
      diagnostics.push(output_conflict(file_name));
    }
  }
  diagnostics
}

fn metafile(
  output: &BundleOutput,
  beside: &web::Outputs,
  graph: &Graph,
  cwd: &Path,
  chunk_names: &HashSet<String>,
  snapshot: &Snapshot,
) -> Metafile {
  let mut inputs = IndexMap::new();
  let mut modules: Vec<_> =
    graph.modules.iter().filter(|module| !module.is_external && !is_virtual(&module.id)).collect();
  modules.sort_unstable_by(|a, b| a.stable_id.cmp(&b.stable_id));
  for module in modules {
    inputs.insert(
      module.stable_id.clone(),
      MetafileInput {
        bytes: bytes_of(module, snapshot),
        imports: module.imports.iter().filter_map(|import| input_import(graph, import)).collect(),
        format: module.format,
      },
    );
  }
  let is_bare = |asset: &&Output| beside.bare.contains(asset.filename());
  let mut assets: Vec<&Output> = output.assets.iter().filter(|asset| !is_bare(asset)).collect();
  assets.sort_unstable_by(|a, b| a.filename().cmp(b.filename()));
  let mut outputs = IndexMap::new();
  for asset in assets {
    let described = match asset {
      Output::Chunk(chunk) => output_of_chunk(chunk, cwd, chunk_names),
      Output::Asset(asset) => MetafileOutput {
        bytes: asset.source.as_bytes().len(),
        inputs: IndexMap::new(),
        imports: Vec::new(),
        exports: Vec::new(),
        entry_point: None,
      },
    };
    outputs.insert(asset.filename().to_owned(), described);
  }
  for (name, contents) in &beside.files {
    let described = MetafileOutput { bytes: contents.len(), ..MetafileOutput::default() };
    outputs.insert(name.clone(), described);
  }
  outputs.sort_unstable_keys();
  Metafile { inputs, outputs }
}

/// What rolldown does not keep the text of, such as JSON and style sheets, is measured in the snapshot.
fn bytes_of(module: &Module, snapshot: &Snapshot) -> usize {
  match (web::source_of(&module.id), module.source.len()) {
    (None, length) if length > 0 => length,
    (path, _) => {
      let path = path.unwrap_or(&module.id);
      snapshot.bytes(Path::new(path)).map_or(0, |bytes| bytes.len())
    }
  }
}

fn is_virtual(id: &str) -> bool {
  id.starts_with('\0') || id.starts_with("rolldown:")
}

fn input_import(graph: &Graph, import: &Import) -> Option<MetafileImport> {
  let target = &graph.modules[import.target?];
  Some(MetafileImport {
    path: target.stable_id.clone(),
    kind: import.kind,
    external: target.is_external.then_some(true),
    original: (import.specifier != target.stable_id).then(|| import.specifier.clone()),
  })
}

fn output_of_chunk(
  chunk: &OutputChunk,
  cwd: &Path,
  chunk_names: &HashSet<String>,
) -> MetafileOutput {
  let mut exports: Vec<String> = chunk.exports.iter().map(ToString::to_string).collect();
  exports.sort_unstable();
  let import = |name: &arcstr::ArcStr, kind: ImportKind| MetafileImport {
    path: name.to_string(),
    kind,
    external: (!chunk_names.contains(name.as_str())).then_some(true),
    original: None,
  };
  let statements = chunk.imports.iter().map(|name| import(name, ImportKind::ImportStatement));
  let dynamic = chunk.dynamic_imports.iter().map(|name| import(name, ImportKind::DynamicImport));
  MetafileOutput {
    bytes: chunk.code.len(),
    inputs: chunk
      .modules
      .keys
      .iter()
      .zip(&chunk.modules.values)
      .filter(|(id, _)| !is_virtual(id))
      .map(|(id, module)| {
        (shown_id(id, cwd), MetafileContribution { bytes_in_output: module.rendered_length() })
      })
      .collect(),
    imports: statements.chain(dynamic).collect(),
    exports,
    entry_point: chunk.facade_module_id.as_ref().map(|id| shown_id(id, cwd)),
  }
}
