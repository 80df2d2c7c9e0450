//! `-D`: properties of MQTT 5 for each packet the client sends, with mosquitto's checks.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, Given};
use super::numbers::{atol, strtoll};
use super::raw::Raw;
use super::topics::LONGEST;
use crate::protocol::{PacketType, PropertiesBuf, Property, PropertyId, Version, topic};

/// Properties of the packets a client sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the packets' names
pub struct PacketProperties {
    pub connect: PropertiesBuf,
    pub publish: PropertiesBuf,
    pub will: PropertiesBuf,
    pub subscribe: PropertiesBuf,
    pub unsubscribe: PropertiesBuf,
    pub disconnect: PropertiesBuf,
    /// Those of PUBLISH have a value that no packet may have. As in mosquitto this shows when it is to be sent.
    pub publish_is_illegal: bool,
}

/// A packet that `-D` can name. Its order is that of mosquitto's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Will,
}

impl Carrier {
    const ALL: [Carrier; 6] = [
        Carrier::Connect,
        Carrier::Publish,
        Carrier::Subscribe,
        Carrier::Unsubscribe,
        Carrier::Disconnect,
        Carrier::Will,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Carrier::Connect => "CONNECT",
            Carrier::Publish => "PUBLISH",
            Carrier::Subscribe => "SUBSCRIBE",
            Carrier::Unsubscribe => "UNSUBSCRIBE",
            Carrier::Disconnect => "DISCONNECT",
            Carrier::Will => "Will",
        }
    }
}

/// What is wrong with the properties of a packet as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A value that the type allows and the specification doesn't.
    Illegal,
    /// One that may stand once stands twice.
    Duplicate,
    /// MQTT 3.x has no properties.
    NotSupported,
}

impl Fault {
    pub fn words(self) -> &'static str {
        match self {
            Fault::Illegal => "A network protocol error occurred when communicating with the broker",
            Fault::Duplicate => "Duplicate property in property list",
            Fault::NotSupported => "This feature is not supported",
        }
    }
}

/// What the flags gave, with the first fault of each packet.
#[derive(Default)]
pub(super) struct RawProperties {
    packets: [PropertiesBuf; 6],
    faults: [Option<Fault>; 6],
}

impl RawProperties {
    /// Adds one.
    pub fn add(&mut self, carrier: Carrier, property: Property<'_>) {
        let id = property.identifier();
        let packet = &mut self.packets[carrier as usize];
        if !may_repeat(carrier, id) && packet.as_properties().get(id).is_some() {
            self.faults[carrier as usize].get_or_insert(Fault::Duplicate);
        }
        packet.push(property);
    }

    /// Whether a PUBLISH shall have a Response Topic (which mqtt-rr sets itself).
    pub fn names_a_response_topic(&self) -> bool {
        self.packets[Carrier::Publish as usize].as_properties().response_topic().is_some()
    }

    fn fail(&mut self, carrier: Carrier, fault: Fault) {
        self.faults[carrier as usize].get_or_insert(fault);
    }

    /// The checks that mosquitto makes when all flags are read or when the packet is about to be sent.
    pub fn check(mut self, version: Version, has_will: bool) -> Result<PacketProperties, Halt> {
        for carrier in Carrier::ALL {
            let given = !self.packets[carrier as usize].is_empty();
            // That MQTT 3.x has none shows when the message is published.
            if given && !version.is_v5() && carrier != Carrier::Publish {
                self.fail(carrier, Fault::NotSupported);
            }
            match (carrier, self.faults[carrier as usize]) {
                (_, None) | (Carrier::Publish, Some(Fault::Illegal)) => {}
                (Carrier::Will, Some(_)) if !has_will => {}
                (Carrier::Will, Some(_)) => return Err(Complaint::Will.into()),
                (Carrier::Connect, Some(fault)) => return Err(Complaint::ConnectProperties(fault).into()),
                (carrier, Some(fault)) => return Err(Complaint::Properties { carrier, fault }.into()),
            }
        }
        let publish_is_illegal = self.faults[Carrier::Publish as usize] == Some(Fault::Illegal);
        let [connect, publish, subscribe, unsubscribe, disconnect, will] = self.packets;
        Ok(PacketProperties {
            connect,
            publish,
            will,
            subscribe,
            unsubscribe,
            disconnect,
            publish_is_illegal,
        })
    }
}

fn may_repeat(carrier: Carrier, id: PropertyId) -> bool {
    id.may_repeat() && !(carrier == Carrier::Subscribe && id == PropertyId::SubscriptionIdentifier)
}

