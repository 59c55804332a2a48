//! tungstenite, which blocks. Its write buffer gathers what is written until it is flushed; its
//! read buffer has the default of 128 KiB, which its documentation recommends for high load.

use core::future::poll_fn;
use core::task::Poll;
use std::io::ErrorKind;

use bytes::Bytes;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::contestant::{self, Contestant, End, Endpoint, Look, Role, Start, Tuning, endpoint};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    endpoint::<Socket>("tungstenite", "owned", "bytes"),
    Contestant {
        server: Some(Start::Blocking(|stream| drop(echo(stream)))),
        ..Contestant::new("tungstenite, blocking")
    },
];

struct Socket(WebSocket<Memory>);

impl Endpoint<Memory> for Socket {
    type Message = Message;

    fn open(memory: Memory, role: Role, tuning: Tuning) -> Self {
        Self(WebSocket::from_raw_socket(memory, their(role), Some(config(tuning))))
    }

    async fn next(&mut self) -> Result<Message, End> {
        let read = poll_fn(|_| match self.0.read() {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        });
        match read.await {
            Err(Error::ConnectionClosed) => Err(End::Closed),
            read => Ok(read?),
        }
    }

    fn look<'a>(&'a self, message: &'a Message) -> Look<'a> {
        contestant::Message::look(message)
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        Ok(self.0.write(message)?)
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(self.0.write(Message::Binary(payload.clone()))?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(self.0.flush()?)
    }
}

impl contestant::Message for Message {
    fn look(&self) -> Look<'_> {
        match self {
            Self::Binary(payload) => Ok(Some((Kind::Binary, payload))),
            Self::Text(text) => Ok(Some((Kind::Text, text.as_bytes()))),
            Self::Close(_) => Err(End::Closed),
            Self::Frame(_) | Self::Ping(_) | Self::Pong(_) => Ok(None),
        }
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
fn echo(stream: std::net::TcpStream) -> Result<(), Error> {
    let config = Some(config(Tuning::Speed));
    let mut socket = WebSocket::from_raw_socket(stream, TheirRole::Server, config);
    loop {
        let message = socket.read()?;
        if message.is_binary() || message.is_text() {
            socket.send(message)?;
        }
    }
}
