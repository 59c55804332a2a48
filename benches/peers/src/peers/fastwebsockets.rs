//! fastwebsockets, with vectored writes and SIMD validation, as by default. Its reads cannot be
//! cancelled, so that nobody can know when it is about to wait: each reply is a write.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::memory::{self, Memory};
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct FastWebSockets;

impl Peer for FastWebSockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        vec![Receiver::new("fastwebsockets", "owned", open(transport(), role))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        vec![Sender::new("fastwebsockets", "slice", open(transport(), role))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        vec![Task::new("fastwebsockets", echo(transport()))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![Server::tokio("fastwebsockets", |stream, _| drop(tokio::spawn(echo(stream))))]
    }
}

struct Socket(FragmentCollector<Memory>);

fn open(transport: Memory, role: Role) -> Socket {
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    Socket(FragmentCollector::new(WebSocket::after_handshake(transport, role)))
}

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                let frame = self.0.read_frame().await.unwrap();
                let kind = match frame.opcode {
                    OpCode::Binary => Kind::Binary,
                    OpCode::Text => Kind::Text,
                    other
                    @ (OpCode::Close | OpCode::Continuation | OpCode::Ping | OpCode::Pong) => {
                        panic!("{other:?}")
                    }
                };
                take(kind, &frame.payload);
            }
        });
    }
}

impl Transmit for Socket {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                let frame = Frame::binary(Payload::Borrowed(payload));
                self.0.write_frame(frame).await.unwrap();
            }
        });
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let socket = WebSocket::after_handshake(stream, TheirRole::Server);
    let mut socket = FragmentCollector::new(socket);
    while let Ok(frame) = socket.read_frame().await {
        if matches!(frame.opcode, OpCode::Binary | OpCode::Text)
            && socket.write_frame(frame).await.is_err()
        {
            return;
        }
    }
}
