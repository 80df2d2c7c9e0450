//! mqtt-broker: see `mqtt_toolkit::tools::broker`.

#[global_allocator]
static HEAP: mqtt_toolkit::observe::CountedHeap = mqtt_toolkit::observe::CountedHeap;

fn main() -> std::process::ExitCode {
    mqtt_toolkit::tools::broker::main(std::env::args_os())
}
