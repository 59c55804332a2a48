//! How others may differ in what they make of a head.

use sanswire::handshake::HandshakeError;

use crate::differential::heads::Kind;
use crate::differential::http_peers::{Outcome, Parsed};
use crate::differential::rules::Rule;

/// What is made of a head.
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    pub(crate) head: Vec<u8>,
    /// By this crate.
    pub(crate) ours: Outcome,
    pub(crate) theirs: Outcome,
}

impl Difference {
    fn refused(&self) -> Option<&HandshakeError> {
        match &self.ours {
            Outcome::Refused(error) => Some(error),
            Outcome::Incomplete | Outcome::Malformed | Outcome::Parsed(_) => None,
        }
    }

    /// This crate takes for malformed what they do not.
    fn is_strict(&self) -> bool {
        matches!((&self.ours, &self.theirs), (Outcome::Malformed, Outcome::Parsed(_)))
    }

    /// This crate takes for HTTP what they take for malformed.
    fn is_lenient(&self) -> bool {
        matches!(
            (&self.ours, &self.theirs),
            (Outcome::Parsed(_) | Outcome::Refused(_), Outcome::Malformed)
        )
    }

    fn both(&self) -> Option<(&Parsed, &Parsed)> {
        match (&self.ours, &self.theirs) {
            (Outcome::Parsed(ours), Outcome::Parsed(theirs)) => Some((ours, theirs)),
            _ => None,
        }
    }

    /// The head that counts, behind interim responses and empty lines.
    fn counted(&self) -> &[u8] {
        let mut rest = &self.head[..];
        let mut is_interim = false;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, behind) = rest.split_at(end);
            let is_empty = line.trim_ascii().is_empty();
            if !is_empty && !is_interim {
                let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
                let is_http = words.next().is_some_and(|word| word.starts_with(b"HTTP/1."));
                let status = words.next().unwrap_or_default();
                is_interim = is_http && matches!(status, [b'1', _, _]) && status != b"101";
                if !is_interim {
                    break;
                }
            }
            // A line of white space alone is a fold.
            is_interim &= !matches!(line, b"\r\n" | b"\n");
            rest = behind;
        }
        rest
    }

    fn start_line(&self) -> &[u8] {
        let line = self.counted().split(|byte| *byte == b'\n').next();
        line.unwrap_or_default().trim_ascii_end()
    }

    /// The target of a request: what stands between the first space and the last.
    fn target(&self) -> &[u8] {
        let line = self.start_line();
        let mut spaces = (0..line.len()).filter(|at| line[*at] == b' ');
        match (spaces.next(), spaces.next_back()) {
            (Some(first), Some(last)) => &line[first + 1..last],
            _ => &[],
        }
    }

    /// Whether the target has a byte that RFC 3986 has no place for, or a `%` without its digits.
    fn has_odd_target(&self) -> bool {
        let target = self.target();
        let is_odd = |(at, byte): (usize, &u8)| match byte {
            b'%' => {
                let digits = target.get(at + 1..at + 3);
                !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }
            _ => b"\"<>[\\]^`{|}".contains(byte),
        };
        target.iter().enumerate().any(is_odd)
    }

    /// Whether the empty line at the end of the head that counts is there.
    fn is_whole(&self) -> bool {
        self.counted().windows(4).any(|window| window == b"\r\n\r\n")
    }

    /// The header for which this crate refuses a head, if it does for one.
    fn refused_header(&self) -> Option<&str> {
        match self.refused()? {
            HandshakeError::DuplicateHeader(name) | HandshakeError::MissingHeader(name) => {
                Some(name)
            }
            HandshakeError::InvalidHeader(header) => Some(header.name),
            _ => None,
        }
    }

    /// The status of a response, as they parse it.
    fn status(&self) -> Option<&[u8]> {
        match &self.theirs {
            Outcome::Parsed(parsed) => parsed.start.first().map(|status| &status[..]),
            Outcome::Incomplete | Outcome::Malformed | Outcome::Refused(_) => None,
        }
    }

    fn has(&self, pieces: &[&[u8]]) -> bool {
        let head = self.head.to_ascii_lowercase();
        let is_in = |piece: &&[u8]| head.windows(piece.len()).any(|window| window == *piece);
        pieces.iter().any(is_in)
    }

    fn has_fold(&self) -> bool {
        self.has(&[b"\n ", b"\n\t"])
    }

    fn has_odd_line_end(&self) -> bool {
        let before = |at: usize| at.checked_sub(1).map(|at| self.head[at]);
        (0..self.head.len()).any(|at| match self.head[at] {
            b'\n' => before(at) != Some(b'\r'),
            _ => before(at) == Some(b'\r'),
        })
    }

    fn has_control(&self) -> bool {
        self.head.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte))
    }

    fn frames_a_body(&self) -> bool {
        self.has(&[b"content-length", b"transfer-encoding"])
    }
}

