//! The exports: a project's files with builds over them.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use js_sys::{Function, Promise, Reflect};
use nexxo::{
  cache::Watch,
  diagnostic,
  hooks::{PluginDeclaration, Plugins},
  orchestrator::{self, Job},
  protocol::{BuildOptions, BuildResult, Diagnostic, ExplainEvent, TransformResult, UpdateResult},
  request::{read_options, read_transform_request},
  snapshot::{Snapshot, Sources},
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;

use crate::{
  allocator,
  hooks::JsHooks,
  host::BrowserHost,
  pump,
  value::{from_js, thrown, to_js},
};

/// A project: files, and builds over them.
#[wasm_bindgen]
pub struct Engine {
  sources: Rc<RefCell<Sources>>,
}

#[wasm_bindgen]
impl Engine {
  #[wasm_bindgen(constructor)]
  #[expect(clippy::new_without_default, reason = "JavaScript calls it")]
  pub fn new() -> Self {
    Self { sources: Rc::default() }
  }

  /// Creates or replaces a file. Throws `INVALID_PATH`.
  pub fn write(&self, path: &str, contents: Vec<u8>) -> Result<(), JsValue> {
    self.sources.borrow_mut().write(path, contents).map_err(|diagnostic| thrown(&diagnostic))
  }

  /// Removes a file, or a folder with all below it. Says whether there was one.
  pub fn remove(&self, path: &str) -> bool {
    self.sources.borrow_mut().remove(path)
  }

  /// Builds the files as they are now.
  pub fn build(
    &self,
    options: JsValue,
    hooks: JsValue,
    call_hook: Function,
    cancel: &CancelToken,
    on_event: Function,
    watch: bool,
  ) -> Promise {
    let request = Request::read(options, hooks, call_hook);
    let (snapshot, watch) = watched(self.sources.borrow().snapshot(), watch);
    let cancel = cancel.0.clone();
    answer(on_event, watch, move |events| async move {
      let Request { options, plugins } = request?;
      let job = job(cancel, events);
      Ok(orchestrator::build(&options, &snapshot, &plugins, &job).await?)
    })
  }

  /// Makes a build that can be repeated. What is wrong with its options, its rebuilds tell.
  #[wasm_bindgen(js_name = createContext)]
  pub fn create_context(&self, options: JsValue, hooks: JsValue, call_hook: Function) -> Context {
    let made = Request::read(options, hooks, call_hook)
      .map(|Request { options, plugins }| Arc::new(orchestrator::Context::new(options, plugins)));
    Context {
      sources: Rc::clone(&self.sources),
      built: RefCell::default(),
      told: RefCell::default(),
      made,
    }
  }
}

/// A build that can be repeated.
#[wasm_bindgen]
pub struct Context {
  sources: Rc<RefCell<Sources>>,
  /// The files as they were when the last rebuild was asked for.
  built: RefCell<Option<Sources>>,
  /// The files as the connected pages last heard of them.
  told: RefCell<Option<Sources>>,
  made: Result<Arc<orchestrator::Context>, Stop>,
}

#[wasm_bindgen]
impl Context {
  /// Builds the files as they are now, as far as they changed.
  pub fn rebuild(&self, cancel: &CancelToken, on_event: Function, watch: bool) -> Promise {
    let now = self.sources.borrow().clone();
    let (snapshot, watch) = watched(now.snapshot(), watch);
    let changes = self.built.borrow().as_ref().map(|built| now.changes_since(built));
    self.told.borrow_mut().get_or_insert_with(|| now.clone());
    self.built.replace(Some(now));
    let made = self.made.clone();
    let cancel = cancel.0.clone();
    answer(on_event, watch, move |events| async move {
      let job = job(cancel, events);
      Ok(made?.rebuild(&snapshot, changes.as_ref(), &job).await?)
    })
  }

  /// Makes what the connected pages need to become what the files are now.
  pub fn update(&self, cancel: &CancelToken) -> Promise {
    let now = self.sources.borrow().clone();
    let snapshot = now.snapshot();
    let told = self.told.replace(Some(now.clone()));
    let changes = told.map(|told| now.changes_since(&told)).unwrap_or_default();
    let made = self.made.clone();
    let job = quiet_job(cancel);
    reply(async move {
      match made {
        Ok(context) => Ok(context.update(&snapshot, &changes, &job).await?),
        Err(Stop::Mistakes(diagnostics)) => {
          Ok(UpdateResult { diagnostics, ..UpdateResult::default() })
        }
        Err(stop) => Err(stop),
      }
    })
  }

  /// The code of modules that a page has only as part of a chunk.
  pub fn factories(&self, page: String, modules: Vec<String>, cancel: &CancelToken) -> Promise {
    let made = self.made.clone();
    let job = quiet_job(cancel);
    reply(async move { Ok(made?.factories(&page, &modules, &job).await?) })
  }

  /// A page loads what the last rebuild gave.
  pub fn connect(&self, page: String) {
    self.with_context(|context| async move { context.connect(&page).await });
  }

  /// Forgets a page.
  pub fn disconnect(&self, page: String) {
    self.with_context(|context| async move { context.disconnect(&page).await });
  }
}

impl Context {
  fn with_context<F>(&self, work: impl FnOnce(Arc<orchestrator::Context>) -> F)
  where
    F: Future<Output = ()> + Send + 'static,
  {
    if let Ok(context) = &self.made {
      drop(pump::run(work(Arc::clone(context))));
    }
  }
}

/// Cancels the build that it was given to.
#[wasm_bindgen]
pub struct CancelToken(orchestrator::CancelToken);

#[wasm_bindgen]
impl CancelToken {
  #[wasm_bindgen(constructor)]
  #[expect(clippy::new_without_default, reason = "JavaScript calls it")]
  pub fn new() -> Self {
    Self(orchestrator::CancelToken::new())
  }

  pub fn cancel(&self) {
    self.0.cancel();
    pump::schedule();
  }
}

/// Transforms one file.
#[wasm_bindgen]
pub fn transform(code: &str, request: JsValue) -> JsValue {
  let request = match json(request).and_then(|request| read_transform_request(&request)) {
    Ok(request) => request,
    Err(diagnostics) => return to_js(&TransformResult { diagnostics, ..Default::default() }),
  };
  to_js(&nexxo::transform(code, &request))
}

/// All the memory that the instance has taken.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
  #[expect(clippy::cast_precision_loss, reason = "addresses have 32 bits")]
  let bytes = allocator::memory_bytes() as f64;
  bytes
}

