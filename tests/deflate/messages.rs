//! RFC 7692, §6 and §7.2: compressed messages between our ends, and with raw zlib as a peer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use core::num::NonZeroUsize;

use bytes::BufMut;
use proptest::prelude::*;
use sanswire::driver::{Driver, Next};
use sanswire::extension::{Deflate, DeflateConfig, Takeover};
use sanswire::{
    Config, Connection, ConnectionError, Message, MessageKind, Prepared, ReadyState, Reassembly,
    Role, SendError,
};

use crate::support::deflate::{
    Puff, RSV1, RawDeflate, RawInflate, TAIL, agreed, deflate_config, negotiate, plain_agreed,
};
use crate::support::{
    BINARY, BOTH, CLOSE, CONTINUATION, End, FIN, Frame, Got, PING, PONG, Random, TEXT, frame, from,
    parse, told,
};

/// What one end makes of the other's frames, which are written without a mask: whole, byte by byte
/// and in random pieces, whole messages and chunks put together, with memory given back between
/// pieces and without.
#[track_caller]
fn received_by(role: Role, agreed: Deflate, frames: &[u8]) -> (Vec<Got>, Option<ConnectionError>) {
    let bytes = from(role.peer(), frames);
    let mut random = Random::new(bytes.len() as u64);
    let mut run = |reassembly: Reassembly, round: usize| {
        let mut end = End::deflating(role, &Config::default().reassembly(reassembly), agreed);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let piece;
            let len = match round {
                0 => rest.len(),
                1 => 1,
                _ => random.split(rest.len()),
            };
            (piece, rest) = rest.split_at(len);
            end.feed(piece);
            if round % 2 == 1 {
                end.connection.release_memory();
            }
        }
        (in_order(end.take_got()), end.error)
    };
    let whole = run(Reassembly::Messages, 0);
    for round in 1..4 {
        assert!(run(Reassembly::Messages, round) == whole, "in pieces, round {round}");
    }
    for round in 0..4 {
        assert!(run(Reassembly::Chunks, round) == whole, "chunks, round {round}");
    }
    whole
}

/// Puts chunks together to messages, in the order in which the messages end.
fn in_order(got: Vec<Got>) -> Vec<Got> {
    let mut message = Vec::new();
    let mut all = Vec::new();
    for got in got {
        let Got::Chunk { kind, is_first, is_last, payload } = got else {
            all.push(got);
            continue;
        };
        assert!(!is_first || message.is_empty());
        message.extend(payload);
        if is_last {
            let message = core::mem::take(&mut message);
            all.push(match kind {
                MessageKind::Binary => Got::Binary(message),
                MessageKind::Text => Got::Text(String::from_utf8(message).unwrap()),
            });
        }
    }
    all
}

/// The same for a client that agreed on nothing but the extension.
#[track_caller]
fn received(frames: &[Vec<u8>]) -> (Vec<Got>, Option<ConnectionError>) {
    received_by(Role::Client, plain_agreed(Role::Client), &frames.concat())
}

/// A whole compressed message.
fn text(payload: &[u8]) -> Vec<u8> {
    frame(FIN | RSV1 | TEXT, payload)
}

fn raw() -> RawDeflate {
    RawDeflate::new(6, 15, Takeover::Keep)
}

/// All messages and control frames that an end sent, decompressed by the oracle.
fn sent(puff: &mut Puff, takeover: Takeover, frames: &[Frame]) -> Vec<(u8, Vec<u8>)> {
    let mut sent = Vec::new();
    let mut current: Option<(u8, Vec<u8>)> = None;
    for frame in frames {
        if frame.is_control() {
            assert_eq!(frame.first & 0x70, 0, "§6: never on control frames");
            sent.push((frame.first, frame.payload.clone()));
            continue;
        }
        assert!(current.is_none() || frame.first & 0x70 == 0, "§6: only on the first fragment");
        let (_, payload) = current.get_or_insert((frame.first, Vec::new()));
        payload.extend(&frame.payload);
        if frame.fin()
            && let Some((first, payload)) = current.take()
        {
            let opcode = first & 0x0f;
            if first & RSV1 == 0 {
                sent.push((opcode, payload));
                continue;
            }
            if takeover == Takeover::Reset {
                puff.begin = puff.output.len();
            }
            sent.push((opcode, puff.message(&payload).unwrap()));
        }
    }
    assert_eq!(current, None);
    sent
}

const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
const HELLO_AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";

#[test]
fn a_payload_of_no_bytes_is_an_empty_message_and_harms_no_later_one() {
    let got = received(&[text(b""), text(HELLO)]);
    assert_eq!(got, (vec![Got::text(""), Got::text("Hello")], None));
    let got = received(&[
        text(HELLO),
        frame(RSV1 | TEXT, b""),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b""),
        text(HELLO_AGAIN),
    ]);
    assert_eq!(got, (vec![Got::text("Hello"), Got::text(""), Got::text("Hello")], None));
}

#[test]
fn a_message_cut_short_at_any_byte_is_no_message() {
    let long = "a text that is long enough, and various enough: 0123456789 abcdefghij".repeat(3);
    for level in [0, 1, 9] {
        let whole = RawDeflate::new(level, 15, Takeover::Keep).message(long.as_bytes());
        assert_eq!(received(&[text(&whole)]), (vec![Got::text(&long)], None));
        for len in 1..whole.len() {
            let got = received(&[text(&whole[..len]), text(HELLO)]);
            if level == 0 && len == 1 {
                // That much is an empty message.
                assert_eq!(got, (vec![Got::text(""), Got::text("Hello")], None));
                continue;
            }
            Puff::default().message(&whole[..len]).unwrap_err();
            assert_eq!(got, (vec![], Some(ConnectionError::InvalidDeflate)), "{len}");
        }
    }
}

