//! A proxy, as data; speaks to none.

use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::handshake::{ClientRequest, Credentials, HandshakeError, Headers, UrlError, UrlPart};
use crate::io::ProxyError;

/// A proxy between a client and its servers.
///
/// | URL | what it is | adapters |
/// |---|---|---|
/// | `http://host:port` | an HTTP proxy that knows `CONNECT`; the default port is 80 | all |
/// | `https://host:port` | the same, over TLS; the default port is 443 | all, with the feature `rustls` |
/// | `socks5h://host:port` | SOCKS5 (RFC 1928); the proxy looks up the server's name; the default port is 1080 | tokio, with the feature `proxy` |
/// | `socks5://host:port` | SOCKS5; the name is looked up here, and its first address is used | tokio, with the feature `proxy` |
///
/// A user name and a password may stand before the host, percent-encoded:
/// `http://user:p%40ss@host:3128`. They go to the proxy only. `Debug`, `Display` and errors do not
/// show them.
///
/// `ws` and `wss` both go through a tunnel (RFC 6455, §4.1). Many HTTP proxies allow one to port 443
/// only, which is that of `wss`.
///
/// ```
/// use sanswire::io::{Connector, Proxy};
///
/// let proxy = Proxy::from_url("http://user:password@proxy.example.com:3128")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example.com:3128");
/// let connector = Connector::new().proxy(proxy);
/// # Ok::<(), sanswire::io::ProxyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(super) scheme: Scheme,
    /// An IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// `host:port`.
    authority: String,
    /// For HTTP.
    pub(super) headers: Headers,
    /// For SOCKS5.
    pub(super) credentials: Option<Credentials>,
}

/// What is spoken to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    Socks5,
    Socks5h,
}

impl Proxy {
    /// Parses the URL of a proxy.
    ///
    /// # Errors
    ///
    /// [`ProxyError::InvalidUrl`]: the URL has another scheme, no valid host or port, a path, or a user
    /// name or password that cannot be sent.
    pub fn from_url(url: &str) -> Result<Self, ProxyError> {
        Self::parse(url).map_err(|error| ProxyError::InvalidUrl(error.into()))
    }

    fn parse(url: &str) -> Result<Self, UrlError> {
        let (bare, taken) = Credentials::take(url)?;
        let (scheme, rest) = bare.split_once("://").unwrap_or_default();
        let scheme = Scheme::parse(scheme)
            .ok_or_else(|| UrlError::of_other(url, UrlPart::Scheme, SCHEME))?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(UrlError::of_other(url, UrlPart::Path, "a proxy has none: leave it out"));
        }
        let proxy = Self::new(scheme, authority).map_err(|error| error.in_other(url))?;
        match taken {
            Some(taken) => proxy.with_credentials(taken.credentials, url),
            None => Ok(proxy),
        }
    }

    /// Creates a proxy at `host[:port]`.
    pub(super) fn new(scheme: Scheme, authority: &str) -> Result<Self, UrlError> {
        let authority = authority.strip_suffix(':').unwrap_or(authority);
        let port = authority.rsplit(':').next().unwrap_or_default();
        let has_port = port.len() < authority.len() && port.bytes().all(|b| b.is_ascii_digit());
        let url = if has_port {
            format!("ws://{authority}")
        } else {
            format!("ws://{authority}:{}", scheme.default_port())
        };
        let request = ClientRequest::from_url(&url).map_err(|error| {
            if let HandshakeError::InvalidUrl(error) = error {
                return *error;
            }
            UrlError::of_other(
                &url,
                UrlPart::Host,
                "not a name and port such as proxy.example.com:3128",
            )
        })?;
        Ok(Self {
            scheme,
            host: request.host().into(),
            port: request.port(),
            authority: request.authority(),
            headers: Headers::new(),
            credentials: None,
        })
    }

    pub(super) fn with_credentials(
        self,
        credentials: Credentials,
        url: &str,
    ) -> Result<Self, UrlError> {
        if matches!(self.scheme, Scheme::Http | Scheme::Https) {
            return Ok(self.authorized(&credentials.basic()));
        }
        let Credentials { user, password } = &credentials;
        if user.is_empty() || user.len() + password.len() > MOST_CREDENTIALS {
            let fact = "for SOCKS5 it has a user name, and 255 bytes at most with the password";
            return Err(UrlError::of_other(url, UrlPart::UserInfo, fact));
        }
        Ok(Self { credentials: Some(credentials), ..self })
    }

    /// Sets what an HTTP proxy is told of the user.
    pub(super) fn authorized(mut self, authorization: &str) -> Self {
        // Base64 is legal in a header.
        let _ = self.headers.insert(PROXY_AUTHORIZATION, authorization);
        self
    }

    /// Adds a header for an HTTP proxy, such as `User-Agent`, or `Proxy-Authorization` with another
    /// scheme than Basic. The server does not see it. SOCKS5 has no headers.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::IllegalHeader`]: `name` is not a token, or `value` contains a control
    /// character. [`HandshakeError::ReservedHeader`]: `name` is `Host`, or a header that announces a
    /// body.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HandshakeError> {
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(HandshakeError::ReservedHeader(name.into()));
        }
        if PROXY_AUTHORIZATION.eq_ignore_ascii_case(name) {
            self.headers.insert(name, value)?;
        } else {
            self.headers.append(name, value)?;
        }
        Ok(self)
    }
}

