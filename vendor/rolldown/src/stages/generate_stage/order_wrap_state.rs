use oxc_index::IndexVec;
use oxc_str::CompactStr;
use rolldown_common::{
  ChunkIdx, ImportKind, ImportRecordIdx, ImportRecordMeta, ModuleIdx, RUNTIME_HELPER_NAMES,
  RuntimeHelper, RuntimeModuleBrief, StmtInfoIdx, StmtInfos, SymbolOrMemberExprRef, SymbolRef,
  SymbolRefDb, TaggedSymbolRef, WrapKind,
};
use rolldown_utils::indexmap::FxIndexSet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::esm_init_obligations::WrappedEsmInitTarget;

oxc_index::define_index_type! {
  pub struct OrderSyntheticStmtIdx = u32;
}

#[derive(Debug, Default)]
pub struct OrderWrapState {
  modules: FxHashMap<ModuleIdx, OrderWrappedModule>,
  reexport_init_transparent: FxHashSet<ModuleIdx>,
  consumer_local_reexport_routes: FxHashSet<ModuleIdx>,
  consumer_local_namespace_targets: FxHashMap<ModuleIdx, Vec<WrappedEsmInitTarget>>,
  cjs_carriers: FxHashMap<OrderCjsCarrierKey, OrderCjsCarrier>,
  cjs_carriers_by_importee: FxHashMap<ModuleIdx, Vec<OrderCjsCarrierKey>>,
  cjs_carriers_by_symbol: FxHashMap<SymbolRef, Vec<OrderCjsCarrierKey>>,
  cjs_carrier_by_namespace: FxHashMap<SymbolRef, OrderCjsCarrierKey>,
  cjs_carrier_wrapper_refs: FxHashSet<SymbolRef>,
  synthetic_statements: IndexVec<OrderSyntheticStmtIdx, OrderSyntheticStmt>,
  synthetic_statements_by_chunk: FxHashMap<ChunkIdx, Vec<OrderSyntheticStmtIdx>>,
  import_overlays: FxHashMap<OrderImportKey, OrderImportOverlay>,
  import_overlays_by_importer: FxHashMap<ModuleIdx, Vec<OrderImportKey>>,
  import_overlays_by_statement: FxHashMap<(ModuleIdx, StmtInfoIdx), Vec<OrderImportKey>>,
  /// Namespace demand introduced by import/re-export lowering. Unlike a simulated facade, this is
  /// a semantic namespace consumer and may therefore broaden re-export init routing.
  namespace_requirements: FxHashMap<SymbolRef, FxIndexSet<ModuleIdx>>,
  /// Namespace objects materialized only so a collapsed dynamic-entry facade can still return its
  /// link-time-retained export interface. This must not turn that narrowed interface into an opaque
  /// namespace read and initialize exports that tree shaking did not retain.
  simulated_facade_namespace_requirements:
    FxHashMap<SymbolRef, SimulatedFacadeNamespaceRequirement>,
  runtime_symbols: FxHashSet<SymbolRef>,
  nested_reexport_records: FxHashSet<(ModuleIdx, ImportRecordIdx)>,
  consumed_reexport_facades: FxHashSet<SymbolRef>,
}

impl OrderWrapState {
  pub(crate) fn has_import_overlays(&self) -> bool {
    !self.import_overlays.is_empty()
  }

  pub(crate) fn required_runtime_helpers(&self) -> RuntimeHelper {
    let synthetic_helpers = self
      .synthetic_statements
      .iter()
      .fold(RuntimeHelper::default(), |helpers, stmt| helpers | stmt.runtime_helpers);
    self
      .import_overlays
      .values()
      .fold(synthetic_helpers, |helpers, overlay| helpers | overlay.runtime_helpers)
  }

  /// The chunks whose rendered output calls a runtime helper that order lowering introduced: a
  /// wrapper's synthetic `init_*` declaration renders in its assigned chunk, and an overlay's
  /// lowered import/re-export glue renders at the importer's import site. Pre-lowering helper
  /// demand is not collected here — the runtime-chunk merge proof re-scans it from chunk and
  /// statement metadata.
  pub(crate) fn runtime_helper_consumer_chunks(
    &self,
    module_to_chunk: &IndexVec<ModuleIdx, Option<ChunkIdx>>,
  ) -> FxHashSet<ChunkIdx> {
    let mut consumers = FxHashSet::default();
    for stmt in &self.synthetic_statements {
      if !stmt.runtime_helpers.is_empty()
        && let Some(chunk_idx) = stmt.chunk
      {
        consumers.insert(chunk_idx);
      }
    }
    for (key, overlay) in &self.import_overlays {
      if !overlay.runtime_helpers.is_empty()
        && let Some(chunk_idx) = module_to_chunk[key.importer]
      {
        consumers.insert(chunk_idx);
      }
    }
    consumers
  }

