//! What the command says: diagnostics, progress, the table of files, and the
//! one JSON object of `--json`.
//!
//! Words for people go to stderr, data to stdout. Meaning never rests on
//! colour, and a reader that is gone (`nexxo … | head`) is no error.

use std::{
  fmt::{self, Write as _},
  io::{self, IsTerminal, Write},
  time::Duration,
};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use nexxo::protocol::{
  BuildResult, CacheEvent, CacheOutcome, ChunkReason, Diagnostic, ExplainEvent, Metafile,
  ModuleReason, OutputFile, OutputKind, RebuildScope, Severity, StageEvent,
};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

const BROTLI_LEVEL: u32 = 9;

/// More diagnostics than anybody reads at once; `--json` has them all.
const MOST_SHOWN: usize = 50;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const BLUE: Style = AnsiColor::Blue.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Applies `--color`; without it the streams and `NO_COLOR` decide.
pub(crate) fn choose_colors(choice: ColorChoice) {
  match choice {
    ColorChoice::Auto => anstream::ColorChoice::Auto,
    ColorChoice::Always => anstream::ColorChoice::Always,
    ColorChoice::Never => anstream::ColorChoice::Never,
  }
  .write_global();
}

/// Whether somebody looks at it.
pub(crate) fn is_interactive() -> bool {
  io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

/// Prints text for people.
pub(crate) fn say(text: &str) {
  // There is nobody to tell that there is nobody to tell.
  let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Prints data, and nothing with it.
pub(crate) fn give(bytes: &[u8]) {
  let mut stdout = io::stdout().lock();
  let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Prints one JSON value as one line.
pub(crate) fn give_json(value: &impl Serialize) {
  let mut text = serde_json::to_vec(value).unwrap_or_default();
  text.push(b'\n');
  give(&text);
}

// --- Diagnostics ------------------------------------------------------------

/// Prints diagnostics and how many there are. `shown` turns a module id into
/// the path that it has from where the command was started.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic], shown: &dyn Fn(&str) -> String) {
  for diagnostic in diagnostics.iter().take(MOST_SHOWN) {
    let mut diagnostic = diagnostic.clone();
    diagnostic.file = diagnostic.file.as_deref().map(shown);
    say(&painted(&nexxo::diagnostic::format(&diagnostic), diagnostic.severity));
    say("");
  }
  let more = diagnostics.len().saturating_sub(MOST_SHOWN);
  if more > 0 {
    say(&format!("{DIM}… and {more} more; `--json` lists them all.{DIM:#}\n"));
  }
}

/// `2 errors, 1 warning`; nothing where there is none.
pub(crate) fn counts(diagnostics: &[Diagnostic]) -> String {
  let count = |severity| diagnostics.iter().filter(|one| one.severity == severity).count();
  let mut counts = Vec::new();
  for (severity, style, one, many) in
    [(Severity::Error, RED, "error", "errors"), (Severity::Warning, YELLOW, "warning", "warnings")]
  {
    match count(severity) {
      0 => {}
      1 => counts.push(format!("{style}1 {one}{style:#}")),
      count => counts.push(format!("{style}{count} {many}{style:#}")),
    }
  }
  counts.join(", ")
}

/// Adds colour to the engine's plain text of a diagnostic, line by line.
fn painted(text: &str, severity: Severity) -> String {
  let style = match severity {
    Severity::Error => RED,
    Severity::Warning => YELLOW,
    Severity::Info => BLUE,
  };
  let mut out = String::new();
  for (index, line) in text.lines().enumerate() {
    if index > 0 {
      out.push('\n');
    }
    let inner = line.trim_start();
    let indent = &line[..line.len() - inner.len()];
    let _ = if index == 0 {
      match line.split_once(": ") {
        Some((label, message)) => {
          write!(out, "{style}{label}{style:#}{DIM}:{DIM:#} {BOLD}{message}{BOLD:#}")
        }
        None => write!(out, "{BOLD}{line}{BOLD:#}"),
      }
    } else if let Some(place) = inner.strip_prefix("--> ") {
      write!(out, "{indent}{DIM}-->{DIM:#} {CYAN}{place}{CYAN:#}")
    } else if let Some(hint) = inner.strip_prefix("hint: ") {
      write!(out, "{indent}{GREEN}hint:{GREEN:#} {hint}")
    } else if let Some(note) = inner.strip_prefix("note: ") {
      write!(out, "{indent}{BLUE}note:{BLUE:#} {note}")
    } else {
      match line.split_once(" | ") {
        Some((gutter, marks))
          if marks.trim_start().starts_with('^') && gutter.trim().is_empty() =>
        {
          write!(out, "{DIM}{gutter} |{DIM:#} {style}{marks}{style:#}")
        }
        Some((gutter, code)) if gutter.contains('>') => {
          write!(out, "{style}{gutter}{style:#} {DIM}|{DIM:#} {code}")
        }
        Some((gutter, code)) => write!(out, "{DIM}{gutter} | {code}{DIM:#}"),
        None => write!(out, "{line}"),
      }
    };
  }
  out
}

// --- Progress ---------------------------------------------------------------

/// A line that says what goes on, on a terminal, for as long as it lives.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
  /// `files` tells how many files were read so far.
  pub(crate) fn start(
    show: bool,
    files: impl Fn() -> usize + Send + Sync + Clone + 'static,
  ) -> Self {
    if !show {
      return Self(None);
    }
    let style = ProgressStyle::with_template("{spinner} {msg} {files}").map(|style| {
      style
        .with_key("files", move |_: &ProgressState, out: &mut dyn fmt::Write| {
          let _ = write!(out, "{DIM}{} files read{DIM:#}", files());
        })
        .tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "])
    });
    let Ok(style) = style else { return Self(None) };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style);
    bar.set_message("graph");
    // Builds that are done before anybody could read the line do not flicker.
    let delayed = bar.downgrade();
    std::thread::spawn(move || {
      std::thread::sleep(Duration::from_millis(150));
      if let Some(bar) = delayed.upgrade().filter(|bar| !bar.is_finished()) {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        bar.enable_steady_tick(Duration::from_millis(80));
      }
    });
    Self(Some(bar))
  }

  /// A handle that hears of events from any thread.
  pub(crate) fn listener(&self) -> impl Fn(&ExplainEvent) + Send + Sync + 'static {
    let bar = self.0.clone();
    move |event| {
      if let (Some(bar), ExplainEvent::Stage(stage)) = (&bar, event) {
        bar.set_message(next_stage(stage));
      }
    }
  }
}

