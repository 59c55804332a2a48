//! A server with all that a handler may do, over TCP and TLS, and one of axum, over HTTP/1.1 and 2.

mod sessions;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::any;
use sanswire::delivery::SUBPROTOCOL;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, HeadLimits, Request, Response};
use sanswire::io::axum::{Rejection, WebSocketUpgrade};
use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::server::Peer;
use sanswire::io::tokio::{NetStream, Server, WebSocket};
use sanswire::{Config, Message, Prepared};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::interval;

use self::sessions::Kept;

type Socket = WebSocket<NetStream>;

/// Serves until it is killed. Prints the addresses for TCP, for TLS and of axum.
pub(crate) async fn run(certificate: &str, key: &str) -> Result<(), Box<dyn Error>> {
    let tls = ServerTls::from_pem(&fs::read(certificate)?, &fs::read(key)?)?;
    let plain = bind().await?;
    let secure = bind().await?.tls(tls);
    for server in [&plain, &secure] {
        writeln!(std::io::stdout(), "{}", server.local_addr()?)?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let routes = Router::new().route("/echo", any(upgrade));
    tokio::spawn(axum::serve(listener, routes).into_future());
    let kept = Arc::new(Kept::default());
    let (sender, ticks) = watch::channel(tick(0));
    tokio::spawn(async move {
        let mut ticking = interval(Duration::from_millis(100));
        for number in 1_u64.. {
            ticking.tick().await;
            sender.send_replace(tick(number));
        }
    });
    let handle = move |socket: Socket, path: String| {
        let (ticks, kept) = (ticks.clone(), Arc::clone(&kept));
        async move {
            match &*path {
                "/sessions" => kept.serve(socket).await,
                "/split" => split(socket).await,
                "/parts" => parts(socket).await,
                "/ticks" => listen(socket, ticks).await,
                _ => echo(socket).await,
            }
        }
    };
    tokio::join!(plain.serve_with(decide, handle.clone()), secure.serve_with(decide, handle));
    Ok(())
}

async fn bind() -> std::io::Result<Server> {
    let limits = HeadLimits::default().timeout(Duration::from_secs(2));
    Ok(Server::bind("127.0.0.1:0").await?.config(config()).head_limits(limits))
}

fn config() -> Config {
    Config::default()
        .ping_interval(Duration::from_secs(2))
        .pong_timeout(Duration::from_secs(2))
        .close_timeout(Duration::from_secs(2))
        .write_timeout(Duration::from_secs(5))
        .max_message_size(1 << 20)
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Result<impl IntoResponse, Rejection> {
    Ok(upgrade.config(config()).deflate(&DeflateConfig::default()).on_open(echo))
}

async fn decide(request: Request, _: Peer) -> Result<(Acceptance, String), Response> {
    if request.path() == "/refused" {
        return Err(Response::new(403).text("not here\n"));
    }
    let offered = request.subprotocols().find(|&name| name == SUBPROTOCOL);
    let acceptance = Acceptance::new().deflate(&DeflateConfig::default()).subprotocol(offered);
    Ok((acceptance, request.path().to_owned()))
}

async fn echo(mut socket: Socket) -> Result<(), sanswire::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Receives in one task and sends in another.
async fn split(socket: Socket) -> Result<(), sanswire::Error> {
    let (mut sender, mut receiver) = socket.split();
    let (queue, mut queued) = mpsc::channel::<Message>(4);
    let sending = tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            sender.send(message).await?;
        }
        Ok::<_, sanswire::Error>(())
    });
    while let Some(message) = receiver.recv().await? {
        if queue.send(message).await.is_err() {
            break;
        }
    }
    drop(queue);
    sending.await.unwrap_or(Ok(()))
}

/// Sends each message back in fragments.
async fn parts(mut socket: Socket) -> Result<(), sanswire::Error> {
    while let Some(message) = socket.recv().await? {
        socket.begin(message.kind())?;
        for part in message.as_bytes().chunks(1000) {
            socket.send_chunk(part).await?;
        }
        socket.finish().await?;
    }
    Ok(())
}

/// Sends a message to all ten times a second.
async fn listen(
    mut socket: Socket,
    mut ticks: watch::Receiver<Prepared>,
) -> Result<(), sanswire::Error> {
    loop {
        tokio::select! {
            Ok(()) = ticks.changed() => {
                let tick = ticks.borrow_and_update().clone();
                socket.send(&tick).await?;
            }
            received = socket.recv() => if received?.is_none() {
                return Ok(());
            },
        }
    }
}

fn tick(number: u64) -> Prepared {
    Prepared::text(&format!("tick {number} ").repeat(20)).compressed_for(&DeflateConfig::default())
}
