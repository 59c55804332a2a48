//! The client's side of the opening handshake (RFC 6455, §4.1).
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use proptest::prelude::*;
use sanswire::driver::Driver;
use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientHandshake, ClientRequest, ExtendedConnect, HandshakeError, HeadLimits,
    Headers, Response, ServerHandshake, SubprotocolPolicy, Upgrade, encode_accept, encode_key,
};
use sanswire::whatwg::WebSocketObject;
use sanswire::{Config, Role};

use crate::support::{invalid_header, malformed};

const NONCE: [u8; 16] = *b"the sample nonce";

const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// What became of a response, followed by the end of the stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The response that opened the connection.
    result: Result<Response, HandshakeError>,
    subprotocol: Option<String>,
    extensions: String,
    /// How much was not consumed.
    waiting: usize,
    /// What of it is the connection's; `None` if there is none.
    rest: Option<Vec<u8>>,
}

fn open_in_parts<'a>(request: &ClientRequest, parts: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut handshake = ClientHandshake::new(request, NONCE);
    let mut responses = Vec::new();
    let mut poll = |handshake: &mut ClientHandshake| {
        if let Some(result) = handshake.poll_response().transpose() {
            assert_eq!(handshake.is_open(), result.is_ok());
            responses.push(result);
        }
    };
    for part in parts {
        handshake.input().extend_from_slice(part);
        poll(&mut handshake);
    }
    handshake.handle_eof();
    poll(&mut handshake);
    let result = responses.swap_remove(0);
    // A success is reported once, a failure again and again.
    assert!(responses.iter().all(|again| again.is_err() && *again == result));
    let waiting = handshake.input().len();
    let negotiated = handshake.negotiated().cloned();
    let connection = handshake.into_connection(&Config::default(), [7; 32]);
    let (Some(negotiated), Some(mut connection)) = (negotiated.as_ref(), connection) else {
        assert!(negotiated.is_none() && result.is_err());
        let (subprotocol, extensions) = (None, String::new());
        return Outcome { result, subprotocol, extensions, waiting, rest: None };
    };
    assert!(connection.poll_transmit().is_some(), "the request was not taken");
    assert_eq!(connection.protocol(), negotiated.subprotocol().unwrap_or_default());
    assert_eq!(connection.commands().protocol(), negotiated.subprotocol().unwrap_or_default());
    assert_eq!(connection.extensions(), negotiated.extensions_value());
    Outcome {
        result,
        subprotocol: negotiated.subprotocol().map(str::to_owned),
        extensions: negotiated.extensions_value().to_owned(),
        waiting,
        rest: Some(connection.into_unprocessed().to_vec()),
    }
}

/// Gives a response to a client at once, byte by byte, and by way of another HTTP stack with the same
/// outcome.
fn open_with(request: &ClientRequest, response: impl AsRef<[u8]>) -> Outcome {
    let response = response.as_ref();
    let outcome = open_in_parts(request, [response].into_iter());
    assert_eq!(open_in_parts(request, response.chunks(1)), outcome);
    let is_http = !matches!(
        outcome.result,
        Err(HandshakeError::EndOfStream
            | HandshakeError::LimitExceeded(_)
            | HandshakeError::Malformed { .. }
            | HandshakeError::NoResponse
            | HandshakeError::UnsupportedHttpVersion(_)
            | HandshakeError::WrongProtocol { .. })
    );
    if is_http {
        assert_same_by_another_stack(request, response, &outcome);
    }
    outcome
}

/// Asserts that a response of which another HTTP stack has parsed the head comes to the same result.
fn assert_same_by_another_stack(request: &ClientRequest, response: &[u8], outcome: &Outcome) {
    let mut rest = response;
    let (status, headers) = loop {
        let head;
        (head, rest) = rest.split_at(rest.windows(4).position(|end| end == b"\r\n\r\n").unwrap());
        rest = &rest[4..];
        // RFC 9112, §5.2: a line that is folded is one line.
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for line in head.split(|byte| *byte == b'\n') {
            match (line, lines.last_mut()) {
                ([b' ' | b'\t', ..], Some(last)) => {
                    last.truncate(last.trim_ascii_end().len());
                    last.push(b' ');
                    last.extend(line.trim_ascii());
                }
                _ => lines.push(line.trim_ascii_end().to_vec()),
            }
        }
        let mut lines = lines.into_iter();
        let line = String::from_utf8_lossy(&lines.next().unwrap()).into_owned();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        if (100..=199).contains(&status) && status != 101 {
            continue;
        }
        let mut headers = Headers::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            let name = core::str::from_utf8(&line[..colon]).unwrap();
            headers.append(name, &line[colon + 1..]).unwrap();
        }
        break (status, headers);
    };
    let opened = Upgrade::new(request, NONCE).open(status, &headers, &Config::default(), [7; 32]);
    match (opened, &outcome.result) {
        (Ok(connection), Ok(response)) => {
            assert_eq!(response.headers(), &headers);
            let subprotocol = outcome.subprotocol.as_deref().unwrap_or_default();
            assert_eq!(connection.protocol(), subprotocol);
            assert_eq!(connection.extensions(), outcome.extensions);
            assert_eq!(connection.role(), Role::Client);
        }
        (
            Err(HandshakeError::UnexpectedStatus(by_stack)),
            Err(HandshakeError::UnexpectedStatus(read)),
        ) => {
            assert_eq!(by_stack.status(), read.status());
            assert_eq!(by_stack.headers(), read.headers());
            // The stack has the body.
            assert_eq!((by_stack.content().len(), by_stack.is_truncated()), (0, false));
        }
        (opened, result) => assert_eq!(opened.err(), result.as_ref().err().cloned()),
    }
}

