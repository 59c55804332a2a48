//! How the server ends: when everybody is gone, and soon in any case. Knows no signal and no page.

use sanswire::io::poll::Shutdown;
use tokio::time::sleep;

use crate::signals::LIMIT;

/// Serves until the shutdown has begun, and everybody is gone or has taken too long.
pub(crate) async fn bounded(serving: impl Future<Output = ()>, shutdown: &Shutdown) {
    let whole = async {
        serving.await;
        shutdown.ended().await;
    };
    let limit = async {
        shutdown.begun().await;
        sleep(LIMIT).await;
    };
    tokio::select! {
        () = whole => {}
        () = limit => {}
    }
}
