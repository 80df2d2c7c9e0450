//! Candidates for the store of sessions and messages, on the broker's own workload. `cargo run --release -- ENGINE DIR`
//! with `log` (the product's own), `redb`, `fjall` or `sqlite`; prints a line of figures. `SCALE=10` does a tenth.

use mqtt_toolkit::broker::{Change, Message, Receipt};
use mqtt_toolkit::protocol::QoS;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What the broker asks of a store. Sessions and numbers as there: a message waits for a session under a number.
trait Engine {
    fn open(path: &Path) -> Self;
    fn message(&mut self, id: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]);
    /// The message waits for this session no more; `last`: for nobody.
    fn done(&mut self, id: u64, session: u64, number: u64, last: bool);
    fn retain(&mut self, id: u64, topic: u64, payload: &[u8]);
    /// Returns when everything before would survive a loss of power.
    fn commit(&mut self);
    /// Reads everything that waits; how many that is.
    fn recover(path: &Path) -> usize;
}

fn key(a: u64, b: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&a.to_be_bytes());
    key[8..].copy_from_slice(&b.to_be_bytes());
    key
}

struct Ours {
    log: mqtt_toolkit::store::Log<mqtt_toolkit::store::Directory>,
    sequence: u64,
}

impl Ours {
    fn change(&mut self, change: Change, receipts: &[Receipt]) {
        self.sequence += 1;
        self.log.append(&[(self.sequence, change)], receipts);
    }
}

impl Engine for Ours {
    fn open(path: &Path) -> Self {
        use mqtt_toolkit::store::{Directory, Log, SEGMENT};
        let (log, ..) = Log::open(Directory::open(path).unwrap(), 1, SEGMENT).unwrap();
        let mut ours = Ours { log, sequence: 1000 };
        for id in 1..=100 {
            let record = mqtt_toolkit::broker::SessionRecord {
                id,
                client_id: format!("client{id}").into(),
                username: None,
                version: mqtt_toolkit::protocol::Version::V311,
                expiry_interval: u32::MAX,
                disconnected_at: Some(0),
                port: 0,
                mount_point: None,
                will: None,
            };
            ours.change(Change::Session(Box::new(record)), &[]);
        }
        ours
    }
    fn message(&mut self, _: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]) {
        let message = Arc::new(Message::new("bench/topic", &[], payload, QoS::AtLeastOnce, false, None));
        let receipts: Vec<Receipt> = sessions
            .map(|session| Receipt {
                session,
                number,
                identifier: 0,
                packet_identifier: 0,
                qos: QoS::AtLeastOnce,
                retain: false,
                asked_for: false,
            })
            .collect();
        let count = receipts.len() as u32;
        self.change(Change::Message { message, retained: false, publisher: None, received: None, receipts: count }, &receipts);
    }
    fn done(&mut self, _: u64, session: u64, number: u64, _: bool) {
        self.change(Change::Done { session, number }, &[]);
    }
    fn retain(&mut self, _: u64, topic: u64, payload: &[u8]) {
        let topic = format!("retained/{topic}");
        let message = Arc::new(Message::new(&topic, &[], payload, QoS::AtLeastOnce, true, None));
        self.change(Change::Message { message, retained: true, publisher: None, received: None, receipts: 0 }, &[]);
    }
    fn commit(&mut self) {
        self.log.clean(512 * 1024 + 2 * self.log.pending()).unwrap();
        self.log.commit(true).unwrap();
    }
    fn recover(path: &Path) -> usize {
        use mqtt_toolkit::store::{Directory, Log, SEGMENT};
        let (_log, state, _) = Log::open(Directory::open(path).unwrap(), 1, SEGMENT).unwrap();
        let count = state.sessions.iter().map(|s| s.messages.len()).sum();
        peak();
        count
    }
}

const MESSAGES: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("messages");
const QUEUE: redb::TableDefinition<(u64, u64), u64> = redb::TableDefinition::new("queue");
const RETAINED: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("retained");