fn open(response: impl AsRef<[u8]>) -> Outcome {
    open_with(&new(), response)
}

fn new() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat").unwrap()
}

/// Returns the request as it is written.
fn encoded(request: &ClientRequest) -> String {
    let mut handshake = ClientHandshake::new(request, NONCE);
    let output = handshake.poll_transmit().unwrap();
    let bytes = output.copy_to_bytes(output.remaining());
    assert!(handshake.poll_transmit().is_none());
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The response with the line that begins with `name` replaced by `lines`.
fn with(name: &str, lines: &str) -> String {
    let start = RESPONSE.find(&format!("\r\n{name}")).unwrap() + 2;
    let end = start + RESPONSE[start..].find("\r\n").unwrap() + 2;
    format!("{}{lines}{}", &RESPONSE[..start], &RESPONSE[end..])
}

/// The response with more lines.
fn and(lines: &str) -> String {
    RESPONSE.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))
}

fn refusal(response: impl AsRef<[u8]>) -> Response {
    match open(response).result {
        Err(HandshakeError::UnexpectedStatus(response)) => *response,
        other => panic!("{other:?}"),
    }
}

fn extension(name: &str) -> Extension {
    Extension::new(name).unwrap()
}

#[test]
fn the_request_has_what_section_4_1_demands_and_no_more() {
    assert_eq!(
        encoded(&new()),
        "GET /chat HTTP/1.1\r\n\
         Host: server.example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\
         \r\n"
    );
}

#[test]
fn offers_and_headers_come_behind_in_order() {
    let request = new()
        .header("Cookie", "a=b")
        .and_then(|request| request.subprotocol("v2"))
        .and_then(|request| request.subprotocol("v1"))
        .and_then(|request| request.origin("http://a"))
        .and_then(|request| request.origin("http://b"))
        .and_then(|request| request.header("Cookie", " c=d\t"))
        .unwrap()
        .extension(extension("foo").param("x", Some("1")).unwrap())
        .extension(extension("bar"));
    let text = encoded(&request);
    let (_, offers) = text.split_once("Version: 13\r\n").unwrap();
    assert_eq!(
        offers,
        "Sec-WebSocket-Protocol: v2, v1\r\n\
         Sec-WebSocket-Extensions: foo; x=1, bar\r\n\
         Cookie: a=b\r\nOrigin: http://b\r\nCookie: c=d\r\n\r\n"
    );
}

#[test]
fn a_key_is_24_characters_and_differs_with_the_nonce() {
    assert_eq!(encode_key([0; 16]), "AAAAAAAAAAAAAAAAAAAAAA==");
    assert_eq!(encode_key([0xff; 16]), "/////////////////////w==");
    assert_ne!(encode_accept(encode_key([0; 16])), encode_accept(encode_key([1; 16])));
    assert_eq!(encode_accept("").len(), 28);
}

#[test]
fn the_host_header_has_a_port_only_if_it_is_not_the_default_one() {
    let host = |request: ClientRequest| {
        let text = encoded(&request);
        let (_, rest) = text.split_once("\r\nHost: ").unwrap();
        (rest.split_once("\r\n").unwrap().0.to_owned(), request.host().to_owned(), request.port())
    };
    let plain = |authority| host(ClientRequest::new(authority, "/").unwrap());
    let secure = |authority| host(ClientRequest::new(authority, "/").unwrap().secure());
    assert_eq!(plain("a"), ("a".into(), "a".into(), 80));
    assert_eq!(plain("a:80"), ("a".into(), "a".into(), 80));
    assert_eq!(plain("a:443"), ("a:443".into(), "a".into(), 443));
    assert_eq!(secure("a"), ("a".into(), "a".into(), 443));
    assert_eq!(secure("a:443"), ("a".into(), "a".into(), 443));
    assert_eq!(secure("a:80"), ("a:80".into(), "a".into(), 80));
    assert_eq!(plain("[::1]"), ("[::1]".into(), "::1".into(), 80));
    assert_eq!(secure("[::1]:8443"), ("[::1]:8443".into(), "::1".into(), 8443));
}

