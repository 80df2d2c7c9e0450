//! The one message of `-m`, `-f`, `-s` or `-n`, read whole before connecting.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::report::{Report, system_words};
use crate::options::MessageSource;

/// Longest payload, in bytes, as mosquitto counts it.
const PAYLOAD_MAX: usize = 268_435_455;

/// Reads the message. `None`: it can't be read, and why has been said.
pub fn read_message(source: &MessageSource, report: Report) -> Option<Vec<u8>> {
    match source {
        MessageSource::Text(text) => Some(text.clone()),
        MessageSource::Null
        | MessageSource::StdinLines
        | MessageSource::Recording(_)
        | MessageSource::Ping => Some(Vec::new()),
        MessageSource::File(path) => read_file(path, report),
        MessageSource::StdinWhole => read_stdin(report),
    }
}

fn read_file(path: &Path, report: Report) -> Option<Vec<u8>> {
    let name = path.display();
    let read =
        File::open(path).and_then(|file| read_bounded(file, path.metadata().map_or(0, |data| data.len())));
    let complaint = match read {
        Ok(Some(payload)) => return Some(payload),
        Ok(None) => format!("Error: File must be less than {PAYLOAD_MAX} bytes."),
        Err(error) => format!("Error: Unable to read file \"{name}\": {}.", system_words(&error)),
    };
    report.line(format_args!("{complaint}"));
    report.line(format_args!("Error loading input file \"{name}\"."));
    None
}

fn read_stdin(report: Report) -> Option<Vec<u8>> {
    let complaint = match read_bounded(io::stdin().lock(), 0) {
        Ok(Some(payload)) if payload.is_empty() => "Error: Zero length input.".to_owned(),
        Ok(Some(payload)) => return Some(payload),
        Ok(None) => format!("Error: Message length must be less than {PAYLOAD_MAX} bytes."),
        Err(error) => format!("Error: Unable to read standard input: {}.", system_words(&error)),
    };
    report.line(format_args!("{complaint}"));
    report.line(format_args!("Error loading input from stdin."));
    None
}

/// All of a reader; `None` when it is more than a packet can carry.
fn read_bounded(reader: impl Read, expected: u64) -> io::Result<Option<Vec<u8>>> {
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    if expected > PAYLOAD_MAX {
        return Ok(None);
    }
    let mut payload = Vec::with_capacity(expected);
    reader.take(PAYLOAD_MAX as u64 + 1).read_to_end(&mut payload)?;
    Ok((payload.len() <= PAYLOAD_MAX).then_some(payload))
}
