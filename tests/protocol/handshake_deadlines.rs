//! How long a handshake may take, by a virtual clock.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use core::time::Duration;

use bytes::Buf;
use sanswire::TransmitBuf;
use sanswire::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, ServerHandshake,
    encode_accept,
};

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn limits(timeout: Option<Duration>) -> HeadLimits {
    HeadLimits::default().timeout(timeout)
}

fn take(output: Option<&mut TransmitBuf>) -> String {
    let Some(output) = output else { return String::new() };
    let text = String::from_utf8(output.chunk().to_vec()).unwrap();
    output.advance(output.len());
    text
}

fn client(timeout: Option<Duration>) -> ClientHandshake {
    let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(timeout));
    let mut handshake = ClientHandshake::new(&request, [7; 16]);
    take(handshake.poll_transmit());
    handshake
}

#[test]
fn a_request_that_trickles_in_is_answered_with_408() {
    let mut handshake = ServerHandshake::new(&limits(Some(secs(5))));
    // The first time that is told begins the wait.
    assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(0)));
    handshake.handle_timeout(secs(100));
    for (second, byte) in (100..).zip(&REQUEST[..5]) {
        handshake.handle_timeout(secs(second));
        handshake.input().extend_from_slice(&[*byte]);
        assert!(handshake.poll_request().unwrap().is_none());
        assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(105)));
    }
    assert_eq!(take(handshake.poll_transmit()), "");
    handshake.handle_timeout(secs(105));
    for _ in 0..2 {
        let error = handshake.poll_request().unwrap_err();
        assert_eq!(error, HandshakeError::Timeout(secs(5)));
        assert_eq!(error.status(), 408);
    }
    assert!(handshake.is_refused());
    assert_eq!(handshake.poll_timeout(), None);
    let answer = take(handshake.poll_transmit());
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
}

#[test]
fn a_request_that_has_arrived_in_time_is_not_late() {
    let mut handshake = ServerHandshake::new(&limits(Some(secs(5))));
    handshake.handle_timeout(secs(0));
    handshake.input().extend_from_slice(REQUEST);
    // The driver was busy.
    handshake.handle_timeout(secs(60));
    let request = handshake.poll_request().unwrap().unwrap();
    // The application has as much time to answer.
    handshake.handle_timeout(secs(61));
    assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(66)));
    assert!(handshake.poll_request().unwrap().is_none());
    handshake.accept(&request, &Acceptance::new()).unwrap();
    assert!(handshake.is_open());
    assert_eq!(handshake.poll_timeout(), None);
}

#[test]
fn a_request_that_the_application_answers_too_late_is_answered_503() {
    let mut handshake = ServerHandshake::new(&limits(Some(secs(5))));
    handshake.handle_timeout(secs(0));
    handshake.input().extend_from_slice(REQUEST);
    let request = handshake.poll_request().unwrap().unwrap();
    handshake.handle_timeout(secs(0));
    handshake.handle_timeout(secs(5));
    let error = handshake.poll_request().unwrap_err();
    assert_eq!(error, HandshakeError::NotAnswered(secs(5)));
    assert_eq!(error.status(), 503);
    let late = handshake.accept(&request, &Acceptance::new());
    assert_eq!(late, Err(HandshakeError::OutOfOrder));
    assert!(handshake.poll_transmit().unwrap().chunk().starts_with(b"HTTP/1.1 503 "));
    assert_eq!(handshake.poll_timeout(), None);
}

#[test]
fn a_handshake_without_a_limit_waits_forever() {
    let mut handshake = ServerHandshake::new(&limits(None));
    handshake.handle_timeout(secs(0));
    handshake.handle_timeout(Duration::MAX);
    assert!(handshake.poll_request().unwrap().is_none());
    assert_eq!(handshake.poll_timeout(), None);
    let mut handshake = client(None);
    handshake.handle_timeout(secs(0));
    handshake.handle_timeout(Duration::MAX);
    assert!(handshake.poll_response().unwrap().is_none());
    assert_eq!(handshake.poll_timeout(), None);
}

#[test]
fn a_handshake_that_is_never_told_the_time_waits_forever() {
    let mut handshake = ServerHandshake::new(&HeadLimits::default());
    handshake.input().extend_from_slice(REQUEST);
    assert!(handshake.poll_request().unwrap().is_some());
}

#[test]
fn a_response_that_does_not_come_is_given_up() {
    for begin in ["", "HTTP/1.1 101 Switching", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut handshake = client(Some(secs(5)));
        handshake.handle_timeout(secs(7));
        handshake.input().extend_from_slice(begin.as_bytes());
        assert!(handshake.poll_response().unwrap().is_none());
        assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(12)));
        handshake.handle_timeout(secs(12));
        for _ in 0..2 {
            let error = handshake.poll_response().unwrap_err();
            assert_eq!(error, HandshakeError::Timeout(secs(5)));
        }
        assert_eq!(handshake.poll_timeout(), None);
    }
}

