//! A peer that reads too slowly: the water marks, what is reported, and what becomes of messages
//! for which there is no room.

use core::time::Duration;

use bytes::Buf;
use proptest::prelude::*;
use sanswire::{
    CloseCode, Config, ConnectionError, Event, Message, MessageKind, Prepared, ReadyState, Refused,
    Role, SendError, WhenFull, Writable,
};

use crate::support::{self, BINARY, BOTH, End, FIN, Got, PING, TEXT, frame, from, messages};

const ALL: [WhenFull; 4] = [
    WhenFull::Close(CloseCode::POLICY_VIOLATION),
    WhenFull::DropNewest,
    WhenFull::DropOldest,
    WhenFull::Refuse,
];

fn marks(high: usize, low: usize, when_full: WhenFull) -> Config {
    Config::default().max_buffered(high).low_water(low).when_full(when_full)
}

/// An end that has sent messages of 100 bytes until one was refused, and how many it has sent.
fn full(role: Role, config: &Config) -> (End, usize) {
    let mut end = End::new(role, config);
    let sent = (0..1_000).take_while(|_| end.connection.commands().send(&[7; 100]).is_ok()).count();
    assert!(sent < 1_000, "nothing is refused");
    (end, sent)
}

fn waiting(end: &mut End) -> usize {
    end.connection.poll_transmit().map_or(0, |output| output.len())
}

/// Writes until `left` bytes wait.
fn write_to(end: &mut End, left: usize) {
    let len = waiting(end) - left;
    end.take_some(len);
}

fn writable(messages: u64, bytes: u64) -> Got {
    let mut writable = Writable::default();
    writable.dropped_messages = messages;
    writable.dropped_bytes = bytes;
    Got::Writable(writable)
}

fn take_writable(end: &mut End) -> Vec<Got> {
    end.poll();
    end.take_got()
}

#[test]
fn a_full_output_is_writable_once_it_has_fallen_to_the_low_mark() {
    for role in BOTH {
        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        for _ in 0..3 {
            assert!(take_writable(&mut end).is_empty());
            write_to(&mut end, 251);
            assert!(take_writable(&mut end).is_empty() && !end.connection.wants_read());
            write_to(&mut end, 250);
            assert!(end.connection.wants_read());
            assert_eq!(take_writable(&mut end), [writable(0, 0)]);
            assert!(take_writable(&mut end).is_empty());
            write_to(&mut end, 0);
            assert!(take_writable(&mut end).is_empty(), "once");
            // Again and again.
            while end.connection.commands().send(&[7; 100]).is_ok() {}
            assert!(!end.connection.wants_read());
        }
    }
}

