//! `nexxo dev`: pages that run the project as it is now, and follow every edit.
//!
//! One [`Dev`] has the engine's context and does one thing at a time: it builds
//! for a page that loads, or brings the pages up to date. It is the native twin
//! of `worker/src/dev.ts`.

use std::{
  collections::{BTreeMap, BTreeSet},
  path::{Path, PathBuf},
  sync::Arc,
  time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use hyper::{StatusCode, body::Bytes};
use nexxo::{
  Context,
  hooks::Plugins,
  host::Host,
  orchestrator::{CancelToken, Job},
  protocol::{
    BuildOptions, BuildResult, DevOptions, Diagnostic, Input, Minify, OutputKind, Sourcemap,
    Tsconfig, UpdateResult,
  },
  snapshot::{Changes, Snapshot, Sources},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OnceCell, mpsc};
use tokio_tungstenite::tungstenite::Message;

use crate::{
  args::DevArgs,
  build::{Builder, Outcome},
  config::Project,
  disk::DiskView,
  host::{Interrupt, NativeHost},
  message::{internal_page, not_an_entry},
  report,
  serve::{
    BoxFuture, OWN_PREFIX, Reply, Site, WebSocket,
    door::{Door, Refusal, ServedPath},
    html,
    http::Server,
    listen,
    options::Settings,
    tls,
  },
  watch::{Bell, Configuration, is_own},
  write::OutputFolder,
};

const DEFAULT_PORT: u16 = 5173;
/// Pages that were served and never said a word; then the oldest are forgotten.
const MOST_SILENT: usize = 16;
/// How long a page whose socket ended is waited for. Later, it loads again.
const COME_BACK: Duration = Duration::from_secs(10);
/// Messages that wait for a page. One that does not take them loads again when it comes back.
const MOST_WAITING: usize = 256;
/// Of one page, in a second: more than any client sends.
const MOST_HEARD: u32 = 1_000;

/// How soon folders that a build came to know are watched.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

const CLIENT: &str = include_str!("../client/client.ts");
const OVERLAY: &str = include_str!("../../nexxo/hmr/overlay.ts");

pub(crate) async fn run(args: DevArgs, shell_cwd: PathBuf) -> Outcome {
  let builder = Builder {
    args: args.build(),
    shell_cwd,
    host: Arc::new(NativeHost::new()),
    interrupt: Interrupt::listen(),
  };
  loop {
    match serve(&builder, &args).await {
      Ok(Ended::Quit) => return Outcome::Done,
      // Everything is read anew, at the port that was given before where that is free.
      Ok(Ended::Restart) => report::idle("Restarting."),
      Err(mistakes) => return builder.refuse(&mistakes),
    }
  }
}

enum Ended {
  Quit,
  Restart,
}

async fn serve(builder: &Builder, args: &DevArgs) -> Result<Ended, Vec<Diagnostic>> {
  let start_ms = builder.host.now_ms();
  let configuration = Configuration::read(builder).map_err(|mistake| vec![mistake])?;
  let (project, output) = builder.open()?;
  let mut options = project.command.server.clone();
  args.server.put_into(&mut options);
  let settings = Settings::new(&options, project.command.base.as_deref(), DEFAULT_PORT)?;
  let tls = match &settings.https {
    Some(https) => Some(tls::Acceptor::new(https, &project.cwd).map_err(|mistake| vec![mistake])?),
    None => None,
  };
  let listener = listen::bind(&settings).await.map_err(|mistake| vec![mistake])?;
  let addresses = listen::addresses(&listener, &settings);
  let dev = Arc::new(Dev::new(builder, project, output, settings.base.clone())?);
  // The first page finds its build under way.
  let ahead = Arc::clone(&dev);
  tokio::spawn(async move { ahead.build_ahead().await });
  report::served(&format!("Ready in {:.0} ms at", builder.host.now_ms() - start_ms), &addresses);
  if settings.open {
    listen::open(&addresses);
  }
  let server = Arc::new(Server { settings, site: Arc::<Dev>::clone(&dev) });
  let interrupt = builder.interrupt.token();
  let ended = tokio::select! {
    () = interrupt.cancelled() => Ended::Quit,
    () = listen::serve(listener, server, tls) => Ended::Quit,
    () = dev.watch(&configuration) => Ended::Restart,
    ended = keys(&addresses) => ended,
  };
  dev.part(matches!(ended, Ended::Restart)).await;
  Ok(ended)
}

/// What is typed on a terminal, a letter and Enter.
async fn keys(addresses: &[String]) -> Ended {
  use tokio::io::{AsyncBufReadExt, BufReader};
  if !report::is_interactive() || !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
    return std::future::pending().await;
  }
  report::idle(
    "r restarts, o opens the page, u shows its address, c clears, q quits; each with Enter.",
  );
  let mut lines = BufReader::new(tokio::io::stdin()).lines();
  loop {
    let Ok(Some(line)) = lines.next_line().await else { return std::future::pending().await };
    match line.trim() {
      "r" => return Ended::Restart,
      "q" => return Ended::Quit,
      "o" => listen::open(addresses),
      "u" => report::served("The page is at", addresses),
      "c" => report::clear(),
      "" => {}
      other => report::idle(&format!("`{other}` is no key here: r, o, u, c and q are.")),
    }
  }
}

