//! The grammar of the command line, and its messages.

use super::*;

fn steps(line: &str) -> Vec<BrokerStep> {
    let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
    broker_steps(&arguments)
}

fn complaint(line: &str) -> (String, bool) {
    match steps(line).pop() {
        Some(BrokerStep::Wrong { message, usage }) => (message, usage),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn options_in_their_order() {
    use BrokerStep::*;
    assert_eq!(
        steps("-c a -p 1 -v --port 2 -q -d"),
        [Configuration("a".into()), Port(1), Verbose, Port(2), Quiet, Daemon]
    );
    assert_eq!(steps("--config-file -d --daemon"), [Configuration("-d".into()), Daemon]);
    assert_eq!(steps("--test-config --print-address -p 0"), [TestConfig, PrintAddress, Port(0)]);
    assert_eq!(steps("-h -x"), [Help], "nothing is read behind it");
    assert_eq!(steps("--version -x"), [Version]);
    assert_eq!(steps(""), []);
}

#[test]
fn mistakes_in_mosquittos_words() {
    for (line, message) in [
        ("-c", "Error: -c argument given, but no config file specified."),
        ("--config-file", "Error: -c argument given, but no config file specified."),
        ("-p", "Error: -p argument given, but no port specified."),
        ("-p x", "Error: Invalid port specified (0)."),
        ("-p 65536", "Error: Invalid port specified (65536)."),
        ("-p -1", "Error: Invalid port specified (-1)."),
        ("--tls-keylog", "Error: --tls-keylog argument given, but no file specified."),
        ("--exec", "Error: --exec argument given, but no command specified."),
        ("--exec --", "Error: --exec argument given, but no command specified."),
        (
            "-p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1 -p 1",
            "Error: Only 10 ports can be specified on the command line.",
        ),
    ] {
        assert_eq!(complaint(line), (message.to_owned(), false), "{line}");
    }
    for option in ["-x", "-dv", "-p1883", "--port=1", "--", "file", "-", "--conf", "é"] {
        let (message, usage) = complaint(option);
        assert!(message.starts_with(&format!("Error: Unknown option '{option}'.")) && usage, "{message}");
    }
    assert!(complaint("--test-conf").0.ends_with(" Did you mean '--test-config'?"));
}

#[test]
fn commands_to_run() {
    use BrokerStep::*;
    let command = |line: &str| Exec(line.split_whitespace().map(Into::into).collect());
    assert_eq!(steps("-v --exec -- sh -c -p"), [Verbose, command("sh -c -p")]);
    assert_eq!(steps("--exec true"), [command("true")]);
    assert_eq!(steps("--exec -- -- x"), [command("-- x")]);
}

#[test]
fn health() {
    use BrokerStep::*;
    assert_eq!(steps("--health -v"), [Health(None), Verbose]);
    assert_eq!(steps("--health mqtt://h -v"), [Health(Some("mqtt://h".into())), Verbose]);
}

/// A target under these variables: host, port, user and password.
fn target(given: Option<&str>, variables: &[(&str, &str)]) -> Result<String, String> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    let surroundings = Surroundings {
        variable: &variable,
        read_file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        ask: &|_| Err(std::io::ErrorKind::Unsupported.into()),
        random: String::new(),
        process_id: 1,
    };
    health_target(given.map(OsStr::new), &surroundings).map(|target| {
        let password = target.password.as_ref().map(|password| password.as_str());
        format!("{} {} {:?} {:?}", target.host, target.port, target.username.as_deref(), password)
    })
}

#[test]
fn the_broker_that_health_is_about() {
    let good = |given, variables: &[(&str, &str)]| target(given, variables).unwrap();
    assert_eq!(good(None, &[]), "localhost 1883 None None");
    assert_eq!(good(Some("mqtt://u:p@h:7"), &[("MQTT_HOST", "x")]), "h 7 Some(\"u\") Some(\"p\")");
    assert_eq!(good(None, &[("MQTT_URL", "mqtt://h:7")]), "h 7 None None");
    assert_eq!(good(None, &[("MQTT_URL", "mqtt://h:7"), ("MQTT_PORT", "8")]), "h 8 None None");
    let user = [("MQTT_HOST", "h"), ("MQTT_USERNAME", "u"), ("MQTT_PASSWORD", "p")];
    assert_eq!(good(None, &user), "h 1883 Some(\"u\") Some(\"p\")");
    assert!(target(Some("h:7"), &[]).unwrap_err().contains("--health"));
    assert!(target(Some("mqtts://h"), &[]).is_err());
    assert!(target(None, &[("MQTT_PORT", "x")]).unwrap_err().contains("MQTT_PORT"));
    assert!(target(Some("mqtt://h:0"), &[]).is_err());
}

#[test]
fn names_and_texts() {
    let own = BrokerName::called(Some(OsStr::new("/usr/bin/mqtt-broker")));
    assert_eq!((own.name, own.version), ("mqtt-broker", env!("CARGO_PKG_VERSION")));
    let link = BrokerName::called(Some(OsStr::new("/usr/sbin/mosquitto")));
    assert_eq!((link.name, link.version), ("mosquitto", "2.1.2"));
    let usage = link.usage();
    assert!(
        usage.starts_with("mosquitto version 2.1.2\n\nmosquitto is an MQTT v5.0/v3.1.1/v3.1 broker.\n\n")
    );
    assert!(usage.contains("\nUsage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n"));
    for flag in FLAGS {
        assert!(usage.contains(&format!("--{}", flag.long)) && usage.contains(flag.help), "{}", flag.long);
    }
    command().debug_assert();
}

#[test]
fn the_usage_line_names_every_flag() {
    let usage = BrokerName::called(None).usage();
    let (_, rest) = usage.split_once("Usage:").unwrap();
    let (line, _) = rest.split_once("\n\n").unwrap();
    for flag in FLAGS {
        let long = format!("[--{}", flag.long);
        let named =
            flag.short.is_some_and(|short| line.contains(&format!("[-{short}"))) || line.contains(&long);
        assert!(named, "--{} is not in{line}", flag.long);
    }
}
