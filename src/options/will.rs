//! The Will, as every client takes it.

use std::os::unix::ffi::OsStrExt;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, TopicKind};
use super::flag::{Flag, under};
use super::numbers::atoi;
use super::publish::qos_from;
use super::topics::{LONGEST, topic};

pub(super) fn flags() -> Vec<Flag> {
    let flags = vec![
        Flag::value(
            Arg::new("will-topic")
                .long("will-topic")
                .value_name("TOPIC")
                .value_hint(ValueHint::Other)
                .help("Topic of the Will, sent if this client goes without a word."),
            "no will topic specified",
            |raw, given| {
                raw.will_topic = Some(topic(TopicKind::Will, "--will-topic", given.value)?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("will-payload")
                .long("will-payload")
                .value_name("PAYLOAD")
                .value_hint(ValueHint::Other)
                .help("Payload of the Will. Default: empty."),
            "no will payload specified",
            |raw, given| {
                if given.value.len() > LONGEST {
                    return Err(Complaint::WillPayloadTooLong.into());
                }
                raw.will_payload = Some(given.value.as_bytes().to_vec());
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("will-qos")
                .long("will-qos")
                .value_name("QOS")
                .one_of(&["0", "1", "2"])
                .help("QoS of the Will: 0, 1 or 2. Default: 0."),
            "no will QoS specified",
            |raw, given| {
                let number = atoi(given.value.as_encoded_bytes());
                raw.will_qos = Some(qos_from(number).ok_or(Complaint::InvalidWillQoS(number))?);
                Ok(())
            },
        ),
        Flag::switch(Arg::new("will-retain").long("will-retain").help("Retain the Will."), |raw, _| {
            raw.will_retain = true;
            Ok(())
        }),
    ];
    under("Will", flags)
}
