//! tokio-websockets, with its fastest source of masks; SIMD is always on. What is fed waits up to
//! 64 KiB, for which its documentation leaves the choice. It flushes whenever it is asked for a
//! message, so that to gather replies one has to gather messages first.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};

use super::streams;
use crate::memory::{self, Memory};
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct TokioWebSockets;

impl Peer for TokioWebSockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        vec![Receiver::new("tokio-websockets", "owned", Socket(open(transport(), role)))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, _: Tuning) -> Vec<Sender> {
        vec![Sender::new("tokio-websockets", "bytes", Socket(open(transport(), role)))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let socket = open(transport(), Role::Server);
        vec![Task::new("tokio-websockets", streams::batched(socket, is_data))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("tokio-websockets", |stream, _| {
                drop(tokio::spawn(streams::plain(open(stream, Role::Server), is_data)));
            }),
            Server::tokio("tokio-websockets, gathered", |stream, _| {
                drop(tokio::spawn(streams::batched(open(stream, Role::Server), is_data)));
            }),
        ]
    }
}

fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: S, role: Role) -> WebSocketStream<S> {
    let config = Config::default().flush_threshold(64 << 10);
    match role {
        Role::Client => ClientBuilder::new().config(config).take_over(stream),
        Role::Server => ServerBuilder::new().config(config).serve(stream),
    }
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}

struct Socket(WebSocketStream<Memory>);

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                let message = self.0.next().await.unwrap().unwrap();
                let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
                assert!(is_data(&message));
                take(kind, message.as_payload());
            }
        });
    }
}

impl Transmit for Socket {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        memory::run(async {
            for _ in 0..messages {
                self.0.feed(Message::binary(payload.clone())).await.unwrap();
            }
            self.0.flush().await.unwrap();
        });
    }
}
