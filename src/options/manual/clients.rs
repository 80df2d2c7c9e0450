//! The manuals of the client programs.

use super::{Manual, Meaning, Program};

/// The manual of a client program.
pub(in crate::options) fn of(program: Program) -> &'static Manual {
    match program {
        Program::Publish => &PUBLISH,
        Program::Subscribe => &SUBSCRIBE,
        Program::Request => &REQUEST,
        Program::Control => &CONTROL,
    }
}

/// Variables all clients obey.
const ENVIRONMENT: &[Meaning] = &[
    ("MQTT_HOST", "Host name or address of the broker, where no flag gives one."),
    ("MQTT_PORT", "Port of the broker, where no flag gives one."),
    ("MQTT_USERNAME", "User Name, where no flag gives one."),
    ("MQTT_PASSWORD", "Password, where no flag gives one; not seen in the list of processes."),
    ("MQTT_URL", "mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], for what none of these gives."),
    ("XDG_CONFIG_HOME", "Directory of the default options file. Default: $HOME/.config."),
];

/// How options files are read.
const OPTIONS_FILE: &str = "Options that are read before the command line; the first of the two that exists, unless \
     -o names another. A line holds one option and, behind a space, its value, which is taken as it stands, without \
     quotes. Lines that start with # and empty lines are skipped. The command line overrides the file; topics of \
     options that may be repeated add up.";

/// What `-F` takes.
const FORMAT: (&str, &[Meaning]) = (
    "FORMAT",
    &[
        (
            "%[-][0][WIDTH][.PRECISION][SEPARATOR]LETTER",
            "Something of the message. It is padded to WIDTH in front, with - behind; with 0 numbers, hexadecimal and \
             payloads are padded with zeros. PRECISION is the most bytes of a text, the decimals of a float, or the \
             digits of a group in hexadecimal, where SEPARATOR, a space if there is none, stands between groups.",
        ),
        ("%t %p %l", "Topic; payload, which WIDTH also cuts; length of the payload in bytes."),
        ("%x %X", "The payload in hexadecimal, lower or upper case; of at most WIDTH bytes."),
        ("%f %d", "The payload as a float of 4 bytes, or of 8, in the byte order of this machine."),
        ("%q %r %m", "QoS; 1 for a retained message, else 0; Packet Identifier, 0 at QoS 0."),
        ("%j %J", "All of the message as a JSON object, the payload as a string, or as the JSON that it is."),
        (
            "%A %C %D %E %F %P %R %S",
            "Properties of MQTT 5: topic-alias, content-type, correlation-data, message-expiry-interval, \
             payload-format-indicator, user-property as name:value, response-topic, subscription-identifier. WIDTH is \
             kept to where one is absent, but for %D, %P and %R.",
        ),
        ("%I %U", "Local time as in 2026-11-24T00:17:49+0000; seconds since 1970 with nine decimals."),
        ("@LETTER", "What strftime(3) makes of %LETTER; @N is the nanoseconds."),
        ("\\\\ \\0 \\a \\e \\n \\r \\t \\v", "The character that C has for it; \\e is ESC."),
        ("%% @@", "% and @."),
    ],
);

/// What `-D` takes.
const PROPERTIES: (&str, &[Meaning]) = (
    "PROPERTIES",
    &[
        (
            "connect",
            "authentication-data, authentication-method, maximum-packet-size, receive-maximum, \
             request-problem-information, request-response-information, session-expiry-interval, topic-alias-maximum, \
             user-property",
        ),
        (
            "publish",
            "content-type, correlation-data, message-expiry-interval, payload-format-indicator, response-topic (not for \
             mqtt-rr, which sets it), topic-alias, user-property",
        ),
        (
            "will",
            "content-type, correlation-data, message-expiry-interval, payload-format-indicator, response-topic, \
             will-delay-interval, user-property",
        ),
        ("subscribe", "subscription-identifier, user-property"),
        ("unsubscribe", "user-property"),
        ("disconnect", "reason-string, server-reference, session-expiry-interval, user-property"),
    ],
);

