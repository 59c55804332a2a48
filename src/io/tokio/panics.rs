//! A future whose panic is caught; knows no connection.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::any::Any;
use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::Poll;
use std::panic::catch_unwind;

/// The text of a panic.
#[derive(Debug)]
pub(in crate::io) struct Panic(pub(in crate::io) String);

/// Calls `call`, and catches its panic.
pub(in crate::io) fn catch<R>(call: impl FnOnce() -> R) -> Result<R, Panic> {
    // What the call has borrowed is dropped, or is its own business.
    catch_unwind(AssertUnwindSafe(call)).map_err(Panic::new)
}

/// Waits for `future`, and catches its panic, also that of its drop. The future is dropped in either
/// case. It is boxed, or each function that hands it on would hold the place of another one.
pub(in crate::io) async fn catch_in<F: Future>(
    mut future: Pin<Box<F>>,
) -> Result<F::Output, Panic> {
    let ended = poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await;
    let dropped = catch(|| drop(future));
    ended.and_then(|output| dropped.map(|()| output))
}

/// Returns what may be shown of the text of a panic: one line, and nothing in it that controls a
/// terminal. It may quote a peer.
pub(in crate::io) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

impl Panic {
    #[expect(clippy::needless_pass_by_value, reason = "as it is caught")]
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(text.unwrap_or("a value that is no text").to_owned())
    }
}
