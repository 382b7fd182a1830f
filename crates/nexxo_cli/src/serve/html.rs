//! Pages: which there are, which modules they start, and how they lead to the
//! output. `lol_html` reads them as browsers do.

use std::{
  cell::{Cell, RefCell},
  collections::BTreeSet,
  fs,
  path::Path,
  rc::Rc,
};

use lol_html::{
  RewriteStrSettings, element, errors::RewritingError, html_content::ContentType, rewrite_str,
};
use nexxo::protocol::{OutputFile, OutputKind};

use super::door::ServedPath;

/// How deep pages are looked for; an app has few, and not below its dependencies.
const DEEPEST: usize = 3;

/// The files that may be the page of a path, best first, relative to the root. Where somebody goes
/// there, an app's own routes end at `index.html`; what looks like a file is none.
pub(crate) fn candidates(path: &ServedPath, is_navigation: bool) -> Vec<String> {
  let below = &path.as_str()[1..];
  let is_file = below.rsplit('/').next().is_some_and(|name| {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
      (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    })
  });
  let mut found = match below {
    _ if below.ends_with(".html") => return vec![below.to_owned()],
    _ if below.is_empty() || below.ends_with('/') => vec![format!("{below}index.html")],
    _ if is_file => return Vec::new(),
    _ => vec![format!("{below}.html"), format!("{below}/index.html")],
  };
  if is_navigation {
    found.push("index.html".to_owned());
  }
  found
}

/// The pages below a folder, relative to it and sorted.
pub(crate) fn pages_below(root: &Path, is_output: &dyn Fn(&Path) -> bool) -> BTreeSet<String> {
  let mut found = BTreeSet::new();
  let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
  while let Some((folder, prefix, depth)) = folders.pop() {
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
      let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
      let Some(name) = name.to_str() else { continue };
      if kind.is_file() && name.ends_with(".html") {
        found.insert(format!("{prefix}{name}"));
      } else if kind.is_dir()
        && depth < DEEPEST
        && !name.starts_with('.')
        && !matches!(name, "node_modules" | "public")
        && !is_output(&entry.path())
      {
        folders.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
      }
    }
  }
  found
}

/// The modules that a page starts, relative to the root.
pub(crate) fn modules_of(page: &str, text: &str) -> Vec<String> {
  let found = Rc::new(RefCell::new(Vec::new()));
  let sink = Rc::clone(&found);
  let page = page.to_owned();
  let handlers = vec![element!("script[src]", move |script| {
    if let Some(module) = module_of(script, &page) {
      sink.borrow_mut().push(module);
    }
    Ok(())
  })];
  let settings =
    RewriteStrSettings { element_content_handlers: handlers, ..RewriteStrSettings::default() };
  // A page that cannot be read starts nothing; a browser would say the same.
  let _ = rewrite_str(text, settings);
  found.take()
}

fn module_of(script: &lol_html::html_content::Element<'_, '_>, page: &str) -> Option<String> {
  let is_module = script.get_attribute("type").is_some_and(|kind| kind.trim() == "module");
  let src = script.get_attribute("src")?;
  let src = src.split(['?', '#']).next().unwrap_or_default();
  if !is_module || src.is_empty() || src.starts_with("//") || src.contains(':') {
    return None;
  }
  let mut parts: Vec<&str> = match src.strip_prefix('/') {
    Some(_) => Vec::new(),
    None => page.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
  };
  for part in src.split('/') {
    match part {
      "" | "." => {}
      ".." => {
        parts.pop();
      }
      part => parts.push(part),
    }
  }
  Some(parts.join("/"))
}

/// What a page is made of.
pub(crate) struct Page<'a> {
  /// Relative to the root.
  pub(crate) name: &'a str,
  pub(crate) text: &'a str,
  pub(crate) files: &'a [OutputFile],
  pub(crate) base: &'a str,
  /// What comes before everything else in the head.
  pub(crate) head: &'a str,
}