const REFUSED: Meaning = (
    "1-5, 128-162",
    "The broker refused the connection: its return code (MQTT 3.x) or Reason Code (MQTT 5), such as 5 or 135 not authorized.",
);
const STRICT: Meaning = (
    "41-46",
    "With --strict, where the code would be 0: 41 the broker refused a message (MQTT 5); 42 it refused every \
     subscription, 43 some of them; 44 mqtt-sub ended before the count of -C was reached; 45 the connection was lost \
     and messages may be lost with it (mqtt-pub -l at QoS 0; mqtt-sub without -c or at QoS 0), instead of \
     reconnecting; 46 a command of --exec or --exec-after-sub failed. mosquitto uses none of these.",
);
const PROTOCOL: Meaning = ("2", "The broker sent what it must not.");
const UNDER_WAY: Meaning = ("13, 14", "The WebSocket was refused; the TLS handshake failed.");
const FAILED: Meaning = ("1", "Wrong arguments, --help, --version, unreadable input, or no connection.");

static PUBLISH: Manual = Manual {
    section: "1",
    about: "Publish messages to an MQTT broker",
    usage: &[
        "NAME [-h HOST] [-p PORT] -t TOPIC {-m MESSAGE | -f FILE | -l | -s | -n} [OPTIONS]",
        "NAME -L URL {-m MESSAGE | -f FILE | -l | -s | -n} [OPTIONS]",
    ],
    description: &[
        "Connects to an MQTT broker, publishes a message, or each line of standard input, to one topic, waits until \
         the broker has acknowledged what its QoS says, and ends.",
        "With --line-format json each line of -l is an object with \"topic\", \"payload\" (a string, or other JSON that is \
         published as it is) or \"payload_base64\", \"qos\", \"retain\" and \"properties\", as mqtt-sub prints with -F %j and \
         writes with --record; all but the topic may be missing, and it too with -t. Unless -V says otherwise this \
         means MQTT 5; before it properties are left out. A line that can't be read ends the input, with exit status 1 \
         once the lines before it are published.",
        "The program takes the flags of mosquitto_pub and answers in its words; called through a link of that name \
         it also calls itself so.",
    ],
    tables: &[PROPERTIES],
    exit_status: &[
        ("0", "Everything was published."),
        FAILED,
        PROTOCOL,
        ("7", "The connection was lost, or the broker doesn't take such a message."),
        UNDER_WAY,
        REFUSED,
        ("130, 143", "Ended by SIGINT or SIGTERM."),
        STRICT,
    ],
    environment: ENVIRONMENT,
    files: &[("$XDG_CONFIG_HOME/mqtt-pub, $XDG_CONFIG_HOME/mosquitto_pub", OPTIONS_FILE)],
    examples: &[
        ("Publish one message with QoS 1:", "mqtt-pub -t room/temperature -m 21.5 -q 1"),
        ("Publish a message for each line:", "sensor | mqtt-pub -t room/temperature -l"),
        (
            "Publish lines to topics of their own, and messages as JSON:",
            "printf 'a/1\\tone\\na/2\\ttwo\\n' | mqtt-pub -l --line-format 'topic<TAB>payload'; mqtt-sub -V 5 -t a -F %j | mqtt-pub -h other -l --line-format json",
        ),
        (
            "Play a recording twice as fast, under other topics:",
            "mqtt-sub -t 'room/#' --record day.json; mqtt-pub --replay day.json --speed 2 --map room/=test/room/",
        ),
        (
            "A message that expires after a minute and says what it is (MQTT 5):",
            "mqtt-pub -t door -m open -D publish message-expiry-interval 60 -D publish content-type text/plain",
        ),
        ("Is the broker there, and does it let us in?", "mqtt-pub --ping -u me --pw-file ~/.secret"),
        ("Clear a retained message:", "mqtt-pub -t room/temperature -n -r"),
        (
            "Broker, user and topic as a URL, the password from a file:",
            "mqtt-pub -L mqtt://alice@broker.example/room/door -m open --pw-file ~/.secret",
        ),
        (
            "In a script: wait for a broker that is starting, and fail if it refuses the message:",
            "mqtt-pub -V 5 -q 1 -t room/door -m open --wait-connect 30 --strict",
        ),
        (
            "Password and messages through one pipe:",
            "{ cat ~/.secret; sensor; } | mqtt-pub -u me --pw-stdin -t a -l",
        ),
    ],
    see_also: &[("mqtt-sub", "1"), ("mqtt-rr", "1"), ("mqtt-broker", "8")],
};

