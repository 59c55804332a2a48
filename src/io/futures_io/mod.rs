//! WebSockets on smol, async-std and others, over any `AsyncRead + AsyncWrite` of futures-io.
//!
//! ```no_run
//! # async fn f() -> Result<(), sanswire::Error> {
//! use sanswire::io::futures_io::WebSocket;
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
//! `recv`. The module [`poll`] says which futures can be dropped, and when the clock runs.
//!
//! Timers, and the sockets of [`connect`](WebSocket::connect_with), are those of async-io and
//! async-net. They work on every runtime.
//!
//! # TLS
//!
//! With the features `rustls`, `ring` and `webpki-roots`, [`WebSocket::connect`] takes `wss` URLs;
//! the module [`tls`](crate::io::tls) says what else can be chosen. A server does the TLS handshake by
//! [`NetStream::accept_tls`]. To use another TLS library, pass its stream to
//! [`WebSocket::connect_over`] or [`WebSocket::accept`].

mod connecting;
mod net_stream;
#[cfg(feature = "rustls")]
mod tls;

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::time::Instant;

use ::futures_io::{AsyncRead, AsyncWrite};
use async_io::Timer;
use bytes::Buf;

use super::SLICES;
use super::poll::{self, PollTransport};
use crate::buffer::{Input, TransmitBuf};
use crate::timestamp::Timestamp;
pub use net_stream::NetStream;

/// A WebSocket over a stream of futures-io, with the methods of [`poll::WebSocket`].
pub type WebSocket<S> = poll::WebSocket<Stream<S>>;

/// The half of a [`WebSocket`] that sends.
pub type Sender<S> = poll::Sender<Stream<S>>;

/// The half of a [`WebSocket`] that receives.
pub type Receiver<S> = poll::Receiver<Stream<S>>;

/// A stream of futures-io with a clock and a timer: the [`PollTransport`] of a [`WebSocket`].
#[derive(Debug)]
pub struct Stream<S> {
    inner: S,
    start: Instant,
    /// A timer and when it fires. Set anew only when that would be too late: most deadlines move on
    /// with all that arrives.
    timer: Option<(Timer, Instant)>,
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
        let spare = input.spare_mut();
        let len = ready!(Pin::new(&mut self.inner).poll_read(cx, spare))?;
        // A reader that claims more than it was lent is wrong, not the peer.
        let len = len.min(spare.len());
        input.commit(len);
        Poll::Ready(Ok(len))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &TransmitBuf,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.inner);
        // One slice costs the kernel less than a list of them.
        let written = if output.chunk().len() == output.len() {
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
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        // Too far to be counted is never.
        let Some(deadline) = self.start.checked_add(at.into()) else { return Poll::Pending };
        loop {
            match &mut self.timer {
                Some((timer, fires)) if *fires <= deadline => {
                    ready!(Pin::new(timer).poll(cx));
                    if *fires == deadline {
                        self.timer = None;
                        return Poll::Ready(());
                    }
                    self.timer = None;
                }
                // A timer of async-io never fires at once.
                _ if deadline <= Instant::now() => return Poll::Ready(()),
                timer => *timer = Some((Timer::at(deadline), deadline)),
            }
        }
    }
}
