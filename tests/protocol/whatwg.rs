//! The WHATWG `WebSocket` interface (standard of 14 July 2025): its constructor, `send()`,
//! `close()`, `bufferedAmount`, states and events.
//!
//! The number before each group is that of the requirement; `tests/browser/whatwg.txt` has the same
//! ones, and what a page can see of them is compared with a browser there.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use core::time::Duration;

use bytes::Buf;
use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::handshake::{ClientRequest, HandshakeError};
use sanswire::whatwg::{DomEvent, DomException, Failure, WebSocketObject};
use sanswire::{
    AfterClose, CloseCode, Config, ConnectionError, Message, PongMode, ReadyState, Reassembly,
    Role, WhenFull,
};

use crate::support::{Frame, Random, invalid_header, parse, sent_by, told};

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// A socket, what was written and what fired, with the state that was to be seen then.
struct Page {
    socket: WebSocketObject,
    fired: Vec<(DomEvent, ReadyState)>,
    written: Vec<u8>,
}

impl Page {
    fn with(request: &ClientRequest, config: &Config) -> Self {
        let socket = WebSocketObject::new(request, config, *b"the sample nonce", [7; 32]);
        Self { socket, fired: Vec::new(), written: Vec::new() }
    }

    fn connecting() -> Self {
        Self::with(&request(), &Config::default())
    }

    /// A socket whose `open` has fired.
    fn open_with(config: &Config) -> Self {
        let mut page = Self::with(&request(), config);
        page.write();
        page.feed(RESPONSE);
        page.feed(b"\r\n");
        assert_eq!(page.take(), [DomEvent::Open]);
        page.written.clear();
        page
    }

    fn open() -> Self {
        Self::open_with(&Config::default())
    }

    /// A page whose `close()` was called, one that the server has closed, one that has failed, and
    /// one that was closed before it was open.
    fn closing() -> [Self; 4] {
        let mut by_us = Self::open();
        by_us.socket.close(Some(3000), Some("mine")).unwrap();
        let mut by_server = Self::open();
        by_server.feed(b"\x88\x02\x03\xe8");
        let mut failed = Self::open();
        failed.feed(b"\x83\x00");
        let mut early = Self::connecting();
        early.socket.close(None, None).unwrap();
        [by_us, by_server, failed, early]
    }

    /// The same, at their end.
    fn closed() -> [Self; 4] {
        Self::closing().map(|mut page| {
            page.write();
            page.eof();
            assert_eq!(page.state(), ReadyState::Closed);
            page
        })
    }

    fn poll(&mut self) {
        while let Some(event) = self.socket.poll_event() {
            self.fired.push((event, self.socket.ready_state()));
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.socket.input().extend_from_slice(bytes);
        self.poll();
    }

    fn eof(&mut self) {
        self.socket.handle_eof();
        self.poll();
    }

    fn write_some(&mut self, len: usize) {
        let mut left = len;
        while left > 0
            && let Some(output) = self.socket.poll_transmit()
        {
            let len = left.min(output.chunk().len());
            self.written.extend(&output.chunk()[..len]);
            output.advance(len);
            left -= len;
        }
    }

    /// Writes all that is to be written, and looks for events again.
    fn write(&mut self) {
        self.write_some(usize::MAX);
        self.poll();
    }

    /// The frames that were written since the connection is open.
    fn sent(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.write();
        let frames = sent_by(Role::Client, &self.written);
        frames.into_iter().map(|Frame { first, payload, .. }| (first, payload)).collect()
    }

    /// The events since the last call.
    fn take(&mut self) -> Vec<DomEvent> {
        self.fired.drain(..).map(|(event, _)| event).collect()
    }

    fn state(&self) -> ReadyState {
        self.socket.ready_state()
    }

    /// Asserts that `error` and `close` fire next, in CLOSED, and say nothing.
    #[track_caller]
    fn assert_failed(&mut self, failure: &Failure) {
        let lost = vec![
            (DomEvent::Error, ReadyState::Closed),
            (close(1006, "", false), ReadyState::Closed),
        ];
        assert_eq!(core::mem::take(&mut self.fired), lost);
        assert_eq!(self.socket.failure(), Some(failure));
        self.assert_over();
    }

    /// Asserts that nothing follows.
    #[track_caller]
    fn assert_over(&mut self) {
        assert_eq!(self.state(), ReadyState::Closed);
        assert_eq!(self.socket.poll_timeout(), None);
        self.feed(b"\x81\x04late\x88\x00\x83\x00");
        self.eof();
        self.socket.handle_not_connected();
        self.write();
        assert_eq!(self.take(), []);
        assert_eq!(self.state(), ReadyState::Closed);
    }
}

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat").unwrap()
}

