//! What happens to the file itself: nothing is lost, neither lines nor mode nor another run's users.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::desk::{Desk, FAST, HASH_OF_B, ran};

fn add(desk: &Desk, file: &str, user: &str) -> super::desk::Ran {
    desk.passwd([FAST[0], FAST[1], "-b", file, user, "pw"])
}

#[test]
fn comments_blank_lines_and_what_follows_them_survive() {
    let desk = Desk::new();
    let old = format!("# users\n\nann:{HASH_OF_B}\n#gone:{HASH_OF_B}\n   \nbob:{HASH_OF_B}:third\n");
    desk.write("f", &old);
    assert_eq!(add(&desk, "f", "cid"), ran("Adding password for user cid\n", "", 0));
    let added = desk.read("f");
    assert!(added.starts_with(&format!("{old}cid:$6$")), "{added}");
    assert_eq!(add(&desk, "f", "ann"), ran("Updating password for user ann\n", "", 0));
    let changed = desk.read("f");
    let rest = |text: &str| text.split_once("\n#gone").map(|(_, rest)| rest.to_owned());
    assert!(changed.starts_with("# users\n\nann:$6$"), "{changed}");
    assert_eq!(rest(&changed), rest(&added));
    assert_eq!(desk.passwd(["-D", "f", "cid"]), ran("", "", 0));
    assert_eq!(desk.passwd(["-D", "f", "ann"]), ran("", "", 0));
    assert_eq!(desk.read("f"), old.replacen(&format!("ann:{HASH_OF_B}\n"), "", 1));
}

#[test]
fn a_missing_last_newline_glues_nothing() {
    let desk = Desk::new();
    desk.write("f", &format!("ann:{HASH_OF_B}"));
    assert_eq!(add(&desk, "f", "bob").code, Some(0));
    assert!(desk.admits("f", "ann", "b") && desk.admits("f", "bob", "pw"));
}

#[test]
fn blanks_around_a_name_do_not_make_another_user() {
    let desk = Desk::new();
    desk.write("f", &format!(" ann :{HASH_OF_B}\n"));
    assert_eq!(add(&desk, "f", "ann").out, "Updating password for user ann\n");
    assert_eq!(add(&desk, "f", "ann ").out, "Updating password for user ann \n");
    assert_eq!(desk.users("f").len(), 1);
}

#[test]
fn a_corrupt_line_is_told_and_costs_nobody() {
    let desk = Desk::new();
    let old = format!("ann:{HASH_OF_B}\nrubbish\nbob:{HASH_OF_B}\n");
    desk.write("f", &old);
    let message = "Error: Corrupt password file at line 2.\n";
    assert_eq!(desk.passwd(["-D", "f", "bob"]), ran("", message, 1));
    assert_eq!(desk.passwd(["-U", "f"]), ran("", message, 1));
    assert_eq!(add(&desk, "f", "bob"), ran("", message, 1));
    assert_eq!(desk.read("f"), old);
    assert_eq!(add(&desk, "f", "cid"), ran("Adding password for user cid\n", message, 0));
    assert!(desk.read("f").starts_with(&old));
    assert_eq!(desk.users("f").len(), 3);
}

#[test]
fn a_damaged_hash_is_not_hashed_again() {
    let desk = Desk::new();
    let old = format!("ann:plain\nbob:{}\n", &HASH_OF_B[..40]);
    desk.write("f", &old);
    assert_eq!(desk.passwd(["-U", "f"]), ran("", "Error: Corrupt password file at line 2.\n", 1));
    assert_eq!(desk.read("f"), old);
}

#[test]
fn new_files_are_private_and_old_ones_keep_their_mode() {
    let desk = Desk::new();
    let mode = |name| desk.path(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!(desk.passwd([FAST[0], FAST[1], "-c", "-b", "f", "u", "p"]).code, Some(0));
    assert_eq!(mode("f"), 0o600);
    for wanted in [0o640, 0o660, 0o600] {
        std::fs::set_permissions(desk.path("f"), PermissionsExt::from_mode(wanted)).unwrap();
        assert_eq!(add(&desk, "f", "u"), ran("Updating password for user u\n", "", 0));
        assert_eq!(mode("f"), wanted);
    }
    assert_eq!(desk.names(), ["f"]);
}

/// An access control list as the kernel stores it: the owner may read and write, user 65534 may read (by the mask), and
/// nobody else may, not even the group.
fn access_list() -> Vec<u8> {
    let entry = |tag: u16, permissions: u16, id: u32| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let (any, nobody) = (u32::MAX, 65534);
    let entries =
        [entry(1, 6, any), entry(2, 4, nobody), entry(4, 0, any), entry(16, 4, any), entry(32, 0, any)];
    [&2u32.to_le_bytes()[..], &entries.concat()].concat()
}

#[test]
fn access_control_lists_stay_and_none_comes() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    const OF_FILE: &str = "system.posix_acl_access";
    let desk = Desk::new();
    let list_of = |name| {
        let mut list = vec![0; 1000];
        getxattr(desk.path(name), OF_FILE, list.as_mut_slice()).map(|length| list[..length].to_vec())
    };
    desk.write("listed", "");
    desk.write("bare", "");
    std::fs::set_permissions(desk.path("bare"), PermissionsExt::from_mode(0o640)).unwrap();
    let set = |path, name| setxattr(path, name, &access_list(), XattrFlags::empty());
    if let Err(error) = set(desk.path("listed"), OF_FILE) {
        return crate::harness::passed_over(format_args!(
            "no access control lists in the temporary directory: {error}"
        ));
    }
    set(desk.path("."), "system.posix_acl_default").unwrap();
    for name in ["listed", "bare"] {
        let before = (list_of(name).ok(), desk.path(name).metadata().unwrap());
        assert_eq!(add(&desk, name, "u"), ran("Adding password for user u\n", "", 0));
        let after = (list_of(name).ok(), desk.path(name).metadata().unwrap());
        assert_eq!((&before.0, before.1.mode()), (&after.0, after.1.mode()), "{name}");
        assert_ne!(before.1.ino(), after.1.ino(), "{name} was not replaced");
    }
    assert_eq!(list_of("listed"), Ok(access_list()));
}

