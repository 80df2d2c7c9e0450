//! Hashes of mosquitto 2.0, 2.1 and of Python, read, written and verified.

use super::*;

const ALICE: &str = "$7$1000$Ue141Vx4uOCo3ezlKTLbGUD0Bw26oBuiYjUmdlCg3aO6y1gR/2Fcb15yC4+6OelbCwrw2x2A7pd4atPYc7a+SA==$SXAttNzDFxFQI3cYWRBLFDQfsPKn6lgg+NC7uC+fWfD/+/Hs8N2C9gWSGR4qk/TWSuPjIVlOHVAsaMFQPH1KVA==";
const OLD: &str = "$6$2XE2sDN9q0PXW+jNcGZewANTte3NabriWvOcfaxqPrdDh+Vtex3g+J8qaFOg3NHPAwzxFzkF7eTO8x0FgMlOOQ==$1JcSKkXgZATm/PVf/+l2pIvUEAt0w8RhTinayBA/aE2udaZEEqYIqaGN+1GvSx7zH2YRuoO84nxOBd0HzFp/JA==";
const B: &str = "$7$101$Cf1a+IY1ikSqgM7m$nQayUjR1ur2PK/MFv89/LzdrcjVkVr+drx8tA3nKqByeP61nut9sU2OcI2/XuBW82c7Qp84km9gxr3NVa0hOXQ==";
/// From the argon2 command of the reference implementation's test vectors: m=256, t=2, "password", "somesalt".
const ARGON2ID: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn parse(text: &str) -> Result<PasswordHash, PasswordHashError> {
    PasswordHash::parse(text.as_bytes())
}

#[test]
fn mosquittos_hashes_verify_and_are_written_back_the_same() {
    for (text, password) in [(ALICE, "pw1"), (OLD, "pw"), (B, "b"), (ARGON2ID, "password")] {
        let hash = parse(text).unwrap();
        assert!(hash.verify(password.as_bytes()), "{text}");
        assert!(!hash.verify(b"wrong"), "{text}");
        assert!(!hash.verify(b""), "{text}");
        assert_eq!(hash.to_string(), text);
        assert!(!hash.dummy().verify(password.as_bytes()));
        assert_eq!(hash.dummy().method(), hash.method());
    }
}

#[test]
fn a_zero_byte_ends_the_password_as_in_mosquitto() {
    let hash = parse(B).unwrap();
    assert!(hash.verify(b"b\0"));
    assert!(hash.verify(b"b\0tail"));
    assert!(!hash.verify(b"\0b"));
}

#[test]
fn created_hashes_verify_after_a_round_through_text() {
    let pbkdf2 = HashMethod::Sha512Pbkdf2 { iterations: NonZeroU32::new(3).unwrap() };
    for method in [HashMethod::Sha512, pbkdf2, HashMethod::argon2id()] {
        for length in [SALT_BYTES, SALT_BYTES_2_0] {
            let salt: Vec<u8> = (0..length as u8).collect();
            let made = PasswordHash::create(method, b"caf\xc3\xa9 : $", &salt).unwrap();
            let read = parse(&made.to_string()).unwrap();
            assert_eq!((read.method(), read.salt_len()), (method, length));
            assert!(read.verify(b"caf\xc3\xa9 : $"));
            assert!(!read.verify(b"cafe : $"));
        }
    }
}

#[test]
fn new_argon2id_hashes_have_mosquittos_form() {
    let text = PasswordHash::create(HashMethod::argon2id(), b"pw", &[7; SALT_BYTES]).unwrap().to_string();
    let fields: Vec<&str> = text.split('$').collect();
    assert_eq!(fields[1..4], ["argon2id", "v=19", "m=47104,t=1,p=1"]);
    assert_eq!((fields[4].len(), fields[5].len(), fields.len()), (86, 86, 6));
}

#[test]
fn a_salt_no_broker_can_read_is_refused() {
    for method in [HashMethod::Sha512, HashMethod::argon2id()] {
        assert_eq!(PasswordHash::create(method, b"pw", &[0; 7]).unwrap_err(), PasswordHashError::SaltLength);
    }
    let made = PasswordHash::create(HashMethod::Sha512, b"pw", &[0; 16]);
    assert_eq!(made.unwrap_err(), PasswordHashError::SaltLength);
}

#[test]
fn fields_are_split_as_mosquitto_splits_them() {
    let runs = B.replacen("$7$101$", "$7$$101$$", 1) + "$ignored$";
    assert!(parse(&runs).unwrap().verify(b"b"));
    let atoi = B.replacen("$101$", "$ +101x$", 1);
    assert!(parse(&atoi).unwrap().verify(b"b"));
}

#[test]
fn damaged_hashes_are_told_apart() {
    use PasswordHashError as E;
    let digest = format!("{}==", "A".repeat(86));
    let cases = [
        ("secret".to_owned(), E::UnknownKind),
        ("$5$x$y".to_owned(), E::UnknownKind),
        ("$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgL".to_owned(), E::UnknownKind),
        ("$6$".to_owned(), E::MissingField),
        ("$7$10$AAAAAAAAAAAAAAAA".to_owned(), E::MissingField),
        (format!("$7$0$AAAAAAAAAAAAAAAA${digest}"), E::Iterations),
        (format!("$7$-5$AAAAAAAAAAAAAAAA${digest}"), E::Iterations),
        (format!("$7$99999999999$AAAAAAAAAAAAAAAA${digest}"), E::Iterations),
        (format!("$6$AAAA!AAAAAAAAAAA${digest}"), E::Base64),
        (format!("$6$AAAAAAAAAAAAAAA${digest}"), E::Base64),
        (format!("$6$AAAAAAAAAAAA${digest}"), E::SaltLength),
        ("$6$AAAAAAAAAAAAAAAA$AAAA".to_owned(), E::DigestLength),
        (ARGON2ID.replace("v=19", "v=18"), E::Parameters),
        (ARGON2ID.replace("m=256", "m=7"), E::Parameters),
        (ARGON2ID.replace("m=256", "m=4294967295"), E::Parameters),
        (ARGON2ID.replace("t=2", "t=0"), E::Parameters),
        (ARGON2ID.replace(",p=1", ""), E::Parameters),
        (ARGON2ID.replace("p=1", "p=1,x=2"), E::Parameters),
        (ARGON2ID.replace("c29tZXNhbHQ", "c29t"), E::SaltLength),
        (ARGON2ID.replace("c29tZXNhbHQ", "c29tZXNhbHQ="), E::Base64),
        (format!("{ARGON2ID}$more"), E::Parameters),
    ];
    for (text, error) in cases {
        assert_eq!(parse(&text).unwrap_err(), error, "{text}");
    }
    assert_eq!(PasswordHash::parse(b"\xff$6$").unwrap_err(), E::UnknownKind);
}

#[test]
fn debug_tells_no_secret() {
    let text = format!("{:?}", parse(B).unwrap());
    assert!(text.contains("101") && !text.contains("nQay") && !text.contains("Cf1a"), "{text}");
}
