//! Wrong command lines, given to our clients through links of mosquitto's names and to mosquitto's own: same words,
//! same exit code. Where mosquitto isn't installed, that is said and nothing is compared; what 2.1 says differently
//! from 2.0 stands in the tests of `options::parse`.

// A test says what it expects by failing there, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// Each line ends before a connection is tried.
const LINES: &[&str] = &[
    "mosquitto_pub -z",
    "mosquitto_pub x",
    "mosquitto_pub --",
    "mosquitto_pub ''",
    "mosquitto_pub -hx",
    "mosquitto_pub --host=x",
    "mosquitto_pub --hos x",
    "mosquitto_pub -rd",
    "mosquitto_pub -v",
    "mosquitto_pub -C 1",
    "mosquitto_pub -z --help",
    "mosquitto_sub -m x",
    "mosquitto_sub -r",
    "mosquitto_sub -l",
    "mosquitto_rr -l",
    "mosquitto_rr -r",
    "mosquitto_rr -C 1",
    "mosquitto_rr -E",
    "mosquitto_pub -A",
    "mosquitto_pub -D",
    "mosquitto_pub --property a b",
    "mosquitto_pub -I",
    "mosquitto_pub -L",
    "mosquitto_pub --url",
    "mosquitto_pub -M",
    "mosquitto_pub -P",
    "mosquitto_pub --pw",
    "mosquitto_pub -V",
    "mosquitto_pub --protocol-version",
    "mosquitto_pub --file",
    "mosquitto_pub --host",
    "mosquitto_pub --id",
    "mosquitto_pub --id-prefix",
    "mosquitto_pub --keepalive",
    "mosquitto_pub --message",
    "mosquitto_pub -p",
    "mosquitto_pub --qos",
    "mosquitto_pub -t",
    "mosquitto_pub --username",
    "mosquitto_pub -x",
    "mosquitto_pub --repeat",
    "mosquitto_pub --repeat-delay",
    "mosquitto_pub --unix",
    "mosquitto_pub --will-topic",
    "mosquitto_pub --will-payload",
    "mosquitto_pub --will-qos",
    "mosquitto_pub --cafile",
    "mosquitto_pub --capath",
    "mosquitto_pub --cert",
    "mosquitto_pub --key",
    "mosquitto_pub --keyform",
    "mosquitto_pub --ciphers",
    "mosquitto_pub --tls-version",
    "mosquitto_pub --tls-alpn",
    "mosquitto_pub --tls-engine",
    "mosquitto_pub --tls-engine-kpass-sha1",
    "mosquitto_pub --psk",
    "mosquitto_pub --psk-identity",
    "mosquitto_pub --proxy",
    "mosquitto_sub -C",
    "mosquitto_sub -F",
    "mosquitto_sub -T",
    "mosquitto_sub --unsubscribe",
    "mosquitto_sub -W",
    "mosquitto_sub --random-filter",
    "mosquitto_rr -e",
    "mosquitto_pub -p 70000",
    "mosquitto_pub -p -1",
    "mosquitto_pub -p 99999999999",
    "mosquitto_pub -p 99999999999999999999999",
    "mosquitto_pub -q 3",
    "mosquitto_sub -q -1",
    "mosquitto_rr -q 9x",
    "mosquitto_pub -k 4",
    "mosquitto_pub -k x",
    "mosquitto_pub -k 65536",
    "mosquitto_pub -M 0",
    "mosquitto_pub -M -5",
    "mosquitto_pub -V 6",
    "mosquitto_pub -V MQTTV5",
    "mosquitto_pub -x abc",
    "mosquitto_pub -x ''",
    "mosquitto_pub -x 1x",
    "mosquitto_pub -x 4294967296",
    "mosquitto_pub -x -2",
    "mosquitto_pub -x 0x",
    "mosquitto_pub -x 09",
    "mosquitto_pub -i a -I b",
    "mosquitto_pub -I b -i a",
    "mosquitto_pub -i '' -t a -m b",
    "mosquitto_sub -i '' -t a",
    "mosquitto_rr -i '' -t a -m b -e c",
    "mosquitto_pub -c -t a -m b",
    "mosquitto_pub -c -I p -t a -m b",
    "mosquitto_sub -c",
    "mosquitto_sub -c -V 5 -t a",
    "mosquitto_pub -V 5 -x -1 -t a -m b",
    "mosquitto_pub -c -V 5 -x 60 -t a -m b",
    "mosquitto_pub -t a/#",
    "mosquitto_pub -t +",
    "mosquitto_sub -t a#",
    "mosquitto_sub -t #/a",
    "mosquitto_sub -t a/+b",
    "mosquitto_sub -T a#",
    "mosquitto_sub -U a#",
    "mosquitto_rr -e #",
    "mosquitto_pub --will-topic a/#",
    "mosquitto_pub --will-qos 3",
    "mosquitto_pub --will-payload a -t a -m b",
    "mosquitto_pub --will-retain -t a -m b",
    "mosquitto_sub --will-retain --will-payload x",
    "mosquitto_pub -m a -m b",
    "mosquitto_pub -m a -n",
    "mosquitto_pub -n -l",
    "mosquitto_pub -s -s",
    "mosquitto_pub -f x -m a",
    "mosquitto_pub --repeat 0",
    "mosquitto_pub --repeat x",
    "mosquitto_pub --repeat-delay -1",
    "mosquitto_sub -C 0",
    "mosquitto_sub -C x",
    "mosquitto_sub -W 0",
    "mosquitto_sub -W -1",
    "mosquitto_pub -L mqtt://foo",
    "mosquitto_pub -L mqtt://foo/+",
    "mosquitto_sub -L mqtt://foo/a#",
    "mosquitto_rr -t a -m b",
    "mosquitto_rr -e b -n",
    "mosquitto_rr",
    "mosquitto_pub -P x -t a -m b",
    "mosquitto_rr -V 311 -P x -t a -m b -e c",
];

