//! sockudo-ws, with SIMD and its fastest source of masks; Pings and deadlines, which others do not
//! have, are off. Its protocol machine can be driven without its stream, too.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Message, Role as TheirRole, WebSocketStream,
};
use tokio::net::TcpStream;

use crate::contestant::{
    Contestant, Data, End, Open, Over, Role, Sinking, Takeover, Transport, Tuning, endpoint,
    flushing, gathering,
};
use crate::machine::{Machine, machine, server};
use crate::memory::Memory;
use crate::wire::Kind;

type Socket<S> = Sinking<WebSocketStream<S>>;

pub(super) static ROWS: [Contestant; 3] = [
    Contestant {
        deflate: Some(|memory, takeover| Box::new(Over(deflating(memory, takeover)))),
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("sockudo-ws", "owned", "bytes")
    },
    gathering::<Socket<TcpStream>>("sockudo-ws, gathered"),
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
        match role {
            Role::Client => Self::client(stream, config()),
            Role::Server => Self::server(stream, config()),
        }
    }
}

impl Data for Message {
    fn data(&self) -> Option<(Kind, &[u8])> {
        match self {
            Self::Binary(payload) => Some((Kind::Binary, payload)),
            Self::Text(text) => Some((Kind::Text, text)),
            Self::Close(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }

    fn is_close(&self) -> bool {
        self.is_close()
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

fn deflating(memory: Memory, takeover: Takeover) -> Sinking<CompressedWebSocketStream<Memory>> {
    let deflate = DeflateConfig {
        server_no_context_takeover: takeover == Takeover::Reset,
        client_no_context_takeover: takeover == Takeover::Reset,
        compression_level: 6,
        ..DeflateConfig::default()
    };
    Sinking(CompressedWebSocketStream::server(memory, config(), deflate))
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
        self.protocol.process_into(&mut self.input, &mut self.messages).map_err(|_| End::Failed)
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

    fn receive(&mut self, most: usize, mut take: impl FnMut(Kind, &[u8])) -> Result<usize, End> {
        if self.shown == self.messages.len() {
            self.process()?;
        }
        let mut count = 0;
        for message in &self.messages[self.shown..] {
            if count == most {
                break;
            }
            self.shown += 1;
            match message.data() {
                Some((kind, payload)) => {
                    take(kind, payload);
                    count += 1;
                }
                None if message.is_close() => return Err(End::Closed),
                None => {}
            }
        }
        Ok(count)
    }

    fn echo(&mut self) -> Result<usize, End> {
        self.process()?;
        let count = self.messages.len();
        for message in self.messages.drain(..) {
            self.protocol.encode_message(&message, &mut self.output).map_err(|_| End::Failed)?;
        }
        Ok(count)
    }

    fn send(&mut self, payload: &Bytes) -> bool {
        let message = Message::Binary(payload.clone());
        self.output.len() < WRITE
            && self.protocol.encode_message(&message, &mut self.output).is_ok()
    }

    fn output(&mut self) -> Option<impl Buf + Send> {
        (!self.output.is_empty()).then_some(&mut self.output)
    }

    fn written(&mut self, _: usize) {
        // Its memory can be used again.
        self.output.clear();
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
