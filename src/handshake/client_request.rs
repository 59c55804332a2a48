//! What a client asks for (RFC 6455, §3 and §4.1); knows no response.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::authority::Authority;
use super::credentials::Credentials;
use super::headers::{AUTHORIZATION, COOKIE, EXTENSIONS, ORIGIN, PROTOCOL, RESERVED, VERSION};
use super::url::{ParsedUrl, parse_authority};
use super::{HandshakeError, HeadLimits, Headers, UrlError};
use crate::excerpt::{Locator, Place};
#[cfg(feature = "deflate")]
use crate::extension::{Deflate, DeflateConfig};
use crate::extension::{Extension, encode_extensions, is_token};

/// The request by which a client opens a connection: where to connect, and what to offer.
///
/// ```
/// use sanswire::handshake::ClientRequest;
///
/// let request = ClientRequest::new("example.com:8080", "/chat?room=7")?
///     .subprotocol("chat")?
///     .header("Authorization", "Bearer 123")?;
/// assert_eq!((request.host(), request.port()), ("example.com", 8080));
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientRequest {
    is_secure: bool,
    authority: Authority,
    /// Begins with `/`; visible ASCII without `#`.
    resource: Locator,
    /// Unique tokens.
    subprotocols: Vec<String>,
    subprotocol_policy: SubprotocolPolicy,
    extensions: Vec<Extension>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateConfig>,
    /// `Origin`, and none of the other reserved headers.
    headers: Headers,
    head_limits: HeadLimits,
    max_refusal_body: usize,
    refusal_timeout: Duration,
    /// How much of the time for the handshake is over before it begins.
    spent: Duration,
}

/// What a client expects of a response besides what the RFC does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expectation {
    /// Whether a response without a subprotocol is not good enough.
    pub(super) needs_subprotocol: bool,
    #[cfg(feature = "deflate")]
    pub(super) deflate: Option<DeflateConfig>,
}

/// What a client does if it offers subprotocols and the server chooses none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one does or does not go on")]
pub enum SubprotocolPolicy {
    /// Continues without a subprotocol, which RFC 6455 allows (§4.2.2). The default.
    #[default]
    Optional,
    /// Fails with [`HandshakeError::NoSubprotocol`], as browsers do.
    Required,
}

impl ClientRequest {
    /// Creates a request for `ws://{authority}{resource}`.
    ///
    /// `authority` is a host with an optional port. The host is a name, an IPv4 address, or an IPv6
    /// address in brackets; international names must be in their ASCII form. The rules are those of
    /// [`from_url`](Self::from_url) without the feature `url`: `127.1`, which some programs take for
    /// an address, is refused. `resource` is a path, a query (`?room=7`) or both, percent-encoded. An
    /// empty one means `/`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidUrl`] for the authority, [`HandshakeError::InvalidResource`] for the
    /// resource.
    pub fn new(authority: &str, resource: &str) -> Result<Self, HandshakeError> {
        let refused = |fault| {
            let url = format!("{PLAIN}{authority}{resource}");
            HandshakeError::InvalidUrl(UrlError::new(&url, fault).into())
        };
        Self::to(parse_authority(authority, PLAIN.len()).map_err(refused)?, resource)
    }

    fn to(authority: Authority, resource: &str) -> Result<Self, HandshakeError> {
        // §3: "/" if the path component is empty
        let slash = if resource.starts_with('/') { "" } else { "/" };
        // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
        // be used on these URIs."
        let is_legal = resource.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !is_legal || !(resource.is_empty() || resource.starts_with(['/', '?'])) {
            let shown = Place(resource.as_bytes()).to_string();
            return Err(HandshakeError::InvalidResource(shown));
        }
        Ok(Self {
            is_secure: false,
            authority,
            resource: Locator(format!("{slash}{resource}")),
            subprotocols: Vec::new(),
            subprotocol_policy: SubprotocolPolicy::default(),
            extensions: Vec::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            headers: Headers::new(),
            head_limits: HeadLimits::default(),
            max_refusal_body: 64 << 10,
            refusal_timeout: Duration::from_secs(2),
            spent: Duration::ZERO,
        })
    }

