//! Ports that are nobody else's.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// Where ports are looked for: below those that the system gives to whoever connects or listens on any port, so that
/// none is taken between its choice here and its use.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// The marks that keep other test programs off the ports chosen here: UDP sockets, since nobody here speaks UDP. They
/// go with the process.
static MARKS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port that nobody listens on, and that nobody gets from here before this process ends.
pub fn free_port() -> u16 {
    let mut marks = MARKS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Test programs that run at the same time start at different places, or they would try each other's ports first.
    let start = std::process::id().wrapping_mul(7919).wrapping_add(marks.len() as u32);
    for step in 0..u32::from(COUNT) {
        let port = FIRST + (start.wrapping_add(step) % u32::from(COUNT)) as u16;
        let Ok(mark) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { continue };
        if is_free(port) {
            marks.push(mark);
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT - 1)
}

/// Whether one can listen there, on every address of this machine. Without IPv6 those of IPv4 are all there are.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && (TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err()
            || TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).is_ok())
}
