//! Which end of a connection this is (RFC 6455, §5.1); knows nothing else.

/// The end of a connection that an endpoint plays.
///
/// The role decides who masks (§5.1), who closes TCP first (§7.1.1) and which close codes may be
/// sent (§7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows these two roles and no other")]
pub enum Role {
    /// The end that opened the connection. It masks every frame that it sends.
    Client,
    /// The end that accepted the connection. It never masks.
    Server,
}

impl Role {
    /// Returns the role at the other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
