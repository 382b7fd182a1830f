//! Values on their way to and from JavaScript, as plain objects.

use nexxo::protocol::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::{JsCast, JsValue};

/// A value as JavaScript has it: maps are objects, bytes are `Uint8Array`s.
pub(crate) fn to_js<T: Serialize + ?Sized>(value: &T) -> JsValue {
  value
    .serialize(&Serializer::new().serialize_maps_as_objects(true))
    .unwrap_or_else(|error| JsValue::from_str(&error.to_string()))
}

/// A value of JavaScript's as JSON.
///
/// # Errors
/// What it cannot be turned from, such as a function.
pub(crate) fn from_js(value: JsValue) -> Result<Value, String> {
  if value.is_undefined() || value.is_null() {
    return Ok(Value::Null);
  }
  if let Some(text) = value.as_string() {
    return Ok(Value::String(text));
  }
  serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
}

/// A diagnostic as what an export throws.
pub(crate) fn thrown(diagnostic: &Diagnostic) -> JsValue {
  to_js(diagnostic)
}

/// What is wrong, of whatever JavaScript threw.
pub(crate) fn problem_of(thrown: &JsValue) -> String {
  if let Some(error) = thrown.dyn_ref::<js_sys::Error>() {
    return String::from(error.message());
  }
  thrown.as_string().unwrap_or_else(|| format!("{thrown:?}"))
}
