//! What mqtt-rr asks, and where it waits for the answer.

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, TopicKind};
use super::flag::Flag;
use super::job::MessageSource;
use super::program::Program;
use super::publish::{publish_topic, qos_flag};
use super::topics::topic;

pub(super) fn flags() -> Vec<Flag> {
    vec![
        publish_topic("Topic to publish the request to."),
        Flag::value(
            Arg::new("response-topic")
                .short('e')
                .value_name("TOPIC")
                .value_hint(ValueHint::Other)
                .help("Topic to await the answer on; the Response Topic of MQTT 5."),
            "no response topic specified",
            |raw, given| {
                raw.response_topic = Some(topic(TopicKind::Response, "-e", given.value)?);
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("stdin-line")
                .short('l')
                .long("stdin-line")
                .help("Each line of standard input is a request."),
            |raw, given| {
                // mosquitto_rr tells of it in its usage and refuses it.
                if given.name == Program::Request.mosquitto_name() {
                    return Err(Complaint::UnknownOption(given.token.to_string_lossy().into_owned()).into());
                }
                raw.set_message(MessageSource::StdinLines)
            },
        ),
        qos_flag("QoS of the request and of the subscription: 0, 1 or 2. Default: 0."),
        Flag::switch(
            Arg::new("latency").long("latency").help("Print how long the answer took."),
            |raw, _| {
                raw.latency = true;
                Ok(())
            },
        ),
    ]
}
