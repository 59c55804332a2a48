//! A client's WebSocket over an HTTP connection of hyper: its request and the judgement of the
//! response; makes no connection.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::time::Duration;

use ::http::{Request as HttpRequest, Response as HttpResponse};
use ::hyper::body::{Body, Buf};
use ::tokio::time::{Instant, timeout};

use super::OnUpgrade;
use crate::connection::{Config, Connection};
use crate::handshake::{ClientRequest, HandshakeError, Headers, Response, Upgrade};
use crate::io::tokio::{NetStream, WebSocket};
use crate::io::{Error, HttpError, entropy};

type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// Opens a WebSocket over a connection of HTTP/1.1, which it takes over.
///
/// ```no_run
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper::client::conn::http1;
/// use hyper_util::rt::TokioIo;
/// use sanswire::Config;
/// use sanswire::handshake::ClientRequest;
/// use sanswire::io::hyper::connect_http1;
/// use tokio::net::TcpStream;
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let io = TokioIo::new(TcpStream::connect("localhost:9001").await?);
/// let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(io).await?;
/// tokio::spawn(connection.with_upgrades());
///
/// let request = ClientRequest::new("localhost:9001", "/chat")?;
/// let send = |request| sender.send_request(request);
/// let mut socket = connect_http1(&request, &Config::default(), send).await?;
/// socket.send("hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// `send` sends the request and returns the response: `SendRequest::send_request` of
/// `hyper::client::conn::http1`, whose connection is driven
/// [with upgrades](https://docs.rs/hyper/latest/hyper/client/conn/http1/struct.Connection.html#method.with_upgrades),
/// or another client of these types. The body of the request is empty: that of `B::default()`.
/// Redirects are not followed.
///
/// # Errors
///
/// - [`Error::Handshake`]: the server refused, answered in a wrong form, or took longer than
///   [`ClientRequest::timeout`]. The body of a refusal is read as far as the limits of the request
///   allow.
/// - [`Error::Http`]: the request was not sent, or the connection was not handed over.
///
/// # Cancel safety
///
/// If the future is dropped, the request is cancelled, and hyper closes the connection.
pub async fn connect_http1<B, S, F, R, E>(
    request: &ClientRequest,
    config: &Config,
    send: S,
) -> Result<WebSocket<NetStream>, Error>
where
    B: Default,
    S: FnOnce(HttpRequest<B>) -> F,
    F: Future<Output = Result<HttpResponse<R>, E>>,
    R: Body,
    E: Into<BoxError>,
{
    let upgrade = Upgrade::new(request, entropy()?);
    let sent = HttpRequest::try_from(&upgrade);
    let open = |status, headers: &Headers, seed| upgrade.open(status, headers, config, seed);
    connect(request, sent, send, HttpError::Request, open).await
}

