//! The XOR of §5.3 beside a plain loop over words: in place, and in a copy, at each size.
#![expect(clippy::cast_possible_truncation, reason = "a bench makes its own data")]

mod ideal;

use core::hint::black_box;
use core::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ideal::{SIZES, xor};
use sanswire::frame::mask;

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask/apply");
    for size in SIZES {
        let payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let [mut expected, mut ours] = [payload.clone(), payload.clone()];
        xor(&mut expected, KEY);
        mask::apply(&mut ours, KEY, 0);
        assert_eq!(ours, expected);

        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            bencher.iter(|| xor(black_box(&mut expected), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut ours), black_box(KEY), 0));
        });
        // As a payload that comes in pieces is masked: from an odd offset, at an odd address.
        group.bench_function(BenchmarkId::new("ours-odd", size), |bencher| {
            let mut shifted = [&[0], &payload[..]].concat();
            bencher.iter(|| mask::apply(black_box(&mut shifted[1..]), black_box(KEY), 3));
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask/append");
    for size in SIZES {
        let payload: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let mut expected = payload.clone();
        xor(&mut expected, KEY);
        let mut output = Vec::new();
        mask::append(&mut output, &payload, KEY);
        assert_eq!(output, expected);

        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                output.extend_from_slice(black_box(&payload));
                xor(&mut output, black_box(KEY));
                black_box(&output);
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                mask::append(&mut output, black_box(&payload), black_box(KEY));
                black_box(&output);
            });
        });
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(20)
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

criterion_group! { name = benches; config = short(); targets = apply, append }
criterion_main!(benches);
