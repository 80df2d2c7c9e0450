//! mosquitto.conf: the table of keywords, the parser, and the settings it comes to. Pure.

mod arguments;
mod bridge;
mod fault;
mod files;
mod keywords;
mod listener;
mod log_settings;
mod message;
mod model;
mod nearest;
mod parse;
mod plugins;
mod secret;

pub use arguments::Arguments;
pub use bridge::{
    Bridge, BridgeAddress, BridgeReload, BridgeTls, BridgeTopic, Direction, RestartTimeout, StartType,
    TcpKeepAlive,
};
pub use fault::Fault;
pub use files::{ConfigFiles, ReadProblem};
pub use keywords::{Built, Keyword, Reload, Scope, Setter, Structure, ValueKind, find, keywords};
pub use listener::{
    AcceptedVersions, IdentitySource, Listener, ListenerProtocol, ListenerTls, ProxyVersion, Security,
    SocketDomain,
};
pub use log_settings::{LogDestinations, LogFacility, LogSettings, LogType, LogTypes};
pub use message::Message;
pub use model::{DEFAULT_PORT, PersistenceSync, Settings};
pub use nearest::nearest;
pub use parse::{AtError, BadConfiguration, ConfigReader};
pub use plugins::{Plugin, PluginKind};
pub use secret::Secret;
