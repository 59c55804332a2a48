//! How the server ends: when everybody is gone, and soon in any case. Knows no signal and no page.

use std::io;

use sanswire::io::poll::Shutdown;
use tokio::time::sleep;

use crate::signals::LIMIT;

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
