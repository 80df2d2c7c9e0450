//! The source of a manual page as mandoc likes it: short lines, no space at their ends, a title in capitals.

/// Longest line of the source.
const LONGEST: usize = 78;

/// The page with the same meaning.
pub fn tidy(page: Vec<u8>) -> Vec<u8> {
    let page = String::from_utf8(page).unwrap();
    let mut tidied = String::new();
    let (mut filled, mut is_tag) = (true, false);
    for line in page.lines() {
        let line = line.trim_end();
        if let Some(title) = line.strip_prefix(".TH ") {
            let (name, rest) = title.split_once(' ').unwrap();
            tidied += &format!(".TH {} {rest}\n", name.to_uppercase());
            continue;
        }
        match line {
            ".nf" => filled = false,
            ".fi" => filled = true,
            _ => {}
        }
        if line.starts_with('.') {
            tidied += &format!("{line}\n");
        } else {
            tidied += &broken(line, filled && !is_tag);
        }
        is_tag = line == ".TP";
    }
    tidied.into_bytes()
}

/// A line of text in pieces. Where its end matters, the pieces are joined again by roff.
fn broken(line: &str, filled: bool) -> String {
    let mut text = String::new();
    let mut length = 0;
    for word in line.split(' ') {
        if length > 0 && length + 1 + word.len() > LONGEST {
            text += if filled { "\n" } else { " \\\n" };
            length = 0;
            // At the start of a line these would make it a command.
            if word.starts_with(['.', '\'']) {
                text += "\\&";
            }
        } else if length > 0 || !text.is_empty() {
            text.push(' ');
            length += 1;
        }
        text += word;
        length += word.len();
    }
    text.push('\n');
    text
}

#[test]
fn long_lines_are_broken() {
    let long = "word ".repeat(40);
    let page = format!(".TH name 1 \n{long}.end\n.nf\n{long}\n.fi\n.TP\ntag\n");
    let tidied = String::from_utf8(tidy(page.into_bytes())).unwrap();
    assert!(tidied.starts_with(".TH NAME 1\nword "), "{tidied}");
    assert!(tidied.lines().all(|line| line.len() <= 80 && !line.ends_with(' ')), "{tidied}");
    assert_eq!(tidied.matches("word").count(), 80);
    assert_eq!(tidied.matches(" \\\n").count(), 2);
}
