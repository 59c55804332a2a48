//! Which end of a connection this is (RFC 6455, §5.1); knows nothing else.

/// The role of an endpoint: client or server.
///
/// The role decides whether an endpoint masks its frames (§5.1), whether it closes the TCP connection
/// first (§7.1.1), and which close codes it may send (§7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows these two roles and no other")]
pub enum Role {
    /// The endpoint that opened the connection. It masks every frame it sends.
    Client,
    /// The endpoint that accepted the connection. It never masks frames.
    Server,
}

impl Role {
    /// Returns the role of the other endpoint.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
