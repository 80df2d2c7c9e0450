//! One MQTT session, either side: what is in flight outbound and inbound, and Topic Aliases. Pure.
