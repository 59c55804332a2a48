//! The time of one socket and its one timer; knows no deadlines.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use ::tokio::time::{Instant, Sleep, sleep_until};

/// The time since this was made, and a timer for it.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// The time that was read last.
    last: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last: Duration::ZERO, timer: None }
    }

    /// Reads the time.
    pub(super) fn now(&mut self) -> Duration {
        self.last = self.start.elapsed();
        self.last
    }

    /// Waits until `at` and returns the time then; forever if there is no such time.
    ///
    /// The timer is set anew only when it would fire too late: most deadlines move on with
    /// everything that arrives.
    pub(super) fn poll(&mut self, at: Option<Duration>, cx: &mut Context<'_>) -> Poll<Duration> {
        let Some(at) = at else { return Poll::Pending };
        if at <= self.last {
            return Poll::Ready(self.now());
        }
        // Too far to be counted is never.
        let Some(deadline) = self.start.checked_add(at) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if deadline <= timer.deadline() {
                return Poll::Ready(self.now());
            }
            timer.as_mut().reset(deadline);
        }
    }
}
