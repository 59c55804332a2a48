//! All that must outlive a process for its sessions to outlive it; knows no format for it.

use alloc::vec::Vec;
use core::fmt;

use super::wire::SessionId;
use crate::message::Message;

/// The state of a session, to store it where it survives a restart. A server stores the client's id
/// with it, as [`Sessions::iter`](super::Sessions::iter) returns it: before a session has begun,
/// its snapshot has no such id.
///
/// Never restore an old state: an end whose state is older than what it has shown its peer breaks
/// the session. So store the snapshot *before* you send what
/// [`poll_transmit`](super::Session::poll_transmit) returned, in one transaction with the effects
/// of the messages that the application received.
///
/// `Debug` shows how many messages there are, and not their content.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "another field would change the protocol")]
pub struct Snapshot {
    /// The id of this end.
    pub id: SessionId,
    /// The id of the peer, if the peer has named this end.
    pub peer: Option<SessionId>,
    /// The number of the next message from the peer.
    pub expected: u64,
    /// The number of the first of `unacknowledged`, or of the next message if there are none.
    pub first: u64,
    /// Messages for the peer, oldest first.
    pub unacknowledged: Vec<Message>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .field("expected", &self.expected)
            .field("first", &self.first)
            .field("unacknowledged", &self.unacknowledged.len())
            .finish()
    }
}
