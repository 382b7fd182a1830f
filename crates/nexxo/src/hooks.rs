//! Plugins that live outside the engine: which hooks they have, and the bridge
//! by which rolldown calls them.
//!
//! A hook takes and gives strings and small objects; no syntax tree ever
//! crosses. Filters are matched here, so that what does not match costs no call.

use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use rolldown::plugin::{
  __inner::SharedPluginable, HookLoadArgs, HookLoadOutput, HookLoadReturn, HookResolveIdArgs,
  HookResolveIdOutput, HookResolveIdReturn, HookTransformArgs, HookTransformOutput,
  HookTransformOutputMap, HookTransformReturn, HookUsage, Plugin, PluginContext,
  SharedLoadPluginContext, SharedTransformPluginContext,
};
use rolldown_common::ResolvedExternal;
use rolldown_sourcemap::{JSONSourceMap, SourceMap};
use rolldown_utils::js_regex::HybridRegex;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
  bundler::module_type,
  diagnostic::{invalid_plugin_filter, plugin_failed},
  host::BoxFuture,
  protocol::{Diagnostic, ModuleType},
  snapshot::GuardedView,
};

/// The hooks that a plugin can have, by Rollup's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookName {
  ResolveId,
  Load,
  Transform,
}

impl HookName {
  pub fn as_str(self) -> &'static str {
    match self {
      Self::ResolveId => "resolveId",
      Self::Load => "load",
      Self::Transform => "transform",
    }
  }
}

/// A plugin as the engine needs to know it.
#[derive(Debug, Clone, Deserialize)]
pub struct PluginDeclaration {
  pub name: String,
  pub hooks: Vec<HookDeclaration>,
}

/// A hook, with the regular expression that the specifier or id has to match.
#[derive(Debug, Clone, Deserialize)]
pub struct HookDeclaration {
  pub hook: HookName,
  pub filter: Option<String>,
}

/// Calls a hook of a plugin by its place in the list.
///
/// The arguments are `[specifier, importer or null]`, `[id]` or `[code, id]`.
/// The answer is `null`, a string, or an object with `id` and `external`, or
/// with `code`, `map` and `moduleType`.
pub trait HookCaller: Send + Sync {
  /// # Errors
  /// What the hook threw, as a sentence.
  fn call(
    &self,
    plugin: usize,
    hook: HookName,
    args: Vec<Value>,
  ) -> BoxFuture<Result<Value, String>>;
}

/// The plugins of a build, in order.
#[derive(Clone, Default)]
pub struct Plugins {
  plugins: Vec<Arc<Declared>>,
  caller: Option<Arc<dyn HookCaller>>,
}

#[derive(Debug)]
struct Declared {
  name: String,
  resolve_id: Option<Option<HybridRegex>>,
  load: Option<Option<HybridRegex>>,
  transform: Option<Option<HybridRegex>>,
}

impl fmt::Debug for Plugins {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Plugins").field("plugins", &self.plugins).finish_non_exhaustive()
  }
}

impl Plugins {
  pub fn is_empty(&self) -> bool {
    self.plugins.is_empty()
  }

  /// # Errors
  /// `INVALID_PLUGIN` where a filter is no regular expression.
  pub fn new(
    declarations: Vec<PluginDeclaration>,
    caller: Arc<dyn HookCaller>,
  ) -> Result<Self, Diagnostic> {
    let mut plugins = Vec::with_capacity(declarations.len());
    for PluginDeclaration { name, hooks } in declarations {
      let mut declared = Declared { name, resolve_id: None, load: None, transform: None };
      for HookDeclaration { hook, filter } in hooks {
        let filter = filter
          .map(|filter| {
            HybridRegex::new(&filter)
              .map_err(|_| invalid_plugin_filter(&declared.name, hook.as_str(), &filter))
          })
          .transpose()?;
        match hook {
          HookName::ResolveId => declared.resolve_id = Some(filter),
          HookName::Load => declared.load = Some(filter),
          HookName::Transform => declared.transform = Some(filter),
        }
      }
      plugins.push(Arc::new(declared));
    }
    Ok(Self { plugins, caller: Some(caller) })
  }

  /// The plugins in the shape that rolldown takes.
  pub(crate) fn bridges(&self, view: &Arc<GuardedView>) -> Vec<SharedPluginable> {
    let Some(caller) = &self.caller else { return Vec::new() };
    let bridge = |(index, declared): (usize, &Arc<Declared>)| Bridge {
      index,
      declared: Arc::clone(declared),
      caller: Arc::clone(caller),
      view: Arc::clone(view),
    };
    self.plugins.iter().enumerate().map(bridge).map(Plugin::new_shared).collect()
  }
}

/// One plugin, as rolldown sees it.
struct Bridge {
  index: usize,
  declared: Arc<Declared>,
  caller: Arc<dyn HookCaller>,
  view: Arc<GuardedView>,
}

impl fmt::Debug for Bridge {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Bridge").field("declared", &self.declared).finish_non_exhaustive()
  }
}

fn matches(filter: Option<&Option<HybridRegex>>, text: &str) -> bool {
  match filter {
    None => false,
    Some(None) => true,
    Some(Some(filter)) => filter.matches(text),
  }
}

/// rolldown's own modules are nobody's to change.
fn is_runtime(id: &str) -> bool {
  id.starts_with("rolldown:") || id.starts_with("\0rolldown/")
}