static SUBSCRIBE: Manual = Manual {
    section: "1",
    about: "Subscribe to topics of an MQTT broker and print the messages",
    usage: &["NAME [-h HOST] [-p PORT] -t FILTER... [OPTIONS]", "NAME -L URL [-t FILTER...] [OPTIONS]"],
    description: &[
        "Connects to an MQTT broker, subscribes to Topic Filters and prints each message that arrives, followed by a \
         line end. A message without bytes prints nothing, unless -v asks for the topic too.",
        "When the connection is lost it reconnects every second and subscribes again.",
        "At a terminal (unless called mosquitto_sub, and without -F) -v lines payloads up behind topics, which are coloured \
         unless NO_COLOR is set, and control characters and bytes that are no UTF-8 are written as \\x1b. Into pipes and \
         files payloads go as they are.",
        "--match, --where and --changed choose messages: those that don't fulfil all of them are neither printed nor \
         counted. A place in a JSON payload is written a.b or list[0].name, and . for all of it; a value is compared as \
         JSON, and as a string where it is none. --expect and its kind look at the messages chosen, -T and -R included.",
        "A command of --exec finds the payload on its standard input and in MQTT_PAYLOAD (where it has no zero byte and at \
         most 100,000 bytes), and MQTT_TOPIC, MQTT_QOS, MQTT_RETAIN, MQTT_PAYLOADLEN, MQTT_RESPONSE_TOPIC, \
         MQTT_CONTENT_TYPE, MQTT_CORRELATION_DATA, MQTT_HOST and MQTT_PORT in its environment. While as many run as \
         --exec-jobs says, no more messages are taken from the broker; a message of QoS 1 or 2 is acknowledged when its \
         command starts. A command that fails is warned of, and ends the program with --strict.",
        "The program takes the flags of mosquitto_sub and answers in its words; called through a link of that name \
         it also calls itself so.",
    ],
    tables: &[FORMAT, PROPERTIES],
    exit_status: &[
        (
            "0",
            "Ended by -C, -E, SIGINT or SIGTERM, because nobody reads its output, or because all that --expect and its \
             kind ask for was seen.",
        ),
        FAILED,
        ("1", "Something that --expect, --expect-re or --expect-json asks for hasn't come."),
        PROTOCOL,
        UNDER_WAY,
        ("27", "The time of -W is over."),
        REFUSED,
        ("255", "SIGINT or SIGTERM came before the broker had answered."),
        STRICT,
    ],
    environment: ENVIRONMENT,
    files: &[("$XDG_CONFIG_HOME/mqtt-sub, $XDG_CONFIG_HOME/mosquitto_sub", OPTIONS_FILE)],
    examples: &[
        ("Print everything, with topics:", "mqtt-sub -t '#' -v"),
        ("Wait at most 5 seconds for one message:", "mqtt-sub -t room/temperature -C 1 -W 5"),
        ("Time, topic and payload in hexadecimal:", "mqtt-sub -t '#' -F '%I %t %x'"),
        ("Each message as a JSON object:", "mqtt-sub -t 'room/#' -F %J"),
        (
            "List all retained messages, and clear them:",
            "mqtt-sub -t 'room/#' --retained-only --remove-retained -v -W 2",
        ),
        ("What is going on, in a table that is drawn again and again:", "mqtt-sub -t '#' --top"),
        ("How many messages come in a second:", "mqtt-sub -t '#' --message-rate"),
        ("Leave out some topics and what is retained:", "mqtt-sub -t 'room/#' -T 'room/debug/#' -R"),
        (
            "See which retained messages there are, then clear them:",
            "mqtt-sub -t 'old/#' -v --remove-retained --end-of-retained --dry-run && mqtt-sub -t 'old/#' -v --remove-retained --end-of-retained",
        ),
        (
            "A smoke test: has the program said both within ten seconds?",
            "mqtt-sub -t 'app/#' --expect ready --expect-json health.ok=true -W 10 --exec-after-sub './start-app'",
        ),
        (
            "A command for each new reading above 30:",
            "mqtt-sub -t room/+ --where 'temp > 30' --changed --exec 'notify-send \"$MQTT_TOPIC\" \"$MQTT_PAYLOAD\"'",
        ),
        (
            "Publish only once the subscription stands:",
            "mkfifo f; mqtt-sub -t a -C 1 --ready-file f & read line < f; mqtt-pub -t a -m hi; wait",
        ),
        (
            "Keep the session, so that messages wait while the program is away:",
            "mqtt-sub -t 'orders/#' -q 1 -c -i orders-desk",
        ),
    ],
    see_also: &[("mqtt-pub", "1"), ("mqtt-rr", "1"), ("mqtt-broker", "8")],
};

