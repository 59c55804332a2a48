//! A hostile server, and a client that connects to it.

use std::collections::HashSet;

use sanswire::handshake::encode_accept;

use super::deflate::deflate;
use super::{Attack, each};
use crate::Fault;
use crate::arena::{Gate, Report};
use crate::peer::{Peer, Reaction, unmasked, unmasked_header};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_client(
        "a response that never ends, in single bytes",
        "RFC 6455, §4.1",
        Reaction::Refused,
        |gate| {
            refused(gate, "LimitExceeded(Size(16384))", |peer| {
                peer.head()?;
                peer.try_send(b"HTTP/1.1 101 Switching Protocols\r\nX: ");
                peer.trickle(&[b'a'; 1 << 20]);
                Ok(())
            })
        },
    )
    .known(&["CVE-2023-43669", "RUSTSEC-2023-0065"]),
    Attack::on_client(
        "interim responses and headers without end",
        "RFC 9110, §15.2",
        Reaction::Refused,
        |gate| {
            let floods = [
                ("InterimResponses(16)", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000)),
                ("Headers(100)", "HTTP/1.1 101 OK\r\n".to_owned() + &"A: b\r\n".repeat(100_000)),
            ];
            each_refused(gate, floods)
        },
    ),
    Attack::on_client("a server that never answers", "RFC 6455, §4.1", Reaction::Refused, |gate| {
        refused(gate, "Timeout", |peer| {
            peer.head()?;
            peer.answer()?;
            Ok(())
        })
    })
    .patient(),
    Attack::on_client(
        "a refusal whose body never ends",
        "RFC 6455, §4.1",
        Reaction::Refused,
        |gate| {
            refused(gate, "UnexpectedStatus", |peer| {
                peer.head()?;
                peer.try_send(b"HTTP/1.1 401 Unauthorized\r\n\r\n");
                while peer.try_send(&[b'a'; 4096]) {}
                Ok(())
            })
        },
    ),
    Attack::on_client(
        "a `Sec-WebSocket-Accept` that is wrong, missing or there twice",
        "RFC 6455, §4.1",
        Reaction::Refused,
        |gate| {
            let accepts = [
                "",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                "Sec-WebSocket-Accept: \r\n",
                "Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Accept: {accept}\r\n",
            ];
            each_response(gate, accepts, |accept| {
                RESPONSE.replace("Sec-WebSocket-Accept: {accept}\r\n", accept)
            })
        },
    )
    .known(&["fastwebsockets (no advisory)"]),
    Attack::on_client(
        "subprotocols and extensions that were not asked for, or that are there twice",
        "RFC 6455, §4.1; RFC 7692, §5",
        Reaction::Refused,
        |gate| {
            let lines = [
                "Sec-WebSocket-Protocol: other\r\n",
                "Sec-WebSocket-Protocol: chat, chat\r\n",
                "Sec-WebSocket-Protocol: Chat\r\n",
                "Sec-WebSocket-Extensions: x-other\r\n",
                "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n",
                "Sec-WebSocket-Extensions: permessage-deflate; unknown\r\n",
                "Sec-WebSocket-Extensions: \"\r\n",
            ];
            each_response(gate, lines, |line| {
                let response = if line.contains("Protocol") {
                    RESPONSE.replace("Sec-WebSocket-Protocol: chat\r\n", "")
                } else {
                    RESPONSE.to_owned()
                };
                response.replace("\r\n\r\n", &format!("\r\n{line}\r\n"))
            })
        },
    ),
    Attack::on_client("window bits out of range", "RFC 7692, §7.1.2", Reaction::Refused, |gate| {
        let bits = ["0", "7", "16", "09", "\"\"", "x", "256", "18446744073709551616"];
        each_response(gate, bits, |bits| {
            let line = format!(
                "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits={bits}"
            );
            RESPONSE.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
        })
    })
    .known(&["CVE-2026-2229"]),
    Attack::on_client(
        "a redirect to another server: the client's secrets do not follow",
        "RFC 6455, §4.1",
        Reaction::Refused,
        |gate| {
            let authority = gate.authority()?;
            let response = format!("HTTP/1.1 302 Found\r\nLocation: ws://{authority}/\r\n\r\n");
            let reactions = each_refused(gate, [("UnexpectedStatus", response)])?;
            if gate.has_more()? {
                return Err(Fault::new("the client has followed"));
            }
            Ok(reactions)
        },
    ),
    Attack::on_client(
        "escape sequences for the terminal that shows the error",
        "RFC 9110, §5.5",
        Reaction::Refused,
        |gate| {
            let responses = [
                "HTTP/1.1 404 \x1b[2J\r\n\r\n",
                "HTTP/1.1 404 No\r\nContent-Type: text/plain\r\n\r\n\x1b]0;title\x07",
                "HTTP/1.1 404 No\r\nA: \x1b[31m\r\n\r\n",
                "HTTP/1.1 302 Found\r\nLocation: /\u{9b}2J\r\n\r\n",
                "\x1b[2J\r\n\r\n",
            ];
            each(responses, |response| {
                let report = gate.client(|peer| {
                    peer.head()?;
                    peer.try_send(response.as_bytes());
                    peer.finish()?;
                    Ok(None)
                })?;
                let shown = report.text.split('\t').nth(1).unwrap_or_default();
                if shown.is_empty() || shown.contains(char::is_control) {
                    return Err(Fault::new(format!("it shows {shown:?}")));
                }
                Ok(Reaction::Refused)
            })
        },
    ),
    Attack::on_client(
        "frames that are masked, have reserved bits or lengths that no frame has",
        "RFC 6455, §5.1, §5.2",
        Reaction::Closed(1002),
        |gate| {
            let long = |len: u64| [&[0x82, 127][..], &len.to_be_bytes()].concat();
            let cases = [
                vec![0x81, 0x81, 1, 2, 3, 4, b'a'],
                unmasked(0xc1, b"a"),
                unmasked(0x83, b"a"),
                unmasked(0x09, b""),
                unmasked(0x89, &[0; 126]),
                long(1 << 63),
                long(u64::MAX),
                long(1),
            ];
            each_sent(gate, cases, "")
        },
    )
    .known(&["CVE-2026-1528"]),
    Attack::on_client(
        "announced lengths of 2^40, 2^62 and 2^63 - 1",
        "RFC 6455, §10.4",
        Reaction::Closed(1009),
        |gate| {
            let cases = [1 << 40, 1 << 62, (1 << 63) - 1].map(|len| unmasked_header(0x82, len));
            each_sent(gate, cases, "")
        },
    )
    .known(&["CVE-2026-1528", "CVE-2022-35922", "RUSTSEC-2022-0035"]),
    Attack::on_client(
        "20,000 fragments of no byte",
        "RFC 6455, §5.4, §10.4",
        Reaction::Closed(1008),
        |gate| {
            let fragments = [unmasked(0x02, b""), unmasked(0x00, b"").repeat(20_000)].concat();
            each_sent(gate, [fragments], "")
        },
    )
    .known(&["CVE-2026-12151", "CVE-2026-48779"]),
    Attack::on_client(
        "a bomb: 64 KiB that inflate to 64 MiB",
        "RFC 6455, §10.4",
        Reaction::Closed(1009),
        |gate| {
            let bomb = unmasked(0xc2, &deflate(&vec![0; 64 << 20])?);
            each_sent(gate, [bomb], "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        },
    )
    .memory(40)
    .known(&["CVE-2026-1526", "CVE-2018-1000518", "CVE-2026-54490"]),
    Attack::on_client("text that is not UTF-8", "RFC 6455, §8.1", Reaction::Closed(1007), |gate| {
        each_sent(gate, [unmasked(0x81, b"\xff"), unmasked(0x01, b"\xed\xa0")], "")
    }),
    Attack::on_client(
        "keys and masks of 40 clients, to guess the next: none is there twice",
        "RFC 6455, §4.1, §5.3, §10.3",
        Reaction::Served,
        |gate| {
            let (mut keys, mut masks) = (HashSet::new(), HashSet::new());
            each(0..40, |_| {
                gate.client(|peer| {
                    let key = open(peer, "")?;
                    let hello = peer.frame()?.and_then(|frame| frame.mask);
                    let mask = hello.ok_or_else(|| Fault::new("a frame without a mask"))?;
                    if mask == [0; 4] || !keys.insert(key) || !masks.insert(mask) {
                        return Err(Fault::new("a key or a mask is there twice"));
                    }
                    peer.send(&unmasked(0x88, &[0x03, 0xe8]))?;
                    Ok(None)
                })?;
                Ok(Reaction::Served)
            })
        },
    )
    .known(&["CVE-2017-16031", "talking to yourself (2011)"]),
];

/// The response that opens.
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: {accept}\r\n\
    Sec-WebSocket-Protocol: chat\r\n\
    \r\n";

/// Does this to a client, which must not open the connection, because of `error`.
fn refused(
    gate: &Gate,
    error: &str,
    host: impl FnOnce(&mut Peer) -> Result<(), Fault>,
) -> Result<Vec<Reaction>, Fault> {
    let report = gate.client(|peer| {
        host(peer)?;
        peer.finish().ok();
        Ok(None)
    })?;
    is_refused(&report, error).map(|reaction| vec![reaction])
}

fn is_refused(report: &Report, error: &str) -> Result<Reaction, Fault> {
    let is_handshake = ["Handshake", "Timeout"].iter().any(|kind| report.text.starts_with(kind));
    if is_handshake && report.text.contains(error) {
        Ok(Reaction::Refused)
    } else {
        Err(Fault::new(format!("{}, and not {error}", report.text)))
    }
}

fn each_refused<const N: usize>(
    gate: &Gate,
    cases: [(&str, String); N],
) -> Result<Vec<Reaction>, Fault> {
    let refused = cases.map(|(error, response)| {
        refused(gate, error, |peer| {
            peer.head()?;
            peer.try_send(response.as_bytes());
            Ok(())
        })
    });
    Ok(refused.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// Answers with responses that are right but for one thing.
fn each_response<'a>(
    gate: &Gate,
    cases: impl IntoIterator<Item = &'a str>,
    response: impl Fn(&str) -> String,
) -> Result<Vec<Reaction>, Fault> {
    each(cases, |case| {
        let report = gate.client(|peer| {
            let accept = encode_accept(key(&peer.head()?)?);
            peer.try_send(response(case).replace("{accept}", &accept).as_bytes());
            match peer.end() {
                Ok(Reaction::Dropped) => Ok(None),
                _ => Err(Fault::new(format!("{case:?} is taken"))),
            }
        })?;
        is_refused(&report, "Handshake")
    })
}

/// Opens, sends each case to a client of its own, and returns with which code it closes.
fn each_sent(
    gate: &Gate,
    cases: impl IntoIterator<Item = Vec<u8>>,
    headers: &str,
) -> Result<Vec<Reaction>, Fault> {
    each(cases, |bytes| {
        let report = gate.client(|peer| {
            open(peer, headers)?;
            peer.try_send(&bytes);
            // The client waits for the server to end first.
            loop {
                match peer.frame()? {
                    Some(frame) if frame.first == 0x88 => {
                        let code = frame
                            .payload
                            .first_chunk()
                            .map_or(1005, |code| u16::from_be_bytes(*code));
                        return Ok(Some(Reaction::Closed(code)));
                    }
                    Some(_) => {}
                    None => return Ok(Some(Reaction::Dropped)),
                }
            }
        })?;
        if !report.text.starts_with("Connection") {
            return Err(Fault::new(format!("the client says {}", report.text)));
        }
        report.reaction.ok_or_else(|| Fault::new("no reaction"))
    })
}

/// Opens as asked for, and returns the key.
fn open(peer: &mut Peer, headers: &str) -> Result<String, Fault> {
    let head = peer.head()?;
    let key = key(&head)?;
    let response = RESPONSE.replace("{accept}", &encode_accept(key));
    peer.send(response.replace("\r\n\r\n", &format!("\r\n{headers}\r\n")).as_bytes())?;
    Ok(key.to_owned())
}

fn key(head: &str) -> Result<&str, Fault> {
    let line = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    line.ok_or_else(|| Fault::new("a request without a key"))
}
