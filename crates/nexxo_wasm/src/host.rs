//! Time, as browsers and Node have it.

use std::{cell::RefCell, collections::HashMap};

use js_sys::Function;
use nexxo::host::{BoxFuture, Host};
use nexxo_web::{Reply, Request};
use tokio::sync::oneshot;
use wasm_bindgen::{
  JsCast, JsValue,
  prelude::{Closure, wasm_bindgen},
};

use crate::{pump, web};

#[wasm_bindgen]
extern "C" {
  /// Browsers give a number, Node an object.
  #[wasm_bindgen(js_name = setTimeout)]
  fn set_timeout(call: &Function, duration_ms: i32) -> JsValue;
  #[wasm_bindgen(js_name = clearTimeout)]
  fn clear_timeout(handle: &JsValue);
  #[wasm_bindgen(js_namespace = performance, js_name = now)]
  fn performance_now() -> f64;
}

thread_local! {
  static TIMERS: RefCell<Timers> = RefCell::default();
}

type Call = Closure<dyn FnMut()>;

#[derive(Default)]
struct Timers {
  last: u32,
  /// The browser's handle, and what it calls.
  open: HashMap<u32, (JsValue, Call)>,
}

pub(crate) fn now_ms() -> f64 {
  performance_now()
}

/// The host of a tab, or of Node.
pub(crate) struct BrowserHost;

impl Host for BrowserHost {
  fn now_ms(&self) -> f64 {
    now_ms()
  }

  fn sleep(&self, duration_ms: u64) -> BoxFuture<()> {
    // Browsers count in 31 bits, and fire at once beyond.
    let Ok(duration_ms) = i32::try_from(duration_ms) else {
      return Box::pin(std::future::pending());
    };
    let (wake, woken) = oneshot::channel();
    let timer = Timer::start(duration_ms, wake);
    Box::pin(async move {
      let _timer = timer;
      // The sender lives as long as the timer, which is held here.
      let _ = woken.await;
    })
  }

  fn web(&self, request: Request) -> BoxFuture<Option<Reply>> {
    web::ask(&request)
  }
}

/// A timer that ends with its owner, so that it keeps no process alive.
struct Timer(u32);

impl Timer {
  fn start(duration_ms: i32, wake: oneshot::Sender<()>) -> Self {
    let mut wake = Some(wake);
    let call = Closure::<dyn FnMut()>::new(move || {
      if let Some(wake) = wake.take() {
        let _ = wake.send(());
        pump::schedule();
      }
    });
    let handle = set_timeout(call.as_ref().unchecked_ref(), duration_ms);
    TIMERS.with_borrow_mut(|timers| {
      timers.last = timers.last.wrapping_add(1);
      timers.open.insert(timers.last, (handle, call));
      Self(timers.last)
    })
  }
}

impl Drop for Timer {
  fn drop(&mut self) {
    let open = TIMERS.with_borrow_mut(|timers| timers.open.remove(&self.0));
    if let Some((handle, _call)) = open {
      // It may have fired already, which is no mistake.
      clear_timeout(&handle);
    }
  }
}
