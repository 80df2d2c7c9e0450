//! mqtt-pub: see `mqtt_toolkit::tools::publish`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::publish::main()
}
