//! What a name, a room, a text, a key and an id may be; knows nobody.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// The name of a person: short, visible, and free of what has a meaning elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(Arc<str>);

/// A room of all, or the conversation of two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// `#lobby`.
    Public(Arc<str>),
    /// Two different names, the lesser one first: there is one room for both.
    Direct(Name, Name),
}

impl Name {
    /// Returns a valid name, or the rule that it breaks, for its owner to read.
    ///
    /// What looks the same is spelt in one way: letters with marks, letters of another width, spaces.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = text.chars().filter(|&c| c != EMOJI_STYLE).take(4 * MAX_NAME).nfkc();
        let plain = plain.collect::<String>();
        let mut text = plain.trim().to_owned();
        while text.contains("  ") {
            text = text.replace("  ", " ");
        }
        let is_hidden =
            |c: char| c.is_control() || (c.is_whitespace() && c != ' ') || is_invisible(c);
        if text.is_empty() {
            Err("a name has at least one character")
        } else if text.chars().count() > MAX_NAME {
            Err("a name has at most 24 characters")
        } else if text.contains(RESERVED) {
            Err("a name has none of # @ | < > & \" ' ` \\")
        } else if text.contains(is_hidden) {
            Err("a name has no invisible characters")
        } else if !text.contains(char::is_alphanumeric) {
            Err("a name has a letter or a digit")
        } else if has_many_marks(&text) {
            Err("a name has at most three marks on a letter")
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Returns a name that was valid when it was stored: the rules may have changed.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        let is_one =
            !text.is_empty() && !text.contains(RESERVED) && !text.contains(char::is_control);
        is_one.then(|| Self(text.into()))
    }

    /// Returns what all spellings of this name have in common.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// Returns what this name has in common with those that look like it, such as one with a Cyrillic
    /// letter in the place of a Latin one.
    pub(crate) fn look(&self) -> String {
        skeleton(&self.folded()).collect()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Room {
    /// Returns the public room of this name, or the rule that it breaks.
    pub(crate) fn public(text: &str) -> Result<Self, &'static str> {
        let Some(name) = text.strip_prefix('#') else { return Err("a room begins with # or @") };
        let is_letter = |c: char| c.is_alphanumeric() && !is_invisible(c);
        let is_allowed = |c: char| {
            c == '-' || c == '_' || (is_letter(c) && c.to_lowercase().eq(std::iter::once(c)))
        };
        if name.is_empty() || name.chars().count() > MAX_ROOM {
            Err("a room has 1 to 32 characters after the #")
        } else if !name.chars().all(is_allowed) || !name.nfkc().eq(name.chars()) {
            Err("a room has lower-case letters, digits, - and _ only")
        } else {
            Ok(Self::Public(text.into()))
        }
    }

    /// Returns the room of two.
    pub(crate) fn direct(one: Name, other: Name) -> Result<Self, &'static str> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Ok(Self::Direct(one, other)),
            std::cmp::Ordering::Equal => Err("this is yourself"),
            std::cmp::Ordering::Greater => Ok(Self::Direct(other, one)),
        }
    }

    /// Returns the room that has this name in a log.
    pub(crate) fn of_log(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some(names) => {
                let (one, other) = names.split_once('|')?;
                Self::direct(Name::stored(one)?, Name::stored(other)?).ok()
            }
            None => {
                // The rules for new ones may have changed.
                let name = text.strip_prefix('#').filter(|name| !name.is_empty())?;
                let is_one = !name.contains(RESERVED) && !name.contains(char::is_control);
                is_one.then(|| Self::Public(text.into()))
            }
        }
    }

    /// Returns how a person calls this room: that of two by the other's name.
    pub(crate) fn seen_by(&self, person: &Name) -> String {
        match self {
            Self::Public(room) => room.to_string(),
            Self::Direct(one, other) => format!("@{}", if one == person { other } else { one }),
        }
    }

    /// Returns whether this is the room that is always there.
    pub(crate) fn is_lobby(&self) -> bool {
        matches!(self, Self::Public(name) if **name == *LOBBY)
    }

    /// Returns the two who share this room, if it is not for all.
    pub(crate) fn pair(&self) -> Option<[&Name; 2]> {
        match self {
            Self::Public(_) => None,
            Self::Direct(one, other) => Some([one, other]),
        }
    }
}

/// As it is called in a log.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(room) => f.write_str(room),
            Self::Direct(one, other) => write!(f, "@{one}|{other}"),
        }
    }
}

/// Returns a text as it is said, or the rule that it breaks. It is data: pages escape it.
pub(crate) fn text(text: &str) -> Result<&str, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        Err("a message is not empty")
    } else if text.chars().count() > MAX_TEXT {
        Err("a message has at most 2000 characters")
    } else if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        Err("a message has no control characters")
    } else {
        Ok(text)
    }
}

