//! Frames that break a rule, lie about their length, or are too many.

use super::{Attack, each};
use crate::Fault;
use crate::arena::Arena;
use crate::peer::{Peer, Reaction, frame, header, unmasked};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "frames that are not masked",
        "RFC 6455, §5.1",
        Reaction::Closed(1002),
        |arena| send_each(arena, [unmasked(0x81, b"a"), unmasked(0x89, b""), unmasked(0x88, b"")]),
    )
    .known(&["talking to yourself (2011)"]),
    Attack::on_server(
        "reserved bits and opcodes",
        "RFC 6455, §5.2",
        Reaction::Closed(1002),
        |arena| {
            let bits = [0xc1, 0xa1, 0x91, 0xf1, 0xc9, 0xa8, 0x9a];
            let opcodes = [0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f];
            send_each(arena, bits.into_iter().chain(opcodes).map(|first| frame(first, b"a")))
        },
    ),
    Attack::on_server(
        "lengths with the top bit, and in a form that is not the shortest",
        "RFC 6455, §5.2",
        Reaction::Closed(1002),
        |arena| {
            let long = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
            let short = |len: u16| [&[0x82, 0xfe][..], &len.to_be_bytes(), &[0; 4]].concat();
            let lengths = [1 << 63, u64::MAX, (1 << 63) + 1, 0, 125, 126, 65_535];
            send_each(arena, lengths.map(long).into_iter().chain([0, 1, 125].map(short)))
        },
    )
    .known(&["CVE-2020-27813", "GO-2020-0019", "CVE-2020-13935"]),
    Attack::on_server(
        "announced lengths of 16 MiB and 1 byte, 2^40, 2^62 and 2^63 - 1",
        "RFC 6455, §10.4",
        Reaction::Closed(1009),
        |arena| {
            let lengths = [(16 << 20) + 1, 1 << 40, 1 << 62, (1 << 63) - 1];
            send_each(arena, lengths.map(|len| header(0x82, len)))
        },
    )
    .known(&[
        "CVE-2022-35922",
        "RUSTSEC-2022-0035",
        "CVE-2020-27813",
        "CVE-2016-10542",
        "CVE-2018-21035",
        "CVE-2016-10544",
    ]),
    Attack::on_server(
        "300 connections that announce 16 MiB and send none of it",
        "RFC 6455, §10.4",
        Reaction::Dropped,
        |arena| {
            let mut peers = Vec::new();
            for _ in 0..300 {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&header(0x82, 16 << 20))?;
                peers.push(peer);
            }
            each(peers, |mut peer| {
                peer.finish()?;
                peer.end()
            })
        },
    )
    .known(&["CVE-2022-35922", "RUSTSEC-2022-0035"]),
    Attack::on_server(
        "fragments whose lengths add up to more than any number",
        "RFC 6455, §5.4, §10.4",
        Reaction::Closed(1009),
        |arena| {
            let sums = [[1, (1 << 63) - 1], [8 << 20, (8 << 20) + 1]];
            each(sums, |[first, second]: [u64; 2]| {
                let mut peer = Peer::open(arena.port)?;
                let len = usize::try_from(first)?;
                peer.send(&frame(0x02, &vec![0; len]))?;
                peer.send(&header(0x80, second))?;
                peer.end()
            })
        },
    )
    .memory(40)
    .known(&["CVE-2020-27813", "GO-2020-0019"]),
    Attack::on_server(
        "a text that goes on and on in fragments of 64 KiB",
        "RFC 6455, §10.4",
        Reaction::Closed(1009),
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            peer.send(&frame(0x01, b"a"))?;
            let part = frame(0x00, &[b'a'; 64 << 10]);
            for _ in 0..300 {
                peer.try_send(&part);
            }
            Ok(vec![peer.end()?])
        },
    )
    .memory(40)
    .known(&["CVE-2014-0193", "CVE-2016-10542", "PYSEC-2021-12"]),
    Attack::on_server(
        "20,000 fragments of no byte, and of one",
        "RFC 6455, §5.4, §10.4",
        Reaction::Closed(1008),
        |arena| {
            each([&b""[..], b"a"], |payload| {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&frame(0x02, payload))?;
                peer.try_send(&frame(0x00, payload).repeat(20_000));
                peer.end()
            })
        },
    )
    .known(&["CVE-2026-12151", "CVE-2026-48779"]),
    Attack::on_server(
        "5,000 fragments of one byte, each byte in a segment of its own",
        "RFC 6455, §5.4, §10.4",
        Reaction::Closed(1008),
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            peer.trickle(&frame(0x02, b"a"));
            peer.trickle(&frame(0x00, b"a").repeat(5_000));
            Ok(vec![peer.end()?])
        },
    )
    .known(&["CVE-2026-48779"]),
    Attack::on_server(
        "control frames of 126 bytes and more, and in fragments",
        "RFC 6455, §5.5",
        Reaction::Closed(1002),
        |arena| {
            let long = [0x88, 0x89, 0x8a].map(|first| frame(first, &[0; 126]));
            let huge = [0x89, 0x8a].map(|first| header(first, 1 << 62));
            let parts = [0x08, 0x09, 0x0a].map(|first| frame(first, b""));
            send_each(arena, long.into_iter().chain(huge).chain(parts))
        },
    )
    .known(&["CVE-2020-13935"]),
    Attack::on_server(
        "messages within messages, and continuations of none",
        "RFC 6455, §5.4",
        Reaction::Closed(1002),
        |arena| {
            let within = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
            let behind = [frame(0x01, b"a"), frame(0x80, b"b"), frame(0x80, b"c")].concat();
            send_each(arena, [frame(0x80, b"a"), frame(0x00, b""), within, behind])
        },
    ),
    Attack::on_server(
        "text that is not UTF-8, told at its first bad byte, before the frame ends",
        "RFC 6455, §8.1",
        Reaction::Closed(1007),
        |arena| {
            let texts: [&[u8]; 8] = [
                b"\xff",
                b"ab\xc0\x80",
                b"\xed\xa0\x80",
                b"\xf4\x90\x80\x80",
                b"\xe2\x82\x28",
                b"\x80",
                b"\xf8\x88\x80\x80\x80",
                b"\xc3(",
            ];
            each(texts, |text| {
                let mut peer = Peer::open(arena.port)?;
                // The rest of the frame does not come.
                let mut bytes = frame(0x01, &[text, &[b'a'; 1_000]].concat());
                bytes.truncate(8 + text.len());
                peer.trickle(&bytes);
                peer.end()
            })
        },
    ),
    Attack::on_server(
        "text that ends within a character",
        "RFC 6455, §8.1",
        Reaction::Closed(1007),
        |arena| {
            let cut = [frame(0x01, b"\xf0\x9f"), frame(0x80, b"\x98")].concat();
            send_each(arena, [frame(0x81, b"a\xe2\x82"), cut])
        },
    ),
    Attack::on_server(
        "Pings of every length: the Pong has the same bytes and no more",
        "RFC 6455, §5.5.3",
        Reaction::Served,
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            each(0..=125_u8, |len| {
                let payload: Vec<u8> = (1..=len).collect();
                peer.send(&frame(0x89, &payload))?;
                peer.expect(0x8a, &payload)?;
                Ok(Reaction::Served)
            })
        },
    )
    .known(&["ws 1.0.1"]),
    Attack::on_server(
        "a message of 20,000 bytes, each in a segment of its own",
        "RFC 6455, §5.2",
        Reaction::Served,
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            let text = [b'a'; 20_000];
            peer.trickle(&frame(0x81, &text));
            peer.expect(0x81, &text)?;
            Ok(vec![Reaction::Served])
        },
    )
    .known(&["CVE-2026-48779"]),
    Attack::on_server(
        "random bytes, in place of frames and behind a valid one",
        "RFC 6455, §10.7",
        Reaction::Ended,
        |arena| {
            let mut state = 1_u64;
            each(0..300, |case| {
                let mut bytes = if case % 2 == 0 { Vec::new() } else { frame(0x81, b"hello") };
                for _ in 0..1 + case * 7 % 500 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    bytes.push(state.to_be_bytes()[0]);
                }
                let mut peer = Peer::open_deflate(arena.port)?;
                peer.try_send(&bytes);
                let _ = peer.finish();
                match peer.end()? {
                    Reaction::Closed(1002 | 1005 | 1007 | 1009) | Reaction::Dropped => {
                        Ok(Reaction::Ended)
                    }
                    other => Ok(other),
                }
            })
        },
    )
    .known(&["CVE-2022-41940", "CVE-2022-2421"]),
];

/// Sends each on a connection of its own, and reads to the end.
fn send_each(
    arena: &Arena<'_>,
    cases: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Vec<Reaction>, Fault> {
    each(cases, |bytes| {
        let mut peer = Peer::open(arena.port)?;
        peer.send(&bytes)?;
        peer.end()
    })
}
