//! A list of HTTP header fields; knows no header's meaning.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{HandshakeError, InvalidHeader};
use crate::excerpt::Excerpt;
use crate::extension::is_token;

/// The header fields of one HTTP message, in order. Repeated fields are kept; names are compared
/// without regard to case.
///
/// Values are bytes. What is added is checked, so a field cannot contain a line break.
///
/// ```
/// use sanswire::handshake::Headers;
///
/// let mut headers = Headers::new();
/// headers.append("Connection", "keep-alive, Upgrade")?;
/// assert_eq!(headers.text("connection"), Some("keep-alive, Upgrade"));
/// assert!(headers.contains_token("Connection", "upgrade"));
/// assert!(headers.append("X-Name", "a\r\nInjected: b").is_err());
/// # Ok::<(), sanswire::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Eq)]
struct Field {
    /// A token.
    name: String,
    /// No control characters but tabs, no white space at the ends.
    value: Vec<u8>,
}

impl Headers {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// Parses header lines, up to and with the empty line behind the last one. There are `count`
    /// lines that are not folded.
    pub(super) fn parse(lines: &[u8], count: usize) -> Result<Self, HandshakeError> {
        let mut storage = alloc::vec![httparse::EMPTY_HEADER; count];
        let lines = unfold(lines);
        let parsed = httparse::parse_headers(&lines, &mut storage);
        let Ok(httparse::Status::Complete((_, parsed))) = parsed else {
            let wrong = first_malformed(&lines);
            return Err(HandshakeError::malformed("header line", HeaderName(wrong)));
        };
        let field = |header: &httparse::Header<'_>| Field {
            name: header.name.to_owned(),
            value: header.value.to_owned(),
        };
        Ok(Self { fields: parsed.iter().map(field).collect() })
    }

    /// Adds a field after those that are there. Removes white space around the value.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::IllegalHeader`] if the name is not a token, or if the value contains a
    /// control character other than a tab, such as a line break or NUL.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HandshakeError> {
        let value = value.as_ref();
        // RFC 9110, §5.5: "Field values containing CR, LF, or NUL characters are invalid and
        // dangerous"
        let is_legal = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
        if !is_token(name.as_bytes()) || !value.iter().all(is_legal) {
            return Err(HandshakeError::IllegalHeader(name.to_owned()));
        }
        self.push(name, value.trim_ascii());
        Ok(())
    }

    /// Adds a field and removes all others with the same name.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::IllegalHeader`], as for [`append`](Self::append). Then nothing changed.
    pub fn insert(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HandshakeError> {
        let mut checked = Self::new();
        checked.append(name, value)?;
        self.remove(name);
        self.extend(&checked);
        Ok(())
    }

    /// As [`append`](Self::append), but refuses the fields that the handshake writes itself.
    pub(super) fn append_unless(
        &mut self,
        reserved: &[&str],
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HandshakeError> {
        if reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(HandshakeError::ReservedHeader(name.to_owned()));
        }
        self.append(name, value)
    }

    /// Adds a field that is known to be legal.
    pub(super) fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.fields.push(Field { name: name.to_owned(), value: value.as_ref().to_owned() });
    }

    /// Adds all fields of `other`.
    pub(super) fn extend(&mut self, other: &Self) {
        self.fields.extend_from_slice(&other.fields);
    }

    /// Returns the first value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Returns the first value of `name`, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// Returns all values of `name`, one for each field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns the elements of a comma-separated list, from all fields of `name` in order.
    ///
    /// White space around elements and empty elements are left out (RFC 9110, §5.6.1).
    pub fn list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Returns whether `token` is an element of the list `name`, without regard to case.
    #[must_use]
    pub fn contains_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Returns all names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (field.name.as_str(), field.value.as_slice()))
    }

    /// Returns the error for a field whose value is not as `expected`.
    pub(super) fn invalid(
        &self,
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
    ) -> HandshakeError {
        InvalidHeader::error(name, Excerpt(&self.joined(name)), expected)
    }

    /// Returns what may be shown of the fields with this name, if there are any.
    pub(super) fn excerpt(&self, name: &str) -> Option<String> {
        self.get(name)?;
        Some(Excerpt(&self.joined(name)).to_string())
    }

    fn joined(&self, name: &str) -> Vec<u8> {
        self.all(name).collect::<Vec<_>>().join(&b", "[..])
    }

    /// Puts the values of all fields of this name into one.
    pub(super) fn join(&mut self, name: &str, separator: &[u8]) {
        let values: Vec<_> = self.all(name).collect();
        if values.len() > 1 {
            let whole = values.join(separator);
            self.remove(name);
            self.push(name, whole);
        }
    }

    /// Drops all fields of this name.
    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !field.name.eq_ignore_ascii_case(name));
    }

    /// Drops all fields whose names `is_kept` does not like.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.fields.retain(|field| is_kept(&field.name));
    }

    /// Returns the same fields with names in lower case.
    pub(super) fn to_lowercase(&self) -> Self {
        let lowercase = |field: &Field| Field {
            name: field.name.to_ascii_lowercase(),
            value: field.value.clone(),
        };
        Self { fields: self.fields.iter().map(lowercase).collect() }
    }

    /// Returns the value of a field that may stand in a message only once.
    pub(super) fn once(&self, name: &'static str) -> Result<Option<&[u8]>, HandshakeError> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(HandshakeError::DuplicateHeader(name));
        }
        Ok(first)
    }

    /// As [`once`](Self::once), for a field that must be there.
    pub(super) fn exactly_once(&self, name: &'static str) -> Result<&[u8], HandshakeError> {
        self.once(name)?.ok_or(HandshakeError::MissingHeader(name))
    }

    /// Appends all fields as lines.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for field in &self.fields {
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&field.value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secret = |name| SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name));
        let text = |(name, value)| {
            (name, if is_secret(name) { "…".into() } else { String::from_utf8_lossy(value) })
        };
        f.debug_map().entries(self.iter().map(text)).finish()
    }
}

