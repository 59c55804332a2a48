//! web-socket, which reads and writes its stream in small pieces and leaves buffers to its user: it
//! has tokio's, of 64 KiB, as its own benchmark has. It neither puts fragments together nor
//! validates text; this adapter does, as an application must. To gather, it is flushed when the
//! read buffer is empty.

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;
use web_socket::{DataType, Event, MessageType, WebSocket};

use crate::contestant::{
    Contestant, End, Endpoint, Look, Role, Transport, Tuning, endpoint, flushing, gathering,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("web-socket", "owned", "slice")
    },
    gathering::<Socket<TcpStream>>("web-socket, gathered"),
];

struct Socket<S> {
    socket: WebSocket<BufReader<BufWriter<S>>>,
    fragments: Vec<u8>,
    validates: bool,
}

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = (MessageType, Box<[u8]>);

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let stream = BufWriter::with_capacity(tuning.capacity(), stream);
        let stream = BufReader::with_capacity(tuning.capacity(), stream);
        let socket = role.pick(WebSocket::client as fn(_) -> _, WebSocket::server)(stream);
        Self { socket, fragments: Vec::new(), validates: tuning != Tuning::Bare }
    }

    async fn next(&mut self) -> Result<Self::Message, End> {
        let (kind, data) = loop {
            match self.socket.recv().await? {
                Event::Data { ty: DataType::Complete(kind), data } => break (kind, data),
                Event::Data { ty: DataType::Stream(stream), data } => {
                    self.fragments.extend_from_slice(&data);
                    if let web_socket::Stream::End(kind) = stream {
                        break (kind, core::mem::take(&mut self.fragments).into_boxed_slice());
                    }
                }
                Event::Ping(data) => self.socket.send_pong(data).await?,
                Event::Pong(_) => {}
                Event::Close { .. } => return Err(End::Closed),
                Event::Error(_) => return Err(End::Failed),
            }
        };
        if self.validates && kind.is_text() {
            simdutf8::basic::from_utf8(&data)?;
        }
        Ok((kind, data))
    }

    async fn ready(&mut self) -> Option<Result<Self::Message, End>> {
        if self.socket.stream.buffer().is_empty() { None } else { Some(self.message().await) }
    }

    fn look<'a>(&'a self, (kind, data): &'a Self::Message) -> Look<'a> {
        Ok(Some((Kind::text_if(kind.is_text()), data)))
    }

    async fn feed(&mut self, (kind, data): Self::Message) -> Result<(), End> {
        match kind {
            MessageType::Binary => self.socket.send(&data[..]).await?,
            MessageType::Text => self.socket.send(core::str::from_utf8(&data)?).await?,
        }
        Ok(())
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(self.socket.send(&payload[..]).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(self.socket.stream.flush().await?)
    }
}
