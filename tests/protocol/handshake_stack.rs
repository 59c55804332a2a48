//! Connections of which another HTTP stack reads and writes the heads, of any version of HTTP (RFC
//! 6455, §4; RFC 8441; RFC 9220).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientRequest, HandshakeError, HeadLimits, Headers, HttpVersion, Request, Response,
    ServerHandshake, Upgrade,
};
use sanswire::{CloseCode, Config, ReadyState};

use crate::support::stack::opened;
use crate::support::{End, Got, Pair, invalid_header};

const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const ALL: [HttpVersion; 3] = [HttpVersion::Http11, HttpVersion::Http2, HttpVersion::Http3];
const MULTIPLEXED: [HttpVersion; 2] = [HttpVersion::Http2, HttpVersion::Http3];

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    headers
}

fn offering() -> ClientRequest {
    let request = ClientRequest::new("server.example.com", "/chat?a=b").unwrap().secure();
    let request = request.subprotocol("v2").and_then(|request| request.subprotocol("chat"));
    request.unwrap().extension(Extension::new("foo").unwrap())
}

#[test]
fn the_response_has_what_the_rfc_demands_in_its_order() {
    let acceptance = Acceptance::new()
        .subprotocol("chat")
        .extension(Extension::new("foo").unwrap())
        .header("Set-Cookie", "a=b")
        .unwrap();
    let upgrade =
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)];
    let chosen = [
        ("Sec-WebSocket-Protocol", "chat"),
        ("Sec-WebSocket-Extensions", "foo"),
        ("Set-Cookie", "a=b"),
    ];
    let lower = chosen.map(|(name, value)| (name.to_lowercase(), value));
    for version in ALL {
        let (response, ..) = opened(version, &offering(), &acceptance);
        if version == HttpVersion::Http11 {
            assert_eq!((response.status(), response.reason()), (101, "Switching Protocols"));
            assert_eq!(response.headers(), &headers(&[upgrade, chosen].concat()));
        } else {
            let lower = lower.each_ref().map(|(name, value)| (name.as_str(), *value));
            assert_eq!((response.status(), response.headers()), (200, &headers(&lower)));
        }
        assert_eq!(response.content(), "");
    }
}

#[test]
fn connections_speak_over_every_version_of_http() {
    let acceptance =
        Acceptance::new().subprotocol("chat").extension(Extension::new("foo").unwrap());
    for version in ALL {
        let (_, client, server) = opened(version, &offering(), &acceptance);
        for end in [&client, &server] {
            assert_eq!((end.protocol(), end.extensions()), ("chat", "foo"));
            assert_eq!(end.ready_state(), ReadyState::Open);
        }
        let mut pair = Pair::of(End::of(client), End::of(server), 1);
        pair.client.end.send("Hello").unwrap();
        pair.client.end.send(&[1_u8; 70_000][..]).unwrap();
        pair.server.end.send("there").unwrap();
        pair.settle();
        assert_eq!(
            pair.server.end.take_got(),
            [Got::text("Hello"), Got::binary([1; 70_000])],
            "{version}"
        );
        assert_eq!(pair.client.end.take_got(), [Got::text("there")]);
        pair.client.end.connection.commands().close(1000, "bye").unwrap();
        pair.settle();
        for end in [&pair.client.end, &pair.server.end] {
            let closed = end.connection.closed().unwrap();
            assert_eq!((closed.code, &*closed.reason), (CloseCode::NORMAL, "bye"));
            assert!(closed.clean && end.error.is_none());
        }
    }
}

#[test]
fn bytes_that_the_stack_read_beyond_the_head_are_the_connections() {
    for version in ALL {
        let (_, client, server) = opened(version, &offering(), &Acceptance::new());
        let (mut client, mut server) = (End::of(client), End::of(server));
        assert!(client.take_output().is_empty() && server.take_output().is_empty());
        client.receive(b"\x81\x05Hello");
        server.receive(b"\x81\x05there");
        assert_eq!(client.got, [Got::text("Hello")]);
        assert_eq!(server.got, [Got::text("there")]);
    }
}

#[test]
fn what_was_not_offered_cannot_be_accepted_over_any_version() {
    for version in ALL {
        let request = request_of(version, &[]).unwrap();
        let accept = |acceptance| request.accept(&acceptance, &Config::default()).unwrap_err();
        let unoffered = accept(Acceptance::new().subprotocol("chat"));
        assert_eq!(unoffered, HandshakeError::UnofferedSubprotocol("chat".to_owned()));
        let unoffered = accept(Acceptance::new().extension(Extension::new("foo").unwrap()));
        assert_eq!(unoffered, HandshakeError::UnofferedExtension("foo".to_owned()));
        // It is the server's fault, of which the client learns nothing.
        let refusal = Response::refusal(&unoffered, version);
        assert_eq!(
            (refusal.status(), &refusal.content()[..]),
            (500, &b"the server is at fault\n"[..])
        );
    }
}

