//! What goes over the wire: every packet of the clients, byte by byte, as a broker of few words gets it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt_toolkit::protocol::fixed_header;

use super::super::harness::{PATIENCE, Tool};
use super::case::words;
use super::compare::{our_programs, their_programs};

/// A broker that says yes to everything and keeps what it hears.
struct Recorder {
    listener: TcpListener,
}

impl Recorder {
    fn new() -> Recorder {
        Recorder { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap() }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// The packets of the next connection, each in hexadecimal.
    fn packets(&self) -> Vec<String> {
        let (mut stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut buffer, mut packets, mut v5) = (Vec::new(), Vec::new(), false);
        loop {
            while let Some(header) =
                fixed_header(&buffer).unwrap().filter(|header| header.total() <= buffer.len())
            {
                let packet: Vec<u8> = buffer.drain(..header.total()).collect();
                let body = &packet[header.header_length..];
                if packet[0] == 0x10 {
                    v5 = body[2 + usize::from(body[1])] == 5;
                }
                answer(&mut stream, packet[0], body, v5);
                packets.push(packet.iter().map(|byte| format!("{byte:02x}")).collect());
            }
            let mut block = [0; 4096];
            match stream.read(&mut block) {
                Ok(0) | Err(_) => return packets,
                Ok(count) => buffer.extend_from_slice(&block[..count]),
            }
        }
    }
}

/// What a broker must say to a packet. To a SUBSCRIBE it adds a message of each QoS.
fn answer(stream: &mut TcpStream, first: u8, body: &[u8], v5: bool) {
    let extra: &[u8] = if v5 { &[0] } else { &[] };
    let mut say = |first: u8, parts: &[&[u8]]| {
        let body = parts.concat();
        let mut packet = vec![first, body.len() as u8];
        packet.extend_from_slice(&body);
        // A client that has said all it wanted may be gone.
        let _ = stream.write_all(&packet);
    };
    match first {
        // Topic Alias Maximum 10.
        0x10 if v5 => say(0x20, &[&[0, 0, 3, 0x22, 0, 10]]),
        0x10 => say(0x20, &[&[0, 0]]),
        0x82 => {
            let count = filters(&body[2..], v5);
            say(0x90, &[&body[..2], extra, &vec![0; count]]);
            for (qos, identifier) in [(0_u8, &[][..]), (1, &[0, 1]), (2, &[0, 2])] {
                say(0x30 | qos << 1, &[&[0, 1, b'm'], identifier, extra, b"x"]);
            }
        }
        0xA2 if v5 => say(0xB0, &[&body[..2], &[0, 0]]),
        0xA2 => say(0xB0, &[&body[..2]]),
        0x50 => say(0x62, &[&body[..2]]),
        0x62 => say(0x70, &[&body[..2]]),
        0x30..=0x3F if first & 0x06 != 0 => {
            let topic = usize::from(body[0]) << 8 | usize::from(body[1]);
            let identifier = &body[2 + topic..4 + topic];
            say(if first & 0x06 == 2 { 0x40 } else { 0x50 }, &[identifier]);
        }
        _ => {}
    }
}

/// How many filters a SUBSCRIBE has.
fn filters(payload: &[u8], v5: bool) -> usize {
    let mut rest = if v5 { &payload[1 + usize::from(payload[0])..] } else { payload };
    let mut count = 0;
    while !rest.is_empty() {
        rest = &rest[3 + (usize::from(rest[0]) << 8 | usize::from(rest[1]))..];
        count += 1;
    }
    count
}

/// Arguments whose packets must be the same. The address is put in front.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for version in ["31", "311", "5"] {
        for arguments in [
            "-t a -m x",
            "-t a -m x -q 1",
            "-t a -m x -q 2",
            "-t a -m x -q 1 -r",
            "-t a/b/c -n -r",
            "-t a -m x --repeat 3 -q 1",
            "-t a -m x -k 5",
            "-t a -m x -c",
            "-t a -m x -u user",
            "-t a -m x -u user -P password",
            "-t a -m x --will-topic w",
            "-t a -m x --will-topic w --will-payload p --will-qos 1",
            "-t a -m x --will-topic w --will-payload p --will-qos 2 --will-retain",
            "-t a -m x -M 5",
            "-t a -l -q 1 << one\\ntwo\\n\\n",
            "-t a -l << one",
            "-t a -s -q 2 << one\\ntwo",
        ] {
            // With 2.1 -M is the Receive Maximum, too; 2.0 always says 20.
            if (version, arguments) != ("5", "-t a -m x -M 5") {
                lines.push(format!("pub -i id -V {version} {arguments}"));
            }
        }
        for arguments in [
            "-t a -E",
            "-t a -t b/# -t +/c -q 2 -E",
            "-t a -U b -U c -q 1 -C 3",
            "-t a -q 2 -C 3",
            "-t a -c -E",
            "-t a -R -E",
            "-t a --retain-as-published -E",
            "-t a --will-topic w --will-payload p -E",
            "-t a -W 1",
        ] {
            lines.push(format!("sub -i id -V {version} {arguments}"));
        }
        for arguments in ["-t q -e m -m x", "-t q -e m -m x -q 1", "-t q -e m -n -R -W 1"] {
            // With 2.1 -R asks the broker for no retained messages, too.
            if (version, arguments) != ("5", "-t q -e m -n -R -W 1") {
                lines.push(format!("rr -i id -V {version} {arguments}"));
            }
        }
    }
    for properties in [
        "-x 60",
        "-x 0",
        "-x 4294967295",
        "-c",
        "-c -x 60",
        "-P password",
        "-D connect receive-maximum 5",
        "-D connect maximum-packet-size 1000",
        "-D connect topic-alias-maximum 7",
        "-D connect request-problem-information 0",
        "-D connect request-response-information 1",
        "-D connect authentication-method m -D connect authentication-data d",
        "-D connect user-property a b -D connect user-property a c -x 5",
        "-D connect session-expiry-interval 9",
        "-D publish content-type text/plain -D publish correlation-data cd",
        "-D publish message-expiry-interval 9 -D publish payload-format-indicator 1",
        "-D publish response-topic r -D publish user-property k v",
        "-D publish topic-alias 3 --repeat 3 -q 1",
        "-D will content-type c -D will will-delay-interval 5 -D will user-property k v --will-topic w",
        "-D will message-expiry-interval 5 -D will payload-format-indicator 0 -D will response-topic r --will-topic w",
        "-D will correlation-data cd --will-topic w",
        "-D disconnect reason-string bye -D disconnect user-property k v",
        "-D disconnect session-expiry-interval 5 -x 5",
        "-D disconnect server-reference there",
    ] {
        lines.push(format!("pub -i id -V 5 -t a -m x {properties}"));
    }
    for properties in [
        "-D subscribe subscription-identifier 5 -D subscribe user-property k v",
        "-D subscribe subscription-identifier 268435455",
        "-U b -D unsubscribe user-property k v -C 3",
        "-D disconnect reason-string bye",
        "-x 60",
    ] {
        let end = if properties.contains("-C") { "" } else { " -E" };
        lines.push(format!("sub -i id -V 5 -t a {properties}{end}"));
    }
    lines.push("rr -i id -t q -e m -m x -D publish content-type c -D subscribe user-property k v".to_owned());
    lines
}

/// What one client sends.
fn sent(folder: &std::path::Path, line: &str) -> Vec<String> {
    let recorder = Recorder::new();
    let (command, input) = line.split_once(" << ").unwrap_or((line, ""));
    let words = words(command);
    let port = recorder.port().to_string();
    let tool = Tool::new(&folder.join(format!("mosquitto_{}", words[0])))
        .args(["-h", "127.0.0.1", "-p", &port])
        .args(&words[1..]);
    std::thread::scope(|scope| {
        let packets = scope.spawn(|| recorder.packets());
        tool.run_with(input.replace("\\n", "\n").as_bytes());
        packets.join().unwrap()
    })
}

#[test]
fn packets_are_the_same_byte_by_byte() {
    let Some(theirs) = their_programs() else { return };
    let lines = lines();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (mine, wanted) = (sent(our_programs(), line), sent(&theirs, line));
                    if mine != wanted {
                        let text = format!("{line}\n  ours   {mine:?}\n  theirs {wanted:?}\n");
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