  pub(crate) fn requires_runtime_symbol(
    &self,
    runtime: &RuntimeModuleBrief,
    symbol_ref: SymbolRef,
  ) -> bool {
    self.runtime_symbols.contains(&symbol_ref)
      || self.required_runtime_helpers().into_iter().any(|helper| {
        runtime.resolve_symbol(RUNTIME_HELPER_NAMES[helper.bit_index()]) == symbol_ref
      })
  }

  pub(crate) fn compute_runtime_symbol_closure(
    &mut self,
    runtime: &RuntimeModuleBrief,
    stmt_infos: &StmtInfos,
    symbols: &SymbolRefDb,
  ) {
    let mut pending = self
      .required_runtime_helpers()
      .into_iter()
      .map(|helper| runtime.resolve_symbol(RUNTIME_HELPER_NAMES[helper.bit_index()]))
      .collect::<Vec<_>>();
    while let Some(symbol_ref) = pending.pop() {
      let symbol_ref = symbols.canonical_ref_resolving_namespace(symbol_ref);
      if !self.runtime_symbols.insert(symbol_ref) {
        continue;
      }
      for stmt_idx in stmt_infos.declared_stmts_by_symbol(&symbol_ref) {
        for referenced in &stmt_infos[*stmt_idx].referenced_symbols {
          if let SymbolOrMemberExprRef::Symbol(referenced) = referenced
            && referenced.owner == runtime.id()
          {
            pending.push(*referenced);
          }
        }
      }
    }
  }

  pub(crate) fn has_order_wrapper(&self, module_idx: ModuleIdx) -> bool {
    self.modules.contains_key(&module_idx)
  }

  /// Whether `symbol_ref` is the wrapper (`init_*`) binding of an execution-order-wrapped module.
  ///
  /// Such a wrapper self-rebinds on first call (`function init_x() { return (init_x =
  /// __esmMin(cb))() }`), so every later caller must observe a *live* view of the binding to run
  /// the module body exactly once. A value snapshot of the binding taken before the first call
  /// (e.g. `exports.init_x = init_x`) would freeze the pre-rebind function and re-execute the body
  /// on every subsequent call. Cross-chunk exports of these wrappers must therefore stay live
  /// getters.
  ///
  /// Interop `WrapKind::Esm` wrappers live in [`LinkingMetadata`], not in this state, and order
  /// wrappers are only created for `WrapKind::None` modules (see `lower_order_state`), so this
  /// matches exactly the `EsmInitOrigin::ExecutionOrder` targets and never an interop wrapper.
  ///
  /// [`LinkingMetadata`]: crate::types::linking_metadata::LinkingMetadata
  pub(crate) fn is_execution_order_wrapper_ref(&self, symbol_ref: SymbolRef) -> bool {
    self.modules.get(&symbol_ref.owner).is_some_and(|module| module.wrapper_ref == symbol_ref)
      || self.cjs_carrier_wrapper_refs.contains(&symbol_ref)
  }

  pub(crate) fn set_nested_reexport_records(
    &mut self,
    records: FxHashSet<(ModuleIdx, ImportRecordIdx)>,
  ) {
    self.nested_reexport_records = records;
  }

  pub(crate) fn is_nested_reexport_record(
    &self,
    module_idx: ModuleIdx,
    rec_idx: ImportRecordIdx,
  ) -> bool {
    self.nested_reexport_records.contains(&(module_idx, rec_idx))
  }

  pub(crate) fn set_consumed_reexport_facades(&mut self, facades: FxHashSet<SymbolRef>) {
    self.consumed_reexport_facades = facades;
  }

  pub(crate) fn is_consumed_reexport_facade(&self, symbol_ref: SymbolRef) -> bool {
    self.consumed_reexport_facades.contains(&symbol_ref)
  }

