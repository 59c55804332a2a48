//! A client that reconnects by itself when its connection is lost.
//!
//! ```no_run
//! # async fn fresh_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn f() -> std::io::Result<()> {
//! use sanswire::handshake::ClientRequest;
//! use sanswire::io::tokio::reconnecting::{Client, ClientEvent, Options};
//!
//! // Asked before each attempt: a token that has expired is no reason to give up.
//! let mut client = Client::new(Options::default(), async |_attempt| {
//!     let token = fresh_token().await?;
//!     let request = ClientRequest::from_url("ws://localhost:9001/chat")?;
//!     Ok(request.header("Authorization", format!("Bearer {token}"))?)
//! })?;
//! if let Err(refused) = client.try_send("hello") {
//!     eprintln!("not queued: {refused}"); // What is queued leaves when there is a connection.
//! }
//! while let Some(event) = client.next().await {
//!     match event {
//!         ClientEvent::Message(message) => println!("{message:?}"),
//!         event => eprintln!("{event}"), // connecting, connected, why disconnected, …
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! No task runs in the background: [`Client::next`] does everything, so call it in a loop. The
//! client makes one attempt, or has one connection, at a time. Other tasks send by a [`Handle`].
//!
//! ```text
//!          Connecting              Open                        Disconnected
//!   wait ─────────────▶ attempt ───────────▶ connection ─────────────────────┐
//!    ▲                     │ Disconnected    (Message …)                     │
//!    │                     ▼                                                 │
//!    └───────────────── judged ◀─────────────────────────────────────────────┘
//!                          │
//!                          └─▶ GaveUp, then None         stop: None, from everywhere
//! ```
//!
//! # First messages of a connection
//!
//! Many servers want a token or subscriptions as the first messages of each connection. Return them
//! with the request, as an [`Opening`](crate::reconnect::Opening). They leave before the queued
//! messages.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use sanswire::Config;
//! # use sanswire::io::tokio::WebSocket;
//! # async fn fresh_token() -> Result<String, std::io::Error> { Ok("secret".to_owned()) }
//! use sanswire::handshake::ClientRequest;
//! use sanswire::io::tokio::reconnecting::{Client, Options};
//! use sanswire::reconnect::Opening;
//!
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("ws://{}", listener.local_addr()?);
//! # let server = tokio::spawn(async move {
//! #     let (stream, _) = listener.accept().await?;
//! #     let mut socket = WebSocket::accept(stream, &Config::default()).await?;
//! #     for expected in ["token secret", "subscribe weather", "hello"] {
//! #         assert_eq!(socket.recv().await?, Some(expected.into()));
//! #     }
//! #     socket.close(1000, "").await
//! # });
//! let mut client = Client::new(Options::default(), move |_attempt| {
//!     let url = url.clone();
//!     async move {
//!         let token = fresh_token().await?;
//!         let request = ClientRequest::from_url(&url)?;
//!         Ok(Opening::new(request)
//!             .first_message(format!("token {token}"))
//!             .first_message("subscribe weather"))
//!     }
//! })?;
//! client.try_send("hello")?; // The third message of the first connection.
//! # while let Some(_) = client.next().await {}
//! # server.await??;
//! # Ok(())
//! # }
//! ```
//!
//! An `async` closure cannot own the variables that it uses, such as `url`. So this closure returns
//! an `async` block.
//!
//! A server that refuses the token answers with a status, which is reported as [`Cause::Failed`],
//! or with a Close frame, which is reported as [`Cause::Closed`]. By default the client gives up
//! after 401, 403, 1008, 3000 and 3003; [`Policy`](crate::reconnect::Policy) makes this decision.
//! If the next attempt gets a new token, override it by [`Client::judge_by`].
//!
//! # What happens to messages
//!
//! Messages wait in a queue until a connection takes them, in order and across reconnections. If
//! the queue is full, the message is given back. If a connection breaks after it has taken a
//! message and before the message has arrived, the message is lost, and neither end can tell. Where
//! this matters, set [`Options::delivery`]: messages are kept until the peer has acknowledged them,
//! and each arrives once and in order. The server must support this; see
//! [`delivery`](crate::delivery).
//!
//! The decisions of this client are made by a [`Supervisor`], which works without tokio.
//!
//! [`Supervisor`]: crate::reconnect::Supervisor

mod attempt;
mod client;
mod drive;
mod error;
mod event;
mod handle;
mod options;
mod shared;

#[doc(alias = "reconnect")]
pub use client::Client;
pub use event::{Cause, ClientEvent};
pub use handle::Handle;
pub use options::Options;
