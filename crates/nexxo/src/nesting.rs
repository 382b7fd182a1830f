//! How deep a source nests, measured before anything recurses over it.
//!
//! The parser and the passes behind it recurse once a level and have no guard
//! of their own; a stack that overflows ends the process, or the tab's
//! instance. The measure walks the text once with a few states: strings,
//! comments and regular expressions do not count, brackets, prefix operators
//! and unfinished statement heads do. A long row of operators, calls or
//! elements nests in the syntax tree too, a level each, and has a bound of its
//! own. It need not be exact. Where it reads a
//! slash or a quote differently from the parser it errs by few levels, and the
//! stack has room for several times the limit.

/// The byte offset at which `text` first nests deeper than `limit`.
pub(crate) fn deeper_than(text: &str, limit: u32) -> Option<usize> {
  Walk {
    bytes: text.as_bytes(),
    at: 0,
    open: Vec::new(),
    run: 0,
    links: 0,
    outer_links: Vec::new(),
    string_end: 0,
    limit,
    before: Before::Operator,
  }
  .walk()
}

/// What stands before a slash decides whether it divides or opens a regular expression.
#[derive(Clone, Copy, PartialEq)]
enum Before {
  Operand,
  Operator,
}

/// How many links a row may have for each level that brackets may nest. The
/// passes need less of the stack for a link than for a bracket; the least room
/// is in a tab.
const LINKS_PER_LEVEL: usize = 4;

struct Walk<'a> {
  bytes: &'a [u8],
  at: usize,
  /// The brackets that are open.
  open: Vec<u8>,
  /// Prefix operators and statement heads of the statement or operand at hand.
  run: u32,
  /// The links of the row at hand, and of those around the open brackets.
  links: usize,
  outer_links: Vec<usize>,
  /// Where the last string ended.
  string_end: usize,
  limit: u32,
  before: Before,
}

