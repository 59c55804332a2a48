//! A hundred sockets over one connection of HTTP/2 that all send and receive as much as they can:
//! none hangs, none starves, and what is held between both ends is bounded.
#![expect(
    clippy::print_stdout,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and the figures are worth a look"
)]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sanswire::handshake::ClientRequest;
use sanswire::io::hyper::{WebSocketUpgrade, connect_http2};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Error, Event, MessageKind, Reassembly};
use tokio::io::duplex;
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use crate::heap::{heap_of, signed};

const SOCKETS: usize = 100;
/// The length of each message: one from each end of each socket.
const LEN: usize = if cfg!(debug_assertions) { 1 << 20 } else { 10 << 20 };
/// What the application sends at once.
static CHUNK: [u8; 64 << 10] = [7; 64 << 10];
/// How much is held at most for one socket, in both ends together: [`CHUNK`] in either as it leaves,
/// four writes of either in hyper, and two windows of what has arrived.
const HELD: isize = 512 << 10;

/// How far each direction of each socket has come, and how far the last was when the first was done.
#[derive(Default)]
struct Progress {
    received: RefCell<Vec<usize>>,
    least: Cell<Option<usize>>,
}

impl Progress {
    fn add(&self, who: usize, len: usize) {
        let mut received = self.received.borrow_mut();
        received[who] += len;
        if received[who] == LEN && self.least.get().is_none() {
            self.least.set(received.iter().min().copied());
        }
    }
}

/// Sends one message while it receives one, by both halves.
async fn exchange(socket: WebSocket<NetStream>, who: usize, all: &Progress) -> Result<(), Error> {
    let (mut sender, mut receiver) = socket.split();
    let sending = async {
        sender.begin(MessageKind::Binary)?;
        for _ in 0..LEN / CHUNK.len() {
            sender.send_chunk(&CHUNK).await?;
        }
        sender.finish().await
    };
    let receiving = async {
        let mut is_last = false;
        while !is_last {
            let received = receiver.recv_with(|event, _| {
                let Event::Chunk(chunk) = event else { return (0, false) };
                assert!(chunk.payload.iter().all(|byte| *byte == 7));
                (chunk.payload.len(), chunk.is_last)
            });
            let len;
            (len, is_last) = received.await?.unwrap();
            all.add(who, len);
        }
        Ok::<_, Error>(())
    };
    let (sent, received) = tokio::join!(sending, receiving);
    sent.and(received)?;
    let mut socket = sender.reunite(receiver).unwrap();
    if who.is_multiple_of(2) { socket.close(1000, "").await } else { socket.recv().await.map(drop) }
}

fn config() -> Config {
    Config::default().reassembly(Reassembly::Chunks).max_message_size(LEN)
}

async fn all_at_once(progress: &Rc<Progress>) {
    let (to_server, to_client) = duplex(256 << 10);
    let (given, mut upgrades) = unbounded_channel();
    let service = service_fn(move |mut request| {
        let upgrade = WebSocketUpgrade::new(&mut request).unwrap().config(config());
        let (response, upgrade) = upgrade.accept().unwrap();
        given.send(upgrade).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let mut builder = server::conn::http2::Builder::new(TokioExecutor::new());
    builder.enable_connect_protocol().initial_stream_window_size(64 << 10);
    builder.initial_connection_window_size(16 << 20);
    tokio::spawn(builder.serve_connection(TokioIo::new(to_client), service));
    let mut builder = client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(64 << 10).initial_connection_window_size(16 << 20);
    let (mut send, connection) =
        builder.handshake::<_, Empty<Bytes>>(TokioIo::new(to_server)).await.unwrap();
    tokio::spawn(connection);
    let request = ClientRequest::new("localhost", "/").unwrap();
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let config = config();
        let opened = connect_http2(&request, &config, |request| send.send_request(request));
        sockets.push(opened.await.unwrap());
        sockets.push(upgrades.recv().await.unwrap().await.unwrap());
    }
    // None has begun before all are open.
    let tasks: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(who, socket)| {
            let progress = Rc::clone(progress);
            spawn_local(async move { exchange(socket, who, &progress).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[test]
fn a_hundred_sockets_on_one_connection_hold_little_and_share_it() {
    let progress = Rc::new(Progress::default());
    progress.received.replace(vec![0; 2 * SOCKETS]);
    let heap = heap_of(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let all = LocalSet::new();
        runtime.block_on(all.run_until(async {
            let done = timeout(Duration::from_secs(300), all_at_once(&progress)).await;
            assert!(done.is_ok(), "they hang");
        }));
    });
    assert!(progress.received.borrow().iter().all(|len| *len == LEN));
    let (least, held) = (progress.least.get().unwrap(), heap.peak / signed(SOCKETS));
    println!(
        "when the first of {} had received {LEN} bytes, the last had {least}; {held} bytes were held \
         for each socket and its peer",
        2 * SOCKETS,
    );
    assert!(least >= LEN / 2, "{least} of {LEN}");
    assert!(held <= HELD, "{held} bytes");
}
