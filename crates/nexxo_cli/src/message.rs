//! Every message that only the command can give: one constructor each, in one
//! list. All others are the engine's, in `nexxo/src/diagnostic.rs`.

use std::{fmt::Display, path::Path};

use nexxo::protocol::{Diagnostic, Severity};

fn error(code: &'static str, message: String, hint: impl Into<String>) -> Diagnostic {
  Diagnostic {
    code,
    severity: Severity::Error,
    message,
    file: None,
    range: None,
    frame: None,
    hint: Some(hint.into()),
    notes: Vec::new(),
  }
}

// --- Folders and configuration ----------------------------------------------

pub(crate) fn no_such_folder(folder: &Path) -> Diagnostic {
  error(
    "NO_SUCH_FOLDER",
    format!("There is no folder `{}` to build.", folder.display()),
    "Name the folder that holds the project, or an entry module that exists.",
  )
}

pub(crate) fn no_current_folder(problem: &impl Display) -> Diagnostic {
  error(
    "NO_SUCH_FOLDER",
    format!("The current folder cannot be read: {problem}."),
    "Change to a folder that exists.",
  )
}

pub(crate) fn not_below_workspace_root(root: &Path, workspace_root: &Path) -> Diagnostic {
  error(
    "OUTSIDE_WORKSPACE_ROOT",
    format!("`{}` is not below the workspace root `{}`.", root.display(), workspace_root.display()),
    "Name a folder with `--workspace-root` that holds the project and all it reads.",
  )
}

pub(crate) fn unusable_path(path: &Path) -> Diagnostic {
  error(
    "INVALID_PATH",
    format!("`{}` is not UTF-8 and cannot be named in a build.", path.display()),
    "Rename it.",
  )
}

pub(crate) fn several_configurations(files: &[String]) -> Diagnostic {
  let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
  error(
    "SEVERAL_CONFIGURATIONS",
    format!("There is more than one configuration: {}.", files.join(" and ")),
    "Keep one of them, or name one with `--config`.",
  )
}

pub(crate) fn config_unreadable(file: &str, problem: &impl Display) -> Diagnostic {
  error(
    "CONFIG_UNREADABLE",
    format!("The configuration `{file}` cannot be read: {problem}."),
    "Check the path and its permissions.",
  )
  .in_file(file)
}

pub(crate) fn unknown_config_format(file: &str) -> Diagnostic {
  error(
    "CONFIG_UNREADABLE",
    format!("The configuration `{file}` has a format that is not known."),
    "Nexxo reads `.json`, `.jsonc` and `.toml`.",
  )
  .in_file(file)
}

pub(crate) fn config_syntax(
  file: &str,
  text: &str,
  range: std::ops::Range<usize>,
  language: &str,
  problem: &str,
) -> Diagnostic {
  error(
    "INVALID_CONFIG",
    format!("The configuration is not valid {language}: {problem}."),
    if language == "JSON" {
      "Correct it at the marked place. Comments and trailing commas need the extension `.jsonc`."
    } else {
      "Correct it at the marked place."
    },
  )
  .at(file, text, range.start, range.end)
}

pub(crate) fn config_is_no_object(file: &str) -> Diagnostic {
  error(
    "INVALID_CONFIG",
    "The configuration is not an object of options.".to_owned(),
    "Options are one object, such as `{ \"input\": \"src/main.ts\" }`.",
  )
  .in_file(file)
}

/// Says which flag an option came from.
pub(crate) fn from_flag(flag: &str) -> String {
  format!("The value comes from the flag `{flag}`.")
}

// --- Sources ----------------------------------------------------------------

pub(crate) fn link_leaves_workspace(
  link: &str,
  target: &Path,
  workspace_root: &Path,
) -> Diagnostic {
  let common =
    target.ancestors().find(|folder| workspace_root.starts_with(folder)).unwrap_or(Path::new("/"));
  let hint = if common.parent().is_some() {
    format!("Copy it into the workspace, or build with `--workspace-root {}`.", common.display())
  } else {
    "Copy it into the workspace.".to_owned()
  };
  error(
    "OUTSIDE_ROOT",
    format!(
      "`{link}` is a link to `{}`, outside of the workspace root `{}`, and was not followed.",
      target.display(),
      workspace_root.display()
    ),
    hint,
  )
}

// --- Output -----------------------------------------------------------------

pub(crate) fn out_dir_holds_project(dir: &Path) -> Diagnostic {
  error(
    "OUT_DIR_HOLDS_PROJECT",
    format!("The output folder `{}` is, or holds, the project itself.", dir.display()),
    "Name a folder inside the project, such as `dist`, with `--out-dir` or `output.dir`.",
  )
}

