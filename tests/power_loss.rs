//! The power goes at any moment, and the disk fails at any moment: what was acknowledged is there afterwards.
//!
//! Broker, log and clients run in one thread on a disk in memory; what happens is decided by dice. A failing life is
//! named by its seed: `POWER_LOSS_SEED=N cargo test --test power_loss` lives it again.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "power_loss/damage.rs"]
mod damage;
#[path = "harness/dice.rs"]
mod dice;
#[path = "power_loss/disk.rs"]
mod disk;
#[path = "power_loss/life.rs"]
mod life;
#[path = "power_loss/stall.rs"]
mod stall;
mod world;

use life::Life;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lives in the usual tests, all together; `POWER_LOSS_LIVES` for more.
const LIVES: u64 = 1_200;
/// So many tests share them, side by side.
const SHARES: u64 = 4;

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

/// Lives one share of the lives, or the one that is to be repeated.
fn live_share(share: u64) {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = variable("POWER_LOSS_SEED") {
        if seed % SHARES == share {
            live(seed);
        }
        return;
    }
    let (mut lives, mut crashes, mut read) = (0, 0, 0);
    for seed in (share..variable("POWER_LOSS_LIVES").unwrap_or(LIVES)).step_by(SHARES as usize) {
        match catch_unwind(AssertUnwindSafe(|| live(seed))) {
            Ok((more_crashes, more_read)) => {
                lives += 1;
                crashes += more_crashes;
                read += more_read;
            }
            Err(_) => panic!("failed with POWER_LOSS_SEED={seed}"),
        }
    }
    assert!(crashes > lives / 2, "only {crashes} crashes in {lives} lives");
    assert!(read > 5 * lives, "only {read} messages were read again in {lives} lives");
}

/// Nothing that was acknowledged is lost whenever the power goes.
mod nothing_acknowledged_is_lost {
    use super::live_share;

    #[test]
    fn in_the_first_share() {
        live_share(0);
    }

    #[test]
    fn in_the_second_share() {
        live_share(1);
    }

    #[test]
    fn in_the_third_share() {
        live_share(2);
    }

    #[test]
    fn in_the_last_share() {
        live_share(3);
    }
}
