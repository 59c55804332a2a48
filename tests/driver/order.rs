//! Calls in the wrong order, on the wrong object, or too often: nothing panics, nothing is lost.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use sanswire::driver::{Driver, DriverError, Next};
use sanswire::handshake::Acceptance;
use sanswire::{Config, Connection, ConnectionError, Outgoing, Prepared, Role, SpareBuffers};

use crate::hand::{BINARY, CLOSE, Hand, REQUEST, TEXT, Told, close_body, secs};

/// A driver in each state.
fn all() -> Vec<Hand> {
    let config = Config::default();
    let mut over = Hand::open(Role::Server, &config);
    over.read(&over.by_peer(CLOSE, &close_body(1000, "")));
    over.settle();
    over.eof();
    assert_eq!(over.settle().last(), Some(&Told::Over));
    let mut ending = Hand::open(Role::Server, &config);
    ending.read(&ending.by_peer(0x83, b""));
    assert!(ending.take().is_empty() && ending.driver.is_ending());
    let mut broken = Hand::open(Role::Client, &config);
    broken.driver.handle_write_error();
    vec![
        Hand::accepting(&config),
        Hand::asked(&config),
        Hand::connecting(&config),
        Hand::open(Role::Client, &config),
        Hand::open(Role::Server, &config),
        ending,
        broken,
        over,
    ]
}

/// Buffers that another connection has used.
fn another() -> SpareBuffers {
    let mut other = Driver::from(Connection::client(&Config::default(), [7; 32]));
    let mut spare = SpareBuffers::default();
    other.want_read().unwrap().extend_from_slice(b"\x81\x07another");
    assert!(matches!(other.poll_event(), Ok(Next::Event(..))));
    other.commands().send("another").unwrap();
    other.want_write().unwrap();
    other.handle_written(usize::MAX);
    other.release_memory_to(&mut spare);
    spare
}

#[test]
fn what_is_borrowed_can_be_fed_again_and_what_is_owned_is_gone() {
    for len in [1, 16, 125, 126, 5_000] {
        let bytes = Bytes::from(vec![b'a'; len]);
        let prepared = Prepared::binary(&bytes);
        let borrowed =
            [Outgoing::from(&bytes[..]), Outgoing::from(&bytes), Outgoing::from(&prepared)];
        for mut message in borrowed {
            for _ in 0..3 {
                let mut hand = Hand::open(Role::Server, &Config::default());
                assert_eq!(hand.driver.feed(&mut message), Ok(true));
                hand.write_all();
                assert_eq!(hand.frames(), [(BINARY, bytes.to_vec())]);
            }
        }
        let mut owned = Outgoing::from(bytes.to_vec());
        let mut hand = Hand::open(Role::Server, &Config::default());
        for _ in 0..2 {
            assert_eq!(hand.driver.feed(&mut owned), Ok(true));
        }
        hand.write_all();
        assert_eq!(hand.frames(), [(BINARY, bytes.to_vec()), (BINARY, vec![])]);
    }
}

#[test]
fn a_write_that_was_not_asked_for_counts_nothing() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("text").unwrap();
    hand.driver.handle_written(100);
    hand.write_all();
    hand.driver.handle_written(100);
    hand.driver.commands().send("more").unwrap();
    hand.driver.handle_written(100);
    hand.write_all();
    assert_eq!(hand.frames(), [(TEXT, b"text".to_vec()), (TEXT, b"more".to_vec())]);
}

#[test]
fn more_written_than_there_was_counts_as_all() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.driver.commands().send("text").unwrap();
    assert!(hand.driver.want_write().is_some());
    hand.driver.handle_written(usize::MAX);
    hand.write_all();
    assert!(hand.driver.is_written());
}

#[test]
fn a_read_that_brought_nothing_changes_nothing() {
    for mut hand in all() {
        hand.driver.handle_read(10, secs(1));
        assert!(hand.take().iter().all(|told| matches!(told, Told::Over)));
    }
}

