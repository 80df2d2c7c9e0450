//! A packet in words, as the table of good packets has it.

use mqtt_toolkit::protocol::{Ack, Connect, Packet, Properties, Property, Publish, QoS, SubscriptionOptions};

/// One line: the type, then each field that isn't off or absent, then the properties in their order.
pub fn of(packet: &Packet<'_>) -> String {
    let name = packet.packet_type().name();
    let words = match packet {
        Packet::Connect(packet) => return connect(packet),
        Packet::ConnAck(packet) => {
            let mut words = flags(&[("session_present", packet.session_present)]);
            words.push(format!("code={:#04x}", packet.code.0));
            with(words, packet.properties)
        }
        Packet::Publish(packet) => publish(packet),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => answer(ack),
        Packet::Subscribe(packet) => {
            let mut words = vec![format!("id={}", packet.packet_identifier)];
            words.extend(packet.filters().map(|(filter, wanted)| format!("{filter}={}", options(wanted))));
            with(words, packet.properties)
        }
        Packet::SubAck(packet) => codes(packet.packet_identifier, packet.codes, packet.properties),
        Packet::UnsubAck(packet) => codes(packet.packet_identifier, packet.codes, packet.properties),
        Packet::Unsubscribe(packet) => {
            let mut words = vec![format!("id={}", packet.packet_identifier)];
            words.extend(packet.filters().map(str::to_owned));
            with(words, packet.properties)
        }
        Packet::PingReq | Packet::PingResp => Vec::new(),
        Packet::Disconnect(packet) => {
            with(vec![format!("reason={:#04x}", packet.reason.0)], packet.properties)
        }
        Packet::Auth(packet) => with(vec![format!("reason={:#04x}", packet.reason.0)], packet.properties),
    };
    [&[name.to_owned()], words.as_slice()].concat().join(" ")
}

fn connect(packet: &Connect<'_>) -> String {
    let mut words = vec!["CONNECT".to_owned(), packet.version.to_string()];
    words.extend(flags(&[("bridge", packet.bridge), ("clean", packet.clean_start)]));
    words.push(format!("keep_alive={}", packet.keep_alive));
    words.push(format!("client_id={}", packet.client_id));
    words.extend(packet.will.map(|will| {
        let retain = if will.retain { "retain" } else { "-" };
        let properties = with(Vec::new(), will.properties).join(" ");
        format!("will={}/{}/{retain}/{}[{properties}]", will.topic, will.qos as u8, hex(will.payload))
    }));
    words.extend(packet.username.map(|name| format!("user={name}")));
    words.extend(packet.password.map(|password| format!("password={}", hex(password))));
    with(words, packet.properties).join(" ")
}

fn publish(packet: &Publish<'_>) -> Vec<String> {
    let mut words = vec![format!("qos={}", packet.qos as u8)];
    words.extend(flags(&[("dup", packet.dup), ("retain", packet.retain)]));
    if packet.qos != QoS::AtMostOnce {
        words.push(format!("id={}", packet.packet_identifier));
    }
    words.push(format!("topic={}", packet.topic));
    words.push(format!("payload={}", hex(packet.payload)));
    with(words, packet.properties)
}

fn answer(ack: &Ack<'_>) -> Vec<String> {
    let words = vec![format!("id={}", ack.packet_identifier), format!("reason={:#04x}", ack.reason.0)];
    with(words, ack.properties)
}

fn codes(id: u16, codes: &[u8], properties: Properties<'_>) -> Vec<String> {
    with(vec![format!("id={id}"), format!("codes={}", hex(codes))], properties)
}

fn options(wanted: SubscriptionOptions) -> String {
    let mut words = vec![(wanted.qos as u8).to_string()];
    words
        .extend(flags(&[("no-local", wanted.no_local), ("retain-as-published", wanted.retain_as_published)]));
    if wanted.retain_handling as u8 != 0 {
        words.push(format!("retain-handling={}", wanted.retain_handling as u8));
    }
    words.join(",")
}

fn flags(flags: &[(&str, bool)]) -> Vec<String> {
    flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect()
}

fn with(mut words: Vec<String>, properties: Properties<'_>) -> Vec<String> {
    words.extend(
        properties.iter().map(|property| format!("{}={}", property.identifier().name(), value(property))),
    );
    words
}

fn value(property: Property<'_>) -> String {
    use Property as P;
    match property {
        P::UserProperty(name, value) => format!("{name}:{value}"),
        P::CorrelationData(data) | P::AuthenticationData(data) => hex(data),
        P::MaximumQoS(qos) => (qos as u8).to_string(),
        P::ContentType(text)
        | P::ResponseTopic(text)
        | P::AssignedClientIdentifier(text)
        | P::AuthenticationMethod(text)
        | P::ResponseInformation(text)
        | P::ServerReference(text)
        | P::ReasonString(text) => text.to_owned(),
        P::PayloadFormatIndicator(flag)
        | P::RequestProblemInformation(flag)
        | P::RequestResponseInformation(flag)
        | P::RetainAvailable(flag)
        | P::WildcardSubscriptionAvailable(flag)
        | P::SubscriptionIdentifiersAvailable(flag)
        | P::SharedSubscriptionAvailable(flag) => flag.to_string(),
        P::ServerKeepAlive(number)
        | P::ReceiveMaximum(number)
        | P::TopicAliasMaximum(number)
        | P::TopicAlias(number) => number.to_string(),
        P::MessageExpiryInterval(number)
        | P::SubscriptionIdentifier(number)
        | P::SessionExpiryInterval(number)
        | P::WillDelayInterval(number)
        | P::MaximumPacketSize(number) => number.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
