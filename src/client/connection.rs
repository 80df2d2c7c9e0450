//! The state of one client and its connection, which may be lost and made again.

use std::collections::VecDeque;
use std::time::Instant;

use super::keep_alive::{Due, KeepAlive, KeepAliveExceeded};
use super::{Event, Outbox, Settings, Violation};
use crate::protocol::{self, Connect, Packet, PacketIdentifier, QoS, Version, Will};
use crate::session::{Inbound, InboundAliases, Outbound};

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Closed,
    /// CONNECT is on its way.
    AwaitingConnAck,
    /// The broker said yes.
    Open,
}

/// What the broker of this connection can take, from its CONNACK.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrokerLimits {
    pub maximum_qos: QoS,
    pub retain_available: bool,
    pub maximum_packet_size: u32,
    pub topic_alias_maximum: u16,
}

impl BrokerLimits {
    /// What holds when CONNACK says nothing. A 3.x broker has no say.
    pub const NONE: BrokerLimits = BrokerLimits {
        maximum_qos: QoS::ExactlyOnce,
        retain_available: true,
        maximum_packet_size: u32::MAX,
        topic_alias_maximum: 0,
    };
}

/// One MQTT client.
pub struct Connection {
    pub(super) settings: Settings,
    pub(super) phase: Phase,
    /// Messages of ours in flight: the whole PUBLISH as it was sent, with its Topic Name.
    pub(super) outbound: Outbound<Vec<u8>>,
    /// In flight, but not sent yet on this connection (after a reconnection to a broker that takes fewer).
    pub(super) resend: VecDeque<PacketIdentifier>,
    /// Buffers of completed messages, for the next ones.
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) inbound: Inbound,
    pub(super) inbound_aliases: InboundAliases,
    /// The Topic Alias that stands for a Topic Name on this connection, as set by our last PUBLISH with one.
    pub(super) outbound_alias: Option<(u16, String)>,
    pub(super) assigned_client_id: Option<String>,
    pub(super) limits: BrokerLimits,
    pub(super) keep_alive: Option<KeepAlive>,
    /// The Maximum Packet Size that CONNECT announces, in bytes.
    pub(super) maximum_packet_size: usize,
    /// The Receive Maximum that CONNECT announces (5.0).
    pub(super) receive_maximum: usize,
    /// False once no more messages are wanted: they are neither acknowledged nor told.
    pub(super) receiving: bool,
}

impl Connection {
    /// A client that isn't connected yet.
    pub fn new(settings: Settings) -> Self {
        let limit = settings.max_in_flight;
        let properties = settings.properties.as_properties();
        let maximum_packet_size = properties.maximum_packet_size().map_or(usize::MAX, |max| max as usize);
        let receive_maximum = properties.receive_maximum().unwrap_or(u16::MAX).into();
        Connection {
            maximum_packet_size,
            receive_maximum,
            settings,
            phase: Phase::Closed,
            outbound: Outbound::new(limit),
            resend: VecDeque::new(),
            spare: Vec::new(),
            inbound: Inbound::default(),
            inbound_aliases: InboundAliases::default(),
            outbound_alias: None,
            assigned_client_id: None,
            limits: BrokerLimits::NONE,
            keep_alive: None,
            receiving: true,
        }
    }

    /// Protocol version of this client.
    pub fn version(&self) -> Version {
        self.settings.version
    }

    /// Whether CONNACK said yes and the connection hasn't been lost or ended since.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The ClientId: the one given, or the one the broker has assigned. Empty if neither.
    pub fn client_id(&self) -> &str {
        self.assigned_client_id.as_deref().unwrap_or(&self.settings.client_id)
    }

    /// QoS 1 and 2 messages of ours that aren't completed.
    pub fn in_flight(&self) -> u16 {
        self.outbound.in_flight()
    }

    /// QoS 2 messages we got that the broker hasn't released yet.
    pub fn unreleased(&self) -> usize {
        self.inbound.len()
    }

    /// Whether a QoS 1 or 2 message may be published now: connected, and the window isn't full.
    pub fn has_room(&self) -> bool {
        self.is_open() && self.resend.is_empty() && self.outbound.has_room()
    }

