//! Lines to syslog, over the socket that every syslog daemon listens on.

use std::os::unix::net::UnixDatagram;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{LogFacility, LogType};

/// Where syslog daemons listen.
const SOCKET: &str = "/dev/log";

/// A connection to the syslog daemon, made when there is a line to send.
pub(super) struct Syslog {
    /// `program[pid]`
    sender: String,
    facility: u8,
    zone: TimeZone,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(program: &str, facility: LogFacility) -> Self {
        let facility = match facility {
            LogFacility::Daemon => 3,
            LogFacility::Local(number) => 16 + (number & 7),
        };
        let sender = format!("{program}[{}]", std::process::id());
        Syslog { sender, facility, zone: TimeZone::system(), socket: None }
    }

    /// Sends one line. Without a daemon, or with one that doesn't keep up, it is lost: the broker doesn't wait.
    pub(super) fn send(&mut self, log_type: LogType, now: u64, line: &str) {
        let packet = self.packet(log_type, now, line);
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = connect();
            }
            let Some(socket) = &self.socket else { return };
            match socket.send(packet.as_bytes()) {
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    // The daemon was restarted: once more, on a new connection.
                    self.socket = None;
                }
                _ => return,
            }
        }
    }

    fn packet(&self, log_type: LogType, now: u64, line: &str) -> String {
        let priority = self.facility * 8 + severity(log_type);
        let time = i64::try_from(now)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(|time| time.to_zoned_datetime(self.zone.clone()).strftime("%b %e %H:%M:%S").to_string())
            .unwrap_or_default();
        format!("<{priority}>{time} {}: {line}", self.sender)
    }
}

fn connect() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(SOCKET).ok()?;
    Some(socket)
}

fn severity(log_type: LogType) -> u8 {
    match log_type {
        LogType::Error => 3,
        LogType::Warning => 4,
        LogType::Notice | LogType::Subscribe | LogType::Unsubscribe => 5,
        LogType::Information => 6,
        LogType::Debug | LogType::Websockets | LogType::Internal => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_line() {
        let mut syslog = Syslog::new("mosquitto", LogFacility::Local(2));
        syslog.zone = TimeZone::UTC;
        syslog.sender = "mosquitto[7]".to_owned();
        let packet = syslog.packet(LogType::Warning, 1_770_000_000, "1770000000: text");
        assert_eq!(packet, "<148>Feb  2 02:40:00 mosquitto[7]: 1770000000: text");
        let daemon = Syslog::new("mosquitto", LogFacility::Daemon);
        assert!(daemon.packet(LogType::Error, 0, "x").starts_with("<27>"));
    }
}
