//! mqtt-rr: see `mqtt_toolkit::tools::request`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::request::main()
}
