//! What pages have beside scripts: style sheets, and the pages themselves. A
//! request goes in, and an answer comes out.
//!
//! A request has all that it needs with it, as whoever answers cannot ask for
//! files: this is a WebAssembly of its own in a tab, which is loaded with the
//! first style sheet or page. What a style sheet lacks is told, and it is given
//! again with that ([`Answer::Needs`]); so each round is a pure function.

#[cfg(feature = "compiler")]
mod compile;
#[cfg(feature = "compiler")]
mod env;
#[cfg(feature = "compiler")]
mod inline;
#[cfg(feature = "compiler")]
mod page;
#[cfg(feature = "compiler")]
mod sass;
#[cfg(feature = "compiler")]
mod targets;
#[cfg(all(feature = "compiler", target_family = "wasm"))]
pub mod wasm;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Request {
  Style(Job),
  ReadPage {
    text: String,
  },
  WritePage(PagePlan),
  ReadEnv {
    files: Vec<String>,
  },
  /// Browsers, as browserslist's queries.
  Targets {
    queries: Vec<String>,
  },
  /// What an output is made of: a metafile.
  Report {
    data: String,
  },
}

/// The answers, one for each kind of request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "camelCase")]
pub enum Reply {
  Style(Answer),
  ReadPage(PageParts),
  WritePage { text: Option<String> },
  ReadEnv(EnvFile),
  Report { text: String },
  Targets { found: Result<Vec<String>, String> },
}

/// Does what is asked for.
#[cfg(feature = "compiler")]
pub fn answer(request: &Request) -> Reply {
  match request {
    Request::Style(job) => Reply::Style(compile::compile(job)),
    Request::ReadPage { text } => Reply::ReadPage(page::read(text)),
    Request::WritePage(plan) => Reply::WritePage { text: page::write(plan) },
    Request::ReadEnv { files } => Reply::ReadEnv(env::read(files)),
    Request::Targets { queries } => Reply::Targets { found: targets::find(queries) },
    Request::Report { data } => Reply::Report { text: report(data) },
  }
}

/// A page that shows what an output is made of. It needs nothing but itself.
#[cfg(feature = "compiler")]
fn report(data: &str) -> String {
  /// `d3-hierarchy` 3.1.3, ISC: see its folder.
  const LAYOUT: &str = include_str!("../../../vendor/d3-hierarchy/d3-hierarchy.min.js");
  // No name of a file can end the element that it is in.
  let data = data.replace('<', "\\u003c");
  include_str!("report.html").replace("/*d3*/", LAYOUT).replace("/*data*/", &data)
}

/// Whether an address is none of the project's files.
pub fn is_elsewhere(address: &str) -> bool {
  address.starts_with("//")
    || address.split_once(':').is_some_and(|(scheme, _)| {
      scheme.len() > 1 && scheme.chars().all(|character| character.is_ascii_alphanumeric())
    })
}

/// What `.env` files say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvFile {
  pub values: BTreeMap<String, String>,
  /// Lines that say nothing, by their files' places.
  pub problems: Vec<(usize, String)>,
}

/// What a page starts and shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageParts {
  /// Its modules, in their order.
  pub scripts: Vec<PageScript>,
  /// The addresses of its style sheets, in their order.
  pub styles: Vec<String>,
  /// All other addresses of files.
  pub addresses: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum PageScript {
  File { src: String },
  Inline { code: String },
}

/// What a page is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePlan {
  pub text: String,
  /// The addresses of modules and style sheets that are part of the output, and are taken out. So are
  /// modules with their code in the page.
  pub taken: BTreeSet<String>,
  /// What comes in their place, as addresses.
  pub scripts: Vec<String>,
  pub preloads: Vec<String>,
  pub styles: Vec<String>,
  /// Other addresses, and what stands for them.
  pub addresses: BTreeMap<String, String>,
  /// What all scripts and styles say, so that a policy allows them.
  #[serde(default)]
  pub nonce: Option<String>,
  /// The digests of scripts and styles, by address.
  #[serde(default)]
  pub integrity: BTreeMap<String, String>,
}

/// A style sheet that is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
  /// The path of the file that a script imports.
  pub root: String,
  /// The files that are known, by path; none where there is no such file.
  pub files: BTreeMap<String, Option<String>>,
  /// Where specifiers lead, by the file that has them and the specifier; none where nowhere.
  pub targets: BTreeMap<String, BTreeMap<String, Option<String>>>,
  /// Whether names are those of the file alone.
  pub is_module: bool,
  pub minify: bool,
  /// Browsers such as `chrome111`, for which syntax is lowered. None: as it is written.
  pub browsers: Vec<String>,
  /// How names of modules are made, where not as usual.
  #[serde(default)]
  pub pattern: Option<String>,
  /// Whether dashed names are the file's own as well.
  #[serde(default)]
  pub dashed_idents: bool,
  /// What stands before the root's text, in the language of its extension.
  #[serde(default)]
  pub before: Option<String>,
  /// Whether the code ends with where its rules were written.
  #[serde(default)]
  pub source_map: bool,
  /// Names of the module that nothing uses.
  #[serde(default)]
  pub unused: BTreeSet<String>,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Answer {
  /// It lacks something, and is to be given again with it.
  Needs {
    files: Vec<String>,
    targets: Vec<Target>,
  },
  Done(Sheet),
  Failed {
    problems: Vec<Problem>,
  },
}

/// A specifier that has to be resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
  pub from: String,
  pub specifier: String,
}

/// A compiled style sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
  pub code: String,
  /// Each file that went into it, the root included.
  pub files: Vec<String>,
  /// What stands for the addresses in `code`.
  pub urls: Vec<Url>,
  /// The names of a module and the classes that they stand for, in the order of their names.
  pub exports: Vec<(String, Vec<Class>)>,
  /// Names of a module that its own rules use.
  #[serde(default)]
  pub referenced: BTreeSet<String>,
  /// What was left out, as browsers leave it out.
  pub warnings: Vec<Problem>,
}

/// A class that a name of a module stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Class {
  Own {
    name: String,
  },
  /// Those of a name of another module.
  Of {
    name: String,
    from: String,
  },
}

/// An address in a style sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Url {
  pub placeholder: String,
  pub url: String,
  /// The file that has it.
  pub from: String,
  pub line: u32,
  pub column: u32,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
  pub file: String,
  /// Both from 1.
  pub line: u32,
  pub column: u32,
  /// Without a full stop.
  pub message: String,
  /// The specifier that leads nowhere, where that is it.
  #[serde(default, skip_serializing_if = "Option::is_none")]
  pub unresolved: Option<String>,
}
