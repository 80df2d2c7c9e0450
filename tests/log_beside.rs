//! The log beside mosquitto's, line by line: both brokers meet the same clients, good and bad, and what they say of them
//! is compared. Debian's 2.0.11 has other words than 2.1 for some things; [`as_2_1_has_it`] is the list of these. What is
//! still different stands with its case, and is meant to be.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use harness::{Broker, Kind, PATIENCE, until};
use mqtt_toolkit::protocol::{Connect, Packet, Properties, Version};
use regex_lite::Regex;

/// Password `b`.
const HASH: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";

/// A line of 2.0.11, times and ports masked, in the words of 2.1: pattern and replacement.
const IN_2_1: &[(&str, &str)] = &[
    // The protocol by the number that people know it by.
    (r"\(p1, (.*)$", "(p3, $1"),
    (r"\(p2, (.*)$", "(p4, $1"),
    // Who hasn't said his name is called by his address.
    ("^Client <unknown> ", "Client 127.0.0.1 "),
    // One form for all ends, with the address.
    (r"^Client (\S+) disconnected\.$", "Client $1 [ADDRESS] disconnected."),
    (
        r"^Client (\S+) closed its connection\.$",
        "Client $1 [ADDRESS] disconnected: connection closed by client.",
    ),
    (r"^Client (\S+) disconnected due to (.*)$", "Client $1 [ADDRESS] disconnected: $2"),
    (r"^Client (\S+) disconnected, (.*)$", "Client $1 [ADDRESS] disconnected: $2"),
    (
        r"^Client (\S+) has exceeded timeout, disconnecting\.$",
        "Client $1 [ADDRESS] disconnected: exceeded timeout.",
    ),
    (
        r"^Client (\S+) already connected, closing old connection\.$",
        "Client $1 [ADDRESS] disconnected: session taken over.",
    ),
    (
        r"^Bad socket read/write on client (\S+): (.*)$",
        "Client $1 [ADDRESS] disconnected: bad socket read/write: $2",
    ),
    (r"^Bad client \S+ sending multiple", "Bad client ADDRESS sending multiple"),
];

fn as_2_1_has_it(line: &str) -> String {
    IN_2_1
        .iter()
        .fold(line.to_owned(), |line, (from, to)| Regex::new(from).unwrap().replace(&line, *to).into_owned())
}

/// Without what differs from run to run.
fn masked(line: &str) -> String {
    let time = Regex::new(r"^\d+: ").unwrap();
    let address = Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let port = Regex::new(r"on port \d+").unwrap();
    let line = time.replace(line, "").into_owned();
    let line = address.replace_all(&line, "ADDRESS").into_owned();
    port.replace(&line, "on port N").into_owned()
}

/// A broker, and how much of its log was looked at.
struct Watched {
    broker: Broker,
    seen: usize,
}

impl Watched {
    fn new(kind: Kind, lines: &str) -> Option<Self> {
        let mut watched = Watched { broker: Broker::with(kind, lines)?, seen: 0 };
        // Whoever looked whether it is there.
        watched.lines_until(1);
        Some(watched)
    }

    /// The lines until so many connections have ended.
    fn lines_until(&mut self, ends: usize) -> Vec<String> {
        until("the end of a connection in the log", || {
            let log = self.broker.log();
            let whole = log.rfind('\n').map_or(0, |end| end + 1);
            let lines: Vec<String> =
                log[self.seen..whole].lines().map(masked).map(|line| as_2_1_has_it(&line)).collect();
            let found = lines.iter().filter(|line| line.contains("] disconnected")).count();
            (found >= ends).then(|| {
                self.seen = whole;
                lines
            })
        })
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.broker.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// What a client does.
enum Step<'a> {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits for so many packets.
    Await(usize),
    /// Waits until the broker closes.
    AwaitEnd,
    /// Closes by itself.
    Close,
    /// Is gone without a goodbye.
    Reset,
    /// Opens a second connection, on which what follows happens.
    Another(&'a [u8]),
}

use Step::{Another, Await, AwaitEnd, Close, Reset, Send};

/// Reads a packet of less than 128 bytes.
fn read_packet(stream: &mut TcpStream) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    stream.read_exact(&mut vec![0; usize::from(head[1])]).unwrap();
}

fn act(watched: &Watched, steps: &[Step<'_>]) {
    let mut stream = watched.connect();
    let mut first = None;
    for step in steps {
        match step {
            // Who is closed early can't send all.
            Send(bytes) => drop(stream.write_all(bytes)),
            Await(count) => (0..*count).for_each(|_| read_packet(&mut stream)),
            AwaitEnd => drop(stream.read_to_end(&mut Vec::new())),
            Close => drop(stream.shutdown(std::net::Shutdown::Both)),
            Reset => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
            Another(bytes) => {
                first = Some(std::mem::replace(&mut stream, watched.connect()));
                stream.write_all(bytes).unwrap();
            }
        }
    }
    drop(first);
}

/// What happens, and what only one of the two says of it: the part of mosquitto's lines that ours replace.
struct Case<'a> {
    name: &'a str,
    steps: Vec<Step<'a>>,
    ends: usize,
    /// Lines of mosquitto's, in the words of 2.1, and ours in their place.
    chosen: &'a [(&'a [&'a str], &'a [&'a str])],
}

fn case<'a>(name: &'a str, steps: Vec<Step<'a>>, chosen: &'a [(&'a [&'a str], &'a [&'a str])]) -> Case<'a> {
    let ends = 1 + steps.iter().filter(|step| matches!(step, Another(_))).count();
    Case { name, steps, ends, chosen }
}

