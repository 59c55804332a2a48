//! One message to many connections: framed once, appended by reference or by one copy, and
//! compressed once for each setting.
#![cfg_attr(
    feature = "deflate",
    expect(clippy::unwrap_used, reason = "a test that cannot go on fails")
)]

use bytes::{Buf, Bytes};
use sanswire::{Config, Message, MessageKind, Prepared, ReadyState, Role, SendError, WhenFull};

use crate::support::{BINARY, BOTH, End, TEXT, messages, sent_by};

const SIZES: [usize; 9] = [0, 1, 125, 126, 4_000, 4_096, 65_535, 65_536, 100_000];

#[test]
fn prepared_messages_are_on_the_wire_what_sent_ones_are() {
    for fragment_size in [None, 1_000.try_into().ok()] {
        let config = Config::default().fragment_size(fragment_size).max_buffered(usize::MAX);
        for role in BOTH {
            let (mut prepares, mut sends) = (End::new(role, &config), End::new(role, &config));
            for len in SIZES {
                let text = "x".repeat(len);
                prepares.connection.commands().send(&Prepared::text(&text)).unwrap();
                sends.connection.commands().send(&text).unwrap();
                let binary = vec![0xff; len];
                prepares.connection.commands().send(&Prepared::binary(&binary)).unwrap();
                sends.connection.commands().send(Message::from(binary)).unwrap();
                let amounts = [&prepares, &sends].map(|end| end.connection.buffered_amount());
                assert!(amounts[0] == amounts[1] && amounts[0] >= len);
            }
            let outputs = [prepares.take_output(), sends.take_output()];
            assert!(outputs[0] == outputs[1], "the same, with the same keys");
        }
    }
}

#[test]
fn a_prepared_message_says_what_it_is() {
    let text = Prepared::text("hello");
    assert_eq!((text.kind(), text.as_bytes(), text.len()), (MessageKind::Text, &b"hello"[..], 5));
    let binary = Prepared::from(Message::from(vec![]));
    assert!(binary.kind() == MessageKind::Binary && binary.is_empty());
    assert!(!format!("{text:?}").contains("hello"), "it may be long");
}

#[test]
fn it_can_be_passed_to_all_tasks() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    is_shared(&Prepared::text("hello"));
}

#[test]
fn a_large_one_is_queued_by_reference_on_all_connections() {
    for (len, header_len) in [(1_024, 4), (100_000, 10)] {
        let prepared = Prepared::binary(&vec![7; len]);
        let clone = prepared.clone();
        for prepared in [&prepared, &clone, &prepared] {
            let mut end = End::open(Role::Server);
            end.connection.commands().send(prepared).unwrap();
            let output = end.connection.poll_transmit().unwrap();
            assert_eq!(output.chunk().len(), header_len + len, "header and payload in one");
            assert_eq!(output.chunk()[header_len..].as_ptr(), clone.as_bytes().as_ptr());
        }
    }
}

#[test]
fn small_ones_are_packed_with_what_is_around_them() {
    let prepared = Prepared::text("hello");
    let mut end = End::open(Role::Server);
    for _ in 0..10 {
        end.connection.commands().send(&prepared).unwrap();
        end.connection.commands().ping(b"").unwrap();
        end.connection.commands().send("bye").unwrap();
    }
    let output = end.connection.poll_transmit().unwrap();
    assert_eq!(output.chunk().len(), output.remaining());
    let sent = messages(&end.take_frames());
    let expected = [(TEXT, b"hello".to_vec()), (TEXT, b"bye".to_vec())];
    assert!(sent.len() == 20 && sent.chunks(2).all(|two| two == expected));
}

#[test]
fn it_waits_behind_what_is_being_fragmented() {
    for role in BOTH {
        let mut end = End::new(role, &Config::default().fragment_size(100.try_into().ok()));
        end.connection.commands().send(&[1; 20_000]).unwrap();
        end.connection.commands().send(&Prepared::binary(&[2; 10])).unwrap();
        end.connection.commands().send(&Prepared::binary(&[3; 1_000])).unwrap();
        assert_eq!(end.connection.buffered_amount(), 21_010);
        let expected = [vec![1; 20_000], vec![2; 10], vec![3; 1_000]].map(|bytes| (BINARY, bytes));
        assert!(messages(&end.take_frames()) == expected);
    }
}

