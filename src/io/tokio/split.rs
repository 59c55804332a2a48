//! One WebSocket in two tasks; knows neither frames nor transports.

use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite};
use futures_core::Stream;
use futures_sink::Sink;

use super::WebSocket;
use super::driver::Driver;
use super::shared::{Half, Shared};
use crate::close::{CloseCode, Closed};
use crate::connection::{Connection, Event, ReadyState};
use crate::error::SendError;
use crate::io::Error;
use crate::message::{Message, MessageKind, Prepared};

/// The half of a [`WebSocket`] that sends.
///
/// It is a [`Sink`] of messages. Dropping it does not close the connection.
#[derive(Debug)]
pub struct Sender<S> {
    shared: Arc<Shared<S>>,
}

/// The half of a [`WebSocket`] that receives, and that answers Pings and Close frames while it
/// does.
///
/// It is a [`Stream`] of messages. While nobody waits on it, nothing is read and nothing answered.
#[derive(Debug)]
pub struct Receiver<S> {
    shared: Arc<Shared<S>>,
}

/// Two halves that do not belong together, given back by [`Sender::reunite`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError<S> {
    /// The half that sends.
    pub sender: Sender<S>,
    /// The half that receives.
    pub receiver: Receiver<S>,
}

pub(super) fn split<S>(driver: Driver<S>) -> (Sender<S>, Receiver<S>) {
    let shared = Arc::new(Shared::new(driver));
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Sends a message; see [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message; see [`WebSocket::feed`]. The other half writes it, too, before it waits
    /// the next time.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::feed`].
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.poll(cx, |driver, cx| driver.poll_feed(cx, &mut message))).await
    }

    /// Queues a message if there is room for it, and gives it back at once if there is not; see
    /// [`WebSocket::try_send`]. It leaves as by [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::try_send`].
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        Ok(self.shared.drive(Half::Sender, |driver| driver.connection_mut().send(message))?)
    }

    /// Sends a message that was framed once for many connections; see
    /// [`WebSocket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_prepared`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.command(|connection| connection.send_prepared(prepared)).await
    }

    /// Queues a message that was framed once for many connections; see [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_prepared`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::feed`].
    pub async fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let mut command = |connection: &mut Connection| connection.send_prepared(prepared);
        poll_fn(|cx| self.poll(cx, |driver, cx| driver.poll_command(cx, &mut command))).await
    }

    /// Queues a message that was framed once for many connections, if there is room for it; see
    /// [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::try_send_prepared`].
    pub fn try_send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let command = |driver: &mut Driver<S>| driver.connection_mut().send_prepared(prepared);
        Ok(self.shared.drive(Half::Sender, command)?)
    }

    /// Sends a text message; see [`WebSocket::send_text`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.command(|connection| connection.send_text(text)).await
    }

    /// Sends a binary message; see [`WebSocket::send_binary`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn send_binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.send_binary(payload)).await
    }

    /// Begins a message that is sent in parts; see [`WebSocket::begin`].
    ///
    /// # Errors
    ///
    /// As [`Connection::begin`].
    pub fn begin(&mut self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.shared.driver().connection_mut().begin(kind)?)
    }

    /// Sends the next part of a message; see [`WebSocket::send_chunk`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_chunk`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send_chunk`].
    pub async fn send_chunk(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.send_chunk(payload)).await
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::finish`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::finish`].
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.shared.driver().connection_mut().finish()?;
        self.flush().await
    }

    /// Sends a Ping with up to 125 bytes (§5.5.2). The other half reports the Pong.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.ping(payload)).await
    }

    /// Sends a Pong with up to 125 bytes (§5.5.3).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::pong`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send`].
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.command(|connection| connection.pong(payload)).await
    }

    /// Begins to close the connection; the other half sees the end. See [`WebSocket::send_close`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_close`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::send_close`].
    pub async fn send_close(
        &mut self,
        code: impl Into<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        let code = code.into();
        poll_fn(|cx| self.poll(cx, |driver, cx| driver.poll_send_close(cx, code, reason))).await
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::flush`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        Ok(poll_fn(|cx| self.poll(cx, Driver::poll_flush)).await?)
    }

    async fn command(
        &self,
        mut command: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx, |driver, cx| driver.poll_command(cx, &mut command))).await?;
        Ok(poll_fn(|cx| self.poll(cx, Driver::poll_flush)).await?)
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.shared.poll(Half::Sender, cx, poll)
    }
}

impl<S> Sender<S> {
    /// Puts the halves together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back when they are not of the same socket.
    pub fn reunite(self, receiver: Receiver<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.shared, &receiver.shared) {
            return Err(ReuniteError { sender: self, receiver });
        }
        drop(receiver);
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Ok(WebSocket { driver: shared.into_driver() }),
            Err(shared) => {
                let receiver = Receiver { shared: Arc::clone(&shared) };
                Err(ReuniteError { sender: Self { shared }, receiver })
            }
        }
    }

    /// Returns the WHATWG `readyState`; see [`Connection::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.driver().connection().ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`; see [`Connection::buffered_amount`].
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared.driver().connection().buffered_amount()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// Waits for the next message; see [`WebSocket::recv`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::recv`].
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll(cx, Driver::poll_recv)).await
    }

    /// Waits for the next event and lends it to `take`; see [`WebSocket::recv_with`].
    ///
    /// `take` runs while the socket is locked: it must not use the other half, but may send by the
    /// connection that it is given.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv_with`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::recv_with`].
    pub async fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Connection) -> T,
    ) -> Result<Option<T>, Error> {
        let mut take = Some(take);
        poll_fn(|cx| {
            self.poll(cx, |driver, cx| {
                driver.poll_recv_with(cx, |event, connection| {
                    take.take().map(|take| take(event, connection))
                })
            })
        })
        .await
        .map(Option::flatten)
    }

    /// Lends all events to `handle` until the end; see [`WebSocket::run`] and, for what `handle`
    /// must not do, [`recv_with`](Self::recv_with).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::run`].
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::run`].
    pub async fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Connection),
    ) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx, |driver, cx| driver.poll_run(cx, &mut handle))).await
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.shared.poll(Half::Receiver, cx, poll)
    }
}

impl<S> Receiver<S> {
    /// Returns the WHATWG `readyState`; see [`Connection::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.driver().connection().ready_state()
    }

    /// Returns how the connection ended; see [`Connection::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.driver().connection().closed().cloned()
    }
}

/// The messages that arrive. An error comes once, and is the last item.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx, Driver::poll_next)
    }
}

/// Closing the sink sends a Close frame with 1000; the other half sees the end. If answers of that
/// half fill the output between `poll_ready` and `start_send`, the message is given back by
/// [`Error::Send`].
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Sender<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, Driver::poll_room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.driver().start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, Driver::poll_flush).map_err(Error::Io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, |driver, cx| driver.poll_send_close(cx, CloseCode::NORMAL, ""))
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("halves are not of the same socket")
    }
}

impl<S: fmt::Debug> core::error::Error for ReuniteError<S> {}