impl Drop for Progress {
  fn drop(&mut self) {
    if let Some(bar) = &self.0 {
      bar.finish_and_clear();
    }
  }
}

fn next_stage(done: &StageEvent) -> &'static str {
  use nexxo::protocol::Stage::{Check, Emit, Execute, Graph, Init, Plan};
  match done.stage {
    Init => "graph",
    Graph => "plan",
    Plan => "check",
    Check => "execute",
    Execute | Emit => "emit",
  }
}

// --- Explain ----------------------------------------------------------------

/// Prints what `--explain` tells of.
pub(crate) fn explain(events: &[ExplainEvent]) {
  let mut out = String::new();
  for event in events {
    let _ = explain_line(&mut out, event);
  }
  if !out.is_empty() {
    say(out.trim_end());
    say("");
  }
}

fn explain_line(out: &mut String, event: &ExplainEvent) -> fmt::Result {
  let head = |out: &mut String, name: &str| write!(out, "{CYAN}{name:<8}{CYAN:#}");
  match event {
    ExplainEvent::Stage(stage) => {
      head(out, "stage")?;
      let name = format!("{:?}", stage.stage).to_lowercase();
      write!(out, "{BOLD}{name:<8}{BOLD:#}{:>8.1} ms", stage.duration_ms)?;
      for (name, count) in &stage.counts {
        write!(out, "{DIM}  {name} {DIM:#}{count}")?;
      }
      writeln!(out)
    }
    ExplainEvent::Resolve(resolve) => {
      head(out, "resolve")?;
      write!(out, "{}{DIM}:{DIM:#} {}", resolve.importer, resolve.specifier)?;
      match (&resolve.id, resolve.external) {
        (_, true) => writeln!(out, "{DIM} stays as it is: external{DIM:#}"),
        (Some(id), false) => writeln!(out, "{DIM} → {DIM:#}{id}"),
        (None, false) => writeln!(out, "{DIM} → nothing{DIM:#}"),
      }
    }
    ExplainEvent::Module(module) => {
      head(out, "module")?;
      let reason = match module.reason {
        ModuleReason::Entry => "entry",
        ModuleReason::Imported => "imported by",
        ModuleReason::DynamicallyImported => "imported dynamically by",
        ModuleReason::Changed => "changed",
      };
      write!(out, "{}{DIM}: {reason}{DIM:#}", module.id)?;
      match &module.importer {
        Some(importer)
          if matches!(
            module.reason,
            ModuleReason::Imported | ModuleReason::DynamicallyImported
          ) =>
        {
          writeln!(out, " {importer}")
        }
        _ => writeln!(out),
      }
    }
    ExplainEvent::Chunk(chunk) => {
      head(out, "chunk")?;
      let reason = match chunk.reason {
        ChunkReason::Entry => "an entry",
        ChunkReason::DynamicEntry => "imported dynamically",
        ChunkReason::Shared => "shared by several",
        ChunkReason::Group => "a group of `output.codeSplitting`",
      };
      writeln!(
        out,
        "{}{DIM}: {reason}, {}{DIM:#} {}",
        chunk.file_name,
        if chunk.modules == 1 {
          "1 module,".to_owned()
        } else {
          format!("{} modules,", chunk.modules)
        },
        bytes(chunk.bytes)
      )
    }
    ExplainEvent::Cache(cache) => {
      head(out, "cache")?;
      let outcome = match cache.outcome {
        CacheOutcome::Hit => "found",
        CacheOutcome::Miss => "not found",
        CacheOutcome::Off => "not used",
      };
      write!(out, "{BOLD}{outcome}{BOLD:#}")?;
      match &cache.reason {
        Some(reason) => writeln!(out, "{DIM}: {DIM:#}{reason}"),
        None => writeln!(out),
      }
    }
    ExplainEvent::Rebuild(rebuild) => {
      head(out, "rebuild")?;
      let scope = match rebuild.scope {
        RebuildScope::Full => "full",
        RebuildScope::Partial => "partial",
        RebuildScope::None => "none",
      };
      writeln!(
        out,
        "{BOLD}{scope}{BOLD:#}{DIM}: {DIM:#}{}{DIM} ({}){DIM:#}",
        rebuild.reason,
        rebuild.changed.join(", ")
      )
    }
  }
}

