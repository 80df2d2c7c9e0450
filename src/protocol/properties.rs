//! The properties of a packet as they stand on the wire: checked once, read when asked for.

use std::fmt;

use super::property::carrier;
use super::wire;
use super::{Malformed, Property, PropertyId, QoS, Version};

/// Properties without their length, already checked: known, allowed in their packet, not repeated where that is
/// forbidden, values in range, strings UTF-8.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    raw: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties { raw: &[] };

    /// The bytes, without their length.
    #[inline]
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Bytes that were checked before: of a [`PropertiesBuf`](super::PropertiesBuf), or kept from a decode. From
    /// other bytes nothing worse follows than properties that seem to be missing.
    #[inline]
    pub const fn from_raw(raw: &'a [u8]) -> Self {
        Properties { raw }
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// All, in their order on the wire.
    pub fn iter(self) -> impl Iterator<Item = Property<'a>> {
        self.entries().filter_map(|(id, mut value)| Property::read_value(id, &mut value).ok())
    }

    /// Each identifier with the bytes of its value.
    #[inline]
    pub(super) fn entries(self) -> Entries<'a> {
        Entries { rest: self.raw }
    }

    /// The first property of one kind.
    #[inline]
    pub fn get(self, wanted: PropertyId) -> Option<Property<'a>> {
        let (id, mut value) = self.entries().find(|(id, _)| *id == wanted)?;
        Property::read_value(id, &mut value).ok()
    }

    /// Appends all but some to `out`: what a broker passes on leaves out Topic Alias, Message Expiry Interval and
    /// Subscription Identifier.
    pub fn raw_without(self, skip: &[PropertyId], out: &mut Vec<u8>) {
        for (id, value) in self.entries() {
            if !skip.contains(&id) {
                out.push(id as u8);
                out.extend_from_slice(value);
            }
        }
    }

    /// Takes length and properties from the front of `input`, checking all; before 5.0 there are none.
    #[inline]
    pub(super) fn read(version: Version, carrier: u16, input: &mut &'a [u8]) -> Result<Self, Malformed> {
        if !version.is_v5() {
            return Ok(Properties::EMPTY);
        }
        let length = wire::read_varint(input)? as usize;
        let (raw, rest) = input.split_at_checked(length).ok_or(Malformed::PropertyLength)?;
        *input = rest;
        if !raw.is_empty() {
            check(raw, carrier)?;
        }
        Ok(Properties { raw })
    }

    /// Bytes on the wire with the length in front; none before 5.0.
    #[inline]
    pub(super) fn encoded_length(self, version: Version) -> usize {
        if version.is_v5() { wire::varint_length(self.length()) + self.raw.len() } else { 0 }
    }

    /// Appends length and properties; nothing before 5.0.
    #[inline]
    pub(super) fn write(self, version: Version, out: &mut Vec<u8>) {
        if version.is_v5() {
            wire::write_varint(self.length(), out);
            out.extend_from_slice(self.raw);
        }
    }

    #[inline]
    fn length(self) -> u32 {
        u32::try_from(self.raw.len()).unwrap_or(wire::MAX_VARINT)
    }
}

/// Identifiers and the bytes of their values; ends early where the bytes make no sense.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (PropertyId, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&code, value) = self.rest.split_first()?;
        let id = PropertyId::from_u8(code)?;
        let mut rest = value;
        id.skip_value(&mut rest).ok()?;
        self.rest = rest;
        Some((id, &value[..value.len() - rest.len()]))
    }
}

/// Every rule that holds for properties of a packet by themselves.
fn check(raw: &[u8], carrier: u16) -> Result<(), Malformed> {
    let mut rest = raw;
    let mut seen = 0_u64;
    while let Some((&code, value)) = rest.split_first() {
        let id = PropertyId::from_u8(code).ok_or(Malformed::UnknownProperty(code))?;
        if id.carriers() & carrier == 0 {
            return Err(Malformed::PropertyNotAllowed(id));
        }
        let once =
            !id.may_repeat() || carrier == carrier::SUBSCRIBE && id == PropertyId::SubscriptionIdentifier;
        if once && seen & 1 << code != 0 {
            return Err(Malformed::PropertyRepeated(id));
        }
        seen |= 1 << code;
        rest = value;
        id.check_value(&mut rest)?;
    }
    let has = |id: PropertyId| seen & 1 << id as u8 != 0;
    if has(PropertyId::AuthenticationData) && !has(PropertyId::AuthenticationMethod) {
        return Err(Malformed::AuthenticationDataWithoutMethod);
    }
    Ok(())
}

