//! How long to wait, how often to try, and which failures are final; knows nothing of what goes on.

use core::num::NonZeroU32;
use core::time::Duration;

use crate::close::{CloseCode, Closed, ClosedBy};
use crate::error::ConnectionError;
#[cfg(feature = "handshake")]
use crate::handshake::{HandshakeError, Response};
use crate::setters::setters;

/// How long a client waits between attempts, and when it gives up.
///
/// The defaults are for many clients that should reconnect by themselves without overwhelming a
/// server. Each field has a setter of the same name:
///
/// ```
/// use core::time::Duration;
/// use sanswire::reconnect::Policy;
///
/// let policy = Policy::default().max_delay(Duration::from_secs(20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The upper limit of the random delay before the first retry; the lower limit is zero.
    ///
    /// Default 5 s. §7.2.3: "a value chosen randomly between 0 and 5 seconds is a reasonable
    /// initial delay". With zero there are no delays except those that a server demands: for tests
    /// only.
    pub initial_delay: Duration,
    /// The longest random delay.
    ///
    /// Default 60 s, between the 120 s of gRPC's connection backoff and the 5 s of socket.io. A
    /// client is back half a minute after its server on average, and 10,000 clients make some 330
    /// attempts a second. If it is less than `initial_delay`, it limits that, too.
    pub max_delay: Duration,
    /// How many attempts are made, including the first, before one leads to a stable connection.
    ///
    /// Default `None`, no limit: attempts are cheap at the pace of `max_delay`, and a client that
    /// gave up while its device was offline would never come back.
    pub max_attempts: Option<NonZeroU32>,
    /// How long attempts are made after [`start`](super::Reconnect::start), or after the end of the
    /// last stable connection. The client gives up as soon as the next attempt would begin later.
    ///
    /// Default `None`, no limit, for the same reason. It does not limit the attempts themselves:
    /// each needs its own deadline.
    pub max_outage: Option<Duration>,
    /// A connection that was open for this long was stable: when it ends, delays and counts begin
    /// anew.
    ///
    /// Default 60 s, like `max_delay`: a server that accepts clients and then drops them gets no
    /// more attempts than one that refuses them.
    pub stable_after: Duration,
    /// What happens after the peer closed with 1000 or without a code.
    ///
    /// Default [`Retry::Never`]. §7.4.1: 1000 means "that the purpose for which the connection was
    /// established has been fulfilled". Some servers use it for restarts: then set
    /// [`Retry::Later`].
    pub normal_close: Retry,
    /// The longest `Retry-After` that is obeyed. A longer one counts as this.
    ///
    /// Default 1 h: a mistake in a server's configuration should not keep its clients away for
    /// days.
    pub max_retry_after: Duration,
}

impl Policy {
    /// Judges the code of the peer's Close frame, or 1005, 1006 and 1015, which stand for a Close
    /// frame without a code, no Close frame, and a failure of TLS.
    #[must_use]
    pub const fn judge_close_code(&self, code: CloseCode) -> Retry {
        match code.as_u16() {
            1000 | 1005 => self.normal_close,
            1001 | 1006 | 1011..=1014 => Retry::Later,
            // IANA's registry: Unauthorized and Forbidden, equivalent to HTTP's 401 and 403.
            3000 | 3003 => Retry::Never,
            3001..=4999 => Retry::Later,
            _ => Retry::Never,
        }
    }

    /// Judges [`Event::Closed`](crate::Event::Closed). A close that this end began is final.
    #[must_use]
    pub const fn judge_closed(&self, closed: &Closed) -> Retry {
        match closed.by {
            ClosedBy::Local => Retry::Never,
            ClosedBy::Peer => self.judge_close_code(closed.code),
        }
    }

    /// Judges the failure of an open connection by its [`close_code`](ConnectionError::close_code).
    /// After a deadline that passed, another attempt is made.
    #[must_use]
    pub const fn judge_error(&self, error: ConnectionError) -> Retry {
        if error.is_timeout() {
            return Retry::Later;
        }
        self.judge_close_code(error.close_code())
    }