#[test]
fn a_message_may_be_cut_into_fragments_anywhere() {
    let long = "It may end inside of a character (äöü€😀), in a header, between all blocks.";
    let mut raw = raw();
    let mut payload = raw.message(long.as_bytes());
    payload.extend(TAIL);
    payload.extend(raw.message(long.as_bytes()));
    let expected = (vec![Got::text(&long.repeat(2)), Got::text("Hello")], None);
    for first in 0..=payload.len() {
        for second in [first, (first + 1).min(payload.len()), payload.len()] {
            let frames = [
                frame(RSV1 | TEXT, &payload[..first]),
                frame(CONTINUATION, &payload[first..second]),
                frame(FIN | CONTINUATION, &payload[second..]),
                text(HELLO),
            ];
            assert_eq!(received(&frames), expected, "{first} {second}");
        }
    }
    let mut frames = vec![frame(RSV1 | TEXT, b"")];
    frames.extend(payload.iter().map(|byte| frame(CONTINUATION, &[*byte])));
    frames.extend([frame(FIN | CONTINUATION, b""), text(HELLO)]);
    assert_eq!(received(&frames), expected);
}

#[test]
fn control_frames_between_fragments_are_never_compressed() {
    let (got, error) = received(&[
        frame(RSV1 | TEXT, &HELLO[..2]),
        frame(FIN | PING, b"\xf2\x48"),
        frame(CONTINUATION, &HELLO[2..5]),
        frame(FIN | PONG, b""),
        frame(FIN | CONTINUATION, &HELLO[5..]),
    ]);
    assert_eq!(error, None);
    assert_eq!(got, [Got::ping(b"\xf2\x48"), Got::pong(b""), Got::text("Hello")]);
}

#[test]
fn messages_that_are_not_compressed_leave_the_window_alone() {
    let plain = [frame(FIN | TEXT, b"World"), frame(FIN | BINARY, &[7; 4_000])].concat();
    let got = received(&[text(HELLO), plain, text(HELLO_AGAIN)]);
    let expected =
        [Got::text("Hello"), Got::text("World"), Got::binary([7; 4_000]), Got::text("Hello")];
    assert_eq!(got, (expected.to_vec(), None));
}

#[test]
fn the_reserved_bit_is_refused_wherever_it_has_no_meaning_6() {
    let bits = |bits| Some(ConnectionError::ReservedBits { bits });
    for role in BOTH {
        let run = |frames: &[u8]| received_by(role, plain_agreed(role), frames);
        for control in [PING, PONG, CLOSE] {
            assert_eq!(run(&frame(FIN | RSV1 | control, b"")), (vec![], bits(0x40)));
            let within = [frame(RSV1 | TEXT, HELLO), frame(FIN | RSV1 | control, b"")];
            assert_eq!(run(&within.concat()), (vec![], bits(0x40)));
        }
        for first in [RSV1 | TEXT, TEXT] {
            for fin in [0, FIN] {
                let frames = [frame(first, b""), frame(fin | RSV1 | CONTINUATION, b"")];
                assert_eq!(run(&frames.concat()), (vec![], bits(0x40)));
            }
        }
        for other in [0x20, 0x10, 0x30] {
            assert_eq!(run(&frame(FIN | other | TEXT, b"")), (vec![], bits(other)));
            assert_eq!(run(&frame(FIN | RSV1 | other | TEXT, HELLO)), (vec![], bits(other)));
        }
        // §5.4 of RFC 6455 comes first.
        let frames = frame(FIN | RSV1 | CONTINUATION, b"");
        assert_eq!(run(&frames).1, Some(ConnectionError::UnexpectedContinuation));

        // At the header, before a payload comes; and where nothing was negotiated, at its first
        // byte.
        let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
        end.feed(&from(role.peer(), &frame(FIN | RSV1 | PING, &[0; 100]))[..7]);
        assert_eq!(end.error, bits(0x40));
        let mut end = End::open(role);
        end.feed(&[FIN | RSV1 | TEXT]);
        assert_eq!(end.error, bits(0x40));
    }
}

#[test]
fn a_final_block_may_be_the_empty_one_at_the_end() {
    // What is cut off belongs to the final block here.
    let got = received(&[text(HELLO), text(b"\x01"), text(HELLO_AGAIN)]);
    assert_eq!(got, (vec![Got::text("Hello"), Got::text(""), Got::text("Hello")], None));
    let first = [HELLO, &TAIL, b"\x01"].concat();
    assert_eq!(Puff::default().message(&first).unwrap(), b"Hello");
    let got = received(&[text(&first), text(HELLO_AGAIN), text(&first)]);
    assert_eq!(got, (vec![Got::text("Hello"); 3], None));
}

/// A part of a message, and whether it is a deflate stream of its own that ends in a final block.
type Segment = (Vec<u8>, bool);

/// Compresses messages of several blocks, final ones among them, that refer to all before them.
fn with_final_blocks(raw: &mut RawDeflate, message: &[Segment], ends_in_padding: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    for (segment, is_final) in message {
        payload.extend(raw.segment(segment, *is_final));
    }
    match message.last() {
        Some((_, false)) => payload.truncate(payload.len() - TAIL.len()),
        // §7.2.3.4: an empty block, because the last one is final. Some leave it out.
        Some((_, true)) if ends_in_padding => payload.push(0),
        Some((_, true)) | None => {}
    }
    payload
}

