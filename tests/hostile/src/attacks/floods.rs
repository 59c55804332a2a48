//! More than an application can do, or than a peer takes back.

use std::time::{Duration, Instant};

use super::{Attack, each};
use crate::Fault;
use crate::arena::Arena;
use crate::peer::{Peer, Reaction, frame};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::on_server(
        "Pings without end, and no Pong is read",
        "RFC 6455, §5.5.3",
        Reaction::Deadline("write_timeout"),
        |arena| flood(arena, &frame(0x89, &[b'p'; 125]).repeat(100)),
    )
    .patient()
    .known(&["CVE-2020-35896", "RUSTSEC-2020-0043"]),
    Attack::on_server(
        "messages without end, and no echo is read",
        "RFC 6455, §10.4",
        Reaction::Deadline("write_timeout"),
        |arena| flood(arena, &frame(0x82, &[b'm'; 1_000]).repeat(10)),
    )
    .patient()
    .known(&["CVE-2020-35896", "RUSTSEC-2020-0043"]),
    Attack::on_server(
        "messages of 8 MiB, and no echo is read",
        "RFC 6455, §10.4",
        Reaction::Deadline("write_timeout"),
        |arena| flood(arena, &frame(0x82, &vec![b'm'; 8 << 20])),
    )
    // One that waits to be written, and one that is received: each up to twice its size.
    .memory(34)
    .patient(),
    Attack::on_server(
        "a reader that takes nothing, of a server that sends without end",
        "RFC 6455, §10.4",
        Reaction::Deadline("write_timeout"),
        |arena| {
            let mut peers = Vec::new();
            for _ in 0..20 {
                peers.push(Peer::open_unread(arena.port, "/flood")?);
            }
            let reactions = each(&peers, |_| {
                arena.error("WriteTimeout").map(|_| Reaction::Deadline("write_timeout"))
            });
            // None goes away before all are given up.
            drop(peers);
            reactions
        },
    )
    .patient()
    .known(&["CVE-2020-35896", "RUSTSEC-2020-0043"]),
    Attack::on_server(
        "readers that take 4 KiB now and then, of a server that sends without end",
        "RFC 6455, §10.4",
        Reaction::Served,
        |arena| {
            let mut peers = Vec::new();
            for _ in 0..20 {
                peers.push(Peer::open_unread(arena.port, "/flood")?);
            }
            for _ in 0..50 {
                for peer in &mut peers {
                    if peer.drain(4096)? == 0 {
                        return Err(Fault::new("it is cut off"));
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            each(peers, |_| Ok(Reaction::Served))
        },
    )
    .patient()
    // As the output may hold of each, at most: `max_buffered`, and a message.
    .memory(22),
    Attack::on_server(
        "4 connections that send small messages as fast as they can, for 1 s, and read the echoes",
        "RFC 6455, §5.4",
        Reaction::Served,
        |arena| torrents(arena, &frame(0x81, b"a").repeat(1_000), 0x81),
    ),
    Attack::on_server(
        "4 connections that send Pings as fast as they can, for 1 s, and read the Pongs",
        "RFC 6455, §5.5.2",
        Reaction::Served,
        |arena| torrents(arena, &frame(0x89, b"a").repeat(1_000), 0x8a),
    ),
    Attack::on_server(
        "4 connections that send messages of 1 MiB as fast as they can, for 1 s, and read the echoes",
        "RFC 6455, §10.4",
        Reaction::Served,
        |arena| torrents(arena, &frame(0x82, &vec![b'm'; 1 << 20]), 0x82),
    )
    // Each has one that is received and one that waits, of up to twice its size.
    .memory(40),
    Attack::on_server(
        "200,000 Pongs that nobody asked for",
        "RFC 6455, §5.5.3",
        Reaction::Served,
        |arena| {
            let mut peer = Peer::open(arena.port)?;
            peer.send(&frame(0x8a, b"").repeat(200_000))?;
            peer.send(&frame(0x81, b"still there?"))?;
            peer.expect(0x81, b"still there?")?;
            Ok(vec![Reaction::Served])
        },
    ),
    Attack::on_server(
        "most of a message at once, the rest a byte every 100 ms",
        "RFC 6455, §10.4",
        Reaction::Closed(1011),
        |arena| {
            let mut bytes = frame(0x82, &[b'm'; 1 << 20]);
            let rest = bytes.split_off(bytes.len() - 1_000);
            let mut peer = Peer::open(arena.port)?;
            peer.send(&bytes)?;
            let mut rest = rest.chunks(1);
            let slow = peer.stream().try_clone()?;
            let has_ended = std::sync::atomic::AtomicBool::new(false);
            let reaction = std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut slow = slow;
                    while let Some(byte) = rest.next()
                        && !has_ended.load(std::sync::atomic::Ordering::SeqCst)
                        && std::io::Write::write_all(&mut slow, byte).is_ok()
                    {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                });
                let reaction = peer.end();
                has_ended.store(true, std::sync::atomic::Ordering::SeqCst);
                reaction
            })?;
            arena.error("MessageTooSlow")?;
            Ok(vec![reaction])
        },
    )
    .patient(),
];

/// Sends until the server takes no more, and waits for it to give up.
fn flood(arena: &Arena<'_>, bytes: &[u8]) -> Result<Vec<Reaction>, Fault> {
    let mut peer = Peer::open_unread(arena.port, "/")?;
    while peer.try_send(bytes) {}
    arena.error("WriteTimeout")?;
    Ok(vec![Reaction::Deadline("write_timeout")])
}

/// Sends for a second on several connections, and checks that what comes back is as many frames.
fn torrents(arena: &Arena<'_>, bytes: &[u8], first: u8) -> Result<Vec<Reaction>, Fault> {
    let port = arena.port;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(move || torrent(port, bytes, first))).collect();
        each(threads, |thread| thread.join().map_err(|_| Fault::new("a panic"))?)
    })
}

fn torrent(port: u16, bytes: &[u8], first: u8) -> Result<Reaction, Fault> {
    let mut peer = Peer::open(port)?;
    let mut sender = peer.stream().try_clone()?;
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || -> Result<(), Fault> {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(1) {
                std::io::Write::write_all(&mut sender, bytes)?;
            }
            std::io::Write::write_all(&mut sender, &frame(0x88, &[0x03, 0xe8]))?;
            Ok(())
        });
        let mut count = 0_u64;
        let ended = loop {
            match peer.frame()? {
                Some(answer) if answer.first == first => count += 1,
                Some(answer) if answer.first == 0x89 => {}
                Some(answer) => break answer.first == 0x88,
                None => break false,
            }
        };
        sending.join().map_err(|_| Fault::new("a panic"))??;
        if ended && count > 0 {
            Ok(Reaction::Served)
        } else {
            Err(Fault::new(format!("it is cut off after {count} answers")))
        }
    })
}
