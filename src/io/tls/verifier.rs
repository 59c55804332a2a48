//! Verifies the certificates of servers; knows no connection.

use alloc::sync::Arc;
use alloc::vec::Vec;

use ::rustls::client::WebPkiServerVerifier;
use ::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use ::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use ::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use ::rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::io::{TlsError, TlsPart};

/// What a client trusts.
#[derive(Clone, Debug, Default)]
pub(super) enum Trust {
    /// What the features of the crate bring.
    #[default]
    BuiltIn,
    /// Certificates that these have signed, or that are among them.
    Roots(Vec<CertificateDer<'static>>),
    /// Every certificate.
    Any,
}

impl Trust {
    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        match self {
            Self::BuiltIn => built_in(provider),
            Self::Roots(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots
                        .add(certificate.clone())
                        .map_err(TlsError::of(TlsPart::RootCertificate))?;
                }
                of_roots(roots, provider)
            }
            Self::Any => Ok(Arc::new(AnyCertificate(Arc::clone(provider)))),
        }
    }
}

fn of_roots(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(verifier.map_err(TlsError::of(TlsPart::RootCertificate))?)
}

#[cfg(feature = "platform-verifier")]
fn built_in(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
    Ok(Arc::new(verifier.map_err(TlsError::of(TlsPart::RootCertificate))?))
}

#[cfg(all(feature = "webpki-roots", not(feature = "platform-verifier")))]
fn built_in(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    of_roots(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(), provider)
}

#[cfg(not(any(feature = "platform-verifier", feature = "webpki-roots")))]
fn built_in(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    of_roots(RootCertStore::empty(), provider)
}

/// Takes whatever certificate a server shows. That the server has its key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
