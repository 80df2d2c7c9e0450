//! From what the flags came to, to what the connection and the stream want to know.

use std::io;

use super::report::Report;
use crate::client;
use crate::options::{ConnectionSettings, Target};
use crate::protocol::{PropertiesBuf, Property, Version};
use crate::transport;

/// Where to connect to. A port of 0 makes the host the path of a unix socket, as in mosquitto.
pub fn target(settings: &ConnectionSettings) -> transport::Target {
    let address = match &settings.target {
        Target::Tcp { host, port: 0 } => transport::Address::Unix(host.into()),
        Target::Tcp { host, port } => transport::Address::Tcp { host: host.clone(), port: *port },
        Target::Unix(path) => transport::Address::Unix(path.clone()),
    };
    transport::Target {
        address,
        bind: settings.bind_address.clone(),
        srv: settings.srv,
        nodelay: settings.nodelay,
        deadline: None,
        tls: settings.tls.clone(),
        ws: settings.ws.clone(),
        proxy: settings.proxy.clone(),
    }
}

/// What to say in CONNECT; and what is to be warned of is said now. `receive_maximum` is how many QoS 1 and 2 messages we take at a time (5.0).
///
/// # Errors
/// The system's, when there are no random bytes for a ClientId.
pub fn client(settings: &ConnectionSettings, receive_maximum: u16) -> io::Result<client::Settings> {
    for warning in &settings.warnings {
        Report::new(settings.quiet).line(format_args!("{warning}"));
    }
    let client_id = match &settings.client_id {
        Some(id) => id.clone(),
        None if settings.version == Version::V31 => random_client_id()?,
        None => String::new(),
    };
    Ok(client::Settings {
        version: settings.version,
        client_id,
        bridge: false,
        clean_start: settings.clean_start,
        keep_alive: settings.keep_alive,
        username: settings.username.clone(),
        password: settings.password.clone(),
        will: settings.will.as_ref().map(|will| client::Will {
            topic: will.topic.clone(),
            payload: will.payload.clone(),
            qos: will.qos,
            retain: will.retain,
            properties: settings.properties.will.clone(),
        }),
        properties: connect_properties(settings, receive_maximum),
        max_in_flight: settings.max_inflight,
    })
}

fn connect_properties(settings: &ConnectionSettings, receive_maximum: u16) -> PropertiesBuf {
    let mut properties = settings.properties.connect.clone();
    if settings.version.is_v5() && properties.as_properties().receive_maximum().is_none() {
        properties.push(Property::ReceiveMaximum(receive_maximum.max(1)));
    }
    properties
}

/// What 3.1 needs where 3.1.1 may leave it to the broker: `mosq-` and 18 letters and digits.
fn random_client_id() -> io::Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    let tail = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    Ok("mosq-".chars().chain(tail).collect())
}
