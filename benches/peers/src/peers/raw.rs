//! The limits over sockets: bytes for bytes without frames, and frames without anything else.

use std::io::{Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ideal::{parse, put_header, xor};
use crate::peer::{Peer, Row, Server, Start};

pub(super) struct Raw;

impl Peer for Raw {
    fn name(&self) -> &'static str {
        "raw TCP"
    }

    fn servers(&self) -> Vec<Server> {
        vec![
            Server {
                row: Row { name: "limit: raw TCP, tokio", class: "async" },
                start: Start::RawTokio(|stream| drop(tokio::spawn(tokio(stream)))),
            },
            Server {
                row: Row { name: "limit: raw TCP, blocking", class: "blocking" },
                start: Start::RawBlocking(blocking),
            },
            Server::tokio("limit: frames, tokio", |stream, _| {
                drop(tokio::spawn(tokio_frames(stream)));
            }),
            Server::blocking("limit: frames, blocking", blocking_frames),
        ]
    }
}

async fn tokio(mut stream: tokio::net::TcpStream) {
    while stream.readable().await.is_ok() {
        // An idle connection holds no buffer.
        let mut buf = Vec::with_capacity(READ);
        match stream.read_buf(&mut buf).await {
            Ok(1..) if stream.write_all(&buf).await.is_ok() => {}
            _ => return,
        }
    }
}

fn blocking(mut stream: std::net::TcpStream) {
    let mut buf = vec![0; READ];
    while let Ok(len @ 1..) = stream.read(&mut buf) {
        if stream.write_all(&buf[..len]).is_err() {
            return;
        }
    }
}

async fn tokio_frames(mut stream: tokio::net::TcpStream) {
    let mut input = Vec::new();
    while stream.readable().await.is_ok() {
        input.reserve(READ);
        let Ok(1..) = stream.read_buf(&mut input).await else { return };
        let output = reply(&mut input);
        if stream.write_all(&output).await.is_err() {
            return;
        }
        if input.is_empty() {
            input = Vec::new();
        }
    }
}

fn blocking_frames(mut stream: std::net::TcpStream) {
    let mut buf = vec![0; READ];
    let mut input = Vec::new();
    while let Ok(len @ 1..) = stream.read(&mut buf) {
        input.extend_from_slice(&buf[..len]);
        if stream.write_all(&reply(&mut input)).is_err() {
            return;
        }
    }
}

/// Takes all frames that are whole out of `input`, and returns the answers.
fn reply(input: &mut Vec<u8>) -> Vec<u8> {
    let mut output = Vec::new();
    let mut from = 0;
    while let Some((header, len, key)) = parse(&input[from..]) {
        let first = input[from];
        let Some(payload) = input.get_mut(from + header..from + header + len) else { break };
        if output.capacity() == 0 {
            output.reserve(len.max(READ));
        }
        xor(payload, key);
        put_header(&mut output, first, len, None);
        output.extend_from_slice(payload);
        from += header + len;
    }
    input.drain(..from);
    output
}

/// How much is read at once.
const READ: usize = 64 << 10;