/// What a program said, and its exit code.
fn run(program: &Path, arguments: &[&str], home: &Path) -> Option<(String, Option<i32>)> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(output.stdout.is_empty(), "{program:?} {arguments:?} wrote to stdout");
    Some((String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code()))
}

/// Where a program is that isn't ours.
fn installed(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[test]
fn mistakes_get_mosquittos_words() {
    let folder = tempfile::tempdir().unwrap();
    for (link, program) in [
        ("mosquitto_pub", env!("CARGO_BIN_EXE_mqtt-pub")),
        ("mosquitto_sub", env!("CARGO_BIN_EXE_mqtt-sub")),
        ("mosquitto_rr", env!("CARGO_BIN_EXE_mqtt-rr")),
    ] {
        symlink(program, folder.path().join(link)).unwrap();
    }
    let mut different = Vec::new();
    for line in LINES {
        let words: Vec<&str> = line.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        let Some(theirs) = installed(words[0]).and_then(|file| run(&file, &words[1..], folder.path())) else {
            eprintln!("{} is not installed: nothing is compared", words[0]);
            return;
        };
        let ours = run(&folder.path().join(words[0]), &words[1..], folder.path()).unwrap();
        if ours != theirs {
            different.push(format!("{line}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The default options file, mistakes in it, and `-o`, which mosquitto 2.0 doesn't have.
#[test]
fn options_files_are_read_from_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_mqtt-pub"));
    let config = folder.path().join(".config");
    fs::create_dir(&config).unwrap();
    let said = |arguments: &[&str]| run(program, arguments, folder.path()).unwrap().0;
    let usage = "\nUse 'mqtt-pub --help' to see usage.\n";

    fs::write(config.join("mosquitto_pub"), "-r\n-q 7\n").unwrap();
    let place = config.join("mosquitto_pub").display().to_string();
    assert_eq!(said(&["-k", "1"]), format!("Error: Invalid QoS given: 7\nFound in {place}:2\n{usage}"));

    fs::write(config.join("mqtt-pub"), "-p 70000\n").unwrap();
    let place = config.join("mqtt-pub").display().to_string();
    assert_eq!(said(&["-k", "1"]), format!("Error: Invalid port given: 70000\nFound in {place}:1\n{usage}"));

    let file = folder.path().join("options");
    fs::write(&file, "-q 8\n").unwrap();
    let place = file.display().to_string();
    assert_eq!(said(&["-o", &place]), format!("Error: Invalid QoS given: 8\nFound in {place}:1\n{usage}"));
    let missing = folder.path().join("missing").display().to_string();
    assert_eq!(
        said(&["-o", &missing]),
        format!("Error: Unable to read options file \"{missing}\": No such file or directory.\n")
    );
}
