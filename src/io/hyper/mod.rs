//! WebSockets in an HTTP server of hyper, and over an HTTP client of hyper (feature `hyper`; HTTP/2
//! needs the feature `http2`).
//!
//! A server asks each request whether it is for a WebSocket, answers it, and serves the socket in a
//! task. The code is the same for HTTP/1.1 and HTTP/2, and the socket is of the same type that
//! [`tokio::WebSocket::connect`](crate::io::tokio::WebSocket::connect) returns:
//!
//! ```
//! use core::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper::body::Incoming;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::server::conn::auto;
//! use sanswire::io::hyper::WebSocketUpgrade;
//! use tokio::net::{TcpListener, TcpStream};
//!
//! async fn route(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(match WebSocketUpgrade::new(&mut request) {
//!         Ok(upgrade) => upgrade.on_open(async |mut socket| {
//!             while let Some(message) = socket.recv().await? {
//!                 socket.send(message).await?;
//!             }
//!             Ok(())
//!         }),
//!         // Such as 426, for a request that asks for no WebSocket.
//!         Err(rejection) => rejection.into(),
//!     })
//! }
//!
//! /// Serves a connection of either version of HTTP.
//! async fn connection(stream: TcpStream) {
//!     let mut builder = auto::Builder::new(TokioExecutor::new());
//!     builder
//!         .http2()
//!         .enable_connect_protocol()
//!         .initial_stream_window_size(64 << 10)
//!         .initial_connection_window_size(16 << 20);
//!     let io = TokioIo::new(stream);
//!     if let Err(error) = builder.serve_connection_with_upgrades(io, service_fn(route)).await {
//!         eprintln!("{error}");
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("ws://{}/", listener.local_addr()?);
//! tokio::spawn(async move {
//!     while let Ok((stream, _)) = listener.accept().await {
//!         tokio::spawn(connection(stream));
//!     }
//! });
//! # let mut socket = sanswire::io::tokio::WebSocket::connect(&url).await?;
//! # socket.send("hello").await?;
//! # assert_eq!(socket.recv().await?.unwrap().as_text(), Some("hello"));
//! # socket.close(1000, "").await?;
//! # Ok(())
//! # }
//! ```
//!
//! A route that has a page, too, returns it if [`Rejection::error`] is
//! [`HandshakeError::NotUpgrade`](crate::handshake::HandshakeError::NotUpgrade). With the feature
//! `axum`, [`WebSocketUpgrade`] is an extractor.
//!
//! For the other end, see [`connect_http1`] and `connect_http2`.
//!
//! # The stream
//!
//! Over HTTP/1.1, the connection itself becomes the WebSocket. If it is TCP, a Unix socket, a
//! [`NetStream`](crate::io::tokio::NetStream) with TLS, or TLS of tokio-rustls on TCP, each in a
//! `TokioIo`, it is taken back from hyper: TCP gets `TCP_NODELAY`,
//! [`NetStream::tcp`](crate::io::tokio::NetStream::tcp) is there for its options, and nothing stands
//! between. hyper-util's `auto::Builder` wraps streams itself; from there they are taken back with
//! the feature `http2`. Any other stream works as it is: set `TCP_NODELAY` yourself.
//!
//! # HTTP/2
//!
//! A browser opens a WebSocket over HTTP/2 if it has such a connection already, and the server has
//! allowed it: call `enable_connect_protocol`. Over TLS, the ALPN protocols of the server must list
//! `h2`. The request has the method CONNECT: a router must pass it on. Each WebSocket is a stream of
//! the connection:
//!
//! - The end of the stream is that of the WebSocket. A stream that ends without a Close frame, or is
//!   reset, is [`UnexpectedEof`](crate::ConnectionError::UnexpectedEof), or a transport that failed.
//!   A client that has ended its side still gets what the server has to send.
//! - A socket that is not received from stops its peer when the window of its stream is full. Until
//!   then, it takes from the window of the connection: when that is full, *all* streams of the
//!   connection stand still. hyper's defaults for servers are 1 MiB for either, so that one slow socket
//!   stops the others. Set a small `initial_stream_window_size`, and an
//!   `initial_connection_window_size` of as many of them as there may be slow sockets: 64 KiB and
//!   16 MiB are good for 256. The window of a stream limits how fast one socket can receive, to one
//!   window for each round trip.
//! - h2 ends the whole connection when too many small DATA frames wait to be received: a frame counts
//!   as at least 256 bytes, and the limit is half the window of the connection. With a window of 1 MiB,
//!   it is about 2,000 small messages, with 16 MiB 33,000. Receive all the time, also where you do not
//!   answer.
//! - Up to 64 KiB of what was sent is in hyper, beside what
//!   [`buffered_amount`](crate::io::poll::WebSocket::buffered_amount) counts. A `send` that has returned
//!   has not reached the network yet. A client that drops its socket resets the stream, and what is
//!   still in hyper is lost: [`close`](crate::io::poll::WebSocket::close) it. So is the answer to a Close of
//!   the server, if the client drops its socket as soon as `recv` has returned `None`: the server then
//!   reports 1006.
//! - On a server, hyper keeps what was sent for a peer that does not read, also after its socket
//!   has given it up and is gone: up to 64 KiB for each of `max_concurrent_streams`, until the peer
//!   reads, resets the stream, or the connection ends. Choose that number by the memory that one
//!   client may hold.
//! - The TCP connection is hyper's: `TCP_NODELAY`, HTTP/2's own pings (`keep_alive_interval`) and
//!   `max_concurrent_streams` (200 by default) are set there.
//!   [`NetStream::tcp`](crate::io::tokio::NetStream::tcp) is `None`.
//!
//! # Shutdown
//!
//! hyper's `graceful_shutdown` takes no more requests and waits for the streams of HTTP/2, but closes no
//! WebSocket, and does not know those of HTTP/1.1. Give
//! [`shut_down_on`](WebSocketUpgrade::shut_down_on) a [`Shutdown`](crate::io::poll::Shutdown), and in
//! the end:
//!
//! ```
//! # use core::time::Duration;
//! # use sanswire::io::poll::Shutdown;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sanswire::Error> {
//! # let shutdown = Shutdown::new();
//! shutdown.begin(1001, "")?;
//! // `graceful_shutdown` of all connections, then:
//! let ended = tokio::time::timeout(Duration::from_secs(20), shutdown.ended()).await;
//! # assert!(ended.is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! What is wrong with a request is a [`Rejection`], which turns into the answer. What goes wrong later
//! is an [`UpgradeError`] for [`on_error`](WebSocketUpgrade::on_error). A client gets
//! [`Error::Http`](crate::Error::Http) if hyper fails, and
//! [`Error::Handshake`](crate::Error::Handshake) if the server refuses.

mod client;
mod error;
mod rejection;
mod stream;
mod upgrade;

pub use client::connect_http1;
#[cfg(feature = "http2")]
pub use client::connect_http2;
pub use error::UpgradeError;
pub use rejection::Rejection;
pub(super) use stream::UpgradedStream;
pub use upgrade::{OnUpgrade, WebSocketUpgrade};