    /// From now on messages are neither acknowledged nor told: the broker keeps them for later.
    pub fn stop_receiving(&mut self) {
        self.receiving = false;
    }

    /// Begins a connection on a fresh stream: CONNECT goes to the outbox.
    pub fn connect(&mut self, now: Instant, out: &mut Outbox) {
        self.lost();
        self.phase = Phase::AwaitingConnAck;
        self.keep_alive = Some(KeepAlive::start(self.settings.keep_alive, now));
        self.limits = BrokerLimits::NONE;
        self.outbound.set_limit(self.settings.max_in_flight);
        let properties = self.settings.properties.as_properties();
        self.inbound_aliases = InboundAliases::new(properties.topic_alias_maximum().unwrap_or(0));
        self.trace_sending(out, "CONNECT");
        let settings = &self.settings;
        let will = settings.will.as_ref().map(|will| Will {
            topic: &will.topic,
            payload: &will.payload,
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.as_properties(),
        });
        let connect = Connect {
            version: settings.version,
            bridge: settings.bridge,
            clean_start: settings.clean_start,
            keep_alive: settings.keep_alive,
            client_id: self.client_id(),
            properties,
            will,
            username: settings.username.as_deref(),
            password: settings.password.as_ref().map(|password| password.as_slice()),
        };
        Packet::Connect(connect).encode(settings.version, &mut out.bytes);
    }

    /// The stream is gone. What is in flight stays, for the next [`Connection::connect`].
    pub fn lost(&mut self) {
        self.phase = Phase::Closed;
        self.keep_alive = None;
        self.outbound_alias = None;
        self.outbound.forget_answers();
        self.resend.clear();
    }

    /// Acts on the packet at `input[*at..]` and moves `at` past it. `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`Violation`]: the connection must be closed, after what is in the outbox was sent.
    pub fn next<'a>(
        &'a mut self,
        input: &'a [u8],
        at: &mut usize,
        out: &mut Outbox,
    ) -> Result<Option<Event<'a>>, Violation> {
        let rest = &input[*at..];
        let header = match protocol::fixed_header(rest) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(None),
            Err(malformed) => return Err(self.violated(malformed.into(), out)),
        };
        let total = header.total();
        if total > self.maximum_packet_size {
            return Err(self.violated(Violation::PacketTooLarge, out));
        }
        if rest.len() < total {
            return Ok(None);
        }
        *at += total;
        self.handle(header.first, &rest[header.header_length..total], out).map(Some)
    }

    /// Bytes of the outbox went out.
    pub fn sent(&mut self, now: Instant) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.sent(now);
        }
    }

    /// Bytes came in.
    pub fn received(&mut self, now: Instant) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.received(now);
        }
    }

    /// We don't read at present: the broker's silence isn't its fault.
    pub fn not_reading(&mut self, now: Instant) {
        if let Some(keep_alive) = self.keep_alive.as_mut().filter(|_| self.phase == Phase::Open) {
            keep_alive.not_reading(now);
        }
    }

    /// When [`Connection::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.keep_alive.as_ref()?.deadline()
    }

    /// Lets time pass: sends PINGREQ when it is due.
    ///
    /// # Errors
    /// [`KeepAliveExceeded`]: the broker is silent; the stream must be closed.
    pub fn tick(&mut self, now: Instant, out: &mut Outbox) -> Result<(), KeepAliveExceeded> {
        let Some(keep_alive) = &mut self.keep_alive else { return Ok(()) };
        match keep_alive.due(now) {
            Due::Nothing => Ok(()),
            Due::Exceeded => Err(KeepAliveExceeded),
            Due::Ping => {
                self.ping(now, out);
                Ok(())
            }
        }
    }

    /// Sends PINGREQ; [`Event::Alive`] is the answer.
    pub fn ping(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.asked(now);
        }
        self.trace_sending(out, "PINGREQ");
        Packet::PingReq.encode(self.settings.version, &mut out.bytes);
    }

    /// Whether the broker owes us a CONNACK or a PINGRESP.
    pub fn awaits_answer(&self) -> bool {
        self.keep_alive.as_ref().is_some_and(KeepAlive::awaits_answer)
    }
}
