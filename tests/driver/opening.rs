//! How a connection begins, or does not.

use core::time::Duration;

use sanswire::driver::{Driver, DriverError};
use sanswire::handshake::{Acceptance, HandshakeError, HeadLimits, Response};
use sanswire::{Config, Connection, ConnectionError, ReadyState, Role};

use crate::hand::{CLOSE, Did, Hand, PING, REQUEST, TEXT, Told, close_body, frame, secs};

/// The status of the answer that was written.
fn status(hand: &Hand) -> u16 {
    let text = str::from_utf8(&hand.written).unwrap();
    assert!(text.starts_with("HTTP/1.1 "), "{text:?}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text:?}");
    text[9..12].parse().unwrap()
}

/// Ends the transport behind the last word of a server, and returns what was told then.
fn end(hand: &mut Hand) -> Vec<Told> {
    assert!(hand.settle().is_empty());
    assert!(hand.driver.is_ending());
    assert!(hand.driver.want_write().is_none());
    hand.eof();
    let told = hand.settle();
    assert_eq!(hand.settle(), told, "an error is sticky");
    told
}

fn handshake_failed(error: HandshakeError) -> Vec<Told> {
    vec![Told::Failed(DriverError::from(error))]
}

/// The same of a client, which says where it was going.
fn connecting_failed(error: HandshakeError) -> Vec<Told> {
    let url = Some("ws://server.example.com/chat".into());
    vec![Told::Failed(DriverError::Handshake { error, url })]
}

#[test]
fn a_request_may_be_accepted_later() {
    let mut hand = Hand::asked(&Config::default());
    assert!(hand.pass_until(secs(9)).is_empty());
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(10)));
    hand.accept(&Acceptance::new()).unwrap();
    hand.settle();
    assert_eq!(status(&hand), 101);
    assert_eq!(hand.read(&frame(Role::Client, TEXT, b"hello")), 11);
    assert_eq!(hand.take(), [Told::Text("hello".into())]);
}

#[test]
fn what_a_client_sends_before_the_answer_is_delivered_behind_it() {
    let mut hand = Hand::asked(&Config::default());
    hand.read(&frame(Role::Client, TEXT, b"early"));
    assert!(hand.take().is_empty());
    hand.accept(&Acceptance::new()).unwrap();
    assert_eq!(hand.take(), [Told::Text("early".into())]);
}

#[test]
fn at_most_64_kib_are_read_ahead_of_an_answer() {
    let mut hand = Hand::asked(&Config::default());
    let flood = frame(Role::Client, TEXT, b"x").repeat(100_000);
    let read = hand.read_ahead(&flood);
    assert!((64 << 10..70 << 10).contains(&read), "{read}");
    assert!(hand.take().is_empty());
    assert_eq!(hand.waiting(), None);
    hand.accept(&Acceptance::new()).unwrap();
    assert!(hand.take().len() > read / 8);
}

#[test]
fn the_time_before_an_application_accepts_is_not_held_against_the_peer() {
    let config = Config::default().idle_timeout(secs(10)).write_timeout(secs(10));
    let mut hand = Hand::asked(&config);
    // Nobody had to tell the time, since there was nothing to wait for.
    hand.now = secs(1_000);
    hand.accept(&Acceptance::new()).unwrap();
    assert!(hand.settle().is_empty());
    assert_eq!(status(&hand), 101);
    assert_eq!(hand.driver.now(), secs(1_000).into());
    hand.written.clear();
    assert!(hand.pass_until(secs(1_009)).is_empty());
    assert!(hand.written.is_empty(), "nor is a Ping sent at once");
    let failed = Told::Failed(ConnectionError::IdleTimeout { limit: secs(10) }.into_driver());
    hand.pass_until(secs(1_010));
    hand.eof();
    assert_eq!(hand.settle(), [failed]);
}