/// Text with much in common.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let word =
        prop::sample::select(&["alpha ", "beta ", "gamma ", "delta\u{df} ", "0123456789 "][..]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat().into_bytes())
}

fn takeover() -> impl Strategy<Value = Takeover> {
    prop_oneof![Just(Takeover::Keep), Just(Takeover::Reset)]
}

proptest! {
    #![proptest_config(crate::support::cases(24))]

    #[test]
    fn final_blocks_anywhere_end_neither_message_nor_window(
        level in prop::sample::select(&[0_u32, 1, 6, 9][..]),
        bits in 9_u8..16,
        takeover in takeover(),
        messages in prop::collection::vec(
            (prop::collection::vec((words(), any::<bool>()), 0..4), any::<bool>()),
            1..6,
        ),
    ) {
        let mut raw = RawDeflate::new(level, bits, takeover);
        let mut puff = Puff::default();
        let (mut frames, mut expected) = (Vec::new(), Vec::new());
        for (message, ends_in_padding) in &messages {
            let payload = with_final_blocks(&mut raw, message, *ends_in_padding);
            raw.end();
            if takeover == Takeover::Reset {
                puff.begin = puff.output.len();
            }
            let plain: Vec<u8> = message.iter().flat_map(|(part, _)| part.clone()).collect();
            prop_assert_eq!(&puff.message(&payload).unwrap(), &plain);
            frames.extend(text(&payload));
            expected.push(Got::Text(String::from_utf8(plain).unwrap()));
        }
        prop_assert!(puff.farthest <= 1 << bits);
        let response = match takeover {
            Takeover::Keep => format!("permessage-deflate; server_max_window_bits={bits}"),
            Takeover::Reset => {
                format!("permessage-deflate; server_no_context_takeover; server_max_window_bits={bits}")
            }
        };
        let agreed = agreed(Role::Client, &deflate_config(), &response);
        prop_assert_eq!(received_by(Role::Client, agreed, &frames), (expected, None));
    }
}

#[test]
fn the_window_is_whole_behind_a_final_block() {
    // A reference over exactly 32 KiB: to the first byte of what lies in the window.
    let mut random = Random::new(1);
    let noise: Vec<u8> = (0..32_768).map(|_| random.next().to_le_bytes()[0]).collect();
    let mut raw = RawDeflate::new(0, 15, Takeover::Keep);
    for len in [32_768, 32_767, 1_000, 1] {
        for finals in [[false, false], [true, false], [false, true], [true, true]] {
            let noise = &noise[..len];
            let filler = vec![7; 32_768 - len];
            raw.restart();
            let first = with_final_blocks(&mut raw, &[(filler, finals[0])], true);
            let second = with_final_blocks(&mut raw, &[(noise.to_vec(), finals[1])], true);
            // A fixed block: length 3, distance 32,768, end of block; then an empty block.
            let third = [0x02, 0xde, 0xff, 0x0f, 0x00];
            let mut puff = Puff::default();
            let plain: Vec<_> = [&first[..], &second, &third]
                .iter()
                .map(|payload| puff.message(payload).unwrap())
                .collect();
            assert_eq!(puff.farthest, 32_768);
            let mut end =
                End::deflating(Role::Client, &Config::default(), plain_agreed(Role::Client));
            for (payload, plain) in [&first[..], &second, &third].iter().zip(plain) {
                for piece in frame(FIN | RSV1 | BINARY, payload).chunks(10_000) {
                    end.feed(piece);
                    if finals[0] {
                        end.connection.release_memory();
                    }
                }
                assert!(end.take_got() == [Got::Binary(plain)], "{len} {finals:?}");
            }
        }
    }
}

#[test]
fn nothing_refers_to_before_the_window() {
    // The same reference, with one byte less before it; and to an earlier message where there is
    // no takeover.
    let reset =
        agreed(Role::Client, &deflate_config(), "permessage-deflate; server_no_context_takeover");
    let got = received_by(Role::Client, reset, &[text(HELLO), text(HELLO_AGAIN)].concat());
    assert_eq!(got, (vec![Got::text("Hello")], Some(ConnectionError::InvalidDeflate)));
    let again = [text(HELLO), text(HELLO)].concat();
    assert_eq!(received_by(Role::Client, reset, &again).0.len(), 2);
    let got = received(&[text(HELLO_AGAIN)]);
    assert_eq!(got, (vec![], Some(ConnectionError::InvalidDeflate)));
}

#[test]
fn a_text_is_checked_as_it_comes_out() {
    let mut puff = Puff::default();
    let bad = raw().message(b"all is well up to here: \xff, and then more and more and more");
    puff.message(&bad).unwrap();
    let got = received(&[text(&bad)]);
    assert_eq!(got, (vec![], Some(ConnectionError::InvalidUtf8)));
    // Whatever follows, even if it is no deflate stream, and however it arrives.
    let mut bad = raw().message(b"\xc3\x28");
    *bad.last_mut().unwrap() = 0x06;
    bad.extend([0xff; 20]);
    assert_eq!(received(&[text(&bad)]), (vec![], Some(ConnectionError::InvalidUtf8)));
    // Compressed bytes need not be UTF-8, nor pieces of what comes out.
    let mut end = End::deflating(Role::Client, &Config::default(), plain_agreed(Role::Client));
    let stored = b"\x00\x04\x00\xfb\xff\xf0\x9f\x98\x80\x00";
    for byte in text(stored) {
        end.feed(&[byte]);
    }
    assert_eq!((end.take_got(), end.error), (vec![Got::text("\u{1f600}")], None));
    // It fails with the byte that is wrong, not at the end.
    let stored = text(b"\x00\x04\x00\xfb\xff\xf0\x28\x98\x80\x00");
    end.feed(&stored[..8]);
    assert_eq!(end.error, None);
    end.feed(&stored[8..9]);
    assert_eq!(end.error, Some(ConnectionError::InvalidUtf8));
    // A character cut short by the end of a message.
    let got = received(&[text(b"\x00\x02\x00\xfd\xff\xf0\x9f\x00")]);
    assert_eq!(got, (vec![], Some(ConnectionError::InvalidUtf8)));
}

