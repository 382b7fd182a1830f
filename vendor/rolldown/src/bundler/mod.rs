mod bundler;
mod impl_bundler_build;
mod impl_bundler_getter;
mod impl_bundler_hmr;
mod impl_bundler_incremental_build;
#[cfg(feature = "testing")]
mod impl_bundler_testing;

pub use self::bundler::Bundler;
