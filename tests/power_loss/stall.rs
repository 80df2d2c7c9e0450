//! A disk whose syncs don't return: nothing is acknowledged, and what waits for it takes no more than so much memory.

use crate::disk::FakeDisk;
use crate::world::*;
use mqtt_toolkit::broker::{FLOOD, Limits};
use mqtt_toolkit::protocol::{Packet, Publish, QoS, ReasonCode};
use mqtt_toolkit::store::{Log, Opened, Store, Sync};

const MESSAGE: usize = 1024 * 1024;

fn open(disk: &FakeDisk) -> (World, Store) {
    let Opened { store, state, sequence, .. } =
        Store::on(disk.clone(), "the fake disk", Sync::Always, || ()).unwrap();
    (World::restored(START, state, sequence, Limits::default()), store)
}

/// Publishes message after message, whatever comes back, until the broker reads no more of them; how many.
fn flood(w: &mut World, store: &Store, client: Client, qos: QoS) -> usize {
    for number in 0..2 * FLOOD / MESSAGE {
        if w.is_held(client) {
            return number;
        }
        send(w, client, qos, number);
        w.submit(store);
    }
    panic!("nobody stops it");
}

fn send(w: &mut World, client: Client, qos: QoS, number: usize) {
    let mut payload = format!("{number} ").into_bytes();
    payload.resize(MESSAGE, b'x');
    let (retain, packet_identifier) = (true, if qos == QoS::AtMostOnce { 0 } else { 1 + number as u16 });
    w.send(client, Packet::Publish(Publish { retain, packet_identifier, ..message("r", payload, qos) }));
}

fn wait_for(w: &mut World, store: &Store, sequence: u64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(100);
    while store.committed() < sequence {
        assert!(std::time::Instant::now() < deadline, "{} of {sequence} are committed", store.committed());
        std::thread::yield_now();
    }
    w.committed(sequence);
}

#[test]
fn what_waits_for_a_stalled_disk_is_bounded_and_arrives() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let disk = FakeDisk::default();
        let (mut w, store) = open(&disk);
        let ann = w.connect("ann", v311());
        w.auto_acknowledge(ann, false);
        disk.stall(true);
        let sent = flood(&mut w, &store, ann, qos);
        assert!((sent - 1) * MESSAGE <= FLOOD, "{sent} messages");
        assert_eq!(w.received(ann), [], "nothing is acknowledged that isn't safe");
        // Whoever makes nothing to do goes on.
        let bob = w.connect("bob", v311());
        w.subscribe(bob, "other", QoS::AtMostOnce);
        let carl = w.connect("carl", v311());
        w.publish(carl, "other", "hello", QoS::AtMostOnce);
        assert_eq!(w.messages(bob), ["other hello"]);
        let before = w.submit(&store);
        for more in 0..5 {
            send(&mut w, ann, qos, sent + more);
        }
        assert_eq!(w.submit(&store), before, "it isn't read");

        disk.stall(false);
        wait_for(&mut w, &store, before);
        let last = w.submit(&store);
        assert!(last > before, "it is read again");
        wait_for(&mut w, &store, last);
        let acknowledged = w.received(ann).len();
        assert_eq!(acknowledged, if qos == QoS::AtMostOnce { 0 } else { sent + 5 });
        store.close().unwrap();
        let (_, state, _) = Log::open(disk, 1, 1 << 20).unwrap();
        let (message, _) = &state.retained[0];
        assert!(message.payload().starts_with(format!("{} ", sent + 4).as_bytes()), "{qos:?}");
    }
}

#[test]
fn with_little_room_no_more_is_taken_than_is_sure_to_have_some() {
    for (version, is_told) in [(v311(), false), (v5(), true)] {
        let disk = FakeDisk::default();
        let (mut w, store) = open(&disk);
        let (ann, bea) = (w.connect("ann", version.clone()), w.connect("bea", version));
        w.auto_acknowledge(ann, false);
        w.store_has_room(3 * MESSAGE / 2);
        disk.stall(true);
        // Two of them are more than that: then nobody's is taken, acknowledged or not.
        send(&mut w, ann, QoS::AtLeastOnce, 0);
        send(&mut w, ann, QoS::AtLeastOnce, 1);
        let before = w.submit(&store);
        for number in 0..3 {
            send(&mut w, ann, QoS::AtLeastOnce, 2 + number);
            send(&mut w, bea, QoS::AtLeastOnce, number);
        }
        assert_eq!((w.submit(&store), w.received(ann)), (before, Vec::new()));
        disk.stall(false);
        let mut last = before;
        loop {
            wait_for(&mut w, &store, last);
            let more = w.submit(&store);
            if more == last {
                break;
            }
            last = more;
        }
        assert_eq!((w.received(ann).len(), w.received(bea).len()), (5, 3), "and all of them in the end");

        // One that is longer than all there is room for: 3.x waits, 5.0 is told.
        w.store_has_room(MESSAGE / 2);
        send(&mut w, ann, QoS::AtLeastOnce, 9);
        let answers = w.received(ann);
        let refused = ReasonCode::QUOTA_EXCEEDED;
        match is_told {
            true => {
                assert!(matches!(&answers[..], [Packet::PubAck(ack)] if ack.reason == refused), "{answers:?}")
            }
            false => assert!(answers.is_empty() && w.is_held(ann), "{answers:?}"),
        }
        w.store_has_room(FLOOD);
        let more = w.submit(&store);
        assert_eq!(more > last, !is_told, "read as soon as there is room");
        store.close().unwrap();
    }
}