pub(super) fn flag() -> Flag {
    Flag::value(
        Arg::new("property")
            .short('D')
            .long("property")
            .value_names(["PACKET", "NAME", "VALUE"])
            .value_hint(ValueHint::Other)
            .repeated()
            .help("MQTT 5 property of a packet; user-property has two values. May be repeated."),
        "not enough arguments specified",
        store,
    )
    .called("--property")
}

/// How many of the tokens behind `-D` are its values.
pub(super) fn values(behind: &[OsString]) -> usize {
    let is_pair = behind.get(1).is_some_and(|name| name.eq_ignore_ascii_case("user-property"));
    if is_pair && behind.len() > 3 { 4 } else { 3 }
}

/// What `-D` may say in the first place.
enum Packet {
    Carrier(Carrier, Option<PacketType>),
    /// Sent by the client, too, but not with properties of the user's.
    NotSupported(PacketType),
}

fn packet(name: &str) -> Option<Packet> {
    let carrier = |carrier, kind| Some(Packet::Carrier(carrier, Some(kind)));
    match name.to_ascii_lowercase().as_str() {
        "connect" => carrier(Carrier::Connect, PacketType::Connect),
        "publish" => carrier(Carrier::Publish, PacketType::Publish),
        "subscribe" => carrier(Carrier::Subscribe, PacketType::Subscribe),
        "unsubscribe" => carrier(Carrier::Unsubscribe, PacketType::Unsubscribe),
        "disconnect" => carrier(Carrier::Disconnect, PacketType::Disconnect),
        "will" => Some(Packet::Carrier(Carrier::Will, None)),
        "connack" => Some(Packet::NotSupported(PacketType::ConnAck)),
        "puback" => Some(Packet::NotSupported(PacketType::PubAck)),
        "pubrec" => Some(Packet::NotSupported(PacketType::PubRec)),
        "pubrel" => Some(Packet::NotSupported(PacketType::PubRel)),
        "pubcomp" => Some(Packet::NotSupported(PacketType::PubComp)),
        "suback" => Some(Packet::NotSupported(PacketType::SubAck)),
        "unsuback" => Some(Packet::NotSupported(PacketType::UnsubAck)),
        "auth" => Some(Packet::NotSupported(PacketType::Auth)),
        _ => None,
    }
}

fn store(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    let [first, second, values @ ..] = given.values else { return Ok(()) };
    let (packet_name, name) = (first.to_string_lossy(), second.to_string_lossy());
    let packet = packet(&packet_name).ok_or_else(|| Complaint::PropertyPacket(packet_name.clone().into()))?;
    let id = PropertyId::from_name(&name).ok_or_else(|| Complaint::PropertyName(name.clone().into()))?;
    let not = |allowed: &'static str| Complaint::PropertyNot {
        name: name.clone().into(),
        allowed,
        packet: packet_name.clone().into(),
    };
    let (carrier, allowed) = match packet {
        Packet::Carrier(carrier, Some(kind)) => (Some(carrier), id.allowed_in(kind)),
        Packet::Carrier(carrier, None) => (Some(carrier), id.allowed_in_will()),
        Packet::NotSupported(kind) => (None, id.allowed_in(kind)),
    };
    if !allowed {
        return Err(not("allowed").into());
    }
    if id == PropertyId::UserProperty && values.len() < 2 {
        let missing = "not enough arguments specified";
        return Err(Complaint::ValueMissing { flag: "--property".to_owned(), missing }.into());
    }
    let carrier = carrier
        .filter(|carrier| (*carrier, id) != (Carrier::Publish, PropertyId::SubscriptionIdentifier))
        .ok_or_else(|| not("supported"))?;
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    add(&mut raw.properties, carrier, id, &name, &values)?;
    raw.version = Some(Version::V5);
    Ok(())
}

