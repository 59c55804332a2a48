//! A user name and a password, as a URL has them, and as HTTP sends them; knows no header.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::url::{Fault, user_info};
use super::{UrlError, UrlPart};

/// A user name and a password. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// Without a colon and without control characters.
    pub(crate) user: String,
    /// Without control characters.
    pub(crate) password: String,
}

impl Credentials {
    /// Returns `None` if they cannot be written. RFC 7617, §2: "a user-id containing a colon
    /// character is invalid", and "The user-id and password MUST NOT contain any control
    /// characters".
    pub(crate) fn new(user: &str, password: &str) -> Option<Self> {
        let is_legal = |text: &str| !text.chars().any(char::is_control);
        let is_legal = is_legal(user) && is_legal(password) && !user.contains(':');
        is_legal.then(|| Self { user: user.into(), password: password.into() })
    }

    /// Takes the user information out of a URL. Returns the URL without it.
    pub(crate) fn take(url: &str) -> Result<(String, Option<Taken>), UrlError> {
        let Some(range) = user_info(url) else { return Ok((url.into(), None)) };
        let fault = |fact| UrlError::new(url, Fault::at(UrlPart::UserInfo, range.start, fact));
        let user_info = url.get(range.clone()).and_then(|text| text.strip_suffix('@'));
        let user_info = user_info.unwrap_or_default();
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decode = |text| percent_decode(text).ok_or_else(|| fault(NOT_ENCODED));
        let (user, password) = (decode(user)?, decode(password)?);
        let credentials = Self::new(&user, &password).ok_or_else(|| fault(NOT_LEGAL))?;
        let mut url = String::from(url);
        url.replace_range(range.clone(), "");
        Ok((url, Some(Taken { credentials, range })))
    }

    /// Returns the value of an `Authorization` header (RFC 7617).
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// What was taken out of a URL, and from where.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) credentials: Credentials,
    pub(super) range: Range<usize>,
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        decoded.push(match byte {
            b'%' => u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

const NOT_ENCODED: &str = "it is percent-encoded UTF-8: write %25 for a % that is meant";
const NOT_LEGAL: &str = "it has a control character, or the user name has a colon";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn taken(url: &str) -> (String, Option<(String, String)>) {
        let (url, taken) = Credentials::take(url).unwrap();
        (url, taken.map(|taken| (taken.credentials.user, taken.credentials.password)))
    }

    #[test]
    fn credentials_are_taken_out_and_decoded() {
        let both = |user: &str, password: &str| Some((user.into(), password.into()));
        for (url, without, credentials) in [
            ("ws://a:b@c/d", "ws://c/d", both("a", "b")),
            ("ws://a@c", "ws://c", both("a", "")),
            ("ws://@c", "ws://c", both("", "")),
            ("ws://a:b:c@d", "ws://d", both("a", "b:c")),
            ("ws://a@b:c@d", "ws://d", both("a@b", "c")),
            ("ws://%C3%A4:%40%3a@c?@", "ws://c?@", both("ä", "@:")),
            ("ws://c/a@b", "ws://c/a@b", None),
            ("ws://c#a@b", "ws://c#a@b", None),
            // Browsers take this for a path of the host c.
            ("ws://c\\@d/", "ws://c\\@d/", None),
            ("a@c", "a@c", None),
        ] {
            assert_eq!(taken(url), (without.into(), credentials), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_not_shown() {
        for user_info in ["%zz", "%1", "%", "%ff", "a%3Ab:c", "a:%0a", "\r\n:b"] {
            let error = Credentials::take(&format!("ws://secret{user_info}@c/")).unwrap_err();
            assert_eq!((error.part(), error.position()), (UrlPart::UserInfo, Some(5)));
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let (_, taken) = Credentials::take("ws://secret:secret@c/").unwrap();
        assert!(!format!("{taken:?}").contains("secret"));
    }

    #[test]
    fn basic_is_that_of_rfc_7617() {
        let credentials = Credentials::new("Aladdin", "open sesame").unwrap();
        assert_eq!(credentials.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
