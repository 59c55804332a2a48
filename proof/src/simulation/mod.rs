//! A chat room over a simulated network: clients that reconnect, a proxy and a server with sessions
//! of `delivery`, while links fail, are slow or hold back what is under way, and hosts crash.
//!
//! Time is simulated, too. All that happens follows from a seed.

mod client;
mod records;
mod server;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{advance, sleep};
use turmoil::{Builder, Sim};

use self::records::Records;
use crate::Extent;
use crate::tally::Tally;

/// What a server knows after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// All sessions: they are saved before anything of them is told.
    Keeps,
    /// Nothing.
    Forgets,
}

/// Runs many worlds, each by a seed of its own, the first by `first`.
pub(crate) fn ask(tally: &mut Tally, extent: Extent, first: u64) {
    let worlds = match extent {
        Extent::Full => 2000,
        Extent::Short => 40,
    };
    let mut counts = SEEN.map(|event| (event, 0));
    for seed in first..first + worlds {
        let told = in_process(seed);
        match told.lines().last() {
            Some(SOUND) => tally.pass(),
            fault => tally.fail(|| format!("seed {seed}: {}", fault.unwrap_or("it crashed"))),
        }
        for (event, count) in &mut counts {
            *count += told.lines().filter(|line| line.contains(*event)).count();
        }
        // A seed that does not tell all could not be replayed.
        if seed < first + 3 {
            tally.check(&(in_process(seed) == told), &true, || format!("seed {seed}, once more"));
        }
    }
    for (event, count) in counts {
        println!("{count} times: {event}");
        tally.check(&(count > 0), &true, || format!("{event}, in all worlds"));
    }
}

/// Runs a world in a process of its own, in which nothing was numbered before, and returns what it
/// prints.
fn in_process(seed: u64) -> String {
    let program = std::env::current_exe().expect("this program");
    let world = Command::new(program).args(["--world", &seed.to_string()]).output();
    String::from_utf8_lossy(&world.expect("a process").stdout).into_owned()
}

/// Prints all that happens in a world, and how it comes out; returns whether that is as it should be.
pub(crate) fn print(seed: u64) -> bool {
    let (fault, records) = run(seed);
    for (at, host, event) in records.trace() {
        println!("{at:?}, {host}: {event}");
    }
    println!("{CHECKED}");
    println!("{}", fault.as_deref().unwrap_or(SOUND));
    fault.is_none()
}

/// Returns what went wrong, if anything did, and all that happened.
fn run(seed: u64) -> (Option<String>, Arc<Records>) {
    let mut random = StdRng::seed_from_u64(seed);
    let disk = if random.random_bool(0.7) { Disk::Keeps } else { Disk::Forgets };
    let mut sim = Builder::new()
        .rng_seed(seed)
        .simulation_duration(CHAOS + PEACE * 2)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(random.random_range(2..200)))
        .build();
    let records = Arc::new(Records::new(disk, CLIENTS));
    sim.host(SERVER, {
        let (records, seed) = (Arc::clone(&records), random.random());
        move || server::run(seed, Arc::clone(&records))
    });
    sim.host(PROXY, server::forward);
    for number in 0..CLIENTS {
        let (records, seed) = (Arc::clone(&records), random.random());
        sim.client(client(number), client::run(number, seed, records));
    }
    let fault = play(&mut sim, &mut random, &records);
    drop(sim);
    (fault, records)
}

