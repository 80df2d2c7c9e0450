//! What systemd wants to know of a service: ready, reloading, stopping, and a sign of life (`sd_notify(3)`).
//!
//! A datagram to the socket in `NOTIFY_SOCKET`; without one nothing is sent. None is waited for.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    socket: Option<UnixDatagram>,
    /// Milliseconds between two signs of life.
    period: Option<u64>,
    /// When the next is due, in monotonic milliseconds.
    pub(super) next: Option<u64>,
}

impl Systemd {
    /// As the environment says.
    pub(super) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|path| connect(&path).ok());
        let ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let timeout = variable("WATCHDOG_USEC").filter(|_| ours && socket.is_some());
        Systemd { socket, period: timeout.and_then(|text| half_of(&text)), next: None }
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // Whoever asked to be told and doesn't listen isn't told.
            let _ = socket.send(state.as_bytes());
        }
    }

    /// Clients may come.
    pub(super) fn ready(&mut self, now: u64) {
        self.send("READY=1");
        self.next = self.period.map(|period| now + period);
    }

    /// A new configuration is being read; [`Systemd::ready`] follows whatever becomes of it.
    pub(super) fn reloading(&self) {
        if self.socket.is_some() {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            let microseconds = time.tv_sec * 1_000_000 + time.tv_nsec / 1000;
            self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
        }
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Gives a sign of life, if it is time.
    pub(super) fn tick(&mut self, now: u64) {
        if self.next.is_some_and(|at| at <= now) {
            self.send("WATCHDOG=1");
            self.next = self.period.map(|period| now + period);
        }
    }
}

/// Half of `WATCHDOG_USEC`, in milliseconds.
fn half_of(microseconds: &str) -> Option<u64> {
    microseconds.parse::<u64>().ok().filter(|&number| number > 0).map(|number| (number / 2000).max(1))
}

fn connect(path: &str) -> io::Result<UnixDatagram> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_comes_twice_as_often_as_it_must() {
        assert_eq!(half_of("3000000"), Some(1500));
        assert_eq!(half_of("1000"), Some(1));
        assert_eq!((half_of("0"), half_of("x")), (None, None));
    }

    #[test]
    fn what_is_sent() {
        let name = format!("mqtt-broker-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let mut systemd =
            Systemd { socket: Some(connect(&format!("@{name}")).unwrap()), period: Some(10), next: None };
        let heard = || {
            let mut bytes = [0; 100];
            let count = manager.recv(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes[..count]).into_owned()
        };
        systemd.tick(5);
        systemd.ready(5);
        assert_eq!(heard(), "READY=1", "no sign of life before");
        systemd.tick(14);
        systemd.tick(15);
        assert_eq!((heard().as_str(), systemd.next), ("WATCHDOG=1", Some(25)));
        systemd.reloading();
        assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        systemd.stopping();
        assert_eq!(heard(), "STOPPING=1");
    }
}
