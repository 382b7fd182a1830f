//! Pages: what they start and show, and how they come out. `lol_html` reads them
//! as browsers do.

use std::{
  borrow::Cow,
  cell::{Cell, RefCell},
  rc::Rc,
};

use lol_html::{
  ElementContentHandlers, RewriteStrSettings, Selector, element,
  html_content::{ContentType, Element},
  rewrite_str, text,
};

use crate::{PageParts, PagePlan, PageScript};

/// Attributes that hold the address of a file, by element.
const ADDRESSES: [(&str, &str); 15] = [
  ("img[src]", "src"),
  ("img[srcset]", "srcset"),
  ("source[src]", "src"),
  ("source[srcset]", "srcset"),
  ("video[src]", "src"),
  ("video[poster]", "poster"),
  ("audio[src]", "src"),
  ("track[src]", "src"),
  ("embed[src]", "src"),
  ("object[data]", "data"),
  ("input[src]", "src"),
  ("image[href]", "href"),
  ("use[href]", "href"),
  ("link[href]", "href"),
  ("script[src]", "src"),
];

/// Relations of links that are no files of a page.
const NO_FILES: [&str; 10] = [
  "alternate",
  "author",
  "canonical",
  "dns-prefetch",
  "help",
  "license",
  "next",
  "preconnect",
  "prev",
  "search",
];

type Handlers<'a> = Vec<(Cow<'a, Selector>, ElementContentHandlers<'a>)>;

#[derive(Default)]
struct Reading {
  parts: PageParts,
  /// Whether the script that is read now is a module with its code in it.
  is_inline: bool,
}

/// What a page starts and shows, in its order. A page that cannot be read has nothing: a browser
/// would say the same.
pub(crate) fn read(page: &str) -> PageParts {
  let reading = Rc::new(RefCell::new(Reading::default()));
  let [scripts, inline, links, shown] = std::array::from_fn(|_| Rc::clone(&reading));
  let mut handlers: Handlers<'_> = vec![
    element!("script", move |script| {
      let mut reading = scripts.borrow_mut();
      let src = script.get_attribute("src");
      reading.is_inline = is_module(script) && src.is_none();
      if reading.is_inline {
        reading.parts.scripts.push(PageScript::Inline { code: String::new() });
      } else if let Some(src) = src.filter(|_| is_module(script)) {
        reading.parts.scripts.push(PageScript::File { src });
      }
      Ok(())
    }),
    text!("script", move |piece| {
      let mut reading = inline.borrow_mut();
      if reading.is_inline
        && let Some(PageScript::Inline { code }) = reading.parts.scripts.last_mut()
      {
        code.push_str(piece.as_str());
      }
      Ok(())
    }),
    element!("link[href]", move |link| {
      if is_style(link) {
        links.borrow_mut().parts.styles.extend(link.get_attribute("href"));
      }
      Ok(())
    }),
  ];
  handlers.extend(addresses(move |name, value| {
    let mut reading = shown.borrow_mut();
    if name == "srcset" {
      reading.parts.addresses.extend(candidates(value).map(|(address, _)| address.to_owned()));
    } else {
      reading.parts.addresses.insert(value.trim().to_owned());
    }
    None
  }));
  let settings =
    RewriteStrSettings { element_content_handlers: handlers, ..RewriteStrSettings::default() };
  let _ = rewrite_str(page, settings);
  let Reading { mut parts, .. } = reading.take();
  parts.addresses.remove("");
  parts
}

