//! Bridges that form a ring: between brokers of ours a message carries the names of those that it has passed, and isn't
//! passed on to one of them again.
//!
//! A bridge says nothing that mosquitto's wouldn't before it knows that the remote broker is one of ours. That one
//! knows a bridge by its Will. It tells its name in CONNACK (5.0); behind a CONNACK of 3.1.1 it says PINGRESP, which
//! nobody has asked for and everybody else overlooks: then the bridge comes again with 5.0, unless the version was
//! chosen. In its SUBSCRIBE the bridge says that it is one of ours, too.

use std::time::Instant;

use super::hello::Agreed;
use super::machine::{Bridge, Phase};
use super::outbox::Outbox;
use crate::config::LogType;
use crate::protocol::trail::{BROKER_NAME, TRAIL, has_passed};
use crate::protocol::{
    AckKind, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, Version, encode_ack,
};

/// A trail isn't thought to be longer than this: that of some fifty brokers.
const LONGEST: usize = 1024;
/// PINGRESP.
pub(super) const HINT: [u8; 2] = [0xD0, 0];

/// The names of the two brokers.
#[derive(Debug, Default)]
pub(super) struct Trails {
    own: String,
    /// That of the remote broker, if it is one of ours.
    remote: Option<String>,
    /// The trail of a message that begins here, out and in.
    first: [PropertiesBuf; 2],
    room: Room,
}

/// Where properties are put together, used again and again.
#[derive(Debug, Default)]
struct Room {
    raw: Vec<u8>,
    trail: String,
    properties: PropertiesBuf,
}

impl Trails {
    pub fn new(own: &str) -> Self {
        Trails { own: own.to_owned(), ..Trails::default() }
    }

    /// CONNACK came: the remote broker has said its name, or it is a stranger.
    pub fn meet(&mut self, connack: Properties<'_>) {
        self.remote = connack.broker_name().map(str::to_owned);
        let trail = |name: &str| [Property::UserProperty(TRAIL, name)].into_iter().collect();
        self.first = [trail(&self.own), trail(self.remote.as_deref().unwrap_or_default())];
    }

    /// What SUBSCRIBE says to a broker of ours.
    pub fn introduction(&self) -> PropertiesBuf {
        let known = self.remote.as_ref();
        known.map(|_| Property::UserProperty(BROKER_NAME, &self.own)).into_iter().collect()
    }

    /// By how many bytes a message may be longer for its trail.
    pub fn allowance(&self) -> usize {
        if self.remote.is_some() { LONGEST } else { 0 }
    }

    /// The properties of a message on its way out, without and with its trail; `None`: the remote broker has had it.
    /// A stranger isn't told where it has been.
    pub fn outward<'a>(&'a mut self, properties: Properties<'a>) -> Option<(Properties<'a>, Properties<'a>)> {
        let Trails { own, remote, first, room } = self;
        match (remote, properties.trail()) {
            (Some(_), None) if properties.is_empty() => Some((properties, first[0].as_properties())),
            (Some(remote), Some(trail)) if has_passed(trail, remote) => None,
            (Some(_), _) => {
                let all = room.with(properties, Some(own));
                Some((all.without_last_trail(), all))
            }
            (None, Some(_)) => {
                let all = room.with(properties, None);
                Some((all, all))
            }
            (None, None) => Some((properties, properties)),
        }
    }

    /// The properties of a message on its way in; `None`: our own broker has had it.
    pub fn inward<'a>(&'a mut self, properties: Properties<'a>) -> Option<Properties<'a>> {
        let Trails { own, remote, first, room } = self;
        match (remote, properties.trail()) {
            (Some(_), None) if properties.is_empty() => Some(first[1].as_properties()),
            (Some(_), Some(trail)) if has_passed(trail, own) => None,
            (Some(remote), _) => Some(room.with(properties, Some(remote))),
            (None, _) => Some(properties),
        }
    }
}

impl Room {
    /// Properties with a broker at the end of their trail, or without a trail.
    fn with(&mut self, properties: Properties<'_>, passed: Option<&str>) -> Properties<'_> {
        self.raw.clear();
        let length = properties.raw_with_trail_last(&[], &mut self.raw);
        self.properties.clear();
        self.properties.extend(Properties::from_raw(&self.raw[..self.raw.len() - length]));
        if let Some(passed) = passed {
            self.trail.clear();
            if let Some(part) = properties.trail() {
                self.trail.push_str(part);
                self.trail.push(' ');
            }
            self.trail.push_str(passed);
            self.properties.push(Property::UserProperty(TRAIL, &self.trail));
        }
        self.properties.as_properties()
    }
}

impl Bridge {
    /// Whether a PINGRESP now says that the remote broker is one of ours and would like 5.0 better.
    pub(super) fn may_come_again(&self) -> bool {
        self.listens_for_hint
            && self.settings.version_is_default
            && !self.agreed.version.is_v5()
            && !self.refused_v5
    }

