//! RFC 7692, §8, and RFC 6455, §10.4: compressed messages that are too large, broken, or built to
//! cost their receiver more than they cost their sender.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use sanswire::extension::Takeover;
use sanswire::{Config, ConnectionError, ReadyState, Reassembly, Role};

use crate::heap::heap_of;
use crate::support::deflate::{
    Fault, Puff, RSV1, RawDeflate, TAIL, agreed, deflate_config, plain_agreed,
};
use crate::support::{BINARY, CONTINUATION, End, FIN, Got, Random, TEXT, frame, from, told};

/// Feeds a deflate stream of zeros to `take`, piece by piece as a real compressor makes it, until
/// `len` bytes have been compressed or `take` wants no more. Returns how many came out.
fn bomb(len: usize, mut take: impl FnMut(&[u8]) -> bool) -> usize {
    let mut zlib = Compress::new(Compression::best(), false);
    let zeros = vec![0; 1 << 20];
    let mut total = 0;
    for _ in 0..len >> 20 {
        let mut output = Vec::with_capacity(1 << 14);
        zlib.compress_vec(&zeros, &mut output, FlushCompress::Sync).unwrap();
        total += output.len();
        if !take(&output) {
            break;
        }
    }
    total
}

fn client(config: &Config) -> End {
    End::deflating(Role::Client, config, plain_agreed(Role::Client))
}

fn too_large(limit: usize) -> Option<ConnectionError> {
    Some(ConnectionError::MessageTooLarge { limit: limit as u64 })
}

/// Asserts that a connection failed, that it stays so, and what it told its peer.
#[track_caller]
fn assert_failed(end: &mut End, error: ConnectionError, code: u16) {
    assert_eq!(end.error, Some(error));
    assert_eq!(end.state(), ReadyState::Closing);
    assert_eq!(error.close_code(), code);
    assert_eq!(end.take_sent(), [(0x88, told(error))]);
    assert_eq!(end.state(), ReadyState::Closed);
    // Nothing that comes later is looked at.
    end.feed(&frame(FIN | TEXT, b"later"));
    end.feed(&[0xff; 100]);
    assert_eq!((end.error, end.take_output()), (Some(error), vec![]));
}

const LIMIT: usize = 1 << 20;

#[test]
fn a_bomb_that_does_not_go_off_is_held_for_seconds() {
    let secs = core::time::Duration::from_secs;
    let mut end = End::deflating(
        Role::Server,
        &Config::default().ping_interval(None),
        plain_agreed(Role::Server),
    );
    let mut stream = Vec::new();
    bomb(15 << 20, |piece| {
        stream.extend(piece);
        true
    });
    assert!(stream.len() < 17 << 10, "{}", stream.len());
    end.connection.handle_timeout(secs(0));
    let heap = heap_of(|| end.receive(&frame(RSV1 | BINARY, &stream)));
    assert!(heap.live > 15 << 20, "{heap:?}");
    // Pings, empty fragments and blocks in which there is nothing, 500 bytes a second.
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(50);
    let keep = [frame(0x89, &[7; 120]).repeat(2), frame(CONTINUATION, &nothing)].concat();
    let heap = heap_of(|| {
        for second in 1..=21 {
            end.connection.handle_timeout(secs(second));
            end.receive(&keep);
            end.take_output();
            end.poll();
            if end.error.is_some() {
                break;
            }
            assert!(second <= 20, "still held");
        }
        end.take_got();
    });
    assert!(matches!(end.error, Some(ConnectionError::MessageTooSlow { .. })), "{:?}", end.error);
    // And given back at once, not when the transport is done.
    assert!(heap.live < -(15 << 20), "{heap:?}");
}

