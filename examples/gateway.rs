//! A gateway: passes the messages of each client to a backend and back, and closes each side with
//! what the other side was closed with.
//!
//! ```text
//! cargo run --release -p examples --bin gateway -- [ADDR] [BACKEND]
//! ```
//!
//! ADDR is 127.0.0.1:9000 by default, BACKEND 127.0.0.1:9001, where `examples/echo_server.rs`
//! listens.

mod stop;

use std::io::Write as _;

use sanswire::handshake::{Acceptance, ClientRequest, Response};
use sanswire::io::tokio::{Receiver, Sender, Server, WebSocket};
use sanswire::{CloseCode, Config};
use tokio::io::{AsyncRead, AsyncWrite};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:9000".to_owned());
    let backend = args.next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let server = Server::bind(address).await?.on_error(|error| eprintln!("{error}"));
    writeln!(std::io::stdout(), "listening on ws://{}", server.local_addr()?)?;
    let handle = server.handle();
    stop::on_signals(move |limit| handle.shut_down(CloseCode::GOING_AWAY, "", limit));
    let dial = async move |_, _| {
        let request = ClientRequest::new(&backend, "/")?;
        // A client whose backend is not there is told so by HTTP.
        let dialled = WebSocket::connect_with(&request, &Config::default()).await;
        let backend = dialled.map_err(|_| Response::new(502).text("no backend\n"))?;
        Ok((Acceptance::new(), backend))
    };
    let forward = async |client, backend| {
        forward(client, backend).await;
        Ok(())
    };
    server.serve_with(dial, forward).await;
    Ok(())
}

/// Passes messages in both directions until both connections have ended.
pub(crate) async fn forward<C, B>(client: WebSocket<C>, backend: WebSocket<B>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (to_client, from_client) = client.split();
    let (to_backend, from_backend) = backend.split();
    tokio::join!(pass(from_client, to_backend), pass(from_backend, to_client));
}

/// Passes messages on until the end, and closes the other side with what this one was closed with,
/// whatever that is: a Close without a code, or an end without a Close.
async fn pass<F, T>(mut from: Receiver<F>, mut to: Sender<T>)
where
    F: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Ok(Some(message)) = from.recv().await {
        // Waits while the other side does not read, which slows this one down. A side that has ended
        // takes nothing more, and closes this one by the other direction.
        let _ = to.send(message).await;
    }
    let (code, reason) = match from.closed() {
        Some(closed) => (closed.code, closed.reason),
        None => (CloseCode::ABNORMAL, "".into()),
    };
    let _ = to.send_close(code, &reason).await;
}
