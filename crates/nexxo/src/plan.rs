//! Stage plan: what a rebuild has to do again, and why. Pure.
//!
//! Two questions are answered here. Before anything is read, from what changed
//! in the sources: can the previous graph be kept, but for the changed modules?
//! And after the scan: was that so? Where either answer is in doubt, all is
//! read again, because a rebuild that differs from a build is worth nothing.

use crate::{
  diagnostic::shown_id,
  graph::{Graph, Module, ReachedBy},
  protocol::{
    ExplainEvent, ImportKind, ModuleEvent, ModuleReason, RebuildEvent, RebuildScope, ResolveEvent,
  },
  snapshot::{Changes, Snapshot},
};

/// How much is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
  Full {
    reason: &'static str,
  },
  Partial {
    /// The ids of the modules that are.
    modules: Vec<String>,
    /// Whether the scan found that nothing else of them changed: then linking stands.
    only_text: bool,
  },
  /// No module has changed: the previous result stands.
  Nothing,
}

impl Scope {
  /// The ids of the modules that are read again, where these are not all.
  pub(crate) fn modules(&self) -> &[String] {
    match self {
      Self::Partial { modules, .. } => modules,
      Self::Full { .. } | Self::Nothing => &[],
    }
  }
}

/// Words of a source that may make rolldown warn while it scans. A partial scan
/// loses its warnings, so modules with these words are read in a full one.
const WARNING_WORDS: [&str; 7] =
  ["eval", "import.meta", "PURE__", "SIDE_EFFECTS__", "\"use ", "'use ", "exports"];

/// Chooses the scope of a rebuild. `unread` are modules that changed before and could not be read.
pub(crate) fn scope(
  previous: Option<&Graph>,
  changes: Option<&Changes>,
  unread: &[String],
  snapshot: &Snapshot,
) -> Scope {
  let Some(graph) = previous else {
    return Scope::Full { reason: "there is no earlier build to go on from" };
  };
  let Some(changes) = changes else {
    return Scope::Full { reason: "what changed is not known" };
  };
  if !changes.added.is_empty() || !changes.removed.is_empty() {
    // Either may change where any specifier leads.
    return Scope::Full { reason: "files were added or removed" };
  }
  let mut modules = Vec::new();
  let again = unread.iter().filter(|path| !changes.modified.contains(*path));
  for path in changes.modified.iter().chain(again) {
    if steers_resolution(path) {
      return Scope::Full { reason: "a file that steers resolution changed" };
    }
    let Some(module) = graph.find(path) else { continue };
    if has_dynamic_import(module) {
      return Scope::Full { reason: "a module with dynamic imports changed" };
    }
    let text = snapshot.text(std::path::Path::new(path)).unwrap_or_default();
    if WARNING_WORDS.iter().any(|word| text.contains(word)) {
      return Scope::Full { reason: "a module that may cause warnings changed" };
    }
    modules.push(path.clone());
  }
  if modules.is_empty() { Scope::Nothing } else { Scope::Partial { modules, only_text: false } }
}

/// What an update of the pages takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateScope {
  /// No module of the graph changed.
  Nothing,
  /// The changed modules are scanned and sent.
  Modules,
  Reload {
    reason: &'static str,
  },
}

/// Chooses how pages are updated.
pub(crate) fn update_scope(previous: Option<&Graph>, changes: &Changes) -> UpdateScope {
  let paths = changes.paths();
  if paths.iter().any(|path| steers_resolution(path)) {
    return UpdateScope::Reload { reason: "a file that steers resolution changed" };
  }
  let knows = |path: &String| previous.is_some_and(|graph| graph.find(path).is_some());
  // A file that comes or goes may change where a specifier leads.
  let moves = !changes.added.is_empty() || !changes.removed.is_empty();
  if moves || paths.iter().any(knows) { UpdateScope::Modules } else { UpdateScope::Nothing }
}

fn steers_resolution(path: &str) -> bool {
  let name = path.rsplit('/').next().unwrap_or(path);
  name == "package.json" || (name.contains("config") && name.ends_with(".json"))
}

fn has_dynamic_import(module: &Module) -> bool {
  module.imports.iter().any(|import| import.kind == ImportKind::DynamicImport)
}

/// Whether the graph after a partial scan has the shape it had before.
pub(crate) fn keeps_shape(previous: &Graph, current: &Graph, modules: &[String]) -> bool {
  modules.iter().all(|id| {
    let (Some(before), Some(after)) = (previous.find(id), current.find(id)) else { return false };
    !has_dynamic_import(after)
      && before.is_commonjs == after.is_commonjs
      && previous.edges(before).eq(current.edges(after))
  })
}

/// The scope as an event.
pub(crate) fn rebuild_event(scope: &Scope, changes: Option<&Changes>, cwd: &str) -> ExplainEvent {
  let changed = changes.map(Changes::paths).unwrap_or_default();
  let (kind, reason) = match scope {
    Scope::Full { reason } => (RebuildScope::Full, *reason),
    Scope::Partial { only_text: true, .. } => {
      (RebuildScope::Partial, "only the text of the changed modules changed")
    }
    Scope::Partial { .. } => (RebuildScope::Partial, "the changed modules import what they did"),
    Scope::Nothing => (RebuildScope::None, "no module of the graph changed"),
  };
  ExplainEvent::Rebuild(RebuildEvent {
    scope: kind,
    reason: reason.to_owned(),
    changed: changed.iter().map(|path| shown_id(path, std::path::Path::new(cwd))).collect(),
  })
}

/// Why each module is there, and where each specifier led.
pub(crate) fn graph_events(graph: &Graph, changed: &[String]) -> Vec<ExplainEvent> {
  let mut events = Vec::with_capacity(graph.modules.len() + graph.imports_count());
  for module in graph.modules.iter().filter(|module| !module.is_external) {
    let importer = |place: usize| Some(graph.modules[place].stable_id.clone());
    let (reason, importer) = match module.reached_by {
      _ if changed.contains(&module.id) => (ModuleReason::Changed, None),
      ReachedBy::Entry => (ModuleReason::Entry, None),
      ReachedBy::Import { importer: place } => (ModuleReason::Imported, importer(place)),
      ReachedBy::DynamicImport { importer: place } => {
        (ModuleReason::DynamicallyImported, importer(place))
      }
    };
    events.push(ExplainEvent::Module(ModuleEvent {
      id: module.stable_id.clone(),
      reason,
      importer,
    }));
    for import in &module.imports {
      let target = import.target.map(|place| &graph.modules[place]);
      let external = target.is_some_and(|target| target.is_external);
      events.push(ExplainEvent::Resolve(ResolveEvent {
        importer: module.stable_id.clone(),
        specifier: import.specifier.clone(),
        kind: import.kind,
        id: target.filter(|_| !external).map(|target| target.stable_id.clone()),
        external,
      }));
    }
  }
  events
}