/// Changes of the key-value engines, applied at commit.
enum Op {
    Message(u64, Vec<u8>),
    Queue(u64, u64, u64),
    Done(u64, u64),
    Forget(u64),
    Retain(u64, Vec<u8>),
}

fn ops_message(ops: &mut Vec<Op>, id: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]) {
    ops.push(Op::Message(id, payload.to_vec()));
    ops.extend(sessions.map(|session| Op::Queue(session, number, id)));
}

fn ops_done(ops: &mut Vec<Op>, id: u64, session: u64, number: u64, last: bool) {
    ops.push(Op::Done(session, number));
    if last {
        ops.push(Op::Forget(id));
    }
}

struct Redb {
    db: redb::Database,
    ops: Vec<Op>,
}

impl Engine for Redb {
    fn open(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        Redb { db: redb::Database::create(path.join("db")).unwrap(), ops: Vec::new() }
    }
    fn message(&mut self, id: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]) {
        ops_message(&mut self.ops, id, sessions, number, payload);
    }
    fn done(&mut self, id: u64, session: u64, number: u64, last: bool) {
        ops_done(&mut self.ops, id, session, number, last);
    }
    fn retain(&mut self, _: u64, topic: u64, payload: &[u8]) {
        self.ops.push(Op::Retain(topic, payload.to_vec()));
    }
    fn commit(&mut self) {
        let tx = self.db.begin_write().unwrap();
        {
            let mut messages = tx.open_table(MESSAGES).unwrap();
            let mut queue = tx.open_table(QUEUE).unwrap();
            let mut retained = tx.open_table(RETAINED).unwrap();
            for op in self.ops.drain(..) {
                match op {
                    Op::Message(id, payload) => drop(messages.insert(id, &payload[..]).unwrap()),
                    Op::Queue(s, n, id) => drop(queue.insert((s, n), id).unwrap()),
                    Op::Done(s, n) => drop(queue.remove((s, n)).unwrap()),
                    Op::Forget(id) => drop(messages.remove(id).unwrap()),
                    Op::Retain(topic, payload) => drop(retained.insert(topic, &payload[..]).unwrap()),
                }
            }
        }
        tx.commit().unwrap();
    }
    fn recover(path: &Path) -> usize {
        use redb::{ReadableDatabase, ReadableTable};
        let db = redb::Database::open(path.join("db")).unwrap();
        let tx = db.begin_read().unwrap();
        let messages = tx.open_table(MESSAGES).unwrap();
        let mut all = std::collections::HashMap::new();
        for entry in messages.iter().unwrap() {
            let (id, payload) = entry.unwrap();
            all.insert(id.value(), Arc::new(payload.value().to_vec()));
        }
        let queue = tx.open_table(QUEUE).unwrap();
        let mut waiting = Vec::new();
        for entry in queue.iter().unwrap() {
            let (key, id) = entry.unwrap();
            waiting.push((key.value(), all[&id.value()].clone()));
        }
        peak();
        waiting.len()
    }
}

struct Fjall {
    db: fjall::Database,
    messages: fjall::Keyspace,
    queue: fjall::Keyspace,
    retained: fjall::Keyspace,
    ops: Vec<Op>,
}