#[test]
fn time_does_not_go_back_when_a_connection_opens() {
    let mut hand = Hand::asked(&Config::default());
    hand.driver.handle_timeout(secs(7));
    hand.accept(&Acceptance::new()).unwrap();
    assert_eq!(hand.driver.now(), secs(7).into());
}

#[test]
fn an_end_of_stream_while_the_application_decides_is_kept_for_the_connection() {
    let mut hand = Hand::asked(&Config::default());
    hand.read(&frame(Role::Client, TEXT, b"last"));
    hand.eof();
    assert!(hand.take().is_empty());
    hand.accept(&Acceptance::new()).unwrap();
    let failed = Told::Failed(ConnectionError::UnexpectedEof.into_driver());
    assert_eq!(hand.settle(), [Told::Text("last".into()), failed]);
    assert_eq!(status(&hand), 101);
}

#[test]
fn a_request_may_be_rejected_later() {
    let mut hand = Hand::asked(&Config::default());
    assert!(hand.pass_until(secs(9)).is_empty());
    hand.driver.reject(&Response::new(403)).unwrap();
    assert_eq!(end(&mut hand), [Told::Failed(DriverError::Rejected { status: 403 })]);
    assert_eq!(status(&hand), 403);
}

#[test]
fn a_request_may_be_rejected_before_it_comes() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.driver.reject(&Response::new(503)).unwrap();
    assert_eq!(end(&mut hand), [Told::Failed(DriverError::Rejected { status: 503 })]);
    assert_eq!(status(&hand), 503);
}

#[test]
fn a_rejection_with_a_bad_status_is_answered_500_and_ends() {
    let mut hand = Hand::asked(&Config::default());
    let rejected = hand.driver.reject(&Response::new(101));
    assert_eq!(rejected, Err(HandshakeError::InvalidStatus(101)));
    let failed = DriverError::from(HandshakeError::InvalidStatus(101));
    assert_eq!(end(&mut hand), [Told::Failed(failed)]);
    assert_eq!(status(&hand), 500);
}

#[test]
fn a_second_answer_is_out_of_order_and_changes_nothing() {
    let out_of_order = Err(HandshakeError::OutOfOrder);
    let mut hand = Hand::asked(&Config::default());
    hand.accept(&Acceptance::new()).unwrap();
    assert_eq!(hand.accept(&Acceptance::new()), out_of_order);
    assert_eq!(hand.driver.reject(&Response::new(403)), out_of_order);
    hand.settle();
    assert_eq!(status(&hand), 101);

    let mut hand = Hand::asked(&Config::default());
    hand.driver.reject(&Response::new(404)).unwrap();
    assert_eq!(hand.driver.reject(&Response::new(403)), out_of_order);
    assert_eq!(hand.accept(&Acceptance::new()), out_of_order);
    assert_eq!(end(&mut hand), [Told::Failed(DriverError::Rejected { status: 404 })]);
    assert_eq!(status(&hand), 404);

    let mut hand = Hand::connecting(&Config::default());
    assert_eq!(hand.driver.reject(&Response::new(403)), out_of_order);
}

#[test]
fn an_acceptance_before_the_request_is_out_of_order_and_changes_nothing() {
    let request = Hand::asked(&Config::default()).request.unwrap();
    let mut hand = Hand::accepting(&Config::default());
    let accepted = hand.driver.accept(&request, &Acceptance::new());
    assert_eq!(accepted, Err(HandshakeError::OutOfOrder));
    assert!(!hand.driver.is_ending());
    hand.settle();
    hand.read(REQUEST);
    assert_eq!(hand.take(), [Told::Request]);
}

#[test]
fn a_request_of_another_driver_is_answered_with_its_own_key() {
    let request = Hand::asked(&Config::default()).request.unwrap();
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    let other = str::from_utf8(REQUEST).unwrap().replace("dGhl", "eGhl");
    hand.read(other.as_bytes());
    assert_eq!(hand.take(), [Told::Request]);
    hand.driver.accept(&request, &Acceptance::new()).unwrap();
    hand.settle();
    let text = str::from_utf8(&hand.written).unwrap();
    assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
}