#[test]
fn an_invalid_authority_or_resource_is_refused() {
    for authority in [
        "",
        ":80",
        "a b",
        "user@a",
        "a:b",
        "a:65536",
        "::1",
        "[::1",
        "a/b",
        "\u{fc}",
        "a:0",
        "127.1",
        "2130706433",
        "a%00b",
        "a!b",
        "a..b",
        "a?secret",
        "secret@a/b?secret",
        "user:secret@a",
        "a#secret",
    ] {
        let error = ClientRequest::new(authority, "/?secret").unwrap_err();
        assert!(matches!(error, HandshakeError::InvalidUrl(_)), "{authority}: {error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    for resource in [
        "a",
        "/a b",
        "/a#",
        "#a",
        "/\u{fc}",
        "/a\r\nX: y",
        "/\0",
        "http://a/",
        "/#secret",
        "/ ?secret",
    ] {
        let error = ClientRequest::new("a", resource).unwrap_err();
        let shown = match resource {
            "/a#" => "/a#…".to_owned(),
            "#a" => "#…".to_owned(),
            "/a\r\nX: y" => "/a\\r\\nX: y".to_owned(),
            "/\0" => "/\\0".to_owned(),
            _ => resource.replace("secret", "…"),
        };
        assert_eq!(error, HandshakeError::InvalidResource(shown));
    }
    for (resource, line) in [("", "GET / "), ("?a", "GET /?a "), ("//a?b?c", "GET //a?b?c ")] {
        assert!(encoded(&ClientRequest::new("a", resource).unwrap()).starts_with(line));
    }
}

#[test]
fn subprotocols_are_unique_tokens() {
    for name in ["", " ", "a b", "a,b", "a/b", "\u{fc}", "a\r\n"] {
        let error = new().subprotocol(name).unwrap_err();
        assert_eq!(error, HandshakeError::InvalidSubprotocol(name.to_owned()));
    }
    let error = new().subprotocol("a").unwrap().subprotocol("a").unwrap_err();
    assert_eq!(error, HandshakeError::DuplicateSubprotocol("a".to_owned()));
    assert!(new().subprotocol("a").unwrap().subprotocol("A").is_ok());
}

#[test]
fn a_caller_can_neither_override_the_handshake_nor_inject_headers() {
    for name in [
        "Host",
        "upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Origin",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let error = new().header(name, "x").unwrap_err();
        assert_eq!(error, HandshakeError::ReservedHeader(name.to_owned()));
    }
    for value in ["a\r\nX: y", "a\n", "\r", "\0", "\x1b[0m"] {
        let error = new().header("X", value).unwrap_err();
        assert_eq!(error, HandshakeError::IllegalHeader("X".to_owned()));
        let error = new().origin(value).unwrap_err();
        assert_eq!(error, HandshakeError::IllegalHeader("Origin".to_owned()));
    }
}

#[test]
fn a_reserved_header_that_a_method_sets_names_the_method() {
    for (name, remedy) in [
        ("Origin", "call `origin` instead"),
        ("Sec-WebSocket-Protocol", "call `subprotocol` instead"),
        ("sec-websocket-extensions", "call `extension` or `deflate` instead"),
        ("Host", "leave it out"),
        ("Sec-WebSocket-Key", "leave it out"),
    ] {
        let error = new().header(name, "x").unwrap_err().to_string();
        assert_eq!(error, format!("header {name} is written by the handshake: {remedy}"));
    }
}

#[test]
fn the_response_of_the_rfc_opens_the_connection() {
    let outcome = open(RESPONSE);
    let response = outcome.result.unwrap();
    assert_eq!((response.status(), response.reason()), (101, "Switching Protocols"));
    assert_eq!(response.headers().text("upgrade"), Some("websocket"));
    assert_eq!((outcome.subprotocol, outcome.extensions), (None, String::new()));
}

#[test]
fn frames_right_behind_the_response_stay_in_the_buffer() {
    let frames = b"\x81\x05Hello\r\n\r\n";
    let outcome = open([RESPONSE.as_bytes(), frames].concat());
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.rest.as_deref(), Some(&frames[..]));
    assert_eq!(outcome.waiting, frames.len());
}

