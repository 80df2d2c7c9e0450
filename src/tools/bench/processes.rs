//! What is measured on whole processes: a broker's memory and start, a client's time and memory.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::loads::Figures;
use super::net::{Net, handshake};
use super::report::{median, rounded};
use super::usage::resident_bytes;
use super::wire::{self, Incoming, Template};
use crate::protocol::{Properties, Publish, QoS, Version};

/// Memory of the broker `pid` for each of `count` connections with one subscription.
pub fn idle(net: &mut Net, count: usize, pid: Option<u32>) -> Result<Figures> {
    let pid = pid.context("--pid must name the broker")?;
    net.hurry = true;
    // What the broker needs once is not counted.
    for number in 0..10 {
        net.connect(&format!("first-{number}"), true, &[format!("first/{number}")], 0)?;
    }
    let before = resident_bytes(pid)?;
    for number in 0..count {
        net.connect(&format!("idle-{number}"), true, &[format!("idle/{number}")], 0)?;
    }
    // A turn of the broker may still be giving buffers back.
    std::thread::sleep(Duration::from_millis(500));
    let after = resident_bytes(pid)?;
    let each = after.saturating_sub(before) as f64 / count as f64;
    let mut figures = Figures::new();
    figures.insert("connections".into(), json!(count));
    figures.insert("resident_before".into(), json!(before));
    figures.insert("resident_after".into(), json!(after));
    figures.insert("bytes_per_connection".into(), rounded(each));
    Ok(figures)
}

/// Median time from starting the broker `command` to its first CONNACK.
pub fn connect(address: SocketAddr, v5: bool, runs: usize, command: &[String]) -> Result<Figures> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        let mut child =
            command_of(command)?.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let answered = first_answer(address, v5, started);
        child.kill()?;
        child.wait()?;
        times.push(answered?.as_secs_f64() * 1000.0);
    }
    let mut figures = Figures::new();
    figures.insert("runs".into(), json!(runs));
    figures.insert("milliseconds".into(), rounded(median(times)));
    Ok(figures)
}

fn first_answer(address: SocketAddr, v5: bool, started: Instant) -> Result<Duration> {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            handshake(&mut stream, "first", true, v5, None)?;
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < Duration::from_secs(5), "nobody listens on {address} after 5 seconds");
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn command_of(words: &[String]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// A client program to measure.
pub struct Tool {
    /// How often it runs.
    pub runs: usize,
    /// Messages it is sent once it has subscribed.
    pub feed: u32,
    /// What those messages say, instead of 64 bytes of any kind.
    pub payload: Option<String>,
    /// Messages it must have published.
    pub expect: Option<u64>,
    /// Its standard input, or nothing.
    pub stdin: Option<PathBuf>,
    /// Its standard output, or nowhere.
    pub stdout: Option<PathBuf>,
    /// The program; `{port}` stands for the port of the peer.
    pub command: Vec<String>,
}

impl Tool {
    /// Runs it and returns the median of its time and its largest memory.
    pub fn run(&self, deadline: Duration) -> Result<Figures> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port().to_string();
        let words: Vec<_> = self.command.iter().map(|word| word.replace("{port}", &port)).collect();
        let (mut times, mut memory, mut published) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let started = Instant::now();
            let child = self.spawn(&words)?;
            let counted = Peer::accept(&listener, started + deadline)
                .and_then(|peer| peer.serve(self.feed, self.payload.as_deref()));
            let (status, peak) = wait(child)?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
            memory.push(peak as f64);
            ensure!(status.success(), "{words:?} ended with {status}");
            published.push(counted?);
        }
        let least = published.iter().min().copied().unwrap_or(0);
        let mut figures = Figures::new();
        figures.insert("runs".into(), json!(self.runs));
        let milliseconds = median(times);
        figures.insert("milliseconds".into(), rounded(milliseconds));
        figures.insert("peak_kib".into(), rounded(median(memory)));
        figures.insert("published".into(), json!(least));
        if let Some(expected) = self.expect {
            let rate = least as f64 / milliseconds * 1000.0;
            figures.insert("arrived_per_second".into(), rounded(rate));
            figures.insert("lost".into(), json!(expected as i64 - least as i64));
        }
        Ok(figures)
    }

    fn spawn(&self, words: &[String]) -> Result<Child> {
        let mut command = command_of(words)?;
        command.stdin(match &self.stdin {
            Some(path) => Stdio::from(File::open(path).with_context(|| path.display().to_string())?),
            None => Stdio::null(),
        });
        command.stdout(match &self.stdout {
            Some(path) => Stdio::from(File::create(path).with_context(|| path.display().to_string())?),
            None => Stdio::null(),
        });
        command.spawn().with_context(|| words.join(" "))
    }
}