/// More than a machine has memory, or most of it.
const MUCH: usize = usize::MAX >> 3;

#[test]
fn reads_that_claim_anything_do_not_panic() {
    for mut hand in all() {
        for len in [usize::MAX, usize::MAX >> 1, MUCH << 1, MUCH, MUCH, MUCH, 1] {
            hand.driver.handle_read(len, Duration::MAX);
        }
        hand.take();
    }
}

#[test]
fn no_order_of_calls_panics() {
    let mut calls: Vec<fn(&mut Driver)> = vec![
        |driver| _ = driver.poll_event().map(|next| matches!(next, Next::Wait)),
        |driver| _ = driver.want_write().is_some(),
        |driver| driver.handle_written(7),
        |driver| driver.handle_written(usize::MAX),
        |driver| driver.handle_write_error(),
        |driver| _ = driver.want_read().is_some(),
        |driver| {
            if let Some(mut input) = driver.want_read() {
                input.extend_from_slice(b"\x81\x85\0\0\0\0Hello");
            }
        },
        |driver| driver.handle_read(11, secs(3)),
        |driver| _ = driver.take_read().map(|memory| memory.capacity()),
        |driver| driver.give_read(BytesMut::from(&b"\x81\x85\0\0\0\0Hello"[..])),
        |driver| _ = driver.take_write(&mut Vec::new()),
        |driver| driver.handle_read(0, secs(4)),
        |driver| driver.handle_read_error(),
        |driver| driver.handle_timeout(Duration::MAX),
        |driver| driver.handle_timeout(Duration::ZERO),
        |driver| _ = driver.shut_down(1001, ""),
        |driver| driver.release_memory(),
        |driver| driver.reuse_memory(&mut another()),
        |driver| driver.release_memory_to(&mut another()),
        |driver| _ = driver.commands().send("x").is_ok(),
        |driver| _ = driver.commands().close(1000, "").is_ok(),
        |driver| {
            let _ = (driver.poll_timeout(), driver.has_event(), driver.wants_read(), driver.now());
            let _ = (driver.is_written(), driver.is_broken(), driver.is_ending());
        },
    ];
    let request = Hand::asked(&Config::default()).request.unwrap();
    let accept = move |driver: &mut Driver| _ = driver.accept(&request, &Acceptance::new());
    for state in 0..all().len() {
        for first in 0..calls.len() {
            for second in 0..calls.len() {
                let mut driver = all().swap_remove(state).driver;
                calls[first](&mut driver);
                calls[second](&mut driver);
                accept(&mut driver);
                for call in &mut calls {
                    call(&mut driver);
                }
                let _ = driver.into_connection();
            }
        }
    }
}

#[test]
fn the_end_of_the_stream_may_be_told_again() {
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.read(&hand.by_peer(TEXT, b"x"));
    hand.eof();
    hand.eof();
    hand.driver.handle_read_error();
    let told = hand.settle();
    hand.eof();
    assert_eq!(told[0], Told::Text("x".into()));
    let failed = Told::Failed(DriverError::Connection(ConnectionError::UnexpectedEof));
    assert_eq!(told[1..], hand.settle());
    assert_eq!(hand.settle(), [failed]);
}

#[test]
fn nothing_is_wanted_of_a_stream_that_has_ended() {
    for mut hand in all() {
        hand.eof();
        assert!(hand.driver.want_read().is_none() && !hand.driver.wants_read());
    }
}

#[test]
fn questions_may_be_asked_as_often_as_one_likes() {
    let mut hand = Hand::accepting(&Config::default());
    for byte in REQUEST.chunks(1) {
        for _ in 0..3 {
            assert!(hand.driver.want_read().is_some());
            assert!(hand.take().is_empty());
        }
        assert_eq!(hand.read(byte), 1);
    }
    assert_eq!(hand.take(), [Told::Request]);
    assert!(hand.take().is_empty());
}