#[test]
fn the_high_mark_is_reached_without_a_refusal_too() {
    for role in BOTH {
        let mut end = End::new(role, &marks(1_000, 250, WhenFull::Refuse));
        end.connection.commands().send(&[7; 5_000]).unwrap();
        assert!(!end.connection.wants_read());
        write_to(&mut end, 0);
        assert!(end.connection.wants_read());
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn a_heartbeat_that_fills_the_output_counts() {
    for role in BOTH {
        let mut end = End::new(role, &marks(1_000, 250, WhenFull::Refuse));
        end.connection.handle_timeout(Duration::ZERO);
        // Any header and any Ping is longer than 5 bytes.
        let header = if role == Role::Client { 8 } else { 4 };
        end.connection.commands().send(vec![7; 995 - header]).unwrap();
        assert!(end.connection.commands().has_room() && end.connection.wants_read());
        end.connection.handle_timeout(Duration::from_secs(20));
        assert!(!end.connection.commands().has_room() && !end.connection.wants_read());
        write_to(&mut end, 0);
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn there_is_room_behind_less_than_the_high_mark() {
    for (len, has_room) in [(995, true), (996, false)] {
        // The header has 4 bytes.
        let mut end = End::new(Role::Server, &marks(1_000, 250, WhenFull::Refuse));
        end.connection.commands().send(vec![7; len]).unwrap();
        assert_eq!(end.connection.commands().has_room(), has_room);
        assert_eq!(end.connection.commands().send("more").is_ok(), has_room);
    }
}

#[test]
fn nothing_is_reported_of_an_output_that_stayed_below_the_high_mark() {
    for role in BOTH {
        let mut end = End::new(role, &marks(1_000, 250, WhenFull::Refuse));
        for _ in 0..10 {
            end.connection.commands().send(&[7; 900]).unwrap();
            assert!(end.connection.wants_read());
            end.take_output();
            assert!(take_writable(&mut end).is_empty());
        }
    }
}

#[test]
fn writable_comes_behind_what_has_arrived() {
    for role in BOTH {
        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        end.take_output();
        end.receive(&frame(FIN | TEXT, b"a").repeat(2));
        assert_eq!(end.take_got(), [Got::text("a"), Got::text("a"), writable(0, 0)]);
    }
}

#[test]
fn an_output_that_fell_and_rose_again_is_reported_when_it_falls_again() {
    for role in BOTH {
        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        write_to(&mut end, 0);
        // To the middle: there is room again, and it is not full.
        end.connection.commands().send(&[7; 500]).unwrap();
        assert!(end.connection.wants_read());
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
        // To the top before anybody has asked: it would not be true any more.
        while end.connection.commands().send(&[7; 100]).is_ok() {}
        write_to(&mut end, 0);
        while end.connection.commands().send(&[7; 100]).is_ok() {}
        assert!(take_writable(&mut end).is_empty() && !end.connection.wants_read());
        write_to(&mut end, 0);
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn a_low_mark_that_is_not_below_the_high_one_is_one_byte_below() {
    for low in [1_000, 1_001, usize::MAX] {
        let mut end = End::new(Role::Server, &marks(1_000, low, WhenFull::Refuse));
        end.connection.commands().send(&[7; 996]).unwrap();
        assert!(take_writable(&mut end).is_empty() && !end.connection.wants_read());
        write_to(&mut end, 999);
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn marks_of_zero_let_one_message_wait_at_a_time() {
    for role in BOTH {
        let mut end = End::new(role, &marks(0, 0, WhenFull::Refuse));
        for _ in 0..3 {
            end.connection.commands().send("").unwrap();
            assert!(end.connection.commands().send("").is_err() && !end.connection.wants_read());
            write_to(&mut end, 0);
            assert_eq!(take_writable(&mut end), [writable(0, 0)]);
        }
    }
}

#[test]
fn a_message_in_fragments_counts_before_it_is_framed() {
    for role in BOTH {
        let mut config = marks(1_000, 250, WhenFull::Refuse);
        config.fragment_size = 100.try_into().ok();
        let mut end = End::new(role, &config);
        end.connection.commands().send(&[7; 5_000]).unwrap();
        assert!(!end.connection.wants_read());
        let mut written = 0;
        while !end.connection.wants_read() {
            assert!(take_writable(&mut end).is_empty());
            written += end.take_some(50).len();
        }
        assert!((4_750..5_400).contains(&written), "{written}");
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn messages_without_payload_do_not_pile_up_behind_fragments() {
    for role in BOTH {
        let mut config = marks(1_000, 250, WhenFull::Refuse);
        config.fragment_size = 100.try_into().ok();
        let mut end = End::new(role, &config);
        end.connection.commands().send(&[7; 500]).unwrap();
        let sent = (0..1_000).take_while(|_| end.connection.commands().send("").is_ok()).count();
        assert!(sent < 500 && !end.connection.wants_read(), "{sent}");
        while waiting(&mut end) > 0 {
            end.take_some(50);
        }
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn messages_without_payload_do_not_pile_up_where_the_oldest_is_dropped() {
    for role in BOTH {
        let mut end = End::new(role, &marks(1_000, 250, WhenFull::DropOldest));
        for _ in 0..10_000 {
            end.connection.commands().send("").unwrap();
        }
        let sent = end.take_sent().len();
        assert!((1..500).contains(&sent), "{sent}");
    }
}

#[test]
fn nothing_is_writable_once_the_connection_is_closing() {
    for role in BOTH {
        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        end.connection.commands().close(1000, "").unwrap();
        assert!(end.connection.wants_read(), "the peer's Close");
        end.take_output();
        assert!(take_writable(&mut end).is_empty());
        end.receive(&[0x88, 0]);
        end.eof();
        assert!(matches!(end.take_got()[..], [Got::Closed(_)]));

        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        end.receive(&[0x8f, 0]);
        assert!(end.error.is_some());
        end.take_output();
        assert!(take_writable(&mut end).is_empty());

        let (mut end, _) = full(role, &marks(1_000, 250, WhenFull::Refuse));
        end.take_output();
        end.eof();
        assert!(end.got.is_empty() && end.error == Some(ConnectionError::UnexpectedEof));
    }
}

#[test]
fn pongs_of_its_own_count_but_are_bounded() {
    for role in BOTH {
        let mut end = End::new(role, &marks(100, 50, WhenFull::Refuse));
        end.receive(&frame(FIN | PING, &[7; 120]).repeat(1_000));
        assert!(!end.connection.wants_read());
        assert!(waiting(&mut end) < 17_000);
        end.take_got();
        end.take_output();
        assert_eq!(take_writable(&mut end), [writable(0, 0)]);
    }
}

#[test]
fn an_echo_for_a_client_that_never_reads_is_bounded() {
    for role in BOTH {
        let mut end = End::open(role);
        let bytes = from(role.peer(), &frame(FIN | BINARY, &[7; 10_000]));
        let mut refused = false;
        // It would be 20 MB.
        for _ in 0..2_000 {
            end.connection.input().extend_from_slice(&bytes);
            let Ok(Some((Event::Binary(payload), mut commands))) = end.connection.poll_event()
            else {
                panic!()
            };
            match commands.send(&payload).map_err(SendError::from) {
                Ok(()) => assert!(!refused),
                Err(SendError::Full { .. }) => refused = true,
                Err(error) => panic!("{error}"),
            }
            if refused {
                break;
            }
        }
        assert!(refused);
        let len = end.connection.poll_transmit().unwrap().remaining();
        assert!(len < (1 << 20) + 20_000, "{len}");
    }
}

#[test]
fn the_newest_message_is_dropped_given_back_counted_and_never_sent() {
    for role in BOTH {
        let mut end = End::new(role, &marks(1_000, 250, WhenFull::DropNewest));
        let (mut dropped_messages, mut dropped_bytes) = (0, 0);
        for _ in 0..20 {
            let mut note = |len: usize, sent: Result<(), Refused>, given: Option<Message>| {
                let Err(refused) = sent else { return };
                assert!(matches!(refused.error, SendError::Dropped { limit: 1_000, .. }));
                assert_eq!(refused.message, given);
                dropped_messages += 1;
                dropped_bytes += len as u64;
            };
            note(100, end.connection.commands().send(&[7; 100]), None);
            let text = Message::from("text");
            note(4, end.connection.commands().send(text.clone()), Some(text.clone()));
            note(4, end.connection.commands().send_uncompressed(text.clone()), Some(text));
        }
        let amount = end.connection.buffered_amount();
        let sent = messages(&end.take_frames());
        let bytes: usize = sent.iter().map(|(_, payload)| payload.len()).sum();
        assert!(bytes == amount && amount < 1_000);
        assert_eq!(
            (dropped_messages, dropped_bytes),
            (60 - sent.len() as u64, (20 * 108 - bytes) as u64)
        );
        // It was told each time.
        assert_eq!(end.connection.poll_discarded(), None);
        assert_eq!(take_writable(&mut end), [writable(dropped_messages, dropped_bytes)]);
        end.connection.commands().send(&[7; 100]).unwrap();
        assert!(take_writable(&mut end).is_empty());
        assert_eq!(messages(&end.take_frames()), [(BINARY, vec![7; 100])]);
    }
}

#[test]
fn what_is_tried_comes_back_whatever_becomes_of_what_is_sent() {
    for role in BOTH {
        for when_full in ALL {
            let mut end = End::new(role, &marks(100, 0, when_full));
            end.connection.commands().try_send(&[7; 100]).unwrap();
            let refused = end.connection.commands().try_send(Message::from("text")).unwrap_err();
            assert!(matches!(refused.error, SendError::Full { limit: 100, .. }), "{when_full:?}");
            assert_eq!(refused.message, Some("text".into()));
            let prepared = Prepared::text("text");
            let refused = end.connection.commands().try_send(&prepared).unwrap_err();
            assert!(matches!(refused.error, SendError::Full { .. }), "{when_full:?}");
            assert_eq!(end.state(), ReadyState::Open);
            end.take_output();
            assert_eq!(take_writable(&mut end), [writable(0, 0)]);
            end.connection.commands().try_send("text").unwrap();
            assert_eq!(end.take_frames().len(), 1);
        }
    }
}

#[test]
fn what_was_dropped_survives_the_release_of_memory() {
    for role in BOTH {
        let mut end = End::new(role, &marks(100, 0, WhenFull::DropNewest));
        end.connection.commands().send(&[7; 100]).unwrap();
        end.connection.commands().send(&[7; 50]).unwrap_err();
        end.take_output();
        end.connection.release_memory();
        assert_eq!(take_writable(&mut end), [writable(1, 50)]);
    }
}

#[test]
fn parts_and_control_frames_are_refused_whatever_becomes_of_messages() {
    for role in BOTH {
        for when_full in ALL {
            let mut end = End::new(role, &marks(1_000, 250, when_full));
            end.connection.commands().begin(MessageKind::Binary).unwrap();
            end.connection.commands().send_chunk(&[7; 1_000]).unwrap();
            let full = [
                end.connection.commands().send_chunk(&[7; 100]),
                end.connection.commands().ping(b""),
                end.connection.commands().pong(b""),
            ];
            assert!(full.iter().all(|sent| matches!(sent, Err(SendError::Full { .. }))));
            assert_eq!(end.send("a"), Err(SendError::MessageInProgress));
            end.connection.commands().finish().unwrap();
            let begun = end.connection.commands().begin(MessageKind::Binary);
            assert!(matches!(begun, Err(SendError::Full { .. })));
            assert_eq!(messages(&end.take_frames()), [(BINARY, vec![7; 1_000])]);
            assert_eq!(take_writable(&mut end), [writable(0, 0)]);
        }
    }
}

#[test]
fn a_connection_to_a_slow_peer_fails_with_the_code_of_choice() {
    for role in BOTH {
        // 1013 is for servers only, 1006 and 5000 for nobody.
        let tried_later = if role == Role::Server { 1013 } else { 1008 };
        for (asked, code) in
            [(1008, 1008), (1013, tried_later), (1006, 1008), (5000, 1008), (4321, 4321)]
        {
            let (mut end, sent) = full(role, &marks(1_000, 250, WhenFull::Close(asked.into())));
            let refused = end.connection.commands().send(Message::from("text")).unwrap_err();
            assert_eq!(refused.error, SendError::Closed);
            assert_eq!(refused.message, Some(Message::from("text")));
            end.poll();
            let error = end.error.unwrap();
            let ConnectionError::PeerTooSlow { code: told, queued, limit } = error else {
                panic!("{error:?}")
            };
            assert!(told == code && error.close_code() == code);
            assert!(queued > 800 && limit == 1_000);
            assert!(end.connection.close_code() == Some(CloseCode::ABNORMAL));
            let frames = end.take_frames();
            assert_eq!(messages(&frames).len(), sent, "what was sent before leaves before");
            assert_eq!(frames.last().unwrap().payload, support::told(error));
            assert!(take_writable(&mut end).is_empty());
            assert_eq!(end.state(), ReadyState::Closed);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ping(usize),
    Poll,
    ReceivePing(usize),
    Send(usize),
    Write(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..126_usize).prop_map(Step::Ping),
        Just(Step::Poll),
        (0..126_usize).prop_map(Step::ReceivePing),
        (0..700_usize).prop_map(Step::Send),
        (0..700_usize).prop_map(Step::Send),
        (0..900_usize).prop_map(Step::Write),
    ]
}

/// The same as it is told to an application: with every byte looked at when it comes and goes.
#[derive(Default)]
struct Model {
    waiting: usize,
    /// At how many bytes it counts as writable again.
    until: Option<usize>,
    is_writable: bool,
    dropped: (u64, u64),
}

impl Model {
    fn add(&mut self, len: usize, high: usize, low: usize) {
        self.waiting += len;
        if self.waiting >= high {
            self.until.get_or_insert(low);
            self.is_writable = false;
        }
    }

    fn write(&mut self, len: usize) {
        self.waiting -= len;
        if self.until.is_some_and(|until| self.waiting <= until) {
            self.until = None;
            self.is_writable = true;
        }
    }
}

proptest! {
    #[test]
    fn the_marks_are_kept_whatever_is_sent_and_written(
        steps in prop::collection::vec(step(), 1..200),
        high in 1_usize..2_000,
        low in 0_usize..2_000,
        drops in any::<bool>(),
    ) {
        let when_full = if drops { WhenFull::DropNewest } else { WhenFull::Refuse };
        let mut end = End::new(Role::Server, &marks(high, low, when_full));
        let low = low.min(high - 1);
        let mut model = Model::default();
        let framed = |len: usize| if len < 126 { 2 + len } else { 4 + len };
        for step in steps.into_iter().chain([Step::Write(usize::MAX), Step::Poll]) {
            let mut reported = Vec::new();
            match step {
                Step::Ping(len) | Step::Send(len) => {
                    let is_message = matches!(step, Step::Send(_));
                    let sent = if is_message {
                        end.send(vec![7; len].as_slice())
                    } else {
                        end.connection.commands().ping(&vec![7; len])
                    };
                    let fits = model.waiting < high;
                    prop_assert_eq!(sent.is_ok(), fits);
                    if fits {
                        model.add(framed(len), high, low);
                    } else if drops && is_message {
                        model.dropped.0 += 1;
                        model.dropped.1 += len as u64;
                    }
                }
                Step::Poll => {
                    if core::mem::take(&mut model.is_writable) {
                        let (messages, bytes) = core::mem::take(&mut model.dropped);
                        reported.push(writable(messages, bytes));
                    }
                    end.poll();
                    prop_assert_eq!(end.take_got(), reported);
                }
                Step::ReceivePing(len) => {
                    if model.waiting < 10_000 {
                        model.add(framed(len), high, low);
                        if core::mem::take(&mut model.is_writable) {
                            let (messages, bytes) = core::mem::take(&mut model.dropped);
                            reported.push(writable(messages, bytes));
                        }
                        reported.insert(0, Got::ping(vec![7; len]));
                        end.receive(&frame(FIN | PING, &vec![7; len]));
                        prop_assert_eq!(end.take_got(), reported);
                    }
                }
                Step::Write(len) => model.write(end.take_some(len).len()),
            }
            prop_assert_eq!(waiting(&mut end), model.waiting);
            prop_assert_eq!(end.connection.wants_read(), model.until.is_none());
        }
        prop_assert!(model.until.is_none() && !model.is_writable);
        prop_assert_eq!(model.dropped, (0, 0));
    }
}
