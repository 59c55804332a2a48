//! What an echo costs over TLS, beside two loops over tokio-rustls: one that sends the same bytes
//! back without looking at them, and one that parses the frames, unmasks them, and sends them back as
//! a server's. CPU time of the server's thread for each message, the least of many rounds; the ratios
//! are medians of those within a round.
//!
//! ```text
//! cargo bench -p benches --features tls --bench tls
//! ```
#![expect(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a bench has sockets and clocks, and checks by failing"
)]

mod cpu;
mod ideal;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use cpu::{median, thread_time};
use ideal::{Lent, Output, READ};
use sanswire::frame::{Frame, Opcode};
use sanswire::io::tls::{ClientTls, ServerTls};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Bytes of a message, messages in a turn, turns in a round.
const LOADS: [(usize, usize, usize); 6] = [
    (16, 1, 4000),
    (16, 64, 1000),
    (1 << 10, 1, 4000),
    (1 << 10, 32, 500),
    (16 << 10, 1, 1000),
    (64 << 10, 4, 100),
];

const ROUNDS: usize = 15;

/// What the echo may cost beside the loop over frames.
const LIMIT: f64 = 1.1;

fn main() {
    let (mut passed, mut failed) = (0, 0);
    println!("    payload  in a turn     bytes    frames  sanswire  to bytes  to frames");
    for (len, burst, turns) in LOADS {
        let mut least = [f64::MAX; 3];
        let (mut to_bytes, mut to_frames) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let servers = [Server::Bytes, Server::Frames, Server::WebSocket];
            let round = servers.map(|server| measure(server, len, burst, turns));
            for (least, value) in least.iter_mut().zip(round) {
                *least = least.min(value);
            }
            to_bytes.push(round[2] / round[0]);
            to_frames.push(round[2] / round[1]);
        }
        let (to_bytes, to_frames) = (median(to_bytes), median(to_frames));
        let [bytes, frames, ours] = least;
        println!(
            "{len:>9} B {burst:>10} {bytes:>6.0} ns {frames:>6.0} ns {ours:>6.0} ns {to_bytes:>9.2} \
             {to_frames:>10.2}"
        );
        *(if to_frames <= LIMIT { &mut passed } else { &mut failed }) += 1;
    }
    println!("tls: {passed} within {LIMIT} of the loop over frames, {failed} beyond");
}

#[derive(Clone, Copy, PartialEq)]
enum Server {
    /// Sends every byte back.
    Bytes,
    /// Sends every frame back.
    Frames,
    WebSocket,
}

/// Returns the server's CPU time for each message, in ns.
fn measure(server: Server, len: usize, burst: usize, turns: usize) -> f64 {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (key.cert.pem(), key.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let (report, reported) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let serving = thread::spawn(move || {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            match server {
                Server::Bytes | Server::Frames => {
                    let accepted = TlsAcceptor::from(tls.config()).accept(stream).await.unwrap();
                    report.send(thread_time()).unwrap();
                    if server == Server::Bytes {
                        echo_bytes(accepted).await;
                    } else {
                        echo_frames(accepted).await;
                    }
                }
                Server::WebSocket => {
                    let stream = NetStream::accept_tls(stream, &tls).await.unwrap();
                    let config = Config::default();
                    let mut socket = WebSocket::accept(stream, &config).await.unwrap();
                    report.send(thread_time()).unwrap();
                    let handled = socket.run(|event, commands| {
                        if let Event::Binary(payload) = event {
                            commands.send(payload).unwrap();
                        }
                    });
                    // The client breaks off.
                    let _ = handled.await;
                }
            }
        });
        thread_time()
    });
    let address = told.recv().unwrap();
    let tls = ClientTls::new().root_certificates(certificate.as_bytes()).unwrap();
    run(load(address, &tls, server, len, burst, turns));
    let begin = reported.recv().unwrap();
    let spent = serving.join().unwrap() - begin;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = spent as f64 / (burst * turns) as f64;
    each
}

type Accepted = tokio_rustls::server::TlsStream<TcpStream>;

async fn echo_bytes(mut stream: Accepted) {
    let mut buf = vec![0; READ];
    while let Ok(len @ 1..) = stream.read(&mut buf).await {
        stream.write_all(&buf[..len]).await.unwrap();
        stream.flush().await.unwrap();
    }
}

async fn echo_frames(mut stream: Accepted) {
    let (mut buf, mut input, mut output) = (vec![0; READ], Lent::default(), Output::default());
    while let Ok(len @ 1..) = stream.read(&mut buf).await {
        input.fill(&buf[..len]);
        input.receive(|payload| output.copy(payload));
        stream.write_all(&output.bytes).await.unwrap();
        stream.flush().await.unwrap();
        output.bytes.clear();
    }
}

/// Sends bursts of frames, each when the one before has come back.
async fn load(
    address: SocketAddr,
    tls: &ClientTls,
    server: Server,
    len: usize,
    burst: usize,
    turns: usize,
) {
    let mut stream = connect(address, tls).await;
    if server == Server::WebSocket {
        open(&mut stream).await;
    }
    let payload = vec![7; len];
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..burst {
        for (output, key) in [(&mut sent, Some([1, 2, 3, 4])), (&mut answer, None)] {
            frame(key, &payload).encode(output);
        }
    }
    // A loop that looks at nothing leaves the masks as they are.
    let expected = if server == Server::Bytes { &sent } else { &answer };
    let mut received = vec![0; expected.len()];
    for _ in 0..turns {
        stream.write_all(&sent).await.unwrap();
        stream.flush().await.unwrap();
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(received.len(), expected.len());
    }
    assert_eq!(received, expected[..]);
}

async fn connect(address: SocketAddr, tls: &ClientTls) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(tls.resolve().unwrap()).connect(name, stream).await.unwrap()
}

async fn open(stream: &mut TlsStream<TcpStream>) {
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

const fn frame(mask: Option<[u8; 4]>, payload: &[u8]) -> Frame<'_> {
    Frame { fin: true, rsv: 0, opcode: Opcode::Binary, mask, payload }
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}