// --- Files ------------------------------------------------------------------

/// A file of the output, as `--json` and the table tell of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileReport<'a> {
  file_name: &'a str,
  #[serde(rename = "type")]
  kind: OutputKind,
  is_entry: bool,
  bytes: usize,
  /// Absent where it was not asked for, and for source maps, which are not sent to users.
  #[serde(skip_serializing_if = "Option::is_none")]
  gzip: Option<usize>,
  #[serde(skip_serializing_if = "Option::is_none")]
  brotli: Option<usize>,
}

impl<'a> FileReport<'a> {
  /// Looks at all files, with their compressed sizes where `compress` says so.
  pub(crate) fn of(files: &'a [OutputFile], compress: bool) -> Vec<Self> {
    files
      .par_iter()
      .map(|file| {
        let compress = compress && file.kind != OutputKind::Sourcemap;
        Self {
          file_name: &file.file_name,
          kind: file.kind,
          is_entry: file.is_entry,
          bytes: file.contents.len(),
          gzip: compress.then(|| gzip_size(&file.contents)),
          brotli: compress.then(|| brotli_size(&file.contents)),
        }
      })
      .collect()
  }
}

/// Counts bytes and keeps none.
#[derive(Default)]
struct Counter(usize);

impl Write for Counter {
  fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
    self.0 += bytes.len();
    Ok(bytes.len())
  }

  fn flush(&mut self) -> io::Result<()> {
    Ok(())
  }
}

