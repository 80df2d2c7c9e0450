//! How a client introduces itself: the options of CONNECT, one call each.

use super::packets::leak;
use mqtt_toolkit::protocol::{Connect, Packet, PropertiesBuf, Property, QoS, Version, Will};

/// A CONNECT in the making, without its ClientId.
#[derive(Clone, Debug)]
pub struct Connecting {
    version: Version,
    bridge: bool,
    clean_start: bool,
    keep_alive: u16,
    properties: PropertiesBuf,
    will: Option<(String, Vec<u8>, QoS, bool)>,
    will_properties: PropertiesBuf,
    username: Option<String>,
    password: Option<Vec<u8>>,
}

/// MQTT 3.1, clean session, no Keep Alive.
pub fn v31() -> Connecting {
    Connecting::new(Version::V31)
}

/// MQTT 3.1.1, clean session, no Keep Alive.
pub fn v311() -> Connecting {
    Connecting::new(Version::V311)
}

/// MQTT 5.0, Clean Start, no Keep Alive, no properties.
pub fn v5() -> Connecting {
    Connecting::new(Version::V5)
}

impl Connecting {
    /// Clean Start, no Keep Alive, nothing else.
    pub fn new(version: Version) -> Connecting {
        Connecting {
            version,
            bridge: false,
            clean_start: true,
            keep_alive: 0,
            properties: PropertiesBuf::new(),
            will: None,
            will_properties: PropertiesBuf::new(),
            username: None,
            password: None,
        }
    }

    /// Clean Start (Clean Session before 5.0).
    pub fn clean(mut self, clean_start: bool) -> Self {
        self.clean_start = clean_start;
        self
    }

    /// The version it speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Clean Start 0: goes on with the session if there is one. Before 5.0 the session then lasts forever.
    pub fn resume(self) -> Self {
        self.clean(false)
    }

    /// Keep Alive in seconds.
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    /// mosquitto's mark of a bridge.
    pub fn bridge(mut self) -> Self {
        self.bridge = true;
        self
    }

    /// User Name.
    pub fn username(mut self, name: &str) -> Self {
        self.username = Some(name.into());
        self
    }

    /// Password.
    pub fn password(mut self, password: impl AsRef<[u8]>) -> Self {
        self.password = Some(password.as_ref().to_vec());
        self
    }

    /// A Will, not retained.
    pub fn will(mut self, topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> Self {
        self.will = Some((topic.into(), payload.as_ref().to_vec(), qos, false));
        self
    }

    /// The Will (given before) is to be retained.
    pub fn will_retain(mut self) -> Self {
        self.will.as_mut().expect("give the Will first").3 = true;
        self
    }

    /// A Will Property (5.0).
    pub fn will_property(mut self, property: Property<'_>) -> Self {
        self.will_properties.push(property);
        self
    }

    /// Will Delay Interval in seconds (5.0).
    pub fn will_delay(self, seconds: u32) -> Self {
        self.will_property(Property::WillDelayInterval(seconds))
    }

    /// A property of CONNECT (5.0).
    pub fn property(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }

    /// Session Expiry Interval in seconds (5.0).
    pub fn session_expiry(self, seconds: u32) -> Self {
        self.property(Property::SessionExpiryInterval(seconds))
    }

    /// Receive Maximum (5.0).
    pub fn receive_maximum(self, messages: u16) -> Self {
        self.property(Property::ReceiveMaximum(messages))
    }

    /// Maximum Packet Size in bytes (5.0).
    pub fn maximum_packet_size(self, bytes: u32) -> Self {
        self.property(Property::MaximumPacketSize(bytes))
    }

    /// Topic Alias Maximum (5.0).
    pub fn topic_alias_maximum(self, aliases: u16) -> Self {
        self.property(Property::TopicAliasMaximum(aliases))
    }

    /// The packet.
    pub fn packet(&self, client_id: &str) -> Packet<'static> {
        let will = self.will.as_ref().map(|(topic, payload, qos, retain)| Will {
            topic: text(topic),
            payload: leak(payload),
            qos: *qos,
            retain: *retain,
            properties: super::kept(self.will_properties.as_properties()),
        });
        Packet::Connect(Connect {
            version: self.version,
            bridge: self.bridge,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: text(client_id),
            properties: super::kept(self.properties.as_properties()),
            will,
            username: self.username.as_deref().map(text),
            password: self.password.as_deref().map(leak),
        })
    }
}

fn text(text: &str) -> &'static str {
    text.to_string().leak()
}
