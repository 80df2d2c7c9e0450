//! WebSocket frames: the header in front of a payload, and undoing frames where they lie.

use std::fmt;

/// The longest header: two bytes, eight of length, four of mask.
pub(super) const HEADER_MAX: usize = 14;
/// The longest payload of a control frame.
const CONTROL_MAX: u64 = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// Why frames can't go on, with the status of the close frame that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// 1002: against the rules of frames.
    Protocol,
    /// 1003: text, where MQTT is binary.
    Text,
}

impl Violation {
    /// The status in a close frame.
    pub fn status(self) -> u16 {
        match self {
            Violation::Protocol => 1002,
            Violation::Text => 1003,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Protocol => "a WebSocket frame that is against the rules",
            Violation::Text => "text in a WebSocket frame, where MQTT is binary",
        })
    }
}

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    payload: u64,
    length: usize,
}

impl Header {
    /// `None`: the header isn't whole yet.
    fn parse(bytes: &[u8]) -> Result<Option<Header>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        // No extension was agreed on that could give the reserved bits a meaning.
        if first & 0x70 != 0 {
            return Err(Violation::Protocol);
        }
        let (payload, long) = match second & 0x7f {
            126 => match rest.first_chunk::<2>() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let shortest = match long {
            2 => payload > CONTROL_MAX,
            8 => payload > u64::from(u16::MAX) && payload <= i64::MAX as u64,
            _ => true,
        };
        if !shortest {
            return Err(Violation::Protocol);
        }
        let (mask, masked) = match second & 0x80 {
            0 => (None, 0),
            _ => match rest[long..].first_chunk::<4>() {
                Some(mask) => (Some(*mask), 4),
                None => return Ok(None),
            },
        };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        Ok(Some(Header { last, opcode, mask, payload, length: 2 + long + masked }))
    }
}

/// Puts the header of an unfragmented frame into `into`; returns its length.
pub(super) fn header(
    into: &mut [u8; HEADER_MAX],
    opcode: u8,
    payload: usize,
    mask: Option<[u8; 4]>,
) -> usize {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    into[0] = 0x80 | opcode;
    let mut length = match payload {
        0..=125 => {
            into[1] = bit | payload as u8;
            2
        }
        126..=0xffff => {
            into[1] = bit | 126;
            into[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
            4
        }
        _ => {
            into[1] = bit | 127;
            into[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        }
    };
    if let Some(mask) = mask {
        into[length..length + 4].copy_from_slice(&mask);
        length += 4;
    }
    length
}

/// Masks or unmasks in place. `offset` is where in the payload the bytes stand.
pub(super) fn mask(bytes: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut turned = mask;
    turned.rotate_left(offset % 4);
    let word = u64::from(u32::from_ne_bytes(turned));
    let word = word << 32 | word;
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for eight in words {
        *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(turned.iter().cycle()) {
        *byte ^= mask;
    }
}

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Ping,
    Pong,
    Close,
}

#[derive(Debug, Clone, Copy)]
struct Payload {
    kind: Kind,
    left: u64,
    offset: usize,
    mask: Option<[u8; 4]>,
}

/// What came along with the payload and wants an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Control {
    /// Answer with a pong of the same content.
    Ping(Vec<u8>),
    /// Answer with a close frame of the same status, then nothing more.
    Close(Vec<u8>),
}

/// Undoes frames where they lie: what isn't payload disappears from the buffer.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Clients mask, servers don't.
    masked: bool,
    /// The start of a header whose rest hasn't come yet.
    part: [u8; HEADER_MAX],
    part_length: u8,
    /// The frame that is under way.
    payload: Option<Payload>,
    /// A message in several frames is under way.
    fragmented: bool,
    /// The content of a control frame under way.
    control: Vec<u8>,
}

impl Decoder {
    /// `masked`: what comes must be masked, or mustn't be.
    pub fn new(masked: bool) -> Self {
        Decoder {
            masked,
            part: [0; HEADER_MAX],
            part_length: 0,
            payload: None,
            fragmented: false,
            control: Vec::new(),
        }
    }

    /// Turns received bytes into payload, at the start of the same buffer; returns its length. `on` is told of control
    /// frames; after a close nothing more is looked at.
    pub fn decode(&mut self, buffer: &mut [u8], mut on: impl FnMut(Control)) -> Result<usize, Violation> {
        let (mut at, mut out) = (0, 0);
        loop {
            if let Some(mut payload) = self.payload.take() {
                let here = payload.left.min((buffer.len() - at) as u64) as usize;
                let bytes = &mut buffer[at..at + here];
                if let Some(key) = payload.mask {
                    mask(bytes, key, payload.offset);
                }
                if payload.kind == Kind::Data {
                    buffer.copy_within(at..at + here, out);
                    out += here;
                } else {
                    self.control.extend_from_slice(bytes);
                }
                at += here;
                payload.left -= here as u64;
                payload.offset = (payload.offset + here) % 4;
                if payload.left > 0 {
                    self.payload = Some(payload);
                    return Ok(out);
                }
                let content = std::mem::take(&mut self.control);
                match payload.kind {
                    Kind::Data | Kind::Pong => {}
                    Kind::Ping => on(Control::Ping(content)),
                    Kind::Close => {
                        on(Control::Close(content));
                        return Ok(out);
                    }
                }
            }
            if at == buffer.len() {
                return Ok(out);
            }
            match self.header(&buffer[at..])? {
                Some((header, taken)) => {
                    self.begin(header)?;
                    at += taken;
                }
                None => return Ok(out),
            }
        }
    }

