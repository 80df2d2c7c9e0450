//! `verify`, `list` and `check`.

use super::desk::{Desk, FAST, HASH_OF_B, ran};

#[test]
fn verify_tells_the_right_password_by_its_exit_code() {
    let desk = Desk::new();
    desk.write("f", &format!("# users\nbob:{HASH_OF_B}\nplain:pw\n"));
    assert_eq!(desk.feed("b\n", ["verify", "f", "bob"]), ran("", "", 0));
    assert_eq!(desk.feed("b", ["verify", "f", "bob"]), ran("", "", 0));
    let wrong = ran("", "Error: Wrong password for user bob.\n", 1);
    assert_eq!(desk.feed("B\n", ["verify", "f", "bob"]), wrong);
    assert_eq!(desk.feed("", ["verify", "f", "bob"]), wrong);
    let unknown = ran("", "Error: User cid not found in password file.\n", 1);
    assert_eq!(desk.feed("b\n", ["verify", "f", "cid"]), unknown);
    let plain = "Error: f:3: not a password hash ($6$, $7$ or $argon2id$)\n";
    assert_eq!(desk.feed("pw\n", ["verify", "f", "plain"]), ran("", plain, 1));
    let missing = "Error: Unable to open password file g. No such file or directory.\n";
    assert_eq!(desk.feed("b\n", ["verify", "g", "bob"]), ran("", missing, 1));
}

#[test]
fn verify_knows_what_was_set() {
    let desk = Desk::new();
    desk.write("f", "");
    for options in [&["-H", "argon2id"][..], &["-H", "sha512-pbkdf2"], &["-H", "sha512"], &["--salt-2.0"]] {
        desk.passwd(options.iter().copied().chain(["-b", "f", "u", " p w "]));
        assert_eq!(desk.feed(" p w \n", ["verify", "f", "u"]), ran("", "", 0));
        assert_eq!(desk.feed("p w\n", ["verify", "f", "u"]).code, Some(1));
    }
}

#[test]
fn list_tells_users_kinds_and_costs() {
    let desk = Desk::new();
    desk.write("f", &format!("# users\nbob:{HASH_OF_B}\nplain:pw\nbad:$7$x\n"));
    desk.passwd(["-b", "f", "ann", "pw"]);
    let text = "bob    sha512-pbkdf2  iterations=101 salt=12\n\
                plain  plain\n\
                bad    unreadable  the number of iterations must be a number greater than 0\n\
                ann    argon2id  m=47104,t=1,p=1 salt=64\n";
    assert_eq!(desk.passwd(["list", "f"]), ran(text, "", 0));
    let listed = desk.passwd(["list", "--json", "f"]);
    let users: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let expected = serde_json::json!([
        {"username": "bob", "line": 2, "hash": "sha512-pbkdf2", "iterations": 101, "salt_bytes": 12},
        {"username": "plain", "line": 3, "hash": "plain"},
        {"username": "bad", "line": 4, "hash": "unreadable",
         "error": "the number of iterations must be a number greater than 0"},
        {"username": "ann", "line": 5, "hash": "argon2id", "memory_kib": 47104, "passes": 1, "lanes": 1,
         "salt_bytes": 64},
    ]);
    assert_eq!(users, expected);
    desk.write("empty", "");
    assert_eq!(desk.passwd(["list", "empty"]), ran("", "", 0));
    assert_eq!(desk.passwd(["list", "--json", "empty"]), ran("[]\n", "", 0));
}

#[test]
fn check_names_file_and_line() {
    let desk = Desk::new();
    assert_eq!(desk.passwd(["-c", "-b", "f", "ann", "pw"]).code, Some(0));
    assert_eq!(desk.passwd(["-H", "sha512-pbkdf2", "-b", "f", "bob", "pw"]).code, Some(0));
    assert_eq!(desk.passwd(["check", "f"]), ran("", "", 0));
    let good = desk.read("f");
    desk.write("g", &format!("# users\n{good}cid:pw\n\nann :{HASH_OF_B}\nrubbish\n"));
    let text = "g:4: plain: the password of user cid is not hashed (-U hashes it)\n\
                g:6: duplicate: user ann is on line 2 too\n\
                g:6: weak: user ann: sha512-pbkdf2 with 101 iterations, fewer than 1000\n\
                g:7: unreadable: no ':' after a user name\n";
    assert_eq!(desk.passwd(["check", "g"]), ran(text, "", 1));
}

#[test]
fn a_password_file_called_list_still_is_one() {
    let desk = Desk::new();
    desk.write("list", &format!("bob:{HASH_OF_B}\n"));
    desk.write("verify", "");
    let asked = "Password: \nReenter password: \n";
    let set = desk.feed("pw\npw\n", [FAST[0], FAST[1], "list", "ann"]);
    assert_eq!(set, ran(&format!("{asked}Adding password for user ann\n"), "", 0));
    let set = desk.feed("pw\npw\n", ["list", "bob"]);
    assert_eq!(set, ran(&format!("{asked}Updating password for user bob\n"), "", 0));
    let set = desk.feed("pw\npw\n", ["verify", "bob"]);
    assert_eq!(set, ran(&format!("{asked}Adding password for user bob\n"), "", 0));
    let listed = desk.passwd(["list", "--", "list"]);
    assert!(listed.out.starts_with("bob  argon2id"), "{listed:?}");
    assert_eq!(desk.feed("pw\n", ["verify", "verify", "bob"]), ran("", "", 0));
}
