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

impl WebSocket<TcpStream> {
    /// Connects to a `ws://` URL over a TCP stream of async-net, and does the opening handshake.
    ///
    /// [`connect_with`](Self::connect_with) takes headers, subprotocols and a [`Config`];
    /// [`connect_over`](Self::connect_over) takes a TLS stream.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError::InvalidUrl), and those of
    /// [`connect_with`](Self::connect_with).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "TLS")]
    pub fn connect(url: &str) -> impl Future<Output = Result<Self, Error>> + use<> {
        let request = ClientRequest::from_url(url);
        let connecting = request.map(|request| Self::connect_with(&request, &Config::default()));
        Box::pin(async move { connecting?.await })
    }

    /// Connects to the host of `request` over a TCP stream of async-net, and does the opening handshake.
    ///
    /// It sets `TCP_NODELAY`: messages are written whole, so TCP need not wait for more.
    ///
    /// # Errors
    ///
    /// - [`Error::TlsRequired`] for `wss`.
    /// - [`Error::Connect`]: the host was not found, or none of its addresses answered. Each is tried
    ///   for [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) at most.
    /// - Those of [`connect_over`](Self::connect_over).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "header")]
    #[doc(alias = "subprotocol")]
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
