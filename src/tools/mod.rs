//! What each program does.

mod asking;
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
mod packet_trace;
mod paint;
mod parsed_lines;
pub mod passwd;
mod patience;
mod pick;
mod ping;
mod progress;
pub mod publish;
mod recorder;
mod report;
pub mod request;
mod secrets;
mod serving;
mod settings;
mod signals;
mod source;
mod start;
pub mod subscribe;
mod subscribe_step;
mod top;
mod watch;

pub use exit::Exit;
