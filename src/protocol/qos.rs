//! Quality of Service, and the Packet Identifier that goes with it.

use super::Malformed;

/// Identifies a packet that is answered; 0 stands for none (PUBLISH with QoS 0).
pub type PacketIdentifier = u16;

/// Quality of Service of a message or a subscription.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// 0: sent once, not acknowledged.
    #[default]
    AtMostOnce = 0,
    /// 1: sent until acknowledged; may arrive more than once.
    AtLeastOnce = 1,
    /// 2: arrives once.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for QoS {
    type Error = Malformed;

    /// 0, 1 or 2; anything else is [`Malformed::QoS`] `[MQTT-3.3.1-4]`.
    #[inline]
    fn try_from(value: u8) -> Result<Self, Malformed> {
        match value {
            0 => Ok(QoS::AtMostOnce),
            1 => Ok(QoS::AtLeastOnce),
            2 => Ok(QoS::ExactlyOnce),
            _ => Err(Malformed::QoS),
        }
    }
}

impl From<QoS> for u8 {
    #[inline]
    fn from(qos: QoS) -> u8 {
        qos as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_3_1_4_qos_3_is_none() {
        assert_eq!(
            [0, 1, 2].map(QoS::try_from),
            [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].map(Ok)
        );
        assert_eq!([3, 4, 255].map(QoS::try_from), [Err(Malformed::QoS); 3]);
    }

    #[test]
    fn the_lower_of_two_is_granted_by_min() {
        assert_eq!(QoS::ExactlyOnce.min(QoS::AtLeastOnce), QoS::AtLeastOnce);
        assert_eq!(u8::from(QoS::ExactlyOnce), 2);
    }
}
