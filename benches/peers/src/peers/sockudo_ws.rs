//! sockudo-ws, with SIMD and its fastest source of masks; Pings and deadlines, which others do not
//! have, are off. Its protocol machine can be driven without its stream, too.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Message, Role as TheirRole, WebSocketStream,
};
use tokio::net::TcpStream;

use crate::contestant::{
    self, Contestant, End, Look, Open, Role, Seen, Takeover, Task, Transport, Tuning, endpoint,
    flushing, gathered, gathering,
};
use crate::machine::{Machine, machine, server};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 3] = [
    Contestant {
        deflate: Some(deflating),
        server: flushing::<WebSocketStream<TcpStream>>(),
        ..endpoint::<WebSocketStream<Memory>>("sockudo-ws", "owned", "bytes")
    },
    gathering::<WebSocketStream<TcpStream>>("sockudo-ws, gathered"),
    Contestant {
        server: server::<Bare>(),
        ..machine::<Bare>("sockudo-ws, Protocol", "owned", "bytes")
    },
];

fn config() -> Config {
    Config::builder().auto_ping(false).ping_interval(0).idle_timeout(0).build()
}

impl<S: Transport> Open<S> for WebSocketStream<S> {
    fn open(stream: S, role: Role, _: Tuning) -> Self {
        role.pick(Self::client as fn(_, _) -> _, Self::server)(stream, config())
    }
}

impl contestant::Message for Message {
    fn look(&self) -> Look<'_> {
        match self {
            Self::Binary(payload) => Ok(Some((Kind::Binary, payload))),
            Self::Text(text) => Ok(Some((Kind::Text, text))),
            Self::Close(_) => Err(End::Closed),
            Self::Ping(_) | Self::Pong(_) => Ok(None),
        }
    }

    fn binary(payload: Bytes) -> Self {
        Self::Binary(payload)
    }
}

impl Open<Memory> for CompressedWebSocketStream<Memory> {
    fn open(_: Memory, _: Role, _: Tuning) -> Self {
        unimplemented!()
    }
}

fn deflating(memory: Memory, takeover: Takeover) -> Task {
    let deflate = DeflateConfig {
        server_no_context_takeover: takeover == Takeover::Reset,
        client_no_context_takeover: takeover == Takeover::Reset,
        compression_level: 6,
        ..DeflateConfig::default()
    };
    Box::pin(gathered(CompressedWebSocketStream::server(memory, config(), deflate)))
}

/// The machine with its buffers, and messages that wait.
struct Bare {
    protocol: Protocol,
    input: BytesMut,
    output: BytesMut,
    messages: Vec<Message>,
    /// How many of `messages` have been shown.
    shown: usize,
}

impl Bare {
    fn process(&mut self) -> Result<(), End> {
        self.messages.clear();
        self.shown = 0;
        Ok(self.protocol.process_into(&mut self.input, &mut self.messages)?)
    }
}

impl Machine for Bare {
    fn new(role: Role, _: Tuning) -> Self {
        let role = role.pick(TheirRole::Client, TheirRole::Server);
        let protocol = Protocol::new(role, 16 << 20, 16 << 20);
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self { protocol, input, output, messages: Vec::new(), shown: 0 }
    }

    fn input(&mut self) -> impl BufMut + Send {
        self.input.reserve(READ);
        &mut self.input
    }

    fn receive(&mut self, most: usize, seen: &mut Seen) -> Result<usize, End> {
        if self.shown == self.messages.len() {
            self.process()?;
        }
        let mut count = 0;
        while count < most
            && let Some(message) = self.messages.get(self.shown)
        {
            self.shown += 1;
            if let Some((kind, payload)) = contestant::Message::look(message)? {
                seen.take(kind, payload);
                count += 1;
            }
        }
        Ok(count)
    }

    fn echo(&mut self) -> Result<(), End> {
        self.process()?;
        for message in self.messages.drain(..) {
            self.protocol.encode_message(&message, &mut self.output)?;
        }
        Ok(())
    }

    fn send(&mut self, payload: &Bytes) -> bool {
        let message = Message::Binary(payload.clone());
        self.output.len() < WRITE
            && self.protocol.encode_message(&message, &mut self.output).is_ok()
    }

    fn output(&mut self) -> Option<impl Buf + Send> {
        (!self.output.is_empty()).then_some(&mut self.output)
    }

    fn idle(&mut self) {
        (self.messages, self.output) = (Vec::new(), BytesMut::new());
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }
}

/// How much is read at once, and how much waits before it is written.
const READ: usize = 64 << 10;
const WRITE: usize = 64 << 10;
