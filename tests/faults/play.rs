//! What an application does at each end of a connection: the same over every transport.

use std::future::{poll_fn, ready};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sanswire::handshake::{Acceptance, ClientRequest, HeadLimits, Request};
use sanswire::io::poll::{PollTransport, Receiver, Sender, WebSocket};
use sanswire::{Config, Error, MessageKind, Role};

use crate::log::{End, Log, MESSAGES, Shared, message};

/// A connection's life, as both ends plan it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Of the end whose transport has the fault.
    pub(crate) near: Role,
    pub(crate) closer: Role,
    /// Whether both ends send and receive at once.
    pub(crate) is_split: bool,
    pub(crate) deadlines: Deadlines,
}

impl Plan {
    /// All plans.
    pub(crate) fn all(deadlines: Deadlines) -> Vec<Self> {
        let both = [Role::Client, Role::Server];
        let mut all = Vec::new();
        for near in both {
            for closer in both {
                for is_split in [false, true] {
                    all.push(Self { near, closer, is_split, deadlines });
                }
            }
        }
        all
    }

    /// Compression is the core's: with one of both ways to send it is enough.
    #[cfg(feature = "deflate")]
    const fn is_deflated(self) -> bool {
        self.is_split
    }

    pub(crate) fn config(self) -> Config {
        let config = Config::default().fragment_size(NonZeroUsize::new(400));
        match self.deadlines {
            Deadlines::None => config
                .ping_interval(None)
                .write_timeout(None)
                .close_timeout(None)
                .hold_timeout(None),
            Deadlines::Short => config
                .ping_interval(SHORT)
                .pong_timeout(SHORT)
                .write_timeout(SHORT)
                .close_timeout(SHORT),
            Deadlines::Usual => config,
        }
    }

    pub(crate) fn request(self) -> ClientRequest {
        let request = ClientRequest::new("server.example.com", "/chat").unwrap();
        let request = request.head_limits(self.limits());
        #[cfg(feature = "deflate")]
        let request =
            if self.is_deflated() { request.deflate(&Default::default()) } else { request };
        request
    }

    pub(crate) fn acceptance(self) -> Acceptance {
        #[cfg(feature = "deflate")]
        if self.is_deflated() {
            return Acceptance::new().deflate(&Default::default());
        }
        Acceptance::new()
    }

    pub(crate) fn limits(self) -> HeadLimits {
        match self.deadlines {
            Deadlines::None => HeadLimits::default().timeout(None),
            Deadlines::Short => HeadLimits::default().timeout(SHORT),
            Deadlines::Usual => HeadLimits::default(),
        }
    }
}

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadlines {
    /// Without end.
    None,
    /// No longer than a test can wait.
    Short,
    /// As by default.
    Usual,
}

const SHORT: Duration = Duration::from_millis(10);

/// Plays one end from its first byte to its last.
pub(crate) async fn play<T: PollTransport>(stream: T::Stream, role: Role, plan: Plan, log: Shared) {
    let socket = match open::<T>(stream, role, plan).await {
        Ok(socket) => socket,
        Err(error) => {
            log.borrow_mut().ends.push(End::from(&error));
            return;
        }
    };
    live(socket, role, plan, log, ready(())).await;
}

/// Plays one end from where it is open. At its end, it waits for `last` before it drops the socket.
pub(crate) async fn live<T: PollTransport>(
    socket: WebSocket<T>,
    role: Role,
    plan: Plan,
    log: Shared,
    last: impl Future<Output = ()>,
) {
    log.borrow_mut().opened = true;
    let closes = plan.closer == role;
    if plan.is_split {
        let (mut sender, mut receiver) = socket.split();
        both(send_half(&mut sender, &log, closes), receive_half(&mut receiver, &log, closes)).await;
        for _ in 0..2 {
            let received = receiver.recv().await;
            log.borrow_mut().note_end(received);
        }
        assert!(sender.send("late").await.is_err(), "sent behind the end");
        assert_eq!(sender.ready_state(), receiver.ready_state());
        assert_eq!(sender.closed(), receiver.closed());
        last.await;
        let mut log = log.borrow_mut();
        (log.closed, log.state) = (receiver.closed(), Some(receiver.ready_state()));
        return;
    }
    let mut socket = socket;
    send(&mut socket, &log).await;
    receive(&mut socket, &log, closes).await;
    for _ in 0..2 {
        let received = socket.recv().await;
        log.borrow_mut().note_end(received);
    }
    assert!(socket.send("late").await.is_err(), "sent behind the end");
    assert!(socket.commands().send("late").is_err(), "queued behind the end");
    // Nothing waits any more, and that is said at once.
    let _ = socket.flush().await;
    last.await;
    let mut log = log.borrow_mut();
    (log.closed, log.state) = (socket.closed(), Some(socket.ready_state()));
}

