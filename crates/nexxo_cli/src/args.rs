//! What can be typed: commands, flags, and the texts that teach them.
//!
//! Flags say nothing about validity where the engine does: they become the
//! same options object that a configuration file holds (`config.rs`), and the
//! engine reads that once, so that one mistake has one message.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::serve::options::{Host, Https, ServerOptions};

const EXIT_CODES: &str = "\
Exit codes:
  0    done; there may be warnings
  1    the sources have errors, or the deadline passed; no output was touched
  2    a flag, the configuration or a folder is not usable; nothing was built
  3    output could not be written; what was there before is still there
  130  interrupted by Ctrl-C; `--watch` ends with 0

Environment:
  NO_COLOR         no colours, as `--color never`
  CI               no progress line
  NEXXO_CACHE_DIR  where results are kept between builds
  NEXXO_REMOTE_CACHE, NEXXO_REMOTE_SCOPE, NEXXO_REMOTE_READ, NEXXO_REMOTE_READ_ONLY
                   where they are shared, as what, with whom, and whether only to read
  NEXXO_LOG        what the engine logs to stderr, such as `debug` or `rolldown=trace`";

const BUILD_EXAMPLES: &str = "\
Examples:
  nexxo build                            the project in this folder, by its nexxo.config.*
  nexxo build app --minify --sourcemap   another folder, and two flags over its configuration
  nexxo build src/main.tsx -d public/js  one entry, without a configuration
  nexxo build --input app=src/app.ts --input admin=src/admin.ts
  nexxo build --define 'process.env.NODE_ENV=\"production\"' --target es2020,safari15
  nexxo build --watch                    again whenever a source changes
  nexxo build --json > build.json        for scripts: one JSON object, nothing else

Configuration:
  `nexxo.config.json`, `.jsonc` or `.toml` in ROOT holds the same options as the
  API, by the same names: `input`, `external`, `resolve`, `transform`, `output`, …
  Flags come on top of it: `--define`, `--alias`, `--external` and `--conditions`
  add to what it lists, every other flag takes the place of its option.
  Without `input` the entry is the first that exists of `src/main.*`,
  `src/index.*` and `index.*`, with `.tsx`, `.ts`, `.jsx`, `.js` or `.mjs`.

Folders:
  Paths in flags and configuration start from ROOT. What a build may read ends
  at the workspace root: the nearest folder at or above ROOT that has a
  `pnpm-workspace.yaml`, `lerna.json`, `rush.json` or a `package.json` with
  `workspaces`; without one, the nearest that has a `package.json`; otherwise
  ROOT. `--workspace-root` names another. Links are followed up to there.

Output:
  Files are put in place together, after all of them could be written: a build
  that fails changes nothing. Files that an earlier build of Nexxo wrote, that
  nobody changed since, and that are not written any more are removed; no other
  file is.";

const CACHE_EXAMPLES: &str = "\
Examples:
  nexxo cache stat                  where it is, and how much there is
  nexxo cache gc --max-size 200000000
  nexxo cache export build.nexxo && nexxo cache import build.nexxo

A result is found again where every file that its build read, and every file
that it looked for in vain, is as it was, with the same options and the same
version of Nexxo. Paths count from the workspace root, times and names of
machines do not count.";

const TRANSFORM_EXAMPLES: &str = "\
Examples:
  nexxo transform src/App.tsx                 JavaScript on stdout
  nexxo transform --module-type ts - < a.txt  from stdin
  nexxo transform src --out-dir lib           every module below a folder, in parallel
  nexxo transform a.ts --json                 code, source map and diagnostics as JSON";

const DEV_EXAMPLES: &str = "\
Examples:
  nexxo dev                     the project in this folder: its pages, their modules, `public/`
  nexxo dev app --open          another folder, and the browser
  nexxo dev --port 3000 --host  on every address of this machine
  nexxo dev --https             with a certificate that is made for this machine

