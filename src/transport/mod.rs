//! A stream of bytes either way: TCP and unix sockets, TLS and WebSocket on top, through a proxy. Knows nothing of MQTT.

mod address;
mod connect;
pub mod proxy_header;
mod socket;
mod socks;
mod srv;
mod stream;
pub mod tls;
pub mod ws;

pub use address::{Address, Target};
pub use connect::{ConnectError, Connector};
pub use socket::Socket;
pub use socks::Proxy;
pub use stream::{Layer, Stream};
