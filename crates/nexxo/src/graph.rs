//! Stage graph: the modules that rolldown's scan found, in an order that does
//! not depend on which of them arrived first.

use arcstr::ArcStr;
use rolldown::Bundler;
use rolldown_common::{
  EntryPoint, EntryPointKind, ExportsKind, ImportKind as RolldownImportKind, ImportRecordMeta,
  Module as RolldownModule, ModuleIdx, ModuleTable, ModuleType, ResolvedImportRecord,
};
use rustc_hash::FxHashMap;

use crate::protocol::ImportKind;

/// All modules, entries first, each before those that only it imports.
#[derive(Debug, Default)]
pub(crate) struct Graph {
  pub(crate) modules: Vec<Module>,
  by_id: FxHashMap<String, usize>,
}

#[derive(Debug)]
pub(crate) struct Module {
  /// As plugins see it: an absolute path of the view, or a virtual id.
  pub(crate) id: String,
  /// As users see it: relative to `cwd`.
  pub(crate) stable_id: String,
  pub(crate) is_external: bool,
  pub(crate) is_commonjs: bool,
  pub(crate) format: Option<&'static str>,
  /// Its text, as it came out of the plugins.
  pub(crate) source: ArcStr,
  pub(crate) imports: Vec<Import>,
  /// The names of its exports, sorted; without those of `export *`.
  pub(crate) exports: Vec<String>,
  pub(crate) reached_by: ReachedBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReachedBy {
  Entry,
  Import { importer: usize },
  DynamicImport { importer: usize },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
  pub(crate) specifier: String,
  pub(crate) kind: ImportKind,
  /// Where in the importer's text it stands, in bytes.
  pub(crate) span: (u32, u32),
  pub(crate) in_try: bool,
  /// The place of the imported module; none where it was not loaded.
  pub(crate) target: Option<usize>,
}

impl Graph {
  /// Seals what rolldown scanned.
  pub(crate) fn new(table: &ModuleTable, entries: &[EntryPoint]) -> Self {
    let mut graph = Self::default();
    let mut places: FxHashMap<ModuleIdx, usize> = FxHashMap::default();
    let mut order: Vec<ModuleIdx> = Vec::with_capacity(table.modules.len());
    let mut visit = |idx: ModuleIdx, reached_by: ReachedBy, order: &mut Vec<ModuleIdx>| -> usize {
      *places.entry(idx).or_insert_with(|| {
        let place = graph.modules.len();
        graph.modules.push(Module::new(&table.modules[idx], reached_by));
        graph.by_id.insert(graph.modules[place].id.clone(), place);
        order.push(idx);
        place
      })
    };
    for entry in entries.iter().filter(|entry| entry.kind != EntryPointKind::DynamicImport) {
      visit(entry.idx, ReachedBy::Entry, &mut order);
    }
    // Breadth first: how a module was reached is then the shortest way to it.
    let mut imports: Vec<Vec<Import>> = Vec::new();
    let mut at = 0;
    while at < order.len() {
      let mut own = Vec::new();
      for record in table.modules[order[at]].import_records() {
        let Some(kind) = import_kind(record.kind) else { continue };
        let is_runtime = record.module_request.starts_with("rolldown:");
        let reached_by = if kind == ImportKind::DynamicImport {
          ReachedBy::DynamicImport { importer: at }
        } else {
          ReachedBy::Import { importer: at }
        };
        let target = record
          .resolved_module
          .filter(|_| !is_runtime)
          .map(|idx| visit(idx, reached_by, &mut order));
        own.push(Import::new(record, kind, target));
      }
      imports.push(own);
      at += 1;
    }
    for (module, imports) in graph.modules.iter_mut().zip(imports) {
      module.imports = imports;
    }
    graph
  }

  /// Some modules as they were last scanned, with what they import and no more.
  pub(crate) fn of(bundler: &Bundler, ids: &[String]) -> Self {
    let mut graph = Self::default();
    let reached_by = ReachedBy::Entry;
    for module in ids.iter().filter_map(|id| bundler.scanned_module(id)) {
      graph.add(Module::new(module, reached_by));
    }
    let own = graph.modules.len();
    for place in 0..own {
      let Some(module) = bundler.scanned_module(&graph.modules[place].id) else { continue };
      let mut imports = Vec::new();
      for record in module.import_records() {
        let Some(kind) = import_kind(record.kind) else { continue };
        let is_runtime = record.module_request.starts_with("rolldown:");
        let target = record
          .resolved_module
          .filter(|_| !is_runtime)
          .and_then(|idx| bundler.scanned_module_at(idx))
          .map(|target| match graph.by_id.get(target.id().as_str()) {
            Some(&place) => place,
            None => graph.add(Module::new(target, reached_by)),
          });
        imports.push(Import::new(record, kind, target));
      }
      graph.modules[place].imports = imports;
    }
    graph
  }