Configuration:
  `server` in `nexxo.config.*` has the same by Vite's names: `host`, `port`,
  `strictPort`, `open`, `https`, `proxy`, `headers`, `allowedHosts`, `cors`;
  `base` is the path that everything is served below.";

/// The engine on a machine's own disk: bundles and transforms JavaScript, TypeScript and JSX.
#[derive(Debug, Parser)]
#[command(
  name = "nexxo",
  bin_name = "nexxo",
  version = nexxo::VERSION,
  after_help = "`nexxo help build` and `nexxo build --help` say more, with examples.",
  after_long_help = EXIT_CODES,
  propagate_version = true
)]
pub(crate) struct CommandLine {
  #[command(subcommand)]
  pub(crate) command: Command,

  /// When to use colours.
  #[arg(
    long,
    global = true,
    value_name = "WHEN",
    default_value = "auto",
    hide_default_value = true
  )]
  pub(crate) color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
  /// Bundle a project.
  #[command(after_help = BUILD_EXAMPLES, after_long_help = format!("{BUILD_EXAMPLES}\n\n{EXIT_CODES}"))]
  Build(Box<BuildArgs>),

  /// Serve a project while it is edited: every edit shows at once, and the app keeps its state.
  #[command(after_help = DEV_EXAMPLES)]
  Dev(Box<DevArgs>),

  /// Serve the output of a build, as a host would.
  Preview(Box<PreviewArgs>),

  /// Turn TypeScript, JSX and new syntax into JavaScript, module by module.
  #[command(after_help = TRANSFORM_EXAMPLES, after_long_help = format!("{TRANSFORM_EXAMPLES}\n\n{EXIT_CODES}"))]
  Transform(TransformArgs),

  /// Look after what is kept between builds.
  #[command(after_help = CACHE_EXAMPLES)]
  Cache(CacheArgs),

  /// Print a script that completes commands and flags in a shell.
  ///
  /// For example: `nexxo completions bash > ~/.local/share/bash-completion/completions/nexxo`.
  Completions { shell: Shell },
}

#[derive(Debug, Default, Args)]
pub(crate) struct BuildArgs {
  /// The project's folder, default `.`; or, and after it, entry modules.
  #[arg(value_name = "ROOT|ENTRY", value_hint = ValueHint::AnyPath)]
  pub(crate) paths: Vec<String>,

  /// Read this configuration file, and look for no other.
  #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
  pub(crate) config: Option<PathBuf>,

  /// The folder that the build may not read beyond.
  #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
  pub(crate) workspace_root: Option<PathBuf>,

  /// An entry module, `PATH` or `NAME=PATH`. May be repeated.
  #[arg(long, short, value_name = "ENTRY", value_hint = ValueHint::FilePath, help_heading = "What goes in")]
  input: Vec<String>,

  /// What the output runs on. Sets resolve conditions and how Node's modules are treated.
  #[arg(long, value_parser = ["browser", "node", "neutral"], help_heading = "What goes in")]
  platform: Option<String>,

  /// Read the files `.env.MODE` as well, and let `import.meta.env` be the app's own.
  #[arg(long, help_heading = "What goes in")]
  mode: Option<String>,

  /// Where the output is served: `/app/`, an address, or `./`.
  #[arg(long, value_name = "PATH", help_heading = "What comes out")]
  base: Option<String>,

  /// Leave imports of NAME as they are: exact, with one `*`, or a regular expression between
  /// slashes. May be repeated.
  #[arg(long, short, value_name = "NAME", help_heading = "What goes in")]
  external: Vec<String>,

  /// Resolve TO in place of FROM; `false` for an empty module. May be repeated.
  #[arg(long, value_name = "FROM=TO", value_parser = pair, help_heading = "What goes in")]
  alias: Vec<(String, String)>,

  /// Conditions of `exports` and `imports` besides those of the platform.
  #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "What goes in")]
  conditions: Vec<String>,