pub(crate) fn out_dir_holds_sources(dir: &Path, source: &str) -> Diagnostic {
  error(
    "OUT_DIR_HOLDS_SOURCES",
    format!("The output folder `{}` holds `{source}`, which the build reads.", dir.display()),
    "Name a folder without sources, such as `dist`, with `--out-dir` or `output.dir`.",
  )
}

pub(crate) fn unusable_output_name(name: &str) -> Diagnostic {
  error(
    "OUTPUT_OUTSIDE_DIR",
    format!("The output file `{}` would leave the output folder.", name.escape_debug()),
    "File names must be relative, `/`-separated, and without `..`.",
  )
}

pub(crate) fn output_in_the_way(path: &Path, what: &str) -> Diagnostic {
  error(
    "OUTPUT_NOT_WRITTEN",
    format!("`{}` is {what}; the output needs its place.", path.display()),
    "Move it out of the way, or name another folder with `--out-dir`. Nothing was changed.",
  )
}

pub(crate) fn not_written(path: &Path, problem: &impl Display) -> Diagnostic {
  error(
    "OUTPUT_NOT_WRITTEN",
    format!("`{}` cannot be written: {problem}.", path.display()),
    "Check permissions and free space. Earlier output is still in place.",
  )
}

// --- Transform --------------------------------------------------------------

pub(crate) fn needs_out_dir() -> Diagnostic {
  error(
    "MISSING_OUT_DIR",
    "Several modules cannot all go to one place.".to_owned(),
    "Name a folder for them with `--out-dir`.",
  )
}

pub(crate) fn source_unreadable(path: &Path, problem: &impl Display) -> Diagnostic {
  error(
    "SOURCE_UNREADABLE",
    format!("`{}` cannot be read: {problem}.", path.display()),
    "Check the path and its permissions.",
  )
}

pub(crate) fn source_not_utf8(path: &Path, offset: usize) -> Diagnostic {
  error(
    "NOT_UTF8",
    format!(
      "`{}` is not UTF-8 text: the byte at offset {offset} cannot be decoded.",
      path.display()
    ),
    "Save the file as UTF-8.",
  )
  .in_file(path.display().to_string())
}

pub(crate) fn no_modules(path: &Path) -> Diagnostic {
  error(
    "NO_MODULES",
    format!("There is no module in `{}`.", path.display()),
    "Modules have the extension `.ts`, `.tsx`, `.mts`, `.cts`, `.js`, `.jsx`, `.mjs` or `.cjs`; \
     `node_modules` and hidden folders are left out.",
  )
}

pub(crate) fn would_overwrite(source: &Path) -> Diagnostic {
  error(
    "OUTPUT_OVERWRITES_SOURCE",
    format!("The output would overwrite the source `{}`.", source.display()),
    "Name another place with `--out` or `--out-dir`.",
  )
}

pub(crate) fn two_for_one_name(name: &Path, first: &Path, second: &Path) -> Diagnostic {
  error(
    "OUTPUT_CONFLICT",
    format!("Both `{}` and `{}` become `{}`.", first.display(), second.display(), name.display()),
    "Rename one of them, or transform them into folders of their own.",
  )
}

// --- Running ----------------------------------------------------------------

pub(crate) fn cannot_start(problem: &impl Display) -> Diagnostic {
  error(
    "CANNOT_START",
    format!("The machine refuses what the command needs to run: {problem}."),
    "Try fewer threads with `--threads`.",
  )
}

/// What is built where nobody says what.
pub(crate) fn default_entries(stems: &[&str], extensions: &[&str]) -> String {
  let stems: Vec<String> = stems.iter().map(|stem| format!("`{stem}`")).collect();
  let extensions: Vec<String> = extensions.iter().map(|one| format!("`.{one}`")).collect();
  format!("Without `input`, {} are looked for, with {}.", stems.join(", "), extensions.join(", "))
}

/// How to raise the limit that the engine's message names.
pub(crate) fn deadline_flag() -> String {
  "`--deadline MS` sets it for one build.".to_owned()
}

pub(crate) fn cannot_watch(problem: &impl Display) -> Diagnostic {
  let mut diagnostic = error(
    "POLLING",
    format!(
      "The system does not tell of changes here ({problem}); sources are looked at every second."
    ),
    "On Linux, `fs.inotify.max_user_watches` or `max_user_instances` may be too low; `sysctl` sets them.",
  );
  diagnostic.severity = Severity::Warning;
  diagnostic
}

// --- Serving ----------------------------------------------------------------

pub(crate) fn port_taken(port: u16, is_strict: bool) -> Diagnostic {
  error(
    "PORT_TAKEN",
    if is_strict {
      format!("The port {port} is taken: something else is served there.")
    } else {
      format!("The port {port} is taken, and so are the hundred after it.")
    },
    "Name another with `--port`, or leave it away: then the next free one is used.",
  )
}

