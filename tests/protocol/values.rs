//! Texts, payloads and messages as values: compared with strings and bytes, printed, made of what
//! an application has and turned back into it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::{Buf, Bytes};
use sanswire::{
    CloseCode, CloseReason, Config, Connection, Event, Message, Outgoing, Payload, Prepared,
    SendError, SpareBuffers, Text, Utf8Bytes, WhenFull,
};

/// Lends the only event of a client that has received `frame`.
fn lent<R>(frame: &[u8], look: impl FnOnce(Event<'_>) -> R) -> R {
    let mut connection = Connection::client(&Config::default(), [7; 32]);
    connection.input().extend_from_slice(frame);
    let (event, _) = connection.poll_event().unwrap().unwrap();
    look(event)
}

#[test]
fn a_lent_text_compares_with_strings_and_is_printed_as_one() {
    let owned = String::from("hello");
    lent(b"\x81\x05hello", |event| {
        let Event::Text(text) = event else { unreachable!("{event:?}") };
        assert_eq!([text == *"hello", text == "hello", text == owned], [true; 3]);
        assert_eq!([*"hello" == text, "hello" == text, owned == text], [true; 3]);
        let (same, other) = (Text::from("hello"), Text::from("other"));
        assert!(text == same && text != other && text != "other");
        assert_eq!(format!("{text:>6} {text:?}"), " hello \"hello\"");
        assert_eq!(text.as_ref() as &str, "hello");
        assert_eq!(String::from(text), "hello");
    });
    lent(b"\x81\x05hello", |event| {
        let Event::Text(text) = event else { unreachable!("{event:?}") };
        assert_eq!(Utf8Bytes::from(text), "hello");
    });
    assert_eq!(Text::from(String::from("hello")), Text::from("hello"));
}

#[test]
fn a_lent_payload_compares_with_bytes() {
    lent(b"\x82\x03\x01\x02\x03", |event| {
        let Event::Binary(payload) = event else { unreachable!("{event:?}") };
        let (same, other) = (Payload::from(vec![1, 2, 3]), Payload::from(vec![1, 2]));
        assert!(payload == [1, 2, 3] && payload == vec![1, 2, 3] && payload == [1, 2, 3][..]);
        assert!(payload == same && payload != other && payload != [1, 2]);
        assert_eq!(format!("{payload:?}"), "[1, 2, 3]");
        assert_eq!(Vec::from(payload), [1, 2, 3]);
    });
    lent(b"\x82\x03\x01\x02\x03", |event| {
        let Event::Binary(payload) = event else { unreachable!("{event:?}") };
        assert_eq!(Bytes::from(payload), &[1, 2, 3][..]);
    });
    let copied = Payload::from(&[1, 2, 3][..]);
    assert_eq!((Vec::from(copied), Vec::from(Payload::from(vec![4]))), (vec![1, 2, 3], vec![4]));
}

#[test]
fn an_owned_text_compares_with_strings_and_is_printed_as_one() {
    let (text, owned) = (Utf8Bytes::from("hello"), String::from("hello"));
    assert_eq!([text == *"hello", text == "hello", text == owned], [true; 3]);
    assert_eq!([*"hello" == text, "hello" == text, owned == text], [true; 3]);
    assert!(text != "other");
    assert_eq!(format!("{text:>6} {text:?}"), " hello \"hello\"");
}

#[test]
fn a_string_goes_in_and_comes_back_without_a_copy() {
    for len in [1, 100, 10_000] {
        let string = "x".repeat(len);
        let at = string.as_ptr();
        let text = Utf8Bytes::from(string);
        assert_eq!(text.as_ptr(), at);
        let string = String::from(Text::from(text));
        assert_eq!((string.as_ptr(), string.len()), (at, len));
        let message = Message::text(string);
        assert_eq!(message.as_bytes().as_ptr(), at);
    }
    // What somebody else holds stays there.
    let text = Utf8Bytes::from("shared");
    let other = text.clone();
    let string = String::from(text);
    assert_ne!(string.as_ptr(), other.as_ptr());
    assert_eq!(other, "shared");
    assert_eq!(String::from(Utf8Bytes::from_static("static")), "static");
}

/// Messages made of these bytes, in each way in which memory is handed over.
fn made_of(bytes: impl Fn() -> Vec<u8>) -> [Message; 4] {
    let string = || String::from_utf8(bytes()).unwrap();
    [
        Message::binary(bytes()),
        Message::from(bytes()),
        Message::text(string()),
        Message::from(string()),
    ]
}

#[test]
fn a_message_does_not_hold_memory_that_is_not_used() {
    let bytes = || {
        let mut bytes = Vec::with_capacity(10_000);
        bytes.extend_from_slice(b"hello");
        bytes
    };
    for message in made_of(bytes) {
        assert_eq!(message.as_bytes(), b"hello");
        assert!(Vec::from(message.into_bytes()).capacity() < 100);
    }
}

#[test]
fn a_message_of_whose_memory_half_is_used_is_left_where_it_is() {
    let bytes = || {
        let mut bytes = Vec::with_capacity(1000);
        bytes.resize(bytes.capacity() / 2, b'x');
        bytes
    };
    for message in made_of(bytes) {
        assert!(Vec::from(message.into_bytes()).capacity() >= 1000);
    }
}

#[test]
fn a_value_is_turned_into_what_it_holds() {
    let text = Utf8Bytes::from("h\u{e9}llo");
    let (string, bytes): (&str, &[u8]) = (text.as_ref(), text.as_ref());
    assert_eq!((string, bytes), ("h\u{e9}llo", &b"h\xc3\xa9llo"[..]));
    assert_eq!(Bytes::from(text), &b"h\xc3\xa9llo"[..]);
    assert_eq!(u16::from(CloseCode::GOING_AWAY), 1001);
}

#[test]
fn a_message_is_empty_if_its_payload_is() {
    assert_eq!((Message::text("a").as_text(), Message::binary("a").as_text()), (Some("a"), None));
    assert!(Message::text("").is_empty() && Message::binary(vec![]).is_empty());
    assert!(!Message::text("x").is_empty() && !Message::binary(vec![0]).is_empty());
    assert!(Prepared::text("").is_empty() && !Prepared::text("x").is_empty());
}

#[test]
fn a_binary_message_takes_bytes_as_they_are() {
    let bytes = vec![7; 1000];
    let at = bytes.as_ptr();
    let message = Message::binary(bytes);
    assert_eq!((message.as_bytes().as_ptr(), message.len()), (at, 1000));
    let Message::Binary(shared) = message else { unreachable!() };
    let part = Message::binary(shared.slice(..10));
    assert_eq!((part.as_bytes().as_ptr(), part.len()), (at, 10));
    assert_eq!(Message::binary(Bytes::from_static(b"static")).as_bytes(), b"static");
    assert_eq!(Message::text("text"), Message::from("text"));
}

#[test]
fn what_can_be_sent_gives_back_a_message_that_it_owns_or_shares() {
    let message = Message::text("message");
    assert_eq!(Outgoing::from("borrowed").into_message(), None);
    assert_eq!(Outgoing::from(&message).into_message(), Some(message.clone()));
    let mut outgoing = Outgoing::from(message.clone());
    let offered = outgoing.offer().into_message();
    assert_eq!(offered, Some(message.clone()));
    outgoing.put_back(offered);
    assert_eq!(outgoing.into_message(), Some(message));
}

#[test]
fn the_debug_output_of_a_connection_has_no_content_of_messages() {
    let mut connection = Connection::client(&Config::default(), [7; 32]);
    connection.input().extend_from_slice(b"secret");
    assert_eq!(format!("{:?}", connection.input()), "Input { len: 6, .. }");
    let mut commands = connection.commands();
    assert_eq!(format!("{commands:?}"), "Commands { ready_state: Open, .. }");
    commands.send("secret").unwrap();
    let output = connection.poll_transmit().unwrap();
    assert_eq!(format!("{output:?}"), "TransmitBuf { len: 12, .. }");
    assert_eq!(format!("{:?}", SpareBuffers::default()), "SpareBuffers { .. }");
    let prepared = format!("{:?}", Prepared::text("secret"));
    assert!(prepared.starts_with("Prepared {") && !prepared.contains("secret"), "{prepared}");
}

#[test]
fn close_reasons_are_equal_if_they_make_the_same_of_every_error() {
    let (one, other) =
        (CloseReason::Custom(|_| "one".into()), CloseReason::Custom(|_| "other".into()));
    assert!(one == one && one != other && one != CloseReason::Error);
    assert!(CloseReason::Error == CloseReason::Error && CloseReason::Error != CloseReason::None);
    assert!(CloseReason::None == CloseReason::None && CloseReason::None != one);
}

#[test]
fn an_event_is_made_of_a_message_for_the_test_of_a_handler() {
    for message in [Message::text("text"), Message::binary(vec![1, 2])] {
        assert_eq!(Event::from(message.clone()).into_message(), Some(message));
    }
}

#[test]
fn the_codes_that_iana_has_registered_have_names() {
    for (code, number) in
        [(CloseCode::UNAUTHORIZED, 3000), (CloseCode::FORBIDDEN, 3003), (CloseCode::TIMEOUT, 3008)]
    {
        assert_eq!(code.as_u16(), number);
        assert!(code.is_allowed_on_the_wire());
    }
}

/// A refusal gives back what is shared or owned; what is lent is still there.
#[test]
fn what_may_be_sent_is_given_back_if_it_is_not_lent() {
    let (string, text, bytes) = (String::from("a"), Utf8Bytes::from("a"), Bytes::from_static(b"a"));
    let (vector, lent_text) = (vec![b'a'], Text::from("a"));
    let (of_text, of_bytes) = (Message::text("a"), Message::binary(bytes.clone()));
    let payload = || Payload::from(vec![b'a']);
    type Case<'a> = (&'a dyn Fn() -> Outgoing<'a>, &'a Message, bool);
    let cases: [Case<'_>; 13] = [
        (&|| "a".into(), &of_text, false),
        (&|| (&string).into(), &of_text, false),
        (&|| (&lent_text).into(), &of_text, false),
        (&|| (&text).into(), &of_text, true),
        (&|| (&of_text).into(), &of_text, true),
        (&|| string.clone().into(), &of_text, true),
        (&|| text.clone().into(), &of_text, true),
        (&|| (&vector).into(), &of_bytes, false),
        (&|| (&bytes).into(), &of_bytes, true),
        (&|| (&of_bytes).into(), &of_bytes, true),
        (&|| vector.clone().into(), &of_bytes, true),
        (&|| payload().into(), &of_bytes, true),
        (&|| bytes.clone().into(), &of_bytes, true),
    ];
    for (number, (make, message, is_kept)) in cases.into_iter().enumerate() {
        let kept = is_kept.then_some(message);
        assert_eq!(make().into_message().as_ref(), kept, "{number}");
        let mut connection = Connection::server(&Config::default().max_buffered(1));
        connection.commands().send(make()).unwrap();
        let refused = connection.commands().send(make()).unwrap_err();
        assert!(matches!(refused.error, SendError::Full { .. }), "{number}");
        assert_eq!(refused.message.as_ref(), kept, "{number}");
        let len = if is_kept { "Some(1)" } else { "None" };
        assert!(format!("{refused:?}").ends_with(&format!("message_len: {len} }}")), "{refused:?}");
        let output = connection.poll_transmit().unwrap();
        let opcode = 0x80 | message.kind().opcode() as u8;
        assert_eq!(output.chunk(), [opcode, 1, b'a'], "{number}");
    }
}