/// Returns whether this can be the id of a message.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(is_base64url)
}

/// Returns whether this can be the secret of a page: 22 characters of base64url are 128 bits.
pub(crate) fn is_key(text: &str) -> bool {
    (22..=64).contains(&text.len()) && text.bytes().all(is_base64url)
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The room that is always there.
pub(crate) const LOBBY: &str = "#lobby";
/// Characters of a name at most.
pub(crate) const MAX_NAME: usize = 24;
/// Characters of a room at most, after the `#`.
pub(crate) const MAX_ROOM: usize = 32;
/// Characters of a message at most.
pub(crate) const MAX_TEXT: usize = 2000;

const RESERVED: [char; 10] = ['#', '@', '|', '<', '>', '&', '"', '\'', '`', '\\'];

/// Asks for a coloured picture in the place of a plain one. Input methods add it by themselves.
const EMOJI_STYLE: char = '\u{fe0f}';

/// Letters have three marks at most in any language: more would cover what stands above.
fn has_many_marks(text: &str) -> bool {
    let marks = text.chars().map(is_combining_mark).collect::<Vec<_>>();
    marks.windows(4).any(|marks| marks.iter().all(|&is_mark| is_mark))
}

/// Returns whether a character shows nothing, so that one name could look like another. Those that
/// Unicode calls "default ignorable", such as joiners, directions and fillers; and a few more.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_visible_and_no_markup() {
        for name in ["Ann", "Ångström 2", " Bob ", "李雷", &"x".repeat(24)] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name.trim());
        }
        let refused =
            ["", "  ", &"x".repeat(25), "<b>", "a&b", "#a", "@a", "a|b", "a\nb", "a\u{202e}b"];
        for name in refused.into_iter().chain(["a\u{200d}b", "-", "\"", "'"]) {
            assert!(Name::parse(name).is_err(), "{name:?}");
        }
        for hidden in ['\u{61c}', '\u{34f}', '\u{3164}', '\u{ffa0}', '\u{2800}', '\u{e0100}'] {
            assert!(Name::parse(&format!("Ann{hidden}")).is_err(), "{hidden:?}");
            assert!(Name::parse(&hidden.to_string()).is_err(), "{hidden:?}");
            assert!(Room::public(&format!("#a{hidden}")).is_err(), "{hidden:?}");
        }
        assert!(Name::parse("Z\u{335}\u{321}\u{347}\u{317}algo").is_err());
    }

    #[test]
    fn a_name_that_looks_the_same_is_the_same_or_alike() {
        let name = |text| Name::parse(text).unwrap();
        for (one, other) in [
            ("Ångström", "A\u{30a}ngstro\u{308}m"),
            ("Ann", "\u{ff21}\u{ff4e}\u{ff4e}"),
            ("Ann Lee", " Ann\u{a0}  Lee"),
            ("Ann ❤", "Ann ❤\u{fe0f}"),
        ] {
            assert_eq!(name(one), name(other));
        }
        for (one, other) in [("Ann", "\u{410}nn"), ("Bill", "Bi11"), ("paypal", "раураl")] {
            assert_ne!(name(one).folded(), name(other).folded());
            assert_eq!(name(one).look(), name(other).look());
        }
        assert_ne!(name("Ann").look(), name("Anne").look());
        // What was valid once stays so for those who have it.
        assert_eq!(Name::stored("Ann\u{3164}").unwrap().as_str(), "Ann\u{3164}");
        assert_eq!(Name::stored("Ann|Bob"), None);
    }

    #[test]
    fn two_share_one_room_that_each_calls_by_the_other() {
        let [ann, bob] = ["Ann", "Bob"].map(|name| Name::parse(name).unwrap());
        let room = Room::direct(bob.clone(), ann.clone()).unwrap();
        assert_eq!(room, Room::direct(ann.clone(), bob.clone()).unwrap());
        assert_eq!(room.seen_by(&ann), "@Bob");
        assert_eq!(room.seen_by(&bob), "@Ann");
        assert_eq!(Room::of_log(&room.to_string()), Some(room));
        assert!(Room::direct(ann.clone(), ann).is_err());
    }

    #[test]
    fn a_room_is_written_in_one_way() {
        for room in ["#lobby", "#a-b_3", "#münchen", &format!("#{}", "x".repeat(32))] {
            assert_eq!(Room::public(room).unwrap().to_string(), room);
            assert_eq!(Room::of_log(room), Room::public(room).ok());
        }
        for room in [
            "",
            "#",
            "lobby",
            "#Lobby",
            "#a b",
            "#<b>",
            "@x",
            "#\u{fb01}",
            &format!("#{}", "x".repeat(33)),
        ] {
            assert!(Room::public(room).is_err(), "{room:?}");
        }
    }
}