  pub(crate) fn esm_init_target(
    &self,
    module_idx: ModuleIdx,
    meta: &crate::types::linking_metadata::LinkingMetadata,
  ) -> Option<EsmInitTarget> {
    if matches!(meta.wrap_kind(), WrapKind::Esm) {
      return meta.wrapper_ref.map(|wrapper_ref| EsmInitTarget {
        wrapper_ref,
        tla_tainted: meta.is_tla_or_contains_tla_dependency,
        origin: EsmInitOrigin::Interop,
      });
    }

    self.modules.get(&module_idx).map(|module| EsmInitTarget {
      wrapper_ref: module.wrapper_ref,
      tla_tainted: meta.is_tla_or_contains_tla_dependency,
      origin: EsmInitOrigin::ExecutionOrder,
    })
  }

  pub(crate) fn insert_order_wrapper(
    &mut self,
    module_idx: ModuleIdx,
    wrapper_ref: SymbolRef,
    runtime_helper: RuntimeHelper,
  ) {
    debug_assert_eq!(wrapper_ref.owner, module_idx);
    let wrapper_statement = self.add_synthetic_statement(OrderSyntheticStmt {
      declared_symbols: vec![TaggedSymbolRef::normal(wrapper_ref)],
      referenced_symbols: vec![],
      runtime_helpers: runtime_helper,
      chunk: None,
    });
    self.insert_order_wrapped_module(module_idx, wrapper_ref, Some(wrapper_statement));
  }

  /// Record a plan member as order-wrapped for the emergent-cycle fixpoint probe without minting
  /// the synthetic `init_*` statement the real lowering renders. Edge projection reads only wrapper
  /// identity (`esm_init_target`) and chunk placement (`order_wrapper_chunk`), so the probe skips
  /// the per-round synthetic-statement and runtime-helper payload entirely.
  pub(crate) fn insert_order_wrapper_probe(
    &mut self,
    module_idx: ModuleIdx,
    wrapper_ref: SymbolRef,
  ) {
    self.insert_order_wrapped_module(module_idx, wrapper_ref, None);
  }

  pub(crate) fn insert_order_cjs_carrier(
    &mut self,
    key: OrderCjsCarrierKey,
    spec: OrderCjsCarrierSpec,
    referenced_symbols: Vec<SymbolRef>,
    runtime_helpers: RuntimeHelper,
  ) {
    debug_assert_eq!(spec.wrapper_ref.owner, key.importer);
    debug_assert_eq!(spec.namespace_ref.owner, key.importer);
    let wrapper_statement = self.add_synthetic_statement(OrderSyntheticStmt {
      declared_symbols: vec![
        TaggedSymbolRef::normal(spec.wrapper_ref),
        TaggedSymbolRef::normal(spec.namespace_ref),
      ],
      referenced_symbols,
      runtime_helpers,
      chunk: None,
    });
    self.insert_order_cjs_carrier_inner(key, spec, Some(wrapper_statement));
  }

  pub(crate) fn insert_order_cjs_carrier_probe(
    &mut self,
    key: OrderCjsCarrierKey,
    spec: OrderCjsCarrierSpec,
  ) {
    self.insert_order_cjs_carrier_inner(key, spec, None);
  }

  fn insert_order_cjs_carrier_inner(
    &mut self,
    key: OrderCjsCarrierKey,
    spec: OrderCjsCarrierSpec,
    wrapper_statement: Option<OrderSyntheticStmtIdx>,
  ) {
    assert!(
      self
        .cjs_carriers
        .insert(
          key,
          OrderCjsCarrier {
            importee: spec.importee,
            wrapper_ref: spec.wrapper_ref,
            namespace_ref: spec.namespace_ref,
            wrapper_statement,
            chunk: None,
            eager: spec.eager,
            needs_to_esm: spec.needs_to_esm,
            is_node_mode: spec.is_node_mode,
          },
        )
        .is_none(),
      "duplicate order CJS carrier",
    );
    self.cjs_carriers_by_importee.entry(spec.importee).or_default().push(key);
    assert!(self.cjs_carrier_wrapper_refs.insert(spec.wrapper_ref));
    assert!(self.cjs_carrier_by_namespace.insert(spec.namespace_ref, key).is_none());
  }

  pub(crate) fn map_order_cjs_carrier_symbol(
    &mut self,
    symbol_ref: SymbolRef,
    key: OrderCjsCarrierKey,
  ) {
    let carriers = self.cjs_carriers_by_symbol.entry(symbol_ref).or_default();
    if !carriers.contains(&key) {
      carriers.push(key);
    }
  }

