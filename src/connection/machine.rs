//! An open connection: what arrives, put together with what its end does; knows neither sockets nor
//! clocks.

use core::ops::Range;
use core::time::Duration;

use super::commands::Commands;
use super::config::{Config, Reassembly};
use super::endpoint::{Endpoint, Processed};
use super::event::{Discarded, Event, Writable};
use super::life::{Phase, ReadyState};
use crate::buffer::{Input, ReceiveBuf, TransmitBuf};
use crate::close::{CloseCode, Closed};
use crate::error::ConnectionError;
#[cfg(feature = "deflate")]
use crate::extension::{Deflate, Deflater};
use crate::message::{Chunk, MessageKind, Text};
use crate::receive::{Limits, Received, Receiver, Short, Source};
use crate::role::Role;
use crate::timestamp::Timestamp;

/// An open WebSocket connection, without the socket.
///
/// A loop around it calls these methods, in this order:
///
/// 1. Say what the transport and the clock did: append bytes that arrived to
///    [`input`](Self::input), or call [`handle_eof`](Self::handle_eof); call
///    [`handle_timeout`](Self::handle_timeout).
/// 2. Call [`poll_event`](Self::poll_event) until it returns `None`.
/// 3. Answer, also while an event is held, by [`Commands`]: [`send`](Commands::send),
///    [`ping`](Commands::ping), [`close`](Commands::close), …
/// 4. Write what [`poll_transmit`](Self::poll_transmit) returns until it is `None`. If anything was
///    written, back to 2: a closing handshake may be complete. Otherwise wait for the transport or
///    for the time of [`poll_timeout`](Self::poll_timeout), and back to 1.
///
/// Getters such as [`ready_state`](Self::ready_state) may be called at any time.
///
/// A [`Driver`](crate::driver::Driver) makes these calls, does the opening handshake before, and
/// ends the transport behind. Prefer it where bytes come from a transport.
///
/// ```text
///                close()                     peer's Close
///        ┌──────────────────▶ Closing ──────────────────────┐
///        │                        │                         ▼
///      Open ─── peer's Close (answered by itself) ─────▶ Closing ──── transport ────▶ Closed
///        │                        │                                     done            ▲
///        │ error, limit, EOF,     │ the same                                            │
///        │ deadline               │                                                     │
///        └────────────────────────┴────────▶ Failed (Closing) ─── Close written ────────┘
/// ```
///
/// [`Event::Closed`] or an error is the end: write what [`poll_transmit`](Self::poll_transmit) still
/// returns, then close the transport. A server's end comes as soon as the closing handshake is
/// complete, a client's when the server has closed the transport: §7.1.1 wants the server to go
/// first.
///
/// ```
/// use bytes::Buf;
/// use sanswire::{Config, Connection, Event};
///
/// let mut connection = Connection::server(&Config::default());
/// connection.input().extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); // masked
/// while let Some((event, mut commands)) = connection.poll_event()? {
///     if let Event::Text(text) = event {
///         commands.send(&text)?;
///     }
/// }
/// assert_eq!(connection.poll_transmit().unwrap().chunk(), b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    endpoint: Endpoint,
}

/// What a handshake leaves behind: bytes that are to be processed and written first.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) input: ReceiveBuf,
    pub(crate) output: TransmitBuf,
}

/// What comes next, as positions in what was received: they hold until anything else is asked of
/// the connection.
#[derive(Debug)]
pub(crate) enum Ready {
    Chunk {
        kind: MessageKind,
        is_first: bool,
        is_last: bool,
        source: Source,
    },
    Closed(Closed),
    Writable(Writable),
    Message(MessageKind, Source),
    /// The budget is used up, and there is more to do.
    Paused,
    Ping(Range<usize>),
    Pong(Range<usize>),
}

