//! `nexxo build --watch`: builds again whenever what a build looked at changes.
//!
//! The system only wakes this up. What changed is found by asking the disk
//! again what the last build asked ([`DiskView::advance`]), so that no change
//! is missed, however an editor saves, and none is reported that makes no
//! difference. Changes during a build wait for its end and then count together.

use std::{
  collections::BTreeSet,
  fs,
  path::{Path, PathBuf},
  sync::{Arc, Mutex, PoisonError},
  time::Duration,
};

use nexxo::{Context, hooks::Plugins, protocol::Diagnostic, snapshot::Snapshot};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::sync::Notify;

use crate::{
  build::{Build, Builder, Outcome},
  config::{CONFIG_NAMES, Project, root_of},
  disk::DiskView,
  message::cannot_watch,
  report,
  write::{OutputFolder, STAGING_PREFIX, record_folder},
};

/// Editors write in several steps, and tools write many files: wait until it is quiet…
const QUIET: Duration = Duration::from_millis(20);
/// An editor's steps follow each other within a millisecond.
const QUIET_SOON: Duration = Duration::from_millis(4);
/// …but not for longer than this.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// How often to look where the system does not tell.
const POLL: Duration = Duration::from_secs(1);

pub(crate) async fn run(builder: &Builder) -> Outcome {
  let mut bell = Bell::new();
  let mut configuration = match Configuration::read(builder) {
    Ok(configuration) => configuration,
    Err(mistake) => return builder.refuse(&[mistake]),
  };
  let (mut project, mut output) = match builder.open() {
    Ok(opened) => opened,
    Err(mistakes) => return builder.refuse(&mistakes),
  };
  let interrupt = builder.interrupt.token();
  // Once for each configuration.
  loop {
    tokio::select! {
      () = interrupt.cancelled() => return Outcome::Done,
      () = build_on_change(builder, &project, &output, &configuration, &mut bell) => {}
    }
    tokio::select! {
      () = interrupt.cancelled() => return Outcome::Done,
      reopened = reopen(builder, configuration, &mut bell) => {
        (project, output, configuration) = reopened;
      }
    }
  }
}

/// Builds until the configuration changes.
async fn build_on_change(
  builder: &Builder,
  project: &Project,
  output: &OutputFolder,
  configuration: &Configuration,
  bell: &mut Bell,
) {
  let context = Context::new(project.options.clone(), Plugins::default());
  let mut view = Arc::new(DiskView::new(project.workspace_root.clone()));
  let mut changes = None;
  let ignored = |path: &Path| is_own(path, project, output);
  loop {
    let build = Build::start(builder, project, output, &view);
    let snapshot = Snapshot::new(Arc::<DiskView>::clone(&view));
    let result = context.rebuild(&snapshot, changes.as_ref(), &build.job).await;
    if build.finish(result) == Outcome::Interrupted {
      return std::future::pending().await;
    }
    if !builder.args.json && !builder.args.quiet {
      report::idle("Watching for changes; Ctrl-C ends.");
    }
    let mut folders = view.folders_seen();
    folders.extend(configuration.folders.iter().cloned());
    bell.hang(&folders);
    // What changed before the bell hung has not rung it: look before waiting.
    loop {
      bell.settle().await;
      if !configuration.is_current() {
        return;
      }
      let (next, found) = view.advance(&ignored);
      if !found.is_empty() {
        (view, changes) = (Arc::new(next), Some(found));
        break;
      }
      bell.wait().await;
    }
  }
}

/// Whether a path is there, or went away, because of our own output.
pub(crate) fn is_own(path: &Path, project: &Project, output: &OutputFolder) -> bool {
  let record = record_folder(&project.cwd);
  output.path().starts_with(path)
    || path.starts_with(output.path())
    || path.starts_with(&record)
    || path.ends_with("node_modules/.cache")
    || project.metafile.as_deref() == Some(path)
    || path.file_name().is_some_and(|name| name.to_string_lossy().contains(STAGING_PREFIX))
}

/// Waits for a configuration that can be built.
async fn reopen(
  builder: &Builder,
  mut configuration: Configuration,
  bell: &mut Bell,
) -> (Project, OutputFolder, Configuration) {
  loop {
    bell.hang(&configuration.folders);
    while configuration.is_current() {
      bell.wait().await;
      bell.settle().await;
    }
    // Before it is opened, so that a change in between is seen as one.
    let mistakes = match Configuration::read(builder) {
      Ok(read) => {
        configuration = read;
        match builder.open() {
          Ok((project, output)) => return (project, output, configuration),
          Err(mistakes) => mistakes,
        }
      }
      Err(mistake) => vec![mistake],
    };
    builder.refuse(&mistakes);
  }
}