#[test]
fn header_names_and_tokens_are_case_insensitive_and_lists_are_taken_apart() {
    let response = "HTTP/1.1 101\r\n\
        sec-websocket-accept:\t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n\
        X-Unknown: \u{fc}\r\n\
        CONNECTION: keep-alive, upgrade\r\n\
        UPGRADE: WebSocket\r\n\
        \r\n";
    assert!(open(response).result.is_ok());
    let lines = "Connection: keep-alive\r\nConnection: UPGRADE\r\n";
    assert!(open(with("Connection", lines)).result.is_ok());
}

#[test]
fn interim_responses_are_passed_over() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let response = format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{RESPONSE}");
    assert_eq!(open(response).result.unwrap().status(), 101);
}

#[test]
fn upgrade_must_be_websocket_and_nothing_else() {
    let missing = HandshakeError::MissingHeader("Upgrade");
    assert_eq!(open(with("Upgrade", "")).result, Err(missing));
    let twice = with("Upgrade", "Upgrade: websocket\r\nUpgrade: websocket\r\n");
    assert_eq!(open(twice).result, Err(HandshakeError::DuplicateHeader("Upgrade")));
    for value in ["", "h2c", "websocket, h2c", "websocket/13", "web socket", "websocketx"] {
        let response = with("Upgrade", &format!("Upgrade: {value}\r\n"));
        assert_eq!(invalid_header(open(response).result), "Upgrade", "{value}");
    }
}

#[test]
fn connection_must_list_upgrade() {
    let missing = HandshakeError::MissingHeader("Connection");
    assert_eq!(open(with("Connection", "")).result, Err(missing));
    for value in ["", "close", "keep-alive", "no-upgrade", "upgraded"] {
        let response = with("Connection", &format!("Connection: {value}\r\n"));
        assert_eq!(invalid_header(open(response).result), "Connection", "{value}");
    }
}

#[test]
fn accept_must_be_there_once_and_right() {
    const NAME: &str = "Sec-WebSocket-Accept";
    assert_eq!(open(with(NAME, "")).result, Err(HandshakeError::MissingHeader(NAME)));
    let twice = and("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    assert_eq!(open(twice).result, Err(HandshakeError::DuplicateHeader(NAME)));
    for value in [
        "",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xO",
        "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=x",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "\u{fc}",
        &"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".repeat(300),
    ] {
        let response = with(NAME, &format!("{NAME}: {value}\r\n"));
        assert_eq!(invalid_header(open(response).result), NAME, "{value}");
    }
}

#[test]
fn a_101_ends_with_its_head_whatever_its_headers_announce() {
    for line in [
        "Content-Length: 0",
        "Content-Length: 5",
        "Content-Length: x",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5",
    ] {
        let outcome = open([and(&format!("{line}\r\n")).as_bytes(), b"\x81\x00"].concat());
        assert!(outcome.result.is_ok(), "{line}: {outcome:?}");
        assert_eq!(outcome.rest.as_deref(), Some(&b"\x81\x00"[..]), "{line}");
    }
}

#[test]
fn interim_responses_end_with_their_heads_whatever_their_headers_announce() {
    for line in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let outcome = open(format!("HTTP/1.1 103 Early Hints\r\n{line}\r\n\r\n{RESPONSE}"));
        assert_eq!(outcome.result.unwrap().status(), 101, "{line}");
    }
}

#[test]
fn a_101_of_http_1_0_is_refused() {
    let old = RESPONSE.replace("HTTP/1.1", "HTTP/1.0");
    let found = "HTTP/1.0".to_owned();
    assert_eq!(open(old).result, Err(HandshakeError::UnsupportedHttpVersion(found)));
}

#[test]
fn folded_header_lines_are_unfolded_into_a_space() {
    for (lines, value) in [
        ("X: a\r\n b", "a b"),
        ("X: a \t\r\n\t \tb", "a b"),
        ("X:\r\n a", "a"),
        ("X: a\r\n ", "a"),
        ("X: a\r\n \r\n\tb", "a b"),
        ("X: default-src 'self';\r\n    child-src 'self'", "default-src 'self'; child-src 'self'"),
        ("X: a\r\n Y: b", "a Y: b"),
        ("X: a\r\n : b", "a : b"),
    ] {
        let headers = |response: &Response| {
            assert!(response.headers().iter().all(|(_, value)| !value.contains(&b'\n')));
            assert_eq!(response.headers().text("Z"), Some("z"));
            response.headers().text("X").map(str::to_owned)
        };
        let outcome = open(and(&format!("{lines}\r\nZ: z\r\n")));
        assert_eq!(headers(&outcome.result.unwrap()).as_deref(), Some(value), "{lines:?}");
        let refused = format!("HTTP/1.1 403 No\r\nZ: z\r\n{lines}\r\nContent-Length: 2\r\n\r\nno");
        let response = refusal(refused);
        assert_eq!(headers(&response).as_deref(), Some(value), "{lines:?}");
        assert_eq!((response.content(), response.is_truncated()), (&"no".into(), false));
    }
    // Where it matters, too.
    let folded = with("Connection", "Connection:\r\n keep-alive,\r\n Upgrade\r\n");
    assert!(open(folded).result.is_ok());
    let folded = with("Upgrade", "Upgrade\r\n : websocket\r\n");
    assert_eq!(malformed(open(folded).result), "header line");
}

