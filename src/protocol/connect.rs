//! CONNECT: the first packet of a client (section 3.1).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::{Malformed, QoS, Version, topic, wire};

/// The Connect Flags byte (section 3.1.2.3).
mod flag {
    pub const RESERVED: u8 = 1;
    pub const CLEAN_START: u8 = 1 << 1;
    pub const WILL: u8 = 1 << 2;
    pub const WILL_QOS: u8 = 3 << 3;
    pub const WILL_RETAIN: u8 = 1 << 5;
    pub const PASSWORD: u8 = 1 << 6;
    pub const USER_NAME: u8 = 1 << 7;
}

/// Set in the Protocol Level byte by a bridge: mosquitto's extension to 3.1 and 3.1.1.
const BRIDGE: u8 = 0x80;

/// A CONNECT packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// From Protocol Name and Protocol Level.
    pub version: Version,
    /// The Protocol Level had mosquitto's bridge bit, 0x80.
    pub bridge: bool,
    /// Clean Start; before 5.0 Clean Session.
    pub clean_start: bool,
    /// Keep Alive, in seconds; 0: none.
    pub keep_alive: u16,
    /// ClientId; may be empty.
    pub client_id: &'a str,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// What is published when the connection ends badly.
    pub will: Option<Will<'a>>,
    /// User name.
    pub username: Option<&'a str>,
    /// Password: any bytes.
    pub password: Option<&'a [u8]>,
}

/// The Will of a client, inside its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it is published: a valid Topic Name.
    pub topic: &'a str,
    /// The message itself.
    pub payload: &'a [u8],
    /// Quality of Service.
    pub qos: QoS,
    /// Whether it is kept.
    pub retain: bool,
    /// Will Properties; none before 5.0.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    /// Decodes the body; the version is the packet's own.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let (version, bridge) = read_version(&mut input)?;
        let flags = wire::read_u8(&mut input)?;
        check_flags(version, flags)?;
        let keep_alive = wire::read_u16(&mut input)?;
        let properties = Properties::read(version, carrier::CONNECT, &mut input)?;
        let client_id = read_client_id(&mut input)?;
        let will =
            if flags & flag::WILL == 0 { None } else { Some(Will::decode(version, flags, &mut input)?) };
        // 3.1 lets the flags stand without their fields.
        let absent = |input: &[u8]| version == Version::V31 && input.is_empty();
        let username = match flags & flag::USER_NAME != 0 && !absent(input) {
            true => Some(read_username(&mut input)?),
            false => None,
        };
        let password = match flags & flag::PASSWORD != 0 && !absent(input) {
            true => Some(wire::read_binary(&mut input)?),
            false => None,
        };
        if !input.is_empty() {
            return Err(Malformed::TrailingBytes);
        }
        let clean_start = flags & flag::CLEAN_START != 0;
        Ok(Connect {
            version,
            bridge,
            clean_start,
            keep_alive,
            client_id,
            properties,
            will,
            username,
            password,
        })
    }

    /// Appends the packet, in its own version.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let name = self.version.protocol_name();
        write_fixed_header(0x10, self.remaining_length(), out);
        wire::write_str(name, out);
        out.push(self.version as u8 | if self.bridge { BRIDGE } else { 0 });
        out.push(self.flags());
        wire::write_u16(self.keep_alive, out);
        self.properties.write(self.version, out);
        wire::write_str(self.client_id, out);
        if let Some(will) = &self.will {
            will.properties.write(self.version, out);
            wire::write_str(will.topic, out);
            wire::write_binary(will.payload, out);
        }
        if let Some(username) = self.username {
            wire::write_str(username, out);
        }
        if let Some(password) = self.password {
            wire::write_binary(password, out);
        }
    }

    fn remaining_length(&self) -> usize {
        let will = self.will.as_ref().map_or(0, |will| {
            4 + will.topic.len() + will.payload.len() + will.properties.encoded_length(self.version)
        });
        2 + self.version.protocol_name().len()
            + 4
            + self.properties.encoded_length(self.version)
            + 2
            + self.client_id.len()
            + will
            + self.username.map_or(0, |name| 2 + name.len())
            + self.password.map_or(0, |password| 2 + password.len())
    }

    fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| {
            flag::WILL | (will.qos as u8) << 3 | if will.retain { flag::WILL_RETAIN } else { 0 }
        });
        will | if self.clean_start { flag::CLEAN_START } else { 0 }
            | if self.username.is_some() { flag::USER_NAME } else { 0 }
            | if self.password.is_some() { flag::PASSWORD } else { 0 }
    }
}

