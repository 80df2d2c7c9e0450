//! Keywords of bridges to other brokers.

use super::Reload::Yes;
use super::Scope::{Bridge as Needed, Global};
use super::ValueKind::{Bool, Form, Int, Path, Text, Word};
use super::{Arguments, Bridge, Fault, Keyword, Structure, row};
use crate::config::LogType::{Information, Notice, Warning};
use crate::config::{BridgeAddress, BridgeReload, BridgeTopic, Direction, StartType, TcpKeepAlive};
use crate::protocol::{QoS, Version, topic};

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("connection", Word("a name"), "none", Global, Yes,
        "Connect to another broker; the lines that follow belong to this bridge.")
        .structure(Structure::Connection),
    row("address", Form("HOST[:PORT] …"), "none", Needed, Yes,
        "Where the other broker is; more than one are tried in turn.").also(&["addresses"])
        .bridge(addresses),
    row("topic", Form("FILTER [DIRECTION [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]"), "none", Needed, Yes,
        "Which topics go out, come in, or both; repeatable.")
        .bridge(topic_line),
    row("remote_clientid", Text, "HOSTNAME.NAME", Needed, Yes,
        "The ClientId at the other broker.").also(&["clientid"])
        .bridge(|b, a| a.named("bridge remote clientid").text_once(&mut b.remote_clientid)),
    row("remote_username", Text, "none", Needed, Yes,
        "The user name at the other broker.").also(&["username"])
        .bridge(|b, a| a.named("bridge remote_username").text_once(&mut b.remote_username)),
    row("remote_password", Text, "none", Needed, Yes,
        "The password at the other broker.").also(&["password"])
        .bridge(|b, a| a.named("bridge remote_password").secret_once(&mut b.remote_password)),
    row("local_clientid", Text, "local. and remote_clientid", Needed, Yes,
        "The ClientId of the bridge inside this broker.")
        .bridge(|b, a| a.named("bridge local clientd").text_once(&mut b.local_clientid)),
    row("local_username", Text, "none", Needed, Yes,
        "The user name of the bridge inside this broker.")
        .bridge(|b, a| a.named("bridge local_username").text_once(&mut b.local_username)),
    row("local_password", Text, "none", Needed, Yes,
        "The password of the bridge inside this broker.")
        .bridge(|b, a| a.named("bridge local_password").secret_once(&mut b.local_password)),
    row("bridge_bind_address", Text, "any", Needed, Yes,
        "The local address that the bridge connects from.")
        .bridge(|b, a| a.text_once(&mut b.bind_address)),
    row("bridge_protocol_version", Word("mqttv31, mqttv311, mqttv50"), "mqttv311", Needed, Yes,
        "The version of MQTT spoken with the other broker; if none is chosen, mqttv50 with one of this kind.")
        .bridge(protocol_version),
    row("cleansession", Bool, "false", Needed, Yes,
        "Start with a new session at the other broker each time.")
        .bridge(|b, a| { b.cleansession = a.bool()?; Ok(()) }),
    row("local_cleansession", Bool, "as cleansession", Needed, Yes,
        "Forget what waits for the other broker when the connection ends.")
        .bridge(|b, a| { b.local_cleansession = Some(a.bool()?); Ok(()) }),
    row("keepalive_interval", Int("seconds, 5-65535"), "60", Needed, Yes,
        "The Keep Alive of the bridge, in seconds.")
        .bridge(keepalive_interval),
    row("start_type", Word("automatic, lazy, once"), "automatic", Needed, Yes,
        "When the bridge connects: at once and again, when there is something to send, or at once only.")
        .bridge(start_type),
    row("idle_timeout", Int("seconds, at least 1"), "60", Needed, Yes,
        "When a lazy bridge disconnects, in seconds without a message.")
        .bridge(|b, a| { b.idle_timeout = at_least_1(a, "idle_timeout interval too low, using 1 second.")?; Ok(()) }),
    row("threshold", Int("at least 1"), "10", Needed, Yes,
        "How many messages wait before a lazy bridge connects.")
        .bridge(|b, a| { b.threshold = at_least_1(a, "threshold too low, using 1 message.")?; Ok(()) }),
    row("restart_timeout", Form("BASE [CAP [STABLE]], seconds"), "5 to 30, by chance", Needed, Yes,
        "How long to wait before connecting again.")
        .bridge(restart_timeout),
    row("round_robin", Bool, "false", Needed, Yes,
        "Treat all addresses alike instead of going back to the first.")
        .bridge(|b, a| { b.round_robin = a.bool()?; Ok(()) }),
    row("try_private", Bool, "true", Needed, Yes,
        "Tell the other broker that this is a bridge.")
        .bridge(|b, a| { b.try_private = a.bool()?; Ok(()) }),
    row("notifications", Bool, "true", Needed, Yes,
        "Publish whether the bridge is connected.")
        .bridge(|b, a| { b.notifications = a.bool()?; Ok(()) }),
    row("notifications_local_only", Bool, "false", Needed, Yes,
        "Publish that on this broker only.")
        .bridge(|b, a| { b.notifications_local_only = a.bool()?; Ok(()) }),
    row("notification_topic", Text, "$SYS/broker/connection/CLIENTID/state", Needed, Yes,
        "The topic that says whether the bridge is connected.")
        .bridge(notification_topic),
    row("bridge_attempt_unsubscribe", Bool, "true", Needed, Yes,
        "Unsubscribe at the other broker from topics that only go out.")
        .bridge(|b, a| { b.attempt_unsubscribe = a.bool()?; Ok(()) }),
    row("bridge_outgoing_retain", Bool, "true", Needed, Yes,
        "Keep the retain flag of messages that go out.")
        .bridge(|b, a| { b.outgoing_retain = a.bool()?; Ok(()) }),
    row("bridge_max_packet_size", Int("0: no limit"), "0", Needed, Yes,
        "The longest packet sent to the other broker, in bytes.")
        .bridge(|b, a| { b.max_packet_size = a.limit()?; Ok(()) }),
    row("bridge_max_topic_alias", Int("0-65535"), "10", Needed, Yes,
        "How many Topic Aliases the other broker may make.")
        .bridge(max_topic_alias),
    row("bridge_receive_maximum", Int("1-65535"), "not sent", Needed, Yes,
        "The Receive Maximum told to the other broker.")
        .bridge(receive_maximum),
    row("bridge_session_expiry_interval", Int("seconds"), "0", Needed, Yes,
        "The Session Expiry Interval asked of the other broker, in seconds.")
        .bridge(session_expiry_interval),
    row("bridge_reload_type", Word("lazy, immediate"), "lazy", Needed, Yes,
        "When a reload takes effect: at the next connection, or at once.")
        .bridge(reload_type),
    row("bridge_tcp_keepalive", Form("IDLE INTERVAL COUNT"), "off", Needed, Yes,
        "When TCP itself looks whether the other side is there.")
        .bridge(tcp_keepalive),
    row("bridge_tcp_user_timeout", Int("milliseconds"), "off", Needed, Yes,
        "When TCP gives up on data that isn't acknowledged, in milliseconds.")
        .bridge(tcp_user_timeout),
    row("bridge_cafile", Path, "none", Needed, Yes,
        "The authorities that vouch for the other broker, PEM; turns TLS on.")
        .bridge(|b, a| { no_psk(b, "bridge_cafile")?; a.text_once(&mut b.tls.cafile) }),
    row("bridge_capath", Path, "none", Needed, Yes,
        "A folder of such authorities; turns TLS on.")
        .bridge(|b, a| { no_psk(b, "bridge_capath")?; a.text_once(&mut b.tls.capath) }),
    row("bridge_certfile", Path, "none", Needed, Yes,
        "The certificate that the bridge shows, PEM.")
        .bridge(|b, a| { no_psk(b, "bridge_certfile")?; a.text_once(&mut b.tls.certfile) }),
    row("bridge_keyfile", Path, "none", Needed, Yes,
        "The key of that certificate, PEM.")
        .bridge(|b, a| { no_psk(b, "bridge_keyfile")?; a.text_last(&mut b.tls.keyfile) }),
    row("bridge_tls_use_os_certs", Bool, "false", Needed, Yes,
        "Use TLS with the authorities of the operating system.")
        .bridge(|b, a| { b.tls.use_os_certs = a.bool()?; Ok(()) }),
    row("bridge_tls_version", Word("tlsv1.2, tlsv1.3"), "tlsv1.2", Needed, Yes,
        "The oldest version of TLS that is accepted.")
        .bridge(tls_version),
    row("bridge_ciphers", Text, "OpenSSL's", Needed, Yes,
        "The ciphers of TLS 1.2, as OpenSSL lists them.")
        .bridge(|b, a| a.text_once(&mut b.tls.ciphers)),
    row("bridge_ciphers_tls1.3", Text, "OpenSSL's", Needed, Yes,
        "The cipher suites of TLS 1.3, as OpenSSL lists them.")
        .bridge(|b, a| a.text_once(&mut b.tls.ciphers_v13)),
    row("bridge_alpn", Text, "none", Needed, Yes,
        "The application protocol named in the TLS handshake.")
        .bridge(|b, a| a.text_once(&mut b.tls.alpn)),
    row("bridge_insecure", Bool, "false", Needed, Yes,
        "Don't compare the name in the other broker's certificate.")
        .bridge(insecure),
    row("bridge_require_ocsp", Bool, "false", Needed, Yes,
        "The other broker must prove with an OCSP response in the TLS handshake that its certificate isn't revoked.")
        .bridge(|b, a| { b.tls.require_ocsp = a.bool()?; Ok(()) }),
    row("bridge_identity", Text, "none", Needed, Yes,
        "The identity that belongs to the pre-shared key.")
        .bridge(|b, a| { no_certificate(b, "bridge_identity")?; a.text_once(&mut b.tls.identity) }),
    row("bridge_psk", Text, "none", Needed, Yes,
        "The pre-shared key, in hexadecimal digits; turns TLS on.")
        .bridge(psk),
];

