//! How a connection ends, and its transport.

use core::time::Duration;

use bytes::Buf;
use sanswire::driver::{DriverError, Transfer, Write};
use sanswire::handshake::HandshakeError;
use sanswire::{
    CloseCode, Config, Connection, ConnectionError, Event, ReadyState, Role, SendError, WhenFull,
};

use crate::hand::{BINARY, CLOSE, Did, Hand, TEXT, Told, assert_closed, close_body, frame, secs};

const BOTH: [Role; 2] = [Role::Client, Role::Server];

fn failed(error: ConnectionError) -> Vec<Told> {
    vec![Told::Failed(DriverError::Connection(error))]
}

/// An end that has closed with 1000 and got the answer.
fn closed_here(role: Role) -> Hand {
    let mut hand = Hand::open(role, &Config::default());
    hand.driver.commands().close(1000, "").unwrap();
    assert!(hand.settle().is_empty());
    let close = hand.by_peer(CLOSE, &close_body(1000, ""));
    hand.read(&close);
    hand
}

#[test]
fn a_server_shuts_down_first_tells_the_close_and_lingers_until_the_client_has() {
    let mut hand = closed_here(Role::Server);
    assert!(hand.take().is_empty());
    assert_eq!(hand.write_all(), [Did::Shutdown]);
    assert!(hand.driver.is_ending() && !hand.driver.is_lingering());
    let told = hand.settle();
    assert_closed(&told[0], 1000);
    assert_eq!(told.len(), 1);
    assert!(hand.driver.is_lingering() && !hand.driver.is_over());
    assert!(hand.settle().is_empty());
    hand.eof();
    assert_eq!(hand.take(), [Told::Over]);
    assert!(!hand.driver.is_lingering() && hand.driver.is_over());
}

#[test]
fn a_client_tells_the_close_at_once_and_shuts_down_behind_the_server() {
    let mut hand = closed_here(Role::Client);
    let told = hand.settle();
    assert_closed(&told[0], 1000);
    assert_eq!(told.len(), 1);
    // §7.1.1: the server closes the transport first.
    assert!(hand.driver.is_lingering() && !hand.driver.wants_write());
    assert!(hand.settle().is_empty());
    hand.eof();
    assert!(hand.take().is_empty());
    assert_eq!(hand.write_all(), [Did::Shutdown]);
    assert_eq!(hand.take(), [Told::Over]);
}

#[test]
fn a_client_whose_server_keeps_the_transport_open_lingers_for_five_seconds() {
    let mut hand = closed_here(Role::Client);
    assert_closed(&hand.settle()[0], 1000);
    assert!(hand.pass_until(secs(4)).is_empty());
    assert_eq!(hand.pass_until(secs(5)), [Told::Over]);
}

#[test]
fn a_close_is_told_once_the_answer_has_been_written_and_flushed() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.read(&hand.by_peer(CLOSE, &close_body(1000, "")));
        assert!(hand.take().is_empty());
        while !hand.driver.is_written() {
            assert!(hand.take().is_empty());
            assert!(hand.write(1).is_some());
        }
        let told = hand.settle();
        assert_closed(&told[0], 1000);
    }
}

#[test]
fn closed_is_told_once_and_then_it_is_over_again_and_again() {
    for role in BOTH {
        let mut hand = closed_here(role);
        hand.eof();
        let told = hand.settle();
        assert_closed(&told[0], 1000);
        assert_eq!(told[1..], [Told::Over]);
        for _ in 0..3 {
            assert_eq!(hand.settle(), [Told::Over]);
            assert!(hand.driver.want_write().is_none() && hand.driver.want_read().is_none());
            assert_eq!(hand.driver.poll_timeout(), None);
            assert!(hand.driver.is_ending());
            hand.driver.handle_timeout(secs(1_000));
        }
    }
}

#[test]
fn a_close_of_the_peer_is_answered_behind_what_waits() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.driver.commands().send("before").unwrap();
        let bytes = [hand.by_peer(TEXT, b"last"), hand.by_peer(CLOSE, &close_body(1000, "ok"))];
        hand.read(&bytes.concat());
        let told = hand.settle();
        assert_eq!(told[0], Told::Text("last".into()));
        assert_closed(&told[1], 1000);
        assert_eq!(told.len(), 2);
        let frames = hand.frames();
        assert_eq!(frames, [(TEXT, b"before".to_vec()), (CLOSE, close_body(1000, "ok"))]);
        hand.eof();
        assert_eq!(hand.settle(), [Told::Over]);
    }
}

