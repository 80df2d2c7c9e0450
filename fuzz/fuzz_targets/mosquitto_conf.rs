//! Any bytes as configuration files: no panic, and stopping at the first error or saying all comes to the same.
//!
//! `cargo +nightly fuzz run mosquitto_conf`. A line `----` parts the main file from one that it may include.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt_toolkit::config::{AtError, ConfigFiles, ConfigReader, ReadProblem, Settings};

/// A main file, and a folder `d` with one file.
struct Files<'a> {
    main: &'a [u8],
    included: &'a [u8],
}

impl ConfigFiles for Files<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, ReadProblem> {
        match path {
            "main" => Ok(self.main.to_vec()),
            "d/a.conf" => Ok(self.included.to_vec()),
            _ => Err(ReadProblem::Unreadable),
        }
    }

    fn list(&mut self, folder: &str) -> Result<Vec<String>, ReadProblem> {
        if folder == "d" { Ok(vec!["a.conf".to_owned()]) } else { Err(ReadProblem::Unreadable) }
    }
}

fuzz_target!(|input: &[u8]| {
    const PART: &[u8] = b"\n----\n";
    let cut = input.windows(PART.len()).position(|window| window == PART);
    let (main, included) = match cut {
        Some(cut) => (&input[..cut], &input[cut + PART.len()..]),
        None => (input, &b""[..]),
    };
    let stopped = read(&mut Files { main, included }, AtError::Stop);
    let collected = read(&mut Files { main, included }, AtError::Collect);
    assert_eq!(stopped, collected);
});

fn read(files: &mut Files<'_>, at_error: AtError) -> Option<Settings> {
    let mut reader = ConfigReader::new(files, at_error);
    let good = reader.read("main").is_ok();
    let messages = reader.take_messages();
    assert!(good || !messages.is_empty(), "a refusal says why");
    good.then(|| reader.finish(&[]))
}