fn addresses(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    if !bridge.addresses.is_empty() {
        return Err(Fault::other("Error: Invalid bridge configuration, 'address' only allowed once."));
    }
    while let Some(word) = arguments.next_token()? {
        if word.starts_with('#') {
            break;
        }
        bridge.addresses.push(address(word)?);
    }
    if bridge.addresses.is_empty() {
        return Err(Fault::other("Error: Empty address value in configuration."));
    }
    Ok(())
}

/// `HOST[:PORT]`, parted at the last colon, or the path of a unix socket, which begins with a slash.
fn address(word: &str) -> Result<BridgeAddress, Fault> {
    if word.starts_with('/') {
        return Ok(BridgeAddress::Unix(word.to_owned()));
    }
    let bare = |host: &str| {
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.unwrap_or(host).to_owned()
    };
    match word.rsplit_once(':') {
        Some((host, port)) if !word.ends_with(']') => {
            let number = leading_number(port);
            match u16::try_from(number) {
                Ok(port) if port > 0 && !host.is_empty() => Ok(BridgeAddress::Tcp(bare(host), port)),
                Ok(port) if port > 0 => Err(Fault::other("Error: Empty address value in configuration.")),
                _ => Err(Fault::Other(format!("Error: Invalid bridge port value ({number})."))),
            }
        }
        _ => Ok(BridgeAddress::Tcp(bare(word), crate::config::DEFAULT_PORT)),
    }
}

