//! When a bridge connects, how it comes back, and when it rests.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::hello::Agreed;
use super::inward::Inward;
use super::local::{Local, Purpose};
use super::outbox::{Outbox, Request, Standing};
use super::outward::Outward;
use super::rings::Trails;
use super::stale::Stale;
use super::storm::Storm;
use super::topics::Topics;
use crate::client::Connection;
use crate::config::{Bridge as Settings, BridgeAddress, LogType, StartType};

/// How long a stream may take to stand, name lookup included.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How often a bridge on another address looks whether its first one is back.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How often a lazy bridge looks how many messages wait.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// The reason for which a stream is gone that the remote broker has closed.
pub const CLOSED: &str = "connection closed by the remote broker";

/// What a bridge needs to know of the broker that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The name of this machine.
    pub host: String,
    /// `max_inflight_messages`; 0: no limit.
    pub max_inflight_messages: u16,
    /// `max_packet_size`
    pub max_packet_size: u32,
    /// `retain_available`
    pub retain_available: bool,
    /// What brokers of ours know it by.
    pub broker: String,
}

/// Where the connection to the remote broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Over: `once`, or removed.
    Rest,
    /// Until enough messages wait; looked at again at this time.
    Lazy { look: Instant, not_before: Instant },
    /// Until the next attempt.
    Waiting { until: Instant },
    /// A stream was asked for.
    Connecting { give_up: Instant },
    /// CONNECT is on its way.
    Handshake,
    /// CONNACK came; the connection to our own broker was asked for.
    Opening,
    /// Messages are passed on.
    Open { since: Instant },
}

/// One bridge.
pub struct Bridge {
    pub(super) settings: Arc<Settings>,
    /// Settings of a reload, for the next attempt.
    pub(super) later: Option<Arc<Settings>>,
    pub(super) around: Surroundings,
    pub(super) topics: Topics,
    pub(super) phase: Phase,
    pub(super) agreed: Agreed,
    /// The session at the remote broker.
    pub(super) remote: Option<Connection>,
    /// It knew the session of this bridge.
    pub(super) remote_present: bool,
    /// Where the connection to our own broker stands.
    pub(super) local: Local,
    pub(super) inward: Inward,
    pub(super) outward: Outward,
    /// The session at our own broker isn't the one that the remote session belongs to: these of its Packet Identifiers
    /// are released there before they are used.
    pub(super) stale: Option<Stale>,
    /// The remote broker that the bridge was connected to last.
    last_remote: Option<BridgeAddress>,
    pub(super) trails: Trails,
    pub(super) storm: Storm,
    /// Nothing came behind CONNACK yet.
    pub(super) listens_for_hint: bool,
    /// 5.0 was chosen because the remote broker is one of ours.
    pub(super) chose_v5: bool,
    /// It was refused then.
    pub(super) refused_v5: bool,
    /// When a message was last passed on.
    pub(super) last_message: Instant,
    address: usize,
    backoff: Backoff,
    /// What has gone wrong since the last connection, each said once.
    troubles: Vec<String>,
    /// When the first address is looked at again.
    probe: Option<Instant>,
    /// The last connection ended before its CONNACK.
    cut_short: bool,
}

impl Bridge {
    /// A bridge that does nothing yet. `seed` is for its waits.
    pub fn new(settings: Arc<Settings>, around: Surroundings, seed: u64, now: Instant) -> Self {
        Bridge {
            topics: Topics::new(&settings.topics),
            agreed: Agreed::hoped_for(settings.version, settings.try_private),
            settings,
            later: None,
            trails: Trails::new(&around.broker),
            storm: Storm::default(),
            listens_for_hint: false,
            chose_v5: false,
            refused_v5: false,
            around,
            phase: Phase::Rest,
            remote: None,
            remote_present: false,
            local: Local::default(),
            inward: Inward::default(),
            outward: Outward::default(),
            stale: None,
            last_remote: None,
            last_message: now,
            address: 0,
            backoff: Backoff::new(seed),
            troubles: Vec::new(),
            probe: None,
            cut_short: false,
        }
    }

