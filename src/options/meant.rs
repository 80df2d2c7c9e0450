//! What somebody who wrote an option that there isn't may have meant.

use std::ffi::OsStr;

use super::credentials::PASSWORD;
use super::flag::Flag;
use super::secret_arguments::password_in_url;
use crate::config::nearest;

/// A line on what to write instead.
pub(super) fn advice(flags: &[Flag], token: &str) -> Option<String> {
    let known = |name: &str| flags.iter().any(|flag| flag.is(OsStr::new(name)));
    if let Some((name, _)) = token.split_once('=')
        && known(name)
    {
        return Some(format!("Write a space where the = is: the value of '{name}' is a word of its own."));
    }
    let mut letters = token.chars();
    if let (Some('-'), Some(short), Some(_)) = (letters.next(), letters.next(), letters.next())
        && short != '-'
        && known(&format!("-{short}"))
    {
        return Some(format!("Write '-{short}' alone: its value, or the next option, is a word of its own."));
    }
    match token.strip_prefix("--") {
        Some(name) => nearest(name, flags.iter().filter_map(|flag| flag.arg.get_long()))
            .map(|known| format!("Did you mean '--{known}'?")),
        None if known("-t") && !token.starts_with('-') => Some("A topic stands behind -t.".to_owned()),
        None => None,
    }
}

/// The token as it may be printed: a password that was joined to its option is none for a log.
pub(super) fn without_secret(token: &str) -> String {
    for option in ["-P".to_owned(), format!("--{PASSWORD}="), "--psk=".to_owned()] {
        if token.len() > option.len() && token.starts_with(&option) {
            return format!("{option}…");
        }
    }
    match password_in_url(token.as_bytes()) {
        Some(bytes) => format!("{}…{}", &token[..bytes.start], &token[bytes.end..]),
        None => token.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::Program;
    use super::*;

    #[test]
    fn what_was_meant() {
        for (token, line) in [
            ("--topc", Some("Did you mean '--topic'?")),
            ("--expct", Some("Did you mean '--expect'?")),
            ("--retain-only", Some("Did you mean '--retained-only'?")),
            ("--topic=a", Some("Write a space where the = is: the value of '--topic' is a word of its own.")),
            ("-vt", Some("Write '-v' alone: its value, or the next option, is a word of its own.")),
            ("-ta", Some("Write '-t' alone: its value, or the next option, is a word of its own.")),
            ("a/#", Some("A topic stands behind -t.")),
            ("-z", None),
            ("--", None),
            ("--frobnicate", None),
        ] {
            assert_eq!(advice(Program::Subscribe.flags(), token).as_deref(), line, "{token}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        for (token, printed) in [
            ("-Psecret", "-P…"),
            ("--pw=secret", "--pw=…"),
            ("--psk=00ff", "--psk=…"),
            ("-P", "-P"),
            ("--pw-fil", "--pw-fil"),
            ("--url=mqtt://u:secret@h/t", "--url=mqtt://u:…@h/t"),
            ("-Lmqtt://u:secret@h/t", "-Lmqtt://u:…@h/t"),
            ("--proxy=socks5h://u:secret@h", "--proxy=socks5h://u:…@h"),
            ("mqtt://u:secret@h/t", "mqtt://u:…@h/t"),
            ("mqtt://u@h/t", "mqtt://u@h/t"),
        ] {
            assert_eq!(without_secret(token), printed);
        }
    }
}
