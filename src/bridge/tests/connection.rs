//! When a bridge connects, comes back, rests and goes.

use super::*;

#[test]
fn words_that_are_a_sentence_get_no_second_full_stop() {
    let mut world = World::new(settings());
    world.locally();
    world.fail("cafile \"none\": No such file or directory.");
    assert_eq!(world.notes()[1], "Error creating bridge: cafile \"none\": No such file or directory.");
}

#[test]
fn a_trouble_is_said_once_until_the_bridge_was_connected_again() {
    let mut world = World::new(settings());
    world.locally();
    world.fail("Connection refused");
    assert_eq!(
        world.notes(),
        [
            "Connecting bridge b (one:1)",
            "Error creating bridge: Connection refused.",
            "Bridge b next backoff will be 3000 ms"
        ]
    );
    for address in [1, 0, 1, 0] {
        world.requests();
        world.advance(2);
        assert_eq!(world.requests(), []);
        world.advance(1);
        assert_eq!(world.requests(), [Request::Connect(address)]);
        world.fail("Connection refused");
    }
    assert_eq!(world.notes(), Vec::<String>::new());
    world.advance(3);
    world.connect_with(false, ReasonCode(5), &[]);
    assert_eq!(world.notes()[0], "Connection Refused: not authorised");
    world.advance(3);
    world.connect_with(false, ReasonCode(5), &[]);
    assert_eq!(world.notes(), Vec::<String>::new());
    world.advance(3);
    world.connect(false);
    world.locally();
    world.notes();
    world.fail(CLOSED);
    assert_eq!(
        world.notes()[0],
        "Bridge b has lost its connection to two:2: connection closed by the remote broker."
    );
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
}

#[test]
fn a_bridge_goes_back_to_its_first_address_unless_all_are_alike() {
    for round_robin in [false, true] {
        let mut world = World::new(Settings { round_robin, ..settings() });
        world.locally();
        world.fail("Connection refused");
        world.advance(3);
        world.connect(false);
        world.locally();
        world.requests();
        world.advance(5);
        if round_robin {
            assert_eq!(world.requests(), []);
            continue;
        }
        assert_eq!(world.requests(), [Request::Probe]);
        world.bridge.probed(world.now, false, &mut world.out);
        assert_eq!(world.requests(), []);
        world.advance(5);
        assert_eq!(world.requests(), [Request::Probe]);
        world.remote();
        world.bridge.probed(world.now, true, &mut world.out);
        assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
        world.advance(0);
        assert_eq!(world.requests(), [Request::Close, Request::Connect(0)]);
    }
}

#[test]
fn once_is_once() {
    for connected in [false, true] {
        let mut world = World::new(Settings { start_type: StartType::Once, ..settings() });
        world.locally();
        if connected {
            world.connect(false);
            world.locally();
        }
        world.requests();
        world.fail("Connection refused");
        world.advance(10_000);
        assert_eq!(world.requests(), []);
        assert_eq!(world.bridge.deadline(), None);
    }
}

#[test]
fn a_lazy_bridge_connects_when_enough_waits_and_leaves_when_nothing_comes() {
    let settings = Settings { start_type: StartType::Lazy, threshold: 4, idle_timeout: 30, ..settings() };
    let mut world = World::open(settings);
    world.requests();
    world.notes();
    world.advance(20);
    world.local_says(&publish("out/x", QoS::AtMostOnce, 0, b"a"));
    world.advance(20);
    assert!(world.bridge.is_open(), "20 seconds since a message");
    world.remote();
    world.advance(10);
    assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
    assert_eq!(world.notes(), ["Bridge connection b has exceeded idle timeout, disconnecting."]);
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
    world.bridge.local_closed(world.now, &mut world.out);
    assert_eq!(world.requests(), [Request::Close]);
    for (waiting, request) in [(0, None), (3, None), (4, Some(Request::Connect(0)))] {
        world.advance(1);
        assert_eq!(world.requests(), [Request::Count]);
        world.bridge.counted(world.now, waiting, &mut world.out);
        assert_eq!(world.requests().first(), request.as_ref(), "{waiting}");
    }
}

#[test]
fn a_silent_remote_broker_is_asked_then_left() {
    let mut world = World::open(settings());
    world.requests();
    world.advance(60);
    assert_eq!(world.remote(), ["PINGREQ"]);
    world.remote_says(&Packet::PingResp);
    world.advance(60);
    assert_eq!(world.remote(), ["PINGREQ"]);
    world.advance(60);
    assert_eq!(world.requests(), [Request::Close]);
    assert!(!world.bridge.is_open());
}

#[test]
fn who_takes_the_local_session_over_ends_the_connection() {
    let mut world = World::open(settings());
    world.requests();
    world.notes();
    world.bridge.local_closed(world.now, &mut world.out);
    assert_eq!(world.requests(), [Request::Close]);
    assert!(world.notes()[0].ends_with("its connection to this broker was closed."));
    world.advance(3);
    world.connect(false);
    world.locally();
    assert!(world.bridge.is_open());
}

#[test]
fn a_bridge_that_is_removed_leaves_nothing_behind() {
    let mut world = World::open(settings());
    world.requests();
    world.bridge.remove(&mut world.out);
    assert_eq!(world.remote(), [&format!("PUBLISH {STATE} q1 m32773 r 0"), "DISCONNECT"]);
    assert_eq!(world.local(), [&format!("PUBLISH {STATE} q1 m65535 r 0"), "DISCONNECT"]);
    assert_eq!(world.requests(), [Request::Close]);
    world.bridge.local_closed(world.now, &mut world.out);
    let said = world.locally();
    assert_eq!(said[0], "CONNECT local.host.b V5 clean ReceiveMaximum(19)");
    assert_eq!(world.requests(), [Request::Done]);
    assert_eq!(world.bridge.deadline(), None);
}

#[test]
fn other_settings_hold_from_the_next_connection_or_at_once() {
    for at_once in [false, true] {
        let mut world = World::open(settings());
        world.requests();
        let mut new = settings();
        new.topics.remove(0);
        new.remote_clientid = Some("new".to_owned());
        world.bridge.reconfigure(world.now, Arc::new(new), at_once, &mut world.out);
        assert_eq!(world.bridge.is_open(), !at_once);
        if !at_once {
            assert_eq!(world.requests(), []);
            world.fail(CLOSED);
            world.advance(3);
        } else {
            world.advance(0);
        }
        world.local();
        world.remote();
        world.bridge.local_closed(world.now, &mut world.out);
        world.standing =
            Some(Standing { filters: vec!["stale".into(), "both/#".into()], ..Standing::default() });
        let said = world.locally();
        assert_eq!(
            said,
            [
                "CONNECT local.host.b V5 clean",
                "DISCONNECT",
                "CONNECT local.new V5 SessionExpiryInterval(4294967295)",
                "UNSUBSCRIBE stale",
                "SUBSCRIBE both/# 0x2d",
                "PUBLISH $SYS/broker/connection/new/state q1 m65535 r 0",
                "DISCONNECT"
            ]
        );
        let said = world.connect(false);
        assert!(said[0].starts_with("CONNECT new V311"), "{said:?}");
    }
}
