//! The futures-io adapter, over streams of tokio: the tests of both adapters are the same.
#![expect(clippy::duplicate_mod, reason = "the tests of both adapters are the same")]

#[cfg(feature = "deflate")]
#[path = "both/broadcast.rs"]
mod broadcast;
#[path = "both/cancel.rs"]
mod cancel;
#[path = "both/opening.rs"]
mod opening;
#[path = "both/queued.rs"]
mod queued;
#[path = "both/sent.rs"]
mod sent;
#[path = "both/shutdown.rs"]
mod shutdown;
#[path = "both/socket.rs"]
mod socket;
#[path = "both/split.rs"]
mod split;
#[path = "both/wakeups.rs"]
mod wakeups;

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{IoSlice, Result};

use futures_io::{AsyncRead, AsyncWrite};
use sanswire::io::futures_io::{Receiver, Sender, WebSocket};
use tokio::io::ReadBuf;

/// A stream of tokio as the adapter takes it.
#[derive(Debug)]
struct Adapted<S>(S);

const fn adapt<S>(stream: S) -> Adapted<S> {
    Adapted(stream)
}

impl<S: tokio::io::AsyncRead + Unpin> AsyncRead for Adapted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<S: tokio::io::AsyncWrite + Unpin> AsyncWrite for Adapted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
