//! Servers of hyper, and peers that write their bytes themselves.

use core::convert::Infallible;
use core::future::Future;
use core::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sanswire::handshake::ClientRequest;
use sanswire::io::hyper::{OnUpgrade, Rejection, WebSocketUpgrade, connect_http1, connect_http2};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use crate::bytes::{REQUEST, masked, response_to, unmasked};

/// Any stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

pub(crate) type Answer = Response<Full<Bytes>>;

/// What answers requests.
pub(crate) trait Route: Fn(Request<Incoming>) -> Answer + Clone + Send + 'static {}

impl<R: Fn(Request<Incoming>) -> Answer + Clone + Send + 'static> Route for R {}

/// Which server of hyper it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// hyper-util's, of HTTP/1.1 and HTTP/2.
    Auto,
    Http1,
    Http1WithoutUpgrades,
    Http2,
    Http2WithoutConnect,
}

/// A stream within the process, of a type that nobody knows.
pub(crate) fn pipe() -> (DuplexStream, DuplexStream) {
    duplex(64 << 10)
}

/// Serves a connection.
pub(crate) fn serve(stream: impl Stream, kind: Kind, route: impl Route) -> JoinHandle<()> {
    let service = service_fn(move |request| {
        let answer = route(request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let io = TokioIo::new(stream);
    tokio::spawn(async move {
        match kind {
            Kind::Auto => {
                let mut builder = auto::Builder::new(TokioExecutor::new());
                builder.http2().enable_connect_protocol();
                let _ = builder.serve_connection_with_upgrades(io, service).await;
            }
            Kind::Http1 => {
                let serving = http1::Builder::new().serve_connection(io, service);
                let _ = serving.with_upgrades().await;
            }
            Kind::Http1WithoutUpgrades => {
                let _ = http1::Builder::new().serve_connection(io, service).await;
            }
            Kind::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                let _ = builder.enable_connect_protocol().serve_connection(io, service).await;
            }
            Kind::Http2WithoutConnect => {
                let builder = http2::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(io, service).await;
            }
        }
    })
}

/// Serves a connection within the process, of which this is the client's end.
pub(crate) fn served(kind: Kind, route: impl Route) -> DuplexStream {
    let (client, server) = pipe();
    serve(server, kind, route);
    client
}

/// A route that sends everything back.
pub(crate) fn echo(request: Request<Incoming>) -> Answer {
    with(request, |upgrade| Ok(upgrade.on_open(echo_all)))
}

/// Sends everything back.
pub(crate) async fn echo_all(mut socket: WebSocket<NetStream>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Answers a request, also by a refusal.
pub(crate) fn with(
    mut request: Request<Incoming>,
    answer: impl FnOnce(WebSocketUpgrade) -> Result<Answer, Rejection>,
) -> Answer {
    WebSocketUpgrade::new(&mut request).and_then(answer).unwrap_or_else(Rejection::into)
}

/// What comes of requests that are accepted.
pub(crate) type Sockets = UnboundedReceiver<Result<WebSocket<NetStream>, Error>>;

/// A route that hands its sockets out.
pub(crate) fn handing_out(
    options: impl Fn(WebSocketUpgrade) -> Result<WebSocketUpgrade, Rejection> + Clone + Send + 'static,
) -> (impl Route, Sockets) {
    let (given, sockets) = unbounded_channel();
    let route = move |request: Request<Incoming>| {
        with(request, |upgrade| {
            let (response, upgrade) = options(upgrade)?.accept()?;
            let given = given.clone();
            tokio::spawn(async move { given.send(upgrade.await) });
            Ok(response)
        })
    };
    (route, sockets)
}

/// A route that hands out what waits for its sockets.
pub(crate) fn handing_out_upgrades() -> (impl Route, UnboundedReceiver<OnUpgrade>) {
    let (given, upgrades) = unbounded_channel();
    let route = move |request: Request<Incoming>| {
        with(request, |upgrade| {
            let (response, upgrade) = upgrade.accept()?;
            given.send(upgrade).unwrap();
            Ok(response)
        })
    };
    (route, upgrades)
}

/// What must come to an end at all, in however long a time.
pub(crate) async fn ends<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(100), future).await.expect("it hangs")
}

/// A peer of HTTP/1.1 that writes its bytes itself.
pub(crate) struct Wire<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads a head, with the empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(ends(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        ends(self.0.read_exact(&mut read)).await.unwrap();
        assert_eq!(read, bytes);
    }

    /// Reads a response with a body, of whose head it returns the first line and the headers.
    pub(crate) async fn response(&mut self) -> (String, Vec<String>, String) {
        let head = self.head().await;
        let mut lines = head.trim_end().split("\r\n").map(str::to_ascii_lowercase);
        let first = lines.next().unwrap();
        let headers: Vec<_> = lines.collect();
        let len = headers.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; len.parse().unwrap()];
        ends(self.0.read_exact(&mut body)).await.unwrap();
        (first, headers, String::from_utf8(body).unwrap())
    }

    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        ends(self.0.read_to_end(&mut rest)).await.unwrap();
        rest
    }
}

