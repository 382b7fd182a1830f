pub mod cjs;
pub mod esm;
pub mod iife;
pub mod share_factory;
pub mod umd;
pub mod utils;
