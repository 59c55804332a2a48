//! WebSockets that come of hyper, in paused time: all faults of the stream below.

use std::convert::Infallible;
use std::future::pending;
use std::io;
#[cfg(feature = "http2")]
use std::time::Duration;

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::routing::any;
use axum::serve::Listener;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn;
use hyper::server::conn::http1;
#[cfg(feature = "http2")]
use hyper::server::conn::http2;
use hyper::service::service_fn;
#[cfg(feature = "http2")]
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
#[cfg(feature = "http2")]
use sanswire::io::hyper::connect_http2;
use sanswire::io::hyper::{OnUpgrade, WebSocketUpgrade, connect_http1};
use sanswire::io::tokio::{NetStream, Stream, WebSocket};
use sanswire::{Error, Role};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
#[cfg(feature = "http2")]
use tokio::time::sleep;
use tokio::time::timeout;

use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{End, Log, Shared};
use crate::play::{Deadlines, Plan, live, play};
use crate::tokio::{LONG, in_paused_time};
use crate::world::pipes;

/// Through what the near end comes to its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `axum::serve`.
    Axum,
    /// hyper alone.
    Http1,
    /// hyper, by an extended CONNECT.
    #[cfg(feature = "http2")]
    Http2,
}

/// Opens a socket over a stream.
async fn open(
    stream: Faulty,
    role: Role,
    way: Way,
    plan: Plan,
) -> Result<WebSocket<NetStream>, Error> {
    match role {
        #[cfg(feature = "http2")]
        Role::Client if way == Way::Http2 => connect_by_http2(stream, plan).await,
        Role::Client => connect(stream, plan).await,
        Role::Server => {
            let (given, mut upgrades) = unbounded_channel();
            tokio::spawn(serve(stream, way, plan, given));
            match timeout(LONG / 2, upgrades.recv()).await {
                Ok(Some(upgrade)) => upgrade.await,
                // No request came, and nobody waits for it any more.
                Ok(None) | Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        }
    }
}

async fn connect(stream: Faulty, plan: Plan) -> Result<WebSocket<NetStream>, Error> {
    let (stream, request, config) = (TokioIo::new(stream), plan.request(), plan.config());
    let failed = |error| Error::Io(io::Error::other(error));
    let shaken = conn::http1::handshake::<_, Empty<Bytes>>(stream).await;
    let (mut sender, connection) = shaken.map_err(failed)?;
    tokio::spawn(connection.with_upgrades());
    connect_http1(&request, &config, |request| sender.send_request(request)).await
}

#[cfg(feature = "http2")]
async fn connect_by_http2(stream: Faulty, plan: Plan) -> Result<WebSocket<NetStream>, Error> {
    let (stream, request, config) = (TokioIo::new(stream), plan.request(), plan.config());
    let failed = |error| Error::Io(io::Error::other(error));
    let handshake = conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream);
    // It has no limit of its own.
    let shaken = timeout(LONG / 2, handshake).await.map_err(io::Error::from)?;
    let (mut sender, connection) = shaken.map_err(failed)?;
    tokio::spawn(connection);
    connect_http2(&request, &config, |request| sender.send_request(request)).await
}

/// Serves a connection, and hands out what waits for its sockets.
async fn serve(stream: Faulty, way: Way, plan: Plan, given: UnboundedSender<OnUpgrade>) {
    let accept = move |upgrade: WebSocketUpgrade| {
        let accepted = upgrade.acceptance(plan.acceptance()).config(plan.config()).accept();
        let (response, upgrade) = accepted.unwrap();
        let _ = given.send(upgrade);
        response
    };
    if way == Way::Axum {
        let route = async move |mut request: AxumRequest| {
            accept(WebSocketUpgrade::new(&mut request).unwrap())
        };
        let app = Router::new().route("/chat", any(route));
        return axum::serve(Once(Some(stream)), app).await.unwrap();
    }
    let service = service_fn(move |mut request| {
        let response = accept(WebSocketUpgrade::new(&mut request).unwrap());
        async { Ok::<_, Infallible>(response) }
    });
    let stream = TokioIo::new(stream);
    #[cfg(feature = "http2")]
    if way == Way::Http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let _ = builder.enable_connect_protocol().serve_connection(stream, service).await;
        return;
    }
    let _ = http1::Builder::new().serve_connection(stream, service).with_upgrades().await;
}

/// Gives one connection.
struct Once(Option<Faulty>);

impl Listener for Once {
    type Io = Faulty;
    type Addr = ();

    async fn accept(&mut self) -> (Faulty, ()) {
        match self.0.take() {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Plays an end that comes of hyper.
async fn play_http(stream: Faulty, role: Role, way: Way, plan: Plan, log: Shared) {
    let last = async {
        #[cfg(feature = "http2")]
        if way == Way::Http2 && role == Role::Client {
            // Or hyper would reset the stream, and the answer to a Close would be lost.
            sleep(Duration::from_secs(1)).await;
        }
    };
    match open(stream, role, way, plan).await {
        Ok(socket) => live(socket, role, plan, log, last).await,
        Err(error) => log.borrow_mut().ends.push(End::from(&error)),
    }
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer(way: Way, plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{way:?}, {plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, &faults), Faulty::new(far, &Faults::new(None)));
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let near = play_http(near, plan.near, way, plan, near_log.clone());
    let far = play::<Stream<Faulty>>(far, plan.near.peer(), plan, far_log.clone());
    let is_over = in_paused_time(near, far);
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(is_over, "{case}: it goes on and on, near {near:?}, far {far:?}");
    Log::check_both(&near, &far, is_sound(fault), &case);
    (faults.count(), faults.has_struck())
}

/// As [`suffer`], with HTTP/2 on both ends.
#[cfg(feature = "http2")]
fn suffer_below_http2(plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, &faults), Faulty::new(far, &Faults::new(None)));
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let near = play_http(near, plan.near, Way::Http2, plan, near_log.clone());
    let far = play_http(far, plan.near.peer(), Way::Http2, plan, far_log.clone());
    let is_over = in_paused_time(near, far);
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(is_over, "{case}: it goes on and on, near {near:?}, far {far:?}");
    Log::check_ends(&near, &far, is_sound(fault), &case);
    // hyper keeps what it has taken, so that only a closing handshake says that it has arrived.
    if near.ends[0] == End::Closed && far.ends[0] == End::Closed {
        far.check_delivered(&near, &case);
        near.check_delivered(&far, &case);
    }
    (faults.count(), faults.has_struck())
}

fn suffer_all(way: Way, roles: &[Role]) {
    for plan in Plan::all(Deadlines::Usual) {
        if roles.contains(&plan.near) {
            let kinds = KINDS.into_iter().filter(|kind| !kind.is_of_clock());
            at_each_operation(plan, kinds, |plan, fault| suffer(way, plan, fault));
        }
    }
}

#[test]
fn each_fault_at_each_operation_under_hyper() {
    suffer_all(Way::Http1, &[Role::Client, Role::Server]);
}

/// There are many operations: of all plans, these are half.
#[cfg(feature = "http2")]
#[test]
fn each_fault_at_each_operation_below_http2() {
    let plans = Plan::all(Deadlines::Usual).into_iter();
    for plan in plans.filter(|plan| plan.is_split == (plan.near == plan.closer)) {
        let kinds = KINDS.into_iter().filter(|kind| !kind.is_of_clock());
        at_each_operation(plan, kinds, suffer_below_http2);
    }
}

#[test]
fn each_fault_at_each_operation_under_axum() {
    suffer_all(Way::Axum, &[Role::Server]);
}
