//! Clients of many kinds: honest ones that notice what they should not see, and others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand::RngExt;
use rand::seq::IndexedRandom as _;
use sanswire::delivery::Limits;
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{ClientRequest, HandshakeError};
use sanswire::io::hyper::connect_http2;
use sanswire::io::poll::{self, PollTransport};
use sanswire::io::tls::ClientTls;
use sanswire::io::tokio::reconnecting::{Client, ClientEvent, Options};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::io::{Connector, blocking, futures_io};
use sanswire::reconnect::Policy;
use sanswire::{CloseCode, Config, Error, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

type Fault = Box<dyn std::error::Error + Send + Sync>;
type Socket = WebSocket<NetStream>;

/// Where the server is.
#[derive(Clone)]
pub(crate) struct Place {
    plain: SocketAddr,
    tls: SocketAddr,
    axum: SocketAddr,
    connector: Connector,
}

#[derive(Clone)]
pub(crate) struct Crowd {
    place: Place,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    kinds: BTreeMap<Kind, u64>,
    messages: u64,
    faults: Vec<String>,
    /// Since the last sample.
    round_trips: Vec<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Has messages sent back, and closes.
    Echo,
    /// The same by a server that sends in fragments.
    Parts,
    /// The same by a server that splits its socket.
    Split,
    /// The same by a server of axum, over HTTP/1.1.
    Axum,
    /// The same over HTTP/2.
    Http2,
    /// The same through the blocking adapter.
    Blocking,
    /// The same through the adapter of futures-io.
    FuturesIo,
    /// The same with delivery, while the server breaks the connection now and then.
    Delivered,
    /// Listens to what is sent to all.
    Ticks,
    /// Says nothing for a while.
    Idle,
    /// Is gone within a message.
    Gone,
    /// Breaks the protocol.
    Wrong,
    /// Is not let in.
    Refused,
    /// Never completes its request.
    Slow,
    /// Has sent back more than it reads, and is gone.
    Deaf,
}

impl Place {
    pub(crate) fn new(
        [plain, tls, axum]: [SocketAddr; 3],
        certificate: &str,
    ) -> Result<Self, Error> {
        let trusted = ClientTls::new().root_certificates(certificate.as_bytes())?;
        Ok(Self { plain, tls, axum, connector: Connector::new().tls(trusted) })
    }

    async fn connect(&self, path: &str) -> Result<Socket, Error> {
        let [is_secure, compresses] = rand::rng().random();
        let url = match is_secure {
            true => format!("wss://{}{path}", self.tls),
            false => format!("ws://{}{path}", self.plain),
        };
        let mut request = ClientRequest::from_url(&url)?;
        if compresses {
            request = request.deflate(&DeflateConfig::default());
        }
        WebSocket::connect_via(&self.connector, &request, &Config::default()).await
    }

    /// Connects to the server of axum, over HTTP/2.
    async fn connect_http2(&self) -> Result<Socket, Fault> {
        let stream = TokioIo::new(TcpStream::connect(self.axum).await?);
        let builder = http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) = builder.handshake::<_, Empty<Bytes>>(stream).await?;
        tokio::spawn(connection);
        let request = ClientRequest::new(&self.axum.to_string(), "/echo")?;
        let send = |request| sender.send_request(request);
        Ok(connect_http2(&request, &Config::default(), send).await?)
    }
}

