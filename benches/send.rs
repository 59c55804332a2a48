//! What it costs to send messages, beside the ideal loop: a server's copied and by reference,
//! a client's masked, at each size.
//!
//! Every candidate sends batches of about 32 KiB (or one message) and then has them written. The
//! ideal client takes its masks from a counter; the crate's come from a CSPRNG.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench checks by failing and makes its own data"
)]

mod driver;
mod ideal;

use core::hint::black_box;
use core::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use driver::{Sender, check_sent};
use ideal::{Output, REPEAT, SIZES, batch};
use sanswire::{Config, Connection, Message};

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send/server");
    for size in SIZES {
        let payload = Bytes::from(vec![7; size]);
        let batch = batch(size);
        check_sent(&payload);
        group.throughput(Throughput::Bytes((REPEAT * batch * size) as u64));
        group.bench_function(BenchmarkId::new("ideal-copied", size), |bencher| {
            let mut ideal = Output::default();
            bencher.iter(|| ideal.send(batch, |output| output.copy(black_box(&payload))));
        });
        group.bench_function(BenchmarkId::new("copied", size), |bencher| {
            let mut ours = Sender(Connection::server(&Config::default()));
            bencher.iter(|| {
                ours.send(batch, |mut server| server.send(black_box(&payload[..])).unwrap());
            });
        });
        group.bench_function(BenchmarkId::new("ideal-shared", size), |bencher| {
            let mut ideal = Output::default();
            bencher.iter(|| ideal.send(batch, |output| output.refer(black_box(&payload))));
        });
        group.bench_function(BenchmarkId::new("shared", size), |bencher| {
            let mut ours = Sender(Connection::server(&Config::default()));
            bencher.iter(|| {
                ours.send(batch, |mut server| {
                    server.send(Message::Binary(black_box(&payload).clone())).unwrap();
                });
            });
        });
    }
    group.finish();
}

fn client(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send/client");
    for size in SIZES {
        let payload = Bytes::from(vec![7; size]);
        let batch = batch(size);
        group.throughput(Throughput::Bytes((REPEAT * batch * size) as u64));
        group.bench_function(BenchmarkId::new("ideal-masked", size), |bencher| {
            let mut ideal = Output::default();
            bencher.iter(|| ideal.send(batch, |output| output.mask(black_box(&payload))));
        });
        group.bench_function(BenchmarkId::new("masked", size), |bencher| {
            let mut ours = Sender(Connection::client(&Config::default(), [7; 32]));
            bencher.iter(|| {
                ours.send(batch, |mut client| client.send(black_box(&payload[..])).unwrap());
            });
        });
        group.bench_function(BenchmarkId::new("masked-message", size), |bencher| {
            let mut ours = Sender(Connection::client(&Config::default(), [7; 32]));
            bencher.iter(|| {
                ours.send(batch, |mut client| {
                    client.send(Message::Binary(black_box(&payload).clone())).unwrap();
                });
            });
        });
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
}

criterion_group! { name = benches; config = short(); targets = server, client }
criterion_main!(benches);
