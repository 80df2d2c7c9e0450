//! Any packets, good and bad, in any order, from clients of every version: what the broker owes to those who keep to
//! the rules it does, whatever the others do.
//!
//! The same stories are found by the fuzzer (`fuzz/fuzz_targets/world.rs`).

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod story;

use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_arrives_and_nothing_panics(
        setting in any::<[u8; 4]>(),
        steps in vec(any::<[u8; 4]>(), 0..200),
    ) {
        let script: Vec<u8> = setting.into_iter().chain(steps.into_iter().flatten()).collect();
        story::run(&script);
    }
}

#[test]
fn an_empty_story_is_one() {
    story::run(&[]);
}

/// The story checks what it claims to check: good clients do get messages, of every kind, in stories of chance.
#[test]
fn stories_are_eventful() {
    let mut seen = story::Seen::default();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..200 {
        let script: Vec<u8> = (0..800)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        seen.add(&story::run(&script));
    }
    println!("{seen:?}");
    assert!(seen.at_most_once > 100, "{seen:?}");
    assert!(seen.acknowledged > 1000, "{seen:?}");
    assert!(seen.sent_again > 50, "{seen:?}");
    assert!(seen.resumed > 100, "{seen:?}");
    assert!(seen.held > 0, "{seen:?}");
    assert!(seen.closed_hostile > 100, "{seen:?}");
    assert!(seen.shared > 10, "{seen:?}");
}
