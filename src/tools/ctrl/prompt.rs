//! Asking for passwords: without echo at a terminal, by line from any other standard input, as mosquitto_ctrl does.

use std::io::{self, IsTerminal, Write};

use zeroize::Zeroizing;

use super::Stop;
use crate::options::Secret;
use crate::tools::secrets;
use crate::tools::silence::Silence;

/// Asks a question on standard output and reads one line.
pub(super) fn ask(question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let print = |text: &str| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    };
    // Off before the question is seen: somebody may be quick to answer.
    let silence = Silence::begin(io::stdin(), None).ok();
    print(question)?;
    if !io::stdin().is_terminal() {
        let line = secrets::ask(Secret::StdinLine);
        print("\n")?;
        return line;
    }
    let answer = match secrets::read_silently("/dev/stdin") {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Zeroizing::default()),
        answer => answer,
    };
    drop(silence);
    print("\n")?;
    answer
}

/// A new password, asked for twice. Empty: none, where that may be.
pub(super) fn new_password(username: &str, may_be_empty: bool) -> Result<Zeroizing<String>, Stop> {
    let read = |question: String| {
        let failed = |error: io::Error| Stop::new(format!("Error: Unable to read password: {error}."), 1);
        let line = ask(&question).map_err(failed)?;
        let text = String::from_utf8(line.to_vec()).map(Zeroizing::new);
        text.map_err(|_| Stop::new("Error: The password is not UTF-8.", 1))
    };
    if may_be_empty {
        super::say(&format!(
            "Enter new password for {username}. Press return for no password (user will be unable to login).\n"
        ));
    }
    let first = read(format!("New password for {username}: "))?;
    if first.is_empty() {
        return if may_be_empty { Ok(first) } else { Err(Stop::new("Error: Empty password.", 1)) };
    }
    let second = read(format!("Reenter password for {username}: "))?;
    // mosquitto_ctrl ends with 0 here.
    if first == second { Ok(first) } else { Err(Stop::new("Error: Passwords do not match.", 0)) }
}
