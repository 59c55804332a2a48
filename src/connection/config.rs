//! What an application may choose about a connection; decides nothing.

use core::num::NonZeroUsize;

/// The limits and habits of a connection.
///
/// The defaults protect a server that talks to strangers. All fields can be set:
///
/// ```
/// use sanswire::Config;
///
/// let mut config = Config::default();
/// config.max_message_size = 1 << 20;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The largest message that is accepted, in bytes of payload over all fragments; beyond it the
    /// connection fails with 1009.
    ///
    /// Default 16 MiB: more than chat, games and documents need, and little enough for a server to
    /// hold a few of. Memory is taken as bytes arrive, never by what a header announces.
    pub max_message_size: usize,
    /// The largest data frame that is accepted, in bytes of payload; beyond it the connection fails with
    /// 1009. Default 16 MiB, as for messages.
    pub max_frame_size: usize,
    /// How many fragments a message may have, besides one for each 32 bytes of it; beyond them the
    /// connection fails with 1008.
    ///
    /// Default 4096. Empty and tiny fragments cost their receiver work for no payload; a large
    /// message in fragments of 32 bytes and more is never refused for their number.
    pub max_fragments: u32,
    /// How many bytes may wait to be written; a command that would exceed it is refused with
    /// [`SendError::Full`](crate::SendError::Full).
    ///
    /// One message is accepted whatever its size while nothing waits, so the output holds at most
    /// this much or one message. Default 1 MiB: enough to keep a fast peer busy, and a bound on what
    /// a peer that does not read can cost.
    pub max_buffered: usize,
    /// Messages larger than this are sent in fragments of this many bytes, so that Pings, Pongs and
    /// the Close of a failure can pass between them. What has not been framed when the peer closes the
    /// connection is dropped. Default `None`: one frame for each message.
    pub fragment_size: Option<NonZeroUsize>,
    /// How fragments are reassembled for the application. Default: to whole messages.
    pub reassembly: Reassembly,
    /// Who answers Pings. Default: the connection.
    pub pong: Pong,
    /// What happens to messages that arrive after [`close`](crate::Connection::close). Default: they
    /// are dropped, as in a browser.
    pub after_close: AfterClose,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            max_frame_size: 16 << 20,
            max_fragments: 4096,
            max_buffered: 1 << 20,
            fragment_size: None,
            reassembly: Reassembly::Messages,
            pong: Pong::Automatic,
            after_close: AfterClose::Drop,
        }
    }
}

/// How fragments are reassembled for the application (§5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reassembly {
    /// In parts, as they arrive, also inside one frame: [`Event::Chunk`](crate::Event::Chunk).
    /// Nothing is assembled, so memory does not grow with the size of a message. Of a compressed
    /// message, 1 KiB is decompressed at once, to 1 MiB at most.
    Chunks,
    /// Whole: [`Event::Binary`](crate::Event::Binary) and [`Event::Text`](crate::Event::Text).
    Messages,
}

/// Who answers Pings (§5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pong {
    /// The connection, at once. Where Pongs cannot leave because the peer does not read, only the
    /// newest Ping is answered, as §5.5.3 allows.
    Automatic,
    /// The application, by [`Connection::pong`](crate::Connection::pong).
    Manual,
}

/// What happens to messages that arrive after this end has sent its Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterClose {
    /// They are delivered until the peer's Close frame arrives.
    Deliver,
    /// They are checked and dropped.
    Drop,
}
