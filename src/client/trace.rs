//! The lines of `-d`: mosquitto's words for every packet sent and received.

use super::{Connection, Outbox};
use crate::protocol::{PacketIdentifier, Publish, QoS, ReasonCode, SubscriptionOptions};

impl Connection {
    /// Adds a line if anyone listens; `write` is given the client's name and what to append to.
    pub(super) fn trace(&self, out: &mut Outbox, write: impl FnOnce(&str, &mut String)) {
        if let Some(trace) = &mut out.trace {
            let name = if self.client_id().is_empty() { "null" } else { self.client_id() };
            let mut line = String::new();
            write(name, &mut line);
            trace.extend_from_slice(line.as_bytes());
            trace.push(b'\n');
        }
    }

    pub(super) fn trace_sending(&self, out: &mut Outbox, packet: &str) {
        self.trace(out, |name, line| line.push_str(&format!("Client {name} sending {packet}")));
    }

    pub(super) fn trace_connack(&self, out: &mut Outbox, code: ReasonCode) {
        self.trace(out, |name, line| {
            let name = if self.client_id().is_empty() { "(null)" } else { name };
            line.push_str(&format!("Client {name} received CONNACK ({})", code.0));
        });
    }

    pub(super) fn trace_subscribe(
        &self,
        out: &mut Outbox,
        id: PacketIdentifier,
        filter: &str,
        options: SubscriptionOptions,
    ) {
        let bits = u8::from(options.no_local) << 2
            | u8::from(options.retain_as_published) << 3
            | (options.retain_handling as u8) << 4;
        let qos = options.qos as u8;
        self.trace(out, |name, line| {
            line.push_str(&format!(
                "Client {name} sending SUBSCRIBE (Mid: {id}, Topic: {filter}, QoS: {qos}, Options: 0x{bits:02x})"
            ));
        });
    }

    pub(super) fn trace_publish(&self, out: &mut Outbox, way: &str, publish: &Publish<'_>) {
        self.trace(out, |name, line| {
            line.push_str(&format!(
                "Client {name} {way} PUBLISH (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
                u8::from(publish.dup),
                publish.qos as u8,
                u8::from(publish.retain),
                publish.packet_identifier,
                publish.topic,
                publish.payload.len()
            ));
        });
    }

    /// mosquitto gives QoS 0 messages a number too, which it tells here and doesn't send.
    pub(super) fn trace_publish_sent(&mut self, out: &mut Outbox, mut publish: Publish<'_>) {
        if out.trace.is_none() {
            return;
        }
        if publish.qos == QoS::AtMostOnce
            && let Some(id) = self.outbound.reserve()
        {
            self.outbound.complete(id, crate::session::Awaiting::Answer);
            publish.packet_identifier = id;
        }
        self.trace_publish(out, "sending", &publish);
    }

    /// The PUBLISH at `start` of the outbox, sent once more.
    pub(super) fn trace_sent_again(&self, out: &mut Outbox, start: usize) {
        if out.trace.is_none() {
            return;
        }
        let packet = out.bytes[start..].to_vec();
        let Ok(Some(header)) = crate::protocol::fixed_header(&packet) else { return };
        let body = &packet[header.header_length..];
        if let Ok(publish) = Publish::decode(self.settings.version, header.first, body) {
            self.trace_publish(out, "sending", &publish);
        }
    }
}
