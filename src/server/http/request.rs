//! The head of an HTTP request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The longest head, in bytes.
pub const HEAD_MAX: usize = 8 * 1024;
/// The most header lines.
const HEADERS_MAX: usize = 64;

/// A user name and a password.
pub struct Credentials {
    pub username: String,
    pub password: Zeroizing<Vec<u8>>,
}

/// What was asked for.
pub struct Request {
    pub method: String,
    /// The path as it stands in the request, without a query.
    pub path: String,
    pub credentials: Option<Credentials>,
    /// Since when a file must have changed to be sent again, in the words that it was sent with.
    pub if_modified_since: Option<String>,
    /// Another request may follow on this connection.
    pub keep_alive: bool,
}

/// What became of the bytes so far.
pub enum Parsed {
    /// The head isn't whole yet.
    Partial,
    /// It is, and is so long.
    Whole(Request, usize),
    /// It can't be one.
    Bad,
}

/// Reads a head.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Bad,
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Parsed::Bad;
    };
    let mut keep_alive = version == 1;
    let (mut credentials, mut if_modified_since) = (None, None);
    for header in head.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("connection") {
            let word = |word: &str| {
                value.split(|&b| b == b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
            };
            keep_alive = (keep_alive || word("keep-alive")) && !word("close");
        } else if header.name.eq_ignore_ascii_case("authorization") {
            credentials = basic(value);
        } else if header.name.eq_ignore_ascii_case("if-modified-since") {
            if_modified_since = std::str::from_utf8(value).ok().map(str::to_owned);
        }
    }
    // A body isn't read, so nothing can come behind it.
    let has_body = |h: &httparse::Header<'_>| {
        h.name.eq_ignore_ascii_case("transfer-encoding")
            || h.name.eq_ignore_ascii_case("content-length") && h.value.trim_ascii() != b"0"
    };
    keep_alive &= !head.headers.iter().any(has_body);
    let path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    let method = method.to_owned();
    Parsed::Whole(Request { method, path, credentials, if_modified_since, keep_alive }, length)
}

/// `Basic` and base64 of `user:password`.
fn basic(value: &[u8]) -> Option<Credentials> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = Zeroizing::new(STANDARD.decode(rest.trim_ascii()).ok()?);
    let colon = text.iter().position(|&byte| byte == b':')?;
    let username = String::from_utf8(text[..colon].to_vec()).ok()?;
    Some(Credentials { username, password: Zeroizing::new(text[colon + 1..].to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Parsed::Whole(request, length) if length == text.len() => request,
            _ => panic!("{text}"),
        }
    }

    #[test]
    fn heads() {
        let request = whole("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW5uOnBhOnNz\r\n\r\n");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a/b"));
        let credentials = request.credentials.unwrap();
        assert_eq!((credentials.username.as_str(), &credentials.password[..]), ("ann", &b"pa:ss"[..]));
        assert!(request.keep_alive);
        assert!(!whole("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(whole("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
        assert!(!whole("GET / HTTP/1.1\r\nConnection: x, close\r\n\r\n").keep_alive);
        assert!(!whole("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n").keep_alive);
        for bad in ["Basic", "Basic !", "Basic YW5u", "Bearer YW5uOnBhOnNz", ""] {
            assert!(basic(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let _ = parse(&bytes);
            let _ = basic(&bytes);
        });
        assert!(matches!(parse(b"GET / HTTP/1.1\r\n"), Parsed::Partial));
        assert!(matches!(parse(b"\x16\x03\x01"), Parsed::Bad));
    }
}
