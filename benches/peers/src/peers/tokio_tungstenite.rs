//! tokio-tungstenite, with the settings of tungstenite.

use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use super::tungstenite::{config, their};
use crate::contestant::{Contestant, Open, Role, Transport, Tuning, endpoint, flushing, gathering};
use crate::memory::Memory;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        server: flushing::<WebSocketStream<TcpStream>>(),
        ..endpoint::<WebSocketStream<Memory>>("tokio-tungstenite", "owned", "bytes")
    },
    gathering::<WebSocketStream<TcpStream>>("tokio-tungstenite, gathered"),
];

impl<S: Transport> Open<S> for WebSocketStream<S> {
    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let open = Self::from_raw_socket(stream, their(role), Some(config(tuning)));
        // Without a handshake there is nothing to wait for.
        open.now_or_never().unwrap()
    }
}
