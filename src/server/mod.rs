//! The event loop around the broker: listeners, sockets, signals, and slow work on other threads.
