#[cfg(feature = "experimental")]
pub mod hmr_ast_finalizer;
#[cfg(feature = "experimental")]
pub mod hmr_stage;
#[cfg(feature = "experimental")]
pub mod impl_traverse_for_hmr_ast_finalizer;
pub mod module_graph_delta;
pub mod utils;
