//! Python's paho-mqtt, in the form of 1.x and in that of 2.x, each in a virtual environment under target/.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::harness::{Broker, Running, foreign, passed_over, run};

/// Python with this version of paho-mqtt. Where it can't be had, says so loudly.
pub fn python_with_paho(version: &str) -> Option<PathBuf> {
    // Made once: several tests want the same, and what can't be had isn't tried again.
    static MADE: Mutex<BTreeMap<String, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(version.to_owned()).or_insert_with(|| make_python(version)).clone()
}

fn make_python(version: &str) -> Option<PathBuf> {
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
    let requirement = format!("paho-mqtt=={version}");
    let pip = ["-m", "pip", "install", "-q", "--retries", "1", "--timeout", "20", &requirement];
    // What is on PATH first, then Debian's.
    let outer = which("python3").or_else(|| foreign("python3"))?;
    let made = run(&outer, &["-m", "venv", "--clear", &place]);
    if made.code != 0 {
        passed_over(format_args!("there is no python3 with venv: {}{}", made.stdout, made.stderr));
        return None;
    }
    if let Err(why) = download(&python, &pip) {
        passed_over(format_args!("{requirement} can't be installed (pip needs the network): {why}"));
        return None;
    }
    assert!(has_it(), "{requirement} is installed, and isn't there");
    Some(python)
}

/// Runs a program that downloads something, again if need be, and no longer than a test may take. Its last word when
/// nothing came of it.
pub fn download(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let program = program.to_string_lossy();
    let bounded = [&["80", &program], arguments].concat();
    let mut why = String::new();
    for _ in 0..3 {
        let ended = run(Path::new("/usr/bin/timeout"), &bounded);
        match ended.code {
            0 => return Ok(()),
            124 => return Err("nothing comes".to_owned()),
            _ => why = ended.stderr.trim_end().lines().last().unwrap_or("it says nothing").to_owned(),
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