/// Waits for the end of a child; its peak memory in KiB.
#[allow(unsafe_code)] // wait4: neither std nor rustix hands out what a child has used
fn wait(child: Child) -> Result<(ExitStatus, i64)> {
    let pid = i32::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: both pointers are to values of this frame; a zeroed rusage is valid; `child` is ours and
    // nobody else waits for it.
    let (ended, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    ensure!(ended == pid, "wait4: {}", std::io::Error::last_os_error());
    Ok((ExitStatus::from_raw(status), usage.ru_maxrss))
}

/// The other end of a client program: a broker that only counts and feeds.
struct Peer {
    stream: TcpStream,
    v5: bool,
}

impl Peer {
    fn accept(listener: &TcpListener, deadline: Instant) -> Result<Self> {
        listener.set_nonblocking(true)?;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(deadline.saturating_duration_since(Instant::now())))?;
                    return Ok(Self { stream, v5: false });
                }
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) => ensure!(Instant::now() < deadline, "the program didn't connect"),
            }
        }
    }

    /// Answers until the program goes; how many messages it has published.
    fn serve(mut self, feed: u32, payload: Option<&str>) -> Result<u64> {
        let mut buffer = vec![0; 1 << 20];
        let (mut kept, mut published) = (0, 0);
        let mut out = Vec::new();
        loop {
            let got = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return Ok(published),
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(published),
                Err(error) => return Err(error).context("the program stays silent"),
            };
            let (end, mut at, mut subscribed) = (kept + got, 0, false);
            while let Some((packet, length)) = wire::next(&buffer[at..end], self.v5)? {
                subscribed |= matches!(packet, Incoming::Subscribe(_));
                published += u64::from(matches!(packet, Incoming::Publish { .. }));
                self.v5 |= packet == Incoming::Connect(5);
                answer(packet, self.v5, &mut out)?;
                at += length;
            }
            buffer.copy_within(at..end, 0);
            kept = end - at;
            // Gone already: the next read says so.
            let _ = self.stream.write_all(&out);
            out.clear();
            if subscribed {
                self.feed(feed, payload);
            }
        }
    }

    fn feed(&mut self, count: u32, payload: Option<&str>) {
        let template = Template::new("bench/tool", 0, false, 64, self.v5);
        let mut out = Vec::new();
        for sequence in 0..count {
            match payload {
                Some(payload) => said(payload, self.v5, &mut out),
                None => template.write(&mut out, 0, 0, sequence, 0),
            }
            if out.len() > 128 * 1024 || sequence + 1 == count {
                if self.stream.write_all(&out).is_err() {
                    return;
                }
                out.clear();
            }
        }
    }
}

/// A QoS 0 message with this payload.
fn said(payload: &str, v5: bool, out: &mut Vec<u8>) {
    let (dup, retain, qos, packet_identifier) = (false, false, QoS::AtMostOnce, 0);
    let (topic, properties, payload) = ("bench/tool", Properties::EMPTY, payload.as_bytes());
    let version = if v5 { Version::V5 } else { Version::V311 };
    Publish { dup, qos, retain, topic, packet_identifier, properties, payload }.encode(version, out);
}

fn answer(packet: Incoming<'_>, v5: bool, out: &mut Vec<u8>) -> Result<()> {
    match packet {
        Incoming::Connect(_) if v5 => out.extend_from_slice(&[0x20, 3, 0, 0, 0]),
        Incoming::Connect(_) => out.extend_from_slice(&[0x20, 2, 0, 0]),
        Incoming::Publish { qos: 1, packet_identifier, .. } => {
            wire::acknowledge(out, 0x40, packet_identifier)
        }
        Incoming::Publish { qos: 2, packet_identifier, .. } => {
            wire::acknowledge(out, 0x50, packet_identifier)
        }
        Incoming::Pubrel(id) => wire::acknowledge(out, 0x70, id),
        Incoming::Subscribe(id) => {
            let [high, low] = id.to_be_bytes();
            let head: &[u8] = if v5 { &[0x90, 4, high, low, 0, 0] } else { &[0x90, 3, high, low, 0] };
            out.extend_from_slice(head);
        }
        Incoming::Pingreq => out.extend_from_slice(&[0xd0, 0]),
        Incoming::Publish { .. } | Incoming::Disconnect => {}
        other => bail!("unexpected: {other:?}"),
    }
    Ok(())
}
