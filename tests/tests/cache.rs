//! The cache as processes use it: whatever happens to its folder, a build gives
//! the bytes that it gives without.
//!
//! `NEXXO_ROUNDS` is how often processes are killed, 50 by default, 1,000 and
//! more on demand; damage is tried ten times as often. Each prints its seed, and takes another from `NEXXO_SEED`.

#![expect(clippy::disallowed_methods, reason = "this is no tab, and files have times")]
#![expect(clippy::print_stdout, reason = "seeds are for whoever reads the test's output")]

use std::{
  collections::BTreeMap,
  fs,
  os::unix::fs::PermissionsExt,
  path::{Path, PathBuf},
  process::{Command, Output, Stdio},
  thread,
  time::{Duration, SystemTime},
};

/// Enough modules for a build that is worth a record.
const MODULES: usize = 300;

struct Scene {
  folder: tempfile::TempDir,
}

impl Scene {
  fn new() -> Self {
    let scene = Self { folder: tempfile::tempdir().unwrap() };
    let mut main = String::new();
    for at in 0..MODULES {
      scene.write(
        &format!("app/src/part{at}.tsx"),
        &format!(
          "export interface Props {{ label: string }}\nexport const part{at} = ({{ label }}: Props) => <b title={{label}}>{{label + {at}}}</b>;\nexport function more{at}(list: number[]): number {{\n  return list.reduce((sum, item) => sum + item * {at}, 0);\n}}\n"
        ),
      );
      main.push_str(&format!("export * from './part{at}';\n"));
    }
    scene.write("app/src/main.tsx", &main);
    scene.write("app/package.json", r#"{ "type": "module" }"#);
    scene.write(
      "app/nexxo.config.json",
      r#"{ "input": "src/main.tsx", "transform": { "jsx": { "runtime": "classic", "pragma": "h" } }, "output": { "minify": true, "sourcemap": true } }"#,
    );
    scene
  }

  fn path(&self, path: &str) -> PathBuf {
    self.folder.path().join(path)
  }

  fn write(&self, path: &str, text: &str) {
    let path = self.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
  }

  fn command(&self, app: &str, out: &str, arguments: &[&str]) -> Command {
    let program = std::env::var_os("NEXXO_BIN")
      .unwrap_or_else(|| env!("CARGO_BIN_EXE_nexxo-under-test").into());
    let mut command = Command::new(program);
    command
      .args(["build", self.path(app).to_str().unwrap(), "--json", "--compressed-sizes=false"])
      .args(["--out-dir", self.path(out).to_str().unwrap()])
      .args(arguments)
      .env("NEXXO_CACHE_DIR", self.path("cache"))
      .stdin(Stdio::null())
      .stdout(Stdio::piped())
      .stderr(Stdio::piped());
    command
  }

  fn build(&self, arguments: &[&str]) -> Built {
    self.build_in("app", arguments)
  }

  fn build_in(&self, app: &str, arguments: &[&str]) -> Built {
    self.take("out", self.command(app, "out", arguments).output().unwrap())
  }

  fn take(&self, out: &str, output: Output) -> Built {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
      output.status.success(),
      "{:?}: {said}{}",
      output.status,
      String::from_utf8_lossy(&output.stdout)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(self.path(out)).unwrap() {
      let entry = entry.unwrap();
      files
        .insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap());
    }
    let text = |name: &str| report["cache"][name].as_str().unwrap_or_default().to_owned();
    Built { files, outcome: text("outcome"), reason: text("reason"), said }
  }

  /// What the app gives without a cache.
  fn cold(&self) -> BTreeMap<String, Vec<u8>> {
    self.build(&["--no-cache"]).files
  }

  /// The files of the cache that are records.
  fn records(&self) -> Vec<PathBuf> {
    files_below(&self.path("cache/v1"))
  }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
  let mut found = Vec::new();
  let mut folders = vec![folder.to_path_buf()];
  while let Some(folder) = folders.pop() {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
      match entry.path() {
        path if path.is_dir() => folders.push(path),
        path => found.push(path),
      }
    }
  }
  found.sort();
  found
}

/// Nothing where it is no file: an earlier damage may have left a device, which has no end.
fn contents(path: &Path) -> Vec<u8> {
  let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
  if is_file { fs::read(path).unwrap_or_default() } else { Vec::new() }
}

