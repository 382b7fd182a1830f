use std::{ops::Deref, pin::Pin, sync::Arc};

use futures::future::try_join_all;
use oxc_index::{IndexVec, index_vec};
use oxc_str::CompactStr;
use rolldown_common::{
  Asset, ChunkIdx, ConcatenateWrappedModuleKind, EmittedChunkInfo, InstantiationKind,
  ModuleRenderArgs, ModuleRenderOutput, NormalModule, Output, OutputAsset, OutputChunk,
  SharedFileEmitter, SymbolRef, UsedSymbolRefs,
};
use rolldown_devtools::{action, trace_action, trace_action_enabled};
use rolldown_ecmascript::EcmaAst;
use rolldown_error::{BatchedBuildDiagnostic, BuildResult, Diagnostics};
use rolldown_utils::{
  index_vec_ext::IndexVecRefExt as _,
  indexmap::{FxIndexMap, FxIndexSet},
  rayon::{IntoParallelRefIterator, ParallelIterator},
};
use rustc_hash::FxHashMap;

use crate::{
  BundleOutput,
  chunk_graph::ChunkGraph,
  ecmascript::ecma_generator::{EcmaGenerator, RenderedModuleSources},
  type_alias::{AssetVec, IndexChunkToInstances, IndexEcmaAst, IndexInstantiatedChunks},
  types::generator::{GenerateContext, GenerateOutput, Generator, Printed},
  utils::{
    augment_chunk_hash::augment_chunk_hash,
    chunk::{finalize_chunks::finalize_assets, render_chunk_exports::get_export_items},
    render_chunks::render_chunks,
  },
};

use super::{CarriedRender, GenerateStage};

type ChunkGeneratorFuture<'a> = Pin<
  Box<
    dyn Future<Output = Result<Result<GenerateOutput, BatchedBuildDiagnostic>, anyhow::Error>>
      + 'a
      + Send,
  >,
>;

