//! What mqtt-sub subscribes to, and when it ends.

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, TopicKind};
use super::flag::Flag;
use super::numbers::{atof, atoi};
use super::publish::qos_flag;
use super::topics::topic;

pub(super) fn flags() -> Vec<Flag> {
    let mut flags = filters();
    flags.push(qos_flag("Highest QoS to receive messages with: 0, 1 or 2. Default: 0."));
    flags.extend(ending());
    flags.extend(choosing());
    flags
}

fn filters() -> Vec<Flag> {
    let filter = |name: &'static str, short, help: &'static str| {
        Arg::new(name)
            .short(short)
            .long(name)
            .value_name("FILTER")
            .value_hint(ValueHint::Other)
            .repeated()
            .help(help)
    };
    vec![
        Flag::value(
            filter("topic", 't', "Topic Filter to subscribe to. May be repeated."),
            "no topic specified",
            |raw, given| {
                raw.topics.push(topic(TopicKind::Subscription, "-t", given.value)?);
                Ok(())
            },
        ),
        Flag::value(
            filter("unsubscribe", 'U', "Topic Filter to unsubscribe from. May be repeated."),
            "no unsubscribe topic specified",
            |raw, given| {
                raw.unsubscribe.push(topic(TopicKind::Unsubscribe, "-U", given.value)?);
                Ok(())
            },
        ),
        Flag::value(
            filter("filter-out", 'T', "Neither print nor count messages that match this. May be repeated."),
            "no topic filter specified",
            |raw, given| {
                raw.filter_out.push(topic(TopicKind::Filter, "-T", given.value)?);
                Ok(())
            },
        ),
    ]
}

fn ending() -> Vec<Flag> {
    vec![
        Flag::value(
            Arg::new("count")
                .short('C')
                .value_name("COUNT")
                .value_hint(ValueHint::Other)
                .help("End after so many messages."),
            "no count specified",
            |raw, given| {
                let count = atoi(given.value.as_encoded_bytes());
                let valid = u32::try_from(count).ok().filter(|n| *n > 0);
                raw.message_count = Some(valid.ok_or(Complaint::MessageCount(count))?);
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("exit-after-subscribe")
                .short('E')
                .help("End as soon as the broker has the subscriptions."),
            |raw, _| {
                raw.exit_after_subscribe = true;
                Ok(())
            },
        ),
    ]
}

fn choosing() -> Vec<Flag> {
    vec![
        Flag::switch(
            Arg::new("retained-only")
                .long("retained-only")
                .help("End at the first message that isn't retained."),
            |raw, _| {
                raw.retained_only = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("remove-retained").long("remove-retained").help("Clear the retained messages received."),
            |raw, _| {
                raw.remove_retained = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("random-filter")
                .long("random-filter")
                .value_name("PERCENT")
                .value_hint(ValueHint::Other)
                .help("Print so many percent of the messages, 0.1-100, at random."),
            "no chance specified",
            |raw, given| {
                let percent = atof(given.value.as_encoded_bytes());
                if !(0.1..=100.0).contains(&percent) {
                    return Err(Complaint::RandomFilter.into());
                }
                raw.chance = Some(percent / 100.0);
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("message-rate")
                .long("message-rate")
                .help("Print messages a second instead of messages."),
            |raw, _| {
                raw.message_rate = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("watch").short('w').long("watch").help("Show the last message of each topic in place."),
            |raw, _| {
                raw.watch = true;
                Ok(())
            },
        ),
        Flag::switch(
            Arg::new("top")
                .long("top")
                .help("Draw a table of topics at the terminal: last message, count, rate, age."),
            |raw, _| {
                raw.top = true;
                Ok(())
            },
        ),
    ]
}