  fn insert_order_wrapped_module(
    &mut self,
    module_idx: ModuleIdx,
    wrapper_ref: SymbolRef,
    wrapper_statement: Option<OrderSyntheticStmtIdx>,
  ) {
    assert!(
      self
        .modules
        .insert(module_idx, OrderWrappedModule { wrapper_ref, wrapper_statement, chunk: None },)
        .is_none(),
      "duplicate order-wrapped module",
    );
  }

  /// Register a runtime-helper demand that no module statement carries: the registry calls a
  /// reading file prints for `experimentalInlineCommonChunks`. The synthetic statement
  /// declares and references nothing; it only makes the helpers reach `required_runtime_helpers`
  /// (the sweep gate and the finalizer's runtime filter), the chunk's depended symbols (the import
  /// from the runtime chunk), and the runtime symbol closure.
  pub(crate) fn insert_runtime_helper_demand(
    &mut self,
    chunk_idx: ChunkIdx,
    helpers: RuntimeHelper,
  ) {
    let stmt_idx = self.add_synthetic_statement(OrderSyntheticStmt {
      declared_symbols: vec![],
      referenced_symbols: vec![],
      runtime_helpers: helpers,
      chunk: None,
    });
    self.assign_synthetic_statement_chunk(stmt_idx, chunk_idx);
  }

  pub(crate) fn add_synthetic_statement(
    &mut self,
    stmt: OrderSyntheticStmt,
  ) -> OrderSyntheticStmtIdx {
    self.synthetic_statements.push(stmt)
  }

  /// Record the namespace declaration and runtime demand needed when strict-order lowering keeps
  /// a dynamic entry in its implementation chunk and moves activation to its `import()` call sites.
  ///
  /// The module finalizer still owns rendering the namespace declaration. The requirement records
  /// the exact export names the removed facade exposed, while this synthetic statement makes the
  /// declaration and its non-inlined backing bindings visible to symbol-to-chunk assignment,
  /// deconfliction, cross-chunk linking, and the runtime-helper closure. Those bindings were already
  /// retained by the link-stage entry interface; this does not reopen user-code liveness.
  /// See `internal-docs/code-splitting/design.md` ("Trigger placement").
  pub(super) fn insert_simulated_facade_namespace(
    &mut self,
    namespace_ref: SymbolRef,
    chunk_idx: ChunkIdx,
    runtime_helpers: RuntimeHelper,
    exports: impl IntoIterator<Item = SimulatedFacadeNamespaceExport>,
    live_importers: impl IntoIterator<Item = ModuleIdx>,
  ) {
    let mut referenced_symbols = vec![];
    let requirement =
      self.simulated_facade_namespace_requirements.entry(namespace_ref).or_default();
    for export in exports {
      requirement.export_names.insert(export.name);
      if let Some(symbol_ref) = export.referenced_symbol {
        referenced_symbols.push(symbol_ref);
      }
    }
    requirement.live_importers.extend(live_importers);
    let stmt_idx = self.add_synthetic_statement(OrderSyntheticStmt {
      declared_symbols: vec![TaggedSymbolRef::normal(namespace_ref)],
      referenced_symbols,
      runtime_helpers,
      chunk: None,
    });
    self.assign_synthetic_statement_chunk(stmt_idx, chunk_idx);
  }

  pub(crate) fn simulated_facade_export_names(
    &self,
    namespace_ref: SymbolRef,
  ) -> Option<&FxHashSet<CompactStr>> {
    self
      .simulated_facade_namespace_requirements
      .get(&namespace_ref)
      .map(|requirement| &requirement.export_names)
  }

  pub(crate) fn assign_synthetic_statement_chunk(
    &mut self,
    stmt_idx: OrderSyntheticStmtIdx,
    chunk_idx: ChunkIdx,
  ) {
    debug_assert!(self.synthetic_statements[stmt_idx].chunk.is_none());
    self.synthetic_statements[stmt_idx].chunk = Some(chunk_idx);
    self.synthetic_statements_by_chunk.entry(chunk_idx).or_default().push(stmt_idx);
  }

  pub(crate) fn assign_order_wrapper_chunk(&mut self, module_idx: ModuleIdx, chunk_idx: ChunkIdx) {
    let module = self.modules.get_mut(&module_idx).expect("order-wrapped module should exist");
    module.chunk = Some(chunk_idx);
    // On the real path the wrapper statement carries the same chunk so chunk rendering can find it;
    // a probe wrapper has no statement and only needs the chunk recorded above.
    if let Some(wrapper_statement) = module.wrapper_statement {
      self.assign_synthetic_statement_chunk(wrapper_statement, chunk_idx);
    }
  }