/// The version of the engine.
#[wasm_bindgen]
pub fn version() -> String {
  nexxo::VERSION.to_owned()
}

/// What the engine is made of: results of another are none of its.
#[wasm_bindgen(js_name = engineId)]
pub fn engine_id() -> String {
  nexxo::cache::ENGINE_ID.to_owned()
}

/// Sources as they are, or watched.
fn watched(snapshot: Snapshot, watch: bool) -> (Snapshot, Option<Watch>) {
  if !watch {
    return (snapshot, None);
  }
  let watch = Watch::new(snapshot);
  (watch.snapshot(), Some(watch))
}

/// Why there is no build: mistakes are a result, all else is thrown.
#[derive(Clone)]
enum Stop {
  Mistakes(Vec<Diagnostic>),
  Thrown(Box<Diagnostic>),
}

impl From<Diagnostic> for Stop {
  fn from(diagnostic: Diagnostic) -> Self {
    Self::Thrown(Box::new(diagnostic))
  }
}

struct Request {
  options: BuildOptions,
  plugins: Plugins,
}

impl Request {
  fn read(options: JsValue, hooks: JsValue, call_hook: Function) -> Result<Self, Stop> {
    let options =
      json(options).and_then(|options| read_options(&options)).map_err(Stop::Mistakes)?;
    let declarations: Vec<PluginDeclaration> =
      serde_wasm_bindgen::from_value(hooks).map_err(|error| {
        Stop::from(diagnostic::internal(&format!("the hooks were not declared ({error})")))
      })?;
    let plugins = if declarations.is_empty() {
      Plugins::default()
    } else {
      Plugins::new(declarations, Arc::new(JsHooks::new(call_hook)))
        .map_err(|diagnostic| Stop::Mistakes(vec![diagnostic]))?
    };
    Ok(Self { options, plugins })
  }
}

fn json(value: JsValue) -> Result<Value, Vec<Diagnostic>> {
  from_js(value).map_err(|problem| vec![diagnostic::invalid_options_text(&problem)])
}

fn job(cancel: orchestrator::CancelToken, events: mpsc::UnboundedSender<ExplainEvent>) -> Job {
  Job {
    host: Arc::new(BrowserHost),
    cancel,
    // Nobody listens any more once the answer is given.
    events: Some(Arc::new(move |event| drop(events.send(event)))),
  }
}

/// For what tells nothing on the way.
fn quiet_job(cancel: &CancelToken) -> Job {
  Job { host: Arc::new(BrowserHost), cancel: cancel.0.clone(), events: None }
}

/// Runs something among the tasks that is no build, and hands over its answer.
fn reply<T: Serialize + Send + 'static>(
  work: impl Future<Output = Result<T, Stop>> + Send + 'static,
) -> Promise {
  let running = pump::run(work);
  future_to_promise(async move {
    match running.await {
      Ok(Ok(value)) => Ok(to_js(&value)),
      Ok(Err(Stop::Mistakes(_))) => Err(thrown(&diagnostic::internal("its options have mistakes"))),
      Ok(Err(Stop::Thrown(diagnostic))) => Err(thrown(&diagnostic)),
      Err(_) => Err(thrown(&diagnostic::internal("the work was given up"))),
    }
  })
}

/// Runs a build among the tasks, hands its events over in order, and then its answer.
///
/// What a watched build asked about the files is the property `questions` of its result.
fn answer<F>(
  on_event: Function,
  watch: Option<Watch>,
  build: impl FnOnce(mpsc::UnboundedSender<ExplainEvent>) -> F,
) -> Promise
where
  F: Future<Output = Result<BuildResult, Stop>> + Send + 'static,
{
  let (send_event, mut events) = mpsc::unbounded_channel();
  let mut running = pump::run(build(send_event));
  future_to_promise(async move {
    let result = loop {
      tokio::select! {
        biased;
        Some(event) = events.recv() => emit(&on_event, &event)?,
        result = &mut running => break result,
      }
    };
    while let Ok(event) = events.try_recv() {
      emit(&on_event, &event)?;
    }
    match result {
      Ok(Ok(result)) => {
        let value = to_js(&result);
        if let Some(questions) = watch.and_then(|watch| watch.questions()) {
          Reflect::set(&value, &"questions".into(), &questions.into())?;
        }
        Ok(value)
      }
      Ok(Err(Stop::Mistakes(diagnostics))) => {
        Ok(to_js(&BuildResult { diagnostics, ..BuildResult::default() }))
      }
      Ok(Err(Stop::Thrown(diagnostic))) => Err(thrown(&diagnostic)),
      Err(_) => Err(thrown(&diagnostic::internal("the build was given up"))),
    }
  })
}

fn emit(on_event: &Function, event: &ExplainEvent) -> Result<(), JsValue> {
  on_event.call1(&JsValue::UNDEFINED, &to_js(event)).map(drop)
}
