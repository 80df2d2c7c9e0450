//! One MQTT session, either side: what is in flight outbound and inbound, and Topic Aliases. Pure.

mod alias;
mod inbound;
mod outbound;

pub use alias::{InboundAliases, OutboundAlias, OutboundAliases};
pub use inbound::Inbound;
pub use outbound::{Awaiting, Outbound};
