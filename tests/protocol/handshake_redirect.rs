//! Where a redirect leads, and what goes along (RFC 9110, §10.2.2 and §15.4; RFC 3986, §5).
#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use core::error::Error;

use bytes::Buf;
use sanswire::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, RedirectError, Response, UrlPart,
};

fn to(location: &str) -> Response {
    Response::new(302).header("Location", location).unwrap()
}

#[track_caller]
fn redirected(from: &str, location: &str) -> Result<String, RedirectError> {
    ClientRequest::from_url(from).unwrap().redirected(&to(location)).map(|next| next.url())
}

/// What is sent for a request.
fn head(request: &ClientRequest) -> String {
    let mut handshake = ClientHandshake::new(request, [7; 16]);
    let output = handshake.poll_transmit().unwrap();
    String::from_utf8(output.copy_to_bytes(output.remaining()).to_vec()).unwrap()
}

#[test]
fn a_location_is_absolute_or_relative() {
    for (from, location, url) in [
        ("ws://a/b/c?d", "ws://e/f", "ws://e/f"),
        ("ws://a/b/c?d", "http://e:81", "ws://e:81/"),
        ("ws://a/b/c?d", "https://e/", "wss://e/"),
        ("ws://a/b/c?d", "HTTPS://E/f", "wss://e/f"),
        ("wss://a/b/c?d", "https://e:443/f?g", "wss://e/f?g"),
        ("wss://a:1/b/c?d", "//e/f", "wss://e/f"),
        ("wss://a:1/b/c?d", "/f?g", "wss://a:1/f?g"),
        ("ws://a/b/c?d", "f", "ws://a/b/f"),
        ("ws://a/b/c?d", "../f", "ws://a/f"),
        ("ws://a/b/c?d", "../../../f", "ws://a/f"),
        ("ws://a/b/c?d", "./", "ws://a/b/"),
        ("ws://a/b/c?d", "?e", "ws://a/b/c?e"),
        ("ws://a?d", "?e", "ws://a/?e"),
        ("ws://a", "f/g:h", "ws://a/f/g:h"),
        ("ws://[::1]:9/b", "/c", "ws://[::1]:9/c"),
        ("ws://a/b/c?d", "", "ws://a/b/c?d"),
        // What is behind a # is for those who show a page.
        ("ws://a/b/c?d", "/f#g", "ws://a/f"),
        ("ws://a/b/c?d", "#g", "ws://a/b/c?d"),
        ("ws://a/b/c?d", "//user:password@e/f@g", "ws://e/f@g"),
        ("ws://a/b/c?d", "http://user@e", "ws://e/"),
    ] {
        assert_eq!(redirected(from, location).as_deref(), Ok(url), "{from} {location}");
    }
}

#[test]
fn a_redirect_has_one_of_five_statuses() {
    let request = ClientRequest::from_url("ws://a/").unwrap();
    for status in [301, 302, 303, 307, 308] {
        let response = Response::new(status).header("Location", "/b").unwrap();
        assert_eq!(request.redirected(&response).unwrap().resource(), "/b");
    }
    for status in [101, 200, 300, 304, 305, 306, 401, 503] {
        let response = Response::new(status).header("Location", "/b").unwrap();
        assert_eq!(request.redirected(&response).unwrap_err(), RedirectError::NotRedirect(status));
    }
}

#[test]
fn tls_is_not_taken_off() {
    for location in ["ws://a/", "http://a:443/", "http://b/"] {
        assert_eq!(redirected("wss://a/", location), Err(RedirectError::Downgrade));
    }
    assert_eq!(redirected("ws://a/", "wss://a/").as_deref(), Ok("wss://a/"));
}

#[test]
fn a_location_that_is_no_url_of_a_websocket_is_an_error() {
    for (location, part) in [
        ("ftp://a/", UrlPart::Scheme),
        ("javascript:alert(1)", UrlPart::Scheme),
        ("data:a", UrlPart::Scheme),
        ("ws://", UrlPart::Host),
        ("//a:0/", UrlPart::Port),
    ] {
        match redirected("ws://a/", location) {
            Err(RedirectError::InvalidLocation(HandshakeError::InvalidUrl(error))) => {
                assert_eq!(error.part(), part, "{location}");
            }
            other => panic!("{location}: {other:?}"),
        }
    }
    let request = ClientRequest::from_url("ws://a/").unwrap();
    let missing = request.redirected(&Response::new(302)).unwrap_err();
    let missing_header = HandshakeError::MissingHeader("Location");
    assert_eq!(missing, RedirectError::InvalidLocation(missing_header));
    let twice = to("/b").header("Location", "/c").unwrap();
    let twice_error = HandshakeError::DuplicateHeader("Location");
    assert_eq!(
        request.redirected(&twice).unwrap_err(),
        RedirectError::InvalidLocation(twice_error)
    );
    let bytes = Response::new(302).header("Location", b"/\xff").unwrap();
    assert!(matches!(request.redirected(&bytes), Err(RedirectError::InvalidLocation(_))));
    assert!(missing.source().is_none());
    let text = missing.to_string();
    assert!(text.starts_with("server redirects, but does not say where to: "), "{text}");
    assert!(text.contains("Location"), "{text}");
}

