//! An open connection: what the peer did wrong, which limits it passed, what took too long.

use core::time::Duration;

use sanswire::{Config, ConnectionError, PingWhen, Role, Timestamp, WhenFull};

use crate::support::deflate::plain_agreed;
use crate::support::{BINARY, CLOSE, CONTINUATION, End, FIN, PING, TEXT, frame};
use crate::table::{NOTHING, Table};

pub(crate) fn all(table: &mut Table) {
    table.group(
        "An open connection",
        "From `poll_event`, `recv` and `run`. The connection has failed. The Close frame that tells \
         the peer why is queued, and the adapters write it. Most of these are faults of the peer's \
         WebSocket implementation: log them, and report them to its authors.",
    );
    for (frames, cause) in [
        (
            frame(FIN | 0x40 | TEXT, b""),
            "a frame is marked as compressed, and no extension is in use",
        ),
        (frame(FIN | 3, b""), "a frame has an opcode that RFC 6455 does not define"),
        (vec![0x82, 126, 0, 5], "a length is written in more bytes than it needs"),
        (vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], "a length is over 2^63"),
        (frame(PING, b""), "a Ping, Pong or Close comes in fragments"),
        (vec![0x89, 126, 0, 126], "a Ping, Pong or Close is over 125 bytes"),
        (frame(FIN | CONTINUATION, b""), "a fragment comes, and no message has begun"),
        (
            [frame(TEXT, b"a"), frame(FIN | BINARY, b"")].concat(),
            "a message begins between the fragments of another",
        ),
        (frame(FIN | CLOSE, &[3]), "a Close frame has half of a code"),
        (frame(FIN | CLOSE, &[3, 0xed]), "a Close frame has a code that is never sent"),
    ] {
        let mut end = End::open(Role::Client);
        end.feed(&frames);
        failed(table, end, cause, "fix the peer");
    }
    let mut end = End::open(Role::Server);
    end.feed(&frame(FIN | TEXT, b"a"));
    failed(table, end, "a client sends a frame without a mask", "fix the peer");
    let mut end = End::open(Role::Client);
    end.feed(&[0x81, 0x81, 0, 0, 0, 0, b'a']);
    failed(table, end, "a server sends a frame with a mask", "fix the peer");
    let mut end = End::open(Role::Server);
    end.receive(&frame(FIN | TEXT, b"\xff"));
    failed(table, end, "a text or a close reason is not UTF-8", "have the peer send binary");
    let mut end = deflating();
    end.receive(&frame(FIN | 0x40 | BINARY, b"\xff\xff"));
    failed(table, end, "a compressed message is damaged", "fix the peer, or use no compression");
    limits(table);
    timeouts(table);
}

fn limits(table: &mut Table) {
    let config = Config::default().max_frame_size(16);
    let mut end = End::new(Role::Server, &config);
    end.receive(&frame(FIN | BINARY, &[0; 17]));
    failed(table, end, "a frame is too large", "raise the limit, or have the peer send less");
    let config = Config::default().max_message_size(16);
    let mut end = End::new(Role::Server, &config);
    end.receive(&[frame(BINARY, &[0; 9]), frame(FIN, &[0; 9])].concat());
    let remedy = "raise the limit and that of frames, or take chunks (`Reassembly::Chunks`)";
    failed(table, end, "a message is too large, over all its fragments", remedy);
    let mut end = End::new(Role::Server, &Config::default().max_fragments(4));
    end.receive(&frame(BINARY, b""));
    while end.error.is_none() {
        end.receive(&frame(CONTINUATION, b"a"));
    }
    failed(table, end, "a message comes in very many small fragments", "raise the limit");
    let mut end = deflating();
    end.receive(&frame(FIN | 0x40 | BINARY, &[3, 0].repeat(1_100)));
    let remedy = "none: no compressor does this, it is an attack";
    failed(table, end, "a compressed message ends and begins anew too often", remedy);
    let mut end = End::new(
        Role::Server,
        &Config::default().max_buffered(100).when_full(WhenFull::Close(1008.into())),
    );
    end.send([7; 200].as_slice()).unwrap();
    end.send("more").unwrap_err();
    // What waits is written, and the Close behind it.
    let remedy = "let the client reconnect; send less, or raise the limit";
    failed(table, end, "the peer reads too slowly (`WhenFull::Close`)", remedy);
}

fn timeouts(table: &mut Table) {
    let quiet = || Config::default().ping_interval(None);
    let mut end = End::new(Role::Server, &quiet());
    end.connection.commands().close(1000, "").unwrap();
    end.take_output();
    wait(&mut end, true);
    failed(table, end, "the peer does not answer a close", "drop the socket");
    let mut end = End::new(Role::Server, &quiet().idle_timeout(secs(60)));
    wait(&mut end, true);
    failed(
        table,
        end,
        "no message comes or goes for too long",
        "reconnect when there is something to say",
    );
    let mut end = End::new(Role::Server, &quiet().message_timeout(secs(3)));
    end.receive(&frame(TEXT, b"beginning"));
    wait(&mut end, true);
    failed(
        table,
        end,
        "a message begins and does not end in time",
        "raise the limit for slow peers",
    );
    let mut end = End::new(Role::Server, &quiet().hold_timeout(secs(1)));
    end.receive(&frame(BINARY, &[0; 8000]));
    wait(&mut end, true);
    failed(
        table,
        end,
        "a message takes memory and does not go on",
        "raise the limit, or take chunks",
    );
    let mut end = End::new(Role::Server, &Config::default().ping_when(PingWhen::Always));
    wait(&mut end, true);
    failed(table, end, "a Ping is not answered: the peer or the way to it is dead", "reconnect");
    let mut end = End::new(Role::Server, &quiet());
    end.send("stuck").unwrap();
    wait(&mut end, false);
    failed(table, end, "the peer takes nothing more", "reconnect; send less");
    let mut end = End::open(Role::Client);
    end.eof();
    failed(
        table,
        end,
        "the peer breaks off without a Close frame",
        "reconnect; look at the peer's log",
    );
}

fn deflating() -> End {
    End::deflating(Role::Server, &Config::default(), plain_agreed(Role::Server))
}

/// Lets time pass until the connection fails; writes what is to be written, or does not.
fn wait(end: &mut End, writes: bool) {
    let mut now = Timestamp::from(secs(1));
    end.connection.handle_timeout(now);
    while end.error.is_none() {
        if writes {
            end.take_output();
        }
        // What has failed is known when all that arrived was looked at.
        end.poll();
        let Some(next) = end.connection.poll_timeout() else { break };
        now = now.max(next);
        end.connection.handle_timeout(now);
        end.poll();
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn failed(table: &mut Table, mut end: End, cause: &'static str, remedy: &'static str) {
    end.poll();
    let error: ConnectionError = end.error.unwrap_or_else(|| panic!("{cause}: {:?}", end.got));
    let close = end.take_frames().into_iter().rfind(|frame| frame.opcode() == CLOSE);
    let told = match close.as_ref().map(|close| &*close.payload) {
        Some([high, low, reason @ ..]) if end.connection.closed().is_some() => {
            let (code, reason) =
                (u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason));
            assert_eq!(error.close_code(), code);
            assert!(reason.len() <= 123 && reason == error.close_reason(), "{reason}");
            format!("{code} {reason}")
        }
        _ => NOTHING.into(),
    };
    table.variant("ConnectionError", &error, cause, told, remedy);
}