#[test]
fn a_broken_rule_is_told_the_peer_and_then_the_application() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.driver.commands().send("before").unwrap();
        let bytes = [hand.by_peer(TEXT, b"last"), hand.by_peer(0x83, b"")].concat();
        hand.read(&bytes);
        assert_eq!(hand.settle(), [Told::Text("last".into())]);
        let frames = hand.frames();
        assert_eq!(
            frames,
            [(TEXT, b"before".to_vec()), (CLOSE, close_body(1002, "reserved opcode 3"))]
        );
        // What is under way is read and thrown away.
        let late = hand.by_peer(TEXT, b"late");
        assert_eq!(hand.read(&late), late.len());
        assert!(hand.settle().is_empty());
        hand.eof();
        let failed = failed(ConnectionError::ReservedOpcode { opcode: 3 });
        assert_eq!(hand.settle(), failed);
        assert_eq!(hand.settle(), failed, "an error is sticky");
        assert!(hand.driver.want_write().is_none() && hand.driver.want_read().is_none());
    }
}

#[test]
fn the_end_takes_5_s_at_most() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.now = secs(1);
        hand.read(&hand.by_peer(0x83, b""));
        assert!(hand.pass_until(secs(5)).is_empty());
        assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(6)));
        let late = hand.by_peer(BINARY, &[0; 1_000]);
        assert_eq!(hand.read(&late), late.len());
        let told = hand.pass_until(secs(6));
        assert_eq!(told, failed(ConnectionError::ReservedOpcode { opcode: 3 }));
        assert_eq!(hand.driver.poll_timeout(), None);
        assert!(hand.driver.want_write().is_none() && hand.driver.want_read().is_none());
    }
}

#[test]
fn the_end_takes_5_s_at_most_also_while_nothing_can_be_written() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.read(&hand.by_peer(0x83, b""));
    assert!(hand.pass_stuck_until(secs(4)).is_empty());
    let told = hand.pass_stuck_until(secs(5));
    assert_eq!(told, failed(ConnectionError::ReservedOpcode { opcode: 3 }));
}

#[test]
fn the_end_reads_32_mib_at_most_and_keeps_nothing_of_it() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.read(&hand.by_peer(0x83, b""));
    assert!(hand.settle().is_empty());
    let (mut read, late) = (0, vec![0; 256 << 10]);
    let told = loop {
        let len = hand.read(&late);
        assert!(len > 0, "{read}");
        read += len;
        assert!(hand.waiting().is_none_or(|waiting| waiting == 0));
        let told = hand.settle();
        if told.last().is_some_and(|told| *told != Told::Yield) {
            break told;
        }
    };
    assert_eq!(told.last(), failed(ConnectionError::ReservedOpcode { opcode: 3 }).last());
    assert!((32 << 20..33 << 20).contains(&read), "{read}");
}

#[test]
fn the_end_reads_32_mib_at_most_also_while_nothing_can_be_written() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.read(&hand.by_peer(0x83, b""));
    let (mut read, late) = (0, vec![0; 256 << 10]);
    loop {
        assert!(hand.take().iter().all(|told| *told == Told::Yield));
        let len = hand.read(&late);
        if len == 0 {
            break;
        }
        read += len;
        assert!(read < 33 << 20);
    }
    assert!(read >= 32 << 20, "{read}");
}

#[test]
fn what_the_peer_sent_before_it_broke_off_is_delivered() {
    for role in BOTH {
        for is_error in [false, true] {
            let mut hand = Hand::open(role, &Config::default());
            let bytes = [hand.by_peer(TEXT, b"a"), hand.by_peer(TEXT, b"b"), vec![TEXT]];
            hand.read(&bytes.concat());
            if is_error {
                hand.driver.handle_read_error();
            } else {
                hand.eof();
            }
            let told = hand.settle();
            assert_eq!(told[..2], [Told::Text("a".into()), Told::Text("b".into())]);
            assert_eq!(told[2..], failed(ConnectionError::UnexpectedEof));
            assert!(hand.written.is_empty(), "nobody is told of it");
        }
    }
}

