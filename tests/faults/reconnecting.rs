//! The client that reconnects, in paused time: each fault on one of its connections, or on all of
//! them.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sanswire::delivery::{Limits, SUBPROTOCOL, Session, SessionEvent, SessionId};
use sanswire::handshake::Request;
use sanswire::io::tokio::WebSocket;
use sanswire::io::tokio::reconnecting::{Cause, Client, ClientEvent, Options};
use sanswire::reconnect::{GaveUp, OutboxError, Policy};
use sanswire::{Closed, ClosedBy, Message, Role};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{MESSAGES, Shared, message, number_of};
use crate::play::{Deadlines, Plan};
use crate::tokio::in_paused_time;
use crate::world::pipes;

/// What becomes of messages that are on their way when a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// They are lost.
    Queue,
    /// They are sent again, and arrive once.
    Session,
}

/// Which connections have the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    First,
    /// The server drops the first one.
    Second,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    way: Way,
    which: Which,
    plan: Plan,
}

/// Both ends of a case.
#[derive(Clone)]
struct World {
    case: Case,
    near: Shared,
    far: Shared,
    /// Notified when the far end has received something.
    arrived: Rc<Notify>,
    told: Rc<RefCell<Told>>,
}

/// What the client was told besides messages.
#[derive(Debug, Default)]
struct Told {
    stage: Stage,
    connections: u32,
    /// Messages before this one may be lost with a connection that broke.
    lossy: u8,
    unsent: Vec<u8>,
    gave_up: Option<GaveUp>,
}

/// Where the client is, of what it has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    Connecting,
    #[default]
    Disconnected,
    Open,
    Over,
}

impl Told {
    /// Notes an event, which has to follow on those before.
    fn note(&mut self, event: &ClientEvent) {
        self.stage = match (self.stage, event) {
            (Stage::Disconnected, ClientEvent::Connecting { attempt }) => {
                self.connections += 1;
                assert_eq!(*attempt, self.connections);
                Stage::Connecting
            }
            (Stage::Connecting, ClientEvent::Open)
            | (
                Stage::Open,
                ClientEvent::Message(_) | ClientEvent::Resumed | ClientEvent::Started,
            ) => Stage::Open,
            (Stage::Connecting | Stage::Open, ClientEvent::Disconnected { .. }) => {
                Stage::Disconnected
            }
            (Stage::Disconnected, ClientEvent::GaveUp(why)) => {
                self.gave_up = Some(*why);
                Stage::Over
            }
            other => panic!("{other:?}"),
        };
    }
}

impl World {
    /// Whether both ends have received all there is.
    fn is_whole(&self) -> bool {
        let all = usize::from(MESSAGES);
        self.near.borrow().received.len() == all && self.far.borrow().received.len() == all
    }

    // The client.

    fn client(&self, faults: &Faults, given: UnboundedSender<Faulty>) -> Client<Faulty> {
        let case = self.case;
        let policy = Policy::default()
            .max_attempts(NonZeroU32::new(ATTEMPTS))
            // No connection lasts so long that it begins the count anew.
            .stable_after(Duration::from_secs(3600));
        let options = Options::default()
            .policy(policy)
            .config(case.plan.config())
            .delivery((case.way == Way::Session).then(Limits::default))
            .seed([7; 32]);
        let (number, faults) = (AtomicUsize::new(0), faults.clone());
        let dial = move |_| {
            let faults = match (case.which, number.fetch_add(1, Ordering::Relaxed)) {
                (Which::All | Which::First, 0) | (Which::Second, 1) => faults.clone(),
                (Which::All, _) => faults.again(),
                (Which::First | Which::Second, _) => Faults::new(None),
            };
            let (near, far) = pipes();
            let _ = given.send(Faulty::new(far, &Faults::new(None)));
            async move { Ok(Faulty::new(near, &faults)) }
        };
        let request = move |_| async move { Ok(case.plan.request()) };
        Client::with_dialer(options, request, dial).unwrap()
    }

