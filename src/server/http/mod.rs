//! `protocol http_api`: figures, health and files over HTTP, on a thread of its own.
//!
//! The thread never touches the broker: it asks the event loop for what it needs by a mailbox ([`Mailbox`]), and what
//! the loop spends on it is bounded, however many ask.

mod connection;
mod files;
mod mailbox;
mod request;
mod routes;

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

pub(super) use mailbox::{Ask, ListenerFacts, Mailbox, Snapshot};

/// Connections at a time, over all listeners.
const CONNECTIONS: usize = 256;

/// What the loop tells the thread.
enum Command {
    Open(usize, TcpListener),
    Close(usize),
}

/// The thread, started with the first listener.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) mailbox: Mailbox,
    running: Option<(mpsc::UnboundedSender<Command>, JoinHandle<()>)>,
}

impl Http {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Http { mailbox, running: None }
    }

    /// Serves a listening socket, the broker's listener of this number.
    pub(super) fn open(&mut self, number: usize, socket: TcpListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        if self.running.is_none() {
            self.running = Some(start(self.mailbox.clone())?);
        }
        self.tell(Command::Open(number, socket))
    }

    /// Closes it, and the connections that came by it.
    pub(super) fn close(&mut self, number: usize) {
        let _ = self.tell(Command::Close(number));
    }

    fn tell(&self, command: Command) -> io::Result<()> {
        let gone = || io::Error::other("the HTTP thread is gone");
        let (sender, _) = self.running.as_ref().ok_or_else(gone)?;
        sender.send(command).map_err(|_| gone())
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.running.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn start(mailbox: Mailbox) -> io::Result<(mpsc::UnboundedSender<Command>, JoinHandle<()>)> {
    let (sender, mut commands) = mpsc::unbounded_channel();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
    let work = move || {
        runtime.block_on(async {
            let mut open: HashMap<usize, Vec<AbortHandle>> = HashMap::new();
            let places = Arc::new(Semaphore::new(CONNECTIONS));
            // Ends when the server lets go of the sender.
            while let Some(command) = commands.recv().await {
                match command {
                    Command::Open(number, socket) => {
                        let task = tokio::spawn(accept(number, socket, mailbox.clone(), places.clone()));
                        open.entry(number).or_default().push(task.abort_handle());
                    }
                    Command::Close(number) => {
                        open.remove(&number).into_iter().flatten().for_each(|task| task.abort());
                    }
                }
            }
        });
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new().name("http".into()).spawn(work)?;
    Ok((sender, thread))
}

/// Accepts until the listener is closed.
async fn accept(number: usize, socket: TcpListener, mailbox: Mailbox, places: Arc<Semaphore>) {
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { return };
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, peer)) => {
                let mailbox = mailbox.clone();
                connections.spawn(async move {
                    connection::serve(stream, peer, number, &mailbox).await;
                    drop(place);
                });
            }
            // No file descriptors, perhaps: not at once again.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
        }
    }
}
