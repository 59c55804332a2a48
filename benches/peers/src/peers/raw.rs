//! The limits over sockets: bytes for bytes without frames, and frames without anything else.

use std::io::{Read, Write};

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
        server: Some(Start::Blocking(blocking_bytes)),
        is_raw: true,
        ..Contestant::new("limit: raw TCP, blocking")
    },
    Contestant {
        server: Some(Start::Tokio(|stream, _| drop(tokio::spawn(frames(stream))))),
        ..Contestant::new("limit: frames, tokio")
    },
    Contestant {
        server: Some(Start::Blocking(blocking_frames)),
        ..Contestant::new("limit: frames, blocking")
    },
];

/// An idle connection holds no buffer.
async fn bytes(mut stream: TcpStream) {
    while stream.readable().await.is_ok() {
        let mut buf = Vec::with_capacity(READ);
        match stream.read_buf(&mut buf).await {
            Ok(1..) if stream.write_all(&buf).await.is_ok() => {}
            _ => return,
        }
    }
}

fn blocking_bytes(mut stream: std::net::TcpStream) {
    let mut buf = vec![0; READ];
    while let Ok(len @ 1..) = stream.read(&mut buf) {
        if stream.write_all(&buf[..len]).is_err() {
            return;
        }
    }
}

async fn frames(mut stream: TcpStream) {
    let (mut input, mut output) = (Vec::new(), Vec::new());
    loop {
        input.reserve(READ);
        let Ok(1..) = stream.read_buf(&mut input).await else { return };
        reply(&mut input, &mut output);
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

fn blocking_frames(mut stream: std::net::TcpStream) {
    let (mut buf, mut input, mut output) = (vec![0; READ], Vec::new(), Vec::new());
    while let Ok(len @ 1..) = stream.read(&mut buf) {
        input.extend_from_slice(&buf[..len]);
        reply(&mut input, &mut output);
        if stream.write_all(&output).is_err() {
            return;
        }
        output.clear();
    }
}

/// Takes all frames that are whole out of `input`, and appends the answers.
fn reply(input: &mut Vec<u8>, output: &mut Vec<u8>) {
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
