pub use rolldown_dev_common::types::BundleOutput;
