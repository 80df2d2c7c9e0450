//! The manual of mqtt-broker.

use super::Manual;

pub(super) static BROKER: Manual = Manual {
    section: "8",
    about: "MQTT broker",
    usage: &[
        "NAME [-c FILE] [-p PORT]... [-d] [-q | -v] [--print-address]",
        "NAME -c FILE --test-config",
        "NAME [-c FILE] --exec -- COMMAND [ARG...]",
        "NAME --health [URL]",
        "NAME -c FILE --import FILE",
        "NAME --dump PATH",
    ],
    description: &[
        "A broker for MQTT 3.1, 3.1.1 and 5.0 that reads mosquitto's configuration files and logs in its words. Without \
         a configuration it listens on port 1883 of this machine only, and lets everybody in.",
        "With --exec it starts on a free port, runs a command with MQTT_HOST, MQTT_PORT and MQTT_URL set, ends when \
         that ends, and exits with its exit code: for tests and CI.",
        "Called through a link named mosquitto it also calls itself so.",
    ],
    tables: &[(
        "SIGNALS",
        &[
            (
                "SIGHUP",
                "Reopen the log and read the configuration and its files anew; one with a mistake changes nothing.",
            ),
            ("SIGTERM, SIGINT", "End in order."),
            ("SIGUSR1", "Force what is stored to the disk."),
            ("SIGUSR2", "Log the subscriptions and what the broker holds."),
            ("SIGRTMIN", "Reopen the log only."),
        ],
    )],
    exit_status: &[
        (
            "0",
            "Ended by SIGINT or SIGTERM; --help, --version; the configuration is fine; the broker is healthy.",
        ),
        (
            "1",
            "It can't listen, or what it has to keep can't be saved; with --health: the broker isn't well.",
        ),
        ("3", "Wrong options or a wrong configuration."),
        ("13", "A password, ACL or PSK file or a plugin can't be used."),
        ("14", "A call of the system failed, such as writing the pid file."),
        ("any", "With --exec: the exit code of the command."),
    ],
    environment: &[
        ("MQTT_URL", "The broker that --health is about, mqtt://[USER[:PASSWORD]@]HOST[:PORT]."),
        ("MQTT_HOST, MQTT_PORT", "Its address, before that of MQTT_URL."),
        ("MQTT_USERNAME, MQTT_PASSWORD", "User Name and Password for --health."),
    ],
    files: &[],
    examples: &[
        ("Start a broker for this machine:", "mqtt-broker"),
        (
            "Check a configuration, then run with it:",
            "mqtt-broker -c mosquitto.conf --test-config && mqtt-broker -c mosquitto.conf",
        ),
        (
            "A broker, a publisher and a subscriber in one go:",
            "mqtt-broker --exec -- sh -c 'mqtt-sub -t a -C 1 & mqtt-pub -t a -m hi -r; wait'",
        ),
        (
            "A broker for a CI job: it says its port in a file, and is gone after ten minutes at the latest:",
            "mqtt-broker -p 0 --port-file port --max-time 600 -d && mqtt-pub -p \"$(cat port)\" -t a -m hi",
        ),
        ("Is the broker well?", "mqtt-broker --health mqtt://localhost"),
    ],
    see_also: &[("mqtt-broker.conf", "5"), ("mqtt-pub", "1"), ("mqtt-sub", "1"), ("mqtt-passwd", "1")],
};
