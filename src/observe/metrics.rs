//! The figures for Prometheus, in its text format.

use std::fmt::Write as _;

use super::sys::Facts;

/// Name behind `mqtt_broker_`, what it says, whether it only grows, and its value.
type Metric = (&'static str, &'static str, bool, fn(&Facts) -> u64);

const METRICS: &[Metric] = &[
    ("uptime_seconds", "Seconds since the start.", false, |f| f.uptime),
    ("connections", "Open connections.", false, |f| f.gauges.connections),
    ("sessions", "Sessions, with and without a connection.", false, |f| f.gauges.sessions),
    ("sessions_maximum", "The most sessions at a time.", false, |f| f.counters.sessions_maximum),
    ("sessions_expired_total", "Sessions that expired.", true, |f| f.counters.sessions_expired),
    ("subscriptions", "Plain subscriptions.", false, |f| f.gauges.subscriptions),
    ("shared_subscriptions", "Shared subscriptions.", false, |f| f.gauges.shared_subscriptions),
    ("retained_messages", "Retained messages.", false, |f| f.gauges.retained),
    ("stored_messages", "Messages kept for any reason.", false, |f| f.gauges.stored),
    ("stored_bytes", "Payload bytes of messages kept.", false, |f| f.gauges.stored_bytes),
    ("waiting_messages", "QoS 0 messages and sockets that wait for slow receivers.", false, |f| {
        f.gauges.waiting
    }),
    ("waiting_bytes", "Bytes that wait for sockets.", false, |f| f.gauges.waiting_bytes),
    ("heap_bytes", "Heap in use.", false, |f| f.heap.0),
    ("heap_maximum_bytes", "The most heap that was in use.", false, |f| f.heap.1),
    ("sockets_accepted_total", "Connections accepted.", true, |f| f.counters.sockets),
    ("connects_total", "CONNECT packets.", true, |f| f.counters.connects),
    ("packets_received_total", "MQTT packets received.", true, |f| f.counters.packets_received),
    ("packets_sent_total", "MQTT packets sent.", true, |f| f.counters.packets_sent),
    ("bytes_received_total", "Bytes of MQTT packets received.", true, |f| f.counters.bytes_received),
    ("bytes_sent_total", "Bytes of MQTT packets sent.", true, |f| f.counters.bytes_sent),
    ("publish_received_total", "PUBLISH packets received.", true, |f| f.counters.publish_received),
    ("publish_sent_total", "PUBLISH packets sent.", true, |f| f.counters.publish_sent),
    ("publish_dropped_total", "Messages dropped for want of room.", true, |f| f.counters.publish_dropped),
    ("payload_received_bytes_total", "Payload bytes received.", true, |f| f.counters.payload_received),
    ("payload_sent_bytes_total", "Payload bytes sent.", true, |f| f.counters.payload_sent),
];

/// The page.
pub fn metrics(facts: &Facts, version: &str) -> String {
    let mut page = String::with_capacity(4096);
    let _ = writeln!(page, "# HELP mqtt_broker_info Version of the broker.\n# TYPE mqtt_broker_info gauge");
    let _ = writeln!(page, "mqtt_broker_info{{version=\"{version}\"}} 1");
    for (name, help, grows, value) in METRICS {
        let kind = if *grows { "counter" } else { "gauge" };
        let _ = writeln!(page, "# HELP mqtt_broker_{name} {help}\n# TYPE mqtt_broker_{name} {kind}");
        let _ = writeln!(page, "mqtt_broker_{name} {}", value(facts));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_lines_and_counters_end_in_total() {
        let mut facts = Facts::default();
        facts.counters.publish_sent = 7;
        let page = metrics(&facts, "1.0");
        assert!(
            page.contains(
                "# TYPE mqtt_broker_publish_sent_total counter\nmqtt_broker_publish_sent_total 7\n"
            )
        );
        assert!(page.contains("mqtt_broker_info{version=\"1.0\"} 1\n"));
        for (name, _, grows, _) in METRICS {
            assert_eq!(name.ends_with("_total"), *grows, "{name}");
        }
        assert_eq!(page.lines().count(), 3 * (METRICS.len() + 1));
    }
}
