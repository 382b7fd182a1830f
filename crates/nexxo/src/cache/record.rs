//! Records: bytes that say what they are, and whether they are whole.
//!
//! ```text
//! 0   4  "nxr1"
//! 4   1  kind
//! 5   3  zero
//! 8   8  length of the body, little endian
//! 16  16 SHA-256 of kind, key and body, its first half
//! 32  …  body
//! ```

use std::sync::Arc;

use super::digest;
use crate::store::Key;

const MAGIC: &[u8; 4] = b"nxr1";
const HEAD: usize = 32;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
  /// What to ask about the files next.
  Questions = 1,
  /// The result of a build, without its files' contents.
  Result = 2,
  /// One file's contents.
  Contents = 3,
}

/// A record with this body.
pub(super) fn seal(kind: Kind, key: &Key, body: &[u8]) -> Arc<[u8]> {
  let mut bytes = Vec::with_capacity(HEAD + body.len());
  bytes.extend_from_slice(MAGIC);
  bytes.extend_from_slice(&[kind as u8, 0, 0, 0]);
  bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
  bytes.extend_from_slice(&check(kind as u8, key, body));
  bytes.extend_from_slice(body);
  bytes.into()
}

/// The body of a record of this kind and key. Nothing where it is of another, of another version,
/// or not as it was written.
pub(super) fn open<'a>(kind: Kind, key: &Key, bytes: &'a [u8]) -> Option<&'a [u8]> {
  body(key, bytes).filter(|(found, _)| *found == kind as u8).map(|(_, body)| body)
}

/// The contents with this digest, if that is what a record holds: whoever wrote it may have lied.
pub(super) fn contents<'a>(key: &Key, bytes: &'a [u8]) -> Option<&'a [u8]> {
  open(Kind::Contents, key, bytes).filter(|contents| digest(&[contents]) == key.0)
}

/// Whether a record is as it was written for this key, whatever it is.
pub(super) fn is_whole(key: &Key, bytes: &[u8]) -> bool {
  body(key, bytes).is_some()
}

fn body<'a>(key: &Key, bytes: &'a [u8]) -> Option<(u8, &'a [u8])> {
  let (head, body) = bytes.split_at_checked(HEAD)?;
  let length = u64::from_le_bytes(head[8..16].try_into().ok()?);
  let is_ours = head[..4] == *MAGIC && head[5..8] == [0; 3] && length == body.len() as u64;
  (is_ours && head[16..] == check(head[4], key, body)).then_some((head[4], body))
}

/// With the key in it: one that came to another's place is no record there.
fn check(kind: u8, key: &Key, body: &[u8]) -> [u8; 16] {
  let mut half = [0; 16];
  half.copy_from_slice(&digest(&[&[kind], &key.0, body])[..16]);
  half
}

#[cfg(test)]
mod tests {
  use super::{HEAD, Key, Kind, open, seal};

  const KEY: Key = Key([1; 32]);

  #[test]
  fn no_other_byte_is_believed() {
    let record = seal(Kind::Result, &KEY, b"a body");
    assert_eq!(open(Kind::Result, &KEY, &record), Some(b"a body".as_slice()));
    assert_eq!(open(Kind::Questions, &KEY, &record), None);
    for at in 0..record.len() {
      for bit in 0..8 {
        let mut damaged = record.to_vec();
        damaged[at] ^= 1 << bit;
        assert_eq!(open(Kind::Result, &KEY, &damaged), None, "bit {bit} of byte {at}");
      }
      assert_eq!(open(Kind::Result, &KEY, &record[..at]), None, "cut at {at}");
    }
    assert_eq!(open(Kind::Contents, &KEY, &seal(Kind::Contents, &KEY, b"")), Some(b"".as_slice()));
    assert_eq!(seal(Kind::Contents, &KEY, b"").len(), HEAD);
    assert_eq!(open(Kind::Result, &Key([2; 32]), &record), None);
  }
}
