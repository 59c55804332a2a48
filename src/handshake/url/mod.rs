//! A URL, taken apart (RFC 6455, §3), and what may be wrong with it; knows no request.

mod host;
#[cfg(any(test, not(feature = "url")))]
mod strict;
#[cfg(feature = "url")]
mod whatwg;

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Range;

pub(super) use self::host::parse_authority;
use super::authority::Authority;
use crate::excerpt::Place;

/// Why a URL was refused: which part of it, where, and what to do.
///
/// `Display` and `Debug` print the beginning of the URL without its user information, query and
/// fragment, because these may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    /// What may be shown of the URL.
    shown: String,
    fault: Fault,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    part: UrlPart,
    at: Option<usize>,
    fact: &'static str,
}

/// A part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlPart {
    /// `ws` or `wss`, and the `://` after it.
    Scheme,
    /// A user name or password before the host.
    UserInfo,
    /// A name or an address.
    Host,
    /// The number after the host.
    Port,
    /// The part that begins with `/`.
    Path,
    /// The part that begins with `?`.
    Query,
    /// The part that begins with `#`.
    Fragment,
}

/// What a URL asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedUrl {
    pub(super) is_secure: bool,
    pub(super) authority: Authority,
    /// Begins with `/`.
    pub(super) resource: String,
}

impl Fault {
    pub(super) const fn at(part: UrlPart, at: usize, fact: &'static str) -> Self {
        Self { part, at: Some(at), fact }
    }

    #[cfg(feature = "url")]
    const fn of(part: UrlPart, fact: &'static str) -> Self {
        Self { part, at: None, fact }
    }
}

impl UrlError {
    pub(super) fn new(url: &str, fault: Fault) -> Self {
        Self { shown: Place(url.as_bytes()).to_string(), fault }
    }

    /// Creates an error of a URL of another kind than that of a WebSocket.
    #[cfg(feature = "std")]
    pub(crate) fn of_other(url: &str, part: UrlPart, fact: &'static str) -> Self {
        Self::new(url, Fault { part, at: None, fact })
    }

    /// Says it of `url`, of which the parser saw only a part.
    #[cfg(feature = "std")]
    pub(crate) fn in_other(self, url: &str) -> Self {
        Self::new(url, Fault { at: None, ..self.fault })
    }

    /// Says it of `url`, out of which `range` was taken before it was parsed.
    pub(super) fn without(self, url: &str, range: &Range<usize>) -> Self {
        let move_at = |at| if at < range.start { at } else { at + range.len() };
        Self::new(url, Fault { at: self.fault.at.map(move_at), ..self.fault })
    }

    /// Returns the part with the fault.
    #[must_use]
    pub const fn part(&self) -> UrlPart {
        self.fault.part
    }

    /// Returns the byte position of the fault in the URL, or in `ws://` and what was passed to
    /// [`ClientRequest::new`](super::ClientRequest::new). `None` of a proxy's URL, and from
    /// [`from_url`](super::ClientRequest::from_url) with the feature `url`, whose parser does not
    /// report it.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        self.fault.at
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, fault } = self;
        f.write_str(match fault.part {
            UrlPart::Scheme => "scheme",
            UrlPart::UserInfo => "user name or password",
            UrlPart::Host => "host",
            UrlPart::Port => "port",
            UrlPart::Path => "path",
            UrlPart::Query => "query",
            UrlPart::Fragment => "fragment",
        })?;
        if let Some(at) = fault.at {
            write!(f, " at byte {at}")?;
        }
        write!(f, " of \"{shown}\": {}", fault.fact)
    }
}

impl core::error::Error for UrlError {}

impl ParsedUrl {
    /// Parses as the WHATWG does with the feature `url`, strictly and in ASCII without it.
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        #[cfg(feature = "url")]
        let parsed = whatwg::parse(url);
        #[cfg(not(feature = "url"))]
        let parsed = strict::parse(url);
        parsed.map_err(|fault| UrlError::new(url, fault))
    }
}

/// Returns where the user information of a URL is, with the `@` behind it.
pub(super) fn user_info(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = url.get(start..)?;
    // A backslash ends an authority, too, for those who parse as browsers do.
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    Some(start..start + authority.rfind('@')? + 1)
}

/// §3: ""?" if the query component is non-empty"
fn with_query(path: String, query: &str) -> String {
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// Returns whether the scheme is one that goes over TLS, if it is one of a WebSocket.
fn is_secure(scheme: &str) -> Option<bool> {
    let is = |name| scheme.eq_ignore_ascii_case(name);
    if is("ws") || is("http") {
        return Some(false);
    }
    (is("wss") || is("https")).then_some(true)
}

const EMPTY: &str = "it is empty";
const FRAGMENT: &str = "a WebSocket URL has none: leave it out, or write %23 for a # that is meant";
const IPV6: &str = "not an IPv6 address in brackets, such as [::1]";
const NAME: &str = "a name has letters, digits, - and _ between its dots, and nothing else";
const NUMERIC: &str = "it ends in a number, but is not an IPv4 address such as 127.0.0.1";
const PORT: &str = "not a number from 1 to 65535";
const SCHEME: &str =
    "a WebSocket URL begins with ws:// or wss://, or with http:// or https:// in their place";
const USER_INFO: &str =
    "a WebSocket URL has none: send the header Authorization, or call `from_url_with_user_info`";
