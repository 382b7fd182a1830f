//! What every [`Store`](super::Store) promises, as a suite that each of them runs.
//!
//! A new promise is a new check here first.

use std::sync::Arc;

use super::{Batch, Family, Key, Store};

const MODULES: Family = Family("conformance-modules");
const CHUNKS: Family = Family("conformance-chunks");

fn key(index: u8) -> Key {
  Key([index; 32])
}

fn write(entries: &[(Family, u8, &[u8])]) -> Batch {
  Batch {
    writes: entries
      .iter()
      .map(|&(family, index, bytes)| (family, key(index), Arc::from(bytes)))
      .collect(),
    removals: Vec::new(),
  }
}

async fn read(store: &impl Store, family: Family, indices: &[u8]) -> Vec<Option<Vec<u8>>> {
  let keys: Vec<Key> = indices.iter().map(|&index| key(index)).collect();
  let found = store.get(family, &keys).await.expect("the store answers");
  found.into_iter().map(|bytes| bytes.map(|bytes| bytes.to_vec())).collect()
}

/// Runs every check on stores of its own.
///
/// # Panics
/// Where a promise is not kept; the message names it.
pub async fn check<S: Store>(make: impl AsyncFn() -> S) {
  absence_is_an_answer(&make().await).await;
  answers_come_in_the_order_of_the_keys(&make().await).await;
  families_do_not_see_each_other(&make().await).await;
  removals_come_last(&make().await).await;
  values_are_exact(&make().await).await;
}

async fn absence_is_an_answer(store: &impl Store) {
  assert_eq!(read(store, MODULES, &[1]).await, [None], "an empty store has nothing");
  assert!(read(store, MODULES, &[]).await.is_empty(), "no keys, no entries");
  let batch = Batch { removals: vec![(MODULES, key(1))], ..Batch::default() };
  store.commit(batch).await.expect("removing what is not there is no mistake");
  store.commit(Batch::default()).await.expect("an empty batch is no mistake");
}

async fn answers_come_in_the_order_of_the_keys(store: &impl Store) {
  store.commit(write(&[(MODULES, 1, b"one"), (MODULES, 3, b"three")])).await.expect("it is kept");
  assert_eq!(
    read(store, MODULES, &[3, 2, 1, 3]).await,
    [Some(b"three".to_vec()), None, Some(b"one".to_vec()), Some(b"three".to_vec())],
    "answers stand where their keys stand, twice where a key does",
  );
}

async fn families_do_not_see_each_other(store: &impl Store) {
  store.commit(write(&[(MODULES, 1, b"module"), (CHUNKS, 1, b"chunk")])).await.expect("it is kept");
  let batch = Batch { removals: vec![(CHUNKS, key(1))], ..Batch::default() };
  assert_eq!(read(store, CHUNKS, &[1]).await, [Some(b"chunk".to_vec())], "a key is of its family");
  store.commit(batch).await.expect("it is removed");
  assert_eq!(read(store, MODULES, &[1]).await, [Some(b"module".to_vec())], "the other one stays");
  assert_eq!(read(store, CHUNKS, &[1]).await, [None], "the removed one is gone");
}

async fn removals_come_last(store: &impl Store) {
  store.commit(write(&[(MODULES, 1, b"one"), (MODULES, 1, b"one")])).await.expect("it is kept");
  assert_eq!(read(store, MODULES, &[1]).await, [Some(b"one".to_vec())], "a key may come twice");
  let mut batch = write(&[(MODULES, 1, b"one"), (MODULES, 2, b"two")]);
  batch.removals.push((MODULES, key(1)));
  store.commit(batch).await.expect("it is kept");
  assert_eq!(
    read(store, MODULES, &[1, 2]).await,
    [None, Some(b"two".to_vec())],
    "a removal holds against a write of the same batch",
  );
  store.commit(write(&[(MODULES, 1, b"anew")])).await.expect("it is kept");
  assert_eq!(read(store, MODULES, &[1]).await, [Some(b"anew".to_vec())], "there is room again");
}

async fn values_are_exact(store: &impl Store) {
  let large: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
  store.commit(write(&[(MODULES, 1, b""), (MODULES, 2, &large)])).await.expect("it is kept");
  assert_eq!(
    read(store, MODULES, &[1, 2]).await,
    [Some(Vec::new()), Some(large)],
    "no byte and many bytes come back as they were",
  );
}
