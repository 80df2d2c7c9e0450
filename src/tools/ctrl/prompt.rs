//! Asking for passwords: without echo at a terminal, by line from any other standard input, as mosquitto_ctrl does.

use std::io::{self, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::Stop;
use crate::options::Secret;
use crate::tools::secrets;

/// Asks a question on standard output and reads one line.
pub(super) fn ask(question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let print = |text: &str| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    };
    // Off before the question is seen: somebody may be quick to answer.
    let silence = Silence::begin();
    print(question)?;
    if !io::stdin().is_terminal() {
        let line = secrets::ask(Secret::StdinLine);
        print("\n")?;
        return line;
    }
    let config = rpassword::ConfigBuilder::new().input_file_path("/dev/stdin").output_discard().build();
    let answer = match rpassword::read_password_with_config(config) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(String::new()),
        answer => answer,
    };
    drop(silence);
    print("\n")?;
    Ok(Zeroizing::new(answer?.into_bytes()))
}

/// As long as it lives, the terminal doesn't show what is typed.
struct Silence(Option<Termios>);

impl Silence {
    fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_modes -= LocalModes::ECHO;
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &silent);
        }
        Silence(before)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
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
