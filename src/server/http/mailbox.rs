//! Questions to the event loop, and its answers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::Waker;
use tokio::sync::oneshot;

use crate::broker::Notice;
use crate::observe::Facts;
use crate::server::passwords::Against;

/// How long the loop may take to answer: one that doesn't is ill.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions that may wait; more are answered as if the loop were ill.
const WAITING: usize = 1024;
/// Lines for the log that may wait.
const LINES: usize = 256;

/// One question.
#[derive(Debug)]
pub struct Ask {
    /// Number of the listener that it came by.
    pub listener: usize,
    /// Who asks, as far as he says.
    pub username: Option<Box<str>>,
    /// For which path.
    pub path: Box<str>,
    answer: oneshot::Sender<Snapshot>,
}

impl Ask {
    /// Answers it; whoever doesn't wait any more isn't told.
    pub fn answer(self, snapshot: Snapshot) {
        let _ = self.answer.send(snapshot);
    }
}

/// What the loop knows, at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Figures.
    pub facts: Facts,
    /// Version of the program.
    pub version: Arc<str>,
    /// All listeners.
    pub listeners: Arc<[ListenerFacts]>,
    /// Clients may come, and what they send is kept.
    pub ready: bool,
    /// Without a user name everybody may come.
    pub allow_anonymous: bool,
    /// What the password of this user is to be checked against; `None`: passwords aren't checked.
    pub against: Option<Against>,
    /// The rules let this user read the path.
    pub may_read: bool,
    /// `http_dir` of the listener.
    pub http_dir: Option<PathBuf>,
}

/// A listener, as `/api/v1/listeners` shows it.
#[derive(Clone, Debug)]
pub struct ListenerFacts {
    /// Port, where there is no path.
    pub port: u16,
    /// Path of a unix socket.
    pub unix_path: Option<String>,
    /// `mqtt`, `websockets`, `httpapi`
    pub protocol: &'static str,
    /// It has TLS.
    pub tls: bool,
    /// It asks for client certificates.
    pub mtls: bool,
    /// `allow_anonymous`
    pub allow_anonymous: bool,
}

/// Where questions are left for the loop.
#[derive(Clone, Debug)]
pub struct Mailbox {
    asks: Arc<Mutex<Vec<Ask>>>,
    notices: Arc<Mutex<Vec<Notice>>>,
    waker: Arc<Waker>,
}

impl Mailbox {
    pub(in crate::server) fn new(waker: Arc<Waker>) -> Self {
        Mailbox { asks: Arc::default(), notices: Arc::default(), waker }
    }

    /// Asks the loop; `None`: it doesn't answer.
    pub async fn ask(&self, listener: usize, username: Option<&str>, path: &str) -> Option<Snapshot> {
        let (answer, answered) = oneshot::channel();
        {
            let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
            if asks.len() >= WAITING {
                return None;
            }
            asks.push(Ask { listener, username: username.map(Into::into), path: path.into(), answer });
        }
        let _ = self.waker.wake();
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }

    /// Has the loop log a line.
    pub fn note(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < LINES {
            notices.push(notice);
            let _ = self.waker.wake();
        }
    }

    /// What is to be logged since the last call.
    pub(in crate::server) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was asked since the last call.
    pub(in crate::server) fn take(&self) -> Vec<Ask> {
        std::mem::take(&mut *self.asks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
