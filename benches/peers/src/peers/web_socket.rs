//! web-socket, which reads and writes its stream in small pieces and leaves buffers to its user: it
//! has tokio's, of 64 KiB, as its own benchmark has. It neither puts fragments together nor
//! validates text; this adapter does, as an application must.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use web_socket::{DataType, Event, MessageType, Stream};

use crate::memory::{self, Memory};
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct WebSocket;

impl Peer for WebSocket {
    fn name(&self) -> &'static str {
        "web-socket"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let stream = BufReader::with_capacity(BUF, transport());
        vec![Receiver::new("web-socket", "owned", Socket::new(stream, role))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        let stream = BufWriter::with_capacity(BUF, transport());
        vec![Sender::new("web-socket", "slice", Socket::new(stream, role))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        vec![Task::new("web-socket", gathered(transport(), buf(Tuning::Memory)))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("web-socket", |stream, tuning| {
                drop(tokio::spawn(echo(BufReader::with_capacity(buf(tuning), stream))));
            }),
            Server::tokio("web-socket, gathered", |stream, tuning| {
                drop(tokio::spawn(gathered(stream, buf(tuning))));
            }),
        ]
    }
}

const fn buf(tuning: Tuning) -> usize {
    match tuning {
        Tuning::Memory => 8 << 10,
        Tuning::Speed => BUF,
    }
}

struct Socket<S> {
    socket: web_socket::WebSocket<S>,
    fragments: Vec<u8>,
}

impl<S> Socket<S> {
    fn new(stream: S, role: Role) -> Self {
        let socket = match role {
            Role::Client => web_socket::WebSocket::client(stream),
            Role::Server => web_socket::WebSocket::server(stream),
        };
        Self { socket, fragments: Vec::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Returns the next message.
    async fn next(&mut self) -> Option<(MessageType, Box<[u8]>)> {
        loop {
            match self.socket.recv().await.ok()? {
                Event::Data { ty: DataType::Complete(kind), data } => {
                    return is_valid(kind, &data).then_some((kind, data));
                }
                Event::Data { ty: DataType::Stream(stream), data } => {
                    self.fragments.extend_from_slice(&data);
                    if let Stream::End(kind) = stream {
                        let data = core::mem::take(&mut self.fragments).into_boxed_slice();
                        return is_valid(kind, &data).then_some((kind, data));
                    }
                }
                Event::Ping(data) => self.socket.send_pong(data).await.ok()?,
                Event::Pong(_) => {}
                Event::Close { .. } | Event::Error(_) => return None,
            }
        }
    }

    async fn send(&mut self, kind: MessageType, payload: &[u8]) -> std::io::Result<()> {
        match kind {
            MessageType::Binary => self.socket.send(payload).await,
            MessageType::Text => match core::str::from_utf8(payload) {
                Ok(text) => self.socket.send(text).await,
                Err(_) => Err(std::io::ErrorKind::InvalidData.into()),
            },
        }
    }
}

fn is_valid(kind: MessageType, data: &[u8]) -> bool {
    kind.is_binary() || simdutf8::basic::from_utf8(data).is_ok()
}

impl Receive for Socket<BufReader<Memory>> {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                let (kind, data) = self.next().await.unwrap();
                let kind = if kind.is_text() { Kind::Text } else { Kind::Binary };
                take(kind, &data);
            }
        });
    }
}

impl Transmit for Socket<BufWriter<Memory>> {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.socket.send(&payload[..]).await.unwrap();
            }
            self.socket.stream.flush().await.unwrap();
        });
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut socket = Socket::new(stream, Role::Server);
    while let Some((kind, data)) = socket.next().await {
        if socket.send(kind, &data).await.is_err() {
            return;
        }
    }
}

/// Flushes when the read buffer is empty.
async fn gathered<S: AsyncRead + AsyncWrite + Unpin>(stream: S, capacity: usize) {
    let stream = BufReader::with_capacity(capacity, BufWriter::with_capacity(capacity, stream));
    let mut socket = Socket::new(stream, Role::Server);
    while let Some((kind, data)) = socket.next().await {
        if socket.send(kind, &data).await.is_err() {
            return;
        }
        if socket.socket.stream.buffer().is_empty() && socket.socket.stream.flush().await.is_err() {
            return;
        }
    }
}

const BUF: usize = 64 << 10;
