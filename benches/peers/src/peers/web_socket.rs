//! web-socket, which reads and writes its stream in small pieces and leaves buffers to its user: it
//! has tokio's, of 64 KiB, as its own benchmark has. It neither puts fragments together nor
//! validates text; this adapter does, as an application must. To gather, it is flushed when the
//! read buffer is empty.

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;
use web_socket::{DataType, Event, MessageType, WebSocket};

use crate::contestant::{
    Contestant, End, Endpoint, Role, Start, Transport, Tuning, endpoint, flushing,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        task: Some(|memory| Box::pin(gathered(memory, Tuning::Memory))),
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("web-socket", "owned", "slice")
    },
    Contestant {
        server: Some(Start::Tokio(|stream, tuning| drop(tokio::spawn(gathered(stream, tuning))))),
        ..Contestant::new("web-socket, gathered")
    },
];

struct Socket<S> {
    socket: WebSocket<BufReader<BufWriter<S>>>,
    fragments: Vec<u8>,
    validates: bool,
}

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = (MessageType, Box<[u8]>);

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let capacity = if tuning == Tuning::Memory { 8 << 10 } else { 64 << 10 };
        let stream = BufReader::with_capacity(capacity, BufWriter::with_capacity(capacity, stream));
        let socket = match role {
            Role::Client => WebSocket::client(stream),
            Role::Server => WebSocket::server(stream),
        };
        Self { socket, fragments: Vec::new(), validates: tuning != Tuning::Bare }
    }

    async fn next(&mut self) -> Result<Self::Message, End> {
        let (kind, data) = loop {
            match self.socket.recv().await.map_err(|_| End::Failed)? {
                Event::Data { ty: DataType::Complete(kind), data } => break (kind, data),
                Event::Data { ty: DataType::Stream(stream), data } => {
                    self.fragments.extend_from_slice(&data);
                    if let web_socket::Stream::End(kind) = stream {
                        break (kind, core::mem::take(&mut self.fragments).into_boxed_slice());
                    }
                }
                Event::Ping(data) => {
                    self.socket.send_pong(data).await.map_err(|_| End::Failed)?;
                }
                Event::Pong(_) => {}
                Event::Close { .. } => return Err(End::Closed),
                Event::Error(_) => return Err(End::Failed),
            }
        };
        if self.validates && kind.is_text() && simdutf8::basic::from_utf8(&data).is_err() {
            return Err(End::Failed);
        }
        Ok((kind, data))
    }

    fn show<'a>(&'a self, (kind, data): &'a Self::Message) -> (Kind, &'a [u8]) {
        (Kind::text_if(kind.is_text()), data)
    }

    async fn feed(&mut self, (kind, data): Self::Message) -> Option<()> {
        match kind {
            MessageType::Binary => self.socket.send(&data[..]).await.ok(),
            MessageType::Text => self.socket.send(core::str::from_utf8(&data).ok()?).await.ok(),
        }
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.socket.send(&payload[..]).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        self.socket.stream.flush().await.ok()
    }
}

async fn gathered<S: Transport>(stream: S, tuning: Tuning) {
    let mut socket = Socket::open(stream, Role::Server, tuning);
    while let Ok(message) = socket.next().await {
        if socket.feed(message).await.is_none() {
            return;
        }
        if socket.socket.stream.buffer().is_empty() && socket.flush().await.is_none() {
            return;
        }
    }
}
