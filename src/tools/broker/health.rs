//! `--health`: does a broker do its work? Asked with a client that isn't ours, so that a mistake of ours shows.

use std::ffi::OsString;
use std::io::Write;
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, ConnectionError, Event, MqttOptions, Packet, QoS, SubscribeReasonCode};

use crate::options::Surroundings;
use crate::options::broker::{HealthTarget, health_target};

/// How long everything may take together.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a message through a broker. The exit code; what failed is said on standard error.
pub(super) fn check(given: Option<OsString>) -> u8 {
    let surroundings = Surroundings {
        variable: &|name| std::env::var_os(name),
        read_file: &|path| std::fs::read(path),
        // There is no flag here that asks.
        ask: &|_| Err(std::io::ErrorKind::Unsupported.into()),
        random: String::new(),
        process_id: std::process::id(),
    };
    let result = health_target(given.as_deref(), &surroundings).and_then(|target| round_trip(&target));
    match result {
        Ok(()) => 0,
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "{text}");
            1
        }
    }
}

/// How far it came.
#[derive(Clone, Copy)]
enum Step {
    Connecting,
    Subscribing,
    Publishing,
}

impl Step {
    fn waited_for(self) -> &'static str {
        match self {
            Step::Connecting => "connection",
            Step::Subscribing => "answer to SUBSCRIBE",
            Step::Publishing => "message back",
        }
    }
}

/// Connects, subscribes, publishes at QoS 1 and waits for the message and its PUBACK.
fn round_trip(target: &HealthTarget) -> Result<(), String> {
    let place = format!("{}:{}", target.host, target.port);
    let mark = mark()?;
    let topic = format!("mqtt-toolkit/health/{mark}");
    let mut options = MqttOptions::new(format!("health-{mark}"), target.host.as_str(), target.port);
    options.set_keep_alive(LIMIT);
    if let Some(username) = &target.username {
        let password = target.password.as_ref().map_or("", |password| password.as_str());
        options.set_credentials(username.as_str(), password);
    }
    let (client, mut connection) = Client::new(options, 4);
    let failed = |what: &str| format!("Error: The broker at {place} {what}.");
    let lost = |_| failed("ended the connection");
    let deadline = Instant::now() + LIMIT;
    let mut step = Step::Connecting;
    let (mut acknowledged, mut seen) = (false, false);
    while !(acknowledged && seen) {
        match next(&mut connection, deadline) {
            Next::TimedOut => return Err(failed(&format!("gave no {} within 5 s", step.waited_for()))),
            Next::Failed(error) => return Err(format!("Error: {place}: {}.", words(&error))),
            Next::Packet(Packet::ConnAck(_)) => {
                step = Step::Subscribing;
                client.subscribe(topic.as_str(), QoS::AtLeastOnce).map_err(lost)?;
            }
            Next::Packet(Packet::SubAck(answer)) => {
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                    return Err(failed("refused the subscription"));
                }
                step = Step::Publishing;
                client.publish(topic.as_str(), QoS::AtLeastOnce, false, mark.as_str()).map_err(lost)?;
            }
            Next::Packet(Packet::PubAck(_)) => acknowledged = true,
            Next::Packet(Packet::Publish(message)) => {
                if message.topic != topic || message.payload != mark.as_bytes() {
                    return Err(failed("sent another message than was published"));
                }
                seen = true;
            }
            Next::Packet(_) | Next::Nothing => {}
        }
    }
    leave(&client, &mut connection, deadline);
    Ok(())
}

/// Says goodbye, so that the broker logs no lost connection.
fn leave(client: &Client, connection: &mut Connection, deadline: Instant) {
    if client.disconnect().is_ok() {
        // PUBACK for our own message, then DISCONNECT; then the connection ends, which rumqttc calls an error.
        while matches!(next(connection, deadline), Next::Packet(_) | Next::Nothing) {}
    }
}

enum Next {
    Packet(Packet),
    /// Something of no interest.
    Nothing,
    Failed(ConnectionError),
    TimedOut,
}

fn next(connection: &mut Connection, deadline: Instant) -> Next {
    let left = deadline.saturating_duration_since(Instant::now());
    match connection.recv_timeout(left) {
        Ok(Ok(Event::Incoming(packet))) => Next::Packet(packet),
        Ok(Ok(Event::Outgoing(_))) => Next::Nothing,
        Ok(Err(error)) => Next::Failed(error),
        Err(_) => Next::TimedOut,
    }
}

/// What went wrong with a connection, in words.
fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => super::background::reason(error),
        ConnectionError::NetworkTimeout => "no connection in time".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("connection refused: {code:?}"),
        other => other.to_string().trim_end_matches('.').to_owned(),
    }
}

/// 32 random hexadecimal digits: no two checks meet.
fn mark() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("Error: No random numbers: {error}."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
