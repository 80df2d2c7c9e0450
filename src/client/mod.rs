//! The client's side of a connection, from CONNECT to DISCONNECT. Pure: bytes and time in, bytes and events out.
//!
//! [`Connection`] is a value without a socket or a clock. Its methods are of three kinds: commands (`connect`,
//! `subscribe`, `publish`, …) append packets to an [`Outbox`]; [`Connection::next`] acts on one received packet and
//! says in an [`Event`] what it means; `sent`, `received` and `tick` tell it how time goes on.

mod connection;
mod event;
mod keep_alive;
mod outbox;
mod receive;
mod reconnect;
mod send;
mod settings;
mod trace;

#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use event::{Event, Violation};
pub use keep_alive::KeepAliveExceeded;
pub use outbox::Outbox;
pub use reconnect::Reconnect;
pub use send::{Outgoing, PublishError};
pub use settings::{Settings, Will};
