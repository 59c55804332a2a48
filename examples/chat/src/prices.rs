//! Live prices: one message a tick, made once for all. Whoever is slow gets the newest, not those
//! before it. Knows no room.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanswire::extension::DeflateConfig;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{CloseCode, Config, Error, Prepared};
use serde::Serialize;
use socket2::SockRef;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Makes a tick ten times a second, forever. Returns where the newest one is.
pub(crate) fn begin() -> watch::Receiver<Prepared> {
    let mut market = Market::new();
    let (newest, receiver) = watch::channel(market.tick());
    tokio::spawn(async move {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            newest.send_replace(market.tick());
        }
    });
    receiver
}

/// Sends each tick to a page that only listens.
pub(crate) async fn serve(
    mut socket: WebSocket<NetStream>,
    mut newest: watch::Receiver<Prepared>,
) -> Result<(), Error> {
    if let Some(tcp) = socket.stream().tcp() {
        // What waits in the kernel is old when it is read. Without this, more of it is.
        let _ = SockRef::from(tcp).set_send_buffer_size(SEND_BUFFER);
    }
    newest.mark_changed();
    loop {
        tokio::select! {
            changed = newest.changed() => {
                if changed.is_err() {
                    return socket.close(CloseCode::GOING_AWAY, "").await;
                }
                let prices = newest.borrow_and_update().clone();
                // It waits until the message is written: ticks that come meanwhile are skipped.
                socket.send(&prices).await?;
            }
            received = socket.recv() => match received? {
                Some(_) => {
                    return socket.close(CloseCode::POLICY_VIOLATION, "prices are read-only").await;
                }
                None => return Ok(()),
            },
        }
    }
}

pub(crate) fn config() -> Config {
    Config::default().max_message_size(1024)
}

/// Prices that go up and down.
struct Market {
    /// In hundredths.
    prices: [u64; SYMBOLS.len()],
    tick: u64,
    random: u64,
}

#[derive(Serialize)]
struct Tick {
    /// Milliseconds since 1970.
    at: u64,
    tick: u64,
    prices: [(&'static str, f64); SYMBOLS.len()],
}

impl Market {
    const fn new() -> Self {
        Self { prices: [10_000; SYMBOLS.len()], tick: 0, random: 0x9e37_79b9_7f4a_7c15 }
    }

    fn tick(&mut self) -> Prepared {
        for index in 0..self.prices.len() {
            let step = self.random() % 101;
            self.prices[index] =
                (self.prices[index] + step).saturating_sub(50).clamp(1_000, 99_999);
        }
        self.tick += 1;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let price = |index: usize| {
            let [high, low] = [self.prices[index] / 100, self.prices[index] % 100]
                .map(|part| f64::from(u32::try_from(part).unwrap_or(u32::MAX)));
            (SYMBOLS[index], (high * 100.0 + low) / 100.0)
        };
        let tick = Tick { at, tick: self.tick, prices: std::array::from_fn(price) };
        let text = serde_json::to_string(&tick).unwrap_or_default();
        Prepared::text(&text).compressed_for(&DeflateConfig::default())
    }

    /// The next number of xorshift: nobody's money depends on it.
    const fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

const SYMBOLS: [&str; 10] =
    ["ACME", "BOLT", "CRUX", "DUNE", "ECHO", "FLUX", "GRID", "HALO", "IRIS", "JADE"];

/// Some dozens of ticks.
const SEND_BUFFER: usize = 8 << 10;

const TICK: Duration = Duration::from_millis(100);
