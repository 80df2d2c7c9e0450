//! Connecting a bridge, on a thread of its own: looking up a name and waiting for an answer take their time.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;
use socket2::{SockRef, TcpKeepalive};

use super::error::reason;
use crate::config::{Bridge, BridgeAddress};
use crate::transport::tls::{Psk, TlsSettings, TlsVersion, Verify};
use crate::transport::{Address, ConnectError, Connector, Stream, Target};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who asked for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The number of the bridge.
    pub link: usize,
    /// The number of its attempt: what comes of an older one isn't wanted any more.
    pub attempt: u64,
    /// It was only to see whether it can be done.
    pub probe: bool,
}

/// What came of it; what went wrong is in the system's words.
pub type Answer = (Caller, Result<Stream, String>);

/// Answers that the event loop hasn't taken yet.
#[derive(Clone)]
pub struct Dialer {
    answers: Arc<Mutex<Vec<Answer>>>,
    waker: Arc<Waker>,
}

impl Dialer {
    /// `waker` is woken when an answer is there.
    pub fn new(waker: Arc<Waker>) -> Self {
        Dialer { answers: Arc::default(), waker }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answers since the last call.
    pub fn answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.lock())
    }

    /// Begins to connect.
    pub fn dial(&self, caller: Caller, bridge: &Arc<Bridge>, address: usize) {
        let (dialer, bridge) = (self.clone(), bridge.clone());
        let work = move || {
            let result = connect(&bridge, address);
            dialer.answer(caller, result);
        };
        if let Err(error) = std::thread::Builder::new().name("bridge".into()).spawn(work) {
            self.answer(caller, Err(reason(&error)));
        }
    }

    fn answer(&self, caller: Caller, result: Result<Stream, String>) {
        self.lock().push((caller, result));
        let _ = self.waker.wake();
    }
}

fn connect(bridge: &Bridge, address: usize) -> Result<Stream, String> {
    let address = match bridge.addresses.get(address) {
        Some(BridgeAddress::Tcp(host, port)) => Address::Tcp { host: host.clone(), port: *port },
        Some(BridgeAddress::Unix(path)) => Address::Unix(path.into()),
        None => return Err("no such address".to_owned()),
    };
    let is_tcp = matches!(address, Address::Tcp { .. });
    let target = Target {
        address,
        bind: bridge.bind_address.clone(),
        nodelay: true,
        deadline: Some(Instant::now() + PATIENCE),
        tls: tls(bridge),
        ws: None,
        proxy: None,
        srv: false,
    };
    let stream = Connector::new(target).connect().map_err(|error| match error {
        ConnectError::Io(error) => reason(&error),
        other => other.to_string(),
    })?;
    let settled = if is_tcp { set_options(&stream, bridge) } else { Ok(()) };
    settled.and_then(|()| stream.set_nonblocking(true)).map_err(|error| reason(&error))?;
    Ok(stream)
}

fn tls(bridge: &Bridge) -> Option<TlsSettings> {
    let settings = &bridge.tls;
    let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
    let psk = settings
        .identity
        .clone()
        .zip(settings.psk.as_ref().and_then(|psk| Psk::key(psk.reveal().as_bytes())));
    settings.is_on().then(|| TlsSettings {
        cafile: path(&settings.cafile),
        capath: path(&settings.capath),
        os_certificates: settings.use_os_certs,
        certificate: path(&settings.certfile).zip(path(&settings.keyfile)),
        psk: psk.map(|(identity, key)| Psk { identity, key }),
        verify: if settings.insecure { Verify::Authority } else { Verify::Full },
        require_ocsp: settings.require_ocsp,
        ciphers: settings.ciphers.clone(),
        ciphersuites: settings.ciphers_v13.clone(),
        oldest: settings.only_v13.then_some(TlsVersion::V13),
        alpn: settings.alpn.clone(),
        keylog: None,
        resume: false,
    })
}

/// `bridge_tcp_keepalive` and `bridge_tcp_user_timeout`.
fn set_options(stream: &Stream, bridge: &Bridge) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if let Some(keepalive) = bridge.tcp_keepalive {
        let seconds = |number: u32| Duration::from_secs(number.into());
        let parameters = TcpKeepalive::new()
            .with_time(seconds(keepalive.idle))
            .with_interval(seconds(keepalive.interval))
            .with_retries(keepalive.count);
        socket.set_tcp_keepalive(&parameters)?;
    }
    if let Some(milliseconds) = bridge.tcp_user_timeout {
        socket.set_tcp_user_timeout(Some(Duration::from_millis(milliseconds.into())))?;
    }
    Ok(())
}
