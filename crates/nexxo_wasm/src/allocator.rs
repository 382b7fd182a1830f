//! The allocator: dlmalloc, which asks for memory in big steps.
//!
//! Growing costs a browser a third of a millisecond whatever the amount, and
//! dlmalloc by itself asks for 64 KiB at a time. With steps of a quarter of
//! what is there, the first build of 5,000 modules is half as long.

use std::alloc::{GlobalAlloc, Layout};

use dlmalloc::Dlmalloc;
use wasm_bindgen::prelude::wasm_bindgen;

const PAGE_BYTES: usize = 64 << 10;
const SMALLEST_STEP_BYTES: usize = 2 << 20;
const LARGEST_STEP_BYTES: usize = 64 << 20;

#[global_allocator]
static ALLOCATOR: Stepping = Stepping;

static mut HEAP: Dlmalloc<Steps> = Dlmalloc::new_with_allocator(Steps);

#[wasm_bindgen]
extern "C" {
  #[wasm_bindgen(js_namespace = console, js_name = error)]
  fn log_error(text: &str);
}

struct Stepping;

impl Stepping {
  /// The heap, for as long as one call.
  #[expect(clippy::mut_from_ref, reason = "there is one thread, and no call is within another")]
  #[expect(clippy::deref_addrof, reason = "a plain reference to a `static mut` is refused")]
  fn heap(&self) -> &mut Dlmalloc<Steps> {
    // SAFETY: the module has one thread, and dlmalloc calls nothing that allocates.
    unsafe { &mut *&raw mut HEAP }
  }
}

/// What the trap that follows does not tell. The worker looks for these words.
#[cold]
fn told(pointer: *mut u8) -> *mut u8 {
  log_error("panicked at the allocator: out of memory");
  pointer
}

// SAFETY: all of it is dlmalloc's, whose contract is that of the trait.
unsafe impl GlobalAlloc for Stepping {
  unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
    // SAFETY: the layout is the caller's promise.
    let pointer = unsafe { self.heap().malloc(layout.size(), layout.align()) };
    if pointer.is_null() { told(pointer) } else { pointer }
  }

  unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
    // SAFETY: the layout is the caller's promise.
    let pointer = unsafe { self.heap().calloc(layout.size(), layout.align()) };
    if pointer.is_null() { told(pointer) } else { pointer }
  }

  unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
    // SAFETY: the pointer came from here, with this layout.
    unsafe { self.heap().free(pointer, layout.size(), layout.align()) }
  }

  unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: the pointer came from here, with this layout.
    let pointer = unsafe { self.heap().realloc(pointer, layout.size(), layout.align(), new_size) };
    if pointer.is_null() { told(pointer) } else { pointer }
  }
}

/// The memory below dlmalloc.
struct Steps;

// SAFETY: what it hands out was just grown, so nobody else has it.
unsafe impl dlmalloc::Allocator for Steps {
  fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
    let quarter = memory_bytes() / 4;
    let step = size.max(quarter.clamp(SMALLEST_STEP_BYTES, LARGEST_STEP_BYTES));
    grow(step).or_else(|| grow(size)).unwrap_or((std::ptr::null_mut(), 0, 0))
  }

  fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
    std::ptr::null_mut()
  }

  fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
    false
  }

  fn free(&self, _: *mut u8, _: usize) -> bool {
    false
  }

  fn can_release_part(&self, _: u32) -> bool {
    false
  }

  fn allocates_zeros(&self) -> bool {
    true
  }

  fn page_size(&self) -> usize {
    PAGE_BYTES
  }
}

fn grow(bytes: usize) -> Option<(*mut u8, usize, u32)> {
  let pages = bytes.div_ceil(PAGE_BYTES);
  let before = core::arch::wasm32::memory_grow::<0>(pages);
  if before == usize::MAX {
    return None;
  }
  let start = before * PAGE_BYTES;
  let mut size = pages * PAGE_BYTES;
  if start.wrapping_add(size) == 0 {
    // No object may end where the address space does.
    size -= 16;
  }
  Some((start as *mut u8, size, 0))
}

/// All the memory that the instance has taken.
pub(crate) fn memory_bytes() -> usize {
  core::arch::wasm32::memory_size::<0>() * PAGE_BYTES
}
