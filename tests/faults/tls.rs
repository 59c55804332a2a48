//! The asynchronous adapters over TLS: all faults of the stream below it, from the first byte of the
//! TLS handshake on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use sanswire::Role;
use sanswire::io::futures_io::Stream as FuturesStream;
use sanswire::io::poll::PollTransport;
use sanswire::io::tls::rustls::client::Resumption;
use sanswire::io::tls::rustls::pki_types::ServerName;
use sanswire::io::tls::rustls::{ClientConfig, ServerConfig};
use sanswire::io::tokio::Stream;
use tokio::time::timeout;

use crate::certificates::Authority;
use crate::fault::{Faults, KINDS, Kind, at_each_operation, is_sound};
use crate::faulty::Faulty;
use crate::log::{End, Log, Shared};
use crate::play::{Deadlines, Plan, play};
use crate::tokio::in_paused_time;
use crate::world::{Clock, pipes, run};

/// What the ends have for TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) server: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let mut client = ClientConfig::clone(&authority.client().resolve().unwrap());
        // Each handshake is to have the same operations.
        client.resumption = Resumption::disabled();
        let server = authority.issue("server.example.com").server().config();
        Self { client: Arc::new(client), server }
    }
}

pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("server.example.com").unwrap()
}

/// Handshakes take their time: of all plans, these are half.
fn plans(deadlines: Deadlines) -> impl Iterator<Item = Plan> {
    let plans = Plan::all(deadlines).into_iter();
    plans.filter(|plan| plan.is_split == (plan.near == plan.closer))
}

/// Plays one end, behind the handshake of TLS.
pub(crate) async fn play_tls<T: PollTransport>(
    handshake: impl Future<Output = io::Result<T::Stream>>,
    role: Role,
    plan: Plan,
    log: Shared,
) {
    match handshake.await {
        Ok(stream) => play::<T>(stream, role, plan, log).await,
        Err(_) => log.borrow_mut().ends.push(End::Io),
    }
}

/// As [`NetStream::accept_tls`](sanswire::io::tokio::NetStream) does it, over any stream.
async fn on_tokio(
    stream: Faulty,
    role: Role,
    tls: Tls,
) -> io::Result<tokio_rustls::TlsStream<Faulty>> {
    let handshake = async {
        Ok(match role {
            Role::Client => {
                let connector = tokio_rustls::TlsConnector::from(tls.client);
                connector.connect(server_name(), stream).await?.into()
            }
            Role::Server => {
                tokio_rustls::TlsAcceptor::from(tls.server).accept(stream).await?.into()
            }
        })
    };
    timeout(LIMIT, handshake).await?
}

pub(crate) async fn on_futures_io(
    stream: Faulty,
    role: Role,
    tls: Tls,
) -> io::Result<futures_rustls::TlsStream<Socket>> {
    let stream = Socket(stream);
    Ok(match role {
        Role::Client => {
            let connector = futures_rustls::TlsConnector::from(tls.client);
            connector.connect(server_name(), stream).await?.into()
        }
        Role::Server => futures_rustls::TlsAcceptor::from(tls.server).accept(stream).await?.into(),
    })
}

/// A stream that fails where it takes nothing, as sockets do: `futures-rustls` tries again and
/// again.
#[derive(Debug)]
pub(crate) struct Socket(Faulty);

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.0.poll_write(cx, bytes))?;
        Poll::Ready(if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

/// Both ends of a plan, the near one with a fault.
fn ends<T: PollTransport, H: Future<Output = io::Result<T::Stream>>>(
    tls: &Tls,
    plan: Plan,
    faults: &Faults,
    [near_log, far_log]: [&Shared; 2],
    handshake: fn(Faulty, Role, Tls) -> H,
) -> [impl Future<Output = ()> + use<T, H>; 2] {
    let (near, far) = pipes();
    let (near, far) = (Faulty::new(near, faults), Faulty::new(far, &Faults::new(None)));
    [(plan.near, near, near_log), (plan.near.peer(), far, far_log)].map(|(role, stream, log)| {
        play_tls::<T>(handshake(stream, role, tls.clone()), role, plan, log.clone())
    })
}

/// Plays a plan with a fault, and returns how many operations the near end's transport had.
fn suffer_on_tokio(tls: &Tls, plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let [near, far] = ends::<Stream<_>, _>(tls, plan, &faults, [&near_log, &far_log], on_tokio);
    let is_over = in_paused_time(near, far);
    let (near, far) = (near_log.borrow(), far_log.borrow());
    assert!(is_over, "{case}: it goes on and on, near {near:?}, far {far:?}");
    Log::check_both(&near, &far, is_sound(fault), &case);
    (faults.count(), faults.has_struck())
}

/// As [`suffer_on_tokio`]. Here, nothing has a deadline: where nothing comes, it waits.
fn suffer_on_futures_io(tls: &Tls, plan: Plan, fault: Option<(usize, Kind)>) -> (usize, bool) {
    let case = format!("{plan:?}, {fault:?}");
    let faults = Faults::new(fault);
    let (near_log, far_log) = (Shared::default(), Shared::default());
    let [near, far] =
        ends::<FuturesStream<_>, _>(tls, plan, &faults, [&near_log, &far_log], on_futures_io);
    let is_over = run(&Clock::default(), [Box::pin(near), Box::pin(far)], &case);
    let (near, far) = (near_log.borrow(), far_log.borrow());
    if is_over || is_sound(fault) {
        Log::check_both(&near, &far, is_sound(fault), &case);
    } else {
        Log::check_stuck(&near, &far, plan.is_split, &case);
    }
    (faults.count(), faults.has_struck())
}

fn suffer_all(
    deadlines: Deadlines,
    suffer: impl Fn(&Tls, Plan, Option<(usize, Kind)>) -> (usize, bool),
) {
    let tls = Tls::new();
    for plan in plans(deadlines) {
        let kinds = KINDS.into_iter().filter(|kind| !kind.is_of_clock());
        at_each_operation(plan, kinds, |plan, fault| suffer(&tls, plan, fault));
    }
}

#[test]
fn each_fault_at_each_operation_below_tls_on_tokio() {
    suffer_all(Deadlines::Usual, suffer_on_tokio);
}

#[test]
fn each_fault_at_each_operation_below_tls_on_futures_io() {
    suffer_all(Deadlines::None, suffer_on_futures_io);
}

/// For the handshake of TLS, as this crate has it.
const LIMIT: Duration = Duration::from_secs(10);