/// Puts our lines in the place of mosquitto's.
fn replace(case: &Case<'_>, mut lines: Vec<String>) -> Vec<String> {
    for (theirs, ours) in case.chosen {
        let at = if theirs.is_empty() {
            lines.len().checked_sub(1)
        } else {
            lines.windows(theirs.len()).position(|w| w == *theirs)
        };
        let Some(at) = at else { panic!("{}: {theirs:?} is not in {lines:#?}", case.name) };
        lines.splice(at..at + theirs.len(), ours.iter().map(|line| (*line).to_owned()));
    }
    lines
}

fn compare(configuration: &str, cases: &[Case<'_>]) {
    let Some(mut theirs) = Watched::new(Kind::Mosquitto, configuration) else { return };
    let mut ours = Watched::new(Kind::Ours, configuration).unwrap();
    for case in cases {
        act(&theirs, &case.steps);
        act(&ours, &case.steps);
        let expected = replace(case, theirs.lines_until(case.ends));
        assert_eq!(ours.lines_until(case.ends), expected, "{}", case.name);
    }
}

fn connect_as(version: Version, client_id: &str) -> Vec<u8> {
    connect_with(&Connect { keep_alive: 60, ..plain(version, client_id) })
}

fn plain(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        bridge: false,
        clean_start: true,
        keep_alive: 60,
        client_id,
        properties: Properties::EMPTY,
        will: None,
        username: None,
        password: None,
    }
}

fn connect_with(connect: &Connect<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Packet::Connect(*connect).encode(connect.version, &mut bytes);
    bytes
}

/// CONNECT of 3.1.1 written by hand: protocol name, level, flags.
fn raw_connect(name: &str, level: u8, flags: u8) -> Vec<u8> {
    let body = [&[0, name.len() as u8][..], name.as_bytes(), &[level, flags, 0, 60, 0, 1, b'x']].concat();
    [&[0x10, body.len() as u8][..], &body].concat()
}

/// A client of 3.1.1 that is let in and then sends this.
fn sends<'a>(client_id: &str, bytes: &[u8]) -> Vec<Step<'a>> {
    vec![Send(connect_as(Version::V311, client_id)), Await(1), Send(bytes.to_vec()), AwaitEnd]
}

/// The end of somebody who hasn't said his name.
const UNNAMED: &[&str] = &["Client 127.0.0.1 [ADDRESS] disconnected: protocol error."];
const GOODBYE: &[u8] = &[0xE0, 0];

