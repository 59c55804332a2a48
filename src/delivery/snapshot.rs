//! All that must outlive a process for its sessions to outlive it; knows no format for it.

use alloc::vec::Vec;

use super::wire::SessionId;
use crate::message::Message;

/// The state of a session, to be kept where a restart does not reach it. A server keeps with it the
/// client's id, as [`Sessions::iter`](super::Sessions::iter) returns it: before a session has begun,
/// its snapshot has none.
///
/// All or nothing: an end that comes back with an older state than it has shown its peer breaks the
/// session. So write it down *before* what [`poll_transmit`](super::Session::poll_transmit) returns
/// is sent, in one transaction with what the application did with the messages that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "another field would change the protocol")]
pub struct Snapshot {
    /// The id of this end.
    pub id: SessionId,
    /// The id of the peer, if it was met: if it has named this end.
    pub peer: Option<SessionId>,
    /// The number of the next message from the peer.
    pub expected: u64,
    /// The number of the first of `unacknowledged`, or of the next message if there are none.
    pub first: u64,
    /// Messages for the peer, the oldest first.
    pub unacknowledged: Vec<Message>,
}
