//! Close codes and the body of a Close frame (RFC 6455, §5.5.1 and §7.4); knows no connection.

use core::fmt;

use crate::role::Role;
use crate::utf8::Utf8Bytes;

/// The number that says why a connection was closed (§7.4).
///
/// Any `u16` can be held. [`is_allowed_on_the_wire`](Self::is_allowed_on_the_wire) says which may
/// arrive, [`may_be_sent_by`](Self::may_be_sent_by) which may be sent, and
/// [`as_sent_by`](Self::as_sent_by) what is sent in place of the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is going down, or the page is being left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that cannot be accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: a Close frame without a code was received. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a payload that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message against the endpoint's policy, when no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not negotiate an extension that the client needs. Clients only.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: something unexpected kept the endpoint from fulfilling the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts. Servers only.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded, try again later. Servers only.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from the server behind it. Servers only.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_HANDSHAKE: Self = Self(1015);
    /// 3000: the client must sign in first. Registered with IANA, equivalent to HTTP's 401.
    pub const UNAUTHORIZED: Self = Self(3000);
    /// 3003: the client is known and may not do this. Registered with IANA, equivalent to HTTP's 403.
    pub const FORBIDDEN: Self = Self(3003);
    /// 3008: the client took too long. Registered with IANA, equivalent to HTTP's 408.
    pub const TIMEOUT: Self = Self(3008);

    /// Returns the code as a number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Returns whether a peer may send this code.
    ///
    /// §7.4.1 and the IANA registry define 1000–1003 and 1007–1014, §7.4.2 leaves 3000–3999 to
    /// libraries and 4000–4999 to applications. Everything else is reserved or undefined, and
    /// receiving it is a protocol error.
    #[must_use]
    pub const fn is_allowed_on_the_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Returns whether an endpoint in this role may send this code.
    ///
    /// As [`is_allowed_on_the_wire`](Self::is_allowed_on_the_wire), but 1010 is for clients only,
    /// and 1012, 1013 and 1014 are for servers (and the gateways that stand in for them) only.
    #[must_use]
    pub const fn may_be_sent_by(self, role: Role) -> bool {
        match role {
            Role::Client => self.is_allowed_on_the_wire() && !matches!(self.0, 1012..=1014),
            Role::Server => self.is_allowed_on_the_wire() && self.0 != 1010,
        }
    }

    /// Returns the code that an endpoint in this role sends when it closes with this one, or `None`
    /// if it cannot: no connection ever ends with such a code.
    ///
    /// So a gateway closes one side with the code that the other side
    /// [was closed](Closed) with, whatever that is:
    ///
    /// | closed with | sent |
    /// |---|---|
    /// | a code that this role [may send](Self::may_be_sent_by) | that code |
    /// | 1005 | 1005: a Close frame without a code |
    /// | 1006 | 1001: the end behind this one is gone. Clients take it for a reason to come back, and a Close without a code often for none |
    /// | 1015 | 1011: the end behind this one could not be reached |
    /// | 1010 for servers, 1012 to 1014 for clients | 1011: these codes say something about the other role |
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

/// How a connection ended, and by whose doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The code in the peer's Close frame; 1005 when there was none in it, 1006 when no Close frame
    /// came (§7.1.5).
    pub code: CloseCode,
    /// The reason in the peer's Close frame, or an empty one (§7.1.6).
    pub reason: Utf8Bytes,
    /// Who began the closing handshake, or broke off.
    pub by: ClosedBy,
    /// Whether the peer's Close frame arrived, and this end sent its own or had it ready (§7.1.4).
    /// A peer that closes the transport right behind its Close may not have got ours.
    pub clean: bool,
}

impl Closed {
    /// Returns whether the connection ended as somebody wanted: by a close of this end that the peer
    /// answered, or by a Close frame of the peer with 1000, 1001 or no code.
    ///
    /// A peer that closes with another code, such as 1011 or one of the application's, has more to
    /// say than goodbye.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        let is_goodbye = matches!(self.code.0, 1000 | 1001 | 1005);
        self.clean && (is_goodbye || self.by == ClosedBy::Local)
    }

    /// Makes an error of an end that is not [normal](Self::is_normal).
    ///
    /// `recv` of the adapters returns `None` whatever the code. Where a close by 1011 "database is
    /// down" is to be an error, as in Python's `websockets`, call this behind the loop:
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
    /// How the connection ended, as an error.
    pub fn check(self) -> Result<(), Self> {
        if self.is_normal() { Ok(()) } else { Err(self) }
    }
}

/// By whom, with which code, and the reason, which the peer chose: `closed by the peer with 1011:
/// "database is down"`.
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

/// Who brought the end of a connection about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum ClosedBy {
    /// The application at this end, or this end because the peer broke a rule or a limit.
    Local,
    /// The application at the other end, or the transport.
    Peer,
}

/// The longest reason that fits a control frame beside the code, in bytes of UTF-8 (§5.5).
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
