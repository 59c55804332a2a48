//! WebSockets on smol, async-std and others, over anything that is `AsyncRead + AsyncWrite` of
//! `futures-io`.
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
//! All other methods of [`WebSocket`], such as `accept`, `recv` and `send`, are those of
//! [`poll::WebSocket`]. Its [module](poll) says which futures may be dropped, and when time passes.
//!
//! Timers, and the sockets of [`connect_with`](WebSocket::connect_with), are those of `async-io` and
//! `async-net`. They need no runtime of their own.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::time::Instant;

use ::futures_io::{AsyncRead, AsyncWrite};
use async_io::Timer;
use async_net::{TcpStream, resolve};
use bytes::Buf;

use super::connecting::Tried;
use super::error::Error;
use super::poll::{self, PollTransport};
use super::{SLICES, check_plain};
use crate::buffer::{Input, TransmitBuf};
use crate::connection::Config;
use crate::handshake::ClientRequest;
use crate::timestamp::Timestamp;

/// A WebSocket over a stream of `futures-io`: a [`poll::WebSocket`].
pub type WebSocket<S> = poll::WebSocket<Stream<S>>;

/// The half of a [`WebSocket`] that sends.
pub type Sender<S> = poll::Sender<Stream<S>>;

/// The half of a [`WebSocket`] that receives.
pub type Receiver<S> = poll::Receiver<Stream<S>>;

/// A stream of `futures-io` with a clock and a timer: the [`PollTransport`] of a [`WebSocket`].
#[derive(Debug)]
pub struct Stream<S> {
    inner: S,
    start: Instant,
    /// A timer and when it fires. Set anew only when that would be too late: most deadlines move on
    /// with all that arrives.
    timer: Option<(Timer, Instant)>,
}

impl WebSocket<TcpStream> {
    /// Connects to a `ws` URL over TCP, with `TCP_NODELAY` on.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with);
    /// [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError::InvalidUrl).
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream. It borrows none of the references that are passed.
    pub fn connect(url: &str) -> impl Future<Output = Result<Self, Error>> + use<> {
        let request = ClientRequest::from_url(url);
        let connecting = request.map(|request| Self::connect_with(&request, &Config::default()));
        async move { connecting?.await }
    }

    /// Connects over TCP to where the request goes, with `TCP_NODELAY` on: messages are written
    /// whole, so waiting for more would only delay them.
    ///
    /// # Errors
    ///
    /// [`Error::TlsRequired`] for `wss`; [`Error::Connect`] when the host is not found or none of its
    /// addresses answers, each within the time for the handshake; and as
    /// [`connect_over`](Self::connect_over).
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the stream. It borrows none of the references that are passed.
    pub fn connect_with(
        request: &ClientRequest,
        config: &Config,
    ) -> impl Future<Output = Result<Self, Error>> + use<> {
        let (request, config) = (request.clone(), config.clone());
        Box::pin(async move {
            check_plain(&request)?;
            Self::connect_over(connect(&request).await?, &request, &config).await
        })
    }
}

/// Connects to the first address that answers, waiting for each no longer than for the handshake:
/// one that leads nowhere does not keep from the others.
async fn connect(request: &ClientRequest) -> Result<TcpStream, Error> {
    let (limit, mut tried) = (request.timeout(), Tried::new(request));
    let addresses = within(limit, resolve((request.host(), request.port()))).await;
    for address in tried.found(addresses)? {
        let stream = within(limit, TcpStream::connect(address)).await;
        let ends = |stream: &TcpStream| (stream.local_addr(), stream.peer_addr());
        if let Some(stream) = tried.connected(address, stream, ends) {
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
    }
    Err(tried.into_error())
}

/// Waits for `future`, no longer than `limit`.
async fn within<R>(
    limit: Option<Duration>,
    future: impl Future<Output = io::Result<R>>,
) -> io::Result<R> {
    let (mut future, mut timer) = (pin!(future), limit.map(Timer::after));
    poll_fn(|cx| {
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        match &mut timer {
            Some(timer) => Pin::new(timer).poll(cx).map(|_| Err(io::ErrorKind::TimedOut.into())),
            None => Poll::Pending,
        }
    })
    .await
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
