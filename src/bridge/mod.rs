//! A bridge: a session at a remote broker and a session at our own, side by side. Pure: bytes and time in, bytes and
//! requests out.
//!
//! A [`Bridge`] keeps no message. It passes packets on: a PUBLISH leaves with the Packet Identifier that it came with,
//! and PUBACK, PUBREC, PUBREL and PUBCOMP go the other way likewise. So the two brokers acknowledge to each other, what
//! waits waits in their sessions, and neither QoS 1 nor QoS 2 depends on what happens to the bridge in between.
//!
//! `machine` is when to connect, `hello` how the bridge introduces itself to the remote broker, `local` what it says to
//! our own, `inward` and `outward` pass packets on, `topics` has the prefixes,
//! `rings` keeps messages from going round, `storm` notices where they do, `stale` knows which Packet Identifiers may
//! mean another message to the remote broker.

mod backoff;
mod hello;
mod inward;
mod local;
mod machine;
mod outbox;
mod outward;
mod rings;
mod stale;
mod storm;
mod topics;

#[cfg(test)]
mod tests;

pub use machine::{Bridge, CLOSED, Surroundings};
pub use outbox::{Note, Outbox, Request, Standing};
