//! Pages of a folder over HTTP, for browsers that then connect by WebSocket. One request a connection.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// The largest file that is served.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// The whole answer to a request for `path`.
pub fn answer(folder: &str, path: &str, head: bool) -> Vec<u8> {
    let Some((content, kind)) = find(Path::new(folder), path) else {
        let body = "Not found.\n";
        return response("404 Not Found", "text/plain", body.as_bytes(), head);
    };
    response("200 OK", kind, &content, head)
}

fn response(status: &str, kind: &str, body: &[u8], head: bool) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    if !head {
        bytes.extend_from_slice(body);
    }
    bytes
}

/// A regular file in the folder, whatever links and dots the path has; `/` is `index.html`.
fn find(folder: &Path, path: &str) -> Option<(Vec<u8>, &'static str)> {
    let path = path.split(['?', '#']).next()?;
    let path = decode(path.strip_prefix('/')?)?;
    let path = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path };
    let relative = PathBuf::from(path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(&relative).canonicalize().ok()?;
    if !file.starts_with(&folder) {
        return None;
    }
    let found = file.metadata().ok()?;
    if !found.is_file() || found.len() > FILE_MAX {
        return None;
    }
    let mut content = Vec::new();
    std::fs::File::open(&file).ok()?.take(FILE_MAX).read_to_end(&mut content).ok()?;
    Some((content, kind(&file)))
}

/// Undoes percent-encoding; what isn't text is no path of ours.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, behind) = behind.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(digits[0])? << 4 | digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|end| end.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html",
        "js" | "mjs" => "text/javascript",
        "css" => "text/css",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_folder_is_served() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("pages");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.join("index.html"), "<p>hi").unwrap();
        std::fs::write(folder.join("sub/a b.js"), "1").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.join("link")).unwrap();
        let get = |path: &str| {
            let text = String::from_utf8(answer(folder.to_str().unwrap(), path, false)).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head.lines().next().unwrap().to_owned(), body.to_owned(), head.to_owned())
        };
        for (path, body, kind) in [
            ("/", "<p>hi", "text/html"),
            ("/index.html?x=1", "<p>hi", "text/html"),
            ("/sub/a%20b.js", "1", "text/javascript"),
        ] {
            let (status, found, head) = get(path);
            assert_eq!((status.as_str(), found.as_str()), ("HTTP/1.1 200 OK", body), "{path}");
            assert!(head.contains(&format!("Content-Type: {kind}\r\n")), "{head}");
        }
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/sub/../../secret",
            "/..%2fsecret",
            "/link",
            "/sub",
            "/sub/",
            "/none",
            "//etc/passwd",
            "/%00",
            "/%zz",
            "/a%ff",
        ] {
            let (status, body, _) = get(path);
            assert_eq!(
                (status.as_str(), body.as_str()),
                ("HTTP/1.1 404 Not Found", "Not found.\n"),
                "{path}"
            );
        }
        assert!(answer(folder.to_str().unwrap(), "/", true).ends_with(b"\r\n\r\n"));
    }
}