impl GenerateStage<'_> {
  /// Prints the modules and makes files of them.
  ///
  /// The second value is what the chunks were joined of: with it, `assets_of` makes the same
  /// files again.
  pub async fn render_chunk_to_assets(
    &mut self,
    chunk_graph: &ChunkGraph,
    ast_table: IndexEcmaAst,
    used_symbol_refs: &UsedSymbolRefs,
    order_state: &super::order_wrap_state::OrderWrapState,
  ) -> BuildResult<(BundleOutput, IndexVec<ChunkIdx, RenderedModuleSources>)> {
    // `ast_table` is threaded by value into `create_chunk_to_codegen_ret_map`
    // (the last reader), where it is dropped at scope exit by the compiler —
    // releasing the per-module bumpalo arenas before `minify_chunks` and
    // `finalize_assets` allocate.
    let printed = self
      .create_chunk_to_codegen_ret_map(chunk_graph, ast_table)
      .into_iter()
      .map(Printed::Now)
      .collect();
    self.assets_of(chunk_graph, printed, used_symbol_refs, order_state).await
  }

  /// Joins printed modules to chunks, and makes files of these.
  pub async fn assets_of(
    &mut self,
    chunk_graph: &ChunkGraph,
    printed: Vec<Printed>,
    used_symbol_refs: &UsedSymbolRefs,
    order_state: &super::order_wrap_state::OrderWrapState,
  ) -> BuildResult<(BundleOutput, IndexVec<ChunkIdx, RenderedModuleSources>)> {
    // Move the mixed-severity accumulator out of `link_output` so it can be
    // passed by `&mut` to `instantiate_chunks` (which borrows `&self`, and so
    // cannot also borrow `self.link_output.diagnostics`). The split into
    // warnings vs. errors is deferred to the end of the function, where their
    // fates finally diverge (errors -> `Err`, warnings -> `BundleOutput`).
    let mut diagnostics = std::mem::take(&mut self.link_output.diagnostics);
    let inline_renders = std::mem::take(&mut self.inline_renders);
    let (mut instantiated_chunks, index_chunk_to_instances, rendered) = self
      .instantiate_chunks(
        chunk_graph,
        printed,
        &mut diagnostics,
        used_symbol_refs,
        order_state,
        inline_renders,
      )
      .await?;

    self.trace_action_package_graph_ready(chunk_graph, &instantiated_chunks);

    diagnostics
      .extend(render_chunks(self.plugin_driver, &mut instantiated_chunks, self.options).await?);

    augment_chunk_hash(self.plugin_driver, &mut instantiated_chunks).await?;

    let mangle_cache = Self::minify_chunks(self.options, &mut instantiated_chunks)?;

    Self::post_banner_footer(&mut instantiated_chunks)?;

    let assets = finalize_assets(
      chunk_graph,
      self.link_output,
      instantiated_chunks,
      &index_chunk_to_instances,
      self.options.hash_characters,
      self.options,
      self.resolved_paths.as_ref(),
    )
    .await?;

    // Set emitted chunk info for file emitter, it should be set before call generate_bundle hook
    set_emitted_chunk_filenames(&self.plugin_driver.file_emitter, &assets, chunk_graph);

    Self::trace_action_assets_ready(&assets);

    let mut output = Vec::with_capacity(assets.len());
    for Asset { map, meta: rendered_chunk, content: code, filename, .. } in assets {
      match rendered_chunk {
        InstantiationKind::Ecma(ecma_meta) => {
          let code = code.try_into_string()?;
          let rendered_chunk = ecma_meta.rendered_chunk;
          output.push(Output::Chunk(Arc::new(OutputChunk {
            name: rendered_chunk.name.clone(),
            filename: filename.clone(),
            code,
            is_entry: rendered_chunk.is_entry,
            is_dynamic_entry: rendered_chunk.is_dynamic_entry,
            facade_module_id: rendered_chunk.facade_module_id.clone(),
            modules: rendered_chunk.modules.clone(),
            exports: rendered_chunk.exports.clone(),
            module_ids: rendered_chunk.module_ids.clone(),
            imports: ecma_meta.imports,
            dynamic_imports: ecma_meta.dynamic_imports,
            map,
            sourcemap_filename: ecma_meta.sourcemap_filename,
            preliminary_filename: ecma_meta.preliminary_filename.to_string(),
          })));
        }
        InstantiationKind::Sourcemap(sourcemap_meta) => {
          output.push(Output::Asset(Arc::new(OutputAsset {
            filename: filename.clone(),
            source: code,
            original_file_names: sourcemap_meta.original_file_names,
            names: sourcemap_meta.names,
          })));
        }
        InstantiationKind::None => {
          output.push(Output::Asset(Arc::new(OutputAsset {
            filename: filename.clone(),
            source: code,
            original_file_names: vec![],
            names: vec![],
          })));
        }
      }
    }

    // The chunks order make sure the entry chunk at first, the assets at last, see https://github.com/rollup/rollup/blob/master/src/rollup/rollup.ts#L266
    output.sort_unstable_by(|a, b| {
      let a_type = get_sorting_file_type(a) as u8;
      let b_type = get_sorting_file_type(b) as u8;
      if a_type == b_type {
        return a.filename().cmp(b.filename());
      }
      a_type.cmp(&b_type)
    });

    // Now that all diagnostics are collected, drain by severity: any error
    // aborts the build, otherwise the warnings ride out on the `BundleOutput`.
    // `into_result` fast-paths the common no-error case, skipping the partition.
    let warnings = diagnostics.into_result()?;
    Ok((BundleOutput { assets: output, warnings, mangle_cache }, rendered))
  }

  #[tracing::instrument(level = "debug", skip_all)]
  async fn instantiate_chunks(
    &self,
    chunk_graph: &ChunkGraph,
    printed: Vec<Printed>,
    diagnostics: &mut Diagnostics,
    used_symbol_refs: &UsedSymbolRefs,
    order_state: &super::order_wrap_state::OrderWrapState,
    mut inline_renders: FxHashMap<ChunkIdx, Vec<CarriedRender>>,
  ) -> BuildResult<(
    IndexInstantiatedChunks,
    IndexChunkToInstances,
    IndexVec<ChunkIdx, RenderedModuleSources>,
  )> {
    let mut index_chunk_to_instances: IndexChunkToInstances =
      index_vec![FxIndexSet::default(); chunk_graph.chunk_table.len()];
    let mut index_instantiated_chunks: IndexInstantiatedChunks =
      IndexVec::with_capacity(chunk_graph.chunk_table.len());
    let mut rendered: IndexVec<ChunkIdx, RenderedModuleSources> =
      index_vec![RenderedModuleSources::new(); chunk_graph.chunk_table.len()];
    let render_export_items_index_vec = &chunk_graph
      .chunk_table
      .chunks
      .iter()
      .map(|item| {
        let mut map: FxIndexMap<SymbolRef, Vec<CompactStr>> = FxIndexMap::default();
        get_export_items(item).into_iter().for_each(|(k, v)| {
          map.entry(v).or_default().push(k);
        });
        map
      })
      .collect();

    try_join_all(
      printed
        .into_iter()
        .enumerate()
        .filter_map(|(idx, printed)| {
          let chunk_idx =
            ChunkIdx::from_raw(u32::try_from(idx).expect("chunk index should fit in u32"));
          // A record is no file; its modules are printed by the files that carry it.
          if chunk_graph.post_chunk_optimization_operations.contains_key(&chunk_idx)
            || self.inline_state.is_record(chunk_idx)
          {
            return None;
          }
          let chunk = chunk_graph.chunk_table.get(chunk_idx)?;
          let carried_renders = inline_renders.remove(&chunk_idx).unwrap_or_default();
          Some((chunk_idx, chunk, printed, carried_renders))
        })
        .flat_map(|(chunk_idx, chunk, printed, carried_renders)| {
          let resolved_paths = self.resolved_paths.as_ref();
          let ecma_chunks_future: ChunkGeneratorFuture = Box::pin(async move {
            let mut ecma_ctx = GenerateContext {
              chunk_idx,
              chunk,
              options: self.options,
              link_output: self.link_output,
              used_symbol_refs,
              order_wrap_state: order_state,
              chunk_graph,
              plugin_driver: self.plugin_driver,
              printed,
              render_export_items_index_vec,
              resolved_paths,
              inline_state: &self.inline_state,
              carried_renders,
            };
            let ecma_chunks_future = EcmaGenerator::instantiate_chunk(&mut ecma_ctx);
            let ecma_chunks = ecma_chunks_future.await?;
            Ok(ecma_chunks)
          });
          [ecma_chunks_future]
        }),
    )
    .await?
    .into_iter()
    .for_each(|result| match result {
      Ok(mut generate_output) => {
        if let Some(chunk) = generate_output.chunks.first() {
          rendered[chunk.originate_from] =
            std::mem::take(&mut generate_output.rendered_module_sources);
        }
        generate_output.chunks.into_iter().for_each(|ins_chunk| {
          let base_chunk_idx = ins_chunk.originate_from;
          let ins_chunk_idx = index_instantiated_chunks.push(ins_chunk);
          index_chunk_to_instances[base_chunk_idx].insert(ins_chunk_idx);
        });
        diagnostics.extend(generate_output.warnings);
      }
      Err(e) => diagnostics.extend(e.into_vec()),
    });

    index_chunk_to_instances.iter_mut().for_each(|instances| {
      instances.sort_by_cached_key(|ins_chunk_idx| {
        index_instantiated_chunks[*ins_chunk_idx].preliminary_filename.as_str()
      });
    });

    Ok((index_instantiated_chunks, index_chunk_to_instances, rendered))
  }

  /// Create a IndexVecMap from chunk index to related modules codegen return list.
  /// e.g.
  /// modules of chunk1: [ecma1, ecma2, external1]
  /// modules of chunk2: [ecma3, external2]
  /// ret: [
  ///   [Some(ecma1_codegen), Some(ecma2_codegen), None],
  ///   [Some(ecma3_codegen), None],
  /// ]
  // `ast_table` is taken by value on purpose: this is the last reader, and
  // having the compiler drop it at scope exit (rather than borrowing it and
  // dropping later) is what releases the per-module bumpalo arenas before the
  // rest of `instantiate_chunks` runs.
  #[expect(clippy::needless_pass_by_value)]
  fn create_chunk_to_codegen_ret_map(
    &self,
    chunk_graph: &ChunkGraph,
    ast_table: IndexEcmaAst,
  ) -> Vec<Vec<Option<ModuleRenderOutput>>> {
    chunk_graph
      .chunk_table
      .par_iter_enumerated()
      .map(|(chunk_idx, item)| {
        // A record's modules were finalized and printed per carrier; its own ASTs stay untouched.
        if self.inline_state.is_record(chunk_idx) {
          return vec![];
        }
        item
          .modules
          .par_iter()
          .map(|&module_idx| match self.link_output.module_table[module_idx].as_normal() {
            Some(module) => {
              let ast = ast_table[module.idx].as_ref().expect("should have ast");
              Some(self.print_module(module, ast))
            }
            _ => None,
          })
          .collect::<Vec<_>>()
      })
      .collect::<Vec<_>>()
  }

  /// Prints one finalized module.
  pub fn print_module(&self, module: &NormalModule, ast: &EcmaAst) -> ModuleRenderOutput {
    let needs_extra_indent = matches!(
      self.options.format,
      rolldown_common::OutputFormat::Iife | rolldown_common::OutputFormat::Umd
    );
    #[expect(clippy::bool_to_int_with_if)]
    let initial_indent = if needs_extra_indent
      || !matches!(
        self.link_output.metas[module.idx].concatenated_wrapped_module_kind,
        ConcatenateWrappedModuleKind::None
      ) {
      1
    } else {
      0
    };
    module.render(self.options, &ModuleRenderArgs::Ecma { ast }, initial_indent)
  }

  fn trace_action_assets_ready(index_assets: &AssetVec) {
    if trace_action_enabled!() {
      let mut assets = vec![];
      for asset in index_assets {
        assets.push(action::Asset {
          chunk_id: asset.originate_from.map(ChunkIdx::raw),
          content: asset.content.try_as_inner_str().ok().map(str::to_string),
          size: asset.content.as_bytes().len().try_into().unwrap(),
          filename: asset.filename.to_string(),
        });
      }
      let assets_ready = action::AssetsReady { action: "AssetsReady", assets };
      trace_action!(assets_ready);
    }
  }
}

