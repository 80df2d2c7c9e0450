//! `-L` and MQTT_URL: `mqtt://[user[:password]@]host[:port][/topic]`, also `mqtts:`, `ws:` and `wss:`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use zeroize::Zeroizing;

use super::complaint::{Complaint, Halt};
use super::numbers::atoi;

/// Port of `mqtt:` and `ws:` URLs without one.
const MQTT_PORT: u16 = 1883;
/// Port of `mqtts:` and `wss:` URLs without one.
const MQTTS_PORT: u16 = 8883;

/// The parts of a URL. There is no percent-decoding, as in mosquitto.
pub(super) struct Url {
    /// The scheme asks for TLS.
    pub tls: bool,
    /// The scheme asks for WebSocket.
    pub ws: bool,
    pub username: Option<OsString>,
    pub password: Option<Zeroizing<Vec<u8>>>,
    pub host: OsString,
    pub port: u16,
    /// What follows the first `/` behind the host; `None` without one.
    pub topic: Option<OsString>,
}

pub(super) fn parse(text: &OsStr) -> Result<Url, Halt> {
    let (tls, ws, rest) = after_scheme(text.as_bytes())?;
    let (authority, topic) = match split(rest, b'/') {
        Some((authority, topic)) => (authority, Some(os(topic))),
        None => (rest, None),
    };
    let (user, address) = match split(authority, b'@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    let (username, password) = match user.map(|user| (user, split(user, b':'))) {
        Some((_, Some((username, password)))) => {
            (Some(os(username)), Some(Zeroizing::new(password.to_vec())))
        }
        Some((username, None)) => (Some(os(username)), None),
        None => (None, None),
    };
    let (host, port) = host_and_port(address)?;
    let port = port.unwrap_or(if tls { MQTTS_PORT } else { MQTT_PORT });
    Ok(Url { tls, ws, username, password, host: os(host), port, topic })
}

/// Whether the scheme asks for TLS and for WebSocket, and what follows it.
fn after_scheme(text: &[u8]) -> Result<(bool, bool, &[u8]), Halt> {
    for (scheme, tls, ws) in
        [("mqtt", false, false), ("mqtts", true, false), ("ws", false, true), ("wss", true, true)]
    {
        let length = scheme.len();
        if text.len() >= length
            && text[..length].eq_ignore_ascii_case(scheme.as_bytes())
            && text[length..].starts_with(b"://")
        {
            return Ok((tls, ws, &text[length + 3..]));
        }
    }
    Err(Complaint::UrlScheme.into())
}

/// `host`, `host:port`, and (unlike mosquitto) `[v6]` and `[v6]:port`.
fn host_and_port(address: &[u8]) -> Result<(&[u8], Option<u16>), Halt> {
    let bracketed = address.strip_prefix(b"[").and_then(|inner| split(inner, b']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(b":")),
        None => match split(address, b':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let number = |port: &[u8]| {
        let port = atoi(port);
        u16::try_from(port).map_err(|_| Complaint::InvalidPort(port))
    };
    Ok((host, port.map(number).transpose()?))
}

/// What stands before and behind the first `at`.
fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((&text[..position], &text[position + 1..]))
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, Option<String>, String, u16, Option<String>) {
        let url = parse(OsStr::new(text)).unwrap();
        let string = |text: OsString| text.into_string().unwrap();
        let password = url.password.map(|password| String::from_utf8(password.to_vec()).unwrap());
        (url.username.map(string), password, string(url.host), url.port, url.topic.map(string))
    }

    #[test]
    fn parts_are_told_apart() {
        let some = |text: &str| Some(text.to_owned());
        let cases = [
            ("mqtt://h/a/b", (None, None, "h".into(), 1883, some("a/b"))),
            ("MQTT://h:1884/a@b:c", (None, None, "h".into(), 1884, some("a@b:c"))),
            ("mqtt://u@h/t", (some("u"), None, "h".into(), 1883, some("t"))),
            ("mqtt://u:p:q@h:1/t", (some("u"), some("p:q"), "h".into(), 1, some("t"))),
            ("mqtt://h", (None, None, "h".into(), 1883, None)),
            ("mqtt://h/", (None, None, "h".into(), 1883, some(""))),
            ("mqtt://[::1]/t", (None, None, "::1".into(), 1883, some("t"))),
            ("mqtt://u@[::1]:7/t", (some("u"), None, "::1".into(), 7, some("t"))),
            ("mqtt://h:y/t", (None, None, "h".into(), 0, some("t"))),
            ("mqtts://h/t", (None, None, "h".into(), 8883, some("t"))),
            ("ws://h/t", (None, None, "h".into(), 1883, some("t"))),
            ("Wss://h/t", (None, None, "h".into(), 8883, some("t"))),
            ("MQTTS://h:1/t", (None, None, "h".into(), 1, some("t"))),
        ];
        for (text, expected) in cases {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn other_schemes() {
        let error = |text: &str| parse(OsStr::new(text)).err().unwrap();
        assert_eq!(error("http://h/t"), Complaint::UrlScheme.into());
        assert_eq!(error("h"), Complaint::UrlScheme.into());
        assert_eq!(error("mqtt://h:70000/t"), Complaint::InvalidPort(70_000).into());
    }
}
