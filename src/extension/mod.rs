//! Compression with permessage-deflate (RFC 7692), and the header `Sec-WebSocket-Extensions`
//! (RFC 6455, §9.1).
//!
//! To compress messages, enable the feature `deflate` and pass a [`DeflateConfig`] to
//! [`Acceptance::deflate`](crate::handshake::Acceptance::deflate) of a server and to
//! [`ClientRequest::deflate`](crate::handshake::ClientRequest::deflate) of a client. The feature
//! alone compresses nothing: `accept` and `connect` do not negotiate compression.
//!
#![cfg_attr(
    all(feature = "deflate", feature = "handshake"),
    doc = "
```
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, ClientRequest};

// A client passes this to `connect_with`.
let url = \"ws://localhost:9001/chat\";
let request = ClientRequest::from_url(url)?.deflate(&DeflateConfig::default());
// A server returns this from the callback of `accept_with`.
let acceptance = Acceptance::new().deflate(&DeflateConfig::default());
# drop((request, acceptance));
# Ok::<(), sanswire::handshake::HandshakeError>(())
```
"
)]
//!
//! The rest of this module is for handshakes that are done elsewhere, such as over HTTP/2:
//! [`parse_extensions`] and [`encode_extensions`] convert header values, and [`Deflate`] negotiates.

#[cfg(not(feature = "deflate"))]
mod absent;
#[cfg(feature = "deflate")]
mod deflate;
mod error;

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

#[cfg(not(feature = "deflate"))]
pub(crate) use absent::{Deflater, Inflater};
#[cfg(feature = "deflate")]
pub use deflate::Deflate;
#[cfg(feature = "deflate")]
#[doc(alias("compression", "zlib"))]
pub use deflate::DeflateConfig;
#[cfg(feature = "deflate")]
#[doc(alias = "context takeover")]
pub use deflate::Takeover;
#[cfg(feature = "deflate")]
pub(crate) use deflate::{Deflater, Inflater, deflate_alone};
pub use error::{InvalidExtension, MalformedExtension};

/// One element of `Sec-WebSocket-Extensions`: a name and its parameters, in order.
///
/// In a request it is an offer. In a response it is in use. Names and values are tokens, so every
/// `Extension` is valid in a header.
///
/// ```
/// use sanswire::extension::Extension;
///
/// let offer = Extension::new("permessage-deflate")?
///     .param("client_max_window_bits", None)?
///     .param("server_max_window_bits", Some("10"))?;
/// assert_eq!(
///     offer.to_string(),
///     "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
/// );
/// # Ok::<(), sanswire::extension::MalformedExtension>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// A token.
    name: String,
    /// Names are tokens; so are values once a quoted string is unescaped.
    params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// Creates an extension without parameters.
    ///
    /// # Errors
    ///
    /// [`MalformedExtension`] if `name` is not a token.
    pub fn new(name: &str) -> Result<Self, MalformedExtension> {
        Ok(Self { name: token(name)?, params: Vec::new() })
    }

    /// Adds a parameter after the others.
    ///
    /// # Errors
    ///
    /// [`MalformedExtension`] if `name` or `value` is not a token.
    pub fn param(mut self, name: &str, value: Option<&str>) -> Result<Self, MalformedExtension> {
        self.params.push((token(name)?, value.map(token).transpose()?));
        Ok(self)
    }

    /// Returns the name as it was written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the parameters in order, including repeated ones.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, Option<&str>)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

#[cfg(feature = "deflate")]
impl Extension {
    /// Creates an extension whose name is known to be a token.
    fn named(name: &'static str) -> Self {
        Self { name: name.to_owned(), params: Vec::new() }
    }

