//! What was typed, taken together: defaults, rules between flags in mosquitto's order, and the job that results.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::complaint::{Complaint, Halt};
use super::job::{
    ConnectionSettings, ControlJob, MessageSource, PublishJob, RequestJob, SubscribeJob, Target, Will,
};
use super::line_format::{self, LineFormat};
use super::parse::reason;
use super::program::Program;
use super::property::Carrier;
use super::raw::{PasswordSource, Raw};
use super::surroundings::{Surroundings, fill_defaults};
use super::talk;
use super::tls;
use super::topics::{LONGEST, is_allowed};
use crate::protocol::{Property, QoS, RetainHandling, Version};
use crate::transport::ws::WsSettings;

/// Where brokers have their WebSocket.
const WS_PATH: &str = "/mqtt";
/// Port of MQTT without TLS.
const MQTT_PORT: u16 = 1883;

pub(super) fn publish(mut raw: Raw, name: &'static str, from: &Surroundings<'_>) -> Result<PublishJob, Halt> {
    line_format::check(&raw)?;
    if raw.line_format == LineFormat::Json || matches!(raw.message, Some(MessageSource::Recording(_))) {
        // What is written there may have properties.
        raw.version.get_or_insert(Version::V5);
    }
    let session = between_flags(&mut raw, Program::Publish, from)?;
    let has_topics = raw.line_format != LineFormat::Payload
        || matches!(raw.message, Some(MessageSource::Recording(_) | MessageSource::Ping));
    let topic = raw.topics.pop().or_else(|| has_topics.then(String::new));
    let (Some(topic), Some(message)) = (topic, raw.message.take()) else {
        return Err(Complaint::NoTopicOrMessage.into());
    };
    Ok(PublishJob {
        topic,
        message,
        qos: raw.qos.unwrap_or(QoS::AtMostOnce),
        retain: raw.retain,
        repeat: raw.repeat.unwrap_or(1),
        repeat_delay: raw.repeat_delay.unwrap_or(Duration::ZERO),
        line_format: std::mem::take(&mut raw.line_format),
        replay: std::mem::take(&mut raw.replay),
        connection: connection(raw, session, Program::Publish, name, from)?,
    })
}

pub(super) fn subscribe(
    mut raw: Raw,
    name: &'static str,
    from: &Surroundings<'_>,
) -> Result<SubscribeJob, Halt> {
    if raw.handling.dry_run && !raw.remove_retained {
        return Err(
            Complaint::Together("Error: --dry-run is for --remove-retained, which is missing.").into()
        );
    }
    if raw.handling.exec_jobs.is_some() && raw.handling.exec.is_none() {
        return Err(Complaint::Together("Error: --exec-jobs is for --exec, which is missing.").into());
    }
    json_safe_has_json(&raw)?;
    let prints = raw.watch || raw.message_rate || raw.format.is_some() || raw.no_line_end;
    if raw.top && (prints || raw.verbose || raw.pretty || raw.debug) {
        return Err(Complaint::Together(
            "Error: --top draws a table; -v, --pretty, -w, --message-rate, -F, -N and -d print something else.",
        )
        .into());
    }
    if raw.handling.record.is_some() {
        // What is recorded should be all there is.
        raw.version.get_or_insert(Version::V5);
    }
    let session = between_flags(&mut raw, Program::Subscribe, from)?;
    if raw.topics.is_empty() && raw.unsubscribe.is_empty() {
        return Err(Complaint::NoFilter.into());
    }
    if raw.no_retained && raw.retained_only {
        return Err(Complaint::OnlyAndNoRetained.into());
    }
    Ok(SubscribeJob {
        filters: std::mem::take(&mut raw.topics),
        unsubscribe: std::mem::take(&mut raw.unsubscribe),
        filter_out: std::mem::take(&mut raw.filter_out),
        qos: raw.qos.unwrap_or(QoS::AtMostOnce),
        message_count: raw.message_count,
        timeout: raw.timeout,
        exit_after_subscribe: raw.exit_after_subscribe,
        no_retained: raw.no_retained,
        retained_only: raw.retained_only,
        remove_retained: raw.remove_retained,
        chance: raw.chance,
        message_rate: raw.message_rate,
        watch: raw.watch,
        top: raw.top,
        retain_handling: retain_handling(&raw),
        retain_as_published: raw.retain_as_published,
        verbose: raw.verbose,
        color: (name == Program::Subscribe.own_name()).then_some(raw.color),
        line_end: !raw.no_line_end,
        format: raw.format.take().map(|format| if raw.json_safe { format.safe() } else { format }),
        pretty: raw.pretty,
        handling: std::mem::take(&mut raw.handling),
        connection: connection(raw, session, Program::Subscribe, name, from)?,
    })
}

