//! The declarations check themselves, and against mosquitto's manual.

use std::collections::HashSet;
use std::ffi::OsString;

use super::*;

const ALL: [Program; 3] = [Program::Publish, Program::Subscribe, Program::Request];

/// Every option of mosquitto 2.1's clients: its spellings, and which of pub, sub, rr have it.
const MOSQUITTO: &[(&str, &str)] = &[
    ("-h --host", "psr"),
    ("-p --port", "psr"),
    ("--unix", "psr"),
    ("-L --url", "psr"),
    ("-A", "psr"),
    ("-i --id", "psr"),
    ("-I --id-prefix", "psr"),
    ("-c --disable-clean-session", "psr"),
    ("-x", "psr"),
    ("-k --keepalive", "psr"),
    ("-M", "psr"),
    ("-u --username", "psr"),
    ("-P --pw", "psr"),
    ("-V --protocol-version", "psr"),
    ("-D --property", "psr"),
    ("-S", "psr"),
    ("--nodelay", "psr"),
    ("--ws", "psr"),
    ("--proxy", "psr"),
    ("-o", "psr"),
    ("--will-topic", "psr"),
    ("--will-payload", "psr"),
    ("--will-qos", "psr"),
    ("--will-retain", "psr"),
    ("--cafile", "psr"),
    ("--capath", "psr"),
    ("--cert", "psr"),
    ("--key", "psr"),
    ("--tls-use-os-certs", "psr"),
    ("--insecure", "psr"),
    ("--ciphers", "psr"),
    ("--tls-version", "psr"),
    ("--tls-alpn", "psr"),
    ("--tls-keylog", "psr"),
    ("--tls-engine", "psr"),
    ("--keyform", "psr"),
    ("--tls-engine-kpass-sha1", "psr"),
    ("--psk", "psr"),
    ("--psk-identity", "psr"),
    ("--no-tls", "psr"),
    ("-t --topic", "psr"),
    ("-e", "r"),
    ("-m --message", "pr"),
    ("-f --file", "pr"),
    ("-s --stdin-file", "pr"),
    ("-l --stdin-line", "p"),
    ("-n --null-message", "pr"),
    ("-q --qos", "psr"),
    ("-r --retain", "p"),
    ("--repeat", "p"),
    ("--repeat-delay", "p"),
    ("--latency", "r"),
    ("-U --unsubscribe", "s"),
    ("-T --filter-out", "s"),
    ("-C", "s"),
    ("-W", "sr"),
    ("-E", "s"),
    ("-R", "sr"),
    ("--retained-only", "s"),
    ("--remove-retained", "s"),
    ("--retain-as-published", "sr"),
    ("--retain-handling", "sr"),
    ("--random-filter", "s"),
    ("--message-rate", "s"),
    ("-w --watch", "s"),
    ("-v --verbose", "sr"),
    ("-F", "sr"),
    ("-N", "sr"),
    ("--pretty", "sr"),
    ("-d --debug", "psr"),
    ("--quiet", "psr"),
    ("--help", "psr"),
    ("--version", "psr"),
];

/// What mosquitto doesn't have.
const OURS: &[(&str, &str)] = &[
    ("--ws-path", "psr"),
    ("--pw-file", "psr"),
    ("--pw-env", "psr"),
    ("--pw-stdin", "psr"),
    ("--pw-prompt", "psr"),
    ("--connect-timeout", "psr"),
    ("--wait-connect", "psr"),
    ("--retry", "psr"),
    ("--strict", "psr"),
    ("-l --stdin-line", "r"),
    ("--correlate", "r"),
    ("--responses", "r"),
    ("--serve", "r"),
    ("--echo", "r"),
    ("--max-p99", "r"),
    ("--ping", "p"),
    ("--line-format", "p"),
    ("--replay", "p"),
    ("--speed", "p"),
    ("--map", "p"),
    ("--json-safe", "sr"),
    ("--color", "sr"),
    ("--trace", "psr"),
    ("--record", "s"),
    ("--top", "s"),
    ("--end-of-retained", "s"),
    ("--dry-run", "s"),
    ("--match", "s"),
    ("--where", "s"),
    ("--changed", "s"),
    ("--ready-fd", "sr"),
    ("--ready-file", "sr"),
    ("--exec-after-sub", "sr"),
    ("--exec", "s"),
    ("--exec-jobs", "sr"),
    ("--expect", "s"),
    ("--expect-re", "s"),
    ("--expect-json", "s"),
];

