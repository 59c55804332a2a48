//! What an application puts into a request and a response: names and values of headers, origins,
//! subprotocols, credentials and paths. What is taken arrives at the other end as it was, and nothing
//! else does: no value makes another header, another line or another message.
#![no_main]

use bytes::Buf;
use libfuzzer_sys::fuzz_target;
use sanswire::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Headers, OriginPolicy,
    Response, ServerHandshake,
};
use sanswire_fuzz::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let known =
        input.one_of(&[None, Some("X-Name"), Some("Cookie"), Some("Content-Length"), Some("Host")]);
    let parts = [input.bytes(), input.bytes(), input.bytes(), input.bytes()];
    let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
    let (name, value) = (known.map_or_else(|| text(parts[0]), str::to_owned), parts[1]);
    let other = text(parts[2]);
    lists(&name, value);
    let Ok(mut request) = ClientRequest::new("server.example.com", "/chat") else { unreachable!() };
    if let Ok(with_resource) = ClientRequest::new("server.example.com", &text(parts[3])) {
        request = with_resource;
    }
    let header = request.clone().header(&name, value);
    let has_header = header.is_ok();
    request = header.unwrap_or(request);
    let origin = request.clone().origin(&other);
    request = origin.unwrap_or(request);
    let subprotocol = request.clone().subprotocol(&other);
    request = subprotocol.unwrap_or(request);
    let auth = request.clone().basic_auth(&other, &text(value));
    let is_replaced = auth.is_ok() && name.eq_ignore_ascii_case("Authorization");
    request = auth.unwrap_or(request);
    let resource = request.resource().to_owned();

    let mut client = ClientHandshake::new(&request, [7; 16]);
    let mut server = ServerHandshake::new(&HeadLimits::default());
    let output = client.poll_transmit().expect("a request");
    let sent = output.copy_to_bytes(output.remaining());
    server.input().extend_from_slice(&sent);
    server.input().extend_from_slice(b"rest");
    let received = match server.poll_request() {
        Ok(Some(received)) => received,
        Err(HandshakeError::LimitExceeded(_)) => return,
        other => panic!("{other:?} from {sent:?}"),
    };
    assert_eq!(received.target(), resource);
    if has_header && !is_replaced {
        assert!(received.headers().all(&name).any(|one| one == value.trim_ascii()), "{sent:?}");
    }
    if is_replaced {
        assert_eq!(received.headers().all(&name).count(), 1, "{sent:?}");
    }
    let lines = sent.windows(2).filter(|two| two == b"\r\n").count();
    assert_eq!(lines, received.headers().iter().len() + 2, "{sent:?}");
    let _ = OriginPolicy::same_origin().check(&received);
    if let Ok(policy) = OriginPolicy::new().allow(&other) {
        // One with `*` means others.
        assert!(other.contains('*') || policy.allows(Some(&other), None));
    }
    // Nothing that may be written is a fault of the protocol, but for what was put there by hand.
    let acceptance = Acceptance::new().subprotocol(received.subprotocols().next());
    let with_header = acceptance.clone().header(&name, value);
    let acceptance = with_header.unwrap_or(acceptance);
    if server.accept(&received, &acceptance).is_ok() {
        let output = server.poll_transmit().expect("a response");
        let sent = output.copy_to_bytes(output.remaining());
        client.input().extend_from_slice(&sent);
        let response = client.poll_response();
        let lines = sent.windows(2).filter(|two| two == b"\r\n").count();
        if let Ok(response) = response {
            let response = response.expect("a whole response");
            assert_eq!(lines, response.headers().iter().len() + 2, "{sent:?}");
        } else {
            assert!(has_header, "{response:?} from {sent:?}");
        }
    }
    refuse(&name, &text(value));
});

/// What `Headers` takes is there, and each way to ask agrees.
fn lists(name: &str, value: &[u8]) {
    let mut headers = Headers::new();
    if headers.append(name, value).is_err() {
        assert_eq!(headers.iter().len(), 0);
        return;
    }
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.is_empty());
    assert!(!value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'));
    assert_eq!(headers.get(name), Some(value.trim_ascii()));
    for element in headers.list(name) {
        assert!(!element.contains(&b',') && element == element.trim_ascii() && !element.is_empty());
        if let Ok(element) = str::from_utf8(element) {
            assert!(headers.contains_token(name, &element.to_ascii_uppercase()));
        }
    }
    headers.insert(name, "other").expect("a name that was taken");
    assert_eq!(headers.all(name).collect::<Vec<_>>(), [b"other"]);
}

/// A refusal with this header is one answer.
fn refuse(name: &str, value: &str) {
    let Ok(response) = Response::new(403).text("no").header(name, value) else { return };
    let mut server = ServerHandshake::new(&HeadLimits::default());
    server.reject(&response).expect("a status of a refusal");
    let output = server.poll_transmit().expect("an answer");
    let sent = output.copy_to_bytes(output.remaining());
    assert_eq!(sanswire_fuzz::http::check_response(&sent), 403);
}