struct Dev {
  state: Mutex<State>,
  host: Arc<NativeHost>,
  root: Root,
  base: String,
  token: String,
  public: Option<Door>,
  pages: Door,
  client: OnceCell<Bytes>,
}

/// The project's folders, and what of them is the output's.
struct Root {
  project: Project,
  output: OutputFolder,
  shell_cwd: PathBuf,
}

struct State {
  context: Context,
  view: Arc<DiskView>,
  /// What differs from the last rebuild; nothing where there was none.
  since: Option<Changes>,
  result: Option<Arc<BuildResult>>,
  pages: BTreeMap<u64, Page>,
  last_page: u64,
}

#[derive(Default)]
struct Page {
  sender: Option<mpsc::Sender<ToPage>>,
  /// What was said before its socket was there.
  early: Vec<ToPage>,
  /// Whether it shows what is wrong, without an app.
  is_broken: bool,
  /// Relative to the root.
  name: String,
}

impl Page {
  fn tell(&mut self, message: ToPage) {
    let Some(sender) = &self.sender else {
      if self.early.len() < MOST_WAITING {
        self.early.push(message);
      }
      return;
    };
    // One that does not listen has its socket closed, and loads again when it wakes.
    if sender.try_send(message).is_err() {
      self.sender = None;
    }
  }
}

/// As in `worker/src/protocol.ts`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ToPage {
  Update { seq: u32, changed: Vec<String>, code: String, files: Vec<String> },
  Factories { request: u32, code: String },
  Reload { reason: String },
  Error { diagnostics: Vec<Diagnostic> },
  Assets { paths: Vec<String> },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum FromPage {
  Hello,
  Factories {
    request: u32,
    modules: Vec<String>,
  },
  Updated {
    files: Vec<String>,
    boundaries: Vec<Boundary>,
    replaced: Vec<String>,
  },
  Reloading {
    reason: String,
  },
  /// A page's own events have nobody to hear them here until plugins do.
  Custom {},
}

#[derive(Debug, Deserialize)]
struct Boundary {
  module: String,
}

impl Dev {
  fn new(
    builder: &Builder,
    project: Project,
    output: OutputFolder,
    base: String,
  ) -> Result<Self, Vec<Diagnostic>> {
    let root = Root { project, output, shell_cwd: builder.shell_cwd.clone() };
    let cwd = &root.project.cwd;
    let unreadable = |_| vec![crate::message::no_such_folder(cwd)];
    let pages = Door::new(cwd).map_err(unreadable)?;
    let public = Door::new(&cwd.join("public")).ok();
    let mut options = root.options();
    options.base = Some(base.clone());
    let context = Context::new(options, Plugins::default());
    let view = Arc::new(DiskView::new(root.project.workspace_root.clone()));
    let state =
      State { context, view, since: None, result: None, pages: BTreeMap::new(), last_page: 0 };
    Ok(Self {
      state: Mutex::new(state),
      host: Arc::clone(&builder.host),
      root,
      base,
      token: token(),
      public,
      pages,
      client: OnceCell::new(),
    })
  }

