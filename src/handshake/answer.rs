//! What a server answers to a request, over any version of HTTP; knows no bytes.

use super::headers::{ACCEPT, CONNECTION, KEY, UPGRADE};
use super::{
    Acceptance, HandshakeError, Headers, HttpVersion, Negotiated, Request, Response, encode_accept,
};

impl Request {
    /// Grants a request that was [checked](Self::check).
    pub(super) fn grant(
        &self,
        acceptance: &Acceptance,
    ) -> Result<(Response, Negotiated), HandshakeError> {
        let mut headers = Headers::new();
        if self.version().is_multiplexed() {
            let negotiated = acceptance.negotiate(self.headers(), &mut headers)?;
            // RFC 8441, §5: success is any status 2xx, not 101.
            return Ok((Response::new(200).with_headers(headers.to_lowercase()), negotiated));
        }
        // §4.2.2: the parts of the server's handshake, in the order of the RFC.
        headers.push(UPGRADE, "websocket");
        headers.push(CONNECTION, "Upgrade");
        headers.push(ACCEPT, encode_accept(self.headers().exactly_once(KEY)?));
        let negotiated = acceptance.negotiate(self.headers(), &mut headers)?;
        Ok((Response::new(101).with_headers(headers), negotiated))
    }
}

impl Response {
    /// Creates the response to an invalid request of this version of HTTP: the status, the headers
    /// that belong to it, and a line of text ([`HandshakeError::answer`]).
    ///
    /// Over HTTP/2 and HTTP/3 the status is 400 where HTTP/1.1 has 426, since nothing is upgraded.
    #[must_use]
    pub fn refusal(error: &HandshakeError, version: HttpVersion) -> Self {
        let response = Self::from(error);
        if !version.is_multiplexed() {
            return response;
        }
        let status = if response.status() == 426 { 400 } else { response.status() };
        let mut headers = response.headers().clone();
        headers.remove(UPGRADE);
        headers.remove(CONNECTION);
        let body = response.content().clone();
        Self::new(status).with_headers(headers.to_lowercase()).body(body)
    }
}