#[test]
fn only_an_offered_subprotocol_may_be_chosen_and_only_once() {
    let request = new().subprotocol("chat").unwrap().subprotocol("v2").unwrap();
    let open = |lines: &str| open_with(&request, and(lines));
    let outcome = open("Sec-WebSocket-Protocol: v2\r\n");
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.subprotocol.as_deref(), Some("v2"));
    for name in ["", "V2", "other", "chat, v2", "chat v2", "\u{fc}"] {
        let outcome = open(&format!("Sec-WebSocket-Protocol: {name}\r\n"));
        assert_eq!(outcome.result, Err(HandshakeError::UnofferedSubprotocol(name.to_owned())));
    }
    let twice = "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Protocol: v2\r\n";
    let error = HandshakeError::DuplicateHeader("Sec-WebSocket-Protocol");
    assert_eq!(open(twice).result, Err(error));
    let unasked = open_with(&new(), and("Sec-WebSocket-Protocol: v2\r\n"));
    assert_eq!(unasked.result, Err(HandshakeError::UnofferedSubprotocol("v2".to_owned())));
}

#[test]
fn a_response_without_a_subprotocol_is_good_enough_unless_required() {
    let request = new().subprotocol("chat").unwrap();
    let outcome = open_with(&request, RESPONSE);
    assert!(outcome.result.is_ok() && outcome.subprotocol.is_none());
    let strict = request.subprotocol_policy(SubprotocolPolicy::Required);
    assert_eq!(open_with(&strict, RESPONSE).result, Err(HandshakeError::NoSubprotocol));
    assert!(open_with(&strict, and("Sec-WebSocket-Protocol: chat\r\n")).result.is_ok());
    let unasked = new().subprotocol_policy(SubprotocolPolicy::Required);
    assert!(open_with(&unasked, RESPONSE).result.is_ok());
}

#[test]
fn only_offered_extensions_may_be_chosen_in_one_line() {
    let request = new().extension(extension("foo")).extension(extension("bar"));
    let open = |lines: &str| open_with(&request, and(lines));
    let outcome = open("Sec-WebSocket-Extensions: bar;x=\"1\",foo\r\n");
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.extensions, "bar;x=\"1\",foo");
    let outcome = open("Sec-WebSocket-Extensions: foo, baz\r\n");
    assert_eq!(outcome.result, Err(HandshakeError::UnofferedExtension("baz".to_owned())));
    for value in ["", "foo;", "foo bar", ","] {
        let outcome = open(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        assert_eq!(invalid_header(outcome.result), "Sec-WebSocket-Extensions", "{value}");
    }
    // Names are compared as browsers do, byte by byte.
    let outcome = open("Sec-WebSocket-Extensions: Foo\r\n");
    assert_eq!(outcome.result, Err(HandshakeError::UnofferedExtension("Foo".to_owned())));
    let twice = "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar\r\n";
    let error = HandshakeError::DuplicateHeader("Sec-WebSocket-Extensions");
    assert_eq!(open(twice).result, Err(error));
    let unasked = open_with(&new(), and("Sec-WebSocket-Extensions: foo\r\n"));
    assert_eq!(unasked.result, Err(HandshakeError::UnofferedExtension("foo".to_owned())));
}

