//! Serves HTTP on the connections of a listener, with a limit of time for each request. Knows no
//! path.

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sanswire::io::poll::Shutdown;
use tokio::task::JoinSet;

use crate::listener::Listener;

/// From where a request has come.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves until the shutdown begins and all responses are written.
pub(crate) async fn serve(mut listener: Listener, router: Router, shutdown: &Shutdown) {
    let mut builder = Builder::new();
    // Also while the connection waits for its first request, or for the next one.
    builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
    let mut connections = JoinSet::new();
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = shutdown.begun() => break,
        };
        let peer = Peer(address.ip());
        let service = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request| {
            request.extensions_mut().insert(peer);
            service.call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let begun = shutdown.begun();
        connections.spawn(async move {
            tokio::pin!(connection);
            tokio::select! {
                // A client that breaks off, or takes too long, is nobody's concern.
                _ = &mut connection => return,
                () = begun => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// How long the head of a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
