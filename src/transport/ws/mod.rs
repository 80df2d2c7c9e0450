//! WebSocket: MQTT in binary frames, behind a request in HTTP.

mod accept;
mod client;
mod frame;
mod server;

pub use client::{WsClient, WsError, WsSettings};
pub use server::{Progress, Sink, WsServer};
