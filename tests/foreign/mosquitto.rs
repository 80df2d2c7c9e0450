//! Debian's mosquitto_pub, mosquitto_sub and mosquitto_rr.

use std::path::PathBuf;

use super::harness::{Broker, Outcome, Running, feed, foreign, run};

const VERSIONS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

/// The programs at one broker.
pub struct Clients<'b> {
    publish: PathBuf,
    subscribe: PathBuf,
    request: PathBuf,
    broker: &'b Broker,
}

impl<'b> Clients<'b> {
    pub fn of(broker: &'b Broker) -> Option<Self> {
        let [publish, subscribe, request] = ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"].map(foreign);
        Some(Clients { publish: publish?, subscribe: subscribe?, request: request?, broker })
    }

    fn with_port<'a>(port: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["-h", "127.0.0.1", "-p", port][..], arguments].concat()
    }

    /// mosquitto_pub to its end, which must be a good one.
    pub fn publish(&self, arguments: &[&str]) {
        self.feed(arguments, b"");
    }

    /// The same with something on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) {
        let ended = feed(&self.publish, &Self::with_port(&self.broker.port.to_string(), arguments), input);
        assert_eq!((ended.code, &*ended.stderr), (0, ""), "{arguments:?}");
    }

    /// mosquitto_sub to its end.
    pub fn subscribe(&self, arguments: &[&str]) -> Outcome {
        run(&self.subscribe, &Self::with_port(&self.broker.port.to_string(), arguments))
    }

    /// mosquitto_sub with this ClientId, subscribed.
    pub fn subscriber(&self, client: &str, filter: &str, arguments: &[&str]) -> Running {
        let arguments = [&["-i", client, "-t", filter][..], arguments].concat();
        let running =
            Running::start(&self.subscribe, &Self::with_port(&self.broker.port.to_string(), &arguments));
        self.broker.wait_for_subscription(client, filter);
        running
    }

    fn request(&self, arguments: &[&str]) -> Outcome {
        run(&self.request, &Self::with_port(&self.broker.port.to_string(), arguments))
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_version_and_qos_reaches_every_version_once() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let subscribers = VERSIONS.map(|version| {
        clients.subscriber(
            &format!("to-{version}"),
            "from/#",
            &["-q", "2", "-C", "9", "-F", "%t %q %l %p", "-V", version],
        )
    });
    let mut expected = Vec::new();
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let topic = format!("from/{version}");
            let payload = format!("häi {qos}");
            clients.publish(&["-t", &topic, "-m", &payload, "-q", qos, "-V", version]);
            expected.push(format!("{topic} {qos} 6 {payload}"));
        }
    }
    expected.sort_unstable();
    for subscriber in subscribers {
        let ended = subscriber.wait();
        assert_eq!((ended.code, sorted(&ended.stdout)), (0, expected.iter().map(|l| &**l).collect()));
    }
}

#[test]
fn a_subscription_lowers_the_qos() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    for granted in ["0", "1", "2"] {
        let subscriber = clients.subscriber(
            &format!("sub{granted}"),
            &format!("low{granted}"),
            &["-q", granted, "-C", "3", "-F", "%q%p"],
        );
        for qos in ["0", "1", "2"] {
            clients.publish(&["-t", &format!("low{granted}"), "-m", qos, "-q", qos]);
        }
        let expected = [0, 1, 2].map(|qos: u8| format!("{}{qos}", qos.min(granted.parse().unwrap())));
        assert_eq!(sorted(&subscriber.wait().stdout), expected, "granted {granted}");
    }
}

#[test]
fn retained_messages_wait_and_are_cleared() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    for version in VERSIONS {
        let topics = ["a", "b"].map(|name| format!("kept/{version}/{name}"));
        for topic in &topics {
            clients.publish(&["-t", topic, "-m", "first", "-r", "-q", "1", "-V", version]);
            clients.publish(&["-t", topic, "-m", "last", "-r", "-q", "2", "-V", version]);
        }
        let filter = format!("kept/{version}/+");
        let seen = clients.subscribe(&[
            "-t",
            &filter,
            "-C",
            "2",
            "-q",
            "1",
            "-V",
            version,
            "-F",
            "%t %r %q %p",
            "-W",
            "30",
        ]);
        let expected = topics.each_ref().map(|topic| format!("{topic} 1 1 last"));
        assert_eq!((seen.code, sorted(&seen.stdout)), (0, expected.iter().map(|l| &**l).collect()));
        clients.publish(&["-t", &topics[0], "-n", "-r", "-q", "1", "-V", version]);
        // What isn't retained any more would have come with it.
        let subscriber = clients.subscriber(
            &format!("s-{version}"),
            &filter,
            &["-C", "2", "-F", "%t %r %p", "-V", version],
        );
        clients.publish(&["-t", &topics[0], "-m", "new", "-q", "1", "-V", version]);
        assert_eq!(subscriber.wait().stdout, format!("{} 1 last\n{} 0 new\n", topics[1], topics[0]));
    }
    let only = clients.subscribe(&["-t", "kept/#", "--retained-only", "-C", "3", "-W", "30", "-v"]);
    assert_eq!(sorted(&only.stdout), ["kept/mqttv31/b last", "kept/mqttv311/b last", "kept/mqttv5/b last"]);
}

