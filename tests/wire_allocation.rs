//! Decoding allocates nothing: whatever a packet announces, memory doesn't follow. An own program, because it counts
//! what its allocator is asked for.

#[allow(dead_code)] // tests/wire.rs uses the rest of it
#[path = "wire/cases.rs"]
mod cases;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mqtt_toolkit::protocol::{Version, fixed_header};

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the bytes that this thread asks for.
struct Counting;

// An allocator can't be written without it.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that were asked for while something ran.
fn asked_by(work: impl FnOnce()) -> usize {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_count_counts() {
    assert!(asked_by(|| drop(std::hint::black_box(vec![0_u8; 1000]))) >= 1000);
}

#[test]
fn decoding_allocates_nothing() {
    for case in cases::good().iter().chain(&cases::malformed()) {
        let asked = asked_by(|| {
            let packet = cases::take_first(case.version, &case.bytes);
            assert!(matches!(packet, Ok(Some(_)) | Err(_)), "{}", case.name);
        });
        assert_eq!(asked, 0, "{}", case.name);
    }
}

#[test]
fn a_packet_of_256_megabytes_announced_allocates_nothing() {
    let bytes = [0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b'a', 0, 0];
    let asked = asked_by(|| {
        let header = fixed_header(&bytes).unwrap().unwrap();
        assert_eq!((header.header_length, header.remaining_length), (5, 268_435_455));
        assert!(cases::take_first(Version::V5, &bytes).unwrap().is_none());
    });
    assert_eq!(asked, 0);
}