const ALL: &[&str] = &["h11", "httparse", "hyper", "llhttp"];

pub(crate) const RULES: &[Rule<Difference>] = &[
    Rule {
        name: "late",
        peers: ALL,
        section: "RFC 9112, §2.2",
        reason: "it judges a line when all of it is there, and not at the byte that is wrong",
        permits: |difference| {
            matches!(difference.ours, Outcome::Malformed | Outcome::Refused(_))
                && matches!(difference.theirs, Outcome::Incomplete)
                && !difference.is_whole()
        },
    },
    Rule {
        name: "early",
        peers: ALL,
        section: "RFC 9112, §2.2",
        reason: "it judges a line before all of the head is there",
        permits: |difference| {
            matches!(
                (&difference.ours, &difference.theirs),
                (Outcome::Incomplete, Outcome::Malformed)
            ) && !difference.is_whole()
        },
    },
    Rule {
        name: "Host",
        peers: ALL,
        section: "RFC 9112, §3.2",
        reason: "it does not look at the header Host, or takes what is wrong with it for no HTTP",
        permits: |difference| difference.refused_header() == Some("Host"),
    },
    Rule {
        name: "target",
        peers: ALL,
        section: "RFC 9112, §3.2",
        reason: "it has targets that no WebSocket has, or takes them for no HTTP",
        permits: |difference| {
            matches!(difference.refused(), Some(HandshakeError::InvalidTarget(_)))
        },
    },
    Rule {
        name: "version",
        peers: ALL,
        section: "RFC 9112, §2.3",
        reason: "it goes on with another version, or takes it for no HTTP",
        permits: |difference| {
            matches!(difference.refused(), Some(HandshakeError::UnsupportedHttpVersion(_)))
        },
    },
    Rule {
        name: "no WebSocket",
        peers: ALL,
        section: "§4.1",
        reason: "it does not know what a response that opens a WebSocket has",
        permits: |difference| {
            let of_opening = ["Upgrade", "Connection", "Sec-WebSocket-Accept"];
            difference.kind == Kind::Response
                && difference.status() == Some(b"101")
                && difference.refused_header().is_some_and(|name| of_opening.contains(&name))
        },
    },
    Rule {
        name: "line ends",
        peers: ALL,
        section: "RFC 9112, §2.2",
        reason: "it takes a bare LF, or a bare CR, for the end of a line or for a space",
        permits: |difference| difference.is_strict() && difference.has_odd_line_end(),
    },
    Rule {
        name: "empty lines",
        peers: ALL,
        section: "RFC 9112, §2.2",
        reason: "it does not skip empty lines before a request, or does so before a response",
        permits: |difference| match difference.kind {
            Kind::Request => difference.is_lenient() && difference.head.starts_with(b"\r\n"),
            Kind::Response => {
                let is_first = difference.head.starts_with(b"\r\n");
                difference.is_strict() && (is_first || difference.has(&[b"\r\n\r\n\r\n"]))
            }
        },
    },
    Rule {
        name: "folded request",
        peers: &["h11"],
        section: "RFC 9112, §5.2",
        reason: "it replaces folds in requests, which a server may",
        permits: |difference| {
            difference.is_strict() && difference.kind == Kind::Request && difference.has_fold()
        },
    },
    Rule {
        name: "control characters",
        peers: &["h11", "llhttp"],
        section: "RFC 9110, §5.5",
        reason: "it has control characters in values or reasons",
        permits: |difference| difference.is_strict() && difference.has_control(),
    },
    Rule {
        name: "target beyond ASCII",
        peers: &["httparse", "hyper"],
        section: "RFC 3986, §2",
        reason: "it takes bytes of UTF-8 in a target",
        permits: |difference| {
            difference.is_strict()
                && difference.kind == Kind::Request
                && !difference.start_line().is_ascii()
        },
    },
    Rule {
        name: "another request line",
        peers: &["llhttp"],
        section: "RFC 9112, §3",
        reason: "it takes several spaces between the parts, and request lines without a version",
        permits: |difference| {
            let line = difference.start_line();
            let has_spaces = line.windows(2).any(|pair| pair == b"  ");
            let has_version = line.windows(6).any(|window| window == b" HTTP/");
            difference.is_strict()
                && difference.kind == Kind::Request
                && (has_spaces || !has_version)
        },
    },
    Rule {
        name: "status below 100",
        peers: &["httparse", "llhttp"],
        section: "RFC 9110, §15",
        reason: "it takes a status code without a class",
        permits: |difference| {
            difference.is_strict()
                && difference.kind == Kind::Response
                && difference
                    .start_line()
                    .split(|byte| *byte == b' ')
                    .nth(1)
                    .is_some_and(|status| status.starts_with(b"0"))
        },
    },
    Rule {
        name: "folded response",
        peers: &["h11", "httparse", "hyper", "llhttp"],
        section: "RFC 9112, §5.2",
        reason: "it does not replace folds as a user agent must, or by another space",
        permits: |difference| {
            let differs = difference.is_lenient() || difference.both().is_some();
            differs && difference.kind == Kind::Response && difference.has_fold()
        },
    },
    Rule {
        name: "body",
        peers: &["h11", "hyper", "llhttp"],
        section: "RFC 9112, §6.3",
        reason: "it judges how long a body is. This crate refuses requests that have one, and closes \
                 behind every other answer",
        permits: |difference| {
            let differs = difference.is_lenient() || difference.both().is_some();
            differs && difference.frames_a_body()
        },
    },
    Rule {
        name: "later versions",
        peers: &["httparse", "hyper", "llhttp"],
        section: "RFC 9110, §2.5",
        reason: "it does not take a later minor version for the highest that it knows",
        permits: |difference| {
            // Maybe of an interim response.
            let first = difference.head.trim_ascii_start();
            let has = |version: &[u8]| {
                let line = difference.start_line();
                first.starts_with(version)
                    || line.windows(version.len()).any(|window| window == version)
            };
            difference.is_lenient()
                && (2..=9).any(|minor| has(format!("HTTP/1.{minor}").as_bytes()))
        },
    },
    Rule {
        name: "behind HTTP/1.0",
        peers: &["llhttp"],
        section: "RFC 9112, §9.3",
        reason: "behind an interim response of HTTP/1.0, it expects the end of the connection",
        permits: |difference| {
            difference.is_lenient()
                && difference.kind == Kind::Response
                && difference.counted().len() < difference.head.len()
                && difference.has(&[b"http/1.0 1"])
        },
    },
    Rule {
        name: "unknown methods",
        peers: &["llhttp"],
        section: "RFC 9110, §9.1",
        reason: "it has a list of methods",
        permits: |difference| {
            let known: [&[u8]; 5] = [b"GET ", b"POST ", b"OPTIONS ", b"CONNECT ", b"PROPFIND "];
            let start = difference.start_line();
            difference.is_lenient()
                && difference.kind == Kind::Request
                && !known.iter().any(|method| start.starts_with(method))
        },
    },
    Rule {
        name: "characters of targets",
        peers: &["hyper"],
        section: "RFC 3986, §2",
        reason: "it is stricter with characters that a target should not have",
        permits: |difference| {
            difference.is_lenient()
                && difference.kind == Kind::Request
                && difference.has_odd_target()
        },
    },
    Rule {
        name: "order",
        peers: &["hyper"],
        section: "RFC 9110, §5.3",
        reason: "it keeps fields of the same name together, and adds the path to a URL without one",
        permits: |difference| {
            difference.both().is_some_and(|(ours, theirs)| {
                let sorted = |parsed: &Parsed| {
                    let mut fields = parsed.fields.clone();
                    fields.sort_by(|one, other| one.0.cmp(&other.0));
                    fields
                };
                let bare = |parsed: &Parsed| {
                    let mut start = parsed.start.concat();
                    start.retain(|byte| *byte != b'/');
                    start
                };
                bare(ours) == bare(theirs) && sorted(ours) == sorted(theirs)
            })
        },
    },
];
