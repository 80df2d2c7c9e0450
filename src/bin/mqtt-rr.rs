//! mqtt-rr: see `mqtt_toolkit::tools`.
fn main() {}
