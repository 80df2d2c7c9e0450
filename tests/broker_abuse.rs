//! Bad peers at the real program: whatever they send, or don't, the others go on, memory stays small, and the log says
//! who was sent away and why.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "harness/certificates.rs"]
mod certificates;
mod harness;

use certificates::Certificates;
use harness::raw_client::{Bystander, RawClient, encoded, plain_connect, publish, subscribe};
use harness::{Broker, eventually, free_port, ours, run};
use mqtt_toolkit::protocol::{Packet, PropertiesBuf, Property, QoS, Version};

const MEGABYTE: u64 = 1024 * 1024;

/// Bytes of virtual memory that the broker has.
fn virtual_memory(broker: &Broker) -> u64 {
    let pages = std::fs::read_to_string(format!("/proc/{}/statm", broker.id())).unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// Asserts that the broker's memory has grown by less than this since it was `before`.
#[track_caller]
fn assert_grown_less(broker: &Broker, before: u64, megabytes: u64) {
    let grown = broker.resident().saturating_sub(before);
    assert!(grown < megabytes * MEGABYTE, "grown by {} kB", grown / 1024);
}

/// Waits for the line with which the log says that a client was sent away.
fn wait_for_reason(broker: &Broker, client: &str, reason: &str) {
    let begins = format!("Client {client} [");
    let ends = format!("disconnected: {reason}.");
    broker.await_log_until(&ends, |text| {
        text.lines().any(|line| line.contains(&begins) && line.ends_with(&ends))
    });
}

#[test]
fn one_byte_at_a_time_is_a_client_like_others() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let mut reader = RawClient::connect(broker.address(), Version::V5, "reader");
    reader.subscribe("slow", QoS::AtMostOnce);
    let before = broker.resident();
    let connect = encoded(Version::V5, &Packet::Connect(plain_connect(Version::V5, "slow")));
    let message = publish(Version::V5, 1, "slow", b"drop by drop", QoS::AtLeastOnce);
    let mut slow = RawClient::open(broker.address(), Version::V5);
    for byte in connect.iter().chain(&message) {
        slow.send(&[*byte]);
        // A message of somebody else's there and back: the byte is handled by itself.
        bystander.check();
    }
    assert_eq!(slow.connack(), Some(0));
    assert_eq!(reader.message().unwrap().payload, b"drop by drop");
    // Many such clients at once, none of which gets to its end.
    let mut many: Vec<RawClient> = (0..100).map(|_| RawClient::open(broker.address(), Version::V5)).collect();
    for byte in &connect[..connect.len() - 1] {
        for client in &mut many {
            client.send(&[*byte]);
        }
        bystander.check();
    }
    assert_grown_less(&broker, before, 10);
}

#[test]
fn connections_that_say_nothing_cost_little_and_leave_nothing_behind() {
    // (That they are closed after half a minute is tested where a test has the clock: `tests/conformance_v5/`.)
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let (memory, files) = (broker.resident(), broker.open_files());
    let silent: Vec<RawClient> = (0..300).map(|_| RawClient::open(broker.address(), Version::V5)).collect();
    eventually("300 connections", || broker.open_files() >= files + 300);
    bystander.check();
    assert_grown_less(&broker, memory, 10);
    drop(silent);
    broker.wait_for_open_files(files);
    bystander.check();
}

#[test]
fn announcing_256_megabytes_takes_none() {
    // As large as a packet can be: the broker has to wait for it.
    let broker = Broker::configured("allow_anonymous true\nmax_packet_size 268435455\n");
    let mut bystander = Bystander::new(broker.address());
    let before = broker.resident();
    let mut liars: Vec<RawClient> =
        (0..20).map(|i| RawClient::connect(broker.address(), Version::V5, &format!("liar-{i}"))).collect();
    for liar in &mut liars {
        liar.send(&[0x30, 0xF0, 0xFF, 0xFF, 0x7F, 0, 1, b'a', 0, b'x']);
        bystander.check();
    }
    assert_grown_less(&broker, before, 10);
    drop(liars);
    // Before CONNECT, and with mosquitto's limit of 2,000,000 bytes, there is nothing to wait for.
    let mut stranger = RawClient::open(broker.address(), Version::V5);
    stranger.send(&[0x10, 0xF0, 0xFF, 0xFF, 0x7F, 0, 4, b'M', b'Q', b'T']);
    assert_eq!(stranger.ending(), None);
    wait_for_reason(&broker, "127.0.0.1", "oversize packet");
    let broker = Broker::ours();
    for (version, told) in [(Version::V5, Some(0x95)), (Version::V311, None)] {
        let mut liar = RawClient::connect(broker.address(), version, "liar");
        liar.send(&[0x30, 0xF0, 0xFF, 0xFF, 0x7F, 0, 1, b'a', 0, b'x']);
        assert_eq!(liar.ending(), told);
        wait_for_reason(&broker, "liar", "oversize packet");
    }
}

