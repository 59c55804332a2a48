//! A server of hyper with WebSockets over HTTP/1.1 and HTTP/2, for browsers and proxies: what
//! `.ci/web` puts through its paces.
//!
//! ```text
//! web_server certificate FOLDER
//! web_server serve ADDRESS [--tls FOLDER] [--http1] [--ping MILLISECONDS]
//! ```
//!
//! `certificate` makes `cert.pem` and `key.pem`, for this machine. With `--http1`, the server speaks
//! HTTP/2 but allows no WebSockets over it. `--ping 0` is no heartbeat.
//!
//! The first message on each socket says, in JSON, how it came: the version of HTTP, the protocol of
//! ALPN, the number of the connection and of the socket, and the headers of the request. Then all is
//! sent back, and before that, by the path:
//!
//! - `/close/CODE/REASON` closes.
//! - `/fragments` sends a message of many frames.
//! - `/silent` sends no Pings.
//! - `/stuck` reads nothing until there is a socket `/free/NUMBER`.
//!
//! `/refused` and pages of other origins get 403. A line of the output is the Unix time in
//! milliseconds, the number of a socket and what happened to it.
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test peer is an application"
)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::Write as _;
use std::future::ready;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use std::{env, fmt, fs};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{MissingOrigin, OriginPolicy};
use sanswire::io::hyper::{Rejection, WebSocketUpgrade};
use sanswire::io::tls::ServerTls;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, MessageKind};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["certificate", folder] => make_certificate(Path::new(folder)),
        ["serve", address, ref options @ ..] => serve(address, options).await,
        _ => Err("usage: web_server certificate FOLDER | serve ADDRESS [OPTION]...".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make_certificate(folder: &Path) -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
    fs::write(folder.join("cert.pem"), made.cert.pem())?;
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

async fn serve(address: &str, mut options: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut server = Server { tls: None, over_http2: true, config: Config::default() };
    while !options.is_empty() {
        options = match *options {
            ["--http1", ref rest @ ..] => {
                server.over_http2 = false;
                rest
            }
            ["--ping", interval, ref rest @ ..] => {
                let interval = Some(interval.parse()?).filter(|interval| *interval > 0);
                server.config.ping_interval = interval.map(Duration::from_millis);
                rest
            }
            ["--tls", folder, ref rest @ ..] => {
                server.tls = Some(tls(Path::new(folder))?);
                rest
            }
            _ => return Err(format!("unknown option {}", options.concat()).into()),
        }
    }
    let listener = TcpListener::bind(address).await?;
    say(0, format_args!("listening on {}", listener.local_addr()?));
    let server = Arc::new(server);
    for number in 1.. {
        let (stream, _) = listener.accept().await?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            if let Err(error) = server.serve(stream, number).await {
                eprintln!("connection {number}: {error:?}");
            }
        });
    }
    Ok(())
}

/// TLS with a choice of HTTP/2 and HTTP/1.1.
fn tls(folder: &Path) -> Result<ServerTls, Box<dyn Error>> {
    let certificate = fs::read(folder.join("cert.pem"))?;
    let tls = ServerTls::from_pem(&certificate, &fs::read(folder.join("key.pem"))?)?;
    let mut config = tls.config();
    Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(ServerTls::new(config))
}

struct Server {
    tls: Option<ServerTls>,
    over_http2: bool,
    config: Config,
}

/// How the sockets of a connection come.
struct Way {
    connection: u32,
    alpn: String,
}