#[test]
fn a_bomb_is_refused_as_soon_as_the_limit_is_passed() {
    // 1 GiB of zeros in about 1 MiB, compressed as it is sent.
    let mut len = 0;
    let whole = bomb(16 << 20, |_| true);
    assert!(whole * 64 < 1_200_000, "{whole} bytes for 16 MiB");
    for fragments in [false, true] {
        let mut end = client(&Config::default().max_message_size(LIMIT));
        let mut taken = 0;
        let heap = heap_of(|| {
            let announced: u32 = 1_100_000;
            if fragments {
                end.feed(&frame(RSV1 | BINARY, b""));
            } else {
                end.feed(&[FIN | RSV1 | BINARY, 127, 0, 0, 0, 0]);
                end.feed(&announced.to_be_bytes());
            }
            assert_eq!(end.error, None);
            len = bomb(1 << 30, |piece| {
                taken += 1;
                if fragments {
                    end.feed(&frame(CONTINUATION, piece));
                } else {
                    end.feed(piece);
                }
                end.error.is_none()
            });
        });
        // The limit itself is no error: the second MiB is.
        assert_eq!((taken, end.error), (2, too_large(LIMIT)));
        assert!(len < 4_000, "{len}");
        // The compressor of this test takes 270 KiB and its input 1 MiB.
        let allowed = 3 * LIMIT + (400 << 10) + (1 << 20);
        assert!(heap.peak < isize::try_from(allowed).unwrap(), "{heap:?}");
        assert_failed(&mut end, ConnectionError::MessageTooLarge { limit: LIMIT as u64 }, 1009);
    }
}

#[test]
fn a_bomb_in_one_piece_is_refused_without_being_inflated() {
    let mut stream = Vec::new();
    bomb(64 << 20, |piece| {
        stream.extend(piece);
        true
    });
    for reassembly in [Reassembly::Messages, Reassembly::Chunks] {
        for limit in [0, 1, 1_000, 100_000, LIMIT] {
            let mut end = client(&Config::default().max_message_size(limit).reassembly(reassembly));
            let bytes = frame(FIN | RSV1 | BINARY, &stream);
            let heap = heap_of(|| end.feed(&bytes));
            assert_eq!(end.error, too_large(limit));
            // The frame itself waits in the receive buffer.
            let allowed = 3 * limit + (256 << 10) + bytes.len();
            assert!(heap.peak < isize::try_from(allowed).unwrap(), "{limit}: {heap:?}");
            let delivered: usize = end
                .got
                .iter()
                .map(|got| {
                    let Got::Chunk { payload, .. } = got else { panic!("{got:?}") };
                    payload.len()
                })
                .sum();
            assert!(delivered <= limit);
        }
    }
}

#[test]
fn the_limit_is_for_what_comes_out_and_to_the_byte() {
    let limit = 1_000;
    let config = Config::default().max_message_size(limit);
    let mut random = Random::new(1);
    for len in [0, 1, 999, 1_000, 1_001, 1_002, 5_000, 100_000] {
        let noise: Vec<u8> = (0..len).map(|_| random.next().to_le_bytes()[0]).collect();
        for message in [vec![7; len], noise] {
            for level in [0, 6] {
                let payload = RawDeflate::new(level, 15, Takeover::Keep).message(&message);
                // What is not compressed by much may be larger compressed.
                let expected = if len <= limit { None } else { too_large(limit) };
                for step in [1, 100, usize::MAX] {
                    let mut end = client(&config);
                    for piece in frame(FIN | RSV1 | BINARY, &payload).chunks(step) {
                        end.feed(piece);
                    }
                    assert_eq!(end.error, expected, "{len} {level} {step}");
                    let mut end = client(&config);
                    end.feed(&frame(RSV1 | BINARY, b""));
                    for piece in payload.chunks(step.min(300)) {
                        end.feed(&frame(CONTINUATION, piece));
                    }
                    end.feed(&frame(FIN | CONTINUATION, b""));
                    assert_eq!(end.error, expected, "{len} {level} {step} fragments");
                }
            }
        }
    }
    // Each message begins at nothing.
    let mut raw = RawDeflate::new(6, 15, Takeover::Keep);
    let mut end = client(&config);
    for _ in 0..10 {
        end.feed(&frame(FIN | RSV1 | BINARY, &raw.message(&[7; 1_000])));
    }
    assert_eq!((end.got.len(), end.error), (10, None));
}

