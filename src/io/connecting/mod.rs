//! Connecting to a server, for all adapters, and the error of an attempt; opens no socket.

mod addresses;
mod follow;
mod net;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod race;
mod steps;
mod tried;

use alloc::string::{String, ToString};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

pub(super) use addresses::{ALONE, in_turn};
pub(super) use follow::open;
pub(super) use net::Net;
#[cfg(all(feature = "proxy", feature = "tokio"))]
pub(super) use net::SocksError;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
pub(super) use race::race;
pub(super) use tried::{Tried, check_ends};

/// Why no connection to a server could be made: the address, the step that failed, and its error.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectError {
    /// Where to: `host:port`, the path of a Unix socket, or from the handshake on the URL without
    /// its query.
    pub to: String,
    /// The proxy that leads there, as its URL without user name and password. The stages up to
    /// [`ConnectStage::Proxy`] are those of the way to the proxy.
    pub proxy: Option<String>,
    /// How far it came.
    pub stage: ConnectStage,
    /// What failed there.
    pub error: io::Error,
    /// How long the whole may take:
    /// [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout).
    pub limit: Option<Duration>,
}

/// How far an attempt to connect came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStage {
    /// Nothing was tried: the adapter cannot do what the [`Connector`](super::Connector) says.
    Options,
    /// The address of the host was looked up.
    LookUp,
    /// TCP: no address answered.
    Tcp {
        /// The address that was tried last, which the error is of.
        last: SocketAddr,
    },
    /// The Unix socket did not answer.
    Unix,
    /// TLS to the proxy: the handshake had begun.
    ProxyTls,
    /// The proxy had been asked for a way to the server.
    Proxy,
    /// TLS: the handshake had begun.
    Tls,
    /// The opening handshake had begun.
    Handshake,
}

impl ConnectError {
    /// Makes an error of a transport that failed within a handshake.
    pub(super) const fn in_handshake(url: String, error: io::Error) -> Self {
        Self { to: url, proxy: None, stage: ConnectStage::Handshake, error, limit: None }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, proxy, stage, error, limit } = self;
        // Where the proxy is the one that does not answer.
        let (whose, place) = match proxy {
            Some(proxy) => (" of the proxy", proxy.as_str()),
            None => ("", to.as_str()),
        };
        let through = |f: &mut fmt::Formatter<'_>| match proxy {
            Some(proxy) => write!(f, " through the proxy {proxy}"),
            None => Ok(()),
        };
        match stage {
            ConnectStage::Handshake => write!(f, "{to}: connection lost within the handshake: ")?,
            ConnectStage::Tls => write!(f, "{to}: connection lost within the TLS handshake: ")?,
            ConnectStage::Proxy => write!(f, "{to}: connection to the proxy {place} lost: ")?,
            ConnectStage::ProxyTls => {
                write!(f, "{to}: connection to the proxy {place} lost within the TLS handshake: ")?
            }
            ConnectStage::LookUp => {
                write!(f, "cannot connect to {to}")?;
                through(f)?;
                write!(f, ": host{whose} not found: ")?;
            }
            ConnectStage::Options | ConnectStage::Unix => write!(f, "cannot connect to {to}: ")?,
            ConnectStage::Tcp { last } => {
                write!(f, "cannot connect to {to}")?;
                through(f)?;
                if !place.ends_with(&last.to_string()) {
                    write!(f, " ({last} tried last)")?;
                }
                f.write_str(": ")?;
            }
        }
        match limit {
            // What the system itself gave up on has a number.
            Some(limit)
                if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() =>
            {
                write!(f, "no answer within {limit:?} (HeadLimits::timeout)")
            }
            Some(_) | None => Words(error).fmt(f),
        }
    }
}

/// The text is that of the `io::Error`, so the source is that error's own.
impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}

/// The text of an `io::Error`, without numbers where words are enough.
#[derive(Debug)]
pub(super) struct Words<'a>(pub(super) &'a io::Error);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.0.kind().to_string();
        if self.0.raw_os_error().is_some() && kind != UNCATEGORIZED {
            f.write_str(&kind)
        } else {
            self.0.fmt(f)
        }
    }
}

/// What the standard library says of kinds that have no name.
const UNCATEGORIZED: &str = "uncategorized error";

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn the_address_that_was_tried_last_is_told_beside_the_name() {
        let text = |to: &str, kind: io::ErrorKind, limit| {
            let stage = ConnectStage::Tcp { last: ([192, 0, 2, 1], 9001).into() };
            let error = kind.into();
            format!("{}", ConnectError { to: to.into(), proxy: None, stage, error, limit })
        };
        let limit = Some(Duration::from_secs(10));
        assert_eq!(
            text("example.com:9001", io::ErrorKind::ConnectionRefused, limit),
            "cannot connect to example.com:9001 (192.0.2.1:9001 tried last): connection refused"
        );
        assert_eq!(
            text("192.0.2.1:9001", io::ErrorKind::TimedOut, limit),
            "cannot connect to 192.0.2.1:9001: no answer within 10s (HeadLimits::timeout)"
        );
        assert_eq!(
            text("192.0.2.1:9001", io::ErrorKind::TimedOut, None),
            "cannot connect to 192.0.2.1:9001: timed out"
        );
    }

    #[test]
    fn numbers_of_the_system_are_left_out_where_there_are_words() {
        // ECONNREFUSED and EMFILE of Linux.
        #[cfg(target_os = "linux")]
        for (number, words) in
            [(111, "connection refused"), (24, "Too many open files (os error 24)")]
        {
            assert_eq!(format!("{}", Words(&io::Error::from_raw_os_error(number))), words);
        }
        assert_eq!(format!("{}", Words(&io::Error::other("of TLS"))), "of TLS");
    }
}
