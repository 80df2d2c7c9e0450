//! Passwords: where they come from, and that the list of processes doesn't go on showing them.

use std::fs;
use std::process::Stdio;

use mqtt_toolkit::protocol::{Packet, Version};
use rustix::process::{Pid, Signal, kill_process};

use super::super::harness::{Fake, Peer, Tool, ours, until};
use super::terminal::at_terminal_of;

/// A broker that reads CONNECT, hands out its password and closes; and the program's end.
fn password_of(tool: impl FnOnce(Tool) -> Tool, input: &[u8]) -> (Vec<u8>, Vec<String>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        let password = peer.read(|packet| match packet {
            Packet::Connect(connect) => connect.password.unwrap_or_default().to_vec(),
            other => panic!("{other:?}"),
        });
        peer.say_bytes(&[0x20, 2, 0, 0]);
        let mut messages = Vec::new();
        loop {
            let text = peer.read_text();
            if text.starts_with("Disconnect") {
                break;
            }
            messages.push(text);
        }
        sender.send((password, messages)).unwrap();
    });
    tool(fake.tool("mqtt-pub").args(["-u", "me", "-t", "t"])).run_with(input).prints("");
    fake.finish();
    receiver.recv().unwrap()
}

#[test]
fn the_first_line_of_stdin_is_the_password_and_the_rest_the_messages() {
    let (password, messages) = password_of(|tool| tool.args(["--pw-stdin", "-l"]), b"s3cret\r\none\ntwo\n");
    assert_eq!(password, b"s3cret");
    assert_eq!(messages, ["Publish d0 q0 m0 t=one", "Publish d0 q0 m0 t=two"]);
    let (password, _) = password_of(|tool| tool.args(["--pw-stdin", "-m", "x"]), b"no line end");
    assert_eq!(password, b"no line end");
}

#[test]
fn variables_and_files_give_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "from a file\nnot this\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(password_of(|tool| tool.args(["--pw-file", file, "-n"]), b"").0, b"from a file");
    let named = |tool: Tool| tool.args(["--pw-env", "SECRET", "-n"]).env("SECRET", "named");
    assert_eq!(password_of(named, b"").0, b"named");
    let default = |tool: Tool| tool.args(["-n"]).env("MQTT_PASSWORD", "default");
    assert_eq!(password_of(default, b"").0, b"default");
}

#[test]
fn a_password_on_the_command_line_is_wiped() {
    let (sender, seen) = std::sync::mpsc::channel();
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read(|packet| match packet {
            Packet::Connect(connect) => {
                assert_eq!((connect.username, connect.password), (Some("me"), Some(&b"pass word"[..])));
            }
            other => panic!("{other:?}"),
        });
        sender.send(()).unwrap();
        assert!(peer.is_closed());
    });
    let line = ["-L", "mqtt://you:hidden@127.0.0.1/t", "-u", "me", "-P", "pass word", "-m", "-P", "-p"];
    let port = fake.tool("mqtt-pub").port();
    let publisher = fake.tool("mqtt-pub").args(line).args([port]).start_with(Stdio::null());
    seen.recv().unwrap();
    let line = fs::read(format!("/proc/{}/cmdline", publisher.id())).unwrap();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    assert!(line.contains("mqtt://you:xxxxxx@127.0.0.1/t -u me -P xxxxxxxxx -m -P -p"), "{line}");
    publisher.signal("-KILL");
    publisher.wait();
    fake.finish();
}

#[test]
fn a_terminal_is_asked_without_echo() {
    let Some(script) = ["/usr/bin/script"].into_iter().find(|path| std::path::Path::new(path).exists())
    else {
        crate::harness::passed_over("script is not installed: the question at a terminal is not tested");
        return;
    };
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read(|packet| match packet {
            Packet::Connect(connect) => assert_eq!(connect.password, Some(&b"typed"[..])),
            other => panic!("{other:?}"),
        });
        peer.say_bytes(&[0x20, 2, 0, 0]);
        peer.read_text();
        peer.read_text();
    });
    let command = fake.tool("mqtt-pub").args(["-u", "me", "--pw-prompt", "-t", "t", "-m", "x"]).line();
    let mut terminal =
        Tool::new(script.as_ref()).args(["-qec", &command, "/dev/null"]).env("PATH", "/usr/bin:/bin").start();
    terminal.await_stdout("Password: ");
    terminal.write(b"typed\n");
    until("its end", || (!terminal.is_alive()).then_some(()));
    let ended = terminal.wait();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stdout.contains("typed"), "{ended:?}");
    fake.finish();
}