/// Reads the value as its type demands. What the type allows and the specification doesn't is a fault for later.
fn add(
    raw: &mut RawProperties,
    carrier: Carrier,
    id: PropertyId,
    name: &str,
    values: &[&[u8]],
) -> Result<(), Halt> {
    use PropertyId as Id;
    let value = values.first().copied().unwrap_or_default();
    let text = |value| text(value, name, if id == Id::UserProperty { 7 } else { 6 });
    match id {
        Id::PayloadFormatIndicator => {
            let byte = number(value, u8::MAX.into(), name)?;
            mark(raw, carrier, byte > 1);
            raw.add(carrier, Property::PayloadFormatIndicator(byte == 1));
        }
        Id::RequestProblemInformation => {
            let byte = number(value, u8::MAX.into(), name)?;
            mark(raw, carrier, byte > 1);
            raw.add(carrier, Property::RequestProblemInformation(byte == 1));
        }
        Id::RequestResponseInformation => {
            let byte = number(value, u8::MAX.into(), name)?;
            mark(raw, carrier, byte > 1);
            raw.add(carrier, Property::RequestResponseInformation(byte == 1));
        }
        Id::ReceiveMaximum => {
            let most = number(value, u16::MAX.into(), name)? as u16;
            mark(raw, carrier, most == 0);
            raw.add(carrier, Property::ReceiveMaximum(most));
        }
        Id::TopicAliasMaximum => {
            raw.add(carrier, Property::TopicAliasMaximum(number(value, u16::MAX.into(), name)? as u16));
        }
        Id::TopicAlias => {
            let alias = number(value, u16::MAX.into(), name)? as u16;
            mark(raw, carrier, alias == 0);
            raw.add(carrier, Property::TopicAlias(alias));
        }
        Id::MaximumPacketSize => {
            let size = whole_number(value, name)?;
            mark(raw, carrier, size == 0);
            raw.add(carrier, Property::MaximumPacketSize(size));
        }
        Id::SessionExpiryInterval => {
            raw.add(carrier, Property::SessionExpiryInterval(whole_number(value, name)?));
        }
        Id::MessageExpiryInterval => {
            raw.add(carrier, Property::MessageExpiryInterval(whole_number(value, name)?));
        }
        Id::WillDelayInterval => raw.add(carrier, Property::WillDelayInterval(whole_number(value, name)?)),
        Id::SubscriptionIdentifier => {
            let identifier = whole_number(value, name)?;
            if identifier > 268_435_455 {
                return Err(Complaint::PropertyNotAdded { name: name.to_owned(), kind: 4 }.into());
            }
            mark(raw, carrier, identifier == 0);
            raw.add(carrier, Property::SubscriptionIdentifier(identifier));
        }
        Id::CorrelationData => raw.add(carrier, Property::CorrelationData(binary(value, name)?)),
        Id::AuthenticationData => raw.add(carrier, Property::AuthenticationData(binary(value, name)?)),
        Id::AuthenticationMethod => raw.add(carrier, Property::AuthenticationMethod(text(value)?)),
        Id::ContentType => raw.add(carrier, Property::ContentType(text(value)?)),
        Id::ResponseTopic => {
            let response = text(value)?;
            mark(raw, carrier, !topic::is_topic_name(response));
            raw.add(carrier, Property::ResponseTopic(response));
        }
        Id::ReasonString => raw.add(carrier, Property::ReasonString(text(value)?)),
        Id::ServerReference => raw.add(carrier, Property::ServerReference(text(value)?)),
        Id::UserProperty => {
            let second = values.get(1).copied().unwrap_or_default();
            raw.add(carrier, Property::UserProperty(text(value)?, text(second)?));
        }
        // No packet that a client sends carries the rest; `store` has said so.
        _ => {}
    }
    Ok(())
}

fn mark(raw: &mut RawProperties, carrier: Carrier, is_illegal: bool) {
    if is_illegal {
        raw.fail(carrier, Fault::Illegal);
    }
}

fn out_of_range(number: i64, name: &str) -> Halt {
    Complaint::PropertyRange { number, name: name.to_owned() }.into()
}

/// One and two bytes: read as `atol` does.
fn number(value: &[u8], largest: i64, name: &str) -> Result<i64, Halt> {
    let number = atol(value);
    if (0..=largest).contains(&number) { Ok(number) } else { Err(out_of_range(number, name)) }
}

/// Four bytes: all of it must be a number.
fn whole_number(value: &[u8], name: &str) -> Result<u32, Halt> {
    let number = strtoll(value)
        .ok_or_else(|| Complaint::PropertyNotANumber(String::from_utf8_lossy(value).into_owned()))?;
    u32::try_from(number).map_err(|_| out_of_range(number, name))
}

fn binary<'a>(value: &'a [u8], name: &str) -> Result<&'a [u8], Halt> {
    if value.len() > LONGEST { Err(Complaint::PropertyTooLong(name.to_owned()).into()) } else { Ok(value) }
}

/// UTF-8 that mosquitto's library lets pass; `kind` is the number of the type in its message.
fn text<'a>(value: &'a [u8], name: &str, kind: u8) -> Result<&'a str, Halt> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST);
    text.filter(|text| text.chars().all(super::topics::is_allowed))
        .ok_or_else(|| Complaint::PropertyNotAdded { name: name.to_owned(), kind }.into())
}
