//! The examples of RFC 6455, §5.7, received and sent.

use sanswire::{Config, MessageKind, Role};

use crate::support::{self, End, FIN, Frame, Got, PING, TEXT, outcome, parse};

#[test]
fn a_single_frame_unmasked_text_message_is_received_and_sent() {
    let bytes = b"\x81\x05\x48\x65\x6c\x6c\x6f";
    outcome(Role::Client, &Config::default(), bytes).assert_got(&[Got::text("Hello")]);

    let mut server = End::open(Role::Server);
    server.connection.commands().send("Hello").unwrap();
    assert_eq!(server.take_output(), bytes);
}

#[test]
fn a_single_frame_masked_text_message_is_received() {
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    outcome(Role::Server, &Config::default(), bytes).assert_got(&[Got::text("Hello")]);
}

#[test]
fn a_client_sends_the_masked_form() {
    let mut client = End::open(Role::Client);
    client.connection.commands().send("Hello").unwrap();
    let bytes = client.take_output();
    assert_eq!(bytes.len(), 11);
    assert_eq!(bytes[..2], *b"\x81\x85");
    let key = &bytes[2..6];
    let masked: Vec<u8> = b"Hello".iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
    assert_eq!(bytes[6..], masked);
}

#[test]
fn a_fragmented_unmasked_text_message_is_received_and_sent() {
    let bytes = b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f";
    outcome(Role::Client, &Config::default(), bytes).assert_got(&[Got::text("Hello")]);

    let config = Config::default().fragment_size(3.try_into().ok());
    let mut server = End::new(Role::Server, &config);
    server.connection.commands().send("Hello").unwrap();
    assert_eq!(server.take_output(), bytes);
}

#[test]
fn an_unmasked_ping_is_received_and_answered_with_its_body() {
    let bytes = b"\x89\x05\x48\x65\x6c\x6c\x6f";
    let outcome = outcome(Role::Client, &Config::default(), bytes);
    outcome.assert_got(&[Got::ping("Hello")]);
    assert_eq!(outcome.sent, [(0x8a, b"Hello".to_vec())]);

    let mut server = End::open(Role::Server);
    server.connection.commands().ping(b"Hello").unwrap();
    assert_eq!(server.take_output(), bytes);
}

#[test]
fn a_masked_pong_is_received() {
    let bytes = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let outcome = outcome(Role::Server, &Config::default(), bytes);
    outcome.assert_got(&[Got::pong("Hello")]);
    assert_eq!(outcome.sent, []);
}

#[test]
fn binary_messages_of_256_and_65_536_bytes_have_longer_lengths() {
    let headers: [(&[u8], usize); 2] =
        [(b"\x82\x7e\x01\x00", 256), (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65_536)];
    for (header, len) in headers {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let bytes = [header, &payload].concat();
        let outcome = outcome(Role::Client, &Config::default(), &bytes);
        outcome.assert_got(&[Got::binary(&payload)]);

        let mut server = End::open(Role::Server);
        server.connection.commands().send(&payload).unwrap();
        assert!(server.take_output() == bytes, "{len} bytes sent");
        server.connection.commands().begin(MessageKind::Binary).unwrap();
        server.connection.commands().send_chunk(&payload).unwrap();
        assert_eq!(server.take_output()[1..header.len()], header[1..]);
    }
}

#[test]
fn the_oracle_knows_the_examples_too() {
    let text = |first, key| Frame { first, key, payload: b"Hello".to_vec() };
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(parse(masked), (vec![text(FIN | TEXT, Some(support::KEY))], &b""[..]));
    assert_eq!(support::masked(b"\x81\x05Hello"), masked);
    assert_eq!(support::masked(b"\x81\x05Hel"), masked[..9]);
    assert_eq!(support::frame(FIN | PING, b"Hello"), b"\x89\x05\x48\x65\x6c\x6c\x6f");
    assert_eq!(parse(b"\x89\x05Hello\x81\x05Hell").1, b"\x81\x05Hell");
}
