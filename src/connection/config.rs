//! What an application may choose about a connection; decides nothing.

use alloc::borrow::Cow;
use core::num::NonZeroUsize;
use core::time::Duration;

use crate::close::CloseCode;
use crate::error::ConnectionError;
use crate::setters::setters;

/// Limits, timeouts and policies of a connection.
///
/// The defaults protect a server that talks to strangers. Each field has a setter of its name:
///
/// ```
/// use sanswire::Config;
///
/// let config = Config::default().max_message_size(1 << 20).ping_interval(None);
/// ```
///
#[doc = include_str!("../../docs/heartbeats.md")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The largest message that is accepted, in bytes of payload over all fragments; beyond it the
    /// connection fails with 1009.
    ///
    /// Default 16 MiB: more than chat, games and documents need, and little enough for a server to
    /// hold a few of. Memory is taken as bytes arrive, never by what a header announces. A larger
    /// message may come in one frame: raise [`max_frame_size`](Self::max_frame_size), too.
    pub max_message_size: usize,
    /// The largest data frame that is accepted, in bytes of payload; beyond it the connection fails
    /// with 1009. Default 16 MiB, as for messages.
    pub max_frame_size: usize,
    /// How many fragments a message may have: this many, and one more for each 32 bytes of payload.
    /// Beyond them the connection fails with 1008.
    ///
    /// Default 4096. Empty and tiny fragments cost their receiver work for no payload; a large
    /// message in fragments of 32 bytes and more is never refused for their number.
    pub max_fragments: u32,
    /// How many bytes may wait to be written: the high water mark. What comes then is up to
    /// [`when_full`](Self::when_full).
    ///
    /// While less waits, a message is accepted whatever its size, so the output holds at most this
    /// much and one message. Default 1 MiB: enough to keep a fast peer busy, and a bound on what a
    /// peer that does not read can cost.
    ///
    /// What waits counts by its length. A received message holds at most twice as much memory. A
    /// `Bytes` of the application's own that is a small part of something larger keeps all of that
    /// alive until it has been written: send such a part as `&[u8]`, which is copied.
    pub max_buffered: usize,
    /// The low water mark: at how many waiting bytes an output that had become too full counts as
    /// writable again. Then [`Event::Writable`](crate::Event::Writable) is reported and
    /// [`wants_read`](crate::Connection::wants_read) is true again.
    ///
    /// Default 256 KiB, a quarter of `max_buffered`: far enough below it that a sender is
    /// not stopped and started for each message, and enough to write while it gets going again. A
    /// value that is not below `max_buffered` counts as one byte less than that; 4 GiB is the most.
    pub low_water: usize,
    /// What happens to a message while `max_buffered` bytes wait. Default: it is refused.
    pub when_full: WhenFull,
    /// Messages larger than this are sent in fragments of this many bytes, so that Pings, Pongs and
    /// the Close of a failure can pass between them. Default `None`: one frame for each message.
    ///
    /// What has not been framed when the peer's Close arrives, or when the connection fails, is
    /// discarded, and the sender is told by [`Discarded`](crate::Discarded). §5.5.1 lets an endpoint
    /// finish its current message before it answers a Close; this one answers at once, because a
    /// peer that has closed throws the rest away, browsers too, and waits for the answer.
    pub fragment_size: Option<NonZeroUsize>,
    /// How fragments are reassembled for the application. Default: to whole messages.
    pub reassembly: Reassembly,
    /// Who answers Pings. Default: the connection.
    pub pong: PongMode,
    /// The reason in the Close frame of a failure: of a rule or a limit that the peer broke, or of a
    /// deadline. Default: what was wrong, in a few words.
    pub close_reason: CloseReason,
    /// What happens to messages that arrive after [`close`](crate::Commands::close). Default:
    /// they are dropped, as in a browser; a `Sink` that is closed delivers them, see
    /// [`AfterClose`].
    pub after_close: AfterClose,
    /// A Ping is sent this often (zero counts as never), so that proxies and NATs keep the
    /// connection and a dead peer is found.
    ///
    /// Default 20 s, as Python's `websockets`: a third of the 60 s after which nginx
    /// (`proxy_read_timeout`) and most load balancers drop what is silent. For what it does for browsers, see
    /// [above](#heartbeats).
    pub ping_interval: Option<Duration>,
    /// Which connections are pinged. Default all.
    pub ping_when: PingWhen,
    /// The connection fails with 1011 when nothing at all arrives for this long behind a Ping of
    /// [`ping_interval`](Self::ping_interval): the peer is dead, or the way to it.
    ///
    /// Default 20 s, as Python's `websockets`. The time begins when the Ping has been handed to the
    /// transport, or, while it is stuck behind other output, when the transport took something
    /// last.
    pub pong_timeout: Option<Duration>,
    /// The connection fails with 1011 when output waits and the transport takes nothing for this
    /// long: a peer that sends but does not read is not found by Pings.
    ///
    /// Default 60 s, as nginx (`send_timeout`).
    pub write_timeout: Option<Duration>,
    /// The connection fails with 1001 when no message, nor any payload of one, went in either
    /// direction for this long.
    ///
    /// Default `None`: a chat may be silent for a day, and a peer that is gone is found by
    /// Pings. These do not count here, so that a server can end what is merely kept open;
    /// uWebSockets does so after 120 s by default. A peer that streams one long message must not
    /// pause for longer.
    pub idle_timeout: Option<Duration>,
    /// A close may take this long, from [`close`](crate::Commands::close) or the peer's Close
    /// frame to the end of the transport, with all that waits to be written before. Then it ends
    /// uncleanly, with [`CloseTimeout`](crate::ConnectionError::CloseTimeout) if the peer's Close has
    /// not come, and what was not sent is lost. Where that matters, wait for the output to be written
    /// before closing.
    ///
    /// Nothing that the peer sends gives it more time, also where its messages are
    /// [delivered](AfterClose::Deliver): set it as long as the last of them may take. The time in
    /// which a [`Driver`](crate::driver) reads what the peer had under way is part of it.
    ///
    /// Default 10 s, as Python's `websockets`: more than any network needs, and not so much that
    /// connections to dead peers pile up.
    pub close_timeout: Option<Duration>,
    /// A message may take this long from its first byte to its last, whatever it costs; beyond it
    /// the connection fails with 1011.
    ///
    /// Default `None`: what an unfinished message costs is bounded by
    /// [`hold_timeout`](Self::hold_timeout), and one that costs nothing may last.
    pub message_timeout: Option<Duration>,
    /// A message that is arriving must not take more memory, for longer, than its sender pays for:
    /// each byte of payload that arrives, compressed as it may be, pays for holding one byte for
    /// this long. Beyond it the connection fails with 1011.
    ///
    /// Free are the first 20 s of each message and 4 KiB of it. So a peer that streams one message
    /// and pauses in it is not cut while little of it waits, and never with
    /// [`Reassembly::Chunks`], which holds nothing.
    ///
    /// Default 30 minutes. With the other defaults, one peer can hold for example:
    ///
    /// | it sends | this end holds | for |
    /// |---|---|---|
    /// | the beginning of a message, up to 4 KiB | the same | as long as it likes |
    /// | 16 MiB at once, and nothing more | 16 MiB | 30 minutes |
    /// | a message at a steady pace | what has come of it | an hour; longer for little above 4 KiB |
    /// | 16 KiB that decompress to 16 MiB | 16 MiB | 20 s |
    /// | 32 MiB that decompress to 16 MiB | 16 MiB | an hour |
    /// | 32 MiB that decompress to 1 MiB | 1 MiB | 16 hours |
    ///
    /// At a steady pace that is 4.7 KB/s for 16 MiB, and 300 B/s for 1 MiB. The last two rows are
    /// the most that a compressed message can pay: twice
    /// [`max_message_size`](Self::max_message_size) are accepted of it, and pay also where they
    /// decompress to nothing, and where they arrive before anything is held. The 20 s are free for
    /// each message: a peer that finishes one of 16 KiB every 20 s, each of which decompresses to
    /// 16 MiB, holds as much for less than 1 KB/s. Pings and Pongs pay for nothing. Payload counts;
    /// the memory that it lies in may be twice as much.
    ///
    /// For peers that stream for hours (speech, logs), take chunks, and raise
    /// [`max_message_size`](Self::max_message_size) and [`max_fragments`](Self::max_fragments) to
    /// what a stream may have. To have messages whole all the same, set this to half of the longest
    /// time that one may take. To be stricter with strangers, set it lower: 5 minutes still let
    /// 1 MiB arrive with 1.8 KB/s. `None` is no limit.
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

