//! What both versions say in the same words under other numbers: told once, for clients of either.

use super::*;

/// How clients of a version connect.
#[derive(Clone, Copy)]
pub struct Clients {
    /// Clean, and nothing else.
    pub plain: fn() -> Connecting,
    /// With a session that lasts.
    pub lasting: fn() -> Connecting,
}

impl Clients {
    /// bob subscribes to `a` at QoS 2 and acknowledges nothing by himself; ann publishes.
    pub fn bob_and_ann(self, w: &mut World) -> (Client, Client) {
        let bob = w.connect("bob", (self.lasting)());
        w.auto_acknowledge(bob, false);
        w.subscribe(bob, "a", QOS2);
        (bob, w.connect("ann", (self.plain)()))
    }

    /// bob again, with his session, and still acknowledging nothing.
    pub fn bob_again(self, w: &mut World) -> Client {
        let bob = w.open();
        w.auto_acknowledge(bob, false);
        w.introduce(bob, "bob", (self.lasting)());
        assert!(w.session_present(bob));
        bob
    }

    /// Whether a message on `topic` reaches a subscription to `filter`; asked of the live path, of the retained store,
    /// and in 5.0 of a shared subscription.
    #[track_caller]
    pub fn reaches(self, filter: &str, topic: &str) -> bool {
        let mut w = World::new();
        let bob = w.connect("bob", (self.plain)());
        assert_eq!(w.subscribe(bob, filter, QOS0), 0, "{filter}");
        let member = self.shares(&mut w, filter);
        let ann = w.connect("ann", (self.plain)());
        w.retain(ann, topic, "x", QOS0);
        let live = !w.publishes(bob).is_empty();
        if let Some(member) = member {
            assert_eq!(
                !w.publishes(member).is_empty(),
                live,
                "{filter} and {topic}: plain and shared differ"
            );
        }
        let late = w.connect("late", (self.plain)());
        w.subscribe(late, filter, QOS0);
        let kept = !w.publishes(late).is_empty();
        assert_eq!(live, kept, "{filter} and {topic}: live and retained differ");
        live
    }

    /// A member of a shared subscription, where there are such and the filter isn't too long for it.
    fn shares(self, w: &mut World, filter: &str) -> Option<Client> {
        let shared = format!("$share/g/{filter}");
        if (self.plain)().version() != Version::V5 || shared.len() > 65_535 {
            return None;
        }
        let member = w.connect("member", (self.plain)());
        assert_eq!(w.subscribe(member, &shared, QOS0), 0, "{filter}");
        Some(member)
    }

    /// `#` is last, and alone in its level. `refused`: asserts that a filter is.
    #[track_caller]
    pub fn multi_level_wildcard(self, refused: impl Fn(&str)) {
        for bad in ["a#", "a/b#", "#/a", "a/#/b", "##", "a/#b", "#/"] {
            refused(bad);
        }
        for topic in
            ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"]
        {
            assert!(self.reaches("sport/tennis/player1/#", topic), "{topic}");
        }
        assert!(self.reaches("sport/#", "sport"), "the parent level is covered as well");
        assert!(!self.reaches("sport/#", "sports"));
        assert!(self.reaches("#", "a") && self.reaches("#", "/") && self.reaches("/#", "/a"));
        assert!(!self.reaches("/#", "a"));
    }

    /// `+` fills a level. `refused`: asserts that a filter is.
    #[track_caller]
    pub fn single_level_wildcard(self, refused: impl Fn(&str)) {
        for bad in ["a+", "+a", "a/b+/c", "++", "a/+b"] {
            refused(bad);
        }
        assert!(self.reaches("sport/tennis/+", "sport/tennis/player1"));
        assert!(!self.reaches("sport/tennis/+", "sport/tennis/player1/ranking"));
        assert!(!self.reaches("sport/+", "sport"));
        assert!(self.reaches("sport/+", "sport/"));
        assert!(
            self.reaches("+/+", "/finance")
                && self.reaches("/+", "/finance")
                && !self.reaches("+", "/finance")
        );
        assert!(
            self.reaches("+/tennis/#", "sport/tennis") && self.reaches("sport/+/player1", "sport//player1")
        );
    }

    /// Wildcards at the front do not match topics that begin with `$`.
    #[track_caller]
    pub fn dollar_topics(self) {
        // ($SYS itself is the broker's own; a client may publish to any other.)
        for filter in ["#", "+", "+/a", "+/#"] {
            assert!(!self.reaches(filter, "$own/a"), "{filter}");
            assert!(!self.reaches(filter, "$own"), "{filter}");
        }
        assert!(
            self.reaches("$own/#", "$own/a")
                && self.reaches("$own/+", "$own/a")
                && self.reaches("$own/#", "$own")
        );
        assert!(self.reaches("+/a", "x/a") && self.reaches("a/#", "a/$own") && self.reaches("a/+", "a/$own"));
    }

