//! tokio-websockets, with its fastest source of masks; SIMD is always on. What is fed waits up to
//! 64 KiB, for which its documentation leaves the choice. It flushes whenever it is asked for a
//! message, so that to gather replies one has to gather messages first.

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};

use crate::contestant::{
    self, Contestant, End, Endpoint, Look, Open, Role, Start, Transport, Tuning, endpoint, flushing,
};
use crate::memory::Memory;
use crate::wire::Kind;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        task: Some(|memory| Box::pin(batched(memory))),
        server: flushing::<WebSocketStream<TcpStream>>(),
        ..endpoint::<WebSocketStream<Memory>>("tokio-websockets", "owned", "bytes")
    },
    Contestant {
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(batched(stream))))),
        ..Contestant::new("tokio-websockets, gathered")
    },
];

impl<S: Transport> Open<S> for WebSocketStream<S> {
    fn open(stream: S, role: Role, _: Tuning) -> Self {
        let config = Config::default().flush_threshold(64 << 10);
        match role {
            Role::Client => ClientBuilder::new().config(config).take_over(stream),
            Role::Server => ServerBuilder::new().config(config).serve(stream),
        }
    }
}

impl contestant::Message for Message {
    fn look(&self) -> Look<'_> {
        if self.is_text() || self.is_binary() {
            Ok(Some((Kind::text_if(self.is_text()), self.as_payload())))
        } else if self.is_close() {
            Err(End::Closed)
        } else {
            Ok(None)
        }
    }

    fn binary(payload: Bytes) -> Self {
        Self::binary(payload)
    }
}

/// Takes up to 64 messages that are there, and then answers all of them.
async fn batched<S: Transport>(stream: S) -> Result<(), End> {
    let mut socket: WebSocketStream<S> = Open::open(stream, Role::Server, Tuning::Speed);
    loop {
        let mut batch = vec![socket.message().await?];
        while batch.len() < 64
            && let Some(Ok(message)) = socket.ready().await
        {
            batch.push(message);
        }
        for message in batch {
            socket.feed(message).await?;
        }
        socket.flush().await?;
    }
}
