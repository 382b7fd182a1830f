use super::Bundler;
use crate::SharedOptions;
use arcstr::ArcStr;
use rolldown_utils::dashmap::FxDashSet;
use std::sync::{Arc, LazyLock};

impl Bundler {
  pub fn options(&self) -> &SharedOptions {
    &self.bundle_factory.options
  }

  /// Clear the resolver cache so that previously-failed lookups (e.g. missing
  /// files that have since been created) are re-evaluated on the next build.
  pub fn clear_resolver_cache(&self) {
    self.bundle_factory.resolver.clear_cache();
  }

  /// Clear the transform options merged from tsconfig files so the next
  /// build picks up tsconfig edits.
  pub fn clear_transform_tsconfig_cache(&self) {
    self.bundle_factory.options.transform_options.clear_transform_tsconfig_cache();
  }

  /// See [`crate::bundle::bundle_factory::BundleFactory::module_infos`].
  pub fn module_infos(&self) -> rolldown_common::SharedModuleInfoDashMap {
    self.bundle_factory.module_infos()
  }

  pub fn watch_files(&self) -> &Arc<FxDashSet<ArcStr>> {
    static EMPTY_SET: LazyLock<Arc<FxDashSet<ArcStr>>> =
      LazyLock::new(|| Arc::new(FxDashSet::default()));
    if let Some(last_bundle_handle) = &self.last_bundle_handle {
      &last_bundle_handle.plugin_driver.watch_files
    } else {
      &EMPTY_SET
    }
  }
}