impl Connection {
    /// Creates the server's end of an open connection, whose handshake was done elsewhere.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::connecting(config, None).opened(Opened::default())
    }

    /// Creates the client's end of an open connection, whose handshake was done elsewhere.
    ///
    /// The masking keys of §5.3 are expanded from `seed`, which must come from the operating
    /// system's entropy and be used once.
    #[must_use]
    pub fn client(config: &Config, seed: [u8; 32]) -> Self {
        Self::connecting(config, Some(seed)).opened(Opened::default())
    }

    /// Creates an end whose opening handshake is under way: it refuses commands until it is opened.
    /// Only a client has a seed.
    pub(crate) fn connecting(config: &Config, seed: Option<[u8; 32]>) -> Self {
        let endpoint = Endpoint::new(config, seed);
        let limits = Limits {
            max_message_size: (config.max_message_size as u64).min(i64::MAX as u64),
            max_frame_size: config.max_frame_size as u64,
            max_fragments: config.max_fragments,
            chunks: config.reassembly == Reassembly::Chunks,
        };
        Self { receiver: Receiver::new(endpoint.role().peer(), limits), endpoint }
    }

    fn opened(mut self, opened: Opened) -> Self {
        self.open(opened);
        self
    }

    /// Opens a connection whose handshake is complete.
    pub(crate) fn open(&mut self, opened: Opened) {
        let Opened { input, output } = opened;
        self.receiver.begin_with(input);
        self.endpoint.open(output);
    }

    /// Notes the subprotocol and the value of `Sec-WebSocket-Extensions` that were agreed on, each
    /// possibly empty, for [`protocol`](Self::protocol) and [`extensions`](Self::extensions).
    ///
    /// A connection that comes from a [handshake](crate::handshake) knows them by itself.
    #[must_use]
    pub fn with_negotiated(mut self, protocol: &str, extensions: &str) -> Self {
        self.set_negotiated(protocol, extensions);
        self
    }

    pub(crate) fn set_negotiated(&mut self, protocol: &str, extensions: &str) {
        self.endpoint.set_negotiated(protocol, extensions);
    }

    /// Compresses messages as permessage-deflate was negotiated (RFC 7692).
    ///
    /// A connection that comes from a [handshake](crate::handshake) does so by itself. Call it
    /// before anything is sent or received.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreed: Deflate) -> Self {
        self.set_deflate(agreed);
        self
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn set_deflate(&mut self, agreed: Deflate) {
        self.receiver.set_deflate(agreed);
        self.endpoint.set_deflater(Deflater::new(agreed));
    }

    /// Lends the input, to append the bytes that arrive.
    #[inline]
    pub const fn input(&mut self) -> Input<'_> {
        self.receiver.input()
    }

    /// Says that the transport delivers nothing more.
    ///
    /// What still waits in the input is processed first. Then the connection ends: by
    /// [`Event::Closed`] if the closing handshake was complete, else by
    /// [`ConnectionError::UnexpectedEof`].
    pub fn handle_eof(&mut self) {
        self.endpoint.handle_eof();
    }

    /// Advances the clock to `now`, a [`Timestamp`] such as `start.elapsed()`. Earlier times are
    /// ignored.
    ///
    /// Call it after each wait, before [`poll_event`](Self::poll_event): it dates what has arrived,
    /// and sends heartbeats. Call it also when the time of [`poll_timeout`](Self::poll_timeout) has
    /// come, and then `poll_event`, which reports a deadline that has passed once everything that
    /// arrived is processed.
    ///
    /// A connection that is never told the time has no deadlines.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.endpoint.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), in the same time as its `now`;
    /// `None` if there is nothing to wait for.
    ///
    /// It may be in the past, when what the application did is to be dated: then call at once. Ask
    /// before each wait, when `poll_event` has returned `None` and the output is written as far as
    /// it goes: it changes with everything that happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.endpoint.poll_timeout()
    }

    /// Returns the next thing that arrived, and the commands to answer it by; `Ok(None)` when the
    /// input holds nothing whole.
    ///
    /// The event borrows what was received, the commands the rest of the connection. After
    /// [`Event::Closed`], it always returns `Ok(None)`.
    ///
    /// # Errors
    ///
    /// The connection has failed (§7.1.7): by the peer's fault, by a limit, or because the stream
    /// ended. A Close frame with the right code has been queued, nothing more is parsed, and
    /// every later call returns the same error.
    ///
    /// # Panics
    ///
    /// Never.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Result<Option<(Event<'_>, Commands<'_>)>, ConnectionError> {
        // Nearly everything that arrives is a whole message in one frame.
        if let Some(received) = self.poll_short()? {
            return Ok(Some(self.lend_short(received)));
        }
        let mut unlimited = usize::MAX;
        let Some(ready) = self.poll_ready(&mut unlimited)? else { return Ok(None) };
        // Taken apart, or what is lent above would be put in memory for the sake of this way, and
        // the processor would wait for it there.
        let Some((event, commands)) = self.lend(ready) else { return Ok(None) };
        Ok(Some((event, commands)))
    }

    /// Takes a message that is one frame and lies whole at the front of the input, if the
    /// connection is open: the short way of [`poll_ready`](Self::poll_ready).
    #[inline(always)]
    pub(crate) fn poll_short(&mut self) -> Result<Option<Short>, ConnectionError> {
        if !self.endpoint.life().is_open() {
            return Ok(None);
        }
        match self.receiver.poll_short() {
            Ok(None) => Ok(None),
            Ok(Some(short)) => {
                self.endpoint.note_received();
                Ok(Some(short))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Finds out what comes next, without lending it; [`Ready::Paused`] when `budget`, counted in
    /// bytes of work, is used up before that. `usize::MAX` never is.
    #[inline(never)]
    pub(crate) fn poll_ready(
        &mut self,
        budget: &mut usize,
    ) -> Result<Option<Ready>, ConnectionError> {
        loop {
            match self.endpoint.life().phase() {
                Phase::Open | Phase::CloseSent => {}
                Phase::AwaitingEof(_) => {
                    // §5.5.1: after a Close frame, "any further data" is discarded.
                    self.receiver.clear();
                    return Ok(self.endpoint.poll_closed().map(Ready::Closed));
                }
                Phase::Failed(failure) => return Err(failure.error()),
                Phase::Connecting | Phase::Closed(_) => return Ok(None),
            }
            let received = match self.receiver.poll(budget) {
                Ok(Some(received)) => received,
                Ok(None) => return self.poll_quiet(),
                Err(error) => return Err(self.fail(error)),
            };
            return Ok(Some(match received {
                Received::Chunk { .. } | Received::Message(..)
                    if self.endpoint.life().drops_messages() =>
                {
                    continue;
                }
                Received::Chunk { kind, is_first, is_last, source } => {
                    if is_last {
                        self.endpoint.note_received();
                    }
                    Ready::Chunk { kind, is_first, is_last, source }
                }
                Received::Close(body) => {
                    match self.endpoint.receive_close(self.receiver.bytes(body)) {
                        Ok(()) => continue,
                        Err(error) => return Err(self.fail(error)),
                    }
                }
                Received::Message(kind, source) => {
                    self.endpoint.note_received();
                    Ready::Message(kind, source)
                }
                Received::Paused => Ready::Paused,
                Received::Ping(payload) => {
                    self.endpoint.receive_ping(self.receiver.bytes(payload.clone()));
                    Ready::Ping(payload)
                }
                Received::Pong(payload) => {
                    self.endpoint.receive_pong(self.receiver.bytes(payload.clone()));
                    Ready::Pong(payload)
                }
            }));
        }
    }

    /// Finds out what comes next when everything that arrived is processed.
    fn poll_quiet(&mut self) -> Result<Option<Ready>, ConnectionError> {
        if self.endpoint.life().is_eof() {
            return Err(self.fail(ConnectionError::UnexpectedEof));
        }
        // Nothing is due before the time was told first.
        if !self.endpoint.is_timed() {
            self.endpoint.note_processed(self.receiver.received());
            return Ok(self.endpoint.poll_writable().map(Ready::Writable));
        }
        let processed =
            Processed { received: self.receiver.received(), arriving: self.receiver.arriving() };
        match self.endpoint.settle(processed) {
            Some(error) => Err(self.fail(error)),
            None => Ok(self.endpoint.poll_writable().map(Ready::Writable)),
        }
    }

    /// Fails the connection (§7.1.7). Nothing more is made of what has arrived.
    #[cold]
    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.receiver.clear();
        self.receiver.release();
        self.endpoint.fail(error)
    }

    /// Lends what [`poll_short`](Self::poll_short) has found.
    #[inline(always)]
    pub(crate) fn lend_short(&mut self, short: Short) -> (Event<'_>, Commands<'_>) {
        let Short { kind, payload } = short;
        let payload = self.receiver.lend_range(payload);
        let event = match kind {
            MessageKind::Binary => Event::Binary(payload),
            MessageKind::Text => Event::Text(Text::from_validated(payload)),
        };
        (event, Commands::new(&mut self.endpoint))
    }

    /// Lends what [`poll_ready`](Self::poll_ready) has found; of a pause, there is nothing to lend.
    #[inline]
    pub(crate) fn lend(&mut self, ready: Ready) -> Option<(Event<'_>, Commands<'_>)> {
        let event = match ready {
            Ready::Chunk { kind, is_first, is_last, source } => {
                let payload = self.receiver.lend(source);
                Event::Chunk(Chunk { kind, is_first, is_last, payload })
            }
            Ready::Closed(closed) => Event::Closed(closed),
            Ready::Writable(writable) => Event::Writable(writable),
            Ready::Message(MessageKind::Binary, source) => {
                Event::Binary(self.receiver.lend(source))
            }
            Ready::Message(MessageKind::Text, source) => {
                Event::Text(Text::from_validated(self.receiver.lend(source)))
            }
            Ready::Paused => return None,
            Ready::Ping(payload) => Event::Ping(self.receiver.lend_range(payload)),
            Ready::Pong(payload) => Event::Pong(self.receiver.lend_range(payload)),
        };
        Some((event, Commands::new(&mut self.endpoint)))
    }

    /// Lends the commands, to send something that answers no event.
    #[inline(always)]
    pub const fn commands(&mut self) -> Commands<'_> {
        Commands::new(&mut self.endpoint)
    }

    /// Returns the bytes that are to be written, or `None` if there are none.
    ///
    /// Call it until it returns `None`, or until the transport takes no more: the buffer fills up
    /// again where large messages are sent in fragments.
    #[must_use = "bytes that are not written do not reach the peer"]
    #[inline]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        self.endpoint.poll_transmit()
    }

    /// Returns what was accepted and is never sent, once: a message that was being sent in
    /// [fragments](Config::fragment_size) when the peer's Close arrived or the connection failed, or
    /// that [made room](crate::WhenFull) for newer ones.
    ///
    /// That all output was written does not mean that all messages have left: ask here before saying
    /// so. What is in the output when the transport ends is in
    /// [`buffered_amount`](Self::buffered_amount).
    pub fn poll_discarded(&mut self) -> Option<Discarded> {
        self.endpoint.poll_discarded(false)
    }

    /// As [`poll_discarded`](Self::poll_discarded), when nothing more can be written: what waits is
    /// discarded, too.
    pub(crate) fn poll_discarded_at_end(&mut self) -> Option<Discarded> {
        self.endpoint.poll_discarded(true)
    }

    /// Returns whether [`poll_discarded`](Self::poll_discarded) has something to report.
    #[must_use]
    pub fn has_discarded(&self) -> bool {
        self.endpoint.has_discarded()
    }

    /// Gives back memory that is not in use. Worth calling before a connection is left idle.
    ///
    /// Of compression, only what later messages refer to is kept: with takeover the compressor, and
    /// of the decompressor its window.
    pub fn release_memory(&mut self) {
        self.receiver.release();
        self.endpoint.release_memory();
    }

    /// Takes the bytes that were received and not processed.
    ///
    /// When a connection is taken apart, these are the bytes behind the last message. The beginning
    /// of a payload that is not whole may be unmasked.
    #[must_use]
    pub fn into_unprocessed(self) -> bytes::Bytes {
        self.receiver.into_unprocessed()
    }

    /// Returns the role of this end.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.endpoint.role()
    }

    /// Returns the WHATWG `readyState`.
    ///
    /// Once it is [`Closed`](ReadyState::Closed), the transport is to be closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.endpoint.ready_state()
    }

    /// Returns the WHATWG `bufferedAmount`: payload bytes of messages that were sent and not handed
    /// to the transport yet.
    ///
    /// Headers, control frames, masking and compression do not count. As the standard has it,
    /// a message refused because the connection is closing counts forever.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.endpoint.buffered_amount()
    }

    /// Returns the subprotocol in use, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.endpoint.protocol()
    }

    /// Returns the extensions in use as the header value that was agreed on, or an empty string.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.endpoint.extensions()
    }

    /// Returns how the connection ended, once the peer's Close frame has arrived or the connection
    /// has failed.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.endpoint.life().closed().cloned()
    }

    /// Returns whether it is known how the connection ended.
    pub(crate) fn has_closed(&self) -> bool {
        self.endpoint.life().closed().is_some()
    }

    /// Returns the code of the peer's Close frame; 1005 if it had none, 1006 if the connection
    /// failed (§7.1.5). `None` before that.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.endpoint.life().closed().map(|closed| closed.code)
    }

    /// Returns whether the connection ended by a complete closing handshake (§7.1.4).
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.endpoint.life().was_clean()
    }

    /// Returns how long a Ping and its Pong took together, by the newest measurement: of
    /// heartbeats, and of [`ping`](Commands::ping).
    ///
    /// It is as exact as the times that [`handle_timeout`](Self::handle_timeout) is told.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.endpoint.round_trip_time()
    }

    /// Returns whether more should be read from the transport.
    ///
    /// It is false from when the output reaches [`Config::max_buffered`] until it has been written
    /// down to [`Config::low_water`], and true once the connection is no longer open. A loop that
    /// stops reading while it is false slows a peer down that does not read its answers, instead of
    /// filling memory with them.
    ///
    /// It is meant for a server whose output answers its input. Two peers that both stop reading
    /// until the other reads wait forever, and while nothing is read, neither Pongs nor a Close are
    /// seen: a deadline has to end it.
    #[inline]
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.endpoint.wants_read()
    }

    /// Returns the next deadline while input is unread; leaves out those of messages.
    pub(crate) fn poll_timeout_unread(&self) -> Option<Timestamp> {
        self.endpoint.poll_timeout_unread()
    }

    /// Notes that something has arrived, although nobody asks for events: the peer lives.
    pub(crate) fn note_input(&mut self) {
        self.endpoint.note_input(self.receiver.received());
    }

    /// Notes that nobody reads from the transport: the peer's silence means nothing.
    pub(crate) fn note_not_reading(&mut self) {
        self.endpoint.note_not_reading();
    }

    /// Returns whether there is an event that a command may have brought, or a look at the output:
    /// that the connection has failed, or that there is room.
    pub(crate) fn has_own_event(&self) -> bool {
        matches!(self.endpoint.life().phase(), Phase::Failed(_)) || self.endpoint.is_writable()
    }

    /// Returns whether messages can be sent.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.endpoint.life().is_open()
    }

    /// Returns whether there is an event without more input: that there is room in the output, or
    /// that the connection is over.
    pub(crate) fn has_news(&self) -> bool {
        !self.endpoint.life().is_open() || self.endpoint.is_writable()
    }

    /// Returns whether anything waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.endpoint.has_output()
    }

    /// As [`input`](Self::input), with room for a read of `size` bytes.
    #[inline]
    pub(crate) fn prepared_input(&mut self, size: usize) -> Input<'_> {
        self.receiver.prepared_input(size)
    }

    /// Throws away what has arrived and is not processed.
    pub(crate) fn discard_input(&mut self) {
        self.receiver.clear();
    }

    /// Returns how many bytes arrived and are not processed.
    pub(crate) fn unprocessed_len(&self) -> usize {
        self.receiver.unprocessed_len()
    }

    /// Returns when something is due of what the application and the peer did before the time was
    /// told last.
    pub(crate) fn next_dated(&self) -> Option<Timestamp> {
        self.endpoint.next_dated()
    }

    /// Returns until when the end of the connection may take, all in all.
    pub(crate) fn close_deadline(&self) -> Option<Timestamp> {
        self.endpoint.close_deadline()
    }

    /// Returns the time that was told last.
    pub(crate) fn now(&self) -> Timestamp {
        self.endpoint.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 376, "{}", size_of::<Connection>());
    }
}
