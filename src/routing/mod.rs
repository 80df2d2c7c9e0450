//! Who gets a message: the subscription tree, shared subscriptions, retained messages. Pure.