  /// Replace the global or member path KEY by the expression VALUE. May be repeated.
  #[arg(long, value_name = "KEY=VALUE", value_parser = pair, help_heading = "What goes in")]
  define: Vec<(String, String)>,

  /// The folder that output files go to. Default `dist`.
  #[arg(long, short = 'd', value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "What comes out")]
  out_dir: Option<String>,

  /// The output's module format. Default `esm`.
  #[arg(long, short, value_parser = ["esm", "es", "cjs", "iife", "umd"], hide_possible_values = true, value_name = "esm|cjs|iife|umd", help_heading = "What comes out")]
  format: Option<String>,

  /// The global that an `iife` or `umd` entry's exports are put on.
  #[arg(long, short, value_name = "NAME", help_heading = "What comes out")]
  name: Option<String>,

  /// Newest syntax the output may use: `es2015` to `es2024`, `esnext`, or engines such as
  /// `chrome100`.
  #[arg(long, value_name = "TARGET,…", value_delimiter = ',', help_heading = "What comes out")]
  target: Vec<String>,

  /// Make the output small. `dce-only` removes dead code and nothing else.
  #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "What comes out")]
  minify: Option<String>,

  /// Write source maps: as files, `inline`, or `hidden` without a comment that names them.
  #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "What comes out")]
  sourcemap: Option<String>,

  /// Keep code that nothing uses.
  #[arg(long, help_heading = "What comes out")]
  no_treeshake: bool,

  /// Write what went into each output file, and who imports whom, as JSON. Default file
  /// `metafile.json`.
  #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_METAFILE, help_heading = "What comes out")]
  pub(crate) metafile: Option<String>,

  /// Leave the files of earlier builds where they are.
  #[arg(long, help_heading = "What comes out")]
  pub(crate) keep_stale: bool,

  /// Build again whenever a source or the configuration changes, until Ctrl-C.
  #[arg(long, short, help_heading = "How it runs")]
  pub(crate) watch: bool,

  /// Neither take results from the cache nor keep them there.
  #[arg(long, help_heading = "How it runs")]
  pub(crate) no_cache: bool,

  /// Where results are kept. Default `NEXXO_CACHE_DIR`, or `nexxo/builds` in the user's cache folder.
  #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "How it runs")]
  pub(crate) cache_dir: Option<PathBuf>,

  /// A cache that machines share: `redis://`, `s3://`, `https://` or `fs://`. Default
  /// `NEXXO_REMOTE_CACHE`.
  #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = "How it runs")]
  pub(crate) remote_cache: Option<String>,

  /// Say where every import led, why each module was read and why each chunk exists.
  #[arg(long, help_heading = "How it runs")]
  explain: bool,

  /// Print one JSON object to stdout, and nothing else: `ok`, `outputFiles`, `diagnostics`,
  /// `stages`, and `metafile` and `events` where they were asked for. With `--watch` one line
  /// for each build.
  #[arg(long, help_heading = "How it runs")]
  pub(crate) json: bool,

  /// Say nothing but diagnostics.
  #[arg(long, short, help_heading = "How it runs")]
  pub(crate) quiet: bool,

  /// Also compress output files to tell their sizes. Default on a terminal and with `--json`.
  #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "How it runs")]
  pub(crate) compressed_sizes: Option<bool>,

  /// How many threads to use, default one per processor. The output is the same with any.
  #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "How it runs")]
  pub(crate) threads: Option<u16>,

  /// Give up after so many milliseconds. Default 30,000.
  #[arg(long, value_name = "MS", help_heading = "How it runs")]
  deadline: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
  #[command(subcommand)]
  pub(crate) command: CacheCommand,

  /// Where results are kept. Default `NEXXO_CACHE_DIR`, or `nexxo/builds` in the user's cache folder.
  #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
  pub(crate) cache_dir: Option<PathBuf>,

  /// The most bytes to keep. Default 1 GiB.
  #[arg(long, global = true, value_name = "BYTES")]
  pub(crate) max_size: Option<u64>,

