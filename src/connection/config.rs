//! What an application may choose about a connection; decides nothing.

use alloc::borrow::Cow;
use core::num::NonZeroUsize;
use core::time::Duration;

use crate::close::CloseCode;
use crate::error::ConnectionError;
use crate::setters::setters;

/// Limits, timeouts and policies of a connection.
///
/// The defaults protect a server against unknown clients. Each field has a setter of the same name:
///
/// ```
/// use sanswire::Config;
///
/// let config = Config::default().max_message_size(1 << 20).ping_interval(None);
/// ```
///
/// Two pages of the guide show how the values work together:
/// [limits and deadlines](crate::guide::limits) and [heartbeats](crate::guide::heartbeats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The largest message accepted, in bytes of payload over all fragments and after decompression.
    /// A larger message fails the connection with 1009.
    ///
    /// Default 16 MiB: enough for chat, games and documents, and small enough for a server to hold
    /// several. Memory grows with the bytes that arrive, not with the length that a header
    /// announces. To accept larger messages in one frame, raise
    /// [`max_frame_size`](Self::max_frame_size), too.
    pub max_message_size: usize,
    /// The largest data frame accepted, in bytes of payload as it was sent. A larger frame fails the
    /// connection with 1009.
    ///
    /// Default 16 MiB, as for messages.
    pub max_frame_size: usize,
    /// The number of fragments allowed in a message: this many, and one more for each 32 bytes of
    /// payload. More fragments fail the connection with 1008.
    ///
    /// Default 4096. Empty and tiny fragments cost work and carry no payload. A large message in
    /// fragments of 32 bytes or more is always accepted.
    pub max_fragments: u32,
    /// The high-water mark: the number of bytes that may wait to be written. When this many wait,
    /// [`when_full`](Self::when_full) decides what happens to the next message.
    ///
    /// Below the mark, a message of any size is accepted, so the output holds at most this many
    /// bytes and one message. Default 1 MiB: enough to keep a fast peer busy, and a bound on the
    /// memory that a peer that does not read can occupy. See the guide for
    /// [what counts](crate::guide::limits).
    #[doc(alias("backpressure", "high water mark", "highWaterMark", "write buffer"))]
    pub max_buffered: usize,
    /// The low-water mark, in bytes. When the output has been full and has shrunk to this size,
    /// [`Event::Writable`](crate::Event::Writable) is reported and
    /// [`wants_read`](crate::Connection::wants_read) is true again.
    ///
    /// Default 256 KiB, a quarter of `max_buffered`: a sender is not stopped and started for each
    /// message, and there is enough to write while it starts again. A value of `max_buffered` or
    /// more counts as `max_buffered - 1`. The maximum is 4 GiB.
    #[doc(alias("backpressure", "low water mark"))]
    pub low_water: usize,
    /// What happens to a message while `max_buffered` bytes wait. Default: it is refused.
    #[doc(alias = "backpressure")]
    pub when_full: WhenFull,
    /// The largest fragment, in bytes of payload. Larger messages are sent in fragments of this
    /// size, so that Pings, Pongs and the Close of a failure can pass between them.
    ///
    /// Default `None`: each message is sent in one frame.
    ///
    /// The connection answers the peer's Close at once and discards the unsent fragments of a
    /// message, although §5.5.1 allows finishing it: a peer that has closed ignores them.
    /// [`Discarded`](crate::Discarded) tells the sender. The same happens when the connection fails.
    pub fragment_size: Option<NonZeroUsize>,
    /// Whether messages are delivered whole or in chunks. Default: whole.
    #[doc(alias("streaming", "chunks"))]
    pub reassembly: Reassembly,
    /// Whether the connection or the application answers Pings. Default: the connection.
    pub pong: PongMode,
    /// The reason in the Close frame when the connection fails: the peer broke a rule, a limit was
    /// exceeded, or a deadline passed. Default: a short text that says what was wrong.
    pub close_reason: CloseReason,
    /// What happens to messages that arrive after [`close`](crate::Commands::close). Default: they
    /// are dropped, as in a browser. See [`AfterClose`].
    pub after_close: AfterClose,
    /// The time between two Pings. `None` or zero sends none.
    ///
    /// Pings find dead peers and keep proxies and NATs from dropping the connection. Default 20 s,
    /// as in Python's `websockets`: a third of the 60 s after which nginx (`proxy_read_timeout`) and
    /// most load balancers drop a silent connection. See the guide page
    /// [Heartbeats](crate::guide::heartbeats).
    #[doc(alias("heartbeat", "keepalive", "keep-alive"))]
    pub ping_interval: Option<Duration>,
    /// Whether Pings are sent always or only on silent connections. Default: always.
    pub ping_when: PingWhen,
    /// The time to wait after a Ping of [`ping_interval`](Self::ping_interval). If nothing at all
    /// arrives in this time, the connection fails with 1011.
    ///
    /// Default 20 s, as in Python's `websockets`. The time starts when the Ping has been handed to
    /// the transport. While the Ping waits behind other output, the time starts again whenever the
    /// transport takes something.
    #[doc(alias("heartbeat", "keepalive", "ping timeout"))]
    pub pong_timeout: Option<Duration>,
    /// The time that output may wait while the transport takes none of it. Then the connection fails
    /// with 1011.
    ///
    /// This finds a peer that sends but does not read, which Pings do not find. Default 60 s, as in
    /// nginx (`send_timeout`).
    ///
    /// The Close frame is tried once, and does not reach a peer that still takes nothing. If such a
    /// peer reads again, it finds what was on its way, and then the end of the stream: 1006.
    ///
    /// A transport with a buffer of its own, such as TLS with its 64 KiB, takes output before that
    /// leaves. What it has taken still waits until it is [flushed](crate::driver::Write::Flush); the
    /// time begins anew when it takes more, except for heartbeats.
    #[doc(alias = "send timeout")]
    pub write_timeout: Option<Duration>,
    /// The time without any message, or payload of one, in either direction. Then the connection
    /// fails with 1001.
    ///
    /// Pings and Pongs do not count, so a server can end connections that are only kept alive.
    /// Default `None`: a chat may be silent for a day, and Pings find dead peers. uWebSockets uses
    /// 120 s. A peer that pauses for longer within one message is cut off, too.
    pub idle_timeout: Option<Duration>,
    /// The time that a close may take, from [`close`](crate::Commands::close) or the peer's Close
    /// frame to the end of the transport, including the output that still waits. Then the connection
    /// ends, whatever the transport does, and unsent output is lost. If the peer's Close has not
    /// arrived, the error is [`CloseTimeout`](crate::ConnectionError::CloseTimeout); if it has, the
    /// connection ends as that frame says.
    ///
    /// Nothing that the peer sends extends it. Default 10 s, as in Python's `websockets`: more than
    /// any network needs, and short enough that connections to dead peers do not pile up. See the
    /// guide for [the end of a connection](crate::guide::limits).
    pub close_timeout: Option<Duration>,
    /// The time that a message may take from its first byte to its last. Then the connection fails
    /// with 1011.
    ///
    /// Default `None`: [`hold_timeout`](Self::hold_timeout) limits the memory of an unfinished
    /// message, and one that occupies no memory may last.
    #[doc(alias("read timeout", "receive timeout"))]
    pub message_timeout: Option<Duration>,
    /// How long an unfinished message may hold memory, for each byte that has arrived. Then the
    /// connection fails with 1011.
    ///
    /// Each payload byte that arrives pays for holding one byte for this time; the first 20 s and
    /// the first 4 KiB of each message are free. Default 30 minutes: 16 MiB that arrive at once are
    /// held for 30 minutes, and a message of 16 MiB may arrive at 4.7 KB/s. Does not apply to
    /// [`Reassembly::Chunks`], which holds nothing. `None` sets no limit.
    ///
    /// The guide explains the rule and how to choose a value:
    /// [limits and deadlines](crate::guide::limits).
    #[doc(alias("slowloris", "read timeout"))]
    pub hold_timeout: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            max_frame_size: 16 << 20,
            max_fragments: 4096,
            max_buffered: 1 << 20,
            low_water: 256 << 10,
            when_full: WhenFull::Refuse,
            fragment_size: None,
            reassembly: Reassembly::Messages,
            pong: PongMode::Automatic,
            close_reason: CloseReason::Error,
            after_close: AfterClose::Drop,
            ping_interval: Some(Duration::from_secs(20)),
            ping_when: PingWhen::Always,
            pong_timeout: Some(Duration::from_secs(20)),
            write_timeout: Some(Duration::from_secs(60)),
            idle_timeout: None,
            close_timeout: Some(Duration::from_secs(10)),
            message_timeout: None,
            hold_timeout: Some(Duration::from_secs(30 * 60)),
        }
    }
}

