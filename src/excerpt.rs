//! What a stranger wrote, as it may be shown in a log or a terminal; knows no header.

use alloc::string::String;
use core::fmt::{self, Write};

/// The beginning of what a stranger wrote: one line, without control characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excerpt<'a>(pub(crate) &'a [u8]);

/// An excerpt of a URL, or of a line that has one. User information, a query and a fragment, which
/// may be secrets, are replaced by `…`.
#[cfg(feature = "handshake")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a>(pub(crate) &'a [u8]);

/// A URL or a resource name, of which `Debug` prints the [`Place`]: what is printed may be logged.
#[cfg(feature = "handshake")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Locator(pub(crate) String);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.trim_ascii();
        // Enough for the longest characters, and for white space that becomes one space.
        let text = String::from_utf8_lossy(bytes.get(..16 * MAX_LEN).unwrap_or(bytes));
        let mut was_space = false;
        let folded = text.chars().filter_map(|character| {
            let is_space = character.is_whitespace();
            let is_folded = is_space && was_space;
            was_space = is_space;
            (!is_folded).then_some(if is_space { ' ' } else { character })
        });
        write_escaped(f, folded)
    }
}

/// Writes the first of these characters, without those that control a terminal.
fn write_escaped(
    f: &mut fmt::Formatter<'_>,
    mut characters: impl Iterator<Item = char>,
) -> fmt::Result {
    for character in characters.by_ref().take(MAX_LEN) {
        match character {
            '"' | '\'' | '\\' => f.write_char(character)?,
            // Also what would turn the direction of the text.
            _ => character.escape_debug().try_for_each(|escaped| f.write_char(escaped))?,
        }
    }
    if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
}

#[cfg(feature = "handshake")]
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().position(|byte| matches!(byte, b'?' | b'#'));
        let (url, hidden) = self.0.split_at(end.unwrap_or(self.0.len()));
        let slashes = url.windows(2).position(|pair| pair == b"//").map_or(0, |at| at + 2);
        // What stands before an @ is no scheme.
        let slashes = if url.iter().take(slashes).any(|byte| *byte == b'@') { 0 } else { slashes };
        let (scheme, rest) = url.split_at(slashes);
        let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut text = shown(scheme);
        if let Some(at) = rest.iter().rposition(|byte| *byte == b'@') {
            text.push('…');
            text += &shown(rest.get(at..).unwrap_or_default());
        } else if hidden.contains(&b'@') && !ends_before_the_path(rest) {
            // A password with a ? or # in it that should have been percent-encoded.
            text.push('…');
            return write_escaped(f, text.chars());
        } else if slashes > 0
            && let Some(port) = no_port(rest)
        {
            // A password with a @ behind it that is percent-encoded, too.
            text += &shown(rest.get(..port).unwrap_or_default());
            text.push('…');
            return write_escaped(f, text.chars());
        } else {
            text += &shown(rest);
        }
        write_escaped(f, text.chars())?;
        match hidden {
            [mark, ..] => write!(f, "{}…", char::from(*mark)),
            [] => Ok(()),
        }
    }
}

#[cfg(feature = "handshake")]
impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Place(self.0.as_bytes()))
    }
}

/// Returns whether what stands before a path is a host with or without a port.
#[cfg(feature = "handshake")]
fn ends_before_the_path(url: &[u8]) -> bool {
    let Some(end) = url.iter().position(|byte| *byte == b'/') else { return false };
    let (authority, _) = url.split_at(end);
    let port = authority.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    !authority.contains(&b':') || port.iter().all(u8::is_ascii_digit)
}

/// Returns where something begins in place of the port that is none.
#[cfg(feature = "handshake")]
fn no_port(url: &[u8]) -> Option<usize> {
    let authority = url.split(|byte| *byte == b'/').next().unwrap_or_default();
    // That of an IPv6 address stands behind its bracket.
    let host = authority.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1);
    let colon = host + authority.get(host..)?.iter().position(|byte| *byte == b':')?;
    let port = authority.get(colon + 1..)?;
    (!port.iter().all(u8::is_ascii_digit)).then_some(colon + 1)
}

/// In characters: a line of a terminal.
const MAX_LEN: usize = 80;

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line_that_controls_nothing() {
        let excerpt = |bytes: &[u8]| format!("{}", Excerpt(bytes));
        assert_eq!(excerpt(b" {\"error\":\r\n\t 'a\\b'} "), "{\"error\": 'a\\b'}");
        assert_eq!(excerpt(b"\x1b[2J\0\x7f"), "\\u{1b}[2J\\0\\u{7f}");
        assert_eq!(excerpt("a\u{202e}b\u{9b}".as_bytes()), "a\\u{202e}b\\u{9b}");
        assert_eq!(excerpt(b"\xff\xc3\xa4"), "\u{fffd}ä");
        assert_eq!(excerpt(&[b'a'; 80]), "a".repeat(80));
        assert_eq!(excerpt(&[b'a'; 81]), "a".repeat(80) + "…");
    }
    #[cfg(feature = "handshake")]
    #[test]
    fn a_place_has_no_user_no_query_and_no_fragment() {
        let place = |url: &str| format!("{}", Place(url.as_bytes()));
        for (url, shown) in [
            ("ws://example.com:80/chat", "ws://example.com:80/chat"),
            ("ws://example.com/?secret", "ws://example.com/?…"),
            ("ws://example.com/#", "ws://example.com/#…"),
            ("ws://example.com:80/?mail=secret@secret", "ws://example.com:80/?…"),
            ("ws://user:secret@example.com/a", "ws://…@example.com/a"),
            ("user:secret@example.com", "…@example.com"),
            ("ws:user:secret@example.com//a", "…@example.com//a"),
            ("GET http://user:secret@h/a?secret HTTP/1.1", "GET http://…@h/a?…"),
            ("/chat?secret#secret", "/chat?…"),
            ("host:room/chat", "host:room/chat"),
            (" ws://a\x1b b\r\n/ ", " ws://a\\u{1b} b\\r\\n/ "),
            // What should have been percent-encoded.
            ("ws://user:secret/secret@example.com/a", "ws://…@example.com/a"),
            ("ws://user:secret?secret@example.com/a", "ws://…"),
            ("ws://user:secret#secret@example.com/a", "ws://…"),
            ("ws://user:secret/secret?secret@example.com/a", "ws://…"),
            ("ws://secret?@example.com/a", "ws://…"),
            ("ws://user:secret%40example.com:80/a", "ws://user:…"),
            ("ws://user:secret/a?b", "ws://user:…"),
            ("ws://[::1]:80/a:b", "ws://[::1]:80/a:b"),
            ("ws://[::1]:secret/a", "ws://[::1]:…"),
        ] {
            assert_eq!(place(url), shown);
        }
        assert_eq!(
            place(&format!("ws://{}/", "a".repeat(100))),
            format!("ws://{}…", "a".repeat(75))
        );
    }
}