/// The page as it comes out: its modules and style sheets are those of the output, and addresses
/// lead there. None where it nests deeper than any page does.
pub(crate) fn write(plan: &PagePlan) -> Option<String> {
  let head = head_of(plan);
  let has_head = Rc::new(Cell::new(false));
  let seen = Rc::clone(&has_head);
  let mut handlers: Handlers<'_> = vec![
    element!("script", |script| {
      let src = script.get_attribute("src");
      if is_module(script) && src.is_none_or(|src| plan.taken.contains(&src)) {
        script.remove();
      }
      allow(script, plan)
    }),
    element!("link[href]", |link| {
      let href = link.get_attribute("href").unwrap_or_default();
      if is_style(link) && plan.taken.contains(&href) {
        link.remove();
      }
      let relations = link.get_attribute("rel").unwrap_or_default();
      let mut words = relations.split_ascii_whitespace();
      if words.any(|word| ["stylesheet", "preload", "modulepreload"].contains(&word)) {
        allow(link, plan)?;
      }
      Ok(())
    }),
    element!("style", |style| allow(style, plan)),
    element!("head", |element| {
      if !seen.replace(true) {
        element.append(&head, ContentType::Html);
      }
      Ok(())
    }),
  ];
  handlers.extend(addresses(|name, value| {
    if name != "srcset" {
      return plan.addresses.get(value.trim()).cloned();
    }
    let all: Vec<String> = candidates(value)
      .map(|(address, rest)| {
        let address = plan.addresses.get(address).map_or(address, String::as_str);
        format!("{address} {rest}").trim_end().to_owned()
      })
      .collect();
    Some(all.join(", "))
  }));
  let settings =
    RewriteStrSettings { element_content_handlers: handlers, ..RewriteStrSettings::default() };
  let mut page = rewrite_str(&plan.text, settings).ok()?;
  if !has_head.get() {
    // Browsers put it into the head that they make.
    let at = page
      .to_ascii_lowercase()
      .find("<!doctype")
      .and_then(|start| page[start..].find('>').map(|end| start + end + 1));
    page.insert_str(at.unwrap_or(0), &head);
  }
  Some(page)
}

/// Gives an element the page's nonce.
fn allow(element: &mut Element<'_, '_>, plan: &PagePlan) -> lol_html::HandlerResult {
  if let Some(nonce) = plan.nonce.as_deref().filter(|_| !element.has_attribute("nonce")) {
    element.set_attribute("nonce", nonce)?;
  }
  Ok(())
}

fn head_of(plan: &PagePlan) -> String {
  let mut head = String::new();
  let attribute = |address: &str| address.replace('&', "&amp;").replace('"', "&quot;");
  let more = |address: &String| {
    let mut more = String::new();
    if let Some(digest) = plan.integrity.get(address) {
      more.push_str(&format!(" integrity=\"{digest}\""));
    }
    if let Some(nonce) = &plan.nonce {
      more.push_str(&format!(" nonce=\"{}\"", attribute(nonce)));
    }
    more
  };
  // Scripts of the output find it there, for what they load later.
  if let Some(nonce) = &plan.nonce {
    let nonce = attribute(nonce);
    head.push_str(&format!("  <meta property=\"csp-nonce\" nonce=\"{nonce}\">\n"));
  }
  for file in &plan.scripts {
    let src = attribute(file);
    let more = more(file);
    head
      .push_str(&format!("  <script type=\"module\" crossorigin src=\"{src}\"{more}></script>\n"));
  }
  for file in &plan.preloads {
    let href = attribute(file);
    let more = more(file);
    head.push_str(&format!("  <link rel=\"modulepreload\" crossorigin href=\"{href}\"{more}>\n"));
  }
  for file in &plan.styles {
    let href = attribute(file);
    let more = more(file);
    head.push_str(&format!("  <link rel=\"stylesheet\" crossorigin href=\"{href}\"{more}>\n"));
  }
  head
}

fn is_module(script: &Element<'_, '_>) -> bool {
  script.get_attribute("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("module"))
}

/// A style sheet that holds always: one for some media, or an alternative, stays by itself.
fn is_style(link: &Element<'_, '_>) -> bool {
  let relations = link.get_attribute("rel").unwrap_or_default();
  let mut words = relations.split_ascii_whitespace();
  let holds = ["media", "disabled", "title"].iter().all(|name| !link.has_attribute(name));
  holds
    && words.clone().any(|word| word.eq_ignore_ascii_case("stylesheet"))
    && !words.any(|word| word.eq_ignore_ascii_case("alternate"))
}

/// Handlers that see each address with its attribute's name, and may give another in its place.
fn addresses<'a>(
  see: impl Fn(&str, &str) -> Option<String> + Clone + 'a,
) -> impl Iterator<Item = (Cow<'a, Selector>, ElementContentHandlers<'a>)> {
  ADDRESSES.into_iter().map(move |(selector, name)| {
    let see = see.clone();
    element!(selector, move |element: &mut Element<'_, '_>| {
      let relations = element.get_attribute("rel").unwrap_or_default();
      let is_none = match element.tag_name().as_str() {
        "link" => {
          is_style(element)
            || relations.split_ascii_whitespace().any(|word| NO_FILES.contains(&word))
        }
        "script" => is_module(element),
        _ => false,
      };
      if !is_none
        && let Some(value) = element.get_attribute(name)
        && let Some(other) = see(name, &value)
      {
        element.set_attribute(name, &other)?;
      }
      Ok(())
    })
  })
}

