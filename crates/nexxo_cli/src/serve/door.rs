//! The one door: whatever the servers give of the disk comes through [`Door`].
//!
//! A path is read once, judged by its letters alone before the disk is touched –
//! by the rules of every system, so that a test on one is a test for all –, then
//! opened beneath the folder's own handle, and judged again by where that led.

use std::{
  io::{self, Read},
  path::Path,
};

use cap_std::{ambient_authority, fs::Dir};

/// Names that are never served, whatever their case.
const DENIED: [&str; 12] = [
  ".git",
  ".hg",
  ".svn",
  ".ssh",
  ".npmrc",
  ".yarnrc",
  ".yarnrc.yml",
  ".netrc",
  ".nexxo",
  ".htpasswd",
  ".cache",
  "node_modules",
];
const DENIED_STARTS: [&str; 5] = [".env", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"];
const DENIED_ENDS: [&str; 8] = [".pem", ".key", ".p12", ".pfx", ".crt", ".cer", ".der", ".kdbx"];
/// What Windows takes for a device, with whatever extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why something is not served. Nothing of what was asked for is repeated to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
  /// No path at all.
  Malformed,
  /// A path that leads where nobody may go.
  Forbidden,
  NotFound,
}

/// A path that may be asked for: decoded, absolute, without anything that a system reads in its
/// own way. `/` at its end is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServedPath(String);

impl ServedPath {
  /// Reads the path of a request target, without its query.
  pub(crate) fn read(raw: &str) -> Result<Self, Refusal> {
    if !raw.starts_with('/') || !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
      return Err(Refusal::Malformed);
    }
    let text = decode(raw).ok_or(Refusal::Malformed)?;
    if text.contains('\\') || text.chars().any(char::is_control) {
      return Err(Refusal::Malformed);
    }
    // What is encoded twice is meant to be decoded twice, by somebody else.
    if text.contains('%') {
      return Err(Refusal::NotFound);
    }
    let below = &text[1..];
    let mut segments = below.split('/').peekable();
    while let Some(segment) = segments.next() {
      if segment.is_empty() {
        if segments.peek().is_some() {
          return Err(Refusal::NotFound);
        }
        break;
      }
      judge(segment)?;
    }
    Ok(Self(text))
  }

  pub(crate) fn as_str(&self) -> &str {
    &self.0
  }

  /// The path below a prefix that ends with `/`.
  pub(crate) fn below(&self, prefix: &str) -> Option<Self> {
    let rest = self.0.strip_prefix(prefix)?;
    Some(Self(format!("/{rest}")))
  }
}

/// Decodes `%xx` once; nothing where that is no text.
fn decode(raw: &str) -> Option<String> {
  let mut bytes = Vec::with_capacity(raw.len());
  let mut rest = raw.bytes();
  while let Some(byte) = rest.next() {
    bytes.push(match byte {
      b'%' => {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        u8::try_from(high * 16 + low).ok()?
      }
      byte => byte,
    });
  }
  String::from_utf8(bytes).ok()
}

fn judge(segment: &str) -> Result<(), Refusal> {
  if segment == "." || segment == ".." || segment.ends_with(['.', ' ']) {
    return Err(Refusal::Forbidden);
  }
  // Drives and streams; a stream's name would hide what the file's is.
  if segment.contains(':') || is_short_name(segment) || is_device(segment) {
    return Err(Refusal::Forbidden);
  }
  if is_denied(segment) { Err(Refusal::Forbidden) } else { Ok(()) }
}

/// `PROGRA~1.EXT`, by which old systems know a file with another name.
fn is_short_name(segment: &str) -> bool {
  let (name, extension) = segment.split_once('.').unwrap_or((segment, ""));
  let Some((start, number)) = name.split_once('~') else { return false };
  !number.is_empty()
    && number.bytes().all(|byte| byte.is_ascii_digit())
    && (1..=6).contains(&start.chars().count())
    && extension.chars().count() <= 3
}

fn is_device(segment: &str) -> bool {
  let name = segment.split('.').next().unwrap_or_default().to_lowercase();
  DEVICES.contains(&name.as_str())
    || name
      .strip_prefix("com")
      .or_else(|| name.strip_prefix("lpt"))
      .is_some_and(|rest| rest.chars().count() == 1 && rest.chars().all(char::is_numeric))
}

fn is_denied(segment: &str) -> bool {
  let name = segment.to_lowercase();
  DENIED.contains(&name.as_str())
    || DENIED_STARTS.iter().any(|start| name.starts_with(start))
    || DENIED_ENDS.iter().any(|end| name.ends_with(end))
}