/// A client's side of HTTP/1.1 by hyper.
pub(crate) async fn client_http1(stream: impl Stream) -> conn::http1::SendRequest<Empty<Bytes>> {
    let (send, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    send
}

/// A client's side of HTTP/2 by hyper.
pub(crate) async fn client_http2(stream: impl Stream) -> conn::http2::SendRequest<Empty<Bytes>> {
    let io = TokioIo::new(stream);
    let (send, connection) = conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    send
}

pub(crate) async fn open_http1(
    send: &mut conn::http1::SendRequest<Empty<Bytes>>,
    request: &ClientRequest,
) -> Result<WebSocket<NetStream>, Error> {
    ends(connect_http1(request, &Config::default(), |request| send.send_request(request))).await
}

pub(crate) async fn open_http2(
    send: &mut conn::http2::SendRequest<Empty<Bytes>>,
    request: &ClientRequest,
) -> Result<WebSocket<NetStream>, Error> {
    ends(connect_http2(request, &Config::default(), |request| send.send_request(request))).await
}

/// A client of HTTP/2 that sees its frames.
pub(crate) async fn client_h2(stream: impl Stream) -> SendRequest<Bytes> {
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    send.ready().await.unwrap()
}

/// A valid request for a WebSocket over HTTP/2.
pub(crate) fn connect_request() -> Request<()> {
    Request::connect("http://server.example.com/chat")
        .version(hyper::Version::HTTP_2)
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap()
}

/// A WebSocket over HTTP/2, frame by frame.
pub(crate) struct Framed {
    pub(crate) send: SendStream<Bytes>,
    pub(crate) recv: RecvStream,
    read: Vec<u8>,
}

impl Framed {
    pub(crate) async fn open(client: &mut SendRequest<Bytes>) -> Self {
        let (response, send) = client.send_request(connect_request(), false).unwrap();
        Self::of(response, send).await
    }

    pub(crate) async fn of(response: ResponseFuture, send: SendStream<Bytes>) -> Self {
        let response = ends(response).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { send, recv: response.into_body(), read: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: impl Into<Bytes>) {
        self.send.send_data(bytes.into(), false).unwrap();
    }

    pub(crate) fn end(&mut self) {
        self.send.send_data(Bytes::new(), true).unwrap();
    }

    pub(crate) async fn read(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len {
            let data = ends(self.recv.data()).await.expect("the stream ended").unwrap();
            self.recv.flow_control().release_capacity(data.len()).unwrap();
            self.read.extend_from_slice(&data);
        }
        let rest = self.read.split_off(len);
        core::mem::replace(&mut self.read, rest)
    }

    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        assert_eq!(self.read(bytes.len()).await, bytes);
    }

    /// Expects END_STREAM behind what was read.
    pub(crate) async fn expect_end(&mut self) {
        assert!(self.read.is_empty(), "{:?}", self.read);
        while let Some(data) = ends(self.recv.data()).await {
            assert_eq!(data.unwrap(), "");
        }
        assert!(self.recv.is_end_stream());
    }
}

/// The status, the headers as lines, and the body of an answer over HTTP/2.
pub(crate) async fn answer(
    client: &mut SendRequest<Bytes>,
    request: Request<()>,
) -> (u16, Vec<String>, String) {
    let (response, _send) = client.send_request(request, false).unwrap();
    let response = ends(response).await.unwrap();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut stream = response.into_body();
    while let Some(data) = ends(stream.data()).await {
        body.extend_from_slice(&data.unwrap());
    }
    (status, headers, String::from_utf8(body).unwrap())
}