#[test]
fn those_who_are_let_in() {
    let (old, new) = (connect_as(Version::V311, "double"), connect_as(Version::V5, "double5"));
    let story = [
        Send(connect_as(Version::V311, "good")),
        Await(1),
        Send(b"\x82\x06\0\x01\0\x01a\x01".to_vec()),
        Await(1),
        Send(b"\x32\x06\0\x01a\0\x01x".to_vec()),
        Await(2),
        Send(b"\x40\x02\0\x01".to_vec()),
        Send(b"\xa2\x05\0\x02\0\x01a".to_vec()),
        Await(1),
        Send(b"\xc0\0".to_vec()),
        Await(1),
        Send(GOODBYE.to_vec()),
        AwaitEnd,
    ];
    let cases = [
        case("a whole story", story.into(), &[]),
        case(
            "3.1",
            vec![Send(connect_as(Version::V31, "old")), Await(1), Send(GOODBYE.to_vec()), AwaitEnd],
            &[],
        ),
        case(
            "5.0",
            vec![Send(connect_as(Version::V5, "five")), Await(1), Send(GOODBYE.to_vec()), AwaitEnd],
            &[],
        ),
        case("closed", vec![Send(connect_as(Version::V311, "closed")), Await(1), Close], &[]),
        case("reset", vec![Send(connect_as(Version::V311, "reset")), Await(1), Reset], &[]),
        case("closed without a word", vec![Close], &[]),
        case(
            "taken over",
            vec![Send(old.clone()), Await(1), Another(&old), Await(1), Send(GOODBYE.to_vec()), AwaitEnd],
            &[],
        ),
        case(
            "taken over in 5.0",
            vec![Send(new.clone()), Await(1), Another(&new), Await(1), Send(GOODBYE.to_vec()), AwaitEnd],
            // 2.0.11 sends it as well, without a line.
            &[(
                &["Client double5 [ADDRESS] disconnected: session taken over."],
                &[
                    "Sending DISCONNECT to double5 (rc142)",
                    "Client double5 [ADDRESS] disconnected: session taken over.",
                ],
            )],
        ),
        case(
            "silent for too long",
            vec![
                Send(connect_with(&Connect { keep_alive: 1, ..plain(Version::V311, "sleepy") })),
                Await(1),
                AwaitEnd,
            ],
            &[],
        ),
    ];
    compare("allow_anonymous true\n", &cases);
}

#[test]
fn those_who_are_no_clients() {
    let cases = [
        case(
            "no CONNECT",
            vec![Send(b"\xc0\0".to_vec()), AwaitEnd],
            &[(&[], &["Protocol error from ADDRESS: First packet not CONNECT (C0)."])],
        ),
        case("another protocol", vec![Send(raw_connect("MQXX", 4, 2)), AwaitEnd], &[]),
        case(
            "another version",
            vec![Send(raw_connect("MQTT", 9, 2)), AwaitEnd],
            // Told in 5.0's words, as 5.0 has it.
            &[
                (&["Sending CONNACK to 127.0.0.1 (0, 1)"], &["Sending CONNACK to 127.0.0.1 (0, 132)"]),
                (
                    UNNAMED,
                    &[
                        "Client 127.0.0.1 [ADDRESS] disconnected: used disallowed feature (QoS too high, retain not supported, or bad AUTH method).",
                    ],
                ),
            ],
        ),
        case(
            "a reserved flag",
            vec![Send(raw_connect("MQTT", 4, 3)), AwaitEnd],
            &[(&[], &["Protocol error from ADDRESS: reserved bit set in the connect flags."])],
        ),
        case("Will QoS 3", vec![Send(raw_connect("MQTT", 4, 0x1E)), AwaitEnd], &[]),
        case(
            "no ClientId and no clean session",
            vec![Send(b"\x10\x0c\0\x04MQTT\x04\0\0\x3c\0\0".to_vec()), AwaitEnd],
            &[(UNNAMED, &["Client 127.0.0.1 [ADDRESS] disconnected: client identifier not valid."])],
        ),
        case(
            "TLS",
            vec![Send([&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], &[0; 600]].concat()), AwaitEnd],
            &[(
                UNNAMED,
                &[
                    "Client from ADDRESS appears to be using TLS to connect to a non-TLS listener.",
                    "Protocol error from ADDRESS: reserved flags in the fixed header.",
                    "Client 127.0.0.1 [ADDRESS] disconnected: malformed packet.",
                ],
            )],
        ),
    ];
    compare("allow_anonymous true\n", &cases);
}

