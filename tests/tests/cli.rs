//! The command as its users run it: exit codes, what it prints, what it writes.
//!
//! `tests/cli/*.txt` are stories, each in a folder of its own; `README.md`
//! beside them describes the files. `UPDATE=1` writes what the command does
//! today. What a story cannot tell, watching and interrupting, is below it.

use std::{
  fmt::Write as _,
  fs,
  io::{BufRead, BufReader, Read, Write as _},
  os::unix::fs::symlink,
  path::{Path, PathBuf},
  process::{Child, Command, Stdio},
  sync::mpsc::{Receiver, RecvTimeoutError, channel},
  time::Duration,
};

/// Long enough for the slowest machine; nobody waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder for one test, and the command that runs in it.
struct Scene {
  folder: tempfile::TempDir,
  /// Nobody's results but its own.
  cache: tempfile::TempDir,
}

impl Scene {
  fn new() -> Self {
    Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
  }

  fn path(&self, path: &str) -> PathBuf {
    self.folder.path().canonicalize().unwrap().join(path)
  }

  fn write(&self, path: &str, text: &str) {
    let path = self.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Whole at once: who watches must not see it half written.
    let mut whole = tempfile::NamedTempFile::new().unwrap();
    whole.write_all(text.as_bytes()).unwrap();
    whole.persist(path).unwrap();
  }

  fn read(&self, path: &str) -> Option<String> {
    fs::read_to_string(self.path(path)).ok()
  }

  fn command(&self, folder: &str, arguments: &[String]) -> Command {
    let program = std::env::var_os("NEXXO_BIN")
      .unwrap_or_else(|| env!("CARGO_BIN_EXE_nexxo-under-test").into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(self.path(folder)).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "NEXXO_LOG", "RUST_LOG"] {
      command.env_remove(name);
    }
    command.env("CI", "1").env("NEXXO_CACHE_DIR", self.cache.path());
    command
  }

  /// Runs the command to its end and says all that came of it.
  fn run(&self, line: &str) -> String {
    let (folder, line) = match line.strip_prefix("cd ").and_then(|line| line.split_once(" && ")) {
      Some((folder, line)) => (folder, line),
      None => ("", line),
    };
    let (line, input) = match line.split_once(" < ") {
      Some((line, input)) => (line, Some(input)),
      None => (line, None),
    };
    let words = words(line);
    assert_eq!(words[0], "nexxo", "{line}");
    let mut command = self.command(folder, &words[1..]);
    if let Some(input) = input {
      command.stdin(fs::File::open(self.path(input)).unwrap());
    }
    let output = command.output().unwrap();
    let mut told = format!("exit {}\n", output.status.code().unwrap_or(-1));
    for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
      let text = String::from_utf8(bytes).unwrap();
      if !text.is_empty() {
        let _ = write!(told, "--- {name}\n{}", self.steady(&text));
        if !told.ends_with('\n') {
          told.push('\n');
        }
      }
    }
    told
  }

  /// Takes out what differs from run to run: where the test is, and how long it took.
  fn steady(&self, text: &str) -> String {
    let text = text.replace(self.path("").to_string_lossy().trim_end_matches('/'), "<folder>");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
      let line = match line.split_once("\"durationMs\":") {
        Some(_) => line
          .split("\"durationMs\":")
          .enumerate()
          .map(|(index, part)| match index {
            0 => part.to_owned(),
            _ => format!(
              "\"durationMs\":0{}",
              part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '-'))
            ),
          })
          .collect(),
        None => line.to_owned(),
      };
      out.push_str(&timeless(&line));
    }
    out
  }

  /// Every file below a folder but for what Nexxo remembers, with its contents' first line.
  fn tree(&self, folder: &str) -> String {
    fn walk(folder: &Path, name: &str, out: &mut String) {
      let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
      entries.sort_by_key(fs::DirEntry::file_name);
      for entry in entries {
        let name = format!("{name}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
          if !matches!(&*name, ".nexxo" | "node_modules/.cache") {
            walk(&entry.path(), &format!("{name}/"), out);
          }
        } else {
          let _ = writeln!(out, "{name}");
        }
      }
    }
    let mut out = String::new();
    walk(&self.path(folder), "", &mut out);
    out
  }
}

