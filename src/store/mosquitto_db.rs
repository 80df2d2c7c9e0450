//! mosquitto's own database, read to move from it: formats 2 to 6.
//!
//! The file is a head and chunks; a client's chunks name it by ClientId, a message is named by a number. There is no
//! checksum: damage shows where a file is cut off or says what can't be. What is whole is taken, the rest is counted, and
//! nobody imports a file with damage.

use crate::broker::{
    Message, Pages, Publisher, Receipt, SessionRecord, State, StoredSession, SubscriptionRecord,
};
use crate::protocol::{PropertyId, Publish, QoS, Version, topic, wire};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::fmt::Display;
use std::sync::Arc;

/// The first bytes of the file.
const MAGIC: &[u8; 15] = b"\x00\xB5\x00mosquitto db";
/// Bytes of the file's head: magic, a checksum that is always 0, the format.
const HEAD: usize = 23;
/// Session Expiry Interval that means never.
const NEVER: u32 = u32::MAX;

const CFG: u32 = 1;
const BASE_MSG: u32 = 2;
const CLIENT_MSG: u32 = 3;
const RETAIN: u32 = 4;
const SUB: u32 = 5;
const CLIENT: u32 = 6;

/// What a database holds.
#[derive(Debug)]
pub struct MosquittoDb {
    /// Its format.
    pub version: u32,
    /// Sessions, messages and retained messages. Sessions have no numbers yet.
    pub state: State,
    /// Messages that have expired.
    pub expired: usize,
    /// Chunks that refer to what isn't there, or of a kind that nobody knows.
    pub skipped: usize,
    /// Chunks that say what no mosquitto writes.
    pub damaged: usize,
    /// Bytes at the end that are no whole chunk.
    pub cut_off: usize,
}

impl MosquittoDb {
    /// What it holds, in words.
    pub fn summary(&self) -> String {
        let sessions = &self.state.sessions;
        let messages: usize = sessions.iter().map(|session| session.messages.len()).sum();
        let subscriptions: usize = sessions.iter().map(|session| session.subscriptions.len()).sum();
        format!(
            "{} sessions, {subscriptions} subscriptions, {messages} messages for them and {} retained messages",
            sessions.len(),
            self.state.retained.len()
        )
    }

    /// It, if it is whole. mosquitto doesn't start with one that isn't, and half of it would pass for all.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn whole(self, name: impl Display) -> Result<Self, String> {
        let what = match (self.cut_off, self.damaged) {
            (0, 0) => return Ok(self),
            (0, entries) => format!("{entries} entries make no sense"),
            (bytes, _) => format!("{bytes} bytes at the end are no whole entry"),
        };
        Err(format!("Error: {name} is damaged: {what}. Nothing is imported; --dump shows what can be read."))
    }

    /// What is amiss with it, in words.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        [
            (self.cut_off, "bytes at the end are cut off; what is whole before them is taken"),
            (self.damaged, "entries make no sense and are left out"),
            (self.skipped, "entries refer to nothing and are left out"),
            (self.expired, "messages have expired and are left out"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
    }
}

/// Reads a database. `wall`: seconds since 1970, for what has expired.
///
/// # Errors
/// It is none, or of a format that nobody knows, in mosquitto's words.
pub fn read(data: &[u8], wall: u64) -> Result<MosquittoDb, String> {
    if !data.starts_with(MAGIC) || data.len() < HEAD {
        return Err("Error: Unable to restore persistent database. Unrecognised file format.".to_owned());
    }
    let version = Fields(&data[HEAD - 4..HEAD]).u32().unwrap_or_default();
    if !(2..=6).contains(&version) {
        return Err(format!(
            "Error: Unsupported persistent database format version {version} (need version 6)."
        ));
    }
    let mut reader = Reader { version, wall, ..Reader::default() };
    let mut rest = Fields(&data[HEAD..]);
    while !rest.0.is_empty() {
        let before = rest.0.len();
        let kind = if version >= 5 { rest.u32() } else { rest.u16().map(u32::from) };
        let body = rest.u32().and_then(|length| rest.bytes(length as usize));
        let (Some(kind), Some(body)) = (kind, body) else {
            reader.cut_off = before;
            break;
        };
        match reader.chunk(kind, body) {
            Some(Taken::Yes) => {}
            Some(Taken::No) => reader.skipped += 1,
            None => reader.damaged += 1,
        }
    }
    Ok(reader.finish())
}

