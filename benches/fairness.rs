//! How long a fresh connection waits for its first echo while four others flood the same server.
//!
//! `fairness ADDR` measures a server that echoes, under each flood in turn. `benches/fairness.sh` runs
//! it against the servers of the examples.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a bench has sockets and clocks, and checks by failing"
)]

extern crate alloc;

use alloc::sync::Arc;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use sanswire::frame::{Frame, Opcode};

/// A flood: its name, its bytes, and the worst wait that is allowed.
type Flood = (&'static str, fn() -> Vec<u8>, Duration);

const FLOODS: [Flood; 3] = [
    ("16 MiB of zeros, compressed", zeros, Duration::from_millis(250)),
    ("1,000 final deflate blocks", final_blocks, Duration::from_millis(250)),
    ("messages of one byte", tiny, Duration::from_millis(50)),
];

fn main() -> io::Result<()> {
    let Some(address) = std::env::args().nth(1) else {
        return Err(io::Error::other("usage: fairness ADDR"));
    };
    let (mut passed, mut failed) = (0, 0);
    for (name, flood, limit) in FLOODS {
        let waits = measure(&address, &flood())?;
        let (median, worst) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        let verdict = if worst <= limit { "" } else { "  over the limit" };
        println!("{name}: median {median:.1?}, worst {worst:.1?} of {limit:?}{verdict}");
        *(if worst <= limit { &mut passed } else { &mut failed }) += 1;
    }
    println!("fairness: {passed} passed, {failed} failed");
    Ok(())
}

/// Returns how long fresh connections waited, sorted.
fn measure(address: &str, flood: &[u8]) -> io::Result<Vec<Duration>> {
    let is_over = Arc::new(AtomicBool::new(false));
    let flooders: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = open(address)?;
            let mut answers = stream.try_clone()?;
            // Answers are read, or back-pressure would end the flood.
            let reader = thread::spawn(move || {
                let mut scratch = vec![0; 64 << 10];
                while answers.read(&mut scratch).is_ok_and(|len| len > 0) {}
            });
            let (flood, is_over) = (flood.to_vec(), Arc::clone(&is_over));
            let writer = thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) && stream.write_all(&flood).is_ok() {}
                let _ = stream.shutdown(Shutdown::Both);
            });
            Ok((reader, writer))
        })
        .collect::<io::Result<_>>()?;
    thread::sleep(Duration::from_millis(300));
    let mut waits = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut stream = open(address)?;
        stream.write_all(b"\x82\x81\0\0\0\0?")?;
        let mut answer = [0; 3];
        stream.read_exact(&mut answer)?;
        waits.push(start.elapsed());
        thread::sleep(Duration::from_millis(30));
    }
    is_over.store(true, Ordering::Relaxed);
    for (reader, writer) in flooders {
        writer.join().unwrap();
        reader.join().unwrap();
    }
    waits.sort();
    Ok(waits)
}

/// Opens a connection on which neither end keeps its window.
fn open(address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(REQUEST)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    Ok(stream)
}

fn zeros() -> Vec<u8> {
    let mut deflated = Vec::with_capacity(64 << 10);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&vec![0; 16 << 20], &mut deflated, FlushCompress::Sync).unwrap();
    let without_tail = deflated.strip_suffix(b"\0\0\xff\xff").unwrap();
    compressed(without_tail)
}

fn final_blocks() -> Vec<u8> {
    // Empty, with fixed codes; behind the last one comes an empty block that is not final.
    compressed(&[&[3, 0].repeat(1_000)[..], &[0]].concat())
}

fn tiny() -> Vec<u8> {
    b"\x82\x81\0\0\0\0?".repeat(9_000)
}

/// A whole binary message of a client's.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    Frame { fin: true, rsv: 0x40, opcode: Opcode::Binary, mask: Some([0; 4]), payload }
        .encode(&mut output);
    output
}

/// How many connections are made under each flood.
const ROUNDS: usize = 60;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; \
    server_no_context_takeover\r\n\
    \r\n";
