//! The contestants: one file for each peer, and the limits.

mod fastwebsockets;
mod limit;
mod nexus_web;
mod raw;
pub(crate) mod sanswire;
mod sockudo_ws;
mod soketto;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod yawc;
pub(crate) mod zlib;

use crate::contestant::Contestant;

/// Returns all that take part; the limits come first.
pub(crate) fn all() -> impl Iterator<Item = &'static Contestant> {
    let peers: [&[Contestant]; 13] = [
        &limit::ROWS,
        &zlib::ROWS,
        &raw::ROWS,
        &sanswire::ROWS,
        &tungstenite::ROWS,
        &tokio_tungstenite::ROWS,
        &fastwebsockets::ROWS,
        &tokio_websockets::ROWS,
        &yawc::ROWS,
        &sockudo_ws::ROWS,
        &nexus_web::ROWS,
        &web_socket::ROWS,
        &soketto::ROWS,
    ];
    peers.into_iter().flatten()
}
