//! tungstenite, which blocks. Its write buffer gathers what is written until it is flushed; its
//! read buffer has the default of 128 KiB, which its documentation recommends for high load.

use bytes::Bytes;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::memory::Memory;
use crate::peer::{Peer, Receive, Receiver, Role, Sender, Server, Task, Transmit, Tuning};
use crate::wire::Kind;

pub(super) struct Tungstenite;

impl Peer for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn receivers(&self, transport: &dyn Fn() -> Memory, role: Role) -> Vec<Receiver> {
        let config = Some(config(Tuning::Speed));
        let socket = WebSocket::from_raw_socket(transport(), their(role), config);
        vec![Receiver::new("tungstenite", "owned", Socket(socket))]
    }

    fn senders(&self, transport: &dyn Fn() -> Memory, role: Role, tuning: Tuning) -> Vec<Sender> {
        let socket = WebSocket::from_raw_socket(transport(), their(role), Some(config(tuning)));
        vec![Sender::new("tungstenite", "bytes", Socket(socket))]
    }

    fn tasks(&self, transport: &dyn Fn() -> Memory) -> Vec<Task> {
        let config = Some(config(Tuning::Memory));
        let mut socket = WebSocket::from_raw_socket(transport(), TheirRole::Server, config);
        let serve = move || {
            while let Some(message) = would_block(socket.read()) {
                socket.write(message).unwrap();
            }
            socket.flush().unwrap();
        };
        vec![Task::called("tungstenite", serve)]
    }

    fn servers(&self) -> Vec<Server> {
        vec![Server::blocking("tungstenite, blocking", echo)]
    }
}

pub(super) const fn their(role: Role) -> TheirRole {
    match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    }
}

pub(super) fn config(tuning: Tuning) -> WebSocketConfig {
    let config = WebSocketConfig::default();
    match tuning {
        // "For scenarios where you expect a lot of connections [...] e.g. 4 KiB"
        Tuning::Memory => config.read_buffer_size(4 << 10),
        Tuning::Speed => config,
    }
}

/// Returns `None` when there is nothing to read.
fn would_block(read: Result<Message, Error>) -> Option<Message> {
    match read {
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        read => Some(read.unwrap()),
    }
}

struct Socket(WebSocket<Memory>);

impl Receive for Socket {
    fn receive(&mut self, messages: usize, mut take: impl FnMut(Kind, &[u8])) {
        for _ in 0..messages {
            match self.0.read().unwrap() {
                Message::Binary(payload) => take(Kind::Binary, &payload),
                Message::Text(text) => take(Kind::Text, text.as_bytes()),
                other @ (Message::Close(_)
                | Message::Frame(_)
                | Message::Ping(_)
                | Message::Pong(_)) => panic!("{other:?}"),
            }
        }
    }
}

impl Transmit for Socket {
    fn send(&mut self, payload: &Bytes, messages: usize) {
        for _ in 0..messages {
            self.0.write(Message::Binary(payload.clone())).unwrap();
        }
        self.0.flush().unwrap();
    }
}

fn echo(stream: std::net::TcpStream) {
    let config = Some(config(Tuning::Speed));
    let mut socket = WebSocket::from_raw_socket(stream, TheirRole::Server, config);
    while let Ok(message) = socket.read() {
        if (message.is_binary() || message.is_text()) && socket.send(message).is_err() {
            return;
        }
    }
}
