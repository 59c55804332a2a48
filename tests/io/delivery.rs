//! Delivery end to end, over TCP: a server that is restarted abruptly under a client that comes
//! back, with numbered messages in both directions.
#![expect(
    clippy::disallowed_types,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::error::Error;
use std::future::{pending, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sanswire::delivery::{
    Attachment, Hello, Limits, Retention, SUBPROTOCOL, Session, SessionId, Sessions, Snapshot,
};
use sanswire::handshake::{Acceptance, ClientRequest, Request};
use sanswire::io::tokio::reconnecting::{Cause, Client, ClientEvent, Options};
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::reconnect::Policy;
use sanswire::{Config, Message, delivery};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

const MESSAGES: u64 = 10_000;
const RESTARTS: usize = 10;

/// Messages that the first process takes, and the others at most: so that there are enough for all.
const FIRST_PROCESS: u64 = 100;
const LONGEST_PROCESS: u64 = 900;

/// What survives a restart of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// The process, with its sessions.
    Process,
    /// What was written down before anything was sent.
    Snapshots,
}

/// A message whose number can be told, and which is now and then too large for one write.
fn numbered(number: u64) -> Message {
    let len = match number % 50 {
        49 => 20_000,
        short => usize::try_from(short).unwrap(),
    };
    let text = format!("{number} {}", "x".repeat(len));
    if number.is_multiple_of(3) { text.into() } else { text.into_bytes().into() }
}

/// The application's part of a server: what it has had, and how far it has come.
#[derive(Clone, Debug, Default)]
struct Application {
    received: u64,
    sent: u64,
}

impl Application {
    fn receive(&mut self, message: &Message) {
        assert_eq!(message, &numbered(self.received), "once and in order");
        self.received += 1;
    }

    fn send(&mut self, session: &mut Session) {
        while self.sent < MESSAGES && session.send(numbered(self.sent)).is_ok() {
            self.sent += 1;
        }
    }
}

/// A server, without the process that it runs in.
struct Server {
    memory: Memory,
    state: Mutex<State>,
    /// Notified when a restart is due.
    due: Notify,
}

struct State {
    sessions: Sessions<()>,
    application: Application,
    /// Written in one go: the application's state with that of the session.
    disk: Option<(Application, SessionId, Snapshot)>,
    rng: StdRng,
    /// How many messages this process still takes before its end.
    left: u64,
    /// Whether its end was asked for: a second time would end the next process.
    is_dying: bool,
    /// How often it has been restarted.
    restarts: usize,
}

fn limits() -> Limits {
    Limits::default().max_messages(200)
}

fn retention() -> Retention {
    Retention::default().limits(limits())
}

impl Server {
    fn new(memory: Memory, seed: u64) -> Arc<Self> {
        let state = State {
            sessions: Sessions::new(retention()),
            application: Application::default(),
            disk: None,
            rng: StdRng::seed_from_u64(seed),
            left: FIRST_PROCESS,
            is_dying: false,
            restarts: 0,
        };
        Arc::new(Self { memory, state: Mutex::new(state), due: Notify::new() })
    }

