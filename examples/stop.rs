//! What ends the servers of the examples: Ctrl-C, and SIGTERM from a service manager or container.

use core::time::Duration;
use std::io;

use sanswire::CloseCode;
use sanswire::io::tokio::server::ServerHandle;

/// Shuts a server down gracefully at the first signal, and at once at the second.
pub(crate) fn on_signals(server: ServerHandle) {
    tokio::spawn(async move {
        for limit in [LIMIT, Duration::ZERO] {
            let Ok(()) = signalled().await else { return };
            // This code may be sent.
            let _ = server.shut_down(CloseCode::GOING_AWAY, "", limit);
        }
    });
}

#[cfg(unix)]
async fn signalled() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn signalled() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// How long clients may take to answer the Close frame.
const LIMIT: Duration = Duration::from_secs(5);
