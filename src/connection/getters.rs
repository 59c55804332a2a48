//! What can be asked of a connection at any time; changes nothing.

use super::state::{Connection, Phase, ReadyState};
use crate::close::{CloseCode, Closed};
use crate::role::Role;

impl Connection {
    /// Returns the role of this end.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Returns the WHATWG `readyState`.
    ///
    /// Once it is [`Closed`](ReadyState::Closed), the transport is to be closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match self.phase {
            Phase::Open => ReadyState::Open,
            Phase::CloseSent | Phase::Draining(_) => ReadyState::Closing,
            Phase::Failed(_) if !self.outgoing.is_empty() && !self.eof => ReadyState::Closing,
            Phase::Failed(_) | Phase::Closed(_) => ReadyState::Closed,
        }
    }

    /// Returns the WHATWG `bufferedAmount`: payload bytes of messages that were sent and not handed
    /// to the transport yet.
    ///
    /// Headers, control frames, masking and compression do not count. As the standard has it,
    /// a message refused because the connection is closing counts forever.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.outgoing.buffered_amount()
    }

    /// Returns the subprotocol in use, or an empty string.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.rare.negotiated.as_ref().map_or("", |negotiated| &negotiated.protocol)
    }

    /// Returns the extensions in use as the header value that was agreed on, or an empty string.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.rare.negotiated.as_ref().map_or("", |negotiated| &negotiated.extensions)
    }

    /// Returns how the connection ended, once the peer's Close frame has arrived or the connection
    /// has failed.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.phase {
            Phase::Open | Phase::CloseSent => None,
            Phase::Draining(closed) | Phase::Closed(closed) => Some(closed),
            Phase::Failed(failure) => Some(&failure.closed),
        }
    }

    /// Returns the code of the peer's Close frame; 1005 if it had none, 1006 if the connection
    /// failed (§7.1.5). `None` before that.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.closed().map(|closed| closed.code)
    }

    /// Returns whether the connection ended by a complete closing handshake (§7.1.4).
    #[must_use]
    pub fn was_clean(&self) -> bool {
        matches!(&self.phase, Phase::Closed(closed) if closed.clean)
    }

    /// Returns whether [`Event::Drained`] is the next event that is there without more input.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_drained(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.outgoing.is_drained()
    }

    /// Returns whether more should be read from the transport.
    ///
    /// It is false from when the output reaches
    /// [`Config::max_buffered`](crate::Config::max_buffered) until it has been written down to
    /// [`Config::low_water`](crate::Config::low_water). A driver that obeys stops reading from a
    /// peer that does not read what it is answered, so that the peer is slowed down by its own
    /// transport instead of filling this end's memory with replies that are refused or kept
    /// elsewhere.
    ///
    /// That is for a server whose output answers its input. Two peers that both wait for the other
    /// to read first wait forever, and while nothing is read, neither Pongs nor a Close are seen: a
    /// deadline has to end it. Always true once the connection is not open any more: then what
    /// arrives makes no output.
    #[inline]
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !matches!(self.phase, Phase::Open) || !self.outgoing.is_high()
    }
}
