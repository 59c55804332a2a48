//! Heads of requests and responses, right and broken, beside parsers of HTTP.

use crate::differential::child::Child;
use crate::differential::http_peers::{self, Outcome};
use crate::differential::http_rules::{Difference, RULES};
use crate::differential::rules::Book;
use crate::differential::told::hex;
use crate::differential::{Inquiry, Peers};
use crate::random::Random;
use crate::tally::Tally;

pub(crate) fn ask(tally: &mut Tally, inquiry: Inquiry) {
    let mut child = (inquiry.peers == Peers::All).then(Child::start);
    let hyper = http_peers::Hyper::new();
    let mut book = Book::new(RULES);
    for seed in inquiry.seed..inquiry.seed + CASES * inquiry.factor {
        let mut random = Random::new(seed);
        let kind = [Kind::Request, Kind::Response][random.below(2)];
        let head = head(&mut random, kind);
        let size = random.split(head.len());
        let ours = http_peers::sanswire(kind, &head, head.len().max(1));
        let shown = || format!("seed {seed}, {kind:?} {:?}", head.escape_ascii().to_string());
        let pieces = http_peers::sanswire(kind, &head, size);
        tally.check(&pieces, &ours, || format!("in pieces of {size}, {}", shown()));
        let mut compare = |name: &'static str, theirs: Outcome| {
            if ours == theirs {
                return book.agree(tally, name);
            }
            let ours = ours.clone();
            let difference = Difference { kind, head: head.clone(), ours, theirs };
            book.differ(tally, name, &difference, || {
                let Difference { ours, theirs, .. } = &difference;
                format!("{ours:?}, {name} {theirs:?}, {}", shown())
            });
        };
        compare("httparse", http_peers::httparse(kind, &head));
        compare("hyper", hyper.outcome(kind, &head));
        if let Some(child) = &mut child {
            for name in ["h11", "llhttp"] {
                let answer = child.ask(&format!("head {name} {} {}", kind.name(), hex(&head)));
                compare(name, http_peers::parse_answer(&answer));
            }
        }
    }
    let asked: &[&str] = match inquiry.peers {
        Peers::All => &["h11", "httparse", "hyper", "llhttp"],
        Peers::Embedded => &["httparse", "hyper"],
    };
    book.print(tally, asked, inquiry.needs_all());
}