#[test]
fn an_event_that_is_owned_is_the_same() {
    let config = Config::default().max_buffered(10).when_full(WhenFull::DropNewest);
    let mut connection = Connection::server(&config);
    connection.commands().send("0123456789").unwrap();
    connection.commands().send("dropped").unwrap_err();
    let output = connection.poll_transmit().unwrap();
    output.advance(output.remaining());
    let (event, _) = connection.poll_event().unwrap().unwrap();
    let Event::Writable(writable) = event.into_owned() else { panic!("another event") };
    assert_eq!((writable.dropped_messages, writable.dropped_bytes), (1, 7));
    let mut connection = Connection::client(&Config::default(), [7; 32]);
    connection.input().extend_from_slice(b"\x88\x02\x03\xe8");
    let closed = loop {
        match connection.poll_event().unwrap() {
            Some((event, _)) => break event.into_owned(),
            None => connection.handle_eof(),
        }
    };
    let Event::Closed(closed) = closed else { panic!("another event") };
    assert_eq!((closed.code.as_u16(), Some(closed)), (1000, connection.closed()));
}

#[test]
fn a_close_is_printed_with_who_began_it_and_why() {
    let by_peer = |frame: &[u8]| {
        let mut connection = Connection::client(&Config::default(), [7; 32]);
        connection.input().extend_from_slice(frame);
        while let Ok(Some((event, _))) = connection.poll_event() {
            drop(event);
        }
        connection.handle_eof();
        while let Ok(Some(_)) = connection.poll_event() {}
        connection.closed().unwrap().to_string()
    };
    assert_eq!(by_peer(b"\x88\x00"), "closed by the peer without a code");
    assert_eq!(by_peer(b"\x88\x02\x03\xe8"), "closed by the peer with 1000");
    assert_eq!(by_peer(b"\x88\x03\x03\xf3\n"), "closed by the peer with 1011: \"\\n\"");
    assert_eq!(by_peer(b""), "ended by the peer without a Close frame");
    // A reserved opcode: this end fails the connection.
    assert_eq!(by_peer(b"\x83\x00"), "ended by this end without a Close frame");
    let mut connection = Connection::client(&Config::default(), [7; 32]);
    connection.commands().close(1000, "").unwrap();
    connection.input().extend_from_slice(b"\x88\x02\x03\xe8");
    while let Ok(Some(_)) = connection.poll_event() {}
    let closed = connection.closed().unwrap();
    assert_eq!(closed.to_string(), "closed by this end with 1000");
}