/// A valid request with more headers.
fn request_of(version: HttpVersion, more: &[(&str, &str)]) -> Result<Request, HandshakeError> {
    if version == HttpVersion::Http11 {
        let fields = [
            ("Host", "server.example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ];
        return Request::new("GET", "/chat", version, headers(&[&fields, more].concat()));
    }
    let fields = headers(&[&[("sec-websocket-version", "13")], more].concat());
    Request::new("CONNECT", "https://server.example.com/chat", version, fields)
        .map(|request| request.with_protocol("websocket"))
}

#[test]
fn an_extended_connect_can_be_made_without_its_pseudo_headers() {
    for version in MULTIPLEXED {
        let request = request_of(version, &[]).unwrap();
        assert_eq!(request.check(), Ok(()));
        assert_eq!((request.method(), request.protocol()), ("CONNECT", Some("websocket")));
        assert_eq!((request.path(), request.query()), ("/chat", None));
        assert_eq!(request.host(), Some("server.example.com"));
        let pseudo_headers = [
            (":path", "/chat?a?b"),
            (":authority", "server.example.com:81"),
            (":scheme", "http"),
            (":protocol", "websocket"),
            (":method", "CONNECT"),
        ];
        let request = Request::extended_connect(version, pseudo_headers, Headers::new()).unwrap();
        assert_eq!((request.method(), request.protocol()), ("CONNECT", Some("websocket")));
        assert_eq!((request.target(), request.path()), ("/chat?a?b", "/chat"));
        assert_eq!(request.query(), Some("a?b"));
        assert_eq!(request.host(), Some("server.example.com:81"));
    }
}

#[test]
fn a_request_of_http_2_that_is_no_extended_connect_is_answered_400() {
    for version in MULTIPLEXED {
        let target = "https://server.example.com/";
        let request =
            |method| Request::new(method, target, version, headers(&[("a", "b")])).unwrap();
        for request in [
            request("GET"),
            request("POST"),
            request("CONNECT"),
            request("connect").with_protocol("websocket"),
            request("GET").with_protocol("websocket"),
        ] {
            let method = request.method().to_owned();
            let error = request.check().unwrap_err();
            assert_eq!(error, HandshakeError::NotExtendedConnect(method));
            assert_eq!(
                request.accept(&Acceptance::new(), &Config::default()).err(),
                Some(error.clone())
            );
            let refusal = Response::refusal(&error, version);
            assert_eq!(refusal.status(), 400);
            assert_eq!(
                refusal.headers(),
                &headers(&[("content-type", "text/plain; charset=utf-8")])
            );
        }
    }
}

#[test]
fn an_extended_connect_over_http_1_1_is_none() {
    for version in [HttpVersion::Http10, HttpVersion::Http11] {
        let request = Request::extended_connect(version, PSEUDO_HEADERS, headers(&[("Host", "a")]));
        assert_eq!(invalid_header(request), ":protocol");
    }
}

#[test]
fn a_protocol_belongs_to_a_connect_of_http_2_and_is_left_out_elsewhere() {
    let upgrade = request_of(HttpVersion::Http11, &[]).unwrap().with_protocol("connect-udp");
    assert_eq!((upgrade.protocol(), upgrade.check()), (None, Ok(())));
    let page = Request::new("GET", "/", HttpVersion::Http2, headers(&[("host", "a")])).unwrap();
    assert_eq!(page.with_protocol("websocket").protocol(), None);
    for version in MULTIPLEXED {
        let other = request_of(version, &[]).unwrap().with_protocol("connect-udp");
        assert_eq!(other.protocol(), Some("connect-udp"));
        let error = HandshakeError::UnsupportedProtocol("connect-udp".to_owned());
        assert_eq!(other.check(), Err(error.clone()));
        assert_eq!(Response::refusal(&error, version).status(), 501);
    }
}

#[test]
fn headers_of_a_connection_and_another_host_are_refused_over_http_2() {
    for version in MULTIPLEXED {
        for (name, value) in [
            ("Connection", "upgrade"),
            ("Connection", ""),
            ("Upgrade", "websocket"),
            ("Host", "other.example.com"),
            ("Host", "server.example.com:444"),
            ("Host", "user:secret@server.example.com"),
            ("Host", ""),
        ] {
            let request = request_of(version, &[(name, value)]);
            let error = request.and_then(|request| request.check()).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(Response::refusal(&error, version).status(), 400);
            assert_eq!(invalid_header(Err::<(), _>(error)), name);
        }
        let same = request_of(version, &[("Host", "SERVER.example.com")]).unwrap();
        assert_eq!(same.check(), Ok(()));
        let twice = request_of(version, &[("Host", "server.example.com"); 2]).unwrap_err();
        assert_eq!(twice, HandshakeError::DuplicateHeader("Host"));
    }
}

#[test]
fn every_version_has_the_same_rules_about_what_is_offered() {
    for (name, value) in [
        ("Sec-WebSocket-Protocol", "a, a"),
        ("Sec-WebSocket-Protocol", "a b"),
        ("Sec-WebSocket-Protocol", ""),
        ("Sec-WebSocket-Extensions", "a;"),
        ("Sec-WebSocket-Extensions", ""),
        ("Origin", "http://\u{fc}"),
    ] {
        for version in ALL {
            let request = request_of(version, &[(name, value)]).unwrap();
            assert_eq!(invalid_header(request.check()), name, "{version}: {value}");
        }
    }
    for name in ["Sec-WebSocket-Version", "Origin"] {
        let fields = [(name, "13"); 2];
        for version in ALL {
            let error = request_of(version, &fields).unwrap().check().unwrap_err();
            assert_eq!(error, HandshakeError::DuplicateHeader(name));
        }
    }
}

#[test]
fn a_refusal_is_426_with_upgrade_over_http_1_1_only() {
    for error in [HandshakeError::NotUpgrade(None), HandshakeError::UnsupportedVersion(None)] {
        let refusal = Response::refusal(&error, HttpVersion::Http11);
        assert_eq!(refusal, Response::from(&error));
        assert_eq!(refusal.status(), 426);
        assert_eq!(refusal.headers().text("Upgrade"), Some("websocket"));
        // RFC 9110, §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option in the
        // Connection header field"
        assert_eq!(refusal.headers().text("Connection"), Some("Upgrade"));
        assert_eq!(refusal.headers().text("Sec-WebSocket-Version"), Some("13"));
        for version in MULTIPLEXED {
            let multiplexed = Response::refusal(&error, version);
            assert_eq!((multiplexed.status(), multiplexed.reason()), (400, "Bad Request"));
            let expected =
                [("content-type", "text/plain; charset=utf-8"), ("sec-websocket-version", "13")];
            assert_eq!(multiplexed.headers(), &headers(&expected));
            assert_eq!(multiplexed.content(), refusal.content());
        }
    }
    let forbidden = HandshakeError::ForbiddenOrigin(None);
    for version in ALL {
        let refusal = Response::refusal(&forbidden, version);
        assert_eq!((refusal.status(), refusal.reason()), (403, "Forbidden"));
    }
}

#[test]
fn a_client_opens_only_by_a_response_that_keeps_every_rule_of_section_4_1() {
    let upgrade = Upgrade::new(&offering(), NONCE);
    let good =
        [("Upgrade", "WebSocket"), ("Connection", "a, upgrade"), ("Sec-WebSocket-Accept", ACCEPT)];
    let open =
        |status, headers: &Headers| upgrade.open(status, headers, &Config::default(), [7; 32]);
    assert_eq!(open(101, &headers(&good)).unwrap().ready_state(), ReadyState::Open);
    for status in [0, 100, 102, 200, 302, 403, 426, 500, 1000] {
        let Err(HandshakeError::UnexpectedStatus(response)) = open(status, &headers(&good)) else {
            panic!("{status} opened a connection");
        };
        assert_eq!((response.status(), response.headers()), (status, &headers(&good)));
        assert_eq!(response.content(), "");
    }
    for (at, wrong) in [(0, "h2c"), (1, "close"), (2, "x"), (2, "")] {
        let name = good[at].0;
        let mut fields = good.to_vec();
        fields[at].1 = wrong;
        assert_eq!(invalid_header(open(101, &headers(&fields))), name, "{wrong}");
        fields.remove(at);
        let missing = open(101, &headers(&fields)).unwrap_err();
        assert_eq!(missing, HandshakeError::MissingHeader(name));
    }
    let with =
        |field: (&'static str, &'static str)| open(101, &headers(&[&good[..], &[field]].concat()));
    for field in [good[0], good[2]] {
        assert_eq!(with(field).unwrap_err(), HandshakeError::DuplicateHeader(field.0));
    }
    assert!(with(("Connection", "x")).is_ok(), "it is a list");
    let error = with(("Sec-WebSocket-Protocol", "soap")).unwrap_err();
    assert_eq!(error, HandshakeError::UnofferedSubprotocol("soap".to_owned()));
    let error = with(("Sec-WebSocket-Extensions", "bar")).unwrap_err();
    assert_eq!(error, HandshakeError::UnofferedExtension("bar".to_owned()));
    // A key of another connection.
    let other = Upgrade::new(&offering(), [0; 16]);
    let result = other.open(101, &headers(&good), &Config::default(), [7; 32]);
    assert_eq!(invalid_header(result), "Sec-WebSocket-Accept");
}

#[test]
fn user_information_and_queries_are_neither_accepted_nor_shown() {
    for version in MULTIPLEXED {
        let parse = |authority, path| {
            let pseudo_headers = [
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":authority", authority),
                (":path", path),
            ];
            Request::extended_connect(version, pseudo_headers, Headers::new())
        };
        for (authority, path, at_fault) in [
            ("user:secret@a", "/", ":authority"),
            ("secret@a:80", "/", ":authority"),
            ("a", "/a b?secret", ":path"),
            ("a", "/a#secret", ":path"),
        ] {
            let error = parse(authority, path).unwrap_err();
            assert!(!format!("{error} {error:?} {}", error.answer()).contains("secret"), "{error}");
            assert_eq!(invalid_header(Err::<(), _>(error)), at_fault);
        }
        let shown = format!("{:?}", parse("a", "/shown?secret").unwrap());
        assert!(shown.contains("/shown?…") && !shown.contains("secret"), "{shown}");
    }
    for version in MULTIPLEXED {
        let target = "https://user:secret@a/?secret";
        let error = Request::new("CONNECT", target, version, Headers::new()).unwrap_err();
        assert_eq!(error, HandshakeError::InvalidTarget("https://…@a/?…".to_owned()));
    }
}

#[test]
fn a_request_over_http_2_cannot_be_accepted_by_a_handshake_over_http_1_1() {
    for version in MULTIPLEXED {
        let foreign = request_of(version, &[]).unwrap();
        let mut handshake = ServerHandshake::new(&HeadLimits::default());
        let head = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n";
        handshake.input().extend_from_slice(head.as_bytes());
        assert!(handshake.poll_request().unwrap().is_some());
        let error = handshake.accept(&foreign, &Acceptance::new()).unwrap_err();
        assert_eq!(error, HandshakeError::UnsupportedHttpVersion(version.to_string()));
        assert!(handshake.is_refused() && !handshake.is_open());
        let output = handshake.poll_transmit().unwrap();
        assert!(output.chunk().starts_with(b"HTTP/1.1 505 "));
    }
}

#[test]
fn a_connect_without_its_protocol_names_the_method_that_sets_it() {
    let target = "https://server.example.com/";
    let request = Request::new("CONNECT", target, HttpVersion::Http2, Headers::new()).unwrap();
    let error = request.check().unwrap_err();
    assert!(error.to_string().contains("Request::with_protocol"), "{error}");
    assert!(!error.answer().contains("with_protocol"), "{}", error.answer());
}

#[test]
fn cookies_that_http_2_has_split_are_one_header_again() {
    // RFC 9113, §8.2.3, has this example.
    let crumbs = [("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("Cookie", "e=f")];
    for version in MULTIPLEXED {
        let whole = [("x", "y"), ("Cookie", "a=b; c=d; e=f")];
        let made = Request::extended_connect(version, PSEUDO_HEADERS, headers(&crumbs)).unwrap();
        assert_eq!(made.headers(), &headers(&whole));
        let made = Request::new("GET", "/", version, headers(&crumbs)).unwrap();
        assert_eq!(made.headers(), &headers(&whole));
        let one = Request::new("GET", "/", version, headers(&crumbs[..2])).unwrap();
        assert_eq!(one.headers(), &headers(&crumbs[..2]));
    }
    let fields = [&[("Host", "a")], &crumbs[..]].concat();
    let made = Request::new("GET", "/", HttpVersion::Http11, headers(&fields)).unwrap();
    assert_eq!(made.headers(), &headers(&fields));
}

/// An extended CONNECT for `https://a/`.
const PSEUDO_HEADERS: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "a"),
    (":path", "/"),
];
