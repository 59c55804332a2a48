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
    /// How many messages may wait to be acknowledged; more are refused.
    ///
    /// Default 1024: some seconds of lively traffic while a connection is made again.
    pub max_messages: usize,
    /// How many bytes of payload may wait to be acknowledged; more are refused.
    ///
    /// Default 1 MiB, as much as may wait in a connection. It bounds a single message, too: one
    /// over the peer's [`max_message_size`](crate::Config::max_message_size) would end every
    /// connection that it is sent on again.
    pub max_bytes: usize,
    /// After how many messages an acknowledgement is due without being asked for.
    ///
    /// Default 64: a small part of what the peer may keep, and little beside 64 messages.
    pub acknowledge_messages: NonZeroU64,
    /// After how many bytes of payload an acknowledgement is due without being asked for.
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
