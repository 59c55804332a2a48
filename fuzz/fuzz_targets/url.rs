//! `ClientRequest::from_url`, without the WHATWG's parser: what it accepts is what can stand in a
//! request, and its URL makes the same request again; what it refuses has its fault within the URL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sanswire::handshake::{ClientRequest, HandshakeError};

fuzz_target!(|url: &str| {
    match ClientRequest::from_url(url) {
        Ok(request) => {
            assert!(url.is_ascii() && request.port() > 0 && !request.host().is_empty());
            assert!(request.resource().starts_with('/'));
            assert!(request.resource().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
            let again = ClientRequest::from_url(&request.url()).unwrap();
            assert_eq!(again.url(), request.url());
            assert_eq!((again.host(), again.port()), (request.host(), request.port()));
        }
        Err(HandshakeError::InvalidUrl(error)) => {
            let position = error.position().unwrap();
            assert!(url.is_char_boundary(position), "{error}");
        }
        Err(error) => panic!("{url:?}: {error}"),
    }
});
