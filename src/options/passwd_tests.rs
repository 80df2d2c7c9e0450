//! The grammar of mosquitto_passwd, our words beside it, and the table that prints itself.

use super::*;

fn args(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn job(line: &[&str]) -> PasswdJob {
    parse(&args(line), |_| false).unwrap_or_else(|refusal| panic!("{line:?}: {refusal:?}"))
}

fn refusal(line: &[&str]) -> String {
    match parse(&args(line), |_| false) {
        Err(PasswdRefusal::Message(text)) => text,
        Err(PasswdRefusal::Usage) => "usage".into(),
        Ok(job) => panic!("{line:?}: {job:?}"),
    }
}

const DEFAULT: Hashing = Hashing { kind: HashKind::Argon2id, iterations: None, short_salt: false };

fn set(create: bool, file: &str, username: &str, password: Option<&str>, hashing: Hashing) -> PasswdJob {
    let password = password.map(|text| Zeroizing::new(text.into()));
    PasswdJob::Set { create, file: file.into(), username: username.into(), password, hashing }
}

#[test]
fn every_form_is_read() {
    assert_eq!(job(&["f", "u"]), set(false, "f", "u", None, DEFAULT));
    assert_eq!(job(&["-b", "f", "u", ""]), set(false, "f", "u", Some(""), DEFAULT));
    assert_eq!(job(&["-c", "-b", "-", "u", "p", "surplus"]), set(true, "-", "u", Some("p"), DEFAULT));
    assert_eq!(job(&["-c", "f", "u", "surplus"]), set(true, "f", "u", None, DEFAULT));
    let iterations = NonZeroU32::new(7);
    let hashing = Hashing { kind: HashKind::Sha512Pbkdf2, iterations, short_salt: true };
    assert_eq!(job(&["-I", "7x", "--salt-2.0", "f", "u"]), set(false, "f", "u", None, hashing));
    let hashing = Hashing { short_salt: false, ..hashing };
    assert_eq!(job(&["-I", "7", "f", "u"]), set(false, "f", "u", None, hashing));
    let hashing = Hashing { kind: HashKind::Sha512, ..DEFAULT };
    let update = PasswdJob::HashPlain { file: "f".into(), hashing };
    assert_eq!(job(&["-H", "argon2id", "-H", "sha512", "-b", "-U", "f"]), update);
    let delete = PasswdJob::Delete { file: "f".into(), username: "-b".into() };
    assert_eq!(job(&["-D", "f", "-b", "surplus"]), delete);
}

#[test]
fn mistakes_get_mosquittos_words() {
    for usage in [
        &[][..],
        &["--help"],
        &["-bc", "f", "u"],
        &["f"],
        &["f", "u", "p"],
        &["-b", "f", "u"],
        &["-x", "f", "-c"],
    ] {
        assert_eq!(refusal(usage), "usage");
    }
    for (line, text) in [
        (&["-c", "-D", "-U"][..], "Error: -c and -D cannot be used together."),
        (&["-U", "-c"], "Error: -c and -U cannot be used together."),
        (&["-U", "-D"], "Error: -D and -U cannot be used together."),
        (&["-b", "-D", "f", "u"], "Error: -b and -D cannot be used together."),
        (
            &["-b", "-c", "f", "u"],
            "Error: -c argument given but password file, username, or password missing.",
        ),
        (&["-c", "f"], "Error: -c argument given but password file or username missing."),
        (&["-D", "f"], "Error: -D argument given but password file or username missing."),
        (&["-U"], "Error: -U argument given but password file missing."),
        (&["-U", "f", "g"], "Error: -U argument given but password file missing."),
        (&["-H"], "Error: -H argument given but not enough other arguments."),
        (&["-c", "-I"], "Error: -I argument given but not enough other arguments."),
        (&["-H", "SHA512", "f", "u"], "Error: Unknown hash type 'SHA512'"),
        (&["-I", "0", "f", "u"], "Error: Number of iterations must be > 0."),
        (&["-I", "many", "f", "u"], "Error: Number of iterations must be > 0."),
    ] {
        assert_eq!(refusal(line), text);
    }
    assert!(refusal(&["--salt-2.0", "-H", "argon2id", "f", "u"]).contains("--salt-2.0 and -H argon2id"));
}

#[test]
fn our_words_give_way_to_a_password_file_of_that_name() {
    let list = |json| PasswdJob::List { file: "f".into(), json };
    let check = PasswdJob::Check { file: "f".into() };
    assert_eq!(job(&["list", "f"]), list(false));
    assert_eq!(job(&["check", "f"]), check);
    let there = |line: &[&str]| parse(&args(line), |_| true).unwrap();
    assert_eq!(there(&["list", "f"]), set(false, "list", "f", None, DEFAULT));
    assert_eq!(there(&["check", "f"]), set(false, "check", "f", None, DEFAULT));
    assert_eq!(there(&["list", "--", "f"]), list(false));
    assert_eq!(there(&["check", "--", "f"]), check);
    assert_eq!(there(&["list", "--json", "f"]), list(true));
    assert_eq!(there(&["list", "f", "--json"]), list(true));
    // Three arguments are no form of mosquitto's, two are one.
    let verify = PasswdJob::Verify { file: "f".into(), username: "u".into() };
    assert_eq!(there(&["verify", "f", "u"]), verify);
    assert_eq!(job(&["verify", "u"]), set(false, "verify", "u", None, DEFAULT));
    // Behind an option, and as a path, they are files.
    assert_eq!(job(&["-b", "verify", "u", "p"]), set(false, "verify", "u", Some("p"), DEFAULT));
    assert_eq!(job(&["-c", "list", "u"]), set(true, "list", "u", None, DEFAULT));
    assert_eq!(job(&["./list", "u"]), set(false, "./list", "u", None, DEFAULT));
}

#[test]
fn the_table_prints_every_name_once() {
    command().debug_assert();
    let text = usage("mosquitto_passwd");
    assert!(text.contains("\nUsage: mosquitto_passwd [-H hash]"));
    assert!(!text.contains("mqtt-passwd"));
    for name in FLAGS.iter().map(|flag| flag.name).chain(VERBS.iter().map(|verb| verb.name)) {
        assert_eq!(text.matches(&format!("\n {name} : ")).count(), 1, "{name}");
    }
}

#[test]
fn clap_reads_what_the_hand_parser_reads() {
    for line in
        [&["-c", "-b", "-H", "sha512", "f", "u", "p"][..], &["--salt-2.0", "-I", "5", "f", "u"], &["-U", "f"]]
    {
        let all = std::iter::once("mqtt-passwd").chain(line.iter().copied());
        command().try_get_matches_from(all).unwrap();
        job(line);
    }
    let matches = command().try_get_matches_from(["mqtt-passwd", "list", "--json", "f"]).unwrap();
    assert_eq!(matches.subcommand_name(), Some("list"));
}
