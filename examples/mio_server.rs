//! A server that sends every message back: thousands of connections in one thread, by `mio` (on
//! Unix) and the sans-I/O driver, without an adapter.
//!
//! ```text
//! cargo run --release -p examples --bin mio_server -- [ADDR]
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "an example is an application"
)]

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, net};
use sanswire::driver::{Driver, Next};
use sanswire::extension::DeflateConfig;
use sanswire::handshake::{Acceptance, HandshakeError};
use sanswire::io::pump;
use sanswire::{Config, Error, Event, Refused, SpareBuffers, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let (poll, mut listener) = (Poll::new()?, net::TcpListener::bind(address.parse()?)?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let (peers, ready, timers) = (HashMap::new(), BTreeSet::new(), BTreeSet::new());
    let (spare, start) = (SpareBuffers::default(), Instant::now());
    Ok(Server { poll, listener, peers, ready, timers, last: LISTENER, spare, start }.run()?)
}

struct Server {
    poll: Poll,
    listener: net::TcpListener,
    peers: HashMap<Token, Peer>,
    /// Who has something to do now, and when.
    ready: BTreeSet<Token>,
    timers: BTreeSet<(Timestamp, Token)>,
    last: Token,
    /// For the peer whose turn it is.
    spare: SpareBuffers,
    start: Instant,
}

struct Peer {
    driver: Driver,
    stream: TcpStream,
    timer: Option<Timestamp>,
}

impl Server {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let next = self
                .timers
                .first()
                .map(|(at, _)| at.saturating_duration_since(self.start.elapsed()));
            let wait = if self.ready.is_empty() { next } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Err(_) | Ok(()) => {}
            }
            self.ready.extend(events.iter().map(|event| event.token()));
            let now = self.start.elapsed().into();
            while let Some((_, token)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
                self.timers.pop_first();
                self.ready.insert(token);
            }
            // One turn for each. The next one of those that go on comes behind all others.
            for token in std::mem::take(&mut self.ready) {
                if token == LISTENER { self.accept() } else { self.turn(token) }
            }
        }
    }

    fn accept(&mut self) {
        let mut added = Ok(());
        while added.is_ok() {
            added = self.listener.accept().and_then(|(stream, _)| self.add(stream));
        }
        if let Some(error) = added.err().filter(|error| error.kind() != io::ErrorKind::WouldBlock) {
            eprintln!("accept: {error}");
            self.timers.insert(((self.start.elapsed() + PAUSE).into(), LISTENER));
        }
    }

    fn add(&mut self, mut stream: net::TcpStream) -> io::Result<()> {
        self.last = Token(self.last.0 + 1);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, self.last, interest)?;
        stream.set_nodelay(true)?;
        let config = Config::default().max_message_size(MAX_SIZE).max_frame_size(MAX_SIZE);
        let driver = Driver::server(&config);
        self.peers.insert(self.last, Peer { driver, stream: stream.into(), timer: None });
        self.ready.insert(self.last);
        Ok(())
    }

    fn turn(&mut self, token: Token) {
        let Some(peer) = self.peers.get_mut(&token) else { return };
        peer.driver.reuse_memory(&mut self.spare);
        let next = peer.turn(self.start);
        match &next {
            // It looked whether anybody listens.
            Err(Error::Handshake { error: HandshakeError::NoRequest { .. }, .. }) | Ok(_) => {}
            Err(error) => eprintln!("{token:?}: {error}"),
        }
        if let Some(at) = peer.timer.take() {
            self.timers.remove(&(at, token));
        }
        match next {
            Ok(Next::Wait) => {
                peer.driver.release_memory_to(&mut self.spare);
                peer.timer = peer.driver.poll_timeout();
                self.timers.extend(peer.timer.map(|at| (at, token)));
            }
            Ok(Next::Yield) => self.ready.extend([token]),
            _ => drop(self.peers.remove(&token)),
        }
    }
}

impl Peer {
    /// Does all that can be done, until others are to have their turn.
    fn turn(&mut self, start: Instant) -> Result<Next<'static>, Error> {
        loop {
            match self.driver.poll_event()? {
                Next::Event(Event::Text(text), mut commands) => note(commands.send(text)),
                Next::Event(Event::Binary(payload), mut commands) => note(commands.send(payload)),
                Next::Event(..) | Next::Response(_) => {}
                Next::Request(request) => {
                    let acceptance = Acceptance::new().subprotocol(request.subprotocols().next());
                    let acceptance = acceptance.deflate(&DeflateConfig::default());
                    // A bad request is answered with its fault. The error is told next, too.
                    let _ = self.driver.accept(&request, &acceptance);
                }
                Next::Wait => {
                    // The driver knows of errors of the stream, too.
                    let moved = pump(&mut self.driver, &mut self.stream, || start.elapsed());
                    if !moved.unwrap_or(true) {
                        return Ok(Next::Wait);
                    }
                }
                Next::Over => return Ok(Next::Over),
                Next::Yield => return Ok(Next::Yield),
            }
        }
    }
}

/// Logs what is not sent back, such as because the connection is closing.
fn note(sent: Result<(), Refused>) {
    if let Err(refused) = sent {
        eprintln!("not sent back: {refused}");
    }
}

const LISTENER: Token = Token(0);
/// Messages and frames up to 32 MiB.
const MAX_SIZE: usize = 32 << 20;
const PAUSE: Duration = Duration::from_millis(50); // The system has no more sockets to give.
