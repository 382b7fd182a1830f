//! Time, as browsers and Node have it.

use std::{cell::RefCell, collections::HashMap};

use js_sys::{Function, Reflect, global};
use nexxo::host::{BoxFuture, Host};
use tokio::sync::oneshot;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

use crate::pump;

thread_local! {
  static PERFORMANCE: JsValue = Reflect::get(&global(), &"performance".into()).unwrap_or_default();
  static NOW: Function = PERFORMANCE.with(|performance| function_of(performance, "now"));
  static SET_TIMEOUT: Function = function_of(&global(), "setTimeout");
  static CLEAR_TIMEOUT: Function = function_of(&global(), "clearTimeout");
  static TIMERS: RefCell<Timers> = RefCell::default();
}

fn function_of(object: &JsValue, name: &str) -> Function {
  let found = Reflect::get(object, &name.into()).unwrap_or_default();
  found.dyn_into().unwrap_or_else(|_| Function::new_no_args("throw new Error('no such function')"))
}

#[derive(Default)]
struct Timers {
  last: u32,
  open: HashMap<u32, (JsValue, Closure<dyn FnMut()>)>,
}

pub(crate) fn now_ms() -> f64 {
  let now = NOW.with(|now| PERFORMANCE.with(|performance| now.call0(performance)));
  now.ok().and_then(|now| now.as_f64()).unwrap_or(0.0)
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
    let handle = SET_TIMEOUT.with(|set_timeout| {
      set_timeout.call2(&JsValue::UNDEFINED, call.as_ref(), &duration_ms.into()).unwrap_or_default()
    });
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
      let _ = CLEAR_TIMEOUT.with(|clear| clear.call1(&JsValue::UNDEFINED, &handle));
    }
  }
}
