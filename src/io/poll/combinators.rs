//! A WebSocket as a `Stream` and a `Sink` of messages; has no methods of its own.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::shell::Wakers;
use super::{PollTransport, WebSocket};
use crate::close::CloseCode;
use crate::io::Error;
use crate::message::Message;

/// The messages that arrive. An error is yielded once, and is the last item.
impl<T: PollTransport> Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shell.poll_next(Wakers::of(cx))
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
        self.shell.poll_room(Wakers::of(cx))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shell.poll_flush(Wakers::of(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.commands().close_and_deliver(CloseCode::NORMAL, "")?;
        self.shell.poll_flush(Wakers::of(cx))
    }
}
