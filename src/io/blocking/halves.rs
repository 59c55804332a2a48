//! The halves of a blocking WebSocket, for several threads; knows neither frames nor locks.

mod locks;
mod shared;

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use rustix::fd::AsFd;

use self::shared::{Shared, Side, State, Turn};
use super::WebSocket;
use super::clock::{NEVER, SHORT};
use super::opening::WRITE_TIMEOUT;
use crate::close::{CloseCode, Closed};
use crate::connection::{Commands, Connection, Event, Mark, ReadyState, WhenFull};
use crate::driver::{Driver, Next, Stuck};
use crate::error::SendError;
use crate::io::{Error, Timeout, Transport, is_message};
use crate::message::{Message, MessageKind, Outgoing};

/// The half of a [`WebSocket`] that sends. Clones send on the same connection, from other threads.
///
/// Messages of several threads are sent whole, in the order in which they were queued. While the
/// [`Receiver`] waits, it writes what the senders have queued. Dropping the senders does not close
/// the connection.
///
/// A message that is sent in parts belongs to one thread: until it is finished, the messages of
/// others are refused. [`Error::Discarded`] is reported to one of the senders, and to each that waits
/// in `send` or `flush` for what was discarded when the connection ended. With
/// [`WhenFull::DropOldest`], only one of them is told that messages were dropped.
///
/// `ping`, `pong`, `send_chunk` and `finish` wait for room in the output. If one of them fails by
/// [`Error::Timeout`] or [`Error::Io`], what it was to send may or may not have been queued.
#[derive(Debug)]
pub struct Sender<S> {
    shared: Arc<Shared<S>>,
}

/// The half of a [`WebSocket`] that receives. It answers Pings and Close frames while it waits.
///
/// Keep it waiting, even if no messages are expected: while no half waits, nothing is read and no
/// Ping is answered.
#[derive(Debug)]
pub struct Receiver<S> {
    shared: Arc<Shared<S>>,
    read_timeout: Option<Duration>,
}

/// The two halves that [`Sender::reunite`] gives back because they belong to different sockets, or
/// because there are more senders.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError<S> {
    /// The half that sends.
    pub sender: Sender<S>,
    /// The half that receives.
    pub receiver: Receiver<S>,
}

impl<S: Transport + AsFd> WebSocket<S> {
    /// Splits the socket, to send and to receive in several threads.
    ///
    /// Until the halves are [reunited](Sender::reunite), the stream is non-blocking, also for
    /// others that have a `try_clone` of it. Three file descriptors are opened.
    ///
    /// ```no_run
    /// use std::thread;
    ///
    /// use sanswire::io::blocking::WebSocket;
    ///
    /// let (sender, mut receiver) = WebSocket::connect("ws://localhost:9001/chat")?.split()?;
    /// let other = sender.clone();
    /// thread::spawn(move || other.send("from another thread"));
    /// sender.send("hello")?;
    /// while let Some(message) = receiver.recv()? {
    ///     println!("{message:?}");
    /// }
    /// # Ok::<(), sanswire::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: the system gives no more file descriptors. The socket has been dropped.
    pub fn split(self) -> Result<(Sender<S>, Receiver<S>), Error> {
        let Self { stream, driver, clock, read_timeout, failure } = self;
        let shared = Arc::new(Shared::new(stream, driver, clock, failure)?);
        Ok((Sender { shared: Arc::clone(&shared) }, Receiver { shared, read_timeout }))
    }
}

