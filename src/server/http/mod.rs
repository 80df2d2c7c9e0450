//! `protocol http_api`: figures, health and files over HTTP, on a thread of its own.
//!
//! The thread never touches the broker: it asks the event loop for what it needs by a mailbox ([`Mailbox`]), and what
//! the loop spends on it is bounded, however many ask.

mod channel;
mod connection;
mod files;
mod mailbox;
mod pages;
mod places;
mod request;
mod routes;

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::layers::{Layers, Raw, Ways};
use crate::broker::Peer;

pub(super) use mailbox::{Ask, ListenerFacts, Mailbox, Snapshot};
pub(super) use pages::Page;
use places::{Place, Places};

/// What a listener's connections go through, once that is known.
type Told = Option<Arc<Ways>>;

/// What the loop tells the thread.
enum Command {
    Open(usize, TcpListener),
    Change(usize, Arc<Ways>),
    Close(usize),
    Page(Box<Page>),
}

/// A listener that is open.
struct Open {
    tasks: Vec<AbortHandle>,
    ways: watch::Sender<Told>,
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

    /// Serves a listening socket, the broker's listener of this number, as soon as [`Http::change`] has told what its
    /// connections go through.
    pub(super) fn open(&mut self, number: usize, socket: TcpListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.begin()?;
        self.tell(Command::Open(number, socket))
    }

    /// What new connections go through from now on.
    pub(super) fn change(&self, number: usize, ways: Arc<Ways>) {
        let _ = self.tell(Command::Change(number, ways));
    }

    /// Answers a request that came to a WebSocket listener.
    pub(super) fn serve_page(&mut self, page: Page) -> io::Result<()> {
        self.begin()?;
        self.tell(Command::Page(Box::new(page)))
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.running.is_none() {
            self.running = Some(start(self.mailbox.clone())?);
        }
        Ok(())
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
            let mut open: HashMap<usize, Open> = HashMap::new();
            // For all listeners; and as many for those who were handed over for a page.
            let places: Arc<Places> = Arc::default();
            let for_pages: Arc<Places> = Arc::default();
            // Ends when the server lets go of the sender.
            while let Some(command) = commands.recv().await {
                match command {
                    Command::Open(number, socket) => {
                        let new = || Open { tasks: Vec::new(), ways: watch::channel(None).0 };
                        let open = open.entry(number).or_insert_with(new);
                        let ways = open.ways.subscribe();
                        let task =
                            tokio::spawn(accept(number, socket, ways, mailbox.clone(), places.clone()));
                        open.tasks.push(task.abort_handle());
                    }
                    Command::Change(number, ways) => {
                        if let Some(open) = open.get(&number) {
                            open.ways.send_replace(Some(ways));
                        }
                    }
                    Command::Close(number) => {
                        let tasks = open.remove(&number).map(|open| open.tasks);
                        tasks.into_iter().flatten().for_each(|task| task.abort());
                    }
                    Command::Page(page) => {
                        tokio::spawn(pages::serve(*page, for_pages.clone()));
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
async fn accept(
    number: usize,
    socket: TcpListener,
    mut ways: watch::Receiver<Told>,
    mailbox: Mailbox,
    places: Arc<Places>,
) {
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { return };
    if ways.wait_for(Option::is_some).await.is_err() {
        return;
    }
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // No file descriptors, perhaps: not at once again.
        let Ok((stream, peer)) = socket.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            continue;
        };
        let ways = ways.borrow().clone().unwrap_or_default();
        // Behind a proxy all come from its address.
        let known = Peer::Ip(peer);
        let Some(place) = places.take(Some(&known).filter(|_| ways.proxy.is_none())) else { continue };
        let id = place.id();
        let Ok(stream) = stream.into_std().map(mio::net::TcpStream::from_std) else { continue };
        let (layers, mailbox) = (Layers::new(Raw::Tcp(stream), ways), mailbox.clone());
        let task = connections.spawn(async move {
            connection::serve(layers, known, number, &mailbox, &place).await;
        });
        Place::belongs_to(&places, id, task);
    }
}