impl<'a> Will<'a> {
    /// The part of the payload that the Will Flag announces.
    fn decode(version: Version, flags: u8, input: &mut &'a [u8]) -> Result<Self, Malformed> {
        let properties = Properties::read(version, carrier::WILL, input)?;
        let topic = wire::read_str(input)?;
        if !topic::is_topic_name(topic) {
            return Err(Malformed::TopicName);
        }
        let payload = wire::read_binary(input)?;
        let qos = QoS::try_from((flags & flag::WILL_QOS) >> 3).map_err(|_| Malformed::WillQoS)?;
        Ok(Will { topic, payload, qos, retain: flags & flag::WILL_RETAIN != 0, properties })
    }
}

/// The ClientId; may be empty.
fn read_client_id<'a>(input: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    match wire::read_str(input) {
        Ok(client_id) if !topic::has_forbidden(client_id) => Ok(client_id),
        Err(Malformed::Truncated) => Err(Malformed::Truncated),
        _ => Err(Malformed::ClientId),
    }
}

/// The user name; may be empty.
fn read_username<'a>(input: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let username = wire::read_str(input)?;
    if topic::has_forbidden(username) { Err(Malformed::UserName) } else { Ok(username) }
}

/// Protocol Name and Protocol Level `[MQTT-3.1.2-1]`, `[MQTT-3.1.2-2]`.
fn read_version(input: &mut &[u8]) -> Result<(Version, bool), Malformed> {
    let name = wire::read_binary(input)?;
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        return Err(Malformed::ProtocolName);
    }
    let level = wire::read_u8(input)?;
    let version = match (name, level) {
        (b"MQIsdp", 3 | 0x83) => Version::V31,
        (b"MQTT", 4 | 0x84) => Version::V311,
        (b"MQTT", 5) => Version::V5,
        _ => return Err(Malformed::UnsupportedProtocolVersion(level)),
    };
    Ok((version, level & BRIDGE != 0))
}

/// What the Connect Flags must not be.
fn check_flags(version: Version, flags: u8) -> Result<(), Malformed> {
    // 3.1 leaves both unused.
    let unused = version == Version::V31;
    if flags & flag::RESERVED != 0 && !unused {
        return Err(Malformed::ConnectFlags);
    }
    if flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0 && !version.is_v5() {
        return Err(Malformed::PasswordWithoutUserName);
    }
    if flags & flag::WILL == 0 && flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0 {
        if unused {
            return Ok(());
        }
        return Err(Malformed::WillFlags);
    }
    if flags & flag::WILL_QOS == flag::WILL_QOS {
        return Err(Malformed::WillQoS);
    }
    Ok(())
}

