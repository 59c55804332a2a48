//! How the server ends: at a signal, and soon after it. Knows no page.

use std::io;
use std::time::Duration;

use sanswire::CloseCode;
use sanswire::io::poll::Shutdown;
use tokio::time::sleep;

/// Begins to shut down at the first signal, and ends the process at the second.
pub(crate) fn on_signals(shutdown: Shutdown) {
    tokio::spawn(async move {
        if signalled().await.is_ok() {
            // This code may be sent.
            let _ = shutdown.begin(CloseCode::GOING_AWAY, "the server stops");
        }
        if signalled().await.is_ok() {
            std::process::exit(1);
        }
    });
}

/// Serves until the shutdown has begun, and everybody is gone or has taken too long.
pub(crate) async fn bounded(
    serving: impl Future<Output = io::Result<()>>,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let whole = async {
        serving.await?;
        shutdown.ended().await;
        Ok(())
    };
    let limit = async {
        shutdown.begun().await;
        sleep(LIMIT).await;
    };
    tokio::select! {
        ended = whole => ended,
        () = limit => Ok(()),
    }
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

/// How long pages may take to answer the Close frame.
const LIMIT: Duration = Duration::from_secs(5);
