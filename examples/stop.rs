//! What ends the servers of the examples: Ctrl-C, and SIGTERM from a service manager or container.

use core::time::Duration;
use std::io;

use sanswire::SendError;

/// Calls `stop` at the first signal with how long clients may take to answer the Close frame, and
/// at the second with no time at all.
pub(crate) fn on_signals(stop: impl Fn(Duration) -> Result<(), SendError> + Send + 'static) {
    tokio::spawn(async move {
        for limit in [LIMIT, Duration::ZERO] {
            let Ok(()) = signalled().await else { return };
            // The code of the Close frame may be sent.
            let _ = stop(limit);
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
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