fn close(code: u16, reason: &str, was_clean: bool) -> DomEvent {
    DomEvent::Close { code: code.into(), reason: reason.into(), was_clean }
}

fn message(message: impl Into<Message>) -> DomEvent {
    DomEvent::Message(message.into())
}

/// What a page sees of what a server sends behind its response, whole and byte by byte.
#[track_caller]
fn events(frames: &[u8]) -> Vec<DomEvent> {
    let deliver = |size| {
        let mut page = Page::open();
        for piece in frames.chunks(size) {
            page.feed(piece);
        }
        page.write();
        page.eof();
        page.take()
    };
    let whole = deliver(usize::MAX);
    assert_eq!(deliver(1), whole);
    whole
}

// 1 to 6: the constructor.

#[test]
fn http_urls_stand_for_ws_and_other_schemes_are_refused() {
    let url = |url| ClientRequest::from_url(url).map(|request| request.url());
    assert_eq!(url("http://EXAMPLE.com").unwrap(), "ws://example.com/");
    assert_eq!(
        url("HTTPS://example.com:443/a/../b?q=%C3%BC").unwrap(),
        "wss://example.com/b?q=%C3%BC"
    );
    assert_eq!(url("ws://example.com:80").unwrap(), "ws://example.com/");
    assert_eq!(url("wss://[::1]:80").unwrap(), "wss://[::1]:80/");
    for refused in ["ftp://example.com", "file:///etc", "/chat", "ws://", "ws://a b/"] {
        assert!(matches!(url(refused), Err(HandshakeError::InvalidUrl(_))), "{refused}");
    }
}

#[test]
fn a_fragment_even_an_empty_one_is_refused() {
    for url in ["ws://example.com/#", "ws://example.com/#part"] {
        assert!(matches!(ClientRequest::from_url(url), Err(HandshakeError::InvalidUrl(_))));
    }
}

#[test]
fn protocols_are_unique_tokens_that_compare_with_regard_to_case() {
    let request = request().subprotocol("chat").unwrap();
    assert!(request.clone().subprotocol("chat").is_err());
    assert!(request.clone().subprotocol("CHAT").is_ok());
    for refused in ["", "a b", "a,b", "ü", "\u{7f}", "a/b", "\"a\""] {
        assert!(request.clone().subprotocol(refused).is_err(), "{refused:?}");
    }
}

#[test]
fn a_new_socket_has_the_initial_values() {
    let page = Page::connecting();
    assert_eq!((page.state(), page.socket.buffered_amount()), (ReadyState::Connecting, 0));
    assert_eq!((page.socket.protocol(), page.socket.extensions()), ("", ""));
    assert_eq!(page.socket.url(), "ws://server.example.com/chat");
    assert_eq!(page.socket.failure(), None);
    let secure = ClientRequest::new("server.example.com:444", "").unwrap().secure();
    let page = Page::with(&secure, &Config::default());
    assert_eq!(page.socket.url(), "wss://server.example.com:444/");
}

// 7 to 10: the opening handshake.

const URL: &str = "ws://server.example.com/chat";

fn handshake_failed(error: HandshakeError) -> Failure {
    Failure::Handshake { error, url: URL.into() }
}

