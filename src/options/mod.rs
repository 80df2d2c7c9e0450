//! The flags of the client programs: clap argument groups, a file a group, and what they resolve to.

mod job;
mod kinds;
pub mod passwd;

pub use job::{ConnectionSettings, MessageSource, PublishJob, RequestJob, SubscribeJob, Target, Will};
pub use kinds::{QoS, RetainHandling, Version};
