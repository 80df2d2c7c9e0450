//! Stand-ins until the protocol room is here; same names and values.

/// Protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Version {
    /// MQTT 3.1
    V31 = 3,
    /// MQTT 3.1.1
    V311 = 4,
    /// MQTT 5.0
    V5 = 5,
}

/// Quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum QoS {
    /// 0
    AtMostOnce = 0,
    /// 1
    AtLeastOnce = 1,
    /// 2
    ExactlyOnce = 2,
}

/// Retain Handling of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// 0
    SendAtSubscribe = 0,
    /// 1
    SendIfNew = 1,
    /// 2
    DoNotSend = 2,
}
