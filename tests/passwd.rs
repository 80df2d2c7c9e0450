//! mqtt-passwd as a program: its forms, prompts, files, and side by side with mosquitto's own.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

mod passwd {
    mod desk;
    mod files;
    mod forms;
    mod mosquitto;
    mod prompts;
    mod words;
}
