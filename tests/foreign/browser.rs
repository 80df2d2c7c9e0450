//! MQTT.js in headless Chromium on a WebSocket listener: what dashboards in a browser are made of.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::harness::{Broker, Running, foreign, free_port, passed_over, run};
use super::paho::download;

/// The version of MQTT.js that the page is made for.
const MQTT_JS: &str = "mqtt@5.16.0";

/// A folder with the page and MQTT.js. Where it can't be had, says so loudly.
pub fn page() -> Option<PathBuf> {
    // Once for all tests that show it at the same time.
    static PAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    PAGE.get_or_init(make_page).clone()
}

fn make_page() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(MQTT_JS.replace('@', "-"));
    let library = folder.join("node_modules/mqtt/dist/mqtt.min.js");
    if !library.exists() {
        let npm = foreign("npm")?;
        let place = folder.to_string_lossy();
        let wanted = ["install", "--silent", "--no-save", "--no-package-lock", "--prefix", &place, MQTT_JS];
        if let Err(why) = download(&npm, &[&wanted[..], &["--fetch-timeout=20000"]].concat()) {
            // What is only half there would be taken for the whole next time.
            let _ = std::fs::remove_dir_all(&folder);
            passed_over(format_args!("{MQTT_JS} can't be installed (npm needs the network): {why}"));
            return None;
        }
    }
    std::fs::copy(&library, folder.join("mqtt.min.js")).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/browser/page.html");
    std::fs::copy(page, folder.join("page.html")).unwrap();
    Some(folder)
}

/// A browser that shows this page, until it is forgotten.
pub fn browser(profile: &Path, url: &str) -> Option<Running> {
    let chromium = foreign("chromium")?;
    let profile = format!("--user-data-dir={}", profile.display());
    let flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-sync \
                 --disable-background-networking --disable-component-update --remote-debugging-port=0";
    let arguments: Vec<&str> = flags.split_whitespace().chain([profile.as_str(), url]).collect();
    Some(Running::start(&chromium, &arguments))
}

/// A page in the browser talks with mqtt-pub and mqtt-sub.
fn talks(version: u8, at: impl FnOnce(&Path, u16, u16) -> (String, String)) {
    let Some(folder) = page() else { return };
    let (port, web) = (free_port(), free_port());
    let (listener, page) = at(&folder, port, web);
    let broker = Broker::with_listeners(&format!(
        "allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {web} 127.0.0.1\nprotocol websockets\n{listener}"
    ));
    let profile = tempfile::tempdir().unwrap();
    let url = format!("{page}?url=ws://127.0.0.1:{web}/mqtt&version={version}");
    let Some(browser) = browser(profile.path(), &url) else { return };
    let (to, from) = (Path::new(env!("CARGO_BIN_EXE_mqtt-pub")), Path::new(env!("CARGO_BIN_EXE_mqtt-sub")));
    let port = port.to_string();
    let ready = run(from, &["-p", &port, "-t", "browser/+", "-v", "-C", "1", "-W", "90"]);
    assert_eq!(ready.stdout, "browser/ready qos 2\n", "{}\n{}", browser.err.text(), broker.log());
    for qos in ["0", "1", "2"] {
        // A name of its own: the log is looked at for it.
        let ear = format!("ear-{qos}");
        let heard = Running::start(
            from,
            &["-p", &port, "-i", &ear, "-t", "from/browser", "-q", qos, "-C", "1", "-W", "90", "-F", "%q %p"],
        );
        broker.wait_for_subscription(&ear, "from/browser");
        assert_eq!(run(to, &["-p", &port, "-t", "to/browser", "-m", "grüße", "-q", qos]).code, 0);
        let heard = heard.wait();
        assert_eq!((heard.code, heard.stdout), (0, format!("{qos} GRÜSSE\n")), "{}", browser.err.text());
        broker.wait_for_end_of(&ear);
    }
    drop(browser);
}

#[test]
fn mqtt_js_speaks_3_1_1_from_a_file() {
    talks(4, |folder, _, _| (String::new(), format!("file://{}/page.html", folder.display())));
}

#[test]
fn mqtt_js_speaks_5_from_a_page_that_the_broker_serves() {
    talks(5, |folder, _, web| {
        (format!("http_dir {}\n", folder.display()), format!("http://127.0.0.1:{web}/page.html"))
    });
}
