//! Retained messages: where they end, and what would be cleared.

use super::super::harness::{Broker, Tool, ours};
use super::each;

fn retain(broker: &Broker, count: usize) {
    let lines: String = (0..count).map(|n| format!("old/{n}\tx\n")).collect();
    let publisher =
        broker.tool("mqtt-pub").args(["-q", "1", "-r", "-l", "--line-format", "topic<TAB>payload"]);
    publisher.run_with(lines.as_bytes()).prints("");
}

#[test]
fn it_ends_by_itself_and_clears_only_when_told_to() {
    each(|broker| {
        retain(broker, 100);
        for qos in ["0", "1", "2"] {
            let sub = broker.tool("mqtt-sub").args(["-q", qos, "-t", "old/#", "-v", "--end-of-retained"]);
            let count = |tool: Tool| {
                let ended = tool.run();
                assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{qos}");
                // What clears a message comes back, too: that isn't printed.
                ended.stdout.lines().count()
            };
            assert_eq!(count(sub.clone().args(["--remove-retained", "--dry-run"])), 100, "QoS {qos}");
            assert_eq!(count(sub.clone().args(["--remove-retained"])), 100, "QoS {qos}");
            assert_eq!(count(sub), 0, "QoS {qos}");
            retain(broker, 100);
        }
    });
}

#[test]
fn what_clears_a_message_is_not_cleared_in_turn() {
    each(|broker| {
        retain(broker, 3);
        let sub = broker.tool("mqtt-sub").args(["-V", "5", "-t", "old/#", "-v", "--retain-as-published"]);
        sub.args(["--remove-retained", "--end-of-retained"]).run().prints("old/0 x\nold/1 x\nold/2 x\n");
    });
}

#[test]
fn a_dry_run_needs_something_to_clear() {
    let error = "Error: --dry-run is for --remove-retained, which is missing.\n\nUse 'mqtt-sub --help' to see usage.\n";
    Tool::new(&ours("mqtt-sub")).args(["-t", "a", "--dry-run"]).run().ends(1, "", error);
}
