//! The types of the crate `http`, from and to those of this module; decides nothing.

use alloc::format;
use alloc::string::{String, ToString};

use bytes::Bytes;

use super::headers::{
    CONNECTION, CONTENT_LENGTH, HOST, KEY, ORIGIN, PROTOCOL, TRANSFER_ENCODING, UPGRADE, VERSION,
};
use super::request::{CONNECT, check_version};
use super::{
    ClientRequest, ExtendedConnect, HandshakeError, Headers, HttpVersion, InvalidHeader, Request,
    Response, Upgrade,
};
use crate::excerpt::{Excerpt, Place};

impl From<&http::HeaderMap> for Headers {
    /// Leaves out headers whose names are not tokens. Only HTTP/2 and HTTP/3 can have such names.
    fn from(map: &http::HeaderMap) -> Self {
        let mut headers = Self::new();
        for (name, value) in map {
            // No header that means anything has such a name.
            let _ = headers.append(name.as_str(), value);
        }
        headers
    }
}

impl TryFrom<&Headers> for http::HeaderMap {
    type Error = http::Error;

    /// Fails if there are more than 32,768 headers, or a name is longer than 65,535 bytes.
    fn try_from(headers: &Headers) -> Result<Self, http::Error> {
        let mut map = Self::new();
        for (name, value) in headers.iter() {
            let name = http::HeaderName::from_bytes(name.as_bytes())?;
            map.try_append(name, http::HeaderValue::from_bytes(value)?)?;
        }
        Ok(map)
    }
}

impl TryFrom<&http::request::Parts> for Request {
    type Error = HandshakeError;

    /// Creates a request from what another HTTP stack has parsed, of any version.
    ///
    /// An extended CONNECT of HTTP/2 or HTTP/3 also needs its
    /// [`:protocol`](Self::with_protocol), which these types have no place for.
    ///
    /// Fails as [`Request::new`] does.
    fn try_from(parts: &http::request::Parts) -> Result<Self, HandshakeError> {
        from_http(&parts.method, &parts.uri, parts.version, &parts.headers)
    }
}

impl<B> TryFrom<&http::Request<B>> for Request {
    type Error = HandshakeError;

    /// As from [`http::request::Parts`].
    fn try_from(request: &http::Request<B>) -> Result<Self, HandshakeError> {
        from_http(request.method(), request.uri(), request.version(), request.headers())
    }
}

fn from_http(
    method: &http::Method,
    uri: &http::Uri,
    version: http::Version,
    headers: &http::HeaderMap,
) -> Result<Request, HandshakeError> {
    let headers = Headers::from(headers);
    let version = match version {
        http::Version::HTTP_10 => HttpVersion::Http10,
        http::Version::HTTP_11 => HttpVersion::Http11,
        http::Version::HTTP_2 => HttpVersion::Http2,
        http::Version::HTTP_3 => HttpVersion::Http3,
        other => return Err(HandshakeError::UnsupportedHttpVersion(format!("{other:?}"))),
    };
    if let (Some(scheme), Some(authority), Some(path)) =
        (uri.scheme_str(), uri.authority(), uri.path_and_query())
        && version.is_multiplexed()
    {
        let uri = [scheme, authority.as_str(), path.as_str()];
        return Request::multiplexed(version, method.as_str(), uri, headers);
    }
    Request::new(method.as_str(), &uri.to_string(), version, headers)
}

impl TryFrom<&Response> for http::Response<Bytes> {
    type Error = http::Error;

    /// The headers that say where the body ends, and whether the connection does, are left to the
    /// HTTP stack. `Connection` says no more than that there is an `Upgrade`.
    ///
    /// Fails if the status is not one of three digits, or for the reasons of the headers.
    fn try_from(response: &Response) -> Result<Self, http::Error> {
        let mut headers = http::HeaderMap::try_from(response.headers())?;
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONNECTION);
        // RFC 9110, §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option"
        if headers.contains_key(UPGRADE) {
            headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("Upgrade"));
        }
        let mut made = Self::new(response.content().clone());
        *made.status_mut() = http::StatusCode::from_u16(response.status())?;
        *made.headers_mut() = headers;
        Ok(made)
    }
}

