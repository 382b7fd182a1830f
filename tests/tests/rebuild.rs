//! Incremental equals clean: after any edit, a rebuild gives what a build of the same files gives.
//!
//! Edits are drawn from a seed. `NEXXO_STEPS` sets how many there are in all, `NEXXO_SEED` runs the
//! sequence of one seed, as a failure names it. `NEXXO_RECORD` names a file that gets what was
//! drawn and a digest of what came of it, a sequence a line: `tests/wasm/rebuild.test.mjs` does
//! the same with WebAssembly.

use std::{env, fmt::Write as _, fs::File, io::Write as _, sync::Arc};

use nexxo::{
  Context, build,
  hooks::Plugins,
  host::MemoryHost,
  orchestrator::{CancelToken, Job},
  protocol::{BuildOptions, BuildResult, Diagnostic, ExplainEvent},
  request::read_options,
  snapshot::Sources,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const STEPS: u64 = 2_000;
const STEPS_PER_SEED: u64 = 50;
const MODULES: usize = 7;

/// A generator that gives the same numbers everywhere (SplitMix64).
struct Draw(u64);

impl Draw {
  fn below(&mut self, end: usize) -> usize {
    self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = self.0;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % end as u64).expect("it is below a `usize`")
  }

  fn one_in(&mut self, odds: usize) -> bool {
    self.below(odds) == 0
  }
}

/// A module as its parts; an edit draws one of them anew.
#[derive(Clone)]
struct Module {
  imports: Vec<usize>,
  stars: Vec<usize>,
  constant: usize,
  text: usize,
  body: usize,
  top: usize,
  pure: usize,
  foreign: usize,
  comment: usize,
  broken: bool,
  absent: bool,
  renamed: bool,
}

/// What stands in a function: reads of every kind, names that meet others, scopes.
const BODIES: [&str; 17] = [
  "",
  "const more = a + 1; use(more);",
  "for (const item of list) use(item, shared);",
  "use(D.run, () => D);",
  "const shared$1 = 2; use(shared$1, shared);",
  "function run(run) { return run + N.value; } use(run);",
  "use(N.value, N?.value.length, N.nothing);",
  "use(`${V} and ${V}`);",
  "use({ shared, V, N });",
  "use(globalThis.name, console);",
  "try { use(V); } catch (shared) { use(shared); }",
  "class shared$2 { static V = V; } use(shared$2);",
  "use(N['value'], typeof V, void 0);",
  "label: for (;;) { use(V); break label; }",
  "use(value, run);",
  "use(weight, Tone.Loud, list.map((item) => item + weight));",
  "if (Tone.Quiet) use(weight + Tone['Loud']);",
];

/// What stands at the top, with and without effects.
const TOPS: [&str; 9] = [
  "",
  "use(V);",
  "D.quiet();",
  "Q();",
  "const unused = Q(V);",
  "const used = Q(V); export { used };",
  "N.value;",
  "if (V) use('top', N);",
  "export const derived = V + 1;",
];

const COMMON: &str = "exports.name = 'common'; exports.useState = (shared) => [shared];";

/// What comes from where no module of the others is.
const FOREIGN: [&str; 4] = [
  "",
  "import common, { name as commonName } from './common.cjs'; use(common, commonName);",
  "import { useState } from './common.cjs'; export const state = () => useState(value);",
  "import elsewhere, { thing } from 'elsewhere'; use(elsewhere, () => thing);",
];

/// What steers resolution, transforms and tree shaking; absent where it is empty.
const MANIFESTS: [&str; 4] = [
  "",
  r#"{ "name": "app", "type": "module" }"#,
  r#"{ "sideEffects": false }"#,
  r#"{ "sideEffects": ["./m1.ts", "./m2.tsx"] }"#,
];
const TSCONFIGS: [&str; 4] = [
  "",
  r#"{ "compilerOptions": { "useDefineForClassFields": false } }"#,
  r#"{ "compilerOptions": { "verbatimModuleSyntax": true } }"#,
  r#"{ "compilerOptions": { "target": "ES2020", "experimentalDecorators": true } }"#,
];