/// What became of a chunk that makes sense.
enum Taken {
    Yes,
    /// It refers to what isn't there, or is of a kind that nobody knows.
    No,
}

/// A session as it is read.
struct Draft {
    session: StoredSession,
    /// QoS 2 messages from it that mosquitto would have passed on at PUBREL.
    pending: Vec<Kept>,
}

/// A message and who published it.
type Kept = (Arc<Message>, Option<Arc<Publisher>>);

#[derive(Default)]
struct Reader {
    version: u32,
    wall: u64,
    messages: HashMap<u64, Option<Kept>, RandomState>,
    /// In the order of the file.
    sessions: Vec<Draft>,
    by_client_id: HashMap<Box<str>, usize, RandomState>,
    retained: Vec<Kept>,
    expired: usize,
    skipped: usize,
    damaged: usize,
    cut_off: usize,
}

impl Reader {
    /// Takes in a chunk; `None`: it makes no sense.
    fn chunk(&mut self, kind: u32, body: &[u8]) -> Option<Taken> {
        let mut fields = Fields(body);
        match kind {
            CFG => Some(Taken::Yes),
            BASE_MSG => self.message(&mut fields),
            CLIENT => self.client(&mut fields),
            CLIENT_MSG => self.client_message(&mut fields),
            SUB => self.subscription(&mut fields),
            RETAIN => {
                let Some(message) = self.messages.get(&fields.host_u64()?) else { return Some(Taken::No) };
                self.retained.extend(message.clone());
                Some(Taken::Yes)
            }
            _ => Some(Taken::No),
        }
    }

    fn message(&mut self, fields: &mut Fields<'_>) -> Option<Taken> {
        let id = fields.host_u64()?;
        let (expires, topic, qos, retain, payload, properties);
        let (client_id, username, port);
        if self.version >= 5 {
            expires = u64::try_from(fields.host_u64()? as i64).ok().filter(|&at| at != 0);
            let length = fields.u32()? as usize;
            let _source_identifier = fields.u16()?;
            let (client_id_length, username_length) = (fields.u16()?, fields.u16()?);
            let topic_length = fields.u16()?;
            port = fields.u16()?;
            (qos, retain) = (fields.u8()?, fields.u8()?);
            client_id = fields.text(usize::from(client_id_length))?;
            username = fields.text(usize::from(username_length))?;
            topic = fields.text(usize::from(topic_length))?;
            payload = fields.bytes(length)?;
            properties = fields.properties()?;
        } else {
            client_id = fields.string()?;
            (username, port) = match self.version {
                4 => (fields.string()?, fields.u16()?),
                _ => ("", 0),
            };
            fields.bytes(4)?;
            topic = fields.string()?;
            (qos, retain) = (fields.u8()?, fields.u8()?);
            let length = fields.u32()? as usize;
            payload = fields.bytes(length)?;
            (expires, properties) = (None, &[][..]);
        }
        let qos = QoS::try_from(qos).ok().filter(|_| is_message(topic, properties))?;
        if expires.is_some_and(|at| at <= self.wall) {
            self.expired += 1;
            self.messages.insert(id, None);
            return Some(Taken::Yes);
        }
        let message = Message::new(topic, properties, payload, qos, retain != 0, expires);
        // What the broker made itself has no ClientId, and nobody is asked for.
        let publisher = (!client_id.is_empty()).then(|| {
            let username = (!username.is_empty()).then(|| username.into());
            Arc::new(Publisher { client_id: client_id.into(), username, listener: 0, port })
        });
        self.messages.insert(id, Some((Arc::new(message), publisher)));
        Some(Taken::Yes)
    }