#[test]
fn it_is_refused_as_any_message_is() {
    let prepared = Prepared::binary(&[7; 500]);
    for role in BOTH {
        let mut end = End::new(role, &Config::default().max_buffered(500));
        end.connection.commands().send(&prepared).unwrap();
        let refused = end.send(&prepared);
        assert!(matches!(refused, Err(SendError::Full { limit: 500, .. })));
        end.take_output();
        end.connection.commands().begin(MessageKind::Text).unwrap();
        assert_eq!(end.send(&prepared), Err(SendError::MessageInProgress));
        end.connection.commands().close(1000, "").unwrap();
        assert_eq!(end.send(&prepared), Err(SendError::Closed));
        assert_eq!(end.connection.buffered_amount(), 500);
    }
}

#[test]
fn when_full_holds_for_it_too() {
    let prepared = Prepared::binary(&[7; 500]);
    let full = |when_full| {
        let mut end =
            End::new(Role::Server, &Config::default().max_buffered(500).when_full(when_full));
        end.connection.commands().send(&prepared).unwrap();
        end
    };
    let mut end = full(WhenFull::DropNewest);
    assert!(matches!(end.send(&prepared), Err(SendError::Dropped { .. })));
    assert_eq!(end.take_output().len(), 504);
    let mut end = full(WhenFull::DropOldest);
    for i in 0..10 {
        end.connection.commands().send(&Prepared::binary(&[i; 500])).unwrap();
    }
    let frames = end.take_frames();
    assert_eq!(messages(&frames), [(BINARY, vec![7; 500]), (BINARY, vec![9; 500])]);
    let mut end = full(WhenFull::Close(1013.into()));
    assert_eq!(end.send(&prepared), Err(SendError::Closed));
    assert_eq!(end.state(), ReadyState::Closing);
}

