//! What permessage-deflate costs beside raw zlib-rs on the same data: a server that echoes text
//! like JSON, with and without context takeover.
//!
//! `cargo bench -p benches --features deflate --bench deflate`; with `-- --ratio` a table instead, for
//! which the two take turns, so that a noisy machine is noisy for both alike; with `-- --ratio --min`
//! of minima instead of medians.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a bench checks by failing, makes its own data, and reads the clock"
)]

use core::hint::black_box;
use std::time::Instant;

use bytes::Buf;
use criterion::{BenchmarkId, Criterion, Throughput};
use sanswire::extension::{Deflate, DeflateConfig, Takeover};
use sanswire::{Config, Connection, Event};
use zlib_rs::{DeflateFlush, Inflate, InflateFlush};

fn main() {
    if std::env::args().any(|arg| arg == "--ratio") {
        return table();
    }
    let mut criterion = Criterion::default().configure_from_args();
    for takeover in BOTH {
        let mut group = criterion.benchmark_group(format!("deflate/echo/{takeover:?}"));
        for size in SIZES {
            let messages = Messages::new(size, takeover);
            let (mut raw, mut ours) = (Raw::new(takeover), Ours::new(takeover));
            messages.check(&mut raw, &mut ours);
            group.throughput(Throughput::Bytes((size * messages.texts.len()) as u64));
            group.bench_function(BenchmarkId::new("raw", size), |bencher| {
                bencher.iter(|| messages.raw(&mut raw));
            });
            group.bench_function(BenchmarkId::new("ours", size), |bencher| {
                bencher.iter(|| messages.ours(&mut ours));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}

/// Prints medians or minima of many short rounds. The last column is for a connection that gives
/// its memory back after each message.
fn table() {
    let minimum = std::env::args().any(|arg| arg == "--min");
    println!("echo, ns per message");
    println!(
        "{:>9} {:>7} {:>9} {:>9} {:>6} {:>9}",
        "takeover", "size", "raw", "ours", "ratio", "idling"
    );
    for takeover in BOTH {
        for size in SIZES {
            let messages = Messages::new(size, takeover);
            let (mut raw, mut ours) = (Raw::new(takeover), Ours::new(takeover));
            messages.check(&mut raw, &mut ours);
            let mut idling = Ours { idles: true, ..Ours::new(takeover) };
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..ROUNDS {
                let runs: [&mut dyn FnMut(); 3] =
                    [&mut || messages.raw(&mut raw), &mut || messages.ours(&mut ours), &mut || {
                        messages.ours(&mut idling)
                    }];
                for (run, times) in runs.into_iter().zip(&mut times) {
                    let begin = Instant::now();
                    run();
                    times.push(begin.elapsed().as_nanos() as f64 / messages.texts.len() as f64);
                }
            }
            let [raw, ours, idling] = times.map(|mut times| {
                times.sort_by(f64::total_cmp);
                times[if minimum { 0 } else { times.len() / 2 }]
            });
            let takeover = format!("{takeover:?}");
            let ratio = ours / raw;
            println!("{takeover:>9} {size:>7} {raw:>9.0} {ours:>9.0} {ratio:>6.3} {idling:>9.0}");
        }
    }
}

/// What a client sends: a stream of messages that can be repeated on the same connection, since the
/// first refers to nothing.
struct Messages {
    texts: Vec<String>,
    /// Compressed, without the last four bytes.
    payloads: Vec<Vec<u8>>,
    /// The same as masked frames.
    frames: Vec<Vec<u8>>,
}

/// zlib-rs with nothing around it.
struct Raw {
    takeover: Takeover,
    inflate: Inflate,
    deflate: zlib_rs::Deflate,
    input: Vec<u8>,
    inflated: Vec<u8>,
    deflated: Vec<u8>,
}

/// A server.
struct Ours {
    connection: Connection,
    /// Whether it gives its memory back after each message.
    idles: bool,
}

impl Messages {
    fn new(size: usize, takeover: Takeover) -> Self {
        let count = (TOTAL / size).clamp(2, 512);
        let texts: Vec<_> = (0..count).map(|index| json(size, index)).collect();
        let mut client = Raw::new(takeover);
        let payloads: Vec<_> =
            texts.iter().map(|text| client.deflate(text.as_bytes()).to_vec()).collect();
        let frames = payloads.iter().map(|payload| frame(payload)).collect();
        Self { texts, payloads, frames }
    }

    fn raw(&self, raw: &mut Raw) {
        for payload in &self.payloads {
            raw.echo(black_box(payload));
            black_box(&raw.deflated);
        }
    }

    fn ours(&self, ours: &mut Ours) {
        for frame in &self.frames {
            ours.echo(black_box(frame), |output| {
                black_box(output);
            });
        }
    }

    /// Both do the same work.
    fn check(&self, raw: &mut Raw, ours: &mut Ours) {
        for ((text, payload), frame) in self.texts.iter().zip(&self.payloads).zip(&self.frames) {
            let len = raw.echo(payload);
            assert!(raw.inflated.starts_with(text.as_bytes()));
            let mut sent = Vec::new();
            ours.echo(frame, |output| sent.extend_from_slice(output));
            assert!(sent.ends_with(&raw.deflated[..len]) && sent[0] == 0xc1);
        }
    }
}

impl Raw {
    fn new(takeover: Takeover) -> Self {
        Self {
            takeover,
            inflate: Inflate::new(false, 15),
            deflate: zlib_rs::Deflate::new(6, false, 15),
            input: Vec::new(),
            inflated: vec![0; 128 << 10],
            deflated: vec![0; 128 << 10],
        }
    }

    /// Returns the length of what was sent.
    fn echo(&mut self, payload: &[u8]) -> usize {
        self.input.clear();
        self.input.extend_from_slice(payload);
        self.input.extend_from_slice(&TAIL);
        let before = self.inflate.total_out();
        self.inflate.decompress(&self.input, &mut self.inflated, InflateFlush::SyncFlush).unwrap();
        let len = (self.inflate.total_out() - before) as usize;
        if self.takeover == Takeover::Reset {
            self.inflate.reset(false);
        }
        let inflated = core::mem::take(&mut self.inflated);
        let sent = self.deflate(&inflated[..len]).len();
        self.inflated = inflated;
        sent
    }

    fn deflate(&mut self, text: &[u8]) -> &[u8] {
        let before = self.deflate.total_out();
        self.deflate.compress(text, &mut self.deflated, DeflateFlush::SyncFlush).unwrap();
        let len = (self.deflate.total_out() - before) as usize;
        if self.takeover == Takeover::Reset {
            self.deflate.reset();
        }
        &self.deflated[..len - TAIL.len()]
    }
}

impl Ours {
    fn new(takeover: Takeover) -> Self {
        let config = DeflateConfig::default().takeover(takeover).peer_takeover(takeover);
        let (agreed, _) = Deflate::accept(&config, &[Deflate::offer(&config)]).unwrap();
        let connection = Connection::server(&Config::default()).with_deflate(agreed);
        Self { connection, idles: false }
    }

    fn echo(&mut self, frame: &[u8], mut write: impl FnMut(&[u8])) {
        self.connection.input().extend_from_slice(frame);
        while let Some((event, mut commands)) = self.connection.poll_event().unwrap() {
            let Event::Text(text) = event else { panic!("{event:?}") };
            commands.send(&text).unwrap();
        }
        while let Some(output) = self.connection.poll_transmit() {
            write(output.chunk());
            output.advance(output.chunk().len());
        }
        if self.idles {
            self.connection.release_memory();
        }
    }
}

/// A masked text frame that says it is compressed.
fn frame(payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0xc1];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Text of exactly `size` bytes such as applications exchange: the same names again and again,
/// numbers that differ.
fn json(size: usize, index: usize) -> String {
    const WORDS: [&str; 8] =
        ["alpha", "pending", "shipped", "Zürich", "standard", "express", "refused", "open"];
    let mut state = index as u64 + 1;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut text = String::from("[");
    while text.len() < size {
        text += &format!(
            r#"{{"id":{},"status":"{}","price":{}.{:02},"city":"{}","at":"2026-11-{:02}T{:02}:{:02}:00Z"}},"#,
            random() % 1_000_000,
            WORDS[random() % 8],
            random() % 1_000,
            random() % 100,
            WORDS[random() % 8],
            1 + random() % 30,
            random() % 24,
            random() % 60,
        );
    }
    while !text.is_char_boundary(size) {
        text.insert(1, ' ');
    }
    text.truncate(size);
    text
}

const BOTH: [Takeover; 2] = [Takeover::Keep, Takeover::Reset];
const SIZES: [usize; 3] = [128, 1 << 10, 64 << 10];
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How many bytes of text are sent in a round, about.
const TOTAL: usize = 64 << 10;

/// How often each takes its turn.
const ROUNDS: usize = 300;
