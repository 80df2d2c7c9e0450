//! Where the broker is and how to get there: the same for every client.

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt, TopicKind};
use super::flag::{Flag, Given, under};
use super::numbers::atoi;
use super::program::Program;
use super::proxy;
use super::raw::{PasswordSource, Raw};
use super::topics::topic;
use super::url::{self, Url};

/// The id of `-L`, whose password is wiped from the list of processes.
pub(super) const URL: &str = "url";

pub(super) fn flags() -> Vec<Flag> {
    let mut flags = address();
    flags.extend(detours());
    flags.push(Flag::switch(
        Arg::new("srv").short('S').help("The host is a domain whose DNS SRV records name the broker."),
        |raw, _| {
            raw.srv = true;
            Ok(())
        },
    ));
    under("Connection", flags)
}

fn address() -> Vec<Flag> {
    vec![
        Flag::value(
            Arg::new("host")
                .short('h')
                .long("host")
                .value_name("HOST")
                .value_hint(ValueHint::Hostname)
                .help("Host name or address of the broker. Default: localhost."),
            "no host specified",
            |raw, given| {
                raw.host = Some(given.value.to_owned());
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("port")
                .short('p')
                .long("port")
                .value_name("PORT")
                .value_hint(ValueHint::Other)
                .help("Port; 0: the host is a unix socket's path. Default: 1883 or 8883."),
            "no port specified",
            |raw, given| {
                let port = atoi(given.value.as_encoded_bytes());
                raw.port = Some(u16::try_from(port).map_err(|_| Complaint::InvalidPort(port))?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("unix")
                .long("unix")
                .value_name("PATH")
                .value_hint(ValueHint::FilePath)
                .help("Connect through a unix socket instead of TCP."),
            "no socket path specified",
            |raw, given| {
                raw.host = Some(given.value.to_owned());
                raw.port = Some(0);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new(URL)
                .short('L')
                .long("url")
                .value_name("URL")
                .value_hint(ValueHint::Url)
                .help("mqtt|mqtts|ws|wss://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC: all in one."),
            "no URL specified",
            store_url,
        ),
        Flag::value(
            Arg::new("bind-address")
                .short('A')
                .value_name("ADDRESS")
                .value_hint(ValueHint::Hostname)
                .help("Local address or host name to connect from."),
            "no address specified",
            |raw, given| {
                raw.bind_address = Some(given.value.to_owned());
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("nodelay").long("nodelay").help("Set TCP_NODELAY: less delay, more packets."),
            |raw, _| {
                raw.nodelay = true;
                Ok(())
            },
        ),
    ]
}

/// Other ways to the broker than a socket of its own.
fn detours() -> Vec<Flag> {
    vec![
        Flag::switch(Arg::new("ws").long("ws").help("Connect by WebSocket."), |raw, _| {
            raw.ws = true;
            Ok(())
        }),
        Flag::value(
            Arg::new("ws-path")
                .long("ws-path")
                .value_name("PATH")
                .value_hint(ValueHint::Other)
                .help("Path of the WebSocket; turns --ws on. Default: /mqtt."),
            "no path specified",
            |raw, given| {
                let path = given
                    .value
                    .to_str()
                    .filter(|path| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
                raw.ws_path = Some(path.ok_or(Complaint::WsPath)?.to_owned());
                raw.ws = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("proxy")
                .long("proxy")
                .value_name("URL")
                .value_hint(ValueHint::Url)
                .help("SOCKS5 proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT]."),
            "no proxy url specified",
            |raw, given| {
                raw.proxy = Some(proxy::parse(given.value)?);
                Ok(())
            },
        ),
    ]
}

/// `-L` sets what the single flags set, in its place: a later flag overrides it.
fn store_url(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    let Url { tls, ws, username, password, host, port, topic: path } = url::parse(given.value)?;
    let Some(path) = path else { return Err(Complaint::UrlTopicMissing.into()) };
    raw.host = Some(host);
    raw.port = Some(port);
    raw.tls.os_certificates |= tls;
    raw.ws |= ws;
    if let Some(username) = username {
        raw.username = Some(username);
    }
    if let Some(password) = password {
        raw.password = Some(PasswordSource::Given(password));
    }
    match given.program {
        Program::Subscribe => raw.topics.push(topic(TopicKind::Subscription, "-L topic", &path)?),
        _ => raw.topics = vec![topic(TopicKind::Publish, "-L topic", &path)?],
    }
    Ok(())
}
