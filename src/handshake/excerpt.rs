//! What a peer sent, as it may be shown in a log or a terminal; knows no header.

use alloc::string::String;
use core::fmt::{self, Write};

/// The beginning of what a peer sent: one line, without control characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excerpt<'a>(pub(super) &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.trim_ascii();
        // Enough for the longest characters, and for white space that becomes one space.
        let text = String::from_utf8_lossy(bytes.get(..16 * MAX_LEN).unwrap_or(bytes));
        let (mut len, mut was_space) = (0, false);
        for character in text.chars() {
            let is_space = character.is_whitespace();
            if is_space && was_space {
                continue;
            }
            if len == MAX_LEN {
                return f.write_char('…');
            }
            len += 1;
            was_space = is_space;
            match character {
                _ if is_space => f.write_char(' ')?,
                '"' | '\'' | '\\' => f.write_char(character)?,
                // Also what would turn the direction of the text.
                _ => character.escape_debug().try_for_each(|escaped| f.write_char(escaped))?,
            }
        }
        Ok(())
    }
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
}