    /// What an application does with a client, up to its last event.
    async fn play_client(self, mut client: Client<Faulty>) {
        let Case { way, which, .. } = self.case;
        let handle = client.handle();
        for number in 0..2 {
            client.try_send(message(number)).unwrap();
        }
        let patience = Instant::now() + PATIENCE;
        let (mut queued, mut is_stopped) = (2, false);
        loop {
            let is_sent = way == Way::Queue || client.buffered_messages() == 0;
            if !is_stopped && self.is_whole() && is_sent {
                client.stop();
                is_stopped = true;
            }
            let event = tokio::select! {
                biased;
                event = client.next() => event,
                () = self.arrived.notified() => continue,
                drained = handle.drained(),
                    if way == Way::Session && self.is_whole() && !is_stopped =>
                {
                    assert_eq!(drained, Ok(()));
                    continue;
                }
                () = sleep_until(patience), if !is_stopped => {
                    assert!(way == Way::Queue || which == Which::All, "it waits for nothing");
                    client.stop();
                    is_stopped = true;
                    continue;
                }
            };
            let Some(event) = event else { break };
            let mut told = self.told.borrow_mut();
            let was_open = told.stage == Stage::Open;
            told.note(&event);
            let taken = queued - u8::try_from(client.buffered_messages()).unwrap();
            if way == Way::Session {
                let received = self.far.borrow().received.len();
                assert!(usize::from(taken) <= received, "{taken} acknowledged of {received}");
            }
            match event {
                ClientEvent::Open => {
                    for number in queued..MESSAGES {
                        client.try_send(message(number)).unwrap();
                    }
                    queued = MESSAGES;
                }
                ClientEvent::Message(message) => self.near.borrow_mut().receive(&message),
                ClientEvent::Disconnected { cause, .. } => {
                    // What lies before a Close frame that is answered has arrived.
                    let is_answered =
                        |closed: &Closed| closed.clean && closed.by == ClosedBy::Local;
                    let has_all = matches!(cause, Cause::Closed(closed) if is_answered(&closed));
                    if was_open && !has_all {
                        told.lossy = taken;
                    }
                }
                _ => {}
            }
        }
        assert!(client.next().await.is_none(), "an event behind the last one");
        assert_eq!(client.try_send("late").unwrap_err().error, OutboxError::Ended);
        let drained = handle.drained().await;
        assert_eq!(drained.is_ok(), client.buffered_messages() == 0);
        if way == Way::Session && drained.is_ok() {
            assert_eq!(self.far.borrow().received.len(), usize::from(queued));
        }
        self.near.borrow_mut().tried = queued;
        self.told.borrow_mut().unsent = client.take_unsent().iter().map(number_of).collect();
    }

    // The server.

    /// Serves one connection after the other, while there is a client.
    async fn play_server(self, mut streams: UnboundedReceiver<Faulty>) {
        let mut session = Session::new(SessionId::new([9; 16]).unwrap(), Limits::default());
        for number in 0..MESSAGES {
            session.send(message(number)).unwrap();
        }
        let Case { way, which, plan } = self.case;
        let mut is_first = true;
        while let Some(stream) = streams.recv().await {
            let accept = async |_: &Request| match way {
                Way::Queue => Ok(plan.acceptance()),
                Way::Session => Ok(plan.acceptance().subprotocol(SUBPROTOCOL)),
            };
            let accepted = WebSocket::accept_with(stream, &plan.config(), accept).await;
            let breaks = core::mem::take(&mut is_first) && which == Which::Second;
            let Ok(mut socket) = accepted else { continue };
            match way {
                Way::Queue => self.serve_queue(&mut socket, breaks).await,
                Way::Session => self.serve_session(&mut socket, &mut session, breaks).await,
            }
        }
    }

    /// Sends what was not tried on another connection, and receives.
    async fn serve_queue(&self, socket: &mut WebSocket<Faulty>, breaks: bool) {
        let tried = self.far.borrow().tried;
        for number in tried..MESSAGES {
            self.far.borrow_mut().tried += 1;
            if socket.send(message(number)).await.is_err() || breaks && number == 1 {
                break;
            }
        }
        while let Ok(Some(message)) = socket.recv().await {
            if self.arrive(&message) && breaks {
                return;
            }
        }
    }

