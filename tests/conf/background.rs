//! `-d` and the pid file.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::harness::until;
use super::{BROKER, Running, broker, conf, lines};

#[test]
fn in_the_background() {
    let folder = conf("user root\npid_file p\nlog_dest file log\nlistener 0 s\n");
    let output = broker(folder.path(), &["-c", "x.conf", "-d"]);
    assert_eq!(output.status.code(), Some(0));
    let log = folder.path().join("log");
    until("running broker", || fs::read_to_string(&log).ok().filter(|log| log.contains(" running")));
    let pid: i32 = fs::read_to_string(folder.path().join("p")).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    until("end", || fs::read_to_string(&log).ok().filter(|log| log.contains(" terminating")));
}

#[test]
fn a_pid_file_that_cannot_be_written_ends_the_start_with_14() {
    let folder = conf("user root\npid_file no/such/folder\nlistener 0 s\n");
    let output = broker(folder.path(), &["-c", "x.conf"]);
    assert_eq!(output.status.code(), Some(14));
    let said = "Error: Unable to write pid file. no/such/folder: No such file or directory.";
    assert_eq!(lines(&output.stderr).last().unwrap(), said);
}

#[test]
fn the_pid_file_of_a_broker_that_runs_is_left_alone() {
    let folder = conf("user root\npid_file p\nlog_dest none\nlistener 0 s\n");
    let mut command = Command::new(BROKER);
    let running = Running::start(command.args(["-c", "x.conf"]).current_dir(folder.path()));
    let pid = || fs::read_to_string(folder.path().join("p")).ok().filter(|pid| !pid.is_empty());
    let first = until("process id", pid);
    // Another with the same file that can't start.
    fs::write(folder.path().join("y.conf"), "user root\npid_file p\nlistener 0 /none/s\n").unwrap();
    for arguments in [&["-c", "y.conf"][..], &["-c", "y.conf", "-d"], &["-c", "x.conf", "--test-config"]] {
        broker(folder.path(), arguments);
        assert_eq!(pid().as_deref(), Some(&*first), "{arguments:?}");
    }
    running.signal(Signal::TERM);
    running.end();
    assert_eq!(pid(), None);
}

#[test]
fn in_the_background_whoever_started_it_waits_for_the_start() {
    let folder = conf("user root\npid_file p\nlog_dest none\nlistener 0 s\n");
    let socket = folder.path().join("s");
    let output = broker(folder.path(), &["-c", "x.conf", "-d", "--max-time", "60"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::os::unix::net::UnixStream::connect(&socket).unwrap();
    let pid: i32 = fs::read_to_string(folder.path().join("p")).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    until("end", || (!folder.path().join("p").exists()).then_some(()));

    fs::write(folder.path().join("x.conf"), "user root\nlistener 0 s\npassword_file nope\n").unwrap();
    let output = broker(folder.path(), &["-c", "x.conf", "-d"]);
    let said = "password-file: Error: Unable to open pwfile \"nope\". No such file or directory.";
    assert_eq!((output.status.code(), lines(&output.stderr).last().unwrap().as_str()), (Some(13), said));

    let output = broker(folder.path(), &["-p", "0", "-d", "--print-address", "--max-time", "1"]);
    assert!(output.status.success() && output.stdout.starts_with(b"mqtt://127.0.0.1:"), "{output:?}");
}