    fn client(&mut self, fields: &mut Fields<'_>) -> Option<Taken> {
        let wall = self.wall;
        if self.version < 5 {
            let draft = self.session(fields.client_id(None)?);
            draft.session.record.disconnected_at = Some(wall);
            return Some(Taken::Yes);
        }
        let expires = fields.host_u64()? as i64;
        let interval = fields.u32()?;
        fields.u16()?;
        let length = fields.u16()?;
        let (mut port, mut username_length) = (0, 0);
        if self.version >= 6 {
            (port, username_length) = (fields.u16()?, fields.u16()?);
            fields.bytes(4)?;
        }
        let client_id = fields.client_id(Some(length))?;
        let username = fields.text(usize::from(username_length))?;
        let record = &mut self.session(client_id).session.record;
        record.expiry_interval = interval;
        record.port = port;
        record.username = (!username.is_empty()).then(|| username.into());
        if interval != NEVER {
            record.version = Version::V5;
        }
        // It is kept as the time at which it ends.
        let since = u64::try_from(expires).ok().filter(|&at| at != 0 && interval != NEVER);
        record.disconnected_at = Some(since.map_or(wall, |at| at.saturating_sub(u64::from(interval))));
        Some(Taken::Yes)
    }

    fn client_message(&mut self, fields: &mut Fields<'_>) -> Option<Taken> {
        let (id, mid, qos, state, retain, inbound, client_id, properties);
        if self.version >= 5 {
            (id, mid) = (fields.host_u64()?, fields.u16()?);
            let length = fields.u16()?;
            (qos, state) = (fields.u8()?, fields.u8()?);
            (retain, inbound) = (fields.u8()? & 0xF0 != 0, fields.u8()? == 0);
            client_id = fields.client_id(Some(length))?;
            properties = fields.properties()?;
        } else {
            client_id = fields.client_id(None)?;
            (id, mid) = (fields.host_u64()?, fields.u16()?);
            (qos, retain) = (fields.u8()?, fields.u8()? != 0);
            (inbound, state) = (fields.u8()? == 0, fields.u8()?);
            properties = &[][..];
        }
        let qos = QoS::try_from(qos).ok()?;
        let identifier = subscription_identifier(properties)?;
        // 6, 9: PUBREL is to be sent again, or was; the message itself is with the client.
        let is_taken = !inbound && matches!(state, 6 | 9);
        // 3, 5: it was sent and PUBACK or PUBREC is awaited; 11: queued; else it is about to be sent.
        let was_sent = !inbound && matches!(state, 3 | 5) && qos != QoS::AtMostOnce;
        if mid == 0 && (inbound || is_taken || was_sent) || state > LAST_STATE {
            return None;
        }
        let Some(message) = self.messages.get(&id).cloned() else { return Some(Taken::No) };
        let Draft { session, pending } = self.session(client_id);
        if inbound {
            session.received.push(mid);
            pending.extend(message);
        } else if is_taken {
            session.awaiting_pubcomp.push(mid);
        } else if let Some((message, _)) = message {
            session.enqueue(message, identifier, if was_sent { mid } else { 0 }, qos, retain);
        }
        Some(Taken::Yes)
    }

