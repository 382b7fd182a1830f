pub mod ecma_generator;
pub mod ecma_module_view_factory;
mod format;