macro_rules! getters {
    ($( $getter:ident $variant:ident $kind:ty, $text:literal; )+) => {
        impl<'a> Properties<'a> {
            $(
                #[doc = $text]
                pub fn $getter(self) -> Option<$kind> {
                    match self.get(PropertyId::$variant)? {
                        Property::$variant(value) => Some(value),
                        _ => None,
                    }
                }
            )+

            /// What the receiver of a PUBLISH must know before anything else, in one go: the Topic Alias, and whether
            /// there is a Subscription Identifier.
            #[inline]
            pub fn alias_and_identified(self) -> (Option<u16>, bool) {
                let (mut alias, mut identified) = (None, false);
                for (id, mut value) in self.entries() {
                    match id {
                        PropertyId::TopicAlias => alias = wire::read_u16(&mut value).ok(),
                        PropertyId::SubscriptionIdentifier => identified = true,
                        _ => {}
                    }
                }
                (alias, identified)
            }

            /// Subscription Identifiers, in their order.
            pub fn subscription_identifiers(self) -> impl Iterator<Item = u32> {
                self.entries().filter(|(id, _)| *id == PropertyId::SubscriptionIdentifier)
                    .filter_map(|(_, mut value)| wire::read_varint(&mut value).ok())
            }

            /// User Properties, name and value, in their order.
            pub fn user_properties(self) -> impl Iterator<Item = (&'a str, &'a str)> {
                self.entries().filter(|(id, _)| *id == PropertyId::UserProperty)
                    .filter_map(|(_, mut value)| {
                        let name = wire::read_str(&mut value).ok()?;
                        Some((name, wire::read_str(&mut value).ok()?))
                    })
            }
        }
    };
}

