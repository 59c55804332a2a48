//! A client that comes back: why an attempt or a connection ended, and what is not queued.

use std::num::NonZeroU32;
use std::time::Duration;

use sanswire::ConnectionError;
use sanswire::delivery::{Limits, Session, SessionId, Snapshot};
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::reconnecting::{Cause, Client, ClientEvent, Options};
use sanswire::reconnect::{AttemptError, GaveUp, Outbox, OutboxError, Policy, Retry, Supervisor};
use tokio::io::DuplexStream;
use tokio::runtime::Builder;

use crate::adapters::timeout;
use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "A client that reconnects",
        "`Cause` is in `ClientEvent::Disconnected`, which says when the next attempt begins. `GaveUp` \
         is the last event. `OutboxError` comes with the message that is not queued.",
    );
    let cause = "an attempt takes too long: its callbacks, or the handshake";
    let remedy = "nothing: the next attempt follows";
    let late = disconnected(std::future::pending::<Result<DuplexStream, AttemptError>>);
    let Cause::Failed(error) = late else { panic!("{late}") };
    timeout(table, error, cause, remedy);
    let signed_out = || async { Err(AttemptError::new(Retry::Never, "signed out")) };
    let attempt = disconnected(signed_out);
    let cause = "a callback of the client fails";
    let remedy = "see what it said; `AttemptError::new` says whether to try again";
    table.variant("Cause", &attempt, cause, NOTHING, remedy);
    let Cause::Attempt(error) = attempt else { panic!("{attempt}") };
    table.single("AttemptError", &error, cause, NOTHING, remedy);

    let mut supervisor: Supervisor<ConnectionError> = opened(session(0));
    supervisor.handle_message("text".into());
    let judged =
        supervisor.judge(sanswire::reconnect::Cause::Failed(ConnectionError::UnexpectedEof));
    let told = "1002 delivery is carried in binary messages only";
    let remedy = "see delivery";
    table.variant("Cause", &judged.cause, "the peer breaks a rule of `delivery`", told, remedy);
    let supervisor: Supervisor<ConnectionError> = opened(Outbox::queue(1, 10));
    let judged =
        supervisor.judge(sanswire::reconnect::Cause::Failed(ConnectionError::UnexpectedEof));
    let cause = "the connection or the handshake fails";
    table.variant(
        "Cause",
        &judged.cause,
        cause,
        NOTHING,
        "nothing: it is tried again if that may help",
    );
    let closed = closed();
    let judged = supervisor.judge(sanswire::reconnect::Cause::Closed(closed));
    let remedy = "nothing: the code decides about the next attempt";
    table.variant("Cause", &judged.cause, "the connection is closed", NOTHING, remedy);

    let mut queue: Supervisor<ConnectionError> = opened(Outbox::queue(1, 10));
    let large = queue.try_send("a".repeat(11)).unwrap_err().error;
    queue.try_send("a").unwrap();
    let full = queue.try_send("a").unwrap_err().error;
    queue.stop();
    let ended = queue.try_send("a").unwrap_err().error;
    let mut session: Supervisor<ConnectionError> = opened(session((1 << 53) - 1));
    let exhausted = session.try_send("a").unwrap_err().error;
    for (error, cause, remedy) in [
        (full, "the queue is full", "wait (`Handle::send`), or raise the limits of `Options`"),
        (large, "a message alone is over the limit", "split it, or raise `Options::max_bytes`"),
        (ended, "the client was stopped or gave up", "call `start`"),
        (exhausted, "a session has used up its numbers", "make a new client"),
        (
            OutboxError::GivenBack,
            "queued messages were given back (`Handle::drained`)",
            "send again what may arrive twice",
        ),
    ] {
        let error: OutboxError = error;
        table.variant("OutboxError", &error, cause, NOTHING, remedy);
    }
    let once = NonZeroU32::new(1).unwrap();
    let short = Policy::default().max_outage(Duration::ZERO);
    for (policy, retry, cause, remedy) in [
        (
            Policy::default().max_attempts(once),
            Retry::Later,
            "attempts fail again and again",
            "tell the user; `start` again",
        ),
        (
            Policy::default(),
            Retry::Never,
            "what happened would happen again",
            "see the last `Disconnected`",
        ),
        (
            short,
            Retry::Later,
            "there was no connection for too long",
            "tell the user; `start` again",
        ),
    ] {
        let error: GaveUp = gave_up(policy, retry);
        table.variant("GaveUp", &error, cause, NOTHING, remedy);
    }
}

/// Why the first attempt ends, whose connector this is.
fn disconnected<F>(connect: impl Fn() -> F + Send + Sync + 'static) -> Cause
where
    F: Future<Output = Result<DuplexStream, AttemptError>> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request = |_| async { Ok(ClientRequest::new("example.com", "/")?) };
        let options = Options::default();
        let mut client = Client::with_dialer(options, request, move |_| connect()).unwrap();
        loop {
            if let ClientEvent::Disconnected { cause, .. } = client.next().await.unwrap() {
                return cause;
            }
        }
    })
}

fn gave_up(policy: Policy, retry: Retry) -> GaveUp {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request =
            move |_| async move { Err::<ClientRequest, _>(AttemptError::new(retry, "no token")) };
        let options = Options::default().policy(policy);
        let mut client = Client::new(options, request).unwrap();
        loop {
            if let ClientEvent::GaveUp(why) = client.next().await.unwrap() {
                return why;
            }
        }
    })
}

/// A supervisor whose connection is open.
fn opened(outbox: Outbox) -> Supervisor<ConnectionError> {
    let mut supervisor = Supervisor::new(Policy::default(), [7; 32], outbox);
    supervisor.start(Duration::ZERO);
    let _ = supervisor.poll_step(Duration::ZERO);
    supervisor.handle_connected(Duration::ZERO, Vec::new());
    supervisor
}

/// An outbox with a session that goes on with the message of this number.
fn session(first: u64) -> Outbox {
    let id = |byte| SessionId::new([byte; 16]).unwrap();
    let peer = (first > 0).then(|| id(2));
    let snapshot = Snapshot { id: id(1), peer, expected: 0, first, unacknowledged: Vec::new() };
    Outbox::session(Session::restore(snapshot, Limits::default()).unwrap())
}

fn closed() -> sanswire::Closed {
    let mut connection = sanswire::Connection::client(&sanswire::Config::default(), [7; 32]);
    connection.input().extend_from_slice(b"\x88\x09\x03\xf4restart");
    assert!(connection.poll_event().unwrap().is_none());
    connection.closed().unwrap()
}
