//! The command line of the load generator.

use clap::{Args, Parser, Subcommand};

/// Loads an MQTT broker and prints a line of JSON. Not a public interface.
#[derive(Parser)]
#[command(name = "mqtt-bench")]
pub struct Options {
    /// What all loads share.
    #[command(flatten)]
    pub common: Common,
    /// Which load.
    #[command(subcommand)]
    pub load: Choice,
}

/// Where the broker is, and how long a run may take.
#[derive(Args)]
pub struct Common {
    /// The broker's address.
    #[arg(long, global = true, default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// The broker's port.
    #[arg(long, global = true, default_value_t = 1883)]
    pub port: u16,
    /// The broker's process, for its processor time and memory.
    #[arg(long, global = true)]
    pub pid: Option<u32>,
    /// Speak MQTT 5 instead of 3.1.1.
    #[arg(long, global = true)]
    pub v5: bool,
    /// Through TLS 1.3; no certificate is looked at.
    #[arg(long, global = true, conflicts_with = "ws")]
    pub tls: bool,
    /// Through WebSocket, each packet in a frame of its own.
    #[arg(long, global = true)]
    pub ws: bool,
    /// User Names that the clients give, user-0 and so on; they are a part of their topics.
    #[arg(long, global = true, default_value_t = 0)]
    pub users: usize,
    /// Their password.
    #[arg(long, global = true)]
    pub password: Option<String>,
    /// Seconds after which a run has failed.
    #[arg(long, global = true, default_value_t = 60)]
    pub deadline: u64,
}

/// How much is published, and how.
#[derive(Args)]
pub struct Messages {
    /// Messages, all publishers together.
    #[arg(long, default_value_t = 100_000)]
    pub count: u64,
    /// Quality of service.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// Bytes of payload, at least 16.
    #[arg(long, default_value_t = 64)]
    pub size: usize,
    /// A publisher's messages not yet seen by the subscriber (QoS 0) or not acknowledged (QoS 1, 2).
    #[arg(long, default_value_t = 100)]
    pub window: u64,
}

/// Many subscriptions of which one matches.
#[derive(Args)]
pub struct Subscriptions {
    /// How many there are.
    #[arg(long, default_value_t = 100_000)]
    pub subscriptions: usize,
    /// Connections they are spread over.
    #[arg(long, default_value_t = 100)]
    pub connections: usize,
}

/// The loads.
#[derive(Subcommand)]
pub enum Choice {
    /// N publishers, each with a subscriber of its own.
    Pairs {
        #[arg(long, default_value_t = 1)]
        clients: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// N publishers to one subscriber.
    FanIn {
        #[arg(long, default_value_t = 50)]
        clients: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// One publisher to N subscribers.
    FanOut {
        #[arg(long, default_value_t = 100)]
        clients: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// One publisher to one subscriber at another broker, which the first one has a bridge to.
    Bridge {
        /// The port of the other broker.
        #[arg(long)]
        to: u16,
        /// The other broker's process.
        #[arg(long)]
        to_pid: Option<u32>,
        #[command(flatten)]
        messages: Messages,
    },
    /// Pairs at a fixed rate: p50, p99 and longest way of a message.
    Latency {
        #[arg(long, default_value_t = 10)]
        clients: usize,
        /// Messages a second, all publishers together.
        #[arg(long, default_value_t = 10_000.0)]
        rate: f64,
        /// Clients that begin a TLS handshake at the same moment, every second.
        #[arg(long, default_value_t = 0)]
        storm: u64,
        /// Where.
        #[arg(long, default_value_t = 8883)]
        storm_port: u16,
        #[command(flatten)]
        messages: Messages,
    },
    /// The longest pause of a pair while the broker is sent SIGHUP every second.
    Reload {
        /// Connections that only stand there.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
        /// How often.
        #[arg(long, default_value_t = 5)]
        times: u64,
        /// Messages a second.
        #[arg(long, default_value_t = 2000.0)]
        rate: f64,
    },
    /// TLS handshakes: TCP, TLS, CONNECT, CONNACK, the end.
    Handshakes {
        #[arg(long, default_value_t = 4000)]
        count: u64,
        /// How many are under way at a time.
        #[arg(long, default_value_t = 100)]
        together: usize,
        /// Each goes on with a session of an earlier one.
        #[arg(long)]
        resume: bool,
    },
    /// TCP, CONNECT, CONNACK, the end.
    Connects {
        #[arg(long, default_value_t = 4000)]
        count: u64,
        /// How many are under way at a time.
        #[arg(long, default_value_t = 20)]
        together: usize,
        /// With a Will.
        #[arg(long)]
        will: bool,
    },
    /// Distinct subscriptions with + and #; each message matches one.
    Subscriptions {
        #[command(flatten)]
        subscriptions: Subscriptions,
        #[command(flatten)]
        messages: Messages,
    },
    /// The cost of the same messages with few and with many subscriptions.
    Growth {
        #[arg(long, default_value_t = 1000)]
        few: usize,
        #[arg(long, default_value_t = 1_000_000)]
        many: usize,
        #[arg(long, default_value_t = 500)]
        connections: usize,
        #[command(flatten)]
        messages: Messages,
    },
    /// Sets retained messages, then times new subscribers of all.
    Retained {
        /// How many are set.
        #[arg(long, default_value_t = 100_000)]
        count: u32,
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// New subscribers, one after the other.
        #[arg(long, default_value_t = 5)]
        times: u32,
    },
    /// Publishes to a session whose client is away, then lets it come and take all.
    Queue {
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        #[arg(long, default_value_t = 64)]
        size: usize,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
        qos: u8,
        #[arg(long, default_value_t = 20)]
        window: u64,
    },
    /// QoS 1 to durable sessions that are away; then one of them comes and takes all.
    Durable {
        /// Who is away.
        #[arg(long, default_value_t = 100)]
        sessions: usize,
        /// Who publishes.
        #[arg(long, default_value_t = 50)]
        clients: usize,
        /// Session n waits for the messages of client n, not all for all.
        #[arg(long)]
        apart: bool,
        /// Nobody comes and takes them.
        #[arg(long)]
        leave: bool,
        /// Only take what an earlier run has left.
        #[arg(long, conflicts_with = "leave")]
        take: bool,
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        #[arg(long, default_value_t = 256)]
        size: usize,
        #[arg(long, default_value_t = 20)]
        window: u64,
    },
    /// One message after the other to a session that is away, in turn with a bare append and fdatasync of 4 KiB.
    Acknowledge {
        #[arg(long, default_value_t = 2000)]
        count: u64,
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// Where the bare file is, best beside the broker's store.
        #[arg(long)]
        folder: std::path::PathBuf,
    },
    /// Memory of the broker for each connection with one subscription.
    Idle {
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// Time from starting a broker to its first CONNACK.
    Connect {
        #[arg(long, default_value_t = 21)]
        runs: usize,
        /// The broker, listening on --port.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Runs a client program against a peer that is never slow: its time and memory.
    Tool {
        #[arg(long, default_value_t = 5)]
        runs: usize,
        /// Messages it is sent once it has subscribed.
        #[arg(long, default_value_t = 0)]
        feed: u32,
        /// What those messages say, instead of 64 bytes of any kind.
        #[arg(long)]
        payload: Option<String>,
        /// Messages it must have published.
        #[arg(long)]
        expect: Option<u64>,
        /// Its standard input.
        #[arg(long)]
        stdin: Option<std::path::PathBuf>,
        /// Its standard output.
        #[arg(long)]
        stdout: Option<std::path::PathBuf>,
        /// The program; {port} stands for the port of the peer.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}
