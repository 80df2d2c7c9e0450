//! Messages in a format of the user's (`-F`): the pieces were told apart beforehand and are only appended here.

mod layout;

use super::clock::Clock;
use super::json;
use crate::options::{Field, Format, Layout, Piece};
use crate::protocol::{Properties, Publish};

/// What is wrong with a message, for standard error. The line of the message is printed without the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// `%J`, and the payload isn't JSON.
    Json,
    /// `%f`, and the payload isn't four bytes.
    Float,
    /// `%d`, and the payload isn't eight bytes.
    Double,
}

/// A format with all it needs to print messages.
#[derive(Debug)]
pub struct Formatter {
    pieces: Vec<Piece>,
    pretty: bool,
    clock: Clock,
    /// Whether there is a time in the format.
    tells_time: bool,
}

impl Formatter {
    /// `pretty` spreads JSON over lines; the clock's zone is the system's.
    pub fn new(format: Format, pretty: bool) -> Self {
        Formatter::in_zone(format, pretty, jiff::tz::TimeZone::system())
    }

    fn in_zone(format: Format, pretty: bool, zone: jiff::tz::TimeZone) -> Self {
        let tells_time = format.0.iter().any(tells_time);
        Formatter { pieces: format.0, pretty, clock: Clock::new(zone), tells_time }
    }

    /// Appends a message, without a line end. `unfit` hears of fields that it doesn't have.
    pub fn write(&mut self, message: &Publish<'_>, out: &mut Vec<u8>, unfit: &mut impl FnMut(Unfit)) {
        if self.tells_time {
            self.clock.set_now();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Nanoseconds => self.clock.write_nanoseconds(out),
                Piece::Time(letter) => self.clock.write_letter(*letter, out),
                Piece::Field(field, layout) => {
                    if let Err(reason) = write_field(*field, layout, message, &self.clock, self.pretty, out) {
                        unfit(reason);
                    }
                }
            }
        }
    }
}

fn tells_time(piece: &Piece) -> bool {
    match piece {
        Piece::Text(_) => false,
        Piece::Time(_) | Piece::Nanoseconds => true,
        Piece::Field(field, _) => {
            use Field::{IsoTime, Json, JsonWithJson, SafeJson, SafeJsonWithJson, UnixTime};
            matches!(field, IsoTime | UnixTime | Json | JsonWithJson | SafeJson | SafeJsonWithJson)
        }
    }
}

fn write_field(
    field: Field,
    layout: &Layout,
    message: &Publish<'_>,
    clock: &Clock,
    pretty: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let properties = message.properties;
    match field {
        Field::Topic => layout::text(message.topic.as_bytes(), layout, out),
        Field::Payload => layout::payload(message.payload, layout, out),
        Field::LowerHex => layout::hex(message.payload, b"0123456789abcdef", layout, out),
        Field::UpperHex => layout::hex(message.payload, b"0123456789ABCDEF", layout, out),
        Field::PayloadLength => layout::number(message.payload.len() as i64, layout, out),
        Field::PacketIdentifier => layout::number(message.packet_identifier.into(), layout, out),
        Field::QoS => out.push(b'0' + message.qos as u8),
        Field::Retain => out.push(b'0' + u8::from(message.retain)),
        Field::IsoTime => {
            let mut time = Vec::with_capacity(24);
            clock.write_iso(&mut time);
            layout::text(&time, layout, out);
        }
        Field::UnixTime => clock.write_unix(out),
        Field::Json => {
            let _ = json::message(out, message, clock, json::Payload::Text, pretty);
        }
        Field::SafeJson => {
            let _ = json::message(out, message, clock, json::Payload::Safe, pretty);
        }
        Field::SafeJsonWithJson => {
            let _ = json::message(out, message, clock, json::Payload::EmbeddedOrSafe, pretty);
        }
        Field::JsonWithJson => json::message(out, message, clock, json::Payload::Embedded, pretty)
            .map_err(|json::NotJson| Unfit::Json)?,
        Field::Float => {
            let bytes = message.payload.try_into().map_err(|_| Unfit::Float)?;
            layout::float(f32::from_ne_bytes(bytes).into(), layout, out);
        }
        Field::Double => {
            let bytes = message.payload.try_into().map_err(|_| Unfit::Double)?;
            layout::float(f64::from_ne_bytes(bytes), layout, out);
        }
        _ => write_property(field, layout, properties, out),
    }
    Ok(())
}

fn write_property(field: Field, layout: &Layout, properties: Properties<'_>, out: &mut Vec<u8>) {
    let number = match field {
        Field::TopicAlias => properties.topic_alias().map(i64::from),
        // Printed as C's int, as mosquitto does.
        Field::MessageExpiryInterval => properties.message_expiry_interval().map(|n| i64::from(n as i32)),
        Field::PayloadFormatIndicator => properties.payload_format_indicator().map(i64::from),
        Field::SubscriptionIdentifier => properties.subscription_identifiers().next().map(i64::from),
        Field::ContentType => {
            return match properties.content_type() {
                Some(text) => layout::text(text.as_bytes(), layout, out),
                None => layout::blank(layout, out),
            };
        }
        Field::ResponseTopic => {
            return layout::maybe_text(properties.response_topic(), layout, out);
        }
        Field::CorrelationData => {
            return out.extend_from_slice(properties.correlation_data().unwrap_or_default());
        }
        _ => return write_pairs(properties, out),
    };
    match number {
        Some(number) => layout::number(number, layout, out),
        None => layout::blank(layout, out),
    }
}

/// `name:value` of every User Property, a space between them.
fn write_pairs(properties: Properties<'_>, out: &mut Vec<u8>) {
    for (index, (name, value)) in properties.user_properties().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        for part in [name, ":", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
