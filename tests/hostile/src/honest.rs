//! A client that does nothing wrong, and how long it had to wait; knows no attack.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sanswire::handshake::ClientRequest;
use sanswire::io::blocking::WebSocket;
use sanswire::{Config, Message};

use crate::Fault;

/// The worst waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// For an echo on a connection that was open before.
    pub(crate) echo: Duration,
    /// For a new connection and an echo on it. `None` where the attack may take its place.
    pub(crate) opening: Option<Duration>,
}

/// Whether the honest client opens further connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    No,
    Yes,
}

/// Uses the server until told to stop, and once more after that.
pub(crate) fn use_server(
    port: u16,
    opens: Opens,
    ready: impl FnOnce(),
    stop: &AtomicBool,
) -> Result<Waits, Fault> {
    let mut socket = open(port)?;
    for _ in 0..WARM_UP {
        echo(&mut socket)?;
        drop(open(port)?);
    }
    ready();
    let mut waits = Waits::default();
    loop {
        // Asked before, so that all of this is done once more at the end.
        let is_last = stop.load(Ordering::SeqCst);
        for _ in 0..ECHOES {
            let begun = Instant::now();
            echo(&mut socket)?;
            waits.echo = waits.echo.max(begun.elapsed());
            std::thread::sleep(PAUSE);
        }
        if opens == Opens::Yes {
            let begun = Instant::now();
            let mut other = open(port)?;
            echo(&mut other)?;
            waits.opening = waits.opening.max(Some(begun.elapsed()));
            other.close(1000, "").map_err(|error| Fault::new(format!("honest client: {error}")))?;
        }
        if is_last {
            return Ok(waits);
        }
    }
}

fn open(port: u16) -> Result<WebSocket<sanswire::io::blocking::NetStream>, Fault> {
    let request = ClientRequest::new(&format!("127.0.0.1:{port}"), "/")?;
    WebSocket::connect_with(&request, &Config::default())
        .map_err(|error| Fault::new(format!("the honest client cannot connect: {error}")))
}

fn echo(socket: &mut WebSocket<sanswire::io::blocking::NetStream>) -> Result<(), Fault> {
    let answer = socket.send(TEXT).and_then(|()| socket.recv());
    match answer {
        Ok(Some(message)) if message == Message::from(TEXT) => Ok(()),
        Ok(other) => Err(Fault::new(format!("the honest client got {other:?}"))),
        Err(error) => Err(Fault::new(format!("the honest client is cut off: {error}"))),
    }
}

const TEXT: &str = "What does an honest client wait for, while others do their worst?";

/// What a server needs to have done once before its memory is looked at.
const WARM_UP: usize = 20;

/// How often it asks, and how many times before it opens another connection.
const PAUSE: Duration = Duration::from_millis(2);
const ECHOES: usize = 10;
