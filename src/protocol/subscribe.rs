//! SUBSCRIBE: Topic Filters and what is asked for each (section 3.8).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::publish::read_packet_identifier;
use super::{Malformed, PacketIdentifier, QoS, Version, topic, wire};

/// When retained messages are sent for a subscription (5.0, section 3.8.3.1).
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetainHandling {
    /// 0: whenever it is made.
    #[default]
    SendAtSubscribe = 0,
    /// 1: if it did not exist before.
    SendIfNew = 1,
    /// 2: never.
    DoNotSend = 2,
}

/// Subscription Options; before 5.0 only the QoS goes over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The most that messages are sent with.
    pub qos: QoS,
    /// Not what this client publishes itself `[MQTT-3.8.3-3]`.
    pub no_local: bool,
    /// Messages keep the RETAIN flag they were published with `[MQTT-3.3.1-12]`.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// Only a QoS, the rest as before 5.0.
    pub const fn new(qos: QoS) -> Self {
        SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    /// The byte behind a Topic Filter.
    pub const fn to_byte(self, version: Version) -> u8 {
        let qos = self.qos as u8;
        if !version.is_v5() {
            return qos;
        }
        qos | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }

    /// From the byte behind a Topic Filter.
    pub fn from_byte(version: Version, byte: u8) -> Result<Self, Malformed> {
        let reserved = if version.is_v5() { 0b1100_0000 } else { 0b1111_1100 };
        if byte & reserved != 0 {
            return Err(Malformed::SubscriptionOptions);
        }
        Ok(SubscriptionOptions {
            qos: QoS::try_from(byte & 0b11).map_err(|_| Malformed::SubscriptionQoS)?,
            no_local: byte & 0b100 != 0,
            retain_as_published: byte & 0b1000 != 0,
            retain_handling: match byte >> 4 {
                0 => RetainHandling::SendAtSubscribe,
                1 => RetainHandling::SendIfNew,
                2 => RetainHandling::DoNotSend,
                _ => return Err(Malformed::RetainHandling),
            },
        })
    }
}

/// A SUBSCRIBE packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Never 0.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// The version tells how to read the options.
    version: Version,
    /// Topic Filters and options, checked.
    payload: &'a [u8],
}

impl<'a> Subscribe<'a> {
    /// Decodes the body and checks all of it.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let packet_identifier = read_packet_identifier(&mut input)?;
        let properties = Properties::read(version, carrier::SUBSCRIBE, &mut input)?;
        let payload = input;
        if payload.is_empty() {
            return Err(Malformed::NoTopicFilters);
        }
        while !input.is_empty() {
            let (filter, options) = read_subscription(version, &mut input)?;
            check_filter(version, filter)?;
            if options.no_local && topic::shared(filter).is_some() {
                return Err(Malformed::NoLocalOnShared);
            }
        }
        Ok(Subscribe { packet_identifier, properties, version, payload })
    }

    /// Each Topic Filter with its options, at least one, in their order.
    pub fn filters(&self) -> impl Iterator<Item = (&'a str, SubscriptionOptions)> + Clone + use<'a> {
        let (version, mut rest) = (self.version, self.payload);
        // Checked by decode: reading fails at the end only.
        std::iter::from_fn(move || read_subscription(version, &mut rest).ok())
    }

    /// Appends the packet, for the version it was decoded for or another.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        Subscribe::encode_parts(version, self.packet_identifier, &self.properties, self.filters(), out);
    }

    /// Appends a packet made of its parts; there must be at least one filter.
    pub fn encode_parts<'f, I>(
        version: Version,
        packet_identifier: PacketIdentifier,
        properties: &Properties<'_>,
        filters: I,
        out: &mut Vec<u8>,
    ) where
        I: IntoIterator<Item = (&'f str, SubscriptionOptions)>,
        I::IntoIter: Clone,
    {
        let filters = filters.into_iter();
        let payload: usize = filters.clone().map(|(filter, _)| 3 + filter.len()).sum();
        write_fixed_header(0x82, 2 + properties.encoded_length(version) + payload, out);
        wire::write_u16(packet_identifier, out);
        properties.write(version, out);
        for (filter, options) in filters {
            wire::write_str(filter, out);
            out.push(options.to_byte(version));
        }
    }
}

impl std::fmt::Debug for Subscribe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscribe")
            .field("packet_identifier", &self.packet_identifier)
            .field("properties", &self.properties)
            .field("filters", &self.filters().collect::<Vec<_>>())
            .finish()
    }
}

