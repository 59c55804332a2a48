//! WebSocket URLs (RFC 6455, §3, and the WHATWG's WebSocket standard).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use bytes::Buf;
use proptest::prelude::*;
use sanswire::handshake::{ClientHandshake, ClientRequest, HandshakeError, UrlPart};

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

/// The part at fault, and what a reader is told.
fn fault(url: &str) -> (UrlPart, String) {
    let error = ClientRequest::from_url(url).unwrap_err();
    let HandshakeError::InvalidUrl(fault) = &error else { unreachable!("{url}: {error}") };
    (fault.part(), error.to_string())
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
    for url in ["ftp://a/", "wsx://a/", "about:blank", "file:///a", "mailto:a@b", "", "a", "/a"] {
        let (part, text) = fault(url);
        assert_eq!(part, UrlPart::Scheme, "{url}");
        assert!(text.contains("begins with ws:// or wss://"), "{text}");
    }
    for url in ["ws://", "ws://a b", "ws://[::1", "ws://1.2.3.4.5/", "ws://a.1/"] {
        assert_eq!(fault(url).0, UrlPart::Host, "{url}");
    }
    for url in ["ws://a:65536", "ws://a:0/", "ws://a:b/"] {
        assert_eq!(fault(url).0, UrlPart::Port, "{url}");
    }
}

#[test]
fn a_fragment_is_refused_even_an_empty_one() {
    for url in ["ws://a/#", "ws://a/#b", "ws://a#", "ws://a?b#"] {
        let (part, text) = fault(url);
        assert_eq!(part, UrlPart::Fragment, "{url}");
        assert!(text.contains("%23"), "{text}");
    }
    assert_eq!(parts("ws://a/%23").2, "/%23");
}

#[test]
fn a_user_name_or_password_is_refused_and_not_printed() {
    for url in ["ws://user@a/", "ws://user:password@a/", "ws://:password@a/"] {
        let (part, text) = fault(url);
        assert_eq!(part, UrlPart::UserInfo, "{url}");
        assert!(text.contains("Authorization") && !text.contains("password@"), "{text}");
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
        ("ws://a/x/../y", "/y"),
        ("ws://a/x/%2e./y/.", "/y/"),
        ("ws://a/%7e%C3%bc?%20", "/%7e%C3%bc?%20"),
        ("ws://a/'?'", "/'?%27"),
    ] {
        assert_eq!(parts(url).2, resource, "{url}");
        assert!(head(url).starts_with(&format!("GET {resource} HTTP/1.1\r\n")));
    }
    assert_eq!(fault("ws://a<b/").0, UrlPart::Host);
}

#[test]
fn hosts_are_names_in_ascii_or_addresses() {
    for (url, host, header) in [
        ("ws://EXAMPLE.com:80", "example.com", "example.com"),
        ("ws://127.0.0.1:81/", "127.0.0.1", "127.0.0.1:81"),
        ("ws://[0:0::1]/", "::1", "[::1]"),
        ("wss://[::1]:443/", "::1", "[::1]"),
        ("wss://[::1]:80/", "::1", "[::1]:80"),
        ("ws://a_b.c/", "a_b.c", "a_b.c"),
    ] {
        assert_eq!(parts(url).0, host, "{url}");
        assert!(head(url).contains(&format!("\r\nHost: {header}\r\n")), "{url}");
    }
}

#[cfg(feature = "url")]
#[test]
fn with_the_feature_url_a_url_is_mended_as_browsers_do() {
    for (url, host, resource) in [
        ("ws://b\u{fc}cher.example", "xn--bcher-kva.example", "/"),
        ("ws://127.1/", "127.0.0.1", "/"),
        (" ws:\\\\a\\b\n", "a", "/b"),
        ("ws://a/b c\u{fc}", "a", "/b%20c%C3%BC"),
        ("ws://a/'\"<>`{}|\\", "a", "/'%22%3C%3E%60%7B%7D|/"),
        ("ws://a/?'\"<> \u{1f600}", "a", "/?%27%22%3C%3E%20%F0%9F%98%80"),
    ] {
        assert_eq!((&*parts(url).0, &*parts(url).2), (host, resource), "{url}");
        assert!(head(url).starts_with(&format!("GET {resource} HTTP/1.1\r\n")));
    }
}

