//! Text is UTF-8 (RFC 6455, §5.6 and §8.1), checked as it arrives.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use sanswire::{Config, Connection, ConnectionError, Reassembly};

use crate::support::{BOTH, CONTINUATION, End, FIN, Got, TEXT, frame, from, outcome, told};

/// Not the beginning of any valid text.
const INVALID: [&[u8]; 26] = [
    b"\x80",
    b"\xbf",
    b"\xc0",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xc3\x28",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xe2\x28\xa1",
    b"\xe2\x82\x28",
    b"\xed\xa0\x80",
    b"\xed\xad\xbf",
    b"\xed\xaf\xbf",
    b"\xed\xb0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x28\x8c\xbc",
    b"\xf0\x90\x28\xbc",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
];

/// Valid, but without its end.
const CUT: [&[u8]; 8] = [
    b"\xc3",
    b"\xe2",
    b"\xe2\x82",
    b"\xf0",
    b"\xf0\x9f",
    b"\xf0\x9f\x98",
    b"\xed\x9f",
    b"\xf4\x8f\xbf",
];

const VALID: [&str; 14] = [
    "",
    "Hello",
    "\0",
    "\u{7f}\u{80}",
    "\u{7ff}\u{800}",
    "\u{d7ff}\u{e000}",
    "\u{fffd}\u{fffe}\u{ffff}",
    "\u{10000}\u{10ffff}",
    "\u{feff}bom",
    "κόσμε",
    "äöüß",
    "日本語",
    "😀😃😄",
    "a\u{301}\u{200d}",
];

/// How many bytes it takes to know that this is no text: slow and obvious.
fn known_after(bytes: &[u8]) -> usize {
    (1..=bytes.len())
        .find(|&len| {
            core::str::from_utf8(&bytes[..len]).is_err_and(|error| error.error_len().is_some())
        })
        .unwrap()
}

#[test]
fn valid_text_is_received_as_it_was_sent() {
    for role in BOTH {
        for text in VALID {
            let bytes = from(role.peer(), &frame(FIN | TEXT, text.as_bytes()));
            outcome(role, &Config::default(), &bytes).assert_got(&[Got::text(text)]);
        }
    }
}

#[test]
fn text_that_is_not_utf8_fails_with_1007() {
    for role in BOTH {
        for invalid in INVALID {
            for (before, after) in [("", ""), ("κόσμε", "edited")] {
                let text = [before.as_bytes(), invalid, after.as_bytes()].concat();
                let bytes = from(role.peer(), &frame(FIN | TEXT, &text));
                let outcome = outcome(role, &Config::default(), &bytes);
                outcome.assert_failed(ConnectionError::InvalidUtf8, 1007);
                assert_eq!(outcome.got, []);
            }
        }
    }
}

#[test]
fn a_text_frame_that_arrives_in_two_reads_is_validated_as_one() {
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | TEXT, b"caf\xc3\x28 and more"));
        for split in 1..bytes.len() {
            let mut end = End::open(role);
            end.feed(&bytes[..split]);
            end.feed(&bytes[split..]);
            assert_eq!((end.error, end.got.len()), (Some(ConnectionError::InvalidUtf8), 0));
        }
        let bytes = from(role.peer(), &frame(FIN | TEXT, "café".as_bytes()));
        for split in 1..bytes.len() {
            let mut end = End::open(role);
            end.feed(&bytes[..split]);
            end.feed(&bytes[split..]);
            assert_eq!(end.got, [Got::text("café")]);
        }
    }
}

#[test]
fn text_that_ends_inside_a_character_fails_with_1007() {
    for role in BOTH {
        for cut in CUT {
            for text in [cut.to_vec(), [b"abc", cut].concat()] {
                let whole = frame(FIN | TEXT, &text);
                let fragmented = [&frame(TEXT, &text)[..], b"\x80\x00"].concat();
                for frames in [whole, fragmented] {
                    outcome(role, &Config::default(), &from(role.peer(), &frames))
                        .assert_failed(ConnectionError::InvalidUtf8, 1007);
                }
            }
        }
    }
}

