//! What the broker wants done after a turn: the one way by which anything leaves it.

use super::changes::Changes;
use super::connection::ConnectionKey;
use super::notice::{Notice, Peer};
use super::pages::Fetch;
use zeroize::Zeroizing;

/// A password to check, which takes long on purpose: done elsewhere, answered by [`super::Shard::verified`].
#[derive(Debug)]
pub struct Verification {
    /// Who asks.
    pub connection: ConnectionKey,
    /// Tells a later connection with the same key apart.
    pub generation: u32,
    /// Where it comes from: attempts are limited by address.
    pub peer: Peer,
    /// ClientId that it will have.
    pub client_id: Box<str>,
    /// User Name of the CONNECT.
    pub username: Box<str>,
    /// Password of the CONNECT, if there is one.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// Index of the listener, which knows the password file.
    pub listener: usize,
}

/// The answer to a [`Verification`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Good,
    /// The user is unknown or the password wrong.
    Bad,
    /// Too many are waiting to be checked.
    Busy,
}

/// A message on a topic that starts with `$CONTROL/`: for the broker, not for subscribers. Answered by
/// [`super::Shard::answer`].
#[derive(Debug)]
pub struct ControlRequest {
    /// Who asks.
    pub asker: Asker,
    /// Where to.
    pub topic: Box<str>,
    /// What. It may hold passwords.
    pub payload: Zeroizing<Vec<u8>>,
}

/// Who asked the broker for something.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Its connection.
    pub connection: ConnectionKey,
    /// Tells a later connection with the same key apart.
    pub generation: u32,
    /// ClientId.
    pub client_id: Box<str>,
    /// User Name.
    pub username: Option<Box<str>>,
}

/// Requests of the broker to the loop; the loop empties it at the end of each turn.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Connections with bytes to write.
    pub dirty: Vec<ConnectionKey>,
    /// Connections whose window of QoS 1 and 2 is full: more can't join their output before they answer, so writing
    /// it at once costs nothing and lets them work meanwhile.
    pub full: Vec<ConnectionKey>,
    /// Connections to close once their bytes are written (or can't be).
    pub close: Vec<ConnectionKey>,
    /// Connections whose input, held back before, may be handled again.
    pub resume: Vec<ConnectionKey>,
    /// What must survive, for the store.
    pub changes: Changes,
    /// Messages that are on disk and wanted now, to be asked for behind `changes`; answered by
    /// [`super::Shard::fetched`].
    pub fetch: Vec<Fetch>,
    /// Passwords to check.
    pub verify: Vec<Verification>,
    /// Requests to the broker itself.
    pub control: Vec<ControlRequest>,
    /// What happened, for the log; only of the kinds that are listened to.
    pub notices: Vec<Notice>,
    /// A receiver has so much to write that it should be written now, before more input is handled.
    pub urgent: bool,
}
