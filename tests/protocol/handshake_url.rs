//! WebSocket URLs (RFC 6455, §3, and the WHATWG's WebSocket standard).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use sanswire::handshake::{ClientHandshake, ClientRequest, HandshakeError};

fn parts(url: &str) -> (String, u16, String, bool) {
    let request = ClientRequest::from_url(url).unwrap();
    let (host, resource) = (request.host().to_owned(), request.resource().to_owned());
    (host, request.port(), resource, request.is_secure())
}

fn head(url: &str) -> String {
    let mut handshake = ClientHandshake::new(&ClientRequest::from_url(url).unwrap(), [0; 16]);
    let output = handshake.poll_transmit().unwrap();
    String::from_utf8(output.copy_to_bytes(output.remaining()).to_vec()).unwrap()
}

#[test]
fn schemes_map_to_ports_and_security_without_regard_to_case() {
    assert_eq!(parts("ws://a"), ("a".into(), 80, "/".into(), false));
    assert_eq!(parts("WSS://A"), ("a".into(), 443, "/".into(), true));
    assert_eq!(parts("http://a:81/b"), ("a".into(), 81, "/b".into(), false));
    assert_eq!(parts("HTTPS://a/"), ("a".into(), 443, "/".into(), true));
    assert_eq!(parts("wss://a:80"), ("a".into(), 80, "/".into(), true));
}

#[test]
fn other_schemes_and_what_is_no_url_are_refused() {
    for url in ["ftp://a/", "wsx://a/", "about:blank", "file:///a", "mailto:a@b"] {
        let error = ClientRequest::from_url(url).unwrap_err();
        assert!(matches!(error, HandshakeError::InvalidUrl(fact) if fact.contains("scheme")));
    }
    for url in ["", "a", "/a", "//a", "ws://", "ws:///", "ws://a:65536", "ws://a b", "ws://[::1"] {
        let error = ClientRequest::from_url(url).unwrap_err();
        assert_eq!(error, HandshakeError::InvalidUrl("syntax"), "{url}");
    }
}

#[test]
fn a_fragment_is_refused_even_an_empty_one() {
    for url in ["ws://a/#", "ws://a/#b", "ws://a#", "ws://a?b#"] {
        let error = ClientRequest::from_url(url).unwrap_err();
        assert!(matches!(error, HandshakeError::InvalidUrl(fact) if fact.contains("fragment")));
    }
    assert_eq!(parts("ws://a/%23").2, "/%23");
}

#[test]
fn a_user_name_or_password_is_refused() {
    for url in ["ws://user@a/", "ws://user:password@a/", "ws://:password@a/"] {
        let error = ClientRequest::from_url(url).unwrap_err();
        assert!(matches!(error, HandshakeError::InvalidUrl(fact) if fact.contains("user")));
    }
}

#[test]
fn the_resource_name_is_the_path_and_a_query_that_is_not_empty() {
    for (url, resource) in [
        ("ws://a", "/"),
        ("ws://a?", "/"),
        ("ws://a/?", "/"),
        ("ws://a?b", "/?b"),
        ("ws://a/b/?c=d?e", "/b/?c=d?e"),
        ("ws://a/b c\u{fc}", "/b%20c%C3%BC"),
        ("ws://a/x/../y", "/y"),
        ("ws://a/'\"<>`{}|\\", "/'%22%3C%3E%60%7B%7D|/"),
        ("ws://a/?'\"<> \u{1f600}", "/?%27%22%3C%3E%20%F0%9F%98%80"),
    ] {
        assert_eq!(parts(url).2, resource, "{url}");
        assert!(head(url).starts_with(&format!("GET {resource} HTTP/1.1\r\n")));
    }
}

#[test]
fn hosts_are_names_in_ascii_or_addresses() {
    for (url, host, header) in [
        ("ws://EXAMPLE.com:80", "example.com", "example.com"),
        ("ws://b\u{fc}cher.example:81", "xn--bcher-kva.example", "xn--bcher-kva.example:81"),
        ("ws://127.1/", "127.0.0.1", "127.0.0.1"),
        ("ws://[0:0::1]/", "::1", "[::1]"),
        ("wss://[::1]:443/", "::1", "[::1]"),
        ("wss://[::1]:80/", "::1", "[::1]:80"),
        ("ws://a_b.c/", "a_b.c", "a_b.c"),
    ] {
        assert_eq!(parts(url).0, host, "{url}");
        assert!(head(url).contains(&format!("\r\nHost: {header}\r\n")), "{url}");
    }
}