#[test]
fn what_is_announced_is_refused_at_its_header_where_it_cannot_be_right() {
    let limit = 100_000;
    let config = Config::default().max_message_size(limit);
    // Twice the limit is what compression may make of a message; that much and no more.
    for (len, refused) in [(100_001_u64, false), (200_000, false), (200_001, true), (1 << 20, true)]
    {
        let mut end = client(&config);
        let heap = heap_of(|| {
            end.feed(&[FIN | RSV1 | BINARY, 127]);
            end.feed(&len.to_be_bytes());
        });
        assert_eq!(end.error, too_large(limit).filter(|_| refused), "{len}");
        assert!(heap.peak < 1_000, "{heap:?}");
    }
    // Over all fragments, of which nothing comes out.
    let mut end = client(&config);
    end.feed(&frame(RSV1 | BINARY, b""));
    let nothing = frame(CONTINUATION, &b"\x00\x00\x00\xff\xff".repeat(1_000));
    for _ in 0..40 {
        end.feed(&nothing);
    }
    assert_eq!(end.error, None);
    end.feed(&nothing[..4]);
    assert_eq!(end.error, too_large(limit));
}

#[test]
fn lengths_that_overflow_are_refused_however_large_the_limits_are() {
    let unlimited = Config::default().max_message_size(usize::MAX).max_frame_size(usize::MAX);
    // As large as the limit permits, and a frame: the top bit is never set.
    for len in [usize::MAX as u64 / 4 + 1, usize::MAX as u64 / 2] {
        let mut end = client(&unlimited);
        let heap = heap_of(|| {
            end.feed(&frame(RSV1 | BINARY, &[0]));
            end.feed(&[CONTINUATION, 127]);
            end.feed(&len.to_be_bytes());
        });
        assert_eq!(end.error, None);
        assert!(heap.peak < 60_000, "{heap:?}");
    }
    let mut end = client(&unlimited);
    end.feed(&[FIN | RSV1 | BINARY, 127]);
    end.feed(&(1_u64 << 63).to_be_bytes());
    assert!(matches!(end.error, Some(ConnectionError::LengthTopBit { .. })));
}

/// Streams that are wrong at one place, with what is wrong.
const BROKEN: [(&str, &[u8]); 15] = [
    ("the reserved block type", b"\x06"),
    ("the same as a final block", b"\x07"),
    ("a stored length without its complement", b"\x00\x05\x00\xfa\xfe"),
    ("a stored length of which the complement is itself", b"\x00\x05\x00\x05\x00"),
    ("a distance in an empty window", b"\x02\x22\x00"),
    ("a distance one too far", b"\x4a\x04\x23\x00"),
    ("length symbol 286", b"\x1a\x03"),
    ("distance symbol 30", b"\x4a\x04\x7c\x00"),
    ("too many length symbols", b"\xfc\x00\x00"),
    ("too many distance symbols", b"\x04\x1e\x00"),
    ("code lengths that are over-subscribed", b"\x04\xc0\xff\xff\xff\xff\xff\xff\xff\xff"),
    ("code lengths that are incomplete", b"\x04\x00\x02\x00\x00\x00"),
    ("a repeated code length without one before", b"\x04\xe0\x81\x00\x00\x00\x00\x10\x00"),
    ("a final block and then nonsense", b"\x03\x00\xff\xff"),
    ("noise", b"\xde\xad\xbe\xef\xde\xad\xbe\xef"),
];