  fn job(&self) -> Job {
    let host: Arc<dyn Host> = Arc::<NativeHost>::clone(&self.host);
    Job { host, cancel: CancelToken::new(), events: None }
  }

  async fn build_ahead(&self) {
    self.client().await;
    let mut state = self.state.lock().await;
    self.rebuild(&mut state).await;
  }

  /// The output of now; made where it is not there.
  async fn rebuild(&self, state: &mut State) -> Arc<BuildResult> {
    if let (Some(result), Some(since)) = (&state.result, &state.since)
      && since.is_empty()
    {
      return Arc::clone(result);
    }
    let start_ms = self.host.now_ms();
    let snapshot = Snapshot::new(Arc::<DiskView>::clone(&state.view));
    let made = state.context.rebuild(&snapshot, state.since.as_ref(), &self.job()).await;
    let result = made.unwrap_or_else(|diagnostic| BuildResult {
      diagnostics: vec![diagnostic],
      ..BuildResult::default()
    });
    report::diagnostics(&result.diagnostics, &|id| self.root.shown(id));
    if result.ok {
      let modules = result.stages.iter().find_map(|stage| stage.counts.get("modules").copied());
      let what = match modules {
        Some(1) | None => "1 module".to_owned(),
        Some(modules) => format!("{modules} modules"),
      };
      report::done(&what, self.host.now_ms() - start_ms, "");
    } else {
      report::failed(&result.diagnostics, "; the page says so");
    }
    let result = Arc::new(result);
    state.since = Some(Changes::default());
    state.result = Some(Arc::clone(&result));
    result
  }

  /// Follows the disk until the configuration is another.
  async fn watch(&self, configuration: &Configuration) {
    let mut bell = Bell::new();
    let ignored = |path: &Path| is_own(path, &self.root.project, &self.root.output);
    loop {
      let view = Arc::clone(&self.state.lock().await.view);
      let mut folders = view.folders_seen();
      folders.extend(configuration.folders.iter().cloned());
      let cwd = &self.root.project.cwd;
      folders.insert(cwd.clone());
      folders.extend(folders_below(&cwd.join("public")));
      if bell.hang(&folders) {
        // What happened there before has not rung.
        self.look(&BTreeSet::new(), &ignored).await;
      }
      tokio::select! {
        () = bell.wait() => {}
        // What a page's build looked into has to be watched as well.
        () = tokio::time::sleep(LOOK_AGAIN) => continue,
      }
      bell.settle_soon().await;
      if !configuration.is_current() {
        return;
      }
      let rung = bell.take();
      let own: BTreeSet<PathBuf> = rung.iter().filter(|path| !ignored(path)).cloned().collect();
      if own.is_empty() && !rung.is_empty() {
        continue;
      }
      self.look(&own, &ignored).await;
    }
  }

  /// Finds what changed, and tells the pages.
  async fn look(&self, rung: &BTreeSet<PathBuf>, ignored: &(dyn Fn(&Path) -> bool + Sync)) {
    let start_ms = self.host.now_ms();
    let mut state = self.state.lock().await;
    let (next, changes) = state.view.advance_at(rung, ignored);
    state.view = Arc::new(next);
    self.tell_of_files(&mut state, rung);
    if changes.is_empty() {
      return;
    }
    if let Some(since) = &mut state.since {
      merge(since, &changes);
    }
    if state.result.as_ref().is_none_or(|result| !result.ok) {
      // There is no app to bring up to date; where the next build is good, there is.
      if self.rebuild(&mut state).await.ok {
        for page in state.pages.values_mut().filter(|page| page.is_broken) {
          page.tell(ToPage::Reload { reason: "the build is good again".to_owned() });
        }
      }
      return;
    }
    let snapshot = Snapshot::new(Arc::<DiskView>::clone(&state.view));
    let updated = state.context.update(&snapshot, &changes, &self.job()).await;
    match updated {
      Ok(update) => self.pass_on(&mut state, &update, start_ms),
      Err(diagnostic) => {
        report::diagnostics(std::slice::from_ref(&diagnostic), &|id| self.root.shown(id));
        for page in state.pages.values_mut() {
          page.tell(ToPage::Reload { reason: diagnostic.message.clone() });
        }
      }
    }
  }