    async fn serve_session(
        &self,
        socket: &mut WebSocket<Faulty>,
        session: &mut Session,
        breaks: bool,
    ) {
        session.handle_connected();
        loop {
            // Where it cannot leave, `recv` says why.
            let _ = session.transmit(&mut socket.commands());
            let _ = socket.flush().await;
            let Ok(Some(received)) = socket.recv().await else { break };
            match session.handle_message(received).unwrap() {
                None | Some(SessionEvent::Resumed | SessionEvent::Started) => {}
                Some(SessionEvent::Message(message)) => {
                    // Not acknowledged: it comes again.
                    if self.arrive(&message) && breaks {
                        break;
                    }
                }
                other => panic!("{other:?}"),
            }
            session.acknowledge();
        }
        session.handle_disconnected();
    }

    /// Notes what has arrived; returns whether this is the second message.
    fn arrive(&self, message: &Message) -> bool {
        let mut far = self.far.borrow_mut();
        far.receive(message);
        self.arrived.notify_one();
        far.received.len() == 2
    }

    // What must hold.

    fn check(&self, fault: Option<(usize, Kind)>, case: &str) {
        let (near, far, told) = (self.near.borrow(), self.far.borrow(), self.told.borrow());
        let Case { way, which, .. } = self.case;
        near.check_received(case);
        far.check_received(case);
        for unsent in &told.unsent {
            assert!(!far.received.contains(unsent), "{case}: {unsent} was sent, {told:?} {far:?}");
        }
        for number in told.lossy..near.tried {
            let is_there = far.received.contains(&number) || told.unsent.contains(&number);
            assert!(is_there || way == Way::Session, "{case}: {number} is lost, {told:?} {far:?}");
        }
        match told.gave_up {
            None => assert!(told.connections <= ATTEMPTS, "{case}: {told:?}"),
            Some(why) => {
                assert_eq!((which, why), (Which::All, GaveUp::Attempts), "{case}: {told:?}");
                assert_eq!(told.connections, ATTEMPTS, "{case}: {told:?}");
            }
        }
        if way == Way::Session && which != Which::All {
            assert!(self.is_whole(), "{case}: near {near:?}, far {far:?}");
        }
        if is_sound(fault) {
            assert_eq!(told.connections, if which == Which::Second { 2 } else { 1 }, "{case}");
            assert!(
                self.is_whole() || which == Which::Second,
                "{case}: near {near:?}, far {far:?}"
            );
        }
    }
}

/// Plays a plan with a fault, and returns how many operations the transport of the first connection
/// that has it had.
fn suffer(way: Way, which: Which, plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{way:?}, {which:?}, {fault:?}");
    let (faults, (given, streams)) = (Faults::new(fault), unbounded_channel());
    let world = World {
        case: Case { way, which, plan },
        near: Shared::default(),
        far: Shared::default(),
        arrived: Rc::default(),
        told: Rc::default(),
    };
    let is_over = in_paused_time(
        {
            let client = world.client(&faults, given);
            world.clone().play_client(client)
        },
        world.clone().play_server(streams),
    );
    let World { near, far, told, .. } = &world;
    assert!(is_over, "{case}: it goes on and on, {near:?}, {far:?}, {told:?}");
    world.check(fault, &case);
    (faults.count(), faults.has_struck())
}

fn suffer_all(way: Way, which: &[Which], kinds: impl Fn(Kind) -> bool) {
    // Without compression.
    let plan = Plan {
        near: Role::Client,
        closer: Role::Client,
        is_split: false,
        deadlines: Deadlines::Usual,
    };
    for which in which {
        let kinds = KINDS.into_iter().filter(|kind| !kind.is_of_clock() && kinds(*kind));
        at_each_operation(plan, kinds, |plan, fault| suffer(way, *which, plan, fault));
    }
}

#[test]
fn each_fault_of_one_connection_under_a_queue() {
    suffer_all(Way::Queue, &[Which::First, Which::Second], |_| true);
}

#[test]
fn each_fault_of_one_connection_under_a_session() {
    suffer_all(Way::Session, &[Which::First, Which::Second], |_| true);
}

#[test]
fn a_fault_of_each_connection_ends_at_the_limit_of_attempts() {
    for way in [Way::Queue, Way::Session] {
        suffer_all(way, &[Which::All], |kind| !kind.is_harmless());
    }
}

const ATTEMPTS: u32 = 3;

/// When a client is stopped that waits for messages that were lost: behind all deadlines.
const PATIENCE: Duration = Duration::from_secs(150);
