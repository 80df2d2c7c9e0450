//! The module `broker`: what a broker tells of itself.

use serde_json::json;

use super::{NO_COMMAND, Request, Stop, print};

/// What `broker help` prints.
pub(super) const HELP: &str = "\
Broker Control module
=====================

List plugins:    listPlugins
List listeners:  listListeners
";

pub(super) fn request(command: &str, arguments: &[String]) -> Result<Request, Stop> {
    let print = match command {
        "listPlugins" => print::plugins,
        "listListeners" => print::listeners,
        other => return Err(Stop::new(format!("Command '{other}' not recognised."), NO_COMMAND)),
    };
    if !arguments.is_empty() {
        return Err(Stop::arguments());
    }
    Ok(Request { topic: "$CONTROL/broker/v1", body: json!({ "command": command }), print })
}
