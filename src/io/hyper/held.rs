//! A stream of hyper, which outlives its socket while hyper still has bytes to send; knows no
//! handshake.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use ::hyper::upgrade::Upgraded;
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::runtime::Handle;
use ::tokio::time::timeout;
use hyper_util::rt::TokioIo;
use sync_wrapper::SyncWrapper;

use crate::Role;

/// One of HTTP/2, or of a type that is not known.
///
/// When a client drops a stream of HTTP/2 that the server has not ended, h2 resets it, and throws away
/// what it has not sent yet. So it is kept for a while, as the system keeps a TCP connection.
#[derive(Debug)]
pub(in crate::io) struct HeldStream {
    /// Nothing once it is dropped.
    stream: Option<SyncWrapper<TokioIo<Upgraded>>>,
    is_http2: bool,
    /// Whether it is kept when it is dropped.
    is_held: bool,
}

impl HeldStream {
    pub(super) fn new(upgraded: Upgraded, role: Role) -> Self {
        let stream = TokioIo::new(upgraded);
        // Streams of HTTP/2 write no lists.
        let is_http2 = !stream.is_write_vectored();
        let is_held = is_http2 && role == Role::Client;
        Self { stream: Some(SyncWrapper::new(stream)), is_http2, is_held }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TokioIo<Upgraded>>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(stream.get_mut()))
    }
}

impl Drop for HeldStream {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| self.is_held) else { return };
        // Outside of a runtime, nobody could wait.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async { timeout(HOLD_TIMEOUT, end(stream.into_inner())).await });
    }
}

/// Ends a stream, and throws away what still comes: a server that waits until that is taken may not
/// read.
async fn end(mut stream: TokioIo<Upgraded>) -> io::Result<()> {
    let (mut discarded, mut left, mut is_shut) = ([0; 1 << 10], HOLD_BYTES, false);
    poll_fn(|cx| {
        is_shut = is_shut || Pin::new(&mut stream).poll_shutdown(cx)?.is_ready();
        while left > 0 {
            let mut buf = ReadBuf::new(&mut discarded);
            ready!(Pin::new(&mut stream).poll_read(cx, &mut buf))?;
            match buf.filled().len() {
                0 if is_shut => break,
                0 => return Poll::Pending,
                len => left = left.saturating_sub(len),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

impl AsyncRead for HeldStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        let read = self.stream()?.poll_read(cx, buf);
        // At its end, and when it has failed, there is nothing to wait for.
        let is_over = buf.remaining() == room && room > 0;
        self.is_held &= !matches!(read, Poll::Ready(_) if is_over);
        read
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A stream of HTTP/2 takes all that it is given, whatever the peer has room for. TCP does not.
        let limit = if self.is_http2 { MAX_WRITE } else { bytes.len() };
        self.stream()?.poll_write(cx, bytes.get(..limit).unwrap_or(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        !self.is_http2
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

/// One frame of HTTP/2 of the usual size. hyper holds up to four writes of a stream whose peer does not
/// read. Of 100 sockets with 10 MiB each way on one connection (`tests/memory/http2.rs`), the last has
/// 95 % when the first is done, 358 KiB are held for each and its peer, and it takes 2.4 s of CPU.
/// With 8 KiB it is 97 %, 389 KiB and 3.0 s; with 32 KiB 94 %, 438 KiB and 2.5 s; with 128 KiB 93 %,
/// 804 KiB and 2.4 s.
const MAX_WRITE: usize = 16 << 10;

/// How long a stream may outlive its socket, and what it may still receive: as a connection that
/// lingers.
const HOLD_TIMEOUT: Duration = Duration::from_secs(5);
const HOLD_BYTES: usize = 32 << 20;