impl Module {
  fn draw(draw: &mut Draw, index: usize) -> Self {
    let mut module = Self {
      imports: Vec::new(),
      stars: Vec::new(),
      constant: 0,
      text: 0,
      body: 0,
      top: 0,
      pure: 0,
      foreign: 0,
      comment: 0,
      broken: false,
      absent: false,
      renamed: false,
    };
    if index + 1 < MODULES {
      module.imports.push(index + 1);
    }
    for _ in 0..6 {
      module.edit(draw, index);
    }
    module
  }

  /// Draws one part anew. What the others import stays exported.
  fn edit(&mut self, draw: &mut Draw, index: usize) {
    match draw.below(19) {
      0..=2 => self.text = draw.below(1000),
      3..=7 => self.body = draw.below(BODIES.len()),
      8..=9 => self.top = draw.below(TOPS.len()),
      10 => self.constant = draw.below(4),
      11 => self.pure = draw.below(3),
      12..=14 => self.comment = draw.below(5),
      15 => {
        let other = draw.below(MODULES);
        match self.imports.iter().position(|import| *import == other) {
          Some(place) if self.imports.len() > 1 => {
            self.imports.remove(place);
          }
          None if other != index => self.imports.push(other),
          _ => {}
        }
      }
      16 => self.foreign = draw.below(FOREIGN.len()),
      17 => match self.stars.pop() {
        None if index + 1 < MODULES => self.stars.push(index + 1 + draw.below(MODULES - index - 1)),
        _ => {}
      },
      _ => self.imports.reverse(),
    }
  }

  fn code(&self, index: usize) -> String {
    let mut code = String::new();
    let first = self.imports.first();
    for _ in 0..self.comment {
      code.push_str("// A line that moves the others.\n");
    }
    for (place, import) in self.imports.iter().enumerate() {
      let (v, d, n, q) = match place {
        0 => ("V".to_owned(), "D".to_owned(), "N".to_owned(), "Q".to_owned()),
        _ => (format!("V{place}"), format!("D{place}"), format!("N{place}"), format!("Q{place}")),
      };
      let _ = writeln!(code, "import {d}, {{ value as {v}, quiet as {q} }} from './m{import}';");
      let _ = writeln!(code, "import * as {n} from './m{import}';");
    }
    let _ = writeln!(code, "{}", FOREIGN[self.foreign]);
    for star in &self.stars {
      let _ = writeln!(code, "export * from './m{star}';");
    }
    let value = match self.constant {
      0 => format!("'value of {index}'"),
      1 => format!("{}", self.text),
      2 => format!("use({})", self.text),
      _ => "'always'".to_owned(),
    };
    let _ = writeln!(code, "export const value = {value};");
    let quiet = ["", "return 1;", "use('loud');"][self.pure];
    let _ = writeln!(code, "export function quiet(a?: unknown) {{ {quiet} }}");
    let _ =
      writeln!(code, "const weight = {}; enum Tone {{ Quiet = 'q', Loud = {} }}", self.text, index);
    let _ = writeln!(code, "let shared = 'text {}' + weight + Tone.Quiet;", self.text);
    let _ = writeln!(code, "const list: string[] = [shared];");
    // A module without imports has nothing that these could name.
    let (body, top) =
      if first.is_some() { (BODIES[self.body], TOPS[self.top]) } else { ("use(list);", "") };
    let _ = writeln!(code, "function run(a: number) {{ {body} return a + {}; }}", self.text % 10);
    let _ = writeln!(
      code,
      "export default class Thing {{ static run = run; static quiet = quiet; list = [list, {}]; }}",
      self.text % 7
    );
    code.push_str(top);
    code.push('\n');
    if index == 0 {
      code.push_str("use(value, shared, Thing);\n");
    }
    if self.broken {
      code.push_str("const = ;\n");
    }
    code
  }
}

