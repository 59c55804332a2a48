//! What the client tells, with the error of the adapters; decides nothing.

use crate::io::Error;
use crate::reconnect;

// An application names them in signatures: they take no parameter there.

/// What happened, by [`Client::next`](super::Client::next).
pub type ClientEvent = reconnect::ClientEvent<Error>;

/// Why there is no connection any more, or none came about.
///
/// [`Failed`](reconnect::Cause::Failed) has an [`Error`]. An attempt that took too long is an
/// [`Timeout::Attempt`](crate::io::Timeout).
pub type Cause = reconnect::Cause<Error>;
