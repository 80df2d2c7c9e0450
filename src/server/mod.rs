//! The event loop around the broker: listeners, sockets, signals, and slow work on other threads.

mod bridges;
mod check;
mod client_io;
mod control;
mod dial;
pub mod dynsec_file;
mod error;
mod event_loop;
mod greeters;
mod http;
mod http_answers;
mod layers;
mod listen;
mod passwords;
mod persistence;
mod pipe;
mod prepare;
mod reload;
mod rules;
mod secure;
mod signals;
mod slots;
mod socket;
mod sys;
mod systemd;

pub use crate::broker::refuses_to_publish;
pub use check::{Findings, check};
pub use error::Error;
pub use event_loop::{Handle, Server};
pub use prepare::Prepared;
pub use reload::Reread;
pub use rules::{limits, listener_rules};