  /// Print one JSON object to stdout.
  #[arg(long, global = true)]
  pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
  /// Say where it is, and how much there is of what.
  Stat,

  /// Read every record, and remove those that are damaged.
  Verify,

  /// Remove what was not used for the longest, until the rest is within its bounds.
  Gc,

  /// Remove everything.
  Clear,

  /// Write all records to a file, for `import` on another machine.
  Export {
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
  },

  /// Take over the records of a file. Those that are damaged are left out.
  Import {
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
  },
}

/// Where and how a server is reached.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
  /// The address to listen on; without one, all of this machine's.
  #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "0.0.0.0")]
  host: Option<String>,

  /// The port, and no other. Without it, the first that is free is taken.
  #[arg(long, short, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
  port: Option<u16>,

  /// Open the page in a browser.
  #[arg(long, short)]
  open: bool,

  /// Encrypt, with the certificate given, or one that is made for this machine.
  #[arg(long)]
  https: bool,

  /// The certificate, with those it is signed by, as PEM.
  #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "https_key")]
  https_cert: Option<String>,

  /// The certificate's key, as PEM.
  #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "https_cert")]
  https_key: Option<String>,
}

impl ServerArgs {
  /// Puts the flags in place of what the configuration says.
  pub(crate) fn put_into(&self, options: &mut ServerOptions) {
    if let Some(host) = &self.host {
      options.host = Some(Host::Named(host.clone()));
    }
    if let Some(port) = self.port {
      options.port = Some(port);
      options.strict_port = Some(true);
    }
    if self.open {
      options.open = Some(true);
    }
    match (&self.https_cert, &self.https_key) {
      (Some(cert), Some(key)) => {
        options.https = Some(Https::Given { cert: cert.clone(), key: key.clone() });
      }
      _ if self.https && options.https.is_none() => options.https = Some(Https::Generated(true)),
      _ => {}
    }
  }
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
  /// The project's folder, default `.`.
  #[arg(value_name = "ROOT", value_hint = ValueHint::DirPath)]
  root: Option<String>,

  /// Read this configuration file, and look for no other.
  #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
  config: Option<PathBuf>,

  /// The folder that the build may not read beyond.
  #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
  workspace_root: Option<PathBuf>,

  /// Replace the global or member path KEY by the expression VALUE. May be repeated.
  #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
  define: Vec<(String, String)>,

  #[command(flatten)]
  pub(crate) server: ServerArgs,

  /// How many threads to use, default one per processor.
  #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
  pub(crate) threads: Option<u16>,
}

impl DevArgs {
  /// What of it a build would be asked for.
  pub(crate) fn build(&self) -> BuildArgs {
    BuildArgs {
      paths: self.root.iter().cloned().collect(),
      config: self.config.clone(),
      workspace_root: self.workspace_root.clone(),
      define: self.define.clone(),
      ..BuildArgs::default()
    }
  }
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
  /// The project's folder, default `.`.
  #[arg(value_name = "ROOT", value_hint = ValueHint::DirPath)]
  root: Option<String>,

  /// Read this configuration file, and look for no other.
  #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
  config: Option<PathBuf>,

  /// The folder that the output is in. Default `dist`.
  #[arg(long, short = 'd', value_name = "DIR", value_hint = ValueHint::DirPath)]
  out_dir: Option<String>,

  #[command(flatten)]
  pub(crate) server: ServerArgs,
}

impl PreviewArgs {
  /// What of it a build would be asked for.
  pub(crate) fn build(&self) -> BuildArgs {
    BuildArgs {
      paths: self.root.iter().cloned().collect(),
      config: self.config.clone(),
      out_dir: self.out_dir.clone(),
      ..BuildArgs::default()
    }
  }
}

/// Where the metafile goes when nobody says where.
pub(crate) const DEFAULT_METAFILE: &str = "metafile.json";

