//! Databases that are cut off or have bits that flipped: one line says so, nothing is imported by half, and nothing that
//! can't be is ever sent to a client.

use crate::harness::{Dice, ours, run};
use crate::old::database;
use crate::theirs;
use crate::world::{START, World, v5};
use mqtt_toolkit::broker::{Limits, State};
use mqtt_toolkit::protocol::{Packet, QoS};
use mqtt_toolkit::store::{MosquittoDb, read_mosquitto_db};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The databases that are damaged here: of the real program where it is installed, and of every format.
fn databases() -> Vec<Vec<u8>> {
    let theirs =
        theirs::written().map(|theirs| std::fs::read(theirs.folder.path().join("mosquitto.db")).unwrap());
    theirs.into_iter().chain((2..=5).map(database)).collect()
}

/// Reads a database; `None`: it is refused, in one line.
fn read(data: &[u8]) -> Option<MosquittoDb> {
    match read_mosquitto_db(data, START.wall).and_then(|db| db.whole("mosquitto.db")) {
        Ok(db) => Some(db),
        Err(text) => {
            assert!(text.starts_with("Error: ") && !text.contains('\n'), "{text}");
            None
        }
    }
}

/// Everybody comes to a broker with this state and takes what there is. The world decodes all that they get.
fn live(mut state: State) {
    let mut client_ids = Vec::new();
    for (id, session) in state.sessions.iter_mut().enumerate() {
        session.record.id = id as u64 + 1;
        client_ids.push(session.record.client_id.to_string());
        session.messages.iter_mut().for_each(|(receipt, _)| receipt.session = id as u64 + 1);
    }
    let count = client_ids.len() as u64;
    let mut w = World::restored(START, state, count, Limits::default());
    // Nobody waits for a disk.
    w.committed(u64::MAX);
    w.advance(5);
    let all = w.connect("everything", v5());
    for filter in ["#", "$SYS/#"] {
        w.subscribe(all, filter, QoS::ExactlyOnce);
    }
    for client_id in &client_ids {
        let client = w.connect(client_id, v5().resume());
        w.received(client);
    }
    let names: Vec<String> = w.publishes(all).iter().map(|publish| publish.topic.to_owned()).collect();
    for name in names {
        w.publish(all, &name, "more", QoS::AtLeastOnce);
    }
    assert!(w.received(all).iter().all(|packet| !matches!(packet, Packet::Disconnect(_))));
}

/// Whatever it is, it is read without a panic, and what is taken can be lived with.
fn survive(data: &[u8], what: &str) -> bool {
    let taken = catch_unwind(AssertUnwindSafe(|| read(data).map(|db| live(db.state)).is_some()));
    taken.unwrap_or_else(|_| panic!("{what}"))
}

#[test]
fn cut_off_anywhere_but_between_two_entries_it_is_refused() {
    for whole in databases() {
        assert!(survive(&whole, "whole"));
        // The entries stand one behind the other; with the last of them cut off nothing shows.
        let is_long = whole[22] >= 5;
        let length_at = |at: usize| at + if is_long { 4 } else { 2 };
        let mut ends = vec![23];
        while let Some(bytes) = whole.get(length_at(ends[ends.len() - 1])..).filter(|rest| rest.len() > 3) {
            let body = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            ends.push(length_at(ends[ends.len() - 1]) + 4 + body);
        }
        assert_eq!(ends.last(), Some(&whole.len()));
        for end in 0..whole.len() {
            let taken = survive(&whole[..end], &format!("format {} cut at {end}", whole[22]));
            assert_eq!(taken, ends.contains(&end), "format {} cut at {end}", whole[22]);
        }
    }
}

#[test]
fn whatever_bits_flip_nothing_comes_of_it_that_cannot_be() {
    let mut refused = 0;
    let mut dice = Dice(7);
    for whole in databases() {
        for number in 0..700 {
            let mut data = whole.clone();
            let what = if number % 3 < 2 {
                let bit = dice.below(data.len() * 8);
                data[bit / 8] ^= 1 << (bit % 8);
                format!("format {}, bit {bit}", whole[22])
            } else {
                let (at, fill) = (dice.below(data.len()), dice.below(256) as u8);
                let end = (at + 1 + dice.below(40)).min(data.len());
                data[at..end].fill(fill);
                format!("format {}, {at} to {end} are {fill}", whole[22])
            };
            refused += u32::from(!survive(&data, &what));
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn the_program_says_so_in_one_line_and_imports_nothing() {
    let Some(theirs::Theirs { folder, conf }) = theirs::written() else { return };
    let (database, store) = (folder.path().join("mosquitto.db"), folder.path().join("mosquitto.db.store"));
    let whole = std::fs::read(&database).unwrap();
    let mut flipped = whole.clone();
    flipped[24 + 3] ^= 0x40;
    // Its body gets longer than the file.
    let mut longer = whole.clone();
    longer[27] ^= 0x80;
    let mut magic = whole.clone();
    magic[5] ^= 1;
    let cases: [(&[u8], &str); 7] = [
        (&whole[..10], "Unrecognised file format."),
        (&whole[..whole.len() - 1], "mosquitto.db is damaged: "),
        (&whole[..60], "mosquitto.db is damaged: "),
        (&longer, "mosquitto.db is damaged: "),
        (&magic, "Unrecognised file format."),
        (&[whole[..22].to_vec(), vec![9]].concat(), "Unsupported persistent database format version 9"),
        (&[whole[..22].to_vec(), vec![1]].concat(), "Unsupported persistent database format version 1"),
    ];
    let conf = conf.to_str().unwrap();
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.contains("Error") || line.contains("panicked"))
            .map(str::to_owned)
            .collect()
    };
    let nothing_imported = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().contains(".store")));
    };
    for (data, expected) in cases {
        std::fs::write(&database, data).unwrap();
        let import = ["-c", conf, "--import", database.to_str().unwrap()];
        for arguments in [&import[..], &import[..2]] {
            let ended = run(&ours("mqtt-broker"), arguments);
            assert_eq!(ended.code, 1, "{}", ended.stderr);
            let said = lines(&ended.stderr);
            assert!(
                said.len() == 1 && said[0].contains(expected),
                "{expected} isn't what is said: {}",
                ended.stderr
            );
            nothing_imported(folder.path());
        }
        let ended = run(&ours("mqtt-broker"), &["--dump", database.to_str().unwrap()]);
        let readable = expected.contains("damaged");
        assert_eq!(ended.code, if readable { 0 } else { 1 }, "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(
            ended.stderr.contains(if readable { "are cut off; what is whole" } else { expected }),
            "{}",
            ended.stderr
        );
        assert_eq!(std::fs::read(&database).unwrap(), data, "it is left as it is");
    }
    assert!(!store.exists());
}