#[test]
fn a_refusal_shows_status_headers_and_body() {
    let response = refusal(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?more",
    );
    assert_eq!((response.status(), response.reason()), (401, "Unauthorized"));
    assert_eq!(response.headers().text("www-authenticate"), Some("Basic"));
    assert_eq!((&response.content()[..], response.is_truncated()), (&b"who?"[..], false));

    let response = refusal("HTTP/1.1 302 Found\r\nLocation: wss://b/\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(response.headers().text("Location"), Some("wss://b/"));
    assert_eq!((response.content().len(), response.is_truncated()), (0, false));

    assert_eq!(refusal("HTTP/1.0 503 Service Unavailable\r\n\r\n").status(), 503);
    assert_eq!(refusal("HTTP/1.1 200 OK\r\n\r\n<html>").content(), "<html>");
}

#[test]
fn a_refusal_is_reported_as_soon_as_its_body_is_complete() {
    for (head, body, status) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n", "no", 403),
        ("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nno\r\n0\r\n", 403),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r", "\n", 204),
        ("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r", "\n", 304),
    ] {
        let mut handshake = ClientHandshake::new(&new(), NONCE);
        handshake.input().extend_from_slice(head.as_bytes());
        assert!(handshake.poll_response().unwrap().is_none());
        handshake.input().extend_from_slice(body.as_bytes());
        let Err(HandshakeError::UnexpectedStatus(response)) = handshake.poll_response() else {
            panic!("not refused: {head}");
        };
        assert_eq!((response.status(), response.is_truncated()), (status, false));
    }
}

#[test]
fn a_refusal_ends_with_its_last_chunk_if_chunked_is_its_last_coding() {
    for lines in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip,,\r\n\tChunked ,",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
    ] {
        let response = early_refusal(lines, "2\r\nno\r\n0\r\n\r\n");
        assert_eq!((&response.content()[..], response.is_truncated()), (&b"no"[..], false));
    }
}

#[test]
fn a_refusal_with_codings_of_which_the_last_is_not_chunked_ends_with_the_stream() {
    for lines in
        ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked, gzip\r\nContent-Length: 1"]
    {
        let response = refusal(format!("HTTP/1.1 403 Forbidden\r\n{lines}\r\n\r\nno"));
        assert_eq!((&response.content()[..], response.is_truncated()), (&b"no"[..], false));
    }
}

#[test]
fn a_length_that_is_repeated_counts_once() {
    for lines in [
        "Content-Length: 2, 2",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2,\r\n 02",
        "Transfer-Encoding:\r\nContent-Length: 2",
        "Transfer-Encoding: identity\r\nContent-Length: 2",
    ] {
        let response = early_refusal(lines, "no");
        assert_eq!((&response.content()[..], response.is_truncated()), (&b"no"[..], false));
    }
}

#[test]
fn a_refusal_whose_framing_makes_no_sense_is_reported_without_a_body() {
    for lines in [
        "Content-Length: 2, 3",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 0x2",
        "Content-Length: 2 2",
        "Content-Length: \u{fc}",
        "Content-Length:",
        "Content-Length: ,",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip, chunked",
    ] {
        let response = early_refusal(lines, "");
        assert_eq!((&response.content()[..], response.is_truncated()), (&b""[..], true), "{lines}");
    }
    let endless =
        refusal(format!("HTTP/1.1 500 x\r\nContent-Length: 1{}\r\n\r\nno", "0".repeat(30)));
    assert_eq!((&endless.content()[..], endless.is_truncated()), (&b"no"[..], true));
}

/// Returns a refusal that is reported while the stream goes on.
#[track_caller]
fn early_refusal(lines: &str, body: &str) -> Response {
    let mut handshake = ClientHandshake::new(&new(), NONCE);
    let response = format!("HTTP/1.1 403 Forbidden\r\n{lines}\r\n\r\n{body}");
    let mut result = Ok(None);
    for byte in response.as_bytes() {
        assert_eq!(result, Ok(None), "{lines}");
        handshake.input().extend_from_slice(&[*byte]);
        result = handshake.poll_response();
        if result.is_err() && !body.is_empty() {
            break;
        }
    }
    let Err(HandshakeError::UnexpectedStatus(early)) = result else {
        panic!("{lines}: {result:?}")
    };
    assert_eq!(refusal(response), *early);
    *early
}

