//! Dynamic security: clients, groups and roles that are changed while the broker runs, as mosquitto's plugin of that
//! name has them. Pure: the file's text comes in and goes out, passwords are hashed by whoever asks.

mod clients;
mod command;
mod decide;
mod file;
mod groups;
mod initial;
mod json;
mod model;
mod request;
mod roles;

pub use command::{Caller, Kick, Outcome};
pub use decide::{Client as CheckedClient, Decision, Right};
pub use file::DynsecFileError;
pub use model::Dynsec;
pub use request::Request;

/// Where commands are published to.
pub const COMMAND_TOPIC: &str = "$CONTROL/dynamic-security/v1";
/// Where they are answered.
pub const RESPONSE_TOPIC: &str = "$CONTROL/dynamic-security/v1/response";

#[cfg(test)]
mod tests;
