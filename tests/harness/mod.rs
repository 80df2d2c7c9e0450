//! What tests that run programs share: brokers on free ports, tools with a deadline, waiting for a condition, and a
//! client of bare packets.
//!
//! Whatever is started here is killed when its value is dropped, also when a test fails.

// Each test program uses its own part of this.
#![allow(dead_code, unused_imports)]

mod broker;
mod dice;
mod fake;
pub mod kept;
mod ports;
mod printed;
mod programs;
pub mod raw_client;
mod running;
mod tool;
mod wait;

pub use broker::{Broker, Kind};
pub use dice::Dice;
pub use fake::{Fake, Peer};
pub use ports::free_port;
pub use printed::Printed;
pub use programs::{foreign, ours, passed_over};
pub use running::{Outcome, Running, feed, run, state};
pub use tool::Tool;
pub use wait::{PATIENCE, eventually, until};
