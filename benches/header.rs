//! Headers parsed and encoded beside a loop without checks, for the frames of each size.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a bench checks by failing and makes its own data"
)]

mod ideal;

use core::hint::black_box;
use core::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ideal::{SIZES, put_header};
use sanswire::frame::{Header, Opcode};

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header/parse");
    group.throughput(Throughput::Elements(COUNT));
    for size in SIZES {
        let headers = headers(size);
        // The same lengths and keys come out, header by header.
        let mut rest = &headers[..];
        while let Some((header, len)) = Header::parse(rest).unwrap() {
            let found = (len, header.payload_len as usize, header.mask.unwrap());
            assert_eq!(Some(found), ideal::parse(rest));
            rest = &rest[len..];
        }
        assert!(rest.is_empty());

        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&headers[..]);
                while let Some((len, payload_len, key)) = ideal::parse(rest) {
                    black_box((payload_len, key));
                    rest = &rest[len..];
                }
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&headers[..]);
                while let Some((header, len)) = Header::parse(rest).unwrap() {
                    black_box((header.payload_len, header.mask));
                    rest = &rest[len..];
                }
            });
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header/encode");
    group.throughput(Throughput::Elements(COUNT));
    for size in SIZES {
        let encode = |output: &mut Vec<u8>, key| {
            let header = Header {
                fin: true,
                rsv: 0,
                opcode: Opcode::Binary,
                mask: Some(key),
                payload_len: size as u64,
            };
            output.extend_from_slice(&header.encode());
        };
        let mut output = Vec::new();
        (0..COUNT).for_each(|index| encode(&mut output, key(index)));
        assert_eq!(output, headers(size));

        group.bench_function(BenchmarkId::new("ideal", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                for index in 0..COUNT {
                    put_header(&mut output, 0x82, black_box(size), Some(key(index)));
                }
                black_box(&output);
            });
        });
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                for index in 0..COUNT {
                    encode(black_box(&mut output), key(index));
                }
                black_box(&output);
            });
        });
    }
    group.finish();
}

fn headers(size: usize) -> Vec<u8> {
    let mut headers = Vec::new();
    (0..COUNT).for_each(|index| put_header(&mut headers, 0x82, size, Some(key(index))));
    headers
}

fn key(index: u64) -> [u8; 4] {
    (index as u32).wrapping_mul(0x9e37_79b9).to_le_bytes()
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(20)
}

const COUNT: u64 = 1000;

criterion_group! { name = benches; config = short(); targets = parse, encode }
criterion_main!(benches);
