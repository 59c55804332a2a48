//! Which origins may connect (RFC 6455, §4.2.2 and §10.2).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use proptest::prelude::*;
use sanswire::handshake::{
    HandshakeError, Headers, HttpVersion, MissingOrigin, OriginPolicy, Request, Response,
};

const HOST: Option<&str> = Some("example.com");

fn request(origins: &[&[u8]]) -> Request {
    let mut headers = Headers::new();
    headers.append("Host", "example.com").unwrap();
    for origin in origins {
        headers.append("Origin", origin).unwrap();
    }
    Request::new("GET", "/", HttpVersion::Http11, headers).unwrap()
}

fn list(origins: &[&str]) -> OriginPolicy {
    origins.iter().fold(OriginPolicy::new(), |policy, origin| policy.allow(origin).unwrap())
}

#[test]
fn any_allows_everything() {
    let policy = OriginPolicy::any();
    for origin in [Some("http://a"), Some("null"), Some(""), Some("garbage"), None] {
        assert!(policy.allows(origin, HOST));
    }
    assert_eq!(policy.check(&request(&[b"\xff"])), Ok(()));
}

#[test]
fn an_empty_policy_denies_everything() {
    for origin in [Some("http://example.com"), Some("null"), Some(""), None] {
        assert!(!OriginPolicy::new().allows(origin, HOST));
    }
}

#[test]
fn the_default_is_the_same_origin() {
    let policy = OriginPolicy::default();
    assert!(policy.allows(Some("https://example.com"), HOST));
    assert!(!policy.allows(Some("https://example.net"), HOST));
    assert!(!policy.allows(None, HOST));
}

#[test]
fn the_same_origin_has_the_same_host_and_port() {
    let policy = OriginPolicy::same_origin();
    for (origin, host) in [
        ("http://a", "a"),
        ("HTTPS://A", "a"),
        ("http://a", "A:80"),
        ("https://a", "a:443"),
        ("https://a:443", "a"),
        ("http://a:8080", "a:8080"),
        ("http://[::1]:1", "[::1]:1"),
        ("http://127.0.0.1", "127.0.0.1"),
    ] {
        assert!(policy.allows(Some(origin), Some(host)), "{origin} {host}");
    }
    for (origin, host) in [
        ("http://b", "a"),
        ("http://a.b", "b"),
        ("http://a", "a.b"),
        ("http://a", "a:443"),
        ("https://a", "a:80"),
        ("http://a:8080", "a"),
        ("http://a", "a:8080"),
        ("ws://a", "a"),
        ("file://a", "a"),
        ("http://a/", "a"),
        ("http://a/b", "a"),
        ("http://u@a", "a"),
        ("http:a", "a"),
        ("a", "a"),
        ("null", "null"),
        ("", "a"),
        ("http://", ""),
        ("http://a http://a", "a"),
        ("http://a", "a, b"),
        ("http://\u{fc}", "\u{fc}"),
    ] {
        assert!(!policy.allows(Some(origin), Some(host)), "{origin} {host}");
    }
    assert!(!policy.allows(Some("http://a"), None));
}

#[test]
fn the_same_https_origin_denies_what_came_without_tls() {
    let policy = OriginPolicy::same_https_origin();
    assert!(policy.allows(Some("https://example.com"), HOST));
    assert!(!policy.allows(Some("http://example.com"), HOST));
    assert!(!policy.allows(Some("http://example.com:443"), Some("example.com:443")));
}

#[test]
fn a_listed_origin_matches_by_scheme_host_and_port() {
    let policy = list(&["https://a.example", "http://localhost:3000", "app://id"]);
    for origin in
        ["https://a.example", "https://A.EXAMPLE:443", "http://localhost:3000", "app://id"]
    {
        assert!(policy.allows(Some(origin), HOST), "{origin}");
    }
    for origin in [
        "http://a.example",
        "https://a.example:444",
        "https://b.a.example",
        "https://a.example.net",
        "https://xa.example",
        "http://localhost",
        "http://localhost:30001",
        "app://id:1",
        "https://example.com",
        "null",
    ] {
        assert!(!policy.allows(Some(origin), HOST), "{origin}");
    }
}

