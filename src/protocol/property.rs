//! The one table of properties (5.0, section 2.2.2.2): identifier, name, type, and which packets may carry each.

use super::wire;
use super::{Malformed, PacketType, QoS, topic};

/// What may carry properties: the packets that have some, and the Will inside CONNECT. One bit each.
pub(super) mod carrier {
    use super::PacketType;

    pub const CONNECT: u16 = 1;
    pub const CONNACK: u16 = 1 << 1;
    pub const PUBLISH: u16 = 1 << 2;
    pub const WILL: u16 = 1 << 3;
    pub const PUBACK: u16 = 1 << 4;
    pub const PUBREC: u16 = 1 << 5;
    pub const PUBREL: u16 = 1 << 6;
    pub const PUBCOMP: u16 = 1 << 7;
    pub const SUBSCRIBE: u16 = 1 << 8;
    pub const SUBACK: u16 = 1 << 9;
    pub const UNSUBSCRIBE: u16 = 1 << 10;
    pub const UNSUBACK: u16 = 1 << 11;
    pub const DISCONNECT: u16 = 1 << 12;
    pub const AUTH: u16 = 1 << 13;
    /// All of the above.
    pub const ANY: u16 = (1 << 14) - 1;
    /// All packets that answer another and carry Reason Codes, but CONNACK.
    pub const ACKS: u16 = PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK;

    /// The bit of a packet type; PINGREQ and PINGRESP carry nothing.
    pub const fn of(packet: PacketType) -> u16 {
        match packet {
            PacketType::Connect => CONNECT,
            PacketType::ConnAck => CONNACK,
            PacketType::Publish => PUBLISH,
            PacketType::PubAck => PUBACK,
            PacketType::PubRec => PUBREC,
            PacketType::PubRel => PUBREL,
            PacketType::PubComp => PUBCOMP,
            PacketType::Subscribe => SUBSCRIBE,
            PacketType::SubAck => SUBACK,
            PacketType::Unsubscribe => UNSUBSCRIBE,
            PacketType::UnsubAck => UNSUBACK,
            PacketType::Disconnect => DISCONNECT,
            PacketType::Auth => AUTH,
            PacketType::PingReq | PacketType::PingResp => 0,
        }
    }
}

/// How a value stands on the wire, and what range it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One byte, 0 or 1.
    Flag,
    /// One byte, QoS 0 or 1.
    MaximumQoS,
    Two,
    TwoNotZero,
    Four,
    FourNotZero,
    VarintNotZero,
    Text,
    TopicName,
    Binary,
    Pair,
}

macro_rules! property_table {
    ($lifetime:lifetime; $(
        $code:literal $variant:ident($($value:ident: $kind:ty),+) $name:literal $form:ident, $repeats:literal, $carriers:expr;
    )+) => {
        /// The identifier byte of a property.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)] // the names are the specification's
        pub enum PropertyId { $( $variant = $code ),+ }

        /// A property with its value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // the names are the specification's
        pub enum Property<$lifetime> { $( $variant($($kind),+) ),+ }

        impl PropertyId {
            /// All 27.
            pub const ALL: &'static [PropertyId] = &[$( PropertyId::$variant ),+];

            /// The property of an identifier byte.
            #[inline]
            pub const fn from_u8(code: u8) -> Option<PropertyId> {
                match code { $( $code => Some(PropertyId::$variant), )+ _ => None }
            }

            /// The name as it is written on a command line: `session-expiry-interval`.
            pub const fn name(self) -> &'static str {
                match self { $( PropertyId::$variant => $name ),+ }
            }

            #[inline]
            const fn form(self) -> Form {
                match self { $( PropertyId::$variant => Form::$form ),+ }
            }

            /// Whether it may stand more than once in a packet.
            #[inline]
            pub const fn may_repeat(self) -> bool {
                match self { $( PropertyId::$variant => $repeats ),+ }
            }

            /// What may carry it.
            #[inline]
            pub(super) const fn carriers(self) -> u16 {
                use carrier::*;
                match self { $( PropertyId::$variant => $carriers ),+ }
            }
        }

        impl Property<'_> {
            /// Which property it is.
            pub const fn identifier(&self) -> PropertyId {
                match self { $( Property::$variant(..) => PropertyId::$variant ),+ }
            }

            /// Appends identifier and value.
            pub fn encode(&self, out: &mut Vec<u8>) {
                out.push(self.identifier() as u8);
                match *self { $( Property::$variant($($value),+) => encode_value!($form, out, $($value),+) ),+ }
            }
        }

        impl<$lifetime> Property<$lifetime> {
            /// The value of a property, from behind its identifier; checks its range.
            #[inline]
            pub(super) fn read_value(id: PropertyId, input: &mut &$lifetime [u8]) -> Result<Self, Malformed> {
                Ok(match id { $( PropertyId::$variant => read_value!($form, $variant, input) ),+ })
            }
        }
    };
}

