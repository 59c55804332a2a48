//! TLS of the blocking adapter, which is this crate's own: all faults of the stream below it, from the
//! first byte of the TLS handshake on.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use sanswire::Role;
use sanswire::io::blocking::TlsStream;
use sanswire::io::futures_io;
use sanswire::io::tls::rustls::{ClientConnection, Connection, ServerConnection};

use crate::blocking::{Stream, Task, goes_on, play_blocking, run};
use crate::fault::{Faults, KINDS, Kind, at_each_operation, at_most_operations};
use crate::faulty::Faulty;
use crate::log::{End, Log, Shared};
use crate::play::{Deadlines, Plan};
use crate::tls::{Tls, on_futures_io, play_tls, server_name};
use crate::world::pipes;

fn connection(role: Role, tls: &Tls) -> Connection {
    match role {
        Role::Client => ClientConnection::new(tls.client.clone(), server_name()).unwrap().into(),
        Role::Server => ServerConnection::new(tls.server.clone()).unwrap().into(),
    }
}

/// How long a handshake of TLS may take.
fn limit(deadlines: Deadlines) -> Duration {
    match deadlines {
        Deadlines::Short => Duration::from_millis(50),
        Deadlines::None | Deadlines::Usual => Duration::from_secs(10),
    }
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(tls: &Tls, plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let far_log = Shared::default();
    // The far end is patient: it ends when the near one does.
    let (role, patient) = (plan.near.peer(), Plan { deadlines: Deadlines::Usual, ..plan });
    let far = on_futures_io(Faulty::new(far, &Faults::new(None)), role, tls.clone());
    let far = play_tls::<futures_io::Stream<_>>(far, role, patient, far_log.clone());
    let far: Task = Rc::new(RefCell::new(Some(Box::pin(far))));
    let near = Stream::new(near, &faults, &far);
    let shaken: io::Result<_> =
        TlsStream::handshake(connection(plan.near, tls), near, limit(plan.deadlines));
    let near = match shaken {
        Ok(stream) => play_blocking(stream, plan.near, plan),
        Err(_) => Log { ends: vec![End::Io], ..Log::default() },
    };
    let is_over = (0..100).any(|_| run(&far));
    let far = far_log.borrow();
    assert!(is_over, "{case}: the other end waits for nothing, near {near:?}, far {far:?}");
    Log::check_both(&near, &far, plan.deadlines == Deadlines::Usual, &case);
    (faults.count(), faults.has_struck())
}

/// Here, nobody sends and receives at once.
fn plans(deadlines: Deadlines) -> impl Iterator<Item = Plan> {
    Plan::all(deadlines).into_iter().filter(|plan| !plan.is_split)
}

#[test]
fn each_fault_below_blocking_tls_that_it_gets_over() {
    let tls = Tls::new();
    for plan in plans(Deadlines::Usual) {
        let kinds = KINDS.into_iter().filter(|kind| goes_on(*kind) && *kind != Kind::AlwaysReady);
        at_each_operation(plan, kinds, |plan, fault| suffer(&tls, plan, fault));
    }
}

/// In real time, so that deadlines are short.
#[test]
fn each_fault_at_the_operations_below_blocking_tls() {
    let tls = Tls::new();
    for plan in plans(Deadlines::Short).filter(|plan| plan.closer == Role::Client) {
        let kinds = KINDS.into_iter().filter(|kind| !goes_on(*kind) && !kind.is_of_clock());
        at_most_operations(plan, kinds, |plan, fault| suffer(&tls, plan, fault));
    }
}
