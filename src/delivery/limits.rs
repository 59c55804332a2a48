//! What an application may choose about a session; decides nothing.

use core::num::NonZeroU64;

use crate::setters::setters;

/// How much a session keeps, and how often it acknowledges.
///
/// ```
/// use sanswire::delivery::Limits;
///
/// let limits = Limits::default().max_messages(16);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many messages may wait to be acknowledged. Further messages are refused.
    ///
    /// Default 1024: some seconds of lively traffic during a reconnection.
    pub max_messages: usize,
    /// How many bytes of payload may wait to be acknowledged. Further messages are refused.
    ///
    /// Default 1 MiB, as for the output of a connection. It also limits a single message. Keep it
    /// at most the peer's [`max_message_size`](crate::Config::max_message_size): a larger message
    /// would end every connection, because it is sent again on each.
    pub max_bytes: usize,
    /// After how many messages the session acknowledges by itself.
    ///
    /// Default 64: the acknowledgement is small beside 64 messages, and the peer keeps few.
    pub acknowledge_messages: NonZeroU64,
    /// After how many bytes of payload the session acknowledges by itself.
    ///
    /// Default 64 KiB, for the same reason.
    pub acknowledge_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_messages: 1024,
            max_bytes: 1 << 20,
            acknowledge_messages: NonZeroU64::MIN.saturating_add(63),
            acknowledge_bytes: 64 << 10,
        }
    }
}

setters! {
    Limits {
        max_messages: usize,
        max_bytes: usize,
        acknowledge_messages: NonZeroU64,
        acknowledge_bytes: usize,
    }
}
