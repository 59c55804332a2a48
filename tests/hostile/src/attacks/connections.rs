//! Connections that are too many, or of which something may stay behind.

use super::{Attack, each};
use crate::Fault;
use crate::peer::{Peer, Reaction, frame, request};
use crate::victim::{MAX_CONNECTIONS, MAX_HANDSHAKES_PER_ADDRESS};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "more connections than are allowed: those beyond",
        "RFC 9110, §15.6.4",
        Reaction::Answered(503),
        |arena| {
            // One place is the honest client's.
            let peers: Result<Vec<_>, _> =
                (1..MAX_CONNECTIONS).map(|_| Peer::open(arena.port)).collect();
            let peers = peers?;
            let refused = each(0..50, |_| {
                let mut peer = Peer::connect(arena.port)?;
                peer.send(request("/", "").as_bytes())?;
                peer.answer()
            })?;
            // Each of the others still is served.
            for mut peer in peers {
                peer.send(&frame(0x81, b"a"))?;
                peer.expect(0x81, b"a")?;
            }
            Ok(refused)
        },
    )
    .crowding(),
    Attack::on_server(
        "500 handshakes of one address that are never finished: those beyond its limit",
        "RFC 6455, §4.1",
        Reaction::Dropped,
        |arena| {
            let mut peers = Vec::new();
            for _ in 0..MAX_HANDSHAKES_PER_ADDRESS {
                let mut peer = Peer::connect(arena.port)?;
                peer.send(b"GET / HTTP/1.1\r\n")?;
                peers.push(peer);
            }
            each(MAX_HANDSHAKES_PER_ADDRESS..500, |_| Peer::connect(arena.port)?.answer())
        },
    ),
    Attack::on_server(
        "2,000 connections that open, talk and close: nothing stays behind",
        "RFC 6455, §7.1.1",
        Reaction::Closed(1000),
        |arena| {
            let open = |_| {
                let mut peer = Peer::open_deflate(arena.port)?;
                peer.send(&frame(0x81, b"hello"))?;
                peer.expect(0x81, b"hello")?;
                peer.send(&frame(0x88, &[0x03, 0xe8]))?;
                peer.end()
            };
            let mut reactions = each(0..1_000, open)?;
            let before = arena.growth()?;
            reactions.extend(each(0..1_000, open)?);
            let leaked = arena.growth()?.saturating_sub(before);
            if leaked > 1024 {
                return Err(Fault::new(format!("{leaked} KiB stay behind 1,000 connections")));
            }
            Ok(reactions)
        },
    )
    .known(&["CVE-2021-42340"]),
    Attack::on_server(
        "20 connections that had a message of 4 MiB, and stay: their memory does not",
        "RFC 6455, §10.4",
        Reaction::Served,
        |arena| {
            let message = vec![b'm'; 4 << 20];
            let mut peers = Vec::new();
            for _ in 0..20 {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&frame(0x82, &message))?;
                peer.expect(0x82, &message)?;
                peers.push(peer);
            }
            // For the next, an allocator keeps what its two threads had at once: a message and its echo.
            let left = arena.growth()?;
            if left > 20 << 10 {
                return Err(Fault::new(format!("{left} KiB stay behind messages that are gone")));
            }
            each(peers, |mut peer| {
                peer.send(&frame(0x81, b"a"))?;
                peer.expect(0x81, b"a")?;
                Ok(Reaction::Served)
            })
        },
    )
    .memory(34)
    .known(&["Jetty #13029"]),
];
