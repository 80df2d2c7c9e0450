//! Section 4.8: Shared Subscriptions.

use super::*;

const FILTER: &str = "$share/g/a";

/// Members of the group, one for each ClientId, all with the same options.
fn members(w: &mut World, ids: &[&str], options: &Connecting, qos: QoS) -> Vec<Client> {
    let mut members = Vec::new();
    for id in ids {
        let member = quiet(w, id, options.clone());
        w.subscribe(member, FILTER, qos);
        members.push(member);
    }
    members
}

#[test]
fn each_message_goes_to_one_member_in_turn() {
    let mut w = World::new();
    let group = members(&mut w, &["m0", "m1", "m2"], &v5(), QOS0);
    let watcher = w.connect("watcher", v5());
    w.subscribe(watcher, "a", QOS0);
    let ann = w.connect("ann", v5());
    for i in 0..9 {
        w.publish(ann, "a", i.to_string(), QOS0);
    }
    for (at, member) in group.iter().enumerate() {
        let expected: Vec<String> = (0..3).map(|round| (3 * round + at).to_string()).collect();
        assert_eq!(payloads(&w.publishes(*member)), expected);
    }
    assert_eq!(w.publishes(watcher).len(), 9, "a plain subscription gets them all");
    // Another ShareName, or another filter, is another group.
    let other = w.connect("other", v5());
    w.subscribe(other, "$share/h/a", QOS0);
    w.subscribe(other, "$share/g/+", QOS0);
    w.publish(ann, "a", "x", QOS0);
    assert_eq!(w.publishes(other).len(), 2);
    assert_eq!(group.iter().map(|m| w.publishes(*m).len()).sum::<usize>(), 1);
}

#[test]
fn retained_messages_do_not_go_to_shared_subscriptions() {
    let mut w = World::new();
    let ann = w.connect("ann", v5());
    w.retain(ann, "a", "kept", QOS1);
    let group = members(&mut w, &["m0"], &v5(), QOS1);
    assert_eq!(w.received(group[0]), []);
}

#[test]
fn mqtt_4_8_2_1_a_shared_filter_has_a_share_name() {
    for bad in ["$share", "$share/", "$share//a", "$share//"] {
        assert_ends(&frame(0x82, &[&[0, 1], NONE, &field(bad), &[0]]), PROTOCOL_ERROR);
    }
    // These are other words, and plain filters.
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for plain in ["$shared/g/a", "$SHARE/g/a", "share/g/a", "/$share/g/a"] {
        assert_eq!(w.subscribe(bob, plain, QOS0), 0);
    }
    w.publish(bob, "a", "x", QOS0);
    assert_eq!(w.received(bob), []);
    for topic in ["$SHARE/g/a", "share/g/a", "/$share/g/a"] {
        w.publish(bob, topic, "x", QOS0);
        assert_eq!(w.messages(bob), [format!("{topic} x")]);
    }
}

#[test]
fn mqtt_4_8_2_2_a_share_name_has_no_wildcards_and_a_filter_follows() {
    for bad in
        ["$share/g", "$share/g/", "$share/g+/a", "$share/+/a", "$share/#/a", "$share/#", "$share/a#b/c"]
    {
        let mut w = World::new();
        let bob = w.connect("bob", v5());
        w.raw(bob, &frame(0x82, &[&[0, 1], NONE, &field(bad), &[0]]));
        assert!(w.is_closed(bob), "{bad}");
        assert!(matches!(w.disconnect_reason(bob).unwrap().0, 0x81 | 0x82), "{bad}");
    }
    // The filter behind it is one like others.
    for bad in ["$share/g/a#", "$share/g/#/a", "$share/g/a+"] {
        let mut w = World::new();
        let bob = w.connect("bob", v5());
        w.raw(bob, &frame(0x82, &[&[0, 1], NONE, &field(bad), &[0]]));
        assert!(w.is_closed(bob), "{bad}");
    }
    let mut w = World::new();
    let bob = w.connect("bob", v5());
    for (filter, topic) in
        [("$share/g/a/#", "a"), ("$share/ä $/+/b", "x/b"), ("$share/g//", "/"), ("$share/g/#", "z")]
    {
        assert_eq!(w.subscribe(bob, filter, QOS0), 0);
        w.publish(bob, topic, "x", QOS0);
        assert_eq!(w.messages(bob), [format!("{topic} x")], "{filter}");
        w.unsubscribe(bob, filter);
    }
}