#[test]
fn a_write_error_ends_only_writing() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.driver.commands().send("lost").unwrap();
        assert!(matches!(hand.driver.want_write(), Some(Write::Bytes(_))));
        hand.driver.handle_write_error();
        assert!(hand.driver.is_broken() && !hand.driver.is_written());
        assert!(hand.take().is_empty());
        assert!(hand.driver.want_write().is_none());
        for text in [&b"a"[..], b"b"] {
            hand.read(&hand.by_peer(TEXT, text));
            assert_eq!(hand.take().len(), 1);
        }
        hand.eof();
        assert_eq!(hand.take(), failed(ConnectionError::UnexpectedEof));
    }
}

#[test]
fn behind_a_write_error_a_close_of_the_peer_is_the_end() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.driver.handle_write_error();
        assert!(hand.take().is_empty());
        let bytes = [hand.by_peer(TEXT, b"a"), hand.by_peer(CLOSE, &close_body(1000, ""))];
        hand.read(&bytes.concat());
        let told = hand.take();
        assert_eq!(told[0], Told::Text("a".into()));
        assert_closed(&told[1], 1000);
        assert_eq!(told[2..], [Told::Over]);
    }
}

#[test]
fn a_write_error_while_the_end_is_written_is_the_end() {
    for after in 0..3 {
        let mut hand = Hand::open(Role::Server, &Config::default());
        hand.read(&hand.by_peer(0x83, b""));
        assert!(hand.take().is_empty());
        for _ in 0..after {
            assert!(hand.write(usize::MAX).is_some());
        }
        hand.driver.handle_write_error();
        assert_eq!(hand.take(), failed(ConnectionError::ReservedOpcode { opcode: 3 }));
    }
}

#[test]
fn a_peer_that_is_gone_gets_a_close_1011_and_no_time() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        assert!(hand.pass_until(secs(39)).is_empty());
        hand.frames();
        hand.now = secs(40);
        hand.driver.handle_timeout(secs(40));
        assert!(hand.take().is_empty(), "one try is made");
        assert!(matches!(hand.write(usize::MAX), Some(Did::Wrote(_))));
        assert_eq!(hand.write(usize::MAX), Some(Did::Flush));
        assert_eq!(hand.write(usize::MAX), None, "and nobody is there to wait for");
        assert_eq!(
            hand.frames(),
            [(CLOSE, close_body(1011, "nothing arrived within 20s of a Ping"))]
        );
        assert_eq!(hand.take(), failed(ConnectionError::PongTimeout { limit: secs(20) }));
    }
}

#[test]
fn a_peer_that_is_gone_and_takes_nothing_gets_one_try() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("stuck").unwrap();
    assert!(hand.driver.want_write().is_some(), "asked for before, and not done");
    hand.pass_stuck_until(secs(19));
    let mut told = Vec::new();
    let mut tries = 0;
    while told.is_empty() {
        told = hand.take();
        if hand.driver.is_ending() && hand.driver.want_write().is_some() {
            tries += 1;
        }
        if let Some(at) = hand.driver.poll_timeout().map(Duration::from) {
            assert!(at <= secs(60), "no linger");
            hand.now = hand.now.max(at);
            hand.driver.handle_timeout(hand.now);
        }
    }
    assert_eq!(tries, 1);
    assert!(
        matches!(&told[..], [Told::Failed(DriverError::Connection(error))] if error.is_timeout())
    );
}

#[test]
fn a_peer_that_is_gone_is_not_waited_for_by_whoever_never_writes() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("stuck").unwrap();
    let mut told = Vec::new();
    while told.is_empty() {
        hand.now = hand.driver.poll_timeout().map(Duration::from).unwrap().max(hand.now);
        assert!(hand.now <= secs(65));
        hand.driver.handle_timeout(hand.now);
        told = hand.take();
    }
    assert!(
        matches!(&told[..], [Told::Failed(DriverError::Connection(error))] if error.is_timeout())
    );
}

