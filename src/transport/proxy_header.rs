//! The PROXY protocol: the header in front of a connection that tells where it really comes from. Decisions over bytes
//! already read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is looked at, of either version: as long as mosquitto takes.
pub const PROXY_HEADER_MAX: usize = 16 + 500;
/// The longest line of version 1, with its end.
const LINE_MAX: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Where the connection comes from.
    pub source: Source,
    /// What the proxy tells of TLS between the client and itself.
    pub tls: Option<ProxyTls>,
}

/// Where a connection comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The proxy doesn't know: from where the socket comes.
    Unknown,
    /// The proxy itself, looking whether we are alive.
    Proxy,
    /// By TCP, from there.
    Tcp(SocketAddr),
    /// By a unix socket of this path.
    Unix(String),
}

/// The TLS that a proxy has spoken with the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyTls {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// Such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<String>,
    /// The common name of the client's certificate.
    pub common_name: Option<String>,
    /// The client has shown a certificate, and the proxy has found it good.
    pub has_certificate: bool,
}

/// The header isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// Reads a header of version 1, and says how long it is. `None`: it isn't whole yet.
///
/// # Errors
/// [`Corrupt`]
pub fn version_1(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, Corrupt> {
    let begins = bytes.starts_with(&b"PROXY "[..bytes.len().min(6)]);
    if !begins {
        return Err(Corrupt);
    }
    let window = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = window.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(Corrupt) };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| Corrupt)?;
    let mut words = line.split(' ').skip(1);
    let source = match words.next() {
        Some("UNKNOWN") => Source::Unknown,
        Some(family @ ("TCP4" | "TCP6")) => {
            let address = |word: Option<&str>| -> Result<IpAddr, Corrupt> {
                let address: IpAddr = word.ok_or(Corrupt)?.parse().map_err(|_| Corrupt)?;
                if address.is_ipv4() == (family == "TCP4") { Ok(address) } else { Err(Corrupt) }
            };
            let port = |word: Option<&str>| -> Result<u16, Corrupt> {
                let word = word.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
                word.and_then(|word| word.parse().ok()).filter(|port| *port > 0).ok_or(Corrupt)
            };
            let (from, _to) = (address(words.next())?, address(words.next())?);
            let (from_port, _to_port) = (port(words.next())?, port(words.next())?);
            if words.next().is_some() {
                return Err(Corrupt);
            }
            Source::Tcp(SocketAddr::new(from, from_port))
        }
        _ => return Err(Corrupt),
    };
    Ok(Some((ProxyHeader { source, tls: None }, end + 2)))
}

/// Reads a header of version 2, and says how long it is. `None`: it isn't whole yet.
///
/// # Errors
/// [`Corrupt`]
pub fn version_2(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, Corrupt> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(Corrupt);
    }
    let Some(&[command, family, high, low]) = bytes.get(12..16).and_then(|four| four.first_chunk()) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if 16 + length > PROXY_HEADER_MAX {
        return Err(Corrupt);
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Corrupt),
    };
    let Some(body) = bytes.get(16..16 + length) else { return Ok(None) };
    if is_local {
        return Ok(Some((ProxyHeader { source: Source::Proxy, tls: None }, 16 + length)));
    }
    let (source, addresses) = match family {
        0x11 => (v4(body).ok_or(Corrupt)?, 12),
        0x21 => (v6(body).ok_or(Corrupt)?, 36),
        0x31 => (unix(body).ok_or(Corrupt)?, 216),
        _ => return Err(Corrupt),
    };
    let tls = tlvs(&body[addresses..])?;
    Ok(Some((ProxyHeader { source, tls }, 16 + length)))
}

fn v4(body: &[u8]) -> Option<Source> {
    let body = body.first_chunk::<12>()?;
    let address = Ipv4Addr::from(*body.first_chunk::<4>()?);
    let port = u16::from_be_bytes([body[8], body[9]]);
    Some(Source::Tcp(SocketAddr::new(address.into(), port)))
}