/// The addresses of a `srcset`, each with what comes after it.
fn candidates(srcset: &str) -> impl Iterator<Item = (&str, &str)> {
  // A comma within an address has no space after it.
  srcset.split(", ").flat_map(|part| part.split(",\n")).filter_map(|part| {
    let part = part.trim().trim_end_matches(',');
    let (address, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    (!address.is_empty()).then_some((address, rest.trim()))
  })
}

#[cfg(test)]
mod tests {
  use std::collections::BTreeMap;

  use super::{PagePlan, PageScript, read, write};

  const PAGE: &str = r#"<!doctype html>
<html><head>
  <link rel="stylesheet" href="/a.css"><link rel="stylesheet" media="print" href="print.css">
  <link rel="icon" href="./icon.png"><link rel="canonical" href="https://x.example/">
  <script>var plain = 1;</script>
  <script src="/old.js"></script>
  <script type="module">import './x.js'; if (1 < 2) console.log('</p>');</script>
</head><body>
  <img src="a.png" srcset="a.png 1x, b.png 2x"><script type="module" src="/src/main.ts"></script>
</body></html>
"#;

  #[test]
  fn a_page_is_read_in_its_order() {
    let parts = read(PAGE);
    let code = "import './x.js'; if (1 < 2) console.log('</p>');".to_owned();
    assert_eq!(
      parts.scripts,
      [PageScript::Inline { code }, PageScript::File { src: "/src/main.ts".to_owned() }]
    );
    assert_eq!(parts.styles, ["/a.css"]);
    let addresses: Vec<&str> = parts.addresses.iter().map(String::as_str).collect();
    assert_eq!(addresses, ["./icon.png", "/old.js", "a.png", "b.png", "print.css"]);
  }

  #[test]
  fn a_page_comes_out_with_its_output() {
    let plan = PagePlan {
      text: PAGE.to_owned(),
      taken: ["/a.css", "/src/main.ts"].map(str::to_owned).into(),
      scripts: vec!["/assets/index.js".to_owned()],
      preloads: vec!["/assets/shared.js".to_owned()],
      styles: vec!["/assets/index.css".to_owned()],
      addresses: BTreeMap::from([
        ("b.png".to_owned(), "/assets/b-1.png".to_owned()),
        ("./icon.png".to_owned(), "/assets/icon-1.png".to_owned()),
      ]),
      ..PagePlan::default()
    };
    let page = write(&plan).unwrap();
    for part in [
      "<script type=\"module\" crossorigin src=\"/assets/index.js\"></script>",
      "<link rel=\"modulepreload\" crossorigin href=\"/assets/shared.js\">",
      "<link rel=\"stylesheet\" crossorigin href=\"/assets/index.css\">\n</head>",
      "srcset=\"a.png 1x, /assets/b-1.png 2x\"",
      "href=\"/assets/icon-1.png\"",
      "var plain = 1;",
      "media=\"print\" href=\"print.css\"",
    ] {
      assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("/src/main.ts") && !page.contains("import './x.js'"), "{page}");
    let policy = PagePlan {
      nonce: Some("NONCE".to_owned()),
      integrity: BTreeMap::from([("/assets/index.js".to_owned(), "sha384-x".to_owned())]),
      ..plan.clone()
    };
    let guarded = write(&policy).unwrap();
    for part in [
      "<script nonce=\"NONCE\">var plain",
      "src=\"/assets/index.js\" integrity=\"sha384-x\" nonce=\"NONCE\"></script>",
      "<meta property=\"csp-nonce\" nonce=\"NONCE\">",
      "href=\"print.css\" nonce=\"NONCE\">",
    ] {
      assert!(guarded.contains(part), "{part} is not in {guarded}");
    }
    let bare = write(&PagePlan { text: "<p>x".to_owned(), ..plan }).unwrap();
    assert!(bare.starts_with("  <script type=\"module\""), "{bare}");
  }
}