#[test]
fn a_shut_down_closes_with_its_code_and_is_over_within_the_close_timeout() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.now = secs(3);
        hand.driver.shut_down(1001, "bye").unwrap();
        assert!(hand.settle().is_empty());
        assert_eq!(hand.frames(), [(CLOSE, close_body(1001, "bye"))]);
        hand.driver.shut_down(1000, "again").unwrap();
        assert!(hand.settle().is_empty());
        assert!(hand.written.is_empty(), "only once");
        let sent = hand.driver.commands().send("late");
        assert_eq!(sent.map_err(|refused| refused.error), Err(SendError::Closed));
        assert!(hand.pass_until(secs(12)).is_empty());
        let told = hand.pass_until(secs(13));
        assert_eq!(told, failed(ConnectionError::CloseTimeout { limit: secs(10) }));
    }
}

/// Also longer than the peer is waited for once it has been told.
#[test]
fn the_answer_to_a_close_has_the_time_of_a_close_to_leave() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default().ping_interval(None));
        hand.now = secs(100);
        hand.read(&hand.by_peer(CLOSE, &close_body(1000, "")));
        assert_eq!(hand.take(), []);
        assert_eq!(hand.pass_stuck_until(secs(109)), []);
        let told = hand.settle();
        assert_closed(&told[0], 1000);
        assert_eq!(hand.frames(), [(CLOSE, close_body(1000, ""))]);
    }
}

#[test]
fn a_shut_down_that_is_answered_is_a_clean_close() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.shut_down(CloseCode::GOING_AWAY, "").unwrap();
    hand.settle();
    hand.read(&hand.by_peer(CLOSE, &close_body(1001, "")));
    assert_closed(&hand.settle()[0], 1001);
    hand.eof();
    hand.driver.shut_down(1001, "").unwrap();
    assert_eq!(hand.settle(), [Told::Over]);
}

#[test]
fn a_shut_down_is_over_in_time_also_while_the_peer_floods_and_takes_nothing() {
    for is_stuck in [false, true] {
        let mut hand = Hand::open(Role::Server, &Config::default());
        hand.driver.shut_down(1001, "").unwrap();
        let flood = hand.by_peer(TEXT, &[b'x'; 1_000]).repeat(64);
        let mut told = Vec::new();
        for _ in 0..1_000 {
            hand.now += secs(1) / 10;
            hand.read_ahead(&flood);
            hand.driver.handle_timeout(hand.now);
            told.extend(hand.take().into_iter().filter(|told| *told != Told::Yield));
            if !told.is_empty() {
                break;
            }
            if !is_stuck {
                hand.write_all();
            }
        }
        assert_eq!(told, failed(ConnectionError::CloseTimeout { limit: secs(10) }));
        // A tenth of a second behind it, time is told next.
        assert!(hand.now <= secs(10) + secs(1) / 5, "{:?}", hand.now);
    }
}

#[test]
fn a_close_takes_no_longer_than_its_time_with_all_that_follows() {
    let impatient = Config::default().close_timeout(secs(3));
    for role in BOTH {
        // The peer's Close comes late, and then its bytes do not end.
        for config in [impatient.clone(), Config::default()] {
            let limit = config.close_timeout.unwrap();
            let mut hand = Hand::open(role, &config);
            hand.now = secs(100);
            assert!(hand.settle().is_empty());
            hand.driver.commands().close(1000, "").unwrap();
            assert!(hand.settle().is_empty());
            assert!(hand.pass_until(secs(100) + limit - secs(1)).is_empty());
            hand.read(&hand.by_peer(CLOSE, &close_body(1000, "")));
            let mut told = hand.settle();
            while told.last() != Some(&Told::Over) {
                hand.read(&hand.by_peer(TEXT, b"late"));
                told.extend(hand.pass_until(hand.now + secs(1) / 10));
            }
            assert_closed(&told[0], 1000);
            assert!(hand.now <= secs(100) + limit, "{:?}", hand.now);
        }
        // The peer closes, or breaks a rule.
        for bytes in [&[CLOSE, 0][..], &[0x83, 0]] {
            let mut hand = Hand::open(role, &impatient);
            hand.now = secs(100);
            hand.read(&hand.by_peer(bytes[0], b""));
            hand.settle();
            assert!(hand.pass_until(secs(103) - secs(1) / 10).is_empty());
            assert!(!hand.pass_until(secs(103)).is_empty());
        }
    }
    // A request that is turned away, because the server shuts down.
    let mut hand = Hand::asked(&impatient);
    hand.driver.shut_down(1001, "").unwrap();
    assert!(hand.pass_until(secs(2)).is_empty());
    assert_eq!(hand.pass_until(secs(3)), [Told::Failed(DriverError::Rejected { status: 503 })]);
}

