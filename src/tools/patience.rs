//! The first connection, tried as long as the flags say. Without them: once, and CONNACK is nobody's business here.

use std::io;
use std::time::{Duration, Instant};

use super::link::{Link, Lost};
use crate::options::Patience;
use crate::protocol::{Packet, ReasonCode, Version, decode, fixed_header};
use crate::transport::ConnectError;

/// The first pause; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause while somebody waits for a broker to start.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Longest pause between a counted number of attempts.
const COUNTED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// The last attempt may take this long though the time is over: its answer says more than "timed out".
const LEAST: Duration = Duration::from_millis(250);

/// Opens the link.
///
/// # Errors
/// That of the last attempt.
pub fn open(link: &mut Link, patience: &Patience) -> Result<(), ConnectError> {
    if patience.is_none() {
        return link.open();
    }
    let end = patience.total.map(|total| Instant::now() + total);
    let mut left = patience.retries.unwrap_or(if end.is_some() { u32::MAX } else { 0 });
    let longest = if patience.retries.is_some() { COUNTED_PAUSE_MAX } else { PAUSE_MAX };
    let mut pause = FIRST_PAUSE;
    loop {
        let result = attempt(link, limit(patience.attempt, end));
        let may_go_on = left > 0 && end.is_none_or(|end| Instant::now() < end);
        match result {
            Ok(Answer::Final) => return Ok(()),
            Ok(Answer::ComeBack) if !may_go_on => return Ok(()),
            Err(error) if !may_go_on || is_lasting(&error) => return Err(error),
            _ => link.close(),
        }
        left -= 1;
        let wait = jittered(pause);
        let wait = end.map_or(wait, |end| wait.min(end.saturating_duration_since(Instant::now())));
        std::thread::sleep(wait);
        pause = (pause * 2).min(longest);
    }
}

/// What CONNACK means for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// A yes, or a no that stays a no.
    Final,
    /// The broker is there and can't take clients now.
    ComeBack,
}

/// One attempt's end: its own limit, or the end of all patience.
fn limit(attempt: Option<Duration>, end: Option<Instant>) -> Option<Instant> {
    let now = Instant::now();
    let attempt = attempt.map(|attempt| now + attempt);
    let end = end.map(|end| end.max(now + LEAST));
    match (attempt, end) {
        (Some(attempt), Some(end)) => Some(attempt.min(end)),
        (attempt, end) => attempt.or(end),
    }
}

/// Connects and waits for CONNACK, which stays in the link for whoever goes on with it.
fn attempt(link: &mut Link, until: Option<Instant>) -> Result<Answer, ConnectError> {
    link.set_connect_deadline(until);
    link.open()?;
    loop {
        link.flush();
        let ready = link.wait(None, until).map_err(ConnectError::Io)?;
        if ready.input {
            match link.receive() {
                Ok(_) => {}
                Err(Lost::Violation(_)) => return Ok(Answer::Final),
                // Time doesn't mend a certificate.
                Err(Lost::Tls(error)) if !error.is_cut_off() => {
                    link.put_back(Lost::Tls(error));
                    return Ok(Answer::Final);
                }
                Err(Lost::WebSocket(error)) if !error.is_cut_off() => {
                    link.put_back(Lost::WebSocket(error));
                    return Ok(Answer::Final);
                }
                Err(_) => return Err(system(rustix::io::Errno::CONNRESET)),
            }
            if let Some(answer) = answer(link.received(), link.connection.version()) {
                link.unread();
                return Ok(answer);
            }
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Err(system(rustix::io::Errno::TIMEDOUT));
        }
    }
}

/// Settings that can't be used now can't be used later.
fn is_lasting(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Tls(_) | ConnectError::TlsFile(_))
}

fn system(error: rustix::io::Errno) -> ConnectError {
    ConnectError::Io(io::Error::from(error))
}

/// `None`: the packet isn't whole yet.
fn answer(input: &[u8], version: Version) -> Option<Answer> {
    let Ok(header) = fixed_header(input) else { return Some(Answer::Final) };
    let header = header.filter(|header| input.len() >= header.total())?;
    let body = &input[header.header_length..header.total()];
    match decode(version, header.first, body) {
        Ok(Packet::ConnAck(connack)) if is_passing(connack.code) => Some(Answer::ComeBack),
        _ => Some(Answer::Final),
    }
}

/// Whether the broker may say something else in a while: it is unavailable, busy or at its limit.
fn is_passing(code: ReasonCode) -> bool {
    const UNAVAILABLE_V3: u8 = 3;
    let later = [
        ReasonCode::SERVER_UNAVAILABLE,
        ReasonCode::SERVER_BUSY,
        ReasonCode::QUOTA_EXCEEDED,
        ReasonCode::CONNECTION_RATE_EXCEEDED,
    ];
    code.0 == UNAVAILABLE_V3 || later.contains(&code)
}

/// Between half of it and all of it, so that many clients don't come at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes there is no jitter, which is no reason to fail.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause.mul_f64(f64::from(byte[0]) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_broker_is_worth_another_attempt_and_a_refusal_is_not() {
        for (bytes, version, expected) in [
            (&[0x20, 2, 0][..], Version::V311, None),
            (&[0x20, 2, 0, 0], Version::V311, Some(Answer::Final)),
            (&[0x20, 2, 0, 5], Version::V311, Some(Answer::Final)),
            (&[0x20, 2, 0, 3], Version::V311, Some(Answer::ComeBack)),
            (&[0x20, 3, 0, 0x88, 0], Version::V5, Some(Answer::ComeBack)),
            (&[0x20, 3, 0, 0x87, 0], Version::V5, Some(Answer::Final)),
            (&[0xFF], Version::V5, Some(Answer::Final)),
            (&[0xFF, 0], Version::V5, Some(Answer::Final)),
        ] {
            assert_eq!(answer(bytes, version), expected, "{bytes:?}");
        }
    }

    #[test]
    fn jitter_keeps_within_half_and_whole() {
        for _ in 0..1000 {
            let pause = jittered(Duration::from_secs(2));
            assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&pause), "{pause:?}");
        }
    }
}