#[test]
fn an_acceptance_of_what_was_not_offered_is_answered_500_and_ends() {
    let mut hand = Hand::asked(&Config::default());
    let error = HandshakeError::UnofferedSubprotocol("chat".into());
    assert_eq!(hand.accept(&Acceptance::new().subprotocol("chat")), Err(error.clone()));
    assert_eq!(end(&mut hand), handshake_failed(error));
    assert_eq!(status(&hand), 500);
}

#[test]
fn a_request_for_no_websocket_is_answered_426_and_ends() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.read(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(hand.take(), [Told::Request]);
    assert_eq!(hand.accept(&Acceptance::new()), Err(HandshakeError::NotUpgrade(None)));
    assert_eq!(end(&mut hand), handshake_failed(HandshakeError::NotUpgrade(None)));
    assert_eq!(status(&hand), 426);
}

#[test]
fn a_malformed_request_is_answered_400_and_ends() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.read(b"hello\r\n\r\n");
    let told = end(&mut hand);
    let [Told::Failed(DriverError::Handshake { error: HandshakeError::Malformed { .. }, .. })] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(status(&hand), 400);
}

#[test]
fn a_request_that_takes_too_long_is_answered_408_and_ends() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.read(&REQUEST[..30]);
    assert!(hand.pass_until(secs(9)).is_empty());
    hand.now = secs(10);
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(10)));
    hand.driver.handle_timeout(secs(10));
    assert!(hand.driver.is_overdue() && hand.driver.has_event());
    assert_eq!(end(&mut hand), handshake_failed(HandshakeError::Timeout(secs(10))));
    assert_eq!(status(&hand), 408);
}

#[test]
fn a_request_that_is_not_answered_in_time_is_answered_503_and_ends() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.pass_until(secs(4));
    hand.read(REQUEST);
    assert_eq!(hand.settle(), [Told::Request]);
    // The time of the request counts for itself.
    assert!(hand.pass_until(secs(13)).is_empty());
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(14)));
    assert!(hand.pass_until(secs(14)).is_empty());
    assert_eq!(hand.accept(&Acceptance::new()), Err(HandshakeError::OutOfOrder));
    assert_eq!(end(&mut hand), handshake_failed(HandshakeError::NotAnswered(secs(10))));
    assert_eq!(status(&hand), 503);
}

#[test]
fn a_client_that_asks_for_nothing_in_time_is_told_apart() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.pass_until(secs(9));
    hand.now = secs(10);
    hand.driver.handle_timeout(secs(10));
    let nothing = HandshakeError::NoRequest { waited: Some(secs(10)) };
    assert_eq!(end(&mut hand), handshake_failed(nothing));
    assert_eq!(status(&hand), 408);
}

#[test]
fn a_request_that_comes_with_its_deadline_is_in_time() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.driver.handle_timeout(secs(10));
    hand.read(REQUEST);
    assert_eq!(hand.take(), [Told::Request]);
}

#[test]
fn a_stream_that_ends_before_the_request_is_told_and_nothing_is_answered() {
    let nothing = HandshakeError::NoRequest { waited: None };
    for (part, error) in [(0, nothing), (30, HandshakeError::EndOfStream)] {
        let mut hand = Hand::accepting(&Config::default());
        hand.settle();
        hand.read_ahead(&REQUEST[..part]);
        hand.eof();
        assert_eq!(hand.settle(), handshake_failed(error));
        assert!(hand.written.is_empty());
    }
}

#[test]
fn a_server_that_cannot_write_still_gets_to_know_of_the_end() {
    let mut hand = Hand::asked(&Config::default());
    assert!(hand.driver.want_write().is_none());
    hand.accept(&Acceptance::new()).unwrap();
    assert!(hand.driver.want_write().is_some());
    hand.driver.handle_write_error();
    hand.read(&frame(Role::Client, TEXT, b"hello"));
    assert_eq!(hand.settle(), [Told::Text("hello".into())]);
    hand.eof();
    let failed = Told::Failed(ConnectionError::UnexpectedEof.into_driver());
    assert_eq!(hand.settle(), [failed]);
}