impl Bridge {
  /// Calls the hook, unless the build is stopped: then it is not waited for.
  async fn call(&self, hook: HookName, args: Vec<Value>, id: &str) -> anyhow::Result<Value> {
    let stop: CancellationToken = self.view.stop();
    let answer = tokio::select! {
      answer = self.caller.call(self.index, hook, args) => answer,
      () = stop.cancelled() => return Err(self.view.stopped()),
    };
    answer.map_err(|problem| self.fail(hook, id, &problem))
  }

  fn fail(&self, hook: HookName, id: &str, problem: &str) -> anyhow::Error {
    let shown = crate::snapshot::shown(Path::new(id));
    self.view.fail(plugin_failed(&self.declared.name, hook.as_str(), &shown, problem))
  }

  fn source_map(&self, hook: HookName, id: &str, map: &Value) -> anyhow::Result<Option<SourceMap>> {
    let text = match map {
      Value::Null => return Ok(None),
      Value::String(text) => Cow::Borrowed(text.as_str()),
      other => Cow::Owned(other.to_string()),
    };
    let read: Result<JSONSourceMap, _> = serde_json::from_str(&text);
    let map = read
      .map_err(|error| error.to_string())
      .and_then(|json| SourceMap::from_json(json).map_err(|error| error.to_string()));
    map.map(Some).map_err(|error| self.fail(hook, id, &format!("it gave no source map ({error})")))
  }

  fn loaded_type(&self, id: &str, name: &Value) -> anyhow::Result<Option<ModuleType>> {
    if name.is_null() {
      return Ok(None);
    }
    ModuleType::deserialize(name)
      .map(Some)
      .map_err(|_| self.fail(HookName::Load, id, &format!("there is no module type {name}")))
  }
}

impl Plugin for Bridge {
  fn name(&self) -> Cow<'static, str> {
    Cow::Owned(self.declared.name.clone())
  }

  async fn resolve_id(
    &self,
    _: &PluginContext,
    args: &HookResolveIdArgs<'_>,
  ) -> HookResolveIdReturn {
    if is_runtime(args.specifier) || !matches(self.declared.resolve_id.as_ref(), args.specifier) {
      return Ok(None);
    }
    let importer = args.importer.map_or(Value::Null, Value::from);
    let answer =
      self.call(HookName::ResolveId, vec![args.specifier.into(), importer], args.specifier).await?;
    let (id, external) = match &answer {
      Value::Null => return Ok(None),
      Value::String(id) => (id.as_str(), false),
      Value::Object(fields) => {
        let Some(id) = fields.get("id").and_then(Value::as_str) else {
          return Err(self.fail(
            HookName::ResolveId,
            args.specifier,
            "it gave an object without `id`",
          ));
        };
        (id, fields.get("external").and_then(Value::as_bool) == Some(true))
      }
      _ => return Err(self.fail(HookName::ResolveId, args.specifier, "it gave no specifier")),
    };
    if external {
      self.view.note_external(id);
    }
    Ok(Some(HookResolveIdOutput {
      id: id.into(),
      external: external.then_some(ResolvedExternal::Bool(true)),
      package_json_path: if external { None } else { self.view.nearest_package_json(id) },
      ..Default::default()
    }))
  }

  async fn load(&self, _: SharedLoadPluginContext, args: &HookLoadArgs<'_>) -> HookLoadReturn {
    if is_runtime(args.id) || !matches(self.declared.load.as_ref(), args.id) {
      return Ok(None);
    }
    let answer = self.call(HookName::Load, vec![args.id.into()], args.id).await?;
    match &answer {
      Value::Null => Ok(None),
      Value::String(code) => {
        Ok(Some(HookLoadOutput { code: code.as_str().into(), ..Default::default() }))
      }
      _ => {
        let Some(code) = answer["code"].as_str() else {
          return Err(self.fail(HookName::Load, args.id, "it gave no code"));
        };
        Ok(Some(HookLoadOutput {
          code: code.into(),
          map: self.source_map(HookName::Load, args.id, &answer["map"])?,
          side_effects: None,
          module_type: self.loaded_type(args.id, &answer["moduleType"])?.map(module_type),
        }))
      }
    }
  }

  async fn transform(
    &self,
    _: SharedTransformPluginContext,
    args: &HookTransformArgs<'_>,
  ) -> HookTransformReturn {
    if is_runtime(args.id) || !matches(self.declared.transform.as_ref(), args.id) {
      return Ok(None);
    }
    let answer = self
      .call(HookName::Transform, vec![args.code.as_str().into(), args.id.into()], args.id)
      .await?;
    match answer {
      Value::Null => Ok(None),
      Value::String(code) => Ok(Some(HookTransformOutput {
        code: Some(code),
        // Without a map, lines keep their places: better than no map at all.
        map: HookTransformOutputMap::Null,
        ..Default::default()
      })),
      _ => {
        let Some(code) = answer["code"].as_str() else {
          return Err(self.fail(HookName::Transform, args.id, "it gave no code"));
        };
        Ok(Some(HookTransformOutput {
          code: Some(code.to_owned()),
          map: self
            .source_map(HookName::Transform, args.id, &answer["map"])?
            .map_or(HookTransformOutputMap::Null, HookTransformOutputMap::from),
          ..Default::default()
        }))
      }
    }
  }

  fn register_hook_usage(&self) -> HookUsage {
    let mut usage = HookUsage::empty();
    if self.declared.resolve_id.is_some() {
      usage |= HookUsage::ResolveId;
    }
    if self.declared.load.is_some() {
      usage |= HookUsage::Load;
    }
    if self.declared.transform.is_some() {
      usage |= HookUsage::Transform;
    }
    usage
  }
}
