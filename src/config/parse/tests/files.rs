//! Several files, all errors at once, and whatever bytes there may be.

use proptest::prelude::*;

use super::*;

#[test]
fn included_files() {
    let list: &[(&str, &[u8])] = &[
        ("main", b"listener 1\ninclude_dir d\nmax_connections 9\n"),
        ("d/b.conf", b"max_keepalive 2\nlistener 3\n"),
        ("d/A.conf", b"max_keepalive 1\n"),
        ("d/a.txt", b"frob\n"),
    ];
    let (settings, messages) = read_files(list, AtError::Stop);
    let settings = settings.unwrap();
    assert_eq!(texts(&messages), ["Loading config file 'd/A.conf'", "Loading config file 'd/b.conf'"]);
    assert_eq!(settings.max_keepalive, 2);
    assert_eq!(settings.listeners[0].max_connections, Some(9), "the main file goes on where it was");
    assert_eq!(settings.listeners[1].max_connections, None);
}

#[test]
fn errors_in_included_files() {
    let (settings, messages) = read_files(
        &[("main", b"\ninclude_dir d\n"), ("d/a.conf", b"\n\nfrob\n"), ("d/b.conf", b"frob\n")],
        AtError::Stop,
    );
    assert!(settings.is_none());
    assert_eq!(
        texts(&messages),
        [
            "Loading config file 'd/a.conf'",
            "Error: Unknown configuration variable 'frob'.",
            "Error found at 'd/a.conf:3'.",
            "Error found at main:2.",
        ]
    );
    assert_eq!(bad(1, "include_dir nope"), "Error: Unable to open include_dir 'nope'.");
    assert_eq!(bad(1, "include_dir"), "Error: Empty 'include_dir' value in configuration.");
    let (_, messages) =
        read_files(&[("main", b"include_dir d"), ("d/a.conf", b"include_dir d")], AtError::Stop);
    assert_eq!(
        texts(&messages)[1],
        "Error: The include_dir option is only valid in the main configuration file."
    );
    let (_, messages) = read_files(&[("main", b"include_dir d"), ("d/a.conf/x", b"")], AtError::Stop);
    assert_eq!(texts(&messages)[1], "Error: Config file 'd/a.conf' is a directory.");
}

#[test]
fn a_listener_does_not_reach_into_an_included_file() {
    let list: &[(&str, &[u8])] =
        &[("main", b"listener 5\ninclude_dir d"), ("d/a.conf", b"max_connections 2")];
    let (settings, messages) = read_files(list, AtError::Stop);
    let settings = settings.unwrap();
    assert_eq!(texts(&messages)[1], "Creating default listener due to 'max_connections' option.");
    let ports: Vec<u16> = settings.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [5, 1883]);
}

#[test]
fn files_that_cannot_be_read() {
    let (settings, messages) = read_files(&[], AtError::Stop);
    assert!(settings.is_none());
    assert_eq!(texts(&messages), ["Error: Unable to open config file 'main'."]);
    let (_, messages) = read_files(&[("main/x", b"")], AtError::Stop);
    assert_eq!(texts(&messages), ["Error: Config file 'main' is a directory."]);
}

#[test]
fn all_errors_at_once() {
    let text = b"frob\nlistener x\nmount_point a\nmax_qos 9\nmax_keepalive 5\npid_file\n";
    let (settings, messages) = read_files(&[("main", text)], AtError::Collect);
    assert!(settings.is_none());
    assert_eq!(
        texts(&messages),
        [
            "Error: Unknown configuration variable 'frob'.",
            "Error found at main:1.",
            "Error: 'listener port' value not a number.",
            "Error found at main:2.",
            "Error: 'max_qos' must be between 0 and 2 inclusive.",
            "Error found at main:4.",
            "Error: Empty 'pid_file' value in configuration.",
            "Error found at main:6.",
        ]
    );
}

#[test]
fn a_second_file_adds_to_the_first() {
    let mut files = files(&[("one", b"pid_file a\nmax_keepalive 1\n"), ("two", b"pid_file b\n")]);
    let mut reader = ConfigReader::new(&mut files, AtError::Stop);
    assert!(reader.read("one").is_ok());
    assert!(reader.read("two").is_err());
    assert_eq!(texts(&reader.take_messages())[0], "Error: Duplicate 'pid_file' value in configuration.");
}

#[test]
fn a_line_of_ten_megabytes() {
    let mut line = b"pid_file ".to_vec();
    line.resize(10_000_000, b'x');
    let (settings, messages) = read_files(&[("main", &line)], AtError::Stop);
    assert!(settings.is_none());
    assert_eq!(texts(&messages)[0], "Error: 'pid_file' value is longer than 65535 bytes.");
}

/// A line that has a chance to be one: a keyword of the table and something behind it.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&'static str> = crate::config::keywords().flat_map(Keyword::names).collect();
    let value = prop_oneof![
        "[0-9]{1,6}".prop_map(String::into_bytes),
        Just(b"true".to_vec()),
        Just(b"main".to_vec()),
        Just(b"d".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    (proptest::sample::select(names), "[ \t]{0,2}", value).prop_map(|(name, blank, value)| {
        let mut line = name.as_bytes().to_vec();
        line.extend_from_slice(blank.as_bytes());
        line.extend_from_slice(&value);
        line.push(b'\n');
        line
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_files(&[("main", &bytes)], AtError::Stop);
        let _ = read_files(&[("main", &bytes)], AtError::Collect);
    }

    #[test]
    fn any_lines_are_read_without_panic(
        main in proptest::collection::vec(any_line(), 0..20),
        included in proptest::collection::vec(any_line(), 0..5),
    ) {
        let (main, included) = (main.concat(), included.concat());
        let list: &[(&str, &[u8])] = &[("main", &main), ("d/a.conf", &included)];
        let (stopped, said) = read_files(list, AtError::Stop);
        let (collected, all_said) = read_files(list, AtError::Collect);
        prop_assert_eq!(&stopped, &collected);
        // Up to the first place that is named, both say the same.
        let first = said.iter().position(|message| message.text.starts_with("Error found at"));
        let same = first.map_or(said.len(), |first| first + 1);
        prop_assert_eq!(&said[..same], &all_said[..same]);
    }
}
