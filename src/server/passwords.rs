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

use crate::auth::PasswordFile;
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
    /// Whose password it was.
    pub username: Box<str>,
    /// The file that was asked.
    pub file: Arc<PasswordFile>,
}

#[derive(Default)]
struct Queue {
    by_address: HashMap<Option<IpAddr>, VecDeque<(Verification, Arc<PasswordFile>)>>,
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
    pub fn check(&mut self, verification: Verification, file: Arc<PasswordFile>) -> Option<Verdict> {
        if self.threads.is_empty() {
            self.start();
        }
        let address = match &verification.peer {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix(_) => None,
        };
        let mut queue = self.shared.queue();
        let full = queue.waiting >= WAITING;
        let here = queue.by_address.entry(address).or_default();
        if here.len() >= WAITING_AN_ADDRESS || full {
            return Some(Verdict::Busy);
        }
        let first = here.is_empty();
        here.push_back((verification, file));
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
    while let Some((verification, file)) = next(shared) {
        let known = file.lookup(verification.username.as_bytes());
        // An unknown user costs the same time as a known one.
        let good = known.unwrap_or_else(|| file.dummy()).verify(&verification.password) && known.is_some();
        let verdict = if good { Verdict::Good } else { Verdict::Bad };
        let Verification { connection, generation, listener, username, .. } = verification;
        shared.queue().answers.push(Answer { connection, generation, verdict, listener, username, file });
        let _ = shared.waker.wake();
    }
}

/// Waits for the next attempt, addresses in turn; `None`: the broker stops.
fn next(shared: &Shared) -> Option<(Verification, Arc<PasswordFile>)> {
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
