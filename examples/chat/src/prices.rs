//! Live prices: one message a tick, made once for all. Whoever is slow gets the newest two, not those
//! before them. Knows no room.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanswire::extension::DeflateConfig;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{CloseCode, Config, Error, Prepared};
use serde::Serialize;
use socket2::SockRef;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// The newest tick, and the one before it for those to whom this server comes late.
pub(crate) struct Ticks {
    number: u64,
    before: Prepared,
    newest: Prepared,
}

/// Makes a tick ten times a second, forever. Returns where the newest ones are.
pub(crate) fn begin() -> watch::Receiver<Ticks> {
    let mut market = Market::new();
    let first = market.tick();
    let (newest, receiver) = watch::channel(Ticks::first(first));
    tokio::spawn(async move {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            newest.send_modify(|ticks| ticks.push(market.tick()));
        }
    });
    receiver
}

/// Sends each tick to a page that only listens.
pub(crate) async fn serve(
    mut socket: WebSocket<NetStream>,
    mut newest: watch::Receiver<Ticks>,
) -> Result<(), Error> {
    if let Some(tcp) = socket.stream().tcp() {
        // What waits in the kernel is old when it is read. Without this, more of it is.
        let _ = SockRef::from(tcp).set_send_buffer_size(SEND_BUFFER);
    }
    newest.mark_changed();
    let mut told = None;
    loop {
        tokio::select! {
            changed = newest.changed() => {
                if changed.is_err() {
                    return socket.close(CloseCode::GOING_AWAY, "").await;
                }
                let (missed, prices) = newest.borrow_and_update().since(&mut told);
                if let Some(missed) = missed {
                    socket.feed(&missed).await?;
                }
                // It waits until the message is written: of ticks that come meanwhile, all but two
                // are skipped.
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

impl Ticks {
    fn first(tick: Prepared) -> Self {
        Self { number: 0, before: tick.clone(), newest: tick }
    }

    fn push(&mut self, tick: Prepared) {
        self.number += 1;
        self.before = std::mem::replace(&mut self.newest, tick);
    }

    /// Returns the newest tick for who was told that of the number `told`, and the one before it if
    /// that is new, too.
    pub(crate) fn since(&self, told: &mut Option<u64>) -> (Option<Prepared>, Prepared) {
        let misses = told.replace(self.number).is_some_and(|told| told + 1 < self.number);
        (misses.then(|| self.before.clone()), self.newest.clone())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_by_one_tick_gets_it_and_who_is_later_gets_the_newest_two() {
        let tick = |number: usize| Prepared::text(&number.to_string());
        let mut ticks = Ticks::first(tick(0));
        let mut told = None;
        let mut gets = |ticks: &Ticks| {
            let (missed, newest) = ticks.since(&mut told);
            missed.iter().chain([&newest]).map(|tick| tick.as_bytes().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(gets(&ticks), [b"0"]);
        for number in 1..10 {
            ticks.push(tick(number));
            match number {
                1 => assert_eq!(gets(&ticks), [b"1"]),
                3 => assert_eq!(gets(&ticks), [b"2", b"3"]),
                6 => assert_eq!(gets(&ticks), [b"5", b"6"]),
                7 => assert_eq!(gets(&ticks), [b"7"]),
                _ => {}
            }
        }
        // Who has just come has missed nothing.
        ticks.push(tick(10));
        assert!(ticks.since(&mut None).0.is_none());
    }
}
