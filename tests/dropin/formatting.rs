//! `-F` with every field and layout, and messages as JSON.

use super::super::harness::Kind;
use super::case::{Case, case};
use super::compare::compare;

/// A retained message with properties, and a client that prints it.
fn printed(payload: &str, version: &str, arguments: &str) -> Case {
    case(format!(
        "pub -r -q 1 -t {{c}}/topic -m '{payload}' -V 5 -D publish content-type text/plain -D publish correlation-data cd \
         -D publish response-topic re/sp -D publish payload-format-indicator 1 -D publish user-property k v \
         -D publish user-property k2 v2
         sub -q 1 -t {{c}}/# -C 1 -V {version} -D subscribe subscription-identifier 7 -V {version} {arguments}"
    ))
}

/// The same without anything that needs MQTT 5 in the subscriber.
fn plain(payload: &str, arguments: &str) -> Case {
    case(format!("pub -r -q 1 -t {{c}}/topic -m '{payload}'\nsub -t {{c}}/# -C 1 {arguments}"))
}

/// Formats that 2.0 and 2.1 treat alike.
const FORMATS: &[&str] = &[
    "%t %p",
    "%t",
    "%p",
    "%l",
    "%q",
    "%r",
    "%m",
    "%x",
    "%X",
    "%%",
    "a%tb%pc",
    "%10l",
    "%010l",
    "%-10l|",
    "%20t|",
    "%-20t|",
    "%.3t|",
    "%20.3t|",
    "%-20.3t|",
    "%020t|",
    "%20p|",
    "%020p|",
    "%-20p|",
    "%3p|",
    "%-3p|",
    "%20m|",
    "%03m|",
    "%5q|",
    "%5r|",
    "%A|%5A|%05A|%-5A|",
    "%C|%20C|%-20C|%.4C|%20.2C|",
    "%D|%10D|",
    "%E|%5E|",
    "%F|%3F|%03F|",
    "%P|%20P|",
    "%R|%10R|%-10R|%.2R|",
    "%S|%5S|%05S|",
    "@@",
    "\\\\ \\0 \\a \\e \\n \\r \\t \\v",
    "no field",
    "",
    "%t\\n%p\\t%q",
    "%.0t|",
    "%.t|",
];

/// Times; only where their digits stand is compared.
const TIMES: &[&str] = &[
    "%I",
    "%U",
    "%30I|",
    "%-30I|",
    "%.10I",
    "@Y-@m-@dT@H:@M:@S@z",
    "@N",
    "@s.@N",
    "@C @D @e @F @g @G",
    "@I @j @k @l @R",
    "@T @u @U @V @w @W @y",
    "@n@t",
    "@Z",
    "@!",
    "@E",
    "@f",
];

/// Times with letters: a second more or less makes no difference to them.
const NAMES: &[&str] = &["@a @A @b @B @h", "@p @P", "@x", "@c", "@r @X"];

/// Payloads as JSON, embedded and as a string.
const JSON: &[&str] = &[
    "{}",
    "[]",
    "27",
    "27.0",
    "-0.5e1",
    "1e400",
    "0.1",
    "123456789012345678",
    "1.5e-7",
    "3.14159265358979",
    "2.5000",
    "true",
    "null",
    "\"text\"",
    " [ 1 , 2 , { \"a\" : [ ] } ] ",
    "{\"b\":1,\"a\":2,\"b\":3}",
    "{\"nested\":{\"list\":[1,2.5,\"x\",null,false]},\"empty\":{}}",
    "\"\\u00e9\\u20ac\\ud83d\\ude00 \\\\ \\/ \\b\\f\\n\\r\\t\"",
    "007",
    "1.",
    "not json",
    "{\"a\":1",
    "1 2",
    "{'a':1}",
    "[1,]",
    "tab\tand \"quotes\" \\ ü",
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in FORMATS {
        cases.push(printed("payload", "5", &format!("-F '{format}'")));
        cases.push(plain("payload", &format!("-F '{format}'")));
    }
    for format in ["%t %p", "%l", "[%5p]", "%x|", "%j"] {
        cases.push(plain("", &format!("-N -F '{format}'")).nothing_retained().json());
    }
    for format in TIMES {
        cases.push(plain("x", &format!("-F '{format}'")).masked());
    }
    cases.extend(NAMES.iter().map(|format| plain("x", &format!("-F '{format}'")).masked()));
    for zone in [
        "America/New_York",
        "Asia/Kolkata",
        "UTC",
        "XYZ-3:30",
        ":Europe/Berlin",
        "EST5EDT,M3.2.0,M11.1.0",
        "''",
    ] {
        cases.push(plain("x", "-F '@z @Z'").in_zone(zone));
        cases.push(plain("x", "-F '%I %U'").in_zone(zone).masked());
    }
    for payload in JSON {
        for arguments in ["-F %J", "-F %j", "-F %J --pretty", "-F '%j %l' -N"] {
            cases.push(plain(payload, arguments).json());
        }
    }
    for arguments in ["-F %j -q 1", "-F %j -q 1 --retain-as-published", "-F '%J' -v"] {
        cases.push(plain("{\"t\":21.5}", arguments).json());
    }
    cases.extend(
        [
            "-F %",
            "-F %-",
            "-F %0",
            "-F %1",
            "-F %.",
            "-F %.1",
            "-F %Z",
            "-F @",
            "-F \\",
            "-F \\Z",
            "-F",
            "-F a%",
            "-F %-05.3",
            "-F %tZ%y",
        ]
        .iter()
        .flat_map(|arguments| {
            [case(format!("bare sub -t a {arguments}")), case(format!("bare rr -t a -e b -m c {arguments}"))]
        }),
    );
    cases
}

#[test]
fn messages_are_formatted_alike() {
    compare(Kind::Mosquitto, "", cases());
}
