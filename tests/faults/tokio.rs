//! The adapter for tokio, in paused time: all faults of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sanswire::io::tokio::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::fault::{Faults, KINDS, Kind};
use crate::faulty::Faulty;
use crate::log::Shared;
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

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, &faults), Faulty::new(far, &Faults::new(None)));
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let played = runtime.block_on(async {
        let near = play::<Stream<Faulty>>(near, plan.near, plan, near_log.clone());
        let far = play::<Stream<Faulty>>(far, plan.near.peer(), plan, far_log.clone());
        timeout(LONG, both(near, far)).await
    });
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(played.is_ok(), "{case}: it goes on and on, near {near:?}, far {far:?}");
    near.check(&far, &case);
    far.check(&near, &case);
    // The far end's transport is sound.
    far.check_delivered(&near, &case);
    if fault.is_none_or(|(_, kind)| kind.is_harmless()) {
        near.check_whole(&case);
        far.check_whole(&case);
    }
    (faults.count(), faults.has_struck())
}

#[test]
fn each_fault_at_each_operation_on_tokio() {
    for plan in Plan::all(Deadlines::Usual) {
        let (count, _) = suffer(plan, None);
        assert!(count > 15, "{plan:?} has {count} operations");
        for kind in KINDS.into_iter().filter(|kind| !kind.is_of_clock()) {
            for at in 0..count {
                let (_, has_struck) = suffer(plan, Some((at, kind)));
                assert!(has_struck, "{plan:?}, {kind:?} at {at} of {count}");
            }
        }
    }
}

/// Longer than any deadline.
const LONG: Duration = Duration::from_secs(3600);
