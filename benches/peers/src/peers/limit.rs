//! The limit: loops as one would write them by hand for one purpose, without checks, limits or
//! state. As in `benches/ideal`, with fragments and text beside.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;
use std::io::{IoSlice, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::contestant::{Contestant, End, Role, Run, Seen, Task, Tuning};
use crate::ideal::{Output, parse, put_header, xor};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        open: Some(open::<false>),
        receives: Some("lent"),
        sends: Some("slice"),
        task: Some(|memory| {
            serve(memory, |output, first, payload| {
                put_header(output, first, payload.len(), None);
                output.extend_from_slice(payload);
            })
        }),
        ..Contestant::new("limit")
    },
    Contestant {
        open: Some(open::<true>),
        receives: Some("owned"),
        sends: Some("bytes"),
        ..Contestant::new("limit")
    },
];

fn open<const OWNED: bool>(memory: Memory, role: Role, _: Tuning) -> Box<dyn Run> {
    match role {
        Role::Client => Box::new(Loops::<OWNED, false>::new(memory, role)),
        Role::Server => Box::new(Loops::<OWNED, true>::new(memory, role)),
    }
}

/// The loops of a client, or of a server, which receives what is masked; and where fragments are
/// put together.
struct Loops<const OWNED: bool, const MASKED: bool> {
    memory: Memory,
    role: Role,
    input: Input<OWNED, MASKED>,
    message: Vec<u8>,
    output: Output,
}

impl<const OWNED: bool, const MASKED: bool> Run for Loops<OWNED, MASKED> {
    fn receive(&mut self, messages: usize, seen: &mut Seen) -> Result<(), End> {
        let Self { memory, input, message, .. } = self;
        let (mut left, mut kind) = (messages, Kind::Binary);
        loop {
            input.receive(|first, payload| {
                if first & 0xf != 0 {
                    kind = Kind::text_if(first & 0xf == 1);
                }
                if first & 0x80 == 0 {
                    message.extend_from_slice(payload);
                    return true;
                }
                let payload = if message.is_empty() {
                    payload
                } else {
                    message.extend_from_slice(payload);
                    &message[..]
                };
                if kind == Kind::Text {
                    simdutf8::basic::from_utf8(payload).unwrap();
                }
                seen.take(kind, payload);
                if OWNED && message.capacity() > 0 {
                    *message = Vec::new();
                }
                message.clear();
                left -= 1;
                left > 0
            });
            if left == 0 {
                return Ok(());
            }
            assert!(input.fill(memory));
        }
    }

    fn send(&mut self, payload: &Bytes, messages: usize) {
        for _ in 0..messages {
            match self.role {
                Role::Client => self.output.mask(payload),
                Role::Server if payload.len() < REFER => self.output.copy(payload),
                Role::Server if OWNED => self.output.refer(payload),
                Role::Server => {
                    put_header(&mut self.output.bytes, 0x82, payload.len(), None);
                    let slices = [&self.output.bytes[..], payload].map(IoSlice::new);
                    let _ = self.memory.write_vectored(&slices).unwrap();
                    self.output.bytes.clear();
                }
            }
            if self.output.bytes.len() >= WRITE {
                self.write();
            }
        }
        self.write();
    }
}

impl<const OWNED: bool, const MASKED: bool> Loops<OWNED, MASKED> {
    fn new(memory: Memory, role: Role) -> Self {
        let (input, message, output) = (Input::default(), Vec::new(), Output::default());
        Self { memory, role, input, message, output }
    }

    fn write(&mut self) {
        let mut from = 0;
        for (at, shared) in &self.output.shared {
            let slices = [&self.output.bytes[from..*at], shared].map(IoSlice::new);
            let _ = self.memory.write_vectored(&slices).unwrap();
            from = *at;
        }
        if from < self.output.bytes.len() {
            let _ = self.memory.write(&self.output.bytes[from..]).unwrap();
        }
        self.output.bytes.clear();
        self.output.shared.clear();
    }
}

/// Serves a connection as an event loop does that was written by hand: its buffers are the loop's,
/// and a connection holds the beginning of a message that is not whole. Each frame is answered by
/// what `reply` appends.
pub(super) fn serve(
    mut memory: Memory,
    mut reply: impl FnMut(&mut Vec<u8>, u8, &[u8]) + 'static,
) -> Task {
    let mut rest = Vec::new();
    Box::pin(poll_fn(move |_| {
        BUFFERS.with_borrow_mut(|(input, output)| {
            input.bytes.extend_from_slice(&rest);
            rest.clear();
            while input.fill(&mut memory) {
                input.receive(|first, payload| {
                    reply(output, first, payload);
                    true
                });
            }
            let _ = memory.write(output).unwrap();
            output.clear();
            rest.extend_from_slice(&input.bytes[input.start..]);
            input.bytes.clear();
            input.start = 0;
        });
        Poll::Pending
    }))
}

/// A receive buffer and the loop that empties it: parse the header, unmask in place, call. The
/// payload is shown where it lies, or is owned: split off the buffer, without a copy.
#[derive(Default)]
struct Input<const OWNED: bool, const MASKED: bool> {
    bytes: BytesMut,
    /// Where frames begin that are lent; `start <= bytes.len()`.
    start: usize,
}

impl<const OWNED: bool, const MASKED: bool> Input<OWNED, MASKED> {
    /// Reads; returns whether anything came.
    fn fill(&mut self, memory: &mut Memory) -> bool {
        let room = room::<MASKED>(&self.bytes[self.start..]);
        if self.bytes.capacity() - self.bytes.len() < room {
            self.bytes.advance(self.start);
            self.start = 0;
            self.bytes.reserve(room);
        }
        memory.read_into(&mut (&mut self.bytes).limit(room)).is_some()
    }

    /// Calls with the first byte and the payload of each frame, for as long as it is asked to.
    fn receive(&mut self, mut call: impl FnMut(u8, &[u8]) -> bool) {
        while let Some((header, len, key)) = head::<MASKED>(&self.bytes[self.start..]) {
            let first = self.bytes[self.start];
            let from = self.start + header;
            let Some(payload) = self.bytes.get_mut(from..from + len) else { return };
            if MASKED {
                xor(payload, key);
            }
            let goes_on = if OWNED {
                self.bytes.advance(header);
                call(first, &self.bytes.split_to(len).freeze())
            } else {
                self.start = from + len;
                call(first, payload)
            };
            if !goes_on {
                return;
            }
        }
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}

/// Returns the lengths of header and payload, and the key, if there is one.
#[inline]
fn head<const MASKED: bool>(bytes: &[u8]) -> Option<(usize, usize, [u8; 4])> {
    if MASKED {
        return parse(bytes);
    }
    let [_, second, rest @ ..] = bytes else { return None };
    let (header, len) = match second {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        len => (2, usize::from(*len)),
    };
    Some((header, len, [0; 4]))
}

/// Returns how much to read: of a large message what is missing and the next header, so that
/// nothing of it is moved and the buffer stays in the cache.
fn room<const MASKED: bool>(bytes: &[u8]) -> usize {
    match head::<MASKED>(bytes) {
        Some((header, len, _)) if header + len > READ / 2 => header + len - bytes.len() + 14,
        _ => READ,
    }
}

thread_local! {
    /// What is received and what is sent, of the connection that is being served.
    static BUFFERS: RefCell<(Input<false, true>, Vec<u8>)> = RefCell::default();
}

/// How much is read at once, and how much waits before it is written.
const READ: usize = 64 << 10;
const WRITE: usize = 64 << 10;

/// From which size on a payload is not copied: below, that is cheaper than a reference.
const REFER: usize = 4 << 10;