getters! {
    payload_format_indicator PayloadFormatIndicator bool, "Payload Format Indicator: whether the payload is UTF-8.";
    message_expiry_interval MessageExpiryInterval u32, "Message Expiry Interval, in seconds.";
    content_type ContentType &'a str, "Content Type.";
    response_topic ResponseTopic &'a str, "Response Topic, a valid Topic Name.";
    correlation_data CorrelationData &'a [u8], "Correlation Data.";
    session_expiry_interval SessionExpiryInterval u32, "Session Expiry Interval, in seconds; 0xFFFFFFFF: never.";
    assigned_client_identifier AssignedClientIdentifier &'a str, "Assigned Client Identifier.";
    server_keep_alive ServerKeepAlive u16, "Server Keep Alive, in seconds.";
    authentication_method AuthenticationMethod &'a str, "Authentication Method.";
    authentication_data AuthenticationData &'a [u8], "Authentication Data.";
    request_problem_information RequestProblemInformation bool, "Request Problem Information; absent means true.";
    will_delay_interval WillDelayInterval u32, "Will Delay Interval, in seconds.";
    request_response_information RequestResponseInformation bool, "Request Response Information; absent means false.";
    response_information ResponseInformation &'a str, "Response Information.";
    server_reference ServerReference &'a str, "Server Reference.";
    reason_string ReasonString &'a str, "Reason String, for people.";
    receive_maximum ReceiveMaximum u16, "Receive Maximum, not 0; absent means 65,535.";
    topic_alias_maximum TopicAliasMaximum u16, "Topic Alias Maximum; absent means 0.";
    topic_alias TopicAlias u16, "Topic Alias; 0 is an error for the receiver to answer.";
    maximum_qos MaximumQoS QoS, "Maximum QoS, 0 or 1; absent means 2.";
    retain_available RetainAvailable bool, "Retain Available; absent means true.";
    maximum_packet_size MaximumPacketSize u32, "Maximum Packet Size, in bytes, not 0; absent means no limit.";
    wildcard_subscription_available WildcardSubscriptionAvailable bool, "Wildcard Subscription Available; absent means true.";
    subscription_identifiers_available SubscriptionIdentifiersAvailable bool, "Subscription Identifiers Available; absent means true.";
    shared_subscription_available SharedSubscriptionAvailable bool, "Shared Subscription Available; absent means true.";
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::PropertiesBuf;
    use super::*;

    fn buf(properties: &[Property<'_>]) -> PropertiesBuf {
        properties.iter().copied().collect()
    }

    #[test]
    fn getters_find_their_own() {
        let buf = buf(&[
            Property::UserProperty("a", "1"),
            Property::SubscriptionIdentifier(5),
            Property::TopicAlias(3),
            Property::SubscriptionIdentifier(300),
            Property::UserProperty("a", "2"),
            Property::CorrelationData(b"x"),
        ]);
        let properties = buf.as_properties();
        assert_eq!(properties.topic_alias(), Some(3));
        assert_eq!(properties.alias_and_identified(), (Some(3), true));
        assert_eq!(Properties::EMPTY.alias_and_identified(), (None, false));
        assert_eq!(properties.correlation_data(), Some(&b"x"[..]));
        assert_eq!(properties.message_expiry_interval(), None);
        assert_eq!(properties.subscription_identifiers().collect::<Vec<_>>(), [5, 300]);
        assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
        assert_eq!(properties.iter().count(), 6);
        assert!(Properties::EMPTY.is_empty() && Properties::EMPTY.iter().next().is_none());
    }

    #[test]
    fn what_a_broker_passes_on() {
        let all = [
            Property::TopicAlias(3),
            Property::UserProperty("a", "1"),
            Property::MessageExpiryInterval(9),
            Property::ContentType("t"),
        ];
        let mut rest = Vec::new();
        let skip =
            [PropertyId::TopicAlias, PropertyId::MessageExpiryInterval, PropertyId::SubscriptionIdentifier];
        buf(&all).as_properties().raw_without(&skip, &mut rest);
        assert_eq!(Properties::from_raw(&rest).iter().collect::<Vec<_>>(), [all[1], all[3]]);
    }

    #[test]
    fn only_user_properties_and_subscription_identifiers_of_publish_repeat() {
        let twice =
            |property: Property<'_>, carrier| check(buf(&[property; 2]).as_properties().raw(), carrier);
        assert_eq!(twice(Property::UserProperty("a", "b"), carrier::PUBLISH), Ok(()));
        assert_eq!(twice(Property::SubscriptionIdentifier(1), carrier::PUBLISH), Ok(()));
        assert_eq!(
            twice(Property::SubscriptionIdentifier(1), carrier::SUBSCRIBE),
            Err(Malformed::PropertyRepeated(PropertyId::SubscriptionIdentifier))
        );
        assert_eq!(
            twice(Property::TopicAlias(1), carrier::PUBLISH),
            Err(Malformed::PropertyRepeated(PropertyId::TopicAlias))
        );
    }

    #[test]
    fn length_is_part_of_the_form_in_5_0_only() {
        let mut input: &[u8] = &[3, 0x21, 0, 7, 99];
        let properties = Properties::read(Version::V5, carrier::CONNECT, &mut input).unwrap();
        assert_eq!((properties.receive_maximum(), input), (Some(7), &[99][..]));
        let mut out = Vec::new();
        properties.write(Version::V311, &mut out);
        assert!(out.is_empty());
        properties.write(Version::V5, &mut out);
        assert_eq!(out, [3, 0x21, 0, 7]);
        assert_eq!(properties.encoded_length(Version::V5), 4);
        let mut input: &[u8] = &[99];
        assert_eq!(Properties::read(Version::V311, carrier::CONNECT, &mut input), Ok(Properties::EMPTY));
        assert_eq!(input, [99]);
    }

    #[test]
    fn authentication_data_needs_its_method() {
        let data = Property::AuthenticationData(b"d");
        let alone = check(buf(&[data]).as_properties().raw(), carrier::CONNECT);
        assert_eq!(alone, Err(Malformed::AuthenticationDataWithoutMethod));
        let both = buf(&[data, Property::AuthenticationMethod("m")]);
        assert_eq!(check(both.as_properties().raw(), carrier::CONNECT), Ok(()));
    }
}
