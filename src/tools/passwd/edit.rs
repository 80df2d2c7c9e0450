//! Changes to the text of a password file that leave every other line as it is. Pure.

use zeroize::Zeroizing;

use crate::auth::{PasswordHash, PasswordHashError, PasswordLine, parse_password_line, trim_blanks};

/// A changed text.
pub struct Edited {
    /// The whole new text.
    pub text: Zeroizing<Vec<u8>>,
    /// Whether the user was there.
    pub found: bool,
    /// The first line that is no user, no comment and not blank, counted from 1.
    pub corrupt: Option<usize>,
}

/// The line for a user, with its newline.
pub fn line(username: &[u8], hash: &PasswordHash) -> Vec<u8> {
    let mut line = username.to_vec();
    line.extend_from_slice(format!(":{hash}\n").as_bytes());
    line
}

/// Gives a user a new hash: in the first line with this name, or else at the end.
///
/// # Errors
/// The number of a corrupt line, where the user is found, as with mosquitto_passwd.
pub fn set(text: &[u8], username: &[u8], hash: &PasswordHash) -> Result<Edited, usize> {
    let mut edited = Edited { text: Zeroizing::new(Vec::new()), found: false, corrupt: None };
    // Room for all, so that no half of it is left behind in memory by growing.
    edited.text.reserve_exact(text.len() + username.len() + 512);
    for (index, old) in lines(text).enumerate() {
        if !edited.found && is_of(old, username) {
            edited.found = true;
            let new = line(username, hash);
            edited.text.extend_from_slice(trim_newline(&new));
            edited.text.extend_from_slice(newline(old));
            continue;
        }
        if edited.corrupt.is_none() && is_corrupt(old) {
            edited.corrupt = Some(index + 1);
        }
        edited.text.extend_from_slice(old);
    }
    match edited.corrupt {
        Some(line) if edited.found => return Err(line),
        _ => {}
    }
    if !edited.found {
        if edited.text.last().is_some_and(|&last| last != b'\n') {
            edited.text.push(b'\n');
        }
        edited.text.extend_from_slice(&line(username, hash));
    }
    Ok(edited)
}

/// Removes every line with this name.
///
/// # Errors
/// The number of a corrupt line.
pub fn delete(text: &[u8], username: &[u8]) -> Result<Edited, usize> {
    let mut edited =
        Edited { text: Zeroizing::new(Vec::with_capacity(text.len())), found: false, corrupt: None };
    for (index, old) in lines(text).enumerate() {
        if is_of(old, username) {
            edited.found = true;
        } else if is_corrupt(old) {
            return Err(index + 1);
        } else {
            edited.text.extend_from_slice(old);
        }
    }
    Ok(edited)
}

/// A line whose password isn't hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Counted from 0.
    pub index: usize,
    /// The password: up to the next colon, as mosquitto has it.
    pub password: &'a [u8],
    /// Whether something follows behind another colon, and will be dropped.
    pub more: bool,
}

/// The lines with a password that isn't hashed.
///
/// # Errors
/// The number of a corrupt line, or of one with a damaged hash: hashing that would hide it.
pub fn find_plain(text: &[u8]) -> Result<Vec<Plain<'_>>, usize> {
    let mut plain = Vec::new();
    for (index, old) in lines(text).enumerate() {
        if is_corrupt(old) {
            return Err(index + 1);
        }
        let PasswordLine::User { hash, .. } = parse_password_line(old) else { continue };
        match PasswordHash::parse(hash) {
            Ok(_) => {}
            Err(PasswordHashError::UnknownKind) => {
                plain.push(Plain { index, password: hash, more: has_third_field(old) });
            }
            Err(_) => return Err(index + 1),
        }
    }
    Ok(plain)
}

/// Puts hashes into the lines with these indexes, which must be in order.
pub fn replace_lines(text: &[u8], hashes: &[(usize, PasswordHash)]) -> Zeroizing<Vec<u8>> {
    let mut new = Zeroizing::new(Vec::with_capacity(text.len() + 256 * hashes.len()));
    let mut hashes = hashes.iter().peekable();
    for (index, old) in lines(text).enumerate() {
        match (hashes.next_if(|(next, _)| *next == index), parse_password_line(old)) {
            (Some((_, hash)), PasswordLine::User { username, .. }) => {
                new.extend_from_slice(trim_newline(&line(username, hash)));
                new.extend_from_slice(newline(old));
            }
            _ => new.extend_from_slice(old),
        }
    }
    new
}

