//! What one peer can cost a server at most, measured: the table of SECURITY.md.

use std::fmt::Write as _;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

use crate::Fault;
use crate::peer::{Peer, Reaction, frame, header, request};
use crate::process::Process;
use crate::victim::Deadlines;

/// What was measured.
struct Cost {
    name: &'static str,
    /// For each peer.
    received: usize,
    /// For each peer, in KiB, if there is anything to hold.
    held: Option<usize>,
    /// For all that was received, with the kernel's part.
    cpu: Duration,
}

/// Measures all of it, and returns the table.
pub(crate) fn measure() -> Result<String, Fault> {
    let mut table =
        String::from("| one peer | has sent | memory | CPU for each byte |\n|---|--:|--:|--:|\n");
    for cost in [
        hold("is open and idle", 1_000, "/sink", "", Vec::new)?,
        hold(
            "is open and idle, after a compressed message of 60 KB and its echo",
            200,
            "/",
            DEFLATE,
            || {
                // Numbers, which fill both windows.
                let text: String = (100_000..110_000).map(|number| number.to_string()).collect();
                frame(0xc1, &deflate(text.as_bytes()))
            },
        )?,
        hold("announces a message of 16 MiB", 200, "/sink", "", || header(0x82, 16 << 20))?,
        hold("has sent 16 MiB of a message, all but a byte", 4, "/sink", "", || {
            let mut bytes = frame(0x82, &vec![b'm'; 16 << 20]);
            bytes.pop();
            bytes
        })?,
        hold("has sent 16 MiB in fragments of 64 KiB", 4, "/sink", "", || {
            let next = frame(0x00, &[b'm'; 64 << 10]);
            [frame(0x02, b""), next.repeat(256)].concat()
        })?,
        hold(
            "has sent a message that inflates to 16 MiB, all but its end",
            4,
            "/sink",
            DEFLATE,
            || frame(0x42, &deflate(&vec![0; 16 << 20])),
        )?,
        flood("small text messages", "/sink", "", &frame(0x81, b"hello").repeat(100_000))?,
        flood("text messages of 64 KiB", "/sink", "", &frame(0x81, &[b'a'; 64 << 10]).repeat(500))?,
        flood("binary messages of 1 MiB", "/sink", "", &frame(0x82, &[0; 1 << 20]).repeat(64))?,
        flood("empty messages", "/sink", "", &frame(0x81, b"").repeat(200_000))?,
        flood("empty Pings, and their Pongs", "/sink", "", &frame(0x89, b"").repeat(200_000))?,
        flood("messages of 4,000 empty fragments", "/sink", "", &{
            let parts = [frame(0x02, b""), frame(0x00, b"").repeat(4_000), frame(0x80, b"")];
            parts.concat().repeat(50)
        })?,
        flood("small messages, and their echoes", "/", "", &frame(0x81, b"hello").repeat(50_000))?,
        flood("messages that inflate to 16 MiB", "/sink", DEFLATE, &{
            frame(0xc2, &deflate(&vec![0; 16 << 20])).repeat(10)
        })?,
        handshakes()?,
        trickle()?,
    ] {
        let held = cost.held.map_or_else(|| "–".to_owned(), size);
        let cpu = rate(cost.cpu, cost.received);
        let _ = writeln!(table, "| {} | {} | {held} | {cpu} |", cost.name, size_of(cost.received));
    }
    Ok(table)
}

/// Writes the table into SECURITY.md.
pub(crate) fn write(table: &str) -> Result<(), Fault> {
    print!("{table}");
    let page = std::fs::read_to_string(PATH)?;
    let begin = page.find("| one peer |").ok_or_else(|| Fault::new("SECURITY.md has no table"))?;
    let (before, rest) = page.split_at(begin);
    let len = rest.find("\n\n").map_or(rest.len(), |len| len + 1);
    Ok(std::fs::write(PATH, [before, table, &rest[len..]].concat())?)
}