/// What can be done with one end.
#[derive(Clone, Debug)]
enum Step {
    Message(MessageKind, Vec<u8>, bool),
    Parts(MessageKind, Vec<Vec<u8>>, bool),
    Ping,
    Release,
}

fn kind() -> impl Strategy<Value = MessageKind> {
    prop_oneof![Just(MessageKind::Binary), Just(MessageKind::Text)]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => words(),
        1 => (words(), 1..60_usize).prop_map(|(words, times)| words.repeat(times)),
        1 => Just(vec![]),
        1 => prop::collection::vec(0_u8..128, 0..2_000),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (kind(), payload(), any::<bool>())
            .prop_map(|(kind, payload, plain)| Step::Message(kind, payload, plain)),
        3 => (kind(), prop::collection::vec(payload(), 0..5), any::<bool>())
            .prop_map(|(kind, parts, plain)| Step::Parts(kind, parts, plain)),
        1 => Just(Step::Ping),
        1 => Just(Step::Release),
    ]
}

/// Does the steps and returns what the other end is to receive.
fn perform(end: &mut End, steps: &[Step], mut sent: impl FnMut(&mut End)) -> Vec<Got> {
    let connection_of = |kind, bytes: Vec<u8>| match kind {
        MessageKind::Binary => Got::Binary(bytes),
        MessageKind::Text => Got::Text(String::from_utf8(bytes).unwrap()),
    };
    let mut expected = Vec::new();
    for step in steps {
        match step {
            Step::Message(kind, payload, plain) => {
                let message = match kind {
                    MessageKind::Binary => Message::Binary(payload.clone().into()),
                    MessageKind::Text => Message::from(String::from_utf8(payload.clone()).unwrap()),
                };
                let before = end.connection.buffered_amount();
                if *plain {
                    end.connection.commands().send_uncompressed(message).unwrap();
                } else {
                    end.connection.commands().send(message).unwrap();
                }
                // WHATWG: what compression makes of it does not count.
                assert_eq!(end.connection.buffered_amount() - before, payload.len());
                expected.push(connection_of(*kind, payload.clone()));
            }
            Step::Parts(kind, parts, plain) => {
                if *plain {
                    end.connection.commands().begin_uncompressed(*kind).unwrap();
                } else {
                    end.connection.commands().begin(*kind).unwrap();
                }
                for part in parts {
                    end.connection.commands().send_chunk(part).unwrap();
                    end.connection.commands().ping(b"in between").unwrap();
                    expected.push(Got::ping(b"in between"));
                    sent(end);
                }
                end.connection.commands().finish().unwrap();
                expected.push(connection_of(*kind, parts.concat()));
            }
            Step::Ping => {
                end.connection.commands().ping(b"ping").unwrap();
                expected.push(Got::ping(b"ping"));
            }
            Step::Release => end.connection.release_memory(),
        }
        sent(end);
    }
    expected
}

fn any_deflate() -> impl Strategy<Value = DeflateConfig> {
    (0_u8..10, 1_u8..10, 9_u8..16, 9_u8..16, takeover(), takeover(), 0..200_usize).prop_map(
        |(level, mem_level, window_bits, peer_window_bits, takeover, peer_takeover, threshold)| {
            deflate_config()
                .level(level)
                .mem_level(mem_level)
                .threshold(threshold)
                .window_bits(window_bits)
                .peer_window_bits(peer_window_bits)
                .takeover(takeover)
                .peer_takeover(peer_takeover)
        },
    )
}

fn by_opcode(got: &Got) -> (u8, Vec<u8>) {
    match got {
        Got::Binary(payload) => (BINARY, payload.clone()),
        Got::Text(text) => (TEXT, text.as_bytes().to_vec()),
        Got::Ping(payload) => (FIN | PING, payload.clone()),
        Got::Chunk { .. } | Got::Closed(_) | Got::Writable(_) | Got::Pong(_) => panic!("{got:?}"),
    }
}