    /// The remote broker is one of ours: the bridge comes again with 5.0.
    pub(super) fn come_again(&mut self, now: Instant, out: &mut Outbox) {
        let name = &self.settings.name;
        let text = format!("Bridge {name}: the remote broker is of our kind, reconnecting using MQTT v5.0.");
        out.note(LogType::Information, text);
        self.leave_remote(out);
        self.end_local(out);
        self.agreed = Agreed::hoped_for(Version::V5, self.settings.try_private);
        self.chose_v5 = true;
        self.phase = Phase::Waiting { until: now };
    }
}

impl Bridge {
    /// Messages go either way, and the remote broker is a stranger.
    pub(super) fn can_go_round(&self) -> bool {
        self.topics.go_both_ways() && self.trails.remote.is_none()
    }
}

/// Messages go round, on this topic at least.
pub(super) fn warn_of_storm(name: &str, topic: &str, out: &mut Outbox) {
    let text = format!(
        "Warning: Bridge {name}: the same message goes out and comes in again and again ('{topic}'): brokers are \
         joined in a ring, or the remote one sends back what it gets."
    );
    out.note(LogType::Warning, text);
}

/// A message has come round to our broker again: nothing is done but what its QoS asks for.
pub(super) fn came_round(publish: &Publish<'_>, version: Version, out: &mut Outbox) {
    let kind = match publish.qos {
        QoS::AtMostOnce => return,
        QoS::AtLeastOnce => AckKind::PubAck,
        // PUBREL follows; our broker answers it though it doesn't know the message.
        QoS::ExactlyOnce => AckKind::PubRec,
    };
    let reason = ReasonCode::NO_MATCHING_SUBSCRIBERS;
    encode_ack(kind, publish.packet_identifier, reason, version, &mut out.remote.bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(properties: Option<Properties<'_>>) -> Option<Vec<String>> {
        properties.map(|all| all.iter().map(|property| format!("{property:?}")).collect())
    }

    fn shown_out(properties: Option<(Properties<'_>, Properties<'_>)>) -> Option<Vec<String>> {
        if let Some((visible, _)) = properties {
            assert_eq!(visible.trail(), None);
        }
        shown(properties.map(|(_, all)| all))
    }

    #[test]
    fn a_message_is_passed_on_to_no_broker_that_it_has_passed() {
        let name: PropertiesBuf = [Property::UserProperty(BROKER_NAME, "b")].into_iter().collect();
        let mut trails = Trails::new("a");
        let plain: PropertiesBuf = [Property::ContentType("t")].into_iter().collect();
        let seen = |trail: &str| -> PropertiesBuf {
            [Property::UserProperty(TRAIL, trail), Property::ContentType("t")].into_iter().collect()
        };
        // A stranger: it hears nothing, and what it says is left alone.
        trails.meet(Properties::EMPTY);
        assert!(trails.introduction().is_empty());
        let bare = || Some(vec!["ContentType(\"t\")".to_owned()]);
        assert_eq!(shown_out(trails.outward(plain.as_properties())), bare());
        assert_eq!(shown_out(trails.outward(seen("c").as_properties())), bare());
        assert_eq!(shown(trails.inward(plain.as_properties())), bare());
        // One of ours.
        trails.meet(name.as_properties());
        assert_eq!(trails.introduction().as_properties().broker_name(), Some("a"));
        let with = |trail: &str| {
            Some(vec!["ContentType(\"t\")".to_owned(), format!("UserProperty(\"{TRAIL}\", \"{trail}\")")])
        };
        assert_eq!(shown_out(trails.outward(plain.as_properties())), with("a"));
        assert_eq!(shown_out(trails.outward(seen("c").as_properties())), with("c a"));
        assert_eq!(shown_out(trails.outward(seen("b c").as_properties())), None);
        let only = |trail: &str| Some(vec![format!("UserProperty(\"{TRAIL}\", \"{trail}\")")]);
        assert_eq!(shown_out(trails.outward(Properties::EMPTY)), only("a"));
        assert_eq!(shown(trails.inward(Properties::EMPTY)), only("b"));
        assert_eq!(shown(trails.inward(plain.as_properties())), with("b"));
        assert_eq!(shown(trails.inward(seen("c").as_properties())), with("c b"));
        assert_eq!(shown(trails.inward(seen("c a").as_properties())), None);
    }
}