fn options(draw: &mut Draw) -> Value {
  let format = ["esm", "esm", "cjs", "iife"][draw.below(4)];
  let mut output = json!({ "format": format, "name": "app" });
  if draw.one_in(3) {
    output["sourcemap"] = json!(true);
  }
  if draw.one_in(3) {
    output["minify"] = json!(true);
  }
  if draw.one_in(3) && format != "iife" {
    output["entryFileNames"] = json!("[name]-[hash].js");
    output["codeSplitting"] = json!({ "groups": [{ "name": "odd", "test": "m[135]" }] });
  }
  let mut options = json!({ "input": "m0.tsx", "output": output, "metafile": true, "explain": true, "external": ["elsewhere"] });
  if draw.one_in(3) && format == "esm" {
    options["dev"] = json!({});
  }
  options
}

fn path(index: usize, renamed: bool) -> String {
  format!("m{index}.{}", if index == 0 || renamed { "tsx" } else { "ts" })
}

/// What the engine in WebAssembly has to give as well.
fn digest(result: &BuildResult) -> String {
  let mut hasher = Sha256::new();
  for Diagnostic { code, file, message, .. } in &result.diagnostics {
    hasher.update(format!("{code}\t{}\t{message}\n", file.as_deref().unwrap_or_default()));
  }
  for file in &result.output_files {
    hasher.update(format!("=== {}\n", file.file_name));
    hasher.update(&file.contents);
    hasher.update("\n");
  }
  hasher.finalize().iter().fold(String::new(), |mut text, byte| {
    let _ = write!(text, "{byte:02x}");
    text
  })
}

/// The sources of a step, and what was written and removed to get there.
#[derive(Default)]
struct Files {
  sources: Sources,
  edits: serde_json::Map<String, Value>,
}

impl Files {
  /// Writes a file, or removes it where there is no text.
  fn put(&mut self, path: &str, text: Option<String>) {
    match &text {
      Some(text) => {
        self.sources.write(path, text.clone().into_bytes()).expect("the path is right");
      }
      None => {
        self.sources.remove(path);
      }
    }
    self.edits.insert(path.to_owned(), json!(text));
  }
}

/// Diagnostics and files: all that a user gets.
fn seen(result: &BuildResult) -> String {
  let mut text = String::new();
  for diagnostic in &result.diagnostics {
    let _ = writeln!(text, "{diagnostic:?}");
  }
  for file in &result.output_files {
    let _ = writeln!(text, "=== {}\n{}", file.file_name, String::from_utf8_lossy(&file.contents));
  }
  let metafile = result.metafile.as_ref().map(|metafile| json!(metafile).to_string());
  let _ = writeln!(text, "=== metafile\n{metafile:?}");
  text
}

