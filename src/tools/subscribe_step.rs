//! What mqtt-sub makes of a packet: what is printed of it, and what is to be done next.

use super::handling::{Handler, Verdict};
use super::output::{Output, Style};
use super::pick::{Fate, Pick};
use super::report::{Report, system_words};
use crate::client::Outbox;
use crate::options::SubscribeJob;
use crate::protocol::{Publish, ReasonCode, SubAck};

/// What is to be done after the packets of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing; wait for more.
    GoOn,
    /// Subscribe: CONNACK was there.
    Subscribe,
    /// CONNACK refused.
    Refuse(ReasonCode),
    /// Disconnect: `-C` is reached, or `-E`, or everything expected was seen.
    Leave,
    /// Go on once a command has ended.
    Wait,
    /// Every subscription stands.
    Ready,
    /// A message can't be handled as it should be; why was said.
    Fail,
    /// Every subscription was denied.
    Denied,
    /// Some subscriptions were denied, and `--strict` wants all.
    SomeDenied,
    /// The broker has ended the connection.
    Lost,
}

/// Prints a message, or not, and counts it.
pub(super) fn on_message(
    job: &SubscribeJob,
    message: &Publish<'_>,
    pick: &mut Pick,
    handler: &mut Option<Handler>,
    count: &mut u32,
    style: &mut Style,
    report: Report,
    output: &mut Output,
    outbox: &mut Outbox,
) -> Step {
    let fate = pick.judge(job, message);
    match fate {
        Fate::Dropped => return Step::GoOn,
        Fate::Last => return Step::Leave,
        Fate::Silent | Fate::Printed => {}
    }
    if let Some(handler) = handler
        && !handler.takes(message)
    {
        return Step::GoOn;
    }
    if fate == Fate::Printed && handler.as_ref().is_none_or(Handler::prints) {
        output.trace(outbox);
        output.message(style, message, |unfit| report.unfit(unfit, message.topic));
    }
    *count += 1;
    let verdict = handler.as_mut().map_or(Verdict::GoOn, |handler| handler.handle(message));
    match verdict {
        Verdict::Failed(error) => {
            report.line(format_args!("Error: Unable to write the recording: {}.", system_words(&error)));
            Step::Fail
        }
        _ if job.message_count == Some(*count) => Step::Leave,
        Verdict::AllSeen => Step::Leave,
        Verdict::Wait => Step::Wait,
        Verdict::GoOn => Step::GoOn,
    }
}

/// Tells what was granted and what wasn't.
pub(super) fn on_suback(
    job: &SubscribeJob,
    suback: &SubAck<'_>,
    report: Report,
    output: &mut Output,
    outbox: &mut Outbox,
) -> Step {
    if job.connection.debug && !job.connection.quiet {
        output.trace(outbox);
        let codes: Vec<String> = suback.codes.iter().map(u8::to_string).collect();
        output.line(&format!("Subscribed (mid: {}): {}", suback.packet_identifier, codes.join(", ")));
    }
    let is_denied = |code: &u8| ReasonCode(*code).is_error();
    let all_denied = suback.codes.iter().all(is_denied);
    let some_denied = job.connection.strict && !all_denied && suback.codes.iter().any(is_denied);
    if all_denied {
        report.line(format_args!("All subscription requests were denied."));
    }
    for (filter, code) in job.filters.iter().zip(suback.codes).filter(|(_, code)| is_denied(code)) {
        let code = ReasonCode(*code);
        if some_denied {
            report.subscription_denied(filter, code);
        } else {
            report.advise_subscriber(filter, code, job.connection.version);
        }
    }
    if all_denied {
        Step::Denied
    } else if some_denied {
        Step::SomeDenied
    } else if job.handling.ready != Default::default() {
        Step::Ready
    } else if job.exit_after_subscribe {
        Step::Leave
    } else {
        Step::GoOn
    }
}