pub(crate) fn address_not_usable(
  address: &std::net::IpAddr,
  port: u16,
  problem: &std::io::Error,
) -> Diagnostic {
  error(
    "ADDRESS_NOT_USABLE",
    format!("Nothing can be served at {address}, port {port}: {}.", io_problem(problem)),
    "Name an address of this machine with `--host`, and a port above 1023 with `--port`.",
  )
}

pub(crate) fn invalid_host(host: &str) -> Diagnostic {
  error(
    "INVALID_OPTION",
    format!("The option `server.host` cannot be `{}`: it is no address.", host.escape_debug()),
    "Name an address such as `192.168.0.5`, or `true` for all of this machine's. Host names that pages may be asked for by are listed in `server.allowedHosts`.",
  )
}

pub(crate) fn invalid_header(name: &str) -> Diagnostic {
  error(
    "INVALID_OPTION",
    format!("The header `{}` of `server.headers` cannot be sent.", name.escape_debug()),
    "Names are letters, digits and `-`; values are one line of plain letters.",
  )
}

pub(crate) fn invalid_proxy(prefix: &str, problem: &str) -> Diagnostic {
  error(
    "INVALID_OPTION",
    format!("The proxy `{}` of `server.proxy` cannot be used: {problem}.", prefix.escape_debug()),
    "Write it as `\"/api\": \"http://localhost:3000\"`.",
  )
}

pub(crate) fn invalid_base(base: &str) -> Diagnostic {
  error(
    "INVALID_OPTION",
    format!("The option `base` cannot be `{}`: it is no path.", base.escape_debug()),
    "Begin it with `/`, such as `/app/`.",
  )
}

pub(crate) fn certificate_unusable(path: &Path, problem: &str) -> Diagnostic {
  error(
    "CERTIFICATE_UNUSABLE",
    format!("`{}` cannot be used to encrypt: {}.", path.display(), lower_first(problem)),
    "Name a certificate and its key as PEM files, or leave both away: then one is made.",
  )
}

pub(crate) fn certificate_not_made(problem: &str) -> Diagnostic {
  error(
    "CERTIFICATE_NOT_MADE",
    format!("A certificate for this machine cannot be made and kept: {problem}."),
    "Make room in the cache folder, or name a certificate with `--https-cert` and `--https-key`.",
  )
}

pub(crate) fn cache_not_there() -> Diagnostic {
  error(
    "CACHE_NOT_THERE",
    "There is no folder for a cache: neither `HOME` nor `XDG_CACHE_HOME` is set.".to_owned(),
    "Name one with `--cache-dir` or in `NEXXO_CACHE_DIR`.",
  )
}

pub(crate) fn cache_archive_unusable(file: &Path, problem: &str) -> Diagnostic {
  error(
    "CACHE_UNUSABLE",
    format!("`{}` cannot be used: {problem}.", file.display()),
    "See that it is there, that it may be written, and that the disk has room.",
  )
}

/// A notice, and no diagnostic: the build is as it should be.
pub(crate) fn cache_not_written(problem: &str) -> String {
  format!("The result was not kept for the next time: {problem}.")
}

pub(crate) fn invalid_remote_cache(url: &str, problem: &str) -> Diagnostic {
  error(
    "INVALID_REMOTE_CACHE",
    format!("The remote cache `{}` cannot be used: {problem}.", url.escape_debug()),
    "Name one such as `redis://host:6379`, `s3://bucket/folder?region=eu-central-1` or `https://host/folder`.",
  )
}

/// A notice, and no diagnostic: the build is as it should be.
pub(crate) fn remote_cache_not_used(problem: &str) -> String {
  format!("The remote cache was not of use: {problem}.")
}

pub(crate) fn no_output(folder: &str) -> Diagnostic {
  error(
    "NO_OUTPUT",
    format!("There is no output in `{folder}` to be served."),
    "Build first with `nexxo build`, or name the folder with `--out-dir`.",
  )
}

pub(crate) fn not_an_entry(page: &str, module: &str) -> Diagnostic {
  error(
    "NOT_AN_ENTRY",
    format!("`{page}` starts `{module}`, which is no entry of the build."),
    "Correct the path, or add it to `input` in the configuration.",
  )
  .in_file(page)
}

/// The page of a project without one.
pub(crate) fn internal_page(entry: &str) -> String {
  format!(
    "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>Nexxo</title></head><body><div id=\"root\"></div><script type=\"module\" src=\"/{entry}\"></script></body></html>\n"
  )
}

// --- Words of others --------------------------------------------------------

/// What the system says, without its number.
pub(crate) fn io_problem(error: &std::io::Error) -> String {
  let text = error.to_string();
  lower_first(text.split(" (os error").next().unwrap_or(&text))
}

/// A sentence as a part of another.
pub(crate) fn lower_first(text: &str) -> String {
  let mut characters = text.trim_end_matches('.').chars();
  match characters.next() {
    Some(first) => first.to_lowercase().chain(characters).collect(),
    None => String::new(),
  }
}