#[test]
fn topics_of_a_thousand_levels_are_refused() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let deep = vec!["x"; 1000].join("/");
    for wild in [deep.clone(), deep.replace('x', "+"), format!("$share/g/{deep}")] {
        for (version, told) in [(Version::V5, Some(0x82)), (Version::V311, None)] {
            let mut digger = RawClient::connect(broker.address(), version, "digger");
            digger.send(&subscribe(version, 1, &wild, QoS::AtMostOnce));
            assert_eq!(digger.ending(), told);
        }
        bystander.check();
    }
    wait_for_reason(&broker, "digger", "protocol error");
    let mut digger = RawClient::connect(broker.address(), Version::V311, "publisher");
    digger.send(&publish(Version::V311, 0, &deep, b"x", QoS::AtMostOnce));
    assert_eq!(digger.ending(), None);
    broker.wait_for_end_of("publisher");
    bystander.check();
}

#[test]
fn who_never_reads_costs_a_bounded_amount_and_holds_nobody_up() {
    const BATCH: usize = 100;
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let mut deaf: Vec<RawClient> = [QoS::AtMostOnce, QoS::AtLeastOnce]
        .into_iter()
        .map(|qos| {
            let mut client =
                RawClient::connect(broker.address(), Version::V5, &format!("deaf-{}", qos as u8));
            client.subscribe("flood", qos);
            client
        })
        .collect();
    let mut reader = RawClient::connect(broker.address(), Version::V5, "reader");
    reader.subscribe("flood", QoS::AtLeastOnce);
    let mut publisher = RawClient::connect(broker.address(), Version::V311, "publisher");
    let before = broker.resident();
    for batch in 0..200 {
        // 80 MB in all, a batch at a time: the reader is never far behind, so it must miss nothing.
        let mut bytes = Vec::new();
        for i in 0..BATCH {
            let mut payload = vec![b'.'; 4000];
            payload[..8].copy_from_slice(&((batch * BATCH + i) as u64).to_be_bytes());
            bytes.extend(publish(Version::V311, i as u16 + 1, "flood", &payload, QoS::AtLeastOnce));
        }
        publisher.send(&bytes);
        for i in 0..BATCH {
            let message = reader.message().expect("the reader is still connected");
            assert_eq!(message.payload[..8], ((batch * BATCH + i) as u64).to_be_bytes());
        }
        for _ in 0..BATCH {
            assert_eq!(publisher.frame().expect("the publisher is still connected")[0], 0x40);
        }
        if batch % 20 == 0 {
            bystander.check();
        }
    }
    // What waits for the two is limited by max_queued_messages: 1,000 messages, of which both wait for the same ones.
    assert_grown_less(&broker, before, 30);
    let dropping = |client: &str| format!("Outgoing messages are being dropped for client {client}.");
    for client in ["deaf-0", "deaf-1"] {
        broker.await_log(&dropping(client));
    }
    // They may still go on reading: what came first is there.
    let first = deaf[1].message().unwrap();
    assert_eq!(first.payload[..8], 0_u64.to_be_bytes());
    drop(deaf);
    broker.wait_for_end_of("deaf-0");
    bystander.check();
}

#[test]
fn fourteen_clients_with_100_megabytes_of_junk_take_no_memory() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    // Once, so that everything that is made at first use is there.
    RawClient::connect(broker.address(), Version::V5, "first").ping();
    let (resident, virtually) = (broker.resident(), virtual_memory(&broker));
    let junk: Vec<u8> = (0..MEGABYTE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    // Bytes that begin: as nothing, as a CONNECT, as packets of a client that was let in.
    let beginnings: [(&[u8], bool); 7] = [
        (&[], false),
        (&[0xFF; 100], false),
        (&[0; 100], false),
        (&[0x10, 0xF0, 0x8C, 0x06], false),
        (&[0x30, 0x80, 0x80, 0x7A, 0, 1, b'a', 0], true),
        (&[0x82, 0x80, 0x80, 0x7A, 0, 1, 0], true),
        (&[], true),
    ];
    std::thread::scope(|scope| {
        for i in 0..14 {
            let (beginning, introduced) = beginnings[i % beginnings.len()];
            let (junk, broker) = (&junk, &broker);
            scope.spawn(move || {
                let name = format!("junk-{i}");
                let mut client = match introduced {
                    true => RawClient::connect(broker.address(), Version::V5, &name),
                    false => RawClient::open(broker.address(), Version::V5),
                };
                let _ = client.try_send(beginning) && (0..100).all(|_| client.try_send(junk));
            });
        }
        for _ in 0..20 {
            bystander.check();
        }
    });
    let grown = virtual_memory(&broker).saturating_sub(virtually);
    println!("virtual memory grown by {} kB", grown / 1024);
    assert!(grown < 20 * MEGABYTE, "virtual memory grown by {} kB", grown / 1024);
    assert_grown_less(&broker, resident, 20);
    bystander.check();
}