#[test]
fn a_client_is_told_how_it_was_refused_and_writes_nothing_more() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    hand.written.clear();
    hand.read(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    let told = hand.take();
    let [
        Told::Failed(DriverError::Handshake {
            error: HandshakeError::UnexpectedStatus(response),
            ..
        }),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((response.status(), &response.content()[..]), (404, &b"none"[..]));
    assert!(hand.driver.want_write().is_none() && hand.driver.want_read().is_none());
    assert_eq!(hand.settle(), told);
}

#[test]
fn a_refusal_whose_body_does_not_end_is_told_after_two_seconds() {
    let mut hand = Hand::connecting(&Config::default());
    hand.pass_until(secs(3));
    hand.read(b"HTTP/1.1 404 Not Found\r\n\r\nno");
    assert!(hand.settle().is_empty());
    assert_eq!(hand.driver.poll_timeout().map(Duration::from), Some(secs(5)));
    hand.now = secs(4);
    hand.read(b"ne");
    assert!(hand.settle().is_empty());
    let told = hand.pass_until(secs(5));
    let [
        Told::Failed(DriverError::Handshake {
            error: HandshakeError::UnexpectedStatus(response),
            ..
        }),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((response.content(), response.is_truncated()), (&"none".into(), true));
    assert!(hand.driver.is_over());
}

#[test]
fn a_client_keeps_the_response_that_opened_the_connection() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    assert!(hand.driver.response().is_none());
    let response = str::from_utf8(crate::hand::RESPONSE).unwrap();
    let interim = "HTTP/1.1 103 Early Hints\r\nSet-Cookie: no\r\n\r\n";
    let cookie = "\r\nSet-Cookie: server=b\r\n\r\n";
    hand.read(format!("{interim}{}", response.replace("\r\n\r\n", cookie)).as_bytes());
    assert!(hand.driver.response().is_none());
    assert_eq!(hand.settle(), [Told::Response]);
    let response = hand.driver.response().unwrap();
    assert_eq!((response.status(), response.reason()), (101, "Switching Protocols"));
    assert_eq!(response.headers().text("Set-Cookie"), Some("server=b"));
    hand.eof();
    hand.settle();
    assert!(hand.driver.response().is_some(), "also when it is over");
    assert!(Hand::open(Role::Server, &Config::default()).driver.response().is_none());
    assert!(Driver::from(Connection::server(&Config::default())).response().is_none());
}

#[test]
fn a_client_that_was_refused_before_its_request_left_does_not_write_the_rest() {
    let mut hand = Hand::connecting(&Config::default());
    assert!(hand.take().is_empty());
    assert!(matches!(hand.write(10), Some(Did::Wrote(_))));
    hand.read(b"HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n");
    let told = hand.take();
    assert!(matches!(&told[..], [Told::Failed(DriverError::Handshake { .. })]), "{told:?}");
    assert!(hand.driver.want_write().is_none());
}

#[test]
fn a_response_that_takes_too_long_is_told() {
    let mut hand = Hand::connecting(&Config::default());
    assert!(hand.pass_until(secs(9)).is_empty());
    let told = hand.pass_until(secs(10));
    assert_eq!(told, connecting_failed(HandshakeError::Timeout(secs(10))));
}

#[test]
fn a_stream_that_ends_before_the_response_is_told() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    hand.eof();
    assert_eq!(hand.settle(), connecting_failed(HandshakeError::NoResponse));
}