pub(super) fn request(mut raw: Raw, name: &'static str, from: &Surroundings<'_>) -> Result<RequestJob, Halt> {
    json_safe_has_json(&raw)?;
    let session = between_flags(&mut raw, Program::Request, from)?;
    if name == Program::Request.own_name() {
        talk::complete(&mut raw, session.version.is_v5(), &from.random)?;
    }
    let (Some(topic), Some(message), Some(response_topic)) =
        (raw.topics.pop(), raw.message.take(), raw.response_topic.take())
    else {
        return Err(Complaint::NoTopicMessageOrResponse.into());
    };
    if raw.properties.names_a_response_topic() {
        return Err(Complaint::DuplicateResponseTopic.into());
    }
    Ok(RequestJob {
        topic,
        response_topic,
        message,
        qos: raw.qos.unwrap_or(QoS::AtMostOnce),
        timeout: raw.timeout,
        no_retained: raw.no_retained,
        latency: raw.latency,
        retain_handling: retain_handling(&raw),
        retain_as_published: raw.retain_as_published,
        verbose: raw.verbose,
        color: (name == Program::Request.own_name()).then_some(raw.color),
        line_end: !raw.no_line_end,
        format: raw.format.take().map(|format| if raw.json_safe { format.safe() } else { format }),
        pretty: raw.pretty,
        jobs: raw.handling.exec_jobs.unwrap_or(1),
        ready: std::mem::take(&mut raw.handling.ready),
        talk: std::mem::take(&mut raw.talk),
        connection: connection(raw, session, Program::Request, name, from)?,
    })
}

pub(super) fn control(mut raw: Raw, name: &'static str, from: &Surroundings<'_>) -> Result<ControlJob, Halt> {
    let session = between_flags(&mut raw, Program::Control, from)?;
    let text =
        |word: OsString| word.into_string().map_err(|_| Halt::from(Complaint::MalformedUtf8("command")));
    let mut words = std::mem::take(&mut raw.command).into_iter().map(text);
    let module = words.next().transpose()?;
    let command = words.collect::<Result<Vec<_>, _>>()?;
    if module.is_some() && command.is_empty() {
        return Err(Halt::Help);
    }
    Ok(ControlJob {
        qos: raw.qos.unwrap_or(QoS::AtLeastOnce),
        file: raw.file.take(),
        verbose: raw.verbose,
        warned: false,
        module,
        command,
        connection: connection(raw, session, Program::Control, name, from)?,
    })
}

/// Protocol version, and the Session Expiry Interval that goes with it.
struct Session {
    version: Version,
    session_expiry_interval: u32,
}

/// The rules that join several flags, in the order mosquitto checks them.
fn between_flags(raw: &mut Raw, program: Program, from: &Surroundings<'_>) -> Result<Session, Halt> {
    if raw.will_payload.is_some() && raw.will_topic.is_none() {
        return Err(Complaint::WillPayloadWithoutTopic.into());
    }
    if raw.will_retain && raw.will_topic.is_none() {
        return Err(Complaint::WillRetainWithoutTopic.into());
    }
    tls::between_flags(&raw.tls)?;
    let session = session(raw, program)?;
    fill_defaults(raw, program, from)?;
    Ok(session)
}

/// A session that outlives the connection needs a name to come back to.
fn session(raw: &Raw, program: Program) -> Result<Session, Halt> {
    let version = raw.version.unwrap_or(match program {
        Program::Request | Program::Control => Version::V5,
        _ => Version::V311,
    });
    if version != Version::V5 {
        return if raw.disable_clean_session && raw.client_id.is_none() {
            Err(Complaint::CleanSessionNeedsId.into())
        } else {
            Ok(Session { version, session_expiry_interval: 0 })
        };
    }
    let unset = if raw.disable_clean_session { u32::MAX } else { 0 };
    let session_expiry_interval = raw.session_expiry_interval.unwrap_or(unset);
    if session_expiry_interval == u32::MAX && raw.client_id.is_none() {
        return Err(Complaint::InfiniteSessionNeedsId.into());
    }
    Ok(Session { version, session_expiry_interval })
}