#[test]
fn a_refused_handshake_is_error_and_1006_and_the_refusal_is_told_beside() {
    for status in ["404 Not Found", "302 Found\r\nLocation: /", "200 OK", "401 Unauthorized"] {
        let mut page = Page::connecting();
        page.write();
        page.feed(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno").as_bytes());
        let failure = page.socket.failure().cloned().unwrap();
        let Failure::Handshake { error: HandshakeError::UnexpectedStatus(response), .. } = &failure
        else {
            panic!("{failure:?}");
        };
        assert_eq!(response.status().to_string(), status[..3]);
        page.assert_failed(&failure);
    }
}

#[test]
fn a_server_that_chooses_none_of_the_protocols_fails_the_connection() {
    let request = request().subprotocol("chat").unwrap();
    let mut page = Page::with(&request, &Config::default());
    page.feed(RESPONSE);
    assert_eq!(page.state(), ReadyState::Connecting);
    page.feed(b"\r\n");
    page.assert_failed(&handshake_failed(HandshakeError::NoSubprotocol));
}

#[test]
fn a_response_that_breaks_a_rule_fails_the_connection() {
    let mut page = Page::connecting();
    let wrong = String::from_utf8_lossy(RESPONSE).replace("s3pP", "S3pP");
    page.feed(wrong.as_bytes());
    page.feed(b"\r\n");
    let failure = page.socket.failure().unwrap().clone();
    let Failure::Handshake { error, .. } = failure.clone() else { panic!("{failure}") };
    assert_eq!(invalid_header(Err::<(), _>(error)), "Sec-WebSocket-Accept");
    page.assert_failed(&failure);
}

#[test]
fn a_stream_that_ends_within_the_handshake_fails_the_connection() {
    let mut page = Page::connecting();
    page.write();
    page.feed(RESPONSE);
    page.eof();
    page.assert_failed(&handshake_failed(HandshakeError::EndOfStream));
}

#[test]
fn a_transport_that_could_not_be_connected_fails_the_connection() {
    let mut page = Page::connecting();
    page.socket.handle_not_connected();
    assert_eq!(page.socket.poll_timeout(), None);
    assert_eq!(page.state(), ReadyState::Closing);
    assert!(page.socket.poll_transmit().is_none());
    page.poll();
    page.assert_failed(&Failure::NotConnected { url: URL.into() });
}

// 12 to 16: send().

#[test]
fn send_throws_invalid_state_error_while_connecting() {
    let mut page = Page::connecting();
    assert_eq!(page.socket.send("early"), Err(DomException::InvalidStateError));
    assert_eq!(page.socket.send(vec![0; 9]), Err(DomException::InvalidStateError));
    assert_eq!(page.socket.buffered_amount(), 0);
    // It still is while a response is incomplete, or complete and its event has not fired.
    page.write();
    page.feed(RESPONSE);
    page.socket.input().extend_from_slice(b"\r\n");
    assert_eq!(page.socket.send("early"), Err(DomException::InvalidStateError));
    page.poll();
    assert_eq!(page.socket.send("in time"), Ok(()));
}

#[test]
fn send_queues_one_message_with_the_opcode_of_its_type() {
    let mut page = Page::open();
    page.socket.send("aé😀").unwrap();
    page.socket.send(vec![1, 2, 3]).unwrap();
    page.socket.send("").unwrap();
    let sent = [(0x81, "aé😀".into()), (0x82, vec![1, 2, 3]), (0x81, vec![])];
    assert_eq!(page.sent(), sent);
}

#[test]
fn what_is_sent_in_closing_and_closed_is_not_sent_but_buffered() {
    for pages in [Page::closing(), Page::closed()] {
        for (index, mut page) in pages.into_iter().enumerate() {
            let before = page.socket.buffered_amount();
            page.socket.send("äöü").unwrap();
            assert_eq!(page.socket.buffered_amount(), before + 6, "{index}");
            page.socket.send(vec![0; 1000]).unwrap();
            assert_eq!(page.socket.buffered_amount(), before + 1006, "{index}");
            if index < 3 {
                assert!(page.sent().iter().all(|(first, _)| *first == 0x88), "{index}");
            } else {
                assert!(page.socket.poll_transmit().is_none());
            }
            page.eof();
            assert_eq!(page.state(), ReadyState::Closed);
            assert_eq!(page.socket.buffered_amount(), before + 1006, "{index}");
        }
    }
}

#[test]
fn buffered_amount_is_payload_until_it_is_written_and_not_reset_by_the_end() {
    let mut page = Page::open();
    page.socket.send("äöü").unwrap();
    page.socket.send(vec![0; 300]).unwrap();
    assert_eq!(page.socket.buffered_amount(), 306);
    page.write();
    assert_eq!(page.socket.buffered_amount(), 0);
    page.socket.send(vec![0; 500]).unwrap();
    page.eof();
    assert_eq!((page.state(), page.socket.buffered_amount()), (ReadyState::Closed, 500));
}

#[test]
fn a_message_without_room_flags_as_full_closes_and_fires_error_before_close() {
    let chosen = [
        WhenFull::Close(CloseCode::POLICY_VIOLATION),
        WhenFull::DropNewest,
        WhenFull::DropOldest,
        WhenFull::Refuse,
    ];
    for when_full in chosen {
        let mut page = Page::open_with(&Config::default().max_buffered(90).when_full(when_full));
        page.socket.send(vec![0; 90]).unwrap();
        page.feed(b"\x81\x03one");
        assert_eq!(page.take(), [message("one")]);
        assert_eq!(page.socket.send(vec![0; 90]), Ok(()));
        assert_eq!((page.state(), page.socket.buffered_amount()), (ReadyState::Closing, 180));
        assert!(page.socket.poll_transmit().is_none());
        page.socket.send("more").unwrap();
        page.socket.close(Some(3000), None).unwrap();
        page.feed(b"\x81\x03two");
        page.assert_failed(&Failure::Full);
        assert_eq!(page.socket.buffered_amount(), 184);
    }
}

// 17 to 24: close().

/// A page in each of the states.
fn all_states() -> Vec<Page> {
    let mut pages = vec![Page::connecting(), Page::open()];
    pages.extend(Page::closing());
    pages.extend(Page::closed());
    pages
}

#[test]
fn close_with_a_code_that_is_not_for_pages_throws_invalid_access_error_even_when_closed() {
    for mut page in all_states() {
        let state = page.state();
        for code in [0, 999, 1001, 1002, 1005, 1006, 1011, 1015, 2999, 5000, 65_535] {
            let refused = Err(DomException::InvalidAccessError { code });
            assert_eq!(page.socket.close(Some(code), None), refused);
            assert_eq!(page.socket.close(Some(code), Some("")), refused);
            // The code is checked first.
            assert_eq!(page.socket.close(Some(code), Some(&"x".repeat(124))), refused);
        }
        assert_eq!(page.state(), state);
    }
}

#[test]
fn close_with_a_reason_over_123_bytes_throws_syntax_error_even_when_closed() {
    for mut page in all_states() {
        let state = page.state();
        for (reason, len) in [("x".repeat(124), 124), ("é".repeat(62), 124), ("😀".repeat(40), 160)]
        {
            let refused = Err(DomException::SyntaxError { len });
            assert_eq!(page.socket.close(None, Some(&reason)), refused);
            assert_eq!(page.socket.close(Some(1000), Some(&reason)), refused);
            assert_eq!(page.socket.close(Some(4999), Some(&reason)), refused);
        }
        assert_eq!(page.state(), state);
    }
}

#[test]
fn close_takes_1000_and_3000_to_4999_and_reasons_of_123_bytes() {
    for code in [1000, 3000, 3999, 4000, 4999] {
        for reason in ["", "bye", &"x".repeat(123), &"€".repeat(41)] {
            let mut page = Page::open();
            page.socket.close(Some(code), Some(reason)).unwrap();
            assert_eq!(page.state(), ReadyState::Closing);
            let body = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            assert_eq!(page.sent(), [(0x88, body)]);
        }
    }
}

#[test]
fn close_has_no_effect_in_closing_and_closed() {
    for pages in [Page::closing(), Page::closed()] {
        for (index, mut page) in pages.into_iter().enumerate() {
            let state = page.state();
            page.socket.close(Some(4000), Some("again")).unwrap();
            page.socket.close(None, None).unwrap();
            assert_eq!(page.state(), state);
            if index < 3 {
                assert!(page.sent().iter().all(|(_, body)| !body.ends_with(b"again")));
            }
        }
    }
}

#[test]
fn close_while_connecting_fails_the_connection_with_closing_at_once() {
    for is_written in [false, true] {
        let mut page = Page::connecting();
        if is_written {
            page.write();
        }
        page.socket.close(Some(3000), Some("early")).unwrap();
        assert_eq!(page.state(), ReadyState::Closing);
        assert!(page.socket.poll_transmit().is_none());
        // Even if the server had answered.
        page.socket.input().extend_from_slice(RESPONSE);
        page.feed(b"\r\n");
        page.assert_failed(&Failure::ClosedEarly);
    }
}

#[test]
fn close_without_code_and_reason_sends_a_close_without_body() {
    for reason in [None, Some("")] {
        let mut page = Page::open();
        page.socket.close(None, reason).unwrap();
        assert_eq!(page.state(), ReadyState::Closing);
        assert_eq!(page.sent(), [(0x88, vec![])]);
    }
}

#[test]
fn close_with_a_reason_alone_sends_1000_with_it() {
    let mut page = Page::open();
    page.socket.close(None, Some("bye")).unwrap();
    assert_eq!(page.sent(), [(0x88, b"\x03\xe8bye".to_vec())]);
}

#[test]
fn close_after_the_server_has_closed_sends_no_second_close() {
    let mut page = Page::open();
    page.feed(b"\x88\x02\x0f\xa0");
    assert_eq!(page.state(), ReadyState::Closing);
    page.socket.close(Some(3000), None).unwrap();
    assert_eq!(page.sent(), [(0x88, b"\x0f\xa0".to_vec())]);
    page.eof();
    assert_eq!(page.take(), [close(4000, "", true)]);
}

#[test]
fn messages_queued_before_close_are_sent_before_the_close_frame() {
    for fragment_size in [None, 2.try_into().ok()] {
        let mut page = Page::open_with(&Config::default().fragment_size(fragment_size));
        page.socket.send("one").unwrap();
        page.socket.send(vec![2; 3]).unwrap();
        page.socket.close(Some(1000), None).unwrap();
        page.socket.send("late").unwrap();
        let sent = page.sent();
        let payload: Vec<u8> = sent.iter().flat_map(|(_, payload)| payload.clone()).collect();
        assert_eq!(payload, b"one\x02\x02\x02\x03\xe8");
        assert_eq!(sent.last(), Some(&(0x88, b"\x03\xe8".to_vec())));
    }
}

// 25 to 36: events.

#[test]
fn open_fires_in_open_with_protocol_and_extensions_set() {
    let request = request().subprotocol("chat").unwrap().subprotocol("superchat").unwrap();
    let extension = sanswire::extension::Extension::new("x-one").unwrap();
    let mut page = Page::with(&request.extension(extension), &Config::default());
    page.feed(RESPONSE);
    page.feed(b"Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: x-one ; a=1\r\n");
    assert_eq!((page.socket.protocol(), page.socket.extensions()), ("", ""));
    page.feed(b"\r\n\x81\x03one");
    let both = [(DomEvent::Open, ReadyState::Open), (message("one"), ReadyState::Open)];
    assert_eq!(page.fired, both);
    let agreed = ("superchat", "x-one ; a=1");
    assert_eq!((page.socket.protocol(), page.socket.extensions()), agreed);
    page.eof();
    assert_eq!(page.state(), ReadyState::Closed);
    assert_eq!((page.socket.protocol(), page.socket.extensions()), agreed);
}

#[test]
fn messages_that_arrive_after_close_are_dropped_whatever_the_configuration() {
    let odd = Config::default()
        .after_close(AfterClose::Deliver)
        .reassembly(Reassembly::Chunks)
        .pong(PongMode::Manual);
    let mut page = Page::open_with(&odd);
    page.socket.input().extend_from_slice(b"\x81\x03one\x89\x01p\x81\x03two\x88\x00");
    assert_eq!(page.socket.poll_event(), Some(message("one")));
    page.socket.close(Some(1000), None).unwrap();
    page.feed(b"");
    assert_eq!(page.sent(), [(0x88, b"\x03\xe8".to_vec()), (0x8a, b"p".to_vec())]);
    page.eof();
    assert_eq!(page.take(), [close(1005, "", true)]);
}

#[test]
fn messages_are_whole_and_keep_their_type() {
    let frames = b"\x81\x05hello\x82\x00\x01\x02he\x89\x00\x80\x03llo\x82\x02\xc3\x28\x88\x00";
    let all = [
        message("hello"),
        message(Vec::new()),
        message("hello"),
        message(vec![0xc3, 0x28]),
        close(1005, "", true),
    ];
    assert_eq!(events(frames), all);
}

#[test]
fn the_state_is_closing_from_the_closing_handshake_until_the_transport_is_closed() {
    let mut page = Page::open();
    page.feed(b"\x88\x02\x03\xe9");
    assert_eq!((page.state(), page.take()), (ReadyState::Closing, vec![]));
    page.write();
    assert_eq!((page.state(), page.take()), (ReadyState::Closing, vec![]));
    page.eof();
    assert_eq!(page.fired, [(close(1001, "", true), ReadyState::Closed)]);
    page.take();
    page.assert_over();
}

#[test]
fn error_fires_before_close_if_and_only_if_the_connection_failed() {
    assert_eq!(events(b"\x88\x00"), [close(1005, "", true)]);
    assert_eq!(events(b"\x83\x00"), [DomEvent::Error, close(1006, "", false)]);
    assert_eq!(events(b""), [DomEvent::Error, close(1006, "", false)]);
}

#[test]
fn a_failure_is_reported_when_the_server_has_been_told() {
    let mut page = Page::open();
    page.feed(b"\x83\x00");
    let failure = Failure::Connection(ConnectionError::ReservedOpcode { opcode: 3 });
    assert_eq!((page.state(), page.take()), (ReadyState::Closing, vec![]));
    assert_eq!(page.socket.failure(), Some(&failure));
    let told = told(ConnectionError::ReservedOpcode { opcode: 3 });
    assert_eq!(page.sent(), [(0x88, told)]);
    page.assert_failed(&failure);
}

#[test]
fn code_and_reason_are_those_received_not_those_sent() {
    let mut page = Page::open();
    page.socket.close(Some(3000), Some("mine")).unwrap();
    page.write();
    page.feed(b"\x88\x07\x0b\xbbother");
    page.eof();
    assert_eq!(page.take(), [close(3003, "other", true)]);
}

#[test]
fn the_reason_is_decoded_and_keeps_a_byte_order_mark() {
    let frames = b"\x88\x09\x03\xe8\xef\xbb\xbf\xf0\x9f\x98\x80";
    assert_eq!(events(frames), [close(1000, "\u{feff}😀", true)]);
}

#[test]
fn a_close_without_body_is_1005_and_clean_no_close_is_1006_and_not() {
    assert_eq!(events(b"\x88\x00").last(), Some(&close(1005, "", true)));
    assert_eq!(events(b"\x81\x03one").last(), Some(&close(1006, "", false)));
    let mut page = Page::open();
    page.socket.close(Some(1000), Some("mine")).unwrap();
    page.write();
    page.eof();
    page.assert_failed(&Failure::Connection(ConnectionError::UnexpectedEof));
}

#[test]
fn of_a_failure_the_page_sees_1006_never_the_code_that_was_sent() {
    let small = Config::default().max_message_size(10);
    let failures: [(&[u8], u16); 7] = [
        (b"\x83\x00", 1002),
        (b"\x88\x02\x03\xed", 1002),
        (b"\x88\x01\x03", 1002),
        (b"\x88\x04\x03\xe8\xc3\x28", 1007),
        (b"\x81\x02\xc3\x28", 1007),
        (b"\x81\x80\x37\xfa\x21\x3d", 1002),
        (b"\x82\x0b", 1009),
    ];
    for (frames, code) in failures {
        let mut page = Page::open_with(&small);
        page.feed(frames);
        let failure = page.socket.failure().cloned().unwrap();
        let Failure::Connection(error) = failure else { panic!("{failure:?}") };
        assert_eq!(error.close_code(), code);
        assert_eq!(page.sent(), [(0x88, told(error))]);
        page.assert_failed(&failure);
    }
}

#[test]
fn messages_come_before_the_end_and_nothing_after_it() {
    let frames = b"\x81\x03one\x81\x03two\x88\x02\x03\xe8\x81\x03two\x83\x00";
    assert_eq!(events(frames), [message("one"), message("two"), close(1000, "", true)]);
    let frames = b"\x81\x03one\x83\x00\x81\x03two\x88\x00";
    assert_eq!(events(frames), [message("one"), DomEvent::Error, close(1006, "", false)]);
}

#[test]
fn an_end_that_came_with_the_response_follows_what_came_before_it() {
    let mut page = Page::connecting();
    page.socket.input().extend_from_slice(RESPONSE);
    page.socket.input().extend_from_slice(b"\r\n\x81\x03one\x88\x02\x03\xe8");
    page.eof();
    assert_eq!(page.take(), [DomEvent::Open, message("one"), close(1000, "", true)]);
    page.assert_over();
}

#[test]
fn a_lost_transport_is_error_and_1006() {
    let mut page = Page::open();
    page.feed(b"\x81\x05he");
    page.socket.handle_not_connected();
    page.poll();
    page.assert_failed(&Failure::Connection(ConnectionError::UnexpectedEof));
}

// 88 of the protocol, and 33: deadlines are failures like others.

/// Lets the time pass that is waited for, until nothing is.
#[track_caller]
fn wait(page: &mut Page, waits: usize) {
    for _ in 0..waits {
        let Some(then) = page.socket.poll_timeout() else { return };
        page.socket.handle_timeout(then);
        page.poll();
    }
    assert_eq!(page.socket.poll_timeout(), None);
}

#[test]
fn a_response_that_does_not_come_fails_the_connection_in_time() {
    let mut page = Page::connecting();
    page.socket.handle_timeout(Duration::from_secs(7));
    page.write();
    page.feed(RESPONSE);
    assert!(page.socket.poll_timeout().map(Duration::from).unwrap() > Duration::from_secs(7));
    wait(&mut page, 9);
    let failure = page.socket.failure().cloned().unwrap();
    assert!(
        matches!(failure, Failure::Handshake { error: HandshakeError::Timeout(_), .. }),
        "{failure:?}"
    );
    page.assert_failed(&failure);
}

#[test]
fn a_close_that_is_not_answered_fails_the_connection_in_time() {
    let mut page = Page::open();
    page.socket.handle_timeout(Duration::ZERO);
    page.socket.close(Some(1000), None).unwrap();
    page.write();
    wait(&mut page, 9);
    let failure = page.socket.failure().cloned().unwrap();
    let error = ConnectionError::CloseTimeout { limit: Duration::ZERO };
    let Failure::Connection(found) = &failure else { panic!("{failure:?}") };
    assert_eq!(core::mem::discriminant(found), core::mem::discriminant(&error));
    page.assert_failed(&failure);
}

#[test]
fn a_server_that_leaves_the_transport_open_is_waited_for_no_longer_than_allowed() {
    let mut page = Page::open();
    page.socket.handle_timeout(Duration::ZERO);
    page.feed(b"\x88\x00");
    page.write();
    wait(&mut page, 9);
    assert_eq!(page.take(), [close(1005, "", true)]);
    assert_eq!(page.socket.poll_timeout(), None);
}

#[test]
fn a_failure_that_the_server_does_not_take_is_reported_in_time() {
    let mut page = Page::open();
    page.socket.handle_timeout(Duration::ZERO);
    page.feed(b"\x83\x00");
    assert_eq!(page.take(), []);
    wait(&mut page, 9);
    page.assert_failed(&Failure::Connection(ConnectionError::ReservedOpcode { opcode: 3 }));
}

#[test]
fn the_connection_goes_on_with_the_time_of_the_handshake() {
    let heartbeat = Config::default().ping_interval(Duration::from_secs(10));
    let mut page = Page::with(&request(), &heartbeat);
    page.socket.handle_timeout(Duration::from_secs(100));
    page.write();
    page.written.clear();
    page.feed(RESPONSE);
    page.feed(b"\r\n");
    assert_eq!(page.socket.poll_timeout().map(Duration::from), Some(Duration::from_secs(110)));
    page.socket.handle_timeout(Duration::from_secs(110));
    assert_eq!(page.sent().first().map(|(first, _)| *first), Some(0x89));
}

#[test]
fn exceptions_have_the_names_of_the_standard() {
    let mut page = Page::connecting();
    assert_eq!(page.socket.send("").unwrap_err().name(), "InvalidStateError");
    assert_eq!(page.socket.close(Some(1), None).unwrap_err().name(), "InvalidAccessError");
    let long = "x".repeat(124);
    assert_eq!(page.socket.close(None, Some(&long)).unwrap_err().name(), "SyntaxError");
}

// All of it, in any order.

#[derive(Clone, Debug)]
enum Step {
    /// Delivers that much of what the server sends.
    Arrive(usize),
    Close(Option<u16>, Option<String>),
    Eof,
    NotConnected,
    PollOne,
    Send(usize),
    Write(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let code = prop_oneof![Just(None), (990..1010_u16).prop_map(Some), Just(Some(3000))];
    let reason = prop_oneof![Just(None), ".{0,5}".prop_map(Some), Just(Some("x".repeat(124)))];
    let step = prop_oneof![
        12 => (0..20_usize).prop_map(Step::Arrive),
        1 => (code, reason).prop_map(|(code, reason)| Step::Close(code, reason)),
        1 => prop_oneof![Just(Step::Eof), Just(Step::NotConnected)],
        12 => Just(Step::PollOne),
        6 => (0..200_usize).prop_map(Step::Send),
        6 => (0..300_usize).prop_map(Step::Write),
    ];
    vec(step, 0..60)
}

/// A response, mostly good, and frames, mostly legal.
fn server() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        6 => Just(b"\x81\x03one".to_vec()),
        3 => Just(b"\x02\x01a\x80\x01b".to_vec()),
        2 => Just(b"\x89\x01p".to_vec()),
        1 => Just(b"\x88\x02\x03\xe8".to_vec()),
        1 => Just(b"\x88\x00".to_vec()),
        1 => vec(any::<u8>(), 1..5),
    ];
    (0..8_u8, vec(frame, 0..10)).prop_map(|(fault, frames)| {
        let end: &[u8] = if fault == 0 { b"oops\r\n\r\n" } else { b"\r\n" };
        [RESPONSE, end, &frames.concat()].concat()
    })
}

