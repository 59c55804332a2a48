//! Which crypto provider is used, by the features that this is compiled with.

use sanswire::io::tls::ClientTls;
use sanswire::io::{TlsError, TlsPart};

#[test]
fn roots_must_be_certificates() {
    let error = ClientTls::new().root_certificates(b"nothing").unwrap_err();
    assert!(matches!(error, TlsError::NoRoots), "{error:?}");
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = ClientTls::new().root_certificates(broken).unwrap_err();
    assert!(matches!(error, TlsError::Config { part: TlsPart::RootCertificate, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("TLS root certificate is not valid: "), "{text}");
    assert!(text.ends_with(": a PEM file is wanted"), "{text}");
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[tokio::test]
async fn without_any_the_error_says_what_is_missing_before_anything_is_dialled() {
    use sanswire::Error;
    use sanswire::io::tls::ServerTls;
    use sanswire::io::tokio::WebSocket;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/?token=secret", listener.local_addr().unwrap());
    let error = WebSocket::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Tls { error: TlsError::NoProvider, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("`ring` or `aws-lc-rs`") && text.contains("provider"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let waited = std::time::Duration::from_millis(50);
    tokio::time::timeout(waited, listener.accept()).await.unwrap_err();
    let served = ServerTls::from_pem(b"", b"").unwrap_err();
    assert!(matches!(served, TlsError::NoProvider), "{served:?}");
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod with_some {
    use std::process::Command;

    use sanswire::io::tls::ServerTls;
    use sanswire::io::tls::rustls::crypto::{self, CryptoProvider};

    use super::*;
    use crate::certificates::Identity;

    /// The roots do not matter here.
    fn client() -> ClientTls {
        ClientTls::new().dangerous_trust_any_certificate()
    }

    #[test]
    fn ring_is_used_also_where_there_are_both() {
        #[cfg(feature = "ring")]
        let expected = crypto::ring::default_provider();
        #[cfg(not(feature = "ring"))]
        let expected = crypto::aws_lc_rs::default_provider();
        assert_is(&client(), &expected);
    }

    /// A provider that can be told from others.
    fn own() -> CryptoProvider {
        let config = client().resolve().unwrap();
        let mut own = CryptoProvider::clone(config.crypto_provider());
        own.cipher_suites.truncate(1);
        own
    }

    #[test]
    fn one_that_is_given_comes_first() {
        assert_is(&client().provider(own()), &own());
        assert!(CryptoProvider::get_default().is_none(), "it installs none");
    }

    #[test]
    fn the_default_of_the_process_comes_before_that_of_a_feature() {
        const CHILD: &str = "SANSWIRE_TEST_INSTALLS_A_DEFAULT";
        if std::env::var_os(CHILD).is_some() {
            own().install_default().unwrap();
            assert_is(&client(), &own());
            return;
        }
        // A default is there for good: in a process of its own, it disturbs no other test.
        let test = concat!(
            "provider::with_some::",
            "the_default_of_the_process_comes_before_that_of_a_feature"
        );
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }

    fn assert_is(tls: &ClientTls, expected: &CryptoProvider) {
        let config = tls.resolve().unwrap();
        let used = config.crypto_provider();
        let suites = |provider: &CryptoProvider| format!("{:?}", provider.cipher_suites);
        assert_eq!(suites(used), suites(expected));
        let keys = |provider: &CryptoProvider| format!("{:?}", provider.key_provider);
        assert_eq!(keys(used), keys(expected));
    }

    #[test]
    fn a_certificate_and_a_key_that_do_not_belong_together_are_refused() {
        let (one, other) = (Identity::self_signed("a"), Identity::self_signed("a"));
        let error = ServerTls::from_pem(one.certificate.as_bytes(), other.key.as_bytes());
        let error = error.unwrap_err();
        assert!(matches!(error, TlsError::Config { part: TlsPart::Certificate, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("TLS certificate is not valid: "), "{text}");
        assert!(text.ends_with(": a PEM file is wanted, and its key"), "{text}");
    }

    /// The error has the reason that rustls gives.
    #[test]
    fn a_provider_that_can_do_nothing_is_an_error() {
        let mut provider = own();
        provider.cipher_suites.clear();
        let error = client().provider(provider).resolve().unwrap_err();
        assert!(matches!(error, TlsError::Config { part: TlsPart::Options, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("TLS configuration is not valid: "), "{text}");
    }

    #[cfg(not(any(feature = "platform-verifier", feature = "webpki-roots")))]
    #[test]
    fn without_roots_the_error_says_what_is_missing() {
        let error = ClientTls::new().resolve().unwrap_err();
        assert!(matches!(error, TlsError::NoRoots), "{error:?}");
        assert!(error.to_string().contains("`platform-verifier` or `webpki-roots`"), "{error}");
    }
}