impl<S: Transport + AsFd> Sender<S> {
    /// Sends a message. It has been written when this returns, and so have the messages that were
    /// queued before, also those of other threads. It does not wait for those that are queued later,
    /// unless the stream has a buffer of its own, as TLS has: that is flushed as a whole.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`].
    pub fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let mark = self.queue(message.into(), Driver::mark)?;
        self.write(Some(mark), |_| Ok(()))
    }

    /// Queues a message. It leaves while the [`Receiver`] waits, or by [`flush`](Self::flush).
    ///
    /// Read [`WebSocket::feed`] for what happens when the output is full.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::feed`].
    pub fn feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        self.queue(message.into(), |_| ())
    }

    /// Queues a message, and notes something before others queue more.
    fn queue<R>(&self, mut message: Outgoing<'_>, note: fn(&mut Driver) -> R) -> Result<R, Error> {
        loop {
            let (until, writes) = self.shared.with(|state| {
                let is_patient = state.driver.commands().when_full() == WhenFull::Refuse;
                let limit = || state.clock.now().saturating_add(WRITE_TIMEOUT);
                (if is_patient { NEVER } else { limit() }, state.writes)
            });
            let fed = self.shared.wait(Side::Sender, until, |state| {
                match state.driver.feed(&mut message) {
                    Ok(true) => Turn::Done(Ok(note(&mut state.driver))),
                    Ok(false) => Turn::Wait,
                    Err(refused) => Turn::Done(Err(refused.into())),
                }
            });
            if let Some(fed) = fed {
                return fed;
            }
            self.shared.with(|state| {
                let is_stuck = state.writes == writes;
                while is_stuck && state.driver.handle_stuck() == Stuck::Yield {}
            });
        }
    }

    /// Queues a message if there is room for it, and never waits. It leaves while the [`Receiver`]
    /// waits, or by [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// [`Error::Send`]: the message was refused, with [`SendError::Full`] if there is no room. The
    /// error contains the message if it was passed by value. [`Event::Writable`] tells the
    /// [`Receiver`] when there is room again.
    #[doc(alias = "backpressure")]
    pub fn try_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.try_send(message))?)
    }

    /// Begins a message that is sent in parts. [`WebSocket::begin`] has an example.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], for the reasons that [`Commands::begin`] lists.
    pub fn begin(&self, kind: MessageKind) -> Result<(), Error> {
        Ok(self.with_commands(|commands| commands.begin(kind))?)
    }

    /// Sends the next part of a message as a fragment. It has been written when this returns.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send_chunk`].
    pub fn send_chunk(&self, payload: &[u8]) -> Result<(), Error> {
        self.write(None, |commands| commands.send_chunk(payload))
    }

    /// Finishes a message that is sent in parts.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::finish`].
    pub fn finish(&self) -> Result<(), Error> {
        self.write(None, |commands| commands.finish())
    }

    /// Sends a Ping with a payload of up to 125 bytes (§5.5.2). The [`Receiver`] gets the Pong.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::ping`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.write(None, |commands| commands.ping(payload))
    }

    /// Sends an unsolicited Pong with a payload of up to 125 bytes (§5.5.3). The [`Receiver`]
    /// answers Pings.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::ping`].
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        self.write(None, |commands| commands.pong(payload))
    }

    /// Begins to close the connection: sends a Close frame and does not wait for the peer's. The
    /// [`Receiver`] sees the end.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send_close`].
    #[doc(alias = "close")]
    pub fn send_close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Error> {
        let code = code.into();
        self.write(None, |commands| commands.close(code, reason))
    }

    /// Writes everything that is queued when this is called. It does not wait for what other threads
    /// queue later.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::flush`].
    pub fn flush(&self) -> Result<(), Error> {
        self.write(None, |_| Ok(()))
    }

    /// Queues by `command`, and waits until that is written, and what was queued before; or, with a
    /// `mark`, until everything before that is.
    ///
    /// The place is noted while the lock is held: between two locks, others may queue more.
    fn write(
        &self,
        mut mark: Option<Mark>,
        mut command: impl FnMut(&mut Commands<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let written = self.shared.wait(Side::Sender, NEVER, |state| {
            let mark = match &mut mark {
                Some(mark) => mark,
                unset => match command(&mut state.driver.commands()) {
                    Ok(()) => unset.insert(state.driver.mark()),
                    Err(SendError::Full { .. }) => return state.wait_to_send(),
                    Err(error) => return Turn::Done(Err(error.into())),
                },
            };
            match state.driver.poll_written_to(mark) {
                Ok(true) if state.is_flushed() => Turn::Done(Ok(())),
                Ok(_) => state.wait_to_send(),
                Err(discarded) => Turn::Done(Err(discarded.into())),
            }
        });
        // `None` would be for a time that has come.
        written.unwrap_or(Ok(()))
    }

    /// Joins the halves of a socket again, once there is no other sender.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] gives both back if they belong to different sockets, or if there are clones
    /// of the sender.
    pub fn reunite(self, receiver: Receiver<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        let Receiver { shared, read_timeout } = receiver;
        if !Arc::ptr_eq(&self.shared, &shared) {
            return Err(ReuniteError { sender: self, receiver: Receiver { shared, read_timeout } });
        }
        drop(self);
        match Arc::try_unwrap(shared).map(Shared::into_state) {
            Ok(State { stream, driver, clock, failure, .. }) => {
                Ok(WebSocket { stream, driver, clock, read_timeout, failure })
            }
            Err(shared) => {
                let sender = Self { shared: Arc::clone(&shared) };
                Err(ReuniteError { sender, receiver: Receiver { shared, read_timeout } })
            }
        }
    }

    /// Lends the commands of the connection to `work`. They queue, as [`feed`](Self::feed) does.
    ///
    /// `work` runs while the socket is locked: it must not use any half.
    pub fn with_commands<R>(&self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.shared.with(|state| work(&mut state.driver.commands()))
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.connection(Connection::ready_state)
    }

    /// Returns the WHATWG `bufferedAmount`: how many bytes of payload are queued and not written.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared.connection(Connection::buffered_amount)
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.connection(Connection::closed)
    }
}

