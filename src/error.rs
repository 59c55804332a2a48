//! What can go wrong on an open connection: by whose fault it is, and the close code for it
//! (§7.1.7).

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use crate::close::CloseCode;

/// Why a connection failed (§7.1.7).
///
/// The peer broke the protocol or a limit, or the stream ended. It is sticky: once a connection
/// has failed, every later call reports the same error. Write the remaining output, which ends
/// with a Close frame with [`close_code`](Self::close_code), then drop the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// §5.2: a reserved bit is set that no negotiated extension gives a meaning to.
    ReservedBits {
        /// The bits, as in the first byte of the frame: `0x40` is RSV1, `0x20` RSV2, `0x10` RSV3.
        bits: u8,
    },
    /// §5.2: an opcode that is not defined.
    ReservedOpcode {
        /// 3 to 7, or 11 to 15.
        opcode: u8,
    },
    /// §5.2: a length that fits a shorter form, where the minimal form is a MUST.
    LengthNotMinimal {
        /// The length as announced, in bytes.
        len: u64,
    },
    /// §5.2: a 64-bit length whose most significant bit is set.
    LengthTopBit {
        /// The length as announced, in bytes.
        len: u64,
    },
    /// §5.1: a client's frame that is not masked.
    MaskMissing,
    /// §5.1: a server's frame that is masked.
    MaskUnexpected,
    /// §5.5: a control frame that is fragmented.
    ControlFragmented {
        /// 8 to 10.
        opcode: u8,
    },
    /// §5.5: a control frame of more than 125 bytes.
    ControlTooLong {
        /// 8 to 10.
        opcode: u8,
    },
    /// §5.4: a continuation frame while no fragmented message is in progress.
    UnexpectedContinuation,
    /// §5.4: a new message while a fragmented one is in progress.
    UnfinishedMessage {
        /// The opcode of the frame that came instead of a continuation: 1 or 2.
        opcode: u8,
    },
    /// §10.4: a frame larger than this endpoint accepts.
    FrameTooLarge {
        /// The length as announced, in bytes.
        len: u64,
        /// The largest that is accepted, in bytes.
        limit: u64,
    },
    /// §10.4: a message larger than this endpoint accepts, counted over all its fragments.
    MessageTooLarge {
        /// The largest that is accepted, in bytes.
        limit: u64,
    },
    /// §10.4: a message in more small fragments than this endpoint accepts.
    TooManyFragments {
        /// How many were accepted.
        limit: u64,
    },
    /// §8.1: a text message, or the reason of a Close frame, that is not UTF-8.
    InvalidUtf8,
    /// RFC 7692, §7.2.2: a compressed message that cannot be decompressed.
    InvalidDeflate,
    /// RFC 7692, §7.2.3.4: a compressed message with more final blocks than this endpoint accepts.
    TooManyFinalBlocks {
        /// How many were accepted.
        limit: u32,
    },
    /// The peer does not read as fast as messages are sent, and
    /// [`WhenFull::Close`](crate::WhenFull) is set.
    PeerTooSlow {
        /// The code that the peer is told.
        code: CloseCode,
        /// Bytes that waited.
        queued: usize,
        /// [`Config::max_buffered`](crate::Config::max_buffered).
        limit: usize,
    },
    /// §5.5.1: a Close frame with a body of one byte, too short for a code.
    CloseBodyTooShort,
    /// §7.4: a close code that nobody may send.
    InvalidCloseCode {
        /// The code as received.
        code: u16,
    },
    /// The closing handshake was not complete in time: the peer's Close frame did not come.
    CloseTimeout {
        /// [`Config::close_timeout`](crate::Config::close_timeout).
        limit: Duration,
    },
    /// No message, nor a part of one, went in either direction for too long.
    IdleTimeout {
        /// [`Config::idle_timeout`](crate::Config::idle_timeout).
        limit: Duration,
    },
    /// A message did not arrive whole in time.
    MessageTimeout {
        /// [`Config::message_timeout`](crate::Config::message_timeout).
        limit: Duration,
    },
    /// A message arrived too slowly for the memory that it took.
    MessageTooSlow {
        /// How much this end held of it, in bytes.
        held: u64,
        /// [`Config::hold_timeout`](crate::Config::hold_timeout).
        limit: Duration,
    },
    /// Nothing arrived for too long after a Ping: the peer is dead or cannot be reached.
    PongTimeout {
        /// [`Config::pong_timeout`](crate::Config::pong_timeout).
        limit: Duration,
    },
    /// Output waited, and the transport took nothing of it for too long.
    WriteTimeout {
        /// [`Config::write_timeout`](crate::Config::write_timeout).
        limit: Duration,
    },
    /// §7.2.1: the stream ended before the closing handshake was complete.
    UnexpectedEof,
}

