//! Property tests: decode after encode is the identity, for every packet and version; any bytes do no harm.

use mqtt_toolkit::protocol::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketType, Properties, PropertiesBuf, Property,
    PropertyId, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscriptionOptions, UnsubAck,
    Unsubscribe, Version, Will, decode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{self, take, take_first};

/// From which properties for any packet are made.
#[derive(Clone, Debug)]
struct Values {
    chosen: u32,
    flag: bool,
    two: u16,
    four: u32,
    text: String,
    topic: String,
    data: Vec<u8>,
    repeats: usize,
}

impl Values {
    /// The chosen ones of those that may stand there.
    fn properties(&self, version: Version, allowed: impl Fn(PropertyId) -> bool) -> PropertiesBuf {
        let mut buf = PropertiesBuf::new();
        if !version.is_v5() {
            return buf;
        }
        for (bit, id) in PropertyId::ALL.iter().enumerate() {
            // Authentication Data can't stand without the method: choose both by one bit.
            let bit = if *id == PropertyId::AuthenticationData { bit - 1 } else { bit };
            if self.chosen >> bit & 1 == 1 && allowed(*id) {
                let times = if *id == PropertyId::UserProperty { self.repeats } else { 1 };
                (0..times).for_each(|_| buf.push(self.property(*id)));
            }
        }
        buf
    }

    fn property(&self, id: PropertyId) -> Property<'_> {
        let (two, four) = (self.two, self.four);
        match id {
            PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(self.flag),
            PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(four),
            PropertyId::ContentType => Property::ContentType(&self.text),
            PropertyId::ResponseTopic => Property::ResponseTopic(&self.topic),
            PropertyId::CorrelationData => Property::CorrelationData(&self.data),
            PropertyId::SubscriptionIdentifier => Property::SubscriptionIdentifier(four % 268_435_455 + 1),
            PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(four),
            PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(&self.text),
            PropertyId::ServerKeepAlive => Property::ServerKeepAlive(two),
            PropertyId::AuthenticationMethod => Property::AuthenticationMethod(&self.text),
            PropertyId::AuthenticationData => Property::AuthenticationData(&self.data),
            PropertyId::RequestProblemInformation => Property::RequestProblemInformation(self.flag),
            PropertyId::WillDelayInterval => Property::WillDelayInterval(four),
            PropertyId::RequestResponseInformation => Property::RequestResponseInformation(self.flag),
            PropertyId::ResponseInformation => Property::ResponseInformation(&self.text),
            PropertyId::ServerReference => Property::ServerReference(&self.text),
            PropertyId::ReasonString => Property::ReasonString(&self.text),
            PropertyId::ReceiveMaximum => Property::ReceiveMaximum(two.max(1)),
            PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(two),
            PropertyId::TopicAlias => Property::TopicAlias(two),
            PropertyId::MaximumQoS => {
                Property::MaximumQoS(if self.flag { QoS::AtLeastOnce } else { QoS::AtMostOnce })
            }
            PropertyId::RetainAvailable => Property::RetainAvailable(self.flag),
            PropertyId::UserProperty => Property::UserProperty(&self.text, &self.topic),
            PropertyId::MaximumPacketSize => Property::MaximumPacketSize(four.max(1)),
            PropertyId::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(self.flag),
            PropertyId::SubscriptionIdentifiersAvailable => {
                Property::SubscriptionIdentifiersAvailable(self.flag)
            }
            PropertyId::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(self.flag),
        }
    }

    fn of(&self, version: Version, packet: PacketType) -> PropertiesBuf {
        self.properties(version, |id| id.allowed_in(packet))
    }
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,40}"
}

fn name() -> impl Strategy<Value = String> {
    "[ -~ä€𝄞]{0,40}"
}

fn topic() -> impl Strategy<Value = String> {
    "[a-z0-9 $/_äß€𝄞]{1,40}"
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => "[a-z$ €]{0,9}", 1 => Just("+".to_owned())];
    (vec(level, 1..6), any::<bool>(), prop::option::of("[a-z]{1,8}")).prop_map(|(mut levels, all, share)| {
        if all || levels == [""] {
            levels.push("#".to_owned());
        }
        let filter = levels.join("/");
        match share {
            Some(name) => format!("$share/{name}/{filter}"),
            None if filter.starts_with("$share") => format!("x{filter}"),
            None => filter,
        }
    })
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    // Often short, sometimes past the steps of the Remaining Length.
    prop_oneof![8 => vec(any::<u8>(), 0..60), 1 => vec(any::<u8>(), 100..300), 1 => vec(any::<u8>(), 16_200..17_000)]
}

fn values() -> impl Strategy<Value = Values> {
    let numbers = (any::<u32>(), any::<bool>(), any::<u16>(), any::<u32>());
    (numbers, text(), topic(), vec(any::<u8>(), 0..40), 0_usize..4).prop_map(
        |((chosen, flag, two, four), text, topic, data, repeats)| Values {
            chosen,
            flag,
            two,
            four,
            text,
            topic,
            data,
            repeats,
        },
    )
}