  fn pass_on(&self, state: &mut State, update: &UpdateResult, start_ms: f64) {
    report::diagnostics(&update.diagnostics, &|id| self.root.shown(id));
    if !update.ok {
      report::failed(&update.diagnostics, "; the page stays as it is");
      for page in state.pages.values_mut() {
        page.tell(ToPage::Error { diagnostics: update.diagnostics.clone() });
      }
      return;
    }
    if let Some(reason) = &update.reload {
      for page in state.pages.values_mut() {
        page.tell(ToPage::Reload { reason: reason.clone() });
      }
    }
    if !update.output_files.is_empty()
      && let Some(result) = &mut state.result
    {
      // What the patches show by its address.
      Arc::make_mut(result).output_files.extend(update.output_files.iter().cloned());
    }
    for patch in &update.patches {
      let page = patch.page.parse().ok().and_then(|page: u64| state.pages.get_mut(&page));
      if let Some(page) = page {
        page.tell(ToPage::Update {
          seq: patch.seq,
          changed: patch.changed_ids.clone(),
          code: patch.code.clone(),
          files: update.changed.clone(),
        });
      }
    }
    if !update.patches.is_empty() {
      let took_ms = self.host.now_ms() - start_ms;
      report::idle(&format!("{} sent in {took_ms:.1} ms", listed(&update.changed)));
    }
  }

  /// Files that are served as they are, and pages.
  fn tell_of_files(&self, state: &mut State, rung: &BTreeSet<PathBuf>) {
    let cwd = &self.root.project.cwd;
    let mut assets = Vec::new();
    let mut changed_pages = BTreeSet::new();
    for path in rung {
      let Ok(below) = path.strip_prefix(cwd) else { continue };
      let Some(below) = below.to_str() else { continue };
      if let Some(asset) = below.strip_prefix("public/") {
        assets.push(format!("{}{asset}", self.base));
      } else if below.ends_with(".html") && !self.root.is_output(path) {
        changed_pages.insert(below.to_owned());
      }
    }
    for page in state.pages.values_mut() {
      if changed_pages.contains(&page.name) {
        page.tell(ToPage::Reload { reason: format!("`{}` changed", page.name) });
      } else if !assets.is_empty() {
        page.tell(ToPage::Assets { paths: assets.clone() });
      }
    }
  }

  /// Sends the pages away: for good, or to come back to the next server.
  async fn part(&self, comes_back: bool) {
    let mut state = self.state.lock().await;
    if comes_back {
      for page in state.pages.values_mut() {
        page.tell(ToPage::Reload { reason: "the server was started anew".to_owned() });
      }
    }
    state.pages.clear();
  }

  /// A page that loads: what it is, and the build it runs.
  async fn open(&self, name: &str, text: &str) -> Result<Reply, Refusal> {
    let mut state = self.state.lock().await;
    let result = self.rebuild(&mut state).await;
    state.last_page += 1;
    let id = state.last_page;
    state
      .pages
      .insert(id, Page { is_broken: !result.ok, name: name.to_owned(), ..Page::default() });
    if result.ok {
      state.context.connect(&id.to_string()).await;
    }
    let silent: Vec<u64> =
      state.pages.iter().filter(|(_, page)| page.sender.is_none()).map(|(id, _)| *id).collect();
    for id in silent.iter().rev().skip(MOST_SILENT) {
      state.pages.remove(id);
      state.context.disconnect(&id.to_string()).await;
    }
    drop(state);

    let mut problems: Vec<&Diagnostic> = Vec::new();
    if !result.ok {
      problems.extend(&result.diagnostics);
    }
    let config = serde_json::json!({
      "page": id.to_string(), "token": self.token, "base": self.base, "problems": problems,
    });
    // In a script element only these letters could end it.
    let config = config.to_string().replace('<', "\\u003c");
    let head = format!(
      "<script type=\"application/json\" id=\"nexxo-page\">{config}</script><script type=\"module\" src=\"{OWN_PREFIX}client.js\"></script>",
    );
    let files: &[_] = if result.ok { &result.output_files } else { &[] };
    let made = files.iter().find(|file| file.kind == OutputKind::Asset && file.file_name == name);
    let (mut text, unknown) = match made {
      // The engine has led it to the output.
      Some(made) => {
        let text = String::from_utf8_lossy(&made.contents);
        (html::with_head(&text, &head).map_err(|_| Refusal::Malformed)?, Vec::new())
      }
      None => {
        let page = html::Page { name, text, files, base: &self.base, head: &head };
        html::rewrite(&page).map_err(|_| Refusal::Malformed)?
      }
    };
    if result.ok && !unknown.is_empty() {
      let mistakes: Vec<_> = unknown.iter().map(|module| not_an_entry(name, module)).collect();
      report::diagnostics(&mistakes, &str::to_owned);
    }
    if !result.ok {
      // Modules that are not there would only fail on top of it.
      text = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>Build failed</title>{head}</head><body></body></html>"
      );
    }
    let status = if result.ok { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    Ok(Reply::html(status, text))
  }

