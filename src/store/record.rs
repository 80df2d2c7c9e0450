//! A change as bytes, and back. Numbers are variable-length; whatever can't be a change reads as `None`.

use crate::broker::{
    Change, Message, Publisher, Receipt, SessionId, SessionRecord, SubscriptionRecord, Will,
};
use crate::protocol::{Properties, QoS, Version};
use std::sync::Arc;

/// A change with its number and, if it is a message, who waits for it.
#[derive(Debug)]
pub struct Record {
    /// Its number.
    pub sequence: u64,
    /// What changed.
    pub change: Change,
    /// Receipts of a message.
    pub receipts: Vec<Receipt>,
}

const MESSAGE: u8 = 1;
const SESSION: u8 = 2;
const SESSION_ENDED: u8 = 3;
const SUBSCRIBED: u8 = 4;
const UNSUBSCRIBED: u8 = 5;
const RETAINED_REMOVED: u8 = 6;
const IN_FLIGHT: u8 = 7;
const TAKEN: u8 = 8;
const DONE: u8 = 9;
const COMPLETED: u8 = 10;
const RECEIVED: u8 = 11;
const RELEASED: u8 = 12;

/// Appends a change. `receipts` are those of a message.
pub fn encode(sequence: u64, change: &Change, receipts: &[Receipt], out: &mut Vec<u8>) {
    let mut ids = |kind: u8, fields: &[u64]| {
        out.push(kind);
        number(sequence, out);
        for &field in fields {
            number(field, out);
        }
    };
    match change {
        Change::Message { message, retained, publisher, received, .. } => {
            ids(MESSAGE, &[]);
            encode_message(message, out);
            let (has_received, has_publisher) = (received.is_some(), publisher.is_some());
            out.push(u8::from(*retained) | u8::from(has_received) << 1 | u8::from(has_publisher) << 2);
            if let Some((session, identifier)) = received {
                number(*session, out);
                number(u64::from(*identifier), out);
            }
            if let Some(publisher) = publisher {
                text(&publisher.client_id, out);
                optional(publisher.username.as_deref(), out);
                number(u64::from(publisher.port), out);
            }
            number(receipts.len() as u64, out);
            for receipt in receipts {
                encode_receipt(receipt, out);
            }
        }
        Change::Session(record) => {
            ids(SESSION, &[record.id]);
            encode_session(record, out);
        }
        Change::SessionEnded { session } => ids(SESSION_ENDED, &[*session]),
        Change::Subscribed { session, subscription: s } => {
            ids(SUBSCRIBED, &[*session]);
            text(&s.filter, out);
            optional(s.share_name.as_deref(), out);
            out.push(s.qos as u8 | u8::from(s.no_local) << 2 | u8::from(s.retain_as_published) << 3);
            number(u64::from(s.identifier), out);
        }
        Change::Unsubscribed { session, filter, share_name } => {
            ids(UNSUBSCRIBED, &[*session]);
            text(filter, out);
            optional(share_name.as_deref(), out);
        }
        Change::RetainedRemoved { topic } => {
            ids(RETAINED_REMOVED, &[]);
            text(topic, out);
        }
        Change::InFlight { session, number, packet_identifier } => {
            ids(IN_FLIGHT, &[*session, *number, u64::from(*packet_identifier)]);
        }
        Change::Taken { session, number, packet_identifier } => {
            ids(TAKEN, &[*session, *number, u64::from(*packet_identifier)]);
        }
        Change::Done { session, number } => ids(DONE, &[*session, *number]),
        Change::Completed { session, packet_identifier } => {
            ids(COMPLETED, &[*session, u64::from(*packet_identifier)]);
        }
        Change::Received { session, packet_identifier } => {
            ids(RECEIVED, &[*session, u64::from(*packet_identifier)]);
        }
        Change::Released { session, packet_identifier } => {
            ids(RELEASED, &[*session, u64::from(*packet_identifier)]);
        }
    }
}

fn encode_message(message: &Message, out: &mut Vec<u8>) {
    let expires = message.expires;
    out.push(message.qos as u8 | u8::from(message.retain) << 2 | u8::from(expires.is_some()) << 3);
    if let Some(at) = expires {
        number(at, out);
    }
    text(message.topic(), out);
    bytes(message.properties(), out);
    bytes(message.payload(), out);
}

fn encode_receipt(receipt: &Receipt, out: &mut Vec<u8>) {
    number(receipt.session, out);
    number(receipt.number, out);
    out.push(receipt.qos as u8 | u8::from(receipt.retain) << 2 | u8::from(receipt.asked_for) << 3);
    number(u64::from(receipt.packet_identifier), out);
    number(u64::from(receipt.identifier), out);
}

