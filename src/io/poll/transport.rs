//! `PollTransport`: the stream, the clock and the timer of a runtime; knows no connection.

use core::task::{Context, Poll};
use std::io;

use crate::buffer::{Input, TransmitBuf};
use crate::timestamp::Timestamp;

/// A byte stream of an asynchronous runtime, with that runtime's clock and timer.
///
/// Implement it to use [`WebSocket`](super::WebSocket) on a runtime that has no adapter in this
/// crate. It takes about forty lines; `src/io/futures_io/mod.rs` is an example. The methods are
/// those of `AsyncRead` and `AsyncWrite`, and wake the task in the same way.
pub trait PollTransport: Unpin {
    /// The stream that this type wraps.
    type Stream;

    /// Wraps a stream. Its clock begins at 0.
    fn new(stream: Self::Stream) -> Self;

    /// Returns the stream.
    fn stream(&self) -> &Self::Stream;

    /// Unwraps the stream.
    fn into_stream(self) -> Self::Stream;

    /// Reads once and appends the bytes to `input`, which has been [prepared](Input::prepare).
    /// Returns how many bytes were read; 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// The transport's own. Nothing more can be read.
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut Input<'_>)
    -> Poll<io::Result<usize>>;

    /// Writes once, as much of `output` as the stream takes. `output` is not empty.
    ///
    /// # Errors
    ///
    /// The transport's own, or [`io::ErrorKind::WriteZero`] if the stream takes nothing. Nothing
    /// more can be written.
    fn poll_write(&mut self, cx: &mut Context<'_>, output: &TransmitBuf)
    -> Poll<io::Result<usize>>;

    /// Flushes the stream's own buffer, if it has one.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Shuts down the sending side: tells the peer that nothing more will be written.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns the time since the stream was wrapped.
    fn now(&self) -> Timestamp;

    /// Waits until the time is `at`. A later call with another time replaces the earlier one.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Timestamp) -> Poll<()>;

    /// Schedules the task to be polled again after all other tasks that are ready. If the runtime
    /// can do so, tasks that the operating system makes ready in the meantime also run first. By
    /// default, it wakes the task.
    fn yield_now(&mut self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}