impl Engine for Fjall {
    fn open(path: &Path) -> Self {
        let db = fjall::Database::builder(path).open().unwrap();
        let keyspace = |name| db.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap();
        let (messages, queue, retained) = (keyspace("messages"), keyspace("queue"), keyspace("retained"));
        Fjall { messages, queue, retained, db, ops: Vec::new() }
    }
    fn message(&mut self, id: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]) {
        ops_message(&mut self.ops, id, sessions, number, payload);
    }
    fn done(&mut self, id: u64, session: u64, number: u64, last: bool) {
        ops_done(&mut self.ops, id, session, number, last);
    }
    fn retain(&mut self, _: u64, topic: u64, payload: &[u8]) {
        self.ops.push(Op::Retain(topic, payload.to_vec()));
    }
    fn commit(&mut self) {
        let mut batch = self.db.batch();
        for op in self.ops.drain(..) {
            match op {
                Op::Message(id, payload) => batch.insert(&self.messages, id.to_be_bytes(), payload),
                Op::Queue(s, n, id) => batch.insert(&self.queue, key(s, n), id.to_be_bytes()),
                Op::Done(s, n) => batch.remove(&self.queue, key(s, n)),
                Op::Forget(id) => batch.remove(&self.messages, id.to_be_bytes()),
                Op::Retain(topic, payload) => batch.insert(&self.retained, topic.to_be_bytes(), payload),
            }
        }
        batch.commit().unwrap();
        self.db.persist(fjall::PersistMode::SyncData).unwrap();
    }
    fn recover(path: &Path) -> usize {
        let fjall = Fjall::open(path);
        let mut all = std::collections::HashMap::new();
        for entry in fjall.messages.iter() {
            let (id, payload) = entry.into_inner().unwrap();
            all.insert(id.to_vec(), Arc::new(payload.to_vec()));
        }
        let mut waiting = Vec::new();
        for entry in fjall.queue.iter() {
            let (key, id) = entry.into_inner().unwrap();
            waiting.push((key.to_vec(), all[&id.to_vec()].clone()));
        }
        peak();
        waiting.len()
    }
}

struct Sqlite {
    db: rusqlite::Connection,
    ops: Vec<Op>,
}

impl Engine for Sqlite {
    fn open(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let db = rusqlite::Connection::open(path.join("db")).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, payload BLOB);
             CREATE TABLE IF NOT EXISTS queue (session INTEGER, number INTEGER, id INTEGER,
                                               PRIMARY KEY (session, number)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS retained (topic INTEGER PRIMARY KEY, payload BLOB);",
        )
        .unwrap();
        Sqlite { db, ops: Vec::new() }
    }
    fn message(&mut self, id: u64, sessions: std::ops::Range<u64>, number: u64, payload: &[u8]) {
        ops_message(&mut self.ops, id, sessions, number, payload);
    }
    fn done(&mut self, id: u64, session: u64, number: u64, last: bool) {
        ops_done(&mut self.ops, id, session, number, last);
    }
    fn retain(&mut self, _: u64, topic: u64, payload: &[u8]) {
        self.ops.push(Op::Retain(topic, payload.to_vec()));
    }
    fn commit(&mut self) {
        let tx = self.db.transaction().unwrap();
        {
            let mut sql = [
                "INSERT INTO messages VALUES (?1, ?2)",
                "INSERT INTO queue VALUES (?1, ?2, ?3)",
                "DELETE FROM queue WHERE session = ?1 AND number = ?2",
                "DELETE FROM messages WHERE id = ?1",
                "INSERT OR REPLACE INTO retained VALUES (?1, ?2)",
            ]
            .map(|text| tx.prepare_cached(text).unwrap());
            for op in self.ops.drain(..) {
                match op {
                    Op::Message(id, payload) => sql[0].execute((id as i64, payload)),
                    Op::Queue(s, n, id) => sql[1].execute((s as i64, n as i64, id as i64)),
                    Op::Done(s, n) => sql[2].execute((s as i64, n as i64)),
                    Op::Forget(id) => sql[3].execute((id as i64,)),
                    Op::Retain(topic, payload) => sql[4].execute((topic as i64, payload)),
                }
                .unwrap();
            }
        }
        tx.commit().unwrap();
    }
    fn recover(path: &Path) -> usize {
        let db = Sqlite::open(path).db;
        let mut all = std::collections::HashMap::new();
        let mut sql = db.prepare("SELECT id, payload FROM messages").unwrap();
        let rows = sql.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
        for row in rows {
            let (id, payload) = row.unwrap();
            all.insert(id, Arc::new(payload));
        }
        let mut sql = db.prepare("SELECT session, number, id FROM queue ORDER BY session, number").unwrap();
        let rows = sql.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?))).unwrap();
        let mut waiting = Vec::new();
        for row in rows {
            let (s, n, id) = row.unwrap();
            waiting.push(((s, n), all[&id].clone()));
        }
        peak();
        waiting.len()
    }
}

