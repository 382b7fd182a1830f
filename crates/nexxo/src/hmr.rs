//! Hot module replacement: which pages run the output of a dev context, what
//! each of them was sent, and the patches that bring them up to date.
//!
//! rolldown renders patches and knows which modules a page lacks. Where a change
//! ends is decided in the page, by the client in `hmr/client.ts`, which knows what
//! has run there.

use std::{
  borrow::Cow,
  collections::BTreeSet,
  sync::{Arc, atomic::AtomicU32},
};

use arcstr::ArcStr;
use indexmap::IndexMap;
use rolldown::{
  Bundler,
  plugin::{
    __inner::SharedPluginable, HookTransformArgs, HookTransformOutput, HookTransformOutputMap,
    HookTransformReturn, HookUsage, Plugin, PluginHookMeta, PluginOrder,
    SharedTransformPluginContext,
  },
};
use rolldown_common::{ClientHmrInput, HmrStampTable, HmrUpdate, WatcherChangeKind};
use rolldown_error::BuildResult;
use rolldown_utils::indexmap::FxIndexMap;
use rustc_hash::FxHashMap;

use crate::{
  protocol::{DevOptions, Patch, TransformOptions, TransformRequest},
  snapshot::Changes,
  transform,
};

const CLIENT: &str = include_str!("../hmr/client.ts");
const REACT: &str = include_str!("../hmr/react.ts");
/// `react-refresh` 0.19.0, MIT: see its folder.
const REACT_REFRESH: &str = include_str!("../../../vendor/react-refresh/runtime.development.js");

/// What runs in a page before the app does.
pub(crate) fn runtime(options: &DevOptions) -> String {
  let mut code = javascript(CLIENT);
  if options.react != Some(false) {
    code.push_str("const refresh = ((exports, process) => {\n");
    code.push_str(REACT_REFRESH);
    code.push_str("\nreturn exports;\n})({}, { env: { NODE_ENV: 'development' } });\n");
    code.push_str(&javascript(REACT));
  }
  code
}

/// Our own TypeScript, which has no mistakes: a test sees to that.
fn javascript(code: &str) -> String {
  let request = TransformRequest {
    file_name: Some("hmr.ts".to_owned()),
    transform: Some(TransformOptions::default()),
    ..TransformRequest::default()
  };
  transform(code, &request).code
}

/// The engine's own plugins of a dev build.
pub(crate) fn plugins(options: &DevOptions) -> Vec<SharedPluginable> {
  match options.react {
    Some(false) => Vec::new(),
    _ => vec![rolldown_plugin::Plugin::new_shared(ReactAdapter)],
  }
}

/// What a module with components says of itself.
const REACT_SUFFIX: &str = "\
if (import.meta.hot) import.meta.hot.accept(__nexxo_react__.accept(import.meta.hot));
function $RefreshReg$(type, name) { __nexxo_react__.register(import.meta.hot, type, name); }
";

/// Lets modules with JSX accept themselves, as long as they export components.
#[derive(Debug)]
struct ReactAdapter;

impl Plugin for ReactAdapter {
  fn name(&self) -> Cow<'static, str> {
    Cow::Borrowed("nexxo:react")
  }

  async fn transform(
    &self,
    _: SharedTransformPluginContext,
    args: &HookTransformArgs<'_>,
  ) -> HookTransformReturn {
    let is_jsx = args.id.ends_with(".jsx") || args.id.ends_with(".tsx");
    // What exports nothing is no component: to run it again would only do harm.
    if !is_jsx || args.id.contains("/node_modules/") || !args.code.contains("export") {
      return Ok(None);
    }
    // After the module's own lines, which keep their numbers.
    let code = format!("{}\n{REACT_SUFFIX}", args.code);
    Ok(Some(HookTransformOutput {
      code: Some(code),
      map: HookTransformOutputMap::Null,
      ..Default::default()
    }))
  }

  fn transform_meta(&self) -> Option<PluginHookMeta> {
    Some(PluginHookMeta { order: Some(PluginOrder::Post) })
  }

  fn register_hook_usage(&self) -> HookUsage {
    HookUsage::Transform
  }
}

/// The pages that run what a context built.
#[derive(Default)]
pub(crate) struct Pages {
  pages: IndexMap<String, Page>,
  stamps: HmrStampTable,
  patches: Arc<AtomicU32>,
  /// Whether a module that looks unchanged has to be sent all the same: the
  /// pages missed what it was in between.
  pub(crate) missed: bool,
  /// Files whose changes no page was sent, as something was wrong with them.
  unsent: BTreeSet<String>,
}

#[derive(Default)]
struct Page {
  /// The modules that were sent on their own, with the stamp of what was sent.
  sent: FxHashMap<ArcStr, u32>,
  seq: u32,
}

impl Pages {
  /// A page loads the output as it is now. What changes from here on, it is sent.
  pub(crate) fn connect(&mut self, page: &str) {
    self.pages.insert(page.to_owned(), Page::default());
  }

