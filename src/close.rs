//! Close codes and the body of a Close frame (RFC 6455, §5.5.1 and §7.4); knows no connection.

use core::fmt;

use crate::role::Role;
use crate::utf8::Utf8Bytes;

/// The close code of a connection: a number that says why it was closed (§7.4).
///
/// Methods such as [`Commands::close`](crate::Commands::close) take a constant or a plain number.
/// Applications choose codes from 4000 to 4999 for their own meanings.
///
/// ```
/// use sanswire::CloseCode;
///
/// let code = CloseCode::from(1001);
/// assert_eq!(code, CloseCode::GOING_AWAY);
/// assert_eq!(code.as_u16(), 1001);
/// ```
///
/// A `CloseCode` can hold any `u16`. [`is_allowed_on_the_wire`](Self::is_allowed_on_the_wire) tells
/// which codes a Close frame may have, [`may_be_sent_by`](Self::may_be_sent_by) which of them a role
/// may send, and [`as_sent_by`](Self::as_sent_by) which code is sent instead of the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the connection has fulfilled its purpose.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is shutting down, or the user is leaving the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the endpoint does not accept this type of data.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame had no code. Never sent in a frame.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a Close frame. Never sent in a frame.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: the payload does not fit its type, for example text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violates the endpoint's policy, and no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not negotiate an extension that the client needs. Sent by clients only.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition prevented the endpoint from fulfilling the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting. Sent by servers only.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded, and the client should try again later. Sent by servers only.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid response from its upstream server. Sent by servers only.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent in a frame.
    pub const TLS_HANDSHAKE: Self = Self(1015);
    /// 3000: the client must authenticate first. Registered with IANA, like HTTP 401.
    pub const UNAUTHORIZED: Self = Self(3000);
    /// 3003: the client is authenticated but may not do this. Registered with IANA, like HTTP 403.
    pub const FORBIDDEN: Self = Self(3003);
    /// 3008: the client took too long. Registered with IANA, like HTTP 408.
    pub const TIMEOUT: Self = Self(3008);

    /// Returns the code as a number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Returns whether a Close frame may have this code.
    ///
    /// Allowed are 1000 to 1003 and 1007 to 1014 (§7.4.1 and the IANA registry), 3000 to 3999 for
    /// libraries and frameworks, and 4000 to 4999 for applications (§7.4.2). Other codes are reserved
    /// or undefined, and receiving one is a protocol error.
    #[must_use]
    pub const fn is_allowed_on_the_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Returns whether an endpoint in this role may send this code.
    ///
    /// It must be [allowed in a Close frame](Self::is_allowed_on_the_wire). In addition, 1010 is for
    /// clients only, and 1012, 1013 and 1014 are for servers and gateways only.
    #[must_use]
    pub const fn may_be_sent_by(self, role: Role) -> bool {
        match role {
            Role::Client => self.is_allowed_on_the_wire() && !matches!(self.0, 1012..=1014),
            Role::Server => self.is_allowed_on_the_wire() && self.0 != 1010,
        }
    }

    /// Returns the code that an endpoint in this role sends when it is asked to close with this one.
    /// Returns `None` if no connection can end with this code.
    ///
    /// A gateway can therefore close one side with the code that the other side
    /// [was closed](Closed) with:
    ///
    /// | close with | sent |
    /// |---|---|
    /// | a code that this role [may send](Self::may_be_sent_by) | that code |
    /// | 1005 | a Close frame without a code; this method returns 1005 |
    /// | 1006 | 1001: the other side is gone. Clients usually reconnect after 1001, and often do not after a Close without a code |
    /// | 1015 | 1011: the other side could not be reached |
    /// | 1010 for servers, 1012 to 1014 for clients | 1011: the code is reserved for the other role |
    /// | anything else | `None` |
    #[must_use]
    pub const fn as_sent_by(self, role: Role) -> Option<Self> {
        match self {
            Self::NO_STATUS => Some(self),
            Self::ABNORMAL => Some(Self::GOING_AWAY),
            Self::TLS_HANDSHAKE => Some(Self::INTERNAL_ERROR),
            _ if self.may_be_sent_by(role) => Some(self),
            _ if self.is_allowed_on_the_wire() => Some(Self::INTERNAL_ERROR),
            _ => None,
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a connection ended: the code and reason, which end closed it, and whether it was clean.
///
/// `closed()` of a connection or an adapter returns it, and so does
/// [`Event::Closed`](crate::Event::Closed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The code in the peer's Close frame (§7.1.5). It is 1005 if the frame had no code, and 1006 if
    /// no Close frame arrived.
    pub code: CloseCode,
    /// The reason in the peer's Close frame, or an empty text (§7.1.6).
    pub reason: Utf8Bytes,
    /// The end that started the closing handshake, or that failed.
    pub by: ClosedBy,
    /// Whether the closing handshake was complete (§7.1.4): the peer's Close frame arrived, and this
    /// end sent its own or had it ready. A peer that closes the transport directly after its Close
    /// may not have received ours.
    #[doc(alias = "wasClean")]
    pub clean: bool,
}

impl Closed {
    /// Returns whether the connection ended normally: this end closed it and the peer answered, or the
    /// peer closed it with 1000, 1001 or no code.
    ///
    /// Any other code of the peer, such as 1011 or one of the application's own, is not normal.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        let is_goodbye = matches!(self.code.0, 1000 | 1001 | 1005);
        self.clean && (is_goodbye || self.by == ClosedBy::Local)
    }

    /// Returns an error if the connection did not end [normally](Self::is_normal).
    ///
    /// `recv` of the adapters returns `None` after a clean close with any code. To treat a close such
    /// as 1011 "database is down" as an error, call this after the loop:
    ///
    #[cfg_attr(feature = "std", doc = "```no_run")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// # use sanswire::io::blocking::WebSocket;
    /// # use sanswire::{Closed, Error};
    /// # fn f(mut socket: WebSocket<std::net::TcpStream>) -> Result<(), Error> {
    /// while let Some(message) = socket.recv()? {
    ///     println!("{message:?}");
    /// }
    /// socket.closed().map_or(Ok(()), Closed::check)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// This value, if [`is_normal`](Self::is_normal) is false.
    pub fn check(self) -> Result<(), Self> {
        if self.is_normal() { Ok(()) } else { Err(self) }
    }
}

