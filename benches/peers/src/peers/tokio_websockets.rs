//! tokio-websockets, with its fastest source of masks; SIMD is always on. What is fed waits up to
//! 64 KiB, for which its documentation leaves the choice. It flushes whenever it is asked for a
//! message, so that to gather replies one has to gather messages first.

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};

use crate::contestant::{
    Contestant, Data, Open, Role, Sinking, Start, Transport, Tuning, batched, endpoint, flushing,
};
use crate::memory::Memory;
use crate::wire::Kind;

type Socket<S> = Sinking<WebSocketStream<S>>;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        task: Some(|memory| Box::pin(batched::<_, Socket<_>>(memory, Tuning::Memory))),
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("tokio-websockets", "owned", "bytes")
    },
    Contestant {
        server: Some(Start::Tokio(|stream, tuning| {
            drop(tokio::spawn(batched::<_, Socket<_>>(stream, tuning)));
        })),
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

impl Data for Message {
    fn data(&self) -> Option<(Kind, &[u8])> {
        let kind = Kind::text_if(self.is_text());
        (self.is_text() || self.is_binary()).then(|| (kind, &self.as_payload()[..]))
    }

    fn is_close(&self) -> bool {
        self.is_close()
    }

    fn binary(payload: Bytes) -> Self {
        Self::binary(payload)
    }
}
