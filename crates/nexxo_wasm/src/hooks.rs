//! Hooks in JavaScript: called at once, awaited without blocking.
//!
//! The function stays in a table of this thread, under a number: what crosses
//! an await is a number and strings, so that the engine's futures are `Send`.

use std::{cell::RefCell, collections::HashMap};

use js_sys::{Array, Function, Promise};
use nexxo::{
  hooks::{HookCaller, HookName},
  host::BoxFuture,
};
use serde_json::Value;
use tokio::sync::oneshot;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::{
  pump,
  value::{from_js, problem_of},
};

thread_local! {
  static FUNCTIONS: RefCell<(u32, HashMap<u32, Function>)> = RefCell::default();
}

/// Calls the function that the worker handed over.
pub(crate) struct JsHooks(u32);

impl JsHooks {
  pub(crate) fn new(call: Function) -> Self {
    FUNCTIONS.with_borrow_mut(|(last, functions)| {
      *last += 1;
      functions.insert(*last, call);
      Self(*last)
    })
  }
}

impl Drop for JsHooks {
  fn drop(&mut self) {
    FUNCTIONS.with_borrow_mut(|(_, functions)| functions.remove(&self.0));
  }
}

impl HookCaller for JsHooks {
  fn call(
    &self,
    plugin: usize,
    hook: HookName,
    args: Vec<Value>,
  ) -> BoxFuture<Result<Value, String>> {
    let call = FUNCTIONS.with_borrow(|(_, functions)| functions.get(&self.0).cloned());
    let (done, answer) = oneshot::channel();
    spawn_local(async move {
      let result = match call {
        Some(call) => call_and_wait(&call, plugin, hook, args).await,
        None => Err("its function is gone".to_owned()),
      };
      // A build that was stopped does not listen any more.
      let _ = done.send(result);
      pump::schedule();
    });
    Box::pin(async move { answer.await.unwrap_or_else(|_| Err("it was given up".to_owned())) })
  }
}

async fn call_and_wait(
  call: &Function,
  plugin: usize,
  hook: HookName,
  args: Vec<Value>,
) -> Result<Value, String> {
  let array = Array::new();
  for arg in &args {
    array.push(&arg.as_str().map_or(JsValue::NULL, JsValue::from_str));
  }
  let plugin = u32::try_from(plugin).unwrap_or(u32::MAX);
  let promise = call
    .call3(&JsValue::UNDEFINED, &plugin.into(), &hook.as_str().into(), &array)
    .map_err(|thrown| problem_of(&thrown))?;
  let answer =
    JsFuture::from(Promise::resolve(&promise)).await.map_err(|reason| problem_of(&reason))?;
  from_js(answer)
}