/// Does harm for a while, makes all whole, and waits until everything has arrived.
fn play(sim: &mut Sim<'_>, random: &mut StdRng, records: &Records) -> Option<String> {
    let mut down: Option<(&str, Duration)> = None;
    let mut next = Duration::ZERO;
    let note = |at, event: String| records.lock().note_at(at, WORLD, event);
    let sessions = match records.disk {
        Disk::Forgets => "forgets its sessions with a crash",
        Disk::Keeps => "keeps its sessions on a disk",
    };
    note(next, format!("the server {sessions}"));
    while sim.elapsed() < CHAOS {
        if let Err(error) = sim.step() {
            return Some(error.to_string());
        }
        if let Some((host, until)) = down
            && sim.elapsed() >= until
        {
            sim.bounce(host);
            note(sim.elapsed(), format!("{host} starts again"));
            down = None;
        }
        if sim.elapsed() < next {
            continue;
        }
        next = sim.elapsed() + Duration::from_millis(random.random_range(0..4000));
        let peer = client(random.random_range(0..CLIENTS));
        let (a, b) = if random.random_bool(0.6) { (&*peer, PROXY) } else { (PROXY, SERVER) };
        let harm = match random.random_range(0..12) {
            0 | 1 => {
                sim.partition(a, b);
                format!("{a} and {b} lose what they send each other")
            }
            2 => {
                sim.partition_oneway(a, b);
                format!("{b} gets nothing from {a}")
            }
            3 => {
                sim.partition_oneway(b, a);
                format!("{a} gets nothing from {b}")
            }
            4 | 5 => {
                sim.hold(a, b);
                format!("what {a} and {b} send each other is held back")
            }
            6..=8 => {
                sim.release(a, b);
                sim.repair(a, b);
                format!("{a} and {b} reach each other")
            }
            9 => {
                let latency = Duration::from_millis(random.random_range(1..3000));
                sim.set_link_latency(a, b, latency);
                format!("from {a} to {b} takes {latency:?}")
            }
            _ if down.is_some() => continue,
            _ => {
                let host = if random.random_bool(0.7) { SERVER } else { PROXY };
                sim.crash(host);
                records.note_crash(host == SERVER);
                let pause = Duration::from_millis(random.random_range(10..5000));
                down = Some((host, sim.elapsed() + pause));
                format!("{host} crashes")
            }
        };
        note(sim.elapsed(), harm);
    }
    if let Some((host, _)) = down {
        sim.bounce(host);
    }
    note(sim.elapsed(), "all is made whole".into());
    records.lock().is_calm = true;
    for number in 0..CLIENTS {
        make_whole(sim, &client(number), PROXY);
    }
    make_whole(sim, PROXY, SERVER);
    while sim.elapsed() < CHAOS + PEACE {
        if let Err(error) = sim.step() {
            return Some(error.to_string());
        }
        if records.is_complete() {
            break;
        }
    }
    records.fault()
}

fn make_whole(sim: &Sim<'_>, a: &str, b: &str) {
    sim.release(a, b);
    sim.repair(a, b);
    sim.set_link_latency(a, b, Duration::from_millis(1));
}

/// Has the clock of a host leap ahead now and then, as that of a machine that was asleep. The time by
/// which a server judges its sessions goes back thereafter: the network's has not leapt.
async fn leap(host: String, seed: u64, records: Arc<Records>) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        sleep(Duration::from_millis(random.random_range(1000..60_000))).await;
        if records.lock().is_calm {
            return;
        }
        let by = Duration::from_millis(random.random_range(10..60_000));
        records.lock().note(&host, format!("{LEAPS} {by:?}"));
        advance(by).await;
    }
}

fn client(number: usize) -> String {
    format!("client-{number}")
}

/// Where harm is told.
const WORLD: &str = "world";

const CHECKED: &str = "Checked: each message was sent, and heard by the server once and in \
     order; each client was told, once and in order, what was passed on to it. Where the server \
     forgets, a message is heard once at most, none that was reported as unsent is heard, and no \
     client is told more often that it was forgotten than it was.";

/// What a world ends with in which nothing went wrong.
const SOUND: &str = "sound";

/// What is told that shows that the harm was some.
const SEEN: [&str; 6] = [
    "connected",
    "session resumed",
    "session is unknown to the peer",
    "nothing arrived within 2s of a Ping (",
    "session started",
    LEAPS,
];

const LEAPS: &str = "the clock leaps by";

const SERVER: &str = "server";
const PROXY: &str = "proxy";
const CLIENTS: usize = 3;

const TICK: Duration = Duration::from_millis(10);
/// How long there is harm.
const CHAOS: Duration = Duration::from_secs(40);
/// How long everything may take that was not possible meanwhile.
const PEACE: Duration = Duration::from_secs(300);
