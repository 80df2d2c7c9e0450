//! The manual of mqtt-passwd.

use super::Manual;

pub(super) static PASSWD: Manual = Manual {
    section: "1",
    about: "Manage password files of MQTT brokers",
    usage: &[
        "NAME [-H hash] [-I n] [--salt-2.0] [-c | -D] passwordfile username",
        "NAME [-H hash] [-I n] [--salt-2.0] [-c] -b passwordfile username password",
        "NAME [-H hash] [-I n] [--salt-2.0] -U passwordfile",
        "NAME verify passwordfile username",
        "NAME list [--json] passwordfile",
        "NAME check passwordfile",
    ],
    description: &[
        "Adds users to a password file of mqtt-broker or mosquitto, changes their passwords and deletes users. The \
         file is locked meanwhile and replaced in one step: its owner, mode, access control list, comments and other lines stay.",
        "The program takes the options of mosquitto_passwd and answers in its words; called through a link of that \
         name it also calls itself so.",
    ],
    tables: &[],
    exit_status: &[
        ("0", "Done."),
        (
            "1",
            "Wrong arguments, an unreadable file or an unknown user; with verify another password; with check \
               something was found.",
        ),
        ("2", "The two passwords entered differ."),
    ],
    environment: &[],
    files: &[],
    examples: &[
        (
            "Make a password file with a user, asking for the password:",
            "mqtt-passwd -c /etc/mosquitto/passwd alice",
        ),
        ("Add a user from a script:", "mqtt-passwd -b /etc/mosquitto/passwd bob secret"),
        (
            "See who is in it, and how well their passwords are hashed:",
            "mqtt-passwd list /etc/mosquitto/passwd",
        ),
    ],
    see_also: &[("mqtt-broker", "8"), ("mqtt-pub", "1")],
};
