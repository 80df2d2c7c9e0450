//! A stream of bytes either way: TCP and unix sockets, TLS on top. Knows nothing of MQTT.

mod address;
mod connect;
mod socket;
mod stream;
pub mod tls;

pub use address::{Address, Target};
pub use connect::{ConnectError, Connector};
pub use socket::Socket;
pub use stream::Stream;
