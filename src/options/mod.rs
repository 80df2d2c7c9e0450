//! The flags of the client programs: groups of declarations, a file a group, and what they resolve to.
//!
//! [`publish_job`], [`subscribe_job`] and [`request_job`] turn a command line into plain data; the grammar and the
//! words of every complaint are mosquitto's. [`Program::command`] is the declaration that help, man pages and
//! completions are printed from. This room reads no file and no environment: [`Surroundings`] hands them in.

mod arg;
pub mod broker;
mod color;
mod complaint;
mod connection;
mod control;
mod credentials;
mod flag;
mod format;
mod general;
mod handling;
mod job;
mod line_format;
pub mod manual;
mod meant;
mod message;
mod numbers;
mod options_file;
mod parse;
pub mod passwd;
mod patience;
mod program;
mod property;
mod proxy;
mod publish;
mod raw;
mod receive;
mod request;
mod resolve;
mod secret_arguments;
mod session;
mod subscribe;
mod surroundings;
mod talk;
mod tls;
mod topics;
mod url;
mod values;
mod will;

pub use color::Color;
pub use format::{Field, Format, Layout, Piece};
pub use handling::{Comparison, Condition, Expectation, Handling, JsonPath, Ready, Selection};
pub use job::{
    ConnectionSettings, ControlJob, MessageSource, PublishJob, RequestJob, SubscribeJob, Target, Will,
};
pub use line_format::{LineFormat, Replay};
pub use numbers::atoi;
pub use parse::{Stop, control_job, publish_job, request_job, subscribe_job};
pub use patience::Patience;
pub use program::Program;
pub use property::PacketProperties;
pub use secret_arguments::secret_arguments;
pub use surroundings::{Secret, Surroundings};
pub use talk::Talk;