static CONTROL: Manual = Manual {
    section: "1",
    about: "Administer a broker: its clients, groups and roles",
    usage: &[
        "NAME [-h HOST] [-p PORT] -u USER [OPTIONS] dynsec COMMAND [ARGUMENT...]",
        "NAME [OPTIONS] broker COMMAND",
        "NAME dynsec init FILE USER [PASSWORD]",
        "NAME {dynsec | broker} help",
        "NAME [OPTIONS]",
    ],
    description: &[
        "Sends one command to a broker and prints its answer. The module dynsec changes and shows the clients, groups \
         and roles of dynamic security; the module broker shows plugins and listeners, if the broker's configuration \
         has enable_control_api true. The command help of a module lists its commands.",
        "dynsec init makes a new file for dynamic security with one client that may do nothing but administer. \
         -f FILE dynsec setClientPassword sets a password in such a file while no broker uses it.",
        "A password that is needed and given nowhere is asked for. One that stands among the arguments is wiped from \
         the list of processes.",
        "The program takes the arguments of mosquitto_ctrl and answers in its words; called through a link of that \
         name it also calls itself so.",
        "Without a module it reads commands from standard input, one a line, until exit or the end: those of the modules, \
         and auth [USERNAME] and connect HOST [PORT], which say as whom and where. A module's name alone makes the \
         lines that follow commands of this module, until return. help lists them.",
    ],
    tables: &[],
    exit_status: &[
        (
            "0",
            "The broker has answered, be it with an error; or it didn't answer for 10 seconds, or refused the connection.",
        ),
        ("1", "Wrong options, --help, --version; with --strict, whatever else went wrong."),
        ("3", "Wrong arguments of a command."),
        ("10", "An unknown module."),
        ("13", "An unknown command."),
        ("14", "No connection."),
    ],
    environment: ENVIRONMENT,
    files: &[("$XDG_CONFIG_HOME/mqtt-ctrl, $XDG_CONFIG_HOME/mosquitto_ctrl", OPTIONS_FILE)],
    examples: &[
        ("A new file, its password asked for:", "mqtt-ctrl dynsec init dynamic-security.json admin"),
        ("A client that may publish its own readings:", "mqtt-ctrl -u admin dynsec createClient sensor"),
        (
            "What its role allows; %u stands for its user name:",
            "mqtt-ctrl -u admin dynsec addRoleACL sensors publishClientSend readings/%u allow",
        ),
        ("Who there is:", "mqtt-ctrl -u admin dynsec listClients"),
    ],
    see_also: &[("mqtt-passwd", "1"), ("mqtt-broker", "8"), ("mqtt-broker.conf", "5")],
};

