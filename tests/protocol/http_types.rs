//! The types of the crate `http`, from and to those of the handshake.
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, Version};
use proptest::prelude::*;
use sanswire::extension::Extension;
use sanswire::handshake::{
    Acceptance, ClientRequest, ExtendedConnect, HandshakeError, Headers, HttpVersion, Request,
    Response, Upgrade,
};
use sanswire::{Config, ReadyState};

use crate::support::{End, Got, Pair, invalid_header};

const NONCE: [u8; 16] = *b"the sample nonce";

type Fields = Vec<(String, Vec<u8>)>;

fn fields(headers: &Headers) -> Fields {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    headers
}

/// A request as the crate `http` has it.
fn asked(method: &str, uri: &str, version: Version, fields: &[(&str, &str)]) -> http::Request<u8> {
    let builder = http::Request::builder().method(method).uri(uri).version(version);
    let builder =
        fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(0).unwrap()
}

/// What it is here; the same from its parts.
fn taken(request: &http::Request<u8>) -> Result<Request, HandshakeError> {
    let made = Request::try_from(request);
    let parts = Request::try_from(&request.clone().into_parts().0);
    match (&made, &parts) {
        (Ok(made), Ok(parts)) => assert_eq!(format!("{made:?}"), format!("{parts:?}")),
        (made, parts) => assert_eq!(made.as_ref().err(), parts.as_ref().err()),
    }
    made
}

#[test]
fn headers_keep_repetitions_bytes_and_the_order_within_a_name() {
    let mut all = Headers::new();
    for (name, value) in [
        ("Cookie", &b"a=b"[..]),
        ("X-Empty", b""),
        ("cookie", b"c=d"),
        ("X-Bytes", b"\x80\xff\tz"),
        ("COOKIE", b"a=b"),
    ] {
        all.append(name, value).unwrap();
    }
    let map = HeaderMap::try_from(&all).unwrap();
    assert_eq!(map.len(), 5);
    let cookies: Vec<_> = map.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(cookies, [&b"a=b"[..], b"c=d", b"a=b"]);
    assert_eq!(map["x-bytes"].as_bytes(), b"\x80\xff\tz");
    assert_eq!(map["x-empty"].as_bytes(), b"");

    let back = Headers::from(&map);
    assert_eq!(back.iter().len(), 5);
    for name in ["Cookie", "X-Empty", "X-Bytes"] {
        assert!(back.all(name).eq(all.all(name)), "{name}");
    }
    assert_eq!(Headers::from(&HeaderMap::new()), Headers::new());
}

#[test]
fn white_space_around_a_value_is_no_part_of_it() {
    let mut map = HeaderMap::new();
    map.insert("a", HeaderValue::from_bytes(b" \tb c\t ").unwrap());
    map.insert("d", HeaderValue::from_bytes(b" ").unwrap());
    let headers = Headers::from(&map);
    assert_eq!((headers.get("a"), headers.get("d")), (Some(&b"b c"[..]), Some(&b""[..])));
}

#[test]
fn a_name_that_is_no_token_is_left_out() {
    // The crate `http` takes it from HTTP/2.
    let name = HeaderName::from_lowercase(b"a\"b").unwrap();
    let mut map = HeaderMap::new();
    map.insert(name, HeaderValue::from_static("c"));
    map.insert("d", HeaderValue::from_static("e"));
    assert_eq!(Headers::from(&map), headers(&[("d", "e")]));
}

