//! The broker as a value: bytes and time in, bytes and requests out. Pure.
