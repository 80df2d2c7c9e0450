//! What the real program does when its disk fails: nothing false is acknowledged, the log says what happened, and
//! whatever was acknowledged is there when the fault has gone.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod harness;

#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/errors.rs"]
mod errors;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/power.rs"]
mod power;
#[path = "faults/refused.rs"]
mod refused;
#[path = "faults/stall.rs"]
mod stall;
