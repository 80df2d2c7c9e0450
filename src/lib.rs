//! MQTT for the command line: five programs and a broker on one set of rooms.
//!
//! Floors, from the ground up; a room imports from floors below its own, never sideways or up
//! (`tests/house.rs` holds the table).
//!
//! Ground: [`protocol`] turns bytes into packets and back; [`transport`] is a stream of bytes either way.
//! Parts: [`session`] is one MQTT session, either side; [`routing`] finds who gets a message; [`auth`]
//! decides over text already read; [`config`] is mosquitto.conf; [`options`] is the flags.
//! Cores: [`broker`] is the broker as a value without sockets, files or clock; [`client`] is the client's side;
//! [`bridge`] is a client of two brokers.
//! Shell: [`server`] is the event loop around the broker; [`store`] is what survives it, on disk; [`observe`] is what
//! it tells of itself; [`tools`] is what each program does.

pub mod auth;
pub mod bridge;
pub mod broker;
pub mod client;
pub mod config;
pub mod observe;
pub mod options;
pub mod protocol;
pub mod routing;
pub mod server;
pub mod session;
pub mod store;
pub mod tools;
pub mod transport;
