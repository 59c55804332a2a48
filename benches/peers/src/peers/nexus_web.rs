//! nexus-web, whose frame reader lends messages and whose frame writer fills a slice; the caller
//! reads, writes and keeps the output, and answers Pings and Close, which is left out here.

use bytes::{Buf, BufMut, Bytes};
use nexus_web::ws::{FrameReader, FrameWriter, Message, Role as TheirRole};

use crate::contestant::{Contestant, End, Role, Tuning};
use crate::machine::{Machine, machine, server};
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] =
    [Contestant { server: server::<Nexus>(), ..machine::<Nexus>("nexus-web", "lent", "slice") }];

struct Nexus {
    reader: FrameReader,
    writer: FrameWriter,
    output: Output,
}

/// What was encoded; the memory stays initialised.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    end: usize,
}

impl Output {
    /// Returns room for so many bytes, of which `put` takes some.
    fn put(&mut self, room: usize, put: impl FnOnce(&mut [u8]) -> usize) {
        if self.bytes.len() - self.end < room {
            self.bytes.resize((self.end + room).next_power_of_two(), 0);
        }
        self.end += put(&mut self.bytes[self.end..]);
    }
}

impl Machine for Nexus {
    fn new(role: Role, tuning: Tuning) -> Self {
        let role = role.pick(TheirRole::Client, TheirRole::Server);
        let capacity = if tuning == Tuning::Memory { 8 << 10 } else { 64 << 10 };
        let reader = FrameReader::builder().role(role).buffer_capacity(capacity).build();
        Self { reader, writer: FrameWriter::new(role), output: Output::default() }
    }

    fn input(&mut self) -> impl BufMut + Send {
        if self.reader.should_compact() || self.reader.spare().is_empty() {
            self.reader.compact();
        }
        self.reader.spare()
    }

    fn filled(&mut self, len: usize) {
        self.reader.filled(len);
    }

    fn receive(&mut self, most: usize, mut take: impl FnMut(Kind, &[u8])) -> Result<usize, End> {
        let mut count = 0;
        while count < most
            && let Some(message) = self.reader.next().map_err(|_| End::Failed)?
        {
            match message {
                Message::Binary(payload) => take(Kind::Binary, payload),
                Message::Text(text) => take(Kind::Text, text.as_bytes()),
                Message::Close(_) => return Err(End::Closed),
                Message::Ping(_) | Message::Pong(_) => continue,
            }
            count += 1;
        }
        Ok(count)
    }

    fn echo(&mut self) -> Result<usize, End> {
        let Self { reader, writer, output } = self;
        let mut count = 0;
        while let Some(message) = reader.next().map_err(|_| End::Failed)? {
            let room = writer.max_encoded_len(message.as_bytes().len());
            match message {
                Message::Binary(payload) => {
                    output.put(room, |room| writer.encode_binary(payload, room));
                }
                Message::Text(text) => {
                    output.put(room, |room| writer.encode_text(text.as_bytes(), room));
                }
                Message::Close(_) => return Err(End::Closed),
                Message::Ping(_) | Message::Pong(_) => {}
            }
            count += 1;
        }
        Ok(count)
    }

    fn send(&mut self, payload: &Bytes) -> bool {
        if self.output.end >= WRITE {
            return false;
        }
        let room = self.writer.max_encoded_len(payload.len());
        self.output.put(room, |room| self.writer.encode_binary(payload, room));
        true
    }

    fn output(&mut self) -> Option<impl Buf + Send> {
        let output = &self.output.bytes[..self.output.end];
        (!output.is_empty()).then_some(output)
    }

    fn written(&mut self, _: usize) {
        self.output.end = 0;
    }
}

/// How much waits before it is written.
const WRITE: usize = 64 << 10;
