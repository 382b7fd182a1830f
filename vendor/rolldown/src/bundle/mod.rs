pub mod bundle;
pub mod bundle_factory;
pub mod bundle_handle;
pub mod print_again;
