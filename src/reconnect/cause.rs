//! Why there is no connection, and whether that is worth another attempt; knows no transport.

use core::fmt;

use super::error::AttemptError;
use super::policy::{Policy, Retry};
use crate::close::Closed;
use crate::delivery::DeliveryError;
use crate::error::ConnectionError;
#[cfg(feature = "handshake")]
use crate::handshake::HandshakeError;

/// Why a connection ended, or why an attempt to connect failed.
///
/// `E` is the error of the adapter, such as `sanswire::Error`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// The application provided no request, or no stream of its own.
    Attempt(AttemptError),
    /// One of the ends closed the connection.
    Closed(Closed),
    /// The peer broke the rules of [`delivery`](crate::delivery).
    Delivery(DeliveryError),
    /// No connection could be made, the handshake, the connection or the transport failed, or the
    /// attempt took too long.
    Failed(E),
}

impl<E: Retryable> Cause<E> {
    /// Returns whether another attempt may succeed.
    #[must_use]
    pub fn retry(&self, policy: &Policy) -> Retry {
        match self {
            Self::Attempt(error) => error.retry(),
            Self::Closed(closed) => policy.judge_closed(closed),
            Self::Delivery(error) => policy.judge_close_code(error.close_code()),
            Self::Failed(error) => error.retry(policy),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(error) => write!(f, "attempt failed: {error}"),
            Self::Closed(closed) => write!(f, "connection {closed}"),
            Self::Delivery(error) => write!(f, "delivery failed: {error}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// The text is that of what it wraps, too, so the source is the source of that.
impl<E: core::error::Error> core::error::Error for Cause<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Attempt(error) => error.source(),
            Self::Closed(closed) => closed.source(),
            Self::Delivery(error) => error.source(),
            Self::Failed(error) => error.source(),
        }
    }
}

/// An error that says whether another attempt may succeed.
///
/// Implement it for the error of an adapter: leave the errors of this crate to [`Policy`], and
/// judge the others:
///
/// ```
/// use sanswire::reconnect::{Policy, Retry, Retryable};
/// use sanswire::ConnectionError;
///
/// enum Error {
///     Connection(ConnectionError),
///     Offline,
///     WrongCertificate,
/// }
///
/// impl Retryable for Error {
///     fn retry(&self, policy: &Policy) -> Retry {
///         match self {
///             Self::Connection(error) => error.retry(policy),
///             Self::Offline => Retry::Later,
///             Self::WrongCertificate => Retry::Never,
///         }
///     }
/// }
/// ```
pub trait Retryable {
    /// Returns whether another attempt may succeed.
    #[must_use]
    fn retry(&self, policy: &Policy) -> Retry;
}

/// Judged by [`Policy::judge_error`].
impl Retryable for ConnectionError {
    fn retry(&self, policy: &Policy) -> Retry {
        policy.judge_error(*self)
    }
}

/// Judged by [`Policy::judge_handshake`].
#[cfg(feature = "handshake")]
impl Retryable for HandshakeError {
    fn retry(&self, policy: &Policy) -> Retry {
        policy.judge_handshake(self)
    }
}

/// A [`Cause`], and whether another attempt is made, from
/// [`Supervisor::judge`](super::Supervisor::judge).
#[derive(Debug)]
#[non_exhaustive]
pub struct Judgement<E> {
    /// Why there is no connection.
    pub cause: Cause<E>,
    /// Whether another attempt is made. The application may replace it.
    pub retry: Retry,
}
