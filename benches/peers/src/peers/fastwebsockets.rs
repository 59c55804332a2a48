//! fastwebsockets, with vectored writes and SIMD validation, as by default. Its reads cannot be
//! cancelled, so its caller cannot know when it is about to wait: each reply is a write.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket};
use tokio::net::TcpStream;

use crate::contestant::{
    Contestant, End, Endpoint, Look, Role, Transport, Tuning, endpoint, flushing, plain,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 1] = [Contestant {
    task: Some(|memory| Box::pin(plain(Socket::open(memory, Role::Server, Tuning::Memory)))),
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
        Ok(self.0.read_frame().await?)
    }

    fn look<'a>(&'a self, frame: &'a Frame<'static>) -> Look<'a> {
        match frame.opcode {
            OpCode::Binary => Ok(Some((Kind::Binary, &frame.payload))),
            OpCode::Text => Ok(Some((Kind::Text, &frame.payload))),
            OpCode::Close => Err(End::Closed),
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => Ok(None),
        }
    }

    async fn feed(&mut self, frame: Frame<'static>) -> Result<(), End> {
        Ok(self.0.write_frame(frame).await?)
    }

    async fn send(&mut self, payload: &Bytes) -> Result<(), End> {
        Ok(self.0.write_frame(Frame::binary(Payload::Borrowed(payload))).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(())
    }
}