#[test]
fn the_payload_of_a_shared_message_stays_as_it_is() {
    let payload = Bytes::from(vec![7; 10_000]);
    let prepared = Prepared::binary(&payload);
    for role in BOTH {
        let mut end = End::new(role, &Config::default());
        end.connection.commands().send(&prepared).unwrap();
        let output = end.take_output();
        assert!(messages(&sent_by(role, &output)) == [(BINARY, payload.to_vec())]);
        assert!(prepared.as_bytes() == payload);
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use proptest::prelude::*;
    use sanswire::extension::{Deflate, DeflateConfig, Takeover};
    use sanswire::{Config, Prepared, Role};

    use crate::support::deflate::{
        Puff, RSV1, RawInflate, agreed, deflate_config, negotiate, plain_agreed,
    };
    use crate::support::{
        BINARY, BOTH, End, FIN, Frame, Got, Random, TEXT, messages, parse, sent_by,
    };

    fn text(len: usize) -> String {
        "all work and no play makes jack a dull boy. ".chars().cycle().take(len).collect()
    }

    fn frames(end: &mut End) -> Vec<Frame> {
        let output = end.take_output();
        let (frames, rest) = parse(&output);
        assert!(rest.is_empty());
        frames
    }

    #[test]
    fn it_is_compressed_for_those_that_have_agreed_on_it() {
        let prepared = Prepared::text(&text(500)).compressed_for(&DeflateConfig::default());
        for role in BOTH {
            let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
            end.connection.commands().send(&prepared).unwrap();
            assert_eq!(end.connection.buffered_amount(), 500);
            let sent = frames(&mut end);
            assert!(sent.len() == 1 && sent[0].first == FIN | RSV1 | TEXT);
            assert!(sent[0].payload.len() < 100);
            let whole = Puff::default().message(&sent[0].payload).unwrap();
            assert!(whole == text(500).as_bytes());

            let mut end = End::open(role);
            end.connection.commands().send(&prepared).unwrap();
            assert!(messages(&sent_by(role, &end.take_output())) == [(TEXT, text(500).into())]);
        }
    }

    #[test]
    fn it_stays_plain_where_that_is_smaller_or_asked_for() {
        let mut random = Random::new(0);
        let noise: Vec<u8> = (0..500).map(|_| random.next().to_le_bytes()[0]).collect();
        let high = deflate_config().threshold(501);
        for prepared in [
            Prepared::text(&text(500)),
            Prepared::text(&text(500)).compressed_for(&high),
            Prepared::binary(&noise).compressed_for(&deflate_config()),
            Prepared::binary(b"").compressed_for(&deflate_config()),
        ] {
            let role = Role::Server;
            let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
            end.connection.commands().send(&prepared).unwrap();
            assert_eq!(frames(&mut end)[0].first & RSV1, 0);
        }
    }

    #[test]
    fn a_smaller_window_is_served_by_what_fits_into_it() {
        let of = |bits: u8| deflate_config().window_bits(bits);
        let only_large = |len| Prepared::text(&text(len)).compressed_for(&of(15));
        let both = |len| only_large(len).compressed_for(&of(9));
        for (prepared, bits, compressed) in [
            (only_large(20_000), 15, true),
            (only_large(20_000), 14, false),
            (only_large(16_384), 14, true),
            (only_large(513), 9, false),
            (only_large(512), 9, true),
            (only_large(257), 8, false),
            (only_large(256), 8, true),
            (both(20_000), 15, true),
            (both(20_000), 9, true),
            (both(20_000), 8, false),
        ] {
            let response = format!("permessage-deflate; server_max_window_bits={bits}");
            let agreed = agreed(Role::Server, &deflate_config(), &response);
            let mut end = End::deflating(Role::Server, &Config::default(), agreed);
            end.connection.commands().send(&prepared).unwrap();
            let sent = frames(&mut end);
            assert_eq!(sent[0].first & RSV1 != 0, compressed, "{} {bits}", prepared.len());
            if compressed {
                let mut puff = Puff::default();
                assert!(puff.message(&sent[0].payload).unwrap() == prepared.as_bytes());
                assert!(puff.farthest <= 1 << bits);
            }
        }
    }

    #[test]
    fn it_is_compressed_once_for_all() {
        let prepared = Prepared::text(&text(1_000_000)).compressed_for(&DeflateConfig::default());
        let addresses = [0; 3].map(|_| {
            let mut end =
                End::deflating(Role::Server, &Config::default(), plain_agreed(Role::Server));
            end.connection.commands().send(&prepared.clone()).unwrap();
            bytes::Buf::chunk(end.connection.poll_transmit().unwrap()).as_ptr()
        });
        // By reference from 4 KiB of compressed bytes on.
        assert!(addresses[0] == addresses[1] && addresses[1] == addresses[2]);
    }

    #[test]
    fn an_empty_message_does_not_make_a_stale_window_good() {
        // What comes behind it must not refer to what the peer's window has elsewhere.
        for role in BOTH {
            let mut end = End::deflating(role, &Config::default(), plain_agreed(role));
            let mut inflate = RawInflate::new(15, Takeover::Keep);
            let shared = Prepared::text(&"something else altogether, and longer".repeat(9))
                .compressed_for(&deflate_config());
            let own = text(300);
            end.connection.commands().send(&own).unwrap();
            end.connection.commands().send(&shared).unwrap();
            end.connection.commands().send("").unwrap();
            end.connection.commands().send(&own).unwrap();
            let read: Vec<_> = frames(&mut end)
                .iter()
                .map(|frame| inflate.message(&frame.payload, 1_000))
                .collect();
            let expected = [own.as_bytes(), shared.as_bytes(), b"", own.as_bytes()];
            assert!(read == expected);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Compressed by the connection itself.
        Own(usize),
        /// In two parts.
        Parts(usize),
        Release,
        Shared(usize, DeflateConfig),
        Uncompressed(usize),
    }

    fn any_config() -> impl Strategy<Value = DeflateConfig> {
        (0_u8..10, 1_u8..10, 9_u8..16, any::<bool>(), any::<bool>()).prop_map(
            |(level, mem_level, bits, keeps, peer_keeps)| {
                let takeover = |keeps| if keeps { Takeover::Keep } else { Takeover::Reset };
                deflate_config()
                    .level(level)
                    .mem_level(mem_level)
                    .window_bits(bits)
                    .peer_window_bits(bits)
                    .takeover(takeover(keeps))
                    .peer_takeover(takeover(peer_keeps))
            },
        )
    }

    fn step() -> impl Strategy<Value = Step> {
        let len = || prop_oneof![0..700_usize, 0..70_000_usize];
        prop_oneof![
            3 => len().prop_map(Step::Own),
            1 => len().prop_map(Step::Parts),
            1 => Just(Step::Release),
            4 => (len(), any_config()).prop_map(|(len, config)| Step::Shared(len, config)),
            1 => len().prop_map(Step::Uncompressed),
        ]
    }

    /// A payload that resembles the others, at other places.
    fn payload(len: usize, at: usize) -> Vec<u8> {
        text(len + at * 7).into_bytes().split_off(at * 7)
    }

    fn perform(end: &mut End, step: &Step, payload: &[u8]) {
        let connection = &mut end.connection;
        match step {
            Step::Own(_) => connection.commands().send(payload).unwrap(),
            Step::Parts(_) => {
                let (first, second) = payload.split_at(payload.len() / 2);
                connection.commands().begin(sanswire::MessageKind::Binary).unwrap();
                connection.commands().send_chunk(first).unwrap();
                connection.commands().send_chunk(second).unwrap();
                connection.commands().finish().unwrap();
            }
            Step::Release => connection.release_memory(),
            Step::Shared(_, config) => {
                let prepared = Prepared::binary(payload).compressed_for(config);
                connection.commands().send(&prepared).unwrap();
            }
            Step::Uncompressed(_) => {
                connection.commands().send_uncompressed(payload.to_vec()).unwrap();
            }
        }
    }

    fn check(
        (of_sender, of_receiver): (Deflate, Deflate),
        sender: Role,
        steps: &[Step],
        fragment_size: Option<usize>,
    ) {
        let sends = Config::default()
            .max_buffered(usize::MAX)
            .fragment_size(fragment_size.and_then(|size| size.try_into().ok()));
        let mut end = End::deflating(sender, &sends, of_sender);
        let mut expected = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let (Step::Own(len)
            | Step::Parts(len)
            | Step::Shared(len, _)
            | Step::Uncompressed(len)) = *step
            else {
                perform(&mut end, step, &[]);
                continue;
            };
            let payload = payload(len, at);
            perform(&mut end, step, &payload);
            expected.push(payload);
        }
        let written = end.take_output();

        // Our other end, with the window that it has agreed on.
        let mut far = End::deflating(sender.peer(), &Config::default(), of_receiver);
        far.feed(&written);
        assert_eq!(far.error, None);
        let got: Vec<_> = expected.iter().map(Got::binary).collect();
        assert!(far.take_got() == got);

        // zlib, and RFC 1951 word for word: nothing refers beyond the window or the beginning.
        let takeover = of_sender.takeover();
        let mut inflate = RawInflate::new(of_sender.window_bits(), takeover);
        let mut puff = Puff::default();
        let (frames, _) = parse(&written);
        let mut frames = frames.iter();
        for payload in &expected {
            let first = frames.next().unwrap();
            let mut wire = first.payload.clone();
            let mut last = first;
            while !last.fin() {
                last = frames.next().unwrap();
                wire.extend(&last.payload);
            }
            assert_eq!(first.opcode(), BINARY);
            if first.first & RSV1 == 0 {
                assert!(wire == *payload);
                continue;
            }
            assert!(puff.message(&wire).unwrap() == *payload);
            assert!(inflate.message(&wire, payload.len()) == *payload);
            if takeover == Takeover::Reset {
                puff.begin = puff.output.len();
            }
        }
        assert!(puff.farthest <= 1 << of_sender.window_bits());
    }

    proptest! {
        #![proptest_config(crate::support::cases(32))]

        #[test]
        fn shared_and_other_messages_pass_in_any_order_in_all_modes(
            configs in (any_config(), any_config()),
            sender in prop::sample::select(&BOTH[..]),
            fragment_size in prop_oneof![3 => Just(None), 1 => (50..3_000_usize).prop_map(Some)],
            steps in prop::collection::vec(step(), 1..16),
        ) {
            let (of_client, of_server) = negotiate(&configs.0, &configs.1).unwrap();
            let pair = match sender {
                Role::Client => (of_client, of_server),
                Role::Server => (of_server, of_client),
            };
            check(pair, sender, &steps, fragment_size);
        }
    }
}
