//! Builds in which modules have another text and nothing else changed.
//!
//! A build keeps what it linked and decided. Where a scan finds that the changed modules declare,
//! import, export and refer to the same as before, linking would come to the same decisions: only
//! these modules are finalized and printed again. Whatever is not known to be the same is taken
//! for different, and the build goes the whole way.

use std::{fmt, mem};

use arcstr::ArcStr;
use oxc::semantic::{Scoping, SymbolId};
use oxc_str::CompactStr;
use rolldown_common::{
  AstScopes, EcmaModuleAstUsage, EcmaView, EcmaViewMeta, ExportsKind, GetLocalDb, GetLocalDbMut,
  ImportKind, MemberExprRef, MemberExprRefResolution, Module, ModuleIdx,
  ModuleType, NormalModule, ScanMode, StmtInfo, StmtInfos, SymbolOrMemberExprRef, SymbolRef,
  SymbolRefDbForModule, SymbolRefFlags, WrapKind,
};
use rolldown_error::BuildResult;
use rolldown_fs::FileSystem;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
  bundle::bundle::Bundle,
  stages::{
    generate_stage::{GenerateStage, Generated},
    link_stage::LinkStageOutput,
    scan_stage::{NormalizedScanStageOutput, ScanStageOutput},
  },
  type_alias::IndexEcmaAst,
  types::bundle_output::BundleOutput,
};

/// A build as it was linked and printed.
pub struct Kept {
  pub link_output: LinkStageOutput,
  pub generated: Generated,
  /// The modules that were scanned since, as they were when they were linked; nothing where that
  /// is not to be compared. Their scoping is in the snapshot, that of all others is here.
  pub scanned_since: FxHashMap<ModuleIdx, Option<Scanned>>,
  /// What is to be printed again.
  pub changed: Vec<ModuleIdx>,
}

impl fmt::Debug for Kept {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Kept").field("changed", &self.changed).finish_non_exhaustive()
  }
}

/// What a scan of changed modules found.
pub enum ScannedAgain {
  /// Nothing but their text is another: `Bundle::print_again` makes the output.
  OnlyText,
  /// The whole graph, to be linked.
  Graph(Box<NormalizedScanStageOutput>),
}

/// A module as it was scanned.
pub struct Scanned {
  module: NormalModule,
  stmt_infos: StmtInfos,
  flags: FxHashMap<SymbolId, SymbolRefFlags>,
}

