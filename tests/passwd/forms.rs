//! Every form of the command line, with what it prints and leaves behind.

use std::os::unix::fs::symlink;

use super::desk::{Desk, FAST, HASH_OF_B, program, ran};
use mqtt_toolkit::auth::HashMethod;

#[test]
fn a_file_is_made_changed_and_emptied_again() {
    let desk = Desk::new();
    assert_eq!(desk.passwd(["-c", "-b", "f", "ann", "one"]), ran("Adding password for user ann\n", "", 0));
    assert_eq!(desk.passwd(["-b", "f", "bob", "two"]), ran("Adding password for user bob\n", "", 0));
    assert_eq!(desk.passwd(["-b", "f", "ann", "three"]), ran("Updating password for user ann\n", "", 0));
    assert!(desk.admits("f", "ann", "three") && desk.admits("f", "bob", "two"));
    assert!(!desk.admits("f", "ann", "one"));
    assert_eq!(desk.users("f").lookup("ann").unwrap().method(), HashMethod::argon2id());
    assert_eq!(desk.passwd(["-D", "f", "ann"]), ran("", "", 0));
    assert_eq!(
        desk.passwd(["-D", "f", "ann"]),
        ran("", "Warning: User ann not found in password file.\n", 1)
    );
    assert_eq!(desk.passwd(["-D", "f", "bob"]), ran("", "", 0));
    assert_eq!(desk.read("f"), "");
    assert_eq!(desk.names(), ["f"]);
}

#[test]
fn every_hash_can_be_chosen() {
    let desk = Desk::new();
    desk.write("f", "");
    let layouts = [
        (&["-H", "argon2id"][..], "$argon2id$v=19$m=47104,t=1,p=1$", 86 + 1 + 86),
        (&["-H", "sha512-pbkdf2"], "$7$1000$", 88 + 1 + 88),
        (&["-H", "sha512-pbkdf2", "-I", "5"], "$7$5$", 88 + 1 + 88),
        (&["-I", "5"], "$7$5$", 88 + 1 + 88),
        (&["-H", "sha512", "-I", "5"], "$6$", 88 + 1 + 88),
        (&["--salt-2.0"], "$7$1000$", 16 + 1 + 88),
        (&["--salt-2.0", "-H", "sha512"], "$6$", 16 + 1 + 88),
    ];
    for (options, start, rest) in layouts {
        let args = options.iter().copied().chain(["-b", "f", "u", "p\u{e9}"]);
        assert_eq!(desk.passwd(args).code, Some(0));
        let line = desk.read("f");
        let hash = line.strip_prefix("u:").and_then(|line| line.strip_suffix('\n')).expect("one line");
        assert!(hash.starts_with(start), "{options:?}: {hash}");
        assert_eq!(hash.len(), start.len() + rest, "{options:?}: {hash}");
        assert!(desk.admits("f", "u", "p\u{e9}"), "{options:?}");
    }
    // Two hashes of one password differ: the salt is drawn anew.
    let first = desk.read("f");
    desk.passwd(["--salt-2.0", "-H", "sha512", "-b", "f", "u", "p\u{e9}"]);
    assert_ne!(first, desk.read("f"));
}

#[test]
fn a_dash_is_stdout() {
    let desk = Desk::new();
    let printed = desk.passwd(["-c", "-b", "-", "ann", "one"]);
    assert_eq!((printed.code, &*printed.err), (Some(0), ""));
    desk.write("f", &printed.out);
    assert!(desk.admits("f", "ann", "one"));
    assert_eq!(desk.users("f").len(), 1);
    assert_eq!(desk.names(), ["f"]);
}

#[test]
fn plain_passwords_are_hashed_and_hashed_ones_are_not() {
    let desk = Desk::new();
    desk.write("f", &format!("# plain\nann: one\n\nbob:{HASH_OF_B}\n  cid : th ree \r\ndot:a:b"));
    let warning = format!(
        "Warning: {}:6: a password ends at the ':', what follows it is dropped.\n",
        desk.path("f").display()
    );
    assert_eq!(desk.passwd([FAST[0], FAST[1], "-U", "f"]), ran("", &warning, 0));
    for (user, password) in [("ann", "one"), ("bob", "b"), ("cid", "th ree"), ("dot", "a")] {
        assert!(desk.admits("f", user, password), "{user}");
    }
    let hashed = desk.read("f");
    assert!(hashed.starts_with("# plain\nann:$6$"));
    assert!(hashed.contains(&format!("\n\nbob:{HASH_OF_B}\ncid:$6$")));
    assert_eq!(desk.passwd(["-U", "f"]), ran("", "", 0));
    assert_eq!(desk.read("f"), hashed);
}

#[test]
fn user_names_are_held_to_mosquittos_limits() {
    let desk = Desk::new();
    let long = "u".repeat(65536);
    let cases = [
        ("", "Error: Username must not be empty.\n"),
        (" \t", "Error: Username must not be empty.\n"),
        ("a:b", "Error: Username must not contain the ':' character.\n"),
        ("a\nb", "Error: Username must not contain control characters.\n"),
        (&long, "Error: Username must be less than 65536 characters long.\n"),
    ];
    for (name, message) in cases {
        assert_eq!(desk.passwd(["-c", "-b", "f", name, "p"]), ran("", message, 1));
        assert_eq!(desk.passwd(["-b", "f", name, "p"]), ran("", message, 1));
    }
    assert_eq!(desk.names(), [""; 0]);
    let longest = &long[1..];
    assert_eq!(desk.passwd([FAST[0], FAST[1], "-c", "-b", "f", longest, ""]).code, Some(0));
    assert!(desk.admits("f", longest, ""));
    let password = "p".repeat(65536);
    let message = "Error: Password must be less than 65536 characters long.\n";
    assert_eq!(desk.passwd(["-b", "f", "u", &password]), ran("", message, 1));
    assert_eq!(desk.passwd([FAST[0], FAST[1], "-b", "f", "u", &password[1..]]).code, Some(0));
    assert!(desk.admits("f", "u", &password[1..]));
}

#[test]
fn a_name_the_broker_takes_for_a_comment_is_warned_about() {
    let desk = Desk::new();
    let made = desk.passwd([FAST[0], FAST[1], "-c", "-b", "f", "#ann", "one"]);
    assert_eq!((made.code, &*made.out), (Some(0), "Adding password for user #ann\n"));
    assert!(made.err.starts_with("Warning: ") && made.err.contains("#ann"), "{}", made.err);
    assert!(desk.users("f").is_empty());
    assert_eq!(desk.passwd(["-D", "f", "#ann"]), ran("", "", 0));
    assert_eq!(desk.read("f"), "");
}

#[test]
fn it_calls_itself_what_it_was_called() {
    let desk = Desk::new();
    symlink(program(), desk.path("mosquitto_passwd")).unwrap();
    for args in [&[][..], &["--help"], &["--version"]] {
        let ours = desk.passwd(args);
        assert_eq!((ours.code, &*ours.err), (Some(1), ""));
        assert!(ours.out.starts_with("mqtt-passwd is ") && ours.out.contains("\nUsage: mqtt-passwd ["));
        let linked = desk.run(&desk.path("mosquitto_passwd"), "", args);
        assert_eq!((linked.code, &*linked.err), (Some(1), ""));
        assert_eq!(linked.out, ours.out.replace("mqtt-passwd", "mosquitto_passwd"));
        assert!(ours.out.contains(env!("CARGO_PKG_VERSION")));
    }
}
