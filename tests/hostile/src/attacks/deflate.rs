//! Compressed messages that are larger than they look, malformed, or compressed where none may be.

use flate2::{Compress, Compression, FlushCompress};

use super::{Attack, each};
use crate::Fault;
use crate::arena::Arena;
use crate::peer::{Peer, Reaction, frame};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "bombs: 64 KiB that inflate to 64 MiB, whole and in fragments",
        "RFC 6455, §10.4",
        Reaction::Closed(1009),
        |arena| {
            let bomb = deflate(&vec![0; 64 << 20])?;
            let (first, second) = bomb.split_at(bomb.len() / 2);
            let parts = [frame(0x42, first), frame(0x80, second)].concat();
            send_each(arena, [frame(0xc2, &bomb), parts])
        },
    )
    .memory(40)
    .known(&[
        "CVE-2026-1526",
        "CVE-2018-1000518",
        "PYSEC-2018-79",
        "PYSEC-2021-12",
        "Netty #15005",
        "CVE-2026-54490",
        "CVE-2026-54464",
    ]),
    Attack::on_server(
        "4 bombs at once that inflate to just the limit of 16 MiB",
        "RFC 6455, §10.4",
        Reaction::Served,
        |arena| {
            let payload = vec![0; 16 << 20];
            let bomb = frame(0xc2, &deflate(&payload)?);
            let peers: Result<Vec<_>, _> = (0..4).map(|_| Peer::open_deflate(arena.port)).collect();
            let mut peers = peers?;
            for peer in &mut peers {
                peer.send(&bomb)?;
            }
            each(peers, |mut peer| {
                loop {
                    match peer.frame()? {
                        Some(answer) if answer.first == 0xc2 => return Ok(Reaction::Served),
                        Some(answer) if answer.first == 0x89 => {}
                        other => return Err(Fault::new(format!("no echo: {other:?}"))),
                    }
                }
            })
        },
    )
    // What a message of the limit may take, twice its size, and its echo while it is compressed.
    .memory(4 * 34),
    Attack::on_server(
        "40 MiB of blocks that inflate to nothing",
        "RFC 7692, §7.2.2",
        Reaction::Closed(1009),
        |arena| {
            // An empty stored block.
            let blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(200_000);
            let mut peer = Peer::open_deflate(arena.port)?;
            peer.send(&frame(0x42, &blocks))?;
            for _ in 0..40 {
                peer.try_send(&frame(0x00, &blocks));
            }
            Ok(vec![peer.end()?])
        },
    ),
    Attack::on_server(
        "10,000 final blocks",
        "RFC 7692, §7.2.3.4",
        Reaction::Closed(1008),
        |arena| {
            // A final block that is empty and stored.
            let blocks = [0x01, 0x00, 0x00, 0xff, 0xff].repeat(10_000);
            send_each(arena, [frame(0xc2, &blocks)])
        },
    ),
    Attack::on_server(
        "what is no deflate stream, and back-references to before the beginning",
        "RFC 7692, §7.2.2",
        Reaction::Closed(1007),
        |arena| {
            let reserved_block = [0x07, 0xff, 0xff];
            let wrong_length = [0x00, 0x05, 0x00, 0x05, 0x00, b'a'];
            // The second `Hello` of §7.2.3.2, without the first.
            let far_back = [0xf2, 0x00, 0x11, 0x00, 0x00];
            send_each(
                arena,
                [&reserved_block[..], &wrong_length, &far_back].map(|bytes| frame(0xc2, bytes)),
            )
        },
    ),
    Attack::on_server(
        "text that is not UTF-8 once it is inflated",
        "RFC 6455, §8.1",
        Reaction::Closed(1007),
        |arena| send_each(arena, [frame(0xc1, &deflate(b"a\xff")?)]),
    ),
    Attack::on_server(
        "the bit of compression on control frames and within messages",
        "RFC 7692, §6.1",
        Reaction::Closed(1002),
        |arena| {
            let within = [frame(0x42, b"\xf2"), frame(0xc0, b"\x48")].concat();
            let first = [0xc8, 0xc9, 0xca, 0xc0];
            send_each(arena, first.map(|first| frame(first, b"")).into_iter().chain([within]))
        },
    ),
    Attack::on_server(
        "a final block, and a message behind it that refers to the one before",
        "RFC 7692, §7.2.3.4",
        Reaction::Served,
        |arena| {
            let mut peer = Peer::open_deflate(arena.port)?;
            peer.send(&frame(0xc1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]))?;
            peer.expect(0x81, b"Hello")?;
            peer.send(&frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]))?;
            peer.expect(0x81, b"Hello")?;
            Ok(vec![Reaction::Served])
        },
    ),
];

/// Compresses as RFC 7692, §7.2.1 has it.
pub(super) fn deflate(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(bytes.len() / 100 + 1_000);
    compress.compress_vec(bytes, &mut out, FlushCompress::Sync)?;
    if compress.total_in() != bytes.len() as u64 || !out.ends_with(&[0, 0, 0xff, 0xff]) {
        return Err(Fault::new("not all was compressed"));
    }
    out.truncate(out.len() - 4);
    Ok(out)
}

fn send_each(
    arena: &Arena<'_>,
    cases: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Vec<Reaction>, Fault> {
    each(cases, |bytes| {
        let mut peer = Peer::open_deflate(arena.port)?;
        peer.send(&bytes)?;
        peer.end()
    })
}