/// Without the password.
impl std::fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("bridge", &self.bridge)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password", &self.password.map(|_| "…"))
            .finish_non_exhaustive() // properties may hold Authentication Data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body with these flags and this payload.
    fn body(name: &str, level: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        wire::write_str(name, &mut body);
        body.extend_from_slice(&[level, flags, 0, 60]);
        if level & !BRIDGE == 5 {
            body.push(0);
        }
        body.extend_from_slice(payload);
        body
    }

    fn error(name: &str, level: u8, flags: u8, payload: &[u8]) -> Option<Malformed> {
        Connect::decode(&body(name, level, flags, payload)).err()
    }

    const ID: &[u8] = &[0, 1, b'c'];

    #[test]
    fn mqtt_3_1_2_1_and_2_names_and_levels() {
        for (name, level, version) in
            [("MQIsdp", 3, Version::V31), ("MQTT", 4, Version::V311), ("MQTT", 5, Version::V5)]
        {
            for bridge in [false, true] {
                if bridge && version.is_v5() {
                    continue;
                }
                let level = level | if bridge { BRIDGE } else { 0 };
                let bytes = body(name, level, 2, ID);
                let connect = Connect::decode(&bytes).unwrap();
                assert_eq!((connect.version, connect.bridge, connect.client_id), (version, bridge, "c"));
                assert!(connect.clean_start && connect.keep_alive == 60);
            }
        }
        for (name, level) in
            [("MQTT", 3), ("MQTT", 6), ("MQIsdp", 4), ("MQIsdp", 5), ("MQTT", 0x85), ("MQTT", 0x86)]
        {
            assert_eq!(error(name, level, 2, ID), Some(Malformed::UnsupportedProtocolVersion(level)));
        }
        for name in ["", "MQTTX", "mqtt", "HTTP"] {
            assert_eq!(error(name, 4, 2, ID), Some(Malformed::ProtocolName), "{name}");
        }
    }

    #[test]
    fn mqtt_3_1_2_3_to_22_flags() {
        assert_eq!(error("MQTT", 4, 0x03, ID), Some(Malformed::ConnectFlags));
        assert_eq!(error("MQIsdp", 3, 0x03, ID), None);
        assert_eq!(error("MQTT", 4, 0x0A, ID), Some(Malformed::WillFlags));
        assert_eq!(error("MQTT", 4, 0x22, ID), Some(Malformed::WillFlags));
        assert_eq!(error("MQIsdp", 3, 0x3A, ID), None);
        assert_eq!(error("MQTT", 4, 0x1E, ID), Some(Malformed::WillQoS));
        let password = [ID, &[0, 1, b'p']].concat();
        assert_eq!(error("MQTT", 4, 0x42, &password), Some(Malformed::PasswordWithoutUserName));
        assert_eq!(error("MQTT", 5, 0x42, &password), None);
    }

    #[test]
    fn fields_that_flags_announce() {
        let payload = [ID, &[0, 1, b'w', 0, 2, b'h', b'i', 0, 1, b'u', 0, 0]].concat();
        let bytes = body("MQTT", 4, 0xF6, &payload);
        let connect = Connect::decode(&bytes).unwrap();
        let will = connect.will.unwrap();
        assert_eq!(
            (will.topic, will.payload, will.qos, will.retain),
            ("w", &b"hi"[..], QoS::ExactlyOnce, true)
        );
        assert_eq!((connect.username, connect.password), (Some("u"), Some(&b""[..])));
        for end in 3..payload.len() {
            assert_eq!(error("MQTT", 4, 0xF6, &payload[..end]), Some(Malformed::Truncated), "{end}");
        }
        assert_eq!(error("MQTT", 4, 0x02, &payload), Some(Malformed::TrailingBytes));
        assert_eq!(error("MQIsdp", 3, 0xC2, ID), None, "3.1: flags without fields");
    }

    #[test]
    fn mqtt_3_1_3_4_client_id_is_utf8() {
        assert_eq!(error("MQTT", 4, 2, &[0, 1, 0xFF]), Some(Malformed::ClientId));
        assert_eq!(error("MQTT", 5, 2, &[0, 1, 0]), Some(Malformed::ClientId));
        assert_eq!(error("MQTT", 4, 2, &[0, 0]), None);
        assert_eq!(error("MQTT", 4, 2, &[0, 2, b'a', b'\n']), Some(Malformed::ClientId));
        let username = [ID, &[0, 2, b'u', 7]].concat();
        assert_eq!(error("MQTT", 4, 0x82, &username), Some(Malformed::UserName));
    }

    #[test]
    fn debug_output_keeps_secrets() {
        let payload = [ID, &[0, 1, b'u', 0, 6, b's', b'e', b'c', b'r', b'e', b't']].concat();
        let bytes = body("MQTT", 4, 0xC2, &payload);
        let text = format!("{:?}", Connect::decode(&bytes).unwrap());
        assert!(text.contains("\"u\"") && !text.contains("secret") && !text.contains("115"), "{text}");
    }
}