#[test]
fn a_pattern_stands_for_the_names_below_a_host() {
    let policy = list(&["https://*.example.com"]);
    for origin in ["https://a.example.com", "https://a.b.Example.com", "https://x.example.com:443"]
    {
        assert!(policy.allows(Some(origin), HOST), "{origin}");
    }
    for origin in [
        "https://example.com",
        "https://.example.com",
        "https://evilexample.com",
        "https://a.example.com.evil",
        "https://evil/.example.com",
        "https://evil#.example.com",
        "http://a.example.com",
        "https://a.example.com:8443",
    ] {
        assert!(!policy.allows(Some(origin), HOST), "{origin}");
    }
}

#[test]
fn a_port_can_be_any() {
    let policy = list(&["http://localhost:*", "https://*.a:*", "http://[::1]:*"]);
    for origin in ["http://localhost", "http://localhost:1", "https://b.a:65535", "http://[::1]:5"]
    {
        assert!(policy.allows(Some(origin), HOST), "{origin}");
    }
    for origin in
        ["https://localhost:1", "http://localhost:65536", "http://localhost:*", "http://::1"]
    {
        assert!(!policy.allows(Some(origin), HOST), "{origin}");
    }
}

#[test]
fn null_is_denied_unless_listed() {
    for policy in [OriginPolicy::same_origin(), list(&["https://*.example.com"])] {
        assert!(!policy.allows(Some("null"), HOST));
        assert!(policy.allow("null").unwrap().allows(Some("null"), HOST));
    }
    assert!(!list(&["null"]).allows(Some("http://null"), HOST));
}

#[test]
fn a_missing_origin_is_denied_unless_allowed() {
    let policy = OriginPolicy::same_origin();
    assert!(!policy.allows(None, HOST));
    let policy = policy.missing(MissingOrigin::Allow);
    assert!(policy.allows(None, HOST));
    assert!(!policy.allows(Some(""), HOST), "an empty origin is not a missing one");
    assert!(policy.check(&request(&[b"\xff"])).is_err(), "nor is one that is not UTF-8");
}

#[test]
fn what_is_no_origin_cannot_be_listed() {
    for origin in [
        "",
        "*",
        "example.com",
        "https://",
        "https://*",
        "https://*.",
        "https://a.*.b",
        "*://a",
        "https://a*",
        "https://a/",
        "https://u@a",
        "://a",
        "https://a:b",
        "NULL",
        "https://**.a",
    ] {
        let error = OriginPolicy::new().allow(origin).unwrap_err();
        assert_eq!(error, HandshakeError::InvalidOrigin(origin.to_owned()));
    }
}

#[test]
fn a_forbidden_origin_is_answered_403() {
    let policy = OriginPolicy::same_origin();
    assert_eq!(policy.check(&request(&[b"http://example.com"])), Ok(()));
    for (origins, origin, text) in [
        (&[&b"http://evil"[..]][..], Some("http://evil"), "origin http://evil is not allowed"),
        (&["\u{202e}live".as_bytes()], Some("\u{202e}live"), "origin \\u{202e}live is not allowed"),
        (&[], None, "header Origin is missing"),
    ] {
        let error = policy.check(&request(origins)).unwrap_err();
        assert_eq!(error, HandshakeError::ForbiddenOrigin(origin.map(Into::into)));
        assert!(error.to_string().starts_with(text), "{error}");
        let response = Response::from(&error);
        assert_eq!((response.status(), response.reason()), (403, "Forbidden"));
        assert_eq!(response.content(), &format!("{text}\n"));
    }
    let twice = policy.check(&request(&[b"http://example.com", b"http://evil"])).unwrap_err();
    assert_eq!((&twice, twice.status()), (&HandshakeError::DuplicateHeader("Origin"), 400));
}

proptest! {
    #![proptest_config(crate::support::cases(300))]

    #[test]
    fn arbitrary_text_never_panics(origin in "[ab:/.*@\\[\\]0-9é]{0,20}", host in "[ab:.\\[\\]0-9é]{0,10}") {
        let policies = [OriginPolicy::same_origin(), list(&["a://*.a:*", "b://b"])];
        for policy in policies {
            let _ = policy.allows(Some(&origin), Some(&host));
            let _ = policy.allows(Some(&format!("http://{origin}")), Some(&host));
            let _ = policy.allow(&origin);
        }
    }
}