fn letter(program: Program) -> char {
    match program {
        Program::Publish => 'p',
        Program::Subscribe => 's',
        Program::Request => 'r',
        Program::Control => 'c',
    }
}

fn spellings(flag: &Flag) -> Vec<String> {
    let short = flag.arg.get_short().map(|name| format!("-{name}"));
    let long = flag.arg.get_long().map(|name| format!("--{name}"));
    short.into_iter().chain(long).collect()
}

#[test]
fn every_flag_of_mosquittos_manual_is_here_and_no_other() {
    for program in ALL {
        let declared: HashSet<String> = program.flags().iter().flat_map(spellings).collect();
        let all = MOSQUITTO.iter().chain(OURS);
        let of_program = all.filter(|(_, programs)| programs.contains(letter(program)));
        let wanted: HashSet<String> =
            of_program.flat_map(|(names, _)| names.split(' ')).map(str::to_owned).collect();
        assert_eq!(
            declared.symmetric_difference(&wanted).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{program:?}"
        );
    }
}

#[test]
fn spellings_of_one_flag_stand_together() {
    for program in ALL {
        let flags = program.flags();
        let of_program = MOSQUITTO.iter().filter(|(_, programs)| programs.contains(letter(program)));
        for (names, _) in of_program {
            let found: Vec<Vec<String>> =
                flags.iter().map(spellings).filter(|found| found.join(" ") == *names).collect();
            assert_eq!(found.len(), 1, "{program:?} {names}");
        }
    }
}

#[test]
fn declarations_are_complete() {
    for program in ALL {
        let mut names = HashSet::new();
        for flag in program.flags() {
            for name in spellings(flag) {
                assert!(flag.is(&OsString::from(&name)), "{name} isn't recognised");
                assert!(names.insert(name.clone()), "{program:?} has {name} twice");
            }
            let help = flag.arg.get_help();
            assert!(help.ends_with('.'), "help of {}: {help}", flag.name());
            assert!(help.len() <= 75, "help of {} is {} long", flag.name(), help.len());
            assert_eq!(
                flag.values(&[]) > 0,
                flag.names_what_is_missing(),
                "what is missing of {}",
                flag.name()
            );
        }
        program.command().debug_assert();
    }
}

#[test]
fn help_fits_a_terminal() {
    for program in ALL {
        let help = program.help(program.own_name());
        let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 104).collect();
        assert!(wide.is_empty(), "{wide:#?}");
        assert!(help.starts_with(&format!("{}\n", clients_about(program))), "{help}");
        assert!(!help.contains("\n\n\n"), "{help}");
        assert!(help.contains("MQTT_PASSWORD"), "{help}");
    }
}

fn clients_about(program: Program) -> &'static str {
    manual::clients::of(program).about
}

#[test]
fn the_name_is_the_one_it_was_called_by() {
    let called = |path: &str| Program::Subscribe.name_called(Some(OsStr::new(path)));
    assert_eq!(called("/usr/bin/mosquitto_sub"), "mosquitto_sub");
    assert_eq!(called("mqtt-sub"), "mqtt-sub");
    assert_eq!(called("./something"), "mqtt-sub");
    assert_eq!(called("mosquitto_pub"), "mqtt-sub");
    assert_eq!(Program::Subscribe.name_called(None), "mqtt-sub");
}
