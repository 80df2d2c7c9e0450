//! A stream of bytes either way: TCP and unix sockets. Knows nothing of MQTT.

mod address;
mod connect;
mod stream;

pub use address::{Address, Target};
pub use connect::{ConnectError, connect};
pub use stream::Stream;
