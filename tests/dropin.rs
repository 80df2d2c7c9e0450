//! Our clients beside mosquitto's: the same command lines, given to both through the same names against two brokers of
//! the same kind; standard output, standard error and exit code must be the same. Where mosquitto 2.1 says something
//! else than the 2.0 of Debian, or we differ on purpose, the case says what is expected instead, and why.
//! Where mosquitto isn't installed, that is said and nothing is compared.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod harness;

mod dropin {
    mod arguments;
    mod case;
    mod compare;
    mod connecting;
    mod formatting;
    mod options_files;
    mod properties;
    mod publishing;
    mod requesting;
    mod subscribing;
    mod wire;
}