#[test]
fn an_unfinished_frame_fails_on_its_first_bad_byte() {
    // Held in the receive buffer, and too large to be held.
    for len in [1_000, 100_000] {
        for role in BOTH {
            for invalid in INVALID {
                let text = ["κόσμε ".as_bytes(), invalid].concat();
                let mut frames = frame(FIN | TEXT, &[&text[..], &vec![b'x'; len]].concat());
                let header_len = frames.len() - len - text.len();
                frames.truncate(header_len + text.len());
                let bytes = from(role.peer(), &frames);
                let known = bytes.len() - text.len() + known_after(&text);
                for reassembly in [Reassembly::Messages, Reassembly::Chunks] {
                    let mut end = End::new(role, &Config::default().reassembly(reassembly));
                    for (i, byte) in bytes[..known].iter().enumerate() {
                        assert_eq!(end.error, None, "before byte {i} of {known}");
                        end.feed(&[*byte]);
                    }
                    assert_eq!(end.error, Some(ConnectionError::InvalidUtf8));
                    assert_eq!(end.take_sent(), [(0x88, told(ConnectionError::InvalidUtf8))]);
                }
            }
        }
    }
}

#[test]
fn text_is_refused_at_the_first_bad_byte_not_at_the_end() {
    for role in BOTH {
        let mut bytes =
            from(role.peer(), &frame(TEXT, &[b"ok\xff".as_slice(), &[b'x'; 900]].concat()));
        bytes.truncate(bytes.len() - 900);
        outcome(role, &Config::default(), &bytes).assert_failed(ConnectionError::InvalidUtf8, 1007);
    }
}

#[test]
fn an_unfinished_message_fails_on_its_first_bad_byte() {
    // Autobahn 6.4: fragments, of which the last never comes.
    for role in BOTH {
        for frames in [
            [&frame(TEXT, "κόσμε".as_bytes())[..], &frame(CONTINUATION, b"\xf4\x90")].concat(),
            [&frame(TEXT, b"\xce")[..], &frame(CONTINUATION, b"\xce")].concat(),
            frame(TEXT, b"\xff"),
        ] {
            outcome(role, &Config::default(), &from(role.peer(), &frames))
                .assert_failed(ConnectionError::InvalidUtf8, 1007);
        }
    }
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let text = "aä€😀";
    for role in BOTH {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (a, b, c) = (&text.as_bytes()[..first], first..second, second..);
                let frames = [
                    frame(TEXT, a),
                    frame(CONTINUATION, &text.as_bytes()[b]),
                    frame(FIN | CONTINUATION, &text.as_bytes()[c]),
                ];
                let bytes = from(role.peer(), &frames.concat());
                outcome(role, &Config::default(), &bytes).assert_got(&[Got::text(text)]);
            }
        }
    }
}

#[test]
fn a_character_may_be_split_by_control_frames() {
    let frames = b"\x01\x01\xf0\x89\x01p\x00\x01\x9f\x8a\x00\x00\x01\x98\x89\x00\x80\x01\x80";
    for role in BOTH {
        let outcome = outcome(role, &Config::default(), &from(role.peer(), frames));
        outcome.assert_got(&[Got::ping("p"), Got::pong(""), Got::ping(""), Got::text("😀")]);
    }
}

#[test]
fn each_message_is_a_text_of_its_own() {
    for role in BOTH {
        let frames = b"\x81\x03\xe2\x82\xac\x01\x02\xc3\xa4\x80\x00\x82\x01\xe2\x81\x02\xc3\xa4";
        let got = [Got::text("€"), Got::text("ä"), Got::binary(b"\xe2"), Got::text("ä")];
        outcome(role, &Config::default(), &from(role.peer(), frames)).assert_got(&got);
        // What a text left open is not completed by the next one.
        let frames = b"\x81\x02\xe2\x82\x81\x01\xac";
        outcome(role, &Config::default(), &from(role.peer(), frames))
            .assert_failed(ConnectionError::InvalidUtf8, 1007);
    }
}

#[test]
fn binary_messages_and_control_frames_are_not_checked() {
    let bad = b"\xff\xfe\x80\xc0";
    for role in BOTH {
        let frames = [frame(0x82, bad), frame(0x89, bad), frame(0x8a, bad), frame(0x02, bad)];
        let bytes = from(role.peer(), &[&frames.concat()[..], b"\x80\x01\xff"].concat());
        outcome(role, &Config::default(), &bytes).assert_got(&[
            Got::binary(bad),
            Got::ping(bad),
            Got::pong(bad),
            Got::binary(b"\xff\xfe\x80\xc0\xff"),
        ]);
    }
}

