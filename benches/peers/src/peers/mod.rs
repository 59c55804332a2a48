//! One adapter file for each peer.

mod fastwebsockets;
pub(crate) mod limit;
mod raw;
pub(crate) mod sanswire;
mod sockudo_ws;
mod soketto;
mod streams;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod yawc;

use crate::peer::Peer;

/// All who take part; the limits come first.
pub const PEERS: [&dyn Peer; 11] = [
    &limit::Limit,
    &raw::Raw,
    &sanswire::Sanswire,
    &tungstenite::Tungstenite,
    &tokio_tungstenite::TokioTungstenite,
    &fastwebsockets::FastWebSockets,
    &tokio_websockets::TokioWebSockets,
    &yawc::Yawc,
    &sockudo_ws::SockudoWs,
    &web_socket::WebSocket,
    &soketto::Soketto,
];
