//! Who gets a message: the subscription tree, shared subscriptions, and the tree of retained topics. Pure.

mod cache;
mod subscriptions;
mod tree;

pub use cache::{Route, RouteCache};
pub use subscriptions::{GroupRef, ShareGroup, Subscriber, Subscriptions};
pub use tree::{NodeId, TopicTree};