    fn subscription(&mut self, fields: &mut Fields<'_>) -> Option<Taken> {
        let (client_id, filter, qos, options, identifier);
        if self.version >= 5 {
            identifier = fields.u32()?;
            let (id_length, filter_length) = (fields.u16()?, fields.u16()?);
            (qos, options) = (fields.u8()?, fields.u8()?);
            fields.bytes(2)?;
            client_id = fields.client_id(Some(id_length))?;
            filter = fields.text(usize::from(filter_length))?;
        } else {
            (client_id, filter) = (fields.client_id(None)?, fields.string()?);
            (qos, options, identifier) = (fields.u8()?, 0, 0);
        }
        let qos = QoS::try_from(qos).ok()?;
        let (share_name, filter) = match topic::shared(filter) {
            Some(Ok((name, inner))) => (Some(name.into()), inner),
            None if topic::is_topic_filter(filter) => (None, filter),
            Some(Err(())) | None => return None,
        };
        if identifier > wire::MAX_VARINT {
            return None;
        }
        let subscription = SubscriptionRecord {
            filter: filter.into(),
            share_name,
            qos,
            identifier,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
        };
        self.session(client_id).session.subscriptions.push(subscription);
        Some(Taken::Yes)
    }

    /// The session of a ClientId, made if it isn't known.
    fn session(&mut self, client_id: &str) -> &mut Draft {
        let at = *self.by_client_id.entry(client_id.into()).or_insert(self.sessions.len());
        if at == self.sessions.len() {
            self.sessions.push(Draft { session: blank(client_id, self.wall), pending: Vec::new() });
        }
        &mut self.sessions[at]
    }

    fn finish(mut self) -> MosquittoDb {
        // mosquitto passes a QoS 2 message on when its PUBREL comes, ours when it comes itself.
        for i in 0..self.sessions.len() {
            for kept in std::mem::take(&mut self.sessions[i].pending) {
                self.pass_on(&kept);
            }
        }
        let sessions = self.sessions.into_iter().map(|draft| draft.session).collect();
        MosquittoDb {
            version: self.version,
            state: State { sessions, retained: self.retained },
            expired: self.expired,
            skipped: self.skipped,
            damaged: self.damaged,
            cut_off: self.cut_off,
        }
    }

    fn pass_on(&mut self, kept: &Kept) {
        let message = &kept.0;
        for Draft { session, .. } in &mut self.sessions {
            let matching: Vec<(u32, QoS, bool)> = session
                .subscriptions
                .iter()
                .filter(|s| s.share_name.is_none() && topic::matches(&s.filter, message.topic()))
                .map(|s| (s.identifier, s.qos.min(message.qos), s.retain_as_published && message.retain))
                .collect();
            for (identifier, qos, retain) in matching {
                session.enqueue(message.clone(), identifier, 0, qos, retain);
            }
        }
        if message.retain {
            self.retained.retain(|(other, _)| other.topic() != message.topic());
            if !message.payload().is_empty() {
                self.retained.push(kept.clone());
            }
        }
    }
}

impl StoredSession {
    fn enqueue(
        &mut self,
        message: Arc<Message>,
        identifier: u32,
        packet_identifier: u16,
        qos: QoS,
        retain: bool,
    ) {
        self.last_number += 1;
        let receipt = Receipt {
            session: 0,
            number: self.last_number,
            identifier,
            packet_identifier,
            qos,
            retain,
            asked_for: false,
        };
        self.messages.push((receipt, message));
    }
}

fn blank(client_id: &str, wall: u64) -> StoredSession {
    StoredSession {
        record: SessionRecord {
            id: 0,
            client_id: client_id.into(),
            username: None,
            version: Version::V311,
            expiry_interval: NEVER,
            disconnected_at: Some(wall),
            port: 0,
            mount_point: None,
            will: None,
        },
        subscriptions: Vec::new(),
        messages: Vec::new(),
        pages: Pages::default(),
        awaiting_pubcomp: Vec::new(),
        received: Vec::new(),
        last_number: 0,
    }
}

/// The only property of a client's message; 0: it has none.
fn subscription_identifier(properties: &[u8]) -> Option<u32> {
    match properties.split_first() {
        Some((0x0B, mut rest)) => wire::read_varint(&mut rest).ok(),
        Some(_) => None,
        None => Some(0),
    }
}