#[test]
fn who_is_interrupted_at_the_question_has_the_echo_back() {
    let folder = tempfile::tempdir().unwrap();
    let publisher = Tool::new(&ours("mqtt-pub")).args(["-u", "me", "--pw-prompt", "-t", "t", "-m", "x"]);
    let file = folder.path().join("file");
    let control = Tool::new(&ours("mqtt-ctrl")).args(["dynsec", "init", file.to_str().unwrap(), "admin"]);
    for (tool, question) in [(publisher, "Password: "), (control, "New password for admin: ")] {
        let line = format!("{}; echo code=$?; stty -a", tool.line());
        let Some(mut terminal) = at_terminal_of(&line, &[]) else { return };
        terminal.await_stdout(question);
        terminal.write(b"sec\x03");
        until("its end", || (!terminal.is_alive()).then_some(()));
        let ended = terminal.wait();
        assert!(ended.stdout.contains("\r\ncode=130\r\n"), "{ended:?}");
        assert!(ended.stdout.contains(" echo ") && ended.stdout.contains(" icanon "), "{ended:?}");
        assert!(!ended.stdout.contains("sec\r") && !ended.stdout.contains("sec^"), "{ended:?}");
    }
}

#[test]
fn a_signal_from_elsewhere_gives_the_echo_back_too() {
    let publisher = Tool::new(&ours("mqtt-pub")).args(["-u", "me", "--pw-prompt", "-t", "t", "-m", "x"]);
    let line = format!("(sh -c 'echo pid=$$; exec \"$@\"' sh {}); echo code=$?; stty -a", publisher.line());
    let Some(mut terminal) = at_terminal_of(&line, &[]) else { return };
    terminal.await_stdout("Password: ");
    let said = terminal.stdout();
    let pid = said.split_once("pid=").unwrap().1.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    until("its end", || (!terminal.is_alive()).then_some(()));
    let ended = terminal.wait();
    assert!(ended.stdout.contains("code=143\r\n"), "{ended:?}");
    assert!(ended.stdout.contains(" echo ") && ended.stdout.contains(" icanon "), "{ended:?}");
}

#[test]
fn who_has_answered_can_still_interrupt() {
    let (sender, seen) = std::sync::mpsc::channel();
    let fake = Fake::start(move |listener| {
        let mut peer = Peer::accept(&listener, Version::V311);
        peer.read(|packet| assert!(matches!(packet, Packet::Connect(_)), "{packet:?}"));
        peer.say_bytes(&[0x20, 2, 0, 0]);
        assert_eq!(peer.read_text(), "Publish d0 q0 m0 t=line");
        sender.send(()).unwrap();
        assert!(peer.is_closed(), "without a word");
    });
    let publisher = fake.tool("mqtt-pub").args(["-u", "me", "--pw-prompt", "-t", "t", "-l"]);
    let Some(mut terminal) = at_terminal_of(&format!("exec {}", publisher.line()), &[]) else { return };
    terminal.await_stdout("Password: ");
    terminal.write(b"typed\nline\n");
    seen.recv().unwrap();
    terminal.write(b"\x03");
    until("its end", || (!terminal.is_alive()).then_some(()));
    assert_eq!(terminal.wait().code, 130);
    fake.finish();
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let lonely = Tool::new("/usr/bin/setsid".as_ref())
        .args([ours("mqtt-pub")])
        .args(["-u", "me", "--pw-prompt", "-t", "t", "-m", "x"])
        .run();
    lonely.ends(1, "", "Error: Unable to read the password: there is no terminal to ask at.\n");
}