#[derive(Debug, Args)]
pub(crate) struct TransformArgs {
  /// Modules, folders of modules, or `-` for stdin.
  #[arg(value_name = "FILE|DIR|-", default_value = "-", hide_default_value = true, value_hint = ValueHint::AnyPath)]
  pub(crate) paths: Vec<PathBuf>,

  /// What the code is, where the file's extension does not say it. `tsx` for stdin.
  #[arg(long, short, alias = "loader", value_name = "TYPE", value_parser = ["js", "jsx", "ts", "tsx"])]
  module_type: Option<String>,

  /// Newest syntax the output may use, such as `es2020` or `chrome100`.
  #[arg(long, value_name = "TARGET,…", value_delimiter = ',')]
  target: Vec<String>,

  /// What becomes of JSX.
  #[arg(long, value_parser = ["automatic", "classic", "preserve"])]
  jsx: Option<String>,

  /// Replace the global or member path KEY by the expression VALUE. May be repeated.
  #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
  define: Vec<(String, String)>,

  /// Make the output small.
  #[arg(long)]
  minify: bool,

  /// Make source maps: beside the file, or as a comment where the code goes to stdout.
  #[arg(long)]
  pub(crate) sourcemap: bool,

  /// Write the code of one module to this file.
  #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "out_dir")]
  pub(crate) out: Option<PathBuf>,

  /// Write the code of every module into this folder, under the name it has in its own.
  #[arg(long, short = 'd', value_name = "DIR", value_hint = ValueHint::DirPath)]
  pub(crate) out_dir: Option<PathBuf>,

  /// Print one JSON object to stdout, and nothing else: `ok`, `files` and `diagnostics`.
  #[arg(long)]
  pub(crate) json: bool,

  /// How many threads to use, default one per processor.
  #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
  pub(crate) threads: Option<u16>,
}

/// `KEY=VALUE`; the value may hold further equals signs.
fn pair(text: &str) -> Result<(String, String), String> {
  match text.split_once('=') {
    Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
    _ => Err("it needs the form `KEY=VALUE`".to_owned()),
  }
}

/// One option that a flag sets.
#[derive(Debug)]
pub(crate) struct Setting {
  /// Where it is in the options object.
  pub(crate) path: &'static [&'static str],
  pub(crate) value: Value,
  pub(crate) flag: &'static str,
  /// Whether it is added to what the configuration lists, or takes its place.
  pub(crate) adds: bool,
}

impl BuildArgs {
  /// What the flags say, as options. `entries` are those that came without a flag.
  pub(crate) fn settings(&self, entries: &[String]) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut put = |path, flag, value: Option<Value>| {
      settings.extend(value.map(|value| Setting { path, value, flag, adds: false }));
    };
    put(&["input"], "--input", input(entries.iter().chain(&self.input)));
    put(&["platform"], "--platform", self.platform.as_deref().map(Value::from));
    put(&["mode"], "--mode", self.mode.as_deref().map(Value::from));
    put(&["base"], "--base", self.base.as_deref().map(Value::from));
    put(&["output", "dir"], "--out-dir", self.out_dir.as_deref().map(Value::from));
    put(&["output", "format"], "--format", self.format.as_deref().map(Value::from));
    put(&["output", "name"], "--name", self.name.as_deref().map(Value::from));
    put(&["output", "minify"], "--minify", self.minify.as_deref().map(switch));
    put(&["output", "sourcemap"], "--sourcemap", self.sourcemap.as_deref().map(switch));
    put(&["transform", "target"], "--target", target(&self.target));
    put(&["treeshake"], "--no-treeshake", self.no_treeshake.then_some(Value::Bool(false)));
    put(&["metafile"], "--metafile", self.metafile.as_ref().map(|_| Value::Bool(true)));
    put(&["explain"], "--explain", self.explain.then_some(Value::Bool(true)));
    put(&["limits", "deadlineMs"], "--deadline", self.deadline.map(Value::from));
    let mut add = |path, flag, value: Option<Value>| {
      settings.extend(value.map(|value| Setting { path, value, flag, adds: true }));
    };
    add(&["external"], "--external", list(&self.external));
    add(&["resolve", "conditionNames"], "--conditions", list(&self.conditions));
    add(&["resolve", "alias"], "--alias", table(&self.alias, alias));
    add(&["transform", "define"], "--define", table(&self.define, |text| json!(text)));
    settings
  }
}