  /// The script of every page, bundled by the engine itself.
  async fn client(&self) -> Bytes {
    self.client.get_or_init(|| async { client_script(&self.job()).await.into() }).await.clone()
  }

  async fn answer(&self, path: &ServedPath, is_navigation: bool) -> Result<Reply, Refusal> {
    if let Some(own) = path.as_str().strip_prefix(OWN_PREFIX) {
      return match own {
        "client.js" => Ok(Reply::new("client.js", self.client().await)),
        _ => Err(Refusal::NotFound),
      };
    }
    let name = path.as_str().trim_start_matches('/');
    let built = self.state.lock().await.result.clone();
    if let Some(file) =
      built.iter().flat_map(|result| &result.output_files).find(|file| file.file_name == name)
      && !name.ends_with(".html")
    {
      let mut bytes = file.contents.clone();
      if file.kind == OutputKind::Chunk {
        // A module by its syntax: as a classic script, on whatever page, it does not run.
        bytes.extend_from_slice(b"\nexport {};\n");
      }
      return Ok(Reply::new(name, bytes));
    }
    if let Some(public) = &self.public {
      match public.read(path) {
        Ok(bytes) => return Ok(Reply::new(name, bytes)),
        Err(Refusal::NotFound) => {}
        Err(refusal) => return Err(refusal),
      }
    }
    let candidates = html::candidates(path, is_navigation);
    for page in &candidates {
      let Ok(served) = ServedPath::read(&format!("/{page}")) else { continue };
      if self.root.is_output(&self.root.project.cwd.join(page)) {
        continue;
      }
      if let Ok(bytes) = self.pages.read(&served) {
        return self.open(page, &String::from_utf8_lossy(&bytes)).await;
      }
    }
    // Without a page of its own, a project has one to begin with.
    if candidates.iter().any(|page| page == "index.html") {
      let entry = built.iter().flat_map(|result| &result.output_files).find(|file| file.is_entry);
      let src = entry.and_then(|file| file.facade_module_id.clone()).unwrap_or_default();
      let text = internal_page(&html::escaped(&src));
      return self.open("index.html", &text).await;
    }
    Err(Refusal::NotFound)
  }

