//! Bytes that go bad on the disk: they cost what they hit and no more where it is known that they were synced, they are
//! never thrown away, and never taken for something else.

use crate::dice::Dice;
use crate::disk::FakeDisk;
use mqtt_toolkit::broker::{Change, Message, State};
use mqtt_toolkit::protocol::QoS;
use mqtt_toolkit::store::{Contents, Disk, Log, Opened, Store, Sync};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FIRST: &str = "0000000001.log";

fn retained(number: u64) -> (u64, Change) {
    let (topic, payload) = (format!("topic/{number}"), format!("payload {number:02}"));
    let message = Message::new(&topic, &[], payload.as_bytes(), QoS::AtLeastOnce, true, None);
    let (retained, publisher, received, receipts) = (true, None, None, 0);
    (number, Change::Message { message: Arc::new(message), retained, publisher, received, receipts })
}

/// A log of twenty retained messages, five in each commit, synced and then killed.
fn twenty(disk: &FakeDisk) {
    let (mut log, ..) = Log::open(disk.clone(), 7, 1 << 20).unwrap();
    for batch in 0..4 {
        for number in batch * 5..batch * 5 + 5 {
            log.append(&[retained(number + 1)], &[]);
        }
        log.commit(true).unwrap();
    }
}

fn open(disk: &FakeDisk) -> (Log<FakeDisk>, State, Contents) {
    Log::open(disk.clone(), 1, 1 << 20).unwrap()
}

/// The numbers of the messages.
fn numbers(state: &State) -> Vec<u64> {
    let number = |message: &Message| message.topic()[6..].parse().unwrap();
    let mut numbers: Vec<u64> = state.retained.iter().map(|(message, _)| number(message)).collect();
    numbers.sort_unstable();
    numbers
}

fn all_but(missing: &[u64]) -> Vec<u64> {
    (1..=20).filter(|number| !missing.contains(number)).collect()
}

/// Where the payload of a message stands.
fn place(data: &[u8], number: u64) -> usize {
    let payload = format!("payload {number:02}");
    data.windows(payload.len()).position(|window| window == payload.as_bytes()).unwrap()
}

fn kept(disk: &FakeDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().unwrap().into_iter().filter(|name| name.ends_with(".damaged"));
    names.map(|name| (name.clone(), disk.read(&name).unwrap())).collect()
}

#[test]
fn a_flipped_bit_in_the_last_batch_costs_one_message() {
    for number in 16..=20 {
        for bit in [0, 3, 21, 79] {
            let disk = FakeDisk::default();
            twenty(&disk);
            disk.hurt(FIRST, |data| {
                let at = place(data, number);
                data[at + bit / 8] ^= 1 << (bit % 8);
            });
            let (mut log, state, contents) = open(&disk);
            assert_eq!(numbers(&state), all_but(&[number]), "bit {bit} of {number}");
            assert_eq!(contents.damage.len(), 1);
            assert!(!contents.damage[0].is_end, "it is known to be damage: {:?}", contents.damage);
            log.append(&[retained(number)], &[]);
            log.commit(true).unwrap();
            assert_eq!(kept(&disk).len(), 1);
            assert_eq!(numbers(&open(&disk).1), all_but(&[]), "nothing was cut off");
        }
    }
}

#[test]
fn more_of_it_costs_no_more_once_there_was_a_moment_of_rest() {
    let disk = FakeDisk::default();
    {
        let (mut log, ..) = Log::open(disk.clone(), 7, 1 << 20).unwrap();
        log.append(&(1..=20).map(retained).collect::<Vec<_>>(), &[]);
        log.commit(true).unwrap();
        assert!(log.wants_mark());
        log.mark().unwrap();
        assert!(!log.wants_mark());
    }
    let mut whole = Vec::new();
    disk.hurt(FIRST, |data| {
        whole = data.clone();
        let (from, to) = (place(data, 18), place(data, 19));
        data[from..to].fill(0);
    });
    let (_, state, contents) = open(&disk);
    assert_eq!(numbers(&state), all_but(&[18, 19]));
    assert!(!contents.damage[0].is_end);
}

