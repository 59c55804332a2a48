//! RFC 7692, §7.2.3: the examples, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Buf;
use sanswire::extension::{Deflate, DeflateConfig, parse_extensions};
use sanswire::{Config, Connection, ConnectionError, Event, Role};

fn client() -> Connection {
    client_with_limit(Config::default().max_message_size)
}

fn client_with_limit(limit: usize) -> Connection {
    let agreed = parse_extensions([&b"permessage-deflate"[..]]).unwrap();
    let config = DeflateConfig::default().threshold(0);
    let agreed = Deflate::from_agreed(Role::Client, &config, &agreed[0]).unwrap();
    let limited = Config::default().max_message_size(limit);
    Connection::client(&limited, [7; 32]).with_deflate(agreed)
}

/// What a client makes of a server's frames, whole and byte by byte.
fn received(frames: &[&[u8]]) -> Vec<String> {
    let bytes = frames.concat();
    let run = |step: usize| {
        let mut connection = client();
        let mut texts = Vec::new();
        for piece in bytes.chunks(step) {
            connection.input().extend_from_slice(piece);
            while let Some((event, _)) = connection.poll_event().unwrap() {
                let Event::Text(text) = event else { panic!("{event:?}") };
                texts.push(text.to_string());
            }
        }
        texts
    };
    let whole = run(bytes.len());
    assert_eq!(whole, run(1));
    whole
}

#[test]
fn one_block_7_2_3_1() {
    assert_eq!(received(&[b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"]), ["Hello"]);
    assert_eq!(received(&[b"\x41\x03\xf2\x48\xcd", b"\x80\x04\xc9\xc9\x07\x00"]), ["Hello"],);
}

#[test]
fn a_shared_window_7_2_3_2() {
    let first = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(received(&[first, b"\xc1\x05\xf2\x00\x11\x00\x00"]), ["Hello", "Hello"]);
}

#[test]
fn a_block_without_compression_7_2_3_3() {
    let stored = b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
    assert_eq!(received(&[stored]), ["Hello"]);
}

#[test]
fn a_final_block_ends_neither_the_stream_nor_the_window_7_2_3_4() {
    let last = b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
    assert_eq!(received(&[last, last]), ["Hello", "Hello"]);
    // The window is still there for a reference to the first message.
    assert_eq!(received(&[last, b"\xc1\x05\xf2\x00\x11\x00\x00"]), ["Hello", "Hello"]);
}

#[test]
fn two_blocks_7_2_3_5() {
    let two = b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
    assert_eq!(received(&[two]), ["Hello"]);
}

#[test]
fn an_empty_message_7_2_3_6() {
    assert_eq!(received(&[b"\xc1\x01\x00"]), [""]);
    assert_eq!(received(&[b"\xc1\x00"]), [""]);
    assert_eq!(
        received(&[b"\xc1\x01\x00", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"]),
        ["", "Hello"]
    );
}

#[test]
fn a_server_sends_the_bytes_of_the_examples() {
    let agreed = parse_extensions([&b"permessage-deflate"[..]]).unwrap();
    let config = DeflateConfig::default().threshold(0);
    let agreed = Deflate::from_agreed(Role::Server, &config, &agreed[0]).unwrap();
    let mut server = Connection::server(&Config::default()).with_deflate(agreed);
    server.commands().send("Hello").unwrap();
    server.commands().send("Hello").unwrap();
    server.commands().send("").unwrap();
    let output = server.poll_transmit().unwrap();
    let output = output.copy_to_bytes(output.remaining());
    assert_eq!(
        output,
        &b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\xc1\x01\x00"[..]
    );
}

/// A stored block of six bytes, with a block behind it that deflate does not know.
#[test]
fn what_is_wrong_first_is_the_error_however_the_bytes_are_split() {
    let bad_text = b"\xc1\x0c\x00\x06\x00\xf9\xff\x48\xff\x6c\x6c\x6f\x21\x07";
    let no_text = b"\xc1\x0c\x00\x06\x00\xf9\xff\x48\x65\x6c\x6c\x6f\x21\x07";
    // What is beyond the limit is not looked at.
    let late_text = b"\xc1\x0c\x00\x06\x00\xf9\xff\x48\x65\x6c\x6c\x6f\xff\x07";
    for (bytes, limit, expected) in [
        (late_text, 100, ConnectionError::InvalidUtf8),
        (late_text, 5, ConnectionError::MessageTooLarge { limit: 5 }),
        (bad_text, 100, ConnectionError::InvalidUtf8),
        (bad_text, 5, ConnectionError::InvalidUtf8),
        (no_text, 100, ConnectionError::InvalidDeflate),
        (no_text, 5, ConnectionError::MessageTooLarge { limit: 5 }),
    ] {
        for step in [1, bytes.len()] {
            let mut connection = client_with_limit(limit);
            let error = bytes.chunks(step).find_map(|piece| {
                connection.input().extend_from_slice(piece);
                connection.poll_event().err()
            });
            assert_eq!(error, Some(expected), "in pieces of {step}");
        }
    }
}