impl ConnectionError {
    /// Returns whether a deadline of this end has passed, rather than that the peer broke a rule.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::CloseTimeout { .. }
                | Self::IdleTimeout { .. }
                | Self::MessageTimeout { .. }
                | Self::MessageTooSlow { .. }
                | Self::PongTimeout { .. }
                | Self::WriteTimeout { .. }
        )
    }

    /// Returns whether the peer no longer reads.
    #[cfg(feature = "handshake")]
    pub(crate) const fn is_peer_gone(self) -> bool {
        matches!(
            self,
            Self::CloseTimeout { .. } | Self::PongTimeout { .. } | Self::WriteTimeout { .. }
        )
    }

    /// Returns the code that the peer is told in a Close frame.
    ///
    /// For [`UnexpectedEof`](Self::UnexpectedEof) and [`CloseTimeout`](Self::CloseTimeout) it is 1006,
    /// which no Close frame can have.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits { .. }
            | Self::ReservedOpcode { .. }
            | Self::LengthNotMinimal { .. }
            | Self::LengthTopBit { .. }
            | Self::MaskMissing
            | Self::MaskUnexpected
            | Self::ControlFragmented { .. }
            | Self::ControlTooLong { .. }
            | Self::UnexpectedContinuation
            | Self::UnfinishedMessage { .. }
            | Self::CloseBodyTooShort
            | Self::InvalidCloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFinalBlocks { .. } | Self::TooManyFragments { .. } => {
                CloseCode::POLICY_VIOLATION
            }
            Self::IdleTimeout { .. } => CloseCode::GOING_AWAY,
            // As Python's `websockets` does for Pings. Not a code that tells clients to stay away:
            // a device that slept in the middle of a message may come back.
            Self::MessageTimeout { .. }
            | Self::MessageTooSlow { .. }
            | Self::PongTimeout { .. }
            | Self::WriteTimeout { .. } => CloseCode::INTERNAL_ERROR,
            Self::InvalidDeflate | Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::PeerTooSlow { code, .. } => code,
            Self::CloseTimeout { .. } | Self::UnexpectedEof => CloseCode::ABNORMAL,
        }
    }

    /// Returns the reason that the peer is told in the Close frame by
    /// [`CloseReason::Error`](crate::CloseReason): the text of the error, without
    /// details of this end, such as the name of a limit. At most 123 bytes.
    #[must_use]
    pub fn close_reason(self) -> String {
        Told { error: self, audience: Audience::Peer }.to_string()
    }
}

/// Says whose fault it is, and names the limit or deadline that was passed, so that it can be found
/// in [`Config`](crate::Config).
impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Told { error: *self, audience: Audience::Application }.fmt(f)
    }
}

impl core::error::Error for ConnectionError {}

/// An error in words: for the application, or for the peer.
struct Told {
    error: ConnectionError,
    audience: Audience,
}

/// Who reads the text of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// It can change the fields that have limits, so they are named.
    Application,
    /// The names of this end mean nothing to it.
    Peer,
}

