//! rumqttc speaking 5.0.

use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, Packet, Publish, PublishProperties, RetainForwardRule, SubscribeProperties,
    SubscribeReasonCode,
};
use rumqttc::v5::{Client, Connection, Event, MqttOptions};

use super::harness::{Broker, PATIENCE};

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn options(broker: &Broker, client_id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", broker.address().port());
    options.set_keep_alive(Duration::from_secs(30));
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

#[test]
fn messages_at_each_qos_with_their_properties() {
    let broker = Broker::ours();
    let (client, mut connection) = Client::new(options(&broker, "r5"), 100);
    let identified = SubscribeProperties { id: Some(7), user_properties: vec![] };
    client.subscribe_with_properties("r/+", QoS::ExactlyOnce, identified).unwrap();
    until(&mut connection, "SUBACK", |packet| match packet {
        Packet::SubAck(ack) => {
            assert_eq!(ack.return_codes, [SubscribeReasonCode::Success(QoS::ExactlyOnce)]);
            Some(())
        }
        _ => None,
    });
    for round in 0..30 {
        for qos in ALL {
            let properties = PublishProperties {
                user_properties: vec![("round".into(), format!("{round}"))],
                response_topic: Some("answer".into()),
                correlation_data: Some("c".into()),
                ..PublishProperties::default()
            };
            let topic = format!("r/{}", qos as u8);
            client.publish_with_properties(topic, qos, false, format!("{round}"), properties).unwrap();
        }
    }
    let mut seen: [Vec<String>; 3] = Default::default();
    // From the second message on the broker may send a Topic Alias instead of the topic.
    while seen.iter().map(Vec::len).sum::<usize>() < 90 {
        let message = message(&mut connection);
        let payload = String::from_utf8(message.payload.to_vec()).unwrap();
        let properties = message.properties.expect("properties");
        assert_eq!(properties.user_properties, [("round".to_owned(), payload.clone())]);
        assert_eq!(properties.response_topic.as_deref(), Some("answer"));
        assert_eq!(properties.correlation_data.as_deref(), Some(&b"c"[..]));
        assert_eq!(properties.subscription_identifiers, [7]);
        seen[message.qos as usize].push(payload);
    }
    let expected: Vec<String> = (0..30).map(|round| round.to_string()).collect();
    assert_eq!(seen, [expected.clone(), expected.clone(), expected]);
}

#[test]
fn subscription_options() {
    let broker = Broker::ours();
    let (client, mut connection) = Client::new(options(&broker, "r5-options"), 10);
    client.publish("o/retained", QoS::AtLeastOnce, true, "kept").unwrap();
    let filter = |path: &str, nolocal, preserve_retain, retain_forward_rule| Filter {
        path: path.into(),
        qos: QoS::AtLeastOnce,
        nolocal,
        preserve_retain,
        retain_forward_rule,
    };
    client.subscribe_many([filter("o/#", true, false, RetainForwardRule::OnEverySubscribe)]).unwrap();
    let first = message(&mut connection);
    assert!(first.retain && first.payload == "kept");
    // No Local: what this client publishes itself comes by the second filter only, with its RETAIN flag.
    client.subscribe_many([filter("o/+", false, true, RetainForwardRule::Never)]).unwrap();
    client.publish("o/retained", QoS::AtLeastOnce, true, "again").unwrap();
    client.publish("o/end", QoS::AtLeastOnce, false, "end").unwrap();
    let (second, third) = (message(&mut connection), message(&mut connection));
    assert!(second.retain && second.payload == "again", "{second:?}");
    assert!(!third.retain && third.payload == "end", "{third:?}");
}

#[test]
fn a_session_that_waits() {
    let broker = Broker::ours();
    let mut own = options(&broker, "r5-away");
    own.set_clean_start(false).set_connect_properties(ConnectProperties {
        session_expiry_interval: Some(600),
        receive_maximum: Some(2),
        ..ConnectProperties::new()
    });
    let (client, mut connection) = Client::new(own.clone(), 10);
    client.subscribe("r5/news", QoS::AtLeastOnce).unwrap();
    until(&mut connection, "SUBACK", |packet| matches!(packet, Packet::SubAck(_)).then_some(()));
    drop((client, connection));
    broker.wait_for_end_of("r5-away");

    let (publisher, mut answers) = Client::new(options(&broker, "r5-publisher"), 20);
    for n in 0..10 {
        publisher.publish("r5/news", QoS::AtLeastOnce, false, n.to_string()).unwrap();
    }
    for _ in 0..10 {
        until(&mut answers, "PUBACK", |packet| matches!(packet, Packet::PubAck(_)).then_some(()));
    }
    let (_client, mut connection) = Client::new(own, 10);
    let mut present = false;
    let mut seen = Vec::new();
    while seen.len() < 10 {
        seen.push(until(&mut connection, "kept messages", |packet| match packet {
            Packet::ConnAck(ack) => {
                present = ack.session_present;
                None
            }
            Packet::Publish(message) => Some(String::from_utf8(message.payload.to_vec()).unwrap()),
            _ => None,
        }));
    }
    assert!(present, "the session was there");
    assert_eq!(seen, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}
