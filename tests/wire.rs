//! The codec from outside: tables of good and malformed packets, round trips, any bytes, and another codec's word.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "wire/cases.rs"]
mod cases;
#[path = "wire/meaning.rs"]
mod meaning;
#[path = "wire/oracle.rs"]
mod oracle;
#[path = "wire/round_trip.rs"]
mod round_trip;

use cases::{take, take_first};
use mqtt_toolkit::protocol::{Malformed, Version};

#[test]
fn malformed_packets_are_refused_with_their_reason_code() {
    let mut wrong = Vec::new();
    for case in cases::malformed() {
        let got = match take(case.version, &case.bytes) {
            Ok(packet) => format!("accepted as {packet:?}"),
            Err(cause) => format!("{:#04x} {cause:?}", cause.reason_code().0),
        };
        if got != case.expected {
            wrong.push(format!("{} [{}]: {got}, not {}", case.name, case.clause, case.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_packets_mean_what_the_table_says() {
    for case in cases::good() {
        let packet = take(case.version, &case.bytes)
            .unwrap_or_else(|error| panic!("{} [{}]: {error}", case.name, case.clause));
        assert_eq!(meaning::of(&packet), case.expected, "{} [{}]", case.name, case.clause);
        let mut bytes = Vec::new();
        packet.encode(case.version, &mut bytes);
        assert_eq!(bytes, *case.encoded_again(), "{} [{}]: encoded again", case.name, case.clause);
    }
}

#[test]
fn a_packet_cut_short_is_never_a_packet_and_never_malformed_in_its_header() {
    for case in cases::good() {
        for end in 0..case.bytes.len() {
            let header = mqtt_toolkit::protocol::fixed_header(&case.bytes[..end]);
            match header {
                Ok(None) => assert!(end < 5, "{}: header complete at {end}", case.name),
                Ok(Some(header)) => assert_eq!(header.total(), case.bytes.len(), "{}", case.name),
                Err(error) => panic!("{}: {error} at {end}", case.name),
            }
        }
    }
}

#[test]
fn only_the_first_packet_is_taken() {
    for case in cases::good() {
        let mut bytes = case.bytes.clone();
        bytes.extend_from_slice(&[0xC0, 0, 0xFF]);
        let (packet, rest) = take_first(case.version, &bytes).unwrap().unwrap();
        assert_eq!(rest, [0xC0, 0, 0xFF], "{}", case.name);
        assert_eq!(meaning::of(&packet), case.expected, "{}", case.name);
    }
}

#[test]
fn the_tables_have_every_packet_type_and_every_version() {
    let good = cases::good();
    for kind in 1..=15 {
        assert!(good.iter().any(|case| case.bytes[0] >> 4 == kind), "no good packet of type {kind}");
    }
    for version in Version::ALL {
        assert!(good.iter().any(|case| case.version == version), "no good packet of {version}");
        assert!(
            cases::malformed().iter().any(|case| case.version == version),
            "no malformed one of {version}"
        );
    }
    assert!(cases::malformed().len() >= 55);
}

#[test]
fn every_cause_prints_one_short_line() {
    for case in cases::malformed() {
        let cause: Malformed = take(case.version, &case.bytes).unwrap_err();
        let line = cause.to_string();
        assert!((5..80).contains(&line.len()) && !line.contains('\n'), "{line:?}");
    }
}
