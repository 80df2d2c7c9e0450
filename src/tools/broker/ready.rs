//! Where clients on this machine reach a broker.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address of a broker that clients on this machine can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalAddress(SocketAddr);

impl LocalAddress {
    /// The best of a broker's listeners: the loopback before others, IPv4 before IPv6. `None`: no TCP.
    pub(super) fn of(addresses: &[SocketAddr]) -> Option<Self> {
        let reachable = |address: &SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
                other => other,
            };
            SocketAddr::new(ip, address.port())
        };
        let rank = |address: &SocketAddr| (!address.ip().is_loopback(), address.is_ipv6());
        addresses.iter().map(reachable).min_by_key(rank).map(LocalAddress)
    }

    /// For `MQTT_HOST`: without brackets.
    pub(super) fn host(self) -> String {
        self.0.ip().to_string()
    }

    /// For `MQTT_PORT`.
    pub(super) fn port(self) -> u16 {
        self.0.port()
    }
}

impl fmt::Display for LocalAddress {
    /// As a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(addresses: &[&str]) -> Option<String> {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        LocalAddress::of(&addresses).map(|address| address.to_string())
    }

    #[test]
    fn the_best_address() {
        assert_eq!(best(&["[::1]:7", "127.0.0.1:8"]).unwrap(), "mqtt://127.0.0.1:8");
        assert_eq!(best(&["[::]:7"]).unwrap(), "mqtt://[::1]:7");
        assert_eq!(best(&["10.0.0.1:1", "0.0.0.0:7"]).unwrap(), "mqtt://127.0.0.1:7");
        assert_eq!(best(&[]), None);
    }
}