#[test]
fn too_many_headers_and_too_long_names_are_errors_and_no_panic() {
    let longest = "a".repeat(65_535);
    let mut all = headers(&[(longest.as_str(), "b")]);
    assert_eq!(HeaderMap::try_from(&all).unwrap().keys().next().unwrap().as_str(), longest);
    all.append(&"a".repeat(65_536), "b").unwrap();
    assert!(HeaderMap::try_from(&all).is_err());

    let many = |count: usize| {
        let mut headers = Headers::new();
        (0..count).for_each(|number| headers.append(&format!("x-{number}"), "").unwrap());
        headers
    };
    assert_eq!(HeaderMap::try_from(&many(24_000)).unwrap().len(), 24_000);
    assert!(HeaderMap::try_from(&many(32_769)).is_err());
    // Wherever they come from.
    let request = (0..32_769).fold(ClientRequest::new("a", "/").unwrap(), |request, number| {
        request.header(&format!("x-{number}"), "").unwrap()
    });
    assert!(http::Request::try_from(&Upgrade::new(&request, NONCE)).is_err());
    assert!(http::Request::try_from(&ExtendedConnect::from(&request)).is_err());
    let response = (0..32_769).fold(Response::new(403), |response, number| {
        response.header(&format!("x-{number}"), "").unwrap()
    });
    assert!(http::Response::try_from(&response).is_err());
}

#[test]
fn a_request_has_method_target_version_and_headers() {
    let host = [("host", "a.example:81"), ("cookie", "a"), ("cookie", "b")];
    for (version, expected) in
        [(Version::HTTP_10, HttpVersion::Http10), (Version::HTTP_11, HttpVersion::Http11)]
    {
        let request = taken(&asked("GET", "/chat?a?b", version, &host)).unwrap();
        assert_eq!((request.method(), request.version()), ("GET", expected));
        assert_eq!((request.target(), request.path()), ("/chat?a?b", "/chat"));
        assert_eq!((request.query(), request.host()), (Some("a?b"), Some("a.example:81")));
        assert_eq!(request.headers().all("Cookie").collect::<Vec<_>>(), [b"a", b"b"]);
        // RFC 9112, §3.2.2: the authority of the target replaces Host.
        let request = taken(&asked("GET", "http://b.example", version, &host)).unwrap();
        assert_eq!((request.path(), request.host()), ("/", Some("b.example")));
    }
    for (version, expected) in
        [(Version::HTTP_2, HttpVersion::Http2), (Version::HTTP_3, HttpVersion::Http3)]
    {
        let uri = "https://a.example:81/chat?a?b";
        for host in [&host[..], &[]] {
            let request = taken(&asked("CONNECT", uri, version, host)).unwrap();
            assert_eq!((request.method(), request.version()), ("CONNECT", expected));
            assert_eq!((request.target(), request.path()), ("/chat?a?b", "/chat"));
            assert_eq!((request.query(), request.host()), (Some("a?b"), Some("a.example:81")));
            assert_eq!(request.protocol(), None);
            assert_eq!(request.with_protocol("websocket").protocol(), Some("websocket"));
        }
        let other = taken(&asked("CONNECT", uri, version, &[("host", "a.example")]));
        assert_eq!(invalid_header(other), "Host");
        // A stack that passes on only the path.
        let request = taken(&asked("GET", "/chat", version, &host)).unwrap();
        assert_eq!((request.path(), request.host()), ("/chat", Some("a.example:81")));
        assert_eq!(taken(&asked("GET", "/chat", version, &[])).unwrap().host(), None);
        let root = taken(&asked("CONNECT", "https://a", version, &[])).unwrap();
        assert_eq!((root.target(), root.path()), ("/", "/"));
    }
}

