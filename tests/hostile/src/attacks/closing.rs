//! Closes that are malformed, never end, or are not believed.

use std::time::Duration;

use super::{Attack, each};
use crate::peer::{Peer, Reaction, frame};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "close codes that nobody may send, and half of one",
        "RFC 6455, §5.5.1, §7.4",
        Reaction::Closed(1002),
        |arena| {
            let codes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535_u16];
            let bodies = codes.map(|code| code.to_be_bytes().to_vec()).into_iter();
            each(bodies.chain([vec![3]]), |body| {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&frame(0x88, &body))?;
                peer.end()
            })
        },
    ),
    Attack::on_server(
        "a close reason that is not UTF-8",
        "RFC 6455, §5.5.1, §8.1",
        Reaction::Closed(1007),
        |arena| {
            each([&b"\x03\xe8\xff"[..], b"\x03\xe8\xe2\x82"], |body| {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&frame(0x88, body))?;
                peer.end()
            })
        },
    ),
    Attack::on_server(
        "close reasons of every length: the reply has the same bytes and no more",
        "RFC 6455, §5.5.1",
        Reaction::Closed(1000),
        |arena| {
            each(0..=123, |len| {
                let mut peer = Peer::open(arena.port)?;
                let body = [&[0x03, 0xe8][..], &vec![b'r'; len]].concat();
                peer.send(&frame(0x88, &body))?;
                peer.expect(0x88, &body)?;
                // It closes first, and its end is the end.
                match peer.end()? {
                    Reaction::Dropped => Ok(Reaction::Closed(1000)),
                    other => Ok(other),
                }
            })
        },
    )
    .known(&["CVE-2026-45736"]),
    Attack::on_server(
        "64 MiB behind a Close",
        "RFC 6455, §5.5.1, §7.1.1",
        Reaction::Closed(1000),
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            peer.send(&frame(0x88, &[0x03, 0xe8]))?;
            peer.expect(0x88, &[0x03, 0xe8])?;
            let message = frame(0x82, &[0; 64 << 10]);
            for _ in 0..1_024 {
                peer.try_send(&message);
            }
            match peer.end()? {
                Reaction::Dropped => Ok(vec![Reaction::Closed(1000)]),
                other => Ok(vec![other]),
            }
        },
    ),
    Attack::on_server(
        "no reply to the server's Close, and no end",
        "RFC 6455, §7.1.1",
        Reaction::Deadline("close_timeout"),
        |arena| {
            let peer = Peer::open_with(arena.port, "/close", "")?;
            arena.error("CloseTimeout")?;
            drop(peer);
            Ok(vec![Reaction::Deadline("close_timeout")])
        },
    )
    .patient(),
    Attack::on_server(
        "Pings and messages without end in reply to the server's Close",
        "RFC 6455, §7.1.1",
        Reaction::Deadline("close_timeout"),
        |arena| {
            let mut peer = Peer::open_with(arena.port, "/close", "")?;
            let bytes = [frame(0x89, b"p"), frame(0x82, &[0; 1_000])].concat();
            while peer.try_send(&bytes) {
                std::thread::sleep(Duration::from_millis(5));
            }
            arena.error("CloseTimeout")?;
            Ok(vec![Reaction::Deadline("close_timeout")])
        },
    )
    .patient(),
    Attack::on_server(
        "a peer that no longer answers, also not to Pings",
        "RFC 6455, §5.5.2",
        Reaction::Closed(1011),
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            let reaction = peer.end()?;
            arena.error("PongTimeout")?;
            Ok(vec![reaction])
        },
    )
    .patient(),
    Attack::on_server(
        "streams that end within each part of a frame",
        "RFC 6455, §7.2.1",
        Reaction::Dropped,
        |arena| {
            let bytes = frame(0x81, &[b'a'; 200]);
            each((0..bytes.len()).step_by(4), |len| {
                let mut peer = Peer::open(arena.port)?;
                peer.send(&bytes[..len])?;
                peer.finish()?;
                peer.end()
            })
        },
    ),
    Attack::on_server(
        "200 connections that are reset within a message of 1 MiB",
        "RFC 6455, §7.2.1",
        Reaction::Ended,
        |arena| {
            let mut bytes = frame(0x82, &[b'm'; 1 << 20]);
            bytes.pop();
            each(0..200, |_| {
                let mut peer = Peer::open(arena.port)?;
                peer.try_send(&bytes);
                peer.reset()?;
                Ok(Reaction::Ended)
            })
        },
    ),
];