  pub(crate) fn assign_order_cjs_carrier_chunk(
    &mut self,
    key: OrderCjsCarrierKey,
    chunk_idx: ChunkIdx,
  ) {
    let carrier = self.cjs_carriers.get_mut(&key).expect("order CJS carrier should exist");
    carrier.chunk = Some(chunk_idx);
    if let Some(wrapper_statement) = carrier.wrapper_statement {
      self.assign_synthetic_statement_chunk(wrapper_statement, chunk_idx);
    }
  }

  /// Mark an execution-order wrapper as a routing waypoint for binding-driven re-export init.
  /// Its module has no local executable body and no unconditional execution dependency, so a
  /// consumer may route directly to the wrapped leaf definers it actually consumes instead of
  /// making this shared barrel wrapper own every retained re-export path.
  pub(crate) fn set_reexport_init_transparent(&mut self, module_idx: ModuleIdx) {
    self.reexport_init_transparent.insert(module_idx);
  }

  pub(crate) fn reexport_init_is_transparent(&self, module_idx: ModuleIdx) -> bool {
    self.reexport_init_transparent.contains(&module_idx)
  }

  pub(crate) fn set_consumer_local_reexport_route(&mut self, module_idx: ModuleIdx) {
    self.consumer_local_reexport_routes.insert(module_idx);
    self.set_reexport_init_transparent(module_idx);
  }

  pub(crate) fn is_consumer_local_reexport_route(&self, module_idx: ModuleIdx) -> bool {
    self.consumer_local_reexport_routes.contains(&module_idx)
  }

  pub(crate) fn has_consumer_local_reexport_routes(&self) -> bool {
    !self.consumer_local_reexport_routes.is_empty()
  }

  pub(crate) fn set_consumer_local_namespace_targets(
    &mut self,
    module_idx: ModuleIdx,
    targets: Vec<WrappedEsmInitTarget>,
  ) {
    self.consumer_local_namespace_targets.insert(module_idx, targets);
  }

  pub(crate) fn consumer_local_namespace_targets(
    &self,
    module_idx: ModuleIdx,
  ) -> Option<&[WrappedEsmInitTarget]> {
    self.consumer_local_namespace_targets.get(&module_idx).map(Vec::as_slice)
  }

  pub(crate) fn order_cjs_carrier(&self, key: OrderCjsCarrierKey) -> Option<&OrderCjsCarrier> {
    self.cjs_carriers.get(&key)
  }

