//! A WebSocket as a `Stream` and a `Sink` of messages, also in two tasks at a time, as by
//! `StreamExt::split` of `futures`; has no methods of its own.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;

use super::shell::{Shell, Wakers};
use super::{PollTransport, WebSocket};
use crate::close::CloseCode;
use crate::io::Error;
use crate::message::Message;

/// The messages that arrive. An error is yielded once, and is the last item.
///
/// One task may wait here while another one waits in the `Sink`.
impl<T: PollTransport> Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_as(Side::Stream, cx, Shell::poll_next)
    }
}

/// Sends messages. `poll_ready` waits for room, so [`Config::when_full`](crate::Config::when_full)
/// never applies.
///
/// Closing the sink, as `SinkExt::close` and `forward` do, sends a Close frame with 1000 and does
/// not wait for the peer's. The stream still yields the messages that the peer sends before its own
/// Close, whatever [`Config::after_close`](crate::Config::after_close) says: these may be the
/// replies to forwarded messages.
impl<T: PollTransport> Sink<Message> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(Side::Sink, cx, Shell::poll_room)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_as(Side::Sink, cx, Shell::poll_flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.commands().close_and_deliver(CloseCode::NORMAL, "")?;
        self.poll_as(Side::Sink, cx, Shell::poll_flush)
    }
}

/// The tasks that wait in a socket as a `Stream` and as a `Sink`.
#[derive(Debug, Default)]
pub(super) struct Waiting([Option<Waker>; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Sink,
    Stream,
}

impl<T: PollTransport> WebSocket<T> {
    /// Polls as one side. While the other one waits in another task, the transport wakes both: each
    /// of them reads and writes for the other, too.
    fn poll_as<R>(
        &mut self,
        side: Side,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Shell<T>, Wakers<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let own = cx.waker();
        let waiting = self.shell.attached.as_deref().map(|attached| &attached.waiting);
        let other = waiting.and_then(|waiting| waiting.0[side.other() as usize].as_ref());
        let other = other.filter(|other| !other.will_wake(own)).cloned();
        let both = other.clone().map(|other| Waker::from(Arc::new(Both([own.clone(), other]))));
        let waker = both.as_ref().unwrap_or(own);
        let polled = poll(&mut self.shell, Wakers { read: waker, write: waker });
        self.note_waiting(side, polled.is_pending().then_some(own));
        let Some(other) = other else { return polled };
        let is_ready = match side {
            Side::Sink => self.shell.driver().has_event(),
            Side::Stream => self.shell.has_sent(),
        };
        if is_ready {
            other.wake();
        }
        polled
    }

    fn note_waiting(&mut self, side: Side, waker: Option<&Waker>) {
        if waker.is_none() && self.shell.attached.is_none() {
            return;
        }
        let known = &mut self.shell.attached.get_or_insert_default().waiting.0[side as usize];
        match (known, waker) {
            (Some(known), Some(waker)) => known.clone_from(waker),
            (known, waker) => *known = waker.cloned(),
        }
    }
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Sink => Self::Stream,
            Self::Stream => Self::Sink,
        }
    }
}

/// Wakes two tasks.
struct Both([Waker; 2]);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}