/// Opens a WebSocket over a connection of HTTP/2, beside its other streams (RFC 8441).
///
/// `send` sends the request and returns the response: `SendRequest::send_request` of
/// `hyper::client::conn::http2`, or another client of these types. The server must allow extended
/// CONNECT. hyper sends the request in any case, also before the settings of the server have come; a
/// server that does not allow it resets the stream, which is [`HttpError::ExtendedConnect`].
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper::client::conn::http2;
/// use hyper_util::rt::{TokioExecutor, TokioIo};
/// use sanswire::Config;
/// use sanswire::handshake::ClientRequest;
/// use sanswire::io::hyper::connect_http2;
/// # use hyper::{server, service::service_fn};
/// # use sanswire::io::hyper::WebSocketUpgrade;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (stream, served) = tokio::io::duplex(1 << 16);
/// # let service = service_fn(async |mut request: hyper::Request<_>| {
/// #     Ok::<_, core::convert::Infallible>(
/// #         WebSocketUpgrade::new(&mut request).unwrap().on_open(async |mut socket| {
/// #             while let Some(message) = socket.recv().await? {
/// #                 socket.send(message).await?;
/// #             }
/// #             Ok(())
/// #         }),
/// #     )
/// # });
/// # let mut builder = server::conn::http2::Builder::new(TokioExecutor::new());
/// # builder.enable_connect_protocol();
/// # tokio::spawn(builder.serve_connection(TokioIo::new(served), service));
/// // `stream` is TCP, or TLS with the ALPN protocol `h2`.
/// let mut builder = http2::Builder::new(TokioExecutor::new());
/// builder.initial_stream_window_size(64 << 10).initial_connection_window_size(16 << 20);
/// let (mut sender, connection) =
///     builder.handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
/// tokio::spawn(connection);
///
/// let request = ClientRequest::new("localhost:9001", "/chat")?;
/// let send = |request| sender.send_request(request);
/// let mut socket = connect_http2(&request, &Config::default(), send).await?;
/// socket.send("hello").await?;
/// assert_eq!(socket.recv().await?.unwrap().as_text(), Some("hello"));
/// socket.close(1000, "").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - [`Error::Handshake`]: the server refused, answered in a wrong form, or took longer than
///   [`ClientRequest::timeout`]. The body of a refusal is read as far as the limits of the request
///   allow.
/// - [`Error::Http`]: the request got no response, or one of another status than 200 that means
///   success, for which hyper hands out no stream.
///
/// # Cancel safety
///
/// If the future is dropped, the stream is reset.
#[cfg(feature = "http2")]
pub async fn connect_http2<B, S, F, R, E>(
    request: &ClientRequest,
    config: &Config,
    send: S,
) -> Result<WebSocket<NetStream>, Error>
where
    B: Default,
    S: FnOnce(HttpRequest<B>) -> F,
    F: Future<Output = Result<HttpResponse<R>, E>>,
    R: Body,
    E: Into<BoxError>,
{
    let connect_request = crate::handshake::ExtendedConnect::from(request);
    let sent = HttpRequest::try_from(&connect_request).map(|mut sent| {
        sent.extensions_mut().insert(::hyper::ext::Protocol::from_static("websocket"));
        sent
    });
    let open =
        |status, headers: &Headers, seed| connect_request.open(status, headers, config, seed);
    connect(request, sent, send, HttpError::ExtendedConnect, open).await
}

async fn connect<B, S, F, R, E>(
    request: &ClientRequest,
    sent: Result<HttpRequest<()>, ::http::Error>,
    send: S,
    unsent: impl Fn(BoxError) -> HttpError,
    open: impl FnOnce(u16, &Headers, [u8; 32]) -> Result<Connection, HandshakeError>,
) -> Result<WebSocket<NetStream>, Error>
where
    B: Default,
    S: FnOnce(HttpRequest<B>) -> F,
    F: Future<Output = Result<HttpResponse<R>, E>>,
    R: Body,
    E: Into<BoxError>,
{
    let url = || Some(request.place().into());
    let failed = |error| Error::Http { error, url: url() };
    let refused = |error| Error::Handshake { error, url: url() };
    let connecting = async {
        let sent = sent.map_err(|error| failed(unsent(error.into())))?;
        let response = send(sent.map(|()| B::default())).await;
        let response = response.map_err(|error| failed(unsent(error.into())))?;
        let headers = Headers::from(response.headers());
        match open(response.status().as_u16(), &headers, entropy()?) {
            Ok(connection) => {
                match OnUpgrade::new(::hyper::upgrade::on(response), connection, None).await {
                    Err(Error::Http { error, .. }) => Err(failed(error)),
                    opened => opened.map(Ok),
                }
            }
            Err(HandshakeError::UnexpectedStatus(head)) => Ok(Err((*head, response.into_body()))),
            Err(error) => Err(refused(error)),
        }
    };
    let limit = request.timeout().unwrap_or(Duration::MAX);
    let began = Instant::now();
    match timeout(limit, connecting).await {
        Ok(Ok(Ok(socket))) => Ok(socket),
        Ok(Ok(Err((head, body)))) => {
            let left = limit.saturating_sub(began.elapsed());
            let whole = with_body(head, body, request, left).await;
            Err(refused(HandshakeError::UnexpectedStatus(Box::new(whole))))
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(refused(HandshakeError::Timeout(limit))),
    }
}

/// Reads what a refusal has to say, as far as the limits of the request go, in the time that is left.
async fn with_body<R: Body>(
    head: Response,
    body: R,
    request: &ClientRequest,
    left: Duration,
) -> Response {
    let (_, max_len, limit) = request.limits();
    let mut read = Vec::new();
    let mut body = pin!(body);
    let whole = async {
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let Ok(frame) = frame else { return false };
            let Ok(mut data) = frame.into_data() else { continue };
            let len = data.remaining().min(max_len - read.len());
            read.extend_from_slice(&data.copy_to_bytes(len));
            if data.has_remaining() {
                return false;
            }
        }
        true
    };
    let is_whole = timeout(limit.min(left), whole).await.unwrap_or(false);
    head.received(read, !is_whole)
}