proptest! {
    #![proptest_config(crate::support::cases(48))]

    #[test]
    fn any_messages_pass_between_two_ends(
        configs in (any_deflate(), any_deflate()),
        steps in prop::collection::vec(step(), 1..12),
        fragment_size in prop_oneof![Just(None), (1..300_usize).prop_map(NonZeroUsize::new)],
        sender in prop::sample::select(&BOTH[..]),
        seed in any::<u64>(),
    ) {
        let (of_client, of_server) = negotiate(&configs.0, &configs.1).unwrap();
        let (of_sender, of_receiver) = match sender {
            Role::Client => (of_client, of_server),
            Role::Server => (of_server, of_client),
        };
        let sends = Config::default().fragment_size(fragment_size).max_buffered(usize::MAX);
        let mut end = End::deflating(sender, &sends, of_sender);
        let mut written = Vec::new();
        let mut lazy = Random::new(seed);
        let expected = perform(&mut end, &steps, |end| {
            if lazy.below(2) == 0 {
                written.extend(end.take_output());
            }
        });
        written.extend(end.take_output());
        prop_assert_eq!(end.connection.buffered_amount(), 0);

        // The oracle reads it, and finds no distance beyond the window.
        let mut puff = Puff::default();
        let (frames, rest) = parse(&written);
        prop_assert!(rest.is_empty());
        let expected_sent: Vec<_> = expected.iter().map(by_opcode).collect();
        // Pings pass between fragments, so they are compared apart.
        let split = |all: Vec<(u8, Vec<u8>)>| -> (Vec<_>, Vec<_>) {
            all.into_iter().partition(|(first, _)| first & 8 == 0)
        };
        let read = sent(&mut puff, of_sender.takeover(), &frames);
        prop_assert_eq!(split(read), split(expected_sent));
        prop_assert!(puff.farthest <= 1 << of_sender.window_bits());

        // So does the other end, however the bytes come.
        for reassembly in [Reassembly::Messages, Reassembly::Chunks] {
            let receives = Config::default().reassembly(reassembly);
            let mut end = End::deflating(sender.peer(), &receives, of_receiver);
            let mut random = Random::new(seed);
            let mut rest = &written[..];
            while !rest.is_empty() {
                let piece;
                (piece, rest) = rest.split_at(random.split(rest.len()));
                end.feed(piece);
                if random.below(3) == 0 {
                    end.connection.release_memory();
                }
            }
            prop_assert_eq!(end.error, None);
            let got = in_order(end.take_got()).iter().map(by_opcode).collect();
            prop_assert_eq!(split(got), split(expected.iter().map(by_opcode).collect()));
        }
    }

    #[test]
    fn raw_zlib_reads_what_is_sent_and_writes_what_is_received(
        level in 0_u32..10,
        mem_level in 1_u8..10,
        bits in 9_u8..16,
        takeover in takeover(),
        messages in prop::collection::vec(payload(), 1..8),
    ) {
        let config = deflate_config().level(u8::try_from(level).unwrap()).mem_level(mem_level).window_bits(bits).peer_window_bits(bits).takeover(takeover).peer_takeover(takeover);
        let (agreed, _) = negotiate(&config, &config).unwrap();
        let mut end = End::deflating(Role::Client, &Config::default(), agreed);
        let mut inflate = RawInflate::new(bits, takeover);
        let mut deflate = RawDeflate::new(level, bits, takeover);
        for message in &messages {
            end.connection.commands().send(message).unwrap();
            let output = end.take_output();
            let (frames, _) = parse(&output);
            prop_assert_eq!(frames[0].first, FIN | RSV1 | BINARY);
            prop_assert_eq!(&inflate.message(&frames[0].payload, message.len()), message);
            end.feed(&frame(FIN | RSV1 | BINARY, &deflate.message(message)));
            prop_assert_eq!(end.take_got(), [Got::binary(message)]);
        }
    }
}

#[test]
fn every_level_table_and_window_keeps_within_the_window() {
    let mut random = Random::new(3);
    // Matches at all distances, and what matches nothing.
    let mut message = Vec::new();
    while message.len() < 3_000 {
        if message.len() > 40 && random.below(3) > 0 {
            let at = random.below(message.len() - 30);
            let len = 3 + random.below(27);
            message.extend(message[at..at + len].to_vec());
        } else {
            message.push(random.next().to_le_bytes()[0]);
        }
    }
    for level in 0..10 {
        for mem_level in [1, 2, 8, 9] {
            for bits in [9, 10, 15] {
                let config = deflate_config().level(level).mem_level(mem_level).window_bits(bits);
                let (_, agreed) = negotiate(&deflate_config(), &config).unwrap();
                let mut end = End::deflating(Role::Server, &Config::default(), agreed);
                let mut puff = Puff::default();
                for part in message.chunks(1_300) {
                    end.connection.commands().send(part).unwrap();
                    let output = end.take_output();
                    let (frames, _) = parse(&output);
                    assert!(puff.message(&frames[0].payload).unwrap() == part);
                }
                assert!(puff.farthest <= 1 << bits, "{level} {mem_level} {bits}");
            }
        }
    }
}

#[test]
fn nothing_is_lost_where_a_piece_of_output_is_exactly_full() {
    // What does not compress grows by a little, so that each of the sizes at which output is cut
    // into pieces comes up.
    let mut random = Random::new(4);
    let noise: Vec<u8> = (0..40_000).map(|_| random.next().to_le_bytes()[0]).collect();
    for level in [0, 1, 6] {
        for mem_level in [1, 8] {
            let config = deflate_config().level(level).mem_level(mem_level);
            let (_, agreed) = negotiate(&deflate_config(), &config).unwrap();
            let mut end = End::deflating(Role::Server, &Config::default(), agreed);
            let mut peer = RawInflate::new(15, Takeover::Keep);
            let sizes =
                (0..80).chain((16_240..16_400).step_by(3)).chain((32_560..32_800).step_by(7));
            for len in sizes {
                end.connection.commands().send(&noise[..len]).unwrap();
                let output = end.take_output();
                let (frames, _) = parse(&output);
                assert!(peer.message(&frames[0].payload, len) == noise[..len], "{level} {len}");
            }
        }
    }
    // And the other way round: what comes out has the size of the pieces, or nearly.
    let mut raw = RawDeflate::new(1, 15, Takeover::Keep);
    let mut end = End::deflating(Role::Client, &Config::default(), plain_agreed(Role::Client));
    for room in [1 << 10, 2 << 10, 16 << 10, 17 << 10, 32 << 10, 33 << 10] {
        for len in room - 3..room + 4 {
            for message in [&noise[..len], &vec![7; len]] {
                end.feed(&frame(FIN | RSV1 | BINARY, &raw.message(message)));
                assert!(end.take_got() == [Got::binary(message)], "{len}");
            }
        }
    }
}

