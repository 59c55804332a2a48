//! The limit: loops as one would write them by hand for one purpose, without checks, limits or
//! state.

use core::cell::RefCell;
use std::io::{IoSlice, Read, Write};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use crate::ideal::{Output, parse, put_header, xor};
use crate::memory::{self, Memory, Tap};
use crate::peer::{
    Deflater, Echo, Peer, Receive, Receiver, Role, Sender, Takeover, Task, Transmit, Tuning,
};
use crate::wire::Kind;

pub(super) struct Limit;

impl Peer for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        match role {
            Role::Client => receivers::<false>(transport),
            Role::Server => receivers::<true>(transport),
        }
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        let sending = |put| Sending { transport: transport(), output: Output::default(), put };
        match role {
            Role::Client => vec![
                Sender::new("limit", "slice", sending(Put::Mask)),
                Sender::new("limit", "bytes", sending(Put::Mask)),
            ],
            Role::Server => vec![
                Sender::new("limit", "slice", sending(Put::Write)),
                Sender::new("limit", "bytes", sending(Put::Refer)),
            ],
        }
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let mut connection = Connection { transport: transport(), rest: Vec::new() };
        vec![Task::called("limit", move || connection.serve())]
    }

    fn deflaters(&self, transport: &dyn Fn() -> Memory, takeover: Takeover) -> Vec<Deflater> {
        vec![Deflater::new("limit: zlib-rs", "level 6", Raw::new(transport(), takeover))]
    }
}

fn receivers<const MASKED: bool>(transport: &dyn Fn() -> Memory) -> Vec<Receiver> {
    let lent = Reading { transport: transport(), loops: Lent::<MASKED>::default() };
    let owned = Reading { transport: transport(), loops: Owned::<MASKED>::default() };
    let lent = Assembling { reading: lent, message: Vec::new() };
    let owned = Assembling { reading: owned, message: BytesMut::new() };
    vec![Receiver::new("limit", "lent", lent), Receiver::new("limit", "owned", owned)]
}

/// A loop that is filled from a transport.
struct Reading<L> {
    transport: Memory,
    loops: L,
}

/// The loop, and where fragments are put together.
struct Assembling<L, M> {
    reading: Reading<L>,
    message: M,
}

impl<const MASKED: bool> Receive for Assembling<Lent<MASKED>, Vec<u8>> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        let Self { reading: Reading { transport, loops }, message } = self;
        let mut left = messages;
        let mut kind = Kind::Binary;
        while left > 0 {
            loops.receive(|first, payload| {
                if first & 0xf != 0 {
                    kind = kind_of(first);
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
                take(kind, checked(kind, payload));
                message.clear();
                left -= 1;
                left > 0
            });
            if left > 0 {
                assert!(loops.fill(transport));
            }
        }
    }
}

impl<const MASKED: bool> Receive for Assembling<Owned<MASKED>, BytesMut> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        let Self { reading: Reading { transport, loops }, message } = self;
        let mut left = messages;
        let mut kind = Kind::Binary;
        while left > 0 {
            loops.receive(|first, payload| {
                if first & 0xf != 0 {
                    kind = kind_of(first);
                }
                if first & 0x80 == 0 {
                    message.extend_from_slice(&payload);
                    return true;
                }
                let payload = if message.is_empty() {
                    payload
                } else {
                    message.extend_from_slice(&payload);
                    message.split().freeze()
                };
                take(kind, checked(kind, &payload));
                left -= 1;
                left > 0
            });
            if left > 0 {
                loops.fill(transport);
            }
        }
    }
}

fn kind_of(first: u8) -> Kind {
    if first & 0xf == 1 { Kind::Text } else { Kind::Binary }
}

/// Text is validated, whole.
fn checked(kind: Kind, payload: &[u8]) -> &[u8] {
    match kind {
        Kind::Binary => payload,
        Kind::Text => simdutf8::basic::from_utf8(payload).unwrap().as_bytes(),
    }
}

struct Sending {
    transport: Memory,
    output: Output,
    put: Put,
}

/// What becomes of a payload that is too large to be copied for nothing.
#[derive(Clone, Copy)]
enum Put {
    /// It is copied and masked.
    Mask,
    /// It waits by reference.
    Refer,
    /// It is written at once.
    Write,
}

