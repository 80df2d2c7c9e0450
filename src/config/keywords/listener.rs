//! Keywords of a listener: where, what it speaks, who may come in.

use super::Reload::{No, Yes};
use super::Scope::{Global, Listener as Required, ListenerOrDefault, NamedListener};
use super::ValueKind::{Bool, Form, Ignored, Int, Path, Text, Word};
use super::{Arguments, Fault, Keyword, Listener, Structure, row};
use crate::config::LogType::Warning;
use crate::config::{AcceptedVersions, ListenerProtocol, ProxyVersion, SocketDomain};

// A row is two lines or three: read across, not down.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    row("listener", Form("PORT [ADDRESS], or 0 PATH"), "none", Global, Yes,
        "Listen on a port (of one address, or of all), or on a unix socket; the lines that follow belong to it.")
        .structure(Structure::Listener),
    row("port", Int("1-65535"), "1883", Global, Yes,
        "The port of the default listener.")
        .deprecated("Please use 'listener' instead.")
        .structure(Structure::Port),
    row("bind_address", Text, "all addresses", Global, Yes,
        "The address of the default listener.")
        .deprecated("")
        .structure(Structure::BindAddress),
    row("bind_interface", Text, "none", ListenerOrDefault, Yes,
        "Listen on this network interface only, whatever its addresses are.")
        .listener(|l, a| a.text_once(&mut l.bind_interface)),
    row("socket_domain", Word("ipv4, ipv6"), "both", ListenerOrDefault, Yes,
        "Listen on addresses of one family only.")
        .listener(socket_domain),
    row("protocol", Word("mqtt, websockets, http_api"), "mqtt", ListenerOrDefault, Yes,
        "What the port speaks; http_api: GET /api/v1/version, systree, listeners, /metrics, /healthz, /readyz.")
        .listener(protocol),
    row("accept_protocol_versions", Form("a list of 3, 4, 5"), "3,4,5", NamedListener, Yes,
        "The versions of MQTT that may come in: 3 is 3.1, 4 is 3.1.1, 5 is 5.0.")
        .listener(accept_protocol_versions),
    row("max_connections", Int("0 or less: no limit"), "-1", ListenerOrDefault, Yes,
        "The most connections at a time on this listener.")
        .listener(|l, a| { l.max_connections = a.optional_limit()?; Ok(()) }),
    row("max_qos", Int("0-2"), "2", ListenerOrDefault, Yes,
        "The highest QoS that clients of this listener may publish with.")
        .also(&["maximum_qos"])
        .listener(max_qos),
    row("max_topic_alias", Int("0-65535"), "10", Required, Yes,
        "How many Topic Aliases a client may make.")
        .listener(|l, a| topic_alias(&mut l.max_topic_alias, "max_topic_alias", a)),
    row("max_topic_alias_broker", Int("0-65535"), "10", Required, Yes,
        "How many Topic Aliases the broker may make towards a client.")
        .listener(|l, a| topic_alias(&mut l.max_topic_alias_broker, "max_topic_alias_broker", a)),
    row("mount_point", Text, "none", Required, Yes,
        "What the broker puts before every topic of this listener's clients, who don't see it.")
        .listener(mount_point),
    row("use_username_as_clientid", Bool, "false", ListenerOrDefault, Yes,
        "The user name replaces the ClientId; clients without one are refused.")
        .listener(|l, a| { l.use_username_as_clientid = a.bool()?; Ok(()) }),
    row("listener_allow_anonymous", Bool, "as allow_anonymous", Required, Yes,
        "Let clients without a user name in on this listener.")
        .listener(|l, a| { l.allow_anonymous = Some(a.bool()?); Ok(()) }),
    row("listener_auto_id_prefix", Text, "as auto_id_prefix", Required, Yes,
        "What a ClientId starts with that the broker assigns on this listener; at most 50 bytes.")
        .listener(auto_id_prefix),
    row("websockets_origin", Text, "any", Required, Yes,
        "An Origin that a WebSocket client may come from; repeatable.")
        .listener(|l, a| { l.websockets_origin.push(a.text()?.to_owned()); Ok(()) }),
    row("websockets_log_level", Ignored, "0", Global, No,
        "Accepted without effect, as by mosquitto with its own WebSockets.")
        .settings(|_, _| Ok(())),
    row("http_dir", Path, "none", Required, Yes,
        "A folder whose files are served over HTTP.")
        .listener(|l, a| a.text_once(&mut l.http_dir)),
    row("enable_proxy_protocol", Int("1-2"), "off", Required, Yes,
        "Each connection starts with a header of the PROXY protocol of this version.")
        .listener(proxy_protocol),
    row("proxy_protocol_v2_require_tls", Bool, "false", Required, Yes,
        "Refuse connections whose PROXY header doesn't tell of TLS.")
        .listener(|l, a| { l.proxy_requires_tls = a.bool()?; Ok(()) }),
];

fn socket_domain(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    listener.socket_domain = Some(match arguments.token()? {
        "ipv4" => SocketDomain::Ipv4,
        "ipv6" => SocketDomain::Ipv6,
        other => {
            return Err(Fault::Other(format!(
                "Error: Invalid 'socket_domain' value '{other}' in configuration."
            )));
        }
    });
    Ok(())
}

fn protocol(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    listener.protocol = match arguments.token()? {
        "mqtt" => ListenerProtocol::Mqtt,
        "http_api" => ListenerProtocol::HttpApi,
        "websockets" => ListenerProtocol::WebSockets,
        other => return Err(arguments.invalid(other)),
    };
    Ok(())
}

fn proxy_protocol(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    listener.proxy = Some(match arguments.int()? {
        1 => ProxyVersion::V1,
        2 => ProxyVersion::V2,
        _ => return Err(Fault::other("Error: enable_proxy_protocol must be 1 or 2.")),
    });
    Ok(())
}

fn accept_protocol_versions(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let mut accepted = AcceptedVersions { v31: false, v311: false, v5: false };
    for word in arguments.list()? {
        match word {
            b"3" => accepted.v31 = true,
            b"4" => accepted.v311 = true,
            b"5" => accepted.v5 = true,
            other => {
                let other = String::from_utf8_lossy(other);
                arguments.remark(
                    Warning,
                    format!(
                        "Warning: Ignoring '{other}' in 'accept_protocol_versions', which takes 3, 4 and 5."
                    ),
                );
            }
        }
    }
    listener.accept_protocol_versions = accepted;
    Ok(())
}

fn max_qos(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    match u8::try_from(arguments.int()?) {
        Ok(qos) if qos <= 2 => listener.max_qos = qos,
        _ => return Err(Fault::other("Error: 'max_qos' must be between 0 and 2 inclusive.")),
    }
    Ok(())
}

fn topic_alias(slot: &mut u16, name: &str, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    *slot = u16::try_from(arguments.int()?)
        .map_err(|_| Fault::Other(format!("Error: Invalid '{name}' value in configuration.")))?;
    Ok(())
}

fn mount_point(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    let text = arguments.text()?;
    if text.contains(['+', '#']) {
        return Err(Fault::Other(format!(
            "Error: Invalid 'mount_point' value ({text}). Does it contain a wildcard character?"
        )));
    }
    listener.mount_point = Some(text.to_owned());
    Ok(())
}

fn auto_id_prefix(listener: &mut Listener, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
    arguments.text_once(&mut listener.auto_id_prefix)?;
    if listener.auto_id_prefix.as_ref().is_some_and(|prefix| prefix.len() > 50) {
        return Err(Fault::other("Error: 'listener_auto_id_prefix' length must be <= 50."));
    }
    Ok(())
}
