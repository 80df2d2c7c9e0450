//! Command lines and what mosquitto 2.1 says to them.

use proptest::prelude::*;

use super::*;
use crate::options::{MessageSource, Secret, Target};
use crate::protocol::{QoS, RetainHandling, Version};

/// A world with these variables and files, and process 4242.
fn within<T>(
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
    run: impl FnOnce(&Surroundings<'_>) -> T,
) -> T {
    let variable = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let read_file = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    let ask = |secret| {
        let text = match secret {
            Secret::StdinLine => "from stdin",
            Secret::Prompt => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    };
    run(&Surroundings {
        variable: &variable,
        read_file: &read_file,
        ask: &ask,
        random: "r4nd0m".to_owned(),
        process_id: 4242,
    })
}

fn words(name: &str, line: &[&str]) -> Vec<OsString> {
    std::iter::once(name).chain(line.iter().copied()).map(OsString::from).collect()
}

fn publish(line: &[&str]) -> Result<PublishJob, Stop> {
    within(&[], &[], |from| publish_job(&words("mosquitto_pub", line), from))
}

fn subscribe(line: &[&str]) -> Result<SubscribeJob, Stop> {
    within(&[], &[], |from| subscribe_job(&words("mosquitto_sub", line), from))
}

fn request(line: &[&str]) -> Result<RequestJob, Stop> {
    within(&[], &[], |from| request_job(&words("mosquitto_rr", line), from))
}

/// Splits a line at spaces; `''` is the empty argument.
fn split(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).map(|w| if w == "''" { "" } else { w }).collect()
}

const HINT: &str = "\nUse 'NAME --help' to see usage.\n";

/// (program, arguments, sentence, what follows it: "h" hint, "b" blank line and hint, "" nothing, "u" usage)
const COMPLAINTS: &[(&str, &str, &str, &str)] = &[
    ("pub", "-z", "Error: Unknown option '-z'.", "h"),
    ("pub", "x", "Error: Unknown option 'x'.", "h"),
    ("pub", "-hx", "Error: Unknown option '-hx'.", "h"),
    ("pub", "--host=x", "Error: Unknown option '--host=x'.", "h"),
    ("pub", "-rd", "Error: Unknown option '-rd'.", "h"),
    ("pub", "--", "Error: Unknown option '--'.", "h"),
    ("pub", "-", "Error: Unknown option '-'.", "h"),
    ("pub", "''", "Error: Unknown option ''.", "h"),
    ("pub", "--hos", "Error: Unknown option '--hos'.", "h"),
    ("pub", "-C 1", "Error: Unknown option '-C'.", "h"),
    ("pub", "-v", "Error: Unknown option '-v'.", "h"),
    ("sub", "-m x", "Error: Unknown option '-m'.", "h"),
    ("sub", "-r", "Error: Unknown option '-r'.", "h"),
    ("rr", "-l", "Error: Unknown option '-l'.", "h"),
    ("rr", "-r", "Error: Unknown option '-r'.", "h"),
    ("rr", "-C 1", "Error: Unknown option '-C'.", "h"),
    ("pub", "-z --help", "Error: Unknown option '-z'.", "h"),
    ("pub", "-t", "Error: -t argument given but no topic specified.", "b"),
    ("pub", "--topic", "Error: -t argument given but no topic specified.", "b"),
    ("pub", "-A", "Error: -A argument given but no address specified.", "b"),
    ("pub", "-D", "Error: --property argument given but not enough arguments specified.", "b"),
    ("pub", "-D a b", "Error: --property argument given but not enough arguments specified.", "b"),
    ("pub", "-I", "Error: -I argument given but no id prefix specified.", "b"),
    ("pub", "-L", "Error: -L argument given but no URL specified.", "b"),
    ("pub", "-M", "Error: -M argument given but max_inflight not specified.", "b"),
    ("pub", "-P", "Error: -P argument given but no password specified.", "b"),
    ("pub", "-V", "Error: --protocol-version argument given but no version specified.", "b"),
    ("pub", "-f", "Error: -f argument given but no file specified.", "b"),
    ("pub", "-h", "Error: -h argument given but no host specified.", "b"),
    ("pub", "-i", "Error: -i argument given but no id specified.", "b"),
    ("pub", "-k", "Error: -k argument given but no keepalive specified.", "b"),
    ("pub", "-m", "Error: -m argument given but no message specified.", "b"),
    ("pub", "-o", "Error: -o argument given but no options file specified.", "b"),
    ("pub", "-p", "Error: -p argument given but no port specified.", "b"),
    ("pub", "-q", "Error: -q argument given but no QoS specified.", "b"),
    ("pub", "-u", "Error: -u argument given but no username specified.", "b"),
    ("pub", "-x", "Error: -x argument given but no session expiry interval specified.", "b"),
    ("pub", "--repeat", "Error: --repeat argument given but no count specified.", "b"),
    ("pub", "--repeat-delay", "Error: --repeat-delay argument given but no time specified.", "b"),
    ("pub", "--unix", "Error: --unix argument given but no socket path specified.", "b"),
    ("pub", "--will-topic", "Error: --will-topic argument given but no will topic specified.", "b"),
    ("pub", "--will-payload", "Error: --will-payload argument given but no will payload specified.", "b"),
    ("pub", "--will-qos", "Error: --will-qos argument given but no will QoS specified.", "b"),
    ("pub", "--cafile", "Error: --cafile argument given but no file specified.", "b"),
    ("pub", "--capath", "Error: --capath argument given but no directory specified.", "b"),
    ("pub", "--proxy", "Error: --proxy argument given but no proxy url specified.", "b"),
    ("pub", "--psk", "Error: --psk argument given but no key specified.", "b"),
    ("pub", "--psk-identity", "Error: --psk-identity argument given but no identity specified.", "b"),
    ("pub", "--tls-engine", "Error: --tls-engine argument given but no engine_id specified.", "b"),
    ("pub", "--tls-alpn", "Error: --tls-alpn argument given but no protocol specified.", "b"),
    ("sub", "-C", "Error: -C argument given but no count specified.", "b"),
    ("sub", "-F", "Error: -F argument given but no format specified.", "b"),
    ("sub", "-T", "Error: -T argument given but no topic filter specified.", "b"),
    ("sub", "-U", "Error: -U argument given but no unsubscribe topic specified.", "b"),
    ("sub", "-W", "Error: -W argument given but no timeout specified.", "b"),
    ("sub", "--random-filter", "Error: --random-filter argument given but no chance specified.", "b"),
    ("rr", "-e", "Error: -e argument given but no response topic specified.", "b"),
    ("pub", "-p 70000", "Error: Invalid port given: 70000", "h"),
    ("pub", "-p -1", "Error: Invalid port given: -1", "h"),
    ("pub", "-p 99999999999", "Error: Invalid port given: 1215752191", "h"),
    ("pub", "-q 3", "Error: Invalid QoS given: 3", "h"),
    ("sub", "-q -1", "Error: Invalid QoS given: -1", "h"),
    ("pub", "-k 4", "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.", "b"),
    ("pub", "-k 65536", "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.", "b"),
    ("pub", "-M 0", "Error: Maximum inflight messages must be greater than 0.", "b"),
    ("pub", "-V 6", "Error: Invalid protocol version argument given.", "b"),
    ("pub", "-V MQTTV5", "Error: Invalid protocol version argument given.", "b"),
    ("pub", "-x abc", "Error: session-expiry-interval not a number.", "b"),
    ("pub", "-x ''", "Error: session-expiry-interval not a number.", "b"),
    ("pub", "-x 1x", "Error: session-expiry-interval not a number.", "b"),
    ("pub", "-x 4294967296", "Error: session-expiry-interval out of range.", "b"),
    ("pub", "-x -2", "Error: session-expiry-interval out of range.", "b"),
    ("pub", "-i a -I b", "Error: -i and -I argument cannot be used together.", "b"),
    ("pub", "-I b -i a", "Error: -i and -I argument cannot be used together.", "b"),
    ("pub", "-i '' -t a -m b", "Error: Invalid id.", ""),
    ("sub", "-i '' -t a", "Error: Invalid id and/or clean_session.", ""),
    ("rr", "-i '' -t a -m b -e c", "Error: Invalid id and/or clean_session.", ""),
    ("pub", "-c -t a -m b", "Error: You must provide a client id if you are using the -c option.", "h"),
    ("pub", "-c -I p -t a -m b", "Error: You must provide a client id if you are using the -c option.", "h"),
    ("sub", "-c", "Error: You must provide a client id if you are using the -c option.", "h"),
    (
        "pub",
        "-c -V 5 -t a -m b",
        "Error: You must provide a client id if you are using an infinite session expiry interval.",
        "h",
    ),
    (
        "pub",
        "-x -1 -t a -m b",
        "Error: You must provide a client id if you are using an infinite session expiry interval.",
        "h",
    ),
    ("pub", "-c -x 60 -t a -m b", "Error: Invalid id.", ""),
    ("pub", "-t a/#", "Error: Invalid publish topic 'a/#', does it contain '+' or '#'?", "h"),
    ("pub", "-t ''", "Error: Invalid publish topic '', does it contain '+' or '#'?", "h"),
    ("sub", "-t a#", "Error: Invalid subscription topic 'a#', are all '+' and '#' wildcards correct?", "h"),
    ("sub", "-T a#", "Error: Invalid filter topic 'a#', are all '+' and '#' wildcards correct?", "h"),
    ("sub", "-U a#", "Error: Invalid unsubscribe topic 'a#', are all '+' and '#' wildcards correct?", "h"),
    ("rr", "-e #", "Error: Invalid response topic '#', does it contain '+' or '#'?", "h"),
    ("pub", "--will-topic a/#", "Error: Invalid will topic 'a/#', does it contain '+' or '#'?", "h"),
    ("pub", "--will-qos 3", "Error: Invalid will QoS 3.", "b"),
    ("pub", "--will-payload a -t a -m b", "Error: Will payload given, but no will topic given.", "h"),
    ("pub", "--will-retain -t a -m b", "Error: Will retain given, but no will topic given.", "h"),
    ("sub", "--will-retain --will-payload x", "Error: Will payload given, but no will topic given.", "h"),
    ("pub", "-m a -m b", "Error: Only one type of message can be sent at once.", "b"),
    ("pub", "-n -l", "Error: Only one type of message can be sent at once.", "b"),
    ("rr", "-s -f x", "Error: Only one type of message can be sent at once.", "b"),
    ("pub", "--repeat 0", "Error: --repeat argument must be >0.", "b"),
    ("pub", "--repeat-delay -1", "Error: --repeat-delay argument must be >=0.0.", "b"),
    ("sub", "-C 0", "Error: Invalid message count \"0\".", "b"),
    ("sub", "-W x", "Error: Invalid timeout \"0\".", "b"),
    ("sub", "--retain-handling x", "Error: Unknown value 'x' for --retain-handling.", "b"),
    ("pub", "-L foo", "Error: Unsupported URL scheme.", "b"),
    ("pub", "-L mqtt://foo", "Error: Invalid URL for -L argument specified - topic missing.", "h"),
    (
        "sub",
        "-L mqtt://h/a#",
        "Error: Invalid subscription topic 'a#', are all '+' and '#' wildcards correct?",
        "h",
    ),
    ("sub", "-R", "Error: You must specify a topic to subscribe to (-t) or unsubscribe from (-U).", "h"),
    ("rr", "-t a -m b", "Error: All of topic, message, and response topic must be supplied.", "h"),
    ("pub", "-P x -t a -m b", "Error: Problem setting username and/or password.", ""),
    ("pub", "-t a", "Error: Both topic and message must be supplied.", "u"),
    ("pub", "-m a", "Error: Both topic and message must be supplied.", "u"),
    (
        "pub",
        "-t a -m b --cert x",
        "Error: Both certfile and keyfile must be provided if one of them is set.",
        "h",
    ),
    ("pub", "-t a -m b --keyform pem", "Error: If keyform is set, keyfile must be also specified.", "h"),
    (
        "pub",
        "-t a -m b --psk 00 --psk-identity x --capath y",
        "Error: Only one of --psk or --cafile/--capath may be used at once.",
        "h",
    ),
    ("sub", "-t a --psk 00", "Error: --psk-identity required if --psk used.", "h"),
    ("rr", "-t a -m b -e c --psk 0x --psk-identity x", "Error: Problem setting TLS-PSK options.", ""),
    (
        "pub",
        "-t a -m b --cafile x --tls-version tlsv1.1",
        "Error: Problem setting TLS options, check the options are valid.",
        "",
    ),
    (
        "pub",
        "-t a -m b --cafile x --tls-engine y",
        "Error: Problem setting TLS engine, is y a valid engine? Engines are not supported here.",
        "",
    ),
    ("pub", "-o x -o y", "Error: Duplicate -o argument given.", "b"),
];

#[test]
fn complaints_are_mosquittos() {
    for (program, line, sentence, after) in COMPLAINTS {
        let words = split(line);
        let stop = match *program {
            "pub" => publish(&words).unwrap_err(),
            "sub" => subscribe(&words).unwrap_err(),
            _ => request(&words).unwrap_err(),
        };
        let hint = HINT.replace("NAME", &format!("mosquitto_{program}"));
        let end = match *after {
            "h" => hint,
            "b" => format!("\n{hint}"),
            _ => String::new(),
        };
        assert_eq!(stop.stderr, format!("{sentence}\n{end}"), "mosquitto_{program} {line}");
        assert_eq!(stop.exit_code, 1);
        assert_eq!(stop.stdout.contains("Usage:"), *after == "u", "mosquitto_{program} {line}");
    }
}

#[test]
fn bytes_that_are_no_text_are_malformed() {
    use std::os::unix::ffi::OsStringExt;
    for (flag, what) in [("-t", "-t"), ("--topic", "-t"), ("--will-topic", "--will-topic"), ("-i", "-i")] {
        let line = [OsString::from("mqtt-pub"), flag.into(), OsString::from_vec(vec![0xff, 0xfe])];
        let stop = within(&[], &[], |from| publish_job(&line, from)).unwrap_err();
        assert!(
            stop.stderr.starts_with(&format!("Error: Malformed UTF-8 in {what} argument.\n\n\n")),
            "{flag}"
        );
    }
}

#[test]
fn help_and_version_act_where_they_stand() {
    let stop = publish(&["--version", "-z"]).unwrap_err();
    assert_eq!(stop.stderr, "");
    assert!(stop.stdout.starts_with("mosquitto_pub version 2.1.2 running on "), "{}", stop.stdout);
    let stop =
        within(&[], &[], |from| request_job(&words("/usr/bin/mqtt-rr", &["--version"]), from)).unwrap_err();
    assert_eq!(stop.stdout, format!("mqtt-rr version {}.\n", env!("CARGO_PKG_VERSION")));
    let stop = subscribe(&["-t", "a", "--help"]).unwrap_err();
    assert_eq!((stop.stderr.as_str(), stop.exit_code), ("", 1));
    assert!(stop.stdout.contains("Usage: mosquitto_sub "), "{}", stop.stdout);
}

#[test]
fn defaults_of_publish() {
    let job = publish(&["-t", "a", "-m", "b"]).unwrap();
    assert_eq!(job.topic, "a");
    assert_eq!(job.message, MessageSource::Text(b"b".to_vec()));
    assert_eq!((job.qos, job.retain, job.repeat), (QoS::AtMostOnce, false, 1));
    assert!(job.repeat_delay.is_zero());
    let connection = job.connection;
    assert_eq!(connection.program, "mosquitto_pub");
    assert_eq!(connection.target, Target::Tcp { host: "localhost".into(), port: 1883 });
    assert_eq!((connection.version, connection.clean_start), (Version::V311, true));
    assert_eq!((connection.keep_alive, connection.max_inflight), (60, 20));
    assert_eq!(connection.properties.connect.as_properties().session_expiry_interval(), None);
    assert_eq!((connection.client_id, connection.username), (None, None));
    assert!(connection.password.is_none() && connection.will.is_none() && connection.bind_address.is_none());
    assert!(!connection.nodelay && !connection.debug && !connection.quiet);
}

#[test]
fn defaults_of_subscribe_and_request() {
    let job = subscribe(&["-t", "a", "--topic", "b/#"]).unwrap();
    assert_eq!(job.filters, ["a", "b/#"]);
    assert_eq!((job.message_count, job.timeout), (None, None));
    assert!(job.line_end && !job.verbose && !job.no_retained && !job.exit_after_subscribe);
    assert_eq!(job.retain_handling, RetainHandling::SendAtSubscribe);
    let job = request(&["-t", "a", "-e", "b", "-n"]).unwrap();
    assert_eq!(job.connection.version, Version::V5);
    assert_eq!((job.topic.as_str(), job.response_topic.as_str()), ("a", "b"));
    assert_eq!(job.message, MessageSource::Null);
}

#[test]
fn values_are_taken_as_they_stand_and_the_last_counts() {
    let job = publish(&["-t", "x", "-t", "a", "-m", "-o", "-q", "1x", "-h", "--help", "-k", "5", "-k", "7"])
        .unwrap();
    assert_eq!(job.topic, "a");
    assert_eq!(job.message, MessageSource::Text(b"-o".to_vec()));
    assert_eq!(job.qos, QoS::AtLeastOnce);
    assert_eq!(job.connection.keep_alive, 7);
    assert_eq!(job.connection.target, Target::Tcp { host: "--help".into(), port: 1883 });
}

#[test]
fn every_flag_reaches_the_job() {
    let line = "-h ::1 -p 1884 -A 127.0.0.1 --nodelay -i id -c -x 0x10 -k 30 -M 70000 -u user -P pass \
                --will-topic w --will-payload p --will-qos 2 --will-retain -d --quiet \
                -t a -f file -q 2 -r --repeat 3 --repeat-delay 0.25";
    let job = publish(&split(line)).unwrap();
    assert_eq!(job.message, MessageSource::File("file".into()));
    assert_eq!((job.qos, job.retain, job.repeat), (QoS::ExactlyOnce, true, 3));
    assert_eq!(job.repeat_delay.as_millis(), 250);
    let connection = job.connection;
    assert_eq!(connection.target, Target::Tcp { host: "::1".into(), port: 1884 });
    assert_eq!(connection.bind_address.as_deref(), Some("127.0.0.1"));
    assert_eq!((connection.client_id.as_deref(), connection.clean_start), (Some("id"), false));
    assert_eq!(
        (connection.version, connection.properties.connect.as_properties().session_expiry_interval()),
        (Version::V5, Some(16))
    );
    assert_eq!((connection.keep_alive, connection.max_inflight), (30, u16::MAX));
    assert_eq!(connection.username.as_deref(), Some("user"));
    assert_eq!(connection.password.as_deref().map(Vec::as_slice), Some(&b"pass"[..]));
    let will = connection.will.unwrap();
    assert_eq!((will.topic.as_str(), will.payload.as_slice()), ("w", &b"p"[..]));
    assert_eq!((will.qos, will.retain), (QoS::ExactlyOnce, true));
    assert!(connection.nodelay && connection.debug && connection.quiet);
}

#[test]
fn every_flag_of_subscribe_reaches_the_job() {
    let line = "-t a -U b -U c -T d -q 1 -C 5 -W 2 -E -R -v -N --retain-as-published";
    let job = subscribe(&split(line)).unwrap();
    assert_eq!(job.unsubscribe, ["b", "c"]);
    assert_eq!(job.filter_out, ["d"]);
    assert_eq!((job.qos, job.message_count), (QoS::AtLeastOnce, Some(5)));
    assert_eq!(job.timeout.unwrap().as_secs(), 2);
    assert!(job.exit_after_subscribe && job.no_retained && job.verbose && !job.line_end);
    assert!(job.retain_as_published);
    assert_eq!(job.retain_handling, RetainHandling::DoNotSend);
    assert!(subscribe(&["-U", "a"]).unwrap().filters.is_empty());
}

#[test]
fn pauses_of_any_length() {
    let pause = |text: &str| publish(&["-t", "a", "-m", "b", "--repeat-delay", text]).unwrap().repeat_delay;
    assert_eq!(pause("1e999").as_secs(), i32::MAX as u64);
    assert!(pause("x").is_zero());
}

#[test]
fn sessions_that_never_expire() {
    for line in ["-i a -x -1", "-i a -x ∞", "-i a -c -V 5", "-i a -x 4294967295"] {
        let job = subscribe(&split(&format!("-t t {line}"))).unwrap();
        assert_eq!(
            job.connection.properties.connect.as_properties().session_expiry_interval(),
            Some(u32::MAX),
            "{line}"
        );
        assert_eq!(job.connection.version, Version::V5, "{line}");
    }
    let job = subscribe(&["-t", "a", "-x", "60", "-V", "mqttv31"]).unwrap();
    assert_eq!(
        (job.connection.version, job.connection.properties.connect.as_properties().session_expiry_interval()),
        (Version::V31, None)
    );
}

#[test]
fn unix_sockets_and_urls() {
    let target = |line: &str| publish(&split(&format!("-m x {line}"))).unwrap().connection.target;
    assert_eq!(target("-t a --unix /run/m"), Target::Unix("/run/m".into()));
    assert_eq!(target("-t a -h /run/m -p abc"), Target::Unix("/run/m".into()));
    assert_eq!(target("-L mqtt://h:7/a"), Target::Tcp { host: "h".into(), port: 7 });
    assert_eq!(target("-L mqtt://h:7/a -p 8"), Target::Tcp { host: "h".into(), port: 8 });
    assert_eq!(target("-t a -p 8883 --no-tls"), Target::Tcp { host: "localhost".into(), port: 8883 });
    let job = publish(&split("-L mqtt://u:p@h/a/b -m x")).unwrap();
    assert_eq!((job.topic.as_str(), job.connection.username.as_deref()), ("a/b", Some("u")));
    let job = subscribe(&split("-t x -L mqtt://h/a/#")).unwrap();
    assert_eq!(job.filters, ["x", "a/#"]);
}

#[test]
fn what_turns_tls_on_and_which_port_it_means() {
    let connection = |line: &str| publish(&split(&format!("-t a -m x {line}"))).unwrap().connection;
    let port = |line: &str| match connection(line).target {
        Target::Tcp { port, .. } => port,
        Target::Unix(_) => 0,
    };
    for (line, wanted, is_tls) in [
        ("", 1883, false),
        ("--cafile x", 8883, true),
        ("--capath x -p 1", 1, true),
        ("--psk 00 --psk-identity me", 8883, true),
        ("--tls-use-os-certs", 1883, true),
        ("-p 8883", 8883, true),
        ("-p 8883 --no-tls", 8883, false),
        ("--cafile x --no-tls", 8883, false),
        ("--cert x --key y", 1883, false),
        ("-L mqtts://h/t", 8883, true),
        ("-L mqtts://h:1/t", 1, true),
    ] {
        assert_eq!((port(line), connection(line).tls.is_some()), (wanted, is_tls), "{line}");
    }
    assert!(connection("-p 8883").tls.unwrap().os_certificates);
    assert!(!connection("-p 8883 --cafile x").tls.unwrap().os_certificates);
    assert_eq!(connection("--insecure").warnings.len(), 1);
    assert_eq!(connection("--insecure --no-tls").warnings.len(), 0);
    let tls = connection("--cafile x --ciphers c --tls-version tlsv1.3").tls.unwrap();
    assert_eq!((tls.ciphers, tls.ciphersuites.as_deref()), (None, Some("c")));
}

#[test]
fn a_prefix_gets_the_process_id() {
    let job = publish(&split("-t a -m b -I pre-")).unwrap();
    assert_eq!(job.connection.client_id.as_deref(), Some("pre-4242"));
}

#[test]
fn the_environment_stands_in_for_flags() {
    let variables = [
        ("MQTT_HOST", "broker"),
        ("MQTT_PORT", "1999"),
        ("MQTT_USERNAME", "name"),
        ("MQTT_PASSWORD", "secret"),
        ("MQTT_URL", "mqtt://other:7"),
    ];
    let run = |line: &str| {
        let line = words("mqtt-pub", &split(line));
        within(&variables, &[], |from| publish_job(&line, from)).unwrap().connection
    };
    let connection = run("-t a -m b");
    assert_eq!(connection.target, Target::Tcp { host: "broker".into(), port: 1999 });
    assert_eq!(connection.username.as_deref(), Some("name"));
    assert_eq!(connection.password.as_deref().map(Vec::as_slice), Some(&b"secret"[..]));
    assert_eq!(run("-t a -m b -h h -p 5").target, Target::Tcp { host: "h".into(), port: 5 });
    assert_eq!(run("-m b -L mqtt://h/t").target, Target::Tcp { host: "h".into(), port: 1883 });
    assert_eq!(run("-t a -m b --unix /s").target, Target::Unix("/s".into()));
    assert_eq!(run("-t a -m b -u x -P y").username.as_deref(), Some("x"));
}

#[test]
fn a_url_in_the_environment() {
    let variables = [("MQTT_URL", "mqtt://u:p@[::1]:1999/default/topic")];
    let run = |line: &str| {
        let line = words("mqtt-pub", &split(line));
        within(&variables, &[], |from| publish_job(&line, from)).unwrap()
    };
    let job = run("-m b");
    assert_eq!(job.topic, "default/topic");
    assert_eq!(job.connection.target, Target::Tcp { host: "::1".into(), port: 1999 });
    assert_eq!(job.connection.username.as_deref(), Some("u"));
    assert_eq!(job.connection.password.as_deref().map(Vec::as_slice), Some(&b"p"[..]));
    assert_eq!(run("-m b -t own").topic, "own");
    assert!(run("-m b -u me -V 5").connection.password.is_none());
}

#[test]
fn bad_variables_are_named() {
    for (name, value) in [("MQTT_PORT", "0"), ("MQTT_PORT", "x"), ("MQTT_URL", "http://h")] {
        let line = words("mqtt-pub", &["-t", "a", "-m", "b"]);
        let stop = within(&[(name, value)], &[], |from| publish_job(&line, from)).unwrap_err();
        assert!(
            stop.stderr.starts_with(&format!("Error: Invalid {name} in the environment")),
            "{}",
            stop.stderr
        );
    }
}

#[test]
fn passwords_from_elsewhere() {
    let run = |line: &str| {
        let line = words("mqtt-pub", &split(&format!("-t a -m b -u u {line}")));
        within(&[("SECRET", "from env")], &[("/pw", "from file\r\nnot this\n")], |from| {
            publish_job(&line, from)
        })
        .map(|job| job.connection.password.unwrap().to_vec())
    };
    assert_eq!(run("--pw-file /pw").unwrap(), b"from file");
    assert_eq!(run("--pw-env SECRET").unwrap(), b"from env");
    assert_eq!(run("--pw-env SECRET -P last").unwrap(), b"last");
    let stop = run("--pw-file /none").unwrap_err();
    assert_eq!(stop.stderr, "Error: Unable to read password file \"/none\": entity not found.\n");
    assert_eq!(
        run("--pw-env NONE").unwrap_err().stderr,
        "Error: The variable NONE of --pw-env is not set.\n"
    );
}

#[test]
fn options_files() {
    let files = [
        ("/home/.config/mosquitto_pub", "# mine\n-h file\n-q 1\n-t from/file\n"),
        ("/given", "-h given\n"),
        ("/xdg/mqtt-pub", "-h xdg\n"),
        ("/xdg/mosquitto_pub", "-h not-this\n"),
        ("/message", "-m x\n"),
        ("/bad", "-r\n\n-q 7\n"),
    ];
    let run = |variables: &[(&str, &str)], line: &str| {
        let line = words("mqtt-pub", &split(line));
        within(variables, &files, |from| publish_job(&line, from))
    };
    let host = |job: PublishJob| match job.connection.target {
        Target::Tcp { host, .. } => host,
        Target::Unix(_) => String::new(),
    };
    let home = [("HOME", "/home")];
    let job = run(&home, "-m x").unwrap();
    assert_eq!((job.topic.as_str(), job.qos), ("from/file", QoS::AtLeastOnce));
    assert_eq!(host(job), "file");
    assert_eq!(host(run(&home, "-m x -h argument").unwrap()), "argument");
    assert_eq!(host(run(&home, "-m x -t a -o /given").unwrap()), "given");
    assert_eq!(host(run(&[("HOME", "/home"), ("XDG_CONFIG_HOME", "/xdg")], "-m x -t a").unwrap()), "xdg");
    let stop = run(&[], "-o /message -m y -t a").unwrap_err();
    assert!(stop.stderr.starts_with("Error: Only one type of message can be sent at once.\n"));
    let stop = run(&[], "-m x -o /bad").unwrap_err();
    let expected = "Error: Invalid QoS given: 7\nFound in /bad:3\n\nUse 'mqtt-pub --help' to see usage.\n";
    assert_eq!(stop.stderr, expected);
    let stop = run(&[], "-m x -o /none").unwrap_err();
    assert_eq!(stop.stderr, "Error: Unable to read options file \"/none\": entity not found.\n");
}

#[test]
fn secrets_do_not_show() {
    let job = publish(&split("-t a -m b -u u -P hidden-secret")).unwrap();
    assert!(!format!("{job:?}").contains("hidden-secret"));
}

/// A token of a command line: mostly one that means something.
fn token() -> impl Strategy<Value = OsString> {
    use std::os::unix::ffi::OsStringExt;
    let known: Vec<OsString> = [Program::Publish, Program::Subscribe, Program::Request]
        .into_iter()
        .flat_map(Program::flags)
        .flat_map(|flag| {
            let short = flag.arg.get_short().map(|name| format!("-{name}"));
            short.into_iter().chain(flag.arg.get_long().map(|name| format!("--{name}")))
        })
        .map(OsString::from)
        .collect();
    prop_oneof![
        4 => prop::sample::select(known),
        2 => "[-+0-9.e]{0,25}".prop_map(OsString::from),
        1 => "(mqtt|ws)://[a-z@:/0-9\\[\\]]{0,12}".prop_map(OsString::from),
        1 => prop::collection::vec(any::<u8>(), 0..12).prop_map(OsString::from_vec),
    ]
}

proptest! {
    /// Whatever the command line, options file and environment: a job or a complaint, never a panic.
    #[test]
    fn any_command_line_is_a_job_or_a_complaint(
        line in prop::collection::vec(token(), 0..12),
        file in prop::collection::vec(any::<u8>(), 0..64),
        value in token(),
    ) {
        let line: Vec<OsString> = std::iter::once(OsString::from("mqtt-pub")).chain(line).collect();
        let from = Surroundings {
            variable: &|_| Some(value.clone()),
            read_file: &|_| Ok(file.clone()),
            ask: &|_| Ok(Zeroizing::new(file.clone())),
            random: String::new(),
            process_id: 1,
        };
        for stop in [
            publish_job(&line, &from).err(),
            subscribe_job(&line, &from).err(),
            request_job(&line, &from).err(),
        ].into_iter().flatten() {
            prop_assert_eq!(stop.exit_code, 1);
            prop_assert!(!stop.stdout.is_empty() || stop.stderr.starts_with("Error: "));
        }
    }
}