/// Bytes that this process had written to the disk so far.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find(|line| line.starts_with("write_bytes")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    entries.map(|p| if p.is_dir() { size(&p) } else { p.metadata().unwrap().blocks() * 512 }).sum()
}

fn peak() {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    eprintln!("while it is held: {line}");
}

fn run<E: Engine>(name: &str, folder: PathBuf) {
    if std::env::var("RECOVER").is_ok() {
        let started = Instant::now();
        let count = E::recover(&folder.join("load"));
        println!("| {name} | recover {count} messages | {:.2} s |", started.elapsed().as_secs_f64());
        return;
    }
    let scale: u64 = std::env::var("SCALE").map_or(1, |s| s.parse().unwrap());
    let payload = [b'x'; 256];

    // One session is away and comes back: append, and delete 1000 later; a commit every 1000 operations.
    let pairs = 1_000_000 / scale;
    let mut engine = E::open(&folder.join("churn"));
    let (started, before) = (Instant::now(), written());
    for i in 1..=pairs {
        engine.message(i, 1..2, i, &payload);
        if i > 1000 {
            engine.done(i - 1000, 1, i - 1000, true);
        }
        if i % 500 == 0 {
            engine.commit();
        }
    }
    let churn = pairs as f64 / started.elapsed().as_secs_f64();
    let churn_bytes = (written() - before) / pairs;
    drop(engine);
    let churn_size = size(&folder.join("churn"));

    // A hundred sessions are away; fifty publishers with a window of 20: a commit every 1000 messages.
    let messages = 20_000 / scale;
    let mut engine = E::open(&folder.join("fan"));
    let (started, before) = (Instant::now(), written());
    for i in 1..=messages {
        engine.message(i, 1..101, i, &payload);
        if i % 1000 == 0 {
            engine.commit();
        }
    }
    let fan = 100.0 * messages as f64 / started.elapsed().as_secs_f64();
    let fan_bytes = (written() - before) / messages;
    drop(engine);

    // Ten thousand retained messages, set again and again.
    let sets = 200_000 / scale;
    let mut engine = E::open(&folder.join("retained"));
    let started = Instant::now();
    for i in 1..=sets {
        engine.retain(i, i % 10_000, &payload);
        if i % 500 == 0 {
            engine.commit();
        }
    }
    let retained = sets as f64 / started.elapsed().as_secs_f64();
    drop(engine);

    // A million messages wait for a hundred sessions.
    let load = 1_000_000 / scale;
    let mut engine = E::open(&folder.join("load"));
    let started = Instant::now();
    for i in 1..=load {
        engine.message(i, 1 + i % 100..2 + i % 100, i, &payload);
        if i % 1000 == 0 {
            engine.commit();
        }
    }
    engine.commit();
    let load_time = started.elapsed().as_secs_f64();
    drop(engine);
    println!(
        "| {name} | {churn:.0} | {churn_bytes} | {:.1} | {fan:.0} | {fan_bytes} | {retained:.0} | {load_time:.1} | {:.0} |",
        churn_size as f64 / 1e6,
        size(&folder.join("load")) as f64 / 1e6
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (engine, folder) = (arguments.next().unwrap(), PathBuf::from(arguments.next().unwrap()));
    std::fs::create_dir_all(&folder).unwrap();
    match engine.as_str() {
        "log" => run::<Ours>("our log", folder),
        "redb" => run::<Redb>("redb 4", folder),
        "fjall" => run::<Fjall>("fjall 3", folder),
        "sqlite" => run::<Sqlite>("sqlite (WAL, FULL)", folder),
        other => panic!("no engine {other}"),
    }
}
