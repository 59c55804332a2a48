//! WebSockets over HTTP/2 and HTTP/3 (RFC 8441, RFC 9220).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientRequest, ExtendedConnect, HandshakeError, Headers, OriginPolicy,
    SubprotocolPolicy,
};

use crate::support::{invalid_header, malformed};

const PSEUDO_HEADERS: [(&str, &str); 5] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "server.example.com"),
    (":path", "/chat"),
];

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    headers
}

/// Parses the example of RFC 8441, §5.1, with more headers.
fn parse_with(fields: &[(&str, &str)]) -> Result<ExtendedConnect, HandshakeError> {
    let version = [("sec-websocket-version", "13")];
    ExtendedConnect::parse(PSEUDO_HEADERS, headers(&[&version, fields].concat()))
}

/// Parses it with another value of a pseudo-header, or without it.
fn parse_but(name: &str, value: Option<&str>) -> Result<ExtendedConnect, HandshakeError> {
    let changed = PSEUDO_HEADERS.iter().filter_map(|(other, old)| match value {
        _ if *other != name => Some((*other, *old)),
        value => value.map(|value| (*other, value)),
    });
    ExtendedConnect::parse(changed, headers(&[("sec-websocket-version", "13")]))
}

#[test]
fn a_client_sends_the_pseudo_headers_and_lower_case_headers() {
    let request = ClientRequest::new("server.example.com:443", "/chat")
        .and_then(|request| request.secure().subprotocol("chat"))
        .and_then(|request| request.origin("http://www.example.com"))
        .and_then(|request| request.header("X-Name", "Value"))
        .unwrap()
        .extension(Extension::new("foo").unwrap());
    let connect = ExtendedConnect::from(&request);
    assert_eq!(connect.pseudo_headers(), PSEUDO_HEADERS);
    let fields = connect.headers().iter().map(|(name, value)| (name, value.to_vec()));
    let expected = [
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
        ("sec-websocket-extensions", "foo"),
        ("origin", "http://www.example.com"),
        ("x-name", "Value"),
    ];
    assert!(fields.eq(expected.map(|(name, value)| (name, value.as_bytes().to_vec()))));

    let plain = ExtendedConnect::from(&ClientRequest::new("[::1]:81", "").unwrap());
    assert_eq!(
        plain.pseudo_headers()[2..],
        [(":scheme", "http"), (":authority", "[::1]:81"), (":path", "/")]
    );
}

#[test]
fn a_server_accepts_with_200_and_neither_key_nor_upgrade() {
    let offer = [("sec-websocket-protocol", "a, chat"), ("sec-websocket-extensions", "foo, bar")];
    let connect = parse_with(&offer).unwrap();
    assert_eq!(connect.subprotocols().collect::<Vec<_>>(), ["a", "chat"]);
    let acceptance = Acceptance::new()
        .subprotocol("chat")
        .extension(Extension::new("bar").unwrap())
        .header("X-Name", "Value")
        .unwrap();
    let (response, negotiated) = connect.accept(&acceptance).unwrap();
    assert_eq!(response.status(), 200);
    let expected = headers(&[
        ("sec-websocket-protocol", "chat"),
        ("sec-websocket-extensions", "bar"),
        ("x-name", "Value"),
    ]);
    assert_eq!(response.headers(), &expected);
    assert_eq!(negotiated.subprotocol(), Some("chat"));
    let unoffered = connect.accept(&Acceptance::new().subprotocol("b")).unwrap_err();
    assert_eq!(unoffered, HandshakeError::UnofferedSubprotocol("b".to_owned()));
}

#[test]
fn another_protocol_is_answered_501() {
    let error = parse_but(":protocol", Some("connect-udp")).unwrap_err();
    assert_eq!(error, HandshakeError::UnsupportedProtocol("connect-udp".to_owned()));
    assert_eq!(ExtendedConnect::refusal(&error).status(), 501);
}

