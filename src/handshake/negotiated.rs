//! The negotiated values, checked against the offer (RFC 6455, §4.2.2); knows no role.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::client_request::Expectation;
use super::headers::{EXTENSION_LIST, EXTENSIONS, PROTOCOL, RESERVED};
use super::{HandshakeError, Headers, InvalidHeader, request, subprotocol};
use crate::excerpt::Excerpt;
#[cfg(feature = "deflate")]
use crate::extension::{Deflate, DeflateConfig};
use crate::extension::{Extension, encode_extensions, parse_extensions};

/// What both ends agreed on: a subprotocol and extensions, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<String>,
    extensions: Vec<Extension>,
    /// What `extensions` was parsed from.
    extensions_value: String,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

impl Negotiated {
    /// Judges the response of a server by what the client offered in `offer`.
    pub(super) fn of_response(
        offer: &Headers,
        response: &Headers,
        expectation: &Expectation,
    ) -> Result<Self, HandshakeError> {
        // §11.3.2 and §11.3.4: "MUST NOT appear more than once in an HTTP response"
        let (subprotocol, extensions) = (response.once(PROTOCOL)?, response.once(EXTENSIONS)?);
        if expectation.needs_subprotocol && subprotocol.is_none() {
            return Err(HandshakeError::NoSubprotocol);
        }
        let negotiated = Self::new(offer, subprotocol, extensions)?;
        #[cfg(feature = "deflate")]
        let negotiated = Self { deflate: confirm_deflate(&negotiated, expectation)?, ..negotiated };
        Ok(negotiated)
    }

    /// Returns the negotiated subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the negotiated extensions, in the order in which they are applied to sent messages
    /// (§9.1).
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// Returns the header value that names the negotiated extensions, or an empty string.
    #[must_use]
    pub fn extensions_value(&self) -> &str {
        &self.extensions_value
    }

    /// Returns the negotiated parameters of permessage-deflate, for
    /// [`Connection::with_deflate`](crate::Connection::with_deflate).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// Judges what a server chose by what the client offered in `offer`.
    fn new(
        offer: &Headers,
        subprotocol: Option<&[u8]>,
        extensions: Option<&[u8]>,
    ) -> Result<Self, HandshakeError> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let subprotocol = subprotocol.map(text);
        // §4.1: "the use of a subprotocol that was not present in the client's handshake […] the
        // client MUST _Fail the WebSocket Connection_"
        if let Some(name) = &subprotocol
            && !subprotocol::offered(offer).any(|offered| offered == name)
        {
            return Err(HandshakeError::UnofferedSubprotocol(name.clone()));
        }
        let chosen = parse_extensions(extensions).map_err(|_| {
            let value = Excerpt(extensions.unwrap_or_default());
            InvalidHeader::error(EXTENSIONS, value, EXTENSION_LIST)
        })?;
        let offered = request::extensions(offer)?;
        // §4.2.2: "Extensions not listed by the client MUST NOT be listed."
        let is_offered = |one: &&Extension| offered.iter().any(|other| other.name() == one.name());
        if let Some(unoffered) = chosen.iter().find(|chosen| !is_offered(chosen)) {
            return Err(HandshakeError::UnofferedExtension(unoffered.name().to_owned()));
        }
        let extensions_value = extensions.map(text).unwrap_or_default();
        Ok(Self {
            subprotocol,
            extensions: chosen,
            extensions_value,
            #[cfg(feature = "deflate")]
            deflate: None,
        })
    }
}

/// What a server grants when it accepts a request. By default, a connection without a subprotocol
/// or extensions.
///
/// ```
/// use sanswire::extension::Extension;
/// use sanswire::handshake::Acceptance;
///
/// let acceptance = Acceptance::new()
///     .subprotocol("chat")
///     .extension(Extension::new("permessage-deflate")?)
///     .header("Set-Cookie", "session=1")?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acceptance {
    subprotocol: Option<String>,
    extensions: Vec<Extension>,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateConfig>,
    headers: Headers,
}

impl Acceptance {
    /// Creates an acceptance without a subprotocol, extensions or headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol, which the client must have offered. `None` chooses none.
    #[must_use]
    pub fn subprotocol<'a>(mut self, name: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = name.into().map(ToOwned::to_owned);
        self
    }

    /// Chooses an extension, which the client must have offered, after those that were chosen
    /// before.
    #[must_use]
    pub fn extension(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Uses permessage-deflate (RFC 7692) if the client offers it with acceptable parameters, after
    /// the other chosen extensions. It replaces a permessage-deflate that was chosen by
    /// [`extension`](Self::extension).
    #[doc(alias = "compression")]
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, config: &DeflateConfig) -> Self {
        self.deflate = Some(config.clone());
        self
    }

    /// Adds a header to the response, such as `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// - [`HandshakeError::IllegalHeader`]: `name` is not a token, or `value` contains a control
    ///   character.
    /// - [`HandshakeError::ReservedHeader`]: `name` is a header of the handshake, or a header that
    ///   announces a body.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, HandshakeError> {
        self.headers.append_unless(&RESERVED, name, value)?;
        Ok(self)
    }

    /// Judges the choice by the request, and adds the headers that tell it to `response`.
    pub(super) fn negotiate(
        &self,
        offer: &Headers,
        response: &mut Headers,
    ) -> Result<Negotiated, HandshakeError> {
        #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "deflate adds one"))]
        let mut chosen = self.extensions.clone();
        #[cfg(feature = "deflate")]
        let deflate = match &self.deflate {
            Some(config) => {
                // RFC 7692, §5: two that use the same reserved bit cannot be in use together.
                chosen.retain(|extension| !Deflate::is_named_by(extension));
                Deflate::accept(config, &request::extensions(offer)?)
            }
            None => None,
        }
        .map(|(agreed, extension)| {
            chosen.push(extension);
            agreed
        });
        let extensions = encode_extensions(&chosen);
        let extensions = Some(extensions.as_bytes()).filter(|value| !value.is_empty());
        let subprotocol = self.subprotocol.as_deref().map(str::as_bytes);
        let negotiated = Negotiated::new(offer, subprotocol, extensions)?;
        #[cfg(feature = "deflate")]
        let negotiated = Negotiated { deflate, ..negotiated };
        for (name, value) in [(PROTOCOL, subprotocol), (EXTENSIONS, extensions)] {
            if let Some(value) = value {
                response.push(name, value);
            }
        }
        response.extend(&self.headers);
        Ok(negotiated)
    }
}

/// Judges the permessage-deflate that a server chose by what the client offered.
#[cfg(feature = "deflate")]
fn confirm_deflate(
    negotiated: &Negotiated,
    expectation: &Expectation,
) -> Result<Option<Deflate>, HandshakeError> {
    let Some(config) = &expectation.deflate else { return Ok(None) };
    let mut agreed = None;
    for extension in &negotiated.extensions {
        if !Deflate::is_named_by(extension) {
            continue;
        }
        // RFC 7692, §5: two that use the same reserved bit cannot be in use together.
        if agreed.is_some() {
            let value = Excerpt(negotiated.extensions_value.as_bytes());
            return Err(InvalidHeader::error(EXTENSIONS, value, "permessage-deflate once"));
        }
        let confirmed = Deflate::confirm(config, extension);
        agreed = Some(confirmed.map_err(|error| HandshakeError::InvalidExtension(error.into()))?);
    }
    Ok(agreed)
}
