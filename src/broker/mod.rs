//! The broker as a value: bytes and time in, bytes and requests out. Pure.

mod access;
mod clock;
mod connect;
mod connection;
mod counters;
mod deliver;
mod disconnect;
mod encode;
mod flow;
mod limits;
mod message;
mod notice;
mod outbox;
mod outbuf;
mod own;
mod packet;
mod publish;
mod random;
mod reload;
mod retained;
mod session;
mod shard;
mod subscribe;
mod timers;
mod will;

pub use clock::Now;
pub use connection::ConnectionKey;
pub use counters::{Counters, Gauges};
pub use limits::{Limits, ListenerRules};
pub use notice::{AckName, Ended, Kinds, Notice, Peer, PublishLine};
pub use outbox::{Outbox, Verdict, Verification};
pub use own::OwnMessage;
pub use reload::Resident;
pub use shard::Shard;
