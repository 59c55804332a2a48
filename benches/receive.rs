//! What it costs to receive messages, beside the ideal loop: lent, owned and text, at each size.
//!
//! Every candidate copies the same reads of 64 KiB into its buffer; `copy` does nothing else.
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

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use driver::{Receiver, check_received};
use ideal::{Lent, Owned, READ, SIZES, Stream};
use sanswire::Event;

fn lent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("receive/lent");
    for size in SIZES {
        let stream = Stream::binary(size);
        check_received(&stream, &Stream::text(size));
        group.throughput(Throughput::Bytes(stream.payload_len()));
        group.bench_function(BenchmarkId::new("copy", size), |bencher| {
            let mut copied = Vec::with_capacity(READ);
            bencher.iter(|| {
                for read in stream.reads() {
                    copied.clear();
                    copied.extend_from_slice(read);
                    black_box(&copied);
                }
            });
        });
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            let mut ideal = Lent::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ideal.fill(read);
                    ideal.receive(|payload| {
                        black_box(payload);
                    });
                }
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            let mut ours = Receiver::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ours.receive(read, |event| {
                        let Event::Binary(payload) = event else { panic!() };
                        black_box(&*payload);
                    });
                }
            });
        });
    }
    group.finish();
}

fn owned(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("receive/owned");
    for size in SIZES {
        let stream = Stream::binary(size);
        group.throughput(Throughput::Bytes(stream.payload_len()));
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            let mut ideal = Owned::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ideal.fill(read);
                    ideal.receive(|payload| {
                        black_box(payload);
                    });
                }
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            let mut ours = Receiver::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ours.receive(read, |event| {
                        let Event::Binary(payload) = event else { panic!() };
                        black_box(payload.into_bytes());
                    });
                }
            });
        });
    }
    group.finish();
}

fn text(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("receive/text");
    for size in SIZES {
        let stream = Stream::text(size);
        group.throughput(Throughput::Bytes(stream.payload_len()));
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            let mut ideal = Lent::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ideal.fill(read);
                    ideal.receive(|payload| {
                        black_box(simdutf8::basic::from_utf8(payload).unwrap());
                    });
                }
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            let mut ours = Receiver::default();
            bencher.iter(|| {
                for read in stream.reads() {
                    ours.receive(read, |event| {
                        let Event::Text(text) = event else { panic!() };
                        black_box(&*text);
                    });
                }
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

criterion_group! { name = benches; config = short(); targets = lent, owned, text }
criterion_main!(benches);
