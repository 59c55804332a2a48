//! The blocking adapter over TLS: certificates and handshakes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::tls::{Authority, Identity};

#[test]
fn certificates_of_the_tests_are_taken() {
    let authority = Authority::new();
    let identity = authority.issue("localhost");
    drop((identity.server(), authority.server_for_clients(&identity)));
    drop((authority.client().resolve().unwrap(), authority.client_with(&identity)));
    drop(authority.issue_expired("localhost").server());
    drop(Identity::self_signed("127.0.0.1").client_that_pins_it());
}
