//! How many live WebSockets this machine carries, and what each costs: memory, CPU while idle, the
//! time until one message has reached all.
//!
//! ```text
//! cargo run --release -p benches --features sockets --bin sockets -- [COUNT [IDLE_SECONDS]]
//! ```
//!
//! As many pairs of processes as the limit of descriptors asks for: a server and its clients, both
//! on the tokio adapter with one thread each. The servers send heartbeats as by default. The
//! clients send none of their own, as browsers do. COUNT is 10,000 by default, IDLE_SECONDS 30.
#![expect(
    clippy::disallowed_methods,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a bench has sockets and clocks, and checks by failing"
)]

mod end;
mod machine;
mod process;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use machine::{Cpu, Kernel};
use process::Process;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server"] => end::serve(),
        ["clients", address, count] => end::connect(address, parse(count)?),
        [] => measure(10_000, Duration::from_secs(30)),
        [count] => measure(parse(count)?, Duration::from_secs(30)),
        [count, idle] => measure(parse(count)?, Duration::from_secs(parse(idle)?)),
        _ => Err(io::Error::other("usage: sockets [COUNT [IDLE_SECONDS]]")),
    }
}

fn parse<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text} is not a whole number")))
}

fn measure(count: usize, idle: Duration) -> io::Result<()> {
    let each = machine::descriptors()? - SPARE;
    let groups = count.div_ceil(each);
    println!("{count} connections, {groups} servers and {groups} processes with clients");
    let mut servers = Vec::new();
    let mut addresses = Vec::new();
    for _ in 0..groups {
        let mut server = Process::start(&["server"])?;
        addresses.push(server.line()?);
        servers.push(server);
    }
    let empty = memory(&servers)?;
    let kernel = Kernel::now()?;
    let begun = Instant::now();
    let mut clients = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let share = each.min(count - index * each);
        let mut process = Process::start(&["clients", address, &share.to_string()])?;
        // One after the other: so the listeners have room, and memory is what connections take.
        process.expect("open")?;
        clients.push(process);
    }
    let took = begun.elapsed();
    println!(
        "opened in {:.1} s, {:.0} a second",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );

    // What was taken for the handshakes is given back meanwhile.
    thread::sleep(SETTLE);
    let bytes = |bytes: f64| bytes / count as f64;
    let user = bytes(memory(&servers)? - empty);
    println!("memory of a connection, server process: {user:.0} B");
    println!("memory of a connection, client process: {:.0} B", bytes(memory(&clients)?));
    let both = bytes(Kernel::now()?.bytes - kernel.bytes);
    println!("memory of a connection, kernel, both ends: {both:.0} B");

    let before = (Cpu::of(&servers)?, Cpu::of(&clients)?, Cpu::machine()?);
    let begun = Instant::now();
    thread::sleep(idle);
    let waited = begun.elapsed();
    let after = (Cpu::of(&servers)?, Cpu::of(&clients)?, Cpu::machine()?);
    let share = |before: &Cpu, after: &Cpu| {
        after.since(before).as_secs_f64() / waited.as_secs_f64() * 100.0
    };
    println!(
        "idle for {:.0} s, of one core: servers {:.1} %, clients {:.1} %, the whole machine {:.1} %",
        waited.as_secs_f64(),
        share(&before.0, &after.0),
        share(&before.1, &after.1),
        share(&before.2, &after.2),
    );

    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        servers.iter_mut().try_for_each(|server| server.say("say"))?;
        clients.iter_mut().try_for_each(|clients| clients.expect("heard"))?;
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "a message of {} B to all {count}: {:.0} ms, the median of {ROUNDS} (least {:.0}, most {:.0})",
        end::MESSAGE.len(),
        millis(times[ROUNDS / 2]),
        millis(times[0]),
        millis(times[ROUNDS - 1]),
    );
    for server in &mut servers {
        server.say("count")?;
    }
    let mut alive = 0;
    for server in &mut servers {
        alive += parse::<usize>(&server.line()?)?;
    }
    println!("{alive} of {count} connections are still open");
    if alive == count { Ok(()) } else { Err(io::Error::other("connections were lost")) }
}

/// Returns the bytes that only these processes have, and their part of what is shared.
fn memory(processes: &[Process]) -> io::Result<f64> {
    processes.iter().map(Process::memory).sum()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Descriptors of a process that are no connections.
const SPARE: usize = 100;

const SETTLE: Duration = Duration::from_secs(3);

/// How often the message is sent.
const ROUNDS: usize = 5;