async fn open<T: PollTransport>(
    stream: T::Stream,
    role: Role,
    plan: Plan,
) -> Result<WebSocket<T>, Error> {
    let config = plan.config();
    match role {
        Role::Client => WebSocket::connect_over(stream, &plan.request(), &config).await,
        Role::Server => {
            let accept = async |_: &Request| Ok(plan.acceptance());
            WebSocket::accept_with_limits(stream, &plan.limits(), &config, accept).await
        }
    }
}

async fn send<T: PollTransport>(socket: &mut WebSocket<T>, log: &Shared) {
    for number in 0..MESSAGES {
        let sent = match number {
            // In parts.
            2 => match socket.begin(MessageKind::Text) {
                Ok(()) => {
                    let message = message(number);
                    for part in message.as_bytes().chunks(100) {
                        if socket.send_chunk(part).await.is_err() {
                            break;
                        }
                    }
                    socket.finish().await
                }
                Err(error) => Err(error),
            },
            // Queued first.
            3 => match socket.feed(message(number)).await {
                Ok(()) => socket.flush().await,
                Err(error) => Err(error),
            },
            _ => socket.send(message(number)).await,
        };
        if sent.is_ok() {
            log.borrow_mut().sent.push(number);
        }
        if number == 1 {
            let _ = socket.ping(b"there?").await;
        }
    }
}

async fn receive<T: PollTransport>(socket: &mut WebSocket<T>, log: &Shared, closes: bool) {
    loop {
        let received = socket.recv().await;
        let Ok(Some(received)) = received else { return log.borrow_mut().note_end(received) };
        log.borrow_mut().receive(&received);
        if closes && log.borrow().received.len() == usize::from(MESSAGES) {
            // What comes of it is told by `recv`, too.
            let _ = socket.close(1000, "bye").await;
        }
    }
}

async fn send_half<T: PollTransport>(sender: &mut Sender<T>, log: &Shared, closes: bool) {
    for number in 0..MESSAGES {
        let sent = sender.send(message(number)).await;
        log.borrow_mut().tried += 1;
        if sent.is_ok() {
            log.borrow_mut().sent.push(number);
        }
        if number == 1 {
            let _ = sender.ping(b"there?").await;
        }
    }
    // The half that is done last closes.
    if closes && log.borrow().received.len() == usize::from(MESSAGES) {
        let _ = sender.send_close(1000, "bye").await;
    }
}

async fn receive_half<T: PollTransport>(receiver: &mut Receiver<T>, log: &Shared, closes: bool) {
    loop {
        let received = receiver.recv().await;
        let Ok(Some(received)) = received else { return log.borrow_mut().note_end(received) };
        log.borrow_mut().receive(&received);
        let Log { received, tried, .. } = &*log.borrow();
        if closes && received.len() == usize::from(MESSAGES) && *tried == MESSAGES {
            let _ = receiver.with_commands(|commands| commands.close(1000, "bye"));
        }
    }
}

/// Waits for both.
pub(crate) async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut one_done, mut other_done) = (false, false);
    poll_fn(|cx| {
        one_done = one_done || one.as_mut().poll(cx).is_ready();
        other_done = other_done || other.as_mut().poll(cx).is_ready();
        if one_done && other_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