#[test]
fn a_chunked_body_is_put_together() {
    let chunked = |body: &str| {
        let head = "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: Chunked\r\n\r\n";
        let response = refusal(format!("{head}{body}"));
        (String::from_utf8(response.content().to_vec()).unwrap(), response.is_truncated())
    };
    assert_eq!(chunked("0\r\n\r\n"), ("".into(), false));
    assert_eq!(
        chunked("3\r\nabc\r\n0A;ext=1\r\n0123456789\r\n0\r\nT: x\r\n\r\n").0,
        "abc0123456789"
    );
    for broken in
        ["", "3", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r", "3\r\nabc\r\n", "3\r\nabc\r\n0"]
    {
        let (body, is_truncated) = chunked(broken);
        assert!("abc".starts_with(&body) && is_truncated, "{broken:?}");
    }
    for wrong in
        ["x\r\n", "3\r\nabcd\r\n0\r\n", "-1\r\n", "\r\n", "fffffffffffffffff\r\n", "3\r\nabc\n0"]
    {
        assert!(chunked(wrong).1, "{wrong:?}");
    }
    assert_eq!(chunked("ffffffffffffffff\r\nabc"), ("abc".into(), true));
    assert!(chunked(&format!("3;{}\r\nabc\r\n0\r\n\r\n", "e".repeat(1000))).1);
}

#[test]
fn a_line_between_chunks_of_256_bytes_ends_the_body_without_a_wait() {
    for (len, ends) in [(255, false), (256, true)] {
        let mut handshake = ClientHandshake::new(&new(), NONCE);
        let line = format!("3;{}", "e".repeat(len - 2));
        let head = "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n";
        handshake.input().extend_from_slice(format!("{head}{line}").as_bytes());
        match handshake.poll_response() {
            Ok(None) => assert!(!ends),
            Err(HandshakeError::UnexpectedStatus(response)) => {
                assert!(ends && response.is_truncated());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_body_of_a_refusal_is_kept_up_to_a_limit() {
    let request = new().max_refusal_body(5);
    let body = |response: &str| match open_with(&request, response).result {
        Err(HandshakeError::UnexpectedStatus(response)) => {
            (response.content().to_vec(), response.is_truncated())
        }
        other => panic!("{other:?}"),
    };
    for (framing, five, six) in [
        ("Content-Length: 5", "12345", None),
        ("Content-Length: 6", "123456", Some(())),
        ("Connection: close", "12345", None),
        ("Connection: close", "123456", Some(())),
        ("Transfer-Encoding: chunked", "2\r\n12\r\n3\r\n345\r\n0\r\n", None),
        ("Transfer-Encoding: chunked", "2\r\n12\r\n4\r\n3456\r\n0\r\n", Some(())),
        ("Content-Length: 18446744073709551615", "123456", Some(())),
    ] {
        let response = format!("HTTP/1.1 500 x\r\n{framing}\r\n\r\n{five}");
        assert_eq!(body(&response), (b"12345".to_vec(), six.is_some()), "{framing}");
    }
    let short = "HTTP/1.1 500 x\r\nContent-Length: 5\r\n\r\n123";
    assert_eq!(body(short), (b"123".to_vec(), true));
}

#[test]
fn the_end_of_the_stream_before_the_response_is_an_error() {
    assert_eq!(open("").result, Err(HandshakeError::NoResponse));
    for len in [1, RESPONSE.len() - 1] {
        let outcome = open(&RESPONSE.as_bytes()[..len]);
        assert_eq!(outcome.result, Err(HandshakeError::EndOfStream));
    }
    let interim = open("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(interim.result, Err(HandshakeError::EndOfStream));
}

#[test]
fn what_is_no_response_is_refused() {
    for (response, part) in [
        ("SSI-2.0\r\n", "HTTP version"),
        ("\r\n", "HTTP version"),
        ("HTTP/1.1\r\n", "status code"),
        ("HTTP/1.1 \r\n", "status code"),
        ("HTTP/1.1 10\r\n", "status code"),
        ("HTTP/1.1 1010\r\n", "status code"),
        ("HTTP/1.1 +01 x\r\n", "status code"),
        ("HTTP/1.1 001 x\r\n", "status code"),
        ("HTTP/1.1  101 x\r\n", "status code"),
        ("HTTP/1.1 101 x\n", "bare line feed"),
        ("\x16\x04", "control character"),
        ("HTTP/1.1 101 x\r\nA : b\r\n\r\n", "header line"),
        ("HTTP/1.1 101 x\r\n A: b\r\n\r\n", "white space before the first header"),
        ("HTTP/1.1 101 x\r\n\tA: b", "white space before the first header"),
        ("HTTP/1.1 101 x\r\n \r\n\r\n", "white space before the first header"),
    ] {
        assert_eq!(malformed(open(response).result), part, "{response:?}");
    }
    let next = open("HTTP/2.0 200 OK\r\n");
    let found = "HTTP/2.0".to_owned();
    assert_eq!(next.result, Err(HandshakeError::UnsupportedHttpVersion(found)));
}

#[test]
fn a_client_and_a_server_open_a_connection_together() {
    let request = new()
        .subprotocol("chat")
        .and_then(|request| request.origin("http://server.example.com"))
        .unwrap()
        .extension(extension("foo"));
    let mut client = ClientHandshake::new(&request, [7; 16]);
    let mut server = ServerHandshake::new(&HeadLimits::default());

    let output = client.poll_transmit().unwrap();
    server.input().extend_from_slice(&output.copy_to_bytes(output.remaining()));
    let received = server.poll_request().unwrap().unwrap();
    let acceptance = Acceptance::new()
        .subprotocol(received.subprotocols().next())
        .extension(received.extensions().unwrap().remove(0));
    server.accept(&received, &acceptance).unwrap();
    let output = server.poll_transmit().unwrap();
    client.input().extend_from_slice(&output.copy_to_bytes(output.remaining()));
    assert!(client.poll_response().unwrap().is_some());
    assert!(client.input().is_empty() && server.input().is_empty());
    assert!(client.negotiated().is_some());
    assert_eq!(client.negotiated(), server.negotiated());
}

proptest! {
    #![proptest_config(crate::support::cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic_however_they_arrive(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        open(&bytes);
    }

    #[test]
    fn a_response_with_arbitrary_damage_never_panics(
        position in 0..RESPONSE.len(),
        damage in proptest::collection::vec(any::<u8>(), 0..4),
        removed in 0..4_usize,
    ) {
        let mut bytes = RESPONSE.as_bytes().to_vec();
        let end = bytes.len().min(position + removed);
        bytes.splice(position..end, damage);
        open(&bytes);
    }

    #[test]
    fn arbitrary_chunks_never_panic(body in "[0-9a-f;\r\n]{0,60}") {
        refusal(format!("HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
    }
}

#[test]
fn secrets_are_not_in_the_debug_output() {
    let request = ClientRequest::new("a", "/shown?secret")
        .unwrap()
        .header("authorization", "secret")
        .unwrap()
        .header("Cookie", "secret")
        .unwrap()
        .header("X-Shown", "shown")
        .unwrap();
    let page = WebSocketObject::new(&request, &Config::default(), NONCE, [7; 32]);
    let driver = Driver::client(&request, &Config::default(), NONCE, [7; 32]);
    for debug in [
        format!("{request:?}"),
        format!("{:?}", ExtendedConnect::from(&request)),
        format!("{:?}", Upgrade::new(&request, NONCE)),
        format!("{:?}", ClientHandshake::new(&request, NONCE)),
        format!("{page:?}"),
        format!("{driver:?}"),
    ] {
        assert!(debug.contains("shown") && !debug.contains("secret"), "{debug}");
    }
    let mut handshake = ClientHandshake::new(&request, NONCE);
    handshake.input().extend_from_slice(
        b"HTTP/1.1 302 Found\r\nSet-Cookie: secret\r\nX-Shown: shown\r\n\
          Location: http://a/?secret\r\nContent-Length: 6\r\n\r\nsecret",
    );
    let debug = format!("{:?}", handshake.poll_response().unwrap_err());
    assert!(debug.contains("shown") && !debug.contains("secret"), "{debug}");
}

#[test]
fn the_text_of_a_refusal_says_what_can_be_done_about_it() {
    let text = |lines: &str, body: &str| {
        let length = body.len();
        let response = format!("HTTP/1.1 {lines}\r\nContent-Length: {length}\r\n\r\n{body}");
        HandshakeError::UnexpectedStatus(refusal(response).into()).to_string()
    };
    for (lines, body, remedy) in [
        ("404 Not Found", "", "; there is no WebSocket at this path"),
        ("200 OK", "", "; there is no WebSocket at this path"),
        ("302 Found\r\nLocation: ws://a/b", "", "; connect to where it redirects to: ws://a/b"),
        ("302 Found", "", "; it redirects, and does not say where to"),
        ("401 Unauthorized\r\nWWW-Authenticate: Basic", "", "; it asks for Basic"),
        ("401 Unauthorized", "", "; it asks for an Authorization header or a cookie"),
        ("403 Forbidden", "", "; it does not allow this client or its origin"),
        ("403 Forbidden", "not you", ": not you"),
        ("426 Upgrade Required", "", "; it wants another protocol or version of it"),
        ("429 Too Many Requests", "", "; try again later"),
        ("429 Too Many Requests\r\nRetry-After: 5", "", "ests; try again after 5 s"),
        ("503 Service Unavailable\r\nRetry-After: Monday", "", "able; try again after Monday"),
        ("502 Bad Gateway", "", "; its proxy cannot reach the server behind it"),
        ("500 Internal Server Error", "", "; look at the server's log"),
        ("400 Bad Request", "no", ": no"),
        (
            "400 Bad Request",
            "Client sent an HTTP request to an HTTPS server.",
            "; server speaks TLS here: use wss",
        ),
        ("410 Gone", "Client sent an HTTP request to an HTTPS server.", "HTTPS server."),
    ] {
        let text = text(lines, body);
        assert!(text.ends_with(remedy), "{text}");
    }
    assert_eq!(text("418 ", ""), "server answered 418");
    // Compressed, a body is no text.
    let text = text("500 \r\nContent-Encoding: gzip", "secret");
    assert!(!text.contains("secret"), "{text}");
}
