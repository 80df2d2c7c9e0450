//! Exit codes of the programs: mosquitto's and, from 41 on, our own; as a type.

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
    /// 13: the WebSocket was refused.
    WebSocketFailed,
    /// 14: TLS failed.
    TlsFailed,
    /// 27: `-W` ran out.
    TimedOut,
    /// 255: a signal came before the broker answered.
    Interrupted,
    /// 41, with `--strict`: the broker refused a message.
    PublishDenied,
    /// 42, with `--strict`: the broker refused every subscription.
    SubscriptionsDenied,
    /// 43, with `--strict`: the broker refused some of the subscriptions.
    SomeSubscriptionsDenied,
    /// 44, with `--strict`: it ended before the count of `-C` was reached.
    CountNotReached,
    /// 45, with `--strict`: the connection was lost where messages may have been lost with it.
    Interruption,
    /// 46, with `--strict`: a command of `--exec` or `--exec-after-sub` failed.
    CommandFailed,
    /// 47: round trips took longer than `--max-p99` allows.
    TooSlow,
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
            Exit::WebSocketFailed => 13,
            Exit::TlsFailed => 14,
            Exit::TimedOut => 27,
            Exit::Interrupted => 255,
            Exit::PublishDenied => 41,
            Exit::SubscriptionsDenied => 42,
            Exit::SomeSubscriptionsDenied => 43,
            Exit::CountNotReached => 44,
            Exit::Interruption => 45,
            Exit::CommandFailed => 46,
            Exit::TooSlow => 47,
            Exit::Refused(code) => code.0,
        })
    }
}
