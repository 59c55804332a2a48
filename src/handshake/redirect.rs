//! Where a redirect leads (RFC 9110, §15.4); decides not whether it is followed.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::headers::LOCATION;
use super::url::{ParsedUrl, user_info};
use super::{ClientRequest, HandshakeError, InvalidHeader, Response, UrlError};
use crate::excerpt::Place;

impl ClientRequest {
    /// Returns the request for where `response`, which answered this request, redirects to. All of
    /// the request stays as it is, but for where it goes.
    ///
    /// The `Location` may be relative; `http` means `ws` and `https` means `wss`. A fragment and user
    /// information in it are dropped. If the scheme, the host or the port is another one, the headers
    /// `Authorization`, `Cookie` and `Proxy-*` are dropped, too.
    ///
    /// The adapters follow redirects by themselves if
    /// [`Connector::redirects`](crate::io::Connector::redirects) says so.
    ///
    /// ```
    /// use sanswire::handshake::{ClientRequest, Response};
    ///
    /// let request = ClientRequest::from_url("wss://example.com/chat?room=7")?
    ///     .header("Authorization", "Bearer 123")?;
    /// let response = Response::new(307).header("Location", "//eu.example.com/chat")?;
    /// let next = request.redirected(&response)?;
    /// assert_eq!(next.url(), "wss://eu.example.com/chat"); // without the header
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`RedirectError::NotRedirect`]: the status is none of 301, 302, 303, 307 and 308.
    /// - [`RedirectError::InvalidLocation`]: the `Location` is missing, or is no URL of a WebSocket.
    /// - [`RedirectError::Downgrade`]: it leads from `wss` to `ws`.
    pub fn redirected(&self, response: &Response) -> Result<Self, RedirectError> {
        let status = response.status();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return Err(RedirectError::NotRedirect(status));
        }
        let location = response.headers().exactly_once(LOCATION);
        let location = location.map_err(RedirectError::InvalidLocation)?;
        let location = core::str::from_utf8(location).map_err(|_| {
            let error = InvalidHeader::error(LOCATION, Place(location), "a URL");
            RedirectError::InvalidLocation(error)
        })?;
        let url = ParsedUrl::parse(&self.resolve(location));
        let invalid = |error: UrlError| HandshakeError::InvalidUrl(error.into());
        let next = url.map_err(invalid).and_then(|url| self.moved(url));
        let next = next.map_err(RedirectError::InvalidLocation)?;
        if self.is_secure() && !next.is_secure() {
            return Err(RedirectError::Downgrade);
        }
        Ok(next)
    }

    /// Resolves a reference against the URL of the request (RFC 3986, §5.2.2), without its fragment
    /// and its user information. The parser removes the dots.
    fn resolve(&self, reference: &str) -> String {
        // RFC 9110, §10.2.2: the fragment is for those who show what is there.
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = if self.is_secure() { "wss" } else { "ws" };
        let base = || format!("{scheme}://{}", self.host_header());
        let path = self.resource().split('?').next().unwrap_or_default();
        if has_scheme(reference) {
            without_user_info(reference.into())
        } else if reference.starts_with("//") {
            without_user_info(format!("{scheme}:{reference}"))
        } else if reference.is_empty() {
            self.url()
        } else if reference.starts_with('/') {
            base() + reference
        } else if reference.starts_with('?') {
            base() + path + reference
        } else {
            let (directory, _) = path.rsplit_once('/').unwrap_or_default();
            format!("{}{directory}/{reference}", base())
        }
    }
}

/// RFC 3986, §3.1: `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_legal)
}

fn without_user_info(mut url: String) -> String {
    if let Some(range) = user_info(&url) {
        url.replace_range(range, "");
    }
    url
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// It leads from `wss` to `ws`: what is sent could be read on the way.
    Downgrade,
    /// The `Location` is missing, came twice, or is not the URL of a WebSocket; says why.
    InvalidLocation(HandshakeError),
    /// It leads to where the client has been before.
    Loop,
    /// The status is not one of a redirect that a client can follow.
    NotRedirect(u16),
    /// It is one more than the client follows:
    /// [`Connector::redirects`](crate::io::Connector::redirects).
    TooMany(u32),
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Downgrade => f.write_str("server redirects from wss to ws, which is not secure"),
            Self::InvalidLocation(HandshakeError::InvalidUrl(error)) => {
                write!(f, "server redirects to what is not a WebSocket URL: {error}")
            }
            Self::InvalidLocation(error) => {
                write!(f, "server redirects, but does not say where to: {error}")
            }
            Self::Loop => f.write_str("server redirects in a circle"),
            Self::NotRedirect(status) => write!(f, "status {status} is no redirect"),
            Self::TooMany(limit) => {
                write!(f, "server redirects more than {limit} times (Connector::redirects)")
            }
        }
    }
}

/// The text has that of what it wraps, too, so the source is the source of that.
impl core::error::Error for RedirectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::InvalidLocation(error) => error.source(),
            Self::Downgrade | Self::Loop | Self::NotRedirect(_) | Self::TooMany(_) => None,
        }
    }
}