/// A number as C's `atoi` takes it: what stands behind the digits is ignored, and no digits are 0. Saturates.
fn leading_number(word: &str) -> i64 {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let number = digits.fold(0_i64, |n, digit| n.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}

fn topic_line(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let pattern = match arguments.quoted()? {
        Some(text) => text,
        None => arguments.token()?,
    };
    let word = |arguments: &mut Arguments<'_>| -> Result<Option<String>, Fault> {
        Ok(arguments.next_token()?.filter(|word| !word.starts_with('#')).map(str::to_owned))
    };
    let mut line = BridgeTopic {
        pattern: Some(pattern.to_owned()).filter(|pattern| !pattern.is_empty()),
        direction: Direction::Out,
        qos: QoS::AtMostOnce,
        local_prefix: None,
        remote_prefix: None,
    };
    // Each is there only if the one before it is.
    if let Some(direction) = word(arguments)? {
        line.direction = direction_of(&direction)?;
        if let Some(qos) = word(arguments)? {
            line.qos = qos_of(&qos)?;
            if let Some(local) = word(arguments)? {
                line.local_prefix = prefix(local, "local")?;
                if let Some(remote) = word(arguments)? {
                    line.remote_prefix = prefix(remote, "remote")?;
                }
            }
        }
    }
    if line.pattern.is_none() && (line.local_prefix.is_none() || line.remote_prefix.is_none()) {
        return Err(Fault::other("Error: Invalid bridge remapping."));
    }
    for (side, filter) in [("local", line.local_filter()), ("remote", line.remote_filter())] {
        if !topic::is_topic_filter(&filter) || topic::shared(&filter).is_some_and(|parts| parts.is_err()) {
            return Err(Fault::Other(format!(
                "Error: Invalid bridge topic {side} prefix and pattern combination '{filter}'."
            )));
        }
    }
    if bridge.topics.contains(&line) {
        arguments.remark(Information, format!("Duplicate bridge topic '{pattern}', skipping"));
    } else {
        bridge.topics.push(line);
    }
    Ok(())
}

