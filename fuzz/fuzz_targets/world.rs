//! A broker and its clients, good and bad, driven by any bytes: no panic, and the broker owes nothing at the end.
//!
//! `cargo +nightly fuzz run world`. The stories are those of `tests/any_packets/`, which tells what they check: four
//! bytes for the setting, then four for each step.

#![no_main]

#[path = "../../tests/any_packets/story/mod.rs"]
mod story;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    story::run(script);
});