/// mosquitto looks into a SUBSCRIBE as it goes, and says so before it finds the mistake; a packet is read whole here.
#[test]
fn those_who_break_rules() {
    let alias = [connect_as(Version::V5, "alias"), b"\x30\x07\0\0\x03\x23\0\xffx".to_vec()].concat();
    let cases = [
        case("a second CONNECT", sends("twice", &connect_as(Version::V311, "twice")), &[]),
        case(
            "a length without end",
            // mosquitto waits for more.
            vec![
                Send(connect_as(Version::V311, "length")),
                Await(1),
                Send(b"\xc0\x80\x80\x80\x80".to_vec()),
                Close,
            ],
            &[(
                &["Client length [ADDRESS] disconnected: connection closed by client."],
                &[
                    "Protocol error from length: variable byte integer longer than allowed.",
                    "Client length [ADDRESS] disconnected: malformed packet.",
                ],
            )],
        ),
        case("QoS 3", sends("qos3", b"\x36\x07\0\x01a\0\x01\0x"), &[]),
        case(
            "a Topic Name with a wildcard",
            sends("wild", b"\x30\x04\0\x01#x"),
            &[(
                &["Client wild [ADDRESS] disconnected: protocol error."],
                &[
                    "Protocol error from wild: invalid topic name.",
                    "Client wild [ADDRESS] disconnected: malformed packet.",
                ],
            )],
        ),
        case(
            "flags of SUBSCRIBE",
            sends("flags", b"\x80\x06\0\x01\0\x01a\0"),
            &[(
                &["Received SUBSCRIBE from flags"],
                &["Protocol error from flags: reserved flags in the fixed header."],
            )],
        ),
        case(
            "SUBSCRIBE to nothing",
            sends("none", b"\x82\x02\0\x01"),
            &[
                (&["Received SUBSCRIBE from none"], &["Protocol error from none: no topic filters."]),
                (
                    &["Client none [ADDRESS] disconnected: malformed packet."],
                    &["Client none [ADDRESS] disconnected: protocol error."],
                ),
            ],
        ),
        case(
            "a bad Topic Filter",
            sends("filter", b"\x82\x07\0\x01\0\x02a#\0"),
            &[(&["Received SUBSCRIBE from filter"], &[])],
        ),
        case(
            "a subscription with QoS 3",
            sends("subqos", b"\x82\x06\0\x01\0\x01a\x03"),
            &[
                (&["Received SUBSCRIBE from subqos"], &[]),
                (
                    &["Client subqos [ADDRESS] disconnected: malformed packet."],
                    &["Client subqos [ADDRESS] disconnected: protocol error."],
                ),
            ],
        ),
        case(
            "a packet of servers",
            sends("server", b"\x20\x02\0\0"),
            &[(
                &[
                    "Client server [ADDRESS] disconnected: bad socket read/write: Invalid function arguments provided.",
                ],
                &[
                    "Protocol error from server: a packet that only a server may send.",
                    "Client server [ADDRESS] disconnected: protocol error.",
                ],
            )],
        ),
        case(
            "too large a packet",
            sends("large", &[&b"\x30\xff\x7f\0\x01a"[..], &[b'x'; 3000]].concat()),
            &[],
        ),
        case(
            "a Topic Alias that may not be",
            vec![Send(alias), AwaitEnd],
            &[(
                &["Client alias [ADDRESS] disconnected: bad socket read/write: Unknown error."],
                &[
                    "Protocol error from alias: PUBLISH invalid topic alias (255).",
                    "Sending DISCONNECT to alias (rc148)",
                    "Client alias [ADDRESS] disconnected: topic alias invalid.",
                ],
            )],
        ),
    ];
    compare("allow_anonymous true\nmax_packet_size 2000\n", &cases);
}

#[test]
fn those_who_may_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_string_lossy().into_owned()
    };
    let passwords = write("passwords", &format!("ann:{HASH}\n"));
    let acl = write("acl", "user ann\ntopic a\n");
    let login = |version: Version, name: &'static str, password: &'static [u8]| {
        connect_with(&Connect { username: Some(name), password: Some(password), ..plain(version, "login") })
    };
    let denied = [login(Version::V311, "ann", b"b"), b"\x32\x06\0\x01q\0\x01x".to_vec()].concat();
    let cases = [
        case("nobody", vec![Send(connect_as(Version::V311, "anonymous")), AwaitEnd], &[]),
        case("nobody in 5.0", vec![Send(connect_as(Version::V5, "anonymous")), AwaitEnd], &[]),
        case("a wrong password", vec![Send(login(Version::V311, "ann", b"x")), AwaitEnd], &[]),
        case("a wrong password in 5.0", vec![Send(login(Version::V5, "ann", b"x")), AwaitEnd], &[]),
        case("an unknown user", vec![Send(login(Version::V311, "bob", b"b")), AwaitEnd], &[]),
        case(
            "a message against the rules",
            vec![Send(denied), Await(2), Send(GOODBYE.to_vec()), AwaitEnd],
            &[],
        ),
    ];
    compare(&format!("allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n"), &cases);
}
