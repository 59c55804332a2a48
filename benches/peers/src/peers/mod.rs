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

use crate::peer::{Peer, Row};
use crate::rounds::Effort;

/// Returns those who are asked for; the limits come first.
pub fn asked(effort: &Effort) -> impl Iterator<Item = &'static dyn Peer> {
    PEERS.into_iter().filter(|peer| effort.includes(&Row { name: peer.name(), class: "" }))
}

/// All who take part.
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
