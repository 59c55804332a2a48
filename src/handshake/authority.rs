//! A host and a port (RFC 3986, §3.2); knows no scheme and no header.

use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

/// A host and, if one was written, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// A registered name, an IPv4 address, or an IPv6 address without its brackets; in lower case,
    /// as RFC 3986, §6.2.2.1, has it.
    host: String,
    port: Option<u16>,
    is_ipv6: bool,
}

impl Authority {
    /// Parses `host[:port]`, as a header may have it. User information is refused: §3 of RFC 6455
    /// has none in its URIs.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port, is_ipv6) = if let Some(literal) = text.strip_prefix('[') {
            let (host, port) = literal.split_once(']')?;
            (host, if port.is_empty() { "" } else { port.strip_prefix(':')? }, true)
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            (host, port, false)
        };
        let is_host = if is_ipv6 {
            host.parse::<Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.bytes().all(is_name_byte)
        };
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
        (is_host && is_port).then(|| Self { host: host.to_ascii_lowercase(), port, is_ipv6 })
    }

    /// Creates a name or an IPv4 address without a port.
    pub(super) fn name(host: &str) -> Self {
        Self { host: host.to_ascii_lowercase(), port: None, is_ipv6: false }
    }

    /// Creates an IPv6 address, which has no brackets here, without a port.
    pub(super) const fn ipv6(host: String) -> Self {
        Self { host, port: None, is_ipv6: true }
    }

    pub(super) fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Returns the host, an IPv6 address without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Writes the port in any case.
    pub(super) fn with_default_port(&self, default: u16) -> Self {
        Self { port: self.port.or(Some(default)), ..self.clone() }
    }

    /// Leaves the port out where it is the default one anyway.
    pub(super) fn without_default_port(&self, default: u16) -> Self {
        let port = self.port.filter(|port| *port != default);
        Self { host: self.host.clone(), port, is_ipv6: self.is_ipv6 }
    }

    /// Returns whether both are the same place if the port, where none was written, is `default`.
    pub(super) fn is_same(&self, other: &Self, default: u16) -> bool {
        self.host == other.host && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ipv6 {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// RFC 3986, §3.2.2: `unreserved / pct-encoded / sub-delims`.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}