impl Walk<'_> {
  fn walk(mut self) -> Option<usize> {
    // Depths of the brackets in which a template literal's text goes on after `}`.
    let mut templates: Vec<usize> = Vec::new();
    while let Some(&byte) = self.bytes.get(self.at) {
      let start = self.at;
      self.at += 1;
      match byte {
        b' ' | b'\t' | b'\r' | b'\n' => {}
        b'"' | b'\'' => {
          self.string(byte);
          self.string_end = self.at;
          self.operand();
        }
        b'`' => self.template(&mut templates),
        b'/' => match self.bytes.get(self.at) {
          Some(b'/') => self.skip_line(),
          Some(b'*') => self.skip_comment(),
          _ if self.before == Before::Operator => {
            if self.regular_expression() > self.limit as usize {
              return Some(start);
            }
            self.operand();
          }
          _ => self.before = Before::Operator,
        },
        b'(' | b'[' | b'{' => {
          self.links += usize::from(self.before == Before::Operand);
          self.open.push(byte);
          self.outer_links.push(std::mem::take(&mut self.links));
          self.before = Before::Operator;
          if byte == b'{' {
            self.run = 0;
          }
        }
        b')' | b']' => {
          self.open.pop();
          self.links = self.outer_links.pop().unwrap_or(0);
          self.before = Before::Operand;
        }
        b'}' => {
          let in_template = templates.last() == Some(&self.open.len());
          self.open.pop();
          self.run = 0;
          let outer = self.outer_links.pop().unwrap_or(0);
          if in_template {
            self.links = outer;
            templates.pop();
            self.template(&mut templates);
          } else {
            // An object or a body may end here, and so may a statement: an
            // `else` that follows goes on with the row.
            self.links = if self.goes_on() { outer + 1 } else { 0 };
            self.before = Before::Operator;
          }
        }
        b';' | b',' => {
          // The semicolons of `for (;;)` end no statement.
          if byte == b',' || self.open.last() != Some(&b'(') {
            self.run = 0;
            self.links = 0;
          }
          self.before = Before::Operator;
        }
        b'?' if matches!(self.bytes.get(self.at), Some(b'.' | b'?')) => {
          self.at += 1;
          self.links += 1;
          self.before = Before::Operator;
        }
        b'!' | b'~' | b'-' | b'+' | b'?' => {
          if byte == b'?' || self.before == Before::Operator {
            self.run += 1;
          } else {
            self.links += 1;
          }
          self.before = Before::Operator;
        }
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | b'0'..=b'9' | b'\\' | 0x80.. => self.word(start),
        b'<' => {
          // `</` closes what an earlier `<` opened; in a row of elements nothing nests.
          if self.bytes.get(self.at) == Some(&b'/') {
            self.at += 1;
            self.links = self.links.saturating_sub(2);
          } else {
            self.links += 2;
          }
          self.before = Before::Operator;
        }
        b'>' => {
          if self.bytes.get(start.wrapping_sub(1)) == Some(&b'/') {
            self.links = self.links.saturating_sub(2);
          }
          self.before = Before::Operator;
        }
        // A union of names can have thousands, and nests nothing.
        b'|' if self.follows_string(start) => self.before = Before::Operator,
        _ => {
          self.links += 1;
          self.before = Before::Operator;
        }
      }
      if self.open.len() + self.run as usize > self.limit as usize
        || self.links > (self.limit as usize).saturating_mul(LINKS_PER_LEVEL)
      {
        return Some(start);
      }
    }
    None
  }

  /// Whether what follows a closing brace continues its statement.
  fn goes_on(&self) -> bool {
    let rest = &self.bytes[self.at..];
    let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = &rest[space..];
    rest.starts_with(b"else")
      || matches!(rest.first(), Some(b'.' | b'[' | b'(' | b'?' | b'+' | b'*'))
  }

  /// Whether nothing but white space stands between a string and `at`.
  fn follows_string(&self, at: usize) -> bool {
    self.string_end > 0
      && self.bytes.get(self.string_end..at).is_some_and(|between| between.trim_ascii().is_empty())
  }

  fn operand(&mut self) {
    self.before = Before::Operand;
  }

  fn string(&mut self, quote: u8) {
    while let Some(&byte) = self.bytes.get(self.at) {
      self.at += 1;
      match byte {
        b'\\' => self.at += 1,
        b'\n' => return,
        _ if byte == quote => return,
        _ => {}
      }
    }
  }

  /// Walks a template's text to its end, or to a substitution, which is code again.
  fn template(&mut self, templates: &mut Vec<usize>) {
    self.links += usize::from(self.before == Before::Operand);
    while let Some(&byte) = self.bytes.get(self.at) {
      self.at += 1;
      match byte {
        b'\\' => self.at += 1,
        b'`' => {
          self.operand();
          return;
        }
        b'$' if self.bytes.get(self.at) == Some(&b'{') => {
          self.at += 1;
          self.open.push(b'{');
          self.outer_links.push(std::mem::take(&mut self.links));
          self.before = Before::Operator;
          templates.push(self.open.len());
          return;
        }
        _ => {}
      }
    }
  }

  fn skip_line(&mut self) {
    self.at = memchr::memchr(b'\n', &self.bytes[self.at..])
      .map_or(self.bytes.len(), |length| self.at + length);
  }

  fn skip_comment(&mut self) {
    self.at = memchr::memmem::find(&self.bytes[self.at + 1..], b"*/")
      .map_or(self.bytes.len(), |length| self.at + 1 + length + 2);
  }

  /// Walks to the expression's end, and tells how deep its groups nest.
  fn regular_expression(&mut self) -> usize {
    let mut in_class = false;
    let (mut open, mut deepest) = (0_usize, 0);
    while let Some(&byte) = self.bytes.get(self.at) {
      match byte {
        // Not a regular expression after all: go on with the line's end.
        b'\n' => break,
        b'\\' => self.at += 1,
        b'[' => in_class = true,
        b']' => in_class = false,
        b'(' if !in_class => {
          open += 1;
          deepest = deepest.max(open);
        }
        b')' if !in_class => open = open.saturating_sub(1),
        b'/' if !in_class => {
          self.at += 1;
          break;
        }
        _ => {}
      }
      self.at += 1;
    }
    deepest
  }

  fn word(&mut self, start: usize) {
    while self.bytes.get(self.at).is_some_and(|byte| {
      byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'\\' | 0x80..)
    }) {
      self.at += 1;
    }
    let word = &self.bytes[start..self.at];
    let heads: [&[u8]; 6] = [b"for", b"if", b"while", b"with", b"else", b"do"];
    let infix: [&[u8]; 6] = [b"in", b"of", b"instanceof", b"as", b"satisfies", b"extends"];
    // A word after an operand begins a new statement, by a line's end, unless
    // it is a head that the one before may hold: `if (a) if (b) …`.
    if self.before == Before::Operand && !heads.contains(&word) && !infix.contains(&word) {
      self.run = 0;
      self.links = 0;
    }
    match word {
      // Each of a row of assertions or conditional types is a level of its own.
      b"extends" | b"as" | b"satisfies" => {
        self.links += 1;
        self.before = Before::Operator;
      }
      // Cases that fall through stand beside each other.
      b"case" | b"default" => {
        self.links = 0;
        self.before = Before::Operator;
      }
      b"typeof" | b"void" | b"delete" | b"await" | b"new" | b"yield" | b"for" | b"if"
      | b"while" | b"with" | b"else" | b"do" => {
        self.run += 1;
        self.before = Before::Operator;
      }
      b"return" | b"in" | b"of" | b"instanceof" | b"throw" => {
        self.before = Before::Operator;
      }
      _ => self.operand(),
    }
  }
}