/// Has many peers send the same, and stay.
fn hold(
    name: &'static str,
    count: usize,
    path: &str,
    headers: &str,
    bytes: impl FnOnce() -> Vec<u8>,
) -> Result<Cost, Fault> {
    let (server, port) = start()?;
    let bytes = bytes();
    let before = (server.memory()?.now, server.cpu()?);
    let mut peers = Vec::new();
    for _ in 0..count.min(MOST) {
        let mut peer = Peer::open_with(port, path, headers)?;
        peer.send(&bytes)?;
        if path == "/" {
            peer.frame()?;
        }
        // What is behind it was seen once this is answered, if it can be within a message.
        if bytes.first().is_none_or(|first| *first & 0x0f != 2 || *first == 0x02 || *first == 0x42)
        {
            peer.send(&frame(0x89, b""))?;
            peer.frame()?;
        }
        peers.push(peer);
    }
    settle(&server)?;
    let held = server.memory()?.now.saturating_sub(before.0) / peers.len();
    let received = bytes.len() + request(path, headers).len();
    let cpu = (server.cpu()? - before.1) / u32::try_from(peers.len())?;
    Ok(Cost { name, received, held: Some(held), cpu })
}

/// Has one peer send this and read what comes back.
fn flood(name: &'static str, path: &str, headers: &str, bytes: &[u8]) -> Result<Cost, Fault> {
    let (server, port) = start()?;
    let mut peer = Peer::open_with(port, path, headers)?;
    let mut sender = peer.stream().try_clone()?;
    let before = server.cpu()?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let close = frame(0x88, &[0x03, 0xe8]);
            std::io::Write::write_all(&mut sender, bytes)
                .and_then(|()| std::io::Write::write_all(&mut sender, &close))
        });
        match peer.end()? {
            Reaction::Closed(1000) => Ok(()),
            other => Err(Fault::new(format!("{name}: {other}"))),
        }
    })?;
    let cpu = server.cpu()? - before;
    Ok(Cost { name, received: bytes.len(), held: None, cpu })
}

/// Opens one connection after the other.
fn handshakes() -> Result<Cost, Fault> {
    let (server, port) = start()?;
    let before = server.cpu()?;
    for _ in 0..COUNT {
        Peer::open(port)?;
    }
    settle(&server)?;
    let received = request("/", "").len() * COUNT;
    Ok(Cost {
        name: "handshakes, each on a new connection",
        received,
        held: None,
        cpu: server.cpu()? - before,
    })
}

/// Sends a head of almost the largest size, of which the server reads each byte by itself.
fn trickle() -> Result<Cost, Fault> {
    let (server, port) = start()?;
    let before = (server.memory()?.now, server.cpu()?);
    let mut peer = Peer::connect(port)?;
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")?;
    for _ in 0..16_000 {
        peer.send(b"a")?;
        // So that the server reads it before the next one comes.
        std::thread::sleep(Duration::from_micros(20));
    }
    settle(&server)?;
    let held = server.memory()?.now.saturating_sub(before.0);
    let cpu = server.cpu()? - before.1;
    Ok(Cost { name: "a head, each byte by itself", received: 16_029, held: Some(held), cpu })
}

/// Starts a server that has done everything once.
fn start() -> Result<(Process, u16), Fault> {
    let server = Process::start(Deadlines::Default.arguments())?;
    let port = server.line(|_| true)?.parse()?;
    for _ in 0..50 {
        let mut peer = Peer::open(port)?;
        peer.send(&frame(0x81, b"a"))?;
        peer.expect(0x81, b"a")?;
    }
    settle(&server)?;
    Ok((server, port))
}

/// Waits until the server has nothing more to do.
fn settle(server: &Process) -> Result<(), Fault> {
    let mut before = server.cpu()?;
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = server.cpu()?;
        if now - before < Duration::from_millis(1) {
            return Ok(());
        }
        before = now;
    }
}

/// Compresses as small as can be.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(bytes.len());
    let _ = compress.compress_vec(bytes, &mut out, FlushCompress::Sync);
    out.truncate(out.len().saturating_sub(4));
    out
}

fn rate(cpu: Duration, received: usize) -> String {
    let rate = cpu.as_nanos() / u128::try_from(received.max(1)).unwrap_or(1);
    let tenths = cpu.as_nanos() * 10 / u128::try_from(received.max(1)).unwrap_or(1) % 10;
    if rate < 10 { format!("{rate}.{tenths} ns") } else { format!("{rate} ns") }
}

/// Of KiB.
fn size(size: usize) -> String {
    if size < 10 << 10 { format!("{size} KiB") } else { format!("{} MiB", size >> 10) }
}

fn size_of(bytes: usize) -> String {
    if bytes < 10_000 { format!("{bytes} B") } else { size(bytes >> 10) }
}

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../SECURITY.md");
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// Fewer than the server accepts.
const MOST: usize = crate::victim::MAX_CONNECTIONS - 100;

/// How many handshakes are measured.
const COUNT: usize = 1_000;