fn v6(body: &[u8]) -> Option<Source> {
    let body = body.first_chunk::<36>()?;
    let address = Ipv6Addr::from(*body.first_chunk::<16>()?);
    let port = u16::from_be_bytes([body[32], body[33]]);
    Some(Source::Tcp(SocketAddr::new(address.into(), port)))
}

fn unix(body: &[u8]) -> Option<Source> {
    let path = body.get(..216)?.get(..108)?;
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    let path: String = String::from_utf8_lossy(&path[..end]).chars().filter(|c| !c.is_control()).collect();
    Some(Source::Unix(path))
}

/// A type, a length and so many bytes, one behind the other.
fn split(bytes: &[u8]) -> Result<Option<(u8, &[u8], &[u8])>, Corrupt> {
    match bytes {
        [] => Ok(None),
        [kind, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, rest) = rest.split_at_checked(length).ok_or(Corrupt)?;
            Ok(Some((*kind, value, rest)))
        }
        _ => Err(Corrupt),
    }
}

fn tlvs(bytes: &[u8]) -> Result<Option<ProxyTls>, Corrupt> {
    let (mut rest, mut tls) = (bytes, None);
    while let Some((kind, value, behind)) = split(rest)? {
        if kind == 0x20 {
            tls = of_tls(value)?;
        }
        rest = behind;
    }
    Ok(tls)
}