  pub(crate) fn disconnect(&mut self, page: &str) {
    self.pages.shift_remove(page);
  }

  /// The changes, and those of before that were not sent.
  pub(crate) fn due(&self, changes: &Changes) -> Changes {
    let mut due = changes.clone();
    let is_new = |path: &&String| {
      ![&changes.added, &changes.modified, &changes.removed].iter().any(|list| list.contains(path))
    };
    due.modified.extend(self.unsent.iter().filter(is_new).cloned());
    due
  }

  /// Keeps for later what could not be sent, and takes patches back that were made for it.
  pub(crate) fn keep(&mut self, changes: &Changes, patches: &[Patch]) {
    self.unsent.extend(changes.added.iter().chain(&changes.modified).cloned());
    // The pages stay with what they have, so that the next change has to bring all of this.
    self.missed = true;
    for patch in patches {
      let Some(page) = self.pages.get_mut(&patch.page) else { continue };
      page.seq -= 1;
      for id in &patch.module_ids {
        page.sent.remove(id.as_str());
      }
    }
  }

  /// Everything was sent.
  pub(crate) fn settle(&mut self) {
    self.unsent.clear();
  }

  /// Scans what changed and renders what each page needs; or gives why all have to load again.
  pub(crate) async fn update(
    &mut self,
    bundler: &mut Bundler,
    changes: &Changes,
  ) -> BuildResult<Result<Vec<Patch>, String>> {
    let kinds = [
      (&changes.added, WatcherChangeKind::Create),
      (&changes.modified, WatcherChangeKind::Update),
      (&changes.removed, WatcherChangeKind::Delete),
    ];
    let mut files = FxIndexMap::default();
    for (paths, kind) in kinds {
      files.extend(paths.iter().map(|path| (path.clone(), kind)));
    }
    let inputs: Vec<ClientHmrInput<'_>> = self
      .pages
      .iter()
      .map(|(id, page)| ClientHmrInput { client_id: id, shipped: &page.sent })
      .collect();
    let number = Arc::clone(&self.patches);
    let updates = bundler
      .compute_hmr_update_for_file_changes(
        &files,
        &inputs,
        &mut self.stamps,
        number,
        self.missed,
        false,
      )
      .await?;
    self.missed = false;
    let mut patches = Vec::with_capacity(updates.len());
    for update in updates {
      let patch = match update.update {
        HmrUpdate::Patch(patch) => patch,
        HmrUpdate::Noop => continue,
        // Which goes for the other pages as well: they have the same modules.
        HmrUpdate::FullReload { reason } => return Ok(Err(reason)),
      };
      let Some(page) = self.pages.get_mut(&update.client_id) else { continue };
      page.seq += 1;
      let module_ids = patch.carried.iter().map(|(id, _)| id.to_string()).collect();
      page.sent.extend(patch.carried);
      patches.push(Patch {
        page: update.client_id,
        seq: page.seq,
        changed_ids: patch.changed_ids,
        module_ids,
        code: with_map(patch.code, patch.sourcemap.as_deref()),
        map: patch.sourcemap,
      });
    }
    Ok(Ok(patches))
  }

  /// The code that runs modules again which a page has only as part of a chunk.
  pub(crate) async fn factories(
    &mut self,
    bundler: &mut Bundler,
    page: &str,
    modules: &[String],
  ) -> BuildResult<String> {
    let patch =
      bundler.render_hmr_factories(modules, &self.stamps, Arc::clone(&self.patches)).await?;
    let Some(patch) = patch else { return Ok(String::new()) };
    if let Some(page) = self.pages.get_mut(page) {
      page.sent.extend(patch.carried);
    }
    Ok(with_map(patch.code, patch.sourcemap.as_deref()))
  }
}

/// The code with its source map in it: a patch has no address that the map's file could be beside.
fn with_map(mut code: String, map: Option<&str>) -> String {
  let Some(map) = map else { return code };
  const COMMENT: &str = "//# sourceMappingURL=";
  if let Some(start) = code.rfind(COMMENT).filter(|start| !code[*start..].trim_end().contains('\n'))
  {
    code.truncate(start);
  }
  code.push_str(COMMENT);
  code.push_str("data:application/json;charset=utf-8;base64,");
  code.push_str(&rolldown_utils::base64::to_standard_base64(map));
  code
}

#[cfg(test)]
mod tests {
  use super::{DevOptions, runtime};

  #[test]
  fn the_runtime_is_javascript_and_has_react_only_where_it_is_wanted() {
    let with_react = runtime(&DevOptions::default());
    assert!(with_react.contains("performReactRefresh") && !with_react.contains("interface "));
    let without = runtime(&DevOptions { react: Some(false) });
    assert!(without.contains("createModuleHotContext") && !without.contains("performReactRefresh"));
  }
}