/// A folder of which files are served.
pub(crate) struct Door {
  folder: Dir,
}

impl Door {
  /// # Errors
  /// Where there is no such folder.
  pub(crate) fn new(folder: &Path) -> io::Result<Self> {
    Ok(Self { folder: Dir::open_ambient_dir(folder, ambient_authority())? })
  }

  /// What a file holds.
  pub(crate) fn read(&self, path: &ServedPath) -> Result<Vec<u8>, Refusal> {
    let below = path.as_str().trim_start_matches('/');
    if below.is_empty() || below.ends_with('/') {
      return Err(Refusal::NotFound);
    }
    // Beneath the folder's handle: a link that leads out does not open.
    let mut file = self.folder.open(below).map_err(|_| Refusal::NotFound)?;
    let real = self.folder.canonicalize(below).map_err(|_| Refusal::NotFound)?;
    for part in real.components() {
      judge(part.as_os_str().to_str().ok_or(Refusal::NotFound)?)?;
    }
    let metadata = file.metadata().map_err(|_| Refusal::NotFound)?;
    if !metadata.is_file() {
      return Err(Refusal::NotFound);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(|_| Refusal::NotFound)?;
    Ok(bytes)
  }
}

#[cfg(test)]
mod tests {
  use std::{fs, os::unix::fs::symlink};

  use super::{Door, Refusal, ServedPath};

  #[test]
  fn paths_are_judged_by_their_letters() {
    let good = [
      "/",
      "/docs/",
      "/a.js",
      "/..file.js",
      "/.well-known/x",
      "/[id].tsx",
      "/(g)/a.js",
      "/a~b.js",
      "/0~rslib-runtime.js",
      "/special%20characters%20%C3%A5%C3%A4%C3%B6/safe.txt",
      "/;x=1/a",
    ];
    for path in good {
      assert!(ServedPath::read(path).is_ok(), "{path}");
    }
    let bad = [
      "",
      "x",
      "/../x",
      "/a/..",
      "/%2e%2e/x",
      "/%2e%2e%2fx",
      "/%252e%252e/x",
      "/..%5cx",
      "//x",
      "/a//b",
      "/.env",
      "/.EnV.local",
      "/a/TLS.PEM",
      "/.git/config",
      "/.env.",
      "/.env%20",
      "/x/.",
      "/ENV~1",
      "/TLS~1.PEM",
      "/C:/x",
      "/c:x",
      "/.env::$DATA",
      "/CON",
      "/aux.js",
      "/com1.txt",
      "/LPT9",
      "/%00",
      "/a%00.txt",
      "/%",
      "/%zz",
      "/%e0%a4%a",
      "/%c0%ae%c0%ae/x",
      "/%ff",
      "/a\u{e9}",
      "/a b",
      "/id_rsa.pub",
      "/node_modules/x/package.json",
      "/a%5c",
      "/\u{1}",
    ];
    for path in bad {
      assert!(ServedPath::read(path).is_err(), "{path}");
    }
    assert_eq!(ServedPath::read("/base/a.js").unwrap().below("/base/").unwrap().as_str(), "/a.js");
  }

  #[test]
  fn links_that_lead_out_or_to_what_is_denied_do_not_open() {
    let scene = tempfile::tempdir().unwrap();
    let public = scene.path().join("public");
    fs::create_dir_all(public.join("deep")).unwrap();
    fs::write(scene.path().join("secret"), "CANARY").unwrap();
    fs::write(public.join(".env"), "CANARY").unwrap();
    fs::write(public.join("deep/a.txt"), "a").unwrap();
    symlink("../secret", public.join("out.txt")).unwrap();
    symlink("..", public.join("up")).unwrap();
    symlink(".env", public.join("env.txt")).unwrap();
    symlink("deep/a.txt", public.join("in.txt")).unwrap();
    let door = Door::new(&public).unwrap();
    let read = |path: &str| door.read(&ServedPath::read(path).unwrap());
    assert_eq!(read("/in.txt").unwrap(), b"a");
    assert_eq!(read("/out.txt"), Err(Refusal::NotFound));
    assert_eq!(read("/up/secret"), Err(Refusal::NotFound));
    assert_eq!(read("/env.txt"), Err(Refusal::Forbidden));
    assert_eq!(read("/deep"), Err(Refusal::NotFound));
    assert_eq!(read("/deep/a.txt/"), Err(Refusal::NotFound));
  }
}
