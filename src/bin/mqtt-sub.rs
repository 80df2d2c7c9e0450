//! mqtt-sub: see `mqtt_toolkit::tools`.
fn main() {}