#[test]
fn a_broken_stream_fails_once_with_1007_and_for_good() {
    for (what, stream) in BROKEN {
        assert!(Puff::default().message(stream).is_err(), "{what}");
        for step in [1, usize::MAX] {
            let mut end = client(&Config::default());
            // Behind a good message, the error is the same.
            end.feed(&frame(FIN | RSV1 | TEXT, b"\x00"));
            for piece in frame(FIN | RSV1 | BINARY, stream).chunks(step) {
                end.feed(piece);
            }
            assert_eq!(end.take_got(), [Got::text("")], "{what}");
            assert_failed(&mut end, ConnectionError::InvalidDeflate, 1007);
        }
    }
}

#[test]
fn what_is_compressed_twice_or_has_its_tail_is_no_surprise() {
    let mut raw = RawDeflate::new(6, 15, Takeover::Keep);
    let once = raw.message(b"once is enough");
    let twice = raw.message(&once);
    let mut end = client(&Config::default());
    // A tail that was left on is one more empty block, which needs its own tail.
    end.feed(&frame(FIN | RSV1 | BINARY, &[&once[..], &TAIL, &[0]].concat()));
    end.feed(&frame(FIN | RSV1 | BINARY, &twice));
    assert_eq!(end.take_got(), [Got::binary(b"once is enough"), Got::binary(&once)]);
    end.feed(&frame(FIN | RSV1 | BINARY, &[&once[..], &TAIL].concat()));
    assert_failed(&mut end, ConnectionError::InvalidDeflate, 1007);
}

#[test]
fn a_flood_of_blocks_without_content_needs_no_memory_and_is_limited_by_its_size() {
    let limit = 50_000;
    let config = Config::default().max_message_size(limit);
    let filled = RawDeflate::new(6, 15, Takeover::Keep).message(&[7; 50_000]);
    let block = b"\x00\x00\x00\xff\xff";
    let mut end = client(&config);
    end.feed(&frame(FIN | RSV1 | BINARY, &filled));
    end.take_got();
    let mut flood = block.repeat(2 * limit / block.len() - 1);
    flood.push(0);
    let bytes = frame(FIN | RSV1 | BINARY, &flood);
    let heap = heap_of(|| bytes.chunks(1_000).for_each(|piece| end.feed(piece)));
    assert_eq!((end.take_got(), end.error), (vec![Got::binary(b"")], None));
    assert!(heap.peak < 50_000, "{heap:?}");
    end.feed(&frame(FIN | RSV1 | BINARY, &block.repeat(2 * limit / block.len() + 1)));
    assert_failed(&mut end, ConnectionError::MessageTooLarge { limit: limit as u64 }, 1009);
}

#[test]
fn a_flood_of_final_blocks_is_limited_by_their_number() {
    // Each makes the receiver begin anew behind its window.
    let error = ConnectionError::TooManyFinalBlocks { limit: 1024 };
    let filled = RawDeflate::new(6, 15, Takeover::Keep).message(&[7; 50_000]);
    for block in [&b"\x01\x00\x00\xff\xff"[..], b"\x03\x00"] {
        let mut end = client(&Config::default());
        end.feed(&frame(FIN | RSV1 | BINARY, &filled));
        end.take_got();
        let few = frame(FIN | RSV1 | BINARY, &block.repeat(1_000));
        // The number is that of one message.
        let heap = heap_of(|| [&few, &few].iter().for_each(|few| end.feed(few)));
        assert_eq!((end.take_got(), end.error), (vec![Got::binary(b""); 2], None));
        assert!(heap.peak < 50_000, "{block:?} {heap:?}");
        end.feed(&frame(FIN | RSV1 | BINARY, &block.repeat(1_100)));
        assert_failed(&mut end, error, 1008);
    }
}

