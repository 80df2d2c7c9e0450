//! mqtt-pub: see `mqtt_toolkit::tools`.
fn main() {}
