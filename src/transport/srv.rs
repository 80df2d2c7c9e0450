//! Finding a service by its DNS SRV records (RFC 2782): one question by UDP, its answers best first.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Where the system's nameservers are listed.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Port of DNS.
const DNS_PORT: u16 = 53;
/// How long one nameserver is waited for; each is asked twice.
const WAIT: Duration = Duration::from_secs(5);
/// Largest answer taken, as announced in the question.
const LARGEST: usize = 4096;
/// Record types.
const SRV: u16 = 33;
const OPT: u16 = 41;

/// A host and port that offers the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub host: String,
    pub port: u16,
    priority: u16,
    weight: u16,
}

/// The nameservers of this system, or the one on this machine.
pub(super) fn nameservers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let found: Vec<SocketAddr> = text.lines().filter_map(nameserver).take(3).collect();
    if found.is_empty() { vec![(Ipv4Addr::LOCALHOST, DNS_PORT).into()] } else { found }
}

fn nameserver(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace();
    let address: IpAddr = (words.next()? == "nameserver").then(|| words.next())??.parse().ok()?;
    Some((address, DNS_PORT).into())
}

/// The offers for a name such as `_mqtt._tcp.example.org`: the lowest priority first, then the greatest weight.
///
/// # Errors
/// The name can't be one, no nameserver answers, or none knows of such a service.
pub(super) fn lookup(
    name: &str,
    nameservers: &[SocketAddr],
    deadline: Option<Instant>,
) -> io::Result<Vec<Offer>> {
    let mut identifier = [0; 2];
    getrandom::fill(&mut identifier).map_err(io::Error::from)?;
    let question = question(identifier, name).ok_or(io::ErrorKind::InvalidInput)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for nameserver in nameservers.iter().chain(nameservers) {
        let left = deadline.map_or(WAIT, |until| until.saturating_duration_since(Instant::now()).min(WAIT));
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match ask(*nameserver, &question, left) {
            Ok(answer) => match offers(&answer) {
                Some(offers) if !offers.is_empty() => return Ok(offers),
                _ => return Err(io::ErrorKind::NotFound.into()),
            },
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends the question and waits for an answer to it; what is none is passed over.
fn ask(nameserver: SocketAddr, question: &[u8], wait: Duration) -> io::Result<Vec<u8>> {
    let local: IpAddr = if nameserver.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((local, 0))?;
    socket.connect(nameserver)?;
    socket.send(question)?;
    let until = Instant::now() + wait;
    let mut buffer = vec![0; LARGEST];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_answer = length >= 12 && buffer[..2] == question[..2] && buffer[2] & 0x80 != 0;
        if is_answer {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

/// A question for the SRV records of a name, with EDNS for long answers. `None`: it is no name.
fn question(identifier: [u8; 2], name: &str) -> Option<Vec<u8>> {
    // Recursion desired, one question, one additional record.
    let mut packet = vec![identifier[0], identifier[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        packet.push(length);
        packet.extend_from_slice(label.as_bytes());
    }
    if packet.len() > 12 + 254 {
        return None;
    }
    packet.push(0);
    packet.extend_from_slice(&SRV.to_be_bytes());
    packet.extend_from_slice(&[0, 1, 0]);
    packet.extend_from_slice(&OPT.to_be_bytes());
    packet.extend_from_slice(&(LARGEST as u16).to_be_bytes());
    packet.extend_from_slice(&[0; 6]);
    Some(packet)
}

/// The SRV records of an answer. `None`: it makes no sense, or is an error.
fn offers(packet: &[u8]) -> Option<Vec<Offer>> {
    let number = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    if packet.get(3)? & 0x0F != 0 {
        return None;
    }
    let (questions, answers) = (number(4)?, number(6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = name(packet, at)?.1 + 4;
    }
    let mut offers = Vec::new();
    for _ in 0..answers {
        at = name(packet, at)?.1;
        let (kind, length) = (number(at)?, usize::from(number(at + 8)?));
        let data = at + 10;
        if kind == SRV {
            let (host, _) = name(packet, data + 6)?;
            // A single dot says that the service isn't there.
            if !host.is_empty() {
                let (priority, weight, port) = (number(data)?, number(data + 2)?, number(data + 4)?);
                offers.push(Offer { host, port, priority, weight });
            }
        }
        at = data + length;
    }
    offers.sort_by_key(|offer| (offer.priority, std::cmp::Reverse(offer.weight)));
    Some(offers)
}

/// A name at a place of the packet, and the place behind it. Pointers lead to earlier places only.
fn name(packet: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut text, mut at, mut behind, mut bound) = (String::new(), start, None, start);
    loop {
        let length = *packet.get(at)?;
        match length {
            0 => return Some((text, behind.unwrap_or(at + 1))),
            0xC0.. => {
                let target = usize::from(length & 0x3F) << 8 | usize::from(*packet.get(at + 1)?);
                behind = behind.or(Some(at + 2));
                if target >= bound {
                    return None;
                }
                (at, bound) = (target, target);
            }
            1..=63 => {
                let label = packet.get(at + 1..at + 1 + usize::from(length))?;
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(std::str::from_utf8(label).ok()?);
                at += 1 + usize::from(length);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with the records given as priority, weight, port and labels of the host.
    fn answer(question: &[u8], records: &[(u16, u16, u16, &[&str])]) -> Vec<u8> {
        let mut packet = vec![question[0], question[1], 0x81, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
        packet.extend_from_slice(&question[12..question.len() - 11]);
        for (priority, weight, port, host) in records {
            // The name is that of the question.
            packet.extend_from_slice(&[0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 9]);
            let mut data = Vec::new();
            for value in [priority, weight, port] {
                data.extend_from_slice(&value.to_be_bytes());
            }
            for label in *host {
                data.push(label.len() as u8);
                data.extend_from_slice(label.as_bytes());
            }
            data.push(0);
            packet.extend_from_slice(&(data.len() as u16).to_be_bytes());
            packet.extend_from_slice(&data);
        }
        packet
    }

    /// A nameserver that answers one question, after a packet that is no answer.
    fn served(records: &'static [(u16, u16, u16, &'static [&'static str])]) -> io::Result<Vec<Offer>> {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            server.send_to(b"no answer at all", from).unwrap();
            server.send_to(&answer(&buffer[..length], records), from).unwrap();
            buffer[..length].to_vec()
        });
        let found = lookup("_mqtt._tcp.example.org", &[address], None);
        let question = serving.join().unwrap();
        assert_eq!(
            question[12..],
            *b"\x05_mqtt\x04_tcp\x07example\x03org\0\0\x21\0\x01\0\0\x29\x10\0\0\0\0\0\0\0"
        );
        found
    }

    #[test]
    fn offers_come_best_first() {
        let found = served(&[
            (2, 0, 1885, &["last"]),
            (1, 5, 1884, &["b", "example"]),
            (1, 9, 1883, &["a", "example"]),
        ]);
        let found: Vec<_> = found.unwrap().into_iter().map(|offer| (offer.host, offer.port)).collect();
        let expected = [("a.example", 1883), ("b.example", 1884), ("last", 1885)];
        assert_eq!(found, expected.map(|(host, port)| (host.to_owned(), port)));
    }

    #[test]
    fn no_offer_is_not_found() {
        assert_eq!(served(&[]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(served(&[(0, 0, 0, &[])]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_deadline_ends_waiting_and_what_is_no_name_is_not_asked() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        let over = Some(Instant::now());
        assert_eq!(lookup("a.b", &[address], over).unwrap_err().kind(), io::ErrorKind::TimedOut);
        for name in ["a..b", "", &"x".repeat(64), &"a.".repeat(200)] {
            assert_eq!(
                lookup(name, &[address], None).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name}"
            );
        }
    }

    #[test]
    fn nonsense_is_no_answer() {
        let question = question([1, 2], "a.b").unwrap();
        let good = answer(&question, &[(1, 2, 3, &["h"])]);
        assert_eq!(offers(&good).unwrap().len(), 1);
        for length in 0..good.len() {
            assert_eq!(offers(&good[..length]), None, "{length}");
        }
        // A pointer to itself.
        let mut endless = good.clone();
        endless[12..14].copy_from_slice(&[0xC0, 12]);
        assert_eq!(offers(&endless), None);
    }

    #[test]
    fn nameservers_of_the_system() {
        assert_eq!(nameserver("nameserver 10.0.0.1"), Some("10.0.0.1:53".parse().unwrap()));
        assert_eq!(nameserver("nameserver  ::1 "), Some("[::1]:53".parse().unwrap()));
        assert_eq!(nameserver("search example.org"), None);
        assert_eq!(nameserver("# nameserver 1.2.3.4"), None);
    }
}