impl Crowd {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, seen: Arc::default() }
    }

    /// Has so many clients at a time.
    pub(crate) async fn run(self, clients: u64, end: Instant) {
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let crowd = self.clone();
            tasks.spawn(async move {
                while Instant::now() < end {
                    crowd.one().await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Is one client, from its connection to its end.
    async fn one(&self) {
        let kind = *KINDS.choose(&mut rand::rng()).unwrap_or(&Kind::Echo);
        let fault = match timeout(LIMIT, self.be(kind)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{kind:?}: {error}")),
            Err(_) => Some(format!("{kind:?} took more than {LIMIT:?}")),
        };
        self.note_end(kind, fault);
        let pause = rand::rng().random_range(0..400);
        sleep(Duration::from_millis(pause)).await;
    }

    fn note_end(&self, kind: Kind, fault: Option<String>) {
        let mut seen = self.seen();
        *seen.kinds.entry(kind).or_default() += 1;
        seen.faults.extend(fault);
    }

    fn note_round_trip(&self, took: Duration) {
        let mut seen = self.seen();
        seen.messages += 1;
        seen.round_trips.push(took);
    }

    async fn be(&self, kind: Kind) -> Result<(), Fault> {
        match kind {
            Kind::Echo => self.talk(self.place.connect("/echo").await?).await,
            Kind::Parts => self.talk(self.place.connect("/parts").await?).await,
            Kind::Split => self.talk(self.place.connect("/split").await?).await,
            Kind::Axum => {
                let url = format!("ws://{}/echo", self.place.axum);
                self.talk(WebSocket::connect(&url).await?).await
            }
            Kind::Http2 => self.talk(self.place.connect_http2().await?).await,
            Kind::Blocking => {
                let crowd = self.clone();
                tokio::task::spawn_blocking(move || crowd.block()).await?
            }
            Kind::FuturesIo => {
                let url = format!("ws://{}/split", self.place.plain);
                self.talk(futures_io::WebSocket::connect(&url).await?).await
            }
            Kind::Delivered => self.deliver().await,
            Kind::Ticks => {
                let mut socket = self.place.connect("/ticks").await?;
                for _ in 0..20 {
                    let tick = socket.recv().await?.ok_or("closed")?;
                    let is_whole = tick.as_text().is_some_and(|text| text.starts_with("tick "));
                    is_whole.then_some(()).ok_or("not what was sent to all")?;
                    self.seen().messages += 1;
                }
                close(socket).await
            }
            Kind::Idle => {
                let mut socket = self.place.connect("/echo").await?;
                // The server's Pings are answered meanwhile.
                match timeout(Duration::from_secs(6), socket.recv()).await {
                    Err(_) => close(socket).await,
                    Ok(received) => Err(format!("{received:?}, and nobody said anything").into()),
                }
            }
            Kind::Gone => {
                let mut socket = self.place.connect("/echo").await?;
                socket.begin(sanswire::MessageKind::Binary)?;
                Ok(socket.send_chunk(&[7; 3000]).await?)
            }
            Kind::Deaf => {
                let mut socket = self.place.connect("/echo").await?;
                // The server gives up by its write timeout, or when we are gone.
                let flood = async { while socket.send(vec![7; 60_000]).await.is_ok() {} };
                let _ = timeout(Duration::from_secs(3), flood).await;
                Ok(())
            }
            Kind::Wrong => {
                let mut socket = self.raw("/echo").await?;
                // Not masked.
                socket.write_all(&[0x81, 1, b'x']).await?;
                let answer = rest(socket).await?;
                let closes =
                    answer.windows(4).any(|bytes| bytes[0] == 0x88 && bytes[2..] == [3, 234]);
                Ok(closes.then_some(()).ok_or("no Close frame with 1002")?)
            }
            Kind::Refused => match self.place.connect("/refused").await {
                Err(Error::Handshake {
                    error: HandshakeError::UnexpectedStatus(response), ..
                }) if response.status() == 403 => Ok(()),
                other => Err(format!("{other:?}, and not 403").into()),
            },
            Kind::Slow => {
                let mut socket = TcpStream::connect(self.place.plain).await?;
                socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await?;
                let answer = rest(socket).await?;
                Ok(answer.starts_with(b"HTTP/1.1 408 ").then_some(()).ok_or("no 408")?)
            }
        }
    }

    /// Has messages of many sizes sent back.
    async fn talk<T: PollTransport>(&self, mut socket: poll::WebSocket<T>) -> Result<(), Fault> {
        let count = rand::rng().random_range(1..20);
        for _ in 0..count {
            let message = any_message();
            let begun = Instant::now();
            socket.send(&message).await?;
            let back = socket.recv().await?.ok_or("closed")?;
            self.note_back(begun, &message, &back)?;
            let pause = rand::rng().random_range(0..50);
            sleep(Duration::from_millis(pause)).await;
        }
        close(socket).await
    }

    /// The same, in a thread that waits.
    fn block(&self) -> Result<(), Fault> {
        let mut socket = blocking::WebSocket::connect(&format!("ws://{}/echo", self.place.plain))?;
        for _ in 0..rand::rng().random_range(1..20) {
            let message = any_message();
            let begun = Instant::now();
            socket.send(&message)?;
            let back = socket.recv()?.ok_or("closed")?;
            self.note_back(begun, &message, &back)?;
        }
        socket.close(CloseCode::NORMAL, "")?;
        Ok(socket.closed().ok_or("not closed")?.check()?)
    }

    fn note_back(&self, begun: Instant, sent: &Message, back: &Message) -> Result<(), Fault> {
        let took = begun.elapsed();
        (back == sent).then_some(()).ok_or("another message came back")?;
        self.note_round_trip(took);
        Ok(())
    }

    /// Has numbered messages sent back, once and in order, over connections that break.
    async fn deliver(&self) -> Result<(), Fault> {
        let url = format!("ws://{}/sessions", self.place.plain);
        let policy = Policy::default().initial_delay(SOON).max_delay(10 * SOON);
        let options = Options::default().policy(policy).delivery(Limits::default());
        let mut client = Client::new(options, move |_| {
            ready(ClientRequest::from_url(&url).map_err(Into::into))
        })?;
        let handle = client.handle();
        let count = rand::rng().random_range(20_u32..60);
        let sending = async {
            for number in 0..count {
                handle.send(number.to_string()).await?;
                sleep(SOON).await;
            }
            Ok::<_, Fault>(())
        };
        let receiving = async {
            let mut numbers = 0..count;
            while let Some(event) = client.next().await {
                let Some(message) = message_of(event)? else { continue };
                let next = numbers.next().map(|number| number.to_string().into());
                (next == Some(message)).then_some(()).ok_or("not once and in order")?;
                self.seen().messages += 1;
                if numbers.is_empty() {
                    client.stop();
                }
            }
            Ok(numbers.is_empty().then_some(()).ok_or("it ended before all came back")?)
        };
        tokio::try_join!(sending, receiving)?;
        Ok(())
    }

    /// Opens a WebSocket whose bytes are written by hand.
    async fn raw(&self, path: &str) -> Result<TcpStream, Fault> {
        let mut socket = TcpStream::connect(self.place.plain).await?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.read_u8().await?);
        }
        Ok(socket)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.seen().kinds.values().sum()
    }

    pub(crate) fn messages(&self) -> u64 {
        self.seen().messages
    }

    /// Returns how many there were of each kind.
    pub(crate) fn kinds(&self) -> String {
        let mut text = String::new();
        for (kind, count) in &self.seen().kinds {
            let _ = write!(text, "{kind:?} {count}  ");
        }
        text
    }

    /// Returns the first of what should not have been seen.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.seen().faults.iter().take(10).cloned().collect()
    }

    /// Returns the round trips since the last call, sorted.
    pub(crate) fn take_round_trips(&self) -> Vec<Duration> {
        let mut taken = std::mem::take(&mut self.seen().round_trips);
        taken.sort_unstable();
        taken
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the message, if it is one. No session ends here before its client.
fn message_of(event: ClientEvent) -> Result<Option<Message>, Fault> {
    match event {
        ClientEvent::Message(message) => Ok(Some(message)),
        ClientEvent::Forgot | ClientEvent::GaveUp(_) | ClientEvent::PeerForgot(_) => {
            Err(format!("{event:?}").into())
        }
        ClientEvent::Connecting { .. }
        | ClientEvent::Disconnected { .. }
        | ClientEvent::Open
        | ClientEvent::Resumed
        | ClientEvent::Started
        | _ => Ok(None),
    }
}

fn any_message() -> Message {
    let len = 1 << rand::rng().random_range(0..17);
    match rand::rng().random() {
        true => Message::text("words ".repeat(len / 6)),
        false => Message::binary(vec![7; len]),
    }
}

/// Closes, and sees to it that the server agrees.
async fn close<T: PollTransport>(mut socket: poll::WebSocket<T>) -> Result<(), Fault> {
    socket.close(CloseCode::NORMAL, "").await?;
    Ok(socket.closed().ok_or("not closed")?.check()?)
}

/// Reads to the end, however that comes.
async fn rest(mut socket: TcpStream) -> Result<Vec<u8>, Fault> {
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer).await {
        Err(_) if answer.is_empty() => Err("a reset, and no answer".into()),
        _ => Ok(answer),
    }
}

/// One of them is chosen for each client.
const KINDS: [Kind; 22] = [
    Kind::Echo,
    Kind::Echo,
    Kind::Echo,
    Kind::Echo,
    Kind::Parts,
    Kind::Parts,
    Kind::Split,
    Kind::Split,
    Kind::Split,
    Kind::Axum,
    Kind::Http2,
    Kind::Blocking,
    Kind::FuturesIo,
    Kind::Delivered,
    Kind::Ticks,
    Kind::Idle,
    Kind::Gone,
    Kind::Gone,
    Kind::Wrong,
    Kind::Refused,
    Kind::Slow,
    Kind::Deaf,
];

/// How soon a client sends the next message, and comes back at the earliest.
const SOON: Duration = Duration::from_millis(20);

/// How long a client may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