fn direction_of(word: &str) -> Result<Direction, Fault> {
    match word.to_ascii_lowercase().as_str() {
        "out" => Ok(Direction::Out),
        "in" => Ok(Direction::In),
        "both" => Ok(Direction::Both),
        _ => Err(Fault::Other(format!("Error: Invalid bridge topic direction '{word}'."))),
    }
}

fn qos_of(word: &str) -> Result<QoS, Fault> {
    let number = leading_number(word);
    u8::try_from(number)
        .ok()
        .and_then(|number| QoS::try_from(number).ok())
        .ok_or_else(|| Fault::Other(format!("Error: Invalid bridge QoS level '{word}'.")))
}

/// `""` is no prefix.
fn prefix(word: String, side: &str) -> Result<Option<String>, Fault> {
    if word == "\"\"" {
        return Ok(None);
    }
    if !topic::is_topic_name(&word) {
        return Err(Fault::Other(format!("Error: Invalid bridge topic {side} prefix '{word}'.")));
    }
    Ok(Some(word))
}

fn protocol_version(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.version_is_default = false;
    bridge.version = match arguments.raw()?.trim() {
        "mqttv31" => Version::V31,
        "mqttv311" => Version::V311,
        "mqttv50" => Version::V5,
        other => return Err(arguments.invalid(other)),
    };
    Ok(())
}

fn keepalive_interval(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let seconds = arguments.int()?;
    if seconds < 5 {
        arguments.remark(Notice, "keepalive interval too low, using 5 seconds.");
    }
    bridge.keepalive_interval =
        u16::try_from(seconds.max(5)).map_err(|_| Fault::other("Error: Bridge keepalive value too high."))?;
    Ok(())
}

fn start_type(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.start_type = match arguments.token()? {
        "automatic" => StartType::Automatic,
        "lazy" => StartType::Lazy,
        "once" => StartType::Once,
        "manual" => return Err(Fault::other("Error: Manual start_type not supported.")),
        other => {
            return Err(Fault::Other(format!(
                "Error: Invalid 'start_type' value in configuration ({other})."
            )));
        }
    };
    Ok(())
}

fn at_least_1(arguments: &mut Arguments<'_>, too_low: &str) -> Result<u32, Fault> {
    let number = arguments.int()?;
    if number < 1 {
        arguments.remark(Notice, too_low);
    }
    Ok(number.max(1).unsigned_abs())
}

fn restart_timeout(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    const BASE_MAX: i64 = 3600;
    const CAP_MAX: i64 = 7200;
    let base = leading_number(arguments.token()?);
    let cap = arguments.next_token()?.map(leading_number);
    let stable = arguments.next_token()?.map_or(0, leading_number);
    if base < 1 {
        arguments.remark(Notice, "restart_timeout interval too low, using 1 second.");
    } else if base > BASE_MAX {
        arguments.remark(Notice, "restart_timeout interval too high, using 3600 seconds.");
    }
    let base = base.clamp(1, BASE_MAX);
    if let Some(cap) = cap {
        if cap < base {
            return Err(Fault::other("Error: backoff cap is lower than the base in restart_timeout."));
        }
        if cap > CAP_MAX {
            arguments.remark(Notice, "restart_timeout cap too high, using 7200 seconds.");
        }
    }
    if stable < 0 {
        return Err(Fault::other("Error: stable connection period cannot be negative."));
    }
    let whole = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    bridge.restart_timeout.base = whole(base);
    bridge.restart_timeout.cap = cap.map(|cap| whole(cap.min(CAP_MAX)));
    bridge.restart_timeout.stable = whole(stable);
    Ok(())
}

