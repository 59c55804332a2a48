//! Reads and writes of a stream, one at a time; knows no connection.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use bytes::Buf;

use crate::buffer::{ReceiveBuf, TransmitBuf};

/// Reads once, into memory that is not zeroed before; 0 is the end of the stream.
pub(super) fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut ReceiveBuf,
    size: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    input.prepare(size);
    // The future has no state of its own.
    pin!(stream.read_buf(input)).poll(cx)
}

/// Writes once, as much as the stream takes of `output`, which is not empty.
pub(super) fn poll_write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    output: &mut TransmitBuf,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let written = if output.chunk().len() == output.len() {
        // One slice costs the kernel less than a list of them.
        let written = ready!(Pin::new(stream).poll_write(cx, output.chunk()));
        written.inspect(|&len| output.advance(len))
    } else {
        // The future has no state of its own.
        ready!(pin!(stream.write_buf(output)).poll(cx))
    };
    match written {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(written),
    }
}
