//! mqtt-bench: see `mqtt_toolkit::tools::bench`.

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::bench::main()
}
