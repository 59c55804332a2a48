//! One table of what the crate costs beside the ideal loops, in a few seconds:
//! `cargo bench -p benches --bench ratio`, or with `-- --min` for minima instead of medians. The
//! candidates take turns, so that a noisy machine is noisy for all of them alike.
//!
//! Net ratios leave out the copy into the receive buffer, which a kernel makes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench checks by failing, makes its own data, and reads the clock"
)]

mod driver;
mod ideal;

use core::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use driver::{Receiver, Sender, check_received, check_sent};
use ideal::{Lent, Output, Owned, READ, REPEAT, SIZES, Stream, batch};
use sanswire::{Config, Connection, Event, Message};

fn main() {
    let asked = |name| std::env::args().any(|arg| arg == name);
    // `cargo test` runs benches too, to see that they work: one round is enough for that.
    let rounds = if asked("--bench") { ROUNDS } else { 1 };
    let figure = if asked("--min") { Figure::Minimum } else { Figure::Median };

    println!("receive, {figure:?} ns per message; ratios net of the copy, and gross");
    println!(
        "{:>7} {:>8} | {:>8} {:>8} {:>5} {:>5} | {:>8} {:>8} {:>5} {:>5} | {:>8} {:>8} {:>5} {:>5}",
        "size",
        "copy",
        "ideal",
        "lent",
        "net",
        "gross",
        "ideal",
        "owned",
        "net",
        "gross",
        "ideal",
        "text",
        "net",
        "gross",
    );
    for size in SIZES {
        let mut times = [const { Vec::new() }; 7];
        for layout in 0..LAYOUTS {
            receive(&mut times, rounds, size, layout * SHIFT);
        }
        let [copy, ideal, lent, ideal_owned, owned, ideal_text, text] =
            times.map(|times| figure.of(times));
        print!("{size:>7} {copy:>8.1}");
        for (ideal, ours) in [(ideal, lent), (ideal_owned, owned), (ideal_text, text)] {
            let (net, gross) = ((ours - copy) / (ideal - copy), ours / ideal);
            print!(" | {ideal:>8.1} {ours:>8.1} {net:>5.2} {gross:>5.2}");
        }
        println!();
    }

    println!("\nsend, {figure:?} ns per message");
    println!(
        "{:>7} | {:>8} {:>8} {:>5} | {:>8} {:>8} {:>5} | {:>8} {:>8} {:>5}",
        "size", "copy", "server", "ratio", "refer", "message", "ratio", "mask", "client", "ratio",
    );
    for size in SIZES {
        let mut times = [const { Vec::new() }; 6];
        for layout in 0..LAYOUTS {
            send(&mut times, rounds, size, layout * SHIFT);
        }
        let [copy, server, refer, message, mask, client] = times.map(|times| figure.of(times));
        print!("{size:>7}");
        for (ideal, ours) in [(copy, server), (refer, message), (mask, client)] {
            print!(" | {ideal:>8.1} {ours:>8.1} {:>5.2}", ours / ideal);
        }
        println!();
    }
}

fn receive(times: &mut [Vec<f64>; 7], rounds: usize, size: usize, offset: usize) {
    let binary = Stream::binary(size).moved_by(offset);
    let text = Stream::text(size).moved_by(offset);
    check_received(&binary, &text);
    let mut copied = Vec::with_capacity(READ);
    let (mut ideal, mut ideal_owned, mut ideal_text) =
        (Lent::default(), Owned::default(), Lent::default());
    let (mut lent, mut owned, mut ours_text) =
        (Receiver::default(), Receiver::default(), Receiver::default());
    take_turns(
        times,
        [
            &mut || {
                for read in binary.reads() {
                    copied.clear();
                    copied.extend_from_slice(read);
                    black_box(&copied);
                }
            },
            &mut || {
                for read in binary.reads() {
                    ideal.fill(read);
                    ideal.receive(|payload| {
                        black_box(payload);
                    });
                }
            },
            &mut || {
                for read in binary.reads() {
                    lent.receive(read, |event| {
                        let Event::Binary(payload) = event else { panic!() };
                        black_box(&*payload);
                    });
                }
            },
            &mut || {
                for read in binary.reads() {
                    ideal_owned.fill(read);
                    ideal_owned.receive(|payload| {
                        black_box(payload);
                    });
                }
            },
            &mut || {
                for read in binary.reads() {
                    owned.receive(read, |event| {
                        let Event::Binary(payload) = event else { panic!() };
                        black_box(payload.into_bytes());
                    });
                }
            },
            &mut || {
                for read in text.reads() {
                    ideal_text.fill(read);
                    ideal_text.receive(|payload| {
                        black_box(simdutf8::basic::from_utf8(payload).unwrap());
                    });
                }
            },
            &mut || {
                for read in text.reads() {
                    ours_text.receive(read, |event| {
                        let Event::Text(text) = event else { panic!() };
                        black_box(&*text);
                    });
                }
            },
        ],
        rounds,
        binary.payloads.len(),
    );
}

fn send(times: &mut [Vec<f64>; 6], rounds: usize, size: usize, offset: usize) {
    let payload = Bytes::from(vec![7; offset + size]).slice(offset..);
    check_sent(&payload);
    let batch = batch(size);
    let [mut copy, mut refer, mut mask] = core::array::from_fn(|_| Output::default());
    let mut server = Sender(Connection::server(&Config::default()));
    let mut message = Sender(Connection::server(&Config::default()));
    let mut client = Sender(Connection::client(&Config::default(), [7; 32]));
    take_turns(
        times,
        [
            &mut || copy.send(batch, |output| output.copy(black_box(&payload))),
            &mut || {
                server.send(batch, |mut server| server.send(black_box(&payload[..])).unwrap());
            },
            &mut || refer.send(batch, |output| output.refer(black_box(&payload))),
            &mut || {
                message.send(batch, |mut server| {
                    server.send(Message::Binary(black_box(&payload).clone())).unwrap();
                });
            },
            &mut || mask.send(batch, |output| output.mask(black_box(&payload))),
            &mut || {
                client.send(batch, |mut client| client.send(black_box(&payload[..])).unwrap());
            },
        ],
        rounds,
        REPEAT * batch,
    );
}

/// Runs the candidates in turns and adds nanoseconds per message to the times of each.
fn take_turns<const N: usize>(
    times: &mut [Vec<f64>; N],
    mut candidates: [&mut dyn FnMut(); N],
    rounds: usize,
    messages: usize,
) {
    // Buffers grow in the first round.
    candidates.iter_mut().for_each(|run| run());
    for _ in 0..rounds {
        for (run, times) in candidates.iter_mut().zip(&mut *times) {
            let begin = Instant::now();
            run();
            times.push(begin.elapsed().as_nanos() as f64 / messages as f64);
        }
    }
}

/// What is taken of many times.
#[derive(Clone, Copy, Debug)]
enum Figure {
    Median,
    Minimum,
}

impl Figure {
    fn of(self, mut times: Vec<f64>) -> f64 {
        times.sort_by(f64::total_cmp);
        match self {
            Self::Median => times[times.len() / 2],
            Self::Minimum => times[0],
        }
    }
}

/// How often each candidate takes its turn with each layout.
const ROUNDS: usize = 60;

/// In how many layouts of memory everything is measured, each by so many bytes from the last.
const LAYOUTS: usize = 5;
const SHIFT: usize = 712;
