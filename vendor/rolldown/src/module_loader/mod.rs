pub mod module_loader;
pub mod module_task;
mod runtime_module_task;
pub mod task_context;
pub use module_loader::ModuleLoader;
pub mod deferred_scan_data;
pub mod external_module_task;
pub mod resolve_utils;
