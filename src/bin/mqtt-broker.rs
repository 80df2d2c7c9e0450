//! mqtt-broker: see `mqtt_toolkit::tools::broker`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::broker::main(std::env::args_os())
}