impl<Fs: FileSystem + Clone + 'static> Bundle<Fs> {
  /// Scans the given modules of an incremental build again.
  ///
  /// # Errors
  /// Those of the scan. The last build is then kept as it is.
  pub async fn scan_again(&mut self, ids: Vec<ArcStr>) -> BuildResult<ScannedAgain> {
    if self.cache.kept.is_none() {
      return self
        .scan_modules(ScanMode::Partial(ids))
        .await
        .map(Box::new)
        .map(ScannedAgain::Graph);
    }
    self.plugin_driver.file_emitter.enter_build_phase();
    let result = self.scan_again_impl(ids).await;
    self.plugin_driver.file_emitter.enter_output_phase();
    result
  }

  async fn scan_again_impl(&mut self, ids: Vec<ArcStr>) -> BuildResult<ScannedAgain> {
    let output = self.scan_stage(ScanMode::Partial(ids)).await?;
    if let Err(errors) = self.merge_scanned(output).await {
      self.cache.give_up_kept();
      return Err(errors);
    }

    let snapshot = self.cache.get_snapshot();
    let kept = self.cache.kept.as_ref().expect("looked at above");
    let only_text = kept.scanned_since.iter().all(|(&idx, before)| {
      let module = snapshot.module_table[idx].as_normal();
      before.as_ref().zip(module).is_some_and(|(before, module)| {
        let symbols = snapshot.symbol_ref_db.local_db(idx);
        kept.goes_for(before, module, &snapshot.stmt_infos[idx], symbols)
      })
    });
    if !only_text {
      self.cache.give_up_kept();
      return Ok(ScannedAgain::Graph(Box::new(self.cache.create_output())));
    }
    let mut kept = self.cache.kept.take().expect("looked at above");
    kept.changed = mem::take(&mut kept.scanned_since).into_keys().collect();
    kept.changed.sort_unstable();
    let snapshot = self.cache.get_snapshot_mut();
    for idx in kept.changed.clone() {
      let scoping = mem::replace(
        &mut snapshot.symbol_ref_db.local_db_mut(idx).ast_scopes,
        AstScopes::new(Scoping::default()),
      );
      if let Some(module) = snapshot.module_table[idx].as_normal() {
        kept.take_text(module, &snapshot.stmt_infos[idx], scoping);
      }
    }
    self.cache.kept = Some(kept);
    Ok(ScannedAgain::OnlyText)
  }

  async fn merge_scanned(&mut self, output: ScanStageOutput) -> BuildResult<()> {
    self.cache.merge(output, &self.plugin_driver)?;
    self.cache.update_defer_sync_data(&self.options).await?;
    self.plugin_driver.build_end(None).await?;
    Ok(())
  }

  /// A module as the last scan found it, by its absolute path.
  pub fn scanned_module(&self, path: &str) -> Option<&Module> {
    let idx = *self.cache.module_idx_by_abs_path.get(path)?;
    self.cache.snapshot()?.module_table.modules.get(idx)
  }

  /// Makes the output after a scan that found only text changed.
  ///
  /// # Errors
  /// Of hooks, and where it has to go the whole way, of linking.
  ///
  /// # Panics
  /// Where the last scan found something else.
  pub async fn print_again(&mut self) -> BuildResult<BundleOutput> {
    let mut kept = self.cache.kept.take().expect("the last scan found only text changed");
    let snapshot = self.cache.get_snapshot();
    let modules = mem::take(&mut kept.changed)
      .into_iter()
      .filter_map(|idx| {
        let ast = snapshot.index_ecma_ast[idx].as_ref()?;
        Some((idx, ast.clone_with_another_arena()))
      })
      .collect();
    let mut stage = GenerateStage::new(
      &mut kept.link_output,
      IndexEcmaAst::default(),
      &self.options,
      &self.plugin_driver,
    );
    let printed = stage.print_again(modules, &mut kept.generated).await;
    self.cache.kept = Some(kept);
    match printed {
      Ok(Some(output)) => self.finish_output(Ok(output), false).await,
      Ok(None) => {
        self.cache.give_up_kept();
        let scan = self.cache.create_output();
        self.bundle_generate(scan).await
      }
      Err(errors) => {
        self.cache.give_up_kept();
        self.finish_output(Err(errors), false).await
      }
    }
  }
}

impl Scanned {
  /// A module as the snapshot has it; nothing where it is new or external.
  pub fn of(snapshot: &NormalizedScanStageOutput, idx: ModuleIdx) -> Option<Self> {
    Some(Self {
      module: snapshot.module_table.modules.get(idx)?.as_normal()?.clone(),
      stmt_infos: snapshot.stmt_infos[idx].clone(),
      flags: snapshot.symbol_ref_db.local_db(idx).flags.clone(),
    })
  }
}

impl Kept {
  /// Whether what was decided goes for a module's new text.
  fn goes_for(
    &self,
    before: &Scanned,
    module: &NormalModule,
    stmt_infos: &StmtInfos,
    symbols: &SymbolRefDbForModule,
  ) -> bool {
    same_view(&before.module, module)
      && same_statements(&before.stmt_infos, stmt_infos)
      && self.same_symbols(module.idx, &before.flags, symbols)
      && self.stands_by_itself(module, stmt_infos)
  }