  async fn talked(self: Arc<Self>, id: u64, mut stream: WebSocket) {
    let (sender, mut outgoing) = mpsc::channel(MOST_WAITING);
    let early = {
      let mut state = self.state.lock().await;
      match state.pages.get_mut(&id) {
        Some(page) => {
          page.sender = Some(sender);
          std::mem::take(&mut page.early)
        }
        None => {
          drop(state);
          let reload = ToPage::Reload { reason: "the page is not known any more".to_owned() };
          let _ = stream.send(message(&reload)).await;
          return;
        }
      }
    };
    for said in &early {
      if stream.send(message(said)).await.is_err() {
        return;
      }
    }
    let mut heard = 0;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
      tokio::select! {
        said = outgoing.recv() => match said {
          Some(said) => {
            if stream.send(message(&said)).await.is_err() {
              break;
            }
          }
          None => break,
        },
        got = stream.next() => match got {
          Some(Ok(Message::Text(text))) => {
            heard += 1;
            let Ok(from) = serde_json::from_str::<FromPage>(&text) else { break };
            if heard > MOST_HEARD || !self.hear(id, from).await {
              break;
            }
          }
          Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
            heard += 1;
            if heard > MOST_HEARD {
              break;
            }
          }
          _ => break,
        },
        _ = second.tick() => heard = 0,
      }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.close(None)).await;
    if let Some(page) = self.state.lock().await.pages.get_mut(&id) {
      page.sender = None;
    }
    // It may come back, after a hiccup of the network; until then it is told what it misses.
    tokio::time::sleep(COME_BACK).await;
    let mut state = self.state.lock().await;
    if state.pages.get(&id).is_some_and(|page| page.sender.is_none()) {
      state.pages.remove(&id);
      state.context.disconnect(&id.to_string()).await;
    }
  }

  /// Takes in what a page says. Gives whether it is listened to any longer.
  async fn hear(&self, id: u64, from: FromPage) -> bool {
    match from {
      FromPage::Hello | FromPage::Custom {} => {}
      FromPage::Factories { request, modules } => {
        let mut state = self.state.lock().await;
        let code = state.context.factories(&id.to_string(), &modules, &self.job()).await;
        let code = code.unwrap_or_default();
        if let Some(page) = state.pages.get_mut(&id) {
          page.tell(ToPage::Factories { request, code });
        }
      }
      FromPage::Updated { files, boundaries, replaced } => {
        let mut at: Vec<String> = boundaries.into_iter().map(|boundary| boundary.module).collect();
        at.dedup();
        report::updated(&listed(&files), replaced.len(), &listed(&at));
      }
      FromPage::Reloading { reason } => {
        report::reloaded(&reason);
        let mut state = self.state.lock().await;
        state.pages.remove(&id);
        state.context.disconnect(&id.to_string()).await;
        return false;
      }
    }
    true
  }
}

fn message(message: &ToPage) -> Message {
  Message::text(serde_json::to_string(message).unwrap_or_default())
}

impl Site for Dev {
  fn get<'a>(
    &'a self,
    path: &'a ServedPath,
    is_navigation: bool,
  ) -> BoxFuture<'a, Result<Reply, Refusal>> {
    Box::pin(self.answer(path, is_navigation))
  }

  fn knows(&self, token: &str) -> Option<bool> {
    // In the same time, however much of it is right.
    let differs =
      token.bytes().zip(self.token.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    Some(token.len() == self.token.len() && differs == 0)
  }

  fn talk(self: Arc<Self>, page: String, stream: WebSocket) -> BoxFuture<'static, ()> {
    Box::pin(async move {
      let Ok(page) = page.parse() else { return };
      self.talked(page, stream).await;
    })
  }
}

impl Root {
  fn options(&self) -> BuildOptions {
    let mut options = self.project.options.clone();
    options.dev.get_or_insert_with(DevOptions::default);
    // A configuration is mostly written for a build; what is developed is not what is published.
    let define = options.transform.get_or_insert_default().define.get_or_insert_default();
    define.insert("process.env.NODE_ENV".to_owned(), "\"development\"".to_owned());
    let output = options.output.get_or_insert_default();
    output.minify = Some(Minify::Enabled(false));
    // Errors of the app are shown where they are in the sources.
    output.sourcemap.get_or_insert(Sourcemap::Enabled(true));
    if let Some(input) = self.entries() {
      options.input = Some(input);
    }
    options
  }

  /// The pages, where the configuration names no other entries. One whose modules are not there is
  /// left out, as the others would not come for its sake; whoever opens it is told.
  fn entries(&self) -> Option<Input> {
    if self.project.has_input && !self.project.has_pages() {
      return None;
    }
    let cwd = &self.project.cwd;
    let pages = html::pages_below(cwd, &|path| self.is_output(path));
    let is_whole = |page: &String| {
      let text = std::fs::read(cwd.join(page)).unwrap_or_default();
      let modules = html::modules_of(page, &String::from_utf8_lossy(&text));
      modules.iter().all(|module| cwd.join(module).is_file())
    };
    let pages: Vec<String> = pages.into_iter().filter(is_whole).collect();
    (!pages.is_empty()).then_some(Input::Many(pages))
  }

