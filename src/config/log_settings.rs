//! What is logged, and where to.

use std::ops::{BitOr, BitOrAssign};

/// The kind of a log line. The numbers are bits of [`LogTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum LogType {
    /// `information`
    Information = 1,
    /// `notice`
    Notice = 1 << 1,
    /// `warning`
    Warning = 1 << 2,
    /// `error`
    Error = 1 << 3,
    /// `debug`
    Debug = 1 << 4,
    /// `subscribe`
    Subscribe = 1 << 5,
    /// `unsubscribe`
    Unsubscribe = 1 << 6,
    /// `websockets`
    Websockets = 1 << 7,
    /// `internal`
    Internal = 1 << 8,
}

impl LogType {
    /// Every type, under its name in `log_type`.
    pub const NAMES: [(&str, LogType); 9] = [
        ("information", LogType::Information),
        ("notice", LogType::Notice),
        ("warning", LogType::Warning),
        ("error", LogType::Error),
        ("debug", LogType::Debug),
        ("subscribe", LogType::Subscribe),
        ("unsubscribe", LogType::Unsubscribe),
        ("websockets", LogType::Websockets),
        ("internal", LogType::Internal),
    ];
}

/// A set of log types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTypes(u16);

impl LogTypes {
    /// `none`
    pub const NONE: LogTypes = LogTypes(0);
    /// `all`
    pub const ALL: LogTypes = LogTypes(0x1ff);
    /// What is logged without `log_type`: errors, warnings, notices and information.
    pub const DEFAULT: LogTypes = LogTypes(0xf);

    /// The set as bits, for an atomic number.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of these bits; others are ignored.
    pub fn from_bits(bits: u16) -> LogTypes {
        LogTypes(bits & LogTypes::ALL.0)
    }

    /// Is `log_type` in the set?
    pub fn contains(self, log_type: LogType) -> bool {
        self.0 & log_type as u16 != 0
    }
}

impl From<LogType> for LogTypes {
    fn from(log_type: LogType) -> Self {
        LogTypes(log_type as u16)
    }
}

impl BitOr for LogTypes {
    type Output = LogTypes;
    fn bitor(self, other: LogTypes) -> LogTypes {
        LogTypes(self.0 | other.0)
    }
}

impl BitOrAssign for LogTypes {
    fn bitor_assign(&mut self, other: LogTypes) {
        self.0 |= other.0;
    }
}

/// `log_dest`: where log lines go; several at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogDestinations {
    /// `stdout`
    pub stdout: bool,
    /// `stderr`
    pub stderr: bool,
    /// `syslog`
    pub syslog: bool,
    /// `topic`: `$SYS/broker/log/…`
    pub topic: bool,
    /// `file PATH`
    pub file: Option<String>,
}

/// `log_facility`: under which name syslog files our lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFacility {
    /// The default.
    Daemon,
    /// local0 to local7.
    Local(u8),
}

/// What is logged, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `log_dest`
    pub destinations: LogDestinations,
    /// `log_type`
    pub types: LogTypes,
    /// `log_timestamp`: each line starts with the time.
    pub timestamp: bool,
    /// `log_timestamp_format`: the time's form (strftime, local time); `None`: seconds since 1970.
    pub timestamp_format: Option<String>,
    /// `log_facility`
    pub facility: LogFacility,
    /// `log_format json`: each line is a JSON object. Ours.
    pub json: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            destinations: LogDestinations { stderr: true, ..LogDestinations::default() },
            types: LogTypes::DEFAULT,
            timestamp: true,
            timestamp_format: None,
            facility: LogFacility::Daemon,
            json: false,
        }
    }
}
