//! tungstenite, which blocks. Its write buffer gathers what is written until it is flushed; its
//! read buffer has the default of 128 KiB, which its documentation recommends for high load.

use core::future::poll_fn;
use core::task::Poll;

use bytes::Bytes;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::contestant::{Contestant, Data, End, Endpoint, Role, Start, Tuning, endpoint};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    endpoint::<Socket>("tungstenite", "owned", "bytes"),
    Contestant { server: Some(Start::Blocking(echo)), ..Contestant::new("tungstenite, blocking") },
];

struct Socket(WebSocket<Memory>);

impl Endpoint<Memory> for Socket {
    type Message = Message;

    fn open(memory: Memory, role: Role, tuning: Tuning) -> Self {
        Self(WebSocket::from_raw_socket(memory, their(role), Some(config(tuning))))
    }

    async fn next(&mut self) -> Result<Message, End> {
        poll_fn(|_| {
            loop {
                return match self.0.read() {
                    Ok(message) if message.data().is_some() => Poll::Ready(Ok(message)),
                    Ok(message) if !message.is_close() => continue,
                    Ok(_) | Err(Error::ConnectionClosed) => Poll::Ready(Err(End::Closed)),
                    Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        Poll::Pending
                    }
                    Err(_) => Poll::Ready(Err(End::Failed)),
                };
            }
        })
        .await
    }

    fn show<'a>(&'a self, message: &'a Message) -> (Kind, &'a [u8]) {
        message.data().unwrap()
    }

    async fn feed(&mut self, message: Message) -> Option<()> {
        self.0.write(message).ok()
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.0.write(Message::Binary(payload.clone())).ok()
    }

    async fn flush(&mut self) -> Option<()> {
        self.0.flush().ok()
    }
}

impl Data for Message {
    fn data(&self) -> Option<(Kind, &[u8])> {
        match self {
            Self::Binary(payload) => Some((Kind::Binary, payload)),
            Self::Text(text) => Some((Kind::Text, text.as_bytes())),
            Self::Close(_) | Self::Frame(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }

    fn is_close(&self) -> bool {
        self.is_close()
    }

    fn binary(payload: Bytes) -> Self {
        Self::Binary(payload)
    }
}

pub(super) fn their(role: Role) -> TheirRole {
    role.pick(TheirRole::Client, TheirRole::Server)
}

pub(super) fn config(tuning: Tuning) -> WebSocketConfig {
    let config = WebSocketConfig::default();
    match tuning {
        // "For scenarios where you expect a lot of connections [...] e.g. 4 KiB"
        Tuning::Memory => config.read_buffer_size(4 << 10),
        Tuning::Bare | Tuning::Speed => config,
    }
}

/// A blocking read cannot tell that it is about to wait: each reply is flushed.
fn echo(stream: std::net::TcpStream) {
    let config = Some(config(Tuning::Speed));
    let mut socket = WebSocket::from_raw_socket(stream, TheirRole::Server, config);
    while let Ok(message) = socket.read() {
        if message.data().is_some() && socket.send(message).is_err() {
            return;
        }
    }
}
