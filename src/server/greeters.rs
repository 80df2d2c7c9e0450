//! TLS handshakes on threads of their own: key agreement and signature take a millisecond of a processor, and a thousand
//! clients that come at once must not stop those that are here already.
//!
//! A connection leaves the event loop with its socket when TLS is to begin, and comes back when TLS is open or has
//! failed; a thread watches the sockets of its guests itself. The threads have low priority. Who waits for a guest to go
//! on with a handshake that it has begun keeps some memory for it: where there are too many of those, the one that is
//! waited for longest has to go. Nobody stays longer than a client has for its CONNECT.

use std::collections::{HashSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::event_loop::Server;
use super::layers::{Back, Raw, Ways};
use super::socket::Socket;
use crate::broker::ConnectionKey;
use crate::transport::tls::TlsStream;

/// Handshakes under way at a thread.
const BEGUN: usize = 2048;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a thread looks for those who took longer.
const SWEEP: Duration = Duration::from_secs(1);
const WAKER: Token = Token(usize::MAX);

/// A connection that leaves the loop.
#[derive(Debug)]
pub struct Guest {
    /// Its place in the loop.
    pub key: ConnectionKey,
    /// Which of those in this place.
    pub ticket: u64,
    /// The socket.
    pub raw: Raw,
    /// What its listener has for it.
    pub ways: Arc<Ways>,
}

/// A connection that comes back.
struct Greeted {
    key: ConnectionKey,
    ticket: u64,
    what: Back,
    outcome: io::Result<()>,
}

/// What is on its way between loop and threads; woken is who has to look.
struct Mailbox<T> {
    items: Mutex<Vec<T>>,
    waker: Arc<Waker>,
}

impl<T> Mailbox<T> {
    fn new(waker: Arc<Waker>) -> Arc<Self> {
        Arc::new(Mailbox { items: Mutex::new(Vec::new()), waker })
    }

    fn items(&self) -> MutexGuard<'_, Vec<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, item: T) {
        let mut items = self.items();
        items.push(item);
        let first = items.len() == 1;
        drop(items);
        if first {
            let _ = self.waker.wake();
        }
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.items())
    }
}

/// What a thread is told.
enum Word {
    Greet(Guest),
    /// Whoever has this ticket is to go, for the loop has given it up.
    Dismiss(u64),
    Stop,
}

/// The threads.
pub struct Greeters {
    back: Arc<Mailbox<Greeted>>,
    threads: Vec<(Arc<Mailbox<Word>>, JoinHandle<()>)>,
    /// Those that have left so far: a key may be somebody else's when one comes back.
    tickets: u64,
}

impl Greeters {
    /// No thread is started before the first handshake. `waker` is woken when connections come back.
    pub fn new(waker: Arc<Waker>) -> Self {
        Greeters { back: Mailbox::new(waker), threads: Vec::new(), tickets: 0 }
    }

    /// The ticket of the next guest.
    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Takes a connection; where the system gives no thread, it comes back with that error.
    pub fn greet(&mut self, guest: Guest) {
        if self.threads.is_empty()
            && let Err(error) = self.start()
        {
            let Guest { key, ticket, .. } = guest;
            return self.back.put(Greeted { key, ticket, what: Back::Failed(None), outcome: Err(error) });
        }
        let turn = guest.ticket as usize % self.threads.len();
        self.threads[turn].0.put(Word::Greet(guest));
    }

    /// A connection that has left won't be waited for any more: its socket closes.
    pub fn dismiss(&mut self, ticket: u64) {
        if let Some((words, _)) = self.threads.get(ticket as usize % self.threads.len().max(1)) {
            words.put(Word::Dismiss(ticket));
        }
    }

    /// As many threads as there are processors beside the loop's.
    fn start(&mut self) -> io::Result<()> {
        let count = std::thread::available_parallelism().map_or(1, |n| (n.get() - 1).max(1));
        for _ in 0..count {
            let poll = Poll::new()?;
            let words = Mailbox::new(Arc::new(Waker::new(poll.registry(), WAKER)?));
            let greeter = Greeter {
                poll,
                words: words.clone(),
                back: self.back.clone(),
                guests: Slab::new(),
                begun: VecDeque::new(),
                under_way: 0,
                swept: Instant::now(),
            };
            let thread = std::thread::Builder::new().name("handshakes".into());
            self.threads.push((words, thread.spawn(move || greeter.run())?));
        }
        Ok(())
    }
}