#[test]
fn what_comes_behind_the_response_is_delivered_also_when_the_stream_has_ended() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    let close = frame(Role::Server, CLOSE, &close_body(1000, ""));
    let bytes = [crate::hand::RESPONSE, &frame(Role::Server, TEXT, b"hello"), &close].concat();
    assert_eq!(hand.read_ahead(&bytes), bytes.len());
    hand.eof();
    let told = hand.settle();
    assert_eq!(told[..2], [Told::Response, Told::Text("hello".into())]);
    crate::hand::assert_closed(&told[2], 1000);
    assert_eq!(told[3..], [Told::Over]);
}

#[test]
fn a_server_that_is_shut_down_before_it_has_answered_answers_503() {
    for mut hand in [Hand::accepting(&Config::default()), Hand::asked(&Config::default())] {
        hand.settle();
        hand.driver.shut_down(1001, "").unwrap();
        assert!(hand.driver.is_ending());
        hand.driver.shut_down(1001, "").unwrap();
        assert_eq!(end(&mut hand), [Told::Failed(DriverError::Rejected { status: 503 })]);
        assert_eq!(status(&hand), 503);
        hand.driver.shut_down(1001, "").unwrap();
        assert_eq!(hand.settle(), [Told::Failed(DriverError::Rejected { status: 503 })]);
    }
}

#[test]
fn a_server_that_is_shut_down_behind_a_bad_request_goes_on_to_its_end() {
    let mut hand = Hand::accepting(&Config::default());
    hand.settle();
    hand.read(b"hello\r\n\r\n");
    assert!(hand.take().is_empty());
    hand.driver.shut_down(1001, "").unwrap();
    assert!(matches!(&end(&mut hand)[..], [Told::Failed(DriverError::Handshake { .. })]));
    assert_eq!(status(&hand), 400);
}

#[test]
fn a_client_that_is_shut_down_before_it_is_open_ends_at_once() {
    for is_written in [false, true] {
        let mut hand = Hand::connecting(&Config::default());
        if is_written {
            hand.settle();
        }
        hand.written.clear();
        hand.driver.shut_down(1001, "").unwrap();
        assert!(hand.driver.has_event());
        assert_eq!(hand.take(), connecting_failed(HandshakeError::ShutDown));
        assert!(hand.driver.want_write().is_none());
        assert!(hand.driver.want_read().is_none());
        assert_eq!(hand.driver.poll_timeout(), None);
        hand.driver.shut_down(1001, "").unwrap();
        assert_eq!(hand.take(), connecting_failed(HandshakeError::ShutDown));
    }
}

#[test]
fn a_shut_down_with_a_code_that_may_not_be_sent_is_refused_in_every_state() {
    let mut hands = vec![
        Hand::accepting(&Config::default()),
        Hand::asked(&Config::default()),
        Hand::connecting(&Config::default()),
        Hand::open(Role::Client, &Config::default()),
        Hand::open(Role::Server, &Config::default()),
    ];
    for hand in &mut hands {
        assert!(hand.driver.shut_down(1004, "").is_err());
        assert!(hand.driver.shut_down(1000, &"x".repeat(124)).is_err());
        assert!(!hand.driver.is_ending());
        assert!(matches!(
            hand.driver.connection().ready_state(),
            ReadyState::Connecting | ReadyState::Open
        ));
    }
}

#[test]
fn a_connection_that_is_open_already_goes_on_in_its_time() {
    let mut connection = Connection::server(&Config::default());
    connection.handle_timeout(secs(100));
    connection.input().extend_from_slice(&frame(Role::Client, TEXT, b"before"));
    connection.commands().send("queued").unwrap();
    let mut hand = Hand::new(Driver::from(connection));
    assert_eq!(hand.driver.now(), secs(100).into());
    hand.now = secs(110);
    assert_eq!(hand.settle(), [Told::Text("before".into())]);
    assert_eq!(hand.frames(), [(TEXT, b"queued".to_vec())]);
    hand.pass_until(secs(119));
    assert!(hand.written.is_empty());
    hand.pass_until(secs(120));
    let frames = hand.frames();
    assert!(matches!(&frames[..], [(PING, _)]), "{frames:?}");
    assert_eq!(hand.driver.now(), secs(120).into());
}

