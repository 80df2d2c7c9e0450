//! What a client says in CONNECT, and the limits it keeps to.

use zeroize::Zeroizing;

use crate::protocol::{PropertiesBuf, QoS, Version};

/// Everything that stays the same from one CONNECT of this client to the next.
#[derive(Clone)]
pub struct Settings {
    /// Protocol version.
    pub version: Version,
    /// ClientId; empty asks the broker for one (3.1.1 and 5.0).
    pub client_id: String,
    /// Says that this is a bridge, which 3.x brokers of mosquitto's kind understand: messages keep their RETAIN flag
    /// and don't come back to it.
    pub bridge: bool,
    /// Clean Start (5.0) or Clean Session (3.x).
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 is none.
    pub keep_alive: u16,
    /// User Name.
    pub username: Option<String>,
    /// Password, wiped when dropped.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// The Will.
    pub will: Option<Will>,
    /// Properties of CONNECT (5.0). Receive Maximum and Topic Alias Maximum are read from here.
    pub properties: PropertiesBuf,
    /// How many QoS 1 and 2 messages of ours may be in flight at a time; 0 is no limit of ours.
    pub max_in_flight: u16,
}

/// What the broker publishes if this client goes without a DISCONNECT.
#[derive(Clone)]
pub struct Will {
    /// Topic Name.
    pub topic: String,
    /// Payload; may be empty.
    pub payload: Vec<u8>,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Properties (5.0).
    pub properties: PropertiesBuf,
}
