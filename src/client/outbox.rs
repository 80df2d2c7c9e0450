//! What a connection wants written, and what it has to tell on the way.

use crate::protocol::fixed_header;

/// Bytes for the socket, and trace lines for whoever asked for them. Appended to; the shell takes from it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Whole packets in the order in which they must be sent. Cleared only when all of it was written, so that
    /// it always begins with a packet.
    pub bytes: Vec<u8>,
    /// If there, a line for every packet sent and received, in mosquitto's words (`-d`).
    pub trace: Option<Vec<u8>>,
    /// QoS 0 messages that a lost connection left unwritten: they go out on the next one.
    pub(super) held: Vec<u8>,
}

impl Outbox {
    /// An empty one; `trace` asks for the lines.
    pub fn new(trace: bool) -> Self {
        Outbox { trace: trace.then(Vec::new), ..Outbox::default() }
    }

    /// The connection was lost when `written` of the bytes were: QoS 0 messages that weren't wholly written are
    /// kept for the next connection. All else is either sent again from the session or has lost its meaning.
    pub fn lost(&mut self, written: usize) {
        let mut at = 0;
        while let Ok(Some(header)) = fixed_header(&self.bytes[at..]) {
            let end = (at + header.total()).min(self.bytes.len());
            let is_qos_0_publish = header.first & 0xF6 == 0x30;
            if end > written && is_qos_0_publish {
                self.held.extend_from_slice(&self.bytes[at..end]);
            }
            at = end;
        }
        self.bytes.clear();
    }
}
