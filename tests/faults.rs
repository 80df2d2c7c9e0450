//! What the real program does when its disk fails: nothing false is acknowledged, the log says what happened, and
//! whatever was acknowledged is there when the fault has gone.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/errors.rs"]
mod errors;
#[path = "harness/kept.rs"]
mod kept;
#[path = "faults/limits.rs"]
mod limits;
#[path = "harness/our_broker.rs"]
mod our_broker;
#[path = "faults/power.rs"]
mod power;
#[path = "harness/raw_client.rs"]
mod raw_client;
#[path = "faults/refused.rs"]
mod refused;
#[path = "harness/running.rs"]
mod running;
#[path = "faults/stall.rs"]
mod stall;