impl Told {
    /// Says what the application can do.
    fn tell(&self, remedy: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.audience {
            Audience::Application => f.write_str(remedy),
            Audience::Peer => Ok(()),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ConnectionError as Error;
        let code = self.error.close_code();
        let is_breach = matches!(code, CloseCode::PROTOCOL_ERROR | CloseCode::INVALID_PAYLOAD)
            // Whose code is the application's choice.
            && !matches!(self.error, Error::PeerTooSlow { .. });
        if is_breach && self.audience == Audience::Application {
            f.write_str("peer broke the protocol: ")?;
        }
        let (name, remedy) = match self.error {
            Error::ReservedBits { bits } => {
                return write!(f, "reserved bits {bits:#04x} set without an extension");
            }
            Error::ReservedOpcode { opcode } => return write!(f, "reserved opcode {opcode}"),
            Error::LengthNotMinimal { len } => {
                return write!(f, "payload length {len} not in its shortest form");
            }
            Error::LengthTopBit { len } => {
                return write!(f, "payload length {len} with its most significant bit set");
            }
            Error::MaskMissing => return f.write_str("frame from a client is not masked"),
            Error::MaskUnexpected => return f.write_str("frame from a server is masked"),
            Error::ControlFragmented { opcode } => {
                return write!(f, "control frame with opcode {opcode} is fragmented");
            }
            Error::ControlTooLong { opcode } => {
                return write!(f, "control frame with opcode {opcode} has more than 125 bytes");
            }
            Error::UnexpectedContinuation => {
                return f.write_str("continuation frame without a message to continue");
            }
            Error::UnfinishedMessage { opcode } => {
                return write!(
                    f,
                    "frame with opcode {opcode} begins a message before the last one was finished"
                );
            }
            Error::FrameTooLarge { len, limit } => {
                write!(f, "frame of {len} bytes is over the limit of {limit} bytes")?;
                ("max_frame_size", "raise it, or have the peer send less")
            }
            Error::MessageTooLarge { limit } => {
                write!(f, "message is over the limit of {limit} bytes")?;
                ("max_message_size", "raise it, or take chunks (Reassembly::Chunks)")
            }
            Error::TooManyFragments { limit } => {
                write!(f, "message has more than {limit} fragments for its size")?;
                ("max_fragments", "raise it, or have the peer send larger fragments")
            }
            Error::InvalidDeflate => {
                f.write_str("compressed message is not a deflate stream")?;
                return self.tell(": fix the peer, or use no compression", f);
            }
            Error::TooManyFinalBlocks { limit } => {
                write!(f, "compressed message has more than {limit} final blocks")?;
                return self.tell(": no compressor makes them, so it may be an attack", f);
            }
            Error::InvalidUtf8 => {
                f.write_str("text is not valid UTF-8")?;
                return self.tell(": have the peer send it as binary", f);
            }
            Error::PeerTooSlow { queued, limit, .. } => {
                match self.audience {
                    Audience::Peer => f.write_str("messages are read too slowly: ")?,
                    Audience::Application => f.write_str("peer reads too slowly: ")?,
                }
                write!(f, "{queued} bytes wait, over the limit of {limit} bytes")?;
                ("max_buffered", "send less, or raise it")
            }
            Error::CloseBodyTooShort => return f.write_str("close frame with a body of one byte"),
            Error::InvalidCloseCode { code } => {
                return write!(f, "close code {code} is not allowed");
            }
            Error::CloseTimeout { limit } => {
                write!(f, "closing handshake not complete within {limit:?}")?;
                ("close_timeout", "the peer does not answer, so drop the transport")
            }
            Error::IdleTimeout { limit } => {
                write!(f, "no message within {limit:?}")?;
                ("idle_timeout", "open a new connection when there is something to send")
            }
            Error::MessageTimeout { limit } => {
                write!(f, "message not whole within {limit:?}")?;
                ("message_timeout", "raise it for slow peers")
            }
            Error::MessageTooSlow { held, limit } => {
                write!(f, "message arrives too slowly for the {held} bytes that are held of it")?;
                return match self.audience {
                    Audience::Peer => Ok(()),
                    Audience::Application => write!(
                        f,
                        " (Config::hold_timeout is {limit:?}): raise it, or take chunks \
                         (Reassembly::Chunks)"
                    ),
                };
            }
            Error::PongTimeout { limit } => {
                write!(f, "nothing arrived within {limit:?} of a Ping")?;
                ("pong_timeout", "the peer or the network is gone, and only a new connection helps")
            }
            Error::WriteTimeout { limit } => {
                write!(f, "nothing could be written for {limit:?}")?;
                ("write_timeout", "the peer takes nothing more, and only a new connection helps")
            }
            Error::UnexpectedEof => {
                return f.write_str(
                    "stream ended before the closing handshake was complete: the peer or the \
                     network is gone, and only a new connection helps",
                );
            }
        };
        match self.audience {
            Audience::Peer => Ok(()),
            Audience::Application => write!(f, " (Config::{name}): {remedy}"),
        }
    }
}

/// Why a command was refused; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing or closed: nothing more can be sent (§5.5.1, §6.1).
    Closed,
    /// The opening handshake is not complete: nothing can be sent yet.
    Connecting,
    /// The output is full, and [`WhenFull::DropNewest`](crate::WhenFull) is set: the message is not
    /// sent.
    Dropped {
        /// Bytes that wait.
        queued: usize,
        /// [`Config::max_buffered`](crate::Config::max_buffered).
        limit: usize,
    },
    /// The output is full: write some of it first.
    Full {
        /// Bytes that wait.
        queued: usize,
        /// [`Config::max_buffered`](crate::Config::max_buffered).
        limit: usize,
    },
    /// A message is being sent in parts; another must wait until it is finished (§5.4).
    MessageInProgress,
    /// There is no message in progress to continue or to finish.
    NoMessageInProgress,
    /// The compressor failed. The next message is compressed with a new state.
    CompressionFailed,
    /// A chunk of a text message is not UTF-8, or the message ends inside a character (§8.1).
    InvalidUtf8,
    /// The payload of a Ping or Pong is over 125 bytes (§5.5).
    ControlTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A close code that no Close frame can have (§7.4): below 1000, 1004, 1016 to 2999, or above
    /// 4999.
    InvalidCloseCode {
        /// The code that was asked for.
        code: u16,
    },
    /// The reason of a Close is over 123 bytes (§5.5.1).
    ReasonTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

/// Says what to do about it.
impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Closed => {
                f.write_str("connection is closing or closed: the next recv or closed() says why")
            }
            Self::Connecting => {
                f.write_str("opening handshake is not complete: send when the connection is open")
            }
            Self::Dropped { queued, limit } => write!(
                f,
                "message dropped: {queued} bytes wait to be written, at the limit of {limit} bytes \
                 (Config::max_buffered): send the newest state when Event::Writable comes"
            ),
            Self::Full { queued, limit } => write!(
                f,
                "{queued} bytes wait to be written, at the limit of {limit} bytes \
                 (Config::max_buffered): send again when some of them are written"
            ),
            Self::MessageInProgress => {
                f.write_str("another message is being sent in parts: finish it first")
            }
            Self::NoMessageInProgress => {
                f.write_str("no message is being sent in parts: begin one first")
            }
            Self::CompressionFailed => {
                f.write_str("message could not be compressed: send it uncompressed")
            }
            Self::InvalidUtf8 => f.write_str(
                "text is not valid UTF-8, or would end inside a character: fix it, or send binary",
            ),
            Self::ControlTooLong { len } => write!(
                f,
                "payload of {len} bytes is over the 125 bytes that a Ping or Pong may have: send less \
                 in it"
            ),
            Self::InvalidCloseCode { code } => write!(
                f,
                "close code {code} cannot be sent: use one of 1000 to 1003, 1007 to 1014 or 3000 \
                 to 4999"
            ),
            Self::ReasonTooLong { len } => {
                write!(f, "close reason of {len} bytes is over 123 bytes: shorten it")
            }
        }
    }
}

impl core::error::Error for SendError {}
