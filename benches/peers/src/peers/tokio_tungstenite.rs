//! tokio-tungstenite, with the settings of tungstenite.

use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use super::tungstenite::{config, their};
use crate::contestant::{
    Contestant, Open, Role, Sinking, Transport, Tuning, endpoint, flushing, gathering,
};
use crate::memory::Memory;

type Socket<S> = Sinking<WebSocketStream<S>>;

pub(super) static ROWS: [Contestant; 2] = [
    Contestant {
        server: flushing::<Socket<TcpStream>>(),
        ..endpoint::<Socket<Memory>>("tokio-tungstenite", "owned", "bytes")
    },
    gathering::<Socket<TcpStream>>("tokio-tungstenite, gathered"),
];

impl<S: Transport> Open<S> for WebSocketStream<S> {
    fn open(stream: S, role: Role, tuning: Tuning) -> Self {
        let open = Self::from_raw_socket(stream, their(role), Some(config(tuning)));
        // Without a handshake there is nothing to wait for.
        open.now_or_never().unwrap()
    }
}
