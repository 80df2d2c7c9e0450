//! The three protocol versions.

use std::fmt;

/// A version of MQTT; the number is the Protocol Level byte of CONNECT.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1, Protocol Name `MQIsdp`.
    V31 = 3,
    /// MQTT 3.1.1.
    V311 = 4,
    /// MQTT 5.0.
    V5 = 5,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];

    /// Whether packets carry properties and reason codes.
    #[inline]
    pub const fn is_v5(self) -> bool {
        matches!(self, Version::V5)
    }

    /// The Protocol Name of CONNECT `[MQTT-3.1.2-1]`.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Version::V31 => "MQIsdp",
            Version::V311 | Version::V5 => "MQTT",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V31 => "3.1",
            Version::V311 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels() {
        assert_eq!(Version::ALL.map(|version| version as u8), [3, 4, 5]);
        assert_eq!(Version::ALL.map(Version::protocol_name), ["MQIsdp", "MQTT", "MQTT"]);
        assert_eq!(Version::ALL.map(Version::is_v5), [false, false, true]);
        assert_eq!(Version::ALL.map(|version| version.to_string()), ["3.1", "3.1.1", "5.0"]);
    }
}
