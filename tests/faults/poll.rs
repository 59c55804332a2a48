//! The shell of all asynchronous runtimes, over a transport of the test's own: all kinds, and the
//! clock.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use sanswire::io::poll::PollTransport;
use sanswire::{Input, Timestamp, TransmitBuf};

use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{Log, Shared};
use crate::play::{Deadlines, Plan, play};
use crate::world::{Clock, pipes, run};

/// A pipe that has faults, and the clock.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) pipe: Faulty,
    pub(crate) clock: Clock,
}

#[derive(Debug)]
pub(crate) struct Transport(Stream);

impl Transport {
    /// Has the clock leap, if that is the fault.
    fn leap(&self) {
        let now = self.0.clock.now.get();
        match self.0.pipe.faults.is_next() {
            Some(Kind::ClockAhead) => self.0.clock.now.set(now + Duration::from_secs(3600)),
            Some(Kind::ClockBack) => {
                self.0.clock.now.set(now.saturating_sub(Duration::from_secs(60)));
            }
            _ => {}
        }
    }
}

impl PollTransport for Transport {
    type Stream = Stream;

    fn new(stream: Stream) -> Self {
        Self(stream)
    }

    fn stream(&self) -> &Stream {
        &self.0
    }

    fn into_stream(self) -> Stream {
        self.0
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> Poll<io::Result<usize>> {
        self.leap();
        let read = self.0.pipe.poll_read(cx, input.spare_mut());
        if let Poll::Ready(Ok(len)) = read {
            input.commit(len);
        }
        read
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &TransmitBuf,
    ) -> Poll<io::Result<usize>> {
        self.leap();
        let written = ready!(self.0.pipe.poll_write(cx, output.chunk()))?;
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leap();
        self.0.pipe.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leap();
        self.0.pipe.poll_shutdown(cx)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now.get().into()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Timestamp) -> Poll<()> {
        self.0.clock.poll_timer(cx, at.into())
    }
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
#[track_caller]
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let (clock, faults) = (Clock::default(), Faults::new(fault));
    let (near, far) = pipes();
    let near = Stream { pipe: Faulty::new(near, &faults), clock: clock.clone() };
    let far = Stream { pipe: Faulty::new(far, &Faults::new(None)), clock: clock.clone() };
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let is_over = run(
        &clock,
        [
            Box::pin(play::<Transport>(near, plan.near, plan, near_log.clone())),
            Box::pin(play::<Transport>(far, plan.near.peer(), plan, far_log.clone())),
        ],
        &case,
    );
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(is_over, "{case}: nobody wakes anybody, near {near:?}, far {far:?}");
    Log::check_both(&near, &far, is_sound(fault), &case);
    (faults.count(), faults.has_struck())
}

#[test]
fn each_fault_at_each_operation_of_any_transport() {
    for plan in Plan::all(Deadlines::Usual) {
        at_each_operation(plan, KINDS.into_iter(), suffer);
    }
}