macro_rules! encode_value {
    (Flag, $out:ident, $v:ident) => {
        $out.push(u8::from($v))
    };
    (MaximumQoS, $out:ident, $v:ident) => {
        $out.push($v as u8)
    };
    (Two, $out:ident, $v:ident) => {
        wire::write_u16($v, $out)
    };
    (TwoNotZero, $out:ident, $v:ident) => {
        wire::write_u16($v, $out)
    };
    (Four, $out:ident, $v:ident) => {
        wire::write_u32($v, $out)
    };
    (FourNotZero, $out:ident, $v:ident) => {
        wire::write_u32($v, $out)
    };
    (VarintNotZero, $out:ident, $v:ident) => {
        wire::write_varint($v, $out)
    };
    (Text, $out:ident, $v:ident) => {
        wire::write_str($v, $out)
    };
    (TopicName, $out:ident, $v:ident) => {
        wire::write_str($v, $out)
    };
    (Binary, $out:ident, $v:ident) => {
        wire::write_binary($v, $out)
    };
    (Pair, $out:ident, $name:ident, $v:ident) => {{
        wire::write_str($name, $out);
        wire::write_str($v, $out);
    }};
}

macro_rules! read_value {
    (Flag, $variant:ident, $input:ident) => {
        Property::$variant(match wire::read_u8($input)? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::PropertyValue(PropertyId::$variant)),
        })
    };
    (MaximumQoS, $variant:ident, $input:ident) => {
        Property::$variant(match wire::read_u8($input)? {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => return Err(Malformed::PropertyValue(PropertyId::$variant)),
        })
    };
    (Two, $variant:ident, $input:ident) => {
        Property::$variant(wire::read_u16($input)?)
    };
    (TwoNotZero, $variant:ident, $input:ident) => {
        read_value!(NotZero, $variant, wire::read_u16($input)?)
    };
    (Four, $variant:ident, $input:ident) => {
        Property::$variant(wire::read_u32($input)?)
    };
    (FourNotZero, $variant:ident, $input:ident) => {
        read_value!(NotZero, $variant, wire::read_u32($input)?)
    };
    (VarintNotZero, $variant:ident, $input:ident) => {
        read_value!(NotZero, $variant, wire::read_varint($input)?)
    };
    (NotZero, $variant:ident, $value:expr) => {
        match $value {
            0 => return Err(Malformed::PropertyValue(PropertyId::$variant)),
            value => Property::$variant(value),
        }
    };
    (Text, $variant:ident, $input:ident) => {
        Property::$variant(wire::read_str($input)?)
    };
    (TopicName, $variant:ident, $input:ident) => {{
        let name = wire::read_str($input)?;
        if !topic::is_topic_name(name) {
            return Err(Malformed::PropertyValue(PropertyId::$variant));
        }
        Property::$variant(name)
    }};
    (Binary, $variant:ident, $input:ident) => {
        Property::$variant(wire::read_binary($input)?)
    };
    (Pair, $variant:ident, $input:ident) => {{
        let name = wire::read_str($input)?;
        Property::$variant(name, wire::read_str($input)?)
    }};
}

