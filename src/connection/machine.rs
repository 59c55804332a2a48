//! An open connection: what arrives, put together with what its end does; knows neither sockets nor
//! clocks.

mod getters;
mod polling;

use super::commands::Commands;
use super::config::{Config, Reassembly};
use super::endpoint::Endpoint;
use super::event::Discarded;
use crate::buffer::{Input, ReceiveBuf, SpareBuffers, TransmitBuf};
#[cfg(feature = "deflate")]
use crate::extension::{Deflate, Deflater};
use crate::receive::{Limits, Receiver};
use crate::timestamp::Timestamp;
#[cfg(feature = "handshake")]
pub(crate) use polling::Ready;

#[expect(unused_imports, reason = "for the docs")]
use crate::{connection::Event, error::ConnectionError};

/// An open WebSocket connection without I/O: bytes go in, events and bytes come out.
///
/// To run a connection over a transport, prefer a [`Driver`](crate::driver::Driver). It calls the
/// methods below in the right order, and also does the opening handshake and ends the transport.
/// To use a socket, take an adapter of `sanswire::io`. Use a `Connection` directly if the bytes come
/// from elsewhere, or in tests.
///
/// ```
/// use bytes::Buf;
/// use sanswire::{Config, Connection, Event};
///
/// let mut connection = Connection::server(&Config::default());
/// // A masked text message, "Hello".
/// connection.input().extend_from_slice(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
/// while let Some((event, mut commands)) = connection.poll_event()? {
///     if let Event::Text(text) = event {
///         commands.send(&text)?;
///     }
/// }
/// assert_eq!(connection.poll_transmit().unwrap().chunk(), b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The order of the calls
///
/// 1. Pass on what happened: append received bytes to [`input`](Self::input), or call
///    [`handle_eof`](Self::handle_eof) at the end of the stream. Then call
///    [`handle_timeout`](Self::handle_timeout) with the current time.
/// 2. Call [`poll_event`](Self::poll_event) until it returns `None`. Answer with the [`Commands`]
///    that come with each event: [`send`](Commands::send), [`ping`](Commands::ping),
///    [`close`](Commands::close) and others.
/// 3. Write what [`poll_transmit`](Self::poll_transmit) returns, until it returns `None` or the
///    transport takes no more.
/// 4. If anything was written, go back to step 2, because a closing handshake may now be complete.
///    Otherwise wait until the transport is ready or the time of
///    [`poll_timeout`](Self::poll_timeout) has come, and go back to step 1.
///
/// To send at any other time, use [`commands`](Self::commands). Getters such as
/// [`ready_state`](Self::ready_state) may be called at any time.
///
/// # The end
///
/// [`Event::Closed`] or an error ends the connection. Write what
/// [`poll_transmit`](Self::poll_transmit) still returns, then close the transport. A server ends as
/// soon as the closing handshake is complete. A client ends when the server has closed the
/// transport, because the server should close it first (§7.1.1).
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

impl Connection {
    /// Creates a server's connection whose opening handshake was done elsewhere.
    #[must_use]
    pub fn server(config: &Config) -> Self {
        Self::connecting(config, None).opened(Opened::default())
    }

    /// Creates a client's connection whose opening handshake was done elsewhere.
    ///
    /// The masking keys (§5.3) are derived from `seed`. Take it from the operating system's entropy,
    /// and use each seed for one connection only.
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

    /// Sets what [`protocol`](Self::protocol) and [`extensions`](Self::extensions) return: the
    /// negotiated subprotocol and value of `Sec-WebSocket-Extensions`, or empty strings.
    ///
    /// Not needed for a connection that comes from a [handshake](crate::handshake).
    #[must_use]
    pub fn with_negotiated(mut self, protocol: &str, extensions: &str) -> Self {
        self.set_negotiated(protocol, extensions);
        self
    }

    pub(crate) fn set_negotiated(&mut self, protocol: &str, extensions: &str) {
        self.endpoint.set_negotiated(protocol, extensions);
    }

    /// Turns on permessage-deflate (RFC 7692) with the negotiated parameters.
    ///
    /// Not needed for a connection that comes from a [handshake](crate::handshake). Call it before
    /// anything is sent or received.
    #[doc(alias = "compression")]
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