impl TransformArgs {
  /// What the flags say, as a request for the module `file_name`.
  pub(crate) fn request(&self) -> Value {
    let mut transform = serde_json::Map::new();
    transform.extend(target(&self.target).map(|value| ("target".to_owned(), value)));
    transform.extend(self.jsx.as_ref().map(|jsx| ("jsx".to_owned(), json!(jsx))));
    transform
      .extend(table(&self.define, |text| json!(text)).map(|value| ("define".to_owned(), value)));
    let mut request = json!({
      "transform": transform,
      "sourcemap": self.sourcemap,
      "minify": self.minify,
    });
    if let Some(module_type) = &self.module_type {
      request["moduleType"] = json!(module_type);
    }
    request
  }
}

/// `NAME=PATH` for all makes an object of names and paths, anything else a list.
fn input<'a>(entries: impl Iterator<Item = &'a String>) -> Option<Value> {
  let entries: Vec<&String> = entries.collect();
  let named: Option<serde_json::Map<String, Value>> = entries
    .iter()
    .map(|entry| {
      let (name, path) = entry.split_once('=')?;
      Some((name.to_owned(), json!(path)))
    })
    .collect();
  match named {
    _ if entries.is_empty() => None,
    // Two entries of one name cannot both be in an object; the engine sees the
    // list and says what is wrong with it.
    Some(named) if named.len() == entries.len() => Some(Value::Object(named)),
    _ => Some(json!(entries)),
  }
}

fn target(targets: &[String]) -> Option<Value> {
  match targets {
    [] => None,
    [target] => Some(json!(target)),
    targets => Some(json!(targets)),
  }
}

fn switch(text: &str) -> Value {
  match text {
    "true" => Value::Bool(true),
    "false" => Value::Bool(false),
    text => json!(text),
  }
}

fn alias(text: &str) -> Value {
  if text == "false" { Value::Bool(false) } else { json!(text) }
}

fn list(values: &[String]) -> Option<Value> {
  (!values.is_empty()).then(|| json!(values))
}

fn table(pairs: &[(String, String)], value: fn(&str) -> Value) -> Option<Value> {
  (!pairs.is_empty())
    .then(|| pairs.iter().map(|(key, text)| (key.clone(), value(text))).collect::<Value>())
}

#[cfg(test)]
mod tests {
  use clap::{CommandFactory, Parser};
  use serde_json::json;

  use super::{Command, CommandLine};

  #[test]
  fn the_declaration_is_consistent() {
    CommandLine::command().debug_assert();
  }

  #[test]
  fn flags_become_options() {
    let line = CommandLine::try_parse_from([
      "nexxo",
      "build",
      "--input",
      "a=x=y.ts",
      "--define",
      "A=\"b=c\"",
      "--alias",
      "fs=false",
      "--minify",
      "--sourcemap=inline",
      "--target",
      "es2020,safari15",
      "--external",
      "react",
      "--external",
      "react-dom",
      "--metafile",
    ])
    .unwrap();
    let Command::Build(build) = line.command else { panic!("it is `build`") };
    let settings: Vec<_> = build
      .settings(&[])
      .into_iter()
      .map(|setting| (setting.path.join("."), setting.value))
      .collect();
    assert_eq!(
      json!(settings),
      json!([
        ["input", { "a": "x=y.ts" }],
        ["output.minify", true],
        ["output.sourcemap", "inline"],
        ["transform.target", ["es2020", "safari15"]],
        ["metafile", true],
        ["external", ["react", "react-dom"]],
        ["resolve.alias", { "fs": false }],
        ["transform.define", { "A": "\"b=c\"" }],
      ])
    );
  }
}