#[cfg(test)]
mod tests {
  use super::deeper_than;

  #[test]
  fn counts_brackets_of_every_kind() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("`${", "}`")] {
      let text = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
      assert_eq!(deeper_than(&text(100), 100), None, "{open}");
      assert!(deeper_than(&text(101), 100).is_some(), "{open}");
    }
  }

  #[test]
  fn counts_the_groups_of_a_regular_expression() {
    let text = |levels: usize| format!("x = /{}{}/", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(deeper_than(&text(100), 100), None);
    assert!(deeper_than(&text(101), 100).is_some());
  }

  #[test]
  fn counts_prefix_operators_and_statement_heads() {
    for unit in ["- ", "!", "typeof ", "new ", "if(1)", "for(;;)", "a?b:"] {
      assert!(deeper_than(&unit.repeat(2000), 1000).is_some(), "{unit}");
    }
  }

  #[test]
  fn statements_in_a_row_do_not_nest() {
    for unit in ["a = -1\n", "a = -1;\n", "new A()\n", "if (a) b()\n", "x?.y ?? z\n", "-a, "] {
      assert_eq!(deeper_than(&unit.repeat(5000), 1000), None, "{unit}");
    }
  }

  #[test]
  fn what_is_not_code_does_not_count() {
    let many = "(".repeat(2000);
    for text in [
      format!("'{many}'"),
      format!("\"\\\"{many}\""),
      format!("`{many}`"),
      format!("// {many}"),
      format!("/* {many} */"),
      format!("x = /[{many}]/"),
      format!("x = /{}/", "(a)".repeat(2000)),
      format!("`${{'`'}}{many}`"),
    ] {
      assert_eq!(deeper_than(&text, 1000), None, "{}", &text[..12]);
    }
  }

  #[test]
  fn a_division_opens_no_regular_expression() {
    let text = format!("a / 2; {}", "(".repeat(1001));
    assert!(deeper_than(&text, 1000).is_some());
    let text = format!("(a) / 2; {} / 2", "(".repeat(1001));
    assert!(deeper_than(&text, 1000).is_some());
  }

  #[test]
  fn a_long_row_nests_too() {
    let rows: [(&str, &str); 13] = [
      ("a", " as A"),
      ("1", "+a"),
      ("a", ".b"),
      ("a", ".b()"),
      ("a", "`t`"),
      ("a", "?.b"),
      ("a", "=>a"),
      ("a", "=a"),
      ("", "<a>"),
      ("a", "??b"),
      ("a", "**b"),
      ("if(a){}", "else if(a){}"),
      ("type T=A", " extends B?C:A"),
    ];
    for (start, link) in rows {
      let text = |links: usize| format!("{start}{}", link.repeat(links));
      assert_eq!(deeper_than(&text(900), 1000), None, "{link}");
      assert!(deeper_than(&text(30_000), 1000).is_some(), "{link}");
    }
  }

  #[test]
  fn what_stands_in_a_row_without_nesting_is_no_row() {
    for unit in [
      "a.b.c()\n",
      "x = a + b;\n",
      "f(a, b)\n",
      "<li>a</li>",
      "<br/>",
      "case 1: ",
      "'name' | ",
      "a.b, ",
      "({a:1}),",
      "function f() { return a.b }\n",
    ] {
      assert_eq!(deeper_than(&unit.repeat(30_000), 1000), None, "{unit}");
    }
  }

  #[test]
  fn closing_brackets_without_opening_ones_are_harmless() {
    assert_eq!(deeper_than(&")]}".repeat(5000), 10), None);
  }
}