  /// Every wrapper the lowering declares: the `init_*` of each order-wrapped module and the
  /// wrapper of each CommonJS carrier.
  pub(crate) fn wrapper_refs(&self) -> impl Iterator<Item = SymbolRef> + '_ {
    self
      .modules
      .values()
      .map(|module| module.wrapper_ref)
      .chain(self.cjs_carrier_wrapper_refs.iter().copied())
  }

  pub(crate) fn has_order_cjs_carrier(&self, key: OrderCjsCarrierKey) -> bool {
    self.cjs_carriers.contains_key(&key)
  }

  pub(crate) fn order_cjs_carriers_for_importee(
    &self,
    importee_idx: ModuleIdx,
  ) -> &[OrderCjsCarrierKey] {
    self.cjs_carriers_by_importee.get(&importee_idx).map_or(&[], Vec::as_slice)
  }

  pub(crate) fn order_cjs_carrier_keys(&self) -> impl Iterator<Item = OrderCjsCarrierKey> + '_ {
    self.cjs_carriers.keys().copied()
  }

  pub(crate) fn order_cjs_carriers_for_symbol(
    &self,
    symbol_ref: SymbolRef,
  ) -> &[OrderCjsCarrierKey] {
    self.cjs_carriers_by_symbol.get(&symbol_ref).map_or(&[], Vec::as_slice)
  }

  pub(crate) fn is_order_cjs_carrier_namespace(&self, symbol_ref: SymbolRef) -> bool {
    self.cjs_carrier_by_namespace.contains_key(&symbol_ref)
  }

  pub(crate) fn order_cjs_carrier_key_for_namespace(
    &self,
    symbol_ref: SymbolRef,
  ) -> Option<OrderCjsCarrierKey> {
    self.cjs_carrier_by_namespace.get(&symbol_ref).copied()
  }

  pub(crate) fn order_cjs_carrier_included_in_live_chunk(
    &self,
    key: OrderCjsCarrierKey,
    chunk_graph: &crate::chunk_graph::ChunkGraph,
  ) -> bool {
    self.cjs_carriers.get(&key).is_some_and(|carrier| {
      carrier.chunk.is_some_and(|chunk_idx| {
        chunk_graph.module_to_chunk[carrier.importee] == Some(chunk_idx)
          && chunk_graph.module_is_in_live_chunk(carrier.importee)
      })
    })
  }

  pub(crate) fn synthetic_statements_for_chunk(
    &self,
    chunk_idx: ChunkIdx,
  ) -> impl Iterator<Item = &OrderSyntheticStmt> {
    self.synthetic_statements_by_chunk.get(&chunk_idx).into_iter().flatten().map(move |stmt_idx| {
      let stmt = &self.synthetic_statements[*stmt_idx];
      debug_assert_eq!(stmt.chunk, Some(chunk_idx));
      stmt
    })
  }

  pub(crate) fn live_symbols(
    &self,
    mut canonicalize: impl FnMut(SymbolRef) -> SymbolRef,
    mut resolve_runtime_helper: impl FnMut(RuntimeHelper) -> SymbolRef,
    overlay_is_live: impl Fn(ModuleIdx) -> bool,
  ) -> FxHashSet<SymbolRef> {
    let mut live_symbols = FxHashSet::default();
    for stmt in &self.synthetic_statements {
      for declared in &stmt.declared_symbols {
        live_symbols.insert(canonicalize(declared.inner()));
      }
      for referenced in &stmt.referenced_symbols {
        live_symbols.insert(canonicalize(*referenced));
      }
      for helper in stmt.runtime_helpers {
        live_symbols.insert(canonicalize(resolve_runtime_helper(helper)));
      }
    }
    for (key, overlay) in &self.import_overlays {
      if !overlay_is_live(key.importer) {
        continue;
      }
      for referenced in &overlay.referenced_symbols {
        live_symbols.insert(canonicalize(*referenced));
      }
      for helper in overlay.runtime_helpers {
        live_symbols.insert(canonicalize(resolve_runtime_helper(helper)));
      }
    }
    live_symbols.extend(self.runtime_symbols.iter().copied().map(&mut canonicalize));
    live_symbols
  }

  pub(crate) fn insert_import_overlay(
    &mut self,
    key: OrderImportKey,
    overlay: OrderImportOverlay,
    importer_namespace_ref: SymbolRef,
    importee_namespace_ref: SymbolRef,
  ) {
    if overlay.requires_importer_namespace {
      self.namespace_requirements.entry(importer_namespace_ref).or_default().insert(key.importer);
    }
    if overlay.requires_importee_namespace {
      self.namespace_requirements.entry(importee_namespace_ref).or_default().insert(key.importer);
    }
    assert!(self.import_overlays.insert(key, overlay).is_none(), "duplicate order import overlay");
    self.import_overlays_by_importer.entry(key.importer).or_default().push(key);
    self.import_overlays_by_statement.entry((key.importer, key.statement)).or_default().push(key);
  }

  pub(crate) fn import_overlay(&self, key: OrderImportKey) -> Option<&OrderImportOverlay> {
    self.import_overlays.get(&key)
  }

  pub(crate) fn import_overlays_for_importer(
    &self,
    importer_idx: ModuleIdx,
  ) -> impl Iterator<Item = (OrderImportKey, &OrderImportOverlay)> {
    self
      .import_overlays_by_importer
      .get(&importer_idx)
      .into_iter()
      .flatten()
      .filter_map(|key| self.import_overlay(*key).map(|overlay| (*key, overlay)))
  }

  pub(crate) fn import_overlays_for_statement(
    &self,
    importer_idx: ModuleIdx,
    statement: StmtInfoIdx,
  ) -> impl Iterator<Item = (OrderImportKey, &OrderImportOverlay)> {
    self
      .import_overlays_by_statement
      .get(&(importer_idx, statement))
      .into_iter()
      .flatten()
      .filter_map(|key| self.import_overlay(*key).map(|overlay| (*key, overlay)))
  }

  pub(crate) fn requires_namespace(
    &self,
    symbol_ref: SymbolRef,
    importer_is_live: impl Fn(ModuleIdx) -> bool,
  ) -> bool {
    let mut importer_is_live = importer_is_live;
    self
      .namespace_requirements
      .get(&symbol_ref)
      .is_some_and(|importers| importers.iter().copied().any(&mut importer_is_live))
      || self
        .simulated_facade_namespace_requirements
        .get(&symbol_ref)
        .is_some_and(|requirement| requirement.live_importers.iter().copied().any(importer_is_live))
  }

  /// Whether order lowering itself observes this namespace semantically. A namespace created only
  /// to replace a dynamic-entry facade is deliberately excluded: its getters were narrowed to the
  /// exports retained by the original `import()` consumers, so init routing must keep using those
  /// consumer-local paths instead of expanding the whole namespace.
  pub(crate) fn requires_semantic_namespace(
    &self,
    symbol_ref: SymbolRef,
    importer_is_live: impl Fn(ModuleIdx) -> bool,
  ) -> bool {
    self
      .namespace_requirements
      .get(&symbol_ref)
      .is_some_and(|importers| importers.iter().copied().any(importer_is_live))
  }

  pub(crate) fn order_wrapper_chunk(&self, module_idx: ModuleIdx) -> Option<ChunkIdx> {
    self.modules.get(&module_idx)?.chunk
  }

  /// The target's wrapper declaration survives in the output: its declaring statement (interop)
  /// or chunk assignment (order wrap) is retained, and the module sits in a live chunk.
  pub(crate) fn init_target_included_in_live_chunk(
    &self,
    target: &EsmInitTarget,
    meta: &crate::types::linking_metadata::LinkingMetadata,
    module_idx: ModuleIdx,
    chunk_graph: &crate::chunk_graph::ChunkGraph,
  ) -> bool {
    let declaration_is_live = match target.origin {
      EsmInitOrigin::Interop => meta
        .wrapper_stmt_info
        .is_some_and(|stmt_info_idx| meta.stmt_info_included.has_bit(stmt_info_idx)),
      EsmInitOrigin::ExecutionOrder => self
        .order_wrapper_chunk(module_idx)
        .is_some_and(|chunk_idx| chunk_graph.module_to_chunk[module_idx] == Some(chunk_idx)),
    };
    declaration_is_live && chunk_graph.module_is_in_live_chunk(module_idx)
  }

  pub(crate) fn esm_init_included_in_live_chunk(
    &self,
    meta: &crate::types::linking_metadata::LinkingMetadata,
    module_idx: ModuleIdx,
    chunk_graph: &crate::chunk_graph::ChunkGraph,
  ) -> bool {
    self.esm_init_target(module_idx, meta).is_some_and(|target| {
      self.init_target_included_in_live_chunk(&target, meta, module_idx, chunk_graph)
    })
  }

  /// A runtime statement that declares an order-required runtime symbol must stay included even
  /// when tree shaking excluded it.
  pub(crate) fn forces_runtime_stmt(
    &self,
    runtime: &RuntimeModuleBrief,
    module_idx: ModuleIdx,
    stmt_info: &rolldown_common::StmtInfo,
  ) -> bool {
    module_idx == runtime.id()
      && stmt_info
        .declared_symbols
        .iter()
        .any(|declared| self.requires_runtime_symbol(runtime, declared.inner()))
  }
}

