//! A transport of the tests' own for the shell of all asynchronous runtimes: it reads and writes as a
//! test says, and its time stands still.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::io;

use sanswire::io::poll::PollTransport;
use sanswire::{Input, Timestamp, TransmitBuf};

/// What a stream does; it never fails.
pub(crate) trait Wire: Unpin {
    /// Reads into `input`; returns what it says to have read.
    fn read(&mut self, input: &mut Input<'_>) -> Poll<usize>;

    /// Takes of `output`; returns how much.
    fn write(&mut self, output: &TransmitBuf) -> Poll<usize>;
}

#[derive(Debug)]
pub(crate) struct Stream<W>(W);

impl<W: Wire> PollTransport for Stream<W> {
    type Stream = W;

    fn new(wire: W) -> Self {
        Self(wire)
    }

    fn stream(&self) -> &W {
        &self.0
    }

    fn into_stream(self) -> W {
        self.0
    }

    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut Input<'_>) -> Poll<io::Result<usize>> {
        self.0.read(input).map(Ok)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, output: &TransmitBuf) -> Poll<io::Result<usize>> {
        self.0.write(output).map(Ok)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        if at == Timestamp::ZERO { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Polls a future once.
pub(crate) fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