#[test]
fn what_is_below_the_threshold_is_sent_plain() {
    let config = deflate_config().threshold(10);
    let (_, agreed) = negotiate(&deflate_config(), &config).unwrap();
    let mut end = End::deflating(Role::Server, &Config::default(), agreed);
    for (message, compressed) in [("", false), ("123456789", false), ("1234567890", true)] {
        end.connection.commands().send(message).unwrap();
        let output = end.take_output();
        assert_eq!(output[0], if compressed { 0xc1 } else { 0x81 }, "{message}");
        assert!(compressed || output[2..] == *message.as_bytes());
    }
    // How long it will be is not known of one that is sent in parts.
    end.connection.commands().begin(MessageKind::Text).unwrap();
    end.connection.commands().send_chunk(b"1").unwrap();
    end.connection.commands().finish().unwrap();
    assert_eq!(end.take_output()[0], 0x41);
    // Nor is anything compressed when nothing is to be.
    let config = deflate_config().threshold(usize::MAX);
    let (_, agreed) = negotiate(&deflate_config(), &config).unwrap();
    let mut end = End::deflating(Role::Server, &Config::default(), agreed);
    end.connection.commands().send("1".repeat(100_000).as_str()).unwrap();
    assert_eq!(end.take_output()[0], 0x81);
}

#[test]
fn a_window_of_256_bytes_is_not_compressed_with() {
    // zlib takes 512 instead, which would break the promise.
    let agreed = agreed(
        Role::Client,
        &deflate_config(),
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=8",
    );
    let mut end = End::deflating(Role::Client, &Config::default(), agreed);
    end.connection.commands().send("plain ".repeat(100).as_str()).unwrap();
    assert_eq!(end.take_output()[0], 0x81);
    end.connection.commands().begin(MessageKind::Text).unwrap();
    end.connection.commands().send_chunk(b"plain").unwrap();
    end.connection.commands().finish().unwrap();
    assert_eq!(end.take_frames().len(), 2);
    // What comes with such a window is read.
    end.feed(&[text(HELLO), text(HELLO_AGAIN)].concat());
    assert_eq!(end.take_got(), [Got::text("Hello"), Got::text("Hello")]);
}

#[test]
fn a_peer_that_promised_a_window_of_256_bytes_may_use_one_of_512() {
    // As zlib does, which takes 512 for 256.
    let agreed = agreed(
        Role::Client,
        &deflate_config(),
        "permessage-deflate; client_no_context_takeover; server_max_window_bits=8",
    );
    let bytes: Vec<u8> = (0..400_u16).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let (len, other) = (400_u16.to_le_bytes(), (!400_u16).to_le_bytes());
    let stored = [&[0][..], &len, &other, &bytes, &[0]].concat();
    // A block with fixed codes: three bytes from 300 back, and the end.
    let referring = [0x02, 0x86, 0x15, 0x00];
    let frames =
        [frame(FIN | RSV1 | BINARY, &stored), frame(FIN | RSV1 | BINARY, &referring)].concat();
    let (got, error) = received_by(Role::Client, agreed, &frames);
    assert_eq!(error, None);
    assert_eq!(got, [Got::binary(&bytes), Got::binary(&bytes[100..103])]);
}

#[test]
fn a_part_can_be_read_before_the_message_ends() {
    let mut end = End::deflating(Role::Server, &Config::default(), plain_agreed(Role::Server));
    let chunks = Config::default().reassembly(Reassembly::Chunks);
    let mut peer = End::deflating(Role::Client, &chunks, plain_agreed(Role::Client));
    end.connection.commands().begin(MessageKind::Text).unwrap();
    for part in ["one", "two", "two"] {
        end.connection.commands().send_chunk(part.as_bytes()).unwrap();
        peer.feed(&end.take_output());
        let Some(Got::Chunk { payload, is_last: false, .. }) = peer.take_got().pop() else {
            panic!()
        };
        assert_eq!(payload, part.as_bytes());
    }
    // An empty one is none.
    end.connection.commands().send_chunk(b"").unwrap();
    assert_eq!(end.take_output(), b"");
    end.connection.commands().finish().unwrap();
    let last = end.take_output();
    assert_eq!(last, b"\x80\x00");
    peer.feed(&last);
    let got = peer.take_got();
    assert!(matches!(&got[..], [Got::Chunk { is_last: true, .. }]), "{got:?}");
}

#[test]
fn a_message_in_parts_of_nothing_is_empty() {
    let mut end = End::deflating(Role::Server, &Config::default(), plain_agreed(Role::Server));
    end.connection.commands().begin(MessageKind::Text).unwrap();
    end.connection.commands().finish().unwrap();
    assert_eq!(end.take_output(), b"\xc1\x01\x00");
    end.connection.commands().begin(MessageKind::Text).unwrap();
    end.connection.commands().send_chunk(b"").unwrap();
    end.connection.commands().finish().unwrap();
    assert_eq!(end.take_output(), b"\xc1\x01\x00");
}

