//! What a bridge says to our own broker, as any client would: on a connection that lives as long as the remote one, and
//! on short ones before and after.

use std::collections::VecDeque;
use std::time::Instant;

use super::machine::{Bridge, Phase};
use super::outbox::{Outbox, Request, Standing};
use super::stale::Stale;
use super::topics::Line;
use crate::protocol::{
    AckKind, Connect, Disconnect, Packet, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode,
    RetainHandling, Subscribe, SubscriptionOptions, Unsubscribe, Version, encode_ack, topic,
};

/// The bridge speaks 5.0 with its own broker, whatever the remote one speaks: No Local, Retain As Published and Receive
/// Maximum are what a bridge needs.
pub(super) const VERSION: Version = Version::V5;
/// Packet Identifier of what the bridge itself says on a local connection. The others there are the remote broker's;
/// answers come in order, so the first one with this number is ours.
pub(super) const OWN: u16 = u16::MAX;

/// What a local connection is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To say that the bridge isn't connected, without touching the session and what waits in it.
    Voice,
    /// To make the session and its subscriptions, so that messages wait in it.
    Prepare,
    /// To pass messages on.
    Live,
    /// To end a session that the bridge has under another name now.
    Forget(String),
    /// To end the session of a bridge that is removed.
    Destroy,
}

/// Where the connection to our own broker stands.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// What the present one is for.
    now: Option<Purpose>,
    /// It was made.
    made: bool,
    /// The bridge has said DISCONNECT on it; what still comes is ignored.
    ending: bool,
    next: VecDeque<Purpose>,
}

impl Local {
    /// Messages are passed on by this connection.
    pub fn is_live(&self) -> bool {
        self.now == Some(Purpose::Live) && self.made && !self.ending
    }
}

impl Bridge {
    /// Before the first attempt: the session is there and waits for messages, and its state is known.
    pub(super) fn prepare_local(&mut self, standing: Option<&Standing>, out: &mut Outbox) {
        if standing.is_none() {
            self.stale = Some(Stale::all());
        }
        if !self.settings.is_locally_clean() {
            self.ask_local(Purpose::Prepare, out);
        } else if self.settings.notifications {
            self.ask_local(Purpose::Voice, out);
        }
    }

    /// The filters of what goes out, each once.
    fn wanted_filters(&self) -> Vec<String> {
        let mut filters: Vec<String> = self
            .topics
            .lines()
            .iter()
            .filter(|line| line.is_out)
            .map(|line| line.local_filter.clone())
            .collect();
        filters.sort_unstable();
        filters.dedup();
        filters
    }

    /// Asks for a connection to our own broker, after those asked for before.
    pub(super) fn ask_local(&mut self, purpose: Purpose, out: &mut Outbox) {
        self.local.next.push_back(purpose);
        self.next_local(out);
    }

    fn next_local(&mut self, out: &mut Outbox) {
        if self.local.now.is_none()
            && let Some(purpose) = self.local.next.pop_front()
        {
            self.local.now = Some(purpose);
            self.local.made = false;
            self.local.ending = false;
            out.requests.push(Request::OpenLocal);
        }
    }

    /// The local connection that was asked for is there. `standing`: of the session, if there is one.
    pub fn local_opened(&mut self, now: Instant, standing: Option<&Standing>, out: &mut Outbox) {
        let Some(purpose) = self.local.now.clone() else { return };
        self.local.made = true;
        let clean = self.settings.is_locally_clean();
        let local_id = self.local_id();
        match purpose {
            Purpose::Live if self.phase == Phase::Opening => return self.go_live(now, standing, out),
            Purpose::Live | Purpose::Prepare => {
                self.connect_local(&local_id, clean, out);
                self.unsubscribe_stale(standing, out);
                self.subscribe_local(RetainHandling::DoNotSend, out);
                self.tell_local(b"0", out);
            }
            Purpose::Voice => {
                self.connect_local("", true, out);
                self.tell_local(b"0", out);
            }
            Purpose::Destroy => {
                self.connect_local(&local_id, true, out);
                self.tell_local(b"0", out);
            }
            Purpose::Forget(old) => self.connect_local(&old, true, out),
        }
        self.disconnect_local(out);
    }

    /// The local connection is gone.
    pub fn local_closed(&mut self, now: Instant, out: &mut Outbox) {
        let Some(purpose) = self.local.now.take() else { return };
        if purpose == Purpose::Live && !self.local.ending {
            self.local.ending = true;
            self.give_up(now, "its connection to this broker was closed", out);
        }
        if purpose == Purpose::Destroy {
            out.requests.push(Request::Done);
        }
        self.next_local(out);
    }

    /// The remote broker is gone: our own one is told, and messages wait in the session again.
    pub(super) fn end_local(&mut self, out: &mut Outbox) {
        self.local.next.retain(|purpose| *purpose != Purpose::Live);
        if self.local.is_live() {
            self.tell_local(b"0", out);
            self.disconnect_local(out);
        }
    }