#[test]
fn mqtt_4_8_2_3_each_member_is_served_at_the_qos_that_it_was_granted() {
    let mut w = World::new();
    let mut group = Vec::new();
    for (id, qos) in [("m0", QOS0), ("m1", QOS1), ("m2", QOS2)] {
        let member = w.connect(id, v5());
        w.subscribe(member, FILTER, qos);
        group.push(member);
    }
    let ann = w.connect("ann", v5());
    for published in [QOS0, QOS1, QOS2] {
        for _ in 0..3 {
            w.publish(ann, "a", "x", published);
        }
        for (member, granted) in group.iter().zip([QOS0, QOS1, QOS2]) {
            let got: Vec<_> = w.publishes(*member).iter().map(|p| p.qos).collect();
            assert_eq!(got, [granted.min(published)]);
        }
    }
}

#[test]
fn mqtt_4_8_2_4_a_delivery_that_was_started_is_completed_when_the_member_returns() {
    let mut w = World::new();
    let group = members(&mut w, &["m0", "m1"], &lasting(), QOS2);
    let ann = w.connect("ann", v5());
    for i in 0..4 {
        w.publish(ann, "a", i.to_string(), QOS2);
    }
    let started = w.publishes(group[0]);
    assert_eq!(payloads(&started), ["0", "2"]);
    w.send(group[0], pubrec(started[0].packet_identifier));
    w.cut(group[0]);
    w.publishes(group[1]);
    // Nobody else gets what was sent to it, and it gets what is left of it.
    assert_eq!(w.received(group[1]), []);
    let back = quiet(&mut w, "m0", lasting());
    let expected =
        [pubrel(started[0].packet_identifier), Packet::Publish(Publish { dup: true, ..started[1] })];
    assert_eq!(w.received(back), expected);
}

#[test]
fn mqtt_4_8_2_5_a_delivery_that_was_started_ends_with_the_session() {
    for qos in [QOS1, QOS2] {
        let mut w = World::new();
        let group = members(&mut w, &["m0", "m1"], &v5().session_expiry(60), qos);
        let ann = w.connect("ann", v5());
        for i in 0..4 {
            w.publish(ann, "a", i.to_string(), qos);
        }
        w.received(group[1]);
        w.cut(group[0]);
        w.advance(61);
        assert_eq!(w.session_count(), 2);
        assert_eq!(w.received(group[1]), [], "{qos:?}");
        // New messages go to who is left.
        w.publish(ann, "a", "new", qos);
        w.publish(ann, "a", "new", qos);
        assert_eq!(w.publishes(group[1]).len(), 2);
    }
}

#[test]
fn mqtt_4_8_2_6_a_message_that_a_member_refuses_goes_to_nobody_else() {
    let mut w = World::new();
    let group = members(&mut w, &["m0", "m1"], &lasting(), QOS2);
    let ann = w.connect("ann", v5());
    w.publish(ann, "a", "0", QOS1);
    w.publish(ann, "a", "1", QOS0);
    w.publish(ann, "a", "2", QOS2);
    let sent = w.publishes(group[0]);
    assert_eq!(payloads(&sent), ["0", "2"]);
    w.received(group[1]);
    let refused = |id| Ack { reason: ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR, ..Ack::new(id) };
    w.send(group[0], Packet::PubAck(refused(sent[0].packet_identifier)));
    w.send(group[0], Packet::PubRec(refused(sent[1].packet_identifier)));
    assert_eq!(w.received(group[0]), []);
    assert_eq!(w.received(group[1]), []);
    w.cut(group[0]);
    let back = quiet(&mut w, "m0", lasting());
    assert_eq!(w.received(back), []);
}

#[test]
fn a_member_that_is_away_is_passed_over_while_another_is_here() {
    let mut w = World::new();
    let group = members(&mut w, &["m0", "m1"], &lasting(), QOS1);
    w.cut(group[0]);
    let ann = w.connect("ann", v5());
    for i in 0..4 {
        w.publish(ann, "a", i.to_string(), QOS1);
    }
    assert_eq!(w.publishes(group[1]).len(), 4);
    // When all are away one of them gets each message.
    w.cut(group[1]);
    for i in 0..4 {
        assert_eq!(w.publish(ann, "a", i.to_string(), QOS1), ReasonCode::SUCCESS);
    }
    let (m0, m1) = (w.connect("m0", lasting()), w.connect("m1", lasting()));
    // (Those in flight to m1 come again first.)
    let new = |list: Vec<Publish<'_>>| list.iter().filter(|p| !p.dup).count();
    let (of_m0, of_m1) = (new(w.publishes(m0)), new(w.publishes(m1)));
    assert_eq!(of_m0 + of_m1, 4);
}

#[test]
fn a_member_whose_window_is_full_is_passed_over_while_another_has_room() {
    let mut w = World::new();
    let group = members(&mut w, &["m0", "m1"], &v5().receive_maximum(2), QOS1);
    let ann = w.connect("ann", v5());
    w.auto_acknowledge(group[1], true);
    for i in 0..20 {
        w.publish(ann, "a", i.to_string(), QOS1);
    }
    assert_eq!(w.publishes(group[0]).len(), 2);
    assert_eq!(w.publishes(group[1]).len(), 18);
}