static REQUEST: Manual = Manual {
    section: "1",
    about: "Publish a request to an MQTT broker and wait for the answer",
    usage: &[
        "NAME [-h HOST] [-p PORT] -t TOPIC -e TOPIC {-m MESSAGE | -f FILE | -s | -n} [OPTIONS]",
        "NAME -L URL -e TOPIC {-m MESSAGE | -f FILE | -s | -n} [OPTIONS]",
        "NAME -t TOPIC -l [-e TOPIC] [--responses COUNT] [--correlate] [OPTIONS]",
        "NAME -t TOPIC --serve COMMAND [-e TOPIC] [OPTIONS]",
        "NAME --echo COUNT [-t TOPIC] [--max-p99 MILLISECONDS] [OPTIONS]",
    ],
    description: &[
        "Connects to an MQTT broker, subscribes to the response topic, publishes the request, prints the first \
         message on the response topic, and ends. In MQTT 5, the default, the request carries the response topic as \
         a property; with MQTT 3.x the other side must know it.",
        "Without -e, in MQTT 5, it makes a response topic up. With -l each line is a request, sent once the one before is \
         answered, and -W counts for each. With -l, --responses or a response topic made up, requests carry Correlation \
         Data (MQTT 5), and answers with others are passed over; with --correlate those without any, too.",
        "With --serve it answers: it subscribes to -t, runs the command for each request, with the payload on its \
         standard input and what mqtt-sub --exec has in its environment, and publishes what the command prints to the \
         request's response topic (or that of -e) with its Correlation Data. A command that fails answers nothing and \
         is warned of.",
        "With --echo it subscribes to a topic, its own unless -t names one, and measures how long messages take to come \
         back, one after the other.",
        "The program takes the flags of mosquitto_rr and answers in its words; called through a link of that name \
         it also calls itself so.",
    ],
    tables: &[FORMAT, PROPERTIES],
    exit_status: &[
        ("0", "The answer was printed; with --serve: ended by SIGINT or SIGTERM."),
        ("47", "With --echo: the 99th percentile is above --max-p99."),
        FAILED,
        PROTOCOL,
        ("7", "The connection was lost, or the broker doesn't take such a message."),
        UNDER_WAY,
        ("27", "The time of -W is over."),
        REFUSED,
        ("130, 143", "Ended by SIGINT or SIGTERM."),
        STRICT,
    ],
    environment: ENVIRONMENT,
    files: &[("$XDG_CONFIG_HOME/mqtt-rr, $XDG_CONFIG_HOME/mosquitto_rr", OPTIONS_FILE)],
    examples: &[
        ("Ask, and wait at most 3 seconds:", "mqtt-rr -t clock/get -e clock/answer/1 -n -W 3"),
        (
            "Tell a question and its answer apart from others, and how long it took:",
            "mqtt-rr -t clock/get -e clock/answer/1 -n -D publish correlation-data 17 -F '%D %p' --latency",
        ),
        ("Three questions over one connection:", "seq 3 | mqtt-rr -t square -l -W 5"),
        ("Somebody who answers them:", "mqtt-rr -t square --serve 'read n; printf %s $((n * n))'"),
        ("Is the broker quick enough?", "mqtt-rr --echo 1000 -q 1 --max-p99 20"),
        ("Send a file as the request:", "mqtt-rr -t job/run -e job/done/7 -f job.json -q 1"),
    ],
    see_also: &[("mqtt-pub", "1"), ("mqtt-sub", "1"), ("mqtt-broker", "8")],
};