#[test]
fn long_text_is_checked_to_its_last_byte() {
    let text = "κόσμε – 日本語 – 😀 – ".repeat(2_000);
    for role in BOTH {
        let bytes = from(role.peer(), &frame(FIN | TEXT, text.as_bytes()));
        let mut end = End::open(role);
        for piece in bytes.chunks(1_001) {
            end.feed(piece);
        }
        assert_eq!(end.error, None);
        assert!(end.got == [Got::text(&text)]);

        let mut bad = text.clone().into_bytes();
        *bad.last_mut().unwrap() = 0xff;
        let mut end = End::open(role);
        end.receive(&frame(FIN | TEXT, &bad));
        assert_eq!((end.error, end.got.len()), (Some(ConnectionError::InvalidUtf8), 0));
    }
}

#[test]
fn a_byte_order_mark_belongs_to_the_text() {
    for role in BOTH {
        let bytes = from(role.peer(), b"\x81\x04\xef\xbb\xbfa");
        outcome(role, &Config::default(), &bytes).assert_got(&[Got::text("\u{feff}a")]);
    }
}

/// The beginning of a frame that is large enough to be held: its header, and `beginning`.
fn begun(first: u8, beginning: &[u8]) -> Vec<u8> {
    let header = frame(first, &[b'a'; LEN]);
    [&header[..header.len() - LEN], beginning].concat()
}

const LEN: usize = 5_000;

/// What has arrived of a text is validated; what comes instead of its rest is none of it.
#[test]
fn bytes_put_in_the_place_of_validated_ones_are_not_text() {
    let (message, fragment) = (begun(FIN | TEXT, b"aaaa"), begun(FIN | CONTINUATION, b"aaaa"));
    for frames in [&[&message[..]][..], &[b"\x01\x01a", &fragment]] {
        let (mut one, mut other) = (client(), client());
        for frame in frames {
            wait(&mut one, frame);
            wait(&mut other, frame);
        }
        // The input of one cannot take the place of the other's: it is swapped with all that is
        // known of it, and what is lent leads to the same place whatever it is called.
        core::mem::swap(&mut one, &mut other);
        let (mut input, mut its_input) = (one.input(), other.input());
        core::mem::swap(&mut input, &mut its_input);
        its_input.extend_from_slice(b"\xff\xff\xff\xff");
        its_input.extend_from_slice(&[b'a'; LEN - 8]);
        input.extend_from_slice(&[b'a'; LEN - 4]);
        assert_eq!(one.poll_event().unwrap_err(), ConnectionError::InvalidUtf8);
        let text = other.poll_event().unwrap().and_then(|(event, _)| event.into_message()).unwrap();
        assert_eq!(text.as_text().unwrap().len(), LEN + frames.len() - 1);
    }
}

/// The same, when both wait for as much, but one of them behind half a character.
#[test]
fn bytes_that_continued_another_text_do_not_begin_one() {
    let (mut one, mut other) = (client(), client());
    wait(&mut one, b"\x01\x02\xe2\x82");
    wait(&mut one, &begun(FIN | CONTINUATION, b"\xacaaa"));
    wait(&mut other, &begun(FIN | TEXT, b""));
    core::mem::swap(&mut one, &mut other);
    one.input().extend_from_slice(b"\xacaaa");
    one.input().extend_from_slice(&[b'a'; LEN - 4]);
    assert_eq!(one.poll_event().unwrap_err(), ConnectionError::InvalidUtf8);
    other.input().extend_from_slice(&[b'a'; LEN - 4]);
    let text = other.poll_event().unwrap().and_then(|(event, _)| event.into_message()).unwrap();
    assert_eq!(text.as_text().unwrap(), format!("\u{20ac}{}", "a".repeat(LEN - 1)));
}

fn client() -> Connection {
    Connection::client(&Config::default(), [7; 32])
}

/// Delivers a part of a message, of which nothing is seen.
fn wait(connection: &mut Connection, bytes: &[u8]) {
    connection.input().extend_from_slice(bytes);
    assert!(connection.poll_event().unwrap().is_none());
}
