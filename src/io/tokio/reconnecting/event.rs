//! The events of a client that reconnects, with the error of the adapters; decides nothing.

use crate::io::Error;
use crate::reconnect;

// An application names them in signatures: they take no parameter there.

/// What happened, from [`Client::next`](super::Client::next).
pub type ClientEvent = reconnect::ClientEvent<Error>;

/// Why a connection ended, or why an attempt to connect failed.
///
/// [`Failed`](reconnect::Cause::Failed) contains an [`Error`]. An attempt that took too long is
/// [`Timeout::Attempt`](crate::io::Timeout).
pub type Cause = reconnect::Cause<Error>;
