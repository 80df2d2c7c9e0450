//! rumqttc speaking 3.1.1.

use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, LastWill, MqttOptions, Packet, Publish, QoS};

use super::harness::{Broker, PATIENCE};

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn options(broker: &Broker, client_id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", broker.address().port());
    options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(2_000_000, 2_000_000);
    options
}

/// The first that `sought` finds among what comes.
fn until<T>(connection: &mut Connection, what: &str, mut sought: impl FnMut(Packet) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match connection.recv_timeout(left) {
            Err(_) => panic!("waited in vain for {what}"),
            Ok(Err(error)) => panic!("{what}: {error}"),
            Ok(Ok(Event::Outgoing(_))) => {}
            Ok(Ok(Event::Incoming(packet))) => {
                if let Some(found) = sought(packet) {
                    return found;
                }
            }
        }
    }
}

fn message(connection: &mut Connection) -> Publish {
    until(connection, "a message", |packet| match packet {
        Packet::Publish(message) => Some(message),
        _ => None,
    })
}

fn suback(connection: &mut Connection) {
    until(connection, "SUBACK", |packet| matches!(packet, Packet::SubAck(_)).then_some(()));
}

#[test]
fn messages_at_each_qos() {
    let broker = Broker::ours();
    let (client, mut connection) = Client::new(options(&broker, "r4"), 100);
    client.subscribe("r/+", QoS::ExactlyOnce).unwrap();
    suback(&mut connection);
    for round in 0..30 {
        for qos in ALL {
            client.publish(format!("r/{}", qos as u8), qos, false, format!("{round}")).unwrap();
        }
    }
    let mut seen: [Vec<String>; 3] = Default::default();
    while seen.iter().map(Vec::len).sum::<usize>() < 90 {
        let message = message(&mut connection);
        assert_eq!(message.topic, format!("r/{}", message.qos as u8));
        seen[message.qos as usize].push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    let expected: Vec<String> = (0..30).map(|round| round.to_string()).collect();
    assert_eq!(seen, [expected.clone(), expected.clone(), expected]);
}

#[test]
fn retained_and_large() {
    let broker = Broker::ours();
    let (client, mut connection) = Client::new(options(&broker, "r4-large"), 10);
    let payload = vec![b'x'; 1_000_000];
    client.publish("large", QoS::AtLeastOnce, true, payload.clone()).unwrap();
    until(&mut connection, "PUBACK", |packet| matches!(packet, Packet::PubAck(_)).then_some(()));
    client.subscribe("large", QoS::AtLeastOnce).unwrap();
    let message = message(&mut connection);
    assert!(message.retain && message.payload == payload);
}

#[test]
fn a_session_and_its_will() {
    let broker = Broker::ours();
    let (heir, mut heirs) = Client::new(options(&broker, "r4-heir"), 10);
    heir.subscribe("r4/will", QoS::AtLeastOnce).unwrap();
    suback(&mut heirs);

    let mut own = options(&broker, "r4-away");
    own.set_clean_session(false).set_last_will(LastWill::new("r4/will", "gone", QoS::AtLeastOnce, false));
    let (client, mut connection) = Client::new(own.clone(), 10);
    client.subscribe("r4/news", QoS::ExactlyOnce).unwrap();
    suback(&mut connection);
    drop((client, connection));
    assert_eq!(message(&mut heirs).payload, "gone");

    for n in 0..5 {
        heir.publish("r4/news", ALL[1 + n % 2], false, n.to_string()).unwrap();
    }
    for _ in 0..5 {
        until(&mut heirs, "PUBACK or PUBCOMP", |packet| match packet {
            Packet::PubAck(_) | Packet::PubComp(_) => Some(()),
            _ => None,
        });
    }
    let (_client, mut connection) = Client::new(own, 10);
    let mut present = false;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(until(&mut connection, "kept messages", |packet| match packet {
            Packet::ConnAck(ack) => {
                present = ack.session_present;
                None
            }
            Packet::Publish(message) => Some(message.payload),
            _ => None,
        }));
    }
    assert!(present, "the session was there");
}
