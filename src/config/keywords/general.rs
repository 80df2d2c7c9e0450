//! Keywords of the broker as a whole.

use std::time::Duration;

use super::Reload::{No, Yes};
use super::Scope::{Global, MainFile};
use super::ValueKind::{Bool, Form, Ignored, Int, Path, Text};
use super::{Arguments, Fault, Keyword, Settings, Structure, row};
use crate::config::LogType::Warning;

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("allow_duplicate_messages", Bool, "true", Global, Yes,
        "With false, a client whose subscriptions overlap gets one copy of a message.")
        .deprecated("The behaviour will default to true.")
        .settings(|s, a| { s.allow_duplicate_messages = a.bool()?; Ok(()) }),
    row("check_retain_source", Bool, "true", Global, Yes,
        "Ask again whether who published a retained message may write to its topic before delivering it.")
        .settings(|s, a| { s.check_retain_source = a.bool()?; Ok(()) }),
    row("clientid_prefixes", Text, "none", Global, Yes,
        "A ClientId must start with this text.")
        .deprecated("")
        .settings(|s, a| a.text_last(&mut s.clientid_prefixes)),
    row("connection_messages", Bool, "true", Global, Yes,
        "Log connections and disconnections of clients.")
        .settings(|s, a| { s.connection_messages = a.bool()?; Ok(()) }),
    row("enable_control_api", Bool, "false", Global, Yes,
        "Answer the commands listPlugins and listListeners on $CONTROL/broker/v1.")
        .settings(|s, a| { s.enable_control_api = a.bool()?; Ok(()) }),
    row("global_max_clients", Int("0 or less: no limit"), "-1", Global, Yes,
        "The most sessions at a time, connected or not.")
        .settings(|s, a| { s.global_max_clients = a.optional_limit()?; Ok(()) }),
    row("global_max_connections", Int("0 or less: no limit"), "-1", Global, Yes,
        "The most connections at a time, over all listeners.")
        .settings(|s, a| { s.global_max_connections = a.optional_limit()?; Ok(()) }),
    row("include_dir", Path, "none", MainFile, Yes,
        "Read each file whose name ends in .conf in this folder, in the order of their names.")
        .structure(Structure::IncludeDir),
    row("max_inflight_bytes", Int("0: no limit"), "0", Global, Yes,
        "The most bytes of QoS 1 and 2 messages in flight to one client.")
        .settings(|s, a| { s.max_inflight_bytes = a.limit()?; Ok(()) }),
    row("max_inflight_messages", Int("0-65535; 0: no limit"), "20", Global, Yes,
        "The most QoS 1 and 2 messages in flight to one client, and the Receive Maximum told to 5.0 clients.")
        .settings(max_inflight_messages),
    row("max_keepalive", Int("0-65535; 0: no limit"), "0", Global, Yes,
        "The longest Keep Alive of a client, in seconds.")
        .settings(|s, a| { s.max_keepalive = a.int_to(0, 65535)?; Ok(()) }),
    row("max_packet_size", Int("at least 20"), "2000000", Global, Yes,
        "The longest packet a client may send, in bytes.")
        .settings(max_packet_size),
    row("max_queued_bytes", Int("0: no limit"), "0", Global, Yes,
        "The most bytes waiting for one client.")
        .settings(|s, a| { s.max_queued_bytes = a.limit()?; Ok(()) }),
    row("max_queued_messages", Int("0: no limit"), "1000", Global, Yes,
        "The most messages waiting for one client behind those in flight.")
        .settings(|s, a| { s.max_queued_messages = a.limit()?; Ok(()) }),
    row("memory_limit", Int("0: no limit"), "0", Global, Yes,
        "Heap memory, in bytes, above which the broker keeps nothing more: it refuses connections, subscriptions, messages of QoS 1 and 2 and retained ones.")
        .settings(memory_limit),
    row("message_size_limit", Int("0-268435455; 0: no limit"), "0", Global, Yes,
        "The longest payload of a message or a Will, in bytes; max_packet_size is the better limit.")
        .settings(message_size_limit),
    row("packet_buffer_size", Int("0-65535"), "4096", Global, No,
        "Accepted without effect: the broker chooses the size of its read buffers by what comes in.")
        .also(&["websockets_headers_size"])
        .settings(packet_buffer_size),
    row("per_listener_settings", Bool, "false", Global, Yes,
        "Give each listener its own security settings; must stand before the first of them.")
        .deprecated("Please see the documentation for how to achieve the same effect.")
        .structure(Structure::PerListenerSettings),
    row("persistent_client_expiration", Form("a number and one of s, h, d, w, m, y"), "never", Global, Yes,
        "Forget the session of a client that stayed away for so long.")
        .settings(persistent_client_expiration),
    row("pid_file", Path, "none", Global, No,
        "Write the process id to this file; it is removed at the end.")
        .settings(|s, a| a.text_once(&mut s.pid_file)),
    row("queue_qos0_messages", Bool, "false", Global, Yes,
        "Keep QoS 0 messages, too, for clients that are away.")
        .settings(|s, a| { s.queue_qos0_messages = a.bool()?; Ok(()) }),
    row("retain_available", Bool, "true", Global, Yes,
        "Accept retained messages.")
        .settings(|s, a| { s.retain_available = a.bool()?; Ok(()) }),
    row("retain_expiry_interval", Int("minutes, 1-10000000"), "1", Global, Yes,
        "How often retained messages that have expired are freed, in minutes; nobody gets them meanwhile.")
        .settings(retain_expiry_interval),
    row("retry_interval", Ignored, "none", Global, No,
        "Accepted without effect: messages are sent again when a client reconnects.")
        .settings(|_, a| {
            a.remark(Warning, "Warning: The 'retry_interval' option is no longer available.");
            Ok(())
        }),
    row("set_tcp_nodelay", Bool, "false", Global, Yes,
        "Accepted without effect: TCP_NODELAY is always set, since the broker gathers what it writes.")
        .settings(|_, a| a.bool().map(|_| ())),
    row("sys_interval", Int("seconds, 0-65535; 0: none"), "10", Global, Yes,
        "How often the $SYS topics are published, in seconds.")
        .settings(|s, a| { s.sys_interval = a.int_to(0, 65535)?; Ok(()) }),
    row("upgrade_outgoing_qos", Bool, "false", Global, Yes,
        "Deliver with the QoS of the subscription even where the message came with a lower one.")
        .settings(|s, a| { s.upgrade_outgoing_qos = a.bool()?; Ok(()) }),
    row("user", Text, "mosquitto", Global, No,
        "The account to change to when started as root; root stays root.")
        .settings(|s, a| a.text_last(&mut s.user)),
];