/// The part about TLS: flags, whether the certificate is good, and parts of its own.
fn of_tls(value: &[u8]) -> Result<Option<ProxyTls>, Corrupt> {
    let (head, mut rest) = value.split_at_checked(5).ok_or(Corrupt)?;
    let (flags, verified) = (head[0], head[1..] == [0; 4]);
    let mut tls = ProxyTls { has_certificate: flags & 6 != 0 && verified, ..ProxyTls::default() };
    let text = |value: &[u8]| {
        let text = String::from_utf8(value.to_vec()).map_err(|_| Corrupt)?;
        if text.chars().any(char::is_control) { Err(Corrupt) } else { Ok(text) }
    };
    while let Some((kind, value, behind)) = split(rest)? {
        match kind {
            0x21 => tls.version = text(value)?,
            0x22 => tls.common_name = Some(text(value)?),
            0x23 => tls.cipher = Some(text(value)?),
            _ => {}
        }
        rest = behind;
    }
    // The client has spoken TLS, and the proxy knows which.
    Ok(Some(tls).filter(|tls| flags & 1 != 0 && !tls.version.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_version_1() {
        let read = |text: &str| version_1(text.as_bytes());
        let tcp = |address: &str| ProxyHeader { source: Source::Tcp(address.parse().unwrap()), tls: None };
        assert_eq!(
            read("PROXY TCP4 192.0.2.1 192.0.2.2 1234 1883\r\nrest"),
            Ok(Some((tcp("192.0.2.1:1234"), 42)))
        );
        assert_eq!(read("PROXY TCP6 ::1 ::2 1 2\r\n"), Ok(Some((tcp("[::1]:1"), 24))));
        let unknown = ProxyHeader { source: Source::Unknown, tls: None };
        assert_eq!(read("PROXY UNKNOWN what ever\r\n"), Ok(Some((unknown, 25))));
        for part in ["", "P", "PROXY", "PROXY TCP4 1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r"] {
            assert_eq!(read(part), Ok(None), "{part}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(93));
        for bad in [
            "proxy",
            "\x10",
            "PROXY TCP4 ::1 ::2 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 0 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY\r\n",
            &long,
        ] {
            assert_eq!(read(bad), Err(Corrupt), "{bad:?}");
        }
    }

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind][..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 7, 91];

    #[test]
    fn headers_of_version_2() {
        let whole = |bytes: &[u8]| version_2(bytes).unwrap().unwrap();
        let (read, length) = whole(&[header(0x21, 0x11, &V4), b"rest".to_vec()].concat());
        assert_eq!(
            (read.source, read.tls, length),
            (Source::Tcp("192.0.2.1:1234".parse().unwrap()), None, 28)
        );
        let mut path = [0; 216];
        path[..4].copy_from_slice(b"/run");
        assert_eq!(whole(&header(0x21, 0x31, &path)).0.source, Source::Unix("/run".into()));
        assert_eq!(whole(&header(0x20, 0, &[])).0.source, Source::Proxy);
        let mut v6 = [0; 36];
        (v6[15], v6[33]) = (1, 9);
        assert_eq!(whole(&header(0x21, 0x21, &v6)).0.source, Source::Tcp("[::1]:9".parse().unwrap()));

        let parts = [tlv(0x21, b"TLSv1.3"), tlv(0x22, b"alice"), tlv(0x23, b"CIPHER")].concat();
        let tls = |head: &[u8]| tlv(0x20, &[head, &parts].concat());
        let body = [&V4[..], &tlv(4, b"padding"), &tls(&[7, 0, 0, 0, 0])].concat();
        let read = whole(&header(0x21, 0x11, &body)).0.tls.unwrap();
        let expected = ProxyTls {
            version: "TLSv1.3".into(),
            cipher: Some("CIPHER".into()),
            common_name: Some("alice".into()),
            has_certificate: true,
        };
        assert_eq!(read, expected);
        // A certificate that the proxy found bad, and none.
        for head in [[7, 0, 0, 0, 1], [1, 0, 0, 0, 0]] {
            let body = [&V4[..], &tls(&head)].concat();
            assert!(!whole(&header(0x21, 0x11, &body)).0.tls.unwrap().has_certificate);
        }
        let body = [&V4[..], &tls(&[0, 0, 0, 0, 0])].concat();
        assert_eq!(whole(&header(0x21, 0x11, &body)).0.tls, None);
    }

    #[test]
    fn what_is_no_header_of_version_2() {
        let whole = header(0x21, 0x11, &V4);
        for length in 0..whole.len() {
            assert_eq!(version_2(&whole[..length]), Ok(None), "{length}");
        }
        let cut = tlv(0x20, &[1, 0, 0]);
        let lying = [&V4[..], &[4, 0, 9, 1]].concat();
        for bad in [
            b"PROXY TCP4".to_vec(),
            header(0x22, 0x11, &V4),
            header(0x11, 0x11, &V4),
            header(0x21, 0x12, &V4),
            header(0x21, 0x11, &V4[..11]),
            header(0x21, 0x21, &V4),
            header(0x21, 0x31, &[0; 215]),
            header(0x21, 0x11, &[&V4[..], &cut].concat()),
            header(0x21, 0x11, &lying),
            header(0x21, 0x11, &[&V4[..], &[4]].concat()),
            header(0x21, 0x11, &[0; 501]),
        ] {
            assert_eq!(version_2(&bad), Err(Corrupt), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn records_that_lie_about_their_length_are_survived(
            records in proptest::collection::vec((any::<u8>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
            in_tls: bool,
        ) {
            let mut bytes = vec![192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 7, 91];
            if in_tls {
                // The records of the one about TLS, whose own length is right.
                let inner: Vec<u8> = records.iter().flat_map(|(kind, _, value)| tlv(kind & 3 | 0x20, value)).collect();
                bytes.extend(tlv(0x20, &[&[7, 0, 0, 0, 0][..], &inner].concat()));
            }
            for (kind, length, value) in &records {
                bytes.extend([kind & 3 | 0x20]);
                bytes.extend((length % 60).to_be_bytes());
                bytes.extend(value);
            }
            let whole = header(0x21, 0x11, &bytes);
            for length in 0..=whole.len() {
                if let Ok(Some((_, taken))) = version_2(&whole[..length]) {
                    prop_assert_eq!(taken, whole.len());
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = version_1(&bytes);
            let _ = version_2(&bytes);
            let _ = version_2(&header(0x21, 0x11, &bytes));
        }
    }
}
