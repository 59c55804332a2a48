//! A server that sends every message back, each once and in order, however often a connection
//! breaks.
//!
//! ```text
//! cargo run --release -p examples --bin delivery_server -- [ADDR]
//! ```
//!
//! ADDR is 127.0.0.1:9002 by default. `examples/reconnecting_client.rs` talks to it, and a page by
//! `examples/delivery.js`. To see it at work, press Enter: all connections and the listener are
//! dropped as by a crash, and it listens again; what it knows of its clients is in memory and
//! survives that. `forget` and Enter drops that, too.
#![expect(
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "an example is an application"
)]

use std::error::Error;
use std::future::ready;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sanswire::delivery::{
    Attachment, DeliveryError, Denied, Hello, Owner, Retention, SUBPROTOCOL, SessionEvent,
    SessionId, Sessions,
};
use sanswire::handshake::{Acceptance, HandshakeError, Request, Response};
use sanswire::io::tokio::WebSocket;
use sanswire::{CloseCode, Commands, Config, Message};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// What outlives the connections. A server that knows its users has their names in the place of
/// addresses, and leaves [`Retention::owner`] as it is.
struct State {
    sessions: Mutex<Sessions<IpAddr>>,
    /// Wakes the connections that wait: each looks whether it still has its session.
    changed: Notify,
    began: Instant,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".to_owned());
    let state = Arc::new(State {
        sessions: Mutex::new(Sessions::new(retention())),
        changed: Notify::new(),
        began: Instant::now(),
    });
    let mut listener = TcpListener::bind(&address).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let state = Arc::clone(&state);
                    connections.spawn(async move {
                        if let Err(error) = serve(stream, user_at(peer.ip()), &state).await {
                            eprintln!("{error}");
                        }
                    });
                }
                // No more sockets to be had.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            Ok(Some(line)) = lines.next_line() => {
                drop(listener);
                connections.shutdown().await;
                if line == "forget" {
                    *state.sessions.lock().unwrap() = Sessions::new(retention());
                }
                listener = TcpListener::bind(address).await?;
                println!("listening on ws://{address}");
            }
        }
    }
}

/// The sessions of each address are bounded, and move with a client whose address changes.
fn retention() -> Retention {
    Retention::default().owner(Owner::Latest)
}

/// Of an IPv6 address the first 64 bits: a host can have all of the rest.
fn user_at(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

async fn serve(stream: TcpStream, user: IpAddr, state: &State) -> Result<(), sanswire::Error> {
    stream.set_nodelay(true)?;
    let config = Config::default();
    let opening = async {
        let mut socket =
            WebSocket::accept_with(stream, &config, async |request| decide(request)).await?;
        let first = socket.recv().await?;
        Ok::<_, sanswire::Error>((socket, first))
    };
    let Ok(opened) = timeout(OPENING_TIMEOUT, opening).await else { return Ok(()) };
    if let Err(sanswire::Error::Handshake { error: HandshakeError::NoRequest { .. }, .. }) = opened
    {
        // It looked whether anybody listens.
        return Ok(());
    }
    let (mut socket, Some(first)) = opened? else { return Ok(()) };
    let attachment = match attach(state, user, &first) {
        Ok(attachment) => attachment,
        Err(code) => return socket.close(code, "").await,
    };
    let attached = Attached { state, attachment };
    exchange(&mut socket, &attached, first).await
}

/// A connection's claim on its session, which it gives up also when its task is aborted.
struct Attached<'a> {
    state: &'a State,
    attachment: Attachment,
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        let now = self.state.began.elapsed();
        self.state.sessions.lock().unwrap().detach(self.attachment, now);
    }
}

/// Finds the session of a client by its first message.
fn attach(state: &State, user: IpAddr, first: &Message) -> Result<Attachment, CloseCode> {
    let hello = Hello::parse(first).map_err(DeliveryError::close_code)?;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| CloseCode::INTERNAL_ERROR)?;
    let new = SessionId::new(bytes).ok_or(CloseCode::INTERNAL_ERROR)?;
    let mut sessions = state.sessions.lock().unwrap();
    let attached = sessions.attach(user, &hello, new, state.began.elapsed());
    state.changed.notify_waiters();
    attached.map_err(Denied::close_code)
}

async fn exchange(
    socket: &mut WebSocket<TcpStream>,
    attached: &Attached<'_>,
    first: Message,
) -> Result<(), sanswire::Error> {
    let mut message = Some(first);
    loop {
        let is_idle = message.is_none();
        // It hears of what changes from here on.
        let changed = attached.state.changed.notified();
        if let Err(code) = advance(&mut socket.commands(), attached, message) {
            return socket.close(code, "").await;
        }
        message = tokio::select! {
            biased;
            received = socket.recv() => match received? {
                Some(received) => Some(received),
                None => return Ok(()),
            },
            // Nothing more has arrived.
            () = ready(()), if !is_idle => None,
            () = changed, if is_idle => None,
        };
    }
}

/// Answers a message, or acknowledges before a wait; then hands what there is to the connection.
fn advance(
    commands: &mut Commands<'_>,
    attached: &Attached<'_>,
    message: Option<Message>,
) -> Result<(), CloseCode> {
    let mut sessions = attached.state.sessions.lock().unwrap();
    // The client has come back on another connection, or there was no more room for it.
    let session = sessions.get(attached.attachment).ok_or(CloseCode::GOING_AWAY)?;
    match message {
        Some(message) => {
            match session.handle_message(message).map_err(DeliveryError::close_code)? {
                // Who sends and sends, and does not take the answers, is not worth more memory.
                Some(SessionEvent::Message(message)) => {
                    session.send(message).map_err(|_| CloseCode::POLICY_VIOLATION)?;
                }
                Some(event) => eprintln!("{:?}: {event:?}", session.peer()),
                None => {}
            }
        }
        None => session.acknowledge(),
    }
    session.transmit(commands).map_err(|_| CloseCode::GOING_AWAY)
}

/// Accepts what speaks `delivery`.
fn decide(request: &Request) -> Result<Acceptance, Response> {
    match request.subprotocols().find(|&name| name == SUBPROTOCOL) {
        Some(name) => Ok(Acceptance::new().subprotocol(Some(name))),
        None => Err(Response::new(400).text("this server speaks sanswire.delivery.v2\n")),
    }
}

/// Who connects and says nothing is dropped.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30);
