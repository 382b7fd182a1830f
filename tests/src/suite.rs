//! Runs a folder of fixtures, one test a file.
//!
//! Every fixture is worked on by three processes, whose engines have 1, 2 and
//! 8 threads, and has to give the same in each. A process that dies fails the
//! fixture it worked on; a fresh one takes its place. `UPDATE=1` writes what
//! came of a fixture into its file.

use std::{
  fs,
  io::{BufRead as _, BufReader, Write as _},
  path::{Path, PathBuf},
  process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
  sync::{Arc, Mutex, PoisonError},
  time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::{
  engine::{Also, check, first_difference},
  fixture::{Fixture, Section, write_sections},
};

const THREADS: [usize; 3] = [1, 2, 8];

/// A chain of 10,000 modules and deep nests recurse.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// A fixture that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(180);

/// Says in a process of the suite that it works for another.
const WORKER: &str = "NEXXO_SUITE_THREADS";

/// The tests of a folder below `tests/`.
pub fn main(folder: &str) -> ExitCode {
  if let Ok(threads) = std::env::var(WORKER) {
    work(threads.parse().unwrap_or(1));
    return ExitCode::SUCCESS;
  }
  let arguments = Arguments::from_args();
  let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
  let mut paths = Vec::new();
  find(&folder, &mut paths);
  let crew = Arc::new(Crew::default());
  let trials = paths
    .into_iter()
    .map(|path| {
      let name = path.strip_prefix(&folder).unwrap_or(&path).with_extension("");
      let crew = Arc::clone(&crew);
      Trial::test(name.display().to_string(), move || crew.check(&path).map_err(Failed::from))
    })
    .collect();
  libtest_mimic::run(&arguments, trials).exit_code()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
  let mut entries: Vec<PathBuf> =
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
  entries.sort();
  for path in entries {
    if path.is_dir() && !path.ends_with("node_modules") {
      find(&path, paths);
    } else if path.extension().is_some_and(|extension| extension == "txt") {
      paths.push(path);
    }
  }
}

/// The processes that work for this one.
#[derive(Default)]
struct Crew {
  engines: [Mutex<Option<Helper>>; THREADS.len()],
  node: Mutex<Option<Helper>>,
}

impl Crew {
  fn check(&self, path: &Path) -> Result<(), String> {
    let fixture = Fixture::read(path)?;
    let runs = fixture.run.is_some() || fixture.expects("run");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut answers = Vec::new();
    for (index, engine) in self.engines.iter().enumerate() {
      // One process leaves its outputs to be run, one repeats the build in a context, one by caches.
      let question = json!({
        "path": path,
        "also": index,
        "writeTo": (index == 0 && runs).then(|| folder.path()),
      });
      answers.push(ask(engine, &question, || engine_process(THREADS[index]))?);
    }
    // What is known to be wrong is asserted as it is, with the reason in the file's first lines.
    let is_known = path.components().any(|part| part.as_os_str() == "known-wrong");
    let mut problems: Vec<String> = Vec::new();
    for (answer, threads) in answers.iter().zip(THREADS) {
      let detail = |answer: &Value| answer["detail"].as_str().unwrap_or_default().to_owned();
      for problem in answer["broken"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !is_known && !problems.iter().any(|known| known == problem) {
          problems.push(problem.to_owned());
        }
      }
      if let Some(difference) = first_difference(&detail(answer), &detail(&answers[0])) {
        problems.push(format!("{threads} threads give something else than 1: {difference}"));
      }
    }
    let mut sections: Vec<Section> = answers[0]["sections"]
      .as_array()
      .into_iter()
      .flatten()
      .map(|pair| {
        Section::new(pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default())
      })
      .collect();
    if runs && sections.iter().any(|section| section.header.starts_with("output ")) {
      let entry = prepare(folder.path(), &fixture, &sections)?;
      let answer = ask(&self.node, &json!({ "path": entry }), node_process)?;
      sections.push(Section::new("run", answer["printed"].as_str().unwrap_or_default()));
    }
    let recorded = write_sections(&sections);
    for line in fixture.says.iter().filter(|_| !is_known) {
      if !recorded.lines().any(|recorded| recorded.contains(line)) {
        problems.push(format!("nothing says: {line}"));
      }
    }
    // What is wrong in itself is not recorded as right.
    problems.extend(compare(path, &fixture, &sections, problems.is_empty()).err());
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
  }
}

fn compare(
  path: &Path,
  fixture: &Fixture,
  sections: &[Section],
  may_update: bool,
) -> Result<(), String> {
  let (actual, expected) = (write_sections(sections), write_sections(&fixture.expected));
  if actual == expected {
    return Ok(());
  }
  if may_update && std::env::var_os("UPDATE").is_some() {
    let given = fixture.given.trim_end_matches('\n');
    let given = if fixture.given.is_empty() { String::new() } else { format!("{given}\n") };
    return fs::write(path, format!("{given}{actual}")).map_err(|error| error.to_string());
  }
  let diff = TextDiff::from_lines(&expected, &actual);
  let diff = diff.unified_diff().context_radius(3).header("expected", "actual").to_string();
  Err(format!("{}\n{diff}\nWhere this is right, run it again with `UPDATE=1`.", path.display()))
}

/// Puts what is run beside the outputs, and gives its path.
fn prepare(folder: &Path, fixture: &Fixture, sections: &[Section]) -> Result<PathBuf, String> {
  let outputs: Vec<&str> =
    sections.iter().filter_map(|section| section.header.strip_prefix("output ")).collect();
  let is_module = !matches!(&fixture.request, crate::fixture::Request::Build(options)
    if matches!(options["output"]["format"].as_str(), Some("cjs" | "iife" | "umd")));
  let manifest = json!({ "type": if is_module { "module" } else { "commonjs" } });
  let code = match &fixture.run {
    Some(code) => code.clone(),
    None => format!("await import({});", json!(format!("./{}", outputs.first().unwrap_or(&"")))),
  };
  let entry = folder.join("nexxo-run.mjs");
  fs::write(folder.join("package.json"), manifest.to_string())
    .and_then(|()| fs::write(&entry, code))
    .map_err(|error| error.to_string())?;
  Ok(entry)
}

/// A process that answers each line with a line.
struct Helper {
  process: Child,
  questions: ChildStdin,
  answers: BufReader<ChildStdout>,
}

impl Drop for Helper {
  fn drop(&mut self) {
    let _ = self.process.kill();
    let _ = self.process.wait();
  }
}

fn ask(
  helper: &Mutex<Option<Helper>>,
  question: &Value,
  command: impl FnOnce() -> Command,
) -> Result<Value, String> {
  let mut helper = helper.lock().unwrap_or_else(PoisonError::into_inner);
  if helper.is_none() {
    *helper = Some(start(command())?);
  }
  let Some(running) = helper.as_mut() else { return Err("there is no process".to_owned()) };
  let mut answer = String::new();
  let asked = writeln!(running.questions, "{question}").and_then(|()| running.questions.flush());
  let answered = asked.and_then(|()| running.answers.read_line(&mut answer));
  if let Ok(length) = answered
    && length > 0
  {
    let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    return match answer["failed"].as_str() {
      Some(failed) => Err(failed.to_owned()),
      None => Ok(answer),
    };
  }
  let status = running.process.wait().map_err(|error| error.to_string())?;
  *helper = None;
  Err(format!("the process ended on this: {status}"))
}

fn start(mut command: Command) -> Result<Helper, String> {
  let mut process = command
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
  let (questions, answers) = (process.stdin.take(), process.stdout.take());
  match (questions, answers) {
    (Some(questions), Some(answers)) => {
      Ok(Helper { process, questions, answers: BufReader::new(answers) })
    }
    _ => Err("a process without pipes".to_owned()),
  }
}

fn engine_process(threads: usize) -> Command {
  let mut command = Command::new(std::env::current_exe().unwrap_or_default());
  command.env(WORKER, threads.to_string());
  command
}

fn node_process() -> Command {
  let mut command = Command::new("node");
  command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run.mjs"));
  command
}

/// Answers what the suite asks, with an engine of so many threads.
fn work(threads: usize) {
  // The defaults would follow the machine.
  let pool =
    rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK_SIZE).build_global();
  let runtime = tokio::runtime::Builder::new_multi_thread()
    .worker_threads(threads)
    .thread_stack_size(STACK_SIZE)
    .enable_time()
    .build();
  let (Ok(()), Ok(runtime)) = (pool, runtime) else { return };
  let mut lines = std::io::stdin().lines();
  while let Some(Ok(line)) = lines.next() {
    let Ok(question) = serde_json::from_str::<Value>(&line) else { return };
    let work = runtime.spawn(answer(question));
    let answer = runtime.block_on(async {
      match tokio::time::timeout(LONGEST, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => json!({ "failed": format!("the engine panicked: {panicked}") }),
        Err(_) => json!({ "failed": format!("it hangs: {} s are over", LONGEST.as_secs()) }),
      }
    });
    let hangs = answer["failed"].as_str().is_some_and(|failed| failed.starts_with("it hangs"));
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() || hangs {
      break;
    }
  }
  // Does not wait for a build that hangs.
  runtime.shutdown_background();
}

async fn answer(question: Value) -> Value {
  let path = PathBuf::from(question["path"].as_str().unwrap_or_default());
  let fixture = match Fixture::read(&path) {
    Ok(fixture) => fixture,
    Err(problem) => return json!({ "failed": problem }),
  };
  let also = match question["also"].as_u64() {
    Some(1) => Also::InContext,
    Some(2) => Also::FromCaches,
    _ => Also::Nothing,
  };
  let observed = check(&fixture, also).await;
  if let Some(folder) = question["writeTo"].as_str() {
    for (name, contents) in &observed.files {
      let path = Path::new(folder).join(name);
      let written = fs::create_dir_all(path.parent().unwrap_or(Path::new(folder)))
        .and_then(|()| fs::write(path, contents));
      if let Err(error) = written {
        return json!({ "failed": format!("{name}: {error}") });
      }
    }
  }
  let sections: Vec<[&str; 2]> =
    observed.sections.iter().map(|section| [&*section.header, &*section.body]).collect();
  json!({ "sections": sections, "detail": observed.detail, "broken": observed.broken })
}
