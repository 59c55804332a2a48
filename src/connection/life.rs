//! The life of a connection, from the end of its opening handshake to its own (§7): all phases and
//! transitions. Knows neither frames, nor output, nor time.

use alloc::boxed::Box;

use super::config::AfterClose;
use crate::close::{CloseCode, Closed, ClosedBy};
use crate::error::ConnectionError;
use crate::role::Role;
use crate::utf8::Utf8Bytes;

/// Where a connection is in its life.
///
/// ```text
///  Connecting
///    │ open
///    ▼
///   Open ──begin_close──▶ CloseSent ──receive_close──▶ AwaitingEof ──end──▶ Closed
///    │ │                      │                             ▲
///    │ └────────────────receive_close (answered)────────────┘
///    │                        │
///    └──────────fail──────────┴──────▶ Failed
/// ```
#[derive(Debug)]
pub(super) struct Life {
    phase: Phase,
    role: Role,
    after_close: AfterClose,
    /// Whether the transport delivers nothing more.
    is_eof: bool,
}

/// Where a connection is on its way to the end.
#[derive(Debug)]
pub(super) enum Phase {
    /// The opening handshake is under way, somewhere else.
    Connecting,
    Open,
    /// Our Close has been queued, the peer's has not arrived.
    CloseSent,
    /// Both Close frames have been queued or received; the transport is still open.
    AwaitingEof(Box<Closed>),
    Failed(Box<Failure>),
    Closed(Box<Closed>),
}

#[derive(Debug)]
pub(super) struct Failure {
    error: ConnectionError,
    closed: Closed,
}

/// The state of a connection, with the names and numbers of the WHATWG's `readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the standard knows these four")]
#[repr(u8)]
pub enum ReadyState {
    /// 0: the opening handshake is in progress.
    Connecting = 0,
    /// 1: messages can be sent.
    Open = 1,
    /// 2: the closing handshake is in progress, or the connection has failed and its Close frame is
    /// still to be written.
    Closing = 2,
    /// 3: the connection has ended.
    Closed = 3,
}

/// Whether a transition sends a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum SendClose {
    No,
    Yes,
}

impl Life {
    pub(super) const fn new(role: Role, after_close: AfterClose) -> Self {
        Self { phase: Phase::Connecting, role, after_close, is_eof: false }
    }

    /// Begins when the opening handshake is complete.
    pub(super) fn open(&mut self) {
        if let Phase::Connecting = self.phase {
            self.phase = Phase::Open;
        }
    }

    /// Has messages delivered that arrive behind our Close.
    pub(super) const fn deliver_late(&mut self) {
        self.after_close = AfterClose::Deliver;
    }

    /// Notes that the transport delivers nothing more.
    pub(super) const fn note_eof(&mut self) {
        self.is_eof = true;
    }

    /// Begins the closing handshake; without effect unless the connection is open.
    pub(super) fn begin_close(&mut self) -> SendClose {
        if !self.is_open() {
            return SendClose::No;
        }
        self.phase = Phase::CloseSent;
        SendClose::Yes
    }

    /// Takes the peer's Close frame, which is answered if ours has not been sent.
    pub(super) fn receive_close(&mut self, code: CloseCode, reason: Utf8Bytes) -> SendClose {
        let (by, answer) = match self.phase {
            Phase::Open => (ClosedBy::Peer, SendClose::Yes),
            Phase::Connecting
            | Phase::CloseSent
            | Phase::AwaitingEof(_)
            | Phase::Failed(_)
            | Phase::Closed(_) => (ClosedBy::Local, SendClose::No),
        };
        self.phase = Phase::AwaitingEof(Box::new(Closed { code, reason, by, clean: true }));
        answer
    }

    /// Fails the connection (§7.1.7).
    pub(super) fn fail(&mut self, error: ConnectionError) -> SendClose {
        // Nothing more comes of a peer that has not closed in time.
        self.is_eof |= matches!(error, ConnectionError::CloseTimeout { .. });
        let (by, tell) = match (error, &self.phase) {
            (ConnectionError::UnexpectedEof, _) => (ClosedBy::Peer, SendClose::No),
            (_, Phase::Open) => (ClosedBy::Local, SendClose::Yes),
            _ => (ClosedBy::Local, SendClose::No),
        };
        let (code, reason) = (CloseCode::ABNORMAL, Utf8Bytes::default());
        let closed = Closed { code, reason, by, clean: false };
        self.phase = Phase::Failed(Box::new(Failure { error, closed }));
        tell
    }

    /// Ends a connection whose closing handshake is complete and whose transport is done, and
    /// returns how; `None` while that is not so.
    pub(super) fn end(&mut self, is_written: bool) -> Option<Closed> {
        let Phase::AwaitingEof(closed) = &self.phase else { return None };
        // §7.1.1: the server closes the transport first, the client waits for that.
        let is_done = match self.role {
            Role::Client => self.is_eof,
            Role::Server => self.is_eof || is_written,
        };
        if !is_done {
            return None;
        }
        let closed = closed.clone();
        let event = Closed::clone(&closed);
        self.phase = Phase::Closed(closed);
        Some(event)
    }

    #[inline]
    pub(super) const fn phase(&self) -> &Phase {
        &self.phase
    }

    #[inline]
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(super) const fn is_eof(&self) -> bool {
        self.is_eof
    }

    pub(super) const fn role(&self) -> Role {
        self.role
    }

    /// Returns whether messages that arrive now are not delivered.
    pub(super) const fn drops_messages(&self) -> bool {
        matches!((&self.phase, self.after_close), (Phase::CloseSent, AfterClose::Drop))
    }

    pub(super) const fn ready_state(&self, is_written: bool) -> ReadyState {
        match self.phase {
            Phase::Connecting => ReadyState::Connecting,
            Phase::Open => ReadyState::Open,
            Phase::CloseSent | Phase::AwaitingEof(_) => ReadyState::Closing,
            Phase::Failed(_) if !is_written && !self.is_eof => ReadyState::Closing,
            Phase::Failed(_) | Phase::Closed(_) => ReadyState::Closed,
        }
    }

    /// Returns how the connection ended, once the peer's Close frame has arrived or the connection
    /// has failed.
    pub(super) fn closed(&self) -> Option<&Closed> {
        match &self.phase {
            Phase::Connecting | Phase::Open | Phase::CloseSent => None,
            Phase::AwaitingEof(closed) | Phase::Closed(closed) => Some(closed),
            Phase::Failed(failure) => Some(&failure.closed),
        }
    }

    pub(super) fn was_clean(&self) -> bool {
        matches!(&self.phase, Phase::Closed(closed) if closed.clean)
    }
}

impl Failure {
    pub(super) const fn error(&self) -> ConnectionError {
        self.error
    }
}
