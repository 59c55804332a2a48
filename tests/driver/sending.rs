//! What becomes of messages: which are queued, wait for room, or are never written.

use core::num::NonZeroUsize;

use sanswire::driver::{Stuck, Write};
use sanswire::{Config, Outgoing, Role, SendError, WhenFull};

use crate::hand::{Did, Hand, TEXT, secs};

const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// An open end whose output is full, with so much time to write it.
fn full(role: Role, when_full: WhenFull) -> Hand {
    let config = Config::default().max_buffered(1_000).when_full(when_full);
    let mut hand = Hand::open(role, &config.write_timeout(secs(10)));
    while hand.driver.feed(&mut "some text".into()) == Ok(true) {}
    hand
}

#[test]
fn what_was_sent_is_written_when_the_transport_has_it_and_was_flushed() {
    for role in BOTH {
        let mut hand = Hand::open(role, &Config::default());
        assert!(!hand.driver.is_broken());
        assert_eq!(hand.driver.poll_written(), Ok(true));
        assert_eq!(hand.driver.feed(&mut "hello".into()), Ok(true));
        assert_eq!(hand.driver.poll_written(), Ok(false));
        assert!(matches!(hand.write(usize::MAX), Some(Did::Wrote(_))));
        assert_eq!(hand.driver.poll_written(), Ok(false));
        assert_eq!(hand.write(usize::MAX), Some(Did::Flush));
        assert_eq!(hand.driver.poll_written(), Ok(true));
        assert_eq!(hand.driver.check_end(), Ok(()));
    }
}

#[test]
fn what_was_accepted_and_not_written_whole_is_told_at_the_end() {
    for role in BOTH {
        // Framed at once, or waiting to be.
        for size in [None, NonZeroUsize::new(10)] {
            let mut hand = Hand::open(role, &Config::default().fragment_size(size));
            hand.driver.commands().send("written").unwrap();
            hand.write_all();
            assert_eq!(hand.driver.check_end(), Ok(()));
            hand.driver.commands().send(&[7; 100]).unwrap();
            for _ in 0..2 {
                assert_eq!(hand.driver.check_end().unwrap_err().bytes, 100);
            }
            hand.write(20);
            for _ in 0..2 {
                let left = hand.driver.check_end().unwrap_err().bytes;
                assert!((80..100).contains(&left), "{left}");
            }
        }
    }
}

#[test]
fn a_message_waits_for_room_or_takes_it_as_the_configuration_says() {
    for role in BOTH {
        let mut hand = full(role, WhenFull::Refuse);
        for _ in 0..3 {
            assert_eq!(hand.driver.handle_stuck(), Stuck::Wait);
        }
        for when_full in [WhenFull::DropNewest, WhenFull::DropOldest] {
            let mut hand = full(role, when_full);
            // The transport may only just have become full.
            assert_eq!(hand.driver.handle_stuck(), Stuck::Yield);
            assert_eq!(hand.driver.feed(&mut "one more".into()), Ok(false));
            assert_eq!(hand.driver.handle_stuck(), Stuck::Feed);
            let fed = hand.driver.feed(&mut "one more".into());
            assert_eq!(fed.is_ok(), when_full == WhenFull::DropOldest, "{fed:?}");
        }
    }
}

#[test]
fn a_message_for_which_there_will_be_no_room_is_given_back() {
    for role in BOTH {
        let feed = |hand: &mut Hand| {
            let refused = hand.driver.feed(&mut Outgoing::from(String::from("own"))).unwrap_err();
            assert_eq!(refused.message, Some("own".into()));
            refused.error
        };
        let mut broken = full(role, WhenFull::Refuse);
        assert!(matches!(broken.driver.want_write(), Some(Write::Bytes(_))));
        broken.driver.handle_write_error();
        assert_eq!(feed(&mut broken), SendError::Closed);
        let mut late = full(role, WhenFull::Refuse);
        late.driver.handle_timeout(secs(0));
        late.driver.handle_timeout(secs(10));
        assert!(matches!(feed(&mut late), SendError::Full { .. }));
        // Until then, it waits.
        let mut stuck = full(role, WhenFull::Refuse);
        stuck.read(&stuck.by_peer(TEXT, b"x"));
        let mut own = Outgoing::from(String::from("own"));
        assert_eq!(stuck.driver.feed(&mut own), Ok(false));
        assert_eq!(own.into_message(), Some("own".into()));
    }
}