#[derive(Debug, Default)]
struct SimulatedFacadeNamespaceRequirement {
  live_importers: FxIndexSet<ModuleIdx>,
  export_names: FxHashSet<CompactStr>,
}

#[derive(Debug)]
pub(super) struct SimulatedFacadeNamespaceExport {
  pub(super) name: CompactStr,
  pub(super) referenced_symbol: Option<SymbolRef>,
}

#[derive(Debug)]
pub struct OrderWrappedModule {
  pub(crate) wrapper_ref: SymbolRef,
  /// The rendered `init_*` declaration statement, minted by the real lowering. `None` on a
  /// discovery-only probe state (the emergent-cycle fixpoint), which records wrapper identity and
  /// chunk without allocating a synthetic statement it never renders.
  pub(crate) wrapper_statement: Option<OrderSyntheticStmtIdx>,
  /// The chunk the wrapper is placed in, tracked here directly so probe states need no synthetic
  /// statement to answer `order_wrapper_chunk`. Kept in sync with the wrapper statement's chunk on
  /// the real path.
  pub(crate) chunk: Option<ChunkIdx>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderCjsCarrierKey {
  pub(crate) importer: ModuleIdx,
  pub(crate) record: ImportRecordIdx,
}

#[derive(Clone, Copy, Debug)]
pub struct OrderCjsCarrierSpec {
  pub(crate) importee: ModuleIdx,
  pub(crate) wrapper_ref: SymbolRef,
  pub(crate) namespace_ref: SymbolRef,
  pub(crate) eager: bool,
  pub(crate) needs_to_esm: bool,
  pub(crate) is_node_mode: bool,
}

#[derive(Debug)]
pub struct OrderCjsCarrier {
  pub(crate) importee: ModuleIdx,
  pub(crate) wrapper_ref: SymbolRef,
  pub(crate) namespace_ref: SymbolRef,
  wrapper_statement: Option<OrderSyntheticStmtIdx>,
  pub(crate) chunk: Option<ChunkIdx>,
  pub(crate) eager: bool,
  pub(crate) needs_to_esm: bool,
  pub(crate) is_node_mode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EsmInitOrigin {
  Interop,
  ExecutionOrder,
}

#[derive(Clone, Copy, Debug)]
pub struct EsmInitTarget {
  pub(crate) wrapper_ref: SymbolRef,
  pub(crate) tla_tainted: bool,
  pub(crate) origin: EsmInitOrigin,
}

#[derive(Debug)]
pub struct OrderSyntheticStmt {
  pub(crate) declared_symbols: Vec<TaggedSymbolRef>,
  pub(crate) referenced_symbols: Vec<SymbolRef>,
  pub(crate) runtime_helpers: RuntimeHelper,
  pub(crate) chunk: Option<ChunkIdx>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderImportKey {
  pub(crate) importer: ModuleIdx,
  pub(crate) statement: StmtInfoIdx,
  pub(crate) record: ImportRecordIdx,
}

#[derive(Debug, Default)]
pub struct OrderImportOverlay {
  pub(crate) referenced_symbols: Vec<SymbolRef>,
  pub(crate) runtime_helpers: RuntimeHelper,
  pub(crate) requires_importer_namespace: bool,
  pub(crate) requires_importee_namespace: bool,
  pub(crate) reexports_dynamic_exports: bool,
  pub(crate) retained_reexport_path: Vec<(ModuleIdx, ImportRecordIdx)>,
}

impl OrderImportOverlay {
  pub(crate) fn transitive_reexport(
    retained_reexport_path: Vec<(ModuleIdx, ImportRecordIdx)>,
  ) -> Self {
    Self { retained_reexport_path, ..Self::default() }
  }

