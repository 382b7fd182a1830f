//! Style sheets and pages are for another WebAssembly, which the worker loads with
//! the first of them: requests and answers cross as JSON.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use nexxo::host::BoxFuture;
use nexxo_web::{Reply, Request};
use tokio::sync::oneshot;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::pump;

thread_local! {
  static ANSWER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Says who answers: a function that takes a request and gives a promise of its answer, or of
/// nothing where nobody is there.
#[wasm_bindgen(js_name = setWeb)]
pub fn set_web(call: Function) {
  ANSWER.with_borrow_mut(|answer| *answer = Some(call));
}

pub(crate) fn ask(request: &Request) -> BoxFuture<Option<Reply>> {
  let call = ANSWER.with_borrow(Clone::clone);
  let (Some(call), Ok(request)) = (call, serde_json::to_string(request)) else {
    return Box::pin(std::future::ready(None));
  };
  let (done, answer) = oneshot::channel();
  spawn_local(async move {
    // A build that was stopped does not listen any more.
    let _ = done.send(call_and_wait(&call, &request).await);
    pump::schedule();
  });
  Box::pin(async move { answer.await.ok().flatten() })
}

async fn call_and_wait(call: &Function, request: &str) -> Option<Reply> {
  let promise = call.call1(&JsValue::UNDEFINED, &request.into()).ok()?;
  let answer = JsFuture::from(Promise::resolve(&promise)).await.ok()?;
  serde_json::from_str(&answer.as_string()?).ok()
}