    /// Its settings, those of a reload that waits included.
    pub fn settings(&self) -> &Arc<Settings> {
        self.later.as_ref().unwrap_or(&self.settings)
    }

    /// The settings that hold now.
    pub fn current(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The broker that it belongs to has other settings.
    pub fn set_surroundings(&mut self, around: Surroundings) {
        self.around = around;
    }

    /// Its ClientId at our own broker.
    pub fn local_id(&self) -> String {
        self.settings.local_id(&self.around.host)
    }

    /// Whether messages are passed on now.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Whether what our own broker sends on the connection that it has now is passed on.
    pub fn takes_messages(&self) -> bool {
        self.local.is_live()
    }

    /// Begins: a first attempt at once, whatever the start type. `standing`: of a session that is there already.
    pub fn start(&mut self, now: Instant, standing: Option<&Standing>, out: &mut Outbox) {
        let settings = &self.settings;
        if settings.version.is_v5()
            && !settings.cleansession
            && settings.session_expiry_interval.unwrap_or(0) == 0
        {
            out.note(
                LogType::Warning,
                format!(
                    "Warning: Bridge {} keeps no session at the remote broker: with mqttv50, cleansession false \
                     needs a bridge_session_expiry_interval.",
                    settings.name
                ),
            );
        }
        self.prepare_local(standing, out);
        self.attempt(now, out);
    }

    /// Other settings hold, from the next connection on or at once.
    pub fn reconfigure(&mut self, now: Instant, settings: Arc<Settings>, at_once: bool, out: &mut Outbox) {
        self.later = Some(settings);
        if !at_once && !matches!(self.phase, Phase::Rest) {
            return;
        }
        self.leave_remote(out);
        self.end_local(out);
        self.phase = Phase::Waiting { until: now };
        self.troubles.clear();
    }

    /// The bridge is removed: both brokers are told, and its session at our own broker ends. [`Request::Done`] follows.
    pub fn remove(&mut self, out: &mut Outbox) {
        self.leave_remote(out);
        self.end_local(out);
        self.phase = Phase::Rest;
        self.ask_local(Purpose::Destroy, out);
    }

    /// The broker stops: both sides are told that the bridge goes.
    pub fn stop(&mut self, out: &mut Outbox) {
        self.leave_remote(out);
        self.end_local(out);
        self.phase = Phase::Rest;
    }

    /// Tries to connect.
    fn attempt(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(later) = self.later.take() {
            self.take_settings(later, out);
        }
        let (name, address) = (&self.settings.name, &self.settings.addresses[self.address]);
        let log_type = if self.troubles.is_empty() { LogType::Notice } else { LogType::Debug };
        out.note(log_type, format!("Connecting bridge {name} ({address})"));
        self.phase = Phase::Connecting { give_up: now + CONNECT_PATIENCE };
        out.requests.push(Request::Connect(self.address));
    }

    fn take_settings(&mut self, settings: Arc<Settings>, out: &mut Outbox) {
        let old = self.local_id();
        self.topics = Topics::new(&settings.topics);
        self.agreed = Agreed::hoped_for(settings.version, settings.try_private);
        (self.chose_v5, self.refused_v5) = (false, false);
        self.settings = settings;
        self.address = 0;
        self.troubles.clear();
        if old != self.local_id() {
            self.ask_local(Purpose::Forget(old), out);
        }
        self.ask_local(Purpose::Prepare, out);
    }

    /// There is no stream, or it is gone; the reason in the system's words.
    pub fn failed(&mut self, now: Instant, why: &str, out: &mut Outbox) {
        // Some words are sentences.
        let why = why.trim_end_matches('.');
        let text = match self.phase {
            Phase::Connecting { .. } => format!("Error creating bridge: {why}."),
            Phase::Handshake => {
                if why != CLOSED {
                    // It never came to what we said.
                } else if self.agreed.private {
                    // Some brokers answer a bridge by closing: the next attempt doesn't say that it is one.
                    self.agreed.private = false;
                    self.cut_short = true;
                } else if self.cut_short {
                    self.agreed.private = self.settings.try_private;
                    self.cut_short = false;
                }
                format!("Error creating bridge: {why} before CONNACK.")
            }
            Phase::Opening | Phase::Open { .. } => {
                let address = &self.settings.addresses[self.address];
                format!("Bridge {} has lost its connection to {address}: {why}.", self.settings.name)
            }
            Phase::Rest | Phase::Lazy { .. } | Phase::Waiting { .. } => return,
        };
        self.lost(now, &text, out);
    }

    /// The connection must end, for a reason of ours.
    pub(super) fn give_up(&mut self, now: Instant, why: &str, out: &mut Outbox) {
        out.requests.push(Request::Close);
        self.failed(now, why, out);
    }

    /// Plans the next attempt; says what went wrong if it hasn't been said since the last connection.
    pub(super) fn lost(&mut self, now: Instant, trouble: &str, out: &mut Outbox) {
        let lasted = match self.phase {
            Phase::Open { since } => Some(now - since),
            _ => None,
        };
        self.remote = None;
        self.probe = None;
        self.end_local(out);
        let new = !self.troubles.iter().any(|known| known == trouble);
        if new {
            self.troubles.push(trouble.to_owned());
        }
        out.note(if new { LogType::Error } else { LogType::Debug }, trouble.to_owned());
        self.address = (self.address + 1) % self.settings.addresses.len();
        let settings = self.settings.clone();
        if settings.start_type == StartType::Once {
            self.phase = Phase::Rest;
            return;
        }
        if lasted.is_some_and(|time| self.backoff.lasted(time, &settings.restart_timeout))
            && settings.restart_timeout.stable > 0
        {
            let text = format!("Bridge {} connection was stable enough, resetting backoff", settings.name);
            out.note(LogType::Information, text);
        }
        let wait = self.backoff.next(&settings.restart_timeout);
        let text = format!("Bridge {} next backoff will be {} ms", settings.name, wait.as_millis());
        out.note(if new { LogType::Information } else { LogType::Debug }, text);
        self.phase = match settings.start_type {
            StartType::Lazy => Phase::Lazy { look: now + COUNT_EVERY, not_before: now + wait },
            _ => Phase::Waiting { until: now + wait },
        };
    }

    /// The same address again, at once: something else is to be tried there.
    pub(super) fn retry_now(&mut self, now: Instant) {
        self.remote = None;
        self.phase = Phase::Waiting { until: now };
    }

    /// The connection stands on both sides.
    pub(super) fn opened(&mut self, now: Instant, out: &mut Outbox) {
        let address = &self.settings.addresses[self.address];
        out.note(LogType::Notice, format!("Bridge {} connected to {address}.", self.settings.name));
        self.last_remote = Some(address.clone());
        self.phase = Phase::Open { since: now };
        self.troubles.clear();
        self.cut_short = false;
        self.last_message = now;
        self.probe = (self.address != 0 && !self.settings.round_robin).then(|| now + PROBE_EVERY);
    }

    /// Whether what is under way in the session at our own broker is under way at this remote broker. Where there are
    /// several, it isn't known of the first connection.
    pub(super) fn continues_at_remote(&self) -> bool {
        match &self.last_remote {
            Some(last) => *last == self.settings.addresses[self.address],
            None => self.settings.addresses.len() == 1,
        }
    }

    /// Whether the first address can be reached: then the bridge goes back to it.
    pub fn probed(&mut self, now: Instant, reached: bool, out: &mut Outbox) {
        if self.probe.is_none() || !self.is_open() {
            return;
        }
        if !reached {
            self.probe = Some(now + PROBE_EVERY);
            return;
        }
        let address = &self.settings.addresses[0];
        out.note(LogType::Notice, format!("Bridge {} goes back to {address}.", self.settings.name));
        self.probe = None;
        self.address = 0;
        self.leave_remote(out);
        self.end_local(out);
        self.phase = Phase::Waiting { until: now };
    }

    /// So many messages wait in the session at our own broker.
    pub fn counted(&mut self, now: Instant, waiting: usize, out: &mut Outbox) {
        if let Phase::Lazy { not_before, .. } = self.phase
            && now >= not_before
            && waiting >= self.settings.threshold as usize
        {
            self.attempt(now, out);
        }
    }

    /// When [`Bridge::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Rest => None,
            Phase::Lazy { look, .. } => Some(look),
            Phase::Waiting { until } => Some(until),
            Phase::Connecting { give_up } => Some(give_up),
            Phase::Handshake | Phase::Opening | Phase::Open { .. } => {
                let keep_alive = self.remote.as_ref().and_then(Connection::deadline);
                [keep_alive, self.probe, self.idle_at()].into_iter().flatten().min()
            }
        }
    }

    /// When a lazy bridge has been idle for long enough.
    fn idle_at(&self) -> Option<Instant> {
        let lazy = self.settings.start_type == StartType::Lazy && self.is_open();
        lazy.then(|| self.last_message + Duration::from_secs(self.settings.idle_timeout.into()))
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant, out: &mut Outbox) {
        match self.phase {
            Phase::Rest => {}
            Phase::Lazy { look, not_before } if now >= look => {
                self.phase = Phase::Lazy { look: now + COUNT_EVERY, not_before };
                out.requests.push(Request::Count);
            }
            Phase::Waiting { until } if now >= until => self.attempt(now, out),
            Phase::Connecting { give_up } if now >= give_up => self.give_up(now, "Connection timed out", out),
            Phase::Handshake | Phase::Opening | Phase::Open { .. } => self.tick_connected(now, out),
            _ => {}
        }
    }

    fn tick_connected(&mut self, now: Instant, out: &mut Outbox) {
        self.listens_for_hint = false;
        let Some(remote) = &mut self.remote else { return };
        if let Err(exceeded) = remote.tick(now, &mut out.remote) {
            return self.give_up(now, &exceeded.to_string(), out);
        }
        if self.probe.is_some_and(|at| now >= at) {
            self.probe = Some(now + PROBE_EVERY);
            out.requests.push(Request::Probe);
        }
        if self.idle_at().is_some_and(|at| now >= at) {
            let text =
                format!("Bridge connection {} has exceeded idle timeout, disconnecting.", self.settings.name);
            out.note(LogType::Notice, text);
            self.leave_remote(out);
            self.end_local(out);
            self.phase = Phase::Lazy { look: now + COUNT_EVERY, not_before: now };
        }
    }

    /// Bytes for the remote broker were written.
    pub fn sent(&mut self, now: Instant) {
        if let Some(remote) = &mut self.remote {
            remote.sent(now);
        }
    }

    /// Says goodbye to the remote broker, if there is anybody to say it to, and closes.
    pub(super) fn leave_remote(&mut self, out: &mut Outbox) {
        if let Some(mut remote) = self.remote.take() {
            if self.is_open() && self.tells_remote() {
                self.tell_remote(b"0", out);
            }
            if remote.is_open() {
                self.debug(out, format_args!("Bridge {} sending DISCONNECT", self.settings.name));
                let success = crate::protocol::ReasonCode::NORMAL_DISCONNECTION;
                remote.disconnect(success, crate::protocol::Properties::EMPTY, &mut out.remote);
            }
        }
        self.probe = None;
        if !matches!(self.phase, Phase::Rest | Phase::Lazy { .. } | Phase::Waiting { .. }) {
            out.requests.push(Request::Close);
        }
    }

    pub(super) fn debug(&self, out: &mut Outbox, text: fmt::Arguments<'_>) {
        out.note(LogType::Debug, text.to_string());
    }
}