    /// Adds a parameter whose name is known to be a token.
    fn push(&mut self, name: &'static str, value: Option<u8>) {
        self.params.push((name.to_owned(), value.map(|value| value.to_string())));
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.params {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Parses the values of all `Sec-WebSocket-Extensions` lines of one head, in order.
///
/// Without any line, the list is empty. Lines without an extension are an error, as in Chromium. Names
/// are case-sensitive, also as in Chromium: `Permessage-Deflate` is not `permessage-deflate`.
///
/// ```
/// let lines = [&b"foo"[..], b"bar; baz=\"2\""];
/// let extensions = sanswire::extension::parse_extensions(lines)?;
/// assert_eq!(extensions[1].params().next(), Some(("baz", Some("2"))));
/// assert_eq!(sanswire::extension::encode_extensions(&extensions), "foo, bar; baz=2");
/// # Ok::<(), sanswire::extension::MalformedExtension>(())
/// ```
///
/// # Errors
///
/// [`MalformedExtension`] if a value breaks the grammar, or if there are lines without any extension.
pub fn parse_extensions<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Extension>, MalformedExtension> {
    let mut extensions = Vec::new();
    let mut any_line = false;
    for line in lines {
        any_line = true;
        let listed = Parser { rest: line }.list().ok_or_else(|| MalformedExtension::new(line))?;
        extensions.extend(listed);
    }
    // §9.1: "extension-list = 1#extension"
    if any_line && extensions.is_empty() {
        return Err(MalformedExtension::new(b""));
    }
    Ok(extensions)
}

/// Encodes `extensions` as one header value.
#[must_use]
pub fn encode_extensions(extensions: &[Extension]) -> String {
    extensions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns whether `bytes` is a token: not empty, visible ASCII, no separators.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

fn token(text: &str) -> Result<String, MalformedExtension> {
    let valid = is_token(text.as_bytes()).then(|| text.to_owned());
    valid.ok_or_else(|| MalformedExtension::new(text.as_bytes()))
}

/// RFC 9110, §5.6.2: `tchar`. The same set as `token` of RFC 2616.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Reads one header value from front to back. Each step leaves no white space in front, and returns
/// nothing if the value is malformed.
struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn list(&mut self) -> Option<Vec<Extension>> {
        let mut extensions = Vec::new();
        loop {
            // RFC 2616, §2.1: "null elements are allowed, but do not contribute to the count".
            while self.eat(b',') {}
            if self.rest.is_empty() {
                return Some(extensions);
            }
            extensions.push(self.extension()?);
            if !self.rest.is_empty() && !self.eat(b',') {
                return None;
            }
        }
    }

    fn extension(&mut self) -> Option<Extension> {
        let mut extension = Extension { name: self.token()?, params: Vec::new() };
        while self.eat(b';') {
            let name = self.token()?;
            let value = if self.eat(b'=') { Some(self.value()?) } else { None };
            extension.params.push((name, value));
        }
        Some(extension)
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix(b"\"") else { return self.token() };
        let mut value = String::new();
        let mut bytes = quoted.iter();
        while let Some(&byte) = bytes.next() {
            let byte = match byte {
                b'"' if value.is_empty() => return None,
                b'"' => {
                    self.rest = bytes.as_slice();
                    self.skip_white_space();
                    return Some(value);
                }
                b'\\' => *bytes.next()?,
                other => other,
            };
            // §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF"
            if !is_token_byte(byte) {
                return None;
            }
            value.push(char::from(byte));
        }
        None
    }

    fn token(&mut self) -> Option<String> {
        self.skip_white_space();
        let len = self.rest.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (token, rest) = self.rest.split_at(len);
        if token.is_empty() {
            return None;
        }
        self.rest = rest;
        self.skip_white_space();
        Some(token.iter().copied().map(char::from).collect())
    }

    /// Takes `byte` and the white space around it, if it comes next.
    ///
    /// §9.1: "this section is using ABNF syntax/rules from \[RFC2616\], including the 'implied *LWS
    /// rule'", so white space may stand around `=`, too.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = rest;
        self.skip_white_space();
        true
    }

    fn skip_white_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}
