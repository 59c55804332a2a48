//! A pipe whose operations fail as planned, as all asynchronous traits have them.

use std::io;
use std::task::{Context, Poll, ready};

use crate::fault::{Act, Faults, Op};
use crate::world::PipeEnd;

#[derive(Debug)]
pub(crate) struct Faulty {
    pipe: PipeEnd,
    pub(crate) faults: Faults,
}

impl Faulty {
    pub(crate) fn new(pipe: PipeEnd, faults: &Faults) -> Self {
        Self { pipe, faults: faults.clone() }
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = ready!(self.begin(cx, Op::Read))?.min(buf.len());
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        self.woken(cx, |cx| self.pipe.poll_read(cx, &mut buf[..most])).map(Ok)
    }

    /// Nothing is taken at the end.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = ready!(self.begin(cx, Op::Write))?.min(bytes.len());
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        let written = ready!(self.woken(cx, |cx| self.pipe.poll_write(cx, &bytes[..most])));
        Poll::Ready(written.ok_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.begin(cx, Op::Flush).map_ok(|_| ())
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.begin(cx, Op::Shutdown))?;
        self.pipe.shut_down();
        Poll::Ready(Ok(()))
    }

    /// Returns how much the operation may move.
    fn begin(&self, cx: &mut Context<'_>, op: Op) -> Poll<io::Result<usize>> {
        match self.faults.act(op) {
            Act::Block => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Act::Never => Poll::Pending,
            act => Poll::Ready(act.most()),
        }
    }

    fn woken<T>(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let poll = operation(cx);
        if poll.is_pending() && self.faults.wakes() {
            cx.waker().wake_by_ref();
        }
        poll
    }
}