fn max_inflight_messages(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let number = arguments.int()?;
    settings.max_inflight_messages = match u16::try_from(number.max(0)) {
        Ok(u16::MAX) => 0,
        Ok(number) => number,
        Err(_) => return Err(Fault::other("Error: 'max_inflight_messages' must be <= 65535.")),
    };
    Ok(())
}

fn max_packet_size(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    match u32::try_from(arguments.int()?) {
        Ok(bytes) if bytes >= 20 => settings.max_packet_size = bytes,
        _ => return Err(Fault::other("Error: 'max_packet_size' must be >= 20.")),
    }
    Ok(())
}

fn memory_limit(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    // As C's atol: what isn't a number is 0.
    let number = arguments.token()?.parse().unwrap_or(0_i64);
    settings.memory_limit = u64::try_from(number).map_err(|_| arguments.invalid(number))?;
    Ok(())
}

fn retain_expiry_interval(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    const MOST: u32 = 10_000_000;
    let minutes = match u32::try_from(arguments.int()?) {
        Ok(minutes) if minutes > 0 => minutes,
        _ => return Err(Fault::other("Error: retain_expiry_interval must be >= 1.")),
    };
    if minutes > MOST {
        arguments.remark(Warning, "Warning: retain_expiry_interval being capped at 19 years.");
    }
    settings.retain_expiry_interval = Some(Duration::from_secs(60 * u64::from(minutes.min(MOST))));
    Ok(())
}

fn message_size_limit(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    arguments
        .remark(Warning, "Note: It is recommended to replace `message_size_limit` with `max_packet_size`.");
    let number = arguments.int()?;
    match u32::try_from(number) {
        Ok(bytes) if bytes <= 268_435_455 => settings.message_size_limit = bytes,
        // As mosquitto prints it: without a sign.
        _ => return Err(arguments.invalid(number.cast_unsigned())),
    }
    Ok(())
}

fn packet_buffer_size(_: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    if u16::try_from(arguments.int()?).is_err() {
        return Err(Fault::other("Error: Packet buffer size must be between 0 and 65535 inclusive."));
    }
    arguments.remark(
        Warning,
        "Warning: The 'packet_buffer_size' option has no effect: read buffers get their size by what comes in.",
    );
    Ok(())
}

fn persistent_client_expiration(settings: &mut Settings, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let word = arguments.token()?;
    settings.persistent_client_expiration = Some(duration(word).ok_or_else(|| {
        Fault::other("Error: Invalid 'persistent_client_expiration' duration in configuration.")
    })?);
    Ok(())
}

/// A number with the letter of its unit; months have 30 days and years 365.
fn duration(word: &str) -> Option<Duration> {
    const DAY: u64 = 24 * 3600;
    let seconds = match word.chars().last()? {
        's' => 1,
        'h' => 3600,
        'd' => DAY,
        'w' => 7 * DAY,
        'm' => 30 * DAY,
        'y' => 365 * DAY,
        _ => return None,
    };
    let number: u32 = word[..word.len() - 1].parse().ok()?;
    (number > 0).then(|| Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let day = 86400;
        for (word, seconds) in
            [("1s", 1), ("2h", 7200), ("3d", 3 * day), ("1w", 7 * day), ("2m", 60 * day), ("1y", 365 * day)]
        {
            assert_eq!(duration(word), Some(Duration::from_secs(seconds)), "{word}");
        }
        for word in ["1", "0d", "-1d", "d", "1x", "1ü", "99999999999d"] {
            assert_eq!(duration(word), None, "{word}");
        }
    }
}
