//! sockudo-ws, with SIMD and its fastest source of masks; Pings and deadlines are off, which others
//! do not have. Its protocol machine can be driven without its stream, too.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Message, Role as TheirRole, WebSocketStream,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::streams;
use crate::memory::{self, Memory};
use crate::peer::{
    Deflater, Echo, Peer, Receive, Receiver, Role, Sender, Server, Takeover, Task, Transmit, Tuning,
};
use crate::wire::Kind;

pub(super) struct SockudoWs;

impl Peer for SockudoWs {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        vec![
            Receiver::new("sockudo-ws", "owned", Socket(open(transport(), role))),
            Receiver::new("sockudo-ws, Protocol", "owned", Machine::new(transport(), role)),
        ]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        vec![Sender::new("sockudo-ws", "bytes", Socket(open(transport(), role)))]
    }

    fn deflaters(&self, transport: &dyn Fn() -> Memory, takeover: Takeover) -> Vec<Deflater> {
        let deflate = DeflateConfig {
            server_no_context_takeover: takeover == Takeover::Reset,
            client_no_context_takeover: takeover == Takeover::Reset,
            compression_level: 6,
            ..DeflateConfig::default()
        };
        let socket = CompressedWebSocketStream::server(transport(), config(), deflate);
        vec![Deflater::new("sockudo-ws", "level 6", Compressed(socket))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let socket = open(transport(), Role::Server);
        let mut machine = Machine::new(transport(), Role::Server);
        vec![
            Task::new("sockudo-ws", streams::gathered(socket, is_data)),
            Task::called("sockudo-ws, Protocol", move || machine.serve()),
        ]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("sockudo-ws", |stream, _| {
                drop(tokio::spawn(streams::plain(open(stream, Role::Server), is_data)));
            }),
            Server::tokio("sockudo-ws, gathered", |stream, _| {
                drop(tokio::spawn(streams::gathered(open(stream, Role::Server), is_data)));
            }),
        ]
    }
}

fn config() -> Config {
    Config::builder().auto_ping(false).ping_interval(0).idle_timeout(0).build()
}

fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: S, role: Role) -> WebSocketStream<S> {
    match role {
        Role::Client => WebSocketStream::client(stream, config()),
        Role::Server => WebSocketStream::server(stream, config()),
    }
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}

fn show(message: &Message, take: &mut impl FnMut(Kind, &[u8])) {
    match message {
        Message::Binary(payload) => take(Kind::Binary, payload),
        Message::Text(text) => take(Kind::Text, text),
        other @ (Message::Close(_) | Message::Ping(_) | Message::Pong(_)) => panic!("{other:?}"),
    }
}

struct Socket(WebSocketStream<Memory>);

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                show(&self.0.next().await.unwrap().unwrap(), &mut take);
            }
        });
    }
}

impl Transmit for Socket {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.0.feed(Message::Binary(payload.clone())).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

/// The machine with a buffer that is read into, and messages that wait.
struct Machine {
    transport: Memory,
    protocol: Protocol,
    input: BytesMut,
    messages: Vec<Message>,
    /// How many of `messages` have been shown.
    shown: usize,
}

impl Machine {
    fn new(transport: Memory, role: Role) -> Self {
        let role = match role {
            Role::Client => TheirRole::Client,
            Role::Server => TheirRole::Server,
        };
        let protocol = Protocol::new(role, 16 << 20, 16 << 20);
        Self { transport, protocol, input: BytesMut::new(), messages: Vec::new(), shown: 0 }
    }
}

impl Machine {
    /// Holds no buffers when there is nothing to read.
    fn serve(&mut self) {
        let mut output = BytesMut::new();
        self.input.reserve(READ);
        while self.transport.read_into(&mut self.input, READ).is_some() {
            self.protocol.process_into(&mut self.input, &mut self.messages).unwrap();
            for message in self.messages.drain(..) {
                self.protocol.encode_message(&message, &mut output).unwrap();
            }
        }
        let _ = self.transport.write(&output).unwrap();
        self.messages = Vec::new();
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }
}

impl Receive for Machine {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        let mut left = messages;
        while left > 0 {
            let waiting = &self.messages[self.shown..];
            let waiting = &waiting[..waiting.len().min(left)];
            waiting.iter().for_each(|message| show(message, &mut take));
            left -= waiting.len();
            self.shown += waiting.len();
            if left > 0 {
                self.messages.clear();
                self.shown = 0;
                self.input.reserve(READ);
                memory::run(self.transport.read_buf(&mut self.input)).unwrap();
                self.protocol.process_into(&mut self.input, &mut self.messages).unwrap();
            }
        }
    }
}

struct Compressed(CompressedWebSocketStream<Memory>);

impl Echo for Compressed {
    fn echo(&mut self, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                let message = self.0.next().await.unwrap().unwrap();
                assert!(message.is_text());
                self.0.feed(message).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

/// How much is read at once.
const READ: usize = 64 << 10;
