//! mosquitto.conf: the table of keywords, the parser, and the settings it comes to. Pure.

mod listener;
mod log_settings;
mod model;

pub use listener::{AcceptedVersions, Listener, ListenerProtocol, Security, SocketDomain};
pub use log_settings::{LogDestinations, LogFacility, LogSettings, LogType, LogTypes};
pub use model::{DEFAULT_PORT, Settings};
