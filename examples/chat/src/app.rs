//! What all connections share. Knows no request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sanswire::Prepared;
use sanswire::handshake::OriginPolicy;
use sanswire::io::poll::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::hub::Hub;
use crate::log::{Log, Update};

pub(crate) struct App {
    pub(crate) log: Log,
    hub: Mutex<Hub>,
    /// The newest prices.
    pub(crate) prices: watch::Receiver<Prepared>,
    /// Which pages may connect.
    pub(crate) origins: OriginPolicy,
    pub(crate) shutdown: Shutdown,
}

impl App {
    pub(crate) fn new(
        log: Log,
        rate: u32,
        prices: watch::Receiver<Prepared>,
        origins: OriginPolicy,
    ) -> Self {
        Self { log, hub: Mutex::new(Hub::new(rate)), prices, origins, shutdown: Shutdown::new() }
    }

    /// Returns everybody who is here. Hold it for a moment only, and never across an `await`.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what is said, and does what is due, forever.
    pub(crate) async fn run(&self, mut updates: mpsc::Receiver<Update>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(update) = updates.recv() => self.hub().deliver(&update),
                _ = ticks.tick() => self.hub().tick(),
            }
        }
    }
}

/// How late a departure, or a count of people, may be told.
const TICK: Duration = Duration::from_millis(200);
