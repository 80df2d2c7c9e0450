//! WebSocket: MQTT in binary frames, behind a request in HTTP.

mod accept;
mod client;
mod frame;

pub use client::{WsClient, WsError, WsSettings};