impl Transmit for Sending {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        for _ in 0..messages {
            match self.put {
                Put::Mask => self.output.mask(payload),
                Put::Refer if payload.len() >= REFER => self.output.refer(payload),
                Put::Write if payload.len() >= REFER => {
                    put_header(&mut self.output.bytes, 0x82, payload.len(), None);
                    let slices = [&self.output.bytes[..], payload].map(IoSlice::new);
                    let _ = self.transport.write_vectored(&slices).unwrap();
                    self.output.bytes.clear();
                }
                Put::Refer | Put::Write => self.output.copy(payload),
            }
            if self.output.bytes.len() >= WRITE {
                self.write();
            }
        }
        self.write();
    }
}

impl Sending {
    fn write(&mut self) {
        let mut from = 0;
        for (at, shared) in &self.output.shared {
            let slices = [&self.output.bytes[from..*at], shared].map(IoSlice::new);
            let _ = self.transport.write_vectored(&slices).unwrap();
            from = *at;
        }
        if from < self.output.bytes.len() {
            let _ = self.transport.write(&self.output.bytes[from..]).unwrap();
        }
        self.output.bytes.clear();
        self.output.shared.clear();
    }
}

/// A connection as an event loop has it that was written by hand: buffers are the loop's.
struct Connection {
    transport: Memory,
    /// The beginning of a message that is not whole.
    rest: Vec<u8>,
}

impl Connection {
    fn serve(&mut self) {
        BUFFERS.with_borrow_mut(|(input, output)| {
            input.put(&self.rest);
            self.rest.clear();
            while input.fill(&mut self.transport) {
                input.receive(|first, payload| {
                    put_header(output, first, payload.len(), None);
                    output.extend_from_slice(payload);
                    true
                });
            }
            let _ = self.transport.write(output).unwrap();
            output.clear();
            self.rest.extend_from_slice(input.take());
        });
    }
}

/// zlib-rs with nothing around it but headers and the mask.
struct Raw {
    transport: Memory,
    takeover: Takeover,
    input: Lent<true>,
    inflate: Inflate,
    deflate: Deflate,
    compressed: Vec<u8>,
    inflated: Vec<u8>,
    deflated: Vec<u8>,
    output: Vec<u8>,
}

impl Raw {
    fn new(transport: Memory, takeover: Takeover) -> Self {
        Self {
            transport,
            takeover,
            input: Lent::default(),
            inflate: Inflate::new(false, 15),
            deflate: Deflate::new(6, false, 15),
            compressed: Vec::new(),
            inflated: vec![0; 128 << 10],
            deflated: vec![0; 128 << 10],
            output: Vec::new(),
        }
    }
}

impl Echo for Raw {
    fn echo(&mut self, messages: usize) {
        let Self { input, inflate, deflate, compressed, inflated, deflated, output, .. } = self;
        let mut left = messages;
        while left > 0 {
            input.receive(|_, payload| {
                compressed.clear();
                compressed.extend_from_slice(payload);
                compressed.extend_from_slice(&TAIL);
                let before = inflate.total_out();
                inflate.decompress(compressed, inflated, InflateFlush::SyncFlush).unwrap();
                let len = (inflate.total_out() - before) as usize;
                let text = simdutf8::basic::from_utf8(&inflated[..len]).unwrap();
                let before = deflate.total_out();
                deflate.compress(text.as_bytes(), deflated, DeflateFlush::SyncFlush).unwrap();
                let len = (deflate.total_out() - before) as usize - TAIL.len();
                if self.takeover == Takeover::Reset {
                    inflate.reset(false);
                    deflate.reset();
                }
                put_header(output, 0xc1, len, None);
                output.extend_from_slice(&deflated[..len]);
                left -= 1;
                left > 0
            });
            let _ = self.transport.write(output).unwrap();
            output.clear();
            if left > 0 {
                assert!(input.fill(&mut self.transport));
            }
        }
    }
}

/// Compresses messages as a client does, each as a masked text frame.
#[must_use]
pub(crate) fn compress(texts: &[Vec<u8>], takeover: Takeover) -> Vec<u8> {
    let mut deflate = Deflate::new(6, false, 15);
    let mut deflated = vec![0; 128 << 10];
    let mut frames = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let before = deflate.total_out();
        deflate.compress(text, &mut deflated, DeflateFlush::SyncFlush).unwrap();
        let len = (deflate.total_out() - before) as usize - TAIL.len();
        if takeover == Takeover::Reset {
            deflate.reset();
        }
        let key = (index as u32 + 1).wrapping_mul(0x9e37_79b9).to_le_bytes();
        crate::wire::push_masked(&mut frames, 0xc1, &deflated[..len], key);
    }
    frames
}

