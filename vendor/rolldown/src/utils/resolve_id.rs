pub use rolldown_plugin::__inner::resolve_id_with_plugins as resolve_id;