fn encode_session(record: &SessionRecord, out: &mut Vec<u8>) {
    text(&record.client_id, out);
    optional(record.username.as_deref(), out);
    out.push(record.version as u8);
    number(u64::from(record.expiry_interval), out);
    // 0: it has a connection.
    number(record.disconnected_at.map_or(0, |at| at + 1), out);
    number(u64::from(record.port), out);
    optional(record.mount_point.as_deref(), out);
    out.push(u8::from(record.will.is_some()));
    if let Some(will) = &record.will {
        encode_message(&will.message, out);
        number(will.expiry_interval.map_or(0, |s| u64::from(s) + 1), out);
        number(u64::from(will.delay), out);
    }
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    number(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn text(value: &str, out: &mut Vec<u8>) {
    bytes(value.as_bytes(), out);
}

fn optional(value: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        text(value, out);
    }
}

/// Reads a whole record.
pub fn decode(body: &[u8]) -> Option<Record> {
    let mut input = Input(body);
    let kind = input.byte()?;
    let sequence = input.number()?;
    let mut receipts = Vec::new();
    let change = match kind {
        MESSAGE => {
            let message = Arc::new(input.message()?);
            let flags = input.byte()?;
            let received = match flags & 2 != 0 {
                true => Some((input.number()?, input.identifier()?)),
                false => None,
            };
            let publisher = match flags & 4 != 0 {
                true => Some(Arc::new(input.publisher()?)),
                false => None,
            };
            let count = input.number()?;
            // Each takes five bytes or more: no length is believed that can't be true.
            receipts.reserve(usize::try_from(count).ok()?.min(input.0.len() / 5));
            for _ in 0..count {
                receipts.push(input.receipt()?);
            }
            let (retained, receipts) = (flags & 1 != 0, receipts.len() as u32);
            Change::Message { message, retained, publisher, received, receipts }
        }
        SESSION => Change::Session(Box::new(input.session()?)),
        SESSION_ENDED => Change::SessionEnded { session: input.number()? },
        SUBSCRIBED => {
            let session = input.number()?;
            let filter = input.text()?.into();
            let share_name = input.optional()?.map(Into::into);
            let flags = input.byte()?;
            let subscription = Box::new(SubscriptionRecord {
                filter,
                share_name,
                qos: QoS::try_from(flags & 3).ok()?,
                identifier: input.small()?,
                no_local: flags & 4 != 0,
                retain_as_published: flags & 8 != 0,
            });
            Change::Subscribed { session, subscription }
        }
        UNSUBSCRIBED => Change::Unsubscribed {
            session: input.number()?,
            filter: input.text()?.into(),
            share_name: input.optional()?.map(Into::into),
        },
        RETAINED_REMOVED => Change::RetainedRemoved { topic: input.text()?.into() },
        IN_FLIGHT | TAKEN => {
            let (session, number) = (input.number()?, input.number()?);
            let packet_identifier = input.identifier()?;
            match kind {
                IN_FLIGHT => Change::InFlight { session, number, packet_identifier },
                _ => Change::Taken { session, number, packet_identifier },
            }
        }
        DONE => Change::Done { session: input.number()?, number: input.number()? },
        COMPLETED => Change::Completed { session: input.number()?, packet_identifier: input.identifier()? },
        RECEIVED => Change::Received { session: input.number()?, packet_identifier: input.identifier()? },
        RELEASED => Change::Released { session: input.number()?, packet_identifier: input.identifier()? },
        _ => return None,
    };
    input.0.is_empty().then_some(Record { sequence, change, receipts })
}

/// Reads only the message of a record, if it is the one with this number.
pub fn decode_message(body: &[u8], sequence: u64) -> Option<Message> {
    let mut input = Input(body);
    (input.byte()? == MESSAGE && input.number()? == sequence).then(|| input.message())?
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<SessionId> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn identifier(&mut self) -> Option<u16> {
        u16::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        simdutf8::basic::from_utf8(self.bytes()?).ok()
    }

    fn optional(&mut self) -> Option<Option<&'a str>> {
        match self.byte()? {
            0 => Some(None),
            _ => self.text().map(Some),
        }
    }

    fn message(&mut self) -> Option<Message> {
        let flags = self.byte()?;
        let expires = match flags & 8 != 0 {
            true => Some(self.number()?),
            false => None,
        };
        let (topic, properties, payload) = (self.text()?, self.bytes()?, self.bytes()?);
        let qos = QoS::try_from(flags & 3).ok()?;
        let mut message = Message::new(topic, properties, payload, qos, flags & 4 != 0, expires);
        message.hidden = Properties::from_raw(properties).trail_length() as u32;
        Some(message)
    }

    fn publisher(&mut self) -> Option<Publisher> {
        Some(Publisher {
            client_id: self.text()?.into(),
            username: self.optional()?.map(Into::into),
            listener: 0,
            port: self.identifier()?,
        })
    }

    fn receipt(&mut self) -> Option<Receipt> {
        let (session, number) = (self.number()?, self.number()?);
        let flags = self.byte()?;
        Some(Receipt {
            session,
            number,
            packet_identifier: self.identifier()?,
            identifier: self.small()?,
            qos: QoS::try_from(flags & 3).ok()?,
            retain: flags & 4 != 0,
            asked_for: flags & 8 != 0,
        })
    }

    fn session(&mut self) -> Option<SessionRecord> {
        let id = self.number()?;
        let client_id = self.text()?.into();
        let username = self.optional()?.map(Into::into);
        let version = match self.byte()? {
            3 => Version::V31,
            4 => Version::V311,
            5 => Version::V5,
            _ => return None,
        };
        let expiry_interval = self.small()?;
        let disconnected_at = self.number()?.checked_sub(1);
        let port = self.identifier()?;
        let mount_point = self.optional()?.map(Into::into);
        let will = match self.byte()? {
            0 => None,
            _ => {
                let message = self.message()?;
                let expiry_interval = match self.number()?.checked_sub(1) {
                    Some(seconds) => Some(u32::try_from(seconds).ok()?),
                    None => None,
                };
                Some(Will { message, expiry_interval, delay: self.small()? })
            }
        };
        Some(SessionRecord {
            id,
            client_id,
            username,
            version,
            expiry_interval,
            disconnected_at,
            port,
            mount_point,
            will,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(change: Change, receipts: &[Receipt]) -> Record {
        let mut body = Vec::new();
        encode(77, &change, receipts, &mut body);
        for cut in 0..body.len() {
            assert!(decode(&body[..cut]).is_none(), "cut at {cut}");
        }
        let record = decode(&body).unwrap();
        assert_eq!(format!("{:?}", record.change), format!("{change:?}"));
        assert_eq!((record.sequence, &record.receipts[..]), (77, receipts));
        record
    }

    #[test]
    fn every_change_comes_back_as_it_was() {
        let message = |expires| Message::new("a/b", &[1, 2], b"payload", QoS::ExactlyOnce, true, expires);
        let receipt = Receipt {
            session: 1 << 40,
            number: 300,
            identifier: 268_435_455,
            packet_identifier: 65_535,
            qos: QoS::AtLeastOnce,
            retain: true,
            asked_for: true,
        };
        let publisher =
            Publisher { client_id: "pub".into(), username: Some("P".into()), listener: 0, port: 8883 };
        let of = |retained: bool, received| Change::Message {
            message: Arc::new(message(Some(1_700_000_000))),
            retained,
            publisher: retained.then(|| Arc::new(publisher.clone())),
            received,
            receipts: 2,
        };
        let receipts = [receipt, Receipt { number: 301, retain: false, ..receipt }];
        back(of(true, Some((9, 12))), &receipts);
        back(of(false, None), &receipts);
        let record = SessionRecord {
            id: 5,
            client_id: "ann".into(),
            username: Some("A".into()),
            version: Version::V5,
            expiry_interval: u32::MAX,
            disconnected_at: Some(1_700_000_000),
            port: 1883,
            mount_point: Some("m/".into()),
            will: Some(Will { message: message(None), expiry_interval: Some(u32::MAX), delay: 3 }),
        };
        back(Change::Session(Box::new(record.clone())), &[]);
        let plain = SessionRecord { disconnected_at: None, mount_point: None, will: None, ..record };
        back(Change::Session(Box::new(plain)), &[]);
        back(Change::SessionEnded { session: 5 }, &[]);
        let subscription = SubscriptionRecord {
            filter: "a/#".into(),
            share_name: Some("g".into()),
            qos: QoS::ExactlyOnce,
            identifier: 7,
            no_local: true,
            retain_as_published: true,
        };
        back(Change::Subscribed { session: 5, subscription: Box::new(subscription) }, &[]);
        back(Change::Unsubscribed { session: 5, filter: "a/#".into(), share_name: None }, &[]);
        back(Change::RetainedRemoved { topic: "a/b".into() }, &[]);
        back(Change::InFlight { session: 5, number: 6, packet_identifier: 7 }, &[]);
        back(Change::Taken { session: 5, number: 6, packet_identifier: 7 }, &[]);
        back(Change::Done { session: 5, number: 6 }, &[]);
        back(Change::Completed { session: 5, packet_identifier: 7 }, &[]);
        back(Change::Received { session: 5, packet_identifier: 7 }, &[]);
        back(Change::Released { session: 5, packet_identifier: 7 }, &[]);
    }
}
