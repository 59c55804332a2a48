//! WebSockets on tokio, over any `AsyncRead + AsyncWrite`.
//!
//! ```no_run
//! # async fn f() -> Result<(), sanswire::Error> {
//! use sanswire::io::tokio::WebSocket;
//!
//! let mut socket = WebSocket::connect("ws://localhost:9001/chat").await?;
//! socket.send("hello").await?;
//! while let Some(message) = socket.recv().await? {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The type [`WebSocket`] has all methods of [`poll::WebSocket`], such as `accept`, `send` and
//! `recv`. The module [`poll`] says which futures can be dropped, and when the clock runs. The
//! runtime must have its time driver enabled, as `#[tokio::main]` has.
//!
//! The module [`reconnecting`] has a client that reconnects by itself, and the module [`server`] a
//! server: an accept loop with limits, handlers in tasks, and a graceful shutdown.
//!
//! # TLS
//!
//! With the features `rustls`, `ring` and `webpki-roots`, [`WebSocket::connect`] takes `wss` URLs.
//! The module [`tls`](crate::io::tls) says what else can be chosen: another crypto provider, roots of
//! the operating system or your own ones, client certificates.
//!
//! A server does the TLS handshake by [`NetStream::accept_tls`], and passes the stream to
//! [`WebSocket::accept`].
//!
//! To use another TLS library, connect its stream, and do the opening handshake over it by
//! [`WebSocket::connect_over`].
//!
//! # Streams and sinks
//!
//! A [`WebSocket`] is a `Stream` and a `Sink` of messages, and so are its halves, for the
//! combinators of the crates `futures` and `futures-util`. Split it by its own
//! [`split`](WebSocket::split): `StreamExt::split` works, too, but locks the whole socket for each
//! poll.
//!
//! ```
//! use futures_util::StreamExt;
//! use sanswire::Error;
//! use sanswire::io::tokio::WebSocket;
//! use tokio::net::TcpStream;
//!
//! async fn echo(socket: WebSocket<TcpStream>) -> Result<(), Error> {
//!     let (sender, receiver) = socket.split();
//!     receiver.forward(sender).await // At the end it sends a Close frame.
//! }
//! ```
//!
//! # Messages larger than memory
//!
//! With [`Reassembly::Chunks`](crate::Reassembly), a message is delivered in parts as they arrive.
//! While the application writes a part to a disk, nothing more is read, so TCP slows the peer down:
//!
//! ```no_run
//! use sanswire::io::tokio::WebSocket;
//! use sanswire::{Config, Error, Event, Reassembly};
//! use tokio::io::AsyncWriteExt;
//!
//! async fn store(stream: tokio::net::TcpStream, mut file: tokio::fs::File) -> Result<(), Error> {
//!     let config = Config::default()
//!         .reassembly(Reassembly::Chunks)
//!         .max_frame_size(10 << 30)
//!         .max_message_size(10 << 30);
//!     let mut socket = WebSocket::accept(stream, &config).await?;
//!     loop {
//!         let taken = socket.recv_with(|event, _| match event {
//!             Event::Chunk(chunk) => Some(chunk.into_owned()),
//!             _ => None,
//!         });
//!         let Some(taken) = taken.await? else { return Ok(()) };
//!         let Some(chunk) = taken else { continue };
//!         file.write_all(&chunk.payload).await?;
//!         if chunk.is_last {
//!             file.sync_all().await?;
//!             socket.send("stored").await?;
//!         }
//!     }
//! }
//! ```

mod connecting;
pub(super) mod handler;
mod net_stream;
pub(super) mod panics;
pub mod reconnecting;
pub mod server;
#[cfg(feature = "proxy")]
mod socks5;
#[cfg(feature = "rustls")]
mod tls;

use alloc::boxed::Box;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use ::tokio::task::yield_now;
use ::tokio::time::{Instant, Sleep, sleep_until};
use bytes::Buf;

use super::SLICES;
use super::poll::{self, PollTransport};
use crate::buffer::{Input, TransmitBuf};
use crate::timestamp::Timestamp;
pub use net_stream::NetStream;
#[doc(alias("accept", "listen"))]
pub use server::builder::Server;

/// A WebSocket over a stream of tokio, with the methods of [`poll::WebSocket`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sanswire::Error> {
/// use sanswire::Config;
/// use sanswire::handshake::ClientRequest;
/// use sanswire::io::tokio::WebSocket;
///
/// let (near, far) = tokio::io::duplex(1024);
/// let server = tokio::spawn(async move {
///     let mut socket = WebSocket::accept(far, &Config::default()).await?;
///     while let Some(message) = socket.recv().await? {
///         socket.feed(message).await?;
///     }
///     Ok::<_, sanswire::Error>(())
/// });
/// let request = ClientRequest::new("example.com", "/")?;
/// let mut socket = WebSocket::connect_over(near, &request, &Config::default()).await?;
/// socket.send("hello").await?;
/// assert_eq!(socket.recv().await?.unwrap().as_text(), Some("hello"));
/// socket.close(1000, "").await?;
/// server.await.unwrap()
/// # }
/// ```
#[doc(alias = "connect")]
#[doc(alias = "accept")]
#[doc(alias = "split")]
pub type WebSocket<S> = poll::WebSocket<Stream<S>>;

/// The half of a [`WebSocket`] that sends.
pub type Sender<S> = poll::Sender<Stream<S>>;

/// The half of a [`WebSocket`] that receives.
pub type Receiver<S> = poll::Receiver<Stream<S>>;

/// A stream of tokio with a clock and a timer: the [`PollTransport`] of a [`WebSocket`].
#[derive(Debug)]
pub struct Stream<S> {
    inner: S,
    start: Instant,
    /// Set anew only when it would fire too late: most deadlines move on with all that arrives.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PollTransport for Stream<S> {
    type Stream = S;

    fn new(inner: S) -> Self {
        Self { inner, start: Instant::now(), timer: None }
    }

    fn stream(&self) -> &S {
        &self.inner
    }

    fn into_stream(self) -> S {
        self.inner
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> Poll<io::Result<usize>> {
        // The future has no state of its own.
        pin!(self.inner.read_buf(input)).poll(cx)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &TransmitBuf,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.inner);
        // One slice costs the kernel less than a list of them.
        let written = if output.chunk().len() == output.len() || !stream.is_write_vectored() {
            ready!(stream.poll_write(cx, output.chunk()))?
        } else {
            let mut slices = [io::IoSlice::new(&[]); SLICES];
            let used = output.chunks_vectored(&mut slices);
            ready!(stream.poll_write_vectored(cx, slices.get(..used).unwrap_or_default()))?
        };
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        // Too far to be counted is never.
        let Some(deadline) = self.start.checked_add(at.into()) else { return Poll::Pending };
        let is_sooner = self.timer.as_ref().is_none_or(|timer| deadline < timer.deadline());
        if is_sooner && deadline <= Instant::now() {
            // A timer that is set to the past wakes its task.
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if deadline <= timer.deadline() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn yield_now(&mut self, cx: &mut Context<'_>) {
        // A task that only wakes itself runs up to 61 times before tokio looks for others whose
        // sockets have become ready. Polled once, this wakes it behind that look.
        let _ = pin!(yield_now()).poll(cx);
    }
}