setters! {
    Config {
        max_message_size: usize,
        max_frame_size: usize,
        max_fragments: u32,
        max_buffered: usize,
        low_water: usize,
        when_full: WhenFull,
        fragment_size?: NonZeroUsize,
        reassembly: Reassembly,
        pong: PongMode,
        close_reason: CloseReason,
        after_close: AfterClose,
        ping_interval?: Duration,
        ping_when: PingWhen,
        pong_timeout?: Duration,
        write_timeout?: Duration,
        idle_timeout?: Duration,
        close_timeout?: Duration,
        message_timeout?: Duration,
        hold_timeout?: Duration,
    }
}

/// Whether messages are delivered whole or in chunks (§5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reassembly {
    /// In chunks, as the bytes arrive: [`Event::Chunk`](crate::Event::Chunk). A frame may come in
    /// several chunks.
    ///
    /// Nothing is assembled, so memory does not grow with the size of a message, and
    /// [`Config::hold_timeout`] does not apply. A compressed message is decompressed 1 KiB at a
    /// time, to at most 1 MiB each.
    ///
    /// [`Config::max_frame_size`] and [`Config::max_message_size`] still apply. Raise both for large
    /// messages.
    #[doc(alias = "streaming")]
    Chunks,
    /// As whole messages: [`Event::Binary`](crate::Event::Binary) and
    /// [`Event::Text`](crate::Event::Text).
    Messages,
}

