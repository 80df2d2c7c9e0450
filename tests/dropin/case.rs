//! One comparison: a little script of command lines, and what is known to differ.

/// A script that both sets of clients run. Its lines:
///
/// - `pub …`, `sub …`, `rr …`: a client, run to its end; `<< TEXT` at the end of the line is its standard input, in
///   which `\n` is a line end. The broker's address is put in front of the arguments.
/// - `bare pub …`: the same without the broker's address.
/// - `& sub …`: the client is started, and the script goes on when the broker has answered its SUBSCRIBE. It needs an
///   `-i`.
/// - `int`, `term`: a signal for the client started last.
/// - `file NAME << TEXT`: writes a file.
/// - `env NAME VALUE`: a variable for the clients that follow.
///
/// Words are parted by spaces; `'…'` keeps one together. `{c}` stands for a name that no other case uses, `{d}` for
/// a directory of this case, `{p}` for the broker's port, `{bad}` for a byte that is no UTF-8.
pub struct Case {
    pub script: String,
    /// Digits may differ.
    pub masked: bool,
    /// 2.0 writes times and the retain flag of its JSON otherwise than 2.1.
    pub json: bool,
    pub instead: Option<Instead>,
}

/// What our clients say instead of what mosquitto's 2.0 does.
pub struct Instead {
    pub why: &'static str,
    /// The last client's.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A case in which nothing differs.
pub fn case(script: impl Into<String>) -> Case {
    Case { script: script.into(), masked: false, json: false, instead: None }
}

impl Case {
    /// Digits are times or process numbers: only where they stand is compared.
    pub fn masked(mut self) -> Case {
        self.masked = true;
        self
    }

    /// What is printed is JSON.
    pub fn json(mut self) -> Case {
        self.json = true;
        self
    }

    /// The message is published to a subscriber that waits: one without payload isn't retained.
    pub fn nothing_retained(mut self) -> Case {
        let (publisher, subscriber) = self.script.split_once('\n').unwrap();
        let subscriber = subscriber.replace("sub ", "sub -q 1 -i {c} ");
        self.script = format!("& {subscriber}\n{}", publisher.replace("-r ", ""));
        self
    }

    /// The clients' time zone.
    pub fn in_zone(mut self, zone: &str) -> Case {
        self.script = format!("env TZ {zone}\n{}", self.script);
        self
    }

    /// The last client of the script ends otherwise than mosquitto's 2.0, and so.
    pub fn instead(mut self, why: &'static str, code: i32, stdout: &str, stderr: &str) -> Case {
        assert!(!why.is_empty());
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        self.instead = Some(Instead { why, code, stdout, stderr });
        self
    }
}

/// The words of a line.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    assert!(!quoted, "no end of the quotation: {line}");
    words.extend(word);
    words
}
