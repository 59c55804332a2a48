//! fastwebsockets, with vectored writes and SIMD validation, as by default. Its reads cannot be
//! cancelled, so its caller cannot know when it is about to wait: each reply is a write.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket};
use tokio::net::TcpStream;

use crate::contestant::{
    Contestant, End, Endpoint, Role, Transport, Tuning, endpoint, flushing, plain,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    task: Some(|memory| Box::pin(plain::<_, Socket<_>>(memory, Tuning::Memory))),
    server: flushing::<Socket<TcpStream>>(),
    ..endpoint::<Socket<Memory>>("fastwebsockets", "owned", "slice")
}];

struct Socket<S>(FragmentCollector<S>);

impl<S: Transport> Endpoint<S> for Socket<S> {
    type Message = Frame<'static>;

    fn open(stream: S, role: Role, _: Tuning) -> Self {
        let role = role.pick(TheirRole::Client, TheirRole::Server);
        Self(FragmentCollector::new(WebSocket::after_handshake(stream, role)))
    }

    async fn next(&mut self) -> Result<Frame<'static>, End> {
        loop {
            let frame = self.0.read_frame().await.map_err(|_| End::Failed)?;
            match frame.opcode {
                OpCode::Binary | OpCode::Text => return Ok(frame),
                OpCode::Close => return Err(End::Closed),
                OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
            }
        }
    }

    fn show<'a>(&'a self, frame: &'a Frame<'static>) -> (Kind, &'a [u8]) {
        (Kind::text_if(frame.opcode == OpCode::Text), &frame.payload)
    }

    async fn feed(&mut self, frame: Frame<'static>) -> Option<()> {
        self.0.write_frame(frame).await.ok()
    }

    async fn send(&mut self, payload: &Bytes) -> Option<()> {
        self.0.write_frame(Frame::binary(Payload::Borrowed(payload))).await.ok()
    }

    async fn flush(&mut self) -> Option<()> {
        Some(())
    }
}
