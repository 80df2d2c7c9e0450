//! mqtt-passwd: see `mqtt_toolkit::tools`.
fn main() {}
