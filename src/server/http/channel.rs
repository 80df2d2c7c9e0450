//! A connection of the HTTP thread: the same layers as under MQTT (PROXY header, TLS), waited for instead of polled.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::broker::{Notice, Peer};
use crate::server::layers::{Layers, News, Raw, Refusal};
use crate::transport::tls::TlsError;

/// Something to read from and write to.
pub struct Channel {
    layers: Layers,
    bell: Bell,
    /// Where it comes from, as far as is known.
    peer: Peer,
}

/// Another handle to the same socket, to wait for it.
enum Bell {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Bell {
    fn of(raw: &Raw) -> io::Result<Self> {
        let handle = raw.as_fd().try_clone_to_owned()?;
        match raw {
            Raw::Tcp(_) => TcpStream::from_std(handle.into()).map(Bell::Tcp),
            Raw::Unix(_) => UnixStream::from_std(handle.into()).map(Bell::Unix),
        }
    }

    /// Waits until it rings, and tries; where that was in vain, it will ring again.
    async fn wait_and_try<T>(
        &self,
        interest: Interest,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Bell::Tcp(stream) => {
                stream.ready(interest).await?;
                stream.try_io(interest, act)
            }
            Bell::Unix(stream) => {
                stream.ready(interest).await?;
                stream.try_io(interest, act)
            }
        }
    }
}

impl Channel {
    /// Takes a connection over.
    ///
    /// # Errors
    /// TLS couldn't begin, or the system has no more file descriptors.
    pub fn new(layers: Layers, peer: Peer) -> io::Result<Self> {
        let bell = Bell::of(layers.raw().ok_or(ErrorKind::NotConnected)?)?;
        Ok(Channel { layers, bell, peer })
    }

    /// Who is at the other end, where TLS has said so.
    pub fn take_identity(&mut self) -> Option<Box<str>> {
        let mut name = None;
        for news in self.layers.take_news() {
            match news {
                News::Secured(secured) => name = secured.name,
                News::Peer(peer) => self.peer = peer,
            }
        }
        name
    }

    /// What the log is to say of an error; `None`: that somebody has gone is not worth a line.
    pub fn notice(&mut self, error: &io::Error) -> Option<Notice> {
        self.take_identity();
        let peer = self.peer.clone();
        if let Some(error) = TlsError::within(error) {
            let client = match &peer {
                Peer::Ip(address) => address.ip().to_string().into(),
                Peer::Unix(path) => (**path).into(),
            };
            return (!error.is_cut_off()).then(|| Notice::TlsFailed { client, what: error.to_string() });
        }
        match Refusal::within(error)? {
            Refusal::CorruptProxy => Some(Notice::CorruptProxy { peer: None }),
            Refusal::ProxyWithoutTls => Some(Notice::ProxyWithoutTls { peer }),
            Refusal::ProxyWithoutCertificate => Some(Notice::ProxyWithoutCertificate { peer }),
            _ => None,
        }
    }

    /// Reads what comes next; 0 is the end.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(true, |layers| layers.read(buffer)).await
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.when_ready(false, |layers| layers.write(&[IoSlice::new(bytes)])).await?;
            bytes = &bytes[count..];
        }
        self.when_ready(false, |layers| {
            layers.write_out()?;
            if layers.has_unwritten() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        })
        .await
    }

    /// Says goodbye at each layer.
    pub fn finish(&mut self) {
        self.layers.finish(&mut [0; 4096]);
    }

    /// Tries at once, and again whenever the socket is ready.
    async fn when_ready<T>(
        &mut self,
        reads: bool,
        mut act: impl FnMut(&mut Layers) -> io::Result<T>,
    ) -> io::Result<T> {
        let Channel { layers, bell, .. } = self;
        let mut result = act(layers);
        loop {
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let interest = match reads {
                        // TLS may have to write so that it can read.
                        true if layers.has_unwritten() => Interest::READABLE | Interest::WRITABLE,
                        true => Interest::READABLE,
                        false => Interest::WRITABLE,
                    };
                    let again = || layers.write_out().and_then(|()| act(layers));
                    result = bell.wait_and_try(interest, again).await;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => result = act(layers),
                other => return other,
            }
        }
    }
}
