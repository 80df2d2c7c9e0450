//! The plan of the house as a test: which room may import which, and what the pure rooms must not touch.
//!
//! To add an arrow, change the table here, in the open.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("transport", &[]),
    ("session", &["protocol"]),
    ("routing", &["protocol"]),
    ("auth", &["protocol"]),
    ("config", &["protocol"]),
    ("options", &["protocol", "transport", "config", "auth"]),
    ("broker", &["session", "routing", "auth", "config", "protocol"]),
    ("client", &["session", "protocol"]),
    ("bridge", &["client", "protocol", "config"]),
    ("observe", &["broker", "protocol", "config"]),
    ("store", &["broker", "protocol", "config"]),
    (
        "server",
        &[
            "observe",
            "store",
            "broker",
            "bridge",
            "client",
            "session",
            "routing",
            "auth",
            "config",
            "protocol",
            "transport",
        ],
    ),
    (
        "tools",
        &[
            "options",
            "client",
            "protocol",
            "transport",
            "server",
            "store",
            "config",
            "auth",
            "observe",
            "session",
        ],
    ),
];

/// Rooms that have no socket, file, thread, clock or random source of their own.
const PURE: &[&str] = &["protocol", "session", "routing", "auth", "config", "broker", "client", "bridge"];

/// What gives an impure room away.
const IMPURE: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "println!",
    "getrandom",
    "tokio::",
    "mio::",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file without its comments and its unit tests (which stand at the end).
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Files of each room. Files that hold nothing but tests are left out.
fn rooms() -> BTreeMap<String, Vec<PathBuf>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut rooms = BTreeMap::new();
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "bin" {
            let mut files = Vec::new();
            sources(&path, &mut files);
            files.retain(|f| {
                let stem = f.file_stem().unwrap().to_string_lossy().into_owned();
                !stem.ends_with("_tests") && stem != "tests"
            });
            rooms.insert(name, files);
        }
    }
    rooms
}

/// Rooms named behind `crate::`, also inside braces.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
            None => vec![rest],
        };
        for name in names {
            let room: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(room);
        }
    }
    found
}

#[test]
fn every_room_is_in_the_table() {
    let known: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for room in rooms().keys() {
        assert!(known.contains(&room.as_str()), "src/{room} is not in the table of tests/house.rs");
    }
}

#[test]
fn imports_go_down_the_stairs() {
    let rooms = rooms();
    for (room, allowed) in ARROWS {
        for file in rooms.get(*room).into_iter().flatten() {
            for import in imports(&code(file)) {
                let is_room = rooms.contains_key(&import);
                assert!(
                    !is_room || import == *room || allowed.contains(&import.as_str()),
                    "{} imports crate::{import}, which {room} may not",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_table_has_no_circle() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    fn walk<'a>(room: &'a str, arrows: &BTreeMap<&'a str, &'a [&'a str]>, path: &mut Vec<&'a str>) {
        assert!(!path.contains(&room), "a circle: {path:?} and back to {room}");
        path.push(room);
        for next in arrows[room] {
            walk(next, arrows, path);
        }
        path.pop();
    }
    for room in arrows.keys() {
        walk(room, &arrows, &mut Vec::new());
    }
}

#[test]
fn pure_rooms_stay_pure() {
    for (room, files) in rooms() {
        if !PURE.contains(&room.as_str()) {
            continue;
        }
        for file in files {
            let code = code(&file);
            for word in IMPURE {
                assert!(!code.contains(word), "{} is pure and must not use {word}", file.display());
            }
        }
    }
}

#[test]
fn mains_are_thin() {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    for entry in fs::read_dir(bin).unwrap() {
        let path = entry.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 15, "{} has {lines} lines; the work belongs in src/tools", path.display());
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (_, files) in rooms() {
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//!"), "{} does not begin with what it is", file.display());
        }
    }
}