/// What must hold after every step; keeps what held before.
#[derive(Default)]
struct Model {
    state: u8,
    /// Payload bytes of all that was sent without an exception.
    sent: usize,
    buffered: usize,
    /// `o`, `m`, `e` and `c`.
    fired: String,
}

impl Model {
    fn check(&mut self, page: &mut Page, step: &Step) {
        let state = page.state() as u8;
        assert!(state >= self.state, "readyState {} then {state}", self.state);
        self.state = state;
        let buffered = page.socket.buffered_amount();
        match step {
            Step::Send(_) => {}
            Step::Write(_) => assert!(buffered <= self.buffered),
            Step::Arrive(_) | Step::Close(..) | Step::Eof | Step::NotConnected | Step::PollOne => {
                assert_eq!(buffered, self.buffered);
            }
        }
        self.buffered = buffered;
        let (is_asked, frames) = split_head(&page.written);
        assert!(is_asked || frames.is_empty());
        let (frames, rest) = parse(frames);
        let data = frames.iter().filter(|frame| !frame.is_control());
        let written: usize = data.map(|frame| frame.payload.len()).sum();
        // While a stretch of small messages is being written, its payload is taken for the end of
        // it.
        assert!(written + rest.len() + buffered >= self.sent);
        // What is left when the socket was flagged as full is never written.
        let is_full = page.socket.failure() == Some(&Failure::Full);
        if !is_full && rest.is_empty() && page.socket.poll_transmit().is_none() {
            assert_eq!(written + buffered, self.sent);
        }
    }

