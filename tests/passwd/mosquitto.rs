//! Side by side with Debian's mosquitto_passwd and mosquitto (2.0.11), where they are installed.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::super::harness::{eventually, foreign, free_port};
use super::desk::{Desk, HASH_OF_B, Ran, program};

/// Runs one command line with both programs, each in a directory of the same content, and compares stderr, exit code
/// and who is in the file afterwards. 2.1 tells on stdout what it did, 2.0 doesn't: that line is left out.
fn same(old: &str, stdin: &str, args: &[&str]) {
    let Some(theirs) = foreign("mosquitto_passwd") else { return };
    let run = |program| {
        let desk = Desk::new();
        desk.write("f", old);
        let Ran { out, err, code } = desk.run(program, stdin, args);
        let directory = desk.path("").display().to_string();
        let err = err.replace(directory.trim_end_matches('/'), "");
        let said = |line: &&str| {
            !line.starts_with("Adding password for user ") && !line.starts_with("Updating password for user ")
        };
        // Usage texts differ; that there is one is what scripts can tell.
        let out: Vec<String> = match out.contains("\nUsage: ") {
            true => vec!["usage".into()],
            false => out.split_inclusive('\n').filter(said).map(str::to_owned).collect(),
        };
        let text = desk.read("f");
        let names = text.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned());
        (out, err, code, names.collect::<Vec<_>>(), desk.names())
    };
    assert_eq!(run(program()), run(&theirs), "{args:?} with {old:?} and {stdin:?}");
}

#[test]
fn command_lines_end_as_mosquittos() {
    for args in [
        &[][..],
        &["--help"],
        &["-x", "f", "u"],
        &["f"],
        &["-b", "f", "u"],
        &["-b", "f", "u", "p", "surplus"],
        &["-bc", "f", "u", "p"],
        &["-c", "-D", "f", "u"],
        &["-c", "-U", "f"],
        &["-D", "-U", "f"],
        &["-c", "-D", "-U"],
        &["-D", "-b", "f", "u"],
        &["-c"],
        &["-c", "f"],
        &["-c", "-b", "f", "u"],
        &["-D"],
        &["-D", "f"],
        &["-U"],
        &["-U", "f", "surplus"],
        &["-H"],
        &["-H", "md5", "f", "u"],
        &["-H", "sha512"],
        &["-b", "-D"],
        &["-b", "f", "a:b", "p"],
        &["-b", "missing", "u", "p"],
        &["-D", "missing", "u"],
        &["-U", "missing"],
        &["-b", "", "u", "p"],
        &["-c", "-b", "", "u", "p"],
        &["-c", "-b", "nowhere/f", "u", "p"],
        &["-b", "nowhere/f", "u", "p"],
        &["-b", ".", "u", "p"],
    ] {
        same("", "", args);
    }
}

#[test]
fn files_change_as_mosquittos() {
    let users = format!("ann:{HASH_OF_B}\nbob:{HASH_OF_B}\ncid:{HASH_OF_B}:third\n");
    for args in [
        &["-b", "f", "dot", "p"][..],
        &["-b", "f", "bob", "p"],
        &["-b", "f", "cid", ""],
        &["-H", "sha512", "-b", "f", "ann", "p"],
        &["-H", "sha512-pbkdf2", "-b", "f", "c d \u{e9}", "p"],
        &["-D", "f", "bob"],
        &["-D", "f", "cid", "surplus"],
        &["-D", "f", "nobody"],
        &["-c", "-b", "new", "ann", "p"],
        &["-c", "-b", "new", "ann", "p", "surplus"],
    ] {
        same(&users, "", args);
    }
    same("ann:plain\nbob:pass word\n", "", &["-U", "f"]);
    same("ann:\n", "", &["-U", "f"]);
    same("rubbish\n", "", &["-U", "f"]);
    for input in ["pw\npw\n", "pw\r\npw\r\n", "pw\npw", "pw\nwp\n", "\n", "", "pw\n", "pw\n\n"] {
        same(&users, input, &["f", "bob"]);
        same(&users, input, &["f", "dot"]);
        same(&users, input, &["-c", "new", "dot"]);
    }
}

#[test]
fn we_read_what_mosquitto_wrote() {
    let Some(theirs) = foreign("mosquitto_passwd") else { return };
    let desk = Desk::new();
    desk.write("f", "ann: one \nbob:p:w\n");
    assert_eq!(desk.run(&theirs, "", ["-U", "f"]).code, Some(0));
    assert_eq!(desk.run(&theirs, "", ["-b", "f", "cid", ""]).code, Some(0));
    assert_eq!(desk.run(&theirs, "", ["-H", "sha512", "-b", "f", "dot", "\u{20ac}"]).code, Some(0));
    for (user, password) in [("ann", "one"), ("bob", "p"), ("cid", ""), ("dot", "\u{20ac}")] {
        assert!(desk.admits("f", user, password), "{user}");
        assert!(!desk.admits("f", user, "wrong"), "{user}");
    }
}

#[test]
fn mosquitto_lets_in_whom_we_wrote() {
    let (Some(mosquitto), Some(publish)) = (foreign("mosquitto"), foreign("mosquitto_pub")) else { return };
    let desk = Desk::new();
    desk.write("f", "# made by mqtt-passwd\n\ncid:pla in\n");
    for (options, user, password) in [
        (&["-H", "sha512-pbkdf2", "--salt-2.0"][..], "ann", "one"),
        (&["-H", "sha512", "--salt-2.0"], "bob", "t w \u{f6}"),
    ] {
        let args = options.iter().copied().chain(["-b", "f", user, password]);
        assert_eq!(desk.passwd(args).code, Some(0));
    }
    assert_eq!(desk.passwd(["--salt-2.0", "-I", "2000", "-U", "f"]).code, Some(0));
    let broker = Mosquitto::start(&desk, &mosquitto);
    let log_in = |user: &str, password: &str| {
        let port = broker.port.to_string();
        let args = ["-h", "127.0.0.1", "-p", &port, "-u", user, "-P", password, "-t", "t", "-m", "m"];
        desk.run(&publish, "", args).code
    };
    for (user, password) in [("ann", "one"), ("bob", "t w \u{f6}"), ("cid", "pla in")] {
        assert_eq!(log_in(user, password), Some(0), "{user}");
        assert_ne!(log_in(user, "wrong"), Some(0), "{user}");
    }
    assert_ne!(log_in("nobody", "one"), Some(0));
}

/// A mosquitto that lets in who is in `f` only.
struct Mosquitto {
    child: Child,
    port: u16,
}

impl Mosquitto {
    fn start(desk: &Desk, program: &std::path::Path) -> Mosquitto {
        let port = free_port();
        let mut lines = format!("listener {port} 127.0.0.1\nallow_anonymous false\npassword_file f\n");
        if rustix::process::getuid().is_root() {
            // It would become another user, who can't read the directory.
            lines += "user root\n";
        }
        desk.write("conf", &lines);
        let child = Command::new(program)
            .args(["-c", "conf"])
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let broker = Mosquitto { child, port };
        eventually("mosquitto's port", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        broker
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
