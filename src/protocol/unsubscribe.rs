//! UNSUBSCRIBE: Topic Filters that are no longer wanted (section 3.10).

use super::fixed_header::write_fixed_header;
use super::properties::Properties;
use super::property::carrier;
use super::publish::read_packet_identifier;
use super::subscribe::check_filter;
use super::{Malformed, PacketIdentifier, Version, wire};

/// An UNSUBSCRIBE packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Never 0.
    pub packet_identifier: PacketIdentifier,
    /// Properties; none before 5.0.
    pub properties: Properties<'a>,
    /// Topic Filters, checked.
    payload: &'a [u8],
}

impl<'a> Unsubscribe<'a> {
    /// Decodes the body and checks all of it.
    pub fn decode(version: Version, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = body;
        let packet_identifier = read_packet_identifier(&mut input)?;
        let properties = Properties::read(version, carrier::UNSUBSCRIBE, &mut input)?;
        let payload = input;
        if payload.is_empty() {
            return Err(Malformed::NoTopicFilters);
        }
        while !input.is_empty() {
            check_filter(version, wire::read_str(&mut input)?)?;
        }
        Ok(Unsubscribe { packet_identifier, properties, payload })
    }

    /// The Topic Filters, at least one, in their order.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let mut rest = self.payload;
        // Checked by decode: reading fails at the end only.
        std::iter::from_fn(move || wire::read_str(&mut rest).ok())
    }

    /// Appends the packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        Unsubscribe::encode_parts(version, self.packet_identifier, &self.properties, self.filters(), out);
    }

    /// Appends a packet made of its parts; there must be at least one filter.
    pub fn encode_parts<'f, I>(
        version: Version,
        packet_identifier: PacketIdentifier,
        properties: &Properties<'_>,
        filters: I,
        out: &mut Vec<u8>,
    ) where
        I: IntoIterator<Item = &'f str>,
        I::IntoIter: Clone,
    {
        let filters = filters.into_iter();
        let payload: usize = filters.clone().map(|filter| 2 + filter.len()).sum();
        write_fixed_header(0xA2, 2 + properties.encoded_length(version) + payload, out);
        wire::write_u16(packet_identifier, out);
        properties.write(version, out);
        for filter in filters {
            wire::write_str(filter, out);
        }
    }
}

impl std::fmt::Debug for Unsubscribe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unsubscribe")
            .field("packet_identifier", &self.packet_identifier)
            .field("properties", &self.properties)
            .field("filters", &self.filters().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_in_their_order() {
        let mut out = Vec::new();
        Unsubscribe::encode_parts(Version::V5, 7, &Properties::EMPTY, ["b", "a/#"], &mut out);
        assert_eq!(out, [0xA2, 11, 0, 7, 0, 0, 1, b'b', 0, 3, b'a', b'/', b'#']);
        let packet = Unsubscribe::decode(Version::V5, &out[2..]).unwrap();
        assert_eq!(packet.filters().collect::<Vec<_>>(), ["b", "a/#"]);
    }

    #[test]
    fn mqtt_3_10_3_2_at_least_one_filter() {
        assert_eq!(Unsubscribe::decode(Version::V311, &[0, 1]), Err(Malformed::NoTopicFilters));
        assert_eq!(
            Unsubscribe::decode(Version::V311, &[0, 0, 0, 1, b'a']),
            Err(Malformed::PacketIdentifierZero)
        );
        assert_eq!(Unsubscribe::decode(Version::V311, &[0, 1, 0, 1, b'a', 0]), Err(Malformed::Truncated));
        assert_eq!(Unsubscribe::decode(Version::V311, &[0, 1, 0, 0]), Err(Malformed::TopicFilterEmpty));
    }
}