    fn fire(&mut self, event: &DomEvent, state: ReadyState) {
        let (letter, during) = match event {
            DomEvent::Open => ('o', ReadyState::Open),
            DomEvent::Message(_) => ('m', ReadyState::Open),
            DomEvent::Error => ('e', ReadyState::Closed),
            DomEvent::Close { code, was_clean, .. } => {
                let failed = self.fired.ends_with('e');
                assert_eq!((*was_clean, *code == 1006), (!failed, failed));
                ('c', ReadyState::Closed)
            }
            other => panic!("an event that the standard has not: {other:?}"),
        };
        assert_eq!(state, during, "{event:?}");
        self.fired.push(letter);
        let messages = self.fired.strip_prefix('o').map(|rest| rest.trim_start_matches('m'));
        let rest = messages.unwrap_or(&self.fired);
        assert!(["", "e", "ec", "c"].contains(&rest), "{}", self.fired);
        assert!(rest != "c" || self.fired.starts_with('o'), "clean, but never open");
    }
}

/// Returns whether the request is complete, and what was written behind it.
fn split_head(written: &[u8]) -> (bool, &[u8]) {
    let end = written.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or((false, &[]), |end| (true, &written[end + 4..]))
}

proptest! {
    #[test]
    fn any_schedule_keeps_the_order_of_events_and_the_count_of_bytes(
        steps in steps(),
        server in server(),
        is_open in prop::bool::weighted(0.8),
        seed in any::<u64>(),
    ) {
        let config = Config::default().max_buffered(300);
        let mut page = Page::with(&request(), &config);
        let mut model = Model::default();
        let mut wire = server.as_slice();
        let mut random = Random::new(seed);
        if is_open {
            page.write_some(usize::MAX);
            let len = RESPONSE.len() + b"\r\n".len();
            page.socket.input().extend_from_slice(&wire[..len]);
            wire = &wire[len..];
        }
        // The rest of it is delivered and written in the end.
        let end = (0..100).flat_map(|_| [Step::Arrive(50), Step::PollOne, Step::Write(50)]);
        let end = end.chain([Step::Eof, Step::PollOne, Step::PollOne, Step::PollOne]);
        for step in steps.into_iter().chain(end) {
            match &step {
                Step::Arrive(len) => {
                    let piece;
                    (piece, wire) = wire.split_at(random.split(1 + *len).min(wire.len()));
                    page.socket.input().extend_from_slice(piece);
                }
                Step::Close(code, reason) => {
                    let _ = page.socket.close(*code, reason.as_deref());
                }
                Step::Eof => page.socket.handle_eof(),
                Step::NotConnected => page.socket.handle_not_connected(),
                Step::PollOne => {
                    if let Some(event) = page.socket.poll_event() {
                        model.fire(&event, page.state());
                    }
                }
                Step::Send(len) => {
                    let is_connecting = page.state() == ReadyState::Connecting;
                    let sent = page.socket.send(vec![0; *len]);
                    prop_assert_eq!(sent.is_err(), is_connecting);
                    if !is_connecting {
                        model.sent += len;
                        model.buffered += len;
                    }
                    prop_assert_eq!(page.socket.buffered_amount(), model.buffered);
                }
                Step::Write(len) => page.write_some(*len),
            }
            model.check(&mut page, &step);
        }
        while let Some(event) = page.socket.poll_event() {
            model.fire(&event, page.state());
        }
        prop_assert!(model.fired.ends_with('c'), "{}", model.fired);
        prop_assert_eq!(page.socket.failure().is_some(), model.fired.ends_with("ec"));
    }
}