#[test]
fn the_writer_marks_what_was_synced_as_soon_as_it_has_nothing_to_do() {
    let disk = FakeDisk::default();
    let Opened { store, .. } = Store::on(disk.clone(), "the fake disk", Sync::Always, || ()).unwrap();
    let mut changes = mqtt_toolkit::broker::Changes::default();
    changes.begin(0);
    changes.list.extend((1..=3).map(retained));
    store.submit(&mut changes);
    let deadline = Instant::now() + Duration::from_secs(100);
    let marked = |data: Vec<u8>| {
        let end = data.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1;
        // A mark is eight zeroes and four bytes of which the last may be zeroes as well.
        end > 44 && data[end - 12..].windows(12).take(4).any(|mark| mark[..8] == [0; 8])
    };
    while !disk.read(FIRST).is_ok_and(marked) {
        assert!(Instant::now() < deadline, "no mark comes");
        std::thread::yield_now();
    }
    // As if it had been killed.
    let snapshot = FakeDisk::default();
    let data = disk.read(FIRST).unwrap();
    let mut copy = snapshot.clone().create(FIRST).unwrap();
    mqtt_toolkit::store::DiskFile::append(&mut copy, &data).unwrap();
    snapshot.hurt(FIRST, |data| {
        let at = place(data, 2);
        data[at..at + 8].fill(b'?');
    });
    let (_, state, contents) = open(&snapshot);
    assert_eq!(numbers(&state), [1, 3]);
    assert!(!contents.damage[0].is_end);
    store.close().unwrap();
}

#[test]
fn a_torn_end_is_not_believed_and_not_thrown_away() {
    let disk = FakeDisk::default();
    twenty(&disk);
    let mut before = Vec::new();
    let mut gap = 0;
    disk.hurt(FIRST, |data| {
        gap = place(data, 17);
        data[gap..gap + 8].fill(0);
    });
    before.extend(disk.read(FIRST).unwrap());
    let (mut log, state, contents) = open(&disk);
    assert_eq!(numbers(&state), (1..=16).collect::<Vec<_>>());
    let damage = contents.damage[0].clone();
    assert!(damage.is_end && damage.records == 3, "{damage:?}");
    assert_eq!(disk.read(FIRST).unwrap(), before, "looking changes nothing");
    // Even when the disk fails on the way.
    for failing in 0..12 {
        disk.fail_in(failing, 50);
        log.append(&[retained(30 + failing as u64)], &[]);
        let _ = log.commit(true);
        disk.repair();
    }
    log.commit(true).unwrap();
    let files = kept(&disk);
    let end = damage.at + damage.bytes;
    assert_eq!(files, [(damage.kept_in(), before[damage.at..end].to_vec())]);
    assert!(damage.at <= gap && before[end..].iter().all(|&byte| byte == 0), "the rest is room");
    disk.lose_power(&mut Dice(1));
    assert_eq!(kept(&disk), files);
    assert_eq!(disk.read(FIRST).unwrap(), before[..damage.at]);
    let (_, state, contents) = open(&disk);
    assert_eq!(numbers(&state), (1..=16).chain(30..42).collect::<Vec<_>>());
    assert_eq!(contents.damage, [], "it is told once");
}

#[test]
fn cleaning_keeps_what_it_cannot_read() {
    let disk = FakeDisk::default();
    let (mut log, ..) = Log::open(disk.clone(), 7, 2_000).unwrap();
    // The same topics again and again: the first files are soon worth nothing.
    let write = |log: &mut Log<FakeDisk>, round: u64| {
        for number in 1..=20 {
            let (_, change) = retained(number);
            log.append(&[(round * 20 + number, change)], &[]);
        }
        log.commit(true).unwrap();
    };
    (0..2).for_each(|round| write(&mut log, round));
    let mut hurt = Vec::new();
    disk.hurt(FIRST, |data| {
        let at = place(data, 3);
        data[at..at + 5].fill(0xEE);
        hurt = data.clone();
    });
    for round in 2..40 {
        write(&mut log, round);
        while log.wants_cleaning() {
            log.clean(1 << 20).unwrap();
            log.commit(true).unwrap();
        }
    }
    assert!(!disk.list().unwrap().contains(&FIRST.to_owned()), "it was cleaned");
    let found = log.found();
    assert_eq!(found.len(), 1);
    let bytes = hurt[found[0].at..found[0].at + found[0].bytes].to_vec();
    assert_eq!(kept(&disk), [(found[0].kept_in(), bytes)]);
    assert_eq!(numbers(&open(&disk).1), all_but(&[]));
}
