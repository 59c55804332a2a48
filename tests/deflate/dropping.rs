//! Messages that make room for newer ones where compression remembers earlier ones: what is dropped
//! was never compressed, or the peer's window would miss it.

use core::num::NonZeroUsize;

use sanswire::{Config, Prepared, Role, WhenFull};

use crate::support::deflate::plain_agreed;
use crate::support::{BOTH, End, Got, Random};

/// Text that compresses well against what was sent before it.
fn text(i: usize, len: usize) -> String {
    format!("{i}: ").repeat(len / 4 + 1)
}

#[test]
fn a_dropped_message_is_not_missed_by_the_peers_window() {
    for role in BOTH {
        for fragment_size in [0, 50, 1_000] {
            let near = Config::default()
                .max_buffered(5_000)
                .low_water(1_000)
                .when_full(WhenFull::DropOldest)
                .fragment_size(NonZeroUsize::new(fragment_size));
            let mut end = End::deflating(role, &near, plain_agreed(role));
            let peer = if role == Role::Client { Role::Server } else { Role::Client };
            let mut far = End::deflating(peer, &Config::default(), plain_agreed(peer));
            let mut random = Random::new(fragment_size as u64);
            let mut sent = Vec::new();
            for i in 0..500 {
                let message = text(i, random.below(2_000));
                let mut commands = end.connection.commands();
                match random.below(4) {
                    0 => commands.send_uncompressed(&message).unwrap(),
                    1 => commands.send(&Prepared::text(&message)).unwrap(),
                    _ => commands.send(&message).unwrap(),
                }
                sent.push(message);
                if random.below(3) == 0 {
                    far.feed(&end.take_some(300));
                }
            }
            far.feed(&end.take_output());
            assert_eq!(far.error, None);
            let got = far.take_got();
            assert!((50..450).contains(&got.len()), "{}", got.len());
            let mut rest = sent.iter();
            for got in &got {
                let Got::Text(got) = got else { panic!("{got:?}") };
                assert!(rest.any(|sent| sent == got));
            }
            assert_eq!(got.last(), sent.last().map(|sent| Got::text(sent)).as_ref());
            let left: usize = sent.iter().map(String::len).sum::<usize>()
                - got
                    .iter()
                    .map(|got| if let Got::Text(got) = got { got.len() } else { 0 })
                    .sum::<usize>();
            assert_eq!(end.connection.poll_discarded().map(|d| d.bytes), Some(left as u64));
        }
    }
}
