//! Drives tokio's tasks on the one thread there is, without ever blocking it.
//!
//! tokio parks its thread where it has nothing to do, which a tab cannot. So
//! `pump` runs the tasks under a root that wakes itself: it ends as soon as no
//! task was polled since its last look, or when its slice is used up. Whoever
//! wakes a task from JavaScript has to call [`schedule`].

use std::{
  cell::{Cell, OnceCell, RefCell},
  future::Future,
  task::Poll,
};

use js_sys::{Function, Reflect};
use tokio::{
  runtime::{Builder, Runtime},
  sync::oneshot,
};
use wasm_bindgen::{
  JsCast, JsValue,
  prelude::{Closure, wasm_bindgen},
};

use crate::host::now_ms;

/// How long the thread may be kept from its messages.
const SLICE_MS: f64 = 12.0;

#[wasm_bindgen]
extern "C" {
  #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
  static GLOBAL: JsValue;
}

thread_local! {
  static POLLS: Cell<u64> = const { Cell::new(0) };
  static SCHEDULED: Cell<bool> = const { Cell::new(false) };
  static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
  static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// Runs a future among tokio's tasks. The answer comes when it is done.
pub(crate) fn run<T: Send + 'static>(
  future: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
  let (done, answer) = oneshot::channel();
  with_runtime(|runtime| {
    // Whoever asked may have stopped to listen.
    runtime.spawn(async move { drop(done.send(future.await)) });
  });
  schedule();
  answer
}

/// Lets the tasks go on when JavaScript's own turn is over.
pub(crate) fn schedule() {
  if !SCHEDULED.replace(true) {
    TURN.with_borrow_mut(|turn| turn.get_or_insert_with(Turn::new).ask());
  }
}

fn with_runtime<T>(run: impl FnOnce(&Runtime) -> T) -> T {
  RUNTIME.with(|runtime| {
    run(runtime.get_or_init(|| {
      Builder::new_current_thread()
        .on_before_task_poll(|_| POLLS.set(POLLS.get() + 1))
        .build()
        .expect("a runtime without drivers asks nothing of its platform")
    }))
  })
}

fn pump() {
  let began_ms = now_ms();
  let mut seen = u64::MAX;
  let root = std::future::poll_fn(|context| {
    let polls = POLLS.get();
    if polls == seen {
      return Poll::Ready(false);
    }
    if now_ms() - began_ms > SLICE_MS {
      return Poll::Ready(true);
    }
    seen = polls;
    context.waker().wake_by_ref();
    Poll::Pending
  });
  if with_runtime(|runtime| runtime.block_on(root)) {
    schedule();
  }
}

/// How to be called again after the messages that wait now.
///
/// `setTimeout` would do, but for the four milliseconds that browsers make it
/// wait. Under Node an open channel would keep the process, or not keep it,
/// where `setImmediate` does the right thing.
enum Turn {
  Immediate { set_immediate: Function, call: Closure<dyn FnMut()> },
  Channel { port: web_sys::MessagePort, _call: Closure<dyn FnMut()> },
}

impl Turn {
  fn new() -> Self {
    let call = Closure::<dyn FnMut()>::new(|| {
      SCHEDULED.set(false);
      pump();
    });
    let set_immediate = GLOBAL.with(|global| Reflect::get(global, &"setImmediate".into()));
    let set_immediate = set_immediate.unwrap_or(JsValue::UNDEFINED);
    if let Ok(set_immediate) = set_immediate.dyn_into::<Function>() {
      return Self::Immediate { set_immediate, call };
    }
    let channel = web_sys::MessageChannel::new().expect("every browser has channels");
    channel.port1().set_onmessage(Some(call.as_ref().unchecked_ref()));
    Self::Channel { port: channel.port2(), _call: call }
  }

  fn ask(&self) {
    match self {
      Self::Immediate { set_immediate, call } => {
        set_immediate.call1(&JsValue::UNDEFINED, call.as_ref()).expect("it only queues");
      }
      Self::Channel { port, .. } => {
        port.post_message(&JsValue::NULL).expect("null can be sent");
      }
    }
  }
}
