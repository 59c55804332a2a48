//! What a compressed message that is not complete pays for, and for how long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;

use sanswire::extension::Takeover;
use sanswire::{Config, ConnectionError, Role};

use crate::support::deflate::{RSV1, RawDeflate, plain_agreed};
use crate::support::{End, frame};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A client with the default times, for messages of 1 MiB.
fn started() -> End {
    let config =
        Config::default().max_message_size(1 << 20).max_frame_size(1 << 20).ping_interval(None);
    let mut end = End::deflating(Role::Client, &config, plain_agreed(Role::Client));
    end.connection.handle_timeout(Duration::ZERO);
    end
}

/// Payload that decompresses to nothing: empty stored blocks.
fn nothing(len: usize) -> Vec<u8> {
    [0, 0, 0, 0xff, 0xff].repeat(len / 5)
}

/// Payload that decompresses to so many bytes.
fn compressed(len: usize) -> Vec<u8> {
    RawDeflate::new(9, 15, Takeover::Keep).segment(&vec![0; len], false)
}

/// When the connection fails, if nothing more comes.
fn end_of(end: &mut End) -> Duration {
    let mut now = Duration::ZERO;
    while end.error.is_none() {
        now = end.connection.poll_timeout().map(Duration::from).unwrap();
        end.connection.handle_timeout(now);
        end.poll();
    }
    assert!(matches!(end.error, Some(ConnectionError::MessageTooSlow { .. })), "{:?}", end.error);
    now
}

#[test]
fn twice_the_size_of_a_message_pays_for_what_it_decompresses_to() {
    for (held, hours) in [(1_usize << 20, 1_u64), (1 << 16, 16)] {
        let message = compressed(held);
        let mut end = started();
        // It pays before anything is held.
        let rest = (2 << 20) - message.len();
        end.receive(&frame(2 | RSV1, &nothing(1 << 20)));
        end.receive(&frame(0, &nothing(rest - (1 << 20))));
        end.receive(&frame(0, &message));
        assert_eq!(end.error, None);
        let (until, paid) = (end_of(&mut end), seconds(hours * 3_600));
        assert!(until > paid * 9 / 10 && until < paid * 11 / 10, "{held}: {until:?}");
    }
}

#[test]
fn each_message_is_free_for_20_s() {
    let message = compressed(1 << 20);
    let mut end = started();
    for round in 0..100 {
        end.connection.handle_timeout(seconds(20 * round));
        end.receive(&frame(2 | RSV1, &message));
        end.connection.handle_timeout(seconds(20 * round + 19));
        end.poll();
        end.receive(&frame(0x80, &[0]));
        assert_eq!(end.error, None, "{round}");
        end.take_output();
    }
    end.connection.handle_timeout(seconds(2_000));
    end.receive(&frame(2 | RSV1, &message));
    let until = end_of(&mut end);
    assert!((seconds(2_020)..seconds(2_024)).contains(&until), "{until:?}");
}