/// The lines of a text with their newlines.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// Whether a line is neither a comment nor blank nor a user with a password.
pub fn is_corrupt(line: &[u8]) -> bool {
    match parse_password_line(line) {
        PasswordLine::Skipped => line.first() != Some(&b'#') && !trim_blanks(line).is_empty(),
        PasswordLine::User { username, hash } => username.is_empty() || hash.is_empty(),
    }
}

/// Whether a line is the user's, blanks around the name aside, as the broker reads it.
pub fn is_of(line: &[u8], username: &[u8]) -> bool {
    // mosquitto_passwd lets names in that start with '#', though to the broker such a line is a comment.
    let hash_sign = line.starts_with(b"#") && username.starts_with(b"#");
    let name = match parse_password_line(line) {
        PasswordLine::User { username, .. } => username,
        PasswordLine::Skipped if hash_sign => match memchr::memchr(b':', line) {
            Some(colon) => trim_blanks(&line[..colon]),
            None => return false,
        },
        PasswordLine::Skipped => return false,
    };
    name == trim_blanks(username)
}

/// Whether something follows the password behind another colon.
fn has_third_field(line: &[u8]) -> bool {
    let behind_name = line.iter().skip_while(|&&byte| byte != b':').skip_while(|&&byte| byte == b':');
    behind_name.copied().any(|byte| byte == b':')
}

/// A line's own newline: `\r\n`, `\n` or none.
fn newline(line: &[u8]) -> &[u8] {
    &line[trim_newline(line).len()..]
}

fn trim_newline(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::HashMethod;

    fn hash() -> PasswordHash {
        PasswordHash::create(HashMethod::Sha512, b"new", &[1; 12]).unwrap()
    }

    fn text(edited: Edited) -> String {
        String::from_utf8(edited.text.to_vec()).unwrap().replace(&hash().to_string(), "HASH")
    }

    #[test]
    fn everything_else_survives_a_change() {
        let old = "# users\n\n \nb:$6$x\n#b:old\n a :y:third\r\nb:z\nno newline:q";
        let edited = set(old.as_bytes(), b"a", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert!(edited.found);
        assert_eq!(text(edited), "# users\n\n \nb:$6$x\n#b:old\na:HASH\r\nb:z\nno newline:q");
        let edited = set(old.as_bytes(), b"b", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(text(edited), "# users\n\n \nb:HASH\n#b:old\n a :y:third\r\nb:z\nno newline:q");
        let edited = set(old.as_bytes(), b"c", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert!(!edited.found);
        assert_eq!(text(edited), format!("{old}\nc:HASH\n"));
        let edited = delete(old.as_bytes(), b"b").unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(text(edited), "# users\n\n \n#b:old\n a :y:third\r\nno newline:q");
    }

    #[test]
    fn an_empty_file_gets_its_first_line() {
        let edited = set(b"", b"a", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(text(edited), "a:HASH\n");
    }

    #[test]
    fn a_corrupt_line_stops_changes_and_never_drops_users() {
        let old = b"a:x\nrubbish\nb:y\n";
        assert_eq!(set(old, b"b", &hash()).err(), Some(2));
        assert_eq!(delete(old, b"b").err(), Some(2));
        assert_eq!(find_plain(old).err(), Some(2));
        let edited = set(old, b"c", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(edited.corrupt, Some(2));
        assert_eq!(text(edited), "a:x\nrubbish\nb:y\nc:HASH\n");
        for corrupt in ["u:", "u: \n", ":x", "x"] {
            assert!(is_corrupt(corrupt.as_bytes()), "{corrupt}");
        }
        // What is to be removed is no hindrance.
        let edited = delete(b"a:x\n:y\n", b"").unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(text(edited), "a:x\n");
    }

    #[test]
    fn names_that_start_like_comments_find_their_line() {
        let edited = set(b"#a:x\n", b"#a", &hash()).unwrap_or_else(|line| panic!("{line}"));
        assert_eq!(text(edited), "#a:HASH\n");
        assert!(!is_of(b"#a:x", b"a"));
    }

    #[test]
    fn only_plain_passwords_are_hashed() {
        let old = format!("# c:x\na: pw \nb:{}\nc:p w:third", hash());
        let plain = find_plain(old.as_bytes()).unwrap();
        let line = |index, password, more| Plain { index, password, more };
        assert_eq!(plain, [line(1, b"pw", false), line(3, b"p w", true)]);
        let hashes: Vec<_> = plain.iter().map(|plain| (plain.index, hash())).collect();
        let new = replace_lines(old.as_bytes(), &hashes);
        let new = String::from_utf8(new.to_vec()).unwrap().replace(&hash().to_string(), "HASH");
        assert_eq!(new, "# c:x\na:HASH\nb:HASH\nc:HASH");
        assert_eq!(find_plain(b"a:$7$1$damaged\n"), Err(1));
    }
}