fn version() -> impl Strategy<Value = Version> {
    select(Version::ALL.to_vec())
}

fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn code(from: &'static [u8]) -> impl Strategy<Value = ReasonCode> {
    select(from).prop_map(ReasonCode)
}

const ERRORS: &[u8] = &[0x80, 0x83, 0x87, 0x97];

/// Encodes, looks at the length, decodes.
fn check(version: Version, packet: Packet<'_>) -> Result<(), TestCaseError> {
    let mut bytes = vec![0xAA];
    packet.encode(version, &mut bytes);
    prop_assert_eq!(bytes[0], 0xAA, "encode appends");
    prop_assert_eq!(take(version, &bytes[1..]), Ok(packet));
    Ok(())
}

proptest! {
    #[test]
    fn publish(version in version(), topic in topic(), values in values(), payload in data(),
               qos in qos(), dup: bool, retain: bool, id in 1..=u16::MAX) {
        let properties = values.of(version, PacketType::Publish);
        let packet = Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain,
            topic: &topic,
            packet_identifier: if qos == QoS::AtMostOnce { 0 } else { id },
            properties: properties.as_properties(),
            payload: &payload,
        };
        let (mut whole, mut head) = (Vec::new(), Vec::new());
        packet.encode(version, &mut whole);
        packet.encode_head(version, &mut head);
        head.extend_from_slice(&payload);
        prop_assert_eq!(&whole, &head);
        prop_assert_eq!(whole.len(), packet.encoded_length(version));
        check(version, Packet::Publish(packet))?;
    }

    #[test]
    fn connect(version in version(), client_id in name(), values in values(), will_values in values(),
               will in prop::option::of((topic(), data(), qos(), any::<bool>())), username in prop::option::of(name()),
               password in prop::option::of(vec(any::<u8>(), 0..50)), clean_start: bool, bridge: bool, keep_alive: u16) {
        let properties = values.of(version, PacketType::Connect);
        let will_properties = will_values.properties(version, PropertyId::allowed_in_will);
        let packet = Connect {
            version,
            bridge: bridge && !version.is_v5(),
            clean_start,
            keep_alive,
            client_id: &client_id,
            properties: properties.as_properties(),
            will: will.as_ref().map(|(topic, payload, qos, retain)| Will {
                topic, payload, qos: *qos, retain: *retain, properties: will_properties.as_properties(),
            }),
            username: username.as_deref(),
            password: password.as_deref().filter(|_| version.is_v5() || username.is_some()),
        };
        // The version of the connection doesn't matter: the packet has its own.
        check(Version::V311, Packet::Connect(packet))?;
    }

    #[test]
    fn connack(version in version(), values in values(), present: bool, refused in 0_u8..=5, error in code(ERRORS)) {
        let properties = values.of(version, PacketType::ConnAck);
        let code = match version.is_v5() {
            true if refused > 0 => error,
            _ => ReasonCode(refused),
        };
        let session_present = present && refused == 0 && version != Version::V31;
        check(version, Packet::ConnAck(ConnAck { session_present, code, properties: properties.as_properties() }))?;
    }

    #[test]
    fn acks(version in version(), id in 1..=u16::MAX, values in values(),
            receipt in code(&[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]), release in code(&[0x00, 0x92])) {
        let ack = |kind, reason: ReasonCode, properties| Ack {
            packet_identifier: id,
            reason: if version.is_v5() { reason } else { ReasonCode::SUCCESS },
            properties: PropertiesBuf::as_properties(properties),
        }.in_packet(kind);
        let properties = values.of(version, PacketType::PubAck);
        check(version, ack(PacketType::PubAck, receipt, &properties))?;
        check(version, ack(PacketType::PubRec, receipt, &properties))?;
        check(version, ack(PacketType::PubRel, release, &properties))?;
        check(version, ack(PacketType::PubComp, release, &properties))?;
    }

    #[test]
    fn subscribe(version in version(), id in 1..=u16::MAX, values in values(),
                 wanted in vec((filter(), qos(), any::<bool>(), any::<bool>(), 0_u8..3), 1..5)) {
        let properties = values.of(version, PacketType::Subscribe);
        let filters: Vec<(&str, SubscriptionOptions)> = wanted.iter().map(|(filter, qos, local, retain, handling)| {
            let mut options = SubscriptionOptions::new(*qos);
            if version.is_v5() {
                options.no_local = *local && !filter.starts_with("$share/");
                options.retain_as_published = *retain;
                options.retain_handling = match handling {
                    0 => RetainHandling::SendAtSubscribe,
                    1 => RetainHandling::SendIfNew,
                    _ => RetainHandling::DoNotSend,
                };
            }
            (filter.as_str(), options)
        }).collect();
        let mut bytes = Vec::new();
        Subscribe::encode_parts(version, id, &properties.as_properties(), filters.iter().copied(), &mut bytes);
        let packet = take(version, &bytes);
        let Ok(Packet::Subscribe(subscribe)) = packet else { panic!("{packet:?}") };
        prop_assert_eq!(subscribe.packet_identifier, id);
        prop_assert_eq!(subscribe.properties, properties.as_properties());
        prop_assert_eq!(subscribe.filters().collect::<Vec<_>>(), filters);
        check(version, Packet::Subscribe(subscribe))?;
    }

    #[test]
    fn unsubscribe(version in version(), id in 1..=u16::MAX, values in values(), filters in vec(filter(), 1..5)) {
        let properties = values.of(version, PacketType::Unsubscribe);
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        let mut bytes = Vec::new();
        Unsubscribe::encode_parts(version, id, &properties.as_properties(), filters.iter().copied(), &mut bytes);
        let packet = take(version, &bytes);
        let Ok(Packet::Unsubscribe(unsubscribe)) = packet else { panic!("{packet:?}") };
        prop_assert_eq!(unsubscribe.packet_identifier, id);
        prop_assert_eq!(unsubscribe.properties, properties.as_properties());
        prop_assert_eq!(unsubscribe.filters().collect::<Vec<_>>(), filters);
        check(version, Packet::Unsubscribe(unsubscribe))?;
    }

    #[test]
    fn suback_and_unsuback(version in version(), id in 1..=u16::MAX, values in values(),
                           granted in vec(select(&[0_u8, 1, 2, 0x80][..]), 1..9),
                           removed in vec(select(&[0_u8, 0x11, 0x80, 0x87][..]), 1..9)) {
        let properties = values.of(version, PacketType::SubAck);
        let properties = properties.as_properties();
        check(version, Packet::SubAck(SubAck { packet_identifier: id, properties, codes: &granted }))?;
        let codes: &[u8] = if version.is_v5() { &removed } else { &[] };
        check(version, Packet::UnsubAck(UnsubAck { packet_identifier: id, properties, codes }))?;
    }

    #[test]
    fn pings_disconnect_and_auth(version in version(), values in values(), step in code(&[0x00, 0x18, 0x19]),
                                 reason in code(&[0x00, 0x04, 0x80, 0x81, 0x8D, 0x8E, 0x9C, 0xA2])) {
        check(version, Packet::PingReq)?;
        check(version, Packet::PingResp)?;
        let properties = values.of(version, PacketType::Disconnect);
        let reason = if version.is_v5() { reason } else { ReasonCode::NORMAL_DISCONNECTION };
        check(version, Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }))?;
        let mut properties = values.of(Version::V5, PacketType::Auth);
        if properties.as_properties().authentication_method().is_none() {
            properties.push(Property::AuthenticationMethod("m"));
        }
        check(Version::V5, Packet::Auth(Auth { reason: step, properties: properties.as_properties() }))?;
    }

    #[test]
    fn any_body_is_decoded_or_refused(first: u8, body in vec(any::<u8>(), 0..300)) {
        for version in Version::ALL {
            if let Ok(packet) = decode(version, first, &body) {
                stands_again(version, packet)?;
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        for version in Version::ALL {
            if let Ok(Some((packet, _))) = take_first(version, &bytes) {
                stands_again(version, packet)?;
            }
        }
    }

    #[test]
    fn a_good_packet_with_some_bytes_changed(which: prop::sample::Index,
                                             changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let cases = cases::good();
        let mut bytes = which.get(&cases).bytes.clone();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        for version in Version::ALL {
            if let Ok(Some((packet, _))) = take_first(version, &bytes) {
                stands_again(version, packet)?;
            }
        }
    }

    #[test]
    fn properties_from_any_bytes_end(bytes in vec(any::<u8>(), 0..100)) {
        let properties = Properties::from_raw(&bytes);
        prop_assert!(properties.iter().count() <= bytes.len());
        prop_assert!(properties.user_properties().count() <= bytes.len());
        let mut copy = Vec::new();
        properties.raw_without(&[], &mut copy);
        prop_assert!(bytes.starts_with(&copy));
    }
}

/// What was decoded can be encoded, and is the same when decoded once more.
fn stands_again(version: Version, packet: Packet<'_>) -> Result<(), TestCaseError> {
    if let Packet::ConnAck(ConnAck { code, .. }) = packet
        && code.is_error()
        && !version.is_v5()
    {
        return Ok(()); // a reserved return code is sent as one that isn't
    }
    check(version, packet)
}

trait InPacket<'a> {
    fn in_packet(self, kind: PacketType) -> Packet<'a>;
}

impl<'a> InPacket<'a> for Ack<'a> {
    fn in_packet(self, kind: PacketType) -> Packet<'a> {
        match kind {
            PacketType::PubAck => Packet::PubAck(self),
            PacketType::PubRec => Packet::PubRec(self),
            PacketType::PubRel => Packet::PubRel(self),
            PacketType::PubComp => Packet::PubComp(self),
            other => unreachable!("{other:?} is no acknowledgement"),
        }
    }
}