/// A Topic Filter and its options.
fn read_subscription<'a>(
    version: Version,
    input: &mut &'a [u8],
) -> Result<(&'a str, SubscriptionOptions), Malformed> {
    let filter = wire::read_str(input)?;
    Ok((filter, SubscriptionOptions::from_byte(version, wire::read_u8(input)?)?))
}

/// Whether a string can be subscribed to, shared or not. Before 5.0 `$share/` is a level like any other, so nothing
/// behind it can be wrong.
pub(super) fn check_filter(version: Version, filter: &str) -> Result<(), Malformed> {
    if filter.is_empty() {
        return Err(Malformed::TopicFilterEmpty);
    }
    if !topic::is_topic_filter(filter) {
        return Err(Malformed::TopicFilter);
    }
    match topic::shared(filter) {
        Some(Err(())) if version.is_v5() => Err(Malformed::SharedSubscription),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What decoding one filter with an options byte says.
    fn one(version: Version, filter: &str, options: u8) -> Result<(), Malformed> {
        let mut body = vec![0, 1];
        Properties::EMPTY.write(version, &mut body);
        wire::write_str(filter, &mut body);
        body.push(options);
        Subscribe::decode(version, &body).map(|_| ())
    }

    #[test]
    fn options_of_section_3_8_3_1() {
        for byte in 0..=u8::MAX {
            let read = SubscriptionOptions::from_byte(Version::V5, byte);
            let good = byte & 0xC0 == 0 && byte & 3 != 3 && byte >> 4 & 3 != 3;
            assert_eq!(read.is_ok(), good, "{byte:#04x}");
            if let Ok(options) = read {
                assert_eq!(options.to_byte(Version::V5), byte);
            }
            assert_eq!(SubscriptionOptions::from_byte(Version::V311, byte).is_ok(), byte < 3, "{byte:#04x}");
        }
        let byte = |byte| SubscriptionOptions::from_byte(Version::V5, byte);
        assert_eq!(byte(0x03), Err(Malformed::SubscriptionQoS));
        assert_eq!(byte(0x30), Err(Malformed::RetainHandling));
        assert_eq!(byte(0x80), Err(Malformed::SubscriptionOptions));
    }

    #[test]
    fn mqtt_3_8_3_2_at_least_one_filter() {
        assert_eq!(Subscribe::decode(Version::V311, &[0, 1]), Err(Malformed::NoTopicFilters));
        assert_eq!(Subscribe::decode(Version::V5, &[0, 1, 0]), Err(Malformed::NoTopicFilters));
        assert_eq!(
            Subscribe::decode(Version::V311, &[0, 0, 0, 1, b'a', 0]),
            Err(Malformed::PacketIdentifierZero)
        );
    }

    #[test]
    fn mqtt_3_8_3_4_no_local_is_not_for_shared() {
        assert_eq!(one(Version::V5, "a", 4), Ok(()));
        assert_eq!(one(Version::V5, "$share/g/a", 0), Ok(()));
        assert_eq!(one(Version::V5, "$share/g/a", 4), Err(Malformed::NoLocalOnShared));
    }

    #[test]
    fn filters_are_checked_whole() {
        assert_eq!(one(Version::V311, "a/+/#", 2), Ok(()));
        assert_eq!(one(Version::V311, "a/#/b", 0), Err(Malformed::TopicFilter));
        assert_eq!(one(Version::V311, "", 0), Err(Malformed::TopicFilterEmpty));
        assert_eq!(one(Version::V5, "$share/g", 0), Err(Malformed::SharedSubscription));
        assert_eq!(one(Version::V311, "$share/g", 0), Ok(()));
        let second_bad = [0, 1, 0, 1, b'a', 0, 0, 2, b'a', b'#', 0];
        assert_eq!(Subscribe::decode(Version::V311, &second_bad), Err(Malformed::TopicFilter));
        assert_eq!(Subscribe::decode(Version::V311, &second_bad[..7]), Err(Malformed::Truncated));
    }

    #[test]
    fn built_from_parts() {
        let filters =
            [("a/+", SubscriptionOptions::new(QoS::AtLeastOnce)), ("#", SubscriptionOptions::default())];
        let mut out = Vec::new();
        Subscribe::encode_parts(Version::V311, 7, &Properties::EMPTY, filters, &mut out);
        assert_eq!(out, [0x82, 12, 0, 7, 0, 3, b'a', b'/', b'+', 1, 0, 1, b'#', 0]);
        let subscribe = Subscribe::decode(Version::V311, &out[2..]).unwrap();
        assert_eq!(subscribe.filters().collect::<Vec<_>>(), filters);
    }
}
