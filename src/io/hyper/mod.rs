//! WebSockets in an HTTP server of hyper, and over an HTTP client of hyper (feature `hyper`).
//!
//! A server asks each request whether it is for a WebSocket, answers it, and serves the socket in a
//! task. It is the same for HTTP/1.1 and HTTP/2, and it is the same type of socket that
//! [`tokio::WebSocket::connect`](crate::io::tokio::WebSocket::connect) returns:
//!
//! ```
//! use http_body_util::Full;
//! use bytes::Bytes;
//! use hyper::body::Incoming;
//! use hyper::{Request, Response};
//! use sanswire::io::hyper::WebSocketUpgrade;
//!
//! async fn route(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
//!     match WebSocketUpgrade::new(&mut request) {
//!         Ok(upgrade) => upgrade.on_open(async |mut socket| {
//!             while let Some(message) = socket.recv().await? {
//!                 socket.send(message).await?;
//!             }
//!             Ok(())
//!         }),
//!         Err(rejection) => rejection.into(),
//!     }
//! }
//! ```

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