    /// Returns the input, to which the caller appends the bytes that arrive.
    #[inline]
    pub const fn input(&mut self) -> Input<'_> {
        self.receiver.input()
    }

    /// Tells the connection that the transport delivers no more bytes.
    ///
    /// Input that waits is still processed. Then the connection ends: with [`Event::Closed`] if the
    /// closing handshake was complete, otherwise with [`ConnectionError::UnexpectedEof`].
    pub fn handle_eof(&mut self) {
        self.endpoint.handle_eof();
    }

    /// Advances the clock to `now`, measured from any fixed point the caller chooses, and sends
    /// heartbeats that are due. Earlier times are ignored.
    ///
    /// Call it after each wait and when the time of [`poll_timeout`](Self::poll_timeout) has come,
    /// then call [`poll_event`](Self::poll_event). `poll_event` reports a deadline that has passed,
    /// after everything that arrived is processed.
    ///
    /// If it is never called, the connection has no heartbeats and no deadlines. See [`Timestamp`]
    /// for an example.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        if self.endpoint.is_behind() {
            self.endpoint.catch_up(now, self.receiver.received());
        }
        self.endpoint.handle_timeout(now);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next, measured from the same
    /// fixed point, or `None` if no deadline is set.
    ///
    /// Ask before each wait, after `poll_event` has returned `None` and the output has been written
    /// as far as possible: every call may change it. If the time is in the past, call
    /// `handle_timeout` at once.
    #[doc(alias = "deadline")]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.endpoint.poll_timeout()
    }

    /// Returns the commands, to send or close without an event.
    #[inline(always)]
    pub const fn commands(&mut self) -> Commands<'_> {
        Commands::new(&mut self.endpoint)
    }

    /// Returns the bytes to write to the transport, or `None` if there are none.
    ///
    /// Call it until it returns `None` or the transport takes no more. A single call may not return
    /// all output: when large messages are sent in fragments, the buffer is refilled by the next
    /// call. See [`TransmitBuf`] for an example.
    #[must_use = "bytes that are not written do not reach the peer"]
    #[inline]
    pub fn poll_transmit(&mut self) -> Option<&mut TransmitBuf> {
        self.endpoint.poll_transmit()
    }

    /// Reports messages that were accepted but are not sent, once. See [`Discarded`] for the causes.
    ///
    /// An empty output does not mean that every message was sent, so call this before reporting
    /// success. It does not count the output that still waits when the transport ends:
    /// [`buffered_amount`](Self::buffered_amount) does.
    pub fn poll_discarded(&mut self) -> Option<Discarded> {
        self.endpoint.poll_discarded(false)
    }

    /// As [`poll_discarded`](Self::poll_discarded), when nothing more can be written: what waits is
    /// discarded, too.
    pub(crate) fn poll_discarded_at_end(&mut self) -> Option<Discarded> {
        self.endpoint.poll_discarded(true)
    }

    /// Frees memory that is not in use. Call it before a connection becomes idle.
    ///
    /// Compression keeps only what later messages need: with context takeover, the compressor and
    /// the window of the decompressor.
    pub fn release_memory(&mut self) {
        self.release_memory_to(&mut SpareBuffers::default());
    }

    /// Releases unused memory, as [`release_memory`](Self::release_memory). If a buffer is larger
    /// than the one in `spare`, or had room for a large message, and is not too large, `spare` gets it,
    /// and it is not freed.
    pub fn release_memory_to(&mut self, spare: &mut SpareBuffers) {
        self.receiver.release_to(spare);
        self.endpoint.release_memory_to(spare);
    }

    /// Takes the buffers of `spare` that are larger than those of the connection, unless data waits
    /// in these. Call it before a read or a command. Until
    /// [`release_memory_to`](Self::release_memory_to), the connection holds them.
    pub fn reuse_memory(&mut self, spare: &mut SpareBuffers) {
        self.receiver.reuse(spare);
        self.endpoint.reuse_memory(spare);
    }

    /// Returns the received bytes that have not been processed: those after the last event.
    ///
    /// If they begin with an unfinished payload, its first bytes may be unmasked already.
    #[must_use]
    pub fn into_unprocessed(self) -> bytes::Bytes {
        self.receiver.into_unprocessed()
    }

    /// Notes that something has arrived, although nobody asks for events: the peer lives.
    pub(crate) fn note_input(&mut self) {
        self.endpoint.note_input(self.receiver.received());
    }

    /// Notes that something has arrived at a time that is told later.
    pub(crate) const fn note_behind(&mut self) {
        self.endpoint.note_behind();
    }

    /// Returns whether something has arrived that is not dated.
    pub(crate) const fn is_behind(&self) -> bool {
        self.endpoint.is_behind()
    }

    /// Dates what has arrived at a time that is told now, when all of it was processed.
    pub(crate) fn catch_up_processed(&mut self, now: Timestamp) {
        self.endpoint.catch_up_processed(now, self.processed());
    }

    /// Notes whether the transport was asked to flush, and is not done: it may hold what it took.
    pub(crate) fn note_flushing(&mut self, is_flushing: bool) {
        self.endpoint.note_flushing(is_flushing);
    }

    /// Returns what [`note_flushing`](Self::note_flushing) was told.
    pub(crate) fn is_flushing(&self) -> bool {
        self.endpoint.is_flushing()
    }

    /// Notes that nobody reads from the transport: the peer's silence means nothing.
    pub(crate) fn note_not_reading(&mut self) {
        self.endpoint.note_not_reading();
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 376, "{}", size_of::<Connection>());
    }
}
