//! Which web pages may connect (RFC 6455, §4.2.2 and §10.2); knows no other reason to refuse.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::authority::Authority;
use super::headers::ORIGIN;
use super::{HandshakeError, Request};

/// Decides which web pages may connect, by the `Origin` header.
///
/// A browser lets every page connect to every server, and sends the user's cookies. Only the server
/// can refuse pages of other sites. A policy allows what its rules allow, and nothing else. The
/// origin `null` (sandboxed pages, files) must be listed. A request without an origin, which does
/// not come from a browser, must be allowed by [`missing`](Self::missing).
///
/// ```
/// use sanswire::handshake::OriginPolicy;
///
/// let policy = OriginPolicy::same_origin().allow("https://*.example.com")?;
/// assert!(policy.allows(Some("https://example.net"), Some("example.net")));
/// assert!(policy.allows(Some("https://app.example.com"), Some("example.net")));
/// assert!(!policy.allows(Some("https://example.com"), Some("example.net")));
/// assert!(!policy.allows(None, Some("example.net")));
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    rules: Vec<Rule>,
    missing: MissingOrigin,
}

/// What happens to a request without an `Origin` header. Browsers always send one (§4.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is allowed or not")]
pub enum MissingOrigin {
    /// It is allowed: programs other than browsers may connect.
    Allow,
    /// It is denied. The default.
    #[default]
    Deny,
}

#[derive(Clone, Debug)]
enum Rule {
    Any,
    Null,
    Pattern(Pattern),
    /// The host and port that the request is for; `http` as well only if so.
    Same {
        http: bool,
    },
}

impl OriginPolicy {
    /// Creates a policy that allows nothing. Add rules by [`allow`](Self::allow).
    #[must_use]
    pub const fn new() -> Self {
        Self { rules: Vec::new(), missing: MissingOrigin::Deny }
    }

    /// Creates a policy that allows everything: for services that use no cookies, and are not
    /// protected by a network or an address.
    #[must_use]
    pub fn any() -> Self {
        Self { rules: alloc::vec![Rule::Any], missing: MissingOrigin::Allow }
    }

    /// Creates a policy that allows `http` and `https` origins with the host and port of the
    /// request.
    ///
    /// Without a port, the default port of the origin's scheme is meant.
    #[must_use]
    pub fn same_origin() -> Self {
        Self { rules: alloc::vec![Rule::Same { http: true }], missing: MissingOrigin::Deny }
    }

    /// Creates a policy that allows `https` origins with the host and port of the request, for a
    /// server behind TLS. A page that was loaded without TLS may have been tampered with.
    #[must_use]
    pub fn same_https_origin() -> Self {
        Self { rules: alloc::vec![Rule::Same { http: false }], missing: MissingOrigin::Deny }
    }

    /// Allows an origin, in addition to those allowed before.
    ///
    /// `origin` is `null`, or `scheme://host` with an optional port. A host `*.example.com` means
    /// all names below `example.com`, but not itself. A port `*` means all ports.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidOrigin`] if it has another form.
    pub fn allow(mut self, origin: &str) -> Result<Self, HandshakeError> {
        self.rules.push(match origin {
            "null" => Rule::Null,
            _ => Rule::Pattern(
                Pattern::parse(origin)
                    .ok_or_else(|| HandshakeError::InvalidOrigin(origin.to_owned()))?,
            ),
        });
        Ok(self)
    }

    /// Sets what happens to a request without an origin.
    #[must_use]
    pub fn missing(self, missing: MissingOrigin) -> Self {
        Self { missing, ..self }
    }

    /// Checks the origin of a request. Its errors become the response to the client by `?` in the
    /// callback of `accept_with`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::ForbiddenOrigin`], or [`HandshakeError::DuplicateHeader`] if the request
    /// has several origins.
    pub fn check(&self, request: &Request) -> Result<(), HandshakeError> {
        let origin = request.headers().once(ORIGIN)?.map(String::from_utf8_lossy);
        // §4.2.2: "If the server does not wish to accept this connection, it MUST return an
        // appropriate HTTP error code (e.g., 403 Forbidden)"
        if self.allows(origin.as_deref(), request.host()) {
            return Ok(());
        }
        Err(HandshakeError::ForbiddenOrigin(origin.map(Into::into)))
    }

    /// Returns whether a page from `origin` may connect to `host`, which is the `Host` header, or
    /// the `:authority` of HTTP/2 and HTTP/3.
    #[must_use]
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return self.missing == MissingOrigin::Allow };
        let parsed = Origin::parse(origin);
        self.rules.iter().any(|rule| match (rule, &parsed) {
            (Rule::Any, _) => true,
            (Rule::Null, _) => origin == "null",
            (Rule::Pattern(pattern), Some(origin)) => pattern.matches(origin),
            (Rule::Same { http }, Some(origin)) => origin.is_same(host, *http),
            (Rule::Pattern(_) | Rule::Same { .. }, None) => false,
        })
    }
}

impl Default for OriginPolicy {
    /// The policy for most: [`same_origin`](Self::same_origin).
    fn default() -> Self {
        Self::same_origin()
    }
}

/// RFC 6454, §6.2: `scheme://host[:port]`.
#[derive(Clone, Debug)]
struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let authority = Authority::parse(authority)?;
        // §4.2.2: "serialized to ASCII and converted to lowercase"
        Some(Self { scheme: scheme.to_ascii_lowercase(), authority })
    }

    fn is_same(&self, host: Option<&str>, http: bool) -> bool {
        let is_web = self.scheme == "https" || (http && self.scheme == "http");
        let host = host.and_then(Authority::parse);
        is_web && host.is_some_and(|host| self.authority.is_same(&host, self.default_port()))
    }

    fn port(&self) -> u16 {
        self.authority.port().unwrap_or_else(|| self.default_port())
    }

    /// Returns 0 for a scheme that has no ports.
    fn default_port(&self) -> u16 {
        match self.scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => 0,
        }
    }
}

/// Origins that differ in a few places.
#[derive(Clone, Debug)]
struct Pattern {
    /// The fixed parts; no `*` in it.
    origin: Origin,
    /// Whether names below the host are meant instead of the host.
    below: bool,
    any_port: bool,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (text, any_port) = text.strip_suffix(":*").map_or((text, false), |text| (text, true));
        let (scheme, host) = text.split_once("://")?;
        let (host, below) = host.strip_prefix("*.").map_or((host, false), |host| (host, true));
        let origin =
            Origin { scheme: scheme.to_ascii_lowercase(), authority: Authority::parse(host)? };
        let is_fixed = !host.contains('*') && !scheme.is_empty() && !scheme.contains('*');
        is_fixed.then_some(Self { origin, below, any_port })
    }

    fn matches(&self, origin: &Origin) -> bool {
        let (host, fixed) = (origin.authority.host(), self.origin.authority.host());
        let is_host = if self.below {
            host.strip_suffix(fixed).is_some_and(|label| label.len() > 1 && label.ends_with('.'))
        } else {
            host == fixed
        };
        let is_port = self.any_port || origin.port() == self.origin.port();
        is_host && is_port && origin.scheme == self.origin.scheme
    }
}