    /// Names and filters may have 65,535 bytes.
    #[track_caller]
    pub fn long_names(self) {
        let long = "x".repeat(65_535);
        assert!(self.reaches(&long, &long));
        assert!(!self.reaches(&long, &long[1..]));
        let wide = "é".repeat(32_767);
        assert!(self.reaches("#", &wide));
    }

    /// Names and filters are compared byte by byte.
    #[track_caller]
    pub fn not_normalised(self) {
        for (filter, topic) in [
            ("a", "A"),
            ("a/b", "a//b"),
            ("a/b", "/a/b"),
            ("a/b", "a/b/"),
            ("a", " a"),
            ("a/../b", "b"),
            ("a/./b", "a/b"),
            ("%61", "a"),
            ("é", "e\u{301}"),
        ] {
            assert!(!self.reaches(filter, topic), "{filter:?} and {topic:?}");
            assert!(!self.reaches(topic, filter), "{topic:?} and {filter:?}");
        }
    }

    /// QoS 0 is sent once, without DUP, and to nobody who is away.
    #[track_caller]
    pub fn qos_0_once(self) {
        let mut w = World::new();
        let (bob, ann) = self.bob_and_ann(&mut w);
        w.publish(ann, "a", "x", QOS0);
        assert_eq!(w.received(bob), [Packet::Publish(message("a", "x", QOS0))]);
        w.cut(bob);
        w.publish(ann, "a", "missed", QOS0);
        let bob = self.bob_again(&mut w);
        assert_eq!(w.received(bob), [], "neither sent again nor kept");
    }

    /// What was acknowledged is in every session that matches.
    #[track_caller]
    pub fn in_every_session(self) {
        let mut w = World::new();
        let filters = ["a/b", "a/+", "#", "+/b", "a/b/#"];
        let ids = ["s0", "s1", "s2", "s3", "s4"];
        for (id, filter) in ids.iter().zip(filters) {
            let client = w.connect(id, (self.lasting)());
            w.subscribe(client, filter, QOS1);
            // Some are here, some are not.
            if filter.contains('+') {
                w.disconnect(client);
            }
        }
        let ann = w.connect("ann", (self.plain)());
        for i in 0..50 {
            assert_eq!(w.publish(ann, "a/b", i.to_string(), QOS1), ReasonCode::SUCCESS);
        }
        let expected: Vec<String> = (0..50).map(|i| format!("a/b {i}")).collect();
        for (id, filter) in ids.iter().zip(filters) {
            // Those who were here got them already (and acknowledged them).
            let client = w.connect(id, (self.lasting)());
            let waiting = w.messages(client);
            assert_eq!(waiting, if filter.contains('+') { expected.clone() } else { vec![] }, "{filter}");
        }
    }

    /// Messages are sent again in their order.
    #[track_caller]
    pub fn again_in_order(self) {
        let mut w = World::new();
        let (bob, ann) = self.bob_and_ann(&mut w);
        // More than may be in flight (20): the others wait behind them.
        for i in 0..50 {
            w.publish(ann, "a", i.to_string(), if i % 3 == 0 { QOS2 } else { QOS1 });
        }
        let sent = w.publishes(bob);
        let in_order: Vec<String> = (0..50).map(|i| i.to_string()).collect();
        assert_eq!(payloads(&sent), in_order[..20]);
        let bob = w.reconnect(bob);
        let received = w.publishes(bob);
        assert_eq!(payloads(&received), in_order);
        assert!(received[..20].iter().all(|p| p.dup) && received[20..].iter().all(|p| !p.dup));
    }

    /// Every topic is ordered.
    #[track_caller]
    pub fn topics_ordered(self) {
        let mut w = World::new();
        let bob = w.connect("bob", (self.plain)());
        w.subscribe(bob, "#", QOS2);
        let ann = w.connect("ann", (self.plain)());
        for i in 0..200 {
            w.publish(ann, &format!("t/{}", i % 7), i.to_string(), QOS1);
        }
        let all = w.publishes(bob);
        for topic in 0..7 {
            let name = format!("t/{topic}");
            let got: Vec<Publish<'_>> = all.iter().filter(|p| p.topic == name).copied().collect();
            let expected: Vec<String> = (0..200).filter(|i| i % 7 == topic).map(|i| i.to_string()).collect();
            assert_eq!(payloads(&got), expected);
        }
    }
}

/// The payloads, as text.
pub fn payloads(list: &[Publish<'_>]) -> Vec<String> {
    list.iter().map(|p| String::from_utf8(p.payload.to_vec()).unwrap()).collect()
}