#[test]
fn other_versions_and_targets_are_errors() {
    let host = [("host", "a")];
    let old = taken(&asked("GET", "/", Version::HTTP_09, &host)).unwrap_err();
    assert_eq!(old, HandshakeError::UnsupportedHttpVersion("HTTP/0.9".to_owned()));
    assert_eq!(old.status(), 505);
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        for (method, uri, shown) in [
            ("CONNECT", "a.example:443", "a.example:443"),
            ("OPTIONS", "*", "*"),
            ("GET", "/\u{fc}?secret", "/\u{fc}?…"),
        ] {
            let error = taken(&asked(method, uri, version, &host)).unwrap_err();
            assert_eq!(error, HandshakeError::InvalidTarget(shown.to_owned()));
            assert_eq!(error.status(), 400);
        }
    }
    for version in [Version::HTTP_10, Version::HTTP_11] {
        for uri in ["ws://a/?secret", "http://user:secret@a/?secret", "ftp://a/"] {
            let error = taken(&asked("GET", uri, version, &host)).unwrap_err();
            assert!(matches!(error, HandshakeError::InvalidTarget(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
    for version in [Version::HTTP_2, Version::HTTP_3] {
        for (uri, at_fault) in [
            ("wss://a/?secret", ":scheme"),
            ("https://user:secret@a/", ":authority"),
            ("https://a/\u{fc}?secret", ":path"),
        ] {
            let error = taken(&asked("CONNECT", uri, version, &[])).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
            assert_eq!(invalid_header(Err::<(), _>(error)), at_fault);
        }
    }
    let missing = taken(&asked("GET", "/", Version::HTTP_11, &[])).unwrap_err();
    assert_eq!(missing, HandshakeError::MissingHeader("Host"));
    let twice = taken(&asked("GET", "/", Version::HTTP_11, &[("host", "a"); 2])).unwrap_err();
    assert_eq!(twice, HandshakeError::DuplicateHeader("Host"));
}

fn answered(response: &Response) -> http::Response<Bytes> {
    response.try_into().unwrap()
}

#[test]
fn a_response_has_status_headers_and_body_and_its_framing_is_left_to_the_stack() {
    let page = Response::new(404)
        .header("Set-Cookie", "a")
        .and_then(|response| response.header("set-cookie", "b"))
        .unwrap()
        .text("nothing");
    let made = answered(&page);
    assert_eq!((made.status(), &made.body()[..]), (StatusCode::NOT_FOUND, &b"nothing"[..]));
    assert_eq!(made.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(made.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(made.headers().len(), 3);

    // One that a client received has all of it.
    let received = [
        ("Connection", "close"),
        ("Content-Length", "2"),
        ("Transfer-Encoding", "chunked"),
        ("X-A", "b"),
    ];
    let upgrade = Upgrade::new(&ClientRequest::new("a", "/").unwrap(), NONCE);
    let error = upgrade.open(403, &headers(&received), &Config::default(), [7; 32]).unwrap_err();
    let HandshakeError::UnexpectedStatus(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.headers().iter().len(), 4);
    let made = answered(&refusal);
    assert_eq!((made.status(), made.headers().len()), (StatusCode::FORBIDDEN, 1));
    assert_eq!(made.headers()["x-a"], "b");
}

#[test]
fn a_response_with_an_upgrade_says_so_in_connection() {
    let sent = Upgrade::new(&ClientRequest::new("a", "/").unwrap(), NONCE);
    let received = Request::new("GET", "/", HttpVersion::Http11, sent.headers().clone()).unwrap();
    let (response, _) = received.accept(&Acceptance::new(), &Config::default()).unwrap();
    let made = answered(&response);
    assert_eq!(made.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(
        (made.headers().len(), &made.headers()["connection"]),
        (3, &"Upgrade".parse().unwrap())
    );
    assert_eq!(made.headers()["upgrade"], "websocket");
    assert_eq!(made.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

    let error = HandshakeError::NotUpgrade(None);
    let made = answered(&Response::refusal(&error, HttpVersion::Http11));
    assert_eq!(made.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(
        (&made.headers()["upgrade"], &made.headers()["connection"]),
        (&"websocket".parse().unwrap(), &"Upgrade".parse().unwrap())
    );
    let made = answered(&Response::refusal(&error, HttpVersion::Http2));
    assert_eq!(made.status(), StatusCode::BAD_REQUEST);
    assert!(!made.headers().contains_key("upgrade") && !made.headers().contains_key("connection"));
    assert_eq!(made.headers()["sec-websocket-version"], "13");
}

#[test]
fn a_status_of_other_than_three_digits_is_an_error() {
    for status in [0, 1, 99, 1000, 65_535] {
        assert!(http::Response::try_from(&Response::new(status)).is_err(), "{status}");
    }
    for status in [100, 200, 599, 999] {
        assert_eq!(answered(&Response::new(status)).status(), status);
    }
}

fn offering() -> ClientRequest {
    let request = ClientRequest::new("server.example.com:81", "/chat?a=b%20").unwrap().secure();
    request
        .subprotocol("v2")
        .and_then(|request| request.subprotocol("chat"))
        .and_then(|request| request.header("Cookie", "a=b"))
        .and_then(|request| request.header("Cookie", "c=d"))
        .unwrap()
        .extension(Extension::new("foo").unwrap())
}

#[test]
fn an_upgrade_goes_all_the_way_round() {
    let upgrade = Upgrade::new(&offering(), NONCE);
    let sent = http::Request::try_from(&upgrade).unwrap();
    assert_eq!((sent.method(), sent.version()), (&Method::GET, Version::HTTP_11));
    assert_eq!(sent.uri(), "/chat?a=b%20");
    assert_eq!(sent.headers()["host"], "server.example.com:81");
    assert_eq!(sent.headers().get_all("cookie").iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
    assert_eq!(sent.headers().len(), upgrade.headers().iter().len());

    let received = Request::try_from(&sent).unwrap();
    let acceptance =
        Acceptance::new().subprotocol("chat").extension(Extension::new("foo").unwrap());
    let (response, server) = received.accept(&acceptance, &Config::default()).unwrap();
    let response = answered(&response);
    let (status, headers) = (response.status().as_u16(), Headers::from(response.headers()));
    let client = upgrade.open(status, &headers, &Config::default(), [7; 32]).unwrap();
    speak(End::of(client), End::of(server));
}

#[test]
fn an_extended_connect_goes_all_the_way_round() {
    for version in [Version::HTTP_2, Version::HTTP_3] {
        let connect = ExtendedConnect::from(&offering());
        let mut sent = http::Request::try_from(&connect).unwrap();
        assert_eq!((sent.method(), sent.version()), (&Method::CONNECT, Version::HTTP_2));
        assert_eq!(sent.uri(), "https://server.example.com:81/chat?a=b%20");
        assert_eq!(sent.headers().get_all("cookie").iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(sent.headers().len(), connect.headers().iter().len());

        *sent.version_mut() = version;
        let received = Request::try_from(&sent).unwrap().with_protocol("websocket");
        let acceptance =
            Acceptance::new().subprotocol("chat").extension(Extension::new("foo").unwrap());
        let (response, server) = received.accept(&acceptance, &Config::default()).unwrap();
        let response = answered(&response);
        assert_eq!(response.status(), StatusCode::OK);
        let (status, headers) = (response.status().as_u16(), Headers::from(response.headers()));
        let client = connect.open(status, &headers, &Config::default(), [7; 32]).unwrap();
        speak(End::of(client), End::of(server));
    }
    let plain = ExtendedConnect::from(&ClientRequest::new("[::1]", "").unwrap());
    assert_eq!(http::Request::try_from(&plain).unwrap().uri(), "http://[::1]/");
}

/// Sends a message each way.
fn speak(client: End, server: End) {
    for end in [&client, &server] {
        assert_eq!((end.connection.protocol(), end.connection.extensions()), ("chat", "foo"));
        assert_eq!(end.state(), ReadyState::Open);
    }
    let mut pair = Pair::of(client, server, 0);
    pair.client.end.send("Hello").unwrap();
    pair.server.end.send("there").unwrap();
    pair.settle();
    assert_eq!(pair.server.end.got, [Got::text("Hello")]);
    assert_eq!(pair.client.end.got, [Got::text("there")]);
}

#[test]
fn a_resource_that_is_no_uri_there_is_an_error() {
    let upgrade = |resource: &str| {
        http::Request::try_from(&Upgrade::new(&ClientRequest::new("a", resource).unwrap(), NONCE))
    };
    for resource in ["/<", "/>", "/?<"] {
        assert!(upgrade(resource).is_err(), "{resource}");
        let request = ClientRequest::new("a", resource).unwrap();
        assert!(http::Request::try_from(&ExtendedConnect::from(&request)).is_err(), "{resource}");
    }
    // In parts, as the other has it, only newer versions of `http` find this too long.
    assert!(upgrade(&format!("/{}", "a".repeat(65_535))).is_err());
    // What RFC 3986 has is kept byte by byte.
    let rest = "azAZ09-._~!$&'()*+,;=:@/%3C?/";
    for resource in [format!("/{rest}"), format!("/?{rest}"), format!("//a/{rest}")] {
        let request = ClientRequest::new("a", &resource).unwrap();
        let sent = http::Request::try_from(&Upgrade::new(&request, NONCE)).unwrap();
        assert_eq!(Request::try_from(&sent).unwrap().target(), resource);
        let sent = http::Request::try_from(&ExtendedConnect::from(&request)).unwrap();
        assert_eq!(Request::try_from(&sent).unwrap().target(), resource);
    }
}

/// A client's request, by way of its URI and its headers.
fn client(uri: &str, fields: &[(&str, &str)]) -> Result<ClientRequest, HandshakeError> {
    ClientRequest::try_from(&asked("GET", uri, Version::HTTP_11, fields))
}

/// What is sent by it.
fn written(request: &ClientRequest) -> Fields {
    fields(Upgrade::new(request, NONCE).headers())
}

#[test]
fn a_client_request_is_made_from_a_uri_and_headers() {
    for (uri, url) in [
        ("ws://a.example/chat?b=c", "ws://a.example/chat?b=c"),
        ("wss://a.example:444/", "wss://a.example:444/"),
        ("http://A.example", "ws://a.example/"),
        ("https://a.example:443?q", "wss://a.example/?q"),
        ("ws://[::1]:81/%20", "ws://[::1]:81/%20"),
    ] {
        assert_eq!(client(uri, &[]).unwrap().url(), url);
    }
    let made = client(
        "wss://a.example/chat",
        &[
            ("host", "A.example"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("origin", "https://b.example"),
            ("sec-websocket-protocol", "v2, v1"),
            ("cookie", "a=b"),
            ("authorization", "Bearer c"),
            ("cookie", "c=d"),
            ("sec-websocket-protocol", "v3"),
            ("x-bytes", "\u{fc}"),
        ],
    );
    let by_hand = ClientRequest::from_url("wss://a.example/chat")
        .and_then(|request| request.subprotocol("v2"))
        .and_then(|request| request.subprotocol("v1"))
        .and_then(|request| request.subprotocol("v3"))
        .and_then(|request| request.origin("https://b.example"))
        .and_then(|request| request.header("authorization", "Bearer c"))
        .and_then(|request| request.header("cookie", "a=b"))
        .and_then(|request| request.header("cookie", "c=d"))
        .and_then(|request| request.header("x-bytes", "\u{fc}"));
    let sorted = |request: &ClientRequest| {
        let mut fields = written(request)
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect::<Vec<_>>();
        fields.sort();
        fields
    };
    let made = made.unwrap();
    assert_eq!(sorted(&made), sorted(&by_hand.unwrap()));
    let names: Vec<_> = written(&made).into_iter().filter(|(name, _)| name == "cookie").collect();
    assert_eq!(names, [("cookie".into(), b"a=b".into()), ("cookie".into(), b"c=d".into())]);
    // The version of HTTP is that of the connection that it will be sent on.
    let made = ClientRequest::try_from(&asked("GET", "ws://a/", Version::HTTP_2, &[])).unwrap();
    assert_eq!(made.url(), "ws://a/");
}

#[test]
fn a_client_request_needs_the_uri_of_a_websocket() {
    for uri in [
        "/chat",
        "*",
        "a.example:80",
        "ftp://a.example/",
        "wss://user:secret@a.example/",
        "ws://user@a.example/",
        "ws://a.example:0/",
    ] {
        let error = client(uri, &[]).unwrap_err();
        assert!(matches!(error, HandshakeError::InvalidUrl(_)), "{uri}: {error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    for method in ["POST", "CONNECT", "get", "HEAD"] {
        let request = asked(method, "ws://a/", Version::HTTP_11, &[]);
        let error = ClientRequest::try_from(&request).unwrap_err();
        assert_eq!(error, HandshakeError::MethodNotAllowed(method.to_owned()));
    }
    let method = "a".repeat(1000);
    let request = asked(&method, "ws://a/", Version::HTTP_11, &[]);
    assert!(ClientRequest::try_from(&request).unwrap_err().to_string().len() < 300);
}

#[test]
fn a_host_header_must_be_that_of_the_uri() {
    for (uri, hosts) in [
        ("ws://a.example/", &["a.example", "A.Example", "a.example:80", "a.example:"][..]),
        ("wss://a.example:443/", &["a.example", "a.example:443"]),
        ("wss://a.example:444/", &["a.example:444"]),
        ("ws://[0:0::1]:80/", &["[::1]", "[0:0::1]", "[::1]:80"]),
    ] {
        for host in hosts {
            assert!(client(uri, &[("host", host)]).is_ok(), "{uri}: {host}");
        }
    }
    for (uri, hosts) in [
        (
            "ws://a.example/",
            &["b.example", "a.example:443", "user:secret@a.example", "", "a b"][..],
        ),
        ("wss://a.example/", &["a.example:80", "a.example.", "\u{fc}", "a.example/secret?secret"]),
        ("wss://a.example:444/", &["a.example", "a.example:443"]),
    ] {
        for host in hosts {
            let error = client(uri, &[("host", host)]).unwrap_err();
            assert!(!error.to_string().contains("?secret"), "{error}");
            assert!(!error.to_string().contains(":secret"), "{error}");
            assert_eq!(invalid_header(Err::<(), _>(error)), "Host");
        }
    }
    let twice = client("ws://a/", &[("host", "a"); 2]).unwrap_err();
    assert_eq!(twice, HandshakeError::DuplicateHeader("Host"));
}

#[test]
fn headers_that_a_client_request_cannot_have_are_refused() {
    let refused = |fields: &[(&str, &str)]| client("ws://a/", fields).unwrap_err();
    let version = |version| refused(&[("sec-websocket-version", version)]);
    for wrong in ["12", "", "13, 13"] {
        let expected = HandshakeError::UnsupportedVersion(Some(wrong.to_owned()));
        assert_eq!(version(wrong), expected);
    }
    for name in ["Origin", "Sec-WebSocket-Version"] {
        let twice = refused(&[(name, "13"), (name, "13")]);
        assert_eq!(twice, HandshakeError::DuplicateHeader(name));
    }
    assert_eq!(invalid_header(Err::<(), _>(refused(&[("origin", "https://\u{fc}")]))), "Origin");
    assert_eq!(
        refused(&[("sec-websocket-protocol", "a, b"), ("sec-websocket-protocol", "a")]),
        HandshakeError::DuplicateSubprotocol("a".to_owned())
    );
    let protocol = refused(&[("sec-websocket-protocol", "a b")]);
    assert_eq!(protocol, HandshakeError::InvalidSubprotocol("a b".to_owned()));
    let extensions = refused(&[("sec-websocket-extensions", "permessage-deflate")]);
    let name = "sec-websocket-extensions".to_owned();
    assert_eq!(extensions, HandshakeError::ReservedHeader(name));
    assert!(extensions.to_string().contains("`extension` or `deflate`"), "{extensions}");
    for name in ["content-length", "transfer-encoding", "sec-websocket-accept"] {
        assert_eq!(refused(&[(name, "0")]), HandshakeError::ReservedHeader(name.to_owned()));
    }
}

#[test]
fn an_origin_keeps_its_bytes_or_is_refused() {
    let mut request = asked("GET", "ws://a/", Version::HTTP_11, &[]);
    let latin = HeaderValue::from_bytes(b"https://\xfc.example").unwrap();
    request.headers_mut().insert("origin", latin);
    assert_eq!(invalid_header(ClientRequest::try_from(&request)), "Origin");
}

/// Legal values: without white space at the ends, and every byte that there may be.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'\t'), b' '..=b'~', 0x80_u8..=0xff];
    proptest::collection::vec(byte, 0..12).prop_map(|value| value.trim_ascii().to_vec())
}

proptest! {
    #![proptest_config(crate::support::cases(200))]

    #[test]
    fn headers_survive_the_way_there_and_back(
        fields in proptest::collection::vec(("[a-z!#$%&'*+.^_`|~-]{1,10}", value()), 0..20),
    ) {
        let mut headers = Headers::new();
        for (name, value) in &fields {
            headers.append(name, value).unwrap();
        }
        let back = Headers::from(&HeaderMap::try_from(&headers).unwrap());
        prop_assert_eq!(back.iter().len(), fields.len());
        for (name, _) in &fields {
            prop_assert!(back.all(name).eq(headers.all(name)));
        }
    }

    #[test]
    fn a_client_request_survives_the_way_there_and_back(
        secure in any::<bool>(),
        host in "[a-z]{1,8}(\\.[a-z]{1,5}){0,2}",
        port in prop_oneof![Just(None), (1_u16..).prop_map(Some), Just(Some(80)), Just(Some(443))],
        resource in "(/[a-zA-Z0-9._~%-]{0,6}){1,3}",
        query in proptest::option::of("[a-zA-Z0-9=&?/-]{1,8}"),
        subprotocols in proptest::collection::btree_set("[a-zA-Z0-9.]{1,6}", 0..4),
        origin in proptest::option::of("https://[a-z]{1,9}"),
        more in proptest::collection::vec(("x-[a-z]{1,3}|cookie|authorization", value()), 0..8),
    ) {
        let authority = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        // Where dots stand alone, a URL leads elsewhere.
        let resource = resource.replace('.', "a").replace('%', "%41");
        let mut request = ClientRequest::new(&authority, &format!("{resource}{query}")).unwrap();
        if secure {
            request = request.secure();
        }
        for name in &subprotocols {
            request = request.subprotocol(name).unwrap();
        }
        if let Some(origin) = &origin {
            request = request.origin(origin).unwrap();
        }
        for (name, value) in &more {
            request = request.header(name, value).unwrap();
        }
        let mut sent = http::Request::try_from(&Upgrade::new(&request, NONCE)).unwrap();
        *sent.uri_mut() = request.url().parse::<Uri>().unwrap();
        let back = ClientRequest::try_from(&sent).unwrap();
        prop_assert_eq!(back.url(), request.url());
        let [before, after] = [&request, &back].map(|request| {
            let mut fields = written(request);
            fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
            // The order within a name is kept.
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            fields
        });
        prop_assert_eq!(before, after);
    }

    #[test]
    fn arbitrary_uris_never_panic(
        uri in r"(https?|wss?)?(://)?[a-z@:\[\]0-9]{0,8}[/?a-z%*.]{0,8}|[ -~]{0,12}",
        version in proptest::sample::select(vec![
            Version::HTTP_09, Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3,
        ]),
        method in "GET|CONNECT|[A-Z!]{1,5}",
        host in "[ -~]{0,8}",
    ) {
        let Ok(uri) = uri.parse::<Uri>() else { return Ok(()) };
        let request = asked(&method, &uri.to_string(), version, &[("host", host.as_str())]);
        if let Ok(request) = taken(&request) {
            drop(request.with_protocol("websocket").check());
        }
        drop(ClientRequest::try_from(&request));
    }
}