struct Built {
  files: BTreeMap<String, Vec<u8>>,
  outcome: String,
  reason: String,
  said: String,
}

fn rounds() -> usize {
  std::env::var("NEXXO_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// A small generator of numbers, the same everywhere for one seed.
struct Dice(u64);

impl Dice {
  fn new() -> Self {
    let seed = std::env::var("NEXXO_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| {
      let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
      now.as_nanos() as u64
    });
    println!("NEXXO_SEED={seed}");
    Self(seed)
  }

  fn roll(&mut self, sides: usize) -> usize {
    // SplitMix64.
    self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = self.0;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap()
  }
}

#[test]
fn a_result_is_found_wherever_the_project_is_and_an_edit_is_not() {
  let scene = Scene::new();
  let cold = scene.cold();
  let first = scene.build(&[]);
  assert_eq!(first.outcome, "miss", "{}", first.said);
  assert_eq!(first.files, cold);
  let second = scene.build(&[]);
  assert_eq!((second.outcome.as_str(), &second.files), ("hit", &cold));

  // A fresh clone in another place.
  copy(&scene.path("app"), &scene.path("elsewhere/clone"));
  let clone = scene.build_in("elsewhere/clone", &[]);
  assert_eq!((clone.outcome.as_str(), &clone.files), ("hit", &cold));

  scene.write("app/src/part7.tsx", "export const part7 = 7 as number;");
  let edited = scene.build(&[]);
  assert_eq!(edited.reason, "a file that it reads is another");
  assert_eq!(edited.files, scene.cold());
  assert_eq!(scene.build(&[]).outcome, "hit");
  assert_eq!(scene.build_in("elsewhere/clone", &[]).outcome, "hit");
  assert_eq!(scene.build(&["--target", "es2017"]).outcome, "miss");
  assert_eq!(scene.build(&["--explain"]).outcome, "off");
  assert_eq!(scene.build(&["--no-cache"]).outcome, "off");
}

fn copy(from: &Path, to: &Path) {
  fs::create_dir_all(to).unwrap();
  for entry in fs::read_dir(from).unwrap() {
    let entry = entry.unwrap();
    let target = to.join(entry.file_name());
    if entry.path().is_dir() {
      copy(&entry.path(), &target);
    } else {
      fs::copy(entry.path(), target).unwrap();
    }
  }
}

#[test]
fn damage_is_a_miss_and_never_another_result() {
  let scene = Scene::new();
  // Two states of the app in turn, so that what belongs to one is wrong for the other.
  let states = ["export const part7 = 7 as number;", "export const part7 = 'seven' as string;"];
  let colds = states.map(|state| {
    scene.write("app/src/part7.tsx", state);
    scene.build(&[]);
    scene.cold()
  });
  assert_ne!(colds[0], colds[1]);
  let mut dice = Dice::new();
  let mut hits = 0;
  let rounds = 10 * rounds();
  for round in 0..rounds {
    let cold = &colds[round % 2];
    scene.write("app/src/part7.tsx", states[round % 2]);
    let records = scene.records();
    let path = &records[dice.roll(records.len())];
    let mut bytes = contents(path);
    let how = dice.roll(8);
    match how {
      0 => fs::remove_file(path).unwrap(),
      1 => fs::write(path, &bytes[..dice.roll(bytes.len())]).unwrap(),
      2 => fs::write(path, vec![0; bytes.len()]).unwrap(),
      3 if !bytes.is_empty() => {
        let at = dice.roll(bytes.len());
        bytes[at] ^= 1 << dice.roll(8);
        fs::write(path, bytes).unwrap();
      }
      4 => {
        let other = contents(&records[dice.roll(records.len())]);
        fs::write(path, other).unwrap();
      }
      5 => fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap(),
      6 => {
        fs::remove_file(path).unwrap();
        fs::create_dir_all(path.join("inside")).unwrap();
      }
      _ => {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
      }
    }
    let built = scene.build(&[]);
    assert_eq!(&built.files, cold, "round {round}, damage {how} of {}", path.display());
    assert!(built.said.lines().count() <= 1, "{}", built.said);
    hits += usize::from(built.outcome == "hit");
    // It heals: what is damaged makes room.
    let mut healed = scene.build(&[]);
    for _ in 0..3 {
      if healed.outcome == "hit" {
        break;
      }
      healed = scene.build(&[]);
    }
    assert_eq!((healed.outcome.as_str(), &healed.files), ("hit", cold), "after damage {how}");
  }
  println!("{hits} of {rounds} were hits all the same");
}

#[test]
fn a_build_that_is_killed_leaves_nothing_wrong() {
  let scene = Scene::new();
  let mut dice = Dice::new();
  for round in 0..rounds() {
    scene.write("app/src/part0.tsx", &format!("export const part0 = {} as number;", round / 3));
    let mut child = scene.command("app", "out", &[]).spawn().unwrap();
    thread::sleep(Duration::from_millis(dice.roll(400) as u64));
    let _ = child.kill();
    let _ = child.wait();
    let built = scene.build(&[]);
    assert_eq!(built.files, scene.cold(), "round {round}");
    assert_eq!(built.said, "", "round {round}");
  }
}

#[test]
fn many_processes_share_a_cache() {
  let scene = Scene::new();
  let cold = scene.cold();
  let rounds = rounds().div_ceil(10);
  let hits: usize = thread::scope(|scope| {
    let each = (0..8).map(|own| {
      let (scene, cold) = (&scene, &cold);
      scope.spawn(move || {
        let out = format!("out{own}");
        let mut hits = 0;
        for round in 0..rounds {
          let built = scene.take(&out, scene.command("app", &out, &[]).output().unwrap());
          assert_eq!(&built.files, cold, "process {own}, round {round}");
          assert_eq!(built.said, "");
          hits += usize::from(built.outcome == "hit");
        }
        hits
      })
    });
    let all: Vec<_> = each.collect();
    all.into_iter().map(|thread| thread.join().unwrap()).sum()
  });
  // All but those that began before there was anything to find.
  assert!(hits >= 8 * (rounds - 1), "{hits} hits");
}

#[test]
fn a_cache_that_cannot_be_written_costs_one_line() {
  let scene = Scene::new();
  let cold = scene.cold();
  // A file is in its place.
  fs::write(scene.path("cache"), "").unwrap();
  let built = scene.build(&[]);
  assert_eq!((built.outcome.as_str(), &built.files), ("miss", &cold));
  assert_eq!(built.said.lines().count(), 1, "{}", built.said);
  assert!(built.said.starts_with("The result was not kept for the next time: "), "{}", built.said);
  fs::remove_file(scene.path("cache")).unwrap();

  // There is no home.
  let mut command = scene.command("app", "out", &[]);
  command.env_remove("NEXXO_CACHE_DIR").env_remove("HOME").env_remove("XDG_CACHE_HOME");
  let built = scene.take("out", command.output().unwrap());
  assert_eq!((built.outcome.as_str(), &built.files, built.said.as_str()), ("off", &cold, ""));
}

#[test]
fn clocks_that_are_set_and_other_versions_change_nothing() {
  let scene = Scene::new();
  let cold = scene.cold();
  scene.build(&[]);
  let year = Duration::from_secs(365 * 24 * 3600);
  for time in [SystemTime::now() + 10 * year, SystemTime::now() - 10 * year] {
    for path in scene.records() {
      fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let built = scene.build(&[]);
    assert_eq!((built.outcome.as_str(), &built.files), ("hit", &cold));
  }
  // Records of another version are of no use, and are let be.
  scene.write("cache/v0/ways/00/old", "old");
  scene.write("cache/v2/ways/00/new", "new");
  assert_eq!(scene.build(&[]).outcome, "hit");
  assert!(scene.path("cache/v0/ways/00/old").exists() && scene.path("cache/v2").exists());
}

/// A build with a fresh cache of its own and a remote.
fn remote(scene: &Scene, url: &str, settings: &[(&str, &str)]) -> Built {
  let _ = fs::remove_dir_all(scene.path("cache"));
  let mut command = scene.command("app", "out", &["--remote-cache", url]);
  command.envs(settings.iter().copied());
  scene.take("out", command.output().unwrap())
}

fn shares(url: &str, credentials: &[(&str, &str)]) {
  let remote = |scene: &Scene, url: &str, settings: &[(&str, &str)]| {
    remote(scene, url, &[credentials, settings].concat())
  };
  let scene = Scene::new();
  let cold = scene.cold();
  let first = remote(&scene, url, &[]);
  assert_eq!((first.outcome.as_str(), first.said.as_str()), ("miss", ""));
  let second = remote(&scene, url, &[]);
  assert_eq!((second.outcome.as_str(), &second.files, second.said.as_str()), ("hit", &cold, ""));
  // It is near now.
  assert_eq!(scene.build(&["--remote-cache", "redis://127.0.0.1:1"]).outcome, "hit");

  // Another's branch reads what is trusted, and is read by nobody who does not name it.
  scene.write("app/src/part7.tsx", "export const part7 = 'of a stranger' as string;");
  let branch = [("NEXXO_REMOTE_SCOPE", "pr-1"), ("NEXXO_REMOTE_READ", "shared")];
  assert_eq!(remote(&scene, url, &branch).outcome, "miss");
  assert_eq!(remote(&scene, url, &branch).outcome, "hit");
  assert_eq!(remote(&scene, url, &[]).outcome, "miss");
  scene.write("app/src/part7.tsx", "export const part7 = 'only read' as string;");
  let reader = [("NEXXO_REMOTE_READ_ONLY", "1")];
  for _ in 0..2 {
    assert_eq!(remote(&scene, url, &reader).outcome, "miss");
  }
}

#[test]
fn machines_share_a_folder() {
  let folder = tempfile::tempdir().unwrap();
  shares(&format!("fs://{}", folder.path().display()), &[]);
}

#[test]
fn machines_share_a_bucket() {
  let folder = tempfile::tempdir().unwrap();
  fs::create_dir(folder.path().join("bucket")).unwrap();
  let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
  let mut service = s3s::service::S3ServiceBuilder::new(files);
  service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
  let service = service.build();
  let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
  let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
  let address = listener.local_addr().unwrap();
  runtime.spawn(async move {
    while let Ok((socket, _)) = listener.accept().await {
      let service = service.clone();
      tokio::spawn(async move {
        let socket = hyper_util::rt::TokioIo::new(socket);
        let server =
          hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
        let _ = server.serve_connection(socket, service).await;
      });
    }
  });
  let url = format!("s3://bucket/nexxo?region=us-east-1&endpoint=http://{address}");
  let credentials = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
  shares(&url, &credentials);
  // The records are where they were to be.
  assert!(!files_below(&folder.path().join("bucket/nexxo")).is_empty());
  // Who has no credentials has no cache, and a build.
  let scene = Scene::new();
  let refused =
    remote(&scene, &url, &[("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "wrong")]);
  assert_eq!(refused.outcome, "miss");
  assert_eq!(refused.said.lines().count(), 1, "{}", refused.said);
}

#[test]
fn machines_share_a_redis() {
  let folder = tempfile::tempdir().unwrap();
  let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
  let port = listener.local_addr().unwrap().port();
  drop(listener);
  let mut server = Command::new("redis-server")
    .args(["--port", &port.to_string(), "--save", "", "--dir", folder.path().to_str().unwrap()])
    .stdout(Stdio::null())
    .spawn()
    .expect("`redis-server` is installed, as `cargo xtask test` sees to");
  let end = std::time::Instant::now() + Duration::from_secs(20);
  while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
    assert!(std::time::Instant::now() < end, "the server does not listen");
    thread::sleep(Duration::from_millis(20));
  }
  let done = std::panic::catch_unwind(|| shares(&format!("redis://127.0.0.1:{port}"), &[]));
  let _ = server.kill();
  let _ = server.wait();
  done.unwrap();
}

#[test]
fn a_remote_that_fails_hangs_or_lies_is_as_good_as_none() {
  let scene = Scene::new();
  let cold = scene.cold();
  // Nobody listens; somebody listens and never answers.
  let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
  let silent = format!("redis://{}", hanging.local_addr().unwrap());
  for url in ["redis://127.0.0.1:1", silent.as_str()] {
    let built = remote(&scene, url, &[]);
    assert_eq!((built.outcome.as_str(), &built.files), ("miss", &cold), "{url}");
    assert_eq!(built.said.lines().count(), 1, "{}", built.said);
    assert!(built.said.starts_with("The remote cache was not of use: "), "{}", built.said);
  }

  let folder = tempfile::tempdir().unwrap();
  let url = format!("fs://{}", folder.path().display());
  scene.write("app/src/part7.tsx", "export const part7 = 'another' as string;");
  remote(&scene, &url, &[]);
  let other = scene.cold();
  // Every record is put in the place of every other, and then made nonsense.
  let records = files_below(folder.path());
  assert_eq!(records.len(), 4);
  let texts: Vec<_> = records.iter().map(|path| fs::read(path).unwrap()).collect();
  for (at, path) in records.iter().enumerate() {
    for text in &texts {
      fs::write(path, text).unwrap();
      assert_eq!(remote(&scene, &url, &[("NEXXO_REMOTE_READ_ONLY", "1")]).files, other);
    }
    fs::write(path, "nonsense").unwrap();
    let built = remote(&scene, &url, &[("NEXXO_REMOTE_READ_ONLY", "1")]);
    assert_eq!((built.outcome.as_str(), &built.files), ("miss", &other));
    fs::write(path, &texts[at]).unwrap();
  }
  assert_eq!(remote(&scene, &url, &[]).outcome, "hit");

  for url in ["nonsense", "gopher://host", "s3://"] {
    let output = scene.command("app", "out", &["--remote-cache", url]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("INVALID_REMOTE_CACHE"), "{url}");
  }
}

#[test]
fn a_mistaken_option_is_told_by_its_name() {
  let scene = Scene::new();
  let path = scene.path("app/nexxo.config.json");
  let text = fs::read_to_string(&path).unwrap();
  for (wrong, name) in [
    (r#""cache": { "maxSiez": 1 }"#, "maxSiez"),
    (r#""cache": { "remote": { "url": "fs:///tmp", "scop": "a" } }"#, "scop"),
    (r#""server": { "proxy": { "/api": { "target": "http://localhost", "wss": true } } }"#, "wss"),
    (r#""cache": "yes""#, "cache"),
  ] {
    fs::write(&path, text.replacen('{', &format!("{{ {wrong},"), 1)).unwrap();
    let output = scene.command("app", "out", &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("_OPTION") && said.contains(name), "{said}");
  }
}

fn cache(scene: &Scene, arguments: &[&str]) -> serde_json::Value {
  let mut command = scene.command("app", "out", &[]);
  let program = command.get_program().to_owned();
  command = Command::new(program);
  let output = command
    .arg("cache")
    .args(arguments)
    .arg("--json")
    .env("NEXXO_CACHE_DIR", scene.path("cache"))
    .output()
    .unwrap();
  assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
  serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn it_is_looked_after() {
  let scene = Scene::new();
  let cold = scene.cold();
  assert_eq!(cache(&scene, &["stat"])["bytes"], 0);
  scene.build(&[]);
  let stat = cache(&scene, &["stat"]);
  assert_eq!(stat["families"][0]["name"], "contents");
  assert_eq!(stat["families"][0]["records"], 2);
  assert_eq!(stat["families"][1]["records"], 2);
  assert_eq!(cache(&scene, &["verify"]), serde_json::json!({ "records": 4, "damaged": 0 }));

  let archive = scene.path("archive");
  assert_eq!(cache(&scene, &["export", archive.to_str().unwrap()])["records"], 4);
  assert!(cache(&scene, &["clear"])["freedBytes"].as_u64().unwrap() > 1_000);
  assert_eq!(scene.build_in("app", &["--no-cache"]).files, cold);
  assert_eq!(cache(&scene, &["stat"])["bytes"], 0);
  assert_eq!(cache(&scene, &["import", archive.to_str().unwrap()])["records"], 4);
  let built = scene.build(&[]);
  assert_eq!((built.outcome.as_str(), &built.files), ("hit", &cold));

  // Damaged on its way: only what is whole is taken.
  let mut bytes = fs::read(&archive).unwrap();
  let last = bytes.len() - 1;
  bytes[last] ^= 1;
  fs::write(&archive, bytes).unwrap();
  cache(&scene, &["clear"]);
  assert_eq!(cache(&scene, &["import", archive.to_str().unwrap()])["records"], 3);

  let record = scene.records().into_iter().find(|path| path.components().count() > 3).unwrap();
  let before = fs::read_dir(scene.path("cache/v1/contents")).unwrap().count();
  assert!(before > 0 && record.exists());
  assert!(cache(&scene, &["gc", "--max-size", "100"])["leftBytes"].as_u64().unwrap() <= 100);
  assert_eq!(scene.build(&[]).files, cold);
}
