//! The client that comes back, over pipes in memory and a clock that stands still while anybody can
//! do anything.
#![expect(
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

use std::future::{pending, poll_fn};
use std::io;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use sanswire::delivery::{self, Limits, Session, SessionEvent, SessionId};
use sanswire::handshake::{
    Acceptance, ClientRequest, HandshakeError, Request, Response, TunnelError,
};
use sanswire::io::tokio::WebSocket;
use sanswire::io::tokio::reconnecting::{Cause, Client, ClientEvent, Handle, Options};
use sanswire::io::{Proxy, ProxyError, Timeout, TlsError};
use sanswire::reconnect::{
    Action, AttemptError, GaveUp, Opening, OutboxError, Policy, Reconnect, Retry, Retryable, State,
};
use sanswire::{
    AfterClose, CloseCode, ClosedBy, Config, Connection, ConnectionError, Error, Message, WhenFull,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const SEED: [u8; 32] = [7; 32];
const HOUR: Duration = Duration::from_secs(3600);

fn options() -> Options {
    Options::default().seed(SEED).config(config())
}

/// The servers here answer no Pings, and do not read.
fn config() -> Config {
    Config::default().ping_interval(None).write_timeout(None)
}

async fn request(_: u32) -> Result<ClientRequest, AttemptError> {
    Ok(ClientRequest::new("server.example.com", "/chat")?)
}

/// A client, and the other ends of the streams that it connects.
struct Net {
    client: Client<DuplexStream>,
    streams: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Net {
    fn new(options: Options) -> Self {
        Self::asking(options, request)
    }

    fn with_capacity(options: Options, capacity: usize) -> Self {
        Self::of(options, request, capacity)
    }

    /// With requests of its own.
    fn asking<Requested, O>(
        options: Options,
        request: impl FnMut(u32) -> Requested + Send + 'static,
    ) -> Self
    where
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
    {
        Self::of(options, request, 1000)
    }

    fn of<Requested, O>(
        options: Options,
        request: impl FnMut(u32) -> Requested + Send + 'static,
        capacity: usize,
    ) -> Self
    where
        Requested: Future<Output = Result<O, AttemptError>> + Send + 'static,
        O: Into<Opening>,
    {
        let (sender, streams) = mpsc::unbounded_channel();
        let connect = move |_| {
            let (near, far) = duplex(capacity);
            sender.send(far).unwrap();
            async { Ok(near) }
        };
        Self { client: Client::with_dialer(options, request, connect).unwrap(), streams }
    }

    /// Has the client connect, and returns the server.
    async fn open(&mut self) -> WebSocket<DuplexStream> {
        assert!(matches!(self.client.next().await, Some(ClientEvent::Connecting { .. })));
        let accept = async {
            let stream = self.streams.recv().await.unwrap();
            WebSocket::accept(stream, &Config::default()).await.unwrap()
        };
        let (event, server) = tokio::join!(self.client.next(), accept);
        assert!(matches!(event, Some(ClientEvent::Open)), "{event:?}");
        server
    }
}

/// A client whose attempts all end in what `connect` returns.
fn failing(
    options: Options,
    connect: impl Fn() -> AttemptError + Send + Sync + 'static,
) -> Client<DuplexStream> {
    let connect = move |_| {
        let error = connect();
        async { Err(error) }
    };
    Client::with_dialer(options, request, connect).unwrap()
}

fn refused() -> AttemptError {
    io::Error::from(io::ErrorKind::ConnectionRefused).into()
}

async fn next_connecting<S>(client: &mut Client<S>) -> u32
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    match client.next().await {
        Some(ClientEvent::Connecting { attempt }) => attempt,
        other => panic!("{other:?}"),
    }
}

async fn next_disconnected<S>(client: &mut Client<S>) -> (Cause, Option<Duration>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    match client.next().await {
        Some(ClientEvent::Disconnected { cause, delay }) => (cause, delay),
        other => panic!("{other:?}"),
    }
}

async fn next_message(client: &mut Client<DuplexStream>) -> Message {
    match client.next().await {
        Some(ClientEvent::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// Exchanges the Hellos of delivery on a new connection.
async fn greet(session: &mut Session, server: &mut WebSocket<DuplexStream>) {
    session.handle_connected();
    while !session.is_open() {
        let hello = server.recv().await.unwrap().unwrap();
        session.handle_message(hello).unwrap();
        session.transmit(&mut server.commands()).unwrap();
        server.flush().await.unwrap();
    }
}

// Coming back.

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_followed_by_another_after_the_delay() {
    let mut net = Net::new(options());
    let begin = Instant::now();
    let mut server = net.open().await;
    assert_eq!(begin.elapsed(), Duration::ZERO, "the first attempt waits for nothing");
    server.send("hello").await.unwrap();
    assert_eq!(next_message(&mut net.client).await, "hello".into());
    drop(server);

    let (cause, delay) = next_disconnected(&mut net.client).await;
    let Cause::Failed(Error::Connection(ConnectionError::UnexpectedEof)) = cause else {
        panic!("{cause:?}")
    };
    let delay = delay.unwrap();
    assert_eq!(net.client.state(), State::Waiting);
    let begin = Instant::now();
    assert_eq!(next_connecting(&mut net.client).await, 2);
    let late = begin.elapsed() - delay;
    assert!(late <= Duration::from_millis(1), "the timer's resolution: {late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_sees_the_headers_of_its_newest_response() {
    let mut net = Net::new(options());
    assert!(net.client.socket().is_none());
    for cookie in ["server=a", "server=b"] {
        next_connecting(&mut net.client).await;
        let accept = async {
            let stream = net.streams.recv().await.unwrap();
            let accept = async |_: &_| Ok(Acceptance::new().header("Set-Cookie", cookie).unwrap());
            WebSocket::accept_with(stream, &Config::default(), accept).await.unwrap()
        };
        let (event, server) = tokio::join!(net.client.next(), accept);
        assert!(matches!(event, Some(ClientEvent::Open)), "{event:?}");
        let response = net.client.socket().unwrap().response().unwrap();
        assert_eq!(response.headers().text("Set-Cookie"), Some(cookie));
        drop(server);
        next_disconnected(&mut net.client).await;
        assert!(net.client.socket().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn delays_are_those_of_the_policy() {
    let mut client = failing(options(), refused);
    let mut oracle = Reconnect::new(Options::default().policy, SEED);
    oracle.start(Duration::ZERO);
    let mut now = Duration::ZERO;
    for attempt in 1..20 {
        assert_eq!(oracle.poll_action(now), Some(Action::Connect));
        oracle.handle_failed(now, Retry::Later);
        now = oracle.poll_timeout().map(Duration::from).unwrap();

        assert_eq!(next_connecting(&mut client).await, attempt);
        let (cause, delay) = next_disconnected(&mut client).await;
        assert!(matches!(cause, Cause::Attempt(_)), "{cause:?}");
        assert_eq!(delay, oracle.delay());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_is_not_polled_for_nothing() {
    let mut polls = 0;
    let mut client = failing(options().seed([1; 32]), refused);
    for _ in 0..10 {
        let mut next = pin!(client.next());
        poll_fn(|cx| {
            polls += 1;
            next.as_mut().poll(cx)
        })
        .await
        .unwrap();
    }
    // Each event, and the wait before each second of them.
    assert!(polls <= 15, "{polls}");

    let mut net = Net::new(options());
    let _server = net.open().await;
    let mut polls = 0;
    let mut next = pin!(net.client.next());
    let next = poll_fn(|cx| {
        polls += 1;
        next.as_mut().poll(cx)
    });
    assert!(timeout(HOUR, next).await.is_err());
    assert!(polls <= 3, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn at_most_one_attempt_is_in_flight() {
    struct Attempt(Arc<AtomicU32>);

    impl Drop for Attempt {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    let flying = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&flying);
    let connect = move |_| {
        assert_eq!(counter.fetch_add(1, Ordering::Relaxed), 0);
        let attempt = Attempt(Arc::clone(&counter));
        async {
            pending::<()>().await;
            drop(attempt);
            Err::<DuplexStream, _>(refused())
        }
    };
    let mut client = Client::with_dialer(options(), request, connect).unwrap();
    for _ in 0..5 {
        next_connecting(&mut client).await;
        // Dropped and called again: the attempt goes on.
        for _ in 0..9 {
            assert!(timeout(Duration::from_secs(1), client.next()).await.is_err());
            assert_eq!(flying.load(Ordering::Relaxed), 1);
        }
        next_disconnected(&mut client).await;
        assert_eq!(flying.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_part_of_an_attempt_is_within_its_deadline() {
    async fn times_out(mut client: Client<DuplexStream>) {
        for _ in 0..3 {
            next_connecting(&mut client).await;
            let begin = Instant::now();
            let (cause, delay) = next_disconnected(&mut client).await;
            let Cause::Failed(Error::Timeout(timeout)) = cause else { panic!("{cause:?}") };
            assert_eq!(timeout, Timeout::Attempt { limit: Duration::from_secs(3) });
            assert_eq!(begin.elapsed(), Duration::from_secs(3));
            assert!(delay.is_some());
        }
    }

    let options = options().attempt_timeout(Duration::from_secs(3));
    let connect = |_| pending::<Result<DuplexStream, _>>();
    times_out(Client::with_dialer(options.clone(), request, connect).unwrap()).await;

    let request_never = |_| pending::<Result<ClientRequest, _>>();
    let connect = |_| async { Err::<DuplexStream, _>(refused()) };
    times_out(Client::with_dialer(options.clone(), request_never, connect).unwrap()).await;

    // A server that never answers the request.
    let net = Net::new(options);
    times_out(net.client).await;
    drop(net.streams);

    assert_eq!(Options::default().attempt_timeout, Duration::from_secs(10));
}

// The request.

#[tokio::test(start_paused = true)]
async fn the_request_is_made_anew_for_each_attempt() {
    let mut token = 100;
    let request = move |attempt: u32| {
        token += 1;
        let token = format!("{token}/{attempt}");
        async move { Ok(ClientRequest::new("server.example.com", "/")?.header("Authorization", token)?) }
    };
    let Net { mut client, mut streams } = Net::asking(options(), request);
    let servers = tokio::spawn(async move {
        let mut tokens = Vec::new();
        while tokens.len() < 3 {
            let decide = async |request: &Request| {
                tokens.push(request.headers().text("Authorization").unwrap().to_owned());
                Ok(Acceptance::new())
            };
            let stream = streams.recv().await.unwrap();
            drop(WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap());
        }
        tokens
    });
    while !servers.is_finished() {
        client.next().await.unwrap();
    }
    assert_eq!(servers.await.unwrap(), ["101/1", "102/2", "103/3"]);
}

/// A server that closes with 3000 unless the first message of a connection is this one.
async fn accept_with_token(
    streams: &mut mpsc::UnboundedReceiver<DuplexStream>,
    token: &str,
) -> WebSocket<DuplexStream> {
    let decide =
        async |request: &Request| Ok(Acceptance::new().subprotocol(request.subprotocols().next()));
    let stream = streams.recv().await.unwrap();
    let mut server = WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap();
    if server.recv().await.unwrap() != Some(token.into()) {
        server.close(3000, "token expected").await.unwrap();
    }
    server
}

/// A client whose connections begin with a fresh token.
fn with_tokens(options: Options) -> Net {
    let request = async |attempt: u32| {
        sleep(Duration::from_millis(10)).await; // where the token comes from
        let opening = Opening::new(request(attempt).await?);
        Ok(opening.first_message(format!("token {attempt}")).first_message("subscribe"))
    };
    Net::asking(options, request)
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_begins_with_leaves_before_the_queue() {
    let mut net = with_tokens(options());
    let servers = tokio::spawn(async move {
        for attempt in 1..=3 {
            let mut server = accept_with_token(&mut net.streams, &format!("token {attempt}")).await;
            assert_eq!(server.recv().await.unwrap(), Some("subscribe".into()));
            for number in 0..5 {
                assert_eq!(server.recv().await.unwrap(), Some(format!("{number}").into()));
            }
            drop(server);
        }
    });
    for attempt in 1..=3 {
        for number in 0..5 {
            net.client.try_send(format!("{number}")).unwrap();
        }
        assert_eq!(next_connecting(&mut net.client).await, attempt);
        assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
        let (cause, _) = next_disconnected(&mut net.client).await;
        assert!(matches!(cause, Cause::Failed(_)), "the server was content: {cause:?}");
        assert_eq!(net.client.buffered_messages(), 0);
    }
    servers.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_begins_with_leaves_before_a_session() {
    let mut net = with_tokens(options().delivery(Limits::default()));
    let servers = tokio::spawn(async move {
        let mut session = Session::new(SessionId::new([9; 16]).unwrap(), Limits::default());
        for attempt in 1..=3 {
            let mut server = accept_with_token(&mut net.streams, &format!("token {attempt}")).await;
            assert_eq!(server.recv().await.unwrap(), Some("subscribe".into()));
            greet(&mut session, &mut server).await;
            // Received, and not acknowledged: it comes again, and is not told again.
            let message = server.recv().await.unwrap().unwrap();
            let event = session.handle_message(message).unwrap();
            assert_eq!(event, Some(SessionEvent::Message(format!("{attempt}").into())));
        }
    });
    for attempt in 1..=3 {
        net.client.try_send(format!("{attempt}")).unwrap();
        assert_eq!(next_connecting(&mut net.client).await, attempt);
        assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
        let event = net.client.next().await;
        match attempt {
            1 => assert!(matches!(event, Some(ClientEvent::Started)), "{event:?}"),
            _ => assert!(matches!(event, Some(ClientEvent::Resumed)), "{event:?}"),
        }
        next_disconnected(&mut net.client).await;
    }
    servers.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_begins_with_the_wrong_token_is_told_so_for_good() {
    let mut net = with_tokens(options());
    net.client.try_send("kept").unwrap();
    let server = tokio::spawn(async move {
        accept_with_token(&mut net.streams, "another").await;
    });
    next_connecting(&mut net.client).await;
    assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
    let (cause, delay) = next_disconnected(&mut net.client).await;
    let Cause::Closed(closed) = cause else { panic!("{cause:?}") };
    assert_eq!((closed.code.as_u16(), &*closed.reason), (3000, "token expected"));
    assert_eq!(delay, None);
    assert!(matches!(net.client.next().await, Some(ClientEvent::GaveUp(GaveUp::Final))));
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_may_fail_for_now_or_for_good() {
    let request = |attempt| async move {
        Err::<ClientRequest, _>(match attempt {
            1 => AttemptError::new(Retry::Later, "no token yet"),
            2 => AttemptError::new(Retry::After(HOUR), "come back in an hour"),
            _ => AttemptError::new(Retry::Never, "signed out"),
        })
    };
    let connect = |_| async { panic!("there is no request") };
    let mut client: Client<DuplexStream> =
        Client::with_dialer(options(), request, connect).unwrap();
    next_connecting(&mut client).await;
    assert!(next_disconnected(&mut client).await.1 < Some(HOUR));
    next_connecting(&mut client).await;
    assert!(next_disconnected(&mut client).await.1 >= Some(HOUR));
    next_connecting(&mut client).await;
    let (cause, delay) = next_disconnected(&mut client).await;
    assert_eq!((cause.to_string().as_str(), delay), ("attempt failed: signed out", None));
    assert!(matches!(client.next().await, Some(ClientEvent::GaveUp(GaveUp::Final))));
    assert!(client.next().await.is_none());
    assert!(client.next().await.is_none());
}

// What is final.

/// Returns how a client judges what a server answers, or its callbacks return.
async fn judged(mut client: Client<DuplexStream>) -> Option<Duration> {
    next_connecting(&mut client).await;
    let (_, delay) = next_disconnected(&mut client).await;
    let is_final = matches!(client.next().await, Some(ClientEvent::GaveUp(GaveUp::Final)));
    assert_eq!(delay.is_none(), is_final);
    delay
}

/// As [`judged`], for an answer that a server wrote.
async fn judged_answer(response: Response) -> Option<Duration> {
    let Net { client, mut streams } = Net::new(options());
    let server = tokio::spawn(async move {
        let stream = streams.recv().await.unwrap();
        let decide = async |_: &_| Err(response);
        WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap_err();
        streams
    });
    let delay = judged(client).await;
    server.await.unwrap();
    delay
}

#[tokio::test(start_paused = true)]
async fn failures_are_judged_by_the_policy() {
    assert_eq!(judged_answer(Response::new(401)).await, None);
    assert_eq!(judged_answer(Response::new(404)).await, None);
    assert!(judged_answer(Response::new(503)).await < Some(HOUR));
    let busy = Response::new(503).header("Retry-After", "3600").unwrap();
    assert!(judged_answer(busy).await >= Some(HOUR));

    let io = |kind: io::ErrorKind| move || AttemptError::from(io::Error::from(kind));
    for kind in [io::ErrorKind::NotFound, io::ErrorKind::NetworkUnreachable] {
        assert!(judged(failing(options(), io(kind))).await.is_some());
    }
    // So it looks when a certificate is bad.
    assert_eq!(judged(failing(options(), io(io::ErrorKind::InvalidData))).await, None);
    let invalid = || ClientRequest::from_url("ftp://a").unwrap_err().into();
    assert_eq!(judged(failing(options(), invalid)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_judgement_can_be_replaced() {
    let mut client =
        failing(options(), || AttemptError::new(Retry::Never, "bad")).judge_by(|cause, judged| {
            assert!(matches!(cause, Cause::Attempt(_)));
            assert_eq!(judged, Retry::Never);
            Retry::Later
        });
    for attempt in 1..5 {
        assert_eq!(next_connecting(&mut client).await, attempt);
        next_disconnected(&mut client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn closes_are_judged_by_their_code() {
    for (code, is_final) in [(1000, true), (1001, false), (1008, true), (1012, false)] {
        let mut net = Net::new(options());
        let mut server = net.open().await;
        let closing = tokio::spawn(async move { server.close(code, "why").await });
        let (cause, delay) = next_disconnected(&mut net.client).await;
        let Cause::Closed(closed) = cause else { panic!("{cause:?}") };
        assert_eq!((closed.code.as_u16(), closed.by, closed.clean), (code, ClosedBy::Peer, true));
        assert_eq!(delay.is_none(), is_final, "{code}");
        closing.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn tls_that_cannot_be_set_up_is_final() {
    // There is no TLS, or no certificate can be for this name.
    let request = |_| async { Ok(ClientRequest::from_url("wss://-a:1/")?) };
    let mut client = Client::new(options(), request).unwrap();
    next_connecting(&mut client).await;
    assert_eq!(next_disconnected(&mut client).await.1, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gave_up_keeps_its_queue_and_begins_anew() {
    let limited = options().policy(Policy::default().max_attempts(NonZeroU32::new(2)));
    let mut client = failing(limited, refused);
    client.try_send("first").unwrap();
    let handle = client.handle();
    for _ in 0..2 {
        for attempt in 1..=2 {
            assert_eq!(next_connecting(&mut client).await, attempt);
            next_disconnected(&mut client).await;
        }
        let refused = handle.try_send("late").unwrap_err();
        assert_eq!(refused, client.try_send("late").unwrap_err());
        assert_eq!((refused.error, refused.message), (OutboxError::Ended, "late".into()));
        assert!(matches!(client.next().await, Some(ClientEvent::GaveUp(GaveUp::Attempts))));
        assert!(client.next().await.is_none());
        // It waits for nothing that does not come.
        assert_eq!(handle.drained().await, Err(OutboxError::Ended));
        client.start();
    }
    client.try_send("second").unwrap();
    let mut draining = pin!(handle.drained());
    assert!(poll_fn(|cx| Poll::Ready(draining.as_mut().poll(cx))).await.is_pending());
    assert_eq!(client.take_unsent(), ["first".into(), "second".into()]);
    assert_eq!(draining.await, Err(OutboxError::GivenBack));
    assert_eq!(handle.drained().await, Ok(()), "nothing is queued");
    assert_eq!((client.buffered_messages(), client.buffered_amount()), (0, 0));
}

// Stopping.

#[tokio::test(start_paused = true)]
async fn stop_ends_a_delay_and_an_attempt_at_once() {
    let mut client = failing(options(), refused);
    next_connecting(&mut client).await;
    next_disconnected(&mut client).await;
    let begin = Instant::now();
    client.stop();
    assert_eq!(client.state(), State::Stopped);
    assert!(client.next().await.is_none());
    assert!(client.next().await.is_none());

    let mut net = Net::new(options());
    next_connecting(&mut net.client).await;
    let next = poll_fn(|cx| Poll::Ready(net.client.poll_next(cx)));
    assert!(next.await.is_pending());
    let mut stream = net.streams.recv().await.unwrap();
    net.client.stop();
    let written = timeout(HOUR, async { while stream.write_all(&[0; 500]).await.is_ok() {} });
    assert!(written.await.is_ok(), "the stream is gone");
    assert!(net.client.next().await.is_none());
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn stop_closes_a_connection_behind_what_was_sent() {
    let mut net = Net::new(options());
    let mut server = net.open().await;
    for number in 0..10 {
        net.client.try_send(format!("message {number}")).unwrap();
    }
    net.client.stop();
    let server = tokio::spawn(async move {
        let mut received = Vec::new();
        while let Some(message) = server.recv().await.unwrap() {
            received.push(message);
        }
        (received, server.closed().unwrap().code)
    });
    let (cause, delay) = next_disconnected(&mut net.client).await;
    let Cause::Closed(closed) = cause else { panic!("{cause:?}") };
    assert_eq!((closed.by, closed.clean, delay), (ClosedBy::Local, true, None));
    assert!(net.client.next().await.is_none());
    let (received, code) = server.await.unwrap();
    assert_eq!((received.len(), code), (10, CloseCode::NORMAL));

    // And the next life.
    net.client.start();
    net.open().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_longer_than_its_time_while_the_server_goes_on_talking() {
    let mut net =
        Net::new(options().config(
            config().after_close(AfterClose::Deliver).close_timeout(Duration::from_secs(3)),
        ));
    let mut server = net.open().await;
    tokio::spawn(async move {
        // It never looks at what comes, and so does not see the Close.
        while server.feed("more").await.is_ok() && server.flush().await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let begin = Instant::now();
    net.client.stop();
    while net.client.next().await.is_some() {}
    assert_eq!(begin.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_handle_stops_a_client_that_waits() {
    async fn stop_later(handle: Handle) {
        sleep(Duration::from_secs(1)).await;
        handle.stop();
    }

    let later = options().policy(Policy::default().initial_delay(HOUR));
    let mut client = failing(later.clone(), || AttemptError::new(Retry::After(HOUR), "later"));
    let begin = Instant::now();
    next_connecting(&mut client).await;
    next_disconnected(&mut client).await;
    tokio::spawn(stop_later(client.handle()));
    assert!(client.next().await.is_none());
    assert_eq!(begin.elapsed(), Duration::from_secs(1));

    let mut net = Net::new(later);
    let mut server = net.open().await;
    let server = tokio::spawn(async move { server.recv().await });
    tokio::spawn(stop_later(net.client.handle()));
    let (cause, _) = next_disconnected(&mut net.client).await;
    assert!(matches!(cause, Cause::Closed(_)), "{cause:?}");
    assert!(net.client.next().await.is_none());
    assert_eq!(server.await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_start_right_behind_a_stop_waits_for_the_close() {
    let mut net = Net::new(options());
    let mut server = net.open().await;
    net.client.stop();
    net.client.start();
    let server = tokio::spawn(async move { server.recv().await });
    let (cause, delay) = next_disconnected(&mut net.client).await;
    assert!(matches!(cause, Cause::Closed(_)), "{cause:?}");
    assert_eq!(delay, Some(Duration::ZERO));
    assert_eq!(server.await.unwrap().unwrap(), None);
    net.open().await;
}

// Messages.

#[tokio::test(start_paused = true)]
async fn what_is_sent_offline_leaves_in_order_after_the_opening() {
    let bounded = options().max_messages(4).max_bytes(100);
    let mut net = Net::new(bounded);
    let refused = net.client.try_send(vec![0; 101]).unwrap_err();
    assert_eq!(refused.error, OutboxError::TooLarge { len: 101, limit: 100 });
    for number in 0..4 {
        net.client.try_send(format!("{number}")).unwrap();
    }
    let refused = net.client.try_send("4").unwrap_err();
    assert_eq!((refused.error, refused.message), (OutboxError::Full, "4".into()));
    assert_eq!((net.client.buffered_messages(), net.client.buffered_amount()), (4, 4));

    let mut server = net.open().await;
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    net.client.try_send("4").unwrap();
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    for number in 0..5 {
        assert_eq!(server.recv().await.unwrap(), Some(format!("{number}").into()));
    }
    drop(server);
    next_disconnected(&mut net.client).await;

    // The bytes are bounded, too.
    net.client.try_send(vec![0; 60]).unwrap();
    assert_eq!(net.client.try_send(vec![0; 41]).unwrap_err().error, OutboxError::Full);
    net.client.try_send(vec![0; 40]).unwrap();
    let mut server = net.open().await;
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    assert_eq!(server.recv().await.unwrap().unwrap().len(), 60);
    assert_eq!(server.recv().await.unwrap().unwrap().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn what_no_connection_took_goes_to_the_next_one() {
    let slow = options().config(config().max_buffered(10));
    let mut net = Net::with_capacity(slow, 200);
    let server = net.open().await;
    for number in 0..100 {
        net.client.try_send(format!("message {number:2}")).unwrap();
    }
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    let left = net.client.buffered_messages();
    assert!((50..100).contains(&left), "{left}");
    drop(server);
    next_disconnected(&mut net.client).await;
    assert_eq!(net.client.buffered_messages(), left);

    let mut server = net.open().await;
    let server = tokio::spawn(async move {
        for number in 100 - left..100 {
            let wanted = format!("message {number:2}");
            assert_eq!(server.recv().await.unwrap(), Some(wanted.into()));
        }
        server
    });
    // As the pipe drains, the rest of the queue follows.
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    drop(server.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_handle_waits_for_room() {
    let mut net = Net::new(options().max_messages(2));
    let handle = net.client.handle();
    let sending = tokio::spawn(async move {
        for number in 0..100 {
            handle.send(format!("{number}")).await?;
        }
        Ok::<_, sanswire::Refused<OutboxError, Message>>(handle)
    });
    sleep(HOUR).await;
    assert!(!sending.is_finished());
    assert_eq!(net.client.buffered_messages(), 2);

    let mut server = net.open().await;
    let server = tokio::spawn(async move {
        for number in 0..100 {
            assert_eq!(server.recv().await.unwrap(), Some(format!("{number}").into()));
        }
        server
    });
    assert!(timeout(HOUR, net.client.next()).await.is_err());
    let _server = server.await.unwrap();
    let handle = sending.await.unwrap().unwrap();

    // Who waits for room is told that there will be none.
    for _ in 0..2 {
        handle.try_send("full").unwrap();
    }
    let waiting = tokio::spawn(async move { handle.send("too late").await });
    sleep(HOUR).await;
    assert!(!waiting.is_finished());
    drop(net);
    assert_eq!(waiting.await.unwrap().unwrap_err().error, OutboxError::Ended);
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_the_client_waits() {
    let mut net = Net::new(options().config(config().pong(sanswire::PongMode::Manual)));
    let mut server = net.open().await;
    let server = tokio::spawn(async move {
        server.ping(b"here?").await.unwrap();
        let pong = server.recv_with(|event, _| match event {
            sanswire::Event::Pong(payload) => payload.to_vec(),
            other => panic!("{other:?}"),
        });
        (pong.await.unwrap().unwrap(), server)
    });
    tokio::select! {
        event = net.client.next() => panic!("{event:?}"),
        pong = server => assert_eq!(pong.unwrap().0, b"here?"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_next_loses_nothing() {
    let Net { mut client, mut streams } = Net::with_capacity(options(), 5);
    tokio::spawn(async move {
        for number in 0.. {
            let Some(stream) = streams.recv().await else { return };
            let mut server = WebSocket::accept(stream, &Config::default()).await.unwrap();
            for message in 0..10 {
                server.send(format!("{}", number * 10 + message)).await.unwrap();
            }
            let _ = server.close(CloseCode::GOING_AWAY, "").await;
        }
    });
    let mut received = 0;
    while received < 50 {
        // Each future is polled once; the task is polled again when it was woken.
        let mut is_polled = false;
        let event = poll_fn(|cx| match client.poll_next(cx) {
            Poll::Pending if !is_polled => {
                is_polled = true;
                Poll::Pending
            }
            polled => Poll::Ready(polled),
        });
        if let Poll::Ready(Some(ClientEvent::Message(message))) = event.await {
            assert_eq!(message, format!("{received}").into());
            received += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_a_stream() {
    let mut client = failing(options(), || AttemptError::new(Retry::Never, "no"));
    let mut events = Vec::new();
    let mut stream = pin!(&mut client);
    while let Some(event) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        events.push(event);
    }
    assert!(matches!(
        events[..],
        [
            ClientEvent::Connecting { attempt: 1 },
            ClientEvent::Disconnected { delay: None, .. },
            ClientEvent::GaveUp(GaveUp::Final)
        ]
    ));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_its_own_can_drive_a_client() {
    let mut net = Net::new(options());
    let handle = net.client.handle();
    let driving = tokio::spawn(async move {
        while let Some(event) = net.client.next().await {
            assert!(!matches!(event, ClientEvent::GaveUp(_)));
        }
    });
    let stream = net.streams.recv().await.unwrap();
    let mut server = WebSocket::accept(stream, &Config::default()).await.unwrap();
    handle.send("hello").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("hello".into()));
    handle.drained().await.unwrap();
    handle.stop();
    assert_eq!(server.recv().await.unwrap(), None);
    driving.await.unwrap();
    assert_eq!(handle.send("late").await.unwrap_err().error, OutboxError::Ended);
    assert_eq!(handle.drained().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_delivery_is_given_up() {
    let mut net = Net::new(options().delivery(Limits::default()));
    next_connecting(&mut net.client).await;
    let server = tokio::spawn(async move {
        let stream = net.streams.recv().await.unwrap();
        WebSocket::accept(stream, &Config::default()).await
    });
    let (cause, delay) = next_disconnected(&mut net.client).await;
    let Cause::Failed(Error::Handshake { error: HandshakeError::NoSubprotocol, .. }) = cause else {
        panic!("{cause:?}")
    };
    assert_eq!(delay, None);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_has_forgotten_has_not_drained() {
    let Net { mut client, mut streams } = Net::new(options().delivery(Limits::default()));
    let handle = client.handle();
    let (told, mut forgotten) = mpsc::unbounded_channel();
    let driving = tokio::spawn(async move {
        while let Some(event) = client.next().await {
            if let ClientEvent::PeerForgot(lost) = event {
                told.send(lost.sent).unwrap();
            }
        }
    });
    let mut draining = None;
    for server in 1..=2 {
        // Each knows nothing of what was before.
        let mut session = Session::new(SessionId::new([server; 16]).unwrap(), Limits::default());
        let accept = async |_: &Request| Ok(Acceptance::new().subprotocol(delivery::SUBPROTOCOL));
        let stream = streams.recv().await.unwrap();
        let mut socket = WebSocket::accept_with(stream, &Config::default(), accept).await.unwrap();
        session.handle_connected();
        if server == 1 {
            handle.send("important").await.unwrap();
            let handle = handle.clone();
            draining = Some(tokio::spawn(async move { handle.drained().await }));
        }
        loop {
            session.transmit(&mut socket.commands()).unwrap();
            socket.flush().await.unwrap();
            let received = socket.recv().await.unwrap().unwrap();
            let event = session.handle_message(received).unwrap();
            // The first one is gone before it acknowledges anything.
            if server == 2 || matches!(event, Some(SessionEvent::Message(_))) {
                break;
            }
        }
        if server == 2 {
            session.transmit(&mut socket.commands()).unwrap();
            socket.flush().await.unwrap();
            assert_eq!(forgotten.recv().await.unwrap(), ["important".into()]);
        }
    }
    let drained = draining.unwrap().await.unwrap();
    assert_eq!(drained, Err(OutboxError::GivenBack));
    assert_eq!(handle.drained().await, Ok(()), "nothing is queued");
    driving.abort();
}

/// What it speaks behind that is not delivery.
#[tokio::test(start_paused = true)]
async fn a_server_that_chooses_another_subprotocol_than_delivery_is_given_up() {
    let request =
        async |_| Ok(ClientRequest::new("server.example.com", "/chat")?.subprotocol("chat")?);
    let options = options().delivery(Limits::default());
    let Net { mut client, mut streams } = Net::asking(options, request);
    next_connecting(&mut client).await;
    let server = tokio::spawn(async move {
        let stream = streams.recv().await.unwrap();
        let accept = async |_: &Request| Ok(Acceptance::new().subprotocol("chat"));
        WebSocket::accept_with(stream, &Config::default(), accept).await
    });
    let (cause, delay) = next_disconnected(&mut client).await;
    let Cause::Failed(Error::Handshake { error, url: Some(url) }) = cause else {
        panic!("{cause:?}")
    };
    assert_eq!((error, &*url), (HandshakeError::NoSubprotocol, "ws://server.example.com/chat"));
    assert_eq!(delay, None);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_the_rules_of_delivery_is_told_so() {
    let mut net = Net::new(options().delivery(Limits::default()));
    net.client.try_send("kept").unwrap();
    next_connecting(&mut net.client).await;
    let server = tokio::spawn(async move {
        let stream = net.streams.recv().await.unwrap();
        let decide = async |request: &Request| {
            Ok(Acceptance::new().subprotocol(request.subprotocols().next()))
        };
        let mut server = WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap();
        server.send("a text").await.unwrap();
        while server.recv().await.unwrap().is_some() {}
        server.closed().unwrap()
    });
    assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
    let (cause, delay) = next_disconnected(&mut net.client).await;
    assert!(matches!(cause, Cause::Delivery(_)), "{cause:?}");
    assert_eq!((delay, net.client.buffered_messages()), (None, 1));
    let closed = server.await.unwrap();
    assert_eq!(closed.code, CloseCode::PROTOCOL_ERROR);
    assert!(closed.reason.contains("binary messages only"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_vanished_is_found_and_left() {
    let heartbeats = Config::default();
    let mut net = Net::new(options().config(heartbeats));
    let _server = net.open().await;
    let begin = Instant::now();
    let (cause, delay) = next_disconnected(&mut net.client).await;
    let Cause::Failed(Error::Connection(error)) = cause else { panic!("{cause}") };
    assert!(matches!(error, ConnectionError::PongTimeout { .. }), "{error}");
    assert_eq!(begin.elapsed(), Duration::from_secs(40));
    assert!(delay.is_some());
    let _another = net.open().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_a_message_that_is_not_acknowledged_ends_the_connection() {
    let mut net = Net::new(options().delivery(Limits::default()));
    next_connecting(&mut net.client).await;
    let server = tokio::spawn(async move {
        let stream = net.streams.recv().await.unwrap();
        let decide = async |request: &Request| {
            Ok(Acceptance::new().subprotocol(request.subprotocols().next()))
        };
        let mut server = WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap();
        let mut session = Session::new(SessionId::new([9; 16]).unwrap(), Limits::default());
        greet(&mut session, &mut server).await;
        session.send("news".into()).unwrap();
        session.transmit(&mut server.commands()).unwrap();
        server.close(1001, "").await.unwrap();
    });
    assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
    assert!(matches!(net.client.next().await, Some(ClientEvent::Started)));
    assert_eq!(next_message(&mut net.client).await, "news".into());
    // Now it has something to say, and nobody that it could say it to.
    let (cause, _) = next_disconnected(&mut net.client).await;
    let Cause::Closed(closed) = cause else { panic!("{cause:?}") };
    assert_eq!(closed.code, CloseCode::GOING_AWAY);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_messages_to_acknowledge_lets_other_tasks_run() {
    let delivering = options().delivery(Limits::default());
    let mut net = Net::with_capacity(delivering, 1 << 20);
    next_connecting(&mut net.client).await;
    let server = tokio::spawn(async move {
        let stream = net.streams.recv().await.unwrap();
        let decide = async |request: &Request| {
            Ok(Acceptance::new().subprotocol(request.subprotocols().next()))
        };
        let mut server = WebSocket::accept_with(stream, &Config::default(), decide).await.unwrap();
        let mut session = Session::new(SessionId::new([9; 16]).unwrap(), Limits::default());
        greet(&mut session, &mut server).await;
        for _ in 0..1000 {
            session.send("news".into()).unwrap();
        }
        session.transmit(&mut server.commands()).unwrap();
        server.flush().await.unwrap();
        server
    });
    assert!(matches!(net.client.next().await, Some(ClientEvent::Open)));
    assert!(matches!(net.client.next().await, Some(ClientEvent::Started)));
    assert_eq!(next_message(&mut net.client).await, "news".into());
    let _server = server.await.unwrap();
    let mut turns = 0;
    let mut received = 1;
    while received < 1000 {
        poll_fn(|cx| {
            while let Poll::Ready(event) = net.client.poll_next(cx) {
                assert!(matches!(event, Some(ClientEvent::Message(_))), "{event:?}");
                received += 1;
            }
            Poll::Ready(())
        })
        .await;
        turns += 1;
    }
    assert!(turns >= 3, "{received} messages in {turns} turns");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_longer_than_an_output_leaves_whole_whatever_was_chosen() {
    for when_full in
        [WhenFull::DropNewest, WhenFull::DropOldest, WhenFull::Close(CloseCode::POLICY_VIOLATION)]
    {
        let mut net = Net::new(options().config(config().max_buffered(10).when_full(when_full)));
        for i in 0..10_u8 {
            net.client.try_send(vec![i; 8]).unwrap();
        }
        let mut server = net.open().await;
        let received = tokio::spawn(async move {
            for i in 0..10_u8 {
                assert_eq!(server.recv().await.unwrap(), Some(vec![i; 8].into()));
            }
        });
        let _ = timeout(Duration::from_secs(1), net.client.next()).await;
        timeout(Duration::from_secs(1), received).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_printed_does_not_show_its_queue() {
    let net = Net::new(options());
    net.client.try_send("secret").unwrap();
    let debug = format!("{:?}", net.client);
    assert!(debug.starts_with("Client {") && !debug.contains("secret"), "{debug}");
}

#[test]
fn the_debug_output_has_no_seed_no_token_and_no_message() {
    let debug = format!("{:?}", Options::default().seed([199; 32]));
    assert!(debug.contains("is_seeded: true") && !debug.contains("199"), "{debug}");
    let request = ClientRequest::new("server.example.com", "/?secret").unwrap();
    let debug = format!("{:?}", Opening::new(request).first_message("secret"));
    assert!(debug.contains("first: 1") && !debug.contains("secret"), "{debug}");
}

/// By what an attempt may meet: what passes by itself is worth another.
#[test]
fn each_error_of_an_adapter_is_judged() {
    let later = || io::Error::from(io::ErrorKind::ConnectionReset);
    let closed = |code: u16| {
        let mut connection = Connection::client(&Config::default(), SEED);
        connection.input().extend_from_slice(&[0x88, 2]);
        connection.input().extend_from_slice(&code.to_be_bytes());
        while let Ok(Some(_)) = connection.poll_event() {}
        Error::Closed(connection.closed().unwrap())
    };
    let proxy = |error| Error::Proxy { error, proxy: "http://a:1".into(), url: "ws://b/".into() };
    let tunnel = |error| proxy(ProxyError::Tunnel(error));
    let refused = |status| tunnel(TunnelError::Refused(Response::new(status).into()));
    let url = Proxy::from_url("ftp://a").unwrap_err();
    for (error, retry) in [
        (closed(1001), Retry::Later),
        (closed(1002), Retry::Never),
        (Error::from(ConnectionError::UnexpectedEof), Retry::Later),
        (Error::Io(later()), Retry::Later),
        (Error::Io(io::ErrorKind::InvalidData.into()), Retry::Never),
        (Error::Timeout(Timeout::Deadline), Retry::Later),
        (Error::Tls { error: TlsError::Handshake(later()), url: None }, Retry::Later),
        (Error::Tls { error: TlsError::NoProvider, url: None }, Retry::Never),
        (proxy(ProxyError::Socks("refused".into())), Retry::Later),
        (proxy(ProxyError::Unsupported), Retry::Never),
        (proxy(url), Retry::Never),
        (tunnel(TunnelError::Timeout(Duration::from_secs(1))), Retry::Later),
        (tunnel(TunnelError::EarlyBytes), Retry::Never),
        (tunnel(TunnelError::InvalidAnswer(HandshakeError::EndOfStream)), Retry::Later),
        (refused(502), Retry::Later),
        (refused(407), Retry::Never),
        (Error::Rejected { status: 403 }, Retry::Never),
    ] {
        assert_eq!(error.retry(&Policy::default()), retry, "{error:?}");
    }
}