    /// Creates a request from a `ws://` or `wss://` URL. `http` and `https` mean the same.
    ///
    /// Without the feature `url`, only a valid ASCII URL is accepted; the error says what is wrong,
    /// and where. With the feature, the URL is parsed as browsers parse it: international host names
    /// become ASCII, special characters are percent-encoded, and forms such as `ws:example.com` and
    /// `ws://127.1/` are accepted. Any dependency can enable the feature: where the URL comes from a
    /// stranger, check the host of the request rather than the text of the URL.
    ///
    /// A URL that is accepted without the feature makes the same request with it, with two exceptions:
    /// host names with `xn--` must then be valid international names, and a path segment of a letter
    /// and a colon, such as `a:`, is not removed by a `..` after it.
    ///
    /// As in browsers, the path segments `.` and `..` are resolved, and an apostrophe in the query
    /// becomes `%27`.
    ///
    /// ```
    /// use sanswire::handshake::ClientRequest;
    ///
    /// let request = ClientRequest::from_url("wss://example.com/chat?room=7")?;
    /// assert_eq!((request.host(), request.port()), ("example.com", 443));
    /// assert_eq!(request.resource(), "/chat?room=7");
    /// # Ok::<(), sanswire::handshake::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidUrl`] if the URL does not parse, has another scheme, has a fragment
    /// (even an empty one), or has a user name or password: §3 has no place for them. To have these
    /// sent as a header, call [`from_url_with_user_info`](Self::from_url_with_user_info).
    #[doc(alias = "connect")]
    pub fn from_url(url: &str) -> Result<Self, HandshakeError> {
        let invalid = |error: UrlError| HandshakeError::InvalidUrl(error.into());
        ParsedUrl::parse(url).map_err(invalid).and_then(Self::from_parsed)
    }

    /// As [`from_url`](Self::from_url), for a URL that may have a user name and a password, such as
    /// `wss://user:password@example.com/`. They are sent as
    /// [basic authorization](Self::basic_auth), percent-decoded, and are not part of
    /// [`url`](Self::url).
    ///
    /// ```
    /// use sanswire::handshake::ClientRequest;
    ///
    /// let request = ClientRequest::from_url_with_user_info("wss://user:p%40ss@example.com/chat")?;
    /// assert_eq!(request.url(), "wss://example.com/chat");
    /// # Ok::<(), sanswire::handshake::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`from_url`](Self::from_url). The user name and the password must be
    /// percent-encoded UTF-8 without control characters.
    #[doc(alias = "password")]
    pub fn from_url_with_user_info(url: &str) -> Result<Self, HandshakeError> {
        let invalid = |error: UrlError| HandshakeError::InvalidUrl(error.into());
        let (bare, taken) = Credentials::take(url).map_err(invalid)?;
        let Some(taken) = taken else { return Self::from_url(url) };
        let parsed = ParsedUrl::parse(&bare).map_err(|error| error.without(url, &taken.range));
        let request = Self::from_parsed(parsed.map_err(invalid)?)?;
        Ok(request.authorized(&taken.credentials))
    }

    /// Creates a request for where a URL leads.
    pub(super) fn from_parsed(url: ParsedUrl) -> Result<Self, HandshakeError> {
        let request = Self::to(url.authority, &url.resource)?;
        Ok(Self { is_secure: url.is_secure, ..request })
    }

    /// Sets the scheme to `wss` and the default port to 443: the handshake goes over TLS.
    #[doc(alias = "TLS")]
    #[must_use]
    pub fn secure(self) -> Self {
        Self { is_secure: true, ..self }
    }