/// Whether the connection or the application answers Pings (§5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PongMode {
    /// The connection answers at once. While Pongs cannot be written because the peer does not read,
    /// it answers only the newest Ping, as §5.5.3 allows.
    Automatic,
    /// The application answers with [`Commands::pong`](crate::Commands::pong).
    Manual,
}

/// When heartbeat Pings are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PingWhen {
    /// At each [`Config::ping_interval`], on busy connections too, so that the round-trip time is
    /// always measured.
    Always,
    /// Only when nothing has arrived for [`Config::ping_interval`].
    Silent,
}

/// The reason that is sent to the peer when a connection fails (§7.1.7).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The text that this function returns for the error. It is cut to 123 bytes, at the end of a
    /// character. An empty text sends the code alone.
    ///
    /// ```
    /// use sanswire::{CloseReason, Config, ConnectionError};
    ///
    /// let config = Config::default().close_reason(CloseReason::Custom(|error| match error {
    ///     ConnectionError::MessageTooLarge { limit } => format!("at most {limit} bytes").into(),
    ///     error if error.is_timeout() => "come back".into(),
    ///     _ => "see https://example.com/protocol".into(),
    /// }));
    /// ```
    Custom(fn(ConnectionError) -> Cow<'static, str>),
    /// [`ConnectionError::close_reason`]: what was wrong, limits by number, and nothing of what the
    /// peer sent but opcodes, lengths and close codes.
    Error,
    /// No reason: only the code is sent.
    None,
}

impl CloseReason {
    /// Returns what makes the reason, if there is to be one.
    pub(super) fn function(self) -> Option<fn(ConnectionError) -> Cow<'static, str>> {
        match self {
            Self::Custom(function) => Some(function),
            Self::Error => Some(|error| error.close_reason().into()),
            Self::None => None,
        }
    }
}

