//! What every diagnostic owes its reader, whatever it is about: a sentence, a
//! place, a next step, and no word of what goes on inside.

use nexxo::{protocol::Diagnostic, snapshot::Sources};

/// Diagnostics about the request, for which no source has a place.
const WITHOUT_FILE: [&str; 17] = [
  "BUDGET_EXCEEDED",
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "DUPLICATE_ENTRY",
  "INVALID_OPTION",
  "INVALID_PATH",
  "MISSING_GLOBAL_NAME",
  "MISSING_INPUT",
  "MISSING_NAME_OPTION",
  "MIXED_EXPORTS",
  "OPTION_CONFLICT",
  "OUTPUT_CONFLICT",
  "OUTPUT_OUTSIDE_DIR",
  "OUTSIDE_ROOT",
  "UNKNOWN_OPTION",
  "UNRESOLVED_ENTRY",
  "WRONG_CASE",
];

/// Diagnostics about a file as a whole.
const WITHOUT_RANGE: [&str; 3] = ["FILE_TOO_LARGE", "MIXED_EXPORTS", "NOT_UTF8"];

/// Words that mean nothing to who wrote the sources.
const INSIDE: [&str; 10] = [
  "rolldown",
  "rollup.",
  "oxc",
  "backtrace",
  "panicked",
  "serde",
  "struct ",
  "parser options",
  "anyhow",
  "expected a map",
];

const LONGEST_MESSAGE: usize = 400;
const WIDEST_FRAME: usize = 200;

/// What is not as it should be about a diagnostic.
pub fn problems(diagnostic: &Diagnostic, sources: &Sources, cwd: &str) -> Vec<String> {
  let mut problems = Vec::new();
  let mut expect = |holds: bool, problem: &str| {
    if !holds {
      problems.push(problem.to_owned());
    }
  };
  let Diagnostic { code, message, .. } = diagnostic;
  expect(*code != "INTERNAL", "it is called a defect of the engine");
  expect(diagnostic.hint.is_some(), "there is no next step");
  expect(message.ends_with(['.', '?', '!']), "the message is no sentence");
  expect(!message.contains(['\n', '\r']), "the message has several lines");
  expect(message.chars().count() <= LONGEST_MESSAGE, "the message is too long");
  expect(
    !message.contains('"') && !message.contains(" '"),
    "names stand in quotes, not in backticks",
  );

  let texts = [Some(message), diagnostic.hint.as_ref()].into_iter().flatten();
  for text in texts.chain(&diagnostic.notes) {
    let lower = text.to_lowercase();
    for word in INSIDE {
      expect(!lower.contains(word), &format!("it speaks of `{word}`"));
    }
    expect(!text.contains("``"), "a name is empty");
    expect(!text.chars().any(|c| c.is_control() && c != '\n'), "it has control characters");
  }

  match (&diagnostic.file, diagnostic.range, &diagnostic.frame) {
    (None, None, None) => expect(WITHOUT_FILE.contains(code), "there is no place"),
    (Some(file), range, frame) => {
      let path = format!("{cwd}/{file}");
      expect(sources.get(&path).is_some(), &format!("there is no file `{file}`"));
      expect(range.is_some() || WITHOUT_RANGE.contains(code), "there is no place in the file");
      expect(range.is_some() == frame.is_some(), "a place has a frame, and only a place");
      if let Some(frame) = frame {
        let marked = frame.lines().any(|line| line.starts_with("> "));
        expect(marked && frame.contains('^'), "the frame marks no place");
        let narrow = frame.lines().all(|line| line.chars().count() <= WIDEST_FRAME);
        expect(narrow, "the frame is too wide");
        expect(
          !frame.chars().any(|c| c.is_control() && c != '\n'),
          "the frame has control characters",
        );
      }
    }
    _ => expect(false, "a place needs a file"),
  }
  problems
}