#[test]
fn a_killed_client_leaves_its_will_and_one_that_says_goodbye_none() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let heir = clients.subscriber("heir", "will/#", &["-C", "4", "-F", "%t %q %p", "-q", "2"]);
    for version in VERSIONS {
        let topic = format!("will/{version}");
        let will = ["-V", version, "--will-topic", &topic, "--will-payload", "gone", "--will-qos", "1"];
        let polite =
            clients.subscriber(&format!("polite-{version}"), "x", &[&will[..], &["-C", "1"]].concat());
        clients.publish(&["-t", "x", "-m", "go"]);
        assert_eq!(polite.wait().code, 0);
        let killed = clients.subscriber(&format!("killed-{version}"), "y", &will);
        killed.signal("-KILL");
        broker.wait_for_end_of(&format!("killed-{version}"));
    }
    clients.publish(&["-t", "will/none", "-m", "end", "-q", "1"]);
    let seen = heir.wait().stdout;
    assert_eq!(seen, "will/mqttv31 1 gone\nwill/mqttv311 1 gone\nwill/mqttv5 1 gone\nwill/none 1 end\n");
}

#[test]
fn a_session_keeps_messages_while_its_client_is_away() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    for version in VERSIONS {
        let (client, topic) = (format!("away-{version}"), format!("away/{version}"));
        let keep = ["-c", "-q", "2", "-V", version, "-F", "%q %p"];
        let first = clients.subscriber(&client, &topic, &[&keep[..], &["-C", "1"]].concat());
        clients.publish(&["-t", &topic, "-m", "here", "-q", "2"]);
        assert_eq!(first.wait().stdout, "2 here\n");
        broker.wait_for_end_of(&client);
        for n in ["1", "2", "3", "4", "5", "6"] {
            let qos = if n.parse::<u8>().unwrap() % 2 == 0 { "2" } else { "1" };
            clients.publish(&["-t", &topic, "-m", n, "-q", qos]);
        }
        clients.publish(&["-t", &topic, "-m", "QoS 0 is not kept"]);
        let count = ["-i", &client, "-t", &topic, "-C", "6", "-W", "30"];
        let second = clients.subscribe(&[&keep[..], &count].concat());
        // A message of QoS 2 is shown when its four packets are through, which one of QoS 1 overtakes.
        let of = |qos: &str| second.stdout.lines().filter(|line| line.starts_with(qos)).collect::<Vec<_>>();
        assert_eq!(of("1"), ["1 1", "1 3", "1 5"], "{version}");
        assert_eq!(of("2"), ["2 2", "2 4", "2 6"], "{version}");
        // With a clean session nothing is left of it.
        clients.publish(&["-t", &topic, "-m", "late", "-q", "1", "-r"]);
        let third =
            clients.subscribe(&["-i", &client, "-t", &topic, "-C", "1", "-F", "%r %p", "-V", version]);
        assert_eq!(third.stdout, "1 late\n");
    }
}

#[test]
fn wildcards_and_topics_that_start_with_a_dollar() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let one = clients.subscriber("one", "+/b/+", &["-C", "3", "-v"]);
    let many = clients.subscriber("many", "a/#", &["-C", "4", "-v"]);
    let all = clients.subscriber("all", "#", &["-C", "6", "-v"]);
    let dollar = clients.subscriber("dollar", "$mine/#", &["-C", "1", "-v"]);
    for topic in ["$mine/b/c", "a/b/c", "a", "a/b", "x/b/y", "a/b/c/d", "/b/"] {
        clients.publish(&["-t", topic, "-m", "m", "-q", "1"]);
    }
    assert_eq!(one.wait().stdout, "a/b/c m\nx/b/y m\n/b/ m\n");
    assert_eq!(many.wait().stdout, "a/b/c m\na m\na/b m\na/b/c/d m\n");
    assert_eq!(all.wait().stdout, "a/b/c m\na m\na/b m\nx/b/y m\na/b/c/d m\n/b/ m\n");
    assert_eq!(dollar.wait().stdout, "$mine/b/c m\n");
}

