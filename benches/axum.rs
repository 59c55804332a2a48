//! What an echo costs in a route of axum over HTTP/1.1, beside the adapter for tokio alone. CPU
//! time of the server's thread for each message: the least of many rounds, in which both take
//! turns; the ratio is the median of those within a round. The adapter beside itself shows how far
//! to trust it.
//!
//! ```text
//! cargo bench -p benches --features axum --bench axum
//! cargo bench -p benches --features http2 --bench axum
//! ```
//!
//! With `http2`, the socket has the TCP stream itself; without, the stream of hyper.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a bench has sockets and clocks, and checks by failing"
)]

mod cpu;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::any;
use cpu::{median, thread_time};
use sanswire::frame::{Frame, Opcode};
use sanswire::io::axum::WebSocketUpgrade;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Event};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Notify;

/// Bytes of a message, messages in a turn, turns in a round.
const LOADS: [(usize, usize, usize); 4] =
    [(16, 1, 3000), (16, 64, 1000), (1 << 10, 1, 3000), (1 << 10, 64, 300)];

const ROUNDS: usize = 31;

/// What the route may cost beside the adapter.
const LIMIT: f64 = 1.05;

fn main() {
    let (mut passed, mut failed) = (0, 0);
    println!("    payload  in a turn    tokio     axum  tokio to tokio  axum to tokio");
    for (len, burst, turns) in LOADS {
        let mut least = [f64::MAX; 2];
        let (mut control, mut ratio) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // Between two of the other, so that what drifts is none's advantage.
            let servers = [Server::Tokio, Server::Axum, Server::Tokio];
            let [before, axum, after] = servers.map(|server| measure(server, len, burst, turns));
            least = [least[0].min(before).min(after), least[1].min(axum)];
            control.push(after / before);
            ratio.push(2.0 * axum / (before + after));
        }
        let (control, ratio) = (median(control), median(ratio));
        let [tokio, axum] = least;
        println!(
            "{len:>9} B {burst:>10} {tokio:>5.0} ns {axum:>5.0} ns {control:>15.3} {ratio:>14.3}"
        );
        *(if ratio <= LIMIT { &mut passed } else { &mut failed }) += 1;
    }
    println!("axum: {passed} within {LIMIT} of the adapter for tokio, {failed} beyond");
}

#[derive(Clone, Copy)]
enum Server {
    Axum,
    Tokio,
}

/// Returns the server's CPU time for each message, in ns.
fn measure(server: Server, len: usize, burst: usize, turns: usize) -> f64 {
    let (report, reported) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let serving = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            match server {
                Server::Axum => serve_axum(listener, report).await,
                Server::Tokio => serve_tokio(listener, report).await,
            }
        });
    });
    load(told.recv().unwrap(), len, burst, turns);
    let (begin, end) = (reported.recv().unwrap(), reported.recv().unwrap());
    serving.join().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = (end - begin) as f64 / (burst * turns) as f64;
    each
}

async fn serve_tokio(listener: TcpListener, report: mpsc::Sender<u64>) {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    let socket = WebSocket::accept(stream.into(), &Config::default()).await.unwrap();
    tokio::spawn(echo(socket, report)).await.unwrap();
}

async fn serve_axum(listener: TcpListener, report: mpsc::Sender<u64>) {
    use axum::serve::ListenerExt;

    let end = Arc::new(Notify::new());
    let ended = Arc::clone(&end);
    let route = async move |upgrade: WebSocketUpgrade| {
        upgrade
            .on_open(async move |socket| {
                echo(socket, report).await;
                end.notify_one();
                Ok(())
            })
            .into_response()
    };
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let app = Router::new().route("/", any(route));
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        ended.notified().await;
    });
    serving.await.unwrap();
}

/// Reports the CPU time at the begin and at the end.
async fn echo(mut socket: WebSocket<NetStream>, report: mpsc::Sender<u64>) {
    report.send(thread_time()).unwrap();
    let handled = socket.run(|event, commands| {
        if let Event::Binary(payload) = event {
            commands.send(payload).unwrap();
        }
    });
    // The client breaks off.
    let _ = handled.await;
    report.send(thread_time()).unwrap();
}

/// Sends bursts of frames, each when the one before has come back.
fn load(address: SocketAddr, len: usize, burst: usize, turns: usize) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let payload = vec![7; len];
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..burst {
        for (output, mask) in [(&mut sent, Some([1, 2, 3, 4])), (&mut answer, None)] {
            let opcode = Opcode::Binary;
            Frame { fin: true, rsv: 0, opcode, mask, payload: &payload }.encode(output);
        }
    }
    let mut received = vec![0; answer.len()];
    for _ in 0..turns {
        stream.write_all(&sent).unwrap();
        stream.read_exact(&mut received).unwrap();
    }
    assert_eq!(received, answer);
}
