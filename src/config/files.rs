//! The files that a configuration is read from: passed in, so that this room does no input of its own.

/// Why a file can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadProblem {
    /// It isn't there, or may not be read.
    Unreadable,
    /// It is a folder.
    Folder,
}

/// Where configuration files come from.
pub trait ConfigFiles {
    /// The content of a file.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, ReadProblem>;

    /// The names of all that is in a folder, in any order. Names that aren't UTF-8 are left out.
    fn list(&mut self, folder: &str) -> Result<Vec<String>, ReadProblem>;
}

/// The files of `include_dir`, in the order they are read.
///
/// Those whose names end in `.conf` and are more than that, ordered letter by letter: without regard to case
/// first, then capitals before small letters.
pub(super) fn conf_files(folder: &str, names: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> =
        names.into_iter().filter(|name| name.len() > ".conf".len() && name.ends_with(".conf")).collect();
    names.sort_by(|left, right| {
        let keys =
            |name: &str| name.bytes().map(|byte| (byte.to_ascii_uppercase(), byte)).collect::<Vec<_>>();
        keys(left).cmp(&keys(right))
    });
    names.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_included_files() {
        let names =
            ["b.conf", "a.conf", "B.conf", ".conf", "x.conf~", "ab.conf", "A.conf", "notes", ".h.conf"];
        let files = conf_files("d", names.map(str::to_owned).to_vec());
        let expected = ["d/.h.conf", "d/A.conf", "d/a.conf", "d/ab.conf", "d/B.conf", "d/b.conf"];
        assert_eq!(files, expected);
    }

    #[test]
    fn case_decides_at_the_first_letter_that_differs() {
        let files = conf_files("d", vec!["aa.conf".to_owned(), "Ab.conf".to_owned()]);
        assert_eq!(files, ["d/Ab.conf", "d/aa.conf"]);
    }
}
