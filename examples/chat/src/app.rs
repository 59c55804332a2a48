//! What all connections share. Knows no request.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sanswire::handshake::OriginPolicy;
use sanswire::io::poll::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::addresses::Addresses;
use crate::hub::Hub;
use crate::log::{Log, Update};
use crate::prices::Ticks;

pub(crate) struct App {
    pub(crate) log: Log,
    hub: Mutex<Hub>,
    /// From where they come.
    pub(crate) addresses: Arc<Addresses>,
    /// The newest prices.
    pub(crate) prices: watch::Receiver<Ticks>,
    /// Which pages may connect.
    pub(crate) origins: OriginPolicy,
    pub(crate) shutdown: Shutdown,
}

impl App {
    pub(crate) fn new(
        log: Log,
        rate: u32,
        prices: watch::Receiver<Ticks>,
        origins: OriginPolicy,
        proxies: Vec<IpAddr>,
    ) -> Self {
        Self {
            log,
            hub: Mutex::new(Hub::new(rate)),
            addresses: Arc::new(Addresses::new(proxies)),
            prices,
            origins,
            shutdown: Shutdown::new(),
        }
    }

    /// Returns everybody who is here. Hold it for a moment only, and never across an `await`.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the other servers who is here, and those who are here who is elsewhere, forever.
    pub(crate) async fn share_presence(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = BTreeSet::new();
        let mut told: Option<Instant> = None;
        loop {
            ticks.tick().await;
            let mine = self.hub().present();
            let is_due = told.is_none_or(|told| told.elapsed() >= REFRESH) || mine != noted;
            if !is_due && timeout(Duration::ZERO, self.log.people_changed()).await.is_err() {
                continue;
            }
            match self.log.present(&mine, &noted).await {
                Ok(elsewhere) => {
                    self.hub().set_elsewhere(elsewhere);
                    (noted, told) = (mine, Some(Instant::now()));
                }
                // Out of reach, they are not here.
                Err(_) => {
                    self.hub().set_elsewhere(BTreeSet::new());
                    (noted, told) = (BTreeSet::new(), None);
                }
            }
        }
    }

    /// Passes on what is said, and does what is due, forever.
    pub(crate) async fn run(&self, mut updates: mpsc::Receiver<Update>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(update) = updates.recv() => self.pass_on(&update),
                _ = ticks.tick() => {
                    let mut hub = self.hub();
                    hub.tick();
                    self.log.retain(|room| hub.concerns(room));
                }
            }
        }
    }

    fn pass_on(&self, update: &Update) {
        let mut hub = self.hub();
        match update {
            Update::Said { room, epoch, record } => hub.deliver(room, epoch, record),
            Update::Direct { room, offset } => {
                if hub.concerns(room) {
                    self.log.follow(room, offset.saturating_sub(1));
                }
            }
            Update::Known { room, epoch, record } => hub.confirm(room, epoch, record),
            Update::Store(state) => hub.tell_store(*state),
            Update::Typing { room, name } => hub.tell_typing(room, name),
            Update::Waiting { room, epoch, said } => hub.show(room, epoch, said),
        }
    }
}

/// How often the other servers are told again who is here.
const REFRESH: Duration = Duration::from_secs(2);
/// How late a departure, or a count of people, may be told.
const TICK: Duration = Duration::from_millis(200);
