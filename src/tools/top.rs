//! `--top`: a table of topics that is drawn again in place, for people at a terminal.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::harmless;
use crate::protocol::Publish;

/// Topics beyond these have no row, and are counted with the others.
const MOST_TOPICS: usize = 10_000;
/// Long topics make it fewer.
const MOST_TOPIC_BYTES: usize = 8 << 20;
/// What is kept of a payload: more than a line of a terminal shows.
const KEPT: usize = 512;
/// Seconds that a rate looks back.
const SECONDS: usize = 5;
/// Between two frames when something has come.
const BUSY: Duration = Duration::from_millis(100);
/// Between two frames when only ages change.
const IDLE: Duration = Duration::from_secs(1);
/// A terminal that doesn't know its size.
const USUAL: Size = Size { width: 80, height: 24 };

/// Columns and lines of a terminal.
#[derive(Debug, Clone, Copy)]
struct Size {
    width: usize,
    height: usize,
}

/// Messages of the last seconds.
#[derive(Debug, Default)]
struct Rate {
    counts: [u32; SECONDS],
    second: u64,
}

impl Rate {
    fn pass(&mut self, second: u64) {
        for passed in 0..second.saturating_sub(self.second).min(SECONDS as u64) {
            self.counts[((second - passed) % SECONDS as u64) as usize] = 0;
        }
        self.second = self.second.max(second);
    }

    fn add(&mut self, at: Duration) {
        self.pass(at.as_secs());
        self.counts[(at.as_secs() % SECONDS as u64) as usize] += 1;
    }

    /// Messages a second, of the seconds there were so far.
    fn a_second(&mut self, at: Duration) -> f64 {
        self.pass(at.as_secs());
        let second = f64::from(at.subsec_nanos()) / 1e9;
        let passed = (at.as_secs().min(SECONDS as u64 - 1) as f64 + second).max(1.0);
        self.counts.iter().map(|count| f64::from(*count)).sum::<f64>() / passed
    }
}

/// What is known of a topic.
#[derive(Debug, Default)]
struct Row {
    payload: Vec<u8>,
    is_cut: bool,
    count: u64,
    rate: Rate,
    last: Duration,
    qos: u8,
    retain: bool,
}

/// The table, and when it is drawn next.
#[derive(Debug)]
pub struct Top {
    host: String,
    color: bool,
    start: Instant,
    rows: HashMap<String, Row>,
    topic_bytes: usize,
    count: u64,
    /// Messages of topics that have no row.
    others: u64,
    rate: Rate,
    /// When the last frame was; `None`: nothing is drawn yet.
    drawn: Option<Instant>,
    begun: bool,
    changed: bool,
}

impl Top {
    /// An empty table; nothing is drawn until it begins.
    pub fn new(host: &str, color: bool, now: Instant) -> Self {
        Top {
            host: host.to_owned(),
            color,
            start: now,
            rows: HashMap::new(),
            topic_bytes: 0,
            count: 0,
            others: 0,
            rate: Rate::default(),
            drawn: None,
            begun: false,
            changed: true,
        }
    }

    /// From here on there is something to look at.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// Takes a message.
    pub fn take(&mut self, message: &Publish<'_>, now: Instant) {
        let at = now.saturating_duration_since(self.start);
        (self.begun, self.changed) = (true, true);
        self.count += 1;
        self.rate.add(at);
        if !self.rows.contains_key(message.topic) {
            let bytes = self.topic_bytes + message.topic.len();
            if self.rows.len() == MOST_TOPICS || bytes > MOST_TOPIC_BYTES {
                self.others += 1;
                return;
            }
            self.topic_bytes = bytes;
            self.rows.insert(message.topic.to_owned(), Row::default());
        }
        let Some(row) = self.rows.get_mut(message.topic) else { return };
        let kept = cut(message.payload);
        row.payload.clear();
        row.payload.extend_from_slice(kept);
        row.is_cut = kept.len() < message.payload.len();
        row.count += 1;
        row.rate.add(at);
        (row.last, row.qos, row.retain) = (at, message.qos as u8, message.retain);
    }

    /// When the next frame is due.
    pub fn deadline(&self) -> Option<Instant> {
        let pause = if self.changed { BUSY } else { IDLE };
        self.begun.then(|| self.drawn.map_or(self.start, |drawn| drawn + pause))
    }