/// What a head is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Makes a head, and breaks it perhaps.
fn head(random: &mut Random, kind: Kind) -> Vec<u8> {
    let mut lines = match kind {
        Kind::Request => request(random),
        Kind::Response => response(random),
    };
    for _ in 0..random.below(3) {
        change_lines(random, kind, &mut lines);
    }
    let mut head: Vec<u8> =
        lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
    head.extend(b"\r\n");
    if kind == Kind::Response && random.below(8) == 0 {
        head.splice(0..0, *b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
    }
    for _ in 0..random.below(3) {
        change_bytes(random, &mut head);
    }
    head
}

fn request(random: &mut Random) -> Vec<String> {
    let target =
        pick(random, &["/chat", "/chat", "/chat?room=7", "http://server.example.com/chat"]);
    let mut lines = vec![
        format!("GET {target} HTTP/1.1"),
        "Host: server.example.com".into(),
        "Upgrade: websocket".into(),
        "Connection: Upgrade".into(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".into(),
        "Sec-WebSocket-Version: 13".into(),
    ];
    lines.truncate(2 + random.below(5));
    lines
}

fn response(random: &mut Random) -> Vec<String> {
    let mut lines = vec![
        "HTTP/1.1 101 Switching Protocols".into(),
        "Upgrade: websocket".into(),
        "Connection: Upgrade".into(),
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
    ];
    if random.below(2) == 0 {
        lines = vec![
            format!("HTTP/1.1 {} Of course", pick(random, &["200", "302", "404", "503"])),
            "Content-Length: 0".into(),
            "Connection: close".into(),
        ];
    }
    lines
}

/// Changes the start line, or a field, in ways that HTTP knows.
fn change_lines(random: &mut Random, kind: Kind, lines: &mut Vec<String>) {
    let at = 1 + random.below(lines.len());
    match random.below(7) {
        0 => {
            lines[0] =
                pick(random, if kind == Kind::Request { &REQUEST_LINES } else { &STATUS_LINES })
        }
        1 if at < lines.len() => {
            lines.remove(at);
        }
        2 if at < lines.len() => {
            let line = lines[at].clone();
            lines.insert(at, line);
        }
        _ => lines.insert(at.min(lines.len()), pick(random, &FIELDS)),
    }
}

/// Changes bytes without regard to HTTP, most of them where lines or names end.
fn change_bytes(random: &mut Random, head: &mut Vec<u8>) {
    if head.is_empty() {
        return;
    }
    let marks: Vec<usize> =
        (0..head.len()).filter(|at| matches!(head[*at], b'\r' | b'\n' | b':' | b' ')).collect();
    let mut at = random.below(head.len());
    if random.below(2) == 0 && !marks.is_empty() {
        at = marks[random.below(marks.len())] + random.below(2);
    }
    let at = at.min(head.len() - 1);
    match random.below(6) {
        0 => head.truncate(at),
        1 => {
            head.remove(at);
        }
        2 | 3 => head[at] = BYTES[random.below(BYTES.len())],
        _ => {
            let piece = pick(random, &PIECES);
            head.splice(at..at, piece.into_bytes());
        }
    }
}

fn pick(random: &mut Random, all: &[&str]) -> String {
    all[random.below(all.len())].into()
}

const REQUEST_LINES: [&str; 26] = [
    "GET /chat HTTP/1.0",
    "GET /chat HTTP/1.2",
    "GET /chat HTTP/2.0",
    "GET /chat HTTP/0.9",
    "GET /chat http/1.1",
    "GET /chat HTTP/1",
    "GET /chat HTTP/1.10",
    "GET /chat HTTP/01.1",
    "GET /chat",
    "GET  /chat HTTP/1.1",
    "GET /chat  HTTP/1.1",
    "GET /chat HTTP/1.1 ",
    " GET /chat HTTP/1.1",
    "GET\t/chat HTTP/1.1",
    "get /chat HTTP/1.1",
    "POST /chat HTTP/1.1",
    "PROPFIND /chat HTTP/1.1",
    "G(T /chat HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT server.example.com:443 HTTP/1.1",
    "GET chat HTTP/1.1",
    "GET /ch\u{E4}t HTTP/1.1",
    "GET /a#b HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET ws://server.example.com/ HTTP/1.1",
    "",
];

const STATUS_LINES: [&str; 18] = [
    "HTTP/1.0 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/2 200",
    "http/1.1 200 OK",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1 999 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 404 Nicht gef\u{FC}nden",
    "HTTP/1.1 404 Not\tFound",
    " HTTP/1.1 200 OK",
    "ICY 200 OK",
    "",
];

const FIELDS: [&str; 40] = [
    "X: a",
    "X:a",
    "X:  a  ",
    "X:\ta\t",
    "X:",
    "X: ",
    "X : a",
    "X\t: a",
    " X: a",
    "\tX: a",
    "X",
    ": a",
    ":",
    "X: a\u{E4}",
    "X\u{E4}: a",
    "X: a\"b\\",
    "X(: a",
    "X: a:b",
    "X: a\tb",
    "X: a\u{7F}",
    "X-Y_Z.1!#$%&'*+^`|~: a",
    "Host: other.example.com",
    "Host: a b",
    "Host:",
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length: 5, 6",
    "Content-Length: x",
    "Content-Length:",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Connection: close",
    "Connection: keep-alive, Upgrade",
    "Upgrade: h2c, websocket",
    "Expect: 100-continue",
    "Trailer: X",
];

const PIECES: [&str; 14] = [
    "\r\n", "\n", "\r", "\r\r\n", "\n\n", "\r\n\r\n", " ", "\t", "\r\n ", "\r\n\t", "\0", ":",
    "a: b\r\n", "\u{E4}",
];

const BYTES: [u8; 36] = *b"\0\t\n\r\x0B !\"#%(),/:;<=>?@[\\]{}\x1B\x7F\x80\xE9\xFFaZ09h";

/// How many cases there are at least.
const CASES: u64 = 40_000;
