//! Requests that are too large, too slow, malformed, or not what they seem.

use std::time::Duration;

use super::{Attack, each};
use crate::Fault;
use crate::arena::Arena;
use crate::peer::{Peer, Reaction, request};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "head that never ends, in single bytes",
        "RFC 6455, §4.2.1",
        Reaction::Answered(431),
        |arena| {
            let mut peer = Peer::connect(arena.port)?;
            peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")?;
            peer.trickle(&[b'a'; 20_000]);
            Ok(vec![peer.answer()?])
        },
    )
    .known(&["CVE-2023-43669", "RUSTSEC-2023-0065"]),
    Attack::on_server(
        "request line of 9,000 bytes",
        "RFC 9112, §3",
        Reaction::Answered(414),
        |arena| answer(arena, &format!("GET /{} HTTP/1.1\r\n", "a".repeat(9_000))).map(one),
    ),
    Attack::on_server(
        "101 and more headers, with those that count in the end",
        "RFC 6455, §4.2.1",
        Reaction::Answered(431),
        |arena| {
            each([96, 1_000, 100_000], |count| {
                let lines = "A: b\r\n".repeat(count);
                answer(arena, &request("/", "").replacen("Host", &format!("{lines}Host"), 1))
            })
        },
    )
    .known(&["CVE-2024-37890", "CVE-2026-54465"]),
    Attack::on_server(
        "as many headers as are allowed",
        "RFC 6455, §4.2.1",
        Reaction::Answered(101),
        |arena| {
            each([0, 95], |count| {
                let lines = "A: b\r\n".repeat(count);
                open(arena, &request("/", &lines)).map(|_| Reaction::Answered(101))
            })
        },
    )
    .known(&["CVE-2024-37890"]),
    Attack::on_server(
        "slow loris: a byte of the head every 25 ms",
        "RFC 9110, §15.5.9",
        Reaction::Answered(408),
        |arena| {
            let mut peers = Vec::new();
            for _ in 0..40 {
                peers.push(Peer::connect(arena.port)?);
            }
            for byte in request("/", "").bytes().take(160) {
                for peer in &mut peers {
                    peer.try_send(&[byte]);
                }
                std::thread::sleep(Duration::from_millis(25));
            }
            each(peers, |mut peer| peer.answer())
        },
    )
    .patient(),
    Attack::on_server(
        "connections that say nothing",
        "RFC 9110, §15.5.9",
        Reaction::Answered(408),
        |arena| {
            let peers: Result<Vec<_>, _> = (0..40).map(|_| Peer::connect(arena.port)).collect();
            each(peers?, |mut peer| peer.answer())
        },
    )
    .patient(),
    Attack::on_server(
        "heads that end after each number of their bytes",
        "RFC 6455, §7.2.2",
        Reaction::Dropped,
        |arena| {
            let head = request("/", "");
            each(0..head.len() - 1, |len| {
                let mut peer = Peer::connect(arena.port)?;
                peer.send(&head.as_bytes()[..len])?;
                peer.finish()?;
                peer.answer()
            })
        },
    )
    .known(&["CVE-2025-11677"]),
    Attack::on_server(
        "clients that are reset within and behind the handshake",
        "RFC 6455, §7.2.2",
        Reaction::Ended,
        |arena| {
            let head = request("/", "");
            each((0..=head.len()).rev().step_by(3), |len| {
                let mut peer = Peer::connect(arena.port)?;
                peer.send(&head.as_bytes()[..len])?;
                peer.reset()?;
                Ok(Reaction::Ended)
            })
        },
    )
    .known(&["CVE-2025-11677"]),
    Attack::on_server(
        "headers folded, with white space or control characters where none may be",
        "RFC 9112, §2.2, §5",
        Reaction::Answered(400),
        |arena| {
            let lines = [
                "A: b\r\n c\r\n",
                "A : b\r\n",
                "A: b\nC: d\r\n",
                "A: b\rC: d\r\n",
                "A: b\0\r\n",
                "A\0: b\r\n",
                "A: \x1b[2J\r\n",
                "A(: b\r\n",
                ": b\r\n",
                "A\r\n",
            ];
            each(lines, |line| answer(arena, &request("/", line)))
        },
    ),
    Attack::on_server(
        "two hosts, none, or one that is malformed",
        "RFC 9112, §3.2",
        Reaction::Answered(400),
        |arena| {
            let hosts = [
                "",
                "Host: a\r\nHost: a\r\n",
                "Host: a\r\nHost: b\r\n",
                "Host: [::1\r\n",
                "Host: a:99999\r\n",
                "Host: a:b:c\r\n",
                "Host: a b\r\n",
                "Host: user@a\r\n",
                "Host: a/b\r\n",
                "Host: \u{fffd}\r\n",
            ];
            each(hosts, |host| {
                answer(arena, &request("/", "").replace("Host: 127.0.0.1\r\n", host))
            })
        },
    )
    .known(&["CVE-2026-61666"]),
    Attack::on_server(
        "keys that are none, or two",
        "RFC 6455, §4.2.1, §11.3.1",
        Reaction::Answered(400),
        |arena| {
            let keys = [
                "",
                "Sec-WebSocket-Key: \r\n",
                "Sec-WebSocket-Key: AAAA\r\n",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ];
            let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            each(keys, |other| answer(arena, &request("/", "").replace(key, other)))
        },
    ),
    Attack::on_server(
        "a body behind the request, whose bytes could be taken for frames",
        "RFC 9112, §6",
        Reaction::Answered(400),
        |arena| {
            let lines = [
                "Content-Length: 8\r\n",
                "Transfer-Encoding: chunked\r\n",
                "Content-Length: 8\r\nTransfer-Encoding: chunked\r\n",
                "Content-Length: 8\r\nContent-Length: 9\r\n",
            ];
            each(lines, |line| answer(arena, &(request("/", line) + "\u{1}\u{1}\u{1}\u{1}")))
        },
    ),
    Attack::on_server(
        "extension lists that are malformed, such as an open quotation of `\\c\\c\\c`",
        "RFC 6455, §9.1",
        Reaction::Answered(400),
        |arena| {
            let lists = [
                "a; b=\"".to_owned() + &"\\c".repeat(7_000),
                ",".repeat(14_000) + "a b",
                "a; b=\"\"".to_owned(),
                "a;;b".to_owned(),
                "a; b=".to_owned(),
                "a; =b".to_owned(),
                "\u{fffd}".to_owned(),
            ];
            each(lists, |list| {
                answer(arena, &request("/", &format!("Sec-WebSocket-Extensions: {list}\r\n")))
            })
        },
    )
    .known(&["CVE-2020-7662", "CVE-2020-7663"]),
    Attack::on_server(
        "lists of 60,000 commas, of spaces, and of 10,000 parameters",
        "RFC 6455, §4.2.1",
        Reaction::Answered(431),
        |arena| {
            let lists = [
                format!("Sec-WebSocket-Protocol: {}\r\n", ",".repeat(60_000)),
                format!("Sec-WebSocket-Protocol: a{}b\r\n", " ".repeat(60_000)),
                format!("Sec-WebSocket-Extensions: a{}\r\n", "; b=c".repeat(10_000)),
            ];
            each(lists, |list| answer(arena, &request("/", &list)))
        },
    )
    .known(&["ws 3.3.1"]),
    Attack::on_server(
        "protocol lists that fill a head, of commas, spaces, names, a name again and again; 20 of each",
        "RFC 6455, §4.1, §11.3.4",
        Reaction::Answered(400),
        |arena| {
            let before = arena.cpu()?;
            // Not valid because of their ends: all of them must be read.
            let lists = [
                ",".repeat(15_000) + "a b",
                format!("a{}b", " ".repeat(15_000)),
                "a, ".repeat(5_000) + "(",
                (0..2_700).map(|number| format!("{number}, ")).collect::<String>() + "a b",
                "a".repeat(15_000) + "\"",
            ];
            let reactions = each(lists.iter().cycle().take(lists.len() * 20), |list| {
                answer(arena, &request("/", &format!("Sec-WebSocket-Protocol: {list}\r\n")))
            })?;
            // Of 1.5 MB. With time in the square of a list it would be minutes.
            let spent = arena.cpu()?.saturating_sub(before);
            if spent > Duration::from_secs(3) {
                return Err(Fault::new(format!("they took {spent:?} of CPU time")));
            }
            Ok(reactions)
        },
    )
    .known(&["CVE-2021-32640"]),
    Attack::on_server(
        "offers with window bits out of range and names such as `__proto__`: not taken",
        "RFC 7692, §7.1.2; RFC 6455, §9.1",
        Reaction::Answered(101),
        |arena| {
            let deflate =
                |bits: &&str| format!("permessage-deflate; server_max_window_bits={bits}");
            let bits = ["0", "7", "16", "09", "x", "256", "18446744073709551616", "-1", "1e1"];
            let mut offers: Vec<String> = bits.iter().map(deflate).collect();
            offers.extend(
                [
                    "constructor",
                    "__proto__; __proto__=__proto__",
                    "permessage-deflate; constructor",
                    "permessage-deflate; server_max_window_bits",
                    "permessage-deflate; server_no_context_takeover=1",
                    "permessage-deflate; client_max_window_bits; client_max_window_bits",
                    "x-webkit-deflate-frame",
                ]
                .map(str::to_owned),
            );
            each(offers, |offer| {
                let head = format!("Sec-WebSocket-Extensions: {offer}\r\n");
                let answer = open(arena, &request("/", &head))?;
                if answer.to_ascii_lowercase().contains("extensions") {
                    return Err(Fault::new(format!("it has taken {offer}: {answer}")));
                }
                Ok(Reaction::Answered(101))
            })
        },
    )
    .known(&["CVE-2026-2229", "ws 3.3.1"]),
    Attack::on_server(
        "other versions, and drafts, with another request behind that a proxy may believe in",
        "RFC 6455, §4.2.2, §4.4",
        Reaction::Answered(426),
        |arena| {
            let versions = [
                "Sec-WebSocket-Version: 8\r\n",
                "Sec-WebSocket-Version: 0\r\n",
                "Sec-WebSocket-Version: 12\r\n",
                "Sec-WebSocket-Version: 14\r\n",
                "Sec-WebSocket-Version: 255\r\n",
                "",
                "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1\r\n",
            ];
            each(versions, |version| {
                let head = request("/", "").replace("Sec-WebSocket-Version: 13\r\n", version);
                let smuggled = "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n";
                answer(arena, &(head + smuggled))
            })
        },
    )
    .known(&["CVE-2026-54466", "CVE-2026-54463", "websocket-smuggle"]),
    Attack::on_server(
        "pages of other sites",
        "RFC 6455, §10.2",
        Reaction::Answered(403),
        |arena| {
            let origins = [
                "https://evil.example",
                "http://127.0.0.1.evil.example",
                "http://127.0.0.1:81",
                "null",
                "",
            ];
            each(origins, |origin| {
                answer(arena, &request("/origin", &format!("Origin: {origin}\r\n")))
            })
        },
    )
    .known(&["PYSEC-2019-170", "GO-2025-3874", "GO-2026-5181", "GO-2026-5433"]),
    Attack::on_server(
        "other protocols: TLS, SSH, random bytes",
        "RFC 6455, §4.2.1",
        Reaction::Answered(400),
        |arena| {
            let starts: [&[u8]; 4] = [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"SSH-2.0-client\r\n",
                b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
                b"\xff\xfe\xfd\r\n\r\n",
            ];
            each(starts, |start| {
                let mut peer = Peer::connect(arena.port)?;
                peer.send(start)?;
                peer.finish()?;
                peer.answer()
            })
        },
    ),
];

/// Sends this, and returns the answer, behind which the connection must be over.
fn answer(arena: &Arena<'_>, text: &str) -> Result<Reaction, Fault> {
    let mut peer = Peer::connect(arena.port)?;
    // It may be answered before it has ended.
    peer.try_send(text.as_bytes());
    peer.answer()
}

/// Sends this, which must be accepted, and returns the head of the answer.
fn open(arena: &Arena<'_>, text: &str) -> Result<String, Fault> {
    let mut peer = Peer::connect(arena.port)?;
    peer.send(text.as_bytes())?;
    let head = peer.head()?;
    if head.starts_with("HTTP/1.1 101 ") { Ok(head) } else { Err(Fault::new(head)) }
}

fn one(reaction: Reaction) -> Vec<Reaction> {
    vec![reaction]
}
