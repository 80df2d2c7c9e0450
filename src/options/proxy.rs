//! `--proxy`: `socks5h://[user[:password]@]host[:port]`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use zeroize::Zeroizing;

use super::complaint::{Complaint, Halt};
use super::numbers::atoi;
use crate::transport::Proxy;

const SCHEME: &[u8] = b"socks5h://";
/// Port of a proxy without one.
const PORT: u16 = 1080;
/// The longest user name and password that SOCKS5 has room for.
const CREDENTIAL_MAX: usize = 255;

pub(super) fn parse(text: &OsStr) -> Result<Proxy, Halt> {
    let Some(rest) = text.as_bytes().strip_prefix(SCHEME) else {
        return Err(Complaint::ProxyProtocol(text.to_string_lossy().into_owned()).into());
    };
    let (user, address) = match rest.iter().rposition(|byte| *byte == b'@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (host, port) = host_and_port(address)?;
    let host = std::str::from_utf8(host).ok().filter(|host| !host.is_empty()).ok_or(Complaint::Proxy)?;
    let credentials = user.map(credentials).transpose()?;
    Ok(Proxy { host: host.to_owned(), port, credentials })
}

fn credentials(user: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>), Complaint> {
    let colon = user.iter().position(|byte| *byte == b':').unwrap_or(user.len());
    let name = decode(&user[..colon])?;
    let password = decode(user.get(colon + 1..).unwrap_or_default())?;
    if name.is_empty() || name.len() > CREDENTIAL_MAX || password.len() > CREDENTIAL_MAX {
        return Err(Complaint::Proxy);
    }
    Ok((String::from_utf8(name.to_vec()).map_err(|_| Complaint::Proxy)?, password))
}

fn host_and_port(address: &[u8]) -> Result<(&[u8], u16), Complaint> {
    let split = |text: &[u8], at: u8| text.iter().position(|byte| *byte == at);
    let (host, port) = match address.strip_prefix(b"[") {
        Some(inner) => {
            let end = split(inner, b']').ok_or(Complaint::Proxy)?;
            match &inner[end + 1..] {
                [] => (&inner[..end], None),
                [b':', port @ ..] => (&inner[..end], Some(port)),
                _ => return Err(Complaint::Proxy),
            }
        }
        None => match split(address, b':') {
            Some(at) => (&address[..at], Some(&address[at + 1..])),
            None => (address, None),
        },
    };
    let port = match port.map(atoi) {
        None => PORT,
        Some(port) => u16::try_from(port).ok().filter(|port| *port > 0).ok_or(Complaint::ProxyPort(port))?,
    };
    Ok((host, port))
}

/// Undoes percent-encoding.
fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Complaint> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let Some((digits, behind)) = behind.split_first_chunk::<2>() else { return Err(Complaint::Proxy) };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Complaint::Proxy);
        bytes.push((digit(digits[0])? << 4 | digit(digits[1])?) as u8);
        rest = behind;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let parts = |text: &str| {
            let proxy = parse(OsStr::new(text)).unwrap();
            let credentials = proxy
                .credentials
                .map(|(user, password)| format!("{user} {}", String::from_utf8(password.to_vec()).unwrap()));
            (proxy.host, proxy.port, credentials.unwrap_or_default())
        };
        let part = |host: &str, port, credentials: &str| (host.to_owned(), port, credentials.to_owned());
        assert_eq!(parts("socks5h://h"), part("h", 1080, ""));
        assert_eq!(parts("socks5h://h:9"), part("h", 9, ""));
        assert_eq!(parts("socks5h://[::1]"), part("::1", 1080, ""));
        assert_eq!(parts("socks5h://u@[::1]:9"), part("::1", 9, "u "));
        assert_eq!(parts("socks5h://u:p@h:9"), part("h", 9, "u p"));
        assert_eq!(parts("socks5h://a%40b:p%3A%25@h"), part("h", 1080, "a@b p:%"));
    }

    #[test]
    fn what_is_no_proxy() {
        let complaint = |text: &str| parse(OsStr::new(text)).err().unwrap();
        for text in [
            "socks5h://",
            "socks5h://:1",
            "socks5h://@h",
            "socks5h://u%4@h",
            "socks5h://u%zz@h",
            "socks5h://[::1",
            "socks5h://[::1]x",
        ] {
            assert_eq!(complaint(text), Complaint::Proxy.into(), "{text}");
        }
        assert_eq!(complaint("socks5://h"), Complaint::ProxyProtocol("socks5://h".into()).into());
        assert_eq!(complaint("socks5h://h:70000"), Complaint::ProxyPort(70_000).into());
        assert_eq!(complaint("socks5h://h:x"), Complaint::ProxyPort(0).into());
    }
}
