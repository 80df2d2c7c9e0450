//! mqtt-bench: see `mqtt_toolkit::tools`.
fn main() {}