  fn is_output(&self, path: &Path) -> bool {
    path.starts_with(self.output.path())
  }

  fn shown(&self, id: &str) -> String {
    let path = self.project.cwd.join(id);
    path.strip_prefix(&self.shell_cwd).unwrap_or(&path).display().to_string()
  }
}

/// The script of every page, bundled by the engine itself.
async fn client_script(job: &Job) -> Vec<u8> {
  let mut sources = Sources::default();
  let files =
    [("crates/nexxo_cli/client/client.ts", CLIENT), ("crates/nexxo/hmr/overlay.ts", OVERLAY)];
  for (path, text) in files {
    // The paths are right: they are written here.
    let _ = sources.write(path, text.as_bytes().to_vec());
  }
  let options = BuildOptions {
    input: Some(Input::One("crates/nexxo_cli/client/client.ts".to_owned())),
    tsconfig: Some(Tsconfig::Auto(false)),
    ..BuildOptions::default()
  };
  let built = nexxo::build(&options, &sources.snapshot(), &Plugins::default(), job).await;
  let files = built.map(|result| result.output_files).unwrap_or_default();
  let mut code = files.into_iter().next().map(|file| file.contents).unwrap_or_default();
  code.extend_from_slice(b"\nexport {};\n");
  code
}

/// A word that nobody can guess.
fn token() -> String {
  let mut bytes = [0; 18];
  // Without chance there is no safety: better no socket than one that anybody may open.
  match getrandom::fill(&mut bytes) {
    Ok(()) => bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
    Err(_) => String::new(),
  }
}

/// What differs after both.
fn merge(total: &mut Changes, new: &Changes) {
  let take = |list: &mut Vec<String>, path: &String| {
    let place = list.iter().position(|known| known == path);
    place.map(|place| list.remove(place)).is_some()
  };
  for path in &new.added {
    let list = if take(&mut total.removed, path) { &mut total.modified } else { &mut total.added };
    list.push(path.clone());
  }
  for path in &new.modified {
    if !total.added.contains(path) && !total.modified.contains(path) {
      total.modified.push(path.clone());
    }
  }
  for path in &new.removed {
    take(&mut total.modified, path);
    if !take(&mut total.added, path) {
      total.removed.push(path.clone());
    }
  }
}

/// A few names, and how many more there are.
fn listed(names: &[String]) -> String {
  match names {
    [] => "nothing".to_owned(),
    [one] => one.clone(),
    [one, other] => format!("{one}, {other}"),
    [one, other, more @ ..] => format!("{one}, {other} and {} more", more.len()),
  }
}

/// A folder and those in it, which are few.
fn folders_below(folder: &Path) -> Vec<PathBuf> {
  const MOST: usize = 1_000;
  let mut found = Vec::new();
  let mut waiting = vec![folder.to_path_buf()];
  while let Some(folder) = waiting.pop() {
    let Ok(entries) = std::fs::read_dir(&folder) else { continue };
    let inner = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    waiting.extend(inner.map(|entry| entry.path()));
    found.push(folder);
    if found.len() == MOST {
      break;
    }
  }
  found
}

#[cfg(test)]
mod tests {
  use nexxo::snapshot::Changes;

  use super::{merge, token};

  #[test]
  fn changes_add_up() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let changes = |added: &[&str], modified: &[&str], removed: &[&str]| Changes {
      added: list(added),
      modified: list(modified),
      removed: list(removed),
    };
    let mut total = changes(&["a"], &["m"], &["r"]);
    merge(&mut total, &changes(&["r", "n"], &["a", "m", "o"], &[]));
    assert_eq!(total, changes(&["a", "n"], &["m", "r", "o"], &[]));
    merge(&mut total, &changes(&[], &[], &["a", "m", "x"]));
    assert_eq!(total, changes(&["n"], &["r", "o"], &["m", "x"]));
  }

  #[test]
  fn tokens_are_long_and_never_the_same() {
    assert_eq!(token().len(), 36);
    assert_ne!(token(), token());
  }
}