fn with_secrets(url: &str) -> ClientRequest {
    let request = ClientRequest::from_url_with_user_info(url).unwrap();
    request
        .subprotocol("chat")
        .unwrap()
        .origin("https://page.example")
        .unwrap()
        .header("cookie", "secret=1")
        .unwrap()
        .header("Proxy-Authorization", "secret 2")
        .unwrap()
        .header("proxy-x", "secret 3")
        .unwrap()
        .header("X-Kept", "4")
        .unwrap()
}

#[test]
fn secrets_stay_with_the_server_that_they_are_for() {
    let request = with_secrets("wss://user:password@a/b");
    for location in ["/c", "wss://a:443/c", "https://A/c", "//a/c"] {
        let next = head(&request.redirected(&to(location)).unwrap());
        for kept in ["Basic ", "secret=1", "secret 2", "secret 3", "X-Kept: 4", "chat"] {
            assert!(next.contains(kept), "{location}: {next}");
        }
    }
    for location in ["wss://b/c", "//a:444/c", "wss://a./c", "wss://sub.a/c"] {
        let next = head(&request.redirected(&to(location)).unwrap());
        assert!(!next.contains("secret") && !next.contains("Basic"), "{location}: {next}");
        for kept in ["X-Kept: 4", "Sec-WebSocket-Protocol: chat", "Origin: https://page.example"] {
            assert!(next.contains(kept), "{location}: {next}");
        }
    }
    // Another scheme is another origin.
    let request = with_secrets("ws://user:password@a:443/b");
    let next = head(&request.redirected(&to("wss://a:443/c")).unwrap());
    assert!(!next.contains("secret") && !next.contains("Basic"), "{next}");
    // What was dropped on the way does not come back.
    let away = request.redirected(&to("ws://b/")).unwrap();
    let back = head(&away.redirected(&to("ws://a:443/b")).unwrap());
    assert!(!back.contains("secret") && !back.contains("Basic"), "{back}");
}

#[test]
fn user_information_becomes_basic_authorization() {
    let request = ClientRequest::from_url_with_user_info("ws://us%C3%A9r:p%40:ss@a/b?c").unwrap();
    assert_eq!(request.url(), "ws://a/b?c");
    // us\u{e9}r:p@:ss
    assert!(head(&request).contains("\r\nAuthorization: Basic dXPDqXI6cEA6c3M=\r\n"));
    let request = request.basic_auth("other", "").unwrap();
    assert_eq!(head(&request).matches("Authorization").count(), 1);
    assert!(head(&request).contains("Basic b3RoZXI6\r\n"));
    let plain = ClientRequest::from_url_with_user_info("ws://a/b@c").unwrap();
    assert!(!head(&plain).contains("Authorization"));
    assert!(request.clone().basic_auth("a:b", "c").is_err());
    assert!(request.basic_auth("a", "b\n").is_err());
}

#[test]
fn user_information_is_refused_unless_it_is_wanted_and_never_shown() {
    let url = "wss://secret:secret@a/";
    let error = ClientRequest::from_url(url).unwrap_err();
    let HandshakeError::InvalidUrl(fault) = &error else { panic!("{error}") };
    assert_eq!(fault.part(), UrlPart::UserInfo);
    assert!(error.to_string().contains("from_url_with_user_info"), "{error}");
    let request = ClientRequest::from_url_with_user_info(url).unwrap();
    for url in ["wss://secret:sec%ret@a/", "wss://secret:secret@/", "wss://secret:secret@a:x/"] {
        let error = ClientRequest::from_url_with_user_info(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sec"), "{error:?}");
    }
    let shown = format!("{request:?}");
    // secret:secret
    assert!(!shown.contains("secret") && !shown.contains("c2VjcmV0"), "{shown}");
}

#[cfg(not(feature = "url"))]
#[test]
fn a_fault_behind_user_information_is_told_by_its_place_in_the_whole_url() {
    let error = ClientRequest::from_url_with_user_info("wss://u:p@a/b c").unwrap_err();
    let HandshakeError::InvalidUrl(fault) = error else { panic!("{error}") };
    assert_eq!((fault.part(), fault.position()), (UrlPart::Path, Some(13)));
}
