//! A server for WebSockets over HTTP/3 (RFC 9220) that sends every message back.
//!
//! ```text
//! cargo run --release --manifest-path examples/http3/Cargo.toml -- [ADDR]
//! ```
//!
//! ADDR is a UDP address, 127.0.0.1:9443 by default. The server makes a certificate for `localhost`
//! and 127.0.0.1 that nobody vouches for. Ctrl-C or SIGTERM ends it, without Close frames.
//!
//! HTTP/3 is the work of trillium and quinn. The steps are the same over any HTTP/3 stack:
//!
//! 1. The server sends `SETTINGS_ENABLE_CONNECT_PROTOCOL`: [`Echo::init`]. Before that, a client
//!    must not ask for a WebSocket.
//! 2. A client asks by an extended CONNECT, which has the pseudo-header `:protocol`. Its headers
//!    are those of HTTP/1.1 without `Upgrade`, `Connection` and `Sec-WebSocket-Key`. sanswire
//!    judges it and makes the response: [`Echo::accept`].
//! 3. After a response with status 200, the request's stream stays open in both directions. Its
//!    DATA frames carry the bytes that TCP would; where one ends and the next begins means nothing.
//!    trillium gives the stream as an [`Upgrade`], which is `AsyncRead + AsyncWrite`:
//!    [`Echo::upgrade`].
//!
//! The end of the stream is the end of the connection, as with TCP: if no Close frame came before
//! it, the WebSocket was not closed cleanly. One QUIC connection carries many WebSockets.
//!
//! With `trillium-tokio` in place of `trillium-smol`, the server runs on tokio.

use std::error::Error;
use std::process::ExitCode;

use sanswire::extension::DeflateConfig;
use sanswire::handshake::{
    Acceptance, HandshakeError, Headers, HttpVersion, MissingOrigin, OriginPolicy, Request,
    Response,
};
use sanswire::io::futures_io::WebSocket;
use sanswire::{Commands, Config, Connection, Event, Refused, SendError};
use trillium::{Conn, Handler, Info, Listener, Method, Transport, Upgrade};
use trillium_quinn::QuicConfig;

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    match serve(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost", "127.0.0.1"].map(str::to_owned))?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let quic = QuicConfig::from_single_cert(certificate.as_bytes(), key.as_bytes());
    let echo = Echo {
        // Pages of this server, and programs other than browsers.
        origins: OriginPolicy::same_https_origin().missing(MissingOrigin::Allow),
        // Its Pings, one in 20 s, keep QUIC from giving up an idle connection after 30 s.
        config: Config::default(),
    };
    trillium_smol::config().listeners().bind_quic(address, quic)?.run(echo);
    Ok(())
}

/// What trillium asks about each request.
struct Echo {
    origins: OriginPolicy,
    config: Config,
}

impl Handler for Echo {
    async fn init(&mut self, info: &mut Info) {
        info.config_mut().set_extended_connect_enabled(true);
        for address in info.listeners().iter().filter_map(Listener::socket_addr) {
            println!("listening on wss://{address}");
        }
    }

    /// Answers a request. The [`Connection`] of an open WebSocket waits in the state of the request
    /// until the response has been sent.
    async fn run(&self, conn: Conn) -> Conn {
        if conn.method() != Method::Connect {
            // A browser opens WebSockets on the HTTP/3 connection of a page that it has loaded.
            return conn.ok("This server speaks WebSocket over HTTP/3.\n");
        }
        match self.accept(&conn) {
            Ok((response, connection)) => respond(conn, &response).with_state(connection),
            Err(error) => respond(conn, &Response::refusal(&error, HttpVersion::Http3)),
        }
    }

    fn has_upgrade(&self, upgrade: &Upgrade) -> bool {
        upgrade.state().contains::<Connection>()
    }

    /// Serves the WebSocket, in a task of its own.
    async fn upgrade(&self, mut upgrade: Upgrade) {
        let Some(connection) = upgrade.state_mut().take::<Connection>() else { return };
        let mut socket = WebSocket::from_driver(upgrade, connection);
        if let Err(error) = socket.run(echo).await {
            eprintln!("{error}");
        }
    }
}

impl Echo {
    /// Judges an extended CONNECT. An error has the status to refuse it with.
    fn accept(&self, conn: &Conn) -> Result<(Response, Connection), HandshakeError> {
        let request = request_of(conn)?;
        self.origins.check(&request)?;
        let acceptance = Acceptance::new()
            .subprotocol(request.subprotocols().next())
            .deflate(&DeflateConfig::default());
        request.accept(&acceptance, &self.config)
    }
}

/// Takes over what trillium has parsed. A missing `:path` is `/` by then.
fn request_of(conn: &Conn) -> Result<Request, HandshakeError> {
    let http: &trillium_http::Conn<Box<dyn Transport>> = conn.as_ref();
    let pseudo_headers = [
        (":method", Some(http.method().as_str())),
        (":protocol", http.protocol()),
        (":scheme", http.scheme()),
        (":authority", http.authority()),
        (":path", Some(http.path_and_query())),
    ];
    let present = pseudo_headers.into_iter().filter_map(|(name, value)| Some((name, value?)));

    let mut headers = Headers::new();
    for (name, values) in http.request_headers() {
        for value in values {
            headers.append(name.as_ref(), value)?;
        }
    }
    Request::extended_connect(HttpVersion::Http3, present, headers)
}

fn respond(mut conn: Conn, response: &Response) -> Conn {
    for (name, value) in response.headers().iter() {
        conn.response_headers_mut().append(name.to_owned(), value.to_vec());
    }
    conn.with_status(response.status()).with_body(response.content().to_vec())
}

/// Sends a message back.
fn echo(event: Event<'_>, commands: &mut Commands<'_>) {
    let sent = match event {
        Event::Text(text) => commands.send(text),
        Event::Binary(payload) => commands.send(payload),
        _ => Ok(()),
    };
    match sent {
        // The peer has closed, which is the next event.
        Ok(()) | Err(Refused { error: SendError::Closed, .. }) => {}
        Err(refused) => eprintln!("{refused}"),
    }
}

/// Where it listens if nothing is said.
const ADDRESS: &str = "127.0.0.1:9443";