#[test]
fn a_refused_part_is_not_compressed() {
    let small = Config::default().max_buffered(5);
    let mut end = End::deflating(Role::Server, &small, plain_agreed(Role::Server));
    let mut puff = Puff::default();
    end.connection.commands().begin(MessageKind::Text).unwrap();
    assert_eq!(end.connection.commands().send_chunk(b"\xff"), Err(SendError::InvalidUtf8));
    end.connection.commands().send_chunk(b"first").unwrap();
    let full = end.connection.commands().send_chunk(&[b'x'; 60]);
    assert!(matches!(full, Err(SendError::Full { .. })), "{full:?}");
    assert_eq!(end.send("other"), Err(SendError::MessageInProgress));
    let mut output = end.take_output();
    end.connection.commands().send_chunk(b"second").unwrap();
    end.connection.commands().finish().unwrap();
    output.extend(end.take_output());
    // Nor is a whole message.
    end.connection.commands().send("a message that fills it").unwrap();
    let refused = end.send("a message that is refused, since it does not fit");
    assert!(matches!(refused, Err(SendError::Full { .. })), "{refused:?}");
    output.extend(end.take_output());
    end.connection.commands().send("a message that is refused").unwrap();
    output.extend(end.take_output());
    let messages: Vec<_> = sent(&mut puff, Takeover::Keep, &parse(&output).0)
        .into_iter()
        .map(|(_, message)| String::from_utf8(message).unwrap())
        .collect();
    assert_eq!(messages, ["firstsecond", "a message that fills it", "a message that is refused"]);
}

#[test]
fn a_close_leaves_a_compressed_message_unfinished() {
    for role in BOTH {
        let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk(b"unfinished").unwrap();
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.connection.commands().send_chunk(b"more"), Err(SendError::Closed));
        assert_eq!(end.connection.commands().finish(), Err(SendError::Closed));
        assert_eq!(end.send("more"), Err(SendError::Closed));
        let output = end.take_output();
        let firsts: Vec<_> = parse(&output).0.iter().map(|frame| frame.first).collect();
        assert_eq!(firsts, [RSV1 | TEXT, FIN | CLOSE]);
        // What arrives until the peer's Close is still read, to keep the window, and dropped.
        end.receive(&[text(HELLO), text(HELLO_AGAIN), frame(FIN | CLOSE, b"\x03\xe8")].concat());
        end.eof();
        assert_eq!(end.error, None);
        assert_eq!(end.state(), ReadyState::Closed);
        assert_eq!(end.got.len(), 1);
    }
}

#[test]
fn a_failure_in_the_middle_of_a_compressed_message_is_told() {
    for role in BOTH {
        let fragmenting = Config::default().fragment_size(NonZeroUsize::new(4));
        let mut end = End::deflating(role, &fragmenting, plain_agreed(role));
        end.connection.commands().send("a message in many fragments").unwrap();
        end.connection.commands().begin(MessageKind::Text).unwrap();
        end.connection.commands().send_chunk(b"unfinished").unwrap();
        end.receive(&text(b"\xff"));
        assert_eq!(end.error, Some(ConnectionError::InvalidDeflate));
        let output = end.take_output();
        let (frames, rest) = parse(&output);
        assert!(rest.is_empty());
        assert_eq!(
            frames.last().map(|f| (f.first, &f.payload[..])),
            Some((0x88, &told(ConnectionError::InvalidDeflate)[..]))
        );
    }
}

/// `Prepared` is compressed only where that makes it smaller.
#[test]
fn a_prepared_message_that_does_not_shrink_leaves_as_it_is() {
    let mut end = End::deflating(Role::Server, &Config::default(), plain_agreed(Role::Server));
    let mut random = Random::new(1);
    let (mut shrunk, mut others) = (0, 0);
    for _ in 0..2_000 {
        // So many letters that it is close.
        let letters = 64 + random.below(31);
        let message: String = (0..100 + random.below(100))
            .map(|_| char::from(b' ' + u8::try_from(random.below(letters)).unwrap()))
            .collect();
        end.send(&Prepared::text(&message).compressed_for(&deflate_config())).unwrap();
        let output = end.take_output();
        let (frames, _) = parse(&output);
        let [frame] = &frames[..] else { panic!("{frames:?}") };
        if frame.first & RSV1 == 0 {
            others += 1;
            assert_eq!(frame.payload, message.as_bytes());
        } else {
            shrunk += 1;
            assert!(frame.payload.len() < message.len(), "{message}");
        }
    }
    assert!(shrunk > 100 && others > 100, "{shrunk} shrunk, {others} not");
}

#[test]
fn only_the_first_fragment_says_that_the_message_is_compressed() {
    for role in BOTH {
        let fragmenting = Config::default().fragment_size(NonZeroUsize::new(4));
        let mut end = End::deflating(role, &fragmenting, plain_agreed(role));
        end.connection.commands().send("a message in many fragments").unwrap();
        let output = end.take_output();
        let firsts: Vec<u8> = parse(&output).0.iter().map(|frame| frame.first).collect();
        let [first, middle @ .., last] = &firsts[..] else { panic!("{firsts:?}") };
        assert_eq!((*first, *last), (RSV1 | TEXT, FIN | CONTINUATION));
        assert!(middle.len() > 1 && middle.iter().all(|first| *first == CONTINUATION));
    }
}