#[test]
fn five_thousand_user_properties_are_read_and_forgotten() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let many: PropertiesBuf = (0..5000).map(|_| Property::UserProperty("name", "value")).collect();
    let before = broker.resident();
    for i in 0..50 {
        let name = format!("many-{i}");
        let mut connect = plain_connect(Version::V5, &name);
        connect.properties = many.as_properties();
        RawClient::connect_with(broker.address(), &connect).ping();
    }
    bystander.check();
    assert_grown_less(&broker, before, 10);
    // A CONNECT of more than 100,000 bytes is one too many.
    let more: PropertiesBuf = (0..8000).map(|_| Property::UserProperty("name", "value")).collect();
    let mut connect = plain_connect(Version::V5, "more");
    connect.properties = more.as_properties();
    let mut client = RawClient::open(broker.address(), Version::V5);
    client.try_send(&encoded(Version::V5, &Packet::Connect(connect)));
    assert_eq!(client.ending(), None);
    bystander.check();
}

#[test]
fn malformed_packets_close_their_connection_only_and_are_logged() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let packets: [(&[u8], u8, &str); 12] = [
        (&[0x00, 0x00], 0x81, "malformed packet"),
        (&[0xC0, 0x80, 0x80, 0x80, 0x80], 0x81, "malformed packet"),
        (&[0xC0, 0x01, 0x00], 0x81, "malformed packet"),
        (&[0x36, 0x07, 0, 1, b'a', 0, 1, 0, b'x'], 0x81, "malformed packet"),
        (&[0x30, 0x05, 0, 1, b'#', 0, b'x'], 0x81, "malformed packet"),
        (&[0x30, 0x05, 0, 1, 0xFF, 0, b'x'], 0x81, "malformed packet"),
        (&[0x30, 0x06, 0, 1, b'a', 1, 0x7E, b'x'], 0x81, "malformed packet"),
        (&[0x80, 0x07, 0, 1, 0, 0, 1, b'a', 0], 0x81, "malformed packet"),
        (&[0x82, 0x07, 0, 1, 0, 0, 1, b'a', 3], 0x82, "protocol error"),
        (&[0x82, 0x03, 0, 1, 0], 0x82, "protocol error"),
        (&[0xF0, 0x00], 0x82, "protocol error"),
        (&[0x20, 0x03, 0, 0, 0], 0x82, "protocol error"),
    ];
    for (i, (bytes, code, reason)) in packets.into_iter().enumerate() {
        let name = format!("sinner-{i}");
        let mut sinner = RawClient::connect(broker.address(), Version::V5, &name);
        sinner.send(bytes);
        assert_eq!(sinner.ending(), Some(code), "{bytes:02X?}");
        wait_for_reason(&broker, &name, reason);
        // mosquitto has words of its own for these two.
        broker.await_log(&match i {
            3 => format!("Invalid QoS in PUBLISH from {name}, disconnecting."),
            8 => "Invalid QoS in subscription command from 127.0.0.1, disconnecting.".to_owned(),
            _ => format!("Protocol error from {name}"),
        });
        bystander.check();
    }
    let ended = broker.stop();
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn silent_connections_keep_nobody_out_where_the_system_gives_no_more_files() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let certificates = Certificates::new();
    let (plain, tls) = (free_port(), free_port());
    let broker = Broker::with_listeners(&format!(
        "allow_anonymous true\nlistener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
        certificates.path("server.crt"),
        certificates.path("server.key")
    ));
    let at = |port: u16| ([127, 0, 0, 1], port).into();
    let mut bystander = Bystander::new(at(plain));
    // The first handshake starts a thread, which needs files of its own.
    drop(RawClient::open(at(tls), Version::V5));
    broker.await_log("connection closed by client");
    let most = broker.open_files() as u64 + 40;
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Pid::from_raw(broker.id() as i32), Resource::Nofile, limit).unwrap();
    for port in [plain, tls] {
        let silent: Vec<RawClient> = (0..60).map(|_| RawClient::open(at(port), Version::V5)).collect();
        broker.await_log("Unable to accept new connection, system socket count has been exceeded.");
        for i in 0..3 {
            RawClient::connect(at(plain), Version::V5, &format!("late-{i}")).ping();
        }
        bystander.check();
        drop(silent);
    }
}