impl Drop for Greeters {
    fn drop(&mut self) {
        for (words, _) in &self.threads {
            words.put(Word::Stop);
        }
        for (_, thread) in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A guest at its thread.
struct Present {
    key: ConnectionKey,
    ticket: u64,
    until: Instant,
    has_begun: bool,
    way: Way,
}

enum Way {
    /// It has said nothing yet, and costs no more than a socket.
    Silent(Raw, Arc<Ways>),
    Begun(TlsStream<Raw>),
    /// In our hands for a moment, or lost to an error.
    Elsewhere,
}

/// One thread.
struct Greeter {
    poll: Poll,
    words: Arc<Mailbox<Word>>,
    back: Arc<Mailbox<Greeted>>,
    guests: Slab<Present>,
    /// Those who have begun, the first first; some may be gone.
    begun: VecDeque<(usize, u64)>,
    /// How many of them are here.
    under_way: usize,
    swept: Instant,
}

impl Greeter {
    fn run(mut self) {
        // The event loop goes first. Where the system refuses, it's the scheduler's choice.
        let _ = rustix::process::nice(10);
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = (!self.guests.is_empty()).then_some(SWEEP);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKER => {
                        if self.listen() {
                            return;
                        }
                    }
                    Token(number) => self.event(number),
                }
            }
            self.sweep();
        }
    }

    /// `true`: this is the end.
    fn listen(&mut self) -> bool {
        let mut dismissed = HashSet::new();
        for word in self.words.take() {
            match word {
                Word::Greet(guest) => self.arrive(guest),
                Word::Dismiss(ticket) => {
                    dismissed.insert(ticket);
                }
                Word::Stop => return true,
            }
        }
        if !dismissed.is_empty() {
            let under_way = &mut self.under_way;
            self.guests.retain(|_, guest| {
                let stays = !dismissed.contains(&guest.ticket);
                *under_way -= usize::from(!stays && guest.has_begun);
                stays
            });
        }
        false
    }

    fn arrive(&mut self, guest: Guest) {
        let Guest { key, ticket, mut raw, ways } = guest;
        let entry = self.guests.vacant_entry();
        let token = Token(entry.key());
        match self.poll.registry().register(raw.source(), token, Interest::READABLE) {
            Ok(()) => {
                let until = Instant::now() + PATIENCE;
                entry.insert(Present { key, ticket, until, has_begun: false, way: Way::Silent(raw, ways) });
            }
            Err(error) => {
                self.back.put(Greeted { key, ticket, what: Back::Failed(None), outcome: Err(error) })
            }
        }
    }

    fn event(&mut self, number: usize) {
        // It may have left in this turn.
        let Some(guest) = self.guests.get_mut(number) else { return };
        let stream = match std::mem::replace(&mut guest.way, Way::Elsewhere) {
            Way::Begun(stream) => Ok(stream),
            Way::Silent(raw, ways) => match &ways.tls {
                Some(tls) => tls.accept(raw).map_err(io::Error::from),
                None => Err(ErrorKind::NotConnected.into()),
            },
            Way::Elsewhere => return,
        };
        let outcome = match stream {
            Ok(mut stream) => {
                let waited = stream.has_unwritten();
                let mut outcome = stream.handshake();
                // Few have a socket that doesn't take our answer at once; they alone are told when it takes more.
                if matches!(outcome, Ok(false)) && stream.has_unwritten() && !waited {
                    let (source, token) = (stream.socket_mut().source(), Token(number));
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let watched = self.poll.registry().reregister(source, token, interest);
                    outcome = watched.map(|()| false);
                }
                guest.way = Way::Begun(stream);
                outcome
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(false) if guest.has_begun => {}
            Ok(false) => {
                guest.has_begun = true;
                self.begun.push_back((number, guest.ticket));
                self.under_way += 1;
                self.make_room();
            }
            other => self.leave(number, other.map(drop)),
        }
    }

    /// A guest goes back to the loop. A handshake that has failed ends here, where it began.
    fn leave(&mut self, number: usize, outcome: io::Result<()>) {
        let Present { key, ticket, has_begun, way, .. } = self.guests.remove(number);
        self.under_way -= usize::from(has_begun);
        let (what, outcome) = match way {
            Way::Begun(mut stream) => {
                let watched = self.poll.registry().deregister(stream.socket_mut().source());
                match watched.and(outcome) {
                    Ok(()) => (Back::Open(stream), Ok(())),
                    Err(error) => (Back::Failed(Some(stream.into_socket())), Err(error)),
                }
            }
            // The socket closes, which takes it from the poller as well.
            Way::Silent(..) | Way::Elsewhere => (Back::Failed(None), outcome),
        };
        self.back.put(Greeted { key, ticket, what, outcome });
    }

    /// Whoever has begun first goes where there are too many.
    fn make_room(&mut self) {
        while let Some(&(number, ticket)) = self.begun.front() {
            let is_here = self.guests.get(number).is_some_and(|guest| guest.ticket == ticket);
            if is_here && self.under_way <= BEGUN {
                return;
            }
            self.begun.pop_front();
            if is_here {
                self.leave(number, Err(ErrorKind::TimedOut.into()));
            }
        }
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        if now - self.swept < SWEEP {
            return;
        }
        self.swept = now;
        let late: Vec<usize> =
            self.guests.iter().filter(|(_, guest)| guest.until <= now).map(|(number, _)| number).collect();
        late.into_iter().for_each(|number| self.leave(number, Err(ErrorKind::TimedOut.into())));
    }
}

impl Server {
    /// Has a connection greeted if its TLS handshake is next. `watched`: the poller watches it, as a PROXY header came first.
    pub(super) fn have_greeted(&mut self, key: ConnectionKey, watched: bool) -> bool {
        let Some(Some(client)) = self.clients.get_mut(key) else { return false };
        let Socket::Layered(layers) = &mut client.socket else { return false };
        let ticket = self.greeters.ticket();
        let Some((mut raw, ways)) = layers.depart(ticket) else { return false };
        if watched {
            let _ = self.poll.registry().deregister(raw.source());
        }
        self.greeters.greet(Guest { key, ticket, raw, ways });
        true
    }

    /// Connections that come back go on.
    pub(super) fn welcome(&mut self) {
        for Greeted { key, ticket, what, outcome } in self.greeters.back.take() {
            let Some(Some(client)) = self.clients.get_mut(key) else { continue };
            let Socket::Layered(layers) = &mut client.socket else { continue };
            // It was closed meanwhile.
            if !layers.come_back(ticket, what) {
                continue;
            }
            match outcome.and_then(|()| self.watch(key)) {
                // What came behind the end of the handshake is read already, and no event will come for it.
                Ok(()) => self.read(key),
                Err(error) => self.broke(key, &error),
            }
        }
    }
}