/// Prints which end closed the connection, the code and the reason. The reason is the peer's text, in
/// quotes: `closed by the peer with 1011: "database is down"`.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            ClosedBy::Local => "this end",
            ClosedBy::Peer => "the peer",
        };
        match self.code {
            CloseCode::ABNORMAL => write!(f, "ended by {by} without a Close frame"),
            CloseCode::NO_STATUS => write!(f, "closed by {by} without a code"),
            code if self.reason.is_empty() => write!(f, "closed by {by} with {code}"),
            // Quoted, or it could forge lines of a log.
            code => write!(f, "closed by {by} with {code}: {:?}", self.reason.as_str()),
        }
    }
}

impl core::error::Error for Closed {}

/// The end that closed or broke off a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum ClosedBy {
    /// This end: the application closed the connection, or the connection failed because the peer
    /// broke a rule or a limit.
    Local,
    /// The other end: the peer closed the connection, or the transport ended.
    Peer,
}

/// The longest reason of a Close frame, in bytes of UTF-8: a control frame of 125 bytes minus the code
/// (§5.5).
pub const MAX_REASON_LEN: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_on_the_wire_are_those_of_section_7_4() {
        let allowed = |code: u16| CloseCode(code).is_allowed_on_the_wire();
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014] {
            assert!(allowed(code), "{code}");
        }
        for code in [3000, 3999, 4000, 4999] {
            assert!(allowed(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert!(!allowed(code), "{code}");
        }
    }

    #[test]
    fn an_end_is_normal_if_somebody_wanted_it() {
        let closed = |code: u16, by, clean| {
            let reason = Utf8Bytes::from("why\n");
            Closed { code: CloseCode(code), reason, by, clean }
        };
        for code in [1000, 1001, 1005] {
            assert_eq!(closed(code, ClosedBy::Peer, true).check(), Ok(()));
        }
        for code in [1002, 1008, 1009, 1011, 1012, 1013, 3000, 4000] {
            let end = closed(code, ClosedBy::Peer, true);
            assert_eq!(end.clone().check(), Err(end.clone()));
            let said = std::format!("{end}");
            assert_eq!(said, std::format!("closed by the peer with {code}: \"why\\n\""));
            assert!(closed(code, ClosedBy::Local, true).is_normal());
        }
        for by in [ClosedBy::Local, ClosedBy::Peer] {
            assert!(!closed(1006, by, false).is_normal());
        }
    }

    #[test]
    fn some_codes_belong_to_one_role() {
        for (code, client, server) in
            [(1000, true, true), (1010, true, false), (1011, true, true), (1012, false, true)]
        {
            assert_eq!(CloseCode(code).may_be_sent_by(Role::Client), client);
            assert_eq!(CloseCode(code).may_be_sent_by(Role::Server), server);
        }
    }
}
