//! What is kept for a peer that is away takes as much memory as it counts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::num::NonZeroUsize;
use core::time::Duration;

use bytes::Bytes;
use sanswire::delivery::{Limits, Session, SessionId};
use sanswire::reconnect::{Outbox, Policy, Supervisor};
use sanswire::{Config, Connection, ConnectionError, Message, Role, WhenFull};

use crate::heap::{heap_of, signed};
use crate::support::{BINARY, FIN, TEXT, frame, from};

/// What a message may take besides its bytes: its place in a queue that has room for as many again,
/// and what shared bytes need when they are shared.
const OVERHEAD: usize = 200;

/// Messages with memory behind them that does not show.
struct Source {
    name: &'static str,
    message: fn() -> Message,
}

const SOURCES: [Source; 5] = [
    Source { name: "received, binary", message: || received(BINARY) },
    Source { name: "received, text", message: || received(TEXT) },
    Source {
        name: "a part",
        message: || Bytes::from(vec![7; 100_000]).slice(50_000..52_048).into(),
    },
    Source {
        name: "bytes with room",
        message: || {
            let mut bytes = Vec::with_capacity(100_000);
            bytes.resize(2_048, 7);
            bytes.into()
        },
    },
    Source {
        name: "text with room",
        message: || {
            let mut text = String::with_capacity(100_000);
            text.extend(core::iter::repeat_n('x', 2_048));
            text.into()
        },
    },
];

/// One frame in the buffer of a socket's read, as at the beginning of a connection.
fn received(opcode: u8) -> Message {
    received_of(opcode, 2_048)
}

fn received_of(opcode: u8, len: usize) -> Message {
    let mut connection = Connection::server(&Config::default());
    let _ = connection.input().spare_mut();
    let bytes = from(Role::Client, &frame(FIN | opcode, &vec![b'x'; len]));
    connection.input().extend_from_slice(&bytes);
    connection.poll_event().unwrap().unwrap().0.into_message().unwrap()
}

#[test]
fn a_session_takes_as_much_memory_as_it_counts() {
    for Source { name, message } in SOURCES {
        let mut session = Session::new(SessionId::new([1; 16]).unwrap(), Limits::default());
        let heap = heap_of(|| while session.send(message()).is_ok() {});
        let counted = session.buffered_amount() + OVERHEAD * session.buffered_messages();
        assert_eq!(session.buffered_messages(), 512, "{name}");
        assert!(heap.live <= signed(counted), "{name}: {heap:?}, counted {counted}");

        // As read from a file, in one piece.
        let file = Bytes::from(vec![7; 1 << 20]);
        let mut snapshot = session.snapshot();
        drop(session);
        snapshot.unacknowledged = vec![file.slice(..10).into(), file.slice(20..30).into()];
        let mut restored = None;
        let heap = heap_of(|| {
            restored = Some(Session::restore(snapshot, Limits::default()).unwrap());
            drop(file);
        });
        assert!(heap.live < -(1 << 20) + 1_000, "{heap:?}");
        assert_eq!(restored.unwrap().buffered_amount(), 20);
    }
}

#[test]
fn an_offline_queue_takes_as_much_memory_as_it_counts() {
    for Source { name, message } in SOURCES {
        let outbox = Outbox::queue(1_024, 1 << 20);
        let mut client = Supervisor::<ConnectionError>::new(Policy::default(), [7; 32], outbox);
        client.start(Duration::ZERO);
        let heap = heap_of(|| while client.try_send(message()).is_ok() {});
        let counted = client.buffered_amount() + OVERHEAD * client.buffered_messages();
        assert_eq!(client.buffered_messages(), 512, "{name}");
        assert!(heap.live <= signed(counted), "{name}: {heap:?}, counted {counted}");
    }
}

#[test]
fn an_output_takes_at_most_twice_what_it_counts() {
    for when_full in [WhenFull::DropOldest, WhenFull::Refuse] {
        for fragment_size in [0, 1_000] {
            for len in [100, 2_048, 5_000, 9_000, 15_000, 40_000] {
                let sources: [fn(usize) -> Message; 3] = [
                    |len| received_of(BINARY, len),
                    |len| received_of(TEXT, len),
                    |len| {
                        let mut bytes = Vec::with_capacity(200_000);
                        bytes.resize(len, 7);
                        bytes.into()
                    },
                ];
                for message in sources {
                    let config = Config::default()
                        .fragment_size(NonZeroUsize::new(fragment_size))
                        .when_full(when_full);
                    let mut connection = Connection::server(&config);
                    let limit = config.max_buffered;
                    let heap =
                        heap_of(|| while connection.commands().try_send(message(len)).is_ok() {});
                    // Packed bytes have room for as many again.
                    let most = signed(2 * limit + 4 * len + 40_000);
                    assert!(heap.live <= most, "{when_full:?} {fragment_size} {len}: {heap:?}");
                }
            }
        }
    }
}