/// Durations as `<time>`.
fn timeless(line: &str) -> String {
  let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
  for index in 1..words.len() {
    let unit = words[index].trim_end_matches(['\n', ',']).to_owned();
    let is_number = words[index - 1].parse::<f64>().is_ok();
    if is_number && matches!(&*unit, "ms" | "s") && !line.contains("did not finish") {
      words[index - 1] = "<time>".to_owned();
      words[index] = words[index].replacen(&unit, "", 1);
    }
  }
  let is_padded = |index: usize| {
    words[index].is_empty()
      && words[index..].iter().find(|word| !word.is_empty()).is_some_and(|word| word == "<time>")
  };
  let padding: Vec<bool> = (0..words.len()).map(is_padded).collect();
  let mut padding = padding.into_iter();
  words.retain(|_| !padding.next().unwrap_or(false));
  words.join(" ").replace("<time> ,", "<time>,").replace("<time> \n", "<time>\n")
}

/// A command line's words; single quotes keep spaces.
fn words(line: &str) -> Vec<String> {
  let mut words = vec![String::new()];
  let mut quoted = false;
  for character in line.chars() {
    match character {
      '\'' => quoted = !quoted,
      ' ' if !quoted => words.push(String::new()),
      character => words.last_mut().unwrap().push(character),
    }
  }
  words.retain(|word| !word.is_empty());
  words
}