property_table! { 'a;
    0x01 PayloadFormatIndicator(v: bool) "payload-format-indicator" Flag, false, PUBLISH | WILL;
    0x02 MessageExpiryInterval(v: u32) "message-expiry-interval" Four, false, PUBLISH | WILL;
    0x03 ContentType(v: &'a str) "content-type" Text, false, PUBLISH | WILL;
    0x08 ResponseTopic(v: &'a str) "response-topic" TopicName, false, PUBLISH | WILL;
    0x09 CorrelationData(v: &'a [u8]) "correlation-data" Binary, false, PUBLISH | WILL;
    // In a PUBLISH once for each subscription that matched.
    0x0B SubscriptionIdentifier(v: u32) "subscription-identifier" VarintNotZero, true, PUBLISH | SUBSCRIBE;
    0x11 SessionExpiryInterval(v: u32) "session-expiry-interval" Four, false, CONNECT | CONNACK | DISCONNECT;
    0x12 AssignedClientIdentifier(v: &'a str) "assigned-client-identifier" Text, false, CONNACK;
    0x13 ServerKeepAlive(v: u16) "server-keep-alive" Two, false, CONNACK;
    0x15 AuthenticationMethod(v: &'a str) "authentication-method" Text, false, CONNECT | CONNACK | AUTH;
    0x16 AuthenticationData(v: &'a [u8]) "authentication-data" Binary, false, CONNECT | CONNACK | AUTH;
    0x17 RequestProblemInformation(v: bool) "request-problem-information" Flag, false, CONNECT;
    0x18 WillDelayInterval(v: u32) "will-delay-interval" Four, false, WILL;
    0x19 RequestResponseInformation(v: bool) "request-response-information" Flag, false, CONNECT;
    0x1A ResponseInformation(v: &'a str) "response-information" Text, false, CONNACK;
    0x1C ServerReference(v: &'a str) "server-reference" Text, false, CONNACK | DISCONNECT;
    0x1F ReasonString(v: &'a str) "reason-string" Text, false, CONNACK | ACKS | DISCONNECT | AUTH;
    0x21 ReceiveMaximum(v: u16) "receive-maximum" TwoNotZero, false, CONNECT | CONNACK;
    0x22 TopicAliasMaximum(v: u16) "topic-alias-maximum" Two, false, CONNECT | CONNACK;
    // 0 is read: the answer to it is Topic Alias invalid, not a malformed packet.
    0x23 TopicAlias(v: u16) "topic-alias" Two, false, PUBLISH;
    0x24 MaximumQoS(v: QoS) "maximum-qos" MaximumQoS, false, CONNACK;
    0x25 RetainAvailable(v: bool) "retain-available" Flag, false, CONNACK;
    0x26 UserProperty(k: &'a str, v: &'a str) "user-property" Pair, true, ANY;
    0x27 MaximumPacketSize(v: u32) "maximum-packet-size" FourNotZero, false, CONNECT | CONNACK;
    0x28 WildcardSubscriptionAvailable(v: bool) "wildcard-subscription-available" Flag, false, CONNACK;
    0x29 SubscriptionIdentifiersAvailable(v: bool) "subscription-identifier-available" Flag, false, CONNACK;
    0x2A SharedSubscriptionAvailable(v: bool) "shared-subscription-available" Flag, false, CONNACK;
}

impl PropertyId {
    /// The property of a name; names are compared without case, as mosquitto's clients do.
    pub fn from_name(name: &str) -> Option<PropertyId> {
        PropertyId::ALL.iter().copied().find(|id| id.name().eq_ignore_ascii_case(name))
    }

    /// Whether a packet of that type may carry it (in a CONNECT: outside the Will).
    pub const fn allowed_in(self, packet: PacketType) -> bool {
        self.carriers() & carrier::of(packet) != 0
    }

    /// Whether the Will inside a CONNECT may carry it.
    pub const fn allowed_in_will(self) -> bool {
        self.carriers() & carrier::WILL != 0
    }

    /// Moves `input` past a value without looking into it.
    #[inline]
    pub(super) fn skip_value(self, input: &mut &[u8]) -> Result<(), Malformed> {
        let fixed = match self.form() {
            Form::Flag | Form::MaximumQoS => 1,
            Form::Two | Form::TwoNotZero => 2,
            Form::Four | Form::FourNotZero => 4,
            Form::VarintNotZero => return wire::read_varint(input).map(|_| ()),
            Form::Text | Form::TopicName | Form::Binary => return wire::read_binary(input).map(|_| ()),
            Form::Pair => {
                wire::read_binary(input)?;
                return wire::read_binary(input).map(|_| ());
            }
        };
        *input = input.get(fixed..).ok_or(Malformed::Truncated)?;
        Ok(())
    }

    /// Moves `input` past a value after every check of [`Property::read_value`].
    #[inline]
    pub(super) fn check_value(self, input: &mut &[u8]) -> Result<(), Malformed> {
        match self.form() {
            Form::Pair => {
                wire::check_str(input)?;
                wire::check_str(input)
            }
            Form::Text => wire::check_str(input),
            _ => Property::read_value(self, input).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_table_2_4() {
        assert_eq!(PropertyId::ALL.len(), 27);
        for id in PropertyId::ALL {
            assert_eq!(PropertyId::from_u8(*id as u8), Some(*id));
            assert_eq!(PropertyId::from_name(id.name()), Some(*id));
        }
        let known = (0..=u8::MAX).filter(|code| PropertyId::from_u8(*code).is_some()).count();
        assert_eq!(known, 27);
    }

    #[test]
    fn names_in_any_case() {
        assert_eq!(PropertyId::from_name("Session-Expiry-INTERVAL"), Some(PropertyId::SessionExpiryInterval));
        assert_eq!(PropertyId::from_name("session expiry"), None);
    }

    #[test]
    fn carriers() {
        use PropertyId::*;
        let carried = |packet| PropertyId::ALL.iter().filter(move |id| id.allowed_in(packet)).count();
        assert_eq!(carried(PacketType::Connect), 9);
        assert_eq!(carried(PacketType::ConnAck), 17);
        assert_eq!(carried(PacketType::Publish), 8);
        assert_eq!(PropertyId::ALL.iter().filter(|id| id.allowed_in_will()).count(), 7);
        for ack in [PacketType::PubAck, PacketType::PubComp, PacketType::SubAck, PacketType::UnsubAck] {
            assert_eq!(carried(ack), 2);
        }
        assert_eq!(carried(PacketType::Subscribe), 2);
        assert_eq!(carried(PacketType::Unsubscribe), 1);
        assert_eq!(carried(PacketType::Disconnect), 4);
        assert_eq!(carried(PacketType::Auth), 4);
        assert_eq!(carried(PacketType::PingReq), 0);
        assert!(WillDelayInterval.allowed_in_will() && !WillDelayInterval.allowed_in(PacketType::Connect));
    }

    #[test]
    fn a_value_is_skipped_checked_and_read_alike() {
        let mut bytes = Vec::new();
        let properties = [
            Property::PayloadFormatIndicator(true),
            Property::ReceiveMaximum(7),
            Property::MessageExpiryInterval(1),
            Property::SubscriptionIdentifier(268_435_455),
            Property::ResponseTopic("a/b"),
            Property::CorrelationData(&[0, 255]),
            Property::UserProperty("name", "ä"),
            Property::MaximumQoS(QoS::AtLeastOnce),
        ];
        for property in properties {
            bytes.clear();
            property.encode(&mut bytes);
            let id = property.identifier();
            let (mut skipped, mut checked, mut read) = (&bytes[1..], &bytes[1..], &bytes[1..]);
            assert_eq!(id.skip_value(&mut skipped), Ok(()));
            assert_eq!(id.check_value(&mut checked), Ok(()));
            assert_eq!(Property::read_value(id, &mut read), Ok(property));
            assert!(skipped.is_empty() && checked.is_empty() && read.is_empty(), "{id:?}");
            let mut short = &bytes[1..bytes.len() - 1];
            assert!(id.skip_value(&mut short).is_err(), "{id:?}");
        }
    }
}