/// Shows the URL, without user name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority)
    }
}

impl Scheme {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let all = [Self::Http, Self::Https, Self::Socks5, Self::Socks5h];
        all.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            // RFC 1928, §3
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

/// The longest user name and password of SOCKS5 together. RFC 1929, §2, has 255 bytes for each; the
/// library has room for little more than one of them.
const MOST_CREDENTIALS: usize = 255;

/// What a proxy speaks.
pub(super) const SCHEME: &str = "it is http, https, socks5h or socks5";

const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";

/// What the request for a tunnel has by itself, or must not have.
const RESERVED: [&str; 3] = ["Content-Length", "Host", "Transfer-Encoding"];

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_fault_in_the_authority_has_no_place_in_the_url() {
        let error = Proxy::parse("http://user:secret@a b:80").unwrap_err();
        assert_eq!((error.part(), error.position()), (UrlPart::Host, None));
    }

    #[test]
    fn a_proxy_has_a_port_of_its_own() {
        for (url, shown) in [
            ("http://a", "http://a:80"),
            ("HTTP://A/", "http://a:80"),
            ("https://a", "https://a:443"),
            ("https://a:80", "https://a:80"),
            ("socks5://a", "socks5://a:1080"),
            ("socks5h://a:80", "socks5h://a:80"),
            ("socks5h://a:", "socks5h://a:1080"),
            ("http://[::1]", "http://[::1]:80"),
            ("socks5://[::1]:9", "socks5://[::1]:9"),
            ("http://127.0.0.1:3128", "http://127.0.0.1:3128"),
        ] {
            assert_eq!(Proxy::from_url(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (url, part) in [
            ("", UrlPart::Scheme),
            ("a:3128", UrlPart::Scheme),
            ("socks4://a", UrlPart::Scheme),
            ("ftp://a", UrlPart::Scheme),
            ("http://", UrlPart::Host),
            ("http://a:0", UrlPart::Port),
            ("http://a:65536", UrlPart::Port),
            ("http://a/b", UrlPart::Path),
            ("http://a?b", UrlPart::Path),
            ("http://a#b", UrlPart::Path),
            ("http://a%3Ab:c@d", UrlPart::UserInfo),
            ("socks5://:b@c", UrlPart::UserInfo),
            (&format!("socks5://{}:b@c", "a".repeat(255)), UrlPart::UserInfo),
        ] {
            assert_eq!(Proxy::parse(url).unwrap_err().part(), part, "{url}");
        }
    }

    #[test]
    fn credentials_are_for_the_proxy_and_not_for_logs() {
        for scheme in ["http", "https", "socks5", "socks5h"] {
            let proxy = Proxy::from_url(&format!("{scheme}://secret:sec%40ret@a:1")).unwrap();
            let shown = format!("{proxy} {proxy:?}");
            assert!(!shown.contains("secret") && !shown.contains("sec@ret"), "{shown}");
            assert!(!shown.contains("c2VjcmV0"), "{shown}");
        }
        let proxy = Proxy::from_url("http://user:p%40ss@a").unwrap();
        assert_eq!(proxy.headers.text(PROXY_AUTHORIZATION), Some("Basic dXNlcjpwQHNz"));
        let proxy = proxy.header("proxy-authorization", "Bearer x").unwrap();
        assert_eq!(proxy.headers.all(PROXY_AUTHORIZATION).count(), 1);
        assert!(proxy.header("Host", "b").is_err());
        let proxy = Proxy::from_url("socks5://user:p%40ss@a").unwrap();
        assert!(proxy.headers.get(PROXY_AUTHORIZATION).is_none());
        assert_eq!(proxy.credentials.unwrap().password, "p@ss");
    }
}