impl<S: Transport + AsFd> Receiver<S> {
    /// Waits for the next message. Returns `None` when the connection has been closed.
    ///
    /// [`WebSocket::recv`] has more about the end.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv_until(is_message, |event, _| event.into_message())
    }

    /// Waits for the next event and lends it to `take`, together with the [`Commands`] to answer
    /// it. Returns `None` after [`Event::Closed`].
    ///
    /// `take` runs while the socket is locked: it must not use a sender. It may send by the
    /// commands that it gets. If it panics, the event is lost, and the connection goes on.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    pub fn recv_with<T>(
        &mut self,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        self.recv_until(|_| true, |event, commands| Some(take(event, commands)))
    }

    /// Lends all events to `handle` until the connection ends, together with the [`Commands`] to
    /// answer them.
    ///
    /// `handle` runs while the socket is locked: it must not use a sender.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::recv`].
    pub fn run(
        &mut self,
        mut handle: impl FnMut(Event<'_>, &mut Commands<'_>),
    ) -> Result<(), Error> {
        while self.recv_with(&mut handle)?.is_some() {}
        Ok(())
    }

    /// Passes over events until one is `wanted`, and lends that to `take`; returns the default once
    /// the connection has ended.
    fn recv_until<R: Default>(
        &mut self,
        wanted: impl Fn(&Event<'_>) -> bool,
        take: impl FnOnce(Event<'_>, &mut Commands<'_>) -> R,
    ) -> Result<R, Error> {
        let (mut take, limit) = (Some(take), self.read_timeout);
        let until = limit.map_or(NEVER, |limit| {
            self.shared.with(|state| state.clock.now().saturating_add(limit.max(SHORT)))
        });
        let received = self.shared.wait(Side::Receiver, until, |state| {
            loop {
                match state.driver.poll_event() {
                    Ok(Next::Event(event, mut commands)) => {
                        if let Some(take) = take.take_if(|_| wanted(&event)) {
                            return Turn::Done(Ok(take(event, &mut commands)));
                        }
                    }
                    Ok(Next::Over) => return Turn::Done(Ok(R::default())),
                    Ok(Next::Wait) => break,
                    Ok(Next::Request(_) | Next::Response(_)) => {}
                    Ok(Next::Yield) => return Turn::Yield,
                    Err(error) => return Turn::Done(Err(state.failure.explain(error))),
                }
            }
            let is_lingering = state.driver.is_lingering();
            if is_lingering { Turn::Done(Ok(R::default())) } else { Turn::Wait }
        });
        let limit = limit.unwrap_or(Duration::MAX);
        received.unwrap_or_else(|| Err(Timeout::Read { limit }.into()))
    }

    /// Sets how long [`recv`](Self::recv) waits for a message and [`recv_with`](Self::recv_with)
    /// for an event, as [`WebSocket::set_read_timeout`] does.
    #[doc(alias = "timeout")]
    pub const fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Lends the commands of the connection to `work`. [`Sender::with_commands`] says what `work`
    /// must not do.
    pub fn with_commands<R>(&mut self, work: impl FnOnce(&mut Commands<'_>) -> R) -> R {
        self.shared.with(|state| work(&mut state.driver.commands()))
    }

    /// Returns the WHATWG `readyState`: connecting, open, closing or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.connection(Connection::ready_state)
    }

    /// Returns the negotiated subprotocol, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.shared.connection(|connection| connection.protocol().into())
    }

    /// Returns who closed the connection, with which code and reason. `None` while it is open.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.connection(Connection::closed)
    }

    /// Returns the time between the last Ping and its Pong. See [`Connection::round_trip_time`].
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.shared.connection(Connection::round_trip_time)
    }
}

impl<S> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("halves are not of the same socket, or the sender has clones: drop them first")
    }
}

impl<S: fmt::Debug> core::error::Error for ReuniteError<S> {}

#[cfg(test)]
#[cfg(unix)]
mod orders;