    /// Adds a frame, in the size that the terminal has now.
    pub fn draw(&mut self, now: Instant, out: &mut Vec<u8>) {
        if !self.begun {
            return;
        }
        // The cursor is only away while a frame is drawn: whatever ends us, it is there.
        out.extend_from_slice(b"\x1b[?25l\x1b[?7l");
        out.extend_from_slice(if self.drawn.is_none() { b"\x1b[2J\x1b[H" } else { b"\x1b[H" });
        out.extend_from_slice(self.frame(size(), now).as_bytes());
        out.extend_from_slice(b"\x1b[J\x1b[?7h\x1b[?25h");
        (self.drawn, self.changed) = (Some(now), false);
    }

    /// The lines of a frame. The last line of the terminal stays free, for the cursor and for what is said at the end.
    fn frame(&mut self, size: Size, now: Instant) -> String {
        let at = now.saturating_duration_since(self.start);
        let mut lines = vec![self.head(at), "  COUNT    RATE   AGE QOS TOPIC".to_owned()];
        let all = self.rows.len();
        let room = size.height.saturating_sub(1 + lines.len());
        let mut rows: Vec<_> =
            self.rows.iter_mut().map(|(topic, row)| (row.rate.a_second(at), topic.as_str(), &*row)).collect();
        if all > room {
            rows.sort_by(|a, b| {
                b.0.total_cmp(&a.0).then_with(|| (Reverse(a.2.last), a.1).cmp(&(Reverse(b.2.last), b.1)))
            });
            rows.truncate(room.saturating_sub(1));
        }
        // Rows keep their places as long as they can.
        rows.sort_by_key(|row| row.1);
        let topics: Vec<String> = rows.iter().map(|row| one_line(row.1.as_bytes())).collect();
        let widest = topics.iter().map(|topic| topic.width()).max().unwrap_or(0);
        let column = widest.min(size.width * 2 / 5);
        for ((rate, _, row), topic) in rows.iter().zip(&topics) {
            lines.push(line(row, *rate, &fit(topic, column), column, at));
        }
        if all > rows.len() {
            lines.push(format!("… and {} more topics", all - rows.len()));
        }
        lines.truncate(size.height.saturating_sub(1).max(1));
        let mut text = String::new();
        for (place, line) in lines.iter().enumerate() {
            let line = fit(line, size.width);
            let _ = match (self.color, place) {
                (true, 0) => write!(text, "\x1b[1m{line}\x1b[0m\x1b[K\r\n"),
                (true, 1) => write!(text, "\x1b[2m{line}\x1b[0m\x1b[K\r\n"),
                _ => write!(text, "{line}\x1b[K\r\n"),
            };
        }
        text
    }

    fn head(&mut self, at: Duration) -> String {
        let rate = self.rate.a_second(at);
        let mut head =
            format!("{}: {} topics, {} messages, {rate:.1}/s", self.host, self.rows.len(), self.count);
        if self.others > 0 {
            let _ = write!(head, " ({} on topics beyond these, which are all it keeps)", self.others);
        }
        head
    }
}

/// Numbers stand first: letters of a width that the terminal sees otherwise can't push them out of their columns.
fn line(row: &Row, rate: f64, topic: &str, column: usize, at: Duration) -> String {
    let age = age(at.saturating_sub(row.last));
    let retained = if row.retain { 'r' } else { ' ' };
    let payload = if row.payload.is_empty() { "(null)".to_owned() } else { one_line(&row.payload) };
    let more = if row.is_cut { "…" } else { "" };
    let pad = " ".repeat(column.saturating_sub(topic.width()));
    format!("{:>7} {rate:>7.1} {age:>5}  {}{retained} {topic}{pad} {payload}{more}", row.count, row.qos)
}

/// What is kept of a payload, without half a letter at its end.
fn cut(payload: &[u8]) -> &[u8] {
    if payload.len() <= KEPT {
        return payload;
    }
    let starts = |place: &usize| payload[*place] & 0xc0 != 0x80;
    &payload[..(KEPT - 3..=KEPT).rev().find(starts).unwrap_or(KEPT)]
}

fn one_line(bytes: &[u8]) -> String {
    harmless(bytes).replace('\n', "\\x0a").replace('\t', "\\x09")
}

