//! Exit codes of the programs: mosquitto's, as a type.

use std::process::ExitCode;

use crate::protocol::ReasonCode;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// 1: bad arguments, unreadable input, or no first connection.
    Failure,
    /// 2: the broker sent what it must not.
    ProtocolError,
    /// 7: the connection was lost, or a message refused before it was sent.
    ConnectionLost,
    /// 27: `-W` ran out.
    TimedOut,
    /// 255: a signal came before the broker answered.
    Interrupted,
    /// The code of a CONNACK that refused: 1–5 in 3.x, 128 and more in 5.0.
    Refused(ReasonCode),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::ProtocolError => 2,
            Exit::ConnectionLost => 7,
            Exit::TimedOut => 27,
            Exit::Interrupted => 255,
            Exit::Refused(code) => code.0,
        })
    }
}