#[test]
fn a_response_that_has_arrived_in_time_is_not_late() {
    let mut handshake = client(Some(secs(5)));
    handshake.handle_timeout(secs(0));
    let accept = encode_accept("BwcHBwcHBwcHBwcHBwcHBw==");
    handshake.input().extend_from_slice(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .as_bytes(),
    );
    handshake.handle_timeout(secs(60));
    assert!(handshake.poll_response().unwrap().is_some());
    assert_eq!(handshake.poll_timeout(), None);
}

/// Returns what is reported of a refusal, and whether it was to be longer.
fn refusal(handshake: &mut ClientHandshake) -> Option<(String, bool)> {
    match handshake.poll_response() {
        Ok(None) => None,
        Err(HandshakeError::UnexpectedStatus(response)) => {
            assert_eq!(response.status(), 503);
            let body = String::from_utf8(response.content().to_vec()).unwrap();
            Some((body, response.is_truncated()))
        }
        other => panic!("{other:?}"),
    }
}

/// A body that does not end, in each framing, of which "try later" came.
const ENDLESS: [&str; 3] = [
    "HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\ntry later",
    "HTTP/1.1 503 Busy\r\n\r\ntry later",
    "HTTP/1.1 503 Busy\r\nTransfer-Encoding: gzip, chunked\r\n\r\n9\r\ntry later\r\n",
];

#[test]
fn of_a_refusal_whose_body_does_not_end_there_is_what_came_after_two_seconds() {
    for response in ENDLESS {
        let mut handshake = client(Some(secs(10)));
        handshake.handle_timeout(secs(100));
        handshake.handle_timeout(secs(103));
        handshake.input().extend_from_slice(response.as_bytes());
        assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(110)));
        assert_eq!(refusal(&mut handshake), None);
        assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(105)));
        // What trickles in does not move it.
        handshake.handle_timeout(secs(104));
        assert_eq!(refusal(&mut handshake), None);
        assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(105)));
        handshake.handle_timeout(secs(105));
        for _ in 0..2 {
            assert_eq!(refusal(&mut handshake), Some(("try later".to_owned(), true)));
        }
        assert_eq!(handshake.poll_timeout(), None);
    }
}

#[test]
fn the_time_of_a_refusal_can_be_set_and_never_passes_that_of_the_handshake() {
    for (limit, timeout, until) in [
        (Some(secs(10)), secs(5), secs(105)),
        (Some(secs(10)), secs(20), secs(110)),
        (Some(secs(10)), Duration::MAX, secs(110)),
        (None, secs(5), secs(105)),
        (None, Duration::ZERO, secs(100)),
    ] {
        let request = ClientRequest::new("h", "/").unwrap().head_limits(limits(limit));
        let mut handshake = ClientHandshake::new(&request.refusal_timeout(timeout), [7; 16]);
        handshake.handle_timeout(secs(100));
        handshake.input().extend_from_slice(ENDLESS[0].as_bytes());
        if timeout > Duration::ZERO {
            assert_eq!(refusal(&mut handshake), None);
            assert_eq!(handshake.poll_timeout().map(Duration::from), Some(until));
            handshake.handle_timeout(until);
        }
        assert_eq!(refusal(&mut handshake), Some(("try later".to_owned(), true)));
    }
}

#[test]
fn a_body_that_has_arrived_in_time_is_whole() {
    for response in [
        "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ntry later",
        "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntry later\r\n0\r\n\r\n",
    ] {
        let mut handshake = client(Some(secs(10)));
        handshake.handle_timeout(secs(0));
        let (head, body) = response.split_at(response.find("try").unwrap());
        handshake.input().extend_from_slice(head.as_bytes());
        assert_eq!(refusal(&mut handshake), None);
        handshake.input().extend_from_slice(body.as_bytes());
        handshake.handle_timeout(secs(60));
        assert_eq!(refusal(&mut handshake), Some(("try later".to_owned(), false)));
    }
}

#[test]
fn a_client_that_is_never_told_the_time_waits_for_the_body_forever() {
    let mut handshake = client(None);
    handshake.input().extend_from_slice(ENDLESS[1].as_bytes());
    assert_eq!(refusal(&mut handshake), None);
    // The first time that is told begins the wait.
    assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(0)));
    handshake.handle_timeout(secs(7));
    assert_eq!(refusal(&mut handshake), None);
    assert_eq!(handshake.poll_timeout().map(Duration::from), Some(secs(9)));
    handshake.handle_eof();
    assert_eq!(refusal(&mut handshake), Some(("try later".to_owned(), false)));
}

#[test]
fn a_client_that_asks_for_nothing_in_time_is_told_apart_and_answered_with_408() {
    for arrived in [&b""[..], b"\r", b"\r\n\r\n"] {
        let mut handshake = ServerHandshake::new(&limits(Some(secs(5))));
        handshake.handle_timeout(secs(0));
        handshake.input().extend_from_slice(arrived);
        assert!(handshake.poll_request().unwrap().is_none());
        handshake.handle_timeout(secs(5));
        for _ in 0..2 {
            let error = handshake.poll_request().unwrap_err();
            assert_eq!(error, HandshakeError::NoRequest { waited: Some(secs(5)) });
            assert_eq!((error.status(), &*error.answer()), (408, "no request within 5s"));
        }
        let answer = take(handshake.poll_transmit());
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    }
}