#[test]
fn the_old_file_stays_whole_for_who_reads_it() {
    let desk = Desk::new();
    desk.write("f", &format!("ann:{HASH_OF_B}\n"));
    let reader = std::fs::File::open(desk.path("f")).unwrap();
    assert_eq!(add(&desk, "f", "bob").code, Some(0));
    assert_eq!(std::io::read_to_string(reader).unwrap(), format!("ann:{HASH_OF_B}\n"));
}

#[test]
fn links_stay_links() {
    let desk = Desk::new();
    desk.write("f", "");
    symlink("f", desk.path("soft")).unwrap();
    assert_eq!(add(&desk, "soft", "ann").code, Some(0));
    assert!(desk.path("soft").symlink_metadata().unwrap().is_symlink());
    std::fs::hard_link(desk.path("f"), desk.path("hard")).unwrap();
    assert_eq!(add(&desk, "f", "bob").code, Some(0));
    assert_eq!(desk.read("hard"), desk.read("f"));
    assert_eq!(desk.users("f").len(), 2);
    assert_eq!(desk.passwd(["-D", "hard", "ann"]).code, Some(0));
    assert_eq!(desk.users("f").len(), 1);
    assert_eq!(desk.names(), ["f", "hard", "soft"]);
}

#[test]
fn a_file_everyone_can_read_is_warned_about() {
    let desk = Desk::new();
    desk.write("f", "");
    std::fs::set_permissions(desk.path("f"), PermissionsExt::from_mode(0o604)).unwrap();
    let path = desk.path("f");
    let warning = format!(
        "Warning: File {0} has world readable permissions. Future versions will refuse to load this file.\n\
         To fix this, use `chmod 0700 {0}`.\n",
        path.display()
    );
    assert_eq!(add(&desk, "f", "u"), ran("Adding password for user u\n", &warning, 0));
}

#[test]
fn an_existing_file_is_not_made_again() {
    let desk = Desk::new();
    desk.write("f", "# kept\n");
    symlink("nowhere", desk.path("dangling")).unwrap();
    let refused =
        |path: &str| ran("", &format!("Error: Unable to open file {path} for writing. File exists.\n"), 1);
    let path = desk.path("f");
    assert_eq!(desk.passwd(["-c", "-b", "f", "u", "p"]), refused(path.to_str().unwrap()));
    assert_eq!(desk.passwd(["-c", "-b", "dangling", "u", "p"]), refused("dangling"));
    assert_eq!(desk.read("f"), "# kept\n");
    assert_eq!(desk.names(), ["dangling", "f"]);
}

#[test]
fn what_is_no_file_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("d")).unwrap();
    let directory = desk.path("d");
    let message = format!("Error: Unable to open password file {}. Is a directory.\n", directory.display());
    assert_eq!(add(&desk, "d", "u"), ran("", &message, 1));
    assert_eq!(add(&desk, "/dev/null", "u"), ran("", "Error: /dev/null is not a file.\n", 1));
    desk.write("f", "");
    assert_eq!(add(&desk, "f/x", "u"), ran("", "Error reading password file: Not a directory\n", 1));
}

#[test]
fn twenty_runs_at_once_lose_nobody() {
    let desk = Desk::new();
    desk.write("f", &format!("# users\nold:{HASH_OF_B}\n"));
    std::thread::scope(|scope| {
        for number in 0..20 {
            let desk = &desk;
            scope.spawn(move || {
                let user = format!("user{number}");
                let made = add(desk, "f", &user);
                assert_eq!(made, ran(&format!("Adding password for user {user}\n"), "", 0));
            });
        }
    });
    let users = desk.users("f");
    assert_eq!(users.len(), 21);
    assert!(
        (0..20).all(|number| users.lookup(format!("user{number}")).is_some_and(|hash| hash.verify(b"pw")))
    );
    assert_eq!(desk.names(), ["f"]);
}

#[test]
fn of_runs_that_make_a_file_one_wins() {
    let desk = Desk::new();
    let made: usize = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|number| {
                let desk = &desk;
                let user = format!("user{number}");
                scope.spawn(move || desk.passwd([FAST[0], FAST[1], "-c", "-b", "f", &user, "p"]).code)
            })
            .collect();
        runs.into_iter().map(|run| usize::from(run.join().unwrap() == Some(0))).sum()
    });
    assert_eq!(made, 1);
    assert_eq!(desk.users("f").len(), 1);
    assert_eq!(desk.names(), ["f"]);
}