#[test]
fn a_shared_subscription_gives_each_message_to_one() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let group = ["mqttv31", "mqttv311", "mqttv5"]
        .map(|version| clients.subscriber(version, "$share/crew/work/+", &["-q", "1", "-V", version]));
    let watcher = clients.subscriber("watcher", "work/#", &["-q", "1", "-C", "60"]);
    let numbers: String = (0..60).map(|n| format!("{n:02}\n")).collect();
    clients.feed(&["-t", "work/a", "-l", "-q", "1"], numbers.as_bytes());
    assert_eq!(watcher.wait().stdout, numbers);
    let lines = |running: &Running| running.out.text();
    super::harness::eventually("60 jobs taken", || {
        group.iter().map(|member| lines(member).lines().count()).sum::<usize>() >= 60
    });
    let all: String = group.iter().map(lines).collect();
    assert_eq!(sorted(&all), sorted(&numbers));
    assert!(group.iter().all(|member| lines(member).lines().count() >= 10), "shared unfairly");
}

#[test]
fn a_message_of_a_megabyte_arrives_whole() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = broker.path("large");
    std::fs::write(&file, &bytes).unwrap();
    let file = file.to_string_lossy();
    for (qos, version) in ["0", "1", "2"].into_iter().zip(VERSIONS) {
        let subscriber = clients.subscriber(
            &format!("large{qos}"),
            &format!("large{qos}"),
            &["-q", qos, "-C", "1", "-N", "-V", version],
        );
        clients.publish(&["-t", &format!("large{qos}"), "-f", &file, "-q", qos, "-V", version]);
        let printed = subscriber.out.clone();
        assert_eq!(subscriber.wait().code, 0);
        assert!(printed.bytes() == bytes, "QoS {qos}: {} bytes, or others", printed.bytes().len());
    }
}

#[test]
fn waiting_in_vain_ends_with_27() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let ended = clients.subscribe(&["-t", "silence", "-W", "1"]);
    assert_eq!((ended.code, &*ended.stdout), (27, ""));
}

#[test]
fn a_request_gets_its_response() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    for version in ["mqttv311", "mqttv5"] {
        let topic = format!("ask/{version}");
        // %R is the Response Topic of 5.0; before, both sides have to know it.
        let responder = clients.subscriber(
            &format!("responder-{version}"),
            &topic,
            &["-V", version, "-C", "1", "-F", "%R %p"],
        );
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| {
                clients.request(&["-t", &topic, "-e", "answers", "-m", "why?", "-V", version, "-W", "30"])
            });
            let asked = responder.wait().stdout;
            let to = if version == "mqttv5" { "answers" } else { "" };
            assert_eq!(asked, format!("{to} why?\n"));
            clients.publish(&["-t", "answers", "-m", "because", "-V", version]);
            let ended = answer.join().unwrap();
            assert_eq!((ended.code, &*ended.stdout), (0, "because\n"), "{}", ended.stderr);
        });
    }
}

#[test]
fn properties_of_5_0_pass_through() {
    let broker = Broker::ours();
    let Some(clients) = Clients::of(&broker) else { return };
    let format = "%A|%C|%D|%E|%F|%P|%R|%S|%p";
    let subscriber = clients.subscriber("props", "props", &["-V", "5", "-C", "1", "-F", format]);
    let properties = [
        "-D publish content-type text/plain",
        "-D publish correlation-data c-1",
        "-D publish message-expiry-interval 3600",
        "-D publish payload-format-indicator 1",
        "-D publish response-topic to/me",
        "-D publish user-property first one",
        "-D publish user-property second two",
    ];
    let words: Vec<&str> = properties.iter().flat_map(|line| line.split(' ')).collect();
    clients.publish(&[&["-V", "5", "-t", "props", "-m", "body"][..], &words].concat());
    let seen = subscriber.wait().stdout;
    let fields: Vec<&str> = seen.trim_end().split('|').collect();
    assert_eq!(fields[1..3], ["text/plain", "c-1"], "{seen}");
    assert!((3000..=3600).contains(&fields[3].parse().unwrap()), "{seen}");
    assert_eq!(fields[4..], ["1", "first:one second:two", "to/me", "", "body"], "{seen}");
}

#[test]
fn over_a_unix_socket() {
    let broker = Broker::with_listeners("allow_anonymous true\nlistener 0 {dir}/broker.sock\n");
    let [Some(publish), Some(subscribe)] = ["mosquitto_pub", "mosquitto_sub"].map(foreign) else { return };
    let socket = broker.path("broker.sock");
    let socket = socket.to_str().unwrap();
    for version in VERSIONS {
        let (client, filter) = (format!("unix-{version}"), format!("unix/{version}"));
        let arguments =
            ["--unix", socket, "-i", &client, "-t", &filter, "-C", "2", "-q", "2", "-V", version, "-v"];
        let subscriber = Running::start(&subscribe, &arguments);
        broker.wait_for_subscription(&client, &filter);
        for qos in ["1", "2"] {
            let sent = run(&publish, &["--unix", socket, "-t", &filter, "-m", qos, "-q", qos, "-V", version]);
            assert_eq!((sent.code, &*sent.stderr), (0, ""));
        }
        assert_eq!(subscriber.wait().stdout, format!("{filter} 1\n{filter} 2\n"));
    }
}