#[test]
fn retained_messages_asked_for_again_and_again_take_no_memory() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let mut publisher = RawClient::connect(broker.address(), Version::V5, "publisher");
    for i in 0..2000 {
        let packet = mqtt_toolkit::protocol::Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic: &format!("r/{i}"),
            packet_identifier: 0,
            properties: Default::default(),
            payload: b"retained",
        };
        publisher.send(&encoded(Version::V5, &Packet::Publish(packet)));
    }
    publisher.ping();
    let mut deaf = RawClient::connect(broker.address(), Version::V5, "deaf");
    let before = broker.resident();
    // 40,000,000 messages, if all were put into its queue.
    for _ in 0..20_000 {
        if !deaf.try_send(&subscribe(Version::V5, 1, "r/#", QoS::AtMostOnce)) {
            break;
        }
    }
    for _ in 0..20 {
        bystander.check();
    }
    assert_grown_less(&broker, before, 20);
    drop(deaf);
    broker.wait_for_end_of("deaf");
    bystander.check();
}

#[test]
fn a_hundred_thousand_subscriptions_of_one_client_leave_no_memory_behind() {
    let broker = Broker::ours();
    let mut bystander = Bystander::new(broker.address());
    let mut sizes = Vec::new();
    for round in 0..4 {
        let name = format!("many-{round}");
        let mut many = RawClient::connect(broker.address(), Version::V5, &name);
        for part in 0..20 {
            let filters: Vec<String> =
                (0..5000).map(|i| format!("{}some/{part}/{i}/+", ["", "$share/g/"][i % 2])).collect();
            let options = filters.iter().map(|filter| {
                (filter.as_str(), mqtt_toolkit::protocol::SubscriptionOptions::new(QoS::AtMostOnce))
            });
            let mut bytes = Vec::new();
            mqtt_toolkit::protocol::Subscribe::encode_parts(
                Version::V5,
                1,
                &Default::default(),
                options,
                &mut bytes,
            );
            many.send(&bytes);
            let suback = many.frame().unwrap();
            assert!(suback.len() > 5000 && suback[0] == 0x90);
        }
        bystander.check();
        drop(many);
        broker.wait_for_end_of(&name);
        bystander.check();
        sizes.push(broker.resident());
    }
    // The first rounds leave holes that the next ones fill.
    assert!(sizes[3] < sizes[1] + 5 * MEGABYTE, "{sizes:?}");
}

#[test]
fn expensive_logins_keep_nobody_waiting_and_hold_as_long_as_the_password_file_says_so() {
    let open = "allow_anonymous true\n";
    let checking = format!("{open}password_file {{dir}}/passwords\n");
    let broker = Broker::configured(open);
    let mut bystander = Bystander::new(broker.address());
    let file = broker.path("passwords");
    let hash = ["-b", "-c", "-H", "sha512-pbkdf2", "-I", "20000", file.to_str().unwrap(), "ann", "right"];
    assert_eq!(run(&ours("mqtt-passwd"), &hash).code, 0);
    assert!(broker.reload(&checking).contains("was reloaded"));
    let login = |i: usize, password: &'static [u8]| {
        let name = format!("ann-{i}");
        let mut connect = plain_connect(Version::V5, &name);
        (connect.username, connect.password) = (Some("ann"), Some(password));
        let mut client = RawClient::open(broker.address(), Version::V5);
        client.send(&encoded(Version::V5, &Packet::Connect(connect)));
        client
    };
    // 64 of one address wait, the next are told to come back.
    let mut many: Vec<RawClient> = (0..100).map(|i| login(i, b"right")).collect();
    for _ in 0..10 {
        bystander.check();
    }
    let answers: Vec<u8> = many.iter_mut().map(|client| client.connack().unwrap()).collect();
    assert!(answers.iter().all(|code| [0, 0x89].contains(code)), "{answers:?}");
    let mut answers = answers.into_iter();
    many.retain(|_| answers.next() == Some(0));
    assert!(many.len() >= 64, "{}", many.len());
    for mut client in (0..10).map(|i| login(i, b"wrong")) {
        assert_eq!(client.connack(), Some(0x87));
    }
    // While passwords are being checked the user is taken out of the file: who is in has to go, and nobody comes in.
    let waiting: Vec<RawClient> = (100..150).map(|i| login(i, b"right")).collect();
    std::fs::write(&file, "").unwrap();
    assert!(broker.reload_unchanged().contains("was reloaded"));
    for mut client in many.into_iter().chain(waiting) {
        assert!(matches!(client.ending(), Some(0x87 | 0x89)));
    }
    bystander.check();
}