/// Gives how many of a sequence's rebuilds printed only the changed modules, which is what is at
/// stake, and the sequence to be repeated.
async fn sequence(seed: u64) -> (usize, Value) {
  let mut draw = Draw(seed);
  let given = options(&mut draw);
  let options: BuildOptions = read_options(&given).expect("the options are right");
  let host = Arc::new(MemoryHost::default());
  let printed_again = Arc::new(std::sync::atomic::AtomicUsize::new(0));
  let counter = Arc::clone(&printed_again);
  let job = Job {
    host,
    cancel: CancelToken::new(),
    events: Some(Arc::new(move |event| {
      if let ExplainEvent::Rebuild(rebuild) = event
        && rebuild.reason.contains("only the text")
      {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
      }
    })),
  };
  let plugins = Plugins::default();
  let context = Context::new(options.clone(), Plugins::default());

  let mut modules: Vec<_> = (0..MODULES).map(|index| Module::draw(&mut draw, index)).collect();
  let mut files = Files::default();
  for (index, module) in modules.iter().enumerate() {
    files.put(&path(index, module.renamed), Some(module.code(index)));
  }
  files.put("common.cjs", Some(COMMON.to_owned()));
  let mut steps = Vec::new();
  let mut before: Option<Sources> = None;
  // What the one page was told, where there is one.
  let mut told: Option<Sources> = None;
  for step in 0..STEPS_PER_SEED {
    let sources = files.sources.clone();
    let updates = told.is_some() && draw.one_in(2);
    if let Some(last) = &told
      && updates
    {
      let changes = sources.changes_since(last);
      context.update(&sources.snapshot(), &changes, &job).await.expect("it runs");
      told = Some(sources.clone());
    }
    let changes = before.as_ref().map(|before| sources.changes_since(before));
    let snapshot = sources.snapshot();
    let rebuilt = context.rebuild(&snapshot, changes.as_ref(), &job).await.expect("it runs");
    let plain = Job { events: None, ..job.clone() };
    let clean = build(&options, &snapshot, &plugins, &plain).await.expect("it runs");
    let edits = std::mem::take(&mut files.edits);
    steps.push(json!({ "edits": edits, "update": updates, "digest": digest(&clean) }));
    let (rebuilt, clean) = (seen(&rebuilt), seen(&clean));
    if rebuilt != clean {
      let files = modules
        .iter()
        .enumerate()
        .map(|(index, module)| {
          format!("--- {}\n{}", path(index, module.renamed), module.code(index))
        })
        .collect::<String>();
      let difference = similar::TextDiff::from_lines(&clean, &rebuilt)
        .unified_diff()
        .header("build", "rebuild")
        .to_string();
      panic!(
        "NEXXO_SEED={seed}, step {step}, options {given}\nchanged {changes:?}\n{difference}\n{files}"
      );
    }
    before = Some(sources.clone());
    if given["dev"].is_object() && told.is_none() {
      context.connect("page").await;
      told = Some(sources.clone());
    }
    for _ in 0..=usize::from(draw.one_in(4)) {
      if draw.one_in(30) {
        let (path, texts) =
          [("package.json", MANIFESTS), ("tsconfig.json", TSCONFIGS)][draw.below(2)];
        let text = texts[draw.below(texts.len())];
        files.put(path, (!text.is_empty()).then(|| text.to_owned()));
        continue;
      }
      // What is wrong is put right soon: most of what is at stake follows a good build.
      let wrong = modules.iter().position(|module| module.broken || module.absent);
      let drawn = draw.below(MODULES);
      let index = wrong.filter(|_| draw.one_in(2)).unwrap_or(drawn);
      let module = &mut modules[index];
      let old_path = path(index, module.renamed);
      if module.broken || draw.one_in(10) {
        module.broken = !module.broken;
      } else if index > 0 && (module.absent || draw.one_in(30)) {
        module.absent = !module.absent;
      } else if index > 0 && draw.one_in(30) {
        module.renamed = !module.renamed;
      } else {
        module.edit(&mut draw, index);
      }
      let new_path = path(index, module.renamed);
      if old_path != new_path {
        files.put(&old_path, None);
      }
      files.put(&new_path, (!module.absent).then(|| module.code(index)));
    }
  }
  let recorded = json!({ "seed": seed, "options": given, "steps": steps });
  (printed_again.load(std::sync::atomic::Ordering::Relaxed), recorded)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incremental_equals_clean() {
  let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("it is a number"));
  if let Some(seed) = number("NEXXO_SEED") {
    sequence(seed).await;
    return;
  }
  let seeds = number("NEXXO_STEPS").unwrap_or(STEPS).div_ceil(STEPS_PER_SEED);
  let mut record =
    env::var("NEXXO_RECORD").ok().map(|path| File::create(path).expect("it can be written"));
  let mut printed_again = 0;
  for seed in 1..=seeds {
    let (count, recorded) = sequence(seed).await;
    printed_again += count;
    if let Some(record) = &mut record {
      writeln!(record, "{recorded}").expect("it can be written");
    }
  }
  // Where nothing goes the short way, its being right is not tested.
  assert!(printed_again as u64 > seeds * 3, "{printed_again} went the short way");
}
