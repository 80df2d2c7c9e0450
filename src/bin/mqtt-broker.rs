//! mqtt-broker: see `mqtt_toolkit::tools`.
fn main() {}
