//! One network connection as the broker sees it: how far it has come, and what waits to be written.

use super::limits::{GRACE_ACKNOWLEDGED, STALLS};
use super::notice::{Peer, Secured};
use super::outbuf::OutBuffer;
use crate::protocol::Version;
use crate::session::{InboundAliases, OutboundAliases};

/// Number of a connection; reused after it is closed.
pub type ConnectionKey = usize;

/// Number of a session; reused after it is removed.
pub type SessionKey = u32;

/// "No session yet".
pub const NO_SESSION: SessionKey = SessionKey::MAX;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Only CONNECT may come `[MQTT-3.1.0-1]`.
    AwaitingConnect,
    /// CONNECT came; its Password is being checked.
    Authenticating,
    /// CONNACK with success went out.
    Live,
    /// Nothing more is read; what waits is written and then the socket is closed.
    Closing,
}

/// Whether a connection is a bridge of a broker of ours: messages have their trail there, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour {
    /// No.
    No,
    /// Its Will is that of a bridge: it is told our name, and what it says of a message's trail is believed.
    Perhaps,
    /// It is one of our own bridges, or has told its broker's name.
    Sure,
}

/// How hard a receiver that is behind holds its publishers back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Not at all.
    No,
    /// For a moment: more would only lengthen its queue, and what comes in larger pieces is handled with less work.
    Gently,
    /// Else messages would be dropped.
    Firmly,
}

/// What only 5.0 connections have.
#[derive(Debug, Default)]
pub struct Aliases {
    /// Set by the client.
    pub inbound: InboundAliases,
    /// Set by us.
    pub outbound: OutboundAliases,
}

/// Times that a publisher was held back for as long as its receivers may, in monotonic milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stalls {
    count: u8,
    /// The first of them.
    since: u64,
    /// The last of them.
    last: u64,
}

impl Stalls {
    /// One more; several receivers that did so at the same time are one.
    pub fn note(&mut self, now: u64) {
        if self.count == 0 || now >= self.since + STALLS.1 {
            *self = Stalls { count: 1, since: now, last: now };
        } else if now >= self.last + GRACE_ACKNOWLEDGED {
            *self = Stalls { count: self.count.saturating_add(1), last: now, ..*self };
        }
    }

    /// Whether there were so many lately that there must not be more.
    pub fn are_enough(&self, now: u64) -> bool {
        self.count >= STALLS.0 && now < self.since + STALLS.1
    }
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// How far it has come.
    pub phase: Phase,
    /// Protocol version, from CONNECT on.
    pub version: Version,
    /// DISCONNECT with reason 0 came: no Will.
    pub said_goodbye: bool,
    /// It is on the list of those to be written.
    pub dirty: bool,
    /// Its messages are dropped for want of room; said once an episode.
    pub dropping: bool,
    /// Holds that it has outstayed: it may not hold publishers back so hard again until it has caught up.
    pub outstayed: Hold,
    /// How hard it holds publishers back now.
    pub hold: Hold,
    /// 5.0: Request Problem Information; false: no Reason String or User Property to it.
    pub problem_information: bool,
    /// CONNECT came with the bridge bit: retain as published, no local.
    pub bridge: bool,
    /// Whether it is a bridge of a broker of ours.
    pub neighbour: Neighbour,
    /// Nothing that waits is delivered on it.
    pub mute: bool,
    /// How often it was held back for as long as receivers may.
    pub stalls: Stalls,
    /// Receivers that hold its publishing back: nothing more is read from it.
    pub held_by: u16,
    /// One of them firmly: what was read already waits as well.
    pub held_firmly: bool,
    /// Index of the listener that accepted it.
    pub listener: u16,
    /// The session it serves, once live.
    pub session: SessionKey,
    /// Keep Alive in seconds as agreed; 0: none.
    pub keep_alive: u16,
    /// Where its last topic was found in the route cache.
    pub route_hint: u32,
    /// The client's Maximum Packet Size `[MQTT-3.1.2-24]`.
    pub maximum_packet_size: u32,
    /// Monotonic milliseconds of the last packet.
    pub last_seen: u64,
    /// Monotonic milliseconds since when its output is too long; 0: it isn't.
    pub slow_since: u64,
    /// Differs between two connections that had the same key.
    pub generation: u32,
    /// What waits to be written.
    pub out: OutBuffer,
    /// Publishers held back on its account.
    #[expect(clippy::box_collection, reason = "one pointer in the connections that hold nobody")]
    pub holding: Option<Box<Vec<ConnectionKey>>>,
    /// The last topic that it may publish to, where there is an ACL.
    pub may_write: Option<Box<str>>,
    /// Topic Aliases, if either side may set any.
    pub aliases: Option<Box<Aliases>>,
    /// What TLS has found out.
    pub secured: Option<Box<Secured>>,
    /// Where it comes from.
    pub peer: Peer,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(listener: u16, peer: Peer, now: u64, generation: u32) -> Self {
        Connection {
            phase: Phase::AwaitingConnect,
            version: Version::V311,
            said_goodbye: false,
            dirty: false,
            dropping: false,
            outstayed: Hold::No,
            hold: Hold::No,
            problem_information: true,
            bridge: false,
            neighbour: Neighbour::No,
            mute: false,
            stalls: Stalls::default(),
            held_by: 0,
            held_firmly: false,
            listener,
            session: NO_SESSION,
            keep_alive: 0,
            route_hint: u32::MAX,
            maximum_packet_size: u32::MAX,
            last_seen: now,
            slow_since: 0,
            generation,
            out: OutBuffer::default(),
            holding: None,
            may_write: None,
            aliases: None,
            secured: None,
            peer,
        }
    }

    /// Whether packets may still be written to it.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }
}
