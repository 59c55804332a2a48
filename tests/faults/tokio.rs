//! The adapter for tokio, in paused time: all faults of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sanswire::io::tokio::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{Log, Shared};
use crate::play::{Deadlines, Plan, both, play};
use crate::world::pipes;

impl AsyncRead for Faulty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = ready!(Self::poll_read(&self, cx, buf.initialize_unfilled()))?;
        buf.advance(len);
        Poll::Ready(Ok(()))
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

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(&self, cx)
    }

    // The default writes the first slice, as any stream may.
    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Has both ends play, and returns whether they came to their end.
pub(crate) fn in_paused_time(
    near: impl Future<Output = ()>,
    far: impl Future<Output = ()>,
) -> bool {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { timeout(LONG, both(near, far)).await }).is_ok()
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, &faults), Faulty::new(far, &Faults::new(None)));
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let near = play::<Stream<Faulty>>(near, plan.near, plan, near_log.clone());
    let far = play::<Stream<Faulty>>(far, plan.near.peer(), plan, far_log.clone());
    let is_over = in_paused_time(near, far);
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(is_over, "{case}: it goes on and on, near {near:?}, far {far:?}");
    Log::check_both(&near, &far, is_sound(fault), &case);
    (faults.count(), faults.has_struck())
}

#[test]
fn each_fault_at_each_operation_on_tokio() {
    for plan in Plan::all(Deadlines::Usual) {
        at_each_operation(plan, KINDS.into_iter().filter(|kind| !kind.is_of_clock()), suffer);
    }
}

/// Longer than any deadline.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
