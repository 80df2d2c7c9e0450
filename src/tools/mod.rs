//! What each program does.

pub mod bench;
pub mod broker;
mod clock;
pub mod ctrl;
mod exit;
mod format;
mod handling;
mod json;
mod line_format;
mod lines;
mod link;
mod output;
mod parsed_lines;
pub mod passwd;
mod patience;
mod pick;
mod progress;
pub mod publish;
mod recorder;
mod report;
pub mod request;
mod secrets;
mod settings;
mod signals;
mod source;
mod start;
pub mod subscribe;
mod watch;

pub use exit::Exit;
