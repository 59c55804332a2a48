//! yawc, with SIMD validation (text is validated only if asked) and, for speed, buffers of 64 KiB,
//! which "can reduce reads for bursts of messages".

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::net::TcpStream;
use yawc::{
    CompressionLevel, DeflateOptions, Frame, OpCode, Options, Role as TheirRole, WebSocket,
};

use crate::contestant::{
    Contestant, End, Endpoint, Look, Role, Takeover, Task, Transport, Tuning, endpoint, flushing,
    gathered, gathering,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        deflate: Some(deflating),
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("yawc", "owned", "bytes")
    },
    gathering::<Socket<TcpStream>>("yawc, gathered"),
];

struct Socket<S>(WebSocket<S>);

fn options(tuning: Tuning) -> Options {
    let options = Options::default().with_limits(16 << 20, 32 << 20).with_utf8();
    match tuning {
        Tuning::Memory => options,
        Tuning::Bare | Tuning::Speed => {
            options.with_read_buffer_capacity(64 << 10).with_write_buffer_capacity(64 << 10)
        }
    }
}

fn deflating(memory: Memory, takeover: Takeover) -> Task {
    let deflate = DeflateOptions { level: CompressionLevel::new(6), ..DeflateOptions::default() };
    let options = Options { compression: Some(deflate), ..options(Tuning::Speed) };
    let extensions = Some(match takeover {
        Takeover::Keep => "permessage-deflate",
        Takeover::Reset => {
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        }
    });
    let role = TheirRole::Server;
    let socket = WebSocket::from_stream_with_extensions(memory, role, extensions, options);
    Box::pin(gathered(Socket(socket.unwrap())))
}

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = Frame;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let role = role.pick(TheirRole::Client, TheirRole::Server);
        Self(WebSocket::from_stream(stream, role, options(tuning)).unwrap())
    }

    async fn next(&mut self) -> Result<Frame, End> {
        Ok(self.0.next_frame().await?)
    }

    fn look<'a>(&'a self, frame: &'a Frame) -> Look<'a> {
        match frame.opcode() {
            OpCode::Binary => Ok(Some((Kind::Binary, frame.payload()))),
            OpCode::Text => Ok(Some((Kind::Text, frame.payload()))),
            OpCode::Close => Err(End::Closed),
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => Ok(None),
        }
    }

    async fn feed(&mut self, frame: Frame) -> Result<(), End> {
        Ok(self.0.feed(frame).await?)
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(self.0.feed(Frame::binary(payload.clone())).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(self.0.flush().await?)
    }
}
