//! Says whether libssl can be loaded by whoever wants TLS instead of at every start; see `src/transport/tls/libssl.rs`.

use std::env;

/// Variables by which whoever builds has OpenSSL linked in another way.
const CHOICES: [&str; 2] = ["OPENSSL_STATIC", "OPENSSL_LIBS"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(libssl_on_demand)");
    for choice in CHOICES {
        println!("cargo::rerun-if-env-changed={choice}");
    }
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // The jumps are written for one processor, and the loader's name is the one of OpenSSL 3.
    let is_known = target("ARCH") == "x86_64" && target("OS") == "linux" && target("ENV") == "gnu";
    let version = env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    let is_3 = version.len() == 8 && version.starts_with('3');
    let is_linked_in = env::var_os("DEP_OPENSSL_VENDORED").is_some();
    let is_chosen = CHOICES.iter().any(|choice| env::var_os(choice).is_some());
    if is_known && is_3 && !is_linked_in && !is_chosen {
        println!("cargo::rustc-cfg=libssl_on_demand");
    }
}
