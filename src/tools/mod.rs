//! What each program does.

pub mod passwd;