impl Server {
    async fn serve(
        &self,
        stream: TcpStream,
        connection: u32,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            Some(tls) => NetStream::accept_tls(stream, tls).await?,
            None => stream.into(),
        };
        let alpn = stream.tls().and_then(|tls| tls.alpn_protocol()).unwrap_or_default();
        let way = Way { connection, alpn: String::from_utf8_lossy(alpn).into_owned() };
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Room on the connection for all streams, or one that is not read would hold up the others.
        builder
            .http2()
            .initial_stream_window_size(64 << 10)
            .initial_connection_window_size(16 << 20);
        if self.over_http2 {
            builder.http2().enable_connect_protocol();
        }
        let service = service_fn(|request| ready(Ok::<_, Infallible>(self.route(request, &way))));
        builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await
    }

    fn route(&self, mut request: Request<Incoming>, way: &Way) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/" => page(),
            "/health" => {
                say(0, format_args!("health {:?}", request.version()));
                Response::default()
            }
            "/refused" => refused(),
            _ => self.open(&mut request, way).unwrap_or_else(Into::into),
        }
    }

    fn open(
        &self,
        request: &mut Request<Incoming>,
        way: &Way,
    ) -> Result<Response<Full<Bytes>>, Rejection> {
        let policy = OriginPolicy::same_origin().missing(MissingOrigin::Allow);
        let upgrade = WebSocketUpgrade::new(request)?;
        let version = request.version();
        let target = upgrade.request().target().to_owned();
        let upgrade = upgrade.origin(&policy).inspect_err(|error| {
            say(0, format_args!("refused {target} over {version:?}: {error}"));
        })?;
        let socket = SOCKETS.fetch_add(1, Ordering::Relaxed);
        let told = told(request, way, socket);
        let path = upgrade.request().path().to_owned();
        let mut config = self.config.clone();
        if path == "/silent" {
            config.ping_interval = None;
        }
        let upgrade = upgrade
            .deflate(&DeflateConfig::default())
            .subprotocols(&["chat", "superchat"])
            .config(config)
            .on_error(move |error| say(socket, format_args!("failed {error}")));
        Ok(upgrade.on_open(async move |mut opened| {
            say(socket, format_args!("open {}", opened.connection().extensions()));
            opened.send(told).await?;
            act(&mut opened, socket, &path).await?;
            if let Some(closed) = opened.closed() {
                let code = closed.code.as_u16();
                say(socket, format_args!("closed {code} {}", closed.reason));
            }
            Ok(())
        }))
    }
}

/// Does what a path asks for, until the socket is closed.
async fn act(
    socket: &mut WebSocket<NetStream>,
    number: u32,
    path: &str,
) -> Result<(), sanswire::Error> {
    if let Some(close) = path.strip_prefix("/close/") {
        let (code, reason) = close.split_once('/').unwrap_or((close, ""));
        return socket.close(code.parse::<u16>().unwrap_or(1011), reason).await;
    }
    if path == "/fragments" {
        socket.begin(MessageKind::Text)?;
        for number in 0..100 {
            socket.send_chunk(format!("fragment {number}, ").as_bytes()).await?;
        }
        socket.finish().await?;
    }
    if let Some(stuck) = path.strip_prefix("/free/").and_then(|number| number.parse().ok()) {
        FREED.send_modify(|freed| _ = freed.insert(stuck));
    }
    if path == "/stuck" {
        let _ = FREED.subscribe().wait_for(|freed| freed.contains(&number)).await;
    }
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

fn page() -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::from("<!doctype html><title>sanswire</title>"));
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    page
}

fn refused() -> Response<Full<Bytes>> {
    let mut refused = Response::default();
    *refused.status_mut() = StatusCode::FORBIDDEN;
    refused
}

/// How a socket came, in JSON.
fn told(request: &Request<Incoming>, way: &Way, socket: u32) -> String {
    let Way { connection, alpn } = way;
    let mut told = format!(
        r#"{{"version":"{:?}","alpn":"{alpn}","connection":{connection},"socket":{socket},"headers":{{"#,
        request.version()
    );
    for (index, (name, value)) in request.headers().iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Nothing that comes here needs an escape but these two.
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(told, r#"{comma}"{name}":"{value}""#);
    }
    told + "}}"
}

fn say(socket: u32, what: fmt::Arguments<'_>) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    println!("{} {socket} {what}", now.as_millis());
}

/// The sockets that need not wait any more.
static FREED: LazyLock<watch::Sender<BTreeSet<u32>>> = LazyLock::new(watch::Sender::default);

static SOCKETS: AtomicU32 = AtomicU32::new(1);
