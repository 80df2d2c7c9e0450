//! What the broker tells of itself: the log and the $SYS topics, in mosquitto's words.

mod heap;
mod json;
mod load;
mod log;
mod log_file;
mod metrics;
mod stamp;
mod sys;
mod syslog;
mod words;

pub use heap::{CountedHeap, current as heap_in_use};
pub use log::{LINE_MAX, Logger, TopicLine};
pub use log_file::check as check_log_file;
pub use metrics::metrics;
pub use sys::{Facts, SysTree, figures};
pub use words::{kinds, log_type};