/// Two custom functions are equal if they have the same address.
impl PartialEq for CloseReason {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Custom(one), Self::Custom(other)) => core::ptr::fn_addr_eq(*one, *other),
            (Self::Error, Self::Error) | (Self::None, Self::None) => true,
            (Self::Custom(_) | Self::Error | Self::None, _) => false,
        }
    }
}

impl Eq for CloseReason {}

/// What happens to messages that arrive after this end has sent its Close frame.
///
/// The peer may have sent them before it saw the Close, for example as replies.
/// [`Config::after_close`] sets this for a connection. Two ways to close always deliver them:
/// [`close_and_deliver`](crate::Commands::close_and_deliver), and closing a `Sink` of the adapters,
/// as `StreamExt::forward` does at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterClose {
    /// They are delivered until the peer's Close frame arrives or [`Config::close_timeout`] has
    /// passed.
    Deliver,
    /// They are checked and dropped. Wait for the replies that matter before closing.
    Drop,
}

/// What happens to a message when the output is full.
///
/// The output is full while [`Config::max_buffered`] bytes wait, because the peer reads more slowly
/// than messages are sent. Set it in [`Config::when_full`]. It applies to whole messages, including
/// prepared ones. Chunks, Pings and Pongs are always refused.
///
/// | method | when it applies |
/// |---|---|
/// | `feed`, `send` of an adapter or its sending half | when the transport takes nothing more: both write first |
/// | [`Commands::send`](crate::Commands::send), also in callbacks of the adapters | at once: a command cannot write |
/// | [`Commands::try_send`](crate::Commands::try_send), `try_send` of the adapters | never: the message is returned |
/// | `Sink` | never: it waits for room |
///
/// To drop messages or to close instead of waiting, use `feed`. `send` of an adapter also waits
/// until its message has been written, for up to [`Config::write_timeout`], whatever is set here.
///
/// ```
/// use sanswire::{Config, WhenFull};
///
/// let config = Config::default().max_buffered(64 << 10).when_full(WhenFull::DropOldest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The connection fails with [`ConnectionError::PeerTooSlow`](crate::ConnectionError). The
    /// peer receives this code after the output that already waits. The command fails with
    /// [`SendError::Closed`](crate::SendError::Closed).
    ///
    /// The usual codes are 1008 (policy violation) and, for servers only, 1013 (try again later). A
    /// code that this role may not send is replaced by 1008.
    Close(CloseCode),
    /// The new message is not sent. The command fails at once with
    /// [`SendError::Dropped`](crate::SendError::Dropped) and returns the message. The next
    /// [`Event::Writable`](crate::Event::Writable) says how much was dropped.
    ///
    /// Use it for messages that do not matter one by one, such as samples and cursor positions.
    ///
    /// What is sent upon `Event::Writable`, such as a note that messages are missing, may come behind
    /// newer messages. If the place of a gap matters, number the messages.
    DropNewest,
    /// The oldest waiting messages are dropped to make room, and the new one is accepted. The next
    /// [`Event::Writable`](crate::Event::Writable) says how much was dropped. The next `flush`,
    /// `send` or `close` of an adapter fails with [`Discarded`](crate::Discarded), once; such a
    /// `close` still closes the connection.
    ///
    /// Use it when only the newest messages matter, such as prices and positions. Do not use it when
    /// each message counts, as in [`delivery`](crate::delivery).
    ///
    /// What is sent upon `Event::Writable`, such as a note that messages are missing, comes behind the
    /// newer messages that still wait. If the place of a gap matters, number the messages.
    ///
    /// A message that is already framed cannot be dropped. To keep messages droppable, only a
    /// quarter of [`max_buffered`](Config::max_buffered), and at most 16 KiB, is framed and
    /// compressed ahead. If nothing can be dropped, one message more than allowed waits. What the
    /// transport has taken cannot be dropped either: a TCP socket's send buffer may hold several MiB
    /// of old messages. The guide page [Rooms](crate::guide::rooms) shows how to make it smaller.
    DropOldest,
    /// The command fails with [`SendError::Full`](crate::SendError::Full) and returns the message.
    /// `send` and `feed` of the adapters wait for room instead.
    Refuse,
}
