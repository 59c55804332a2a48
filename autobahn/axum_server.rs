//! The server side of the Autobahn test suite in an axum application: sends every message back.
//!
//! ```text
//! cargo run --release -p test-peers --features axum --bin axum_server -- ADDR
//! ```
//!
//! Its listener has a type of stream that the crate does not know, so the socket works through the
//! stream of hyper, on any features.

use core::net::SocketAddr;
use std::io;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::any;
use axum::serve::Listener;
use sanswire::extension::DeflateConfig;
use sanswire::io::axum::WebSocketUpgrade;
use sanswire::{Commands, Config, Event};
use tokio::io::Join;
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = Halves(TcpListener::bind(address).await?);
    axum::serve(listener, Router::new().route("/", any(route))).await
}

/// Accepts streams in two halves.
struct Halves(TcpListener);

impl Listener for Halves {
    type Io = Join<OwnedReadHalf, OwnedWriteHalf>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        let (read, write) = stream.into_split();
        (tokio::io::join(read, write), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

async fn route(upgrade: WebSocketUpgrade) -> impl IntoResponse {
    let config = Config::default().max_message_size(MAX_SIZE).max_frame_size(MAX_SIZE);
    let upgrade = upgrade.deflate(&DeflateConfig::default()).config(config);
    upgrade.on_open(async |mut socket| socket.run(echo).await)
}

/// Sends a message back. What is refused is so because the connection is closing.
fn echo(event: Event<'_>, commands: &mut Commands<'_>) {
    if let Some(message) = event.into_message() {
        let _ = commands.send(message);
    }
}

/// Messages and frames up to 32 MiB.
const MAX_SIZE: usize = 32 << 20;