/// Plays a story and returns it with what the command did this time.
fn play(story: &str) -> String {
  let scene = Scene::new();
  let mut told = String::new();
  let mut parts = story.split("\n=== ");
  let first = parts.next().unwrap_or_default();
  told.push_str(first);
  for part in parts {
    let (head, body) = part.split_once('\n').unwrap_or((part, ""));
    let _ = write!(told, "\n=== {head}\n");
    match head.split_once(' ') {
      Some(("file", path)) => {
        scene.write(path, body);
        told.push_str(body.trim_end_matches('\n'));
      }
      Some(("hex", path)) => {
        let digits: Vec<u8> = body.bytes().filter(u8::is_ascii_hexdigit).collect();
        let bytes: Vec<u8> = digits
          .chunks(2)
          .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
          .collect();
        scene.write(path, "");
        fs::write(scene.path(path), bytes).unwrap();
        told.push_str(body.trim_end_matches('\n'));
      }
      Some(("link", pair)) => {
        let (link, target) = pair.split_once(" -> ").unwrap();
        let link = scene.path(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
      }
      Some(("folder", path)) => fs::create_dir_all(scene.path(path)).unwrap(),
      Some(("remove", path)) => fs::remove_file(scene.path(path)).unwrap(),
      Some(("note", _)) => {}
      Some(("run", line)) => told.push_str(&scene.run(line)),
      Some(("tree", folder)) => told.push_str(&scene.tree(folder)),
      Some(("show", path)) => {
        told.push_str(&scene.read(path).unwrap_or_else(|| "(there is none)\n".to_owned()));
      }
      _ => panic!("`{head}` is no part of a story"),
    }
    while told.ends_with('\n') {
      told.pop();
    }
    told.push('\n');
  }
  told
}

#[test]
fn stories() {
  let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
  let update = std::env::var_os("UPDATE").is_some();
  let mut wrong = Vec::new();
  let mut files: Vec<PathBuf> =
    fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
  files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
  files.sort();
  assert!(!files.is_empty());
  for file in files {
    let story = fs::read_to_string(&file).unwrap();
    let told = play(&story);
    if told == story {
      continue;
    }
    if update {
      fs::write(&file, told).unwrap();
    } else {
      let name = file.file_name().unwrap().to_string_lossy().into_owned();
      let diff = similar::TextDiff::from_lines(&story, &told);
      wrong.push(diff.unified_diff().header(&name, "today").to_string());
    }
  }
  assert!(wrong.is_empty(), "{}\n`UPDATE=1` takes it over.", wrong.join("\n"));
}

/// A command that goes on.
struct Running {
  child: Child,
  lines: Receiver<String>,
}

impl Running {
  fn start(scene: &Scene, line: &str) -> Self {
    let mut child = scene
      .command("", &words(line)[1..])
      .stdout(Stdio::null())
      .stderr(Stdio::piped())
      .spawn()
      .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (send, lines) = channel();
    std::thread::spawn(move || {
      for line in stderr.lines() {
        if line.is_err() || send.send(line.unwrap_or_default()).is_err() {
          break;
        }
      }
    });
    Self { child, lines }
  }

  /// Everything up to the line that holds `part`.
  fn until(&self, part: &str) -> String {
    let mut told = String::new();
    loop {
      match self.lines.recv_timeout(PATIENCE) {
        Ok(line) => {
          told.push_str(&line);
          told.push('\n');
          if line.contains(part) {
            return told;
          }
        }
        Err(RecvTimeoutError::Timeout) => panic!("no `{part}` after\n{told}"),
        Err(RecvTimeoutError::Disconnected) => panic!("it ended without `{part}` after\n{told}"),
      }
    }
  }

  /// Ends when the command hears Ctrl-C, which it does from its start on, almost.
  fn until_it_hears(&self) {
    let status = format!("/proc/{}/status", self.child.id());
    let caught = || {
      let status = fs::read_to_string(&status).unwrap_or_default();
      let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
      u64::from_str_radix(mask.unwrap_or("0").trim(), 16).unwrap_or(0)
    };
    while caught() & 0b10 == 0 {
      std::thread::sleep(Duration::from_millis(5));
    }
  }

  fn interrupt(mut self) -> (Option<i32>, String) {
    let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let code = self.child.wait().unwrap().code();
    (code, self.lines.iter().collect::<Vec<_>>().join("\n"))
  }
}

impl Drop for Running {
  fn drop(&mut self) {
    let _ = self.child.kill();
    let _ = self.child.wait();
  }
}

const WATCHING: &str = "Watching for changes";

#[test]
fn watching_builds_again_and_keeps_the_output_of_the_last_good_build() {
  let scene = Scene::new();
  scene.write("nexxo.config.json", r#"{ "input": "src/main.ts" }"#);
  scene.write("src/main.ts", "import { value } from './value';\nconsole.log(value);\n");
  scene.write("src/value.ts", "export const value = 'first';\n");
  let running = Running::start(&scene, "nexxo build --watch");
  running.until(WATCHING);
  assert!(scene.read("dist/main.js").unwrap().contains("first"));

  scene.write("src/value.ts", "export const value = 'second';\n");
  running.until(WATCHING);
  let good = scene.read("dist/main.js").unwrap();
  assert!(good.contains("second"), "{good}");

  // A mistake is told; what was good stays.
  scene.write("src/value.ts", "export const value = ;\n");
  let told = running.until(WATCHING);
  assert!(told.contains("PARSE_ERROR") && told.contains("src/value.ts:1:"), "{told}");
  assert_eq!(scene.read("dist/main.js").as_deref(), Some(&*good));

  // As editors save: a new file in the place of the old one.
  scene.write("src/value.ts.tmp", "export { value } from './deep/new';\n");
  fs::rename(scene.path("src/value.ts.tmp"), scene.path("src/value.ts")).unwrap();
  let told = running.until(WATCHING);
  assert!(told.contains("UNRESOLVED_IMPORT"), "{told}");
  assert_eq!(scene.read("dist/main.js").as_deref(), Some(&*good));

  // In a folder that was not there when it was looked for.
  scene.write("src/deep/new.ts", "export const value = 'third';\n");
  while !running.until(WATCHING).contains('✓') {}
  assert!(scene.read("dist/main.js").unwrap().contains("third"));

  // The configuration counts as well, also while it is wrong.
  scene.write("nexxo.config.json", r#"{ "input": "src/main.ts", "outptu": {} }"#);
  let told = running.until("nothing was built");
  assert!(told.contains("UNKNOWN_OPTION"), "{told}");
  scene.write("nexxo.config.json", r#"{ "input": "src/main.ts", "output": { "dir": "out" } }"#);
  running.until(WATCHING);
  assert!(scene.read("out/main.js").unwrap().contains("third"));

  let (code, told) = running.interrupt();
  assert_eq!(code, Some(0), "{told}");
}

#[test]
fn watching_does_not_build_for_what_makes_no_difference() {
  let scene = Scene::new();
  scene.write("src/main.ts", "console.log('first');\n");
  scene.write("notes/log.txt", "nobody looks here\n");
  let running = Running::start(&scene, "nexxo build --watch --metafile");
  running.until(WATCHING);
  // The same contents again, and a file that no build has seen.
  scene.write("src/main.ts", "console.log('first');\n");
  scene.write("notes/log.txt", "still nobody\n");
  std::thread::sleep(Duration::from_millis(600));
  scene.write("src/main.ts", "console.log('last');\n");
  let told = running.until(WATCHING);
  assert_eq!(told.matches(WATCHING).count(), 1);
  assert!(scene.read("dist/main.js").unwrap().contains("last"), "{told}");
}

#[test]
fn an_interrupted_build_leaves_the_output_as_it_was() {
  let scene = Scene::new();
  let many = 20_000;
  let mut main = String::new();
  for index in 0..many {
    let _ = writeln!(main, "import './m{index}';");
    scene.write(&format!("src/m{index}.ts"), "console.log(1);\n");
  }
  scene.write("src/main.ts", &main);
  scene.write("dist/main.js", "good\n");
  let running = Running::start(&scene, "nexxo build --explain");
  running.until_it_hears();
  std::thread::sleep(Duration::from_millis(50));
  let (code, told) = running.interrupt();
  assert_eq!(code, Some(130), "{told}");
  assert_eq!(scene.read("dist/main.js").as_deref(), Some("good\n"));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
  let scene = Scene::new();
  for index in 0..60 {
    let next = (index + 7) % 60;
    scene.write(
      &format!("src/m{index}.ts"),
      &format!("import {{ f{next} }} from './m{next}';\nexport const f{index} = () => import('./d{next}').then((d) => d.default(f{next}));\n"),
    );
    scene.write(
      &format!("src/d{index}.ts"),
      &format!(
        "import {{ f{index} }} from './m{index}';\nexport default (f: unknown) => [f, f{index}];\n"
      ),
    );
  }
  scene.write("src/main.ts", "import { f0 } from './m0';\nconsole.log(f0());\n");
  let mut seen: Option<(String, Vec<Option<String>>)> = None;
  for threads in [1, 2, 8] {
    let line = format!(
      "nexxo build --threads {threads} --out-dir out{threads} --sourcemap --minify --quiet"
    );
    assert_eq!(scene.run(&line), "exit 0\n");
    let folder = format!("out{threads}");
    let tree = scene.tree(&folder);
    let files = tree.lines().map(|name| scene.read(&format!("{folder}/{name}"))).collect();
    match &seen {
      None => seen = Some((tree, files)),
      Some(first) => assert_eq!(*first, (tree, files), "{threads} threads"),
    }
  }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
  let scene = Scene::new();
  scene.write("src/main.ts", "console.log(1);\n");
  let mut child = scene
    .command("", &words("nexxo build --json")[1..])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
  drop(child.stdout.take());
  assert_eq!(child.wait().unwrap().code(), Some(0));
  let mut told = String::new();
  child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
  assert_eq!(told, "");
}

#[test]
fn help_teaches_and_shells_complete() {
  let scene = Scene::new();
  let help = scene.run("nexxo build --help");
  for part in
    ["Examples:", "Exit codes:", "--workspace-root", "--sourcemap", "130", "nexxo.config.json"]
  {
    assert!(help.contains(part), "{part} in {help}");
  }
  assert!(scene.run("nexxo --version").contains(nexxo::VERSION));
  for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
    let script = scene.run(&format!("nexxo completions {shell}"));
    assert!(script.starts_with("exit 0") && script.contains("out-dir"), "{shell}");
  }
}
