//! Checking passwords on threads of their own: hashing is slow on purpose and must not delay anybody who is connected.
//!
//! The threads have low priority. Attempts wait in a queue for each address, served in turn, so that somebody who
//! guesses from one address doesn't keep others from logging in; a queue that is full answers at once that the
//! broker is busy.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use mio::Waker;

use crate::auth::{PasswordFile, PasswordHash};
use crate::broker::{ConnectionKey, Peer, Verdict, Verification};

/// Attempts that may wait from one address.
const WAITING_AN_ADDRESS: usize = 64;
/// Attempts that may wait in all.
const WAITING: usize = 4096;

/// An answer for the broker.
#[derive(Debug)]
pub struct Answer {
    /// Whose CONNECT it was.
    pub connection: ConnectionKey,
    /// And which of those with this key.
    pub generation: u32,
    /// What came out.
    pub verdict: Verdict,
    /// The listener it came in by.
    pub listener: usize,
    /// Who asked.
    pub client_id: Box<str>,
    /// Whose password it was.
    pub username: Box<str>,
    /// What the password was checked against.
    pub against: Against,
}

/// What a password is checked against.
#[derive(Clone, Debug)]
pub enum Against {
    /// A line of a password file.
    File(Arc<PasswordFile>),
    /// A client of dynamic security.
    Dynsec(PasswordHash),
    /// Nothing: nobody is let in by it, after the time that a check takes.
    Nobody(PasswordHash),
}

impl Against {
    /// Whether the password is right. An unknown user costs the same time as a known one.
    pub fn verify(&self, username: &str, password: Option<&[u8]>) -> bool {
        let (hash, known) = match self {
            Against::File(file) => {
                let known = file.lookup(username.as_bytes());
                (known.unwrap_or_else(|| file.dummy()), known.is_some())
            }
            Against::Dynsec(hash) => (hash, true),
            Against::Nobody(hash) => (hash, false),
        };
        hash.verify(password.unwrap_or_default()) && known && password.is_some()
    }
}

#[derive(Default)]
struct Queue {
    by_address: HashMap<Option<IpAddr>, VecDeque<(Verification, Against)>>,
    turns: VecDeque<Option<IpAddr>>,
    waiting: usize,
    answers: Vec<Answer>,
    stop: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    waker: Arc<Waker>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads and their queue.
pub struct Checkers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Checkers {
    /// No thread is started before the first password comes. `waker` is woken when answers are there.
    pub fn new(waker: Arc<Waker>) -> Self {
        let queue = Mutex::new(Queue::default());
        Checkers { shared: Arc::new(Shared { queue, work: Condvar::new(), waker }), threads: Vec::new() }
    }

    /// Asks for a check; `Some` is an answer at once.
    pub fn check(&mut self, verification: Verification, against: Against) -> Option<Verdict> {
        if self.threads.is_empty() {
            self.start();
        }
        let address = match &verification.peer {
            Peer::Ip(address) => Some(network(address.ip())),
            Peer::Unix(_) => None,
        };
        let mut queue = self.shared.queue();
        let here = queue.by_address.get(&address).map_or(0, VecDeque::len);
        if here >= WAITING_AN_ADDRESS || queue.waiting >= WAITING {
            return Some(Verdict::Busy);
        }
        let first = here == 0;
        queue.by_address.entry(address).or_default().push_back((verification, against));
        queue.waiting += 1;
        if first {
            queue.turns.push_back(address);
        }
        drop(queue);
        self.shared.work.notify_one();
        None
    }

    /// The answers since the last call.
    pub fn answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.shared.queue().answers)
    }

    fn start(&mut self) {
        let count = std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2));
        for _ in 0..count {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("passwords".into()).spawn(move || work(&shared));
            self.threads.extend(thread);
        }
    }
}

/// Whom an address belongs to: a single machine may have all the addresses of an IPv6 network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

impl Drop for Checkers {
    fn drop(&mut self) {
        self.shared.queue().stop = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared) {
    // The event loop goes first. Where the system refuses, it's the scheduler's choice.
    let _ = rustix::process::nice(10);
    while let Some((verification, against)) = next(shared) {
        let Verification { connection, generation, listener, client_id, username, password, .. } =
            verification;
        let good = against.verify(&username, password.as_ref().map(|password| &password[..]));
        let verdict = if good { Verdict::Good } else { Verdict::Bad };
        let answer = Answer { connection, generation, verdict, listener, client_id, username, against };
        shared.queue().answers.push(answer);
        let _ = shared.waker.wake();
    }
}

/// Waits for the next attempt, addresses in turn; `None`: the broker stops.
fn next(shared: &Shared) -> Option<(Verification, Against)> {
    let mut queue = shared.queue();
    loop {
        if queue.stop {
            return None;
        }
        if let Some(address) = queue.turns.pop_front() {
            let here = queue.by_address.get_mut(&address)?;
            let job = here.pop_front();
            match here.is_empty() {
                true => {
                    queue.by_address.remove(&address);
                }
                false => queue.turns.push_back(address),
            }
            queue.waiting -= 1;
            return job;
        }
        queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}
