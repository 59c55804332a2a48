//! yawc, with SIMD validation (text is validated only if asked) and, for speed, buffers of 64 KiB,
//! which "can reduce reads for bursts of messages".

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::net::TcpStream;
use yawc::{CompressionLevel, DeflateOptions, Frame, OpCode, Options, WebSocket};

use crate::contestant::{
    Contestant, End, Endpoint, Over, Role, Takeover, Transport, Tuning, endpoint, flushing,
    gathering,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        deflate: Some(|memory, takeover| Box::new(Over(deflating(memory, takeover)))),
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

fn deflating(memory: Memory, takeover: Takeover) -> Socket<Memory> {
    let deflate = DeflateOptions { level: CompressionLevel::new(6), ..DeflateOptions::default() };
    let options = Options { compression: Some(deflate), ..options(Tuning::Speed) };
    let extensions = Some(match takeover {
        Takeover::Keep => "permessage-deflate",
        Takeover::Reset => {
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        }
    });
    let role = yawc::Role::Server;
    Socket(WebSocket::from_stream_with_extensions(memory, role, extensions, options).unwrap())
}

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = Frame;

    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let role = role.pick(yawc::Role::Client, yawc::Role::Server);
        Self(WebSocket::from_stream(stream, role, options(tuning)).unwrap())
    }

    async fn next(&mut self) -> Result<Frame, End> {
        loop {
            let frame = self.0.next_frame().await.map_err(|_| End::Failed)?;
            match frame.opcode() {
                OpCode::Binary | OpCode::Text => return Ok(frame),
                OpCode::Close => return Err(End::Closed),
                OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
            }
        }
    }

    fn show<'a>(&'a self, frame: &'a Frame) -> (Kind, &'a [u8]) {
        (Kind::text_if(frame.opcode() == OpCode::Text), frame.payload())
    }

    async fn feed(&mut self, frame: Frame) -> Option<()> {
        self.0.feed(frame).await.ok()
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.0.feed(Frame::binary(payload.clone())).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        self.0.flush().await.ok()
    }
}