  /// Whether the module is neither wrapped, nor imports what has to be initialized, nor calls what
  /// linking looked into: of these, more than what was compared enters the decisions.
  fn stands_by_itself(&self, module: &NormalModule, stmt_infos: &StmtInfos) -> bool {
    let is_wrapped = |idx: ModuleIdx| {
      let meta = &self.link_output.metas[idx];
      self.generated.order_state.esm_init_target(idx, meta).is_some()
    };
    let own = &self.link_output.metas[module.idx];
    let db = &self.link_output.symbol_db;
    let is_looked_into = |symbol: SymbolRef| {
      db.canonical_ref_for(symbol).flags(db).is_some_and(|flags| {
        flags
          .intersects(SymbolRefFlags::SideEffectsFreeFunction | SymbolRefFlags::PureAnnotationOnly)
      })
    };
    // A call in a statement without effects has none that linking could have found absent.
    let is_decided_by_calls = stmt_infos
      .iter()
      .zip(self.link_output.stmt_infos[module.idx].iter())
      .filter(|(scanned, _)| scanned.eval_flags.has_side_effect_for_tree_shaking())
      .flat_map(|(_, linked)| &linked.referenced_symbols)
      .any(|reference| match reference {
        SymbolOrMemberExprRef::Symbol(symbol) => is_looked_into(*symbol),
        SymbolOrMemberExprRef::MemberExpr(read) => {
          is_looked_into(read.object_ref)
            || own
              .resolved_member_expr_refs
              .get(&read.node_id)
              .and_then(|read| read.resolved)
              .is_some_and(is_looked_into)
        }
      });
    matches!(own.wrap_kind(), WrapKind::None)
      && !is_wrapped(module.idx)
      && !db.has_module_preserve_jsx()
      && !module.import_records.iter().any(|record| record.resolved_module.is_some_and(is_wrapped))
      && !is_decided_by_calls
  }

  /// Whether the module declares the same names, and none of those in functions could capture what
  /// a name stands for after renaming.
  fn same_symbols(
    &self,
    idx: ModuleIdx,
    flags_before: &FxHashMap<SymbolId, SymbolRefFlags>,
    symbols: &SymbolRefDbForModule,
  ) -> bool {
    let db = &self.link_output.symbol_db;
    let linked = db.local_db(idx);
    let (old, new) = (linked.ast_scopes.scoping(), symbols.ast_scopes.scoping());
    let root = new.root_scope_id();
    // Linking appends symbols of its own, and names others that no text has after what they import.
    let are_same = new.symbols_len() <= old.symbols_len()
      && new.symbol_ids().all(|symbol| {
        (old.symbol_name(symbol) == new.symbol_name(symbol) || symbols.is_facade_symbol(symbol))
          && old.symbol_flags(symbol) == new.symbol_flags(symbol)
          && (old.symbol_scope_id(symbol) == old.root_scope_id())
            == (new.symbol_scope_id(symbol) == root)
          && flags_of(flags_before, symbol) == flags_of(&symbols.flags, symbol)
      })
      && old.symbol_ids().skip(new.symbols_len()).all(|symbol| linked.is_facade_symbol(symbol));
    if !are_same || !same_globals(old, new) {
      return false;
    }

    let Some(chunk_idx) = self.generated.chunk_graph.module_to_chunk[idx] else { return false };
    let canonical_names = &self.generated.chunk_graph.chunk_table[chunk_idx].canonical_names;
    let is_nested = |symbol: &SymbolId| new.symbol_scope_id(*symbol) != root;
    let nested: FxHashSet<&str> =
      new.symbol_ids().filter(is_nested).map(|symbol| new.symbol_name(symbol)).collect();
    if new
      .symbol_ids()
      .filter(is_nested)
      .any(|symbol| canonical_names.contains_key(&SymbolRef { owner: idx, symbol }))
    {
      return false;
    }
    let is_captured = |symbol: SymbolRef, name: Option<&str>| {
      let stands_for = db.canonical_name_for_or_original(symbol, canonical_names);
      name != Some(stands_for) && nested.contains(stands_for)
    };
    let is_in_danger = |symbol: SymbolRef, name: Option<&str>| {
      let canonical = db.canonical_ref_for(symbol);
      is_captured(symbol, name)
        || db
          .get(canonical)
          .namespace_alias
          .as_ref()
          .is_some_and(|alias| is_captured(alias.namespace_ref, name))
    };
    let own = old
      .symbol_ids()
      .filter(|symbol| old.symbol_scope_id(*symbol) == old.root_scope_id())
      .map(|symbol| (SymbolRef { owner: idx, symbol }, Some(old.symbol_name(symbol))));
    let read = self.link_output.metas[idx]
      .resolved_member_expr_refs
      .values()
      .filter_map(|read| Some((read.resolved?, None)));
    !own.chain(read).any(|(symbol, name)| is_in_danger(symbol, name))
  }

