//! Events in an axum application: what one client publishes, by WebSocket or by POST, all get, by
//! WebSocket or as Server-Sent Events.
//!
//! ```text
//! cargo run -p examples --features axum --bin axum -- [ADDR]
//! cargo run -p examples --features axum,tls --bin axum -- --tls [CERT KEY] [ADDR]
//! ```
//!
//! Open `http://ADDR/`, or `https://ADDR/` with `--tls`, in two windows; ADDR is 127.0.0.1:9001 by
//! default. With `--tls`, browsers use HTTP/2, also for the WebSocket. `curl -d hello
//! http://ADDR/events` publishes, and `curl -N http://ADDR/events` listens. Ctrl-C or SIGTERM
//! closes all connections.
//!
//! CERT and KEY are files in PEM format. With `--tls` alone, the server makes a certificate, which
//! a browser complains about.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "an example is an application"
)]

#[cfg(feature = "tls")]
mod axum_tls;
#[cfg(feature = "tls")]
mod identity;
mod stop;

use std::convert::Infallible;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get};
use axum::serve::{Listener, ListenerExt};
use futures_util::{StreamExt, stream};
use sanswire::handshake::{MissingOrigin, OriginPolicy};
use sanswire::io::axum::{Rejection, WebSocketUpgrade, method_not_allowed};
use sanswire::io::poll::Shutdown;
use sanswire::{CloseCode, Config};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::timeout;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => serve(bind(ADDRESS).await?, "http").await,
        ["--tls"] => serve_tls(None, ADDRESS).await,
        ["--tls", address] => serve_tls(None, address).await,
        ["--tls", certificate, key] => serve_tls(Some((certificate, key)), ADDRESS).await,
        ["--tls", certificate, key, address] => serve_tls(Some((certificate, key)), address).await,
        [address] if !address.starts_with('-') => serve(bind(address).await?, "http").await,
        _ => Err("usage: axum [--tls [CERT KEY]] [ADDR]".into()),
    }
}

/// What the routes share.
#[derive(Clone)]
struct App {
    events: broadcast::Sender<Arc<str>>,
    /// Which pages may connect.
    policy: OriginPolicy,
    shutdown: Shutdown,
}

fn routes(app: App) -> Router {
    Router::new()
        .route("/", get(Html(include_str!("axum.html"))))
        .route("/events", get(listen).post(publish))
        .route("/ws", any(ws))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

/// Sends all events, and publishes what it receives.
async fn ws(app: State<App>, upgrade: WebSocketUpgrade) -> Result<impl IntoResponse, Rejection> {
    let upgrade = upgrade.origin(&app.policy)?.config(config()).shut_down_on(&app.shutdown);
    let mut events = app.events.subscribe();
    Ok(upgrade.on_open(async move |mut socket| {
        loop {
            tokio::select! {
                Some(event) = next(&mut events) => socket.send(&*event).await?,
                message = socket.recv() => match message? {
                    Some(message) => app.publish(message.as_text().unwrap_or("binary")),
                    None => return Ok(()),
                },
            }
        }
    }))
}

/// Sends all events to a client without WebSocket.
async fn listen(app: State<App>) -> impl IntoResponse {
    let events = stream::unfold(app.events.subscribe(), async |mut events| {
        let event = sse::Event::default().data(next(&mut events).await?);
        Some((Ok::<_, Infallible>(event), events))
    });
    Sse::new(events.take_until(app.shutdown.begun())).keep_alive(KeepAlive::default())
}

async fn publish(app: State<App>, text: String) -> StatusCode {
    app.publish(&text);
    StatusCode::NO_CONTENT
}

impl App {
    fn publish(&self, event: &str) {
        // It fails if nobody listens.
        let _ = self.events.send(event.into());
    }
}

/// Waits for the next event. A client that was late is told how many it has missed.
async fn next(events: &mut broadcast::Receiver<Arc<str>>) -> Option<Arc<str>> {
    match events.recv().await {
        Ok(event) => Some(event),
        Err(RecvError::Lagged(missed)) => Some(format!("{missed} events missed").into()),
        Err(RecvError::Closed) => None,
    }
}

fn config() -> Config {
    Config::default().max_message_size(64 << 10)
}

/// Serves until a signal comes, and waits then until all clients have heard of it.
async fn serve(
    listener: impl Listener<Addr = SocketAddr>,
    scheme: &str,
) -> Result<(), Box<dyn Error>> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {scheme}://{}", listener.local_addr()?)?;
    drop(stdout);
    let app = App {
        events: broadcast::channel(EVENTS).0,
        policy: OriginPolicy::same_origin().missing(MissingOrigin::Allow),
        shutdown: Shutdown::new(),
    };
    let shutdown = app.shutdown.clone();
    stop::on_signals(move |limit| {
        if limit.is_zero() {
            std::process::exit(1);
        }
        shutdown.begin(CloseCode::GOING_AWAY, "")
    });
    let shutdown = app.shutdown.clone();
    axum::serve(listener, routes(app)).with_graceful_shutdown(shutdown.begun()).await?;
    Ok(timeout(stop::LIMIT, shutdown.ended()).await?)
}

async fn bind(address: &str) -> std::io::Result<impl Listener<Addr = SocketAddr>> {
    // It fails only for a connection that is gone already.
    Ok(TcpListener::bind(address).await?.tap_io(|stream| drop(stream.set_nodelay(true))))
}

#[cfg(feature = "tls")]
async fn serve_tls(files: Option<(&str, &str)>, address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    serve(axum_tls::TlsListener::new(listener, &identity::server_tls(files)?), "https").await
}

#[cfg(not(feature = "tls"))]
async fn serve_tls(_: Option<(&str, &str)>, _: &str) -> Result<(), Box<dyn Error>> {
    Err("--tls needs TLS: build with `--features axum,tls`".into())
}

/// Where it listens if nothing is said.
const ADDRESS: &str = "127.0.0.1:9001";

/// How many events may wait for a client that is late.
const EVENTS: usize = 1024;
