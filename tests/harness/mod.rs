//! What tests that run programs share: brokers on free ports, tools with a deadline, waiting for a condition.
//!
//! Whatever is started here is killed when its value is dropped, also when a test fails.

// Each test program uses its own part of this.
#![allow(dead_code, unused_imports)]

mod broker;
mod fake;
mod tool;
mod wait;

pub use broker::{Broker, Kind, free_port};
pub use fake::{Fake, Peer};
pub use tool::{Outcome, Running, Tool, ours};
pub use wait::until;