impl TryFrom<&Upgrade> for http::Request<()> {
    type Error = http::Error;

    /// Its URI is the [resource](Upgrade::resource), without scheme and host.
    ///
    /// Fails if the crate `http` refuses the resource, such as one with a `<` that is not
    /// percent-encoded or of more than 65,534 bytes, or for the reasons of the headers.
    fn try_from(upgrade: &Upgrade) -> Result<Self, http::Error> {
        let mut request = Self::builder().uri(upgrade.resource()).body(())?;
        *request.headers_mut() = upgrade.headers().try_into()?;
        Ok(request)
    }
}

impl TryFrom<&ExtendedConnect> for http::Request<()> {
    type Error = http::Error;

    /// Its `:protocol`, which is `websocket`, has no place in these types: hyper takes it as an
    /// extension. The version is HTTP/2; set another one for HTTP/3.
    ///
    /// Fails for the reasons of an [`Upgrade`].
    fn try_from(connect: &ExtendedConnect) -> Result<Self, http::Error> {
        let [_, _, (_, scheme), (_, authority), (_, path)] = connect.pseudo_headers();
        let uri = http::Uri::builder().scheme(scheme).authority(authority).path_and_query(path);
        let builder = Self::builder().method(CONNECT).version(http::Version::HTTP_2);
        let mut request = builder.uri(uri.build()?).body(())?;
        *request.headers_mut() = connect.headers().try_into()?;
        Ok(request)
    }
}

impl<B> TryFrom<&http::Request<B>> for ClientRequest {
    type Error = HandshakeError;

    /// Takes the URI, which must be absolute, and the headers.
    ///
    /// `Origin` and `Sec-WebSocket-Protocol` become what
    /// [`origin`](Self::origin) and [`subprotocol`](Self::subprotocol) set. Headers that every
    /// request for an upgrade has are left out, since the handshake writes its own: `Host`,
    /// `Connection`, `Upgrade`, `Sec-WebSocket-Key`, `Sec-WebSocket-Version`.
    ///
    /// Fails if the method is not GET, if the URI is not one of a WebSocket, if `Host` is not that of
    /// the URI, if `Sec-WebSocket-Version` is not 13, if `Origin` is not ASCII, or if there is a header
    /// that [`header`](Self::header) refuses, such as `Sec-WebSocket-Extensions`: call
    /// [`extension`](Self::extension) or [`deflate`](Self::deflate) instead.
    fn try_from(request: &http::Request<B>) -> Result<Self, HandshakeError> {
        if request.method() != http::Method::GET {
            let method = Excerpt(request.method().as_str().as_bytes());
            return Err(HandshakeError::MethodNotAllowed(method.to_string()));
        }
        let headers = Headers::from(request.headers());
        let mut made = Self::from_url(&request.uri().to_string())?;
        if let Some(host) = headers.once(HOST)?
            && !made.is_for(host)
        {
            return Err(InvalidHeader::error(HOST, Place(host), "the host of the URI"));
        }
        if headers.get(VERSION).is_some() {
            check_version(&headers)?;
        }
        for name in headers.list(PROTOCOL) {
            made = made.subprotocol(&String::from_utf8_lossy(name))?;
        }
        if let Some(origin) = headers.once(ORIGIN)? {
            let origin = core::str::from_utf8(origin).ok().filter(|origin| origin.is_ascii());
            made = made.origin(origin.ok_or_else(|| headers.invalid(ORIGIN, "ASCII"))?)?;
        }
        for (name, value) in headers.iter() {
            if !TAKEN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                made = made.header(name, value)?;
            }
        }
        Ok(made)
    }
}

/// The headers of a request that are no others.
const TAKEN: [&str; 7] = [CONNECTION, HOST, KEY, ORIGIN, PROTOCOL, UPGRADE, VERSION];