#[test]
fn an_open_connection_can_be_taken_out_with_all_that_waits() {
    assert!(Hand::asked(&Config::default()).driver.into_connection().is_none());
    assert!(Hand::connecting(&Config::default()).driver.into_connection().is_none());
    let mut hand = Hand::open(Role::Server, &Config::default());
    hand.now = Duration::from_millis(2_500);
    hand.read(&frame(Role::Client, TEXT, b"before"));
    hand.driver.commands().send("queued").unwrap();
    let connection = hand.driver.into_connection().unwrap();
    let mut hand = Hand::new(Driver::from(connection));
    assert_eq!(hand.driver.now(), Duration::from_millis(2_500).into());
    hand.now = hand.driver.now().into();
    assert_eq!(hand.settle(), [Told::Text("before".into())]);
    assert_eq!(hand.frames(), [(TEXT, b"queued".to_vec())]);
}

/// Errors as a driver tells them.
trait IntoDriver {
    fn into_driver(self) -> DriverError;
}

impl IntoDriver for ConnectionError {
    fn into_driver(self) -> DriverError {
        DriverError::Connection(self)
    }
}

#[test]
fn a_client_that_has_asked_has_nothing_more_to_write_and_reads_64_kib_ahead() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    assert_eq!(hand.driver.poll_written(), Ok(true));
    assert!(!hand.driver.wants_write());
    let read = hand.read_ahead(&vec![b'x'; 1 << 20]);
    assert!((64 << 10..136 << 10).contains(&read), "{read}");
}

#[test]
fn a_fault_of_the_caller_is_no_handshake_that_failed() {
    let text = |error: HandshakeError, url: Option<&str>| {
        DriverError::Handshake { error, url: url.map(Box::from) }.to_string()
    };
    let url = Some("ws://host/");
    for error in [HandshakeError::OutOfOrder, HandshakeError::IllegalHeader("a b".into())] {
        assert_eq!(text(error.clone(), url), error.to_string());
    }
    let error = HandshakeError::EndOfStream;
    assert_eq!(text(error.clone(), url), format!("ws://host/: {error}"));
    assert_eq!(text(error.clone(), None), format!("handshake failed: {error}"));
}

#[test]
fn what_comes_behind_a_bad_request_is_thrown_away() {
    let mut hand = Hand::accepting(&Config::default());
    hand.read(b"no request\r\n\r\n");
    hand.take();
    for _ in 0..10 {
        assert!(hand.read(&[b'x'; 10_000]) > 0);
        hand.take();
        assert_eq!(hand.waiting(), Some(0));
    }
}

#[test]
fn a_shut_down_behind_a_failed_handshake_changes_nothing() {
    let mut hand = Hand::connecting(&Config::default());
    hand.settle();
    hand.eof();
    let told = hand.take();
    assert!(matches!(&told[..], [Told::Failed(_)]));
    let _ = hand.driver.shut_down(1000, "");
    assert_eq!(hand.take(), told);
}

#[test]
fn a_request_that_may_be_large_is_read_to_its_end_with_nothing_else_to_do() {
    let limits = HeadLimits::default().max_size(1 << 20);
    let mut hand = Hand::new(Driver::server_with(&limits, &Config::default()));
    let (line, rest) = REQUEST.split_at(REQUEST.len() - 2);
    let cookie = format!("Cookie: {}\r\n", "x".repeat(300 << 10));
    let request = [line, cookie.as_bytes(), rest].concat();
    let (mut rest, mut turns) = (&request[..], 0);
    while !rest.is_empty() {
        let told = hand.take();
        assert!(told.iter().all(|told| *told == Told::Yield));
        turns += told.len();
        let len = hand.read(rest);
        assert!(len > 0, "{} bytes are left", rest.len());
        rest = &rest[len..];
    }
    assert_eq!(hand.take().last(), Some(&Told::Request));
    assert_eq!(turns, 1, "others get a turn after 256 KiB");
}
