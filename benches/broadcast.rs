//! What it costs to send one message to 10,000 connections in memory: prepared once, or framed for
//! each; beside the ideal loop, which copies a ready frame into as many buffers.
//!
//! Every candidate has it written everywhere, which in memory costs nothing, before the next.
#![expect(clippy::unwrap_used, reason = "a bench checks by failing")]

use core::hint::black_box;
use core::time::Duration;

use bytes::{Buf, Bytes};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sanswire::{Commands, Config, Connection, Message, Prepared};

fn broadcast(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broadcast");
    group.throughput(Throughput::Elements(RECEIVERS as u64));
    for size in [16, 1 << 10, 16 << 10] {
        let payload = Bytes::from(vec![7; size]);
        let prepared = Prepared::binary(&payload);
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            let frame = frame(&prepared);
            let mut buffers = vec![Vec::new(); RECEIVERS];
            bencher.iter(|| {
                for buffer in &mut buffers {
                    buffer.extend_from_slice(black_box(&frame));
                }
                for buffer in &mut buffers {
                    black_box(&*buffer);
                    buffer.clear();
                }
            });
        });
        group.bench_function(BenchmarkId::new("prepared", size), |bencher| {
            let mut room = Room::new();
            bencher.iter(|| {
                room.tell(|mut receiver| receiver.send(black_box(&prepared)).unwrap());
            });
        });
        group.bench_function(BenchmarkId::new("prepared-each-time", size), |bencher| {
            let mut room = Room::new();
            bencher.iter(|| {
                let prepared = Prepared::binary(black_box(&payload));
                room.tell(|mut receiver| receiver.send(&prepared).unwrap());
            });
        });
        group.bench_function(BenchmarkId::new("send", size), |bencher| {
            let mut room = Room::new();
            bencher.iter(|| {
                room.tell(|mut receiver| {
                    receiver.send(Message::Binary(black_box(&payload).clone())).unwrap();
                });
            });
        });
        group.bench_function(BenchmarkId::new("send-copied", size), |bencher| {
            let mut room = Room::new();
            bencher.iter(|| {
                room.tell(|mut receiver| receiver.send(black_box(&payload[..])).unwrap());
            });
        });
    }
    group.finish();
}

/// Many servers' ends.
struct Room(Vec<Connection>);

impl Room {
    fn new() -> Self {
        Self((0..RECEIVERS).map(|_| Connection::server(&Config::default())).collect())
    }

    fn tell(&mut self, mut send: impl FnMut(Commands<'_>)) {
        self.0.iter_mut().for_each(|receiver| send(receiver.commands()));
        for receiver in &mut self.0 {
            let output = receiver.poll_transmit().unwrap();
            black_box(output.chunk());
            output.advance(output.remaining());
        }
    }
}

/// Returns what is on the wire.
fn frame(prepared: &Prepared) -> Bytes {
    let mut server = Connection::server(&Config::default());
    server.commands().send(prepared).unwrap();
    let output = server.poll_transmit().unwrap();
    output.copy_to_bytes(output.remaining())
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

const RECEIVERS: usize = 10_000;

criterion_group! { name = benches; config = short(); targets = broadcast }
criterion_main!(benches);
