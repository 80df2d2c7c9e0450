//! Python's paho-mqtt, in the form of 1.x and in that of 2.x, each in a virtual environment under target/.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::harness::{Broker, Running, foreign, passed_over, run};

/// Python with this version of paho-mqtt. Where it can't be had, says so loudly.
pub fn python_with_paho(version: &str) -> Option<PathBuf> {
    // One after the other: several tests want the same.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("paho-mqtt-{version}"));
    let python = root.join("bin/python");
    let has_it = || {
        let code = format!("import paho.mqtt as p; assert p.__version__ == '{version}'");
        python.exists() && run(&python, &["-c", &code]).code == 0
    };
    if has_it() {
        return Some(python);
    }
    let place = root.to_string_lossy();
    // What is on PATH first, then Debian's.
    let outer = which("python3").or_else(|| foreign("python3"))?;
    let made = run(&outer, &["-m", "venv", "--clear", &place]);
    if made.code != 0 {
        passed_over(format_args!("there is no python3 with venv: {}{}", made.stdout, made.stderr));
        return None;
    }
    let requirement = format!("paho-mqtt=={version}");
    if let Err(why) = download(&python, &["-m", "pip", "install", "-q", "--timeout", "20", &requirement]) {
        passed_over(format_args!("{requirement} can't be installed (pip needs the network): {why}"));
        return None;
    }
    assert!(has_it(), "{requirement} is installed, and isn't there");
    Some(python)
}

/// Runs a program that downloads something, again if need be, and no longer than a test may take. What it complained of
/// in the end.
pub fn download(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let program = program.to_string_lossy();
    let bounded = [&["80", &program], arguments].concat();
    let mut why = String::new();
    for _ in 0..3 {
        let ended = run(Path::new("/usr/bin/timeout"), &bounded);
        match ended.code {
            0 => return Ok(()),
            124 => return Err("nothing comes".to_owned()),
            _ => why = ended.stderr,
        }
    }
    Err(why)
}

fn which(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|p| p.exists())
}

/// A script of these tests.
pub fn script(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs the script against a broker with one user. It prints what it saw of each step.
fn everything_works(version: &str, name: &str) {
    let Some(python) = python_with_paho(version) else { return };
    let users = tempfile::NamedTempFile::new().unwrap();
    let passwd = Path::new(env!("CARGO_BIN_EXE_mqtt-passwd"));
    let path = users.path().to_str().unwrap();
    assert_eq!(run(passwd, &["-H", "sha512", "-b", path, "ann", "b pä"]).code, 0);
    let broker = Broker::configured(&format!("allow_anonymous false\npassword_file {path}\n"));
    let ended =
        Running::start(&python, &["-B", "-W", "ignore", &script(name), &broker.port.to_string()]).wait();
    let steps = "refused 5\nrefused 5\nmessages 3.1 ok\nmessages 3.1.1 ok\nretained ok\nlarge ok\nwill ok\nsession ok\nv5 ok\n";
    assert_eq!((ended.code, &*ended.stdout), (0, steps), "{}", ended.stderr);
}

#[test]
fn paho_1() {
    everything_works("1.6.1", "paho_1.py");
}

#[test]
fn paho_2() {
    everything_works("2.1.0", "paho_2.py");
}
