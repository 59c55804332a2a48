//! How clients get to servers, over sockets, on all adapters: proxies, redirects, names, options.
#![cfg(all(feature = "tokio", feature = "futures-io", feature = "proxy", feature = "ring"))]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test is an application, and ends at what it did not expect"
)]

#[path = "../support/tls.rs"]
#[expect(dead_code, reason = "the tests of TLS need all of it")]
mod certificates;
mod names;
mod options;
mod proxies;
mod reconnecting;
mod redirects;
mod socks;
mod world;

use std::time::Duration;

use sanswire::handshake::{ClientRequest, HeadLimits};
use sanswire::io::Connector;
use sanswire::io::{blocking, futures_io, tokio as on_tokio};
use sanswire::{Config, Error};

/// Connects, sends a message, and returns what comes back.
type Talk = fn(&Connector, &ClientRequest) -> Result<String, Error>;

const TOKIO: (&str, Talk) = ("tokio", |connector, request| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connecting = on_tokio::WebSocket::connect_via(connector, request, &Config::default());
        let mut socket = connecting.await?;
        socket.send("hello").await?;
        let answer = socket.recv().await?.unwrap();
        socket.close(1000, "").await?;
        Ok(answer.as_text().unwrap().to_owned())
    })
});

const FUTURES_IO: (&str, Talk) = ("futures-io", |connector, request| {
    smol::block_on(async {
        let connecting = futures_io::WebSocket::connect_via(connector, request, &Config::default());
        let mut socket = connecting.await?;
        socket.send("hello").await?;
        let answer = socket.recv().await?.unwrap();
        socket.close(1000, "").await?;
        Ok(answer.as_text().unwrap().to_owned())
    })
});

const BLOCKING: (&str, Talk) = ("blocking", |connector, request| {
    let mut socket = blocking::WebSocket::connect_via(connector, request, &Config::default())?;
    socket.send("hello")?;
    let answer = socket.recv()?.unwrap();
    socket.close(1000, "")?;
    Ok(answer.as_text().unwrap().to_owned())
});

const ALL: [(&str, Talk); 3] = [TOKIO, FUTURES_IO, BLOCKING];

fn request(url: &str) -> ClientRequest {
    // A machine that is slow is not a server that is silent.
    let limits = HeadLimits::default().timeout(Duration::from_secs(60));
    ClientRequest::from_url(url).unwrap().head_limits(limits)
}

/// A request that is given up soon.
fn hurried(url: &str) -> ClientRequest {
    let limits = HeadLimits::default().timeout(Duration::from_millis(200));
    ClientRequest::from_url(url).unwrap().head_limits(limits)
}