#[cfg(feature = "url")]
#[test]
fn with_the_feature_url_the_host_of_another_scheme_is_looked_at_first() {
    let (part, text) = fault("other://a^b/");
    assert_eq!(part, UrlPart::Host);
    assert!(text.contains("host of \"other://a^b/\": a name has letters"), "{text}");
}

#[cfg(not(feature = "url"))]
#[test]
fn without_the_feature_url_a_url_that_is_not_ascii_names_it() {
    for url in ["ws://b\u{fc}cher.example", "ws://a/\u{fc}", "ws://a/?\u{fc}"] {
        let (_, text) = fault(url);
        assert!(text.contains("feature `url`"), "{text}");
    }
}

#[test]
fn the_authority_has_the_port_and_the_brackets_of_an_address() {
    for (url, authority) in [
        ("ws://example.com/chat", "example.com:80"),
        ("wss://example.com/", "example.com:443"),
        ("wss://Example.com:80", "example.com:80"),
        ("ws://[::1]/", "[::1]:80"),
        ("ws://[::1]:9001/", "[::1]:9001"),
    ] {
        assert_eq!(ClientRequest::from_url(url).unwrap().authority(), authority);
    }
}

#[test]
fn an_error_shows_where_it_is_and_nothing_that_may_be_a_secret() {
    for (url, shown) in [
        (
            "ftp://example.com/a?secret",
            "scheme at byte 0 of \"ftp://example.com/a?…\": a WebSocket",
        ),
        ("ws://user:secret@a/b", "user name or password at byte 5 of \"ws://…@a/b\": a WebSocket"),
        ("ws://a/b#secret", "fragment at byte 8 of \"ws://a/b#…\": a WebSocket"),
    ] {
        let text = ClientRequest::from_url(url).unwrap_err().to_string();
        let place = if cfg!(feature = "url") { text.clone() } else { shown.to_owned() };
        let shown = shown.split(" at byte").next().unwrap();
        assert!(text.contains(&place) && text.contains(shown), "{text}");
        assert!(text.contains(" of \"") && !text.contains("secret"), "{text}");
    }
    let error = ClientRequest::new("user:secret@example.com:80", "/?secret").unwrap_err();
    let shown = "user name or password at byte 5 of \"ws://…@example.com:80/?…\": ";
    assert!(error.to_string().contains(shown), "{error}");
    let error = ClientRequest::new("a\u{1b}b", "").unwrap_err();
    assert!(error.to_string().contains("host at byte 6 of \"ws://a\\u{1b}b\": "), "{error}");
}

proptest! {
    #![proptest_config(crate::support::cases(2_000))]

    /// The feature `url` mends more, and checks international names.
    #[test]
    fn an_authority_is_judged_as_within_a_url(
        authority in "[a-f0-9.:x\\[\\]%!@ \u{fc}_-]{0,9}(:[0-9+]{0,6})?",
    ) {
        let alone = ClientRequest::new(&authority, "/");
        let within = ClientRequest::from_url(&format!("ws://{authority}/"));
        if let Ok(alone) = &alone {
            prop_assert_eq!(alone.url(), within.as_ref().unwrap().url());
        } else if !cfg!(feature = "url") {
            prop_assert_eq!(alone.unwrap_err(), within.unwrap_err());
        }
    }
}

#[test]
fn a_fault_is_told_by_its_place_in_the_url_with_user_information() {
    let fault = |result: Result<ClientRequest, HandshakeError>| {
        let error = result.unwrap_err();
        let HandshakeError::InvalidUrl(fault) = error else { unreachable!("{error}") };
        fault
    };
    let mut places = Vec::new();
    for url in [
        "xs://host/",
        "ws://[::g]/",
        "ws://host:x/",
        "ws://host/#x",
        "ws://host:99999/",
        "ws://ho st/",
    ] {
        let bare = fault(ClientRequest::from_url(url));
        let with = url.replace("//", "//user:secret@");
        let with = fault(ClientRequest::from_url_with_user_info(&with));
        assert_eq!(with.part(), bare.part());
        match (bare.position(), with.position()) {
            (Some(bare), Some(with)) => {
                let before = if bare < 5 { 0 } else { "user:secret@".len() };
                assert_eq!(with - bare, before, "{url}");
                places.push(bare);
            }
            (bare, with) => assert_eq!(with, bare),
        }
    }
    // The crate `url` does not say where.
    assert!(cfg!(feature = "url") || places.iter().any(|place| *place >= 5), "{places:?}");
}