  fn add(&mut self, module: Module) -> usize {
    let place = self.modules.len();
    self.by_id.insert(module.id.clone(), place);
    self.modules.push(module);
    place
  }

  /// Takes a module's new text, in which its imports stand elsewhere.
  pub(crate) fn take_text(&mut self, id: &str, scanned: &RolldownModule) {
    let Some(module) = self.by_id.get(id).map(|&place| &mut self.modules[place]) else { return };
    if let RolldownModule::Normal(scanned) = scanned {
      module.source = scanned.source.clone();
    }
    let records =
      scanned.import_records().iter().filter(|record| import_kind(record.kind).is_some());
    for (import, record) in module.imports.iter_mut().zip(records) {
      import.span = (record.importer_span.start, record.importer_span.end);
    }
  }

  /// A module by its id.
  pub(crate) fn find(&self, id: &str) -> Option<&Module> {
    self.by_id.get(id).map(|&place| &self.modules[place])
  }

  /// The specifiers, kinds and targets of a module's imports, to compare with another graph's.
  pub(crate) fn edges<'a>(
    &'a self,
    module: &'a Module,
  ) -> impl Iterator<Item = (&'a str, ImportKind, Option<&'a str>)> {
    module.imports.iter().map(|import| {
      let target = import.target.map(|place| self.modules[place].id.as_str());
      (import.specifier.as_str(), import.kind, target)
    })
  }

  /// How many modules are in the bundle, those that are external left out.
  pub(crate) fn own_count(&self) -> usize {
    self.modules.iter().filter(|module| !module.is_external).count()
  }

  pub(crate) fn imports_count(&self) -> usize {
    self.modules.iter().map(|module| module.imports.len()).sum()
  }
}

impl Import {
  fn new(record: &ResolvedImportRecord, kind: ImportKind, target: Option<usize>) -> Self {
    Self {
      specifier: record.module_request.to_string(),
      kind,
      span: (record.importer_span.start, record.importer_span.end),
      in_try: record.meta.contains(ImportRecordMeta::InTryCatchBlock),
      target,
    }
  }
}

impl Module {
  fn new(module: &RolldownModule, reached_by: ReachedBy) -> Self {
    match module {
      RolldownModule::Normal(module) => {
        let mut exports: Vec<String> =
          module.named_exports.keys().map(ToString::to_string).collect();
        exports.sort_unstable();
        let is_script = matches!(
          module.module_type,
          ModuleType::Js | ModuleType::Jsx | ModuleType::Ts | ModuleType::Tsx
        );
        Self {
          id: module.id.to_string(),
          stable_id: module.stable_id.to_string(),
          is_external: false,
          is_commonjs: module.exports_kind == ExportsKind::CommonJs,
          format: match module.exports_kind {
            ExportsKind::Esm if is_script => Some("esm"),
            ExportsKind::CommonJs if is_script => Some("cjs"),
            _ => None,
          },
          source: module.source.clone(),
          imports: Vec::new(),
          exports,
          reached_by,
        }
      }
      RolldownModule::External(module) => Self {
        id: module.id.to_string(),
        stable_id: module.id.to_string(),
        is_external: true,
        is_commonjs: false,
        format: None,
        source: ArcStr::new(),
        imports: Vec::new(),
        exports: Vec::new(),
        reached_by,
      },
    }
  }
}

fn import_kind(kind: RolldownImportKind) -> Option<ImportKind> {
  Some(match kind {
    RolldownImportKind::Import => ImportKind::ImportStatement,
    RolldownImportKind::DynamicImport => ImportKind::DynamicImport,
    RolldownImportKind::Require => ImportKind::RequireCall,
    RolldownImportKind::NewUrl => ImportKind::NewUrl,
    RolldownImportKind::AtImport => ImportKind::ImportRule,
    RolldownImportKind::UrlImport => ImportKind::UrlToken,
    RolldownImportKind::HotAccept => ImportKind::HotAccept,
  })
}