fn notification_topic(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    arguments.text_once(&mut bridge.notification_topic)?;
    match &bridge.notification_topic {
        Some(name) if !topic::is_topic_name(name) => Err(arguments.invalid(name)),
        _ => Ok(()),
    }
}

fn max_topic_alias(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.max_topic_alias = u16::try_from(arguments.int()?)
        .map_err(|_| Fault::other("Error: bridge_max_topic_alias must be > 0 and <= 65535."))?;
    Ok(())
}

fn receive_maximum(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let number = arguments.int()?;
    if number < 1 {
        return Err(Fault::other("Error: bridge_receive_maximum must be greater than 0."));
    }
    let number = u16::try_from(number)
        .map_err(|_| Fault::other("Error: bridge_receive_maximum must be lower than 65535."))?;
    bridge.receive_maximum = Some(number);
    Ok(())
}

fn session_expiry_interval(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let seconds = u32::try_from(arguments.int()?)
        .map_err(|_| Fault::other("Error: bridge_session_expiry_interval must not be negative."))?;
    bridge.session_expiry_interval = Some(seconds);
    Ok(())
}

fn reload_type(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.reload_type = match arguments.token()? {
        "lazy" => BridgeReload::Lazy,
        "immediate" => BridgeReload::Immediate,
        other => {
            return Err(Fault::Other(format!(
                "Error: Invalid 'bridge_reload_type' value in configuration ({other})."
            )));
        }
    };
    Ok(())
}

fn tcp_keepalive(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let mut part = |what: &str| match arguments.int().map(u32::try_from) {
        Ok(Ok(number)) if number > 0 => Ok(number),
        _ => Err(Fault::Other(format!("Error: invalid TCP keepalive {what} value."))),
    };
    let (idle, interval, count) = (part("idle")?, part("interval")?, part("counter")?);
    bridge.tcp_keepalive = Some(TcpKeepAlive { idle, interval, count });
    Ok(())
}

fn tcp_user_timeout(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let milliseconds = u32::try_from(arguments.int()?)
        .map_err(|_| Fault::other("Error: invalid TCP user timeout value."))?;
    bridge.tcp_user_timeout = Some(milliseconds);
    Ok(())
}

fn no_psk(bridge: &Bridge, keyword: &str) -> Result<(), Fault> {
    if bridge.tls.identity.is_some() || bridge.tls.psk.is_some() {
        return Err(Fault::Other(format!(
            "Error: '{keyword}': Cannot use both certificate and psk encryption in a single bridge."
        )));
    }
    Ok(())
}

fn no_certificate(bridge: &Bridge, keyword: &str) -> Result<(), Fault> {
    let tls = &bridge.tls;
    if [&tls.cafile, &tls.capath, &tls.certfile, &tls.keyfile].into_iter().any(Option::is_some) {
        return Err(Fault::Other(format!(
            "Error: '{keyword}': Cannot use both certificate and identity encryption in a single bridge."
        )));
    }
    Ok(())
}

fn tls_version(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.tls.only_v13 = match arguments.token()? {
        "tlsv1.2" => false,
        "tlsv1.3" => true,
        other => return Err(Fault::Other(format!("Error: Protocol {other} not supported."))),
    };
    Ok(())
}

fn insecure(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    bridge.tls.insecure = arguments.bool()?;
    if bridge.tls.insecure {
        arguments.remark(Warning, format!("Warning: Bridge '{}' using insecure mode.", bridge.name));
    }
    Ok(())
}

fn psk(bridge: &mut Bridge, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    no_certificate(bridge, "bridge_psk")?;
    arguments.secret_once(&mut bridge.tls.psk)?;
    if bridge.tls.psk.as_ref().is_some_and(|psk| !psk.reveal().bytes().all(|digit| digit.is_ascii_hexdigit()))
    {
        return Err(Fault::other("Error: The 'bridge_psk' value is not made of hexadecimal digits."));
    }
    Ok(())
}