    /// Sets the `Origin` header. Browsers must send it, other clients may (§4.1).
    ///
    /// # Errors
    ///
    /// [`HandshakeError::IllegalHeader`] if `origin` contains a control character.
    pub fn origin(mut self, origin: &str) -> Result<Self, HandshakeError> {
        self.headers.insert(ORIGIN, origin)?;
        Ok(self)
    }

    /// Offers a subprotocol. The first that was added is the most preferred.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::InvalidSubprotocol`]: `name` is not a token.
    /// - [`HandshakeError::DuplicateSubprotocol`]: it was added before.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, HandshakeError> {
        if !is_token(name.as_bytes()) {
            return Err(HandshakeError::InvalidSubprotocol(name.to_owned()));
        }
        // §4.1: "MUST all be unique strings"
        if self.subprotocols.iter().any(|offered| offered == name) {
            return Err(HandshakeError::DuplicateSubprotocol(name.to_owned()));
        }
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// Sets what happens if the server chooses none of the subprotocols.
    #[must_use]
    pub fn subprotocol_policy(self, policy: SubprotocolPolicy) -> Self {
        Self { subprotocol_policy: policy, ..self }
    }

    /// Offers permessage-deflate (RFC 7692), after the extensions that were added before. It
    /// replaces an earlier offer of permessage-deflate.
    ///
    /// If the server agrees, the connection compresses and decompresses messages.
    #[doc(alias = "compression")]
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: &DeflateConfig) -> Self {
        self.extensions.retain(|offered| !Deflate::is_named_by(offered));
        self.extensions.push(Deflate::offer(config));
        self.deflate = Some(config.clone());
        self
    }

    /// Offers an extension. The first that was added is the most preferred.
    #[must_use]
    pub fn extension(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Adds a header, such as `Cookie` or `Authorization`.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::IllegalHeader`]: `name` is not a token, or `value` contains a control
    ///   character.
    /// - [`HandshakeError::ReservedHeader`]: `name` is `Host`, `Origin`, a header of the handshake,
    ///   or a header that announces a body.
    #[doc(alias = "authentication")]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HandshakeError> {
        self.headers.append_unless(&RESERVED, name, value)?;
        Ok(self)
    }

    /// Sets the `Authorization` header to a user name and a password (RFC 7617). They are encoded, not
    /// encrypted: use `wss`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::IllegalHeader`]: one of them contains a control character, or the user name
    /// a colon.
    #[doc(alias = "authentication")]
    #[doc(alias = "password")]
    pub fn basic_auth(self, user: &str, password: &str) -> Result<Self, HandshakeError> {
        let illegal = || HandshakeError::IllegalHeader(AUTHORIZATION.to_owned());
        let credentials = Credentials::new(user, password).ok_or_else(illegal)?;
        Ok(self.authorized(&credentials))
    }

    fn authorized(mut self, credentials: &Credentials) -> Self {
        self.headers.remove(AUTHORIZATION);
        self.headers.push(AUTHORIZATION, credentials.basic());
        self
    }

    /// Sets the limits of the response's head, and the time for the handshake.
    #[doc(alias = "timeout")]
    #[must_use]
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        Self { head_limits: limits, ..self }
    }

    /// Sets how many bytes are kept of the body of a refusal. Default 64 KiB, enough for a message
    /// to people or programs.
    #[must_use]
    pub fn max_refusal_body(self, len: usize) -> Self {
        Self { max_refusal_body: len, ..self }
    }

    /// Sets how long to wait for the body of a refusal after its head. Default 2 s.
    /// [`HeadLimits::timeout`] limits it, too.
    ///
    /// The status is known by then. The part of the body that has arrived is reported with it, and
    /// [`Response::is_truncated`](super::Response::is_truncated) says that the rest is missing.
    #[must_use]
    pub fn refusal_timeout(self, timeout: Duration) -> Self {
        Self { refusal_timeout: timeout, ..self }
    }

    /// Returns the host to connect to. An IPv6 address has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// Returns the port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port().unwrap_or_else(|| self.default_port())
    }

    /// Returns the host and the port to connect to, such as `example.com:80` or `[::1]:9001`: the
    /// target of a proxy's `CONNECT`, and an address for `connect` of sockets.
    #[must_use]
    pub fn authority(&self) -> String {
        self.authority.with_default_port(self.default_port()).to_string()
    }

    /// Returns the path and the query.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource.0
    }

    /// Returns the URL, with the scheme `ws` or `wss`. The default port is left out, and so is an
    /// empty query (§3).
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.host_header(), self.resource())
    }

    /// Returns the URL without its query, which may have secrets in it: for errors, which are
    /// logged.
    pub(crate) fn place(&self) -> String {
        let mut url = self.url();
        url.truncate(url.find('?').unwrap_or(url.len()));
        url
    }

    /// Returns whether the handshake goes over TLS: whether the scheme is `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Returns the same request for where `url` leads. What is meant for one server only does not go
    /// to another.
    pub(super) fn moved(&self, url: ParsedUrl) -> Result<Self, HandshakeError> {
        let Self { is_secure, authority, resource, .. } = Self::from_parsed(url)?;
        let mut moved = Self { is_secure, authority, resource, ..self.clone() };
        if moved.origin_of_server() != self.origin_of_server() {
            moved.headers.retain(|name| {
                let is_proxy =
                    name.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("proxy-"));
                let is_secret =
                    [AUTHORIZATION, COOKIE].iter().any(|x| x.eq_ignore_ascii_case(name));
                !is_proxy && !is_secret
            });
        }
        Ok(moved)
    }

    /// RFC 6454, §4: scheme, host and port.
    fn origin_of_server(&self) -> (bool, &str, u16) {
        (self.is_secure, self.host(), self.port())
    }

    /// Returns whether the value of a `Host` header is the place where this request goes.
    #[cfg(feature = "http")]
    pub(super) fn is_for(&self, host: &[u8]) -> bool {
        let host = core::str::from_utf8(host).ok().and_then(|host| parse_authority(host, 0).ok());
        host.is_some_and(|host| self.authority.is_same(&host, self.default_port()))
    }

    /// Returns the `Host` header: the port is left out if it is the default one.
    pub(super) fn host_header(&self) -> String {
        self.authority.without_default_port(self.default_port()).to_string()
    }

    /// Returns the headers that the client sends whatever the HTTP version.
    pub(super) fn offer(&self) -> Headers {
        let mut offer = Headers::new();
        offer.push(VERSION, "13");
        if !self.subprotocols.is_empty() {
            offer.push(PROTOCOL, self.subprotocols.join(", "));
        }
        if !self.extensions.is_empty() {
            offer.push(EXTENSIONS, encode_extensions(&self.extensions));
        }
        offer.extend(&self.headers);
        offer
    }

    /// Returns how long it may take to connect: [`HeadLimits::timeout`]. For the adapters it is the
    /// time for everything together, from the look-up of the host to the server's answer.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.head_limits.timeout
    }

    /// Sets how long it took to connect, which counts as time for the handshake.
    #[cfg(feature = "std")]
    pub(crate) fn after(self, spent: Duration) -> Self {
        Self { spent, ..self }
    }

    pub(super) const fn spent(&self) -> Duration {
        self.spent
    }

    pub(crate) const fn limits(&self) -> (&HeadLimits, usize, Duration) {
        (&self.head_limits, self.max_refusal_body, self.refusal_timeout)
    }

    pub(super) fn expectation(&self) -> Expectation {
        let is_required = self.subprotocol_policy == SubprotocolPolicy::Required;
        Expectation {
            needs_subprotocol: is_required && !self.subprotocols.is_empty(),
            #[cfg(feature = "deflate")]
            deflate: self.deflate.clone(),
        }
    }

    /// §3: "the default for "ws" is port 80, while the default for "wss" is port 443"
    const fn default_port(&self) -> u16 {
        if self.is_secure { 443 } else { 80 }
    }
}

const PLAIN: &str = "ws://";