/// Returns what is in compressed messages, and how long they are altogether.
#[must_use]
pub(crate) fn decompress(tap: &Arc<Tap>, takeover: Takeover) -> (Vec<Vec<u8>>, usize) {
    let mut inflate = Inflate::new(false, 15);
    let mut inflated = vec![0; 128 << 10];
    let mut texts = Vec::new();
    let sent = tap.take_kept();
    for (first, mut payload) in crate::wire::read(&sent, false) {
        assert_eq!(first, 0x41, "a reply is not compressed text");
        payload.extend_from_slice(&TAIL);
        let before = inflate.total_out();
        inflate.decompress(&payload, &mut inflated, InflateFlush::SyncFlush).unwrap();
        texts.push(inflated[..(inflate.total_out() - before) as usize].to_vec());
        if takeover == Takeover::Reset {
            inflate.reset(false);
        }
    }
    (texts, sent.len())
}

/// A receive buffer and the loop that empties it: parse the header, unmask in place, call. As in
/// `benches/ideal`, but with the first byte of each frame and a way to stop.
#[derive(Default)]
struct Lent<const MASKED: bool> {
    bytes: Vec<u8>,
    /// `start <= end <= bytes.len()`
    start: usize,
    end: usize,
}

impl<const MASKED: bool> Lent<MASKED> {
    /// Reads; returns whether anything came.
    fn fill(&mut self, transport: &mut Memory) -> bool {
        let room = room::<MASKED>(&self.bytes[self.start..self.end]);
        if self.bytes.len() - self.end < room {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.bytes.len() - self.end < room {
                self.bytes.resize(self.end + room, 0);
            }
        }
        let read = transport.read(&mut self.bytes[self.end..][..room]);
        self.end += read.as_ref().unwrap_or(&0);
        read.is_ok()
    }

    /// Begins with bytes that were taken before.
    fn put(&mut self, bytes: &[u8]) {
        let room = self.bytes.len().max(bytes.len());
        self.bytes.resize(room, 0);
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }

    /// Takes what is left.
    fn take(&mut self) -> &[u8] {
        let left = &self.bytes[self.start..self.end];
        (self.start, self.end) = (0, 0);
        left
    }

    fn receive(&mut self, mut call: impl FnMut(u8, &[u8]) -> bool) {
        while let Some((header, len, key)) = head::<MASKED>(&self.bytes[self.start..self.end]) {
            let first = self.bytes[self.start];
            let from = self.start + header;
            let Some(payload) = self.bytes[..self.end].get_mut(from..from + len) else { return };
            if MASKED {
                xor(payload, key);
            }
            self.start = from + len;
            if !call(first, payload) {
                return;
            }
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
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

/// The same with messages that own their payload: split off the buffer, without a copy.
#[derive(Default)]
struct Owned<const MASKED: bool> {
    bytes: BytesMut,
}

impl<const MASKED: bool> Owned<MASKED> {
    fn fill(&mut self, transport: &mut Memory) {
        let room = room::<MASKED>(&self.bytes);
        self.bytes.reserve(room);
        // Into memory that is not zeroed before.
        let mut bytes = (&mut self.bytes).limit(room);
        memory::run(tokio::io::AsyncReadExt::read_buf(transport, &mut bytes)).unwrap();
    }

    fn receive(&mut self, mut call: impl FnMut(u8, Bytes) -> bool) {
        while let Some((header, len, key)) = head::<MASKED>(&self.bytes) {
            if self.bytes.len() < header + len {
                self.bytes.reserve(header + len - self.bytes.len());
                return;
            }
            let first = self.bytes[0];
            self.bytes.advance(header);
            let mut payload = self.bytes.split_to(len);
            if MASKED {
                xor(&mut payload, key);
            }
            if !call(first, payload.freeze()) {
                return;
            }
        }
    }
}

thread_local! {
    /// What is received and what is sent, of the connection that is being served.
    static BUFFERS: RefCell<(Lent<true>, Vec<u8>)> = RefCell::default();
}

/// How much is read at once.
const READ: usize = 64 << 10;

/// How much waits before it is written.
const WRITE: usize = 64 << 10;

/// From which size on a payload is not copied: below, that is cheaper than a reference.
const REFER: usize = 4 << 10;

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