  #[expect(clippy::too_many_arguments)]
  pub(crate) fn from_import_record(
    kind: ImportKind,
    meta: ImportRecordMeta,
    wrapper_ref: SymbolRef,
    importer_namespace_ref: SymbolRef,
    importee_namespace_ref: SymbolRef,
    importee_has_dynamic_exports: bool,
    active_execution_dependency: bool,
    code_splitting_disabled: bool,
  ) -> Option<Self> {
    let is_reexport =
      meta.intersects(ImportRecordMeta::IsExportStar | ImportRecordMeta::IsReExportOnly);
    if !active_execution_dependency && !is_reexport {
      return None;
    }

    let mut overlay = Self::default();
    let mut reference = |symbol_ref| {
      if !overlay.referenced_symbols.contains(&symbol_ref) {
        overlay.referenced_symbols.push(symbol_ref);
      }
    };

    match kind {
      ImportKind::Import => {
        reference(wrapper_ref);
        if meta.contains(ImportRecordMeta::IsExportStar) && importee_has_dynamic_exports {
          reference(importer_namespace_ref);
          reference(importee_namespace_ref);
          overlay.runtime_helpers.insert(RuntimeHelper::ReExport);
          overlay.requires_importer_namespace = true;
          overlay.requires_importee_namespace = true;
          overlay.reexports_dynamic_exports = true;
        }
      }
      ImportKind::Require => {
        reference(wrapper_ref);
        reference(importee_namespace_ref);
        overlay.requires_importee_namespace = true;
        if !meta.contains(ImportRecordMeta::IsRequireUnused) {
          overlay.runtime_helpers.insert(RuntimeHelper::ToCommonJs);
        }
      }
      ImportKind::DynamicImport if code_splitting_disabled => {
        reference(wrapper_ref);
        reference(importee_namespace_ref);
        overlay.requires_importee_namespace = true;
      }
      ImportKind::DynamicImport
      | ImportKind::AtImport
      | ImportKind::UrlImport
      | ImportKind::NewUrl
      | ImportKind::HotAccept => return None,
    }

    Some(overlay)
  }
}
