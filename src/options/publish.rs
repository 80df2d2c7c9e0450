//! What mqtt-pub publishes, and how often.

use std::time::Duration;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt, TopicKind};
use super::flag::{Flag, Given};
use super::numbers::{atof, atoi};
use super::raw::Raw;
use super::topics::topic;
use crate::protocol::QoS;

/// Longest pause in seconds: 68 years, which any clock can add.
const LONGEST_DELAY: f64 = i32::MAX as f64;

pub(super) fn flags() -> Vec<Flag> {
    vec![
        publish_topic("Topic to publish to."),
        qos_flag("QoS of the messages: 0, 1 or 2. Default: 0."),
        Flag::switch(
            Arg::new("retain")
                .short('r')
                .long("retain")
                .help("Let the broker keep the message for later subscribers."),
            |raw, _| {
                raw.retain = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("repeat")
                .long("repeat")
                .value_name("COUNT")
                .value_hint(ValueHint::Other)
                .help("Publish the message of -m, -f, -s or -n so many times."),
            "no count specified",
            |raw, given| {
                let count = atoi(given.value.as_encoded_bytes());
                raw.repeat = Some(u32::try_from(count).ok().filter(|n| *n > 0).ok_or(Complaint::Repeat)?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("repeat-delay")
                .long("repeat-delay")
                .value_name("SECONDS")
                .value_hint(ValueHint::Other)
                .help("Wait so long before publishing it again; 0.5 is half a second."),
            "no time specified",
            |raw, given| {
                let seconds = atof(given.value.as_encoded_bytes());
                if seconds < 0.0 {
                    return Err(Complaint::RepeatDelay.into());
                }
                raw.repeat_delay = Some(Duration::from_secs_f64(seconds.min(LONGEST_DELAY)));
                Ok(())
            },
        ),
    ]
}

/// `-t` of the programs that publish: the last one counts.
pub(super) fn publish_topic(help: &'static str) -> Flag {
    Flag::value(
        Arg::new("topic")
            .short('t')
            .long("topic")
            .value_name("TOPIC")
            .value_hint(ValueHint::Other)
            .help(help),
        "no topic specified",
        |raw, given| {
            raw.topics = vec![topic(TopicKind::Publish, "-t", given.value)?];
            Ok(())
        },
    )
}

/// `-q`, whose meaning differs by program.
pub(super) fn qos_flag(help: &'static str) -> Flag {
    Flag::value(
        Arg::new("qos").short('q').long("qos").value_name("QOS").one_of(&["0", "1", "2"]).help(help),
        "no QoS specified",
        store_qos,
    )
}

fn store_qos(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    let number = atoi(given.value.as_encoded_bytes());
    raw.qos = Some(qos_from(number).ok_or(Complaint::InvalidQoS(number))?);
    Ok(())
}

/// 0, 1 or 2.
pub(super) fn qos_from(number: i32) -> Option<QoS> {
    match number {
        0 => Some(QoS::AtMostOnce),
        1 => Some(QoS::AtLeastOnce),
        2 => Some(QoS::ExactlyOnce),
        _ => None,
    }
}