fn gzip_size(contents: &[u8]) -> usize {
  let mut encoder = flate2::write::GzEncoder::new(Counter::default(), flate2::Compression::best());
  match encoder.write_all(contents).and_then(|()| encoder.finish()) {
    Ok(counter) => counter.0,
    // A counter has no way to fail.
    Err(_) => contents.len(),
  }
}

/// The best level takes far longer than the build itself where an output has megabytes.
fn brotli_size(contents: &[u8]) -> usize {
  let mut encoder = brotli::CompressorWriter::new(Counter::default(), 1 << 16, BROTLI_LEVEL, 22);
  // A counter has no way to fail.
  let _ = encoder.write_all(contents);
  encoder.into_inner().0
}

/// Prints the table of files.
pub(crate) fn table(files: &[FileReport<'_>], dir: &str) {
  let dir = if dir.is_empty() { String::new() } else { format!("{}/", dir.trim_end_matches('/')) };
  let width = files.iter().map(|file| file.file_name.chars().count()).max().unwrap_or(0);
  let compressed = |label: &str, size: Option<usize>| match size {
    Some(size) => format!("{DIM} │ {label}{DIM:#} {:>10}", bytes(size)),
    None => String::new(),
  };
  let mut out = String::new();
  for file in files {
    let style = match file.kind {
      OutputKind::Chunk if file.is_entry => CYAN.bold(),
      OutputKind::Chunk => CYAN,
      OutputKind::Asset => AnsiColor::Green.on_default(),
      OutputKind::Sourcemap => DIM,
    };
    let pad = width - file.file_name.chars().count();
    let _ = writeln!(
      out,
      "  {DIM}{dir}{DIM:#}{style}{}{style:#}{:pad$}  {BOLD}{:>10}{BOLD:#}{}{}",
      file.file_name,
      "",
      bytes(file.bytes),
      compressed("gzip", file.gzip),
      compressed("brotli", file.brotli),
    );
  }
  let sum = |size: fn(&FileReport<'_>) -> Option<usize>| -> Option<usize> {
    let sizes: Vec<usize> = files.iter().filter_map(size).collect();
    (!sizes.is_empty()).then(|| sizes.iter().sum())
  };
  // A total of one says nothing new.
  if files.len() > 1 {
    let _ = writeln!(
      out,
      "  {:total$}  {BOLD}{:>10}{BOLD:#}{}{}",
      "total",
      bytes(files.iter().map(|file| file.bytes).sum()),
      compressed("gzip", sum(|file| file.gzip)),
      compressed("brotli", sum(|file| file.brotli)),
      total = dir.chars().count() + width,
    );
  }
  say(out.trim_end());
}

/// `✓ 3 files in 0.42 s`, and what else there is to say.
pub(crate) fn done(what: &str, duration_ms: f64, rest: &str) {
  let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
  say(&format!("{GREEN}✓{GREEN:#} {what} in {}{rest}", duration(duration_ms)));
}

/// `✗ 2 errors, 1 warning: …`.
pub(crate) fn failed(diagnostics: &[Diagnostic], consequence: &str) {
  say(&format!("{RED}✗{RED:#} {}{consequence}", counts(diagnostics)));
}

/// Something that goes on while nothing is built.
pub(crate) fn idle(text: &str) {
  say(&format!("{DIM}{text}{DIM:#}"));
}

/// Where something is served.
pub(crate) fn served(what: &str, addresses: &[String]) {
  for address in addresses {
    say(&format!("{GREEN}➜{GREEN:#} {what} {CYAN}{address}{CYAN:#}"));
  }
}

/// What an edit came to in a page.
pub(crate) fn updated(files: &str, modules: usize, boundaries: &str) {
  let what = match modules {
    // A style sheet or an image, which is no module.
    0 => "shown anew".to_owned(),
    1 => format!("1 module replaced, at {boundaries}"),
    count => format!("{count} modules replaced, at {boundaries}"),
  };
  say(&format!("{GREEN}✓{GREEN:#} {files}: {what}"));
}

/// Why a page loads again.
pub(crate) fn reloaded(reason: &str) {
  // The page says it, and may be made to say anything.
  let reason: String = reason.chars().filter(|c| !c.is_control()).take(300).collect();
  say(&format!("{YELLOW}↻{YELLOW:#} The page loads again: {reason}."));
}

/// Empties the terminal.
pub(crate) fn clear() {
  let _ = write!(anstream::stderr().lock(), "\x1b[2J\x1b[H");
}

/// `1.23 kB`.
pub(crate) fn size(count: u64) -> String {
  bytes(usize::try_from(count).unwrap_or(usize::MAX))
}

fn bytes(count: usize) -> String {
  #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
  let kilobytes = count as f64 / 1000.0;
  match count {
    0..1_000 => format!("{count} B"),
    1_000..1_000_000 => format!("{kilobytes:.2} kB"),
    _ => format!("{:.2} MB", kilobytes / 1000.0),
  }
}

fn duration(milliseconds: f64) -> String {
  if milliseconds < 1000.0 {
    format!("{milliseconds:.0} ms")
  } else {
    format!("{:.2} s", milliseconds / 1000.0)
  }
}

// --- JSON -------------------------------------------------------------------

/// What `nexxo build --json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildReport<'a> {
  ok: bool,
  output_files: Vec<FileReport<'a>>,
  diagnostics: &'a [Diagnostic],
  stages: &'a [StageEvent],
  #[serde(skip_serializing_if = "Option::is_none")]
  metafile: Option<&'a Metafile>,
  #[serde(skip_serializing_if = "Option::is_none")]
  events: Option<&'a [ExplainEvent]>,
  #[serde(skip_serializing_if = "Option::is_none")]
  cache: Option<CacheEvent>,
}