/// The files that say what to build, as they were.
pub(crate) struct Configuration {
  files: Vec<(PathBuf, Option<Vec<u8>>)>,
  pub(crate) folders: BTreeSet<PathBuf>,
}

impl Configuration {
  pub(crate) fn read(builder: &Builder) -> Result<Self, Diagnostic> {
    let paths: Vec<PathBuf> = match &builder.args.config {
      Some(named) => vec![builder.shell_cwd.join(named)],
      None => {
        let root = root_of(&builder.args, &builder.shell_cwd)?;
        CONFIG_NAMES.iter().map(|name| root.join(name)).collect()
      }
    };
    let folders = paths.iter().filter_map(|path| Some(path.parent()?.to_path_buf())).collect();
    let files = paths.into_iter().map(|path| (path.clone(), fs::read(path).ok())).collect();
    Ok(Self { files, folders })
  }

  pub(crate) fn is_current(&self) -> bool {
    self.files.iter().all(|(path, before)| fs::read(path).ok() == *before)
  }
}

/// Rings when something happens in one of the folders it hangs in.
pub(crate) struct Bell {
  /// `None` where the system does not tell of changes.
  watcher: Option<RecommendedWatcher>,
  hung: BTreeSet<PathBuf>,
  heard: Arc<Heard>,
}

struct Heard {
  ring: Notify,
  /// Where it rang; nothing where that is not known.
  paths: Mutex<Option<BTreeSet<PathBuf>>>,
  /// Folders that went away: whatever takes their place has to be hung anew.
  gone: Mutex<Vec<PathBuf>>,
}

impl Heard {
  fn paths(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<PathBuf>>> {
    self.paths.lock().unwrap_or_else(PoisonError::into_inner)
  }
}

impl Bell {
  pub(crate) fn new() -> Self {
    let heard = Arc::new(Heard {
      ring: Notify::new(),
      paths: Mutex::new(Some(BTreeSet::new())),
      gone: Mutex::default(),
    });
    let ear = Arc::clone(&heard);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
      // An error, such as a queue that ran over, may hide a change.
      if let Ok(event) = event {
        // Our own reading is no change; nor is the time it leaves on a file.
        if matches!(event.kind, EventKind::Access(_)) {
          return;
        }
        if let Some(paths) = &mut *ear.paths() {
          paths.extend(event.paths.iter().cloned());
        }
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
          ear.gone.lock().unwrap_or_else(PoisonError::into_inner).extend(event.paths);
        }
      } else {
        *ear.paths() = None;
      }
      ear.ring.notify_one();
    });
    let watcher = watcher.inspect_err(warn).ok();
    Self { watcher, hung: BTreeSet::new(), heard }
  }

  /// Hangs it in these folders too. Gives whether it did not hang in all of them before.
  pub(crate) fn hang(&mut self, folders: &BTreeSet<PathBuf>) -> bool {
    let mut is_new = false;
    for gone in self.heard.gone.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
      self.hung.retain(|folder| !folder.starts_with(&gone));
    }
    for folder in folders {
      let Some(watcher) = &mut self.watcher else { return is_new };
      if self.hung.contains(folder) {
        continue;
      }
      match watcher.watch(folder, RecursiveMode::NonRecursive) {
        Ok(()) => {
          is_new = true;
          self.hung.insert(folder.clone());
        }
        // It went away meanwhile, which the folder above tells.
        Err(_) if !folder.is_dir() => {}
        Err(error) => {
          warn(&error);
          self.watcher = None;
        }
      }
    }
    is_new
  }

  /// Where it rang since this was asked last; nothing where everything has to be looked at.
  pub(crate) fn take(&self) -> BTreeSet<PathBuf> {
    self.heard.paths().replace(BTreeSet::new()).unwrap_or_default()
  }

  /// Ends when something has happened.
  pub(crate) async fn wait(&self) {
    if self.watcher.is_none() {
      return tokio::time::sleep(POLL).await;
    }
    self.heard.ring.notified().await;
  }

  /// Ends when it is quiet, so that nobody reads what is half written.
  async fn settle(&self) {
    self.quiet_for(QUIET).await;
  }

  /// As `settle`, for those who wait for a single file: whoever reads it half written, reads it
  /// again at once.
  pub(crate) async fn settle_soon(&self) {
    self.quiet_for(QUIET_SOON).await;
  }

  async fn quiet_for(&self, quiet: Duration) {
    let quiet =
      async { while tokio::time::timeout(quiet, self.heard.ring.notified()).await.is_ok() {} };
    // Whoever never is quiet is looked at all the same.
    let _ = tokio::time::timeout(LONGEST_WAIT, quiet).await;
  }
}

fn warn(error: &notify::Error) {
  report::diagnostics(&[cannot_watch(error)], &str::to_owned);
}