/// What may be shown of a header line that is not valid: the name, whose value may be a secret.
#[derive(Debug)]
pub(super) struct HeaderName<'a>(pub(super) &'a [u8]);

impl fmt::Display for HeaderName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|byte| !is_token(&[*byte]));
        let len = end.unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(len);
        // What ends the name may be what is wrong.
        let (end, value) = rest.split_at(rest.len().min(1));
        write!(f, "{}{}", Excerpt(name), Excerpt(end))?;
        if value.is_empty() { Ok(()) } else { f.write_str("…") }
    }
}

/// Returns the first line that is no header by itself.
fn first_malformed(lines: &[u8]) -> &[u8] {
    let is_header = |line: &[u8]| {
        let (alone, mut storage) = ([line, b"\r\n\r\n"].concat(), [httparse::EMPTY_HEADER]);
        matches!(httparse::parse_headers(&alone, &mut storage), Ok(httparse::Status::Complete(_)))
    };
    let lines = lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.into_iter().find(|line| !is_header(line)).unwrap_or_default()
}

/// Puts header lines that are folded into one.
///
/// RFC 9112, §5.2: "A user agent that receives an obs-fold in a response message […] MUST replace
/// each received obs-fold with one or more SP octets prior to interpreting the field value."
fn unfold(lines: &[u8]) -> Cow<'_, [u8]> {
    let is_fold = |bytes: &[u8]| matches!(bytes, [b'\n', b' ' | b'\t']);
    if !lines.windows(2).any(is_fold) {
        return Cow::Borrowed(lines);
    }
    let mut unfolded = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if let [b' ' | b'\t', ..] = line {
            // `obs-fold = OWS CRLF RWS`
            unfolded.truncate(unfolded.trim_ascii_end().len());
            unfolded.push(b' ');
            unfolded.extend_from_slice(line.trim_ascii());
            unfolded.extend_from_slice(b"\r\n");
        } else {
            unfolded.extend_from_slice(line);
        }
    }
    Cow::Owned(unfolded)
}

pub(super) const ACCEPT: &str = "Sec-WebSocket-Accept";
pub(super) const AUTHORIZATION: &str = "Authorization";
pub(super) const CONNECTION: &str = "Connection";
pub(super) const CONTENT_LENGTH: &str = "Content-Length";
pub(super) const CONTENT_TYPE: &str = "Content-Type";
pub(super) const COOKIE: &str = "Cookie";
pub(super) const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
/// What [`EXTENSIONS`] is expected to be (RFC 6455, §9.1).
pub(super) const EXTENSION_LIST: &str = "a list of extensions";
pub(super) const HOST: &str = "Host";
pub(super) const KEY: &str = "Sec-WebSocket-Key";
pub(super) const LOCATION: &str = "Location";
pub(super) const ORIGIN: &str = "Origin";
pub(super) const PROTOCOL: &str = "Sec-WebSocket-Protocol";
pub(super) const PROXY_AUTHENTICATE: &str = "Proxy-Authenticate";
pub(super) const RETRY_AFTER: &str = "Retry-After";
pub(super) const TRANSFER_ENCODING: &str = "Transfer-Encoding";
pub(super) const UPGRADE: &str = "Upgrade";
pub(super) const VERSION: &str = "Sec-WebSocket-Version";
pub(super) const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

/// The fields of an upgrade that no caller may set.
pub(super) const RESERVED: [&str; 11] = [
    ACCEPT,
    CONNECTION,
    CONTENT_LENGTH,
    EXTENSIONS,
    HOST,
    KEY,
    ORIGIN,
    PROTOCOL,
    TRANSFER_ENCODING,
    UPGRADE,
    VERSION,
];

/// Headers with values that no log may have. A redirect may have a token in its URL.
const SECRET: [&str; 5] = [AUTHORIZATION, COOKIE, LOCATION, "Proxy-Authorization", "Set-Cookie"];