/// The text, cut to so many columns.
fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |letter: &char| {
        let rest = left.checked_sub(letter.width().unwrap_or(0));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=99 => format!("{seconds}s"),
        seconds @ 100..=5_999 => format!("{}m", seconds / 60),
        seconds @ 6_000..=359_999 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn size() -> Size {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { width: size.ws_col.into(), height: size.ws_row.into() }
        }
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Properties, QoS};

    fn take(top: &mut Top, topic: &str, payload: &[u8], retain: bool, now: Instant) {
        let qos = QoS::AtLeastOnce;
        let properties = Properties::EMPTY;
        top.take(&Publish { dup: false, qos, retain, topic, packet_identifier: 1, properties, payload }, now);
    }

    fn frame(top: &mut Top, width: usize, height: usize, now: Instant) -> Vec<String> {
        let text = top.frame(Size { width, height }, now);
        text.split_terminator("\x1b[K\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_row_says_count_rate_age_and_payload() {
        let start = Instant::now();
        let mut top = Top::new("h", false, start);
        take(&mut top, "b", b"older", true, start);
        take(&mut top, "b", b"old", true, start);
        for _ in 0..8 {
            take(&mut top, "a", b"x\n\x1b[2J\xff", false, start + Duration::from_secs(2));
        }
        let lines = frame(&mut top, 80, 24, start + Duration::from_secs(4));
        assert_eq!(
            lines,
            [
                "h: 2 topics, 10 messages, 2.5/s",
                "  COUNT    RATE   AGE QOS TOPIC",
                "      8     2.0    2s  1  a x\\x0a\\x1b[2J\\xff",
                "      2     0.5    4s  1r b old",
            ]
        );
        let later = frame(&mut top, 80, 24, start + Duration::from_secs(200));
        assert_eq!(later[2], "      8     0.0    3m  1  a x\\x0a\\x1b[2J\\xff");
    }

    #[test]
    fn what_has_no_room_is_cut_and_counted() {
        let start = Instant::now();
        let mut top = Top::new("h", false, start);
        for topic in ["a", "b", "c", "d"] {
            take(&mut top, topic, &[b'x'; 2000], false, start);
        }
        take(&mut top, "c", "ä".repeat(600).as_bytes(), false, start);
        assert_eq!(frame(&mut top, 40, 4, start)[2..], ["… and 4 more topics"]);
        let lines = frame(&mut top, 40, 6, start);
        assert_eq!(lines.len(), 5);
        assert!(lines[3].contains(" c ää") && lines[3].ends_with('…'), "{lines:?}");
        assert_eq!(lines[3].chars().count(), 40);
        assert_eq!(lines[4], "… and 2 more topics");
        assert_eq!(frame(&mut top, 1, 1, start).len(), 1);
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let start = Instant::now();
        let mut top = Top::new("h", false, start);
        take(&mut top, "日本", b"x", false, start);
        take(&mut top, "abc", b"y", false, start);
        take(&mut top, "e\u{301}", b"z", false, start);
        let rows = frame(&mut top, 80, 24, start)[2..].to_vec();
        let numbers = "      1     1.0    0s  1  ";
        let ends: Vec<&str> = rows.iter().map(|row| row.strip_prefix(numbers).unwrap()).collect();
        assert_eq!(ends, ["abc  y", "e\u{301}    z", "日本 x"]);
        // Half a letter is none.
        assert_eq!(
            (fit("日本語", 6), fit("日本語", 5), fit("日本語", 4)),
            ("日本語".into(), "日本…".into(), "日…".into())
        );
        assert!(frame(&mut top, 30, 24, start).iter().all(|line| line.width() <= 30));
    }

    #[test]
    fn topics_beyond_the_most_are_only_counted() {
        let start = Instant::now();
        let mut top = Top::new("h", true, start);
        for topic in 0..MOST_TOPICS + 3 {
            take(&mut top, &topic.to_string(), b"", false, start);
        }
        let lines = frame(&mut top, 200, 4, start);
        assert!(lines[0].starts_with("\x1b[1mh: 10000 topics, 10003 messages"), "{lines:?}");
        assert!(lines[0].contains("(3 on topics beyond"), "{lines:?}");
    }
}