  /// Puts a module's new text in the place of its old one.
  fn take_text(&mut self, module: &NormalModule, stmt_infos: &StmtInfos, scopes: AstScopes) {
    let idx = module.idx;
    let linked_symbols = self.link_output.symbol_db.local_db_mut(idx);
    let count = scopes.total_symbol_count();
    let old = mem::replace(&mut linked_symbols.ast_scopes, scopes);
    for symbol in old.scoping().symbol_ids() {
      let name = old.symbol_name(symbol);
      if symbol.index() >= count {
        linked_symbols.ast_scopes.create_facade_root_symbol_ref(name);
      } else if linked_symbols.is_facade_symbol(symbol) {
        linked_symbols.ast_scopes.set_symbol_name(symbol, name);
      }
    }

    let resolved = &mut self.link_output.metas[idx].resolved_member_expr_refs;
    let mut old = mem::take(resolved);
    let linked_statements = &mut self.link_output.stmt_infos[idx];
    for (linked, new) in linked_statements.infos.iter_mut().zip(stmt_infos.infos.iter()) {
      let reads = linked.referenced_symbols.iter_mut().filter_map(as_member);
      let new_reads = new.referenced_symbols.iter().filter_map(|read| match read {
        SymbolOrMemberExprRef::MemberExpr(read) => Some(read),
        SymbolOrMemberExprRef::Symbol(_) => None,
      });
      for (read, new_read) in reads.zip(new_reads) {
        if let Some(resolution) = old.remove(&read.node_id) {
          resolved.insert(new_read.node_id, moved(resolution, new_read));
        }
        *read = new_read.clone();
      }
    }

    for (&symbol, value) in &module.constant_export_map {
      let symbol = SymbolRef { owner: idx, symbol };
      if let Some(linked) = self.link_output.global_constant_symbol_map.get_mut(&symbol) {
        *linked = value.clone();
      }
    }

    let Some(linked) = self.link_output.module_table[idx].as_normal_mut() else { return };
    let EcmaView {
      source,
      named_imports,
      named_exports,
      import_records,
      imports,
      sourcemap_chain,
      hashbang_range,
      directive_range,
      this_expr_replace_map,
      ..
    } = &module.ecma_view;
    let view = &mut linked.ecma_view;
    view.source = source.clone();
    for (symbol, import) in named_imports {
      if let Some(linked) = view.named_imports.get_mut(symbol) {
        linked.span_imported = import.span_imported;
      }
    }
    for (name, export) in named_exports {
      if let Some(linked) = view.named_exports.get_mut(name) {
        linked.span = export.span;
      }
    }
    for (linked, record) in view.import_records.iter_mut().zip(import_records) {
      linked.state.importer_span = record.state.importer_span;
    }
    view.imports.clone_from(imports);
    view.sourcemap_chain.clone_from(sourcemap_chain);
    view.hashbang_range = *hashbang_range;
    view.directive_range.clone_from(directive_range);
    view.this_expr_replace_map.clone_from(this_expr_replace_map);
  }
}

fn as_member(reference: &mut SymbolOrMemberExprRef) -> Option<&mut MemberExprRef> {
  match reference {
    SymbolOrMemberExprRef::MemberExpr(read) => Some(read),
    SymbolOrMemberExprRef::Symbol(_) => None,
  }
}

/// What a member expression was resolved to, as it stands in the new text.
fn moved(mut resolution: MemberExprRefResolution, read: &MemberExprRef) -> MemberExprRefResolution {
  let unresolved = resolution.prop_and_related_span_list.len();
  let props = &read.prop_and_span_list;
  resolution.prop_and_related_span_list = props[props.len() - unresolved..].to_vec();
  resolution.reference_id = read.reference_id;
  resolution
}

fn flags_of(flags: &FxHashMap<SymbolId, SymbolRefFlags>, symbol: SymbolId) -> u8 {
  flags.get(&symbol).map_or(0, |flags| flags.bits())
}

/// Names that the module reads and does not declare are not given to anything else.
fn same_globals(old: &Scoping, new: &Scoping) -> bool {
  let names = |scoping: &Scoping| {
    let mut names = scoping
      .root_unresolved_references()
      .keys()
      .map(|name| CompactStr::new(name))
      .collect::<Vec<_>>();
    names.sort_unstable();
    names
  };
  names(old) == names(new)
}