impl<'a> BuildReport<'a> {
  pub(crate) fn new(
    result: &'a BuildResult,
    files: Vec<FileReport<'a>>,
    events: Option<&'a [ExplainEvent]>,
  ) -> Self {
    Self {
      ok: result.ok,
      output_files: files,
      diagnostics: &result.diagnostics,
      stages: &result.stages,
      metafile: result.metafile.as_ref(),
      events,
      cache: None,
    }
  }

  /// With what a search in the cache came to.
  pub(crate) fn with_cache(self, cache: Option<CacheEvent>) -> Self {
    Self { cache, ..self }
  }

  /// Of a build that never was.
  pub(crate) fn failed(diagnostics: &'a [Diagnostic]) -> Self {
    Self {
      ok: false,
      output_files: Vec::new(),
      diagnostics,
      stages: &[],
      metafile: None,
      events: None,
      cache: None,
    }
  }
}

#[cfg(test)]
mod tests {
  use nexxo::protocol::Severity;

  use super::{brotli_size, bytes, duration, gzip_size, painted};

  #[test]
  fn colours_change_no_word() {
    let text = "error PARSE_ERROR: Expected `;`: here\n  --> src/a.ts:1:5\n> 1 | let a | b\n    |     ^\n  2 |\n  hint: Correct it.\n  note: See.";
    for severity in [Severity::Error, Severity::Warning, Severity::Info] {
      let painted = painted(text, severity);
      assert_ne!(painted, text);
      assert_eq!(anstream::adapter::strip_str(&painted).to_string(), text);
    }
  }

  #[test]
  fn sizes_and_times_are_short() {
    assert_eq!([bytes(0), bytes(1_234), bytes(5_678_901)], ["0 B", "1.23 kB", "5.68 MB"]);
    assert_eq!([duration(0.4), duration(81.6), duration(1_234.0)], ["0 ms", "82 ms", "1.23 s"]);
    let text = "const a = 1;\n".repeat(1_000);
    assert!(brotli_size(text.as_bytes()) < gzip_size(text.as_bytes()));
    assert!(gzip_size(b"") < 40);
  }
}
