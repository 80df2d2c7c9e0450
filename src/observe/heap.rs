//! How much heap the program has: the system's allocator, counted.
//!
//! Each thread counts for itself and adds to the total in steps, so that counting costs next to nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// A thread adds what it has counted to the total when it is more than this.
const STEP: i64 = 64 * 1024;

static CURRENT: AtomicI64 = AtomicI64::new(0);
static MAXIMUM: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static HERE: Cell<i64> = const { Cell::new(0) };
}

/// The allocator to be named with `#[global_allocator]`; in a program without it the figures are 0.
#[derive(Debug)]
pub struct CountedHeap;

/// Bytes in use, to within 64 KiB a thread.
pub fn current() -> u64 {
    HERE.with(|here| add(here.take()));
    u64::try_from(CURRENT.load(Ordering::Relaxed)).unwrap_or(0)
}

/// The most bytes that were in use.
pub fn maximum() -> u64 {
    u64::try_from(MAXIMUM.load(Ordering::Relaxed)).unwrap_or(0)
}

fn add(bytes: i64) {
    let now = CURRENT.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MAXIMUM.fetch_max(now, Ordering::Relaxed);
}

fn count(bytes: i64) {
    // A thread that is ending has no place of its own any more.
    let counted = HERE.try_with(|here| {
        let sum = here.get() + bytes;
        if sum.abs() > STEP {
            here.set(0);
            add(sum);
        } else {
            here.set(sum);
        }
    });
    if counted.is_err() {
        add(bytes);
    }
}

#[allow(unsafe_code)]
// SAFETY: everything is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_leftovers_add_up() {
        let start = current();
        count(3 * STEP);
        count(STEP / 2);
        let grown = current();
        assert!(grown >= start + 3 * STEP as u64, "other tests don't count: only {grown}");
        assert!(maximum() >= grown);
        count(-3 * STEP - STEP / 2);
        assert_eq!(current(), start);
    }
}