    /// The next header, and how many of these bytes belong to it; `None`: it isn't whole, and they are kept.
    fn header(&mut self, bytes: &[u8]) -> Result<Option<(Header, usize)>, Violation> {
        let have = usize::from(self.part_length);
        if have == 0
            && let Some(header) = Header::parse(bytes)?
        {
            return Ok(Some((header, header.length)));
        }
        let more = bytes.len().min(HEADER_MAX - have);
        self.part[have..have + more].copy_from_slice(&bytes[..more]);
        match Header::parse(&self.part[..have + more])? {
            Some(header) => {
                self.part_length = 0;
                Ok(Some((header, header.length - have)))
            }
            None => {
                self.part_length = (have + more) as u8;
                Ok(None)
            }
        }
    }

    fn begin(&mut self, header: Header) -> Result<(), Violation> {
        let kind = match header.opcode {
            CONTINUATION if self.fragmented => Kind::Data,
            BINARY if !self.fragmented => Kind::Data,
            TEXT => return Err(Violation::Text),
            CLOSE => Kind::Close,
            PING => Kind::Ping,
            PONG => Kind::Pong,
            _ => return Err(Violation::Protocol),
        };
        if kind == Kind::Data {
            self.fragmented = !header.last;
        } else if !header.last || header.payload > CONTROL_MAX {
            return Err(Violation::Protocol);
        }
        if header.mask.is_some() != self.masked {
            return Err(Violation::Protocol);
        }
        self.payload = Some(Payload { kind, left: header.payload, offset: 0, mask: header.mask });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as a client sends it.
    fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        let mut head = [0; HEADER_MAX];
        let length = header(&mut head, 0, payload.len(), key);
        head[0] = first;
        let mut bytes = head[..length].to_vec();
        let at = bytes.len();
        bytes.extend_from_slice(payload);
        if let Some(key) = key {
            mask(&mut bytes[at..], key, 0);
        }
        bytes
    }

    fn decode(bytes: &[u8], masked: bool, cuts: &[usize]) -> Result<(Vec<u8>, Vec<Control>), Violation> {
        let (mut decoder, mut payload, mut controls) = (Decoder::new(masked), Vec::new(), Vec::new());
        let mut rest = bytes;
        for cut in cuts.iter().copied().chain([usize::MAX]) {
            let (part, behind) = rest.split_at(cut.min(rest.len()));
            let mut part = part.to_vec();
            let count = decoder.decode(&mut part, |control| controls.push(control))?;
            payload.extend_from_slice(&part[..count]);
            rest = behind;
        }
        Ok((payload, controls))
    }

    const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);

    #[test]
    fn fragments_join_and_control_frames_stand_between() {
        let bytes = [
            frame(0x02, b"ab", KEY),
            frame(0x89, b"ping", KEY),
            frame(0x00, b"", KEY),
            frame(0x8a, b"unasked", KEY),
            frame(0x80, b"cd", KEY),
            frame(0x82, &[7; 70_000], KEY),
            frame(0x88, &[3, 232], KEY),
            frame(0x82, b"after the end", KEY),
        ]
        .concat();
        let (payload, controls) = decode(&bytes, true, &[]).unwrap();
        assert_eq!(payload, [b"abcd".as_slice(), &[7; 70_000]].concat());
        assert_eq!(controls, [Control::Ping(b"ping".to_vec()), Control::Close(vec![3, 232])]);
    }

    #[test]
    fn what_is_against_the_rules() {
        let long = [vec![0x82, 0xff], vec![0x80, 0, 0, 0, 0, 0, 0, 1], vec![0; 4]].concat();
        for (bytes, masked) in [
            (frame(0x82, b"x", None), true),
            (frame(0x82, b"x", KEY), false),
            (frame(0xc2, b"x", KEY), true),
            (frame(0x80, b"x", KEY), true),
            (frame(0x83, b"x", KEY), true),
            (frame(0x8b, b"x", KEY), true),
            (frame(0x09, b"x", KEY), true),
            (frame(0x89, &[0; 126], KEY), true),
            ([frame(0x02, b"x", KEY), frame(0x82, b"x", KEY)].concat(), true),
            // Longer spellings of short lengths.
            (vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0], true),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0], true),
            (long, true),
        ] {
            assert_eq!(decode(&bytes, masked, &[]), Err(Violation::Protocol), "{bytes:?}");
        }
        assert_eq!(decode(&frame(0x81, b"x", KEY), true, &[]), Err(Violation::Text));
    }

    proptest! {
        #[test]
        fn frames_are_undone_wherever_they_are_cut(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
            cuts in proptest::collection::vec(0_usize..200, 0..20),
            key in any::<[u8; 4]>(),
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(0x82, payload, Some(key))).collect();
            let (payload, controls) = decode(&bytes, true, &cuts).unwrap();
            prop_assert_eq!(payload, payloads.concat());
            prop_assert!(controls.is_empty());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..50) {
            let _ = decode(&bytes, true, &[cut]);
        }
    }
}