/// Of a program that does the handshake by itself, and fails with one kind of error.
#[test]
fn errors_of_both_machines_become_that_of_the_driver_with_their_texts() {
    let connection = ConnectionError::UnexpectedEof;
    let error = DriverError::from(connection);
    assert_eq!(error, DriverError::Connection(connection));
    assert_eq!(error.to_string(), format!("connection failed: {connection}"));
    let error = DriverError::from(HandshakeError::NoResponse);
    assert_eq!(error, DriverError::Handshake { error: HandshakeError::NoResponse, url: None });
    assert!(error.to_string().contains(&HandshakeError::NoResponse.to_string()), "{error}");
}

#[test]
fn a_close_is_over_in_time_also_when_answers_had_filled_the_output() {
    let config = Config::default().max_buffered(4 << 10);
    let mut hand = Hand::open(Role::Server, &config);
    hand.answer = Some(vec![0; 3 << 10]);
    hand.read(&hand.by_peer(TEXT, b"x").repeat(10));
    assert_eq!(hand.take().len(), 2);
    hand.driver.shut_down(1001, "").unwrap();
    let told = hand.pass_stuck_until(secs(10));
    assert_eq!(told, failed(ConnectionError::CloseTimeout { limit: secs(10) }));
}

#[test]
fn a_peer_that_is_too_slow_is_told_of_without_anything_moving() {
    let config = Config::default()
        .max_buffered(4 << 10)
        .when_full(WhenFull::Close(CloseCode::POLICY_VIOLATION));
    let mut hand = Hand::open(Role::Server, &config);
    assert!(hand.driver.want_write().is_none());
    for is_last in [false, true] {
        let sent = hand.driver.commands().send(vec![0; 4 << 10]);
        assert_eq!(sent.is_err(), is_last);
    }
    assert!(hand.driver.has_event());
    assert_eq!(hand.connection().ready_state(), ReadyState::Closing);
    assert!(hand.take().is_empty(), "the peer is told first");
    assert!(hand.driver.is_ending());
    hand.settle();
    let last = hand.frames().pop().unwrap();
    let reason = "messages are read too slowly: 4100 bytes wait, over the limit of 4096 bytes";
    assert_eq!(last, (CLOSE, close_body(1008, reason)));
    hand.eof();
    let told = hand.settle();
    let [Told::Failed(DriverError::Connection(ConnectionError::PeerTooSlow { .. }))] = &told[..]
    else {
        panic!("{told:?}")
    };
}

#[test]
fn a_failure_by_a_command_is_told_also_when_answers_had_filled_the_output() {
    let config = Config::default()
        .max_buffered(4 << 10)
        .when_full(WhenFull::Close(CloseCode::POLICY_VIOLATION));
    let mut hand = Hand::open(Role::Server, &config);
    hand.answer = Some(vec![0; 4 << 10]);
    hand.read(&hand.by_peer(TEXT, b"x"));
    assert_eq!(hand.take().len(), 1);
    assert!(!hand.driver.has_event());
    assert!(hand.driver.commands().send("more").is_err());
    assert!(hand.driver.has_event());
    assert!(hand.take().is_empty() && hand.driver.is_ending());
}

#[test]
fn a_deadline_that_has_passed_does_not_hide_the_end() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.pass_until(secs(39));
    hand.driver.handle_timeout(secs(40));
    assert!(hand.driver.is_overdue());
    assert_eq!(hand.driver.poll_timeout(), None);
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.driver.handle_timeout(secs(10));
    assert!(hand.driver.is_overdue());
    hand.driver.shut_down(1001, "").unwrap();
    assert!(!hand.driver.is_overdue());
    assert!(hand.driver.poll_timeout().is_some());
}

#[test]
fn the_peers_last_words_pass_through_a_close_that_is_stuck() {
    // The client has closed, and cannot write it: what the server still sends is read, and its end
    // is seen.
    let mut hand = Hand::open(Role::Client, &Config::default());
    hand.driver.commands().close(1000, "").unwrap();
    assert!(hand.driver.want_write().is_some());
    assert!(hand.take().is_empty());
    hand.read(&hand.by_peer(CLOSE, &close_body(1001, "")));
    hand.eof();
    assert!(hand.take().is_empty());
    let told = hand.pass_stuck_until(secs(5));
    assert_closed(&told[0], 1001);
}

