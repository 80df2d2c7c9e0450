//! mqtt-sub: see `mqtt_toolkit::tools::subscribe`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::subscribe::main()
}
