//! What the broker tells of itself: the log, in mosquitto's words.

mod log;
mod log_file;
mod stamp;
mod syslog;
mod words;

pub use log::{LINE_MAX, Logger};
pub use log_file::check as check_log_file;
pub use words::{kinds, log_type};
