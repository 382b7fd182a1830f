//! What a build's output was made from, kept for a build in which a few modules have another text
//! and everything that was decided about them stands.

use oxc_index::IndexVec;
use rolldown_common::{
  ChunkIdx, ConcatenateWrappedModuleKind, ModuleIdx, PathsOutputOption, UsedSymbolRefs,
};
use rolldown_ecmascript::EcmaAst;
use rolldown_error::BuildResult;

use crate::{
  BundleOutput,
  chunk_graph::ChunkGraph,
  ecmascript::ecma_generator::{RenderedModuleSource, RenderedModuleSources},
  types::generator::Printed,
  utils::render_ecma_module::render_ecma_module,
};

use super::{
  FinalEsmInitMetadata, GenerateStage, Sealed, order_wrap_state::OrderWrapState,
  resolve_file_urls::ResolvedFileUrls,
};

/// The decisions of the generate stage, and the modules as it printed them.
pub struct Generated {
  pub chunk_graph: ChunkGraph,
  pub order_state: OrderWrapState,
  pub used_symbol_refs: UsedSymbolRefs,
  pub final_esm_init_metadata: Sealed<FinalEsmInitMetadata>,
  pub resolved_paths: Option<PathsOutputOption>,
  /// By chunk, parallel to its modules without the external ones.
  pub rendered: IndexVec<ChunkIdx, RenderedModuleSources>,
}

impl GenerateStage<'_> {
  /// Finalizes and prints the given modules again, and makes files of these and of all the others
  /// as they are.
  ///
  /// Gives nothing where a module turns out to need more than that; `generated` is then spent.
  ///
  /// # Errors
  /// Of hooks that see chunks.
  pub async fn print_again(
    &mut self,
    modules: Vec<(ModuleIdx, EcmaAst)>,
    generated: &mut Generated,
  ) -> BuildResult<Option<BundleOutput>> {
    self.plugin_driver.render_start(self.options).await?;
    self.resolved_paths = generated.resolved_paths.take();
    for (idx, mut ast) in modules {
      let Some(source) = self.render_again(idx, &mut ast, generated) else { return Ok(None) };
      let chunk_idx = generated.chunk_graph.module_to_chunk[idx].expect("should have chunk idx");
      let Some(place) = generated.rendered[chunk_idx].iter_mut().find(|old| old.module_idx == idx)
      else {
        return Ok(None);
      };
      *place = source;
    }
    super::render_chunk_to_assets::set_emitted_chunk_preliminary_filenames(
      &self.plugin_driver.file_emitter,
      &generated.chunk_graph,
    );
    let printed = generated.rendered.iter().cloned().map(Printed::Before).collect();
    let (output, _) = self
      .assets_of(
        &generated.chunk_graph,
        printed,
        &generated.used_symbol_refs,
        &generated.order_state,
      )
      .await?;
    generated.resolved_paths = self.resolved_paths.take();
    Ok(Some(output))
  }

  fn render_again(
    &self,
    idx: ModuleIdx,
    ast: &mut EcmaAst,
    generated: &Generated,
  ) -> Option<RenderedModuleSource> {
    let module = self.link_output.module_table[idx].as_normal()?;
    let linking_info = &self.link_output.metas[idx];
    if !linking_info.is_included
      || !matches!(
        linking_info.concatenated_wrapped_module_kind,
        ConcatenateWrappedModuleKind::None
      )
    {
      return None;
    }
    let no_file_urls = ResolvedFileUrls::default();
    let (transferred_import_record, _, diagnostics) = self
      .finalizer_context(
        idx,
        &generated.chunk_graph,
        &no_file_urls,
        &generated.used_symbol_refs,
        &generated.order_state,
        &generated.final_esm_init_metadata,
      )
      .finalize_normal_module(ast, &self.link_output.symbol_db[idx].as_ref()?.ast_scopes);
    if !transferred_import_record.is_empty() || !diagnostics.is_empty() {
      return None;
    }
    let rendered = render_ecma_module(module, self.options, self.print_module(module, ast));
    if !rendered.warnings.is_empty() {
      return None;
    }
    Some(RenderedModuleSource::new(idx, module.id.clone(), module.exec_order, rendered.sources))
  }
}