fn connection(
    mut raw: Raw,
    session: Session,
    program: Program,
    name: &'static str,
    from: &Surroundings<'_>,
) -> Result<ConnectionSettings, Halt> {
    let client_id = client_id(&raw, program, from)?;
    let password = raw.password.take().map(|source| read_password(source, from)).transpose()?;
    let username = username(raw.username.take(), password.as_deref(), session.version)?;
    let default_port = tls::default_port(&raw.tls, MQTT_PORT);
    let (tls, mut warnings) = tls::settings(&mut raw)?;
    if raw.proxy.is_some() && raw.port == Some(0) {
        warnings.push("Warning: --proxy does nothing with a unix socket.");
    }
    if raw.srv && raw.port == Some(0) {
        warnings.push("Warning: -S does nothing with a unix socket.");
    }
    let mut properties = raw.properties;
    if session.session_expiry_interval > 0 {
        let interval = Property::SessionExpiryInterval(session.session_expiry_interval);
        properties.add(Carrier::Connect, interval);
    }
    let properties = properties.check(session.version, raw.will_topic.is_some())?;
    let will_qos = raw.will_qos.unwrap_or(QoS::AtMostOnce);
    let (will_payload, will_retain) = (raw.will_payload.unwrap_or_default(), raw.will_retain);
    Ok(ConnectionSettings {
        program: name.to_owned(),
        target: target(raw.host, raw.port.unwrap_or(default_port)),
        bind_address: raw.bind_address.map(|address| address.to_string_lossy().into_owned()),
        srv: raw.srv,
        nodelay: raw.nodelay || raw.latency,
        tls,
        ws: raw.ws.then(|| WsSettings { path: raw.ws_path.unwrap_or_else(|| WS_PATH.to_owned()) }),
        proxy: raw.proxy,
        warnings,
        client_id,
        version: session.version,
        clean_start: !raw.disable_clean_session,
        properties,
        keep_alive: raw.keep_alive.unwrap_or(60),
        max_inflight: raw.max_inflight.unwrap_or(20),
        username,
        password,
        will: raw.will_topic.map(|topic| Will {
            topic,
            payload: will_payload,
            qos: will_qos,
            retain: will_retain,
        }),
        debug: raw.debug,
        quiet: raw.quiet,
        patience: raw.patience,
        strict: raw.strict,
        trace: raw.trace,
    })
}

fn target(host: Option<OsString>, port: u16) -> Target {
    let host = host.unwrap_or_else(|| OsString::from("localhost"));
    match port {
        0 => Target::Unix(PathBuf::from(host)),
        port => Target::Tcp { host: host.to_string_lossy().into_owned(), port },
    }
}

fn client_id(raw: &Raw, program: Program, from: &Surroundings<'_>) -> Result<Option<String>, Halt> {
    let id = match (&raw.client_id, &raw.id_prefix) {
        (Some(id), _) => Some(id.clone()),
        (None, Some(prefix)) => Some(format!("{prefix}{}", from.process_id)),
        (None, None) => None,
    };
    if id.as_ref().is_some_and(|id| id.len() > LONGEST) {
        return Err(Complaint::MalformedUtf8("-I").into());
    }
    // An empty id can't be given; and a session can't be kept without one.
    let is_invalid = match &id {
        Some(id) => id.is_empty(),
        None => raw.disable_clean_session,
    };
    if is_invalid { Err(Complaint::InvalidId(program).into()) } else { Ok(id) }
}

fn username(
    username: Option<OsString>,
    password: Option<&Vec<u8>>,
    version: Version,
) -> Result<Option<String>, Halt> {
    let username = username.map(|name| name.into_string().map_err(|_| Complaint::Credentials)).transpose()?;
    // Only MQTT 5 has a password without a user name [MQTT-3.1.2-22 of 3.1.1].
    let lonely = password.is_some() && username.is_none() && version != Version::V5;
    let unfit = username.as_ref().is_some_and(|name| name.len() > LONGEST || !name.chars().all(is_allowed));
    if lonely || unfit || password.is_some_and(|password| password.len() > LONGEST) {
        return Err(Complaint::Credentials.into());
    }
    Ok(username)
}

fn read_password(source: PasswordSource, from: &Surroundings<'_>) -> Result<Zeroizing<Vec<u8>>, Halt> {
    match source {
        PasswordSource::Given(password) => Ok(password),
        PasswordSource::Asked(secret) => {
            (from.ask)(secret).map_err(|error| Complaint::PasswordNotRead(reason(&error)).into())
        }
        PasswordSource::Variable(name) => {
            let unset = || Complaint::PasswordVariableUnset(name.to_string_lossy().into_owned());
            let value = name.to_str().and_then(|name| (from.variable)(name)).ok_or_else(unset)?;
            Ok(Zeroizing::new(value.into_vec()))
        }
        PasswordSource::File(path) => {
            let text = (from.read_file)(&path).map(Zeroizing::new).map_err(|error| {
                Complaint::PasswordUnreadable { file: path.display().to_string(), why: reason(&error) }
            })?;
            if text.is_empty() {
                let file = path.display().to_string();
                return Err(Complaint::PasswordUnreadable { file, why: "it is empty".to_owned() }.into());
            }
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Ok(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
        }
    }
}

fn json_safe_has_json(raw: &Raw) -> Result<(), Halt> {
    match raw.json_safe && raw.format.is_none() {
        true => Err(Complaint::Together(
            "Error: --json-safe is for the JSON of -F %j or -F %J, which is missing.",
        )
        .into()),
        false => Ok(()),
    }
}

fn retain_handling(raw: &Raw) -> RetainHandling {
    match raw.retain_handling {
        Some(handling) => handling,
        None if raw.no_retained => RetainHandling::DoNotSend,
        None => RetainHandling::SendAtSubscribe,
    }
}
