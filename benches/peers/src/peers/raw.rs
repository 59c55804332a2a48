//! The limits over sockets: bytes for bytes without frames, and frames without anything else.

use std::io::{self, Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::contestant::{Contestant, Start};
use crate::ideal::{parse, put_header, xor};

pub(super) static ROWS: [Contestant; 4] = [
    Contestant {
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(bytes(stream))))),
        is_raw: true,
        ..Contestant::new("limit: raw TCP, tokio")
    },
    Contestant {
        server: Some(Start::Blocking(|stream| drop(blocking_bytes(stream)))),
        is_raw: true,
        ..Contestant::new("limit: raw TCP, blocking")
    },
    Contestant {
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(frames(stream))))),
        ..Contestant::new("limit: frames, tokio")
    },
    Contestant {
        server: Some(Start::Blocking(|stream| drop(blocking_frames(stream)))),
        ..Contestant::new("limit: frames, blocking")
    },
];

/// An idle connection holds no buffer.
async fn bytes(mut stream: TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        let mut buf = Vec::with_capacity(READ);
        if stream.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
        stream.write_all(&buf).await?;
    }
}

fn blocking_bytes(mut stream: std::net::TcpStream) -> io::Result<()> {
    let mut buf = vec![0; READ];
    while let len @ 1.. = stream.read(&mut buf)? {
        stream.write_all(&buf[..len])?;
    }
    Ok(())
}

async fn frames(mut stream: TcpStream) -> io::Result<()> {
    let (mut input, mut output) = (Vec::with_capacity(READ), Vec::new());
    while let 1.. = stream.read_buf(&mut input).await? {
        reply(&mut input, &mut output);
        stream.write_all(&output).await?;
        input.reserve(READ);
    }
    Ok(())
}

fn blocking_frames(mut stream: std::net::TcpStream) -> io::Result<()> {
    let (mut buf, mut input, mut output) = (vec![0; READ], Vec::new(), Vec::new());
    while let len @ 1.. = stream.read(&mut buf)? {
        input.extend_from_slice(&buf[..len]);
        reply(&mut input, &mut output);
        stream.write_all(&output)?;
    }
    Ok(())
}

/// Takes all frames that are whole out of `input`, and puts the answers in `output`.
fn reply(input: &mut Vec<u8>, output: &mut Vec<u8>) {
    output.clear();
    let mut from = 0;
    while let Some((header, len, key)) = parse(&input[from..]) {
        let first = input[from];
        let Some(payload) = input.get_mut(from + header..from + header + len) else { break };
        xor(payload, key);
        put_header(output, first, len, None);
        output.extend_from_slice(payload);
        from += header + len;
    }
    input.drain(..from);
}

/// How much is read at once.
const READ: usize = 64 << 10;
