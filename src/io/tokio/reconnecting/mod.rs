//! A client that connects again by itself when its connection is lost.
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
//! client.try_send("hello").ok(); // It leaves when there is a connection.
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
//! There is no task behind it: [`Client::next`] does everything, so call it in a loop. At most one
//! attempt or connection exists.
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
//! # What a connection begins with
//!
//! Many servers want a token, or subscriptions, as the first messages on each connection. Return
//! them with the request, as an [`Opening`](crate::reconnect::Opening): they leave before what waits in the queue.
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
//! A server that no longer takes the token says so by a status, which comes as a
//! [`Cause::Failed`], or by a Close, which comes as a [`Cause::Closed`]. The
//! [`Policy`](crate::reconnect::Policy) takes 401, 403, 1008, 3000 and 3003 to be final; where the
//! next attempt has another token, use [`Client::judge_by`].
//!
//! # What becomes of messages
//!
//! What is sent waits in a queue until a connection takes it, in order, across attempts and breaks;
//! a full queue gives the message back. A message that a connection has taken is lost when the
//! connection breaks before it has left, or on its way, and nobody can tell. Where that matters,
//! set [`Options::delivery`]: messages are kept until the peer has acknowledged them, and arrive
//! each once and in order as [`delivery`](crate::delivery) has it.
//!
//! All its decisions are made by a [`Supervisor`], which can be used without tokio.
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

pub use client::Client;
pub use event::{Cause, ClientEvent};
pub use handle::Handle;
pub use options::Options;
