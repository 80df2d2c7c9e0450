//! The session: ClientId, protocol version, Clean Start, Session Expiry Interval, Keep Alive.

use std::ffi::OsStr;

use clap::ValueHint;

use super::arg::Arg;
use super::complaint::{Complaint, Halt};
use super::flag::{Flag, Given, under};
use super::numbers::{atoi, strtoll};
use super::program::Program;
use super::property;
use super::raw::Raw;
use super::topics::text;
use crate::protocol::Version;

pub(super) fn flags(program: Program) -> Vec<Flag> {
    let mut flags = identity();
    flags.push(version(program));
    flags.extend(lifetime());
    flags.push(property::flag());
    under("Session", flags)
}

/// Those of mqtt-ctrl.
pub(super) fn control_flags(program: Program) -> Vec<Flag> {
    let mut flags: Vec<Flag> = identity().into_iter().take(1).collect();
    flags.push(version(program));
    under("Session", flags)
}

fn identity() -> Vec<Flag> {
    vec![
        Flag::value(
            Arg::new("id")
                .short('i')
                .long("id")
                .value_name("ID")
                .value_hint(ValueHint::Other)
                .help("ClientId. Default: none, the broker assigns one."),
            "no id specified",
            |raw, given| {
                if raw.id_prefix.is_some() {
                    return Err(Complaint::BothIds.into());
                }
                raw.client_id = Some(text("-i", given.value)?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("id-prefix")
                .short('I')
                .long("id-prefix")
                .value_name("PREFIX")
                .value_hint(ValueHint::Other)
                .help("ClientId is this and the process id."),
            "no id prefix specified",
            |raw, given| {
                if raw.client_id.is_some() {
                    return Err(Complaint::BothIds.into());
                }
                raw.id_prefix = Some(text("-I", given.value)?);
                Ok(())
            },
        ),
    ]
}

fn version(program: Program) -> Flag {
    let help = match program {
        Program::Request | Program::Control => "mqttv5, mqttv311 or mqttv31. Default: mqttv5.",
        _ => "mqttv5, mqttv311 or mqttv31. Default: mqttv311; with -x mqttv5.",
    };
    Flag::value(
        Arg::new("protocol-version")
            .short('V')
            .long("protocol-version")
            .value_name("VERSION")
            .one_of(&["mqttv5", "mqttv311", "mqttv31"])
            .help(help),
        "no version specified",
        store_version,
    )
    .called("--protocol-version")
}

fn lifetime() -> Vec<Flag> {
    vec![
        Flag::switch(
            Arg::new("disable-clean-session")
                .short('c')
                .long("disable-clean-session")
                .help("Keep the session when the connection ends. Needs -i."),
            |raw, _| {
                raw.disable_clean_session = true;
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("session-expiry-interval")
                .short('x')
                .value_name("SECONDS")
                .value_hint(ValueHint::Other)
                .help("Keep the session so long; -1 is forever. Means MQTT 5."),
            "no session expiry interval specified",
            |raw, given| {
                raw.session_expiry_interval = Some(session_expiry_interval(given.value)?);
                raw.version = Some(Version::V5);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("keepalive")
                .short('k')
                .long("keepalive")
                .value_name("SECONDS")
                .value_hint(ValueHint::Other)
                .help("Keep Alive, 5-65535. Default: 60."),
            "no keepalive specified",
            |raw, given| {
                let seconds = u16::try_from(atoi(given.value.as_encoded_bytes())).ok();
                raw.keep_alive = Some(seconds.filter(|s| *s >= 5).ok_or(Complaint::InvalidKeepAlive)?);
                Ok(())
            },
        ),
        Flag::value(
            Arg::new("max-inflight")
                .short('M')
                .value_name("COUNT")
                .value_hint(ValueHint::Other)
                .help("Most QoS 1 and 2 messages on their way at a time. Default: 20."),
            "max_inflight not specified",
            |raw, given| {
                let count = atoi(given.value.as_encoded_bytes());
                if count < 1 {
                    return Err(Complaint::InvalidMaxInflight.into());
                }
                // There are no more Packet Identifiers than that.
                raw.max_inflight = Some(u16::try_from(count).unwrap_or(u16::MAX));
                Ok(())
            },
        ),
    ]
}

fn store_version(raw: &mut Raw, given: &Given<'_>) -> Result<(), Halt> {
    raw.version = Some(match given.value.as_encoded_bytes() {
        b"mqttv5" | b"5" => Version::V5,
        b"mqttv311" | b"311" => Version::V311,
        b"mqttv31" | b"31" => Version::V31,
        _ => return Err(Complaint::InvalidVersion.into()),
    });
    Ok(())
}

fn session_expiry_interval(value: &OsStr) -> Result<u32, Halt> {
    if value == "∞" {
        return Ok(u32::MAX);
    }
    match strtoll(value.as_encoded_bytes()) {
        None => Err(Complaint::SessionExpiryNotANumber.into()),
        Some(-1) => Ok(u32::MAX),
        Some(seconds) => u32::try_from(seconds).map_err(|_| Complaint::SessionExpiryOutOfRange.into()),
    }
}