    /// Serves one process's time: until the next restart.
    async fn run(self: &Arc<Self>, listener: TcpListener, resets: bool) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted.unwrap();
                    // A reset takes along what the client has not read.
                    if resets {
                        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                    }
                    let server = Arc::clone(self);
                    tasks.spawn(async move {
                        if let Err(error) = server.serve(stream).await {
                            let is_expected = error.is::<sanswire::Error>()
                                || error.is::<sanswire::SendError>();
                            assert!(is_expected, "{error}");
                        }
                    });
                }
                Some(served) = tasks.join_next() => served.unwrap(),
                () = self.due.notified() => break,
            }
        }
        // Whatever they are at: no Close frame, and messages in the middle.
        tasks.shutdown().await;
    }

    /// Begins anew with what the last process left behind.
    fn restart(&self) {
        let mut state = self.state.lock().unwrap();
        state.restarts += 1;
        state.is_dying = false;
        state.left = match state.restarts {
            RESTARTS => u64::MAX,
            _ => state.rng.random_range(0..LONGEST_PROCESS),
        };
        if self.memory == Memory::Snapshots {
            state.sessions = Sessions::new(retention());
            state.application = Application::default();
            if let Some((application, client, snapshot)) = state.disk.clone() {
                state.application = application;
                let session = Session::restore(snapshot, limits()).unwrap();
                state.sessions.insert((), client, session, Duration::ZERO).unwrap();
            }
        }
    }

    async fn serve(&self, stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
        let decide = async |request: &Request| {
            let offered = request.subprotocols().find(|&name| name == SUBPROTOCOL);
            Ok(Acceptance::new().subprotocol(offered))
        };
        let mut socket = WebSocket::accept_with(stream, &Config::default(), decide).await?;
        let Some(first) = socket.recv().await? else { return Ok(()) };
        let hello = Hello::parse(&first)?;
        let attachment = {
            let mut state = self.state.lock().unwrap();
            let new = SessionId::new(state.rng.random()).unwrap();
            state.sessions.attach((), &hello, new, Duration::ZERO)?
        };
        let attached = (attachment, hello.from);
        let mut message = Some(first);
        loop {
            match self.advance(attached, &mut socket, message)? {
                Advanced::Dying => {
                    // One last write, which may end within a message.
                    tokio::select! {
                        biased;
                        _ = socket.flush() => {}
                        () = ready(()) => {}
                    }
                    pending().await
                }
                Advanced::On => {}
                Advanced::Replaced => return Ok(()),
            }
            message = tokio::select! {
                biased;
                received = socket.recv() => received?,
                () = ready(()) => {
                    // Nothing more is there: before it waits, it acknowledges.
                    if let Some(session) = self.state.lock().unwrap().sessions.get(attachment) {
                        session.acknowledge();
                    }
                    self.advance(attached, &mut socket, None)?;
                    socket.recv().await?
                }
            };
            if message.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes a message, and queues what there is to send.
    fn advance(
        &self,
        (attachment, client): (Attachment, SessionId),
        socket: &mut WebSocket<TcpStream>,
        message: Option<Message>,
    ) -> Result<Advanced, Box<dyn Error + Send + Sync>> {
        let state = &mut *self.state.lock().unwrap();
        if state.left == 0 {
            if !core::mem::replace(&mut state.is_dying, true) {
                self.due.notify_one();
            }
            return Ok(Advanced::Dying);
        }
        let Some(session) = state.sessions.get(attachment) else { return Ok(Advanced::Replaced) };
        if let Some(message) = message {
            match session.handle_message(message)? {
                Some(delivery::SessionEvent::Message(message)) => {
                    state.application.receive(&message);
                    state.left -= 1;
                }
                Some(delivery::SessionEvent::Resumed | delivery::SessionEvent::Started) | None => {}
                Some(event) => panic!("{event:?}"),
            }
        }
        state.application.send(session);
        if self.memory == Memory::Snapshots {
            state.disk = Some((state.application.clone(), client, session.snapshot()));
        }
        session.transmit(&mut socket.commands())?;
        Ok(Advanced::On)
    }
}

/// What becomes of a connection of the server.
enum Advanced {
    /// The process ends.
    Dying,
    On,
    /// The client has come back on another one.
    Replaced,
}

/// Keeps a port for the test: one that is free between two processes may be given to others, who
/// would answer the client.
fn reserve() -> (TcpSocket, SocketAddr) {
    let socket = bind("127.0.0.1:0".parse().unwrap());
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    // Also beside a socket that does not listen.
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// Listens, with buffers that a large message does not fit.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = bind(address);
    socket.set_send_buffer_size(8 << 10).unwrap();
    socket.listen(64).unwrap()
}

fn client(address: SocketAddr, seed: u8) -> Client<NetStream> {
    let (initial_delay, max_delay) = (Duration::from_millis(4), Duration::from_millis(8));
    let options = Options::default()
        .policy(Policy::default().initial_delay(initial_delay).max_delay(max_delay))
        .delivery(limits())
        .seed([seed; 32]);
    Client::new(options, move |_| async move { Ok(ClientRequest::new(&address.to_string(), "/")?) })
        .unwrap()
}

/// Sends and receives all messages, and stops; returns how often the client was connected.
async fn exchange(mut client: Client<NetStream>) -> usize {
    let handle = client.handle();
    let (all_received, wait) = oneshot::channel();
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            handle.send(numbered(number)).await.unwrap();
        }
        handle.drained().await.unwrap();
        wait.await.unwrap();
        handle.stop();
    });
    let (mut received, mut connections, mut all_received) = (0, 0, Some(all_received));
    while let Some(event) = client.next().await {
        match event {
            ClientEvent::Open => connections += 1,
            ClientEvent::Message(message) => {
                assert_eq!(message, numbered(received), "once and in order");
                received += 1;
            }
            ClientEvent::Connecting { .. } | ClientEvent::Resumed | ClientEvent::Started => {}
            ClientEvent::Disconnected { delay: Some(_), .. } => {}
            ClientEvent::Disconnected { cause: Cause::Closed(closed), .. } => assert!(closed.clean),
            event => panic!("{event:?}"),
        }
        if received == MESSAGES
            && let Some(all_received) = all_received.take()
        {
            all_received.send(()).unwrap();
        }
    }
    sending.await.unwrap();
    connections
}

async fn everything_arrives_once_and_in_order(memory: Memory, seed: u8) {
    let server = Server::new(memory, seed.into());
    let (_reserved, address) = reserve();
    let mut listener = listen(address);
    let mut process = {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            for restart in 0..RESTARTS {
                server.run(listener, restart % 2 == 0).await;
                server.restart();
                // Some are so fast that the client does not see a closed port.
                if restart % 3 == 0 {
                    sleep(Duration::from_millis(20)).await;
                }
                listener = listen(address);
            }
            server.run(listener, false).await;
        })
    };
    let connections = tokio::select! {
        connections = exchange(client(address, seed)) => connections,
        ended = &mut process => panic!("the server has ended: {ended:?}"),
    };
    assert!(connections > RESTARTS, "{connections}");
    server.due.notify_one();
    process.await.unwrap();
    let state = server.state.lock().unwrap();
    assert_eq!(state.restarts, RESTARTS);
    assert_eq!((state.application.received, state.application.sent), (MESSAGES, MESSAGES));
    let left: Vec<_> =
        state.sessions.iter().map(|(.., session)| session.buffered_messages()).collect();
    assert_eq!(left, [0], "one session, and all of it acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_restarts_with_sessions_in_memory() {
    everything_arrives_once_and_in_order(Memory::Process, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_restarts_with_sessions_on_disk() {
    everything_arrives_once_and_in_order(Memory::Snapshots, 2).await;
}