#[test]
fn each_pseudo_header_must_be_there_once_and_right() {
    for (name, wrong) in [
        (":method", &["GET", "connect", ""][..]),
        (":scheme", &["wss", "HTTPS", ""]),
        (":authority", &["", "user@a", "a b", "a:b"]),
        (":path", &["", "chat", "/a b", "/a#b", "*", "/\u{fc}"]),
    ] {
        for wrong in wrong {
            assert_eq!(invalid_header(parse_but(name, Some(wrong))), name, "{wrong}");
        }
    }
    for (name, _) in PSEUDO_HEADERS {
        assert_eq!(parse_but(name, None).unwrap_err(), HandshakeError::MissingHeader(name));
        let twice = PSEUDO_HEADERS.into_iter().chain([(name, "x")]);
        let error = ExtendedConnect::parse(twice, Headers::new()).unwrap_err();
        assert_eq!(error, HandshakeError::DuplicateHeader(name));
    }
    let unknown = PSEUDO_HEADERS.into_iter().chain([(":status", "200")]);
    assert_eq!(malformed(ExtendedConnect::parse(unknown, Headers::new())), "pseudo-header");
}

#[test]
fn headers_are_judged_as_over_http_1_1() {
    for (name, value) in [
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Host", "other"),
        ("Sec-WebSocket-Protocol", "a, a"),
        ("Sec-WebSocket-Extensions", "a;"),
    ] {
        let parsed = parse_with(&[(&name.to_lowercase(), value)]);
        let refusal = ExtendedConnect::refusal(parsed.as_ref().unwrap_err());
        assert_eq!((invalid_header(parsed), refusal.status()), (name, 400));
    }
    let error = parse_with(&[("sec-websocket-version", "13")]).unwrap_err();
    assert_eq!(error, HandshakeError::DuplicateHeader("Sec-WebSocket-Version"));
    assert_eq!(ExtendedConnect::refusal(&error).status(), 400);
    assert!(parse_with(&[("host", "Server.example.com"), ("sec-websocket-key", "x")]).is_ok());
}

#[test]
fn a_wrong_version_is_answered_400_with_the_version_and_no_upgrade() {
    let error = ExtendedConnect::parse(PSEUDO_HEADERS, Headers::new()).unwrap_err();
    assert_eq!(error, HandshakeError::UnsupportedVersion(None));
    let response = ExtendedConnect::refusal(&error);
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers().text("sec-websocket-version"), Some("13"));
    assert_eq!(response.headers().get("upgrade"), None);
    assert!(response.headers().iter().all(|(name, _)| name == name.to_lowercase()));
    assert!(!response.content().is_empty());
}

#[test]
fn a_client_judges_the_response_as_over_http_1_1() {
    let request = ClientRequest::new("a", "/").unwrap().subprotocol("chat").unwrap();
    let connect = ExtendedConnect::from(&request);
    assert_eq!(connect.check_response(204, &Headers::new()).unwrap().subprotocol(), None);
    let other = headers(&[("sec-websocket-protocol", "other")]);
    let error = connect.check_response(200, &other).unwrap_err();
    assert_eq!(error, HandshakeError::UnofferedSubprotocol("other".to_owned()));
    for status in [101, 199, 300, 403, 501] {
        let Err(HandshakeError::UnexpectedStatus(response)) =
            connect.check_response(status, &other)
        else {
            panic!("{status} opened a connection");
        };
        assert_eq!((response.status(), response.headers()), (status, &other));
    }
    let strict = request.subprotocol_policy(SubprotocolPolicy::Required);
    let error = ExtendedConnect::from(&strict).check_response(200, &Headers::new()).unwrap_err();
    assert_eq!(error, HandshakeError::NoSubprotocol);
}

#[test]
fn an_origin_policy_judges_it_by_origin_and_authority() {
    let policy = OriginPolicy::same_https_origin();
    let allows = |fields: &[(&str, &str)]| {
        let connect = parse_with(fields).unwrap();
        policy.allows(connect.origin(), Some(connect.authority()))
    };
    assert!(allows(&[("origin", "https://server.example.com")]));
    assert!(!allows(&[("origin", "https://evil.example")]));
    assert!(!allows(&[]));
}