enum SortingFileType {
  EntryChunk = 0,
  SecondaryChunk = 1,
  Asset = 2,
}

#[inline]
fn get_sorting_file_type(output: &Output) -> SortingFileType {
  match output {
    Output::Asset(_) => SortingFileType::Asset,
    Output::Chunk(chunk) => {
      if chunk.is_entry {
        SortingFileType::EntryChunk
      } else {
        SortingFileType::SecondaryChunk
      }
    }
  }
}

pub fn set_emitted_chunk_preliminary_filenames(
  file_emitter: &SharedFileEmitter,
  chunk_graph: &ChunkGraph,
) {
  let emitted_chunk_info = chunk_graph
    .chunk_table
    .chunks
    .iter_enumerated()
    .filter_map(|(idx, chunk)| {
      chunk_graph.chunk_idx_to_reference_ids.get(&idx).map(|reference_ids| {
        reference_ids.iter().map(|reference_id| EmittedChunkInfo {
          reference_id: reference_id.clone(),
          filename: chunk
            .preliminary_filename
            .as_ref()
            .expect("Emitted chunk should have filename")
            .deref()
            .clone(),
        })
      })
    })
    .flatten();
  file_emitter.set_emitted_chunk_info(emitted_chunk_info);
}

fn set_emitted_chunk_filenames(
  file_emitter: &SharedFileEmitter,
  assets: &AssetVec,
  chunk_graph: &ChunkGraph,
) {
  let emitted_chunk_info = assets
    .iter()
    .filter_map(|asset| {
      asset.originate_from.and_then(|originate_from| {
        chunk_graph.chunk_idx_to_reference_ids.get(&originate_from).map(|reference_ids| {
          reference_ids.iter().map(|reference_id| EmittedChunkInfo {
            reference_id: reference_id.clone(),
            filename: asset.filename.clone(),
          })
        })
      })
    })
    .flatten();
  file_emitter.set_emitted_chunk_info(emitted_chunk_info);
}