    /// Judges the failure of a handshake.
    ///
    /// It reads `Retry-After` as a number of seconds. It ignores a date, because this needs a clock
    /// that agrees with the server's.
    #[cfg(feature = "handshake")]
    #[must_use]
    pub fn judge_handshake(&self, error: &HandshakeError) -> Retry {
        match error {
            HandshakeError::EndOfStream
            | HandshakeError::NoResponse
            | HandshakeError::Timeout(_) => Retry::Later,
            HandshakeError::UnexpectedStatus(response) => self.judge_response(response),
            HandshakeError::DuplicateHeader(_)
            | HandshakeError::DuplicateSubprotocol(_)
            | HandshakeError::ForbiddenOrigin(_)
            | HandshakeError::IllegalHeader(_)
            | HandshakeError::InvalidExtension(_)
            | HandshakeError::InvalidHeader(_)
            | HandshakeError::InvalidOrigin(_)
            | HandshakeError::InvalidResource(_)
            | HandshakeError::InvalidStatus(_)
            | HandshakeError::InvalidSubprotocol(_)
            | HandshakeError::InvalidTarget(_)
            | HandshakeError::InvalidUrl(_)
            | HandshakeError::LimitExceeded(_)
            | HandshakeError::Malformed { .. }
            | HandshakeError::MethodNotAllowed(_)
            | HandshakeError::MissingHeader(_)
            | HandshakeError::NoRequest { .. }
            | HandshakeError::NoSubprotocol
            | HandshakeError::NotAnswered(_)
            | HandshakeError::NotUpgrade(_)
            | HandshakeError::OutOfOrder
            | HandshakeError::ReservedHeader(_)
            | HandshakeError::ShutDown
            | HandshakeError::UnexpectedBody(_)
            | HandshakeError::UnofferedExtension(_)
            | HandshakeError::UnofferedSubprotocol(_)
            | HandshakeError::UnsupportedHttpVersion(_)
            | HandshakeError::UnsupportedProtocol(_)
            | HandshakeError::UnsupportedVersion(_)
            | HandshakeError::NotExtendedConnect(_)
            | HandshakeError::WrongProtocol { .. } => Retry::Never,
        }
    }

    #[cfg(feature = "handshake")]
    fn judge_response(&self, response: &Response) -> Retry {
        // RFC 9110, §15.5.9 (408), RFC 8470, §5.2 (425) and RFC 6585, §4 (429): the same request
        // may succeed at another time.
        if !matches!(response.status(), 408 | 425 | 429 | 500..=599) {
            return Retry::Never;
        }
        // RFC 9110, §10.2.3: `Retry-After = HTTP-date / delay-seconds`, `delay-seconds = 1*DIGIT`
        let is_seconds =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(text) = response.headers().text("Retry-After").filter(is_seconds) else {
            return Retry::Later;
        };
        // Digits that do not fit are too many.
        let delay = Duration::from_secs(text.parse().unwrap_or(u64::MAX));
        Retry::After(delay.min(self.max_retry_after))
    }

    /// Returns the longest delay before a retry, of which `retries` were made.
    pub(super) fn ceiling(&self, retries: u32) -> Duration {
        let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
        self.initial_delay.saturating_mul(factor).min(self.max_delay)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_secs(5),
            max_delay: Duration::from_secs(60),
            max_attempts: None,
            max_outage: None,
            stable_after: Duration::from_secs(60),
            normal_close: Retry::Never,
            max_retry_after: Duration::from_secs(3600),
        }
    }
}

setters! {
    Policy {
        initial_delay: Duration,
        max_delay: Duration,
        max_attempts?: NonZeroU32,
        max_outage?: Duration,
        stable_after: Duration,
        normal_close: Retry,
        max_retry_after: Duration,
    }
}

/// Whether another attempt is made, and how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "no, yes, and yes but not before")]
pub enum Retry {
    /// After at least this long, because the server asked for it, even if it is more than
    /// [`Policy::max_delay`]. The usual random delay is added, since other clients were told the
    /// same.
    After(Duration),
    /// After the usual random delay.
    Later,
    /// No attempt is made.
    Never,
}