#[test]
fn a_peer_that_is_gone_is_told_why_by_a_write_in_flight() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.pass_until(secs(39));
    hand.now = secs(40);
    hand.driver.handle_timeout(secs(40));
    assert!(hand.take().is_empty());
    let mut block = Vec::new();
    assert_eq!(hand.driver.take_write(&mut block), Some(Transfer::Bytes));
    // The time that it takes is no sign that it cannot be written.
    for now in [40, 41] {
        hand.driver.handle_timeout(secs(now));
        assert!(hand.take().is_empty());
        assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(45)));
    }
    hand.driver.handle_written(block.len());
    assert_eq!(hand.write(usize::MAX), Some(Did::Flush));
    assert_eq!(hand.take(), failed(ConnectionError::PongTimeout { limit: secs(20) }));
}

#[test]
fn a_peer_that_is_gone_does_not_hold_a_write_in_flight_for_long() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("stuck").unwrap();
    let mut block = Vec::new();
    assert_eq!(hand.driver.take_write(&mut block), Some(Transfer::Bytes));
    let mut told = Vec::new();
    while told.is_empty() {
        hand.now = hand.driver.poll_timeout().map(Duration::from).unwrap().max(hand.now);
        hand.driver.handle_timeout(hand.now);
        told = hand.take();
        assert!(hand.now <= secs(66), "{:?}", hand.now);
    }
    assert!(hand.driver.is_over());
    hand.driver.handle_write_error();
    assert_eq!(hand.take(), told);
}

#[test]
fn input_behind_a_close_lets_others_run_while_the_answer_is_stuck() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        hand.read(&hand.by_peer(CLOSE, &close_body(1000, "")));
        assert!(hand.take().is_empty());
        let mut len = 0;
        while hand.take().is_empty() {
            len += hand.read(&[0; 64 << 10]);
            assert!(len < 1 << 20, "no turn for others");
        }
    }
}

#[test]
fn a_driver_of_a_connection_that_is_closed_tells_that_and_ends() {
    for is_told in [false, true] {
        let mut hand = Hand::open(Role::Server, &Config::default());
        hand.read(&hand.by_peer(CLOSE, &close_body(1000, "")));
        assert!(hand.take().is_empty());
        while !hand.driver.is_written() {
            hand.write(usize::MAX);
        }
        assert!(hand.take().is_empty());
        if is_told {
            assert_closed(&hand.settle()[0], 1000);
        }
        let mut hand = Hand::new(hand.driver.into_connection().unwrap().into());
        let told = hand.settle();
        assert_closed(&told[0], 1000);
        hand.eof();
        assert_eq!(hand.settle(), [Told::Over]);
    }
}

#[test]
fn a_driver_of_a_connection_that_has_told_its_close_itself_tells_that_and_ends() {
    let mut connection = Connection::server(&Config::default());
    connection.input().extend_from_slice(&frame(Role::Client, CLOSE, &close_body(1000, "")));
    while connection.ready_state() != ReadyState::Closed {
        if let Some((event, _)) = connection.poll_event().unwrap() {
            assert!(matches!(event, Event::Closed(_)), "{event:?}");
        }
        while let Some(output) = connection.poll_transmit() {
            output.advance(output.remaining());
        }
        connection.handle_eof();
    }
    while connection.poll_event().unwrap().is_some() {}
    let mut hand = Hand::new(connection.into());
    assert_closed(&hand.settle()[0], 1000);
    hand.eof();
    assert_eq!(hand.settle(), [Told::Over]);
}

#[test]
fn the_time_goes_on_in_a_pause_whatever_is_to_be_dated() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.pass_until(secs(5));
    hand.driver.commands().send("not dated yet").unwrap();
    hand.driver.handle_pause(secs(12));
    assert_eq!(hand.driver.now(), secs(12).into());
    // A deadline is not judged: what came in time may wait in the transport.
    hand.driver.handle_pause(secs(1_000));
    assert!(!hand.driver.is_overdue() && hand.driver.now() < secs(20).into());
}
