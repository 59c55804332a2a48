//! The unused buffers of each thread: connections of one thread take turns with the same ones. The
//! only global state of the crate; knows no transport.

use alloc::boxed::Box;
use core::cell::Cell;
use std::thread_local;

use crate::buffer::SpareBuffers;
use crate::driver::Driver;

thread_local! {
    /// `None` before there are any, and while somebody looks at them.
    static SPARE: Cell<Option<Box<SpareBuffers>>> = const { Cell::new(None) };
}

/// Has a driver take the unused buffers of this thread. For the beginning of a turn.
#[inline(never)]
pub(super) fn reuse(driver: &mut Driver) {
    with(|spare| driver.reuse_memory(spare));
}

/// Has a driver leave what it does not use to the next one of this thread. For a wait.
#[inline(never)]
pub(super) fn release(driver: &mut Driver) {
    if with(|spare| driver.release_memory_to(spare)).is_none() {
        driver.release_memory();
    }
}

/// Has a driver queue something in the unused buffers of this thread; if that is refused, they stay
/// here.
#[inline(always)]
pub(super) fn queue<R, E>(
    driver: &mut Driver,
    work: impl FnOnce(&mut Driver) -> Result<R, E>,
) -> Result<R, E> {
    // A driver whose output waits has memory for more of it.
    if !driver.has_output() {
        reuse(driver);
    }
    work(driver).inspect_err(|_| {
        with(|spare| driver.give_memory_back(spare));
    })
}

/// Lends the buffers, unless the thread is ending. Nothing is borrowed meanwhile: another driver
/// would find none.
fn with(work: impl FnOnce(&mut SpareBuffers)) -> Option<()> {
    let lend = |kept: &Cell<Option<Box<SpareBuffers>>>| {
        let mut spare = kept.take().unwrap_or_default();
        work(&mut spare);
        kept.set(Some(spare));
    };
    SPARE.try_with(lend).ok()
}
