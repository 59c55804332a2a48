//! nexus-web, whose frame reader lends messages and whose frame writer fills a slice; the caller
//! reads, writes and keeps the output, and answers Pings and Close, which is left out here.

use bytes::{Buf, BufMut, Bytes};
use nexus_web::ws::{FrameReader, FrameWriter, Message, Role as TheirRole};

use crate::contestant::{Contestant, End, Role, Seen, Tuning};
use crate::machine::{Machine, machine, server};
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] =
    [Contestant { server: server::<Nexus>(), ..machine::<Nexus>("nexus-web", "lent", "slice") }];

struct Nexus {
    reader: FrameReader,
    writer: FrameWriter,
    /// What was encoded, up to `end`; the memory stays initialised.
    output: Vec<u8>,
    end: usize,
}

impl Machine for Nexus {
    fn new(role: Role, tuning: Tuning) -> Self {
        let role = role.pick(TheirRole::Client, TheirRole::Server);
        let reader = FrameReader::builder().role(role).buffer_capacity(tuning.capacity()).build();
        Self { reader, writer: FrameWriter::new(role), output: Vec::new(), end: 0 }
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

    fn receive(&mut self, most: usize, seen: &mut Seen) -> Result<usize, End> {
        let mut count = 0;
        while count < most
            && let Some(message) = self.reader.next()?
        {
            match message {
                Message::Binary(payload) => seen.take(Kind::Binary, payload),
                Message::Text(text) => seen.take(Kind::Text, text.as_bytes()),
                Message::Close(_) => return Err(End::Closed),
                Message::Ping(_) | Message::Pong(_) => continue,
            }
            count += 1;
        }
        Ok(count)
    }

    fn echo(&mut self) -> Result<(), End> {
        while let Some(message) = self.reader.next()? {
            let len = message.as_bytes().len();
            let room = room(&mut self.output, self.end, self.writer.max_encoded_len(len));
            self.end += match message {
                Message::Binary(payload) => self.writer.encode_binary(payload, room),
                Message::Text(text) => self.writer.encode_text(text.as_bytes(), room),
                Message::Close(_) => return Err(End::Closed),
                Message::Ping(_) | Message::Pong(_) => 0,
            };
        }
        Ok(())
    }

    fn send(&mut self, payload: &Bytes) -> bool {
        let has_room = self.end < WRITE;
        if has_room {
            let len = self.writer.max_encoded_len(payload.len());
            self.end += self.writer.encode_binary(payload, room(&mut self.output, self.end, len));
        }
        has_room
    }

    fn output(&mut self) -> Option<impl Buf + Send> {
        let end = core::mem::take(&mut self.end);
        (end > 0).then_some(&self.output[..end])
    }
}

/// Returns what follows what was encoded: at least so many bytes.
fn room(output: &mut Vec<u8>, end: usize, len: usize) -> &mut [u8] {
    if output.len() - end < len {
        output.resize((end + len).next_power_of_two(), 0);
    }
    &mut output[end..]
}

/// How much waits before it is written.
const WRITE: usize = 64 << 10;
