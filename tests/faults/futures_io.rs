//! The adapter for futures-io. Its timers take real time, so that nothing has a deadline here: where
//! nothing comes, it waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use sanswire::io::futures_io::Stream;

use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{Log, Shared};
use crate::play::{Deadlines, Plan, play};
use crate::world::{Clock, pipes, run};

impl AsyncRead for Faulty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, cx, buf)
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&self, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(&self, cx)
    }
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, &faults), Faulty::new(far, &Faults::new(None)));
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let is_over = run(
        &Clock::default(),
        [
            Box::pin(play::<Stream<Faulty>>(near, plan.near, plan, near_log.clone())),
            Box::pin(play::<Stream<Faulty>>(far, plan.near.peer(), plan, far_log.clone())),
        ],
        &case,
    );
    let (near, far) = (near_log.borrow(), far_log.borrow());
    if is_over || is_sound(fault) {
        Log::check_both(&near, &far, is_sound(fault), &case);
    } else {
        Log::check_stuck(&near, &far, plan.is_split, &case);
    }
    (faults.count(), faults.has_struck())
}

#[test]
fn each_fault_at_each_operation_on_futures_io() {
    for plan in Plan::all(Deadlines::None) {
        at_each_operation(plan, KINDS.into_iter().filter(|kind| !kind.is_of_clock()), suffer);
    }
}
