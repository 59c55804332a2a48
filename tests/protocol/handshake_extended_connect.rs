//! WebSockets over HTTP/2 and HTTP/3 (RFC 8441, RFC 9220).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientRequest, ExtendedConnect, HandshakeError, Headers, HttpVersion, OriginPolicy,
    Request, Response, SubprotocolPolicy,
};
use sanswire::{Config, Connection};

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

/// Parses and checks a request, over both versions with the same outcome.
fn parse<'a>(
    pseudo_headers: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
    headers: Headers,
) -> Result<Request, HandshakeError> {
    let [http2, http3] = [HttpVersion::Http2, HttpVersion::Http3].map(|version| {
        let request = Request::extended_connect(version, pseudo_headers.clone(), headers.clone())?;
        assert_eq!(request.version(), version);
        request.check().map(|()| request)
    });
    assert_eq!(http2.as_ref().err(), http3.as_ref().err());
    http3.and(http2)
}

/// Parses the example of RFC 8441, §5.1, with more headers.
fn parse_with(fields: &[(&str, &str)]) -> Result<Request, HandshakeError> {
    let version = [("sec-websocket-version", "13")];
    parse(PSEUDO_HEADERS, headers(&[&version, fields].concat()))
}

/// Parses it with another value of a pseudo-header, or without it.
fn parse_but(name: &str, value: Option<&str>) -> Result<Request, HandshakeError> {
    let changed = PSEUDO_HEADERS.iter().filter_map(|(other, old)| match value {
        _ if *other != name => Some((*other, *old)),
        value => value.map(|value| (*other, value)),
    });
    parse(changed, headers(&[("sec-websocket-version", "13")]))
}

fn refusal(error: &HandshakeError) -> Response {
    let [http2, http3] =
        [HttpVersion::Http2, HttpVersion::Http3].map(|version| Response::refusal(error, version));
    assert_eq!(http2, http3);
    http2
}

/// Opens a client's connection by a response.
fn open(
    connect: &ExtendedConnect,
    status: u16,
    headers: &Headers,
) -> Result<Connection, HandshakeError> {
    connect.open(status, headers, &Config::default(), [7; 32])
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
    let (response, connection) = connect.accept(&acceptance, &Config::default()).unwrap();
    assert_eq!(response.status(), 200);
    let expected = headers(&[
        ("sec-websocket-protocol", "chat"),
        ("sec-websocket-extensions", "bar"),
        ("x-name", "Value"),
    ]);
    assert_eq!(response.headers(), &expected);
    assert_eq!((connection.protocol(), connection.extensions()), ("chat", "bar"));
    let unoffered = Acceptance::new().subprotocol("b");
    let unoffered = connect.accept(&unoffered, &Config::default()).unwrap_err();
    assert_eq!(unoffered, HandshakeError::UnofferedSubprotocol("b".to_owned()));
}

#[test]
fn another_protocol_is_answered_501() {
    let error = parse_but(":protocol", Some("connect-udp")).unwrap_err();
    assert_eq!(error, HandshakeError::UnsupportedProtocol("connect-udp".to_owned()));
    assert_eq!(refusal(&error).status(), 501);
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
        let error = parse(twice, Headers::new()).unwrap_err();
        assert_eq!(error, HandshakeError::DuplicateHeader(name));
    }
    let unknown = PSEUDO_HEADERS.into_iter().chain([(":status", "200")]);
    assert_eq!(malformed(parse(unknown, Headers::new())), "pseudo-header");
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
        let refused = refusal(parsed.as_ref().unwrap_err());
        assert_eq!((invalid_header(parsed), refused.status()), (name, 400));
    }
    let error = parse_with(&[("sec-websocket-version", "13")]).unwrap_err();
    assert_eq!(error, HandshakeError::DuplicateHeader("Sec-WebSocket-Version"));
    assert_eq!(refusal(&error).status(), 400);
    assert!(parse_with(&[("host", "Server.example.com"), ("sec-websocket-key", "x")]).is_ok());
}

#[test]
fn a_wrong_version_is_answered_400_with_the_version_and_no_upgrade() {
    let error = parse(PSEUDO_HEADERS, Headers::new()).unwrap_err();
    assert_eq!(error, HandshakeError::UnsupportedVersion(None));
    let response = refusal(&error);
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
    assert_eq!(open(&connect, 204, &Headers::new()).unwrap().protocol(), "");
    let other = headers(&[("sec-websocket-protocol", "other")]);
    let error = open(&connect, 200, &other).unwrap_err();
    assert_eq!(error, HandshakeError::UnofferedSubprotocol("other".to_owned()));
    for status in [101, 199, 300, 403, 501] {
        let Err(HandshakeError::UnexpectedStatus(response)) = open(&connect, status, &other) else {
            panic!("{status} opened a connection");
        };
        assert_eq!((response.status(), response.headers()), (status, &other));
    }
    let strict = request.subprotocol_policy(SubprotocolPolicy::Required);
    let error = open(&ExtendedConnect::from(&strict), 200, &Headers::new()).unwrap_err();
    assert_eq!(error, HandshakeError::NoSubprotocol);
}

#[test]
fn an_origin_policy_judges_it_by_origin_and_authority() {
    let policy = OriginPolicy::same_https_origin();
    let allows = |fields: &[(&str, &str)]| {
        let connect = parse_with(fields).unwrap();
        assert_eq!(connect.host(), Some("server.example.com"));
        let allowed = policy.allows(connect.origin(), connect.host());
        assert_eq!(policy.check(&connect).is_ok(), allowed);
        allowed
    };
    assert!(allows(&[("origin", "https://server.example.com")]));
    assert!(!allows(&[("origin", "https://evil.example")]));
    assert!(!allows(&[]));
}
