//! yawc, with SIMD validation (text is validated only if asked) and, for speed, buffers of 64 KiB,
//! which "can reduce reads for bursts of messages".

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use yawc::{CompressionLevel, DeflateOptions, Frame, OpCode, Options, WebSocket};

use crate::memory::{self, Memory};
use crate::peer::{
    Deflater, Echo, Peer, Receive, Receiver, Role, Sender, Server, Takeover, Task, Transmit, Tuning,
};
use crate::wire::Kind;

pub(super) struct Yawc;

impl Peer for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let socket = open(transport(), role, Tuning::Speed);
        vec![Receiver::new("yawc", "owned", Socket(socket))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, tuning: Tuning) -> Vec<Sender> {
        vec![Sender::new("yawc", "bytes", Socket(open(transport(), role, tuning)))]
    }

    fn deflaters(&self, transport: &dyn Fn() -> Memory, takeover: Takeover) -> Vec<Deflater> {
        let deflate =
            DeflateOptions { level: CompressionLevel::new(6), ..DeflateOptions::default() };
        let options = Options { compression: Some(deflate), ..options(Tuning::Speed) };
        let extensions = match takeover {
            Takeover::Keep => "permessage-deflate",
            Takeover::Reset => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            }
        };
        let extensions = Some(extensions);
        let role = yawc::Role::Server;
        let socket = WebSocket::from_stream_with_extensions(transport(), role, extensions, options);
        vec![Deflater::new("yawc", "level 6", Socket(socket.unwrap()))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        vec![Task::new("yawc", gathered(transport(), Tuning::Memory))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("yawc", |stream, tuning| drop(tokio::spawn(plain(stream, tuning)))),
            Server::tokio("yawc, gathered", |stream, tuning| {
                drop(tokio::spawn(gathered(stream, tuning)));
            }),
        ]
    }
}

fn options(tuning: Tuning) -> Options {
    let options = Options::default().with_limits(16 << 20, 32 << 20).with_utf8();
    match tuning {
        Tuning::Memory => options,
        Tuning::Speed => {
            options.with_read_buffer_capacity(64 << 10).with_write_buffer_capacity(64 << 10)
        }
    }
}

fn open<S>(stream: S, role: Role, tuning: Tuning) -> WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let role = match role {
        Role::Client => yawc::Role::Client,
        Role::Server => yawc::Role::Server,
    };
    WebSocket::from_stream(stream, role, options(tuning)).unwrap()
}

fn kind(frame: &Frame) -> Option<Kind> {
    match frame.opcode() {
        OpCode::Binary => Some(Kind::Binary),
        OpCode::Text => Some(Kind::Text),
        OpCode::Close | OpCode::Continuation | OpCode::Ping | OpCode::Pong => None,
    }
}

struct Socket(WebSocket<Memory>);

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                let frame = self.0.next_frame().await.unwrap();
                take(kind(&frame).unwrap(), frame.payload());
            }
        });
    }
}

impl Transmit for Socket {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.0.feed(Frame::binary(payload.clone())).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

impl Echo for Socket {
    fn echo(&mut self, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                let frame = self.0.next_frame().await.unwrap();
                self.0.feed(Frame::text(frame.into_payload())).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}

/// Its stream has frames and no errors, so that the common loops do not fit.
async fn plain(stream: TcpStream, tuning: Tuning) {
    let mut socket = open(stream, Role::Server, tuning);
    while let Ok(frame) = socket.next_frame().await {
        if kind(&frame).is_some() && socket.send(frame).await.is_err() {
            return;
        }
    }
}

async fn gathered<S: AsyncRead + AsyncWrite + Unpin>(stream: S, tuning: Tuning) {
    use futures_util::FutureExt;
    let mut socket = open(stream, Role::Server, tuning);
    loop {
        let next = socket.next_frame().now_or_never();
        let next = match next {
            Some(next) => next,
            None => {
                if socket.flush().await.is_err() {
                    return;
                }
                socket.next_frame().await
            }
        };
        let Ok(frame) = next else { return };
        if kind(&frame).is_some() && socket.feed(frame).await.is_err() {
            return;
        }
    }
}
