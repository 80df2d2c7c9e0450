//! One client's bytes: reading them into the broker, writing what it has to say, and closing the socket in the end.

use std::io::{ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::event_loop::Server;
use super::socket::Socket;
use crate::broker::{ConnectionKey, Now, Outbox, Shard};

/// One read asks for this many bytes.
pub const READ: usize = 128 * 1024;
/// A packet in parts is completed in the thread's buffer as long as the parts are not longer than this.
pub const IN_PLACE: usize = 64 * 1024;
/// Slices of one write.
const SLICES: usize = 64;
#[derive(Debug)]
pub struct Client {
    pub socket: Socket,
    /// The start of a packet whose rest hasn't come yet, or what is held back.
    pub input: Vec<u8>,
    /// There may be more to read.
    pub readable: bool,
    /// The socket may take more.
    pub writable: bool,
    /// It is in the list of those to be handled again.
    pub again: bool,
    /// The other side has closed its end: a short read isn't the last one.
    pub ended: bool,
    /// It is closing, and what is left may be written until then, in monotonic milliseconds.
    pub lingers_until: Option<u64>,
}

impl Server {
    pub(super) fn became_writable(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        client.writable = true;
        if client.socket.has_unwritten()
            && let Err(error) = client.socket.write_out()
        {
            return self.broke(key, &error);
        }
        if self.shard.has_output(key) {
            self.flush(key);
        }
        if self.shard.is_closing(key) {
            self.outbox.close.push(key);
        }
    }

    /// Reads a socket once and lets the broker act on what came.
    pub(super) fn read(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        client.readable = true;
        let is_layered = matches!(client.socket, Socket::Layered(_));
        if self.shard.is_held(key) || (is_layered && self.have_greeted(key, true)) {
            return;
        }
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        // The start of a packet moves to the thread's buffer, so that it is whole there; a long one grows where it is.
        let part = if client.input.len() <= IN_PLACE { client.input.len() } else { 0 };
        self.buffer[..part].copy_from_slice(&client.input[..part]);
        let read = client.socket.read(&mut self.buffer[part..part + READ]);
        let more = client.ended || client.socket.has_buffered();
        if is_layered {
            self.hear_news(key);
        }
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        let count = match read {
            Ok(0) => return self.shard.closed(self.now, key, &mut self.outbox),
            Ok(count) => count,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    client.readable = false;
                    return;
                }
                ErrorKind::Interrupted => return self.do_again(key),
                _ => return self.broke(key, &error),
            },
        };
        client.readable = count == READ || more;
        if part == client.input.len() {
            // Keep the memory of the part for the next one only if there is one.
            let mut input = std::mem::take(&mut client.input);
            let taken =
                contained(&mut self.shard, self.now, key, &self.buffer[..part + count], &mut self.outbox);
            let rest = &self.buffer[taken.min(part + count)..part + count];
            if !rest.is_empty() {
                input.clear();
                input.extend_from_slice(rest);
                if let Some(Some(client)) = self.clients.get_mut(key) {
                    client.input = input;
                }
            }
        } else {
            client.input.extend_from_slice(&self.buffer[..count]);
            self.handle_input(key);
        }
        if self.clients.get(key).is_some_and(|c| c.as_ref().is_some_and(|c| c.readable)) {
            self.do_again(key);
        }
        while let Some(full) = self.outbox.full.pop() {
            self.flush(full);
        }
        if self.outbox.urgent {
            self.outbox.urgent = false;
            self.flush_dirty();
        }
    }

    /// Lets the broker act on what is kept of a connection's input.
    fn handle_input(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        let mut input = std::mem::take(&mut client.input);
        let taken = contained(&mut self.shard, self.now, key, &input, &mut self.outbox).min(input.len());
        if let Some(Some(client)) = self.clients.get_mut(key)
            && taken < input.len()
        {
            input.drain(..taken);
            client.input = input;
        }
    }

    /// A connection that was held back goes on.
    pub(super) fn resume(&mut self, key: ConnectionKey) {
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        let more = client.readable;
        if !client.input.is_empty() {
            self.handle_input(key);
        }
        if more && !self.shard.is_held(key) {
            self.do_again(key);
        }
    }

    fn do_again(&mut self, key: ConnectionKey) {
        if let Some(Some(client)) = self.clients.get_mut(key)
            && !client.again
        {
            client.again = true;
            self.again.push(key);
        }
    }

    pub(super) fn flush_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.outbox.dirty);
        for key in dirty.drain(..) {
            self.flush(key);
        }
        // Writing makes room, and what moves up may have marked others.
        if self.outbox.dirty.is_empty() {
            self.outbox.dirty = dirty;
        }
    }

    /// Writes what a connection has to say, as far as its socket takes it.
    fn flush(&mut self, key: ConnectionKey) {
        self.shard.taken(key);
        let Some(Some(client)) = self.clients.get_mut(key) else { return };
        while client.writable {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.shard.output(key, &mut slices);
            if count == 0 {
                return;
            }
            match client.socket.write(&slices[..count]) {
                Ok(written) => self.shard.wrote(self.now, key, written, &mut self.outbox),
                Err(error) if error.kind() == ErrorKind::WouldBlock => client.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.broke(key, &error),
            }
        }
    }

    /// Closes a connection if it is written.
    pub(super) fn close(&mut self, key: ConnectionKey) {
        if !self.shard.is_closing(key) {
            return;
        }
        if self.shard.has_output(key) {
            self.flush(key);
            if self.shard.has_output(key) {
                return;
            }
        }
        if self.lingers(key) {
            return;
        }
        if let Some(client) = self.clients.get_mut(key).and_then(Option::take) {
            self.shard.remove(key);
            if let Socket::Memory(_) = client.socket {
                self.bridges.local_closed(key);
            }
            if let Some(ticket) = client.socket.away() {
                self.greeters.dismiss(ticket);
            }
            // Closing takes it from the poller as well.
            client.socket.finish(&mut self.buffer[..READ]);
        }
    }

    /// Whether something that the broker has handed over waits for the socket still, and is worth waiting for.
    fn lingers(&mut self, key: ConnectionKey) -> bool {
        let Some(Some(client)) = self.clients.get_mut(key) else { return false };
        if !client.socket.has_unwritten()
            || client.socket.write_out().is_err()
            || !client.socket.has_unwritten()
        {
            return false;
        }
        let now = self.now.monotonic;
        match client.lingers_until {
            Some(until) => now < until,
            None => {
                client.lingers_until = Some(self.shard.linger(self.now, key));
                true
            }
        }
    }
}

/// Lets the broker act; should it fail by a fault of ours, this one connection ends and the others go on.
fn contained(shard: &mut Shard, now: Now, key: ConnectionKey, bytes: &[u8], outbox: &mut Outbox) -> usize {
    match catch_unwind(AssertUnwindSafe(|| shard.bytes(now, key, bytes, outbox))) {
        Ok(taken) => taken,
        Err(_) => {
            shard.contain(now, key, outbox);
            bytes.len()
        }
    }
}
