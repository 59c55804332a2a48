//! A server: accepts connections within limits, serves each in a task, and shuts down gracefully.
//!
//! ```
//! use core::time::Duration;
//! use sanswire::handshake::{Acceptance, Request, Response};
//! use sanswire::io::tokio::server::Peer;
//! use sanswire::io::tokio::{NetStream, Server, WebSocket};
//! use sanswire::{CloseCode, Error};
//!
//! /// Sees the request, and accepts it or answers otherwise. Its user goes to the handler.
//! async fn decide(request: Request, peer: Peer) -> Result<(Acceptance, String), Response> {
//!     let Some(user) = request.query().and_then(|query| query.strip_prefix("user=")) else {
//!         return Err(Response::new(401).text("who are you?\n"));
//!     };
//!     println!("{peer} is {user}");
//!     Ok((Acceptance::new(), user.to_owned()))
//! }
//!
//! /// Serves one connection, in a task of its own.
//! async fn echo(mut socket: WebSocket<NetStream>, user: String) -> Result<(), Error> {
//!     socket.send(format!("hello, {user}")).await?;
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind("127.0.0.1:0").await?
//!     .max_connections(10_000)
//!     .on_error(|error| eprintln!("{error}"));
//! let url = format!("ws://{}/?user=Ann", server.local_addr()?);
//! let handle = server.handle();
//! let serving = tokio::spawn(server.serve_with(decide, echo));
//!
//! let mut client = WebSocket::connect(&url).await?;
//! assert_eq!(client.recv().await?, Some("hello, Ann".into()));
//!
//! // Closes all connections, and waits for them for 20 s at most.
//! handle.shut_down(CloseCode::GOING_AWAY, "", Duration::from_secs(20))?;
//! assert_eq!(client.recv().await?, None);
//! assert_eq!(serving.await?.closed, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What becomes of a connection
//!
//! ```text
//! accepted ─▶ handshake ─▶ decide ─▶ 101 ─▶ handler ─▶ its end ─▶ Close, if it is still open
//!    │            │           │
//!    │            │           ├─ Err(response): answered with it
//!    │            │           └─ panic: 500
//!    │            └─ invalid: 4xx; too slow: 408 or 503; too many connections: 503
//!    └─ too many handshakes of this address: dropped
//! ```
//!
//! When the handler has returned, the server closes the connection if it is still open, also if the
//! handler has dropped the socket before: with 1000 after `Ok`, with 1011 after an error or a panic.
//! Messages that were queued leave before. A handler that spawns a task for the socket should wait for that task: the connection is
//! counted, and waited for, only as long as its handler runs.
//!
//! A panic of the handler or of `decide`, also of their `Clone`, ends its connection only, and is
//! [reported](super::Server::on_error). With `panic = "abort"`, a panic ends the process.
//!
//! # Limits
//!
//! - [`max_connections`](super::Server::max_connections), none by default: a client beyond it is answered
//!   with 503 and `Retry-After`, and `decide` is not called.
//! - [`max_handshakes`](super::Server::max_handshakes), 1,024 by default: clients beyond it wait in the
//!   system's queue until a handshake ends. Each step of a handshake takes
//!   [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) at most: the TLS handshake, if
//!   the server has TLS, then the request, then `decide`. A client that is refused keeps its place
//!   for up to 5 s more, to read the answer. With the default of 10 s, one handshake takes 25 s at
//!   most, or 35 s with TLS.
//! - [`max_handshakes_per_address`](super::Server::max_handshakes_per_address), none by default: a
//!   connection beyond it is dropped. An answer would cost as much as the handshake.
//!
//! When the system has no more file descriptors, or `accept` fails otherwise, the server waits for
//! 5 ms to 1 s and tries again. It never ends by itself.
//!
//! # Shutdown
//!
//! [`ServerHandle::shut_down`] closes the listener, drops the TLS handshakes under way, answers the
//! requests under way with 503, closes all open connections with the given code, and waits for the
//! handlers. At the deadline, it drops those that are left.
//!
//! A handler that is sending then gets [`SendError::Closed`](crate::SendError::Closed). If it
//! returns that error and the client answers the Close frame, the connection counts as
//! [`closed`](Stats::closed) and nothing is reported. [`guide::shutdown`](crate::guide::shutdown) has a program.

pub(super) mod builder;
mod connection;
mod error;
mod handle;
mod limits;
mod listener;
mod serving;
mod stats;

pub use error::ServerError;
pub use handle::ServerHandle;
pub use listener::{Listener, Peer};
pub use stats::Stats;
