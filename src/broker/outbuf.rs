//! Bytes on their way to one connection: small packets one behind the other in one buffer, large payloads shared.
//!
//! The event loop writes all of it with one system call a turn. An idle connection holds no memory here: an empty
//! buffer goes back to the pool.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Payloads of this many bytes or more are shared between receivers instead of copied to each.
pub const SHARE_FROM: usize = 8 * 1024;

/// Buffers larger than this are freed instead of pooled.
const POOLED_CAPACITY: usize = 512 * 1024;
/// The pool holds no more than this in all.
const POOLED: usize = 8 * 1024 * 1024;

/// Empty buffers for connections that have something to say.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    fn take(&mut self) -> Vec<u8> {
        match self.free.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(4096),
        }
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity != 0 && capacity <= POOLED_CAPACITY && self.bytes + capacity <= POOLED {
            buffer.clear();
            self.bytes += capacity;
            self.free.push(buffer);
        }
    }
}

#[derive(Debug)]
struct Shared {
    /// Goes out before the byte at this index of `bytes`.
    before: usize,
    payload: Bytes,
}

/// The output of one connection.
#[derive(Debug, Default)]
pub struct OutBuffer {
    bytes: Vec<u8>,
    sent: usize,
    // Boxed: only large payloads need it.
    #[expect(clippy::box_collection, reason = "one pointer in an idle connection")]
    shared: Option<Box<Vec<Shared>>>,
    shared_length: usize,
    /// Where output begins that must wait for a change to be safe, and for which; both rising.
    #[expect(clippy::box_collection, reason = "one pointer in a connection that waits for nothing")]
    held: Option<Box<VecDeque<(usize, u64)>>>,
}

impl OutBuffer {
    /// Bytes that are not written yet.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.sent + self.shared_length
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    /// The buffer to append whole packets to.
    pub fn bytes(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        } else if self.sent > 16 * 1024 && self.sent * 2 > self.bytes.len() && self.shared.is_none() {
            self.bytes.drain(..self.sent);
            for (at, _) in self.held.iter_mut().flat_map(|held| held.iter_mut()) {
                *at -= self.sent;
            }
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// Appends a large payload without copying it; what [`OutBuffer::bytes`] holds so far goes out before it.
    pub fn push_shared(&mut self, payload: Bytes) {
        self.shared_length += payload.len();
        let before = self.bytes.len();
        self.shared.get_or_insert_default().push(Shared { before, payload });
    }

    /// What is appended from now on waits until the change with this number is safe; `false`: it would anyway.
    pub fn hold(&mut self, sequence: u64) -> bool {
        let held = self.held.get_or_insert_default();
        if held.back().is_some_and(|(_, last)| *last >= sequence) {
            return false;
        }
        held.push_back((self.bytes.len(), sequence));
        true
    }

    /// Every change up to this one is safe; whether there is more to write now.
    pub fn release(&mut self, sequence: u64) -> bool {
        let Some(held) = &mut self.held else { return false };
        while held.front().is_some_and(|(_, waits_for)| *waits_for <= sequence) {
            held.pop_front();
        }
        if held.is_empty() {
            self.held = None;
        }
        !self.is_empty()
    }

    /// What is to be written, in order; returns how many slices were filled in.
    pub fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut used = 0;
        let mut at = self.sent;
        let end = match &self.held {
            None => self.bytes.len(),
            Some(held) => held.front().map_or(self.bytes.len(), |(at, _)| *at),
        };
        let mut push = |slice: &'a [u8]| {
            if !slice.is_empty() && used < into.len() {
                into[used] = IoSlice::new(slice);
                used += 1;
            }
        };
        for shared in self.shared.iter().flat_map(|list| list.iter()) {
            // What is held begins with the head of a packet, so a payload right before it is not.
            if shared.before > end {
                break;
            }
            push(&self.bytes[at..shared.before]);
            push(&shared.payload);
            at = shared.before;
        }
        push(&self.bytes[at..end]);
        used
    }

    /// The socket took `count` bytes.
    pub fn advance(&mut self, mut count: usize, pool: &mut BufferPool) {
        if let Some(list) = &mut self.shared {
            let mut whole = 0;
            for shared in list.iter_mut() {
                let before = (shared.before - self.sent).min(count);
                self.sent += before;
                count -= before;
                if self.sent < shared.before {
                    break;
                }
                let part = shared.payload.len().min(count);
                count -= part;
                self.shared_length -= part;
                if part < shared.payload.len() {
                    let _ = shared.payload.split_to(part);
                    break;
                }
                whole += 1;
            }
            list.drain(..whole);
            if list.is_empty() {
                self.shared = None;
            }
        }
        if self.shared.is_none() {
            self.sent += count;
        }
        if self.is_empty() {
            self.clear(pool);
        }
    }

    /// Forgets everything and gives the memory back.
    pub fn clear(&mut self, pool: &mut BufferPool) {
        pool.give(std::mem::take(&mut self.bytes));
        self.sent = 0;
        self.shared = None;
        self.shared_length = 0;
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(out: &OutBuffer) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let n = out.slices(&mut slices);
        slices[..n].iter().flat_map(|s| s.to_vec()).collect()
    }

    #[test]
    fn what_waits_for_the_disk_stays_and_what_was_before_it_goes() {
        let mut pool = BufferPool::default();
        let mut out = OutBuffer::default();
        out.bytes(&mut pool).extend_from_slice(b"a");
        out.push_shared(Bytes::from_static(b"B"));
        assert!(out.hold(5));
        out.bytes(&mut pool).extend_from_slice(b"c");
        assert!(!out.hold(4), "it waits for 5 already");
        out.push_shared(Bytes::from_static(b"D"));
        assert!(out.hold(7));
        out.bytes(&mut pool).extend_from_slice(b"e");
        assert_eq!(all(&out), b"aB");
        out.advance(2, &mut pool);
        assert_eq!((all(&out), out.pending()), (vec![], 3));
        assert!(out.release(6));
        assert_eq!(all(&out), b"cD");
        out.advance(1, &mut pool);
        assert!(out.release(7));
        assert_eq!(all(&out), b"De");
        out.advance(2, &mut pool);
        assert!(out.is_empty());
    }

    #[test]
    fn parts_leave_in_order_however_the_socket_cuts_them() {
        for step in 1..12 {
            let mut pool = BufferPool::default();
            let mut out = OutBuffer::default();
            out.bytes(&mut pool).extend_from_slice(b"ab");
            out.push_shared(Bytes::from_static(b"CDE"));
            out.push_shared(Bytes::from_static(b"F"));
            out.bytes(&mut pool).extend_from_slice(b"ghi");
            out.push_shared(Bytes::from_static(b"JK"));
            let mut written = Vec::new();
            while !out.is_empty() {
                let now = all(&out);
                assert_eq!(now.len(), out.pending());
                let count = step.min(now.len());
                written.extend_from_slice(&now[..count]);
                out.advance(count, &mut pool);
            }
            assert_eq!(written, b"abCDEFghiJK", "{step}");
            assert_eq!(out.bytes.capacity(), 0, "an idle connection holds no buffer");
        }
    }
}
