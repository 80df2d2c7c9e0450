//! mqtt-passwd: see `mqtt_toolkit::tools::passwd`.
fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::passwd::main(std::env::args_os())
}
