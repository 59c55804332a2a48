//! What the shell needs of a runtime; knows no connection.

use core::task::{Context, Poll};
use std::io;

use crate::buffer::{Input, TransmitBuf};
use crate::timestamp::Timestamp;

/// A byte stream of an asynchronous runtime, with a clock and a timer of that runtime.
///
/// Implement it for a [`WebSocket`](super::WebSocket) on a runtime that this crate has no adapter
/// for, in some forty lines: `src/io/futures_io/mod.rs` is an example. The methods are those of
/// `AsyncRead` and `AsyncWrite`, and wake the task in the same way.
pub trait PollTransport: Unpin {
    /// The stream that is wrapped.
    type Stream;

    /// Wraps a stream; its clock begins at 0.
    fn new(stream: Self::Stream) -> Self;

    /// Returns the stream.
    fn stream(&self) -> &Self::Stream;

    /// Unwraps the stream.
    fn into_stream(self) -> Self::Stream;

    /// Reads once, and appends what came to `input`, in which room has been
    /// [prepared](Input::prepare); 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// The transport's own: nothing more can be read.
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut Input<'_>)
    -> Poll<io::Result<usize>>;

    /// Writes once, as much as the stream takes of `output`, which is not empty.
    ///
    /// # Errors
    ///
    /// The transport's own, and [`io::ErrorKind::WriteZero`] when it takes nothing: nothing more
    /// can be written.
    fn poll_write(&mut self, cx: &mut Context<'_>, output: &TransmitBuf)
    -> Poll<io::Result<usize>>;

    /// Flushes what the stream may have buffered.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the peer that nothing more will be written.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns the time since the stream was wrapped.
    fn now(&self) -> Timestamp;

    /// Waits until the time is `at`; a later call with another time replaces the one before.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Timestamp) -> Poll<()>;

    /// Has the task polled again behind the others that are ready, and behind those that the
    /// operating system makes ready meanwhile, where the runtime can do that. By default, wakes it.
    fn yield_now(&mut self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}
