//! Options files: an option with its value a line, nothing quoted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// One option of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub number: usize,
    /// The option, and what follows the space behind it, if anything.
    pub tokens: Vec<OsString>,
}

/// The options of a file. `#` in the first column makes a comment; spaces before the option are skipped, spaces
/// behind the first one after it belong to the value. Unlike mosquitto, lines may be longer than 1023 bytes.
pub(super) fn lines(text: &[u8]) -> Vec<Line> {
    let mut found = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.starts_with(b"#") {
            continue;
        }
        let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let start = line[..end].iter().position(|byte| *byte != b' ').unwrap_or(end);
        let line = &line[start..end];
        if line.is_empty() {
            continue;
        }
        let mut tokens = line.splitn(2, |byte| *byte == b' ').map(|token| OsString::from_vec(token.to_vec()));
        let option: Vec<_> = tokens.next().into_iter().collect();
        let value = tokens.next().filter(|value| !value.is_empty());
        found.push(Line { number: index + 1, tokens: option.into_iter().chain(value).collect() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_option_and_the_rest() {
        let text = b"# comment\n\n  -q 1\r\n--topic  a b#c \n-r\n-d \n #x\n-m \"q\"";
        let read: Vec<(usize, Vec<String>)> = lines(text)
            .into_iter()
            .map(|line| (line.number, line.tokens.into_iter().map(|t| t.into_string().unwrap()).collect()))
            .collect();
        let expected: [(usize, &[&str]); 6] = [
            (3, &["-q", "1"]),
            (4, &["--topic", " a b#c "]),
            (5, &["-r"]),
            (6, &["-d"]),
            (7, &["#x"]),
            (8, &["-m", "\"q\""]),
        ];
        let expected: Vec<(usize, Vec<String>)> = expected
            .into_iter()
            .map(|(number, tokens)| (number, tokens.iter().map(|t| (*t).to_owned()).collect()))
            .collect();
        assert_eq!(read, expected);
    }
}