/// How fragments are reassembled for the application (§5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reassembly {
    /// In parts, as they arrive, also inside one frame: [`Event::Chunk`](crate::Event::Chunk).
    /// Nothing is assembled, so memory does not grow with the size of a message, and
    /// [`Config::hold_timeout`] does not apply. Of a compressed message, 1 KiB is decompressed at
    /// once, to 1 MiB at most.
    ///
    /// [`Config::max_frame_size`] and [`Config::max_message_size`] apply as ever: for large messages,
    /// raise both.
    Chunks,
    /// Whole: [`Event::Binary`](crate::Event::Binary) and [`Event::Text`](crate::Event::Text).
    Messages,
}

/// Who answers Pings (§5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PongMode {
    /// The connection, at once. Where Pongs cannot leave because the peer does not read, only the
    /// newest Ping is answered, as §5.5.3 allows.
    Automatic,
    /// The application, by [`Commands::pong`](crate::Commands::pong).
    Manual,
}

/// Which connections are pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PingWhen {
    /// All, also those on which something arrives all the time: the round-trip time is measured.
    Always,
    /// Those on which nothing has arrived for the time of the interval.
    Silent,
}

/// The reason that the peer is told when a connection fails (§7.1.7).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The reason that this function makes of the error. Cut off behind 123 bytes at most, at the
    /// end of a character; an empty one leaves the code alone.
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
    /// None: the code alone.
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