fn is_script(module_type: &ModuleType) -> bool {
  matches!(module_type, ModuleType::Js | ModuleType::Jsx | ModuleType::Ts | ModuleType::Tsx)
}

/// Whether a module declares itself to the others as it did.
///
/// The pattern names every field, so that a new one asks to be thought of.
fn same_view(old: &NormalModule, new: &NormalModule) -> bool {
  let same_debug =
    |old: &dyn fmt::Debug, new: &dyn fmt::Debug| format!("{old:?}") == format!("{new:?}");
  let EcmaView {
    dummy_record_set,
    source,
    def_format,
    namespace_object_ref,
    named_imports,
    named_exports,
    import_records,
    // By the place in the text.
    imports: _,
    exports_kind,
    default_export_ref,
    // Only printing reads it.
    sourcemap_chain: _,
    // Who imports it has not changed, and was kept as linked.
    importers: _,
    importers_idx: _,
    dynamic_importers: _,
    dynamic_importers_idx: _,
    imported_ids,
    dynamically_imported_ids,
    side_effects,
    ast_usage,
    self_referenced_class_decl_symbol_ids,
    hashbang_range,
    directive_range,
    meta,
    mutations,
    new_url_references,
    rolldown_file_url_references,
    // By the place in the text.
    this_expr_replace_map: _,
    hmr_hot_ref,
    hmr_info,
    constant_export_map,
    enum_member_value_map,
    import_attribute_map,
    json_module_none_self_reference_included_symbol,
    cjs_reexport_import_record_ids,
  } = &new.ecma_view;
  let before = &old.ecma_view;
  let text = |source: &ArcStr, range: &oxc::span::Span| {
    source.get(range.start as usize..range.end as usize).map(ToOwned::to_owned)
  };
  let texts = |source: &ArcStr, ranges: &[oxc::span::Span]| {
    ranges.iter().map(|range| text(source, range)).collect::<Vec<_>>()
  };

  is_script(&new.module_type)
    && same_debug(&old.module_type, &new.module_type)
    && same_debug(&old.originative_resolved_id, &new.originative_resolved_id)
    && matches!(exports_kind, ExportsKind::Esm)
    && matches!(before.exports_kind, ExportsKind::Esm)
    && !meta.intersects(EcmaViewMeta::Eval | EcmaViewMeta::HasLazyExport)
    && !ast_usage.intersects(EcmaModuleAstUsage::TopLevelAwait)
    && before.meta.bits() == meta.bits()
    && before.ast_usage.bits() == ast_usage.bits()
    // Rare things that decisions are made of by their place in the text.
    && dummy_record_set.is_empty()
    && before.dummy_record_set.is_empty()
    && mutations.is_empty()
    && new_url_references.is_empty()
    && before.new_url_references.is_empty()
    && rolldown_file_url_references.is_empty()
    && before.rolldown_file_url_references.is_empty()
    && dynamically_imported_ids.is_empty()
    && before.dynamically_imported_ids.is_empty()
    && json_module_none_self_reference_included_symbol.is_none()
    && cjs_reexport_import_record_ids.is_empty()
    && before.cjs_reexport_import_record_ids.is_empty()
    // What may be compared.
    && same_debug(&before.def_format, def_format)
    && before.namespace_object_ref == *namespace_object_ref
    && before.default_export_ref == *default_export_ref
    && before.hmr_hot_ref == *hmr_hot_ref
    && before.hmr_info.deps == hmr_info.deps
    && before.hmr_info.module_request_to_import_record_idx
      == hmr_info.module_request_to_import_record_idx
    && before.self_referenced_class_decl_symbol_ids == *self_referenced_class_decl_symbol_ids
    && same_debug(&before.side_effects, side_effects)
    && before.imported_ids.iter().eq(imported_ids.iter())
    && before.named_imports.len() == named_imports.len()
    && before.named_imports.iter().zip(named_imports).all(|((key, old), (new_key, new))| {
      key == new_key
        && old.imported == new.imported
        && old.imported_as == new.imported_as
        && old.record_idx == new.record_idx
    })
    && before.named_exports.len() == named_exports.len()
    && named_exports.iter().all(|(name, new)| {
      before.named_exports.get(name).is_some_and(|old| {
        old.referenced == new.referenced && old.came_from_commonjs == new.came_from_commonjs
      })
    })
    && before.import_records.len() == import_records.len()
    && before.import_records.iter().zip(import_records).all(|(old, new)| {
      old.module_request == new.module_request
        && old.kind == new.kind
        && !matches!(new.kind, ImportKind::DynamicImport | ImportKind::Require)
        && old.namespace_ref == new.namespace_ref
        && old.meta.bits() == new.meta.bits()
        && old.resolved_module == new.resolved_module
    })
    && before.constant_export_map.len() == constant_export_map.len()
    && constant_export_map.iter().all(|(symbol, new)| {
      before.constant_export_map.get(symbol).is_some_and(|old| {
        old.commonjs_export == new.commonjs_export
          && old.safe_to_inline == new.safe_to_inline
          // Others print the values of what they import.
          && (same_debug(&old.value, &new.value)
            || named_exports.values().all(|export| export.referenced.symbol != *symbol))
      })
    })
    && before.enum_member_value_map.len() == enum_member_value_map.len()
    && enum_member_value_map.iter().all(|(name, new)| {
      before.enum_member_value_map.get(name).is_some_and(|old| {
        old.len() == new.len()
          && new.iter().all(|(member, new)| {
            old.get(member).is_some_and(|old| same_debug(&old.value, &new.value))
          })
      })
    })
    && before.import_attribute_map.len() == import_attribute_map.len()
    && import_attribute_map.iter().all(|(record, new)| {
      before.import_attribute_map.get(record).is_some_and(|old| same_debug(old, new))
    })
    && before.hashbang_range.map(|range| text(&before.source, &range))
      == hashbang_range.map(|range| text(source, &range))
    && texts(&before.source, &before.directive_range) == texts(source, directive_range)
}

