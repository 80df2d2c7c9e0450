//! What a program loads when it starts: libssl only when TLS is asked for.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]
#![cfg(libssl_on_demand)]

use std::fs;
use std::path::Path;
use std::process::Command;

mod harness;
use harness::{Tool, ours};

const PROGRAMS: [&str; 5] = [
    env!("CARGO_BIN_EXE_mqtt-pub"),
    env!("CARGO_BIN_EXE_mqtt-sub"),
    env!("CARGO_BIN_EXE_mqtt-rr"),
    env!("CARGO_BIN_EXE_mqtt-ctrl"),
    env!("CARGO_BIN_EXE_mqtt-broker"),
];

/// A function of OpenSSL that is missing in `src/transport/tls/libssl.rs` brings libssl back.
#[test]
fn no_program_loads_libssl_at_its_start() {
    for program in PROGRAMS {
        // The loader prints what it would load, and ends.
        let listed = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("libc.so"), "{program} loads {listed}");
        assert!(!listed.contains("libssl") && !listed.contains("libcrypto"), "{program} loads {listed}");
    }
}

#[test]
fn without_libssl_whoever_wants_tls_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("libssl.so.3");
    fs::write(&broken, "no library").unwrap();
    let publish = |flags: &[&str]| {
        let tool = Tool::new(&ours("mqtt-pub")).env("LD_LIBRARY_PATH", folder.path());
        tool.args(["--unix", "/nonexistent/socket", "-t", "a", "-m", "x"]).args(flags).run()
    };
    publish(&[]).ends(1, "", "Error: No such file or directory\n");
    let said = publish(&["--tls-use-os-certs"]);
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    let start = "Unable to connect (A TLS error occurred). TLS needs libssl.so.3 of OpenSSL: ";
    assert!(
        said.stderr.starts_with(start) && said.stderr.contains("libssl.so.3: file too short"),
        "{said:?}"
    );
    refused_by_broker(folder.path());
}

/// A listener with TLS refuses the start, as with any other mistake in TLS.
fn refused_by_broker(folder: &Path) {
    let conf = folder.join("conf");
    let lines = "listener 0 socket\nallow_anonymous true\ncertfile c\nkeyfile k\n";
    fs::write(&conf, lines).unwrap();
    let broker = Tool::new(&ours("mqtt-broker"))
        .env("LD_LIBRARY_PATH", folder)
        .args(["-c".as_ref(), conf.as_os_str()]);
    let said = broker.run();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("TLS needs libssl.so.3 of OpenSSL"), "{said:?}");
}
