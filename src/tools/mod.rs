//! What each program does.
