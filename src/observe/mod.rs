//! What the broker tells of itself: log lines in mosquitto's words.