/// Two custom functions are the same if they have the same address.
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

/// What happens to messages that arrive after this end has sent its Close frame: among them are
/// replies to what it sent just before.
///
/// `Sink`s of the adapters always deliver them: closing one, as `forward` does at its end, says
/// only that nothing more is sent. So does
/// [`close_and_deliver`](crate::Commands::close_and_deliver). For everything else
/// [`Config::after_close`] decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterClose {
    /// They are delivered until the peer's Close frame arrives, or
    /// [`Config::close_timeout`] is over.
    Deliver,
    /// They are checked and dropped. A request whose reply matters is to be answered before the
    /// close.
    Drop,
}

/// What happens to a message for which there is no room, because the peer does not read as fast as
/// messages are sent.
///
/// Applies to whole messages, prepared ones too; chunks, Pings and Pongs are always refused.
///
/// | method | when it applies |
/// |---|---|
/// | `feed`, `send` of the adapters, on a whole socket and on its sending half | when the transport takes nothing more: they write first |
/// | [`Commands::send`](crate::Commands::send), also in the callbacks of the adapters | at once: a command cannot write |
/// | [`Commands::try_send`](crate::Commands::try_send), `try_send` of the adapters, `Sink` | never: the message comes back, and a `Sink` waits for room |
///
/// To drop or to close rather than to wait, use `feed`. `send` waits until its message has left, so
/// where nothing else is queued it never finds the output full. It then waits for the peer whatever is
/// set here, for [`Config::write_timeout`] at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The connection fails with [`ConnectionError::PeerTooSlow`](crate::ConnectionError), and the
    /// peer is told this code behind what it has not read yet. The command is refused with
    /// [`SendError::Closed`](crate::SendError::Closed).
    ///
    /// Usual are 1008 (the peer is against the policy) and 1013 (try again later, from servers
    /// only). A code that this role may not send counts as 1008.
    Close(CloseCode),
    /// The message is not sent: the command is refused with
    /// [`SendError::Dropped`](crate::SendError::Dropped), which gives it back, and nobody waits.
    /// What waits already stays. The next [`Event::Writable`](crate::Event::Writable) says how much
    /// was dropped.
    ///
    /// For messages of which none matters much, such as samples and cursor positions.
    DropNewest,
    /// The message takes the place of the oldest ones that wait and of which nothing has been
    /// framed yet. The next [`Event::Writable`](crate::Event::Writable) says how much was dropped, and
    /// the next `flush`, `send` or `close` of an adapter fails with [`Discarded`](crate::Discarded),
    /// once. A `close` has closed the connection all the same.
    ///
    /// For messages of which only the newest matters, such as prices and positions. What waits
    /// beyond a quarter of [`max_buffered`](Config::max_buffered), 16 KiB at most, is kept apart and
    /// compressed when its turn comes, so that a message can be dropped where compression remembers
    /// earlier ones. Where nothing can be dropped, one message more waits than may.
    ///
    /// Not for messages that count each, such as those of [`delivery`](crate::delivery).
    DropOldest,
    /// The command is refused with [`SendError::Full`](crate::SendError::Full), which gives the
    /// message back. `send` and `feed` of the adapters wait for room.
    Refuse,
}
