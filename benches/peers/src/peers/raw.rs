//! The limit over sockets: bytes for bytes, no frames.

use std::io::{Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

/// How much is read at once.
const READ: usize = 64 << 10;
