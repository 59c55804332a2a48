//! tokio-tungstenite, with the settings of tungstenite.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as TheirRole;

use super::streams;
use super::tungstenite::{config, their};
use crate::memory::{self, Memory};
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct TokioTungstenite;

impl Peer for TokioTungstenite {
    fn name(&self) -> &'static str {
        "tokio-tungstenite"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let socket = memory::run(open(transport(), their(role), Tuning::Speed));
        vec![Receiver::new("tokio-tungstenite", "owned", Socket(socket))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, tuning: Tuning) -> Vec<Sender> {
        let socket = memory::run(open(transport(), their(role), tuning));
        vec![Sender::new("tokio-tungstenite", "bytes", Socket(socket))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let socket = memory::run(open(transport(), TheirRole::Server, Tuning::Memory));
        vec![Task::new("tokio-tungstenite", streams::gathered(socket, is_data))]
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server::tokio("tokio-tungstenite", |stream, tuning| {
                drop(tokio::spawn(async move {
                    streams::plain(server(stream, tuning).await, is_data).await;
                }));
            }),
            Server::tokio("tokio-tungstenite, gathered", |stream, tuning| {
                drop(tokio::spawn(async move {
                    streams::gathered(server(stream, tuning).await, is_data).await;
                }));
            }),
        ]
    }
}

async fn open<S>(stream: S, role: TheirRole, tuning: Tuning) -> WebSocketStream<S>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    WebSocketStream::from_raw_socket(stream, role, Some(config(tuning))).await
}

async fn server(stream: TcpStream, tuning: Tuning) -> WebSocketStream<TcpStream> {
    open(stream, TheirRole::Server, tuning).await
}

fn is_data(message: &Message) -> bool {
    message.is_binary() || message.is_text()
}

struct Socket(WebSocketStream<Memory>);

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        memory::run(async {
            for _ in 0..messages {
                match self.0.next().await.unwrap().unwrap() {
                    Message::Binary(payload) => take(Kind::Binary, &payload),
                    Message::Text(text) => take(Kind::Text, text.as_bytes()),
                    other @ (Message::Close(_)
                    | Message::Frame(_)
                    | Message::Ping(_)
                    | Message::Pong(_)) => panic!("{other:?}"),
                }
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
