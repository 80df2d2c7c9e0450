//! The power goes at any moment, and the disk fails at any moment: what was acknowledged is there afterwards.
//!
//! Broker, log and clients run in one thread on a disk in memory; what happens is decided by dice. A failing life is
//! named by its seed: `POWER_LOSS_SEED=N cargo test --test power_loss` lives it again.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "power_loss/damage.rs"]
mod damage;
#[path = "power_loss/disk.rs"]
mod disk;
#[path = "power_loss/life.rs"]
mod life;
#[path = "power_loss/stall.rs"]
mod stall;
mod world;

use life::Life;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lives in the usual test; `POWER_LOSS_LIVES` for more.
const LIVES: u64 = 2_000;

fn live(seed: u64) -> (usize, usize) {
    let mut life = Life::new(seed);
    life.begin();
    for _ in 0..60 + life.dice.below(120) {
        life.step();
    }
    life.come_to_rest();
    life.judge();
    (life.crashes, life.read)
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = variable("POWER_LOSS_SEED") {
        live(seed);
        return;
    }
    let (mut crashes, mut read) = (0, 0);
    for seed in 0..variable("POWER_LOSS_LIVES").unwrap_or(LIVES) {
        match catch_unwind(AssertUnwindSafe(|| live(seed))) {
            Ok((more_crashes, more_read)) => {
                crashes += more_crashes;
                read += more_read;
            }
            Err(_) => panic!("failed with POWER_LOSS_SEED={seed}"),
        }
    }
    assert!(crashes > 1_000, "only {crashes} crashes in all");
    assert!(read > 10_000, "only {read} messages were read again");
}