#[test]
fn a_higher_level_compresses_more_and_the_highest_is_9() {
    let message: String = (0..3_000_u32).map(|number| (number * number % 97).to_string()).collect();
    let len = |level| {
        let config = deflate_config().level(level);
        let agreed = agreed(Role::Server, &config, "permessage-deflate");
        let mut end = End::deflating(Role::Server, &Config::default(), agreed);
        end.connection.commands().send(&message).unwrap();
        end.take_output().len()
    };
    assert!(len(0) > message.len() && len(0) > len(1) && len(1) > len(9));
    assert_eq!(len(9), len(200));
}

#[test]
fn a_message_may_begin_its_stream_anew_1024_times() {
    for role in BOTH {
        for (times, is_cut) in [(1_024, false), (1_025, true)] {
            let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
            end.receive(&frame(FIN | RSV1 | BINARY, &b"\x03\x00".repeat(times)));
            let limit = ConnectionError::TooManyFinalBlocks { limit: 1_024 };
            assert_eq!(end.error, is_cut.then_some(limit), "{times}");
        }
    }
}

#[test]
fn messages_after_close_are_read_by_those_who_want_them() {
    let deliver = Config::default().after_close(sanswire::AfterClose::Deliver);
    let mut end = End::deflating(Role::Client, &deliver, plain_agreed(Role::Client));
    end.feed(&text(HELLO));
    end.connection.commands().close(1000, "").unwrap();
    end.feed(&text(HELLO_AGAIN));
    assert_eq!(end.take_got(), [Got::text("Hello"), Got::text("Hello")]);
}

#[test]
fn buffered_amount_falls_as_compressed_fragments_leave() {
    let fragmenting = Config::default().fragment_size(NonZeroUsize::new(16));
    let mut end = End::deflating(Role::Server, &fragmenting, plain_agreed(Role::Server));
    let mut random = Random::new(5);
    let noise: Vec<u8> = (0..500).map(|_| random.next().to_le_bytes()[0]).collect();
    for message in [&vec![7; 5_000], &noise] {
        end.connection.commands().send(message).unwrap();
        let mut amount = end.connection.buffered_amount();
        assert_eq!(amount, message.len());
        while !end.take_some(1).is_empty() {
            let now = end.connection.buffered_amount();
            assert!(now <= amount);
            amount = now;
        }
        assert_eq!(amount, 0);
    }
}

#[test]
fn chunks_are_bounded_by_what_is_decompressed_at_once() {
    // 16 MiB of zeros in 16 KiB, which arrive at once.
    let message = raw().message(&vec![0; 16 << 20]);
    let chunks = Config::default().reassembly(Reassembly::Chunks);
    let mut end = End::deflating(Role::Client, &chunks, plain_agreed(Role::Client));
    end.feed(&frame(FIN | RSV1 | BINARY, &message));
    let mut total = 0;
    for got in &end.got {
        let Got::Chunk { payload, .. } = got else { panic!() };
        assert!(payload.len() <= 1_100_000, "{}", payload.len());
        total += payload.len();
    }
    assert_eq!((total, end.error), (16 << 20, None));
}

/// How many messages a driver gets out of frames, and how often others have a turn meanwhile.
fn messages_and_turns(frames: &[u8]) -> (usize, usize) {
    let connection = Connection::server(&Config::default());
    let mut driver = Driver::from(connection.with_deflate(plain_agreed(Role::Server)));
    let bytes = from(Role::Client, frames);
    let (mut rest, mut messages, mut turns) = (&bytes[..], 0, 0);
    loop {
        match driver.poll_event().unwrap() {
            Next::Event(..) => messages += 1,
            Next::Yield => turns += 1,
            Next::Wait if rest.is_empty() => return (messages, turns),
            Next::Wait => {
                let mut input = driver.want_read().unwrap();
                let len = rest.len().min(input.chunk_mut().len());
                input.put_slice(&rest[..len]);
                rest = &rest[len..];
                driver.handle_read(len, core::time::Duration::ZERO);
            }
            next @ (Next::Over | Next::Request(_) | Next::Response(_)) => panic!("{next:?}"),
        }
    }
}

#[test]
fn others_get_a_turn_after_256_kib_that_were_decompressed() {
    for (len, count) in [(64 << 10, 128), (8 << 20, 1)] {
        // It is compressed to half of it.
        let mut random = Random::new(1);
        let part: Vec<_> = (0..64 << 10).map(|_| b"abcdefghijklmnop"[random.below(16)]).collect();
        let message = part.repeat(len / part.len());
        let mut raw = raw();
        let frames: Vec<_> =
            (0..count).flat_map(|_| frame(FIN | RSV1 | BINARY, &raw.message(&message))).collect();
        let (messages, turns) = messages_and_turns(&frames);
        assert_eq!(messages, count);
        assert!((30..=45).contains(&turns), "{turns} of messages of {len} bytes");
    }
}

#[test]
fn others_get_a_turn_where_windows_are_copied() {
    let mut raw = raw();
    let mut frames = frame(FIN | RSV1 | BINARY, &raw.message(&[7; 32 << 10]));
    for _ in 0..16 {
        // 64 final blocks, and the window behind each of them.
        let message = [b"\x03\x00".repeat(64), raw.message(b"x")].concat();
        frames.extend(frame(FIN | RSV1 | BINARY, &message));
    }
    let (messages, turns) = messages_and_turns(&frames);
    assert_eq!(messages, 17);
    assert!(turns >= 16, "{turns}");
}