/// Whether the statements at the top declare and refer to the same.
fn same_statements(old: &StmtInfos, new: &StmtInfos) -> bool {
  old.infos.len() == new.infos.len()
    && old.infos.iter().zip(new.infos.iter()).all(|(old, new)| same_statement(old, new))
    && old.symbol_ref_to_referenced_stmt_idx() == new.symbol_ref_to_referenced_stmt_idx()
}

fn same_statement(old: &StmtInfo, new: &StmtInfo) -> bool {
  let declared = |info: &StmtInfo| {
    info
      .declared_symbols
      .iter()
      .map(|symbol| (symbol.inner(), symbol.is_normal()))
      .collect::<Vec<_>>()
  };
  declared(old) == declared(new)
    && same_references(&old.referenced_symbols, &new.referenced_symbols)
    && old.eval_flags == new.eval_flags
    && old.import_records == new.import_records
    && old.meta.bits() == new.meta.bits()
    && old.force_tree_shaking == new.force_tree_shaking
}

/// Whether what is referred to is the same, each symbol where it first occurs: how often a symbol
/// is read decides nothing.
fn same_references(old: &[SymbolOrMemberExprRef], new: &[SymbolOrMemberExprRef]) -> bool {
  fn firsts(references: &[SymbolOrMemberExprRef]) -> Vec<&SymbolOrMemberExprRef> {
    let mut seen = FxHashSet::default();
    references
      .iter()
      .filter(|reference| match reference {
        SymbolOrMemberExprRef::Symbol(symbol) => seen.insert(*symbol),
        SymbolOrMemberExprRef::MemberExpr(_) => true,
      })
      .collect()
  }
  let (old, new) = (firsts(old), firsts(new));
  old.len() == new.len()
    && old.iter().zip(&new).all(|(old, new)| match (old, new) {
      (SymbolOrMemberExprRef::Symbol(old), SymbolOrMemberExprRef::Symbol(new)) => old == new,
      (SymbolOrMemberExprRef::MemberExpr(old), SymbolOrMemberExprRef::MemberExpr(new)) => {
        old.object_ref == new.object_ref
          && old.object_ref_type == new.object_ref_type
          && old.is_write == new.is_write
          && old.reference_id.is_some() == new.reference_id.is_some()
          && old.prop_and_span_list.len() == new.prop_and_span_list.len()
          && old
            .prop_and_span_list
            .iter()
            .zip(&new.prop_and_span_list)
            .all(|(old, new)| old.name == new.name && old.optional == new.optional)
      }
      _ => false,
    })
}