/// The page as it is served: its modules are those of the output. Gives the modules that are not in
/// the output as well.
///
/// # Errors
/// Where the text nests deeper than any page does.
pub(crate) fn rewrite(page: &Page<'_>) -> Result<(String, Vec<String>), RewritingError> {
  let unknown = Rc::new(RefCell::new(Vec::new()));
  let has_head = Rc::new(Cell::new(false));
  let (seen, missing) = (Rc::clone(&has_head), Rc::clone(&unknown));
  let entry_of = |module: &str| {
    page.files.iter().find(|file| {
      file.kind == OutputKind::Chunk
        && file.is_entry
        && (file.facade_module_id.as_deref() == Some(module) || file.file_name == module)
    })
  };
  let handlers = vec![
    element!("head", |head| {
      if !seen.replace(true) {
        head.prepend(page.head, ContentType::Html);
      }
      Ok(())
    }),
    element!("script[src]", |script| {
      let Some(module) = module_of(script, page.name) else { return Ok(()) };
      match entry_of(&module) {
        Some(file) => script.set_attribute("src", &format!("{}{}", page.base, file.file_name))?,
        None => missing.borrow_mut().push(module),
      }
      Ok(())
    }),
  ];
  let settings =
    RewriteStrSettings { element_content_handlers: handlers, ..RewriteStrSettings::default() };
  let mut text = rewrite_str(page.text, settings)?;
  if !has_head.get() {
    put_first(&mut text, page.head);
  }
  Ok((text, unknown.take()))
}

/// A page with something before all else in its head.
///
/// # Errors
/// As [`rewrite`].
pub(crate) fn with_head(text: &str, head: &str) -> Result<String, RewritingError> {
  let has_head = Cell::new(false);
  let handlers = vec![element!("head", |element| {
    if !has_head.replace(true) {
      element.prepend(head, ContentType::Html);
    }
    Ok(())
  })];
  let settings =
    RewriteStrSettings { element_content_handlers: handlers, ..RewriteStrSettings::default() };
  let mut text = rewrite_str(text, settings)?;
  if !has_head.get() {
    put_first(&mut text, head);
  }
  Ok(text)
}

/// Where a page has no head, browsers put it into the one that they make.
fn put_first(text: &mut String, head: &str) {
  let at = text
    .to_ascii_lowercase()
    .find("<!doctype")
    .and_then(|start| text[start..].find('>').map(|end| start + end + 1));
  text.insert_str(at.unwrap_or(0), head);
}

/// Text as it may stand in HTML, between tags and in attributes.
pub(crate) fn escaped(text: &str) -> String {
  text
    .replace('&', "&amp;")
    .replace('<', "&lt;")
    .replace('>', "&gt;")
    .replace('"', "&quot;")
    .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
  use super::{Page, ServedPath, candidates, modules_of, rewrite};

  #[test]
  fn a_path_has_its_pages_and_a_file_has_none() {
    let of = |path: &str| candidates(&ServedPath::read(path).unwrap(), true);
    assert_eq!(of("/"), ["index.html", "index.html"]);
    assert_eq!(of("/docs/"), ["docs/index.html", "index.html"]);
    assert_eq!(of("/about"), ["about.html", "about/index.html", "index.html"]);
    assert_eq!(of("/about.html"), ["about.html"]);
    assert!(of("/x/logo.png").is_empty());
    assert_eq!(of("/user/john.smith-the-first").len(), 3);
    let fetched = |path: &str| candidates(&ServedPath::read(path).unwrap(), false);
    assert_eq!(fetched("/"), ["index.html"]);
    assert_eq!(fetched("/about"), ["about.html", "about/index.html"]);
  }

  #[test]
  fn modules_are_found_and_led_to_the_output() {
    let text = "<!doctype html><body><script type=module src=./main.tsx></script><script src=/old.js></script><script type=module src=https://elsewhere/x.js></script>";
    assert_eq!(modules_of("docs/index.html", text), ["docs/main.tsx"]);
    let page =
      Page { name: "index.html", text, files: &[], base: "/", head: "<meta name=x content=\"1\">" };
    let (out, unknown) = rewrite(&page).unwrap();
    assert_eq!(unknown, ["main.tsx"]);
    assert!(out.starts_with("<!doctype html><meta name=x"), "{out}");
  }
}