#[test]
fn a_flood_of_empty_fragments_is_limited_by_their_number() {
    let few = Config::default().max_fragments(100);
    let mut end = client(&few);
    end.feed(&frame(RSV1 | BINARY, b""));
    for _ in 0..1_000 {
        end.feed(&frame(CONTINUATION, b""));
    }
    assert_failed(&mut end, ConnectionError::TooManyFragments { limit: 100 }, 1008);
}

/// What the crate makes of a payload, in pieces of `step` bytes.
fn inflated(
    payload: &[u8],
    step: usize,
    reassembly: Reassembly,
) -> Result<Vec<u8>, ConnectionError> {
    let mut end = client(&Config::default().reassembly(reassembly));
    for piece in frame(FIN | RSV1 | BINARY, payload).chunks(step) {
        end.feed(piece);
    }
    if let Some(error) = end.error {
        return Err(error);
    }
    let mut all = Vec::new();
    for got in end.got {
        let (Got::Binary(payload) | Got::Chunk { payload, .. }) = got else { panic!("{got:?}") };
        all.extend(payload);
    }
    Ok(all)
}

fn a_stream() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::collection::vec(
        prop::sample::select(&["alpha", "beta", "gamma", "0123", "\r\n", "abcabcabc"][..]),
        0..60,
    );
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let message = prop_oneof![
        text.prop_map(|words| words.concat().into_bytes()),
        noise,
        (any::<u8>(), 0..3_000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    (prop::collection::vec((message, any::<bool>()), 1..4), 0_u32..10).prop_map(
        |(segments, level)| {
            let mut raw = RawDeflate::new(level, 15, Takeover::Keep);
            let mut stream = Vec::new();
            for (segment, is_final) in segments {
                stream.extend(raw.segment(&segment, is_final));
            }
            stream.push(0);
            stream
        },
    )
}

/// What is done to a stream.
#[derive(Clone, Debug)]
enum Mutation {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        1 => at().prop_map(Mutation::Cut),
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (at(), 1..4_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
    ]
}

impl Mutation {
    fn apply(&self, stream: &mut Vec<u8>) {
        if stream.is_empty() {
            return;
        }
        match self {
            Self::Cut(at) => stream.truncate(at.index(stream.len())),
            Self::Flip(at, bit) => {
                let at = at.index(stream.len());
                stream[at] ^= 1 << bit;
            }
            Self::Insert(at, bytes) => {
                let at = at.index(stream.len());
                stream.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(at, len) => {
                let at = at.index(stream.len());
                let end = (at + len).min(stream.len());
                stream.drain(at..end);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::support::cases(400))]

    #[test]
    fn any_stream_is_taken_or_refused_as_the_oracle_does(
        mut stream in a_stream(),
        mutations in prop::collection::vec(mutation(), 0..4),
        step in 1..50_usize,
    ) {
        for mutation in &mutations {
            mutation.apply(&mut stream);
        }
        let expected = match Puff::default().message(&stream) {
            Ok(output) => Ok(output),
            Err(Fault::End | Fault::Malformed) => Err(ConnectionError::InvalidDeflate),
        };
        prop_assert!(inflated(&stream, usize::MAX, Reassembly::Messages) == expected, "{stream:?} {:?}", expected.is_ok());
        prop_assert!(inflated(&stream, 1, Reassembly::Messages) == expected);
        prop_assert!(inflated(&stream, step, Reassembly::Chunks) == expected);
    }

    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_the_limit(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        limit in 0..3_000_usize,
        bits in 8..16_u8,
    ) {
        let response = format!("permessage-deflate; client_max_window_bits={bits}");
        let agreed = agreed(Role::Server, &deflate_config(), &response);
        let mut end =
            End::deflating(Role::Server, &Config::default().max_message_size(limit), agreed);
        for payload in &payloads {
            end.feed(&from(Role::Client, &frame(FIN | RSV1 | BINARY, payload)));
        }
        for got in &end.got {
            let Got::Binary(payload) = got else { panic!("{got:?}") };
            prop_assert!(payload.len() <= limit);
        }
    }
}
