//! Files of `http_dir`: regular ones inside of it, and nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// An open file to be sent.
#[derive(Debug)]
pub struct Found {
    pub file: File,
    pub length: u64,
    pub media_type: &'static str,
    /// When it was changed last, as HTTP has times.
    pub last_modified: Option<String>,
}

/// The file of a path, `index.html` for a folder. `None`: there is none that may be shown.
pub fn find(folder: &Path, path: &str) -> Option<Found> {
    let relative = relative(path)?;
    let root = folder.canonicalize().ok()?;
    let mut wanted = root.join(relative);
    if wanted.is_dir() {
        wanted.push("index.html");
    }
    // Links are followed as long as they don't lead out.
    let real = wanted.canonicalize().ok()?;
    if !real.starts_with(&root) {
        return None;
    }
    let file = File::open(&real).ok()?;
    let about = file.metadata().ok()?;
    let media_type = media_type(&real);
    let last_modified = about.modified().ok().and_then(http_time);
    about.is_file().then(|| Found { file, length: about.len(), media_type, last_modified })
}

fn http_time(time: SystemTime) -> Option<String> {
    let timestamp = jiff::Timestamp::try_from(time).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()
}

/// The path below the folder, percent signs decoded; `None`: it could mean something else.
fn relative(path: &str) -> Option<PathBuf> {
    let bytes = decode(path.strip_prefix('/')?)?;
    if bytes.contains(&0) {
        return None;
    }
    let path = PathBuf::from(OsString::from_vec(bytes));
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || (rest.next()? as char).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

/// By the end of the name. In which letters a text is written, the text itself says best.
fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn files_inside_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("www");
        std::fs::create_dir_all(root.join("sub dir")).unwrap();
        std::fs::write(root.join("index.html"), "start").unwrap();
        std::fs::write(root.join("sub dir/a.css"), "style").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("way-out")).unwrap();
        std::os::unix::fs::symlink(root.join("index.html"), root.join("way-in")).unwrap();
        let read = |path: &str| {
            let mut text = String::new();
            find(&root, path)?.file.read_to_string(&mut text).unwrap();
            Some(text)
        };
        for (path, text) in
            [("/", "start"), ("/index.html", "start"), ("/sub%20dir/a.css", "style"), ("/way-in", "start")]
        {
            assert_eq!(read(path).as_deref(), Some(text), "{path}");
        }
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/sub dir/../../secret",
            "/way-out",
            "//etc/passwd",
            "",
            "/%2fetc/passwd",
            "/none",
            "/sub%20dir",
            "/index.html%00",
            "/%zz",
            "/%",
            "/./index.html/..",
            "secret",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
