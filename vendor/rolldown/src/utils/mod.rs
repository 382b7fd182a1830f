pub mod apply_inner_plugins;
pub mod augment_chunk_hash;
pub mod chunk;
pub mod defer_drop;
pub mod external_import_interop;
pub mod file_url;
pub mod fs_utils;
pub mod load_entry_module;
pub mod load_source;
pub mod module_id_matcher;
pub mod parse_to_ecma_ast;
pub mod pre_process_ecma_ast;
pub mod prepare_build_context;
pub mod process_code_and_sourcemap;
pub mod renamer;
pub mod render_chunks;
pub mod render_ecma_module;
pub mod resolve_id;
pub mod shebang;
pub mod transform_source;
pub mod tweak_ast_for_scanning;
pub mod uuid;

mod determine_minify_internal_exports_default;

pub use determine_minify_internal_exports_default::determine_minify_internal_exports_default;