    fn go_live(&mut self, now: Instant, standing: Option<&Standing>, out: &mut Outbox) {
        let clean = self.settings.is_locally_clean();
        let unreleased = standing.map_or(&[][..], |standing| &standing.unreleased);
        let other = !self.continues_at_remote();
        if self.remote_present && (clean || other) {
            // This session has Packet Identifiers that the remote broker may know from the one before, or from what had
            // not been settled when the bridge went to another broker.
            self.stale = Some(Stale::all());
        }
        let local_id = self.local_id();
        self.connect_local(&local_id, clean, out);
        self.inward.start();
        self.storm.start();
        self.outward.start(standing.map_or(1, |standing| standing.next_identifier));
        if (!self.remote_present || other) && !clean {
            // The remote broker has forgotten them or never knew them, and will use their numbers for other messages.
            for &identifier in unreleased {
                encode_ack(AckKind::PubRel, identifier, ReasonCode::SUCCESS, VERSION, &mut out.local);
            }
            self.outward.ignore_pubcomps = unreleased.len();
        }
        self.subscribe_local(RetainHandling::SendAtSubscribe, out);
        self.opened(now, out);
        self.subscribe_remote(out);
        if self.settings.notifications {
            self.tell_local(b"1", out);
            if self.state_qos() != QoS::AtMostOnce {
                self.outward.ignore_pubacks = 1;
            }
            if self.tells_remote() {
                self.tell_remote(b"1", out);
            }
        }
    }

    /// How many messages of the session may be under way: one less than the remote broker takes, so that there is room
    /// for what the bridge itself says. mosquitto 2.0.11 gives a session up in which there is one too many.
    fn window(&self) -> u16 {
        let most = self.agreed.receive_maximum;
        if self.tells_remote() { most.saturating_sub(1).max(1) } else { most }
    }

    fn connect_local(&self, client_id: &str, clean: bool, out: &mut Outbox) {
        let mut properties = PropertiesBuf::new();
        if !clean {
            properties.push(Property::SessionExpiryInterval(u32::MAX));
        }
        if self.agreed.receive_maximum > 0 {
            properties.push(Property::ReceiveMaximum(self.window()));
        }
        let connect = Connect {
            version: VERSION,
            bridge: false,
            clean_start: clean,
            keep_alive: 0,
            client_id,
            properties: properties.as_properties(),
            will: None,
            username: self.settings.local_username.as_deref(),
            password: self.settings.local_password.as_ref().map(|secret| secret.reveal().as_bytes()),
        };
        connect.encode(&mut out.local);
    }

    fn unsubscribe_stale(&self, standing: Option<&Standing>, out: &mut Outbox) {
        let wanted = self.wanted_filters();
        for filter in standing.iter().flat_map(|standing| &standing.filters) {
            if !wanted.contains(filter) {
                let filters = [filter.as_str()];
                Unsubscribe::encode_parts(VERSION, OWN, &Properties::EMPTY, filters, &mut out.local);
            }
        }
    }

    fn subscribe_local(&self, retain_handling: RetainHandling, out: &mut Outbox) {
        for line in self.topics.lines().iter().filter(|line| line.is_out) {
            let filter = &line.local_filter;
            self.debug(
                out,
                format_args!("Bridge {} doing local SUBSCRIBE on topic {filter}", self.settings.name),
            );
            let options = self.options(line, filter, retain_handling);
            let filters = [(filter.as_str(), options)];
            Subscribe::encode_parts(VERSION, OWN, &Properties::EMPTY, filters, &mut out.local);
        }
    }

    /// What a bridge asks of either broker.
    pub(super) fn options(
        &self,
        line: &Line,
        filter: &str,
        retain_handling: RetainHandling,
    ) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: line.qos.min(self.agreed.maximum_qos),
            // A shared subscription can't have it [MQTT-3.8.3-4].
            no_local: topic::shared(filter).is_none(),
            retain_as_published: true,
            retain_handling,
        }
    }

    /// Whether the bridge is connected, for our own broker.
    fn tell_local(&self, payload: &'static [u8], out: &mut Outbox) {
        if !self.settings.notifications {
            return;
        }
        let qos = self.state_qos();
        let state = Publish {
            dup: false,
            qos,
            retain: self.around.retain_available,
            topic: &self.settings.state_topic(&self.around.host),
            packet_identifier: if qos == QoS::AtMostOnce { 0 } else { OWN },
            properties: Properties::EMPTY,
            payload,
        };
        state.encode(VERSION, &mut out.local);
    }

    fn disconnect_local(&mut self, out: &mut Outbox) {
        self.local.ending = true;
        let reason = ReasonCode::NORMAL_DISCONNECTION;
        let packet = Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY });
        packet.encode(VERSION, &mut out.local);
    }
}
