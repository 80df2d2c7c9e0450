//! mqtt-ctrl: see `mqtt_toolkit::tools::ctrl`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::ctrl::main()
}