/// Whether a receiver could be sent this: a Topic Name, and properties that go with the message and not with one
/// connection.
fn is_message(topic: &str, properties: &[u8]) -> bool {
    let mut body = Vec::with_capacity(topic.len() + properties.len() + 6);
    wire::write_str(topic, &mut body);
    wire::write_varint(properties.len() as u32, &mut body);
    body.extend_from_slice(properties);
    Publish::decode(Version::V5, PUBLISH, &body).is_ok_and(|publish| {
        use PropertyId::{MessageExpiryInterval, SubscriptionIdentifier, TopicAlias};
        let of_one = [TopicAlias, SubscriptionIdentifier, MessageExpiryInterval];
        !publish.topic.is_empty() && of_one.iter().all(|id| publish.properties.get(*id).is_none())
    })
}

/// The first byte of a PUBLISH without flags.
const PUBLISH: u8 = 0x30;
/// The highest number of a state in which a client's message may be.
const LAST_STATE: u8 = 11;

/// What is left of a chunk.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// In the byte order of the machine that wrote it, which is this one.
    fn host_u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_ne_bytes)
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    /// A text behind its length.
    fn string(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        self.text(usize::from(length))
    }

    /// A ClientId of this length, or behind its length. A session has one.
    fn client_id(&mut self, length: Option<u16>) -> Option<&'a str> {
        let client_id = match length {
            Some(length) => self.text(usize::from(length)),
            None => self.string(),
        };
        client_id.filter(|client_id| !client_id.is_empty() && !client_id.contains(char::is_control))
    }

    /// The rest, if there is any, is a property length and so many bytes of properties.
    fn properties(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return Some(&[]);
        }
        let length = wire::read_varint(&mut self.0).ok()?;
        self.bytes(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk of an old format.
    fn chunk(kind: u16, body: &[&[u8]]) -> Vec<u8> {
        let body = body.concat();
        [&kind.to_be_bytes()[..], &(body.len() as u32).to_be_bytes(), &body].concat()
    }

    fn string(text: &str) -> Vec<u8> {
        [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
    }

    fn file(version: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
        [MAGIC, &[0; 4][..], &version.to_be_bytes(), &chunks.concat()].concat()
    }

    #[test]
    fn the_old_formats() {
        for version in [2, 3, 4] {
            let id = 7_u64.to_ne_bytes();
            let source = if version == 4 {
                [string("src"), string("user"), vec![7, 91]].concat()
            } else {
                string("src")
            };
            let time: &[u8] = if version == 2 { &[] } else { &[0; 8] };
            let chunks = [
                chunk(1, &[&[1, 8], &id]),
                chunk(2, &[&id, &source, &[0, 1, 0, 1], &string("a/b"), &[1, 1], &[0, 0, 0, 2], b"hi"]),
                chunk(6, &[&string("bob"), &[0, 9], time]),
                // Sent, PUBACK awaited; queued; PUBREL sent; from the client, PUBREL awaited.
                chunk(3, &[&string("bob"), &id, &[0, 5], &[1, 0, 1, 3, 1]]),
                chunk(3, &[&string("bob"), &id, &[0, 0], &[1, 1, 1, 11, 0]]),
                chunk(3, &[&string("bob"), &id, &[0, 6], &[2, 0, 1, 9, 0]]),
                chunk(3, &[&string("eve"), &id, &[0, 7], &[2, 0, 0, 7, 0]]),
                chunk(5, &[&string("bob"), &string("a/#"), &[2]]),
                chunk(4, &[&id]),
                chunk(3, &[&string("bob"), &[9; 8], &[0, 5], &[1, 0, 1, 3, 1]]),
            ];
            let whole = file(version, &chunks);
            let db = read(&whole, 1_000).unwrap();
            let bob = &db.state.sessions[0];
            assert_eq!((&*bob.record.client_id, bob.record.expiry_interval), ("bob", NEVER));
            assert_eq!(bob.awaiting_pubcomp, [6]);
            assert_eq!((&*bob.subscriptions[0].filter, bob.subscriptions[0].qos), ("a/#", QoS::ExactlyOnce));
            let waiting: Vec<_> =
                bob.messages.iter().map(|(r, m)| (r.packet_identifier, m.payload())).collect();
            let hi = b"hi".as_slice();
            assert_eq!(waiting, [(5, hi), (0, hi), (0, hi)], "the last is eve's, passed on");
            assert_eq!(db.state.sessions[1].received, [7]);
            assert_eq!((db.state.retained.len(), db.skipped, db.cut_off), (1, 1, 0), "format {version}");
            let cut = read(&whole[..whole.len() - 3], 1_000).unwrap();
            assert_eq!((cut.state.sessions.len(), cut.skipped), (2, 0));
            assert_eq!(cut.cut_off, chunks[9].len() - 3);
        }
    }

    /// A chunk of format 5 or 6.
    fn chunk_5(kind: u32, body: &[&[u8]]) -> Vec<u8> {
        let body = body.concat();
        [&kind.to_be_bytes()[..], &(body.len() as u32).to_be_bytes(), &body].concat()
    }

    fn format_5() -> Vec<u8> {
        let id = 7_u64.to_ne_bytes();
        let never = [0; 8];
        let lengths = [0, 0, 0, 2, 0, 9, 0, 3, 0, 4, 0, 3, 7, 91, 1, 1];
        let chunks = [
            chunk_5(1, &[&id, &[1, 8, 0, 0, 0, 0, 0, 0]]),
            chunk_5(2, &[&id, &never, &lengths, b"srcuser", b"a/b", b"hi", &[2, 1, 1]]),
            chunk_5(6, &[&never, &[0xFF; 4], &[0, 9, 0, 3], b"bob"]),
            chunk_5(3, &[&id, &[0, 5, 0, 3, 1, 3, 0x10, 1], b"bob", &[2, 0x0B, 9]]),
            chunk_5(5, &[&[0, 0, 0, 9, 0, 3, 0, 3, 2, 0, 0, 0], b"bob", b"a/#"]),
            chunk_5(4, &[&id]),
        ];
        file(5, &chunks)
    }

    #[test]
    fn format_5_by_hand() {
        let db = read(&format_5(), 1_000).unwrap();
        assert_eq!((db.version, db.skipped, db.cut_off), (5, 0, 0));
        let bob = &db.state.sessions[0];
        assert_eq!((&*bob.record.client_id, bob.record.expiry_interval), ("bob", NEVER));
        assert_eq!((&*bob.subscriptions[0].filter, bob.subscriptions[0].identifier), ("a/#", 9));
        let (receipt, message) = &bob.messages[0];
        assert_eq!((receipt.packet_identifier, receipt.identifier, receipt.retain), (5, 9, true));
        assert_eq!(
            (message.topic(), message.payload(), message.properties()),
            ("a/b", &b"hi"[..], &[1, 1][..])
        );
        let publisher = db.state.retained[0].1.as_ref().unwrap();
        assert_eq!(
            (&*publisher.client_id, publisher.username.as_deref(), publisher.port),
            ("src", Some("user"), 1883)
        );
    }

    #[test]
    fn no_damage_is_too_much() {
        let whole = format_5();
        for end in 0..=whole.len() {
            let cut = read(&whole[..end], 1_000);
            assert_eq!(cut.is_ok(), end >= HEAD, "cut at {end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut data = whole.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            if let Err(text) = read(&data, 1_000) {
                assert!(text.starts_with("Error: Un") && !text.contains('\n'), "bit {bit}: {text}");
                assert!(bit / 8 < HEAD, "bit {bit}: {text}");
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        let refused = |data: &[u8]| read(data, 0).unwrap_err();
        assert!(refused(b"").contains("Unrecognised file format"));
        assert!(refused(&file(6, &[])[1..]).contains("Unrecognised file format"));
        assert!(refused(&file(7, &[])).contains("format version 7 (need version 6)"));
        assert!(read(&file(6, &[]), 0).is_ok());
    }
}
